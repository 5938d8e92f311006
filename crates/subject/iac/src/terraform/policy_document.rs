//! `data "aws_iam_policy_document"`, rendered to the JSON that resources refer to, as the AWS provider does.

use probity_model::value::Array;
use probity_model::{Key, Value, json};

/// The document with its `json` and `minified_json` attributes. Parts that are not known are written as
/// `${what they wait for}`, so that the rest can be judged; when an effect or an action is not known, or a document that is
/// merged in, all of it is.
pub(super) fn with_json(document: &Value) -> Value {
    let Some(object) = document.as_object() else { return document.clone() };
    let rendered = rendered(document);
    let span = object.iter_spanned().find_map(|(_, _, span)| span);
    let entries = object.iter_spanned().map(|(key, value, own)| (key.clone(), value.clone(), own.or(span)));
    let made = ["json", "minified_json"].map(|name| (Key::new(name), rendered.clone(), span));
    let entries: Vec<_> = entries.chain(made).collect();
    match entries.iter().map(|(key, value, span)| span.map(|span| (key.clone(), value.clone(), span))).collect() {
        Some(spanned) => Value::Object(probity_model::value::Object::with_spans(spanned)),
        None => Value::Object(entries.into_iter().map(|(key, value, _)| (key, value)).collect()),
    }
}

fn rendered(document: &Value) -> Value {
    let unknown = || Value::Unknown("data.aws_iam_policy_document.json".into());
    let mut policy = Policy::default();
    let Some(()) = policy.merge_texts(document.get("source_policy_documents")) else { return unknown() };
    let statements: Vec<Value> =
        document.get("statement").and_then(Value::as_array).into_iter().flatten().map(statement).collect();
    let decisive = |statement: &Value| {
        ["Effect", "Action", "NotAction", "Sid"].iter().any(|name| statement.get(name).is_some_and(has_unknown))
    };
    if statements.iter().any(decisive) {
        return unknown();
    }
    let version = document.get("version").cloned().unwrap_or_else(|| "2012-10-17".into());
    policy.merge(Some(&version), document.get("policy_id"), statements);
    let Some(()) = policy.merge_texts(document.get("override_policy_documents")) else { return unknown() };
    json::write(&with_placeholders(&policy.into_value())).into()
}

/// Documents merged one over the other.
#[derive(Default)]
struct Policy {
    version: Option<Value>,
    id: Option<Value>,
    statements: Vec<Value>,
}

impl Policy {
    /// Merges documents that are given as texts; `None` when one is not known, or is none.
    fn merge_texts(&mut self, texts: Option<&Value>) -> Option<()> {
        let texts = match texts {
            None => return Some(()),
            Some(Value::Array(texts)) => texts,
            Some(_) => return None,
        };
        for text in texts.iter().filter(|text| !text.is_null()) {
            let document = json::read_written(text.as_str()?.as_bytes()).ok()?;
            let statements = match document.get("Statement") {
                Some(Value::Array(list)) => list.iter().cloned().collect(),
                one => one.into_iter().cloned().collect(),
            };
            self.merge(document.get("Version"), document.get("Id"), statements);
        }
        Some(())
    }

    /// A statement replaces the one with its `Sid`; a later version wins.
    fn merge(&mut self, version: Option<&Value>, id: Option<&Value>, statements: Vec<Value>) {
        if let Some(id) = id.filter(|id| id.as_str() != Some("")) {
            self.id = Some(id.clone());
        }
        if let Some(version) = version.filter(|version| self.version.as_ref().is_none_or(|own| *version > own)) {
            self.version = Some(version.clone());
        }
        let sid = |statement: &Value| statement.get("Sid").filter(|sid| sid.as_str() != Some("")).cloned();
        for statement in statements {
            let own = sid(&statement);
            match self.statements.iter_mut().find(|known| own.is_some() && sid(known) == own) {
                Some(known) => *known = statement,
                None => self.statements.push(statement),
            }
        }
    }

    fn into_value(self) -> Value {
        let statements = (!self.statements.is_empty()).then(|| Value::array(self.statements));
        let entries = [("Version", self.version), ("Id", self.id), ("Statement", statements)];
        Value::object(entries.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }
}

/// Whether a text is JSON that says enough with placeholders for what is not known: of a policy document the effects and
/// actions are known.
pub(super) fn is_decided(text: &str) -> bool {
    let Ok(document) = json::read_written(text.as_bytes()) else { return false };
    let statements = match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        Some(_) => return false,
        None => Vec::new(),
    };
    let is_open = |value: &Value| json::write(value).contains("${");
    statements
        .iter()
        .all(|statement| ["Effect", "Action", "NotAction"].iter().all(|name| !statement.get(name).is_some_and(is_open)))
}

fn statement(statement: &Value) -> Value {
    let mut entries: Vec<(&str, Value)> =
        vec![("Effect", statement.get("effect").cloned().unwrap_or_else(|| "Allow".into()))];
    if let Some(sid) = statement.get("sid").filter(|sid| sid.as_str() != Some("")) {
        entries.push(("Sid", sid.clone()));
    }
    for (from, to) in [
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        if let Some(value) = statement.get(from).map(with_variables).filter(|value| !is_empty(value)) {
            entries.push((to, single(&sorted(&value))));
        }
    }
    for (from, to) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        if let Some(principals) = statement.get(from).and_then(Value::as_array) {
            entries.push((to, principal(principals)));
        }
    }
    if let Some(conditions) = statement.get("condition").and_then(Value::as_array) {
        entries.push(("Condition", condition(conditions)));
    }
    Value::object(entries)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Set(set) => set.is_empty(),
        _ => false,
    }
}

/// `&{` is how a variable of a policy is written where `${` would be one of Terraform's.
fn with_variables(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains("&{") => text.replace("&{", "${").into(),
        Value::Array(list) => Value::array(list.iter().map(with_variables)),
        Value::Set(set) => Value::array(set.iter().map(with_variables)),
        other => other.clone(),
    }
}

/// Members of a set of texts, each once, the last in the order of bytes first.
fn sorted(value: &Value) -> Value {
    let Value::Array(list) = value else { return value.clone() };
    if list.iter().any(|element| element.as_str().is_none()) {
        return value.clone();
    }
    let mut texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    texts.sort_unstable_by(|a, b| b.cmp(a));
    texts.dedup();
    Value::array(texts.into_iter().map(Value::from))
}

/// A list of one is written as its element.
fn single(value: &Value) -> Value {
    match value {
        Value::Array(list) if list.len() == 1 => list.as_slice()[0].clone(),
        other => other.clone(),
    }
}

/// Identifiers by type; those of a type that comes several times together. Everyone, alone, is `*`.
fn principal(principals: &Array) -> Value {
    let identifiers = |principal: &Value| sorted(&with_variables(principal.get("identifiers").unwrap_or(&Value::Null)));
    if let [only] = principals.as_slice()
        && only.get("type").and_then(Value::as_str) == Some("*")
        && single(&identifiers(only)).as_str() == Some("*")
    {
        return "*".into();
    }
    let mut types = Gathered::new();
    for principal in principals {
        let name = principal.get("type").and_then(Value::as_str).unwrap_or("AWS");
        let found = match identifiers(principal) {
            Value::Array(list) => list.iter().cloned().collect(),
            one => vec![one],
        };
        gather(&mut types, name, found);
    }
    Value::object(types.into_iter().map(|(name, found)| (name, single(&Value::array(found)))))
}

/// Values by variable, by test; those of a variable that comes several times together, in their order.
fn condition(conditions: &Array) -> Value {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let mut tests: Vec<(String, Gathered)> = Vec::new();
    for condition in conditions {
        let test = text(condition.get("test"));
        let values = match condition.get("values").map(with_variables) {
            Some(Value::Array(list)) => list.iter().cloned().collect(),
            other => other.into_iter().collect(),
        };
        let position = tests.iter().position(|(known, _)| *known == test).unwrap_or_else(|| {
            tests.push((test, Vec::new()));
            tests.len() - 1
        });
        gather(&mut tests[position].1, &text(condition.get("variable")), values);
    }
    let flat = |(variable, values): (String, Vec<Value>)| (variable, single(&Value::array(values)));
    Value::object(tests.into_iter().map(|(test, entries)| (test, Value::object(entries.into_iter().map(flat)))))
}

/// Values by name, in the order of their first.
type Gathered = Vec<(String, Vec<Value>)>;

fn gather(all: &mut Gathered, name: &str, values: Vec<Value>) {
    match all.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => known.extend(values),
        None => all.push((name.to_owned(), values)),
    }
}

pub(super) fn has_unknown(value: &Value) -> bool {
    match value {
        Value::Unknown(_) => true,
        Value::Array(list) => list.iter().any(has_unknown),
        Value::Set(set) => set.iter().any(has_unknown),
        Value::Object(object) => object.iter().any(|(_, value)| has_unknown(value)),
        _ => false,
    }
}

/// The value with every unknown inside it written as a text that names what it waits for.
pub(super) fn with_placeholders(value: &Value) -> Value {
    match value {
        Value::Unknown(what) => format!("${{{what}}}").into(),
        Value::Array(list) => Value::array(list.iter().map(with_placeholders)),
        Value::Set(set) => Value::array(set.iter().map(with_placeholders)),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), with_placeholders(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered_of(document: &str) -> String {
        with_json(&json::read(document.as_bytes()).unwrap())
            .get("json")
            .map(|made| made.as_str().unwrap_or("unknown").to_owned())
            .unwrap()
    }

    #[test]
    fn documents_are_rendered_as_the_provider_does() {
        for (document, expected) in [
            (
                r#"{"statement":[{"actions":["s3:Get","s3:Put","s3:Get"],"resources":["arn:&{aws:username}"],"sid":""}]}"#,
                r#"{"Statement":[{"Action":["s3:Put","s3:Get"],"Effect":"Allow","Resource":"arn:${aws:username}"}],"Version":"2012-10-17"}"#,
            ),
            (
                r#"{"version":"2008-10-17","policy_id":"p","statement":[{"effect":"Deny","not_actions":["a"],"not_resources":["b"],
                "principals":[{"type":"AWS","identifiers":["x","y"]},{"type":"AWS","identifiers":["z"]},{"type":"Service","identifiers":["s"]}],
                "condition":[{"test":"T","variable":"v","values":["2","1"]},{"test":"T","variable":"v","values":["3"]},
                {"test":"T","variable":"w","values":["4"]}]}]}"#,
                r#"{"Id":"p","Statement":[{"Condition":{"T":{"v":["2","1","3"],"w":"4"}},"Effect":"Deny","NotAction":"a","NotResource":"b",
"Principal":{"AWS":["y","x","z"],"Service":"s"}}],"Version":"2008-10-17"}"#,
            ),
            (
                r#"{"statement":[{"actions":["*"],"principals":[{"type":"*","identifiers":["*"]}]},
                {"actions":["*"],"not_principals":[{"type":"AWS","identifiers":["*"]}]},
                {"actions":["*"],"principals":[{"type":"*","identifiers":["*"]},{"type":"AWS","identifiers":["x"]}]}]}"#,
                r#"{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*"},{"Action":"*","Effect":"Allow","NotPrincipal":{"AWS":"*"}},
{"Action":"*","Effect":"Allow","Principal":{"*":"*","AWS":"x"}}],"Version":"2012-10-17"}"#,
            ),
            (
                r#"{"source_policy_documents":["{\"Version\":\"2008-10-17\",\"Id\":\"old\",\"Statement\":[{\"Sid\":\"A\",\"Effect\":\"Deny\"},{\"Effect\":\"Deny\"}]}"],
                "statement":[{"sid":"A","actions":["own"]},{"sid":"B","actions":["b"]}],
                "override_policy_documents":["{\"Statement\":{\"Sid\":\"B\",\"Effect\":\"Deny\",\"Action\":[\"x\"]}}"]}"#,
                r#"{"Id":"old","Statement":[{"Action":"own","Effect":"Allow","Sid":"A"},{"Effect":"Deny"},
{"Action":["x"],"Effect":"Deny","Sid":"B"}],"Version":"2012-10-17"}"#,
            ),
            (r#"{"source_policy_documents":["no JSON"]}"#, "unknown"),
            ("{}", r#"{"Version":"2012-10-17"}"#),
        ] {
            assert_eq!(rendered_of(document), expected.replace('\n', ""), "{document}");
        }
    }

    #[test]
    fn what_is_not_known_stands_in_its_place_or_hides_all() {
        let unknown = |name: &str| Value::Unknown(name.into());
        let of = |statement: Value| {
            with_json(&Value::object([("statement", Value::array([statement]))])).get("json").cloned().unwrap()
        };
        let statement =
            Value::object([("actions", Value::array(["a".into()])), ("resources", Value::array([unknown("t.r.arn")]))]);
        assert!(of(statement).as_str().unwrap().contains(r#""Resource":"${t.r.arn}""#));
        assert!(matches!(of(Value::object([("actions", unknown("var.a"))])), Value::Unknown(_)));
        let sources = Value::object([("source_policy_documents", Value::array([unknown("x")]))]);
        assert!(matches!(with_json(&sources).get("json"), Some(Value::Unknown(_))));
    }
}
