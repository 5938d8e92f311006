//! Named formats: what names and values of Kubernetes look like.

use std::any::Any;

use base64::Engine as _;

use super::url::Url;
use crate::environment::Builder;
use crate::library::args::text;
use crate::program::traversal;
use crate::value::{Opaque, Timestamp};
use crate::{Error, Evaluation, Overload, Type, Value};

const NAME: &str = "kubernetes.NamedFormat";

/// A format as a value: its name, how long the expression that it stands for is, and what is wrong with a text.
#[derive(Debug, Clone, Copy)]
struct Format {
    name: &'static str,
    function: &'static str,
    expression: u64,
    problems: fn(&str) -> Vec<String>,
}

impl Opaque for Format {
    fn type_name(&self) -> &str {
        NAME
    }

    fn equals(&self, other: &dyn Opaque) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref::<Self>().is_some_and(|other| self.name == other.name)
    }
}

const FORMATS: [Format; 13] = [
    of("dns1123Label", "format.dns1123Label", 30, dns_label),
    of("dns1123Subdomain", "format.dns1123Subdomain", 60, dns_subdomain),
    of("dns1035Label", "format.dns1035Label", 30, dns_1035_label),
    of("dns1123LabelPrefix", "format.dns1123LabelPrefix", 30, |text| dns_label(&with_end(text))),
    of("dns1123SubdomainPrefix", "format.dns1123SubdomainPrefix", 60, |text| dns_subdomain(&with_end(text))),
    of("dns1035LabelPrefix", "format.dns1035LabelPrefix", 30, |text| dns_1035_label(&with_end(text))),
    of("qualifiedName", "format.qualifiedName", 60, qualified_name),
    of("labelValue", "format.labelValue", 40, label_value),
    of("uri", "format.uri", 1104, |text| Url::parse(text).err().into_iter().collect()),
    of("uuid", "format.uuid", 72, |text| unless(is_uuid(text), "does not match the UUID format")),
    of("byte", "format.byte", 84, |text| unless(is_base64(text), "invalid base64")),
    of("date", "format.date", 72, |text| unless(is_date(text), "invalid date")),
    of("datetime", "format.datetime", 72, |text| unless(Timestamp::parse(text).is_ok(), "invalid datetime")),
];

const fn of(name: &'static str, function: &'static str, expression: u64, problems: fn(&str) -> Vec<String>) -> Format {
    Format { name, function, expression, problems }
}

pub(super) fn format(builder: &mut Builder) {
    let own = || Type::opaque(NAME);
    let problems = || Type::optional(Type::list(Type::String));
    builder
        .type_name(own())
        .function("format.named", Overload::global("format-named", [Type::String], Type::optional(own()), named))
        .function(
            "validate",
            Overload::member("format-validate", [own(), Type::String], problems(), validate).with_cost(cost),
        );
    for format in FORMATS {
        let make = move |_: &Evaluation<'_>, _: &[Value]| Ok(Value::opaque(format));
        builder.function(format.function, Overload::global(format.function, [], own(), make));
    }
}

fn named(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let name = text(args, 0)?;
    let found = FORMATS.iter().find(|format| format.name == name);
    Ok(found.map_or_else(Value::none, |format| Value::some(Value::opaque(*format))))
}

fn validate(_: &Evaluation<'_>, args: &[Value]) -> Result<Value, Error> {
    let format: &Format = args[0].downcast().ok_or(Error::NoSuchOverload)?;
    let problems = (format.problems)(text(args, 1)?);
    Ok(if problems.is_empty() {
        Value::none()
    } else {
        Value::some(Value::list(problems.into_iter().map(Value::from)))
    })
}

fn cost(args: &[Value], _: &Value) -> u64 {
    let expression = args[0].downcast().map_or(0, |format: &Format| format.expression);
    traversal(1 + args[1].size()) * expression.div_ceil(4)
}

fn unless(right: bool, problem: &str) -> Vec<String> {
    if right { Vec::new() } else { vec![problem.to_owned()] }
}

/// What begins a name may end with a dash: something will be put behind it.
fn with_end(text: &str) -> String {
    match text.strip_suffix('-').filter(|rest| !rest.is_empty()) {
        Some(rest) => format!("{}a", &rest[..rest.len() - rest.chars().next_back().map_or(0, char::len_utf8)]),
        None => text.to_owned(),
    }
}

/// Problems of a text of at most so many bytes.
fn checked(text: &str, longest: usize, right: bool, problem: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if text.len() > longest {
        problems.push(format!("must be no more than {longest} characters"));
    }
    problems.extend(unless(right, problem));
    problems
}

/// Letters and digits, dashes within.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

fn dns_label(text: &str) -> Vec<String> {
    const PROBLEM: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                           start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
                           validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    checked(text, 63, is_label(text), PROBLEM)
}

fn dns_subdomain(text: &str) -> Vec<String> {
    const PROBLEM: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                           and must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
                           validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    checked(text, 253, text.split('.').all(is_label), PROBLEM)
}

fn dns_1035_label(text: &str) -> Vec<String> {
    const PROBLEM: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                           alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', \
                           regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
    checked(text, 63, is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase()), PROBLEM)
}

/// Letters and digits, dashes, underscores and dots within.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.bytes().all(inner) && outer(text.chars().next()) && outer(text.chars().next_back())
}

fn label_value(text: &str) -> Vec<String> {
    const PROBLEM: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                           and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or \
                           '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    checked(text, 63, text.is_empty() || is_name(text), PROBLEM)
}

const NAME_PROBLEM: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
                            alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                            validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn qualified_name(text: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let (mut problems, name) = match parts.as_slice() {
        [name] => (Vec::new(), *name),
        ["", name] => (vec!["prefix part must be non-empty".to_owned()], *name),
        [prefix, name] => {
            (dns_subdomain(prefix).iter().map(|problem| format!("prefix part {problem}")).collect(), *name)
        }
        _ => {
            let problem = format!(
                "a qualified name {NAME_PROBLEM} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            );
            return vec![problem];
        }
    };
    if name.is_empty() {
        problems.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        problems.push("name part must be no more than 63 characters".to_owned());
    }
    problems.extend(unless(is_name(name), &format!("name part {NAME_PROBLEM}")));
    problems
}

fn is_uuid(text: &str) -> bool {
    let mut rest = text;
    for (index, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix('-').unwrap_or(rest);
        }
        let Some((digits, after)) = rest.split_at_checked(length) else { return false };
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

fn is_base64(text: &str) -> bool {
    base64::engine::general_purpose::STANDARD.decode(text.replace(['\r', '\n'], "")).is_ok()
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && Timestamp::parse(&format!("{text}T00:00:00Z")).is_ok()
}
