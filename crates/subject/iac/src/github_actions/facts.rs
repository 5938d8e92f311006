//! The expressions of a part of a file, and what policies ask about each.

use std::collections::BTreeSet;

use probity_model::value::Object;
use probity_model::{Span, Value};

use super::expression::{self, Comparison, Expression, Step};
use super::object::{Entries, list, texts};
use super::origin::Scope;
use super::reader::Reader;

/// Names of the one who acted last, who need not be the one who wrote what is run.
const LAST_ACTORS: [&str; 3] = ["github.actor", "github.triggering_actor", "github.event.pull_request.sender.login"];

const LAST_ACTOR_IDS: [&str; 2] = ["github.actor_id", "github.event.pull_request.sender.id"];

/// The numbers under which GitHub knows Dependabot and Renovate, and the one of Dependabot's app.
const BOT_IDS: [&str; 4] = ["29110", "49699333", "27856297", "29139614"];

/// Most expressions of one part that are told.
const MAX_EXPRESSIONS: usize = 2_000;

/// A text that may hold expressions.
struct Field<'v> {
    /// Where it stands in its part: `run`, `env.TITLE`, `with.script`, `strategy.matrix.os[0]`.
    path: String,
    text: &'v str,
    span: Span,
}

impl Reader<'_> {
    /// The expressions in a mapping, without those under some of its keys. `is_code` says which fields run as code.
    pub(super) fn expressions(
        &mut self,
        object: &Object,
        span: Span,
        without: &[&str],
        is_code: &dyn Fn(&str) -> bool,
        scope: &Scope<'_>,
    ) -> Value {
        let mut fields = Vec::new();
        for (key, value, place) in object.iter_spanned() {
            if !without.contains(&key.as_str()) {
                self.collect(value, key.as_str().to_owned(), place.unwrap_or(span), &mut fields);
            }
        }
        // In the order of the text; mappings are ordered by their keys.
        fields.sort_by_key(|field| field.span.start);
        let mut found = Vec::new();
        for field in fields {
            self.field(&field, is_code(&field.path), scope, &mut found);
            if found.len() > MAX_EXPRESSIONS {
                found.truncate(MAX_EXPRESSIONS);
                break;
            }
        }
        list(found)
    }

    fn collect<'v>(&mut self, value: &'v Value, path: String, span: Span, fields: &mut Vec<Field<'v>>) {
        if !self.visit(span) {
            return;
        }
        match value {
            Value::String(text) if path == "if" || text.contains("${{") => {
                fields.push(Field { path, text, span });
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.collect(element, format!("{path}[{index}]"), elements.span(index).unwrap_or(span), fields);
                }
            }
            Value::Object(object) => {
                for (key, inner, place) in object.iter_spanned() {
                    self.collect(inner, format!("{path}.{key}"), place.unwrap_or(span), fields);
                }
            }
            _ => {}
        }
    }

    fn field(&mut self, field: &Field<'_>, is_code: bool, scope: &Scope<'_>, found: &mut Vec<(Value, Span)>) {
        let fences = expression::fences(field.text);
        // A condition needs no braces; with something around them it is a text, and so true.
        let is_condition = field.path == "if";
        if is_condition && fences.is_empty() {
            let place = self.place(field.span, field.text, &mut 0).unwrap_or(field.span);
            self.expression(field, field.text, place, is_code, false, scope, found);
            return;
        }
        let is_text = is_condition && (fences.len() != 1 || fences[0] != (0..field.text.len()));
        let mut from = 0;
        for range in fences {
            let place = self.place(field.span, &field.text[range.clone()], &mut from).unwrap_or(field.span);
            let inner = &field.text[range.start + 3..range.end - 2];
            self.expression(field, inner, place, is_code, is_text, scope, found);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one caller, and each is another thing")]
    fn expression(
        &mut self,
        field: &Field<'_>,
        text: &str,
        place: Span,
        is_code: bool,
        is_text: bool,
        scope: &Scope<'_>,
        found: &mut Vec<(Value, Span)>,
    ) {
        let tree = match expression::parse(text) {
            Ok(tree) => tree,
            Err(error) => {
                let message = format!("`{}` is not an expression: {error}", shown(text));
                return self.tell(message, place, "GitHub does not run a workflow with it");
            }
        };
        let mut entries = Entries::at(place);
        entries.add("field", field.path.as_str());
        entries.add("text", text.trim());
        entries.add("code", is_code);
        if is_text {
            entries.add("always_true", true);
        }
        describe(&tree, scope, place, &mut entries);
        found.push((entries.object(), place));
    }

    /// Where a text stands within a span, behind `from`; texts that YAML folded or escaped are not found.
    fn place(&self, span: Span, text: &str, from: &mut usize) -> Option<Span> {
        let start = span.start as usize;
        let inner = self.text.get(start..(span.end as usize).min(self.text.len()))?;
        let at = *from + inner.get(*from..)?.find(text)?;
        *from = at + text.len();
        Some(Span::new(self.source, start + at..start + at + text.len()))
    }
}

/// A text as a message shows it.
fn shown(text: &str) -> String {
    let text = text.trim().replace(['\n', '\r', '\t'], " ");
    if text.chars().count() <= 60 { text } else { format!("{}…", text.chars().take(60).collect::<String>()) }
}

fn describe(tree: &Expression, scope: &Scope<'_>, place: Span, entries: &mut Entries) {
    if let Some(origin) = scope.of_expression(tree) {
        entries.add("origin", origin.as_str());
    }
    let mut flows = Vec::new();
    tree.flows(&mut |inner| {
        if let Expression::Context { root, path } = inner {
            flows.push(context(&expression::name_of(root, path), scope, place));
        }
    });
    entries.add("flows", Value::array(flows));
    let seen = Seen::of(tree);
    entries.add("contexts", texts(&seen.contexts));
    entries.add("functions", texts(&seen.functions));
    if !seen.secrets.is_empty() {
        entries.add("secrets", texts(&seen.secrets));
    }
    let constant = tree.is_constant();
    let flags = [
        ("constant", constant),
        ("whole_secrets", seen.whole_secrets),
        ("decoded_secret", seen.decoded_secret),
        ("falsy_choice", seen.falsy_choice && !constant),
    ];
    flags.into_iter().filter(|(_, holds)| *holds).for_each(|(name, _)| entries.add(name, true));
    if !seen.bots.is_empty() {
        entries.add("bot_checks", texts(&seen.bots));
    }
    if !seen.substrings.is_empty() {
        let contexts = seen.substrings.iter().map(|name| context(name, scope, place));
        entries.add("substring_checks", Value::array(contexts));
    }
}

fn context(name: &str, scope: &Scope<'_>, place: Span) -> Value {
    let mut entries = Entries::at(place);
    entries.add("name", name);
    entries.add("origin", scope.of_context(name).as_str());
    entries.object()
}

/// What stands anywhere in an expression.
#[derive(Default)]
struct Seen {
    contexts: BTreeSet<String>,
    functions: BTreeSet<String>,
    /// Names of secrets that are read.
    secrets: BTreeSet<String>,
    /// Whether all secrets are given away, or one whose name is made at run time.
    whole_secrets: bool,
    /// Whether a secret is taken apart as JSON, so that what comes out is no longer masked.
    decoded_secret: bool,
    /// Whether `a && '' || b` is meant as a choice, whose first value cannot be chosen.
    falsy_choice: bool,
    /// Contexts of the last actor that are compared with a bot.
    bots: BTreeSet<String>,
    /// Contexts that are looked for in a text: `contains('a b', context)`.
    substrings: BTreeSet<String>,
}

impl Seen {
    fn of(tree: &Expression) -> Self {
        let mut seen = Self::default();
        tree.walk(&mut |inner| seen.add(inner));
        seen
    }

    fn add(&mut self, inner: &Expression) {
        match inner {
            Expression::Context { root, path } => {
                self.contexts.insert(expression::name_of(root, path));
                if root == "secrets" {
                    self.secret(path);
                }
            }
            Expression::Call { function, arguments, .. } => {
                self.functions.insert(function.to_string());
                self.call(function, arguments);
            }
            Expression::Or(parts) => {
                let chosen = parts[..parts.len().saturating_sub(1)].iter().filter_map(|part| match part {
                    Expression::And(parts) => parts.last(),
                    _ => None,
                });
                self.falsy_choice |= chosen.into_iter().any(Expression::is_falsy_literal);
            }
            Expression::Compare { operator: Comparison::Equal, left, right } => {
                self.bots.extend(bot_check(left, right).or_else(|| bot_check(right, left)));
            }
            _ => {}
        }
    }

    fn secret(&mut self, path: &[Step]) {
        match path.first() {
            Some(Step::Name(name)) => {
                self.secrets.insert(name.to_ascii_uppercase());
            }
            Some(Step::Computed(_) | Step::Element) => self.whole_secrets = true,
            None => {}
        }
    }

    fn call(&mut self, function: &str, arguments: &[Expression]) {
        for argument in arguments {
            let Expression::Context { root, path } = argument else { continue };
            match function {
                "tojson" if root == "secrets" && path.is_empty() => self.whole_secrets = true,
                "fromjson" if root == "secrets" && !path.is_empty() => self.decoded_secret = true,
                _ => {}
            }
        }
        if let ("contains", [Expression::Text(_), Expression::Context { root, path }]) = (function, arguments) {
            self.substrings.insert(expression::name_of(root, path));
        }
    }
}

/// The context of the last actor, when it is compared with a bot.
fn bot_check(context: &Expression, literal: &Expression) -> Option<String> {
    let Expression::Context { root, path } = context else { return None };
    let name = expression::name_of(root, path);
    let text = match literal {
        Expression::Text(text) => text.to_string(),
        Expression::Number(number) => number.to_string(),
        _ => return None,
    };
    let is_bot = LAST_ACTORS.contains(&name.as_str()) && text.ends_with("[bot]")
        || LAST_ACTOR_IDS.contains(&name.as_str()) && BOT_IDS.contains(&text.as_str());
    is_bot.then_some(name)
}
