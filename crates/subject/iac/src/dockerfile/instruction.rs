//! One instruction, taken apart.

use probity_model::value::Object;
use probity_model::{Key, Span, Value, json};

use super::lines::{self, Line};
use super::words::{self, Expanded, Variable};

/// Most ports of one file that ranges are written out to.
const MAX_PORTS: usize = 1 << 16;

/// The instructions there are.
pub(super) const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// An instruction whose keyword is known.
pub(super) struct Instruction {
    pub(super) keyword: &'static str,
    /// Everything behind the keyword.
    pub(super) value: String,
    pub(super) is_exec: bool,
    pub(super) flags: Vec<(String, Value)>,
    pub(super) args: Vec<Value>,
    /// What `ENV`, `LABEL` and `ARG` name, with values where they give one.
    pub(super) pairs: Vec<(String, Option<Expanded>)>,
    /// The words behind the flags with their variables put in, and as they are written.
    pub(super) words: Vec<(Expanded, String)>,
    pub(super) span: Span,
}

/// What taking instructions apart needs to know.
pub(super) struct Context<'c> {
    pub(super) escape: char,
    pub(super) variable: &'c dyn Fn(&str) -> Option<&'c Variable>,
    /// Ports that may still be written out.
    pub(super) ports: usize,
}

impl Context<'_> {
    fn expand(&self, word: &str) -> Expanded {
        words::expand(word, self.escape, self.variable)
    }
}

/// How many ports are left to be written out at the start of a file.
pub(super) const PORTS: usize = MAX_PORTS;

/// The keyword of a line, when it is one, and what is behind it.
pub(super) fn keyword(text: &str) -> Option<(&'static str, &str)> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let known = KEYWORDS.iter().find(|keyword| word.eq_ignore_ascii_case(keyword))?;
    Some((known, rest.trim()))
}

pub(super) fn read(
    keyword: &'static str,
    value: &str,
    line: &Line,
    span: Span,
    context: &mut Context<'_>,
) -> Instruction {
    let (flags, rest) = flags(value, context.escape);
    let mut instruction = Instruction {
        keyword,
        value: std::iter::once(value)
            .chain(line.bodies.iter().map(|body| body.trim_end()))
            .collect::<Vec<_>>()
            .join("\n"),
        is_exec: false,
        flags,
        args: Vec::new(),
        pairs: Vec::new(),
        words: Vec::new(),
        span,
    };
    match keyword {
        "RUN" | "CMD" | "ENTRYPOINT" => instruction.command(rest, line, context.escape),
        "HEALTHCHECK" => instruction.healthcheck(rest, line, context.escape),
        "ADD" | "COPY" | "VOLUME" | "SHELL" => instruction.list(rest, context),
        "ENV" | "LABEL" => instruction.pairs(rest, context),
        "ARG" => instruction.names(rest, context),
        "EXPOSE" => instruction.ports(rest, context),
        "FROM" => instruction.split(rest, context),
        "USER" | "WORKDIR" | "STOPSIGNAL" => instruction.words(&[rest], context),
        _ => instruction.args = vec![Value::from(rest)],
    }
    instruction
}

/// The flags at the start, and what is behind them.
fn flags(value: &str, escape: char) -> (Vec<(String, Value)>, &str) {
    let mut flags: Vec<(String, Value)> = Vec::new();
    let mut rest = value;
    while rest.starts_with("--") {
        let (word, behind) = words::first(rest, escape);
        rest = behind;
        if word == "--" {
            break;
        }
        let (name, value) = match word[2..].split_once('=') {
            Some((name, value)) => (name, Value::from(words::unquote(value, escape))),
            None => (&word[2..], Value::Bool(true)),
        };
        flags.push((name.to_owned(), value));
    }
    (flags, rest)
}

/// A JSON list of strings.
fn exec(text: &str) -> Option<Vec<Value>> {
    if !text.starts_with('[') {
        return None;
    }
    let value = json::read(text.as_bytes()).ok()?;
    let list = value.as_array()?;
    list.iter().map(|element| element.as_str().map(Value::from)).collect()
}

impl Instruction {
    fn command(&mut self, rest: &str, line: &Line, escape: char) {
        if let Some(list) = exec(rest) {
            self.is_exec = true;
            self.args.extend(list);
            return;
        }
        let script = if lines::is_only_heredoc(rest, escape) { "" } else { rest };
        let parts = std::iter::once(script).chain(line.bodies.iter().map(|body| body.trim_end()));
        let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        if !parts.is_empty() {
            self.args.push(Value::from(parts.join("\n")));
        }
    }

    fn healthcheck(&mut self, rest: &str, line: &Line, escape: char) {
        let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        self.args.push(Value::from(word.to_ascii_uppercase()));
        self.command(rest.trim(), line, escape);
    }

    fn list(&mut self, rest: &str, context: &Context<'_>) {
        match exec(rest) {
            Some(list) if self.keyword == "SHELL" => (self.args, self.is_exec) = (list, true),
            Some(list) => {
                self.is_exec = true;
                let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                self.words(&words, context);
            }
            None => self.split(rest, context),
        }
    }

    fn split(&mut self, rest: &str, context: &Context<'_>) {
        self.words(&words::split(rest, context.escape), context);
    }

    fn words(&mut self, words: &[&str], context: &Context<'_>) {
        for word in words.iter().filter(|word| !word.is_empty()) {
            let expanded = context.expand(word);
            self.args.push(expanded.value(word));
            self.words.push((expanded, (*word).to_owned()));
        }
    }

    fn pairs(&mut self, rest: &str, context: &Context<'_>) {
        let words = words::split(rest, context.escape);
        if words.first().is_some_and(|word| !word.contains('=')) {
            // The old form, `ENV key the whole rest`.
            let (key, value) = words::first(rest, context.escape);
            self.pair(key, Some(value), context);
            return;
        }
        for word in words {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            self.pair(key, Some(value), context);
        }
    }

    fn names(&mut self, rest: &str, context: &Context<'_>) {
        for word in words::split(rest, context.escape) {
            match word.split_once('=') {
                Some((key, value)) => self.pair(key, Some(value), context),
                None => self.pair(word, None, context),
            }
        }
    }

    fn pair(&mut self, key: &str, value: Option<&str>, context: &Context<'_>) {
        let key = words::unquote(key, context.escape);
        let expanded = value.map(|value| context.expand(value));
        let shown = expanded.as_ref().map_or(Value::Null, |expanded| expanded.value(value.unwrap_or_default()));
        self.args.push(self.object([("key", Value::from(key.as_str())), ("value", shown)]));
        self.pairs.push((key, expanded));
    }

    fn ports(&mut self, rest: &str, context: &mut Context<'_>) {
        for word in words::split(rest, context.escape) {
            let expanded = context.expand(word);
            let (ports, protocol) = expanded.marked().split_once('/').unwrap_or((expanded.marked(), "tcp"));
            let protocol = words::value(&protocol.to_ascii_lowercase(), word);
            // What is in front of a colon is a port of the host.
            let ports = ports.rsplit(':').next().unwrap_or(ports);
            let range = ports.split_once('-').unwrap_or((ports, ports));
            match (range.0.parse::<u16>(), range.1.parse::<u16>()) {
                (Ok(first), Ok(last)) => self.range(first, last, &protocol, context),
                _ => self.port(words::value(ports, word), &protocol),
            }
        }
    }

    /// Every port of a range, or its ends when the file has too many.
    fn range(&mut self, first: u16, last: u16, protocol: &Value, context: &mut Context<'_>) {
        let count = usize::from(last.saturating_sub(first)) + 1;
        if count > context.ports {
            self.port(i64::from(first).into(), protocol);
            self.port(i64::from(last).into(), protocol);
            return;
        }
        context.ports -= count;
        for port in first..=last.max(first) {
            self.port(i64::from(port).into(), protocol);
        }
    }

    fn port(&mut self, port: Value, protocol: &Value) {
        self.args.push(self.object([("port", port), ("protocol", protocol.clone())]));
    }

    fn object<const N: usize>(&self, entries: [(&str, Value); N]) -> Value {
        object(self.span, entries)
    }

    /// The instruction as policies see it.
    pub(super) fn document(&self, stage: Option<usize>) -> Value {
        let spans = vec![self.span; self.args.len()];
        object(
            self.span,
            [
                ("instruction", Value::from(self.keyword)),
                ("stage", index(stage)),
                ("value", Value::from(self.value.as_str())),
                ("form", Value::from(if self.is_exec { "exec" } else { "shell" })),
                ("flags", self.flags()),
                ("args", Value::Array(probity_model::value::Array::with_spans(self.args.clone(), spans))),
            ],
        )
    }

    /// Flags by name; one that is given several times is a list.
    fn flags(&self) -> Value {
        let mut flags = self.flags.clone();
        flags.sort_by(|a, b| a.0.cmp(&b.0));
        let grouped = flags.chunk_by(|a, b| a.0 == b.0).map(|same| {
            let value = match same {
                [(_, value)] => value.clone(),
                several => Value::array(several.iter().map(|(_, value)| value.clone())),
            };
            (Key::new(&same[0].0), value, self.span)
        });
        Value::Object(Object::with_spans(grouped.collect()))
    }

    /// A flag's value.
    pub(super) fn flag(&self, name: &str) -> Option<&Value> {
        self.flags.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// An object whose entries all stand in one place.
pub(super) fn object<const N: usize>(span: Span, entries: [(&str, Value); N]) -> Value {
    Value::Object(Object::with_spans(entries.into_iter().map(|(key, value)| (Key::new(key), value, span)).collect()))
}

/// The position of a stage as a value.
pub(super) fn index(stage: Option<usize>) -> Value {
    stage.and_then(|stage| i64::try_from(stage).ok()).map_or(Value::Null, Value::from)
}
