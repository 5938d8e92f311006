//! What is evaluated, and what is said of it.

use probity_model::json;
use probity_model::value::Value;

/// Policies, documents and queries.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    pub modules: Vec<String>,
    pub v0: bool,
    pub strict: bool,
    pub queries: Vec<String>,
    pub input: Option<Value>,
    pub data: Value,
    /// Whether OPA is to evaluate every rule, and all of it: which errors it meets depends on what it leaves out.
    pub plain: bool,
}

impl Case {
    /// One line of JSON, for OPA.
    pub fn line(&self) -> String {
        let texts = |texts: &[String]| Value::array(texts.iter().map(|text| text.as_str().into()));
        json::write(&Value::object([
            ("modules", texts(&self.modules)),
            ("v0", self.v0.into()),
            ("strict", self.strict.into()),
            ("queries", texts(&self.queries)),
            ("input", self.input.clone().unwrap_or_default()),
            ("data", self.data.clone()),
            ("plain", self.plain.into()),
        ]))
    }
}

/// What one engine says of a case.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Why the modules were refused.
    pub refused: Option<Failure>,
    /// What is wrong with types, where the results are those without this check.
    pub types: Option<Failure>,
    pub results: Vec<Outcome>,
}

/// What became of a query.
#[derive(Debug, Clone)]
pub enum Outcome {
    Undefined,
    /// All values of `x`, as a set.
    Values(Value),
    Failed(Failure),
}

#[derive(Debug, Clone, Default)]
pub struct Failure {
    pub code: String,
    pub message: String,
    /// The codes of all errors, where there are several.
    pub codes: Vec<String>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Undefined => f.write_str("undefined"),
            Self::Values(value) => write!(f, "{value:?}"),
            Self::Failed(failure) => write!(f, "{}: {}", failure.code, failure.message),
        }
    }
}
