//! Terraform text to syntax, piece by piece where the whole does not parse.

use hcl_edit::Decorated;
use hcl_edit::Ident;
use hcl_edit::expr::{Array, Expression, Object, ObjectKey, ObjectValue};
use hcl_edit::structure::{Attribute, Block, Body};
use probity_model::{Problem, Span, Value, json};

use super::{ModuleFile, entries};

/// A piece of a file that parsed, and the offset at which it begins.
pub(super) struct Part {
    pub(super) body: Body,
    pub(super) base: usize,
}

/// Parses a file. When it does not parse as a whole, every top-level block that does is kept, and each that does not is
/// a problem of its own.
pub(super) fn parse(file: &ModuleFile) -> (Vec<Part>, Vec<Problem>) {
    if file.path.extension().is_some_and(|extension| extension == "json") {
        return parse_json(file);
    }
    let text: &str = &file.text;
    let base = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    match parse_text(file, base..text.len()) {
        Ok(part) => (vec![part], Vec::new()),
        Err(problem) => {
            let (parts, mut problems) = parse_blocks(file);
            if problems.is_empty() {
                problems.push(problem);
            }
            (parts, problems)
        }
    }
}

fn parse_text(file: &ModuleFile, range: std::ops::Range<usize>) -> Result<Part, Problem> {
    let (base, text) = (range.start, &file.text[range]);
    if let Some(at) = entries::too_long(text) {
        let place = Span::new(file.source, base + at..base + at + 1);
        return Err(Problem::new("an object with too many entries", place)
            .with_help("split it; the other blocks of the file are judged"));
    }
    match hcl_edit::parser::parse_body(text) {
        Ok(body) => Ok(Part { body, base }),
        Err(error) => Err(problem(file, base, &error)),
    }
}

fn problem(file: &ModuleFile, base: usize, error: &hcl_edit::parser::Error) -> Problem {
    let at = base + error.location().offset();
    let message = error.message().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    Problem::new(format!("not valid Terraform: {message}"), Span::new(file.source, at..at))
        .with_help("the other blocks of the file are judged")
}

fn parse_blocks(file: &ModuleFile) -> (Vec<Part>, Vec<Problem>) {
    let (mut parts, mut problems) = (Vec::new(), Vec::new());
    for range in blocks(&file.text) {
        match parse_text(file, range) {
            Ok(part) => parts.push(part),
            Err(problem) => problems.push(problem),
        }
    }
    (parts, problems)
}

/// Ranges that begin with a word at the start of a line and end before the next such line: in formatted code, the
/// top-level blocks. Only used on texts that do not parse.
fn blocks(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut starts = Vec::new();
    let mut offset = 0;
    let mut closed = true;
    for line in text.split_inclusive('\n') {
        if closed && line.starts_with(|first: char| first.is_ascii_alphabetic()) {
            starts.push(offset);
            closed = false;
        }
        closed |= line.starts_with('}') || line.trim_end().ends_with('}') && starts.last() == Some(&offset);
        offset += line.len();
    }
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    starts.iter().copied().zip(ends).map(|(start, end)| start..end).collect()
}

/// The JSON syntax of Terraform (its documentation, "JSON Configuration Syntax"), brought into the native one.
fn parse_json(file: &ModuleFile) -> (Vec<Part>, Vec<Problem>) {
    let value = match json::read_with_spans(&file.text, file.source) {
        Ok(value) => value,
        Err(problem) => return (Vec::new(), vec![problem]),
    };
    let Some(top) = value.as_object() else {
        let problem = Problem::new("not valid Terraform: the file is no JSON object", Span::new(file.source, 0..0));
        return (Vec::new(), vec![problem]);
    };
    if !entries::fits(&value) {
        let problem =
            Problem::new("an object with too many entries", Span::new(file.source, 0..0)).with_help("split it");
        return (Vec::new(), vec![problem]);
    }
    let is_values = file.path.to_str().is_some_and(|path| path.ends_with(".tfvars.json"));
    let mut body = Body::new();
    for (key, value) in top.iter() {
        let labels = match key.as_str() {
            _ if is_values => None,
            "resource" | "data" => Some(2),
            "provider" | "module" | "variable" | "output" => Some(1),
            "locals" => Some(0),
            _ => continue,
        };
        match labels {
            Some(labels) => add_json_blocks(&mut body, key.as_str(), &mut Vec::new(), value, labels),
            None => body.push(attribute(key.as_str(), value)),
        }
    }
    (vec![Part { body, base: 0 }], Vec::new())
}

fn add_json_blocks(body: &mut Body, name: &str, labels: &mut Vec<String>, value: &Value, missing: usize) {
    if let Value::Array(list) = value {
        for element in list {
            add_json_blocks(body, name, labels, element, missing);
        }
        return;
    }
    let Some(object) = value.as_object() else { return };
    if missing > 0 {
        for (label, inner) in object.iter() {
            labels.push(label.to_string());
            add_json_blocks(body, name, labels, inner, missing - 1);
            labels.pop();
        }
        return;
    }
    let mut block = Block::new(Decorated::new(Ident::new_sanitized(name)));
    block.labels = labels.iter().map(|label| label.as_str().into()).collect();
    for (key, inner) in object.iter() {
        // `//` is how comments are written in JSON.
        if key.as_str() != "//" {
            block.body.push(attribute(key.as_str(), inner));
        }
    }
    body.push(block);
}

fn attribute(key: &str, value: &Value) -> Attribute {
    Attribute::new(Decorated::new(Ident::new_sanitized(key)), expression(value))
}

/// Strings are templates; everything else is what it is.
fn expression(value: &Value) -> Expression {
    match value {
        Value::Null | Value::Set(_) | Value::Unknown(_) => Expression::null(),
        Value::Bool(truth) => Expression::from(*truth),
        Value::Number(number) => number
            .as_i64()
            .map(Expression::from)
            .or_else(|| hcl_edit::parser::parse_expr(&number.to_string()).ok())
            .unwrap_or_else(Expression::null),
        Value::String(text) if text.contains("${") || text.contains("%{") => {
            hcl_edit::parser::parse_expr(&quoted(text)).unwrap_or_else(|_| Expression::from(text.as_str()))
        }
        Value::String(text) => Expression::from(text.as_str()),
        Value::Array(list) => Expression::Array(list.iter().map(expression).collect::<Array>()),
        Value::Object(object) => Expression::Object(
            object
                .iter()
                .map(|(key, inner)| {
                    (ObjectKey::from(Expression::from(key.as_str())), ObjectValue::new(expression(inner)))
                })
                .collect::<Object>(),
        ),
    }
}

/// The text as a quoted template: escaped outside of interpolations only.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if depth == 0 && (rest.starts_with("${") || rest.starts_with("%{")) {
            out.push_str(&rest[..2]);
            rest = &rest[2..];
            depth = 1;
            continue;
        }
        match character {
            '{' if depth > 0 => depth += 1,
            '}' if depth > 0 => depth -= 1,
            _ => {}
        }
        match character {
            '"' if depth == 0 => out.push_str("\\\""),
            '\\' if depth == 0 => out.push_str("\\\\"),
            '\n' if depth == 0 => out.push_str("\\n"),
            '\t' if depth == 0 => out.push_str("\\t"),
            '\r' if depth == 0 => out.push_str("\\r"),
            other => out.push(other),
        }
        rest = &rest[character.len_utf8()..];
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::SourceId;

    fn file(path: &str, text: &str) -> ModuleFile {
        ModuleFile { path: path.into(), text: text.into(), source: SourceId(0) }
    }

    #[test]
    fn one_broken_block_does_not_hide_the_others() {
        let text = "resource \"a\" \"one\" {\n  x = 1\n}\n\nresource \"a\" \"two\" {\n  x = \n}\n\nresource \"a\" \"three\" {}\n";
        let (parts, problems) = parse(&file("main.tf", text));
        assert_eq!(parts.iter().map(|part| part.body.blocks().count()).sum::<usize>(), 2);
        assert_eq!(problems.len(), 1);
        let start = problems[0].span.unwrap().start as usize;
        assert_eq!(text[..start].matches('\n').count(), 5, "{problems:?}");
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let (parts, problems) = parse(&file("main.tf", "\u{feff}locals {}\n"));
        assert_eq!((parts.len(), problems.len()), (1, 0));
    }

    #[test]
    fn json_becomes_blocks() {
        let text = r#"{"resource":{"a":{"one":{"x":"say \"${var.y}\"","n":[1,{"k":null}]}}},"locals":{"l":1}}"#;
        let (parts, problems) = parse(&file("main.tf.json", text));
        assert!(problems.is_empty(), "{problems:?}");
        let block = parts[0].body.blocks().find(|block| block.ident.as_str() == "resource").unwrap();
        assert_eq!(block.labels.len(), 2);
        assert!(matches!(block.body.get_attribute("x").unwrap().value, Expression::StringTemplate(_)));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-c =\"{}\\[\\]$%<>\n#/*().?:]*") {
            let _ = parse(&file("main.tf", &text));
            let _ = parse(&file("main.tf.json", &text));
        }
    }
}
