//! Running templates.

use std::collections::HashMap;
use std::rc::Rc;

use crate::ast::{Branch, Command, Node, Pipe, Source, Template, Word, WordKind};
use crate::datum::Datum;
use crate::error::{Error, ErrorKind};
use crate::functions::{self, Failure};
use crate::output::{Output, Segment};
use crate::print;
use crate::set::{Limits, Set};

/// What Go prints for nothing; Helm takes it out of the output.
const NO_VALUE: &str = "<no value>";

/// Most elements of a range over a number.
const MAX_RANGE: i64 = 1_000_000;

/// How often a template may be within itself by `include`, as Helm has it.
const MAX_INCLUDES: usize = 1000;

/// One run of a template and all that it calls.
pub(crate) struct Run {
    limits: Limits,
    steps: u64,
    depth: usize,
    written: usize,
    included: HashMap<Rc<str>, usize>,
    variables: Vec<(Rc<str>, Datum)>,
}

/// Whether a list of nodes was run to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Ran,
    Break,
    Continue,
}

/// Where in which templates execution is.
#[derive(Clone, Copy)]
struct Frame<'f> {
    set: &'f Set,
    source: &'f Source,
}

struct Sink {
    output: Output,
    /// Whether it is the output of the template that was asked for.
    is_top: bool,
}

type Outcome<T = Datum> = Result<T, Error>;

impl Run {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, steps: 0, depth: 0, written: 0, included: HashMap::new(), variables: Vec::new() }
    }

    pub(crate) fn top(&mut self, set: &Set, name: &str, data: &Datum) -> Outcome<Output> {
        let mut sink = Sink { output: Output::default(), is_top: true };
        let template = find(set, name).map_err(|message| {
            let nowhere = Source { name: name.into(), text: "".into(), id: None };
            Error::new(ErrorKind::Execution, message, &nowhere, 0)
        })?;
        self.template(set, &template, data, &mut sink)?;
        Ok(sink.output)
    }

    fn template(&mut self, set: &Set, template: &Template, data: &Datum, sink: &mut Sink) -> Outcome<()> {
        let outer = std::mem::replace(&mut self.variables, vec![("$".into(), data.clone())]);
        let frame = Frame { set, source: &template.source };
        let result = self.nodes(frame, &template.body, data, sink);
        self.variables = outer;
        result.map(drop)
    }

    /// A template's output as a text.
    fn text_of(&mut self, set: &Set, template: &Template, data: &Datum) -> Outcome<String> {
        let mut sink = Sink { output: Output::default(), is_top: false };
        self.template(set, template, data, &mut sink)?;
        Ok(sink.output.text)
    }

    fn step(&mut self, frame: Frame<'_>, offset: usize) -> Outcome<()> {
        self.steps += 1;
        if self.steps <= self.limits.steps {
            return Ok(());
        }
        let message = format!("takes more than {} steps", self.limits.steps);
        Err(Error::new(ErrorKind::Bound, message, frame.source, offset))
    }

    fn deeper<T>(
        &mut self,
        frame: Frame<'_>,
        offset: usize,
        inner: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            let message = format!("nested deeper than {} levels", self.limits.depth);
            return Err(Error::new(ErrorKind::Bound, message, frame.source, offset));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn write(&mut self, frame: Frame<'_>, text: &str, from: std::ops::Range<usize>, sink: &mut Sink) -> Outcome<()> {
        self.written += text.len();
        if self.written > self.limits.output {
            let message = format!("writes more than {} bytes", self.limits.output);
            return Err(Error::new(ErrorKind::Bound, message, frame.source, from.start));
        }
        if sink.is_top
            && !text.is_empty()
            && let Some(id) = frame.source.id
        {
            let is_copy = from.len() == text.len() && frame.source.text.get(from.clone()) == Some(text);
            let at = sink.output.text.len();
            sink.output.segments.push(Segment { at, text: id, start: from.start, end: from.end, is_copy });
        }
        sink.output.text.push_str(text);
        Ok(())
    }

    fn nodes(&mut self, frame: Frame<'_>, nodes: &[Node], dot: &Datum, sink: &mut Sink) -> Outcome<Flow> {
        for node in nodes {
            let flow = self.node(frame, node, dot, sink)?;
            if flow != Flow::Ran {
                return Ok(flow);
            }
        }
        Ok(Flow::Ran)
    }

    fn node(&mut self, frame: Frame<'_>, node: &Node, dot: &Datum, sink: &mut Sink) -> Outcome<Flow> {
        match node {
            Node::Text(start, end) => {
                self.write(frame, &frame.source.text[*start..*end], *start..*end, sink)?;
            }
            Node::Action(pipe) => {
                let value = self.pipe(frame, pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.print(frame, &value, pipe, sink)?;
                }
            }
            Node::If(branch) | Node::With(branch) => {
                let scope = self.variables.len();
                let is_with = matches!(node, Node::With(_));
                let flow =
                    self.deeper(frame, branch.pipe.start, |run| run.branch(frame, branch, is_with, dot, sink))?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Range(branch) => {
                let scope = self.variables.len();
                let flow = self.deeper(frame, branch.pipe.start, |run| run.range(frame, branch, dot, sink))?;
                self.variables.truncate(scope);
                return Ok(flow);
            }
            Node::Template(name, pipe, start) => {
                let data = match pipe {
                    Some(pipe) => self.pipe(frame, pipe, dot)?,
                    None => Datum::None,
                };
                let fail = |message| Error::new(ErrorKind::Execution, message, frame.source, *start);
                let template = find(frame.set, name).map_err(fail)?;
                self.deeper(frame, *start, |run| run.template(frame.set, &template, &data, sink))?;
            }
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Ran)
    }

    fn print(&mut self, frame: Frame<'_>, value: &Datum, pipe: &Pipe, sink: &mut Sink) -> Outcome<()> {
        let text = match value {
            Datum::None | Datum::Nil if sink.is_top => return Ok(()),
            Datum::None | Datum::Nil => NO_VALUE.into(),
            Datum::Text(text) => Rc::clone(text),
            other => print::plain(other).into(),
        };
        let from = pipe.start..pipe.end;
        if sink.is_top && text.contains(NO_VALUE) {
            return self.write(frame, &text.replace(NO_VALUE, ""), from, sink);
        }
        self.write(frame, &text, from, sink)
    }

    fn branch(
        &mut self,
        frame: Frame<'_>,
        branch: &Branch,
        is_with: bool,
        dot: &Datum,
        sink: &mut Sink,
    ) -> Outcome<Flow> {
        let value = self.pipe(frame, &branch.pipe, dot)?;
        if value.is_true() {
            return self.nodes(frame, &branch.body, if is_with { &value } else { dot }, sink);
        }
        self.nodes(frame, &branch.otherwise, dot, sink)
    }

    fn range(&mut self, frame: Frame<'_>, branch: &Branch, dot: &Datum, sink: &mut Sink) -> Outcome<Flow> {
        let value = self.pipe(frame, &branch.pipe, dot)?;
        let value = match &value {
            Datum::Native(native) => native.data(),
            _ => value,
        };
        let entries: Vec<(Datum, Datum)> = match &value {
            Datum::List(list) => (0..).map(Datum::Int).zip(list.iter().cloned()).collect(),
            Datum::Map(map) => map.entries().into_iter().map(|(key, value)| (Datum::Text(key), value)).collect(),
            Datum::Int(count) | Datum::Int64(count) if *count <= MAX_RANGE => {
                (0..*count).map(|index| (Datum::Int(index), Datum::Int(index))).collect()
            }
            Datum::None | Datum::Nil => Vec::new(),
            other => {
                let message = format!("range can't iterate over {}", print::plain(other));
                return Err(Error::new(ErrorKind::Execution, message, frame.source, branch.pipe.start));
            }
        };
        if entries.is_empty() {
            return self.nodes(frame, &branch.otherwise, dot, sink);
        }
        let scope = self.variables.len();
        for (index, element) in entries {
            self.step(frame, branch.pipe.start)?;
            self.range_variables(&branch.pipe, &index, &element);
            let flow = self.nodes(frame, &branch.body, &element, sink)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Ran)
    }

    /// The variables of a range: those that were declared before it are given new values by `=`.
    fn range_variables(&mut self, pipe: &Pipe, index: &Datum, element: &Datum) {
        let values: &[&Datum] = if pipe.variables.len() == 1 { &[element] } else { &[index, element] };
        for (name, value) in pipe.variables.iter().zip(values) {
            if pipe.assigns {
                self.assign(name, (*value).clone());
            } else {
                self.variables.push((Rc::clone(name), (*value).clone()));
            }
        }
    }

    fn assign(&mut self, name: &str, value: Datum) {
        if let Some((_, known)) = self.variables.iter_mut().rev().find(|(known, _)| &**known == name) {
            *known = value;
        }
    }

    fn pipe(&mut self, frame: Frame<'_>, pipe: &Pipe, dot: &Datum) -> Outcome {
        self.step(frame, pipe.start)?;
        let value = self.deeper(frame, pipe.start, |run| {
            let mut value = None;
            for command in &pipe.commands {
                value = Some(match run.command(frame, command, value, dot)? {
                    Datum::Nil => Datum::None,
                    value => value,
                });
            }
            Ok(value.unwrap_or_default())
        })?;
        // A range gives its variables values of its own.
        if let [name] = pipe.variables.as_slice() {
            if pipe.assigns {
                self.assign(name, value.clone());
            } else {
                self.variables.push((Rc::clone(name), value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, frame: Frame<'_>, command: &Command, piped: Option<Datum>, dot: &Datum) -> Outcome {
        let Some((first, rest)) = command.words.split_first() else { return Ok(Datum::None) };
        match &first.kind {
            WordKind::Function(name) => self.function(frame, first, name, rest, piped, dot),
            WordKind::Field(fields) => self.fields(frame, first, dot.clone(), fields, rest, piped, dot),
            WordKind::Variable(name, fields) => {
                let value = self.variable(name);
                if fields.is_empty() {
                    alone(frame, first, rest, piped.as_ref())?;
                }
                self.fields(frame, first, value, fields, rest, piped, dot)
            }
            WordKind::Chain(inner, fields) => {
                let value = self.word(frame, inner, dot)?;
                self.fields(frame, first, value, fields, rest, piped, dot)
            }
            _ => {
                alone(frame, first, rest, piped.as_ref())?;
                self.word(frame, first, dot)
            }
        }
    }

    fn variable(&self, name: &str) -> Datum {
        let found = self.variables.iter().rev().find(|(known, _)| &**known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn word(&mut self, frame: Frame<'_>, word: &Word, dot: &Datum) -> Outcome {
        match &word.kind {
            WordKind::Dot => Ok(dot.clone()),
            WordKind::Nil => Ok(Datum::Nil),
            WordKind::Bool(truth) => Ok(Datum::Bool(*truth)),
            WordKind::Int(int) => Ok(Datum::Int(*int)),
            WordKind::Float(float) => Ok(Datum::Float(*float)),
            WordKind::Text(text) => Ok(Datum::Text(Rc::clone(text))),
            WordKind::Field(fields) => self.fields(frame, word, dot.clone(), fields, &[], None, dot),
            WordKind::Variable(name, fields) => {
                let value = self.variable(name);
                self.fields(frame, word, value, fields, &[], None, dot)
            }
            WordKind::Function(name) => self.function(frame, word, name, &[], None, dot),
            WordKind::Pipe(pipe) => self.pipe(frame, pipe, dot),
            WordKind::Chain(inner, fields) => {
                let value = self.word(frame, inner, dot)?;
                self.fields(frame, word, value, fields, &[], None, dot)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one call")]
    fn fields(
        &mut self,
        frame: Frame<'_>,
        word: &Word,
        mut value: Datum,
        fields: &[Rc<str>],
        rest: &[Word],
        piped: Option<Datum>,
        dot: &Datum,
    ) -> Outcome {
        let Some((last, before)) = fields.split_last() else { return Ok(value) };
        let fail = |message: String| Error::new(ErrorKind::Execution, message, frame.source, word.offset);
        for name in before {
            value = field(&value, name, &[]).map_err(fail)?;
        }
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for argument in rest {
            arguments.push(self.word(frame, argument, dot)?);
        }
        arguments.extend(piped);
        field(&value, last, &arguments).map_err(fail)
    }

    fn function(
        &mut self,
        frame: Frame<'_>,
        word: &Word,
        name: &str,
        rest: &[Word],
        piped: Option<Datum>,
        dot: &Datum,
    ) -> Outcome {
        self.step(frame, word.offset)?;
        if matches!(name, "and" | "or") {
            return self.junction(frame, name == "and", word, rest, piped, dot);
        }
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for argument in rest {
            arguments.push(self.word(frame, argument, dot)?);
        }
        arguments.extend(piped);
        let result = match name {
            "include" => self.include(frame, &arguments),
            "tpl" => self.tpl(frame, &arguments),
            _ => functions::call(name, &arguments),
        };
        result.map_err(|failure| match failure {
            // What was given to `tpl` stands nowhere; the call does.
            Failure::Inner(error) if error.id.is_none() => {
                Error::new(error.kind, error.message, frame.source, word.offset)
            }
            Failure::Inner(error) => *error,
            Failure::Refused(message) => Error::new(ErrorKind::Refused, message, frame.source, word.offset),
            Failure::Message(message) => {
                let message = format!("error calling {name}: {message}");
                Error::new(ErrorKind::Execution, message, frame.source, word.offset)
            }
        })
    }

    /// `and` and `or` look at no more arguments than they need.
    fn junction(
        &mut self,
        frame: Frame<'_>,
        is_and: bool,
        word: &Word,
        rest: &[Word],
        piped: Option<Datum>,
        dot: &Datum,
    ) -> Outcome {
        let mut value = None;
        for argument in rest {
            let next = self.word(frame, argument, dot)?;
            if next.is_true() != is_and {
                return Ok(next);
            }
            value = Some(next);
        }
        piped.or(value).ok_or_else(|| {
            let message = "wrong number of args: want at least 1 got 0";
            Error::new(ErrorKind::Execution, message, frame.source, word.offset)
        })
    }

    fn include(&mut self, frame: Frame<'_>, arguments: &[Datum]) -> Result<Datum, Failure> {
        let [name, data] = functions::exactly(arguments)?;
        let name = functions::string(name)?;
        let template = find(frame.set, name)?;
        let count = self.included.entry(name.into()).or_default();
        *count += 1;
        if *count > MAX_INCLUDES {
            return Err(Failure::Message(format!("rendering template has a nested reference name: {name}")));
        }
        let text = self.deeper(frame, 0, |run| run.text_of(frame.set, &template, data));
        if let Some(count) = self.included.get_mut(name) {
            *count -= 1;
        }
        Ok(Datum::from(text?))
    }

    fn tpl(&mut self, frame: Frame<'_>, arguments: &[Datum]) -> Result<Datum, Failure> {
        let [text, data] = functions::exactly(arguments)?;
        let text = functions::string(text)?;
        if !text.contains("{{") {
            return Ok(Datum::from(text.replace(NO_VALUE, "")));
        }
        // The text may define templates that only it sees.
        let mut set = frame.set.clone();
        set.templates.remove(&frame.source.name);
        set.add(&frame.source.name, text, None)?;
        let template = find(&set, &frame.source.name)?;
        let text = self.deeper(frame, 0, |run| run.text_of(&set, &template, data))?;
        Ok(Datum::from(text.replace(NO_VALUE, "")))
    }
}

fn find(set: &Set, name: &str) -> Result<Rc<Template>, String> {
    set.templates.get(name).cloned().ok_or_else(|| format!("template: no template {name:?} associated with template"))
}

/// A field of a value, or what its method of that name answers.
fn field(value: &Datum, name: &str, arguments: &[Datum]) -> Result<Datum, String> {
    match value {
        Datum::Map(map) if arguments.is_empty() => Ok(map.get(name).unwrap_or(Datum::Nil)),
        Datum::Map(_) => Err(format!("{name} is not a method but has arguments")),
        Datum::None => Ok(Datum::None),
        Datum::Nil => Err(format!("nil pointer evaluating interface {{}}.{name}")),
        Datum::Native(native) => native
            .member(name, arguments)?
            .ok_or_else(|| format!("can't evaluate field {name} in type {}", native.type_name())),
        other => Err(format!("can't evaluate field {name} in type {}", other.type_name())),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Inner(Box::new(error))
    }
}

/// What is no function takes no arguments.
fn alone(frame: Frame<'_>, word: &Word, rest: &[Word], piped: Option<&Datum>) -> Outcome<()> {
    if rest.is_empty() && piped.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Execution, "can't give argument to non-function", frame.source, word.offset))
}
