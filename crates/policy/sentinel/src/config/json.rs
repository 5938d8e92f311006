//! JSON to blocks: the twin of HCL, and the form of the first versions.

use probity_model::{Key, Problem, SourceId, Span, Value, json};

use super::read::Block;
use crate::policy::Problems;

/// The blocks of a text.
pub(super) fn blocks(text: &str, source: SourceId) -> Result<Vec<Block>, Problems> {
    let fail = |problem: Problem| Problems(vec![problem]);
    let document = json::read_with_spans(text, source).map_err(fail)?;
    let Value::Object(object) = &document else {
        return Err(fail(Problem::new("a configuration is an object", Span::new(source, 0..0))));
    };
    let mut blocks = Vec::new();
    for (kind, value, span) in object.iter_spanned() {
        if kind.as_str() == "test" {
            blocks.push(test(value, span));
            continue;
        }
        let Value::Object(named) = value else {
            return Err(fail(Problem::new(format!("`{kind:?}` must be an object"), span)));
        };
        if kind.as_str() == "sentinel" {
            blocks.push(Block { kind: "sentinel".to_owned(), attributes: attributes(value), span, ..Block::default() });
            continue;
        }
        for (name, value, span) in named.iter_spanned() {
            blocks.extend(named_blocks(kind.as_str(), name.as_str(), value, span.or(object.span(kind.as_str()))));
        }
    }
    Ok(blocks)
}

/// What the rules of a test must come to: directly, or below `rules`.
fn test(value: &Value, span: Option<Span>) -> Block {
    let rules = value.get("rules").filter(|rules| rules.as_object().is_some()).unwrap_or(value);
    let attributes = [("rules".to_owned(), rules.clone())].into();
    Block { kind: "test".to_owned(), attributes, span, ..Block::default() }
}

fn attributes(value: &Value) -> std::collections::BTreeMap<String, Value> {
    let entries = value.as_object().into_iter().flat_map(probity_model::value::Object::iter);
    entries.map(|(key, value): (&Key, &Value)| (key.as_str().to_owned(), value.clone())).collect()
}

fn named_blocks(kind: &str, name: &str, value: &Value, span: Option<Span>) -> Vec<Block> {
    let block = |kind: &str, labels: &[&str], attributes| Block {
        kind: kind.to_owned(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        attributes,
        span,
        ..Block::default()
    };
    match kind {
        // { "import": { "module": { "name": { "source": … } } } }
        "import" if matches!(name, "module" | "static" | "plugin") && !is_import(value) => {
            let inner = attributes(value);
            inner.iter().map(|(inner, value)| block("import", &[name, inner], attributes(value))).collect()
        }
        "import" | "imports" => vec![block("import", &[name], attributes(value))],
        // { "modules": { "name": { "path": … } } }
        "module" | "modules" => {
            let mut attributes = attributes(value);
            if let Some(path) = attributes.remove("path") {
                attributes.entry("source".to_owned()).or_insert(path);
            }
            vec![block("module", &[name], attributes)]
        }
        "mock" => vec![mock(block("mock", &[name], [].into()), value)],
        "global" | "param" => {
            let twin = value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get("value"));
            let value = twin.unwrap_or(value).clone();
            vec![block(kind, &[name], [("value".to_owned(), value)].into())]
        }
        _ => vec![block(kind, &[name], attributes(value))],
    }
}

/// Whether this is an import itself, not the imports of a kind.
fn is_import(value: &Value) -> bool {
    ["path", "source"].iter().any(|name| value.get(name).is_some_and(|path| path.as_str().is_some()))
}

/// `"path"`, `{ "module": { "source": … } }`, `{ "data": … }`, or the data themselves.
fn mock(mut mock: Block, value: &Value) -> Block {
    let alone = |name: &str| value.as_object().filter(|object| object.len() == 1).and_then(|object| object.get(name));
    let module = |attributes| Block { kind: "module".to_owned(), attributes, span: mock.span, ..Block::default() };
    if value.as_str().is_some() {
        mock.blocks.push(module([("source".to_owned(), value.clone())].into()));
    } else if let Some(inner) = alone("module").filter(|inner| inner.get("source").is_some()) {
        mock.blocks.push(module(attributes(inner)));
    } else {
        let data = alone("data").unwrap_or(value).clone();
        mock.attributes.insert("data".to_owned(), data);
    }
    mock
}
