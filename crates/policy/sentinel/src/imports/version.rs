//! `version`: versions and constraints on them, as go-version has them.

use std::cmp::Ordering;
use std::rc::Rc;

use super::Object;
use crate::eval::{Args, Def, Interp, Stop, Unfit, settle};
use crate::value::Value;

pub(super) static FUNCTIONS: [Def; 1] = [Def { name: "new", call: new }];

pub(super) static METHODS: [Def; 14] = [
    Def { name: "cmp", call: compare },
    Def { name: "compare", call: compare },
    Def { name: "eq", call: |_, args| test(args, Ordering::is_eq) },
    Def { name: "equals", call: |_, args| test(args, Ordering::is_eq) },
    Def { name: "greater_than", call: |_, args| test(args, Ordering::is_gt) },
    Def { name: "greater_than_or_equals", call: |_, args| test(args, Ordering::is_ge) },
    Def { name: "gt", call: |_, args| test(args, Ordering::is_gt) },
    Def { name: "gte", call: |_, args| test(args, Ordering::is_ge) },
    Def { name: "less_than", call: |_, args| test(args, Ordering::is_lt) },
    Def { name: "less_than_or_equals", call: |_, args| test(args, Ordering::is_le) },
    Def { name: "lt", call: |_, args| test(args, Ordering::is_lt) },
    Def { name: "lte", call: |_, args| test(args, Ordering::is_le) },
    Def { name: "sat", call: satisfies },
    Def { name: "satisfies", call: satisfies },
];

/// A version: numbers, at least three, and what stands behind `-` and `+`.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    numbers: Vec<i64>,
    /// How many numbers were written.
    written: usize,
    prerelease: String,
    metadata: String,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let (rest, metadata) = text.split_once('+').unwrap_or((text, ""));
        let (numbers, prerelease) = rest.split_once('-').unwrap_or((rest, ""));
        let known = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || ".-~".contains(c));
        if !known(metadata) || !known(prerelease) || rest.ends_with('-') || text.ends_with('+') {
            return None;
        }
        let digits = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
        let number = |part: &str| part.parse().ok().filter(|_| digits(part));
        let mut numbers: Vec<i64> = numbers.split('.').map(number).collect::<Option<_>>()?;
        let written = numbers.len();
        numbers.resize(written.max(3), 0);
        Some(Self { numbers, written, prerelease: prerelease.to_owned(), metadata: metadata.to_owned() })
    }

    fn text(&self) -> String {
        let numbers: Vec<String> = self.numbers.iter().map(i64::to_string).collect();
        let mut text = numbers.join(".");
        for (sign, part) in [('-', &self.prerelease), ('+', &self.metadata)] {
            if !part.is_empty() {
                text.push(sign);
                text.push_str(part);
            }
        }
        text
    }

    fn order(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let padded = |version: &Self| {
            let mut numbers = version.numbers.clone();
            numbers.resize(length, 0);
            numbers
        };
        padded(self).cmp(&padded(other)).then_with(|| prereleases(&self.prerelease, &other.prerelease))
    }

    pub(crate) fn data(&self) -> Value {
        Value::map([
            ("major", Value::Int(self.numbers[0])),
            ("minor", Value::Int(self.numbers[1])),
            ("patch", Value::Int(self.numbers[2])),
            ("prerelease", Value::text(&self.prerelease)),
            ("metadata", Value::text(&self.metadata)),
            ("version", Value::String(self.text().into())),
        ])
    }
}

/// The order of what stands behind `-`: nothing comes last, numbers come before words.
fn prereleases(a: &str, b: &str) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return b.is_empty().cmp(&a.is_empty()).reverse();
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (Some(a), Some(b)) => match (a.parse::<i64>(), b.parse::<i64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                _ => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn new(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle(argument(args, 0).map(|version| Value::Object(Rc::new(Object::Version(version)))))
}

fn argument(args: &Args, index: usize) -> Result<Version, Unfit> {
    if let Value::Object(object) = args.get(index)?
        && let Object::Version(version) = &**object
    {
        return Ok(version.clone());
    }
    let text = args.text(index)?.to_str();
    Ok(Version::parse(&text).ok_or_else(|| format!("`{text}` is no version"))?)
}

fn receiver(args: &Args) -> Result<&Version, Unfit> {
    match args.receiver.as_deref() {
        Some(Object::Version(version)) => Ok(version),
        _ => Err(format!("{} is a method of a version", args.name).into()),
    }
}

fn test(args: &Args, holds: fn(Ordering) -> bool) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Value::Bool(holds(receiver(args)?.order(&argument(args, 0)?)))))())
}

fn compare(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| Ok(Value::Int(receiver(args)?.order(&argument(args, 0)?) as i64)))())
}

fn satisfies(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| {
        let version = receiver(args)?;
        let text = args.text(0)?.to_str();
        for constraint in text.split(',') {
            let holds = Constraint::parse(constraint).map(|constraint| constraint.allows(version));
            if !holds.ok_or_else(|| format!("`{constraint}` is no constraint on versions"))? {
                return Ok(Value::Bool(false));
            }
        }
        Ok(Value::Bool(true))
    })())
}

struct Constraint<'t> {
    operator: &'t str,
    version: Version,
}

impl<'t> Constraint<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let text = text.trim();
        let operators = ["~>", ">=", "<=", "!=", "=", ">", "<"];
        let operator = operators.into_iter().find(|operator| text.starts_with(operator)).unwrap_or("");
        Some(Self { operator, version: Version::parse(&text[operator.len()..])? })
    }

    fn allows(&self, version: &Version) -> bool {
        let order = version.order(&self.version);
        match self.operator {
            "" | "=" => order.is_eq(),
            "!=" => order.is_ne(),
            ">" => self.agrees_on_prerelease(version) && order.is_gt(),
            "<" => self.agrees_on_prerelease(version) && order.is_lt(),
            ">=" => self.agrees_on_prerelease(version) && order.is_ge(),
            "<=" => self.agrees_on_prerelease(version) && order.is_le(),
            _ => self.pessimistic(version),
        }
    }

    /// A prerelease satisfies only a constraint that names one of the same version.
    fn agrees_on_prerelease(&self, version: &Version) -> bool {
        match (self.version.prerelease.is_empty(), version.prerelease.is_empty()) {
            (false, false) => self.version.numbers == version.numbers,
            (true, false) => false,
            _ => true,
        }
    }

    /// `~>`: the last number that is written may grow.
    fn pessimistic(&self, version: &Version) -> bool {
        let fixed = self.version.written.saturating_sub(1);
        let named = !self.version.prerelease.is_empty() && version.prerelease.is_empty();
        self.agrees_on_prerelease(version)
            && !named
            && version.order(&self.version).is_ge()
            && version.numbers.iter().zip(&self.version.numbers).take(fixed).all(|(a, b)| a == b)
    }
}
