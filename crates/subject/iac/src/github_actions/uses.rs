//! What `uses:` names: an action, a workflow, an image.

use probity_model::{SmolStr, Span, Value};

use super::object::Entries;
use crate::dockerfile::reference;

/// The parts of a `uses:` as a document. `comment` is what stands behind it on its line.
pub(super) fn document(uses: &str, comment: Option<&str>, span: Span) -> Value {
    let uses = uses.trim();
    let mut entries = Entries::at(span);
    if ["./", "../", "$/"].iter().any(|own| uses.starts_with(own)) {
        entries.add("kind", "local");
        entries.add("path", uses);
        return entries.object();
    }
    if let Some(image) = uses.strip_prefix("docker://") {
        entries.add("kind", "image");
        entries.add("image", image_document(image, span));
        return entries.object();
    }
    let (name, reference) = match uses.split_once('@') {
        Some((name, reference)) => (name, Some(reference)),
        None => (uses, None),
    };
    let mut parts = name.splitn(3, '/');
    let (Some(owner), Some(repository)) = (parts.next(), parts.next()) else {
        entries.add("kind", "unknown");
        return entries.object();
    };
    entries.add("kind", "repository");
    entries.add("owner", owner.to_ascii_lowercase());
    entries.add("repository", format!("{owner}/{repository}").to_ascii_lowercase());
    // What is compared: GitHub does not mind case, and steps over parts of a path that say nothing.
    let path = parts.next();
    let (plain, is_plain) = normal(path.unwrap_or_default());
    let full = if plain.is_empty() { format!("{owner}/{repository}") } else { format!("{owner}/{repository}/{plain}") };
    entries.add("name", full.to_ascii_lowercase());
    entries.add_some("path", path);
    if path.is_some() && !is_plain {
        entries.add("disguised", true);
    }
    entries.add_some("ref", reference.map(Value::from));
    entries.add("pin", pin(reference));
    if let Some(version) = reference.and_then(major).or_else(|| comment.and_then(major_of_comment)) {
        entries.add("major", version);
    }
    entries.add_some("comment", comment);
    entries.object()
}

/// A path without empty parts, `.` and `..`, and whether it had none of them.
fn normal(path: &str) -> (String, bool) {
    let mut parts: Vec<&str> = Vec::new();
    let mut is_plain = true;
    for part in path.split('/') {
        match part {
            "" | "." => is_plain = false,
            ".." => {
                is_plain = false;
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    (parts.join("/"), is_plain)
}

/// How firmly a reference holds what it names.
fn pin(reference: Option<&str>) -> &'static str {
    match reference {
        None | Some("") => "none",
        Some(reference) if is_commit(reference) => "commit",
        Some(reference) if version(reference).is_some() => "version",
        Some(_) => "branch",
    }
}

fn is_commit(reference: &str) -> bool {
    matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The numbers of `v1.2.3`, `1.2` or `release/v1`.
fn version(reference: &str) -> Option<&str> {
    let last = reference.rsplit('/').next()?;
    let numbers = last.strip_prefix(['v', 'V']).unwrap_or(last);
    let rest = numbers.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_version = rest.len() < numbers.len() && (rest.is_empty() || rest.starts_with(['.', '-', '+', '_']));
    is_version.then_some(numbers)
}

/// The first number of a version.
fn major(reference: &str) -> Option<i64> {
    let numbers = version(reference).filter(|_| !is_commit(reference))?;
    let end = numbers.find(|c: char| !c.is_ascii_digit()).unwrap_or(numbers.len());
    numbers[..end].parse().ok()
}

/// The first number of the version that a comment such as `v4.2.2` or `tag=v4` names.
fn major_of_comment(comment: &str) -> Option<i64> {
    let word = comment.split_whitespace().next()?;
    major(word.rsplit(['=', '@']).next().unwrap_or(word))
}

/// The parts of an image's reference as a document.
pub(super) fn image_document(image: &str, span: Span) -> Value {
    let mut entries = Entries::at(span);
    entries.add("reference", image);
    let parts = reference::parse(image);
    entries.add("image", parts.image);
    entries.add_some("tag", parts.tag);
    entries.add_some("digest", parts.digest);
    entries.object()
}

/// Inputs of actions whose text they run as code, beside `run`.
const CODE: &[(&str, &[&str])] = &[
    ("8398a7/action-slack", &["custom_payload"]),
    ("actions/github-script", &["script"]),
    ("addnab/docker-run-action", &["options", "run"]),
    ("amadevus/pwsh-script", &["script"]),
    ("appleboy/ssh-action", &["script"]),
    ("azure/cli", &["inlineScript"]),
    ("azure/powershell", &["inlineScript"]),
    ("cardinalby/js-eval-action", &["expression"]),
    ("devorbitus/yq-action-output", &["cmd"]),
    ("jannekem/run-python-script-action", &["script"]),
    ("mikefarah/yq", &["cmd"]),
    ("nick-fields/retry", &["command", "on_retry_command", "new_command_on_retry"]),
    ("reactivecircus/android-emulator-runner", &["script", "pre-emulator-launch-script"]),
    ("roots/issue-closer-action", &["issue-close-message", "pr-close-message"]),
    ("sergeysova/jq-action", &["cmd"]),
    ("skitionek/notify-microsoft-teams", &["overwrite"]),
    ("tibdex/backport", &["body_template", "head_template", "labels_template", "title_template"]),
];

/// The inputs of a step's action that it runs as code.
pub(super) fn code_inputs(uses: &str) -> &'static [&'static str] {
    let name: SmolStr = uses.split('@').next().unwrap_or_default().to_ascii_lowercase().into();
    CODE.iter().find(|(action, _)| *action == name).map_or(&[], |(_, inputs)| inputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::{SourceId, json};

    #[test]
    fn parts() {
        let commit = "11bd71901bbe5b1630ceea73d27597364c9af683";
        for (uses, comment, expected) in [
            ("./.github/actions/a", None, r#"{"kind":"local","path":"./.github/actions/a"}"#.to_owned()),
            (
                "docker://alpine:3.20",
                None,
                r#"{"image":{"image":"alpine","reference":"alpine:3.20","tag":"3.20"},"kind":"image"}"#.to_owned(),
            ),
            (
                "Actions/Checkout@v4",
                None,
                r#"{"kind":"repository","major":4,"name":"actions/checkout","owner":"actions","pin":"version","ref":"v4","repository":"actions/checkout"}"#.to_owned(),
            ),
            (
                "a/b/.github/workflows/c.yml@main",
                None,
                r#"{"kind":"repository","name":"a/b/.github/workflows/c.yml","owner":"a","path":".github/workflows/c.yml","pin":"branch","ref":"main","repository":"a/b"}"#.to_owned(),
            ),
            (
                "a/b//x/../c@v1",
                None,
                r#"{"disguised":true,"kind":"repository","major":1,"name":"a/b/c","owner":"a","path":"/x/../c","pin":"version","ref":"v1","repository":"a/b"}"#.to_owned(),
            ),
            (
                &format!("a/b@{commit}"),
                Some("v4.2.2"),
                format!(r#"{{"comment":"v4.2.2","kind":"repository","major":4,"name":"a/b","owner":"a","pin":"commit","ref":"{commit}","repository":"a/b"}}"#),
            ),
            (
                "a/b",
                None,
                r#"{"kind":"repository","name":"a/b","owner":"a","pin":"none","repository":"a/b"}"#.to_owned(),
            ),
            ("nonsense", None, r#"{"kind":"unknown"}"#.to_owned()),
        ] {
            let document = document(uses, comment, Span::new(SourceId(0), 0..0));
            assert_eq!(json::write(&document), expected, "{uses}");
        }
    }

    #[test]
    fn pins() {
        for (reference, expected) in [
            ("v1", "version"),
            ("v1.2.3-rc.1", "version"),
            ("1.75.0", "version"),
            ("release/v1", "version"),
            ("main", "branch"),
            ("stable", "branch"),
            ("", "none"),
            ("11bd719", "branch"),
            ("abc1234", "branch"),
        ] {
            assert_eq!(pin(Some(reference)), expected, "{reference}");
        }
    }
}
