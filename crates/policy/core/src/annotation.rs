//! What a policy says of itself under `custom` of a `# METADATA` block, in the languages whose policies have such comments.

use probity_model::value::{Object, Value};
use probity_model::{ControlLink, Severity, SmolStr, Strength};

/// Reads a severity. Trivy and others write severities in capitals; `WARNING` and the like are not known.
///
/// # Errors
/// When the word is none.
pub fn severity(word: &str) -> Result<Severity, String> {
    word.to_ascii_lowercase().parse()
}

/// Reads links to controls: `soc2:CC6.1`, or an object with `control`, `serves` and `why`, or a list of these.
///
/// # Errors
/// When one has another form.
pub fn controls(value: &Value) -> Result<Vec<ControlLink>, String> {
    let list = match value {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    list.iter().map(control).collect()
}

/// Reads a text or a list of texts.
///
/// # Errors
/// When it is neither.
pub fn strings(value: &Value) -> Result<Vec<SmolStr>, String> {
    let text = |item: &Value| item.as_str().map(SmolStr::new).ok_or_else(|| "a list of texts is wanted".to_owned());
    match value {
        Value::Array(list) => list.iter().map(text).collect(),
        one => Ok(vec![text(one)?]),
    }
}

fn control(item: &Value) -> Result<ControlLink, String> {
    let parse = |text: &str| text.parse().map_err(|error| format!("{error}"));
    match item {
        Value::String(text) => {
            Ok(ControlLink { control: parse(text)?, serves: Strength::Supports, why: String::new() })
        }
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            known_only(fields, &["control", "serves", "why"])?;
            Ok(ControlLink {
                control: parse(text("control").ok_or("an entry has no `control`")?)?,
                serves: text("serves").map(str::parse).transpose()?.unwrap_or(Strength::Supports),
                why: text("why").unwrap_or_default().trim().to_owned(),
            })
        }
        other => Err(format!("a control is a text such as soc2:CC6.1, not {}", other.kind())),
    }
}

/// Checks that an object has no other entries than these.
///
/// # Errors
/// The first that is another.
pub fn known_only(fields: &Object, known: &[&str]) -> Result<(), String> {
    match fields.iter().find(|(key, _)| !known.contains(&key.as_str())) {
        Some((key, _)) => Err(format!("`{key}` is not known here; known are {}", known.join(", "))),
        None => Ok(()),
    }
}
