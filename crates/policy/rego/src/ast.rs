//! The syntax tree.

use std::fmt::{self, Write as _};

use probity_model::value::{SmolStr, Value};
use probity_model::{Span, json};

use crate::annotations::Annotations;

/// A variable's name.
pub type Name = SmolStr;

/// Expressions that must hold together.
pub type Body = Vec<Expr>;

/// First character of the names that the parser gives to `_`.
pub const WILDCARD: char = '$';

/// One module: a package's rules in one text.
#[derive(Debug, Clone)]
pub struct Module {
    /// The package's path, `data` first.
    pub package: Vec<Term>,
    /// Where the package is named.
    pub package_span: Span,
    /// What is imported.
    pub imports: Vec<Import>,
    /// The rules in order of the text.
    pub rules: Vec<Rule>,
    /// `# METADATA` blocks.
    pub annotations: Vec<Annotations>,
    /// Whether the module keeps to Rego v1, by its version or by `import rego.v1`.
    pub v1: bool,
}

/// `import path as alias`
#[derive(Debug, Clone)]
pub struct Import {
    /// The whole statement.
    pub span: Span,
    /// What is imported, such as `data.lib.net`.
    pub path: Vec<Term>,
    /// The name that it is given.
    pub alias: Option<Name>,
}

impl Import {
    /// The name under which the import is known in the module.
    pub fn name(&self) -> Name {
        if let Some(alias) = &self.alias {
            return alias.clone();
        }
        match self.path.last().map(|term| &term.kind) {
            Some(TermKind::Var(name)) => name.clone(),
            Some(TermKind::Scalar(Value::String(text))) => text.clone(),
            _ => Name::default(),
        }
    }

    /// The first part of the path: `data`, `input`, `future` or `rego`.
    pub fn root(&self) -> &str {
        self.path.first().and_then(Term::as_var).map_or("", SmolStr::as_str)
    }
}

/// One rule, or one of its `else` branches.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The whole rule.
    pub span: Span,
    /// Whether it is a `default` rule.
    pub default: bool,
    /// What it defines.
    pub head: Head,
    /// Under which conditions.
    pub body: Body,
    /// What holds when the body does not.
    pub otherwise: Option<Box<Rule>>,
    /// Whether the text has no body.
    pub generated_body: bool,
}

/// What a rule defines.
#[derive(Debug, Clone)]
pub struct Head {
    /// The whole head.
    pub span: Span,
    /// The path from the package, a variable first.
    pub reference: Vec<Term>,
    /// Parameters of a function.
    pub args: Vec<Term>,
    /// Whether the head has a list of parameters.
    pub function: bool,
    /// Member of a set, or key of an object.
    pub key: Option<Term>,
    /// The value; absent for members of a set.
    pub value: Option<Term>,
    /// Whether the value stands behind `:=`.
    pub assign: bool,
    /// Whether the text has no value.
    pub generated_value: bool,
    /// Whether the text has `if`.
    pub has_if: bool,
    /// Whether the text has `contains`.
    pub has_contains: bool,
}

impl Head {
    /// Whether the rule adds a member to a set.
    pub fn is_multi_value(&self) -> bool {
        self.value.is_none()
    }

    /// The first part of the path.
    pub fn name(&self) -> &str {
        self.reference.first().and_then(Term::as_var).map_or("", SmolStr::as_str)
    }
}

/// One expression of a body.
#[derive(Debug, Clone)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// What must hold.
    pub terms: Terms,
    /// What is replaced meanwhile.
    pub with: Vec<With>,
    /// Whether it must not hold.
    pub negated: bool,
    /// Whether the compiler made it.
    pub generated: bool,
    /// Whether it was written with `:=`.
    pub from_assignment: bool,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.negated == other.negated && self.terms == other.terms && self.with == other.with
    }
}

impl Expr {
    /// An expression that is nothing but these terms.
    pub fn new(span: Span, terms: Terms) -> Self {
        Self { span, terms, with: Vec::new(), negated: false, generated: false, from_assignment: false }
    }

    /// `left = right`, made by the compiler.
    pub fn unify(span: Span, left: Term, right: Term) -> Self {
        let mut expr = Self::new(span, Terms::Call(vec![Term::operator(span, "eq"), left, right]));
        expr.generated = true;
        expr
    }

    /// The called function, when this is a call.
    pub fn operator(&self) -> Option<&Term> {
        match &self.terms {
            Terms::Call(terms) => terms.first(),
            _ => None,
        }
    }

    /// The operands, when this is a call.
    pub fn operands(&self) -> &[Term] {
        match &self.terms {
            Terms::Call(terms) => terms.get(1..).unwrap_or_default(),
            _ => &[],
        }
    }

    fn calls(&self, name: &str) -> bool {
        self.operator().is_some_and(|operator| operator.is_operator(name))
    }

    /// Whether this is `a = b`.
    pub fn is_equality(&self) -> bool {
        self.calls("eq") && self.operands().len() == 2
    }

    /// Whether this is `a := b`.
    pub fn is_assignment(&self) -> bool {
        self.calls("assign")
    }
}

/// What an expression consists of.
#[derive(Debug, Clone, PartialEq)]
pub enum Terms {
    /// A term that must be neither undefined nor false.
    Term(Term),
    /// A call: the function's name, its operands, and perhaps a term for the result.
    Call(Vec<Term>),
    /// `some a, b` or `some a, b in c`
    Some(Vec<Term>),
    /// `every k, v in domain { ... }`
    Every(Box<Every>),
    /// `not { ... }`
    Not(Group),
    /// `a and b`
    And(Group, Group),
    /// `a or b`
    Or(Group, Group),
}

/// A body that is an operand.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The expressions.
    pub body: Body,
    /// Whether it stands in braces and so has variables of its own.
    pub explicit: bool,
}

/// `every key, value in domain { body }`
#[derive(Debug, Clone, PartialEq)]
pub struct Every {
    /// The key's variable.
    pub key: Option<Term>,
    /// The value's variable.
    pub value: Term,
    /// What is gone through.
    pub domain: Term,
    /// What must hold for each.
    pub body: Body,
}

/// `with target as value`
#[derive(Debug, Clone)]
pub struct With {
    /// Where its keyword stands.
    pub span: Span,
    /// What is replaced.
    pub target: Term,
    /// By what.
    pub value: Term,
}

impl PartialEq for With {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target && self.value == other.value
    }
}

/// A term and its place. Equal terms are equal wherever they stand.
#[derive(Debug, Clone)]
pub struct Term {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: TermKind,
}

impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

/// The kinds of terms.
#[derive(Debug, Clone, PartialEq)]
pub enum TermKind {
    /// A null, boolean, number or string; after compilation any constant.
    Scalar(Value),
    /// A variable.
    Var(Name),
    /// A reference: a head and the keys that are followed from it.
    Ref(Vec<Term>),
    /// `[a, b]`
    Array(Vec<Term>),
    /// `{a: b}`
    Object(Vec<(Term, Term)>),
    /// `{a, b}`
    Set(Vec<Term>),
    /// `[term | body]`
    ArrayCompr(Box<Compr>),
    /// `{term | body}`
    SetCompr(Box<Compr>),
    /// `{key: term | body}`
    ObjectCompr(Box<Compr>),
    /// A call within a term: the function's name and its operands.
    Call(Vec<Term>),
    /// `$"text {expression}"`
    Template(Vec<Part>),
}

/// A comprehension.
#[derive(Debug, Clone, PartialEq)]
pub struct Compr {
    /// The key, of an object's.
    pub key: Option<Term>,
    /// The element or value.
    pub term: Term,
    /// For each solution of this.
    pub body: Body,
}

/// A part of a template string.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A constant.
    Term(Term),
    /// An expression whose value is put in.
    Expr(Expr),
}

impl Term {
    /// A term of this kind.
    pub fn new(span: Span, kind: TermKind) -> Self {
        Self { span, kind }
    }

    /// A variable.
    pub fn var(span: Span, name: impl Into<Name>) -> Self {
        Self::new(span, TermKind::Var(name.into()))
    }

    /// A string.
    pub fn string(span: Span, text: impl AsRef<str>) -> Self {
        Self::new(span, TermKind::Scalar(Value::from(text.as_ref())))
    }

    /// A boolean.
    pub fn bool(span: Span, truth: bool) -> Self {
        Self::new(span, TermKind::Scalar(Value::Bool(truth)))
    }

    /// The name of a function, such as `io.jwt.decode`.
    pub fn operator(span: Span, name: &str) -> Self {
        let mut parts = name.split('.');
        let head = Self::var(span, parts.next().unwrap_or_default());
        let rest = parts.map(|part| Self::string(span, part));
        Self::new(span, TermKind::Ref(std::iter::once(head).chain(rest).collect()))
    }

    /// The name, when this is a variable.
    pub fn as_var(&self) -> Option<&Name> {
        match &self.kind {
            TermKind::Var(name) => Some(name),
            _ => None,
        }
    }

    /// The parts, when this is a reference.
    pub fn as_ref(&self) -> Option<&[Term]> {
        match &self.kind {
            TermKind::Ref(parts) => Some(parts),
            _ => None,
        }
    }

    /// The text, when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            TermKind::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether this is the name of that function.
    pub fn is_operator(&self, name: &str) -> bool {
        match &self.kind {
            TermKind::Ref(parts) => {
                let mut names = name.split('.');
                parts.iter().enumerate().all(|(index, part)| {
                    let text = if index == 0 { part.as_var().map(SmolStr::as_str) } else { part.as_str() };
                    text.is_some() && text == names.next()
                }) && names.next().is_none()
            }
            TermKind::Var(var) => var == name,
            _ => false,
        }
    }

    /// Whether this is a null, boolean, number or string.
    pub fn is_scalar(&self) -> bool {
        matches!(self.kind, TermKind::Scalar(_))
    }

    /// Whether this has neither variable nor anything else to evaluate.
    pub fn is_ground(&self) -> bool {
        match &self.kind {
            TermKind::Scalar(_) => true,
            TermKind::Var(_)
            | TermKind::ArrayCompr(_)
            | TermKind::SetCompr(_)
            | TermKind::ObjectCompr(_)
            | TermKind::Template(_) => false,
            TermKind::Ref(parts) => parts[1..].iter().all(Term::is_ground),
            TermKind::Array(terms) | TermKind::Set(terms) | TermKind::Call(terms) => terms.iter().all(Term::is_ground),
            TermKind::Object(pairs) => pairs.iter().all(|(key, value)| key.is_ground() && value.is_ground()),
        }
    }

    /// What kind of term this is, as an error message says it.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            TermKind::Scalar(Value::Null) => "null",
            TermKind::Scalar(Value::Bool(_)) => "boolean",
            TermKind::Scalar(Value::Number(_)) => "number",
            TermKind::Scalar(Value::String(_)) => "string",
            TermKind::Var(_) => "var",
            TermKind::Ref(_) => "ref",
            TermKind::Array(_) | TermKind::Scalar(Value::Array(_)) => "array",
            TermKind::Object(_) | TermKind::Scalar(Value::Object(_)) => "object",
            TermKind::Set(_) | TermKind::Scalar(_) => "set",
            TermKind::ArrayCompr(_) => "arraycomprehension",
            TermKind::SetCompr(_) => "setcomprehension",
            TermKind::ObjectCompr(_) => "objectcomprehension",
            TermKind::Call(_) => "call",
            TermKind::Template(_) => "templatestring",
        }
    }
}

/// Whether a name was made by the parser for `_`.
pub fn is_wildcard(name: &str) -> bool {
    name.starts_with(WILDCARD)
}

/// Whether a name was made by the compiler.
pub fn is_generated(name: &str) -> bool {
    name.starts_with("__local")
}

pub(crate) fn is_plain(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

/// Writes a reference as it is written in a policy.
pub fn write_ref(parts: &[Term], f: &mut impl fmt::Write) -> fmt::Result {
    let Some((head, rest)) = parts.split_first() else { return Ok(()) };
    write!(f, "{head}")?;
    for part in rest {
        match part.as_str() {
            Some(text) if is_plain(text) => write!(f, ".{text}")?,
            _ => write!(f, "[{part}]")?,
        }
    }
    Ok(())
}

/// A reference as it is written in a policy.
pub fn ref_text(parts: &[Term]) -> String {
    let mut text = String::new();
    let _ = write_ref(parts, &mut text);
    text
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(f: &mut fmt::Formatter<'_>, terms: &[Term]) -> fmt::Result {
            for (index, term) in terms.iter().enumerate() {
                if index > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{term}")?;
            }
            Ok(())
        }
        match &self.kind {
            TermKind::Scalar(value) => f.write_str(&json::write(value)),
            TermKind::Var(name) => f.write_str(if is_wildcard(name) { "_" } else { name }),
            TermKind::Ref(parts) => write_ref(parts, f),
            TermKind::Array(terms) => {
                f.write_char('[')?;
                list(f, terms)?;
                f.write_char(']')
            }
            TermKind::Set(terms) if terms.is_empty() => f.write_str("set()"),
            TermKind::Set(terms) => {
                f.write_char('{')?;
                list(f, terms)?;
                f.write_char('}')
            }
            TermKind::Object(pairs) => {
                f.write_char('{')?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{key}: {value}")?;
                }
                f.write_char('}')
            }
            TermKind::Call(terms) => {
                let Some((head, rest)) = terms.split_first() else { return Ok(()) };
                write!(f, "{head}(")?;
                list(f, rest)?;
                f.write_char(')')
            }
            TermKind::ArrayCompr(compr) => write!(f, "[{} | ...]", compr.term),
            TermKind::SetCompr(compr) => write!(f, "{{{} | ...}}", compr.term),
            TermKind::ObjectCompr(compr) => match &compr.key {
                Some(key) => write!(f, "{{{key}: {} | ...}}", compr.term),
                None => write!(f, "{{{} | ...}}", compr.term),
            },
            TermKind::Template(_) => f.write_str("$\"...\""),
        }
    }
}
