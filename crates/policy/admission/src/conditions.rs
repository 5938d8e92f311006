//! Match conditions: which requests a policy is about, as far as only expressions can tell.

use probity_model::Problem;
use probity_model::node::{Mapping, Node};
use probity_model::value::SmolStr;

use crate::expression::{Compiler, Context, Expression};

/// How many conditions a policy may have.
const MAX_CONDITIONS: usize = 64;

/// What counts when a policy cannot be evaluated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It is as if it did not hold.
    #[default]
    Fail,
    /// It is as if there were no policy.
    Ignore,
}

impl FailurePolicy {
    /// Reads `failurePolicy`.
    ///
    /// # Errors
    /// When it is neither of the two.
    pub fn read(fields: &Mapping<'_>) -> Result<Self, Problem> {
        let Some(node) = fields.optional("failurePolicy") else { return Ok(Self::default()) };
        match node.string()? {
            "Fail" => Ok(Self::Fail),
            "Ignore" => Ok(Self::Ignore),
            other => Err(node.problem(format!("`{other}` is not a failure policy")).with_help("one of Fail, Ignore")),
        }
    }
}

/// Conditions with names, all of which must hold.
#[derive(Debug, Clone, Default)]
pub struct Conditions(Vec<(SmolStr, Expression)>);

impl Conditions {
    /// Reads a list of conditions.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn read(fields: &Mapping<'_>, name: &str, compiler: &Compiler) -> Result<Self, Problem> {
        let Some(list) = fields.optional(name) else { return Ok(Self::default()) };
        let nodes = list.list()?;
        if nodes.len() > MAX_CONDITIONS {
            return Err(list.problem(format!("more than {MAX_CONDITIONS} conditions")));
        }
        let mut conditions: Vec<(SmolStr, Expression)> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let fields = node.mapping()?;
            fields.only(&["name", "expression"])?;
            let name = fields.required("name")?;
            if conditions.iter().any(|(known, _)| known == name.string().unwrap_or_default()) {
                return Err(name.problem(format!("another condition is called `{}`", name.string()?)));
            }
            conditions.push((name.string()?.into(), compiler.condition(fields.required("expression")?)?));
        }
        Ok(Self(conditions))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The conditions with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Expression)> {
        self.0.iter().map(|(name, condition)| (name.as_str(), condition))
    }

    /// Whether all hold. One that does not hold decides, whatever becomes of the others.
    ///
    /// # Errors
    /// When none is false and some cannot be evaluated; all of the reasons.
    pub fn hold(&self, context: &Context<'_>, failure: FailurePolicy) -> Result<bool, Vec<String>> {
        let mut errors = Vec::new();
        for (_, condition) in &self.0 {
            match context.holds(condition) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => {
                    errors.push(format!("expression '{}' resulted in error: {error}", condition.text()));
                }
            }
        }
        match failure {
            _ if errors.is_empty() => Ok(true),
            FailurePolicy::Ignore => Ok(false),
            FailurePolicy::Fail => Err(errors),
        }
    }
}

/// Reads a list of mappings; none when it is absent.
pub(crate) fn mappings<'d>(fields: &Mapping<'d>, name: &str) -> Result<Vec<Mapping<'d>>, Problem> {
    let nodes = fields.optional(name).map(Node::list).transpose()?.unwrap_or_default();
    nodes.into_iter().map(Node::mapping).collect()
}
