//! The objects that give rights, from what `kubectl get` prints.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, SourceId, Sources, Span, Value, json};
use probity_rbac::{Object, read_objects};

use crate::input::read_text;

/// Most bytes that are taken from the standard input.
const MAX_SIZE: u64 = 64 << 20;

/// The objects of these files, in JSON or YAML; `-` is the standard input.
///
/// # Errors
/// When a file cannot be read, names the place; and when there is no role or binding in all of them.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Object>> {
    let sources = Sources::default();
    let mut objects = Vec::new();
    for path in paths {
        let (path, text) = text_of(path)?;
        let source = sources.add(&path, text.as_str());
        let told = |problem: Problem| anyhow!(problem.display(&sources, &path));
        for (value, span) in documents(&text, source).map_err(told)? {
            objects.extend(read_objects(Node::root(&value, span)).map_err(told)?);
        }
    }
    if !objects.iter().any(|object| !matches!(object, Object::ServiceAccount { .. })) {
        bail!(
            "there is no role and no binding in the objects: give what `kubectl get \
             roles,clusterroles,rolebindings,clusterrolebindings,serviceaccounts -A -o json` prints"
        );
    }
    Ok(objects)
}

fn text_of(path: &Path) -> Result<(PathBuf, String)> {
    if path != Path::new("-") {
        return Ok((path.to_owned(), read_text(path)?));
    }
    let mut text = String::new();
    let unread = || "the standard input cannot be read";
    std::io::stdin().lock().take(MAX_SIZE + 1).read_to_string(&mut text).with_context(unread)?;
    if text.len() as u64 > MAX_SIZE {
        bail!("the standard input is larger than {MAX_SIZE} bytes");
    }
    Ok(("stdin".into(), text))
}

fn documents(text: &str, source: SourceId) -> Result<Vec<(Value, Option<Span>)>, Problem> {
    if text.trim_start().starts_with('{') {
        return Ok(vec![(json::read_with_spans(text, source)?, Some(Span::new(source, 0..1)))]);
    }
    let documents = yaml::read(text, source, Dialect::Kubernetes).map_err(|(problem, _)| problem)?;
    Ok(documents.into_iter().map(|document| (document.value, Some(document.span))).collect())
}
