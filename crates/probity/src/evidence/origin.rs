//! Where scanned files come from, and who is asking: as the CI system or git says.

use std::path::Path;
use std::process::{Command, Stdio};

use probity_evidence_ledger::Origin;

/// A CI system by the variables that it sets.
struct Ci {
    name: &'static str,
    /// Set where the system runs.
    mark: &'static str,
    repository: &'static [&'static str],
    commit: &'static str,
    reference: &'static [&'static str],
    actor: &'static [&'static str],
    /// The workspace of Terraform, when the system runs it.
    workspace: &'static [&'static str],
    /// What tells one run from another, joined.
    run: &'static [&'static str],
    /// A link to the run; GitHub's is put together.
    link: &'static str,
}

/// By each system's documentation of the variables that it sets.
const SYSTEMS: &[Ci] = &[
    // Those that run Terraform come first: they run in containers that may set what others are known by.
    Ci {
        name: "atlantis",
        mark: "ATLANTIS_TERRAFORM_VERSION",
        repository: &["BASE_REPO_OWNER", "BASE_REPO_NAME"],
        commit: "HEAD_COMMIT",
        reference: &["HEAD_BRANCH_NAME"],
        actor: &["USER_NAME", "PULL_AUTHOR"],
        workspace: &["WORKSPACE"],
        run: &[
            "BASE_REPO_OWNER",
            "BASE_REPO_NAME",
            "PULL_NUM",
            "HEAD_COMMIT",
            "PROJECT_NAME",
            "REPO_REL_DIR",
            "WORKSPACE",
        ],
        link: "PULL_URL",
    },
    Ci {
        name: "hcp-terraform",
        mark: "TFC_RUN_ID",
        repository: &[],
        commit: "TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA",
        reference: &["TFC_CONFIGURATION_VERSION_GIT_BRANCH", "TFC_CONFIGURATION_VERSION_GIT_TAG"],
        actor: &[],
        workspace: &["TFC_WORKSPACE_SLUG"],
        run: &["TFC_WORKSPACE_SLUG", "TFC_RUN_ID"],
        link: "",
    },
    Ci {
        name: "github",
        mark: "GITHUB_ACTIONS",
        repository: &["GITHUB_SERVER_URL", "GITHUB_REPOSITORY"],
        commit: "GITHUB_SHA",
        reference: &["GITHUB_REF"],
        actor: &["GITHUB_ACTOR"],
        workspace: &[],
        run: &["GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"],
        link: "",
    },
    Ci {
        name: "gitlab",
        mark: "GITLAB_CI",
        repository: &["CI_PROJECT_URL"],
        commit: "CI_COMMIT_SHA",
        reference: &["CI_COMMIT_REF_NAME"],
        actor: &["GITLAB_USER_LOGIN"],
        workspace: &[],
        run: &["CI_PROJECT_PATH", "CI_PIPELINE_ID", "CI_JOB_ID"],
        link: "CI_JOB_URL",
    },
    Ci {
        name: "azure",
        mark: "TF_BUILD",
        repository: &["BUILD_REPOSITORY_URI"],
        commit: "BUILD_SOURCEVERSION",
        reference: &["BUILD_SOURCEBRANCH"],
        actor: &["BUILD_REQUESTEDFOREMAIL", "BUILD_REQUESTEDFOR"],
        workspace: &[],
        run: &["SYSTEM_TEAMPROJECT", "BUILD_BUILDID", "SYSTEM_JOBID"],
        link: "",
    },
    Ci {
        name: "circleci",
        mark: "CIRCLECI",
        repository: &["CIRCLE_REPOSITORY_URL"],
        commit: "CIRCLE_SHA1",
        reference: &["CIRCLE_BRANCH", "CIRCLE_TAG"],
        actor: &["CIRCLE_USERNAME"],
        workspace: &[],
        run: &["CIRCLE_PROJECT_USERNAME", "CIRCLE_PROJECT_REPONAME", "CIRCLE_BUILD_NUM"],
        link: "CIRCLE_BUILD_URL",
    },
    Ci {
        name: "jenkins",
        mark: "JENKINS_URL",
        repository: &["GIT_URL"],
        commit: "GIT_COMMIT",
        reference: &["GIT_BRANCH"],
        actor: &["BUILD_USER_ID", "CHANGE_AUTHOR"],
        workspace: &[],
        run: &["JOB_NAME", "BUILD_NUMBER", "EXECUTOR_NUMBER"],
        link: "BUILD_URL",
    },
];

/// What is known of a run.
pub(crate) struct Run {
    pub(crate) origin: Origin,
    /// The gate's name, when the CI system gives each run one of its own.
    pub(crate) gate: Option<String>,
}

/// Looks at the environment and, where that says nothing, at the repository of the files.
pub(crate) fn of(folder: &Path) -> Run {
    describe(&|name| std::env::var(name).ok(), &|arguments| git(folder, arguments))
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

fn describe(variable: Lookup<'_>, git: &dyn Fn(&[&str]) -> Option<String>) -> Run {
    let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let host = set("HOSTNAME").or_else(|| first_line("/proc/sys/kernel/hostname"));
    if let Some(ci) = SYSTEMS.iter().find(|ci| set(ci.mark).is_some()) {
        let all = |names: &[&str]| names.iter().map(|name| set(name)).collect::<Option<Vec<_>>>();
        let first = |names: &[&str]| names.iter().find_map(|name| set(name));
        let repository = all(ci.repository).filter(|parts| !parts.is_empty()).map(|parts| parts.join("/"));
        let link = match ci.name {
            "github" => repository
                .as_ref()
                .zip(set("GITHUB_RUN_ID"))
                .map(|(repository, run)| format!("{repository}/actions/runs/{run}")),
            _ => set(ci.link),
        };
        let origin = Origin {
            repository: repository.map(|url| without_credentials(&url)),
            commit: set(ci.commit),
            reference: first(ci.reference),
            actor: first(ci.actor),
            workspace: all(ci.workspace).filter(|parts| !parts.is_empty()).map(|parts| parts.join("/")),
            stage: None,
            run: link.map(|link| with_scheme_without_credentials(&link)),
            host,
        };
        let run = ci.run.iter().filter_map(|name| set(name)).collect::<Vec<_>>().join("/");
        let gate = (!run.is_empty()).then(|| format!("{}/{run}", ci.name));
        return Run { origin, gate };
    }
    let origin = Origin {
        repository: git(&["config", "--get", "remote.origin.url"]).map(|url| without_credentials(&url)),
        commit: git(&["rev-parse", "HEAD"]),
        reference: git(&["symbolic-ref", "--short", "HEAD"]),
        actor: set("USER").or_else(|| set("LOGNAME")),
        workspace: None,
        stage: None,
        run: None,
        host,
    };
    Run { origin, gate: None }
}

/// The first line that git answers; none when it is not installed, or the folder is in no repository.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let folder = if folder.is_dir() { folder } else { folder.parent().filter(|parent| *parent != Path::new(""))? };
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}

fn first_line(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()?.lines().next().map(str::to_owned).filter(|line| !line.is_empty())
}

/// `https://user:token@host/a/b.git` and `git@host:a/b.git` are `host/a/b`.
pub(crate) fn without_credentials(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host_end = rest.find('/').unwrap_or(rest.len());
    let rest = match rest[..host_end].rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    let path = if url.contains("://") { rest.to_owned() } else { rest.replacen(':', "/", 1) };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').trim_end_matches(".git").to_owned()
}

/// The same, with the scheme.
pub(crate) fn with_scheme_without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://{}", without_credentials(url)),
        None => without_credentials(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_lose_their_credentials() {
        for url in [
            "https://github.com/acme/portal",
            "https://github.com/acme/portal.git",
            "https://ci:s3cr3t@github.com/acme/portal.git",
            "https://x-access-token:a@b@github.com/acme/portal.git?token=s3cr3t",
            "git@github.com:acme/portal.git",
            "ssh://git@github.com/acme/portal.git/",
        ] {
            assert_eq!(without_credentials(url), "github.com/acme/portal", "{url}");
        }
    }

    #[test]
    fn a_run_in_ci_names_itself() {
        let variables = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/portal"),
            ("GITHUB_SHA", "abc"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_ACTOR", "ann"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_JOB", "scan"),
        ];
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let run = describe(&lookup, &|_| panic!("CI says it all"));
        assert_eq!(run.gate.as_deref(), Some("github/acme/portal/7/2/scan"));
        assert_eq!(run.origin.repository.as_deref(), Some("github.com/acme/portal"));
        assert_eq!(run.origin.run.as_deref(), Some("https://github.com/acme/portal/actions/runs/7"));
        assert_eq!(run.origin.actor.as_deref(), Some("ann"));
    }

    #[test]
    fn elsewhere_git_is_asked() {
        let run = describe(&|_| None, &|arguments| Some(arguments.join(" ")));
        assert_eq!(run.gate, None);
        assert_eq!(run.origin.commit.as_deref(), Some("rev-parse HEAD"));
    }
}
