//! What came of a policy, rule by rule.

use probity_model::{SmolStr, Value};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleType {
    /// It changes the resource, or others.
    Mutation,
    /// It judges the resource.
    Validation,
    /// It makes other resources.
    Generation,
    /// It verifies images.
    ImageVerify,
    /// It deletes the resource.
    Deletion,
}

/// How a rule came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It holds, or did its work.
    Pass,
    /// It does not hold.
    Fail,
    /// It does not hold, and is meant as advice.
    Warn,
    /// It could not be decided.
    Error,
    /// It does not apply.
    Skip,
}

impl Status {
    /// The word it is written as in reports and tests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Skip => "skip",
        }
    }
}

/// Another object that a rule changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchedTarget {
    /// The object as it is now.
    pub object: Value,
    /// The subresource that was asked for; empty when it is the object itself.
    pub subresource: SmolStr,
}

/// What came of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleResponse {
    /// The rule's name; generated rules have their own.
    pub name: SmolStr,
    /// What the rule does.
    pub rule_type: RuleType,
    /// How it came out.
    pub status: Status,
    /// In words.
    pub message: String,
    /// Where in the resource it does not hold, such as `/spec/containers/0/image/`, when a pattern tells.
    pub path: Option<String>,
    /// Names of the exceptions, as `namespace/name`, that made the rule skip.
    pub exceptions: Vec<String>,
    /// The other object that was changed.
    pub target: Option<PatchedTarget>,
    /// The resources that were made.
    pub generated: Vec<Value>,
    /// What the rule adds to reports.
    pub properties: Vec<(SmolStr, String)>,
    /// Whether the user is to be warned, whatever the status.
    pub emit_warning: bool,
}

impl RuleResponse {
    /// A response without more.
    pub fn new(name: impl Into<SmolStr>, rule_type: RuleType, status: Status, message: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rule_type,
            status,
            message: message.into(),
            path: None,
            exceptions: Vec::new(),
            target: None,
            generated: Vec::new(),
            properties: Vec::new(),
            emit_warning: false,
        }
    }

    /// An error with its cause, in the form that Kyverno gives it.
    pub fn error(name: impl Into<SmolStr>, rule_type: RuleType, message: &str, cause: impl std::fmt::Display) -> Self {
        Self::new(name, rule_type, Status::Error, format!("{message}: {cause}"))
    }
}

/// What came of a policy on a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// What came of each rule that applied, in their order.
    pub rules: Vec<RuleResponse>,
    /// The resource after all rules, when one of them changed it.
    pub patched: Option<Value>,
}

impl Response {
    /// How many rules were decided, either way.
    pub fn applied(&self) -> usize {
        self.rules.iter().filter(|rule| matches!(rule.status, Status::Pass | Status::Fail)).count()
    }
}
