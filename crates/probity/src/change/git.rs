//! A repository, as the `git` command tells it.
//!
//! Whoever has a revision to compare with has git, and git alone knows all that a repository may be: worktrees, alternates, other
//! hashes, partial clones, who may read it. It is called without a shell, and what it says is read in the forms that are made
//! for programs.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, anyhow, bail};

/// Most entries of a tree that are looked at.
const MAX_ENTRIES: usize = 1_000_000;
/// Submodules within submodules that are followed.
const MAX_DEPTH: usize = 8;

/// A repository with a work tree.
pub(super) struct Repository {
    /// The top of its work tree.
    root: PathBuf,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blob {
    /// From the top of the work tree.
    pub(super) path: PathBuf,
    /// The name of its content.
    pub(super) id: String,
    /// In bytes.
    pub(super) size: u64,
}

/// The files of a commit that stand in one repository: the one that was asked, or a submodule.
pub(super) struct Part {
    repository: Repository,
    pub(super) blobs: Vec<Blob>,
}

impl Repository {
    /// The repository that a folder lies in.
    pub(super) fn of(folder: &Path) -> Result<Self> {
        let output = run(folder, &["rev-parse", "--show-toplevel"])?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let root = text(output)?;
            let root = root.trim_end_matches(['\n', '\r']);
            let root = Path::new(root).canonicalize().with_context(|| format!("{root} cannot be read"))?;
            return Ok(Self { root });
        }
        if said.contains("not a git repository") {
            bail!(
                "{} is in no git repository, so there is no revision to compare with; `--write-baseline FILE`, then \
                 `--baseline FILE`, compares without one",
                folder.display()
            );
        }
        bail!("{} cannot be compared with a revision: {}", folder.display(), first_line(&said))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The commit that a change left a revision at: their merge base, or the revision itself where there is none.
    pub(super) fn start_of_change(&self, revision: &str) -> Result<String> {
        let named = format!("{revision}^{{commit}}");
        let commit = self.line(&["rev-parse", "--verify", "--quiet", "--end-of-options", &named])?;
        let commit = commit.filter(|_| !revision.is_empty()).ok_or_else(|| self.unknown(revision))?;
        Ok(self.line(&["merge-base", "HEAD", &commit])?.unwrap_or(commit))
    }

    fn unknown(&self, revision: &str) -> anyhow::Error {
        let is_shallow =
            self.line(&["rev-parse", "--is-shallow-repository"]).ok().flatten().is_some_and(|said| said == "true");
        let next = match (is_shallow, revision.split_once('/')) {
            (true, Some(("origin", branch))) => {
                format!(
                    "; the clone is shallow: `git fetch --depth=1 origin {branch}:refs/remotes/origin/{branch}`, or clone with the whole history"
                )
            }
            (true, _) => "; the clone is shallow: `git fetch --unshallow`, or clone with the whole history \
                          (fetch-depth: 0 of actions/checkout, GIT_DEPTH: 0 of GitLab)"
                .to_owned(),
            (false, Some(("origin", branch))) => format!("; `git fetch origin {branch}` may bring it"),
            (false, _) => "; `git branch --all` and `git tag` list what there is".to_owned(),
        };
        anyhow!("`{revision}` is no commit that this repository has{next}")
    }

    /// The files of a commit, those of its submodules as far as they are checked out.
    pub(super) fn files(&self, commit: &str) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        self.add_files(commit, Path::new(""), &mut parts, 0)?;
        Ok(parts)
    }

    fn add_files(&self, commit: &str, below: &Path, parts: &mut Vec<Part>, depth: usize) -> Result<()> {
        let listed = self.bytes(&["ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", commit])?;
        let (mut blobs, mut submodules) = (Vec::new(), Vec::new());
        for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()).take(MAX_ENTRIES) {
            let Some(entry) = std::str::from_utf8(line).ok().and_then(entry) else { continue };
            match entry {
                Entry::File(blob) => blobs.push(Blob { path: below.join(blob.path), ..blob }),
                Entry::Submodule(path, commit) => submodules.push((path, commit)),
            }
        }
        parts.push(Part { repository: Self { root: self.root.clone() }, blobs });
        for (path, commit) in submodules.into_iter().filter(|_| depth < MAX_DEPTH) {
            let inner = Self { root: self.root.join(&path) };
            // One that is not checked out is not scanned, either.
            if inner.root.join(".git").exists() {
                inner.add_files(&commit, &below.join(&path), parts, depth + 1).with_context(|| {
                    format!("the submodule {} has no commit {commit}; fetch it", below.join(&path).display())
                })?;
            }
        }
        Ok(())
    }

    /// Files that were renamed since a commit: what they are called now, by what they were called.
    pub(super) fn renames(&self, commit: &str) -> Result<HashMap<String, String>> {
        let options = ["--no-ext-diff", "--no-textconv", "--name-status", "-z", "-M", "--diff-filter=R"];
        let arguments: Vec<&str> = ["diff"].into_iter().chain(options).chain(["--end-of-options", commit]).collect();
        let said = self.bytes(&arguments)?;
        let mut words = said.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut renames = HashMap::new();
        while let (Some(_), Some(old), Some(new)) = (words.next(), words.next(), words.next()) {
            renames.insert(old, new);
        }
        Ok(renames)
    }

    /// Those of these paths that `.gitignore` and its kin leave out.
    pub(super) fn ignored(&self, paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let mut child = command(&self.root, &["check-ignore", "-z", "--stdin"]).stdin(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().context("git takes no input")?;
        let names: String = paths.iter().map(|path| format!("{}\0", path.display())).collect();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || drop(input.write_all(names.as_bytes())));
            child.wait_with_output()
        })?;
        let said = String::from_utf8_lossy(&output.stdout);
        Ok(said.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect())
    }

    /// The first line that git answers; `None` when it says no.
    fn line(&self, arguments: &[&str]) -> Result<Option<String>> {
        let output = run(&self.root, arguments)?;
        let is_good = output.status.success();
        let line = text(output)?.lines().next().map(str::to_owned);
        Ok(line.filter(|line| is_good && !line.is_empty()))
    }

    fn bytes(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = run(&self.root, arguments)?;
        if !output.status.success() {
            bail!("`git {}` failed: {}", arguments[0], first_line(&String::from_utf8_lossy(&output.stderr)));
        }
        Ok(output.stdout)
    }
}

impl Part {
    /// Gives the content of each file to `take`, one after the other.
    pub(super) fn read(&self, take: &mut dyn FnMut(&Blob, &[u8]) -> Result<()>) -> Result<()> {
        let mut child =
            command(&self.repository.root, &["cat-file", "--batch"]).stdin(Stdio::piped()).spawn().map_err(absent)?;
        let mut input = child.stdin.take().context("git takes no input")?;
        let mut output = BufReader::new(child.stdout.take().context("git gives no output")?);
        let read = std::thread::scope(|scope| {
            scope.spawn(move || {
                // When git ends early, what it said last tells why.
                let _ = self.blobs.iter().try_for_each(|blob| writeln!(input, "{}", blob.id));
            });
            let mut content = Vec::new();
            let read = self.blobs.iter().try_for_each(|blob| {
                next_content(&mut output, blob, &mut content)?;
                take(blob, &content)
            });
            // Git would wait for somebody to read the rest.
            drop(output);
            read
        });
        child.wait()?;
        read
    }
}

fn next_content(output: &mut dyn std::io::BufRead, blob: &Blob, content: &mut Vec<u8>) -> Result<()> {
    let mut header = String::new();
    output.take(1_000).read_line(&mut header)?;
    let size = match header.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "blob", size] => size.parse::<u64>()?,
        _ => bail!(
            "the content of {} at that revision is not here; in a partial clone `git checkout` of the revision, or \
             `git fetch --refetch --no-filter`, brings it",
            blob.path.display()
        ),
    };
    content.clear();
    output.take(size + 1).read_to_end(content)?;
    if content.pop() != Some(b'\n') || content.len() as u64 != size {
        bail!("git ended while {} was read", blob.path.display());
    }
    Ok(())
}

enum Entry {
    File(Blob),
    Submodule(PathBuf, String),
}

/// A line of `git ls-tree -l`; `None` for links, and for paths that lead elsewhere.
fn entry(line: &str) -> Option<Entry> {
    let (head, path) = line.split_once('\t')?;
    let path = PathBuf::from(path);
    let is_plain =
        path.components().all(|part| matches!(part, Component::Normal(name) if !name.eq_ignore_ascii_case(".git")));
    let mut words = head.split_whitespace();
    let (mode, kind, id, size) = (words.next()?, words.next()?, words.next()?, words.next()?);
    match (mode, kind) {
        _ if !is_plain => None,
        ("100644" | "100755" | "100664", "blob") => {
            Some(Entry::File(Blob { path, id: id.to_owned(), size: size.parse().ok()? }))
        }
        (_, "commit") => Some(Entry::Submodule(path, id.to_owned())),
        _ => None,
    }
}

/// Git in a folder. Neither hooks nor helpers that the repository configures are run, and nothing is fetched.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .args(["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"])
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Result<Output> {
    command(folder, arguments).output().map_err(absent)
}

fn absent(error: std::io::Error) -> anyhow::Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return anyhow!("--diff asks the `git` command, which is not installed; install it, or use --baseline");
    }
    anyhow::Error::from(error).context("git cannot be run")
}

fn text(output: Output) -> Result<String> {
    String::from_utf8(output.stdout).context("git answers what is not UTF-8 text")
}

fn first_line(said: &str) -> &str {
    said.lines().next().unwrap_or("it does not say why").trim_start_matches("fatal: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_trees() {
        let id = "0123456789abcdef0123456789abcdef01234567";
        let file = |line: &str| match entry(line) {
            Some(Entry::File(blob)) => Some((blob.path.display().to_string(), blob.size)),
            _ => None,
        };
        assert_eq!(file(&format!("100644 blob {id}      12\ta/b c.tf")), Some(("a/b c.tf".to_owned(), 12)));
        for line in [
            format!("120000 blob {id}       4\tlink"),
            format!("100644 blob {id}       4\t../outside"),
            format!("100644 blob {id}       4\ta/../../outside"),
            format!("100644 blob {id}       4\t/etc/passwd"),
            format!("100644 blob {id}       4\ta/.GIT/config"),
            format!("100644 blob {id}       x\ta"),
            "100644 blob".to_owned(),
            String::new(),
        ] {
            assert_eq!(file(&line), None, "{line}");
        }
        assert!(matches!(entry(&format!("160000 commit {id}       -\tsub")), Some(Entry::Submodule(..))));
    }
}
