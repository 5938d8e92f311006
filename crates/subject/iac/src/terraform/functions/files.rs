//! Files beside the configuration. Only what lies within the folders that are scanned is read: a configuration says which file, and
//! may come from anybody.

use std::fs;
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use globset::GlobBuilder;
use probity_model::Value;

use super::{hashes, within_elements};
use crate::terraform::budget::MAX_STRING;
use crate::terraform::eval::{EvalError, Evaluated, Evaluator, error, to_text};

/// Deepest folder that `fileset` looks into.
const MAX_DEPTH: usize = 32;

/// Deepest nesting of templates that render templates.
const MAX_TEMPLATES: usize = 16;

/// The function of this name.
pub(super) fn call(name: &str, arguments: &[Value], evaluator: &mut Evaluator<'_, '_>) -> Option<Evaluated> {
    Some(match (name, arguments) {
        ("file", [path]) => Place::of(path, evaluator).and_then(Place::text),
        ("filebase64", [path]) => {
            Place::of(path, evaluator).and_then(|place| place.bytes(|bytes| STANDARD.encode(bytes).into()))
        }
        ("fileexists", [path]) => Place::of(path, evaluator).map(Place::exists),
        ("fileset", [folder, pattern]) => Place::of(folder, evaluator).and_then(|place| place.set(pattern)),
        ("templatefile", [path, variables]) => template(path, variables, evaluator),
        // A home folder is not known.
        ("pathexpand", [path]) => to_text(path).map(|path| match path.strip_prefix('~') {
            Some(_) => Value::Unknown("pathexpand()".into()),
            None => path.into(),
        }),
        ("dirname", [path]) => to_text(path).map(|path| parent(&path).into()),
        ("basename", [path]) => to_text(path).map(|path| base(&path).into()),
        ("filemd5" | "filesha1" | "filesha256" | "filesha512" | "filebase64sha256" | "filebase64sha512", [path]) => {
            let digest = hashes::of(name.strip_prefix("file")?)?;
            Place::of(path, evaluator).and_then(|place| place.bytes(|bytes| digest(bytes).into()))
        }
        _ => return None,
    })
}

/// A path that a function names.
enum Place {
    /// It lies within what is scanned.
    Within(PathBuf),
    /// It does not, or nothing may be read: what is there is not known.
    Unknown(String),
}

impl Place {
    fn of(path: &Value, evaluator: &Evaluator<'_, '_>) -> Result<Self, EvalError> {
        let text = to_text(path)?;
        let instance = evaluator.instance;
        let root = instance.root_folder();
        // `path.module` is the folder as it was named; other relative paths are those of the root module.
        let named = Path::new(&text);
        let path = if named.starts_with(&instance.module.folder) || named.starts_with(root) {
            named.to_owned()
        } else {
            root.join(named)
        };
        let lies_within = |path: &Path| {
            let real = nearest(path).and_then(|real| real.canonicalize().ok());
            real.is_some_and(|real| instance.readable().iter().any(|folder| real.starts_with(folder)))
        };
        Ok(if lies_within(&path) { Self::Within(path) } else { Self::Unknown(format!("file {text}")) })
    }

    fn bytes(self, made: impl Fn(&[u8]) -> Value) -> Evaluated {
        match self {
            Self::Unknown(what) => Ok(Value::Unknown(what.as_str().into())),
            Self::Within(path) => {
                let size = fs::metadata(&path).map_err(|cause| problem(&path, &cause))?.len();
                if size > MAX_STRING as u64 {
                    return error(format!("{} is larger than {MAX_STRING} bytes", path.display()));
                }
                fs::read(&path).map(|bytes| made(&bytes)).map_err(|cause| problem(&path, &cause))
            }
        }
    }

    fn text(self) -> Evaluated {
        let made = self.bytes(|bytes| std::str::from_utf8(bytes).map_or(Value::Null, Value::from))?;
        if made.is_null() { error("the file is not UTF-8") } else { Ok(made) }
    }

    fn exists(self) -> Value {
        match self {
            Self::Unknown(what) => Value::Unknown(what.as_str().into()),
            Self::Within(path) => path.is_file().into(),
        }
    }

    fn set(self, pattern: &Value) -> Evaluated {
        let folder = match self {
            Self::Unknown(what) => return Ok(Value::Unknown(what.as_str().into())),
            Self::Within(folder) => folder,
        };
        let pattern = to_text(pattern)?;
        let glob = GlobBuilder::new(&pattern).literal_separator(true).build();
        let glob = glob.map_err(|cause| EvalError(format!("fileset: {cause}")))?.compile_matcher();
        let mut files = Vec::new();
        collect(&folder, Path::new(""), 0, &mut |path| {
            if glob.is_match(path) {
                files.push(Value::from(path.display().to_string()));
            }
            within_elements(files.len())
        })?;
        Ok(Value::Set(files.into_iter().collect()))
    }
}

fn problem(path: &Path, cause: &std::io::Error) -> EvalError {
    EvalError(format!("{} cannot be read: {cause}", path.display()))
}

/// The path, or the nearest folder above that is there, as long as the rest leads only downward.
fn nearest(path: &Path) -> Option<&Path> {
    path.ancestors().find(|ancestor| ancestor.exists()).filter(|found| {
        let rest = path.strip_prefix(found).unwrap_or(path);
        rest.components().all(|part| matches!(part, Component::Normal(_)))
    })
}

fn collect(
    root: &Path,
    below: &Path,
    depth: usize,
    found: &mut dyn FnMut(&Path) -> Result<(), EvalError>,
) -> Result<(), EvalError> {
    let Ok(entries) = fs::read_dir(root.join(below)) else { return Ok(()) };
    for entry in entries.flatten() {
        let path = below.join(entry.file_name());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => collect(root, &path, depth + 1, found)?,
            Ok(kind) if kind.is_file() => found(&path)?,
            // Links may lead out of the folder.
            _ => {}
        }
    }
    Ok(())
}

fn template(path: &Value, variables: &Value, evaluator: &mut Evaluator<'_, '_>) -> Evaluated {
    let text = match Place::of(path, evaluator)?.text()? {
        Value::String(text) => text,
        unknown => return Ok(unknown),
    };
    if evaluator.templates >= MAX_TEMPLATES {
        return error("templates render each other too deeply");
    }
    evaluator.templates += 1;
    let rendered = evaluator.render(&text, variables);
    evaluator.templates -= 1;
    rendered
}

/// The folder of a path, as Go's `filepath.Dir` has it.
fn parent(path: &str) -> String {
    let folder = path.rfind('/').map_or("", |at| &path[..=at]);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if folder.starts_with('/') => {}
            part => parts.push(part),
        }
    }
    let root = if folder.starts_with('/') { "/" } else { "" };
    let made = format!("{root}{}", parts.join("/"));
    if made.is_empty() { ".".to_owned() } else { made }
}

/// The last part of a path, as Go's `filepath.Base` has it.
fn base(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        _ if path.is_empty() => ".".to_owned(),
        Some("") | None => "/".to_owned(),
        Some(last) => last.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_paths_as_in_go() {
        for (path, folder, last) in [
            ("a/b/c.txt", "a/b", "c.txt"),
            ("c.txt", ".", "c.txt"),
            ("/c", "/", "c"),
            ("/", "/", "/"),
            ("", ".", "."),
            ("a/b/", "a/b", "b"),
        ] {
            assert_eq!((parent(path).as_str(), base(path).as_str()), (folder, last), "{path}");
        }
    }
}
