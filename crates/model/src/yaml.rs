//! YAML text to values with places (YAML 1.2, with the scalar forms of 1.1 where Kubernetes reads them).

mod mend;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span as YamlSpan, Tag};

use crate::source::{Problem, SourceId, Span};
use crate::value::{Array, Key, Number, Object, Value};

/// Deepest nesting that is read.
pub const MAX_DEPTH: usize = 256;

/// Most values that one text may stand for once its aliases are followed: what stops a "billion laughs" text, which is
/// small as written and as kept, but endless to walk.
pub const MAX_NODES: u64 = 5_000_000;

/// Bytes that are read again, over all quoted scalars of a text that are put right.
const MAX_MENDED: usize = 64 << 20;

/// Most characters of a number: as many as the reader of JSON takes. What is longer is a text.
const MAX_DIGITS: usize = 4300;

/// Which plain scalars are something other than strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The YAML 1.2 core schema.
    Core,
    /// As the Kubernetes tools read YAML, which is as Go's `yaml.v2` does: also `yes`, `no`, `on`, `off`, `y`, `n` in
    /// their cases, octal numbers with a leading zero (decimal ones when they have an 8 or a 9), binary ones, and
    /// underscores within numbers.
    Kubernetes,
    /// As Go's `yaml.v3` reads values of no given type, which OPA and Gatekeeper's command line do: numbers as
    /// [`Dialect::Kubernetes`], but only `true` and `false` are truth values.
    Go,
    /// As CloudFormation reads templates: `yes`, `no`, `on` and `off` are truth values, numbers with a leading zero are
    /// texts, as account numbers are meant to be, and a short tag stands for a function: `!Ref A` is `{Ref: A}`,
    /// `!GetAtt A.B` is `{"Fn::GetAtt": [A, B]}` and `!Sub a` is `{"Fn::Sub": a}`.
    CloudFormation,
}

impl Dialect {
    fn has_switches(self) -> bool {
        matches!(self, Self::Kubernetes | Self::CloudFormation)
    }
}

/// One document of a YAML text.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its value; entries know their place.
    pub value: Value,
    /// The range of text it was read from.
    pub span: Span,
}

/// Infinity, or what is no number: Go reads them from YAML, and cannot write them as JSON.
fn is_no_json_number(text: &str) -> bool {
    let name = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(name, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// Reads every document of a text. Empty documents are left out. Quoted scalars whose further lines are not indented are
/// taken, as the readers of Go and Python take them, though the specification does not.
///
/// # Errors
/// The problem met, and the documents before it.
pub fn read(text: &str, source: SourceId, dialect: Dialect) -> Result<Vec<Document>, (Problem, Vec<Document>)> {
    let mut text = Cow::Borrowed(text);
    let mut mends = MAX_MENDED / text.len().max(1);
    loop {
        let mut builder = Builder::new(&text, source, dialect);
        let Err(problem) = builder.run(&text) else { return Ok(builder.documents) };
        match mended(&text, &problem).filter(|_| mends > 0) {
            Some(mended) => text = mended.into(),
            None => return Err((problem, builder.documents)),
        }
        mends -= 1;
    }
}

/// The text with the quoted scalar put right at which the problem is, when it is one of those that other readers take.
fn mended(text: &str, problem: &Problem) -> Option<String> {
    let at = problem.span.filter(|_| problem.message.ends_with("invalid indentation in quoted scalar"))?.start;
    mend::fold(text, at as usize)
}

/// A value under construction, with the number of values it stands for.
#[derive(Clone)]
struct Built {
    value: Value,
    span: Span,
    nodes: u64,
}

impl Built {
    /// The call of a function with this value, when there is one.
    fn applied(self, function: Option<Key>) -> Self {
        let Some(function) = function else { return self };
        let Self { value, span, nodes } = self;
        Self { value: Value::Object(Object::with_spans(vec![(function, value, span)])), span, nodes: nodes + 1 }
    }
}

/// What a function of CloudFormation is given as a scalar: `Fn::GetAtt` takes it apart.
fn argument(function: &Key, text: &str) -> Value {
    match text.split_once('.') {
        Some((resource, attribute)) if function.as_str() == "Fn::GetAtt" => {
            Value::array([resource.into(), attribute.into()])
        }
        _ => Value::String(text.into()),
    }
}

enum Frame {
    List {
        anchor: usize,
        function: Option<Key>,
        start: usize,
        elements: Vec<Value>,
        spans: Vec<Span>,
        nodes: u64,
    },
    Map {
        anchor: usize,
        function: Option<Key>,
        start: usize,
        entries: Vec<(Key, Value, Span)>,
        merges: Vec<Built>,
        key: Option<Built>,
        nodes: u64,
    },
}

impl Frame {
    fn levels(&self) -> usize {
        let (Self::List { function, .. } | Self::Map { function, .. }) = self;
        1 + usize::from(function.is_some())
    }
}

struct Builder {
    source: SourceId,
    dialect: Dialect,
    /// Byte offset of each character; empty for ASCII texts, where they are the same.
    offsets: Vec<u32>,
    len: usize,
    /// Whether the last line has no end.
    is_open: bool,
    frames: Vec<Frame>,
    /// Levels of the value being read; one that a function is applied to has two.
    depth: usize,
    anchors: HashMap<usize, Built>,
    documents: Vec<Document>,
}

impl Builder {
    fn new(text: &str, source: SourceId, dialect: Dialect) -> Self {
        let offsets = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX)).collect()
        };
        Self {
            source,
            dialect,
            offsets,
            len: text.len(),
            is_open: !text.ends_with('\n'),
            frames: Vec::new(),
            depth: 0,
            anchors: HashMap::new(),
            documents: Vec::new(),
        }
    }

    fn run(&mut self, text: &str) -> Result<(), Problem> {
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.scan_problem(&error))?;
            self.event(event, span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: YamlSpan) -> Result<(), Problem> {
        let (start, end) = (self.offset(span.start.index()), self.offset(span.end.index()));
        let here = Span::new(self.source, start..end);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                // The parser gives a block at the end of the text a line end that is not there.
                let is_last = is_block && self.is_open && end >= self.len;
                let text = if is_last { text.strip_suffix('\n').unwrap_or(&text) } else { &text };
                if let Some(function) = self.function(tag.as_deref()) {
                    let argument = Built { value: argument(&function, text), span: here, nodes: 1 };
                    return self.finish(argument.applied(Some(function)), anchor);
                }
                let value = self.scalar(text, style, tag.as_deref()).map_err(|message| Problem::new(message, here))?;
                self.finish(Built { value, span: here, nodes: 1 }, anchor)
            }
            Event::Alias(anchor) => {
                let mut built = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or_else(|| Problem::new("alias to an anchor that is not complete here", here))?;
                built.span = here;
                self.finish(built, 0)
            }
            Event::SequenceStart(anchor, tag) => {
                let function = self.function(tag.as_deref());
                self.open(
                    Frame::List { anchor, function, start, elements: Vec::new(), spans: Vec::new(), nodes: 1 },
                    here,
                )
            }
            Event::MappingStart(anchor, tag) => {
                let function = self.function(tag.as_deref());
                let (entries, merges) = (Vec::new(), Vec::new());
                self.open(Frame::Map { anchor, function, start, entries, merges, key: None, nodes: 1 }, here)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(end),
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    fn open(&mut self, frame: Frame, here: Span) -> Result<(), Problem> {
        if self.depth >= MAX_DEPTH {
            return Err(Problem::new(format!("nested deeper than {MAX_DEPTH} levels"), here));
        }
        self.depth += frame.levels();
        self.frames.push(frame);
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Problem> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        self.depth -= frame.levels();
        match frame {
            Frame::List { anchor, function, start, elements, spans, nodes } => {
                let value = Value::Array(Array::with_spans(elements, spans));
                let built = Built { value, span: Span::new(self.source, start..end), nodes };
                self.finish(built.applied(function), anchor)
            }
            Frame::Map { anchor, function, start, mut entries, merges, nodes, .. } => {
                merge(&mut entries, &merges);
                let value = Value::Object(Object::with_spans(entries));
                let built = Built { value, span: Span::new(self.source, start..end), nodes };
                self.finish(built.applied(function), anchor)
            }
        }
    }

    /// The name of the function that a short tag of CloudFormation stands for.
    fn function(&self, tag: Option<&Tag>) -> Option<Key> {
        let tag = tag.filter(|tag| self.dialect == Dialect::CloudFormation && tag.handle == "!")?;
        match tag.suffix.as_str() {
            "" => None,
            "Ref" | "Condition" => Some(Key::new(&tag.suffix)),
            name => Some(Key::new(&format!("Fn::{name}"))),
        }
    }

    /// Puts a finished value where it belongs: into the innermost container, or among the documents.
    fn finish(&mut self, built: Built, anchor: usize) -> Result<(), Problem> {
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        let (source, here) = (self.source, built.span);
        let Some(frame) = self.frames.last_mut() else {
            if !built.value.is_null() {
                self.documents.push(Document { value: built.value, span: built.span });
            }
            return Ok(());
        };
        let total = match frame {
            Frame::List { elements, spans, nodes, .. } => {
                elements.push(built.value);
                spans.push(built.span);
                *nodes += built.nodes;
                *nodes
            }
            Frame::Map { entries, merges, key, nodes, .. } => {
                *nodes += built.nodes;
                match key.take() {
                    None => *key = Some(built),
                    Some(name) => {
                        let span =
                            Span::new(source, name.span.start as usize..built.span.end.max(name.span.end) as usize);
                        match name.value {
                            Value::String(text) if text == "<<" && is_merge(&built.value) => merges.push(built),
                            ref name => entries.push((key_of(name, span)?, built.value, span)),
                        }
                    }
                }
                *nodes
            }
        };
        if total > MAX_NODES {
            return Err(Problem::new(
                format!("stands for more than {MAX_NODES} values once its aliases are followed"),
                here,
            ));
        }
        Ok(())
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
        if let Some(tag) = tag
            && tag.is_yaml_core_schema()
        {
            return match tag.suffix.as_str() {
                "str" | "binary" | "timestamp" => Ok(Value::String(text.into())),
                "null" => Ok(Value::Null),
                suffix @ ("int" | "float" | "bool") => match self.plain(text) {
                    Value::String(_) => Err(format!("`{text}` is not of the type !!{suffix}")),
                    value => Ok(value),
                },
                _ => Ok(self.plain(text)),
            };
        }
        if style != ScalarStyle::Plain {
            return Ok(Value::String(text.into()));
        }
        if self.dialect != Dialect::Core && is_no_json_number(text) {
            return Err(format!("`{text}` is a number that JSON does not have"));
        }
        Ok(self.plain(text))
    }

    fn plain(&self, text: &str) -> Value {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
            "true" | "True" | "TRUE" => return Value::Bool(true),
            "false" | "False" | "FALSE" => return Value::Bool(false),
            "y" | "Y" if self.dialect == Dialect::Kubernetes => return Value::Bool(true),
            "n" | "N" if self.dialect == Dialect::Kubernetes => return Value::Bool(false),
            "yes" | "Yes" | "YES" | "on" | "On" | "ON" if self.dialect.has_switches() => return Value::Bool(true),
            "no" | "No" | "NO" | "off" | "Off" | "OFF" if self.dialect.has_switches() => return Value::Bool(false),
            _ => {}
        }
        match text.as_bytes()[0] {
            b'0'..=b'9' | b'-' | b'+' | b'.' => {
                self.number(text).map_or_else(|| Value::String(text.into()), Value::Number)
            }
            _ => Value::String(text.into()),
        }
    }

    fn number(&self, text: &str) -> Option<Number> {
        if text.len() > MAX_DIGITS {
            return None;
        }
        if self.dialect != Dialect::Core && text.contains('_') && !text.starts_with('.') {
            return self.number(&text.replace('_', ""));
        }
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => ("-", digits),
            None => ("", text.strip_prefix('+').unwrap_or(text)),
        };
        let radix = |digits: &str, radix| i64::from_str_radix(&format!("{sign}{digits}"), radix).ok().map(Number::from);
        if let Some(hexadecimal) = digits.strip_prefix("0x") {
            return radix(hexadecimal, 16);
        }
        if let Some(octal) = digits.strip_prefix("0o") {
            return radix(octal, 8);
        }
        if let Some(binary) = digits.strip_prefix("0b").filter(|_| self.dialect != Dialect::Core) {
            return radix(binary, 2);
        }
        if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
        {
            return None;
        }
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole && digits.len() > 1 && digits.starts_with('0') && self.dialect == Dialect::CloudFormation {
            return None;
        }
        if whole && digits.len() > 1 && digits.starts_with('0') {
            let octal = radix(&digits[1..], 8).filter(|_| self.dialect != Dialect::Core);
            let decimal = Some(digits.trim_start_matches('0')).filter(|rest| !rest.is_empty()).unwrap_or("0");
            return octal.or_else(|| format!("{sign}{decimal}").parse().ok());
        }
        format!("{sign}{digits}").parse().ok()
    }

    /// Byte offset of a character.
    fn offset(&self, character: usize) -> usize {
        if self.offsets.is_empty() {
            return character.min(self.len);
        }
        self.offsets.get(character).map_or(self.len, |offset| *offset as usize)
    }

    fn scan_problem(&self, error: &ScanError) -> Problem {
        let at = self.offset(error.marker().index());
        Problem::new(format!("not valid YAML: {}", error.info()), Span::new(self.source, at..at))
    }
}

fn is_merge(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(list) => list.iter().all(|element| matches!(element, Value::Object(_))),
        _ => false,
    }
}

/// Adds the entries of `<<` mappings that the mapping does not have itself; the first that has a key gives it.
fn merge(entries: &mut Vec<(Key, Value, Span)>, merges: &[Built]) {
    if merges.is_empty() {
        return;
    }
    let mut known: HashSet<Key> = entries.iter().map(|(key, ..)| key.clone()).collect();
    for merged in merges {
        let objects: Vec<&Object> = match &merged.value {
            Value::Object(object) => vec![object],
            Value::Array(list) => list.iter().filter_map(Value::as_object).collect(),
            _ => Vec::new(),
        };
        for (key, value, span) in objects.into_iter().flat_map(Object::iter_spanned) {
            if known.insert(key.clone()) {
                entries.push((key.clone(), value.clone(), span.unwrap_or(merged.span)));
            }
        }
    }
}

/// Keys are texts; scalars of other kinds become the text they would be written as.
fn key_of(key: &Value, span: Span) -> Result<Key, Problem> {
    match key {
        Value::String(text) => Ok(Key::new(text)),
        Value::Number(number) => Ok(Key::new(&number.to_string())),
        Value::Bool(truth) => Ok(Key::new(if *truth { "true" } else { "false" })),
        Value::Null => Ok(Key::new("null")),
        other => Err(Problem::new(format!("a {} cannot be a key", other.kind()), span)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;
    use crate::source::Sources;
    use proptest::prelude::*;

    fn read_all(text: &str, dialect: Dialect) -> Result<Vec<String>, Problem> {
        read(text, SourceId(0), dialect)
            .map(|documents| documents.iter().map(|document| json::write(&document.value)).collect())
            .map_err(|(problem, _)| problem)
    }

    fn kubernetes(text: &str) -> String {
        read_all(text, Dialect::Kubernetes).unwrap().join("|")
    }

    #[test]
    fn scalars() {
        for (text, core, kubernetes) in [
            ("yes", r#""yes""#, "true"),
            ("off", r#""off""#, "false"),
            ("0644", "644", "420"),
            ("08", "8", "8"),
            ("00", "0", "0"),
            ("y", r#""y""#, "true"),
            ("N", r#""N""#, "false"),
            ("1_000.5", r#""1_000.5""#, "1000.5"),
            ("-0b101", r#""-0b101""#, "-5"),
            ("_1", r#""_1""#, r#""_1""#),
            ("0o17", "15", "15"),
            ("0x1F", "31", "31"),
            ("'yes'", r#""yes""#, r#""yes""#),
            ("1.50", "1.50", "1.50"),
            ("1.2.3", r#""1.2.3""#, r#""1.2.3""#),
            ("2026-01-01", r#""2026-01-01""#, r#""2026-01-01""#),
            ("1e3", "1000", "1000"),
            ("-a", r#""-a""#, r#""-a""#),
            (".5", "0.5", "0.5"),
            ("!!str 1", r#""1""#, r#""1""#),
            ("100Mi", r#""100Mi""#, r#""100Mi""#),
        ] {
            let document = format!("a: {text}\n");
            let read = |dialect| read_all(&document, dialect).map(|documents| documents.join("|"));
            assert_eq!(read(Dialect::Core).unwrap(), format!(r#"{{"a":{core}}}"#), "{text}");
            assert_eq!(read(Dialect::Kubernetes).unwrap(), format!(r#"{{"a":{kubernetes}}}"#), "{text}");
        }
    }

    #[test]
    fn documents_aliases_and_merges() {
        assert_eq!(kubernetes("a: 1\n---\n---\nb: [x, z]\n"), r#"{"a":1}|{"b":["x","z"]}"#);
        assert_eq!(
            kubernetes("base: &b {x: 1, z: 2}\nover: {<<: *b, z: 3}\n"),
            r#"{"base":{"x":1,"z":2},"over":{"x":1,"z":3}}"#
        );
    }

    #[test]
    fn entries_know_their_place_in_text_with_wide_characters() {
        let sources = Sources::default();
        let text = "größe: 1\nname:\n  inner: ü\n  list:\n    - a\n    - b\n";
        let id = sources.add("a.yaml", text);
        let documents = read(text, id, Dialect::Core).unwrap();
        let name = documents[0].value.get("name").unwrap().as_object().unwrap();
        assert_eq!(sources.locate(name.span("inner").unwrap()).unwrap().to_string(), "a.yaml:3:3");
        let list = name.get("list").unwrap().as_array().unwrap();
        assert_eq!(sources.locate(list.span(1).unwrap()).unwrap().to_string(), "a.yaml:6:7");
    }

    #[test]
    fn go_reads_numbers_as_kubernetes_and_words_as_words() {
        let text = "[yes, n, on, true, 0644, 0b11, 1_000]";
        assert_eq!(read_all(text, Dialect::Go).unwrap(), [r#"["yes","n","on",true,420,3,1000]"#]);
        assert_eq!(read_all(text, Dialect::Kubernetes).unwrap(), ["[true,false,true,true,420,3,1000]"]);
    }

    #[test]
    fn short_tags_of_cloudformation_are_functions() {
        for (text, expected) in [
            ("!Ref A", r#"{"Ref":"A"}"#),
            ("!Condition C", r#"{"Condition":"C"}"#),
            ("!GetAtt A.B.C", r#"{"Fn::GetAtt":["A","B.C"]}"#),
            ("!GetAtt [A, B]", r#"{"Fn::GetAtt":["A","B"]}"#),
            ("!Sub \"${A}-b\"", r#"{"Fn::Sub":"${A}-b"}"#),
            ("!Sub 12", r#"{"Fn::Sub":"12"}"#),
            ("!GetAZs", r#"{"Fn::GetAZs":""}"#),
            ("!If [C, !Ref A, {b: !Base64 c}]", r#"{"Fn::If":["C",{"Ref":"A"},{"b":{"Fn::Base64":"c"}}]}"#),
            ("!Transform {Name: AWS::Include}", r#"{"Fn::Transform":{"Name":"AWS::Include"}}"#),
            ("[yes, Off, y, 012345678901, 12, 2012-10-17]", r#"[true,false,"y","012345678901",12,"2012-10-17"]"#),
            ("! a", r#""a""#),
        ] {
            assert_eq!(read_all(text, Dialect::CloudFormation).unwrap(), [expected], "{text}");
        }
        assert_eq!(read_all("!Ref A", Dialect::Core).unwrap(), [r#""A""#]);
        let deep = format!("{}1{}", "!Not [".repeat(200), "]".repeat(200));
        assert!(read_all(&deep, Dialect::CloudFormation).unwrap_err().message.contains("nested deeper"));
    }

    #[test]
    fn quoted_lines_need_not_be_indented() {
        let text = "a:\n  b: \"one\n  two\"\n  c: 'three\n\n four'\n";
        for dialect in [Dialect::Kubernetes, Dialect::Core] {
            assert_eq!(read_all(text, dialect).unwrap(), [r#"{"a":{"b":"one two","c":"three four"}}"#]);
        }
    }

    #[test]
    fn an_error_keeps_the_documents_before_it() {
        let (problem, before) = read("a: 1\n---\nb: [1\nc: 2\n", SourceId(0), Dialect::Core).unwrap_err();
        assert_eq!(before.len(), 1);
        assert!(problem.message.contains("not valid YAML"), "{problem}");
    }

    #[test]
    fn a_block_ends_as_the_text_does() {
        for (text, expected) in [
            ("a: |\n  b\n", r#"{"a":"b\n"}"#),
            ("a: |\n  b", r#"{"a":"b"}"#),
            ("a: >\n  b\n  c", r#"{"a":"b c"}"#),
            ("a: |-\n  b", r#"{"a":"b"}"#),
            ("a:\n  - |+\n    b\n\n  - c", r#"{"a":["b\n\n","c"]}"#),
            ("a: |\n  b\nc: 1", r#"{"a":"b\n","c":1}"#),
        ] {
            assert_eq!(kubernetes(text), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_that_are_too_long_are_texts() {
        let text = format!("a: {}\n", "7".repeat(5000));
        assert!(kubernetes(&text).starts_with(r#"{"a":"7777"#));
    }

    #[test]
    fn bombs_and_depth_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let inner = format!("*a{},", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", inner.trim_end_matches(',')));
        }
        assert!(read_all(&bomb, Dialect::Core).unwrap_err().message.contains("aliases"));
        assert!(read_all(&"[".repeat(100_000), Dialect::Core).is_err());
        let blocks: String = (0..2_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        assert!(read_all(&blocks, Dialect::Core).unwrap_err().message.contains("nested deeper"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-a-c:{}\\[\\]&*!|>'\"# \n0-9.<]*") {
            let _ = read_all(&text, Dialect::Kubernetes);
        }
    }
}
