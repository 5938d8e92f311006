//! `json`: values to JSON and back.

use probity_model::value::{Key, Number};
use probity_model::{Value as Model, json};

use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::{Reason, Value, of_document};

/// Deepest nesting that is written.
const MAX_DEPTH: usize = 128;

pub(super) static FUNCTIONS: [Def; 3] = [
    Def { name: "marshal", call: marshal },
    Def { name: "unmarshal", call: unmarshal },
    Def { name: "valid", call: valid },
];

fn marshal(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    let Some(document) = document(interp, &args.values[0], 0)? else {
        return Ok(Value::undefined(Reason::NoResult("json.marshal")));
    };
    let text = json::write(&document);
    interp.budget.bytes(text.len())?;
    // As Go's encoder does, which is what policies are compared with.
    Ok(Value::String(json::escaped_for_html(&text).into_owned().into()))
}

/// The value as JSON has it; what is undefined is left out.
fn document(interp: &mut Interp<'_>, value: &Value, depth: usize) -> Result<Option<Model>, Stop> {
    interp.budget.step()?;
    if depth > MAX_DEPTH {
        return Err("the value is nested too deeply for JSON".into());
    }
    Ok(Some(match value {
        Value::Undefined(_) => {
            interp.assume(value);
            return Ok(None);
        }
        Value::Null => Model::Null,
        Value::Bool(truth) => Model::Bool(*truth),
        Value::Int(int) => (*int).into(),
        Value::Float(float) => {
            Model::Number(Number::from_f64(*float).ok_or_else(|| format!("JSON has no number {float}"))?)
        }
        Value::String(text) => Model::from(text.to_str().as_ref()),
        Value::List(list) => {
            let mut elements = Vec::with_capacity(list.len());
            for element in list.to_vec() {
                elements.extend(document(interp, &element, depth + 1)?);
            }
            Model::array(elements)
        }
        Value::Map(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map.to_vec() {
                let value = document(interp, &value, depth + 1)?;
                entries.extend(value.map(|value| (Key::new(&key.to_text().to_str()), value)));
            }
            Model::Object(entries.into_iter().collect())
        }
        Value::Object(object) => return document(interp, &object.data(), depth + 1),
        other => return Err(format!("JSON has no {}", other.type_name()).into()),
    }))
}

fn unmarshal(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| {
        let text = args.text(0)?;
        interp.budget.bytes(8 * text.len())?;
        match json::read(text.as_bytes()) {
            Ok(document) => Ok(of_document(&document)),
            Err(problem) => Err(Unfit::from(format!("not JSON: {problem}"))),
        }
    })())
}

fn valid(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| {
        let text = args.text(0)?.as_bytes();
        interp.budget.steps(text.len())?;
        Ok(Value::Bool(json::read(text).is_ok()))
    })())
}
