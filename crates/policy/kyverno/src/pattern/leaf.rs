//! Comparisons of a single value with what a pattern says: `>=2 & <10`, `!latest`, `1Gi-4Gi`, `nginx:*`
//! (Kyverno, `pkg/engine/pattern`).

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::sync::LazyLock;

use probity_kubernetes::quantity::Quantity;
use probity_kubernetes::{duration, wildcard};
use probity_model::value::Number;
use probity_model::{SmolStr, Value};
use regex::Regex;

use crate::gofmt;

static RANGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^([-|+]?\d+(?:\.\d+)?[A-Za-z]*)(!?)-([-|+]?\d+(?:\.\d+)?[A-Za-z]*)$").expect("a constant expression")
});

/// How a text compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    More,
    MoreOrEqual,
    Less,
    LessOrEqual,
    InRange,
    NotInRange,
}

impl Comparison {
    /// What a text begins with, or that it is a range.
    pub(crate) fn of(text: &str) -> Self {
        // A sign alone is no sign.
        if text.len() < 2 {
            return Self::Equal;
        }
        let signs = [
            (">=", Self::MoreOrEqual),
            ("<=", Self::LessOrEqual),
            (">", Self::More),
            ("<", Self::Less),
            ("!", Self::NotEqual),
        ];
        if let Some((_, found)) = signs.into_iter().find(|(sign, _)| text.starts_with(sign)) {
            return found;
        }
        match RANGE.captures(text) {
            Some(found) if found[2].is_empty() => Self::InRange,
            Some(_) => Self::NotInRange,
            None => Self::Equal,
        }
    }

    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::NotEqual => "!",
            Self::More => ">",
            Self::MoreOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::InRange => "-",
            Self::NotInRange => "!-",
        }
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::More => ordering.is_gt(),
            Self::MoreOrEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::InRange | Self::NotInRange => false,
        }
    }
}

/// What a pattern says of one value.
#[derive(Debug, Clone)]
pub(crate) enum Leaf {
    Null,
    Bool(bool),
    Number(Number),
    /// An object: any will do.
    Object,
    /// Nothing is such.
    Never,
    Text(TextLeaf),
}

/// Alternatives, of each of which all parts must hold.
#[derive(Debug, Clone)]
pub(crate) struct TextLeaf {
    pub(crate) whole: SmolStr,
    alternatives: Vec<Vec<Test>>,
}

#[derive(Debug, Clone)]
enum Test {
    One(Comparison, Operand),
    Between(Operand, Operand),
    Outside(Operand, Operand),
}

/// What is compared with, in every form that it can be taken in.
#[derive(Debug, Clone)]
struct Operand {
    text: SmolStr,
    duration: Option<i64>,
    quantity: Option<Quantity>,
}

impl Operand {
    fn new(text: &str) -> Self {
        let text = text.trim();
        Self { text: text.into(), duration: duration::parse(text).ok(), quantity: text.parse().ok() }
    }
}

impl Test {
    fn parse(text: &str) -> Self {
        let comparison = Comparison::of(text);
        match comparison {
            Comparison::InRange | Comparison::NotInRange => {
                let (left, right) = RANGE.captures(text).map_or((text, text), |found| {
                    (found.get(1).map_or("", |left| left.as_str()), found.get(3).map_or("", |right| right.as_str()))
                });
                let (left, right) = (Operand::new(left), Operand::new(right));
                if comparison == Comparison::InRange { Self::Between(left, right) } else { Self::Outside(left, right) }
            }
            comparison => Self::One(comparison, Operand::new(&text[comparison.sign().len()..])),
        }
    }

    fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::One(comparison, operand) => subject.compares(*comparison, operand),
            Self::Between(left, right) => {
                subject.compares(Comparison::MoreOrEqual, left) && subject.compares(Comparison::LessOrEqual, right)
            }
            Self::Outside(left, right) => {
                subject.compares(Comparison::Less, left) || subject.compares(Comparison::More, right)
            }
        }
    }
}

/// A value of the resource, in every form that it can be taken in; made when it is first needed.
struct Subject<'v> {
    value: &'v Value,
    number_text: OnceCell<Option<SmolStr>>,
    duration: OnceCell<Option<i64>>,
    quantity: OnceCell<Option<Quantity>>,
}

impl<'v> Subject<'v> {
    fn new(value: &'v Value) -> Self {
        Self { value, number_text: OnceCell::new(), duration: OnceCell::new(), quantity: OnceCell::new() }
    }

    /// The text that is read as a duration or a quantity. What is absent is zero.
    fn number_text(&self) -> Option<&str> {
        let text = self.number_text.get_or_init(|| match self.value {
            Value::Null => Some("0".into()),
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(match number.as_i64() {
                Some(int) => int.to_string().into(),
                None => format!("{:.6}", number.as_f64()).into(),
            }),
            _ => None,
        });
        text.as_deref()
    }

    fn duration(&self) -> Option<i64> {
        *self.duration.get_or_init(|| duration::parse(self.number_text()?).ok())
    }

    fn quantity(&self) -> Option<&Quantity> {
        self.quantity.get_or_init(|| self.number_text()?.parse().ok()).as_ref()
    }

    fn compares(&self, comparison: Comparison, operand: &Operand) -> bool {
        if let Some(wanted) = operand.duration
            && let Some(own) = self.duration()
        {
            return comparison.holds(own.cmp(&wanted));
        }
        if let Some(wanted) = &operand.quantity
            && let Some(own) = self.quantity()
        {
            return comparison.holds(own.cmp(wanted));
        }
        let text: SmolStr = match self.value {
            Value::String(text) => text.clone(),
            Value::Bool(_) => gofmt::print(self.value),
            Value::Number(number) => match number.as_i64() {
                Some(int) => int.to_string().into(),
                None => gofmt::scientific(number.as_f64(), 'E').into(),
            },
            _ => return false,
        };
        match comparison {
            Comparison::Equal => wildcard::matches(&operand.text, &text),
            Comparison::NotEqual => !wildcard::matches(&operand.text, &text),
            _ => false,
        }
    }
}

impl Leaf {
    /// What a scalar of a pattern says.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::of_text(text),
            Value::Object(_) => Self::Object,
            Value::Array(_) | Value::Set(_) | Value::Unknown(_) => Self::Never,
        }
    }

    pub(crate) fn of_text(text: &str) -> Self {
        let spaces = |text: &str| text.trim_matches(' ').to_owned();
        let tests = |alternative: &str| spaces(alternative).split('&').map(|test| Test::parse(&spaces(test))).collect();
        Self::Text(TextLeaf { whole: text.into(), alternatives: text.split('|').map(tests).collect() })
    }

    /// Whether it is `*`: anything that is there.
    pub(super) fn is_anything(&self) -> bool {
        matches!(self, Self::Text(text) if text.whole == "*")
    }

    /// Whether a value is such.
    pub(crate) fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Null => is_nothing(value),
            Self::Bool(truth) => value.as_bool() == Some(*truth),
            Self::Number(number) => is_number(value, number),
            Self::Object => matches!(value, Value::Object(_)),
            Self::Never => false,
            Self::Text(text) => {
                if value.as_str() == Some(&text.whole) {
                    return true;
                }
                let subject = Subject::new(value);
                text.alternatives.iter().any(|tests| tests.iter().all(|test| test.holds(&subject)))
            }
        }
    }

    /// The value that the leaf was made of, as Go prints it.
    pub(super) fn print(&self) -> SmolStr {
        match self {
            Self::Null | Self::Never => "<nil>".into(),
            Self::Bool(truth) => gofmt::print(&Value::Bool(*truth)),
            Self::Number(number) => gofmt::print(&Value::Number(number.clone())),
            Self::Object => "map[]".into(),
            Self::Text(text) => text.whole.clone(),
        }
    }
}

/// Whether a value is absent, or what a field is that nobody set.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(truth) => !truth,
        Value::Number(number) => *number == Number::from(0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn is_number(value: &Value, wanted: &Number) -> bool {
    match value {
        Value::Number(number) => number == wanted,
        Value::String(text) => match wanted.as_i64() {
            Some(int) => text.parse() == Ok(int),
            None => text.parse().is_ok_and(|float: f64| float.total_cmp(&wanted.as_f64()).is_eq()),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_in_kyverno() {
        let table = [
            (r#""*""#, r#""x""#, true),
            (r#""?*""#, r#""""#, false),
            (r#""?*""#, "null", false),
            (r#""!x""#, r#""y""#, true),
            (r#""!x""#, "null", false),
            (r#""<=5""#, "null", true),
            (r#"">5""#, "null", false),
            (r#""1Gi-4Gi""#, r#""2048Mi""#, true),
            (r#""1Gi!-4Gi""#, r#""2048Mi""#, false),
            (r#""1-10""#, "11", false),
            (r#""a | b""#, r#""b""#, true),
            (r#""!a & !b""#, r#""b""#, false),
            (r#"">=2 & <10""#, "9", true),
            (r#""1000m""#, "1", true),
            (r#""<1h""#, r#""59m59s""#, true),
            (r#""my-name""#, r#""my-name""#, true),
            (r#""true""#, "true", true),
            ("true", r#""true""#, false),
            ("5", r#""5""#, true),
            ("5", "5.0", true),
            ("1.5", r#""1.5""#, true),
            ("null", r#""""#, true),
            ("null", "false", true),
            ("null", "{}", false),
            (r#""1.5E+00""#, "1.5", true),
            (r#""nginx:*""#, r#""nginx:1.2""#, true),
            (r#"">""#, r#"">""#, true),
        ];
        let read = |json: &str| probity_model::json::read(json.as_bytes()).unwrap();
        for (pattern, value, expected) in table {
            assert_eq!(Leaf::of(&read(pattern)).matches(&read(value)), expected, "{pattern} {value}");
        }
    }
}
