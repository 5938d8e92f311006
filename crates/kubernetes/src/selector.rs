//! Label selectors (Kubernetes API, `LabelSelector`), and the same written in one line (`a=b,c in (d,e),!f`).

use std::str::FromStr;

use probity_model::node::Node;
use probity_model::value::Object;
use probity_model::{Problem, Value};

use crate::wildcard;

/// Requirements on labels, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
    /// Whether it stands in `matchLabels`.
    from_labels: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Greater,
    Less,
    /// Some label's name and value match these wildcards.
    Like,
}

/// A line that is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a label selector: {reason}")]
pub struct SelectorError {
    text: String,
    reason: String,
}

impl Selector {
    /// The selector in a field of type `LabelSelector`: `matchLabels` and `matchExpressions`.
    pub fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let mut requirements = Vec::new();
        if let Some(labels) = fields.optional("matchLabels") {
            for (key, value) in labels.mapping()?.entries() {
                let values = vec![value.string()?.to_owned()];
                requirements.push(Requirement {
                    key: key.as_str().to_owned(),
                    operator: Operator::In,
                    values,
                    from_labels: true,
                });
            }
        }
        if let Some(expressions) = fields.optional("matchExpressions") {
            for expression in expressions.list()? {
                requirements.push(Requirement::read(expression)?);
            }
        }
        Ok(Self(requirements))
    }

    /// As [`Selector::read`], where names and values in `matchLabels` may have the wildcards `*` and `?`, as Kyverno has it.
    pub fn read_with_wildcards(node: Node<'_>) -> Result<Self, Problem> {
        let mut selector = Self::read(node)?;
        for requirement in &mut selector.0 {
            let wild = wildcard::contains(&requirement.key)
                || requirement.values.iter().any(|value| wildcard::contains(value));
            if wild && requirement.from_labels {
                requirement.operator = Operator::Like;
            }
        }
        Ok(selector)
    }

    /// Whether these labels are selected. Values that are no strings count as absent.
    pub fn matches(&self, labels: Option<&Object>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }

    /// Whether it requires nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Requirement {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let key = fields.required("key")?.string()?.to_owned();
        let operator = fields.required("operator")?;
        let values = fields.optional("values").map(Node::strings).transpose()?.unwrap_or_default();
        let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        let known = match operator.string()? {
            "In" => Operator::In,
            "NotIn" => Operator::NotIn,
            "Exists" => Operator::Exists,
            "DoesNotExist" => Operator::DoesNotExist,
            other => return Err(operator.problem(format!("`{other}` is not a valid label selector operator"))),
        };
        match known {
            Operator::In | Operator::NotIn if values.is_empty() => {
                Err(node.problem("`values` must be given when the operator is In or NotIn"))
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                Err(node.problem("`values` must not be given when the operator is Exists or DoesNotExist"))
            }
            operator => Ok(Self { key, operator, values, from_labels: false }),
        }
    }

    fn matches(&self, labels: Option<&Object>) -> bool {
        let value = labels.and_then(|labels| labels.get(&self.key)).and_then(Value::as_str);
        let among = |value: &str| self.values.iter().any(|known| known == value);
        match self.operator {
            Operator::In => value.is_some_and(among),
            Operator::NotIn => !value.is_some_and(among),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Greater => self.compares(value, |value, bound| value > bound),
            Operator::Less => self.compares(value, |value, bound| value < bound),
            Operator::Like => labels.is_some_and(|labels| self.resembles(labels)),
        }
    }

    fn resembles(&self, labels: &Object) -> bool {
        let pattern = self.values.first().map_or("", String::as_str);
        labels.iter().any(|(key, value)| {
            wildcard::matches(&self.key, key.as_str())
                && value.as_str().is_some_and(|value| wildcard::matches(pattern, value))
        })
    }

    fn compares(&self, value: Option<&str>, holds: impl Fn(i64, i64) -> bool) -> bool {
        let bound = self.values.first().and_then(|bound| bound.parse().ok());
        let value = value.and_then(|value| value.parse().ok());
        value.zip(bound).is_some_and(|(value, bound)| holds(value, bound))
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reader = Line { tokens: tokens(text), at: 0 };
        reader.selector().map_err(|reason| SelectorError { text: text.to_owned(), reason })
    }
}

/// Reads the words and signs of a line.
struct Line<'t> {
    tokens: Vec<&'t str>,
    at: usize,
}

/// Words, and the signs `,`, `(`, `)`, `!`, `=`, `==`, `!=`, `<` and `>`.
fn tokens(text: &str) -> Vec<&str> {
    const SIGNS: [char; 7] = ['=', '!', '(', ')', ',', '<', '>'];
    const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(BLANKS);
    while !rest.is_empty() {
        let length = match rest {
            _ if rest.starts_with("==") || rest.starts_with("!=") => 2,
            _ if rest.starts_with(SIGNS) => 1,
            _ => rest.find(|other| SIGNS.contains(&other) || BLANKS.contains(&other)).unwrap_or(rest.len()),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start_matches(BLANKS);
    }
    tokens
}

fn is_word(token: &str) -> bool {
    !token.starts_with(['=', '!', '(', ')', ',', '<', '>'])
}

impl<'t> Line<'t> {
    fn selector(mut self) -> Result<Selector, String> {
        let mut requirements = Vec::new();
        if self.tokens.is_empty() {
            return Ok(Selector(requirements));
        }
        loop {
            requirements.push(self.requirement()?);
            match self.next() {
                None => return Ok(Selector(requirements)),
                Some(",") => {}
                Some(other) => return Err(format!("found `{other}`, expected `,` or the end")),
            }
        }
    }

    fn next(&mut self) -> Option<&'t str> {
        let token = self.tokens.get(self.at).copied();
        self.at += 1;
        token
    }

    fn peek(&self) -> Option<&'t str> {
        self.tokens.get(self.at).copied()
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.peek() == Some("!");
        self.at += usize::from(absent);
        let key = match self.next() {
            Some(key) if is_word(key) => key.to_owned(),
            found => return Err(format!("found `{}`, expected a label's name", found.unwrap_or_default())),
        };
        if absent {
            return Ok(Requirement { key, operator: Operator::DoesNotExist, values: Vec::new(), from_labels: false });
        }
        if matches!(self.peek(), None | Some(",")) {
            return Ok(Requirement { key, operator: Operator::Exists, values: Vec::new(), from_labels: false });
        }
        let (operator, values) = match self.next().unwrap_or_default() {
            "=" | "==" => (Operator::In, vec![self.value()?]),
            "!=" => (Operator::NotIn, vec![self.value()?]),
            ">" => (Operator::Greater, vec![self.integer()?]),
            "<" => (Operator::Less, vec![self.integer()?]),
            "in" => (Operator::In, self.values()?),
            "notin" => (Operator::NotIn, self.values()?),
            other => return Err(format!("found `{other}`, expected one of in, notin, =, ==, !=, >, <")),
        };
        Ok(Requirement { key, operator, values, from_labels: false })
    }

    /// One value; nothing stands for the empty one.
    fn value(&mut self) -> Result<String, String> {
        match self.peek() {
            None | Some(",") => Ok(String::new()),
            Some(word) if is_word(word) => {
                self.at += 1;
                Ok(word.to_owned())
            }
            Some(other) => Err(format!("found `{other}`, expected a value")),
        }
    }

    fn integer(&mut self) -> Result<String, String> {
        let value = self.value()?;
        value.parse::<i64>().map_err(|_| format!("`{value}` is not an integer"))?;
        Ok(value)
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        if self.next() != Some("(") {
            return Err("expected `(`".to_owned());
        }
        let mut values = Vec::new();
        loop {
            match self.peek() {
                Some(word) if is_word(word) => {
                    self.at += 1;
                    values.push(word.to_owned());
                }
                // Nothing before a comma or the end is the empty value.
                _ => values.push(String::new()),
            }
            match self.next() {
                Some(",") => {}
                Some(")") => return Ok(values),
                other => return Err(format!("found `{}`, expected `,` or `)`", other.unwrap_or_default())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels() -> Object {
        let Value::Object(labels) =
            Value::object([("app", "web".into()), ("tier", "front".into()), ("size", "5".into()), ("none", "".into())])
        else {
            unreachable!("an object is an object");
        };
        labels
    }

    #[test]
    fn lines() {
        let labels = labels();
        for (text, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app = web , tier", true),
            ("app", true),
            ("!app", false),
            ("!other", true),
            ("tier in (front, back)", true),
            ("tier notin (front,back)", false),
            ("other notin (a)", true),
            ("size>4,size<6", true),
            ("size>5", false),
            ("app>5", false),
            ("none=", true),
            ("app=,tier", false),
            ("none in ()", true),
            ("none in (,x)", true),
        ] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.matches(Some(&labels)), expected, "{text}");
        }
        assert!("!app".parse::<Selector>().unwrap().matches(None));
    }

    #[test]
    fn what_is_no_line() {
        for text in ["=a", "a b", "a=b,", ",a", "a in b", "a in (b", "a in (b c)", "a>b", "a=b=c", "!", "a (b)"] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }

    #[test]
    fn fields() {
        let read = |expressions: Vec<Value>| {
            let value = Value::object([("matchExpressions", Value::array(expressions))]);
            Selector::read(Node::root(&value, None)).map_err(|problem| problem.message)
        };
        let expression = |operator: &str, values: &[&str]| {
            Value::object([
                ("key", "app".into()),
                ("operator", operator.into()),
                ("values", Value::array(values.iter().map(|value| Value::from(*value)))),
            ])
        };
        assert!(read(vec![expression("In", &["web"])]).unwrap().matches(Some(&labels())));
        assert!(!read(vec![expression("NotIn", &["web"])]).unwrap().matches(Some(&labels())));
        assert!(read(vec![expression("Exists", &[])]).unwrap().matches(Some(&labels())));
        assert!(read(vec![expression("In", &[])]).unwrap_err().contains("must be given"));
        assert!(read(vec![expression("Exists", &["a"])]).unwrap_err().contains("must not be given"));
        assert!(read(vec![expression("Near", &[])]).unwrap_err().contains("not a valid label selector operator"));
    }

    #[test]
    fn wildcards() {
        for (key, value, expected) in
            [("app", "w*", true), ("a*", "web", true), ("a*", "front", false), ("x*", "*", false), ("app", "web", true)]
        {
            let value = Value::object([("matchLabels", Value::object([(key, value.into())]))]);
            let selector = Selector::read_with_wildcards(Node::root(&value, None)).unwrap();
            assert_eq!(selector.matches(Some(&labels())), expected, "{key}: {value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[ab=!(),<> int]{0,20}") {
            let _ = text.parse::<Selector>();
        }
    }
}
