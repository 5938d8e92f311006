//! Changes of the base document, as OPA's store in memory makes them.

use probity_model::value::{Array, Key, Object, Value};

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("storage_not_found_error: {0}")]
    NotFound(&'static str),
    #[error("storage_write_conflict_error: /{0}")]
    Conflict(String),
    #[error("storage_invalid_patch_error: {0}")]
    InvalidPatch(&'static str),
}

const MISSING: StoreError = StoreError::NotFound("document does not exist");
const OUT_OF_RANGE: StoreError = StoreError::NotFound("array index path is out of range");
const NOT_A_NUMBER: StoreError = StoreError::NotFound("array index path must be integer");

/// What is done to a document.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// It is set; in a list it is put before what is there, `-` is the list's end.
    Add(Value),
    /// It is set where something is.
    Replace(Value),
    /// It is taken away.
    Remove,
}

/// The document at a path.
pub(crate) fn get<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Object(object) => object.get(part),
        Value::Array(array) => array.get(part.parse().ok()?),
        _ => None,
    })
}

/// Objects along a path, made where nothing is.
pub(crate) fn make_folders(value: &Value, path: &[String]) -> Result<Value, StoreError> {
    for end in 1..=path.len() {
        match get(value, &path[..end]) {
            None => {
                let folder = path[end..].iter().rev().fold(empty(), |inner, part| Value::object([(part, inner)]));
                return changed(value, &path[..end], Change::Add(folder));
            }
            Some(Value::Object(_)) => {}
            Some(_) => return Err(StoreError::Conflict(path[..end].join("/"))),
        }
    }
    Ok(value.clone())
}

pub(crate) fn empty() -> Value {
    Value::object::<&str>([])
}

/// The whole with one document changed. What is not on the path is shared with the original.
pub(crate) fn changed(value: &Value, path: &[String], change: Change) -> Result<Value, StoreError> {
    let Some((part, below)) = path.split_first() else {
        return match change {
            Change::Add(value @ Value::Object(_)) | Change::Replace(value @ Value::Object(_)) => Ok(value),
            Change::Remove => Err(StoreError::InvalidPatch("root cannot be removed")),
            _ => Err(StoreError::InvalidPatch("root must be object")),
        };
    };
    match value {
        Value::Object(object) => in_object(object, part, below, change).map(Value::Object),
        Value::Array(array) => in_array(array, part, below, change).map(Value::Array),
        _ => Err(MISSING),
    }
}

fn in_object(object: &Object, part: &str, below: &[String], change: Change) -> Result<Object, StoreError> {
    let known = object.get(part);
    let without =
        || object.iter().filter(|(key, _)| key.as_str() != part).map(|(key, value)| (key.clone(), value.clone()));
    if !below.is_empty() {
        let new = changed(known.ok_or(MISSING)?, below, change)?;
        return Ok(without().chain([(Key::new(part), new)]).collect());
    }
    match change {
        Change::Replace(_) | Change::Remove if known.is_none() => Err(MISSING),
        Change::Add(new) | Change::Replace(new) => Ok(without().chain([(Key::new(part), new)]).collect()),
        Change::Remove => Ok(without().collect()),
    }
}

fn in_array(array: &Array, part: &str, below: &[String], change: Change) -> Result<Array, StoreError> {
    let mut elements: Vec<Value> = array.iter().cloned().collect();
    if part == "-" && below.is_empty() {
        return match change {
            Change::Add(new) => {
                elements.push(new);
                Ok(elements.into_iter().collect())
            }
            _ => Err(StoreError::InvalidPatch("invalid patch path")),
        };
    }
    let at: usize = part.parse().map_err(|_| NOT_A_NUMBER)?;
    if at >= elements.len() {
        return Err(OUT_OF_RANGE);
    }
    match change {
        change if !below.is_empty() => elements[at] = changed(&elements[at], below, change)?,
        Change::Add(new) => elements.insert(at, new),
        Change::Replace(new) => elements[at] = new,
        Change::Remove => drop(elements.remove(at)),
    }
    Ok(elements.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use probity_model::json;

    use super::*;

    fn read(text: &str) -> Value {
        json::read(text.as_bytes()).unwrap()
    }

    fn parts(path: &str) -> Vec<String> {
        path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn changes_are_made_as_in_opa() {
        let one = || Value::from(1);
        let before = r#"{"a":{"b":[1,2]},"c":3}"#;
        for (path, change, wanted) in [
            ("a/x", Change::Add(one()), Ok(r#"{"a":{"b":[1,2],"x":1},"c":3}"#)),
            ("a/b/0", Change::Add(one()), Ok(r#"{"a":{"b":[1,1,2]},"c":3}"#)),
            ("a/b/-", Change::Add(one()), Ok(r#"{"a":{"b":[1,2,1]},"c":3}"#)),
            ("a/b/1", Change::Replace(one()), Ok(r#"{"a":{"b":[1,1]},"c":3}"#)),
            ("a/b/1", Change::Remove, Ok(r#"{"a":{"b":[1]},"c":3}"#)),
            ("c", Change::Remove, Ok(r#"{"a":{"b":[1,2]}}"#)),
            ("", Change::Add(empty()), Ok("{}")),
            ("", Change::Add(one()), Err("storage_invalid_patch_error: root must be object")),
            ("x", Change::Replace(one()), Err("storage_not_found_error: document does not exist")),
            ("x/y", Change::Add(one()), Err("storage_not_found_error: document does not exist")),
            ("a/b/2", Change::Add(one()), Err("storage_not_found_error: array index path is out of range")),
            ("a/b/x", Change::Remove, Err("storage_not_found_error: array index path must be integer")),
        ] {
            let after = changed(&read(before), &parts(path), change).map(|value| json::write(&value));
            let after = after.map_err(|error| error.to_string());
            assert_eq!(after.as_deref().map_err(String::as_str), wanted, "{path}");
        }
    }

    #[test]
    fn folders_are_made_where_nothing_is() {
        let value = read(r#"{"a":{"b":1}}"#);
        assert_eq!(json::write(&make_folders(&value, &parts("a/c/d")).unwrap()), r#"{"a":{"b":1,"c":{"d":{}}}}"#);
        assert_eq!(
            make_folders(&value, &parts("a/b/c")).unwrap_err().to_string(),
            "storage_write_conflict_error: /a/b"
        );
        assert_eq!(make_folders(&value, &[]).unwrap(), value);
    }
}
