//! Paths with slashes, as Go's `path` has them.

use super::{Outcome, Table, exactly, string};
use crate::datum::Datum;

pub(super) const TABLE: Table = &[
    ("base", |args| one(args, base)),
    ("clean", |args| one(args, clean)),
    ("dir", |args| one(args, dir)),
    ("ext", |args| one(args, ext)),
    ("isAbs", is_absolute),
    ("osBase", |args| one(args, base)),
    ("osClean", |args| one(args, clean)),
    ("osDir", |args| one(args, dir)),
    ("osExt", |args| one(args, ext)),
    ("osIsAbs", is_absolute),
];

fn one(args: &[Datum], change: fn(&str) -> String) -> Outcome {
    let [path] = exactly(args)?;
    Ok(change(string(path)?).into())
}

fn is_absolute(args: &[Datum]) -> Outcome {
    let [path] = exactly(args)?;
    Ok(string(path)?.starts_with('/').into())
}

fn base(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        _ if path.is_empty() => ".".to_owned(),
        _ if trimmed.is_empty() => "/".to_owned(),
        last => last.unwrap_or(trimmed).to_owned(),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| &path[..=at]))
}

fn ext(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |at| &name[at..]).to_owned()
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match () {
        () if rooted => format!("/{joined}"),
        () if joined.is_empty() => ".".to_owned(),
        () => joined,
    }
}
