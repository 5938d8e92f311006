//! Dockerfiles.
//!
//! A file is read line by line as Docker's own builder does, so that a line it would refuse is a problem and
//! the others are read.
//! The document is described in `docs/writing-policies.md`. Beyond what stands there:
//!
//! - Lines that are continued are joined, the indentation of each taken for one space; the content of here-documents
//!   follows in lines of its own.
//! - `FROM` is among `instructions` of the file, not among those of its stage. What stands before the first `FROM` has
//!   no `stage`.
//! - Variables are put into the `args` of instructions that have them put in, by their `ARG` defaults and `ENV`; what
//!   depends on others is unknown. `value` is as written.
//! - A flag that is given several times is a list. `HEALTHCHECK CMD` has `CMD` as its first argument.
//! - `from` of a stage that stands on an earlier one has no `image`, `tag` and `digest`.

mod instruction;
mod lines;
pub(crate) mod reference;
mod stage;
mod words;

use std::path::Path;

use probity_model::node::closest;
use probity_model::{Key, Labels, Problem, SmolStr, SourceId, Span, Subject, SubjectKind, Value, value};

use self::instruction::{Context, Instruction, KEYWORDS};
use self::lines::Line;
use self::stage::{MAX_STAGES, Stages};
use crate::{Read, skip};

/// Largest file, in bytes, that is read.
const MAX_SIZE: usize = 1 << 20;

/// Most problems of one file that are told.
const MAX_PROBLEMS: usize = 16;

/// Whether a text begins as a Dockerfile does, for files whose name alone does not tell.
pub fn glance(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().and_then(instruction::keyword).is_some_and(|(_, arguments)| !arguments.is_empty())
}

/// Reads one Dockerfile as one subject. `path` is its address.
pub fn read(path: &Path, text: &str, source: SourceId) -> Read {
    let mut read = Read::default();
    if text.len() > MAX_SIZE {
        let message = format!("larger than {MAX_SIZE} bytes, which no Dockerfile is");
        read.problems.push(Problem::new(message, Span::new(source, 0..0)));
        return read;
    }
    let lines = lines::read(text, source);
    let mut reader = Reader { source, escape: lines.escape, ports: instruction::PORTS, ..Reader::default() };
    reader.problems = lines.problems;
    for line in &lines.instructions {
        reader.line(line);
    }
    if reader.instructions.is_empty() {
        let problem = Problem::new("holds no instruction", Span::new(source, 0..0));
        read.problems.push(problem.with_help("a Dockerfile begins with `FROM image`; exclude the file if it is none"));
        return read;
    }
    let mut skips = Vec::new();
    for comment in lines.comments {
        let span = Span::new(source, comment.clone());
        for found in skip::parse_comment(&text[comment], span) {
            match found {
                Ok(skip) => skips.push(skip),
                Err(problem) => reader.problems.push(problem),
            }
        }
    }
    reader.check_start();
    let (document, header) = reader.document();
    read.problems = few(reader.problems);
    read.subjects.push(Subject {
        kind: SubjectKind::Dockerfile,
        resource_type: SmolStr::new_static("dockerfile"),
        address: SmolStr::new(path.to_string_lossy()),
        document,
        span: Some(Span::new(source, 0..text.len())),
        header: Some(header),
        calls: Vec::new(),
        skips,
        labels: Labels::default(),
        sensitive: None,
    });
    read
}

/// The first problems, and how many more there are.
fn few(mut problems: Vec<Problem>) -> Vec<Problem> {
    if problems.len() > MAX_PROBLEMS {
        let more = problems.len() - MAX_PROBLEMS;
        let span = problems[MAX_PROBLEMS].span;
        problems.truncate(MAX_PROBLEMS);
        problems.push(Problem::new(format!("and {more} more problems from here on"), span));
    }
    problems
}

struct Reader {
    source: SourceId,
    escape: char,
    ports: usize,
    stages: Stages,
    instructions: Vec<(Value, Span)>,
    problems: Vec<Problem>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            source: SourceId(0),
            escape: '\\',
            ports: 0,
            stages: Stages::default(),
            instructions: Vec::new(),
            problems: Vec::new(),
        }
    }
}

impl Reader {
    fn line(&mut self, line: &Line) {
        let span = Span::new(self.source, line.range.clone());
        let Some((keyword, value)) = instruction::keyword(&line.text) else {
            self.problems.push(unknown(line, span));
            return;
        };
        if keyword == "FROM" && self.stages.len() == MAX_STAGES {
            self.problems.push(Problem::new(format!("more than {MAX_STAGES} stages are not read"), span));
            return;
        }
        let (instruction, platform) = self.instruction(keyword, value, line, span);
        // CMD and ENTRYPOINT may take back what an image they stand on says.
        if value.is_empty() && !matches!(keyword, "CMD" | "ENTRYPOINT") {
            self.problems.push(Problem::new(format!("{keyword} says nothing"), span).with_help("give it arguments"));
        }
        if let Err(problem) = self.stages.apply(&instruction, &platform) {
            self.problems.push(problem);
        }
        let document = instruction.document(self.stages.current());
        if keyword != "FROM" {
            self.stages.add(&document, span);
        }
        self.instructions.push((document, span));
    }

    fn instruction(&mut self, keyword: &'static str, value: &str, line: &Line, span: Span) -> (Instruction, Value) {
        let stages = &self.stages;
        let variable = |name: &str| if keyword == "FROM" { stages.global(name) } else { stages.variable(name) };
        let mut context = Context { escape: self.escape, variable: &variable, ports: self.ports };
        let instruction = instruction::read(keyword, value, line, span, &mut context);
        let platform = match instruction.flag("platform") {
            Some(Value::String(written)) => words::expand(written, self.escape, &variable).value(written),
            _ => Value::Null,
        };
        self.ports = context.ports;
        (instruction, platform)
    }

    /// Every instruction but ARG belongs to a stage.
    fn check_start(&mut self) {
        let name = |document: &Value| document.get("instruction").and_then(Value::as_str).map(str::to_owned);
        let first = self
            .instructions
            .iter()
            .find_map(|(document, span)| Some((name(document).filter(|name| name != "ARG")?, *span)));
        let problem = match first {
            Some((name, _)) if name == "FROM" => return,
            Some((name, span)) => Problem::new(format!("{name} stands before the first FROM"), span),
            None => Problem::new("has no FROM", self.instructions.first().map(|(_, span)| *span)),
        };
        self.problems.push(problem.with_help("begin with `FROM image`; only ARG may stand before it"));
    }

    /// The document, and what names it: the FROM of the last stage.
    fn document(&mut self) -> (Value, Span) {
        let instructions = std::mem::take(&mut self.instructions);
        let first = instructions.first().map_or(Span::new(self.source, 0..0), |(_, span)| *span);
        let all = Span { end: instructions.last().map_or(first.end, |(_, span)| span.end), ..first };
        let mut entries = vec![
            (Key::new("stages"), self.stages.documents(), all),
            (Key::new("instructions"), stage::list(instructions.into_iter()), all),
        ];
        if let Some((last, span)) = self.stages.last() {
            entries.push((Key::new("final"), last, span));
        }
        (Value::Object(value::Object::with_spans(entries)), self.stages.header().unwrap_or(first))
    }
}

fn unknown(line: &Line, span: Span) -> Problem {
    let word = line.text.split_whitespace().next().unwrap_or_default();
    let shown: String = word.chars().take(32).collect();
    let problem = Problem::new(format!("`{shown}` is not an instruction"), span);
    match closest(&shown.to_ascii_uppercase(), &KEYWORDS) {
        Some(meant) => problem.with_help(format!("did you mean {meant}?")),
        None => problem.with_help("end the line before it with a backslash if it continues that line"),
    }
}

#[cfg(test)]
mod tests;
