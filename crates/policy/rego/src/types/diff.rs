//! Two types side by side, as error messages show them: as short as the difference allows.

use super::text::{UNKNOWN, arg_text, composite, key_text, text};
use super::unify::{Budget, unifies};
use super::{Arg, Array, Function, Object, Type};

const LEFT_OUT: &str = "...";

/// Widest line that is left as it is.
const MAX_LINE: usize = 80;

/// Widest type that is left as it is where it does not matter.
const MAX_TYPE: usize = 32;

/// How many parts of types are compared to find those that do not fit.
const MAX_COMPARED: u32 = 100_000;

/// How deep two types are compared.
const MAX_DEPTH: usize = 8;

const HINT: &str = "https://www.openpolicyagent.org/docs/errors/rego-type-error/match-error";

fn is_wide(line: &str) -> bool {
    line.chars().count() > MAX_LINE
}

/// What operands are and what they should be.
pub(super) fn operands(have: &[Option<Type>], want: &[Arg]) -> Vec<String> {
    let list = |texts: Vec<String>| texts.join(", ");
    let had = format!("have: ({})", list(have.iter().map(|of| text(of.as_ref())).collect()));
    let wanted = format!("want: ({})", list(want.iter().map(arg_text).collect()));
    if !is_wide(&had) && !is_wide(&wanted) {
        return vec![had, wanted];
    }
    let mut haves: Vec<_> = have.iter().map(|of| short(of.as_ref())).collect();
    let mut wants: Vec<_> = want.iter().map(short_arg).collect();
    for (index, (of, arg)) in have.iter().zip(want).enumerate() {
        if !unifies(&Budget::new(MAX_COMPARED), of.as_ref(), arg.of.as_ref()) {
            let (left, right) = pair(of.as_ref(), arg.of.as_ref(), 0);
            haves[index] = left;
            wants[index] = named(arg, &right);
        }
    }
    vec![format!("have: ({})", list(haves)), format!("want: ({})", list(wants))]
}

fn named(arg: &Arg, text: &str) -> String {
    arg.name.as_ref().map_or_else(|| text.to_owned(), |name| format!("{name}: {text}"))
}

fn short_arg(arg: &Arg) -> String {
    let full = arg_text(arg);
    if full.chars().count() <= MAX_TYPE { full } else { named(arg, &elided(arg.of.as_ref(), 0)) }
}

/// The two sides of an equation that cannot hold.
pub(super) fn sides(left: Option<&Type>, right: Option<&Type>) -> Vec<String> {
    let mut lines = vec![format!("left  : {}", text(left)), format!("right : {}", text(right))];
    if lines.iter().any(|line| is_wide(line)) {
        let (left, right) = pair(left, right, 0);
        lines = vec![format!("left  : {left}"), format!("right : {right}")];
    }
    let kind = match (left, right) {
        (Some(Type::Object(_)), Some(Type::Object(_))) => "objects",
        (Some(Type::Array(_)), Some(Type::Array(_))) => "arrays",
        (Some(Type::Set(_)), Some(Type::Set(_))) => "sets",
        _ => return lines,
    };
    lines
        .push(format!("hint  : both sides are {kind} but their types differ, so they can never be equal (see {HINT})"));
    lines
}

/// A type with what is more than `depth` levels within it left out.
fn elided(of: Option<&Type>, depth: usize) -> String {
    let Some(of) = of else { return UNKNOWN.to_owned() };
    let inner = |of: Option<&Type>| elided(of, depth - 1);
    let outermost = depth == 0;
    let list = |count: usize, texts: &dyn Fn() -> Vec<String>| match (outermost, count) {
        (true, 0) => Vec::new(),
        (true, _) => vec![LEFT_OUT.to_owned()],
        (false, _) => texts(),
    };
    match of {
        Type::Set(set) => {
            let members = set.of.as_ref().map(|of| if outermost { LEFT_OUT.to_owned() } else { inner(Some(of)) });
            composite("set", &[], members.as_deref())
        }
        Type::Array(array) => {
            let fixed = list(array.fixed.len(), &|| array.fixed.iter().map(|of| inner(of.as_ref())).collect());
            let rest = array.rest.as_ref().map(|of| if outermost { LEFT_OUT.to_owned() } else { inner(Some(of)) });
            composite("array", &fixed, rest.as_deref())
        }
        Type::Object(object) => {
            let properties = || object.fixed.iter().map(|(key, of)| property(key, &inner(of.as_ref()))).collect();
            let fixed = list(object.fixed.len(), &properties);
            let rest = object.rest.as_ref().map(|rest| {
                if outermost {
                    return LEFT_OUT.to_owned();
                }
                format!("{}: {}", inner(rest.key.as_ref()), inner(rest.value.as_ref()))
            });
            composite("object", &fixed, rest.as_deref())
        }
        Type::OneOf(one_of) => {
            let texts = || one_of.alternatives.iter().map(|of| inner(Some(of))).collect();
            composite("any", &list(one_of.alternatives.len(), &texts), None)
        }
        Type::Function(function) => elided_function(function, depth),
        other => other.to_string(),
    }
}

fn elided_function(function: &Function, depth: usize) -> String {
    let result = function.result.as_ref().and_then(|arg| arg.of.as_ref());
    if depth > 0 {
        let args: Vec<_> = function.args.iter().map(|arg| elided(arg.of.as_ref(), depth - 1)).collect();
        return function_text(&args, &elided(result, depth - 1));
    }
    let args = if function.args.is_empty() { Vec::new() } else { vec![LEFT_OUT.to_owned()] };
    function_text(&args, if result.is_some() { LEFT_OUT } else { UNKNOWN })
}

fn function_text(args: &[String], result: &str) -> String {
    format!("({}) => {result}", args.join(", "))
}

fn property(key: &probity_model::value::Value, text: &str) -> String {
    format!("{}: {text}", key_text(key))
}

/// A type, only its kind when it is long.
fn short(of: Option<&Type>) -> String {
    let full = text(of);
    if full.chars().count() <= MAX_TYPE { full } else { elided(of, 0) }
}

fn equal(one: Option<&Type>, other: Option<&Type>) -> bool {
    text(one) == text(other)
}

/// Both types with what they have alike left out.
fn pair(one: Option<&Type>, other: Option<&Type>, depth: usize) -> (String, String) {
    let both = match (one, other) {
        (Some(a), Some(b)) if depth < MAX_DEPTH && !equal(one, other) => Some((a, b)),
        _ => None,
    };
    match both {
        Some((Type::Set(a), Type::Set(b))) if a.of.is_some() && b.of.is_some() => {
            let (left, right) = pair(a.of.as_ref(), b.of.as_ref(), depth + 1);
            (format!("set[{left}]"), format!("set[{right}]"))
        }
        Some((Type::Array(a), Type::Array(b))) => arrays((one, a), (other, b), depth),
        Some((Type::Object(a), Type::Object(b))) => objects(a, b, depth),
        Some((Type::OneOf(a), Type::OneOf(b))) => alternatives(&a.alternatives, &b.alternatives),
        Some((Type::OneOf(a), Type::Any)) => alternatives(&a.alternatives, &[]),
        Some((Type::Any, Type::OneOf(b))) => alternatives(&[], &b.alternatives),
        Some((Type::Function(a), Type::Function(b))) if a.args.len() == b.args.len() => functions(a, b, depth),
        _ => (short(one), short(other)),
    }
}

fn arrays(one: (Option<&Type>, &Array), other: (Option<&Type>, &Array), depth: usize) -> (String, String) {
    let (a, b) = (one.1, other.1);
    if a.fixed.len() != b.fixed.len() || a.rest.is_some() != b.rest.is_some() {
        return (elided(one.0, 1), elided(other.0, 1));
    }
    let pairs = a.fixed.iter().zip(&b.fixed).map(|(a, b)| pair(a.as_ref(), b.as_ref(), depth + 1));
    let (left, right): (Vec<_>, Vec<_>) = pairs.unzip();
    let rest = a.rest.is_some().then(|| pair(a.rest.as_ref(), b.rest.as_ref(), depth + 1));
    let (rest_left, rest_right) = rest.unzip();
    (composite("array", &left, rest_left.as_deref()), composite("array", &right, rest_right.as_deref()))
}

fn objects(a: &Object, b: &Object, depth: usize) -> (String, String) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let mut alike = false;
    for (key, of) in &a.fixed {
        match b.fixed.iter().find(|(other, _)| other == key) {
            None => left.push(property(key, &short(of.as_ref()))),
            Some((_, other)) if equal(of.as_ref(), other.as_ref()) => alike = true,
            Some((_, other)) => {
                let (one, other) = pair(of.as_ref(), other.as_ref(), depth + 1);
                left.push(property(key, &one));
                right.push((key, other));
            }
        }
    }
    let only = b.fixed.iter().filter(|(key, _)| !a.fixed.iter().any(|(other, _)| other == key));
    right.extend(only.map(|(key, of)| (key, short(of.as_ref()))));
    right.sort_by_key(|(key, _)| *key);
    let mut right: Vec<_> = right.into_iter().map(|(key, text)| property(key, &text)).collect();
    if alike {
        left.push(LEFT_OUT.to_owned());
        right.push(LEFT_OUT.to_owned());
    }
    let (rest_left, rest_right) = match (&a.rest, &b.rest) {
        (Some(a), Some(b)) => {
            let (key_left, key_right) = pair(a.key.as_ref(), b.key.as_ref(), depth + 1);
            let (value_left, value_right) = pair(a.value.as_ref(), b.value.as_ref(), depth + 1);
            (Some(format!("{key_left}: {value_left}")), Some(format!("{key_right}: {value_right}")))
        }
        (a, b) => {
            let alone = |rest: &super::Rest| format!("{}: {}", short(rest.key.as_ref()), short(rest.value.as_ref()));
            (a.as_ref().map(alone), b.as_ref().map(alone))
        }
    };
    (composite("object", &left, rest_left.as_deref()), composite("object", &right, rest_right.as_deref()))
}

fn alternatives(a: &[Type], b: &[Type]) -> (String, String) {
    let among = |of: &Type, others: &[Type]| others.iter().any(|other| equal(Some(of), Some(other)));
    let only = |these: &[Type], others: &[Type]| -> Vec<String> {
        these.iter().filter(|of| !among(of, others)).map(|of| short(Some(of))).collect()
    };
    let (mut left, mut right) = (only(a, b), only(b, a));
    if left.len() < a.len() {
        left.push(LEFT_OUT.to_owned());
        right.push(LEFT_OUT.to_owned());
    }
    (composite("any", &left, None), composite("any", &right, None))
}

fn functions(a: &Function, b: &Function, depth: usize) -> (String, String) {
    let pairs = a.args.iter().zip(&b.args).map(|(a, b)| pair(a.of.as_ref(), b.of.as_ref(), depth + 1));
    let (left, right): (Vec<_>, Vec<_>) = pairs.unzip();
    let result = |function: &Function| function.result.as_ref().and_then(|arg| arg.of.clone());
    let (result_left, result_right) = pair(result(a).as_ref(), result(b).as_ref(), depth + 1);
    (function_text(&left, &result_left), function_text(&right, &result_right))
}
