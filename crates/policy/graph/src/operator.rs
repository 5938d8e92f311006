//! The operators of attribute conditions.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::civil::Date;
use probity_model::{Number, Problem, Value, json, node::Node};

use crate::action;
use crate::path::{Path, embedded};
use crate::pattern::Pattern;
use crate::unknown::{Partial, cannot_be, is_given_by_provider};

/// A positive test of one value; negated operators are the negation of one of these.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Any,
    Exists,
    /// There, and not an empty string.
    Set,
    Equals(Value),
    /// Equal to what stands at another path; judged where both are at hand.
    EqualsAttribute(Path),
    /// A number not above the one that stands at another path; judged where both are at hand.
    AtMostAttribute(Path),
    /// A day or time not more than so many days before the day of the evaluation; judged where that is at hand.
    WithinDays(i64),
    /// Inside one of the networks that stand at another path; judged where both are at hand.
    CidrWithinAttribute(Path),
    EqualsIgnoreCase(String),
    IsTrue,
    IsEmpty,
    Within(Vec<Value>),
    Contains(Value),
    StartingWith(String),
    EndingWith(String),
    Regex(Box<Pattern>),
    Compare(Comparison, Value),
    Subset(Vec<Value>),
    Intersects(Vec<Value>),
    Length(Comparison, i64),
    Words(Comparison, i64),
    Range(Vec<(i64, i64)>),
    RangeLongerThan(i64),
    CidrWithin(Vec<IpNet>),
    CidrContains(Vec<IpNet>),
    ImageRegistryWithin(Vec<String>),
    AllowsAction(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// An operator with its value.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) name: String,
    pub(crate) test: Test,
    pub(crate) negated: bool,
    /// The value as it is shown.
    pub(crate) expected: Option<Value>,
}

const NAMES: &[&str] = &[
    "any",
    "exists",
    "not_exists",
    "is_set",
    "is_not_set",
    "equals_attribute",
    "not_equals_attribute",
    "equals",
    "not_equals",
    "equals_ignore_case",
    "not_equals_ignore_case",
    "is_true",
    "is_false",
    "is_empty",
    "is_not_empty",
    "within",
    "not_within",
    "contains",
    "not_contains",
    "starting_with",
    "not_starting_with",
    "ending_with",
    "not_ending_with",
    "regex_match",
    "not_regex_match",
    "greater_than",
    "greater_than_or_equal",
    "less_than",
    "less_than_or_equal",
    "less_than_or_equal_attribute",
    "within_days",
    "not_within_days",
    "subset",
    "not_subset",
    "intersects",
    "not_intersects",
    "length_equals",
    "length_not_equals",
    "length_greater_than",
    "length_greater_than_or_equal",
    "length_less_than",
    "length_less_than_or_equal",
    "number_of_words_equals",
    "number_of_words_not_equals",
    "number_of_words_greater_than",
    "number_of_words_greater_than_or_equal",
    "number_of_words_less_than",
    "number_of_words_less_than_or_equal",
    "range_includes",
    "range_not_includes",
    "range_longer_than",
    "not_range_longer_than",
    "cidr_within",
    "not_cidr_within",
    "cidr_within_attribute",
    "not_cidr_within_attribute",
    "cidr_contains",
    "not_cidr_contains",
    "cidr_range_subset",
    "cidr_range_not_subset",
    "image_registry_within",
    "not_image_registry_within",
    "allows_action",
    "not_allows_action",
];

impl Operator {
    /// Reads an operator by name, with its value.
    pub(crate) fn read(name: Node<'_>, value: Option<Node<'_>>) -> Result<Self, Problem> {
        let text = name.string()?;
        if !NAMES.contains(&text) {
            let problem = name.problem(format!("unknown operator `{text}`"));
            return Err(match probity_model::node::closest(text, NAMES) {
                Some(meant) => problem.with_help(format!("did you mean `{meant}`?")),
                None => problem.with_help("docs/writing-policies.md lists the operators"),
            });
        }
        let (positive, negated) = positive(text);
        let test = read_test(positive, name, value)?;
        Ok(Self { name: text.to_owned(), test, negated, expected: value.map(|node| node.value.clone()) })
    }

    /// Finds what is wrong with its pattern, which reading leaves for later.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match &self.test {
            Test::Regex(pattern) => pattern.check(),
            _ => Ok(()),
        }
    }
}

/// The positive operator behind a name, and whether the name negates it.
fn positive(name: &str) -> (&str, bool) {
    match name {
        "is_false" => ("is_true", true),
        "is_not_empty" => ("is_empty", true),
        "is_not_set" => ("is_set", true),
        "length_not_equals" => ("length_equals", true),
        "number_of_words_not_equals" => ("number_of_words_equals", true),
        "range_not_includes" => ("range_includes", true),
        "cidr_range_subset" => ("cidr_within", false),
        "cidr_range_not_subset" => ("cidr_within", true),
        _ => match name.strip_prefix("not_") {
            Some(positive) => (positive, true),
            None => (name, false),
        },
    }
}

fn read_test(name: &str, at: Node<'_>, value: Option<Node<'_>>) -> Result<Test, Problem> {
    let needed = || value.ok_or_else(|| at.problem(format!("operator `{name}` needs a value")));
    let text = || needed()?.text();
    let list = || Ok::<_, Problem>(needed()?.list_or_one()?.into_iter().map(|node| node.value.clone()).collect());
    let texts = || needed()?.list_or_one()?.into_iter().map(Node::text).collect::<Result<Vec<_>, _>>();
    let number = || {
        let node = needed()?;
        let text = node.text()?;
        text.parse::<i64>().map_err(|_| node.problem(format!("`{text}` is not a whole number")))
    };
    let path = || {
        let node = needed()?;
        Path::parse(&node.text()?).map_err(|message| node.problem(message))
    };
    if let Some(rest) = name.strip_prefix("length_") {
        return Ok(Test::Length(comparison(rest), number()?));
    }
    if let Some(rest) = name.strip_prefix("number_of_words_") {
        return Ok(Test::Words(comparison(rest), number()?));
    }
    Ok(match name {
        "any" => Test::Any,
        "exists" => Test::Exists,
        "is_set" => Test::Set,
        "equals_attribute" => Test::EqualsAttribute(path()?),
        "cidr_within_attribute" => Test::CidrWithinAttribute(path()?),
        "less_than_or_equal_attribute" => Test::AtMostAttribute(path()?),
        "within_days" => Test::WithinDays(number()?),
        "equals" => Test::Equals(needed()?.value.clone()),
        "equals_ignore_case" => Test::EqualsIgnoreCase(text()?.to_lowercase()),
        "is_true" => Test::IsTrue,
        "is_empty" => Test::IsEmpty,
        "within" => Test::Within(list()?),
        "contains" => Test::Contains(needed()?.value.clone()),
        "starting_with" => Test::StartingWith(text()?),
        "ending_with" => Test::EndingWith(text()?),
        "regex_match" => Test::Regex(Box::new(Pattern::read(needed()?)?)),
        "subset" => Test::Subset(list()?),
        "intersects" => Test::Intersects(list()?),
        "range_includes" => Test::Range(ranges(needed()?)?),
        "range_longer_than" => Test::RangeLongerThan(number()?),
        "cidr_within" => Test::CidrWithin(networks(needed()?)?),
        "cidr_contains" => Test::CidrContains(networks(needed()?)?),
        "image_registry_within" => Test::ImageRegistryWithin(texts()?),
        "allows_action" => Test::AllowsAction(texts()?),
        _ => Test::Compare(comparison(name), needed()?.value.clone()),
    })
}

fn comparison(name: &str) -> Comparison {
    match name {
        "greater_than" => Comparison::Greater,
        "greater_than_or_equal" => Comparison::GreaterOrEqual,
        "less_than" => Comparison::Less,
        "less_than_or_equal" => Comparison::LessOrEqual,
        _ => Comparison::Equal,
    }
}

fn ranges(node: Node<'_>) -> Result<Vec<(i64, i64)>, Problem> {
    node.list_or_one()?
        .into_iter()
        .map(|element| {
            let text = element.text()?;
            range(&text)
                .ok_or_else(|| element.problem(format!("`{text}` is neither a number nor a range such as 20-25")))
        })
        .collect()
}

fn range(text: &str) -> Option<(i64, i64)> {
    if let Ok(number) = text.trim().parse() {
        return Some((number, number));
    }
    let (first, last) = text.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

fn networks(node: Node<'_>) -> Result<Vec<IpNet>, Problem> {
    node.list_or_one()?
        .into_iter()
        .map(|element| {
            let text = element.text()?;
            network(&text).ok_or_else(|| element.problem(format!("`{text}` is not a network such as 10.0.0.0/8")))
        })
        .collect()
}

fn network(text: &str) -> Option<IpNet> {
    text.trim().parse().ok().or_else(|| text.trim().parse::<IpAddr>().ok().map(IpNet::from))
}

impl Test {
    /// Whether the value meets the test; `None` when that cannot be known.
    pub(crate) fn meets(&self, value: &Value) -> Option<bool> {
        if let Value::Unknown(what) = value {
            return self.meets_unknown(what);
        }
        let meets = match self {
            Self::Any => true,
            Self::Exists => !value.is_null(),
            Self::Set => !value.is_null() && value.as_str() != Some(""),
            Self::Equals(expected) => loosely_equal(value, expected),
            // They need the document, see `Test::compared`, or the day.
            Self::EqualsAttribute(_)
            | Self::CidrWithinAttribute(_)
            | Self::AtMostAttribute(_)
            | Self::WithinDays(_) => return None,
            Self::EqualsIgnoreCase(expected) => text_of(value).to_lowercase() == *expected,
            Self::IsTrue => match value {
                Value::Bool(truth) => *truth,
                Value::String(text) => text.eq_ignore_ascii_case("true"),
                _ => false,
            },
            Self::IsEmpty => length(value) == Some(0),
            Self::Within(list) => list.iter().any(|expected| loosely_equal(value, expected)),
            Self::Contains(expected) => return contains(value, expected),
            Self::StartingWith(start) => value.as_str().is_some_and(|text| text.starts_with(start.as_str())),
            Self::EndingWith(end) => value.as_str().is_some_and(|text| text.ends_with(end.as_str())),
            // One that runs over its bound has not decided anything.
            Self::Regex(pattern) => return pattern.matches(&text_of(value)),
            Self::Compare(comparison, expected) => compare(value, *comparison, expected),
            Self::Subset(list) => {
                return every(value, |element| list.iter().any(|known| loosely_equal(element, known)));
            }
            Self::Intersects(list) => {
                let never = |element: &Value| matches!(element, Value::Unknown(what) if list.iter().all(|expected| never_is(what, expected)));
                let elements: Vec<Value> = elements(value).into_iter().filter(|element| !never(element)).collect();
                return some(&elements, |element| list.iter().any(|known| loosely_equal(element, known)));
            }
            Self::Length(comparison, expected) => length(value)
                .and_then(|length| i64::try_from(length).ok())
                .is_some_and(|length| ordered(length.cmp(expected), *comparison)),
            Self::Words(comparison, expected) => value.as_str().is_some_and(|text| {
                let words = i64::try_from(text.split_whitespace().count()).unwrap_or(i64::MAX);
                ordered(words.cmp(expected), *comparison)
            }),
            Self::Range(ranges) => return some(&elements(value), |element| in_ranges(element, ranges)),
            Self::RangeLongerThan(most) => {
                let longer = |(first, last): (i64, i64)| last.saturating_sub(first) > *most;
                return some(&elements(value), |element| range(&text_of(element)).is_some_and(longer));
            }
            Self::CidrWithin(outer) => {
                return every(value, |element| {
                    network(&text_of(element)).is_some_and(|inner| outer.iter().any(|outer| outer.contains(&inner)))
                });
            }
            Self::CidrContains(inner) => {
                return some(&elements(value), |element| {
                    network(&text_of(element)).is_some_and(|outer| inner.iter().any(|inner| outer.contains(inner)))
                });
            }
            Self::ImageRegistryWithin(hosts) => {
                let host = image_registry(&text_of(value));
                hosts.iter().any(|known| known.eq_ignore_ascii_case(&host))
            }
            Self::AllowsAction(actions) => {
                return some(&elements(value), |pattern| {
                    let pattern = text_of(pattern);
                    actions.iter().any(|action| action::allows(&pattern, action))
                });
            }
        };
        Some(meets)
    }
}

impl Test {
    /// Whether a value meets the test of which only this is known.
    fn meets_unknown(&self, what: &str) -> Option<bool> {
        let partial = Partial::of(what);
        match self {
            Self::Any | Self::Exists | Self::Set => Some(true),
            Self::IsEmpty if is_given_by_provider(what) => Some(false),
            Self::Equals(expected) if never_is(what, expected) => Some(false),
            Self::Within(list) | Self::Intersects(list) if list.iter().all(|expected| never_is(what, expected)) => {
                Some(false)
            }
            Self::IsEmpty => partial?.is_empty(),
            Self::Contains(expected) => partial?.contains(&text_of(expected)),
            Self::StartingWith(start) => partial?.starts_with(start),
            Self::EndingWith(end) => partial?.ends_with(end),
            Self::Regex(pattern) => partial?.matches(|text| pattern.matches(text) == Some(true)),
            _ => None,
        }
    }

    /// Whether the test is only of something being there.
    pub(crate) fn is_of_presence(&self) -> bool {
        matches!(self, Self::Any | Self::Exists | Self::Set)
    }

    /// Where the value stands that this test compares with, and how.
    pub(crate) fn compared(&self) -> Option<(&Path, Comparer)> {
        match self {
            Self::EqualsAttribute(path) => Some((path, equal_values)),
            Self::CidrWithinAttribute(path) => Some((path, within_network)),
            Self::AtMostAttribute(path) => Some((path, at_most)),
            _ => None,
        }
    }
}

/// Whether what is not known will surely not be this value.
fn never_is(what: &str, expected: &Value) -> bool {
    cannot_be(what, expected) || Partial::of(what).is_some_and(|partial| !partial.may_be(&text_of(expected)))
}

/// How a value is compared with one that stands elsewhere; `None` when that cannot be known.
pub(crate) type Comparer = fn(&Value, &Value) -> Option<bool>;

/// Whether an address or network is inside another; not known of what is neither.
fn within_network(inner: &Value, outer: &Value) -> Option<bool> {
    let (inner, outer) = (network(inner.as_str()?)?, network(outer.as_str()?)?);
    Some(outer.contains(&inner))
}

/// Whether a number is not above another; not known of what is neither.
fn at_most(value: &Value, most: &Value) -> Option<bool> {
    let is_number = |value: &Value| matches!(value, Value::Number(_));
    (is_number(value) && is_number(most)).then(|| compare(value, Comparison::LessOrEqual, most))
}

/// Whether a day, or a time that begins with one (RFC 3339), is at most so many days ago. One day ahead is today somewhere;
/// what is later is no time at which something was done.
pub(crate) fn within_days(value: &Value, days: i64, today: Date) -> bool {
    let day = value.as_str().and_then(|text| text.get(..10)).and_then(|day| day.parse::<Date>().ok());
    let age = day.and_then(|day| day.until(today).ok()).map(|span| i64::from(span.get_days()));
    age.is_some_and(|age| (-1..=days).contains(&age))
}

/// Whether two values are the same. References to one attribute are, whatever its value will be; ids and ARNs of two
/// resources are not.
pub(crate) fn equal_values(left: &Value, right: &Value) -> Option<bool> {
    match (left, right) {
        (Value::Unknown(left), Value::Unknown(right)) if !left.contains(' ') && left == right => Some(true),
        (Value::Unknown(left), Value::Unknown(right)) if is_given_by_provider(left) && is_given_by_provider(right) => {
            Some(false)
        }
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => None,
        (left, right) => Some(loosely_equal(left, right)),
    }
}

/// The registry host that an image reference names, in lower case; without one it is Docker Hub's (the rule of
/// `github.com/distribution/reference`).
fn image_registry(reference: &str) -> String {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host.to_ascii_lowercase(),
        _ => "docker.io".to_owned(),
    }
}

/// The elements of a list or set, the keys of an object, or the value itself.
fn elements(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list.iter().cloned().collect(),
        Value::Set(set) => set.iter().cloned().collect(),
        Value::Object(object) => object.iter().map(|(key, _)| key.as_str().into()).collect(),
        other => vec![other.clone()],
    }
}

fn some(elements: &[Value], test: impl Fn(&Value) -> bool) -> Option<bool> {
    if elements.iter().any(&test) {
        return Some(true);
    }
    (!elements.iter().any(|element| matches!(element, Value::Unknown(_)))).then_some(false)
}

fn every(value: &Value, test: impl Fn(&Value) -> bool) -> Option<bool> {
    let elements = elements(value);
    let known = |element: &&Value| !matches!(element, Value::Unknown(_));
    if !elements.iter().filter(known).all(&test) {
        return Some(false);
    }
    elements.iter().all(|element| known(&element)).then_some(true)
}

fn contains(value: &Value, expected: &Value) -> Option<bool> {
    match value {
        Value::String(text) => {
            if let Some(inner) = embedded(text) {
                return contains(&inner, expected);
            }
            Some(text.contains(&text_of(expected)))
        }
        Value::Object(object) => {
            let wanted = text_of(expected);
            Some(
                object.get(&wanted).is_some()
                    || object.iter().any(|(_, inner)| {
                        !matches!(inner, Value::Bool(_) | Value::Number(_)) && contains(inner, expected) == Some(true)
                    }),
            )
        }
        Value::Array(_) | Value::Set(_) => some(&elements(value), |element| loosely_equal(element, expected)),
        _ => Some(false),
    }
}

/// Equality across the ways the same scalar is written: `true` and `"True"`, `1` and `"1"`.
pub(crate) fn loosely_equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Bool(truth), Value::String(text)) | (Value::String(text), Value::Bool(truth)) => {
            text.eq_ignore_ascii_case(if *truth { "true" } else { "false" })
        }
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            text.parse::<Number>().is_ok_and(|other| other == *number)
        }
        _ => a == b,
    }
}

fn compare(value: &Value, comparison: Comparison, expected: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match (number(value), number(expected)) {
        (Some(a), Some(b)) => ordered(a.cmp(&b), comparison),
        // What is no number is neither more nor less than one.
        (None, Some(_)) => false,
        _ => ordered(text_of(value).cmp(&text_of(expected)), comparison),
    }
}

fn ordered(order: std::cmp::Ordering, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
    }
}

fn in_ranges(value: &Value, ranges: &[(i64, i64)]) -> bool {
    let text = text_of(value);
    text == "*" || range(&text).is_some_and(|(first, last)| ranges.iter().any(|&(a, b)| first <= b && a <= last))
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(list) => Some(list.len()),
        Value::Set(set) => Some(set.len()),
        Value::Object(object) => Some(object.len()),
        _ => None,
    }
}

/// The text of a scalar; containers as JSON.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Null => String::new(),
        other => json::write(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(operator: &str, expected: &str, value: &str) -> Option<bool> {
        let (name, expected) = (Value::from(operator), json::read(expected.as_bytes()).unwrap());
        let expected = (!expected.is_null()).then_some(&expected);
        let operator = Operator::read(Node::root(&name, None), expected.map(|value| Node::root(value, None))).unwrap();
        let met = operator.test.meets(&json::read(value.as_bytes()).unwrap());
        met.map(|met| met != operator.negated)
    }

    #[test]
    fn operators() {
        for (operator, expected, value, holds) in [
            ("equals", "true", r#""True""#, true),
            ("equals", r#""1""#, "1", true),
            ("equals", "[1,2]", "[1,2]", true),
            ("not_equals", r#""a""#, r#""b""#, true),
            ("equals_ignore_case", r#""tls""#, r#""TLS""#, true),
            ("is_true", "null", "true", true),
            ("is_false", "null", "false", true),
            ("is_set", "null", r#""x""#, true),
            ("is_set", "null", r#""""#, false),
            ("is_set", "null", "false", true),
            ("is_not_set", "null", r#""""#, true),
            ("is_empty", "null", "[]", true),
            ("is_not_empty", "null", r#""x""#, true),
            ("within", r#"["a","b"]"#, r#""b""#, true),
            ("not_within", r#"["a","b"]"#, r#""b""#, false),
            ("contains", r#""0.0.0.0/0""#, r#"["0.0.0.0/0"]"#, true),
            ("contains", r#""b""#, r#""abc""#, true),
            ("contains", r#""k""#, r#"{"k":1}"#, true),
            ("starting_with", r#""ab""#, r#""abc""#, true),
            ("not_ending_with", r#""bc""#, r#""abc""#, false),
            ("regex_match", r#""a.c""#, r#""abcd""#, true),
            ("regex_match", r#""b""#, r#""abc""#, false),
            ("regex_match", r#""^(?!public).*""#, r#""public-read""#, false),
            ("greater_than", "90", "120", true),
            ("greater_than", r#""90""#, r#""120""#, true),
            ("less_than_or_equal", "7", "7", true),
            ("greater_than_or_equal", "7", "[]", false),
            ("greater_than", "7", r#""many""#, false),
            ("subset", r#"["a","b"]"#, r#"["a"]"#, true),
            ("intersects", r#"["a","b"]"#, r#"["b","c"]"#, true),
            ("not_intersects", r#"["a"]"#, r#"["b"]"#, true),
            ("length_greater_than", "1", "[1,2]", true),
            ("number_of_words_equals", "2", r#""a b""#, true),
            ("range_includes", "22", r#""20-25""#, true),
            ("range_includes", r#""20-25""#, "22", true),
            ("range_longer_than", "30", r#"["80","8000-8031"]"#, true),
            ("range_longer_than", "30", r#"["80","8000-8030"]"#, false),
            ("not_range_longer_than", "30", "443", true),
            ("cidr_within", r#""10.0.0.0/8""#, r#""10.1.0.0/16""#, true),
            ("cidr_contains", r#""8.8.8.8/32""#, r#"["0.0.0.0/0"]"#, true),
            ("cidr_contains", r#""8.8.8.8/32""#, r#""10.0.0.0/8""#, false),
            ("image_registry_within", r#""registry.example""#, r#""Registry.Example/a/b:1""#, true),
            ("image_registry_within", r#""registry.example""#, r#""registry.example.evil.test/a""#, false),
            ("image_registry_within", r#""registry.example""#, r#""evil.test/registry.example/a""#, false),
            ("image_registry_within", r#""docker.io""#, r#""library/nginx""#, true),
            ("image_registry_within", r#""localhost:5000""#, r#""localhost:5000/a""#, true),
            ("allows_action", r#"["iam:PassRole"]"#, r#"["s3:*","iam:Pass*"]"#, true),
            ("allows_action", r#"["iam:PassRole"]"#, r#""iam:Get*""#, false),
            ("not_allows_action", r#""iam:PassRole""#, r#""*""#, false),
        ] {
            assert_eq!(meets(operator, expected, value), Some(holds), "{value} {operator} {expected}");
        }
    }

    #[test]
    fn unknowns_are_unknown_but_exist() {
        let unknown = Value::Unknown("var.x".into());
        assert_eq!(Test::Equals(1.into()).meets(&unknown), None);
        assert_eq!(Test::Exists.meets(&unknown), Some(true));
        assert_eq!(Test::Set.meets(&unknown), Some(true));
        let list = Value::array([unknown, "a".into()]);
        assert_eq!(Test::Contains("a".into()).meets(&list), Some(true));
        assert_eq!(Test::Contains("b".into()).meets(&list), None);
        let star = Test::Intersects(vec!["*".into()]);
        assert_eq!(star.meets(&list), None);
        assert_eq!(star.meets(&Value::array([Value::Unknown("aws_s3_bucket.a.arn".into()), "b".into()])), Some(false));
    }

    #[test]
    fn equal_values_of_references() {
        let reference = |text: &str| Value::Unknown(text.into());
        for (left, right, equal) in [
            (reference("aws_iam_role.a.arn"), reference("aws_iam_role.a.arn"), Some(true)),
            (reference("aws_iam_role.a.arn"), reference("aws_iam_role.b.arn"), Some(false)),
            (reference("var.a"), reference("var.b"), None),
            (reference("var.a"), "x".into(), None),
            (reference("a value of another run"), reference("a value of another run"), None),
            (1.into(), "1".into(), Some(true)),
        ] {
            assert_eq!(equal_values(&left, &right), equal, "{left:?} {right:?}");
        }
    }

    #[test]
    fn an_operator_that_is_not_one_is_named() {
        let name = Value::from("equal");
        let problem = Operator::read(Node::root(&name, None), None).unwrap_err();
        assert_eq!(problem.help.as_deref(), Some("did you mean `equals`?"));
    }
}
