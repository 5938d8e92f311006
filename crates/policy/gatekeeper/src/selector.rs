//! Label selectors (Kubernetes API, `LabelSelector`).

use probity_model::node::Node;
use probity_model::value::Object;
use probity_model::{Problem, Value};

/// `matchLabels` and `matchExpressions`, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        let mut requirements = Vec::new();
        if let Some(labels) = fields.optional("matchLabels") {
            for (key, value) in labels.mapping()?.entries() {
                let values = vec![value.string()?.to_owned()];
                requirements.push(Requirement { key: key.as_str().to_owned(), operator: Operator::In, values });
            }
        }
        if let Some(expressions) = fields.optional("matchExpressions") {
            for expression in expressions.list()? {
                requirements.push(Requirement::read(expression)?);
            }
        }
        Ok(Self(requirements))
    }

    pub(crate) fn matches(&self, labels: Option<&Object>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
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
            operator => Ok(Self { key, operator, values }),
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
        }
    }
}
