//! What differs between two answers.

use probity_model::json;
use probity_model::value::Value;

use crate::case::{Answer, Failure, Outcome};

/// One difference.
pub struct Difference {
    /// Differences of one class are likely to have one cause.
    pub class: String,
    /// The query it is of, when it is of one.
    pub query: Option<usize>,
}

/// Whether a message is one of the type checker.
fn is_of_types(failure: &Failure) -> bool {
    failure.code == "rego_type_error"
        && ["match error", "invalid argument", "undefined ref", "args must be", "does not match", "used as reference"]
            .iter()
            .any(|text| failure.message.contains(text))
}

fn spent(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.code == "eval_cancel_error")
}

/// What we say otherwise than OPA. `types` tells whether errors of types count, `messages` whether texts do.
pub fn with_opa(opa: &Answer, ours: &Answer, strict: bool, types: bool, messages: bool) -> Vec<Difference> {
    let whole = |class: String| vec![Difference { class, query: None }];
    let code = |failure: &Option<Failure>| failure.as_ref().map_or("ok", |failure| failure.code.as_str()).to_owned();
    if opa.refused.as_ref().is_some_and(|failure| matches!(failure.code.as_str(), "case" | "panic")) {
        return Vec::new();
    }
    match (&opa.types, &ours.refused) {
        (Some(wanted), Some(refused)) if refused.code == "rego_type_error" => {
            if messages && wanted.message != refused.message {
                return whole("types: message".to_owned());
            }
            return Vec::new();
        }
        (Some(wanted), None) if types => {
            let kind = wanted.message.split(['\n', ':']).next().unwrap_or_default().to_owned();
            return whole(format!("types: OPA {kind}, ours ok"));
        }
        (None, Some(refused)) if opa.refused.is_none() && is_of_types(refused) => {
            return whole("types: OPA ok, ours refuses".to_owned());
        }
        _ => {}
    }
    match (&opa.refused, &ours.refused) {
        (None, None) => {}
        // Which of several errors is found first is no matter.
        (Some(a), Some(b)) if a.codes.len() > 1 && a.codes.contains(&b.code) => return Vec::new(),
        // A function that has the name of a variable declared after the call is unknown, too.
        (Some(a), Some(b))
            if a.message.ends_with("referenced above") && b.message.starts_with("undefined function") =>
        {
            return Vec::new();
        }
        (Some(a), Some(b)) if a.code == b.code => {
            if messages && a.message != b.message {
                return whole(format!("message: {}", a.code));
            }
            return Vec::new();
        }
        (a, b) => return whole(format!("refused: OPA {}, ours {}", code(a), code(b))),
    }
    let mut found = Vec::new();
    for (query, (a, b)) in opa.results.iter().zip(&ours.results).enumerate() {
        // What is ill typed may be evaluated less strictly than the language wants.
        if spent(a) || spent(b) || opa.types.is_some() && strict {
            continue;
        }
        // OPA may leave undone what a query does not need, and which error comes first is chance.
        if strict && matches!((a, b), (Outcome::Failed(_), Outcome::Failed(_))) {
            continue;
        }
        if let Outcome::Failed(failure) = a
            && is_of_types(failure)
            && !types
        {
            continue;
        }
        if let Some(class) = outcomes(a, b, opa.types.is_some(), messages) {
            found.push(Difference { class, query: Some(query) });
        }
    }
    found
}

fn outcomes(opa: &Outcome, ours: &Outcome, ill_typed: bool, messages: bool) -> Option<String> {
    match (opa, ours) {
        (Outcome::Undefined, Outcome::Undefined) => None,
        (Outcome::Values(a), Outcome::Values(b)) if a == b => {
            (messages && form(a) != form(b)).then(|| "form of values".to_owned())
        }
        (Outcome::Values(_), Outcome::Values(_)) => Some("values".to_owned()),
        (Outcome::Failed(a), Outcome::Failed(b)) if a.code == b.code => {
            (messages && a.message != b.message).then(|| format!("message: {}", a.code))
        }
        // A query may be wrong in its types, too.
        (_, Outcome::Failed(b)) if ill_typed && is_of_types(b) => None,
        (a, b) => Some(format!("OPA {}, ours {}", kind(a), kind(b))),
    }
}

fn kind(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Undefined => "undefined".to_owned(),
        Outcome::Values(_) => "values".to_owned(),
        Outcome::Failed(failure) => failure.code.clone(),
    }
}

fn form(value: &Value) -> String {
    json::write(value)
}

/// Whether regorus says something else than what the others agree on.
pub fn regorus_differs(agreed: &Answer, regorus: &Answer) -> bool {
    if agreed.refused.is_some() || regorus.refused.is_some() {
        return agreed.refused.is_some() != regorus.refused.is_some();
    }
    agreed.results.iter().zip(&regorus.results).any(|pair| match pair {
        (Outcome::Undefined, Outcome::Undefined) | (Outcome::Failed(_), Outcome::Failed(_)) => false,
        (Outcome::Values(a), Outcome::Values(b)) => a != b,
        _ => true,
    })
}

/// Whether we fail on a query where OPA does not, as it leaves undone what is not needed: where a query or a rule asks for a
/// part only, or where a rule's index says that it has no value before a function in it is called.
pub fn is_eager(case: &crate::case::Case, difference: &Difference) -> bool {
    let whole = |query: &String| query.starts_with("x = ") && !query.ends_with(']');
    let part = difference.query.and_then(|query| case.queries.get(query)).is_some_and(|query| !whole(query));
    // Rules of one name conflict only when both are evaluated.
    let conflict = difference.class.ends_with("ours eval_conflict_error");
    difference.class.contains("ours eval_")
        && (part || case.strict || conflict)
        && ["OPA values", "OPA undefined"].iter().any(|begin| difference.class.starts_with(begin))
}

/// Whether we refuse a variable without value that OPA forgets: one that only stands in a set, though no set binds what is in
/// it, and one of an expression in which there is also a comprehension or a function that is replaced.
pub fn is_forgotten_variable(case: &crate::case::Case, class: &str) -> bool {
    let is_variable = |text: &str| {
        let digits = text.strip_prefix('x').map_or(0, |rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        let rest = text[(1 + digits).min(text.len())..].trim_start();
        digits > 0 && (rest.is_empty() || rest.starts_with(['}', '|']))
    };
    let in_set = |text: &String| text.split(['{', ',']).skip(1).any(|part| is_variable(part.trim_start()));
    let refused = [
        "refused: OPA ok, ours rego_unsafe_var_error",
        "refused: OPA rego_recursion_error, ours rego_unsafe_var_error",
    ];
    refused.contains(&class) && case.modules.iter().any(|text| in_set(text) || text.contains('|'))
}

/// Whether OPA answers otherwise because of the way that it works: its tree of rules tells `1` from `1.0`, its texts may be no
/// UTF-8, separators of lines are white space to its YAML, it evaluates closures before what they need, it forgets to sort sets
/// of what is not constant and to drop what is in them twice, it does not look for assignments within sets of sets, and
/// `not true` holds in rules whose value is no constant.
pub fn is_of_its_making(case: &crate::case::Case, opa: &Answer, ours: &Answer, difference: &Difference) -> bool {
    let says = |part: &str| case.modules.iter().chain(&case.queries).any(|text| text.contains(part));
    let outcomes = difference.query.and_then(|query| Some((opa.results.get(query)?, ours.results.get(query)?)));
    let early =
        matches!(outcomes, Some((Outcome::Failed(failure), _)) if failure.message.contains("requires evaluation"));
    let unsorted = matches!(outcomes, Some((Outcome::Values(a), Outcome::Values(b))) if sorted(a) == sorted(b));
    let unchecked = opa.refused.is_none()
        && ours.refused.as_ref().is_some_and(|failure| failure.message.starts_with("cannot assign"))
        && says("{{");
    early
        || unsorted
        || unchecked
        || ["[1.0]", "[.0]", "[0.0]", "[1.5", "replace(\"\u{2028}", "%E9", "hex.decode(", "(-.", "not true", "\\u2028"].iter().any(|part| says(part))
}

/// A value with all its lists in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(array) => {
            let mut members: Vec<Value> = array.iter().map(sorted).collect();
            members.sort();
            members.dedup();
            Value::array(members)
        }
        Value::Set(set) => Value::Set(set.iter().map(sorted).collect()),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        other => other.clone(),
    }
}

/// Whether OPA refuses a variable that has a value: one that stands in a comprehension and, beside it in the same expression, as
/// a key of a reference, as in `x := 1; [1 | x > 0] == data.n[x]`.
pub fn is_closure_beside_reference(opa: &Answer, difference: &Difference) -> bool {
    let closed = opa.refused.as_ref().is_some_and(|failure| failure.message.starts_with("var x"));
    closed && difference.class.starts_with("refused: OPA rego_unsafe_var_error, ours ")
}
