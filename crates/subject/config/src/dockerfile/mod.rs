//! Dockerfiles as a list of instructions (`docs.docker.com/reference/dockerfile`), each with its `Cmd` in lower case, its
//! `Flags`, its arguments as `Value`, whether they were written as `JSON`, the trigger of an `ONBUILD` as `SubCmd`, and
//! the number of its `Stage`. A comment is an instruction `comment` in front of the one that follows it.

mod arguments;
mod lines;
mod words;

use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Span, Value};

use crate::text::{Text, shown};
use arguments::Arguments;
use lines::Line;

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    let file = lines::read(text)?;
    if file.lines.is_empty() {
        return Err(text.problem("no instruction", 0..0));
    }
    let mut reader = Reader { text, escape: file.escape, stages: 0, commands: Vec::new(), spans: Vec::new() };
    for line in &file.lines {
        reader.line(line)?;
    }
    Ok(Value::Array(Array::with_spans(reader.commands, reader.spans)))
}

struct Reader<'t> {
    text: &'t Text<'t>,
    escape: char,
    stages: i64,
    commands: Vec<Value>,
    spans: Vec<Span>,
}

/// One instruction, or the trigger inside an `ONBUILD`.
struct Instruction<'t> {
    name: &'t str,
    /// Absent when nothing follows the name.
    flags: Option<Vec<String>>,
    arguments: Arguments,
    /// The name and the arguments of the trigger.
    trigger: Option<(&'t str, Arguments)>,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) -> Result<(), Problem> {
        let instruction =
            self.instruction(&line.text).map_err(|message| self.text.problem(message, line.range.clone()))?;
        let name = instruction.name.to_lowercase();
        if name == "from" {
            self.stages += 1;
        }
        for (comment, range) in &line.comments {
            let arguments = Arguments { values: vec![comment.clone()], is_json: false };
            self.push("comment", "", None, arguments, self.text.span(range.clone()));
        }
        let span = self.text.span(line.range.clone());
        let (trigger, arguments) = instruction.trigger.unwrap_or(("", instruction.arguments));
        self.push(&name, trigger, instruction.flags, arguments, span);
        Ok(())
    }

    fn instruction<'l>(&self, line: &'l str) -> Result<Instruction<'l>, String> {
        let (name, flags, rest) = self.split(line);
        if name.eq_ignore_ascii_case("onbuild") {
            let (trigger, _, inner) = self.split(rest);
            if ["", "onbuild", "from", "maintainer"].contains(&trigger.to_lowercase().as_str()) {
                return Err(format!("ONBUILD needs an instruction, and `{}` cannot be one", shown(trigger)));
            }
            let arguments = arguments::read(trigger, inner, self.escape)?;
            return Ok(Instruction {
                name,
                flags,
                arguments: Arguments::default(),
                trigger: Some((trigger, arguments)),
            });
        }
        let arguments = arguments::read(name, rest, self.escape)?;
        Ok(Instruction { name, flags, arguments, trigger: None })
    }

    /// The name of an instruction, its flags and what follows them.
    fn split<'l>(&self, line: &'l str) -> (&'l str, Option<Vec<String>>, &'l str) {
        let line = line.trim();
        match line.split_once(words::is_space) {
            None => (line, None, ""),
            Some((name, rest)) => {
                let (flags, rest) = words::flags(rest.trim_start_matches(words::is_space), self.escape);
                (name, Some(flags), rest.trim())
            }
        }
    }

    fn push(&mut self, name: &str, trigger: &str, flags: Option<Vec<String>>, arguments: Arguments, span: Span) {
        let strings = |strings: Vec<String>| Value::array(strings.into_iter().map(Value::from));
        let values = if arguments.values.is_empty() { Value::Null } else { strings(arguments.values) };
        let entries = [
            ("Cmd", name.into()),
            ("SubCmd", trigger.into()),
            ("JSON", arguments.is_json.into()),
            ("Flags", flags.map_or(Value::Null, strings)),
            ("Value", values),
            ("Stage", (self.stages - 1).max(0).into()),
        ];
        let entries = entries.map(|(key, value)| (Key::new(key), value, span));
        self.commands.push(Value::Object(Object::with_spans(entries.into())));
        self.spans.push(span);
    }
}
