//! Build stages: what each stands on, and what the last one inherits.

use std::collections::HashMap;

use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value};

use super::instruction::{Instruction, index, object};
use super::reference;
use super::words::{self, Expanded, Variable};

/// Most stages that are read; each may ask every one it stands on for its variables.
pub(super) const MAX_STAGES: usize = 256;

/// The stages read so far, and the variables in front of them.
#[derive(Default)]
pub(super) struct Stages {
    all: Vec<Stage>,
    by_name: HashMap<String, usize>,
    globals: HashMap<String, Variable>,
}

struct Stage {
    name: Option<String>,
    from: Value,
    /// The earlier stage it stands on.
    base: Option<usize>,
    env: HashMap<String, Variable>,
    args: HashMap<String, Variable>,
    user: Option<(Value, Span)>,
    healthcheck: Option<bool>,
    instructions: Vec<(Value, Span)>,
    /// Its FROM.
    header: Span,
    end: u32,
}

impl Stages {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Position of the stage that instructions go to.
    pub(super) fn current(&self) -> Option<usize> {
        self.all.len().checked_sub(1)
    }

    /// The FROM of the last stage.
    pub(super) fn header(&self) -> Option<Span> {
        self.all.last().map(|stage| stage.header)
    }

    /// What a variable is at this point of the file.
    pub(super) fn variable(&self, name: &str) -> Option<&Variable> {
        let Some(current) = self.all.last() else { return self.globals.get(name) };
        let inherited = self.chain(self.all.len() - 1).find_map(|stage| stage.env.get(name));
        inherited.or_else(|| current.args.get(name))
    }

    /// What a variable is in a FROM.
    pub(super) fn global(&self, name: &str) -> Option<&Variable> {
        self.globals.get(name)
    }

    /// A stage and those it stands on.
    fn chain(&self, stage: usize) -> impl Iterator<Item = &Stage> {
        std::iter::successors(self.all.get(stage), |stage| self.all.get(stage.base?))
    }

    /// Takes in the effect of an instruction.
    pub(super) fn apply(&mut self, instruction: &Instruction, platform: &Value) -> Result<(), Problem> {
        match instruction.keyword {
            "FROM" => return self.open(instruction, platform),
            "ARG" => self.declare(instruction),
            _ => {}
        }
        if let Some(stage) = self.all.last_mut() {
            stage.apply(instruction);
        }
        Ok(())
    }

    fn declare(&mut self, instruction: &Instruction) {
        for (name, value) in &instruction.pairs {
            let value = match value {
                Some(value) => Variable::Set(value.clone()),
                None => self.globals.get(name).filter(|_| !self.all.is_empty()).cloned().unwrap_or(Variable::Open),
            };
            let scope = self.all.last_mut().map_or(&mut self.globals, |stage| &mut stage.args);
            scope.insert(name.clone(), value);
        }
    }

    fn open(&mut self, instruction: &Instruction, platform: &Value) -> Result<(), Problem> {
        let Some((reference, written)) = instruction.words.first() else {
            return Err(Problem::new("FROM names no image", instruction.span).with_help("write `FROM image:tag`"));
        };
        let known = reference.text().map(str::to_lowercase);
        let base = known.and_then(|name| self.by_name.get(&name).copied());
        let name = match instruction.words.get(1..) {
            Some([(keyword, _), (name, _)]) if keyword.marked().eq_ignore_ascii_case("as") => name.text(),
            _ => None,
        };
        if let Some(name) = name {
            self.by_name.insert(name.to_lowercase(), self.all.len());
        }
        self.all.push(Stage {
            name: name.map(str::to_owned),
            from: from(reference, written, base, platform, instruction.span),
            base,
            env: HashMap::new(),
            args: HashMap::new(),
            user: None,
            healthcheck: None,
            instructions: Vec::new(),
            header: instruction.span,
            end: instruction.span.end,
        });
        if name.is_none() && instruction.words.len() > 1 {
            return Err(Problem::new("FROM has more than an image", instruction.span)
                .with_help("name the stage with `FROM image AS name`"));
        }
        Ok(())
    }

    /// Adds an instruction to the current stage.
    pub(super) fn add(&mut self, document: &Value, span: Span) {
        if let Some(stage) = self.all.last_mut() {
            stage.instructions.push((document.clone(), span));
            stage.end = span.end;
        }
    }

    /// The stages as policies see them.
    pub(super) fn documents(&self) -> Value {
        list(self.all.iter().map(|stage| {
            let span = Span { end: stage.end, ..stage.header };
            let name = stage.name.as_deref().map_or(Value::Null, Value::from);
            let instructions = list(stage.instructions.iter().cloned());
            let entries = [
                ("name", name, stage.header),
                ("from", stage.from.clone(), stage.header),
                ("instructions", instructions, span),
            ];
            (spanned(entries), span)
        }))
    }

    /// The last stage with what it inherits, and where it stands.
    pub(super) fn last(&self) -> Option<(Value, Span)> {
        let last = self.all.last()?;
        let chain: Vec<&Stage> = self.chain(self.all.len() - 1).collect();
        let span = Span { end: last.end, ..last.header };
        let from = chain.last().map_or(Value::Null, |root| root.from.clone());
        let healthcheck = chain.iter().find_map(|stage| stage.healthcheck).unwrap_or(false);
        let instructions = list(chain.iter().rev().flat_map(|stage| &stage.instructions).cloned());
        let mut entries = vec![
            (Key::new("from"), from, last.header),
            (Key::new("healthcheck"), Value::Bool(healthcheck), last.header),
            (Key::new("instructions"), instructions, span),
        ];
        if let Some((user, span)) = chain.iter().find_map(|stage| stage.user.as_ref()) {
            entries.push((Key::new("user"), user.clone(), *span));
        }
        Some((Value::Object(Object::with_spans(entries)), span))
    }
}

impl Stage {
    fn apply(&mut self, instruction: &Instruction) {
        match instruction.keyword {
            "ENV" => {
                let set = |value: &Option<Expanded>| value.clone().map_or(Variable::Open, Variable::Set);
                self.env.extend(instruction.pairs.iter().map(|(name, value)| (name.clone(), set(value))));
            }
            "USER" => self.user = instruction.args.first().map(|user| (user.clone(), instruction.span)),
            "HEALTHCHECK" => {
                let first = instruction.args.first().and_then(Value::as_str);
                self.healthcheck = Some(first != Some("NONE"));
            }
            _ => {}
        }
    }
}

fn from(reference: &Expanded, written: &str, base: Option<usize>, platform: &Value, span: Span) -> Value {
    let marked = reference.marked();
    let parts = reference::parse(marked);
    // A variable may hold the parts behind it as well.
    let (image_open, tag_open) = (words::is_unknown(parts.image), parts.tag.is_some_and(words::is_unknown));
    let part = |part: Option<&str>, open: bool| match part {
        Some(part) => words::value(part, written),
        None if open => Value::Unknown(written.into()),
        None => Value::Null,
    };
    let (image, tag, digest) = match base {
        Some(_) => (Value::Null, Value::Null, Value::Null),
        None => (
            words::value(parts.image, written),
            part(parts.tag, image_open),
            part(parts.digest, image_open || tag_open),
        ),
    };
    object(
        span,
        [
            ("reference", reference.value(written)),
            ("image", image),
            ("tag", tag),
            ("digest", digest),
            ("platform", platform.clone()),
            ("stage", index(base)),
        ],
    )
}

fn spanned<const N: usize>(entries: [(&str, Value, Span); N]) -> Value {
    Value::Object(Object::with_spans(entries.into_iter().map(|(key, value, at)| (Key::new(key), value, at)).collect()))
}

/// A list whose elements know their place.
pub(super) fn list(elements: impl Iterator<Item = (Value, Span)>) -> Value {
    let (elements, spans) = elements.unzip();
    Value::Array(Array::with_spans(elements, spans))
}
