//! Rules: trees of conditions on a resource, judged in three values.

use jiff::civil::Date;
use probity_kubernetes::kind::WORKLOADS;
use probity_model::{NodeIndex, Problem, SmolStr, Span, Value, node::Node};
use probity_policy_core::{Facts, TypeSelector};

use crate::operator::{Operator, Test, text_of, within_days};
use crate::path::{Context, Found, Path, Place};
use crate::show::{Shown, Template};
use crate::unknown::Partial;

/// Deepest nesting of conditions.
const MAX_DEPTH: usize = 32;

/// A condition that holds for a good resource.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    Attribute(Attribute),
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
    Elements(Elements),
    /// Holds where the condition does; where it does not, nothing can be said, and `how` tells what to do about that.
    Known {
        condition: Box<Rule>,
        how: String,
    },
    First {
        path: Path,
        by: Path,
        condition: Box<Rule>,
        holds: Box<Rule>,
    },
    Connected {
        types: Vec<TypeSelector>,
        condition: Option<Box<Rule>>,
    },
}

/// A condition on the elements of a list.
#[derive(Debug, Clone)]
pub(crate) struct Elements {
    pub(crate) quantifier: Quantifier,
    pub(crate) path: Path,
    pub(crate) condition: Box<Rule>,
    /// How a message names the elements for which the rule does not hold; the first one's value says it otherwise.
    pub(crate) show: Option<Template>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    Some,
    Every,
    None,
}

#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) path: Path,
    pub(crate) operator: Operator,
    /// What holds when the path leads to nothing; the operator decides when absent.
    pub(crate) absent: Option<bool>,
    /// What holds when a value is not known yet; without it the condition is not known either.
    pub(crate) unknown: Option<bool>,
    /// Whether all values must meet the operator rather than one.
    pub(crate) all: bool,
    /// Whether what is known of a text decides, where the rest of it is not known.
    pub(crate) in_part: bool,
}

/// Whether a rule holds, and what it saw that decided.
#[derive(Debug, Clone)]
pub(crate) struct Judgement<'r> {
    /// `None` when it cannot be known yet.
    pub(crate) holds: Option<bool>,
    pub(crate) note: Option<Note<'r>>,
}

/// What decided a judgement; put into words only when somebody asks.
#[derive(Debug, Clone)]
pub(crate) struct Note<'r> {
    seen: Seen<'r>,
    pub(crate) span: Option<Span>,
    /// Whether a `not` or `none` around it turned its meaning over: what was asked for is what must not be.
    inverted: bool,
}

impl<'r> Note<'r> {
    fn new(seen: Seen<'r>, span: Option<Span>) -> Self {
        Self { seen, span, inverted: false }
    }

    fn inverted(mut self) -> Self {
        self.inverted = !self.inverted;
        self
    }

    /// A value that is there says more than one that is not.
    fn is_of_value(&self) -> bool {
        matches!(self.seen, Seen::Value { .. })
    }
}

#[derive(Debug, Clone)]
enum Seen<'r> {
    Value {
        attribute: &'r Attribute,
        value: Value,
    },
    Absent {
        attribute: &'r Attribute,
    },
    Unknown(String),
    /// What was not looked into, and how to have it looked into.
    NotKnown {
        how: &'r str,
    },
    /// The elements for which a rule does not hold.
    Elements(Shown),
    NoElement {
        path: &'r Path,
    },
    NotConnected {
        types: &'r [TypeSelector],
    },
    Connected {
        address: String,
    },
}

impl<'r> Judgement<'r> {
    fn known(holds: bool) -> Self {
        Self { holds: Some(holds), note: None }
    }

    fn with(holds: Option<bool>, seen: Seen<'r>, span: Option<Span>) -> Self {
        Self { holds, note: Some(Note::new(seen, span)) }
    }
}

impl Rule {
    /// Judges a resource. Depth and size are those of the rule, so this ends.
    pub(crate) fn judge<'r>(&'r self, context: Context<'_>, index: NodeIndex, facts: &Facts<'_>) -> Judgement<'r> {
        match self {
            Self::Attribute(attribute) => attribute.judge(context, facts.today),
            Self::And(rules) => all(rules.iter().map(|rule| rule.judge(context, index, facts))),
            Self::Or(rules) => any(rules.iter().map(|rule| rule.judge(context, index, facts))),
            Self::Not(rule) => {
                let judgement = rule.judge(context, index, facts);
                Judgement { holds: judgement.holds.map(|holds| !holds), note: judgement.note.map(Note::inverted) }
            }
            Self::Elements(elements) => elements.judge(context, index, facts),
            Self::Known { condition, how } => match condition.judge(context, index, facts) {
                judgement if judgement.holds == Some(false) => Judgement::with(None, Seen::NotKnown { how }, None),
                judgement => judgement,
            },
            Self::First { path, by, condition, holds } => {
                let ordered = in_order(path, by, context);
                first(ordered, (condition, holds), context, index, facts)
            }
            Self::Connected { types, condition } => connected(types, condition.as_deref(), index, facts),
        }
    }

    /// The types that it wants to be connected with.
    pub(crate) fn connected_types<'r>(&'r self, all: &mut Vec<&'r TypeSelector>) {
        match self {
            Self::Attribute(_) => {}
            Self::And(rules) | Self::Or(rules) => rules.iter().for_each(|rule| rule.connected_types(all)),
            Self::Not(rule) => rule.connected_types(all),
            Self::Elements(elements) => elements.condition.connected_types(all),
            Self::Known { condition, .. } => condition.connected_types(all),
            Self::First { condition, holds, .. } => {
                condition.connected_types(all);
                holds.connected_types(all);
            }
            Self::Connected { types, condition } => {
                all.extend(types);
                if let Some(rule) = condition {
                    rule.connected_types(all);
                }
            }
        }
    }

    /// Finds what is wrong with its patterns, which reading leaves for later.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match self {
            Self::Attribute(attribute) => attribute.operator.check(),
            Self::And(rules) | Self::Or(rules) => rules.iter().try_for_each(Self::check),
            Self::Not(rule) => rule.check(),
            Self::Elements(elements) => elements.condition.check(),
            Self::Known { condition, .. } => condition.check(),
            Self::First { condition, holds, .. } => condition.check().and_then(|()| holds.check()),
            Self::Connected { condition, .. } => condition.as_deref().map_or(Ok(()), Self::check),
        }
    }

    /// Reads a condition of the catalog form.
    pub(crate) fn read(node: Node<'_>, depth: usize) -> Result<Self, Problem> {
        if depth > MAX_DEPTH {
            return Err(node.problem(format!("conditions nested deeper than {MAX_DEPTH} levels")));
        }
        let fields = node.mapping()?;
        let only = |known: &[&str]| fields.only(known);
        let below = |node: Node<'_>| Self::read(node, depth + 1);
        if let Some(rules) = fields.optional("and") {
            only(&["and"])?;
            return Ok(Self::And(rules.list()?.into_iter().map(below).collect::<Result<_, _>>()?));
        }
        if let Some(rules) = fields.optional("or") {
            only(&["or"])?;
            return Ok(Self::Or(rules.list()?.into_iter().map(below).collect::<Result<_, _>>()?));
        }
        if let Some(rule) = fields.optional("not") {
            only(&["not"])?;
            return Ok(Self::Not(Box::new(below(rule)?)));
        }
        for (name, quantifier) in [("some", Quantifier::Some), ("every", Quantifier::Every), ("none", Quantifier::None)]
        {
            if let Some(path) = fields.optional(name) {
                only(&[name, "where", "show"])?;
                let condition = Box::new(below(fields.required("where")?)?);
                let show = fields.optional("show").map(Template::read).transpose()?;
                if let (Quantifier::Some, Some(show)) = (quantifier, fields.optional("show").filter(|_| show.is_some()))
                {
                    return Err(show.problem("`some` fails for want of an element: there is none to show"));
                }
                return Ok(Self::Elements(Elements { quantifier, path: read_path(path)?, condition, show }));
            }
        }
        if let Some(known) = fields.optional("known") {
            only(&["known", "how"])?;
            let condition = match known.value {
                Value::String(_) => Self::Attribute(Attribute::there(read_path(known)?)),
                _ => below(known)?,
            };
            let how = fields.required("how")?.string()?.trim().to_owned();
            return Ok(Self::Known { condition: Box::new(condition), how });
        }
        if let Some(path) = fields.optional("first") {
            only(&["first", "by", "where", "holds"])?;
            return Ok(Self::First {
                path: read_path(path)?,
                by: read_path(fields.required("by")?)?,
                condition: Box::new(below(fields.required("where")?)?),
                holds: Box::new(below(fields.required("holds")?)?),
            });
        }
        if let Some(types) = fields.optional("connected") {
            only(&["connected", "where"])?;
            let types = read_types(types)?;
            let condition = fields.optional("where").map(|node| below(node).map(Box::new)).transpose()?;
            return Ok(Self::Connected { types, condition });
        }
        if fields.optional("attribute").is_some() {
            return Attribute::read(node).map(Self::Attribute);
        }
        Err(node
            .problem("not a condition")
            .with_help("a condition has one of: attribute, and, or, not, some, every, none, first, known, connected"))
    }
}

impl Attribute {
    fn read(node: Node<'_>) -> Result<Self, Problem> {
        let fields = node.mapping()?;
        fields.only(&["attribute", "operator", "value", "absent", "unknown"])?;
        let holds = |name: &str| match fields.optional(name).map(|node| (node, node.string())) {
            None => Ok(None),
            Some((_, Ok("pass"))) => Ok(Some(true)),
            Some((_, Ok("fail"))) => Ok(Some(false)),
            Some((node, other)) => Err(node.problem(format!("`{name}` is pass or fail, not `{}`", other?))),
        };
        let (absent, unknown) = (holds("absent")?, holds("unknown")?);
        let operator = Operator::read(fields.required("operator")?, fields.optional("value"))?;
        Ok(Self {
            path: read_path(fields.required("attribute")?)?,
            operator,
            absent,
            unknown,
            all: false,
            in_part: true,
        })
    }

    /// The condition that there is something at a path.
    fn there(path: Path) -> Self {
        let operator = Operator { name: "exists".to_owned(), test: Test::Exists, negated: false, expected: None };
        Self { path, operator, absent: None, unknown: None, all: false, in_part: true }
    }

    fn judge(&self, context: Context<'_>, today: Date) -> Judgement<'_> {
        let Found { places, unknown } = self.path.find(context);
        if places.is_empty() {
            if let Some((what, span)) = unknown {
                return Judgement::with(self.unknown, Seen::Unknown(what.to_string()), span);
            }
            let holds = self.absent.unwrap_or_else(|| self.holds_on_nothing());
            return Judgement::with(Some(holds), Seen::Absent { attribute: self }, context.span);
        }
        let decisive = !self.all;
        let mut undecided = unknown.map(|(what, span)| Note::new(Seen::Unknown(what.to_string()), span));
        let assumed = self.unknown.map(|holds| holds != self.operator.negated);
        for place in &places {
            match self.meets(&place.value, context, today).or(assumed) {
                Some(met) if met == decisive => {
                    let seen = Seen::Value { attribute: self, value: place.value.clone() };
                    return Judgement::with(Some(met != self.operator.negated), seen, place.span);
                }
                Some(_) => {}
                None => {
                    let what = waits_for(&place.value).unwrap_or_default();
                    undecided = Some(Note::new(Seen::Unknown(what), place.span));
                }
            }
        }
        if undecided.is_some() {
            return Judgement { holds: self.unknown, note: undecided };
        }
        let place = &places[0];
        let seen = Seen::Value { attribute: self, value: place.value.clone() };
        Judgement::with(Some(decisive == self.operator.negated), seen, place.span)
    }

    /// Whether one value meets the test.
    fn meets(&self, value: &Value, context: Context<'_>, today: Date) -> Option<bool> {
        if let (Test::WithinDays(days), false) = (&self.operator.test, matches!(value, Value::Unknown(_))) {
            return Some(within_days(value, *days, today));
        }
        let Some((path, compare)) = self.operator.test.compared() else {
            let met = self.operator.test.meets(value);
            let is_in_part = matches!(value, Value::Unknown(what) if Partial::of(what).is_some());
            return met.filter(|met| self.in_part || !is_in_part || (*met && self.operator.test.is_of_presence()));
        };
        let other = path.find(context);
        let met = other.places.iter().map(|place| compare(value, &place.value));
        met.reduce(either).unwrap_or_else(|| other.unknown.is_none().then_some(false))
    }

    fn holds_on_nothing(&self) -> bool {
        match self.operator.test {
            // What is not there is neither false nor "not empty".
            Test::IsEmpty | Test::IsTrue => false,
            Test::Any => true,
            _ => self.operator.negated,
        }
    }
}

/// `or` in three values.
fn either(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

/// What an unknown, or the first unknown inside a list, waits for.
fn waits_for(value: &Value) -> Option<String> {
    match value {
        Value::Unknown(what) => Some(what.to_string()),
        Value::Array(list) => list.iter().find_map(waits_for),
        Value::Set(set) => set.iter().find_map(waits_for),
        _ => None,
    }
}

fn all<'r>(judgements: impl Iterator<Item = Judgement<'r>>) -> Judgement<'r> {
    let mut result = Judgement::known(true);
    for judgement in judgements {
        match judgement.holds {
            Some(false) => return judgement,
            // What is not known first is what to do something about first.
            _ if result.holds.is_none() => {}
            None => result = judgement,
            Some(true) => result.note = judgement.note,
        }
    }
    result
}

fn any<'r>(judgements: impl Iterator<Item = Judgement<'r>>) -> Judgement<'r> {
    let mut result = Judgement::known(false);
    for judgement in judgements {
        match judgement.holds {
            Some(true) => return judgement,
            None => result = judgement,
            // The first way to be good is the usual one; one of which something is there is nearer still.
            Some(false) if result.holds == Some(false) => {
                let of_value = |note: &Option<Note<'_>>| note.as_ref().is_some_and(Note::is_of_value);
                if result.note.is_none() || (of_value(&judgement.note) && !of_value(&result.note)) {
                    result.note = judgement.note;
                }
            }
            Some(false) => {}
        }
    }
    result
}

impl Elements {
    fn judge(&self, context: Context<'_>, index: NodeIndex, facts: &Facts<'_>) -> Judgement<'_> {
        let Self { quantifier, path, condition, show } = self;
        let found = path.find(context);
        let decisive = *quantifier != Quantifier::Every;
        let mut undecided = found.unknown.map(|(what, span)| Note::new(Seen::Unknown(what.to_string()), span));
        let (mut last, mut shown, mut first) = (None, Shown::default(), None);
        for place in found.places.iter().flat_map(Place::elements) {
            let inner = Context { subject: context.subject, current: &place.value, span: place.span };
            let mut judgement = condition.judge(inner, index, facts);
            if let Some(note) = &mut judgement.note {
                note.span = note.span.or(place.span);
            }
            match (judgement.holds, show) {
                (Some(met), Some(show)) if met == decisive => {
                    shown.add(|| show.of(inner));
                    first = first.or(Some(place.span));
                }
                (Some(met), None) if met == decisive => {
                    judgement.holds = Some(*quantifier == Quantifier::Some);
                    if *quantifier == Quantifier::None {
                        judgement.note = judgement.note.map(Note::inverted);
                    }
                    return judgement;
                }
                (None, _) => undecided = judgement.note,
                (Some(_), _) => last = last.or(judgement.note),
            }
        }
        if let Some(span) = first {
            return Judgement::with(Some(false), Seen::Elements(shown), span);
        }
        if undecided.is_some() {
            return Judgement { holds: None, note: undecided };
        }
        let note = last.or(Some(Note::new(Seen::NoElement { path }, None)));
        Judgement { holds: Some(*quantifier != Quantifier::Some), note }
    }
}

/// The elements at a path in the order of a number in them; `Err` with what is not known when that order is not.
fn in_order<'r>(path: &Path, by: &Path, context: Context<'_>) -> Result<Vec<Place>, Note<'r>> {
    let found = path.find(context);
    if let Some((what, span)) = found.unknown {
        return Err(Note::new(Seen::Unknown(what.to_string()), span));
    }
    let mut numbered = Vec::new();
    for place in found.places.iter().flat_map(Place::elements) {
        let number = by.find(Context { subject: context.subject, current: &place.value, span: place.span });
        let value = number.places.first().map(|place| &place.value);
        let unknown = match value {
            Some(Value::Unknown(what)) => Some(what),
            _ => number.unknown.as_ref().map(|(what, _)| what),
        };
        if let Some(what) = unknown {
            return Err(Note::new(Seen::Unknown(what.to_string()), place.span));
        }
        // One without a number comes last.
        let number = value.and_then(|value| text_of(value).parse::<i64>().ok()).unwrap_or(i64::MAX);
        numbered.push((number, place));
    }
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered.into_iter().map(|(_, place)| place).collect())
}

/// Whether the first element that meets a condition meets another one too; what no element meets holds.
fn first<'r>(
    ordered: Result<Vec<Place>, Note<'r>>,
    (condition, holds): (&'r Rule, &'r Rule),
    context: Context<'_>,
    index: NodeIndex,
    facts: &Facts<'_>,
) -> Judgement<'r> {
    let places = match ordered {
        Ok(places) => places,
        Err(note) => return Judgement { holds: None, note: Some(note) },
    };
    // Of an element that may meet the condition: what is not known about it.
    let mut perhaps = None;
    for place in &places {
        let inner = Context { subject: context.subject, current: &place.value, span: place.span };
        let met = condition.judge(inner, index, facts);
        if met.holds == Some(false) {
            continue;
        }
        let mut judgement = holds.judge(inner, index, facts);
        match (met.holds, judgement.holds) {
            // Whether it is this one or a later one: the later ones have to hold too.
            (None, Some(true)) => perhaps = Some(met),
            (None, _) => return met,
            (_, held) => {
                if let (Some(perhaps), Some(false)) = (perhaps, held) {
                    return perhaps;
                }
                if let Some(note) = &mut judgement.note {
                    note.span = note.span.or(place.span);
                }
                return judgement;
            }
        }
    }
    Judgement::known(true)
}

fn connected<'r>(
    types: &'r [TypeSelector],
    condition: Option<&'r Rule>,
    index: NodeIndex,
    facts: &Facts<'_>,
) -> Judgement<'r> {
    let mut result = Judgement::with(Some(false), Seen::NotConnected { types }, None);
    for (neighbour, subject) in facts.graph.neighbours(index) {
        if !types.iter().any(|selector| selector.matches(&subject.resource_type)) {
            continue;
        }
        let Some(rule) = condition else {
            let seen = Seen::Connected { address: subject.address.to_string() };
            return Judgement::with(Some(true), seen, subject.header);
        };
        let mut judgement = rule.judge(Context::of(subject), neighbour, facts);
        if let Some(note) = &mut judgement.note {
            note.span = note.span.or(subject.header);
        }
        match judgement.holds {
            Some(true) => return judgement,
            None => result = judgement,
            Some(false) if result.holds == Some(false) => result = judgement,
            Some(false) => {}
        }
    }
    result
}

impl Note<'_> {
    /// What was seen, in one sentence.
    pub(crate) fn words(&self) -> String {
        match &self.seen {
            Seen::Value { attribute, value } => {
                format!("`{}` is {}{}", attribute.path.as_str(), shown(value), self.wanted(&attribute.operator))
            }
            Seen::Absent { attribute } => {
                format!("`{}` is not set{}", attribute.path.as_str(), self.wanted(&attribute.operator))
            }
            Seen::Unknown(what) if what.is_empty() => "a value is not known before apply".to_owned(),
            Seen::Unknown(what) if what.starts_with('"') => {
                format!("a part of {} is not known before apply", shown(&what.trim_matches('"').into()))
            }
            // Not a name, but why there is no value.
            Seen::Unknown(what) if what.contains(' ') => format!("a value cannot be told: {what}"),
            Seen::Unknown(what) => format!("the value of `{what}` is not known before apply"),
            Seen::NotKnown { how } => (*how).to_owned(),
            Seen::Elements(shown) => shown.words(),
            Seen::NoElement { path } => format!("`{}` has no element", path.as_str()),
            Seen::NotConnected { types } => format!("no {} refers to it or is referred to by it", names(types)),
            Seen::Connected { address } => format!("it is connected with {address}"),
        }
    }

    /// What was asked for; of what must not be, the value alone says it.
    fn wanted(&self, operator: &Operator) -> String {
        if self.inverted { String::new() } else { wanted(operator) }
    }
}

/// What the operator asks for, as the end of a sentence; nothing where the value says it all.
fn wanted(operator: &Operator) -> String {
    let expected = operator.expected.as_ref().map(shown).unwrap_or_default();
    let words = match &operator.test {
        Test::Any | Test::Exists | Test::Set | Test::IsEmpty => return String::new(),
        Test::EqualsAttribute(path) => format!("what `{}` is", path.as_str()),
        Test::AtMostAttribute(path) => format!("at most what `{}` is", path.as_str()),
        Test::WithinDays(days) => format!("at most {days} days ago"),
        Test::CidrWithinAttribute(path) => format!("a network inside what `{}` is", path.as_str()),
        Test::IsTrue => "true".to_owned(),
        Test::Equals(_) | Test::EqualsIgnoreCase(_) => expected,
        Test::Within(_) | Test::Subset(_) => format!("one of {expected}"),
        Test::Contains(_) | Test::Intersects(_) => format!("something with {expected}"),
        Test::StartingWith(_) => format!("something starting with {expected}"),
        Test::EndingWith(_) => format!("something ending with {expected}"),
        Test::Regex(_) => format!("something matching {expected}"),
        Test::Range(_) => format!("something including {expected}"),
        Test::RangeLongerThan(_) => format!("a range longer than {expected}"),
        Test::CidrWithin(_) => format!("a network inside {expected}"),
        Test::ImageRegistryWithin(_) => format!("an image of the registry {expected}"),
        Test::AllowsAction(_) => format!("an action that allows {expected}"),
        Test::CidrContains(_) => format!("a network containing {expected}"),
        Test::Compare(..) | Test::Length(..) | Test::Words(..) => {
            return format!(", wanted: {} {expected}", operator.name.replace('_', " "));
        }
    };
    if operator.negated { format!(", wanted: not {words}") } else { format!(", wanted: {words}") }
}

/// A value as a message shows it: short, on one line.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::String(text) => format!("\"{text}\""),
        other => text_of(other),
    };
    let text = text.replace(['\n', '\r', '\t'], " ");
    if text.chars().count() <= LONGEST {
        return text;
    }
    format!("{}…", text.chars().take(LONGEST).collect::<String>())
}

/// The types in words: of many the first ones, for a message is to be read.
fn names(types: &[TypeSelector]) -> String {
    const SHOWN: usize = 4;
    let mut names: Vec<String> = types
        .iter()
        .take(SHOWN)
        .map(|selector| match selector {
            TypeSelector::All => "resource".to_owned(),
            TypeSelector::Exact(name) => name.to_string(),
            TypeSelector::Prefix(prefix) => format!("{prefix}*"),
        })
        .collect();
    if types.len() > SHOWN {
        names.push(format!("{} others", types.len() - SHOWN));
    }
    names.join(" or ")
}

pub(crate) fn read_path(node: Node<'_>) -> Result<Path, Problem> {
    Path::parse(&node.text()?).map_err(|message| node.problem(message))
}

/// What a name among a rule's types selects: a type, those that start so (`aws_*`), the workloads of Kubernetes
/// (`workload`), or all (`*`).
pub fn type_selectors(name: &str) -> Vec<TypeSelector> {
    match name {
        "workload" => WORKLOADS.map(|kind| TypeSelector::Exact(SmolStr::new_static(kind))).to_vec(),
        "*" | "all" => vec![TypeSelector::All],
        name => vec![match name.strip_suffix('*') {
            Some(prefix) => TypeSelector::Prefix(prefix.into()),
            None => TypeSelector::Exact(name.into()),
        }],
    }
}

/// Reads a rule's types: a name or several.
pub(crate) fn read_types(node: Node<'_>) -> Result<Vec<TypeSelector>, Problem> {
    let mut types = Vec::new();
    for element in node.list_or_one()? {
        types.extend(type_selectors(element.string()?));
    }
    if types.is_empty() {
        return Err(node.problem("no resource type: the rule would judge nothing"));
    }
    Ok(types)
}
