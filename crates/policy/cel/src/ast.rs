//! The tree of an expression as it is written, its macros expanded.

use smol_str::SmolStr;

use crate::Value;

/// A part of an expression.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    /// Byte offset that errors name, at the same place as in cel-go: the operator, parenthesis or first byte.
    pub(crate) at: u32,
    /// Height of the tree below, which bounds recursion.
    pub(crate) height: u16,
    pub(crate) kind: Kind,
}

/// What a part of an expression is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Literal(Value),
    /// A name; it begins with a dot when it is looked up from the root container.
    Ident(SmolStr),
    /// `operand.field`, or `has(operand.field)`.
    Select {
        operand: Box<Expr>,
        field: SmolStr,
        test: bool,
    },
    Call {
        function: SmolStr,
        target: Option<Box<Expr>>,
        args: Vec<Expr>,
    },
    /// Elements and whether each is optional.
    List(Vec<(Expr, bool)>),
    Map(Vec<Entry>),
    Struct {
        name: SmolStr,
        fields: Vec<Field>,
    },
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Comprehension(Box<Comprehension>),
    /// `cel.bind(name, init, body)`
    Bind(Box<Bind>),
    /// `cel.block([slots], body)`
    Block {
        slots: Vec<Expr>,
        body: Box<Expr>,
    },
}

/// `key: value` of a map.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Expr,
    pub(crate) value: Expr,
    pub(crate) optional: bool,
}

/// `name: value` of an object.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: SmolStr,
    pub(crate) at: u32,
    pub(crate) value: Expr,
    pub(crate) optional: bool,
}

/// A name with a value in an expression.
#[derive(Debug, Clone)]
pub(crate) struct Bind {
    pub(crate) name: SmolStr,
    pub(crate) init: Expr,
    pub(crate) body: Expr,
}

/// What a macro over a list or map makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    All,
    Exists,
    ExistsOne,
    /// `map` and `transformList`: a list.
    List,
    /// `filter`: the elements themselves.
    Filter,
    /// `transformMap`: the same keys.
    Map,
    /// `transformMapEntry`: entries of single-entry maps.
    MapEntry,
    /// `optMap`: over an optional.
    OptMap,
    /// `optFlatMap`
    OptFlatMap,
    /// `sortBy`
    SortBy,
}

/// A macro over the elements of a list, the keys or entries of a map, or the value of an optional.
#[derive(Debug, Clone)]
pub(crate) struct Comprehension {
    pub(crate) form: Form,
    pub(crate) range: Expr,
    pub(crate) var: SmolStr,
    /// In the forms with two variables, the element or value.
    pub(crate) second: Option<SmolStr>,
    /// What decides whether an element counts.
    pub(crate) filter: Option<Expr>,
    /// The predicate, or what an element becomes; none of `filter`.
    pub(crate) body: Option<Expr>,
}

impl Expr {
    /// The dotted name that this part spells, when it is one.
    pub(crate) fn qualified_name(&self) -> Option<String> {
        match &self.kind {
            Kind::Ident(name) => Some(name.to_string()),
            Kind::Select { operand, field, test: false } => {
                let mut name = operand.qualified_name()?;
                name.push('.');
                name.push_str(field);
                Some(name)
            }
            _ => None,
        }
    }

    /// The name that a dotted name begins with.
    pub(crate) fn root_name(&self) -> Option<&SmolStr> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            Kind::Select { operand, .. } => operand.root_name(),
            _ => None,
        }
    }
}

impl Kind {
    fn children(&self) -> Vec<&Expr> {
        match self {
            Self::Literal(_) | Self::Ident(_) => Vec::new(),
            Self::Select { operand, .. } => vec![operand],
            Self::Call { target, args, .. } => target.as_deref().into_iter().chain(args).collect(),
            Self::List(elements) => elements.iter().map(|(element, _)| element).collect(),
            Self::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
            Self::Struct { fields, .. } => fields.iter().map(|field| &field.value).collect(),
            Self::And(terms) | Self::Or(terms) => terms.iter().collect(),
            Self::Comprehension(comprehension) => {
                let Comprehension { range, filter, body, .. } = comprehension.as_ref();
                std::iter::once(range).chain(filter).chain(body).collect()
            }
            Self::Bind(bind) => vec![&bind.init, &bind.body],
            Self::Block { slots, body } => slots.iter().chain([body.as_ref()]).collect(),
        }
    }

    /// One more than the height of the highest child.
    pub(crate) fn height(&self) -> u16 {
        self.children().iter().map(|child| child.height + 1).max().unwrap_or_default()
    }
}
