//! Texts rendered from templates in the language of Go's `text/template`.

use probity_model::value::{Key, Value};

use super::args::{all_expandable, object, string};
use super::encoding::escape_query;
use super::{Context, Failure, Outcome, sprintf};

/// Longest text that is rendered, and most steps that are taken.
const MAX_TEXT: usize = 16 << 20;
const MAX_STEPS: usize = 5_000_000;
const MAX_DEPTH: usize = 64;

fn wrong(message: impl std::fmt::Display) -> Failure {
    Failure::value(format!("template: template: {message}"))
}

pub(super) fn render(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    all_expandable(args)?;
    let text = string(args, 0)?;
    object(args, 1)?;
    if !is_json(&args[1]) {
        return Err(wrong("the variables are no JSON"));
    }
    let pieces = pieces(text)?;
    let mut parser = Parser { pieces: &pieces, at: 0 };
    let (nodes, _) = parser.nodes(0, &[])?;
    let document = with_numbers_as_texts(&args[1]);
    let mut renderer = Renderer { out: String::new(), variables: vec![("$".to_owned(), document.clone())], steps: 0 };
    renderer.nodes(&nodes, &document)?;
    Ok(renderer.out.replace(NO_VALUE, "<undefined>").into())
}

/// Whether a value is written in Rego as in JSON, where texts are quoted as Go does.
fn is_json(value: &Value) -> bool {
    let is_quoted_so =
        |text: &str| !text.contains(|one: char| one.is_ascii_control() && !"\u{8}\u{c}\n\r\t".contains(one));
    match value {
        Value::String(text) => is_quoted_so(text),
        Value::Array(array) => array.iter().all(is_json),
        Value::Object(object) => {
            object.iter().all(|(key, value)| key.as_other().is_none() && is_quoted_so(key.as_str()) && is_json(value))
        }
        Value::Set(_) => false,
        _ => true,
    }
}

/// A text, or an action between double braces.
enum Piece {
    Text(String),
    Action(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Constant(Value),
    Punctuation(&'static str),
}

fn pieces(text: &str) -> Result<Vec<Piece>, Failure> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim = false;
    while let Some(at) = rest.find("{{") {
        let (mut before, behind) = rest.split_at(at);
        let mut behind = &behind[2..];
        if trim {
            before = before.trim_start();
        }
        if let Some(trimmed) = behind.strip_prefix("- ") {
            before = before.trim_end();
            behind = trimmed;
        }
        pieces.push(Piece::Text(before.to_owned()));
        let end = action_end(behind).ok_or_else(|| wrong("unclosed action"))?;
        let mut action = behind[..end].trim();
        rest = &behind[end + 2..];
        trim = false;
        if let Some(trimmed) = action.strip_suffix('-')
            && (trimmed.is_empty() || trimmed.ends_with(char::is_whitespace))
        {
            action = trimmed.trim_end();
            trim = true;
        }
        if !action.starts_with("/*") {
            pieces.push(Piece::Action(tokens(action)?));
        }
    }
    pieces.push(Piece::Text(if trim { rest.trim_start() } else { rest }.to_owned()));
    Ok(pieces)
}

/// Where an action ends, braces in strings left out.
fn action_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match quote {
            None if text[at..].starts_with("}}") => return Some(at),
            None if matches!(character, '"' | '`' | '\'') => quote = Some(character),
            Some('"') if character == '\\' && !escaped => {
                escaped = true;
                continue;
            }
            Some(open) if character == open && !escaped => quote = None,
            _ => {}
        }
        escaped = false;
    }
    None
}

fn tokens(action: &str) -> Result<Vec<Token>, Failure> {
    let mut tokens = Vec::new();
    let mut rest = action;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let name_end =
            |text: &str| text.find(|next: char| !(next.is_alphanumeric() || next == '_')).unwrap_or(text.len());
        let fields = |text: &'_ str| {
            let mut names = Vec::new();
            let mut used = 0;
            while let Some(behind) = text[used..].strip_prefix('.') {
                let end = name_end(behind);
                if end == 0 {
                    break;
                }
                names.push(behind[..end].to_owned());
                used += 1 + end;
            }
            (names, used)
        };
        let (token, used) = match first {
            '"' => {
                let end = rest[1..]
                    .char_indices()
                    .scan(false, |escaped, (at, character)| {
                        let quote = character == '"' && !*escaped;
                        *escaped = character == '\\' && !*escaped;
                        Some((at, quote))
                    })
                    .find(|(_, quote)| *quote)
                    .map(|(at, _)| at + 2)
                    .ok_or_else(|| wrong("unterminated quoted string"))?;
                let value =
                    probity_model::json::read(&rest.as_bytes()[..end]).map_err(|problem| wrong(problem.message))?;
                (Token::Constant(value), end)
            }
            '`' => {
                let end = rest[1..].find('`').ok_or_else(|| wrong("unterminated raw quoted string"))? + 2;
                (Token::Constant(rest[1..end - 1].into()), end)
            }
            '$' => {
                let end = 1 + name_end(&rest[1..]);
                let (names, used) = fields(&rest[end..]);
                (Token::Variable(rest[..end].to_owned(), names), end + used)
            }
            '.' => {
                let (names, used) = fields(rest);
                (Token::Field(names), used.max(1))
            }
            '|' => (Token::Punctuation("|"), 1),
            '(' => (Token::Punctuation("("), 1),
            ')' => (Token::Punctuation(")"), 1),
            ',' => (Token::Punctuation(","), 1),
            ':' if rest.starts_with(":=") => (Token::Punctuation(":="), 2),
            '=' => (Token::Punctuation("="), 1),
            '0'..='9' | '-' | '+' => {
                let end = rest.find(|next: char| next.is_whitespace() || "|),".contains(next)).unwrap_or(rest.len());
                let number = rest[..end].trim_start_matches('+').parse::<probity_model::Number>();
                (Token::Constant(Value::Number(number.map_err(|_| wrong("bad number syntax"))?)), end)
            }
            letter if letter.is_alphabetic() || letter == '_' => {
                let end = name_end(rest);
                let token = match &rest[..end] {
                    "true" => Token::Constant(true.into()),
                    "false" => Token::Constant(false.into()),
                    "nil" => Token::Constant(Value::Null),
                    word => Token::Word(word.to_owned()),
                };
                (token, end)
            }
            other => return Err(wrong(format!("unexpected {other:?} in command"))),
        };
        tokens.push(token);
        rest = &rest[used..];
    }
}

enum Node {
    Text(String),
    Print(Pipeline),
    If(Pipeline, Vec<Node>, Vec<Node>),
    With(Pipeline, Vec<Node>, Vec<Node>),
    Range(Pipeline, Vec<Node>, Vec<Node>),
    Break,
    Continue,
}

/// Variables that get the value, and commands, each given what the one before gives.
struct Pipeline {
    variables: Vec<String>,
    declares: bool,
    commands: Vec<Vec<Operand>>,
}

enum Operand {
    Function(String),
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Constant(Value),
    Pipeline(Box<Pipeline>, Vec<String>),
}

struct Parser<'p> {
    pieces: &'p [Piece],
    at: usize,
}

impl Parser<'_> {
    /// Nodes up to one of the words, which is given with what follows it.
    fn nodes(&mut self, depth: usize, ends: &[&str]) -> Result<(Vec<Node>, Vec<Token>), Failure> {
        if depth > MAX_DEPTH {
            return Err(wrong("nested too deep"));
        }
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.at) {
            self.at += 1;
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text.clone()));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            let word = match tokens.first() {
                Some(Token::Word(word)) => word.as_str(),
                _ => "",
            };
            match word {
                "end" | "else" if ends.contains(&word) => return Ok((nodes, tokens.clone())),
                "end" | "else" => return Err(wrong(format!("unexpected {{{{{word}}}}}"))),
                "if" => nodes.push(self.branch(&tokens[1..], depth, Node::If)?),
                "with" => nodes.push(self.branch(&tokens[1..], depth, Node::With)?),
                "range" => nodes.push(self.branch(&tokens[1..], depth, Node::Range)?),
                "break" => nodes.push(Node::Break),
                "continue" => nodes.push(Node::Continue),
                "define" | "template" | "block" => return Err(wrong(format!("{word} is not supported"))),
                _ => nodes.push(Node::Print(pipeline(tokens)?)),
            }
        }
        if ends.is_empty() { Ok((nodes, Vec::new())) } else { Err(wrong("unexpected EOF")) }
    }

    fn branch(
        &mut self,
        tokens: &[Token],
        depth: usize,
        make: fn(Pipeline, Vec<Node>, Vec<Node>) -> Node,
    ) -> Result<Node, Failure> {
        let condition = pipeline(tokens)?;
        let (body, end) = self.nodes(depth + 1, &["end", "else"])?;
        let is_else = matches!(end.first(), Some(Token::Word(word)) if word == "else");
        let otherwise = match end.get(1) {
            _ if !is_else => Vec::new(),
            Some(Token::Word(word)) if word == "if" => vec![self.branch(&end[2..], depth + 1, Node::If)?],
            Some(Token::Word(word)) if word == "with" => vec![self.branch(&end[2..], depth + 1, Node::With)?],
            _ => self.nodes(depth + 1, &["end"])?.0,
        };
        Ok(make(condition, body, otherwise))
    }
}

fn pipeline(tokens: &[Token]) -> Result<Pipeline, Failure> {
    let mut pipeline = Pipeline { variables: Vec::new(), declares: false, commands: Vec::new() };
    let mut tokens = tokens;
    let assign = tokens.iter().position(|token| matches!(token, Token::Punctuation(":=" | "=")));
    if let Some(at) = assign {
        pipeline.declares = tokens[at] == Token::Punctuation(":=");
        for token in &tokens[..at] {
            match token {
                Token::Variable(name, fields) if fields.is_empty() => pipeline.variables.push(name.clone()),
                Token::Punctuation(",") => {}
                _ => return Err(wrong("bad declaration")),
            }
        }
        tokens = &tokens[at + 1..];
    }
    let mut at = 0;
    pipeline.commands = commands(tokens, &mut at, 0)?;
    if at < tokens.len() || pipeline.commands.iter().any(Vec::is_empty) {
        return Err(wrong("missing value for command"));
    }
    Ok(pipeline)
}

fn commands(tokens: &[Token], at: &mut usize, depth: usize) -> Result<Vec<Vec<Operand>>, Failure> {
    if depth > MAX_DEPTH {
        return Err(wrong("nested too deep"));
    }
    let mut all = vec![Vec::new()];
    while let Some(token) = tokens.get(*at) {
        let operand = match token {
            Token::Punctuation(")") => break,
            Token::Punctuation("|") => {
                *at += 1;
                all.push(Vec::new());
                continue;
            }
            Token::Punctuation("(") => {
                *at += 1;
                let commands = commands(tokens, at, depth + 1)?;
                if tokens.get(*at) != Some(&Token::Punctuation(")")) {
                    return Err(wrong("unclosed left paren"));
                }
                let mut fields = Vec::new();
                if let Some(Token::Field(names)) = tokens.get(*at + 1) {
                    fields.clone_from(names);
                    *at += 1;
                }
                Operand::Pipeline(Box::new(Pipeline { variables: Vec::new(), declares: false, commands }), fields)
            }
            Token::Punctuation(other) => return Err(wrong(format!("unexpected {other:?}"))),
            Token::Word(name) => Operand::Function(name.clone()),
            Token::Field(names) => Operand::Field(names.clone()),
            Token::Variable(name, fields) => Operand::Variable(name.clone(), fields.clone()),
            Token::Constant(value) => Operand::Constant(value.clone()),
        };
        *at += 1;
        if let Some(last) = all.last_mut() {
            last.push(operand);
        }
    }
    Ok(all)
}

#[derive(PartialEq)]
enum Leave {
    No,
    Break,
    Continue,
}

struct Renderer {
    out: String,
    variables: Vec<(String, Value)>,
    steps: usize,
}

/// How Go writes what is not there.
const NO_VALUE: &str = "<no value>";

/// What is not there.
fn missing() -> Value {
    Value::Unknown(NO_VALUE.into())
}

/// Numbers of documents are, for Go's templates, texts of their digits.
fn with_numbers_as_texts(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.to_string()),
        Value::Array(array) => Value::array(array.iter().map(with_numbers_as_texts)),
        Value::Set(set) => Value::Set(set.iter().map(with_numbers_as_texts).collect()),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(key, value)| (key.clone(), with_numbers_as_texts(value))).collect())
        }
        other => other.clone(),
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null | Value::Unknown(_) => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => *number != 0.into(),
        Value::String(text) => !text.is_empty(),
        Value::Array(array) => !array.is_empty(),
        Value::Object(object) => !object.is_empty(),
        Value::Set(set) => !set.is_empty(),
    }
}

/// A value as Go prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::Unknown(_) | Value::Null => NO_VALUE.to_owned(),
        Value::String(text) => text.to_string(),
        Value::Array(array) => format!("[{}]", array.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Set(set) => format!("[{}]", set.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Object(object) => {
            let entries: Vec<String> = object.iter().map(|(key, value)| format!("{key}:{}", shown(value))).collect();
            format!("map[{}]", entries.join(" "))
        }
        other => sprintf::text(other),
    }
}

fn follow(value: Value, fields: &[String]) -> Result<Value, Failure> {
    fields.iter().try_fold(value, |value, field| match &value {
        Value::Object(object) => Ok(object.get(field).cloned().unwrap_or_else(missing)),
        // What is not there has nothing in it.
        Value::Unknown(_) => Ok(missing()),
        Value::Null => Err(wrong(format!("nil pointer evaluating interface {{}}.{field}"))),
        _ => Err(wrong(format!("can't evaluate field {field}"))),
    })
}

impl Renderer {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Leave, Failure> {
        for node in nodes {
            self.steps += 1;
            if self.steps > MAX_STEPS || self.out.len() > MAX_TEXT {
                return Err(wrong("the text would be too long"));
            }
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Print(pipeline) => {
                    let value = self.pipeline(pipeline, dot)?;
                    if pipeline.variables.is_empty() {
                        self.out.push_str(&shown(&value));
                    }
                }
                Node::If(pipeline, body, otherwise) | Node::With(pipeline, body, otherwise) => {
                    let known = self.variables.len();
                    let value = self.pipeline(pipeline, dot)?;
                    let inner = if matches!(node, Node::With(..)) { &value } else { dot };
                    let leave = if is_true(&value) { self.nodes(body, inner)? } else { self.nodes(otherwise, dot)? };
                    self.variables.truncate(known);
                    if leave != Leave::No {
                        return Ok(leave);
                    }
                }
                Node::Range(pipeline, body, otherwise) => self.range(pipeline, body, otherwise, dot)?,
                Node::Break => return Ok(Leave::Break),
                Node::Continue => return Ok(Leave::Continue),
            }
        }
        Ok(Leave::No)
    }

    fn range(&mut self, pipeline: &Pipeline, body: &[Node], otherwise: &[Node], dot: &Value) -> Result<(), Failure> {
        let known = self.variables.len();
        let value = self.commands(&pipeline.commands, dot)?;
        let entries: Vec<(Value, Value)> = match &value {
            Value::Array(array) => (0_i64..).zip(array).map(|(at, value)| (at.into(), value.clone())).collect(),
            Value::Set(set) => (0_i64..).zip(set).map(|(at, value)| (at.into(), value.clone())).collect(),
            Value::Object(object) => object.iter().map(|(key, value)| (key.to_value(), value.clone())).collect(),
            Value::Null | Value::Unknown(_) => Vec::new(),
            _ => return Err(wrong("range can't iterate over this value")),
        };
        if entries.is_empty() {
            self.nodes(otherwise, dot)?;
        }
        for (key, value) in entries {
            match &pipeline.variables[..] {
                [one] => self.variables.push((one.clone(), value.clone())),
                [first, second, ..] => {
                    self.variables.push((first.clone(), key));
                    self.variables.push((second.clone(), value.clone()));
                }
                [] => {}
            }
            let leave = self.nodes(body, &value)?;
            self.variables.truncate(known);
            if leave == Leave::Break {
                break;
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &Value) -> Result<Value, Failure> {
        let value = self.commands(&pipeline.commands, dot)?;
        for name in &pipeline.variables {
            let known = self.variables.iter_mut().rev().find(|(known, _)| known == name);
            match known {
                Some((_, old)) if !pipeline.declares => *old = value.clone(),
                None if !pipeline.declares => return Err(wrong(format!("undefined variable {name:?}"))),
                _ => self.variables.push((name.clone(), value.clone())),
            }
        }
        Ok(value)
    }

    fn commands(&mut self, commands: &[Vec<Operand>], dot: &Value) -> Result<Value, Failure> {
        let mut last: Option<Value> = None;
        for command in commands {
            last = Some(self.command(command, dot, last)?);
        }
        last.ok_or_else(|| wrong("missing value for command"))
    }

    fn command(&mut self, command: &[Operand], dot: &Value, last: Option<Value>) -> Result<Value, Failure> {
        let Some((first, rest)) = command.split_first() else { return Err(wrong("missing value for command")) };
        if let Operand::Function(name) = first {
            if matches!(name.as_str(), "and" | "or") {
                return self.logical(name == "and", rest, dot, last);
            }
            let mut args = Vec::new();
            for operand in rest {
                args.push(self.operand(operand, dot)?);
            }
            args.extend(last);
            return call(name, &args);
        }
        if !rest.is_empty() || last.is_some() {
            return Err(wrong("can't give argument to non-function"));
        }
        self.operand(first, dot)
    }

    fn logical(&mut self, and: bool, rest: &[Operand], dot: &Value, last: Option<Value>) -> Result<Value, Failure> {
        let mut value = None;
        for operand in rest {
            let next = self.operand(operand, dot)?;
            if is_true(&next) != and {
                return Ok(next);
            }
            value = Some(next);
        }
        last.or(value).ok_or_else(|| wrong("wrong number of args for and"))
    }

    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Failure> {
        match operand {
            Operand::Constant(value) => Ok(value.clone()),
            Operand::Field(names) => follow(dot.clone(), names),
            Operand::Variable(name, fields) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let (_, value) = known.ok_or_else(|| wrong(format!("undefined variable {name:?}")))?;
                follow(value.clone(), fields)
            }
            Operand::Pipeline(pipeline, fields) => follow(self.pipeline(pipeline, dot)?, fields),
            Operand::Function(name) => call(name, &[]),
        }
    }
}

/// Whether a value is one of others: basic values are compared with those of their kind, and nothing with nothing.
fn is_one_of(first: &Value, others: &[Value]) -> Result<bool, Failure> {
    let is_nothing = |value: &Value| matches!(value, Value::Null | Value::Unknown(_));
    let is_basic = |value: &Value| matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_));
    for other in others {
        let same_kind = std::mem::discriminant(first) == std::mem::discriminant(other);
        let equal = match (is_nothing(first), is_nothing(other)) {
            (false, false) if !same_kind || !is_basic(first) => {
                let kinds = format!("{} and {}", first.kind(), other.kind());
                return Err(wrong(format!("error calling eq: incompatible types for comparison: {kinds}")));
            }
            (false, false) => first == other,
            (one, two) => one == two,
        };
        if equal {
            return Ok(true);
        }
    }
    Ok(false)
}

fn position(key: &Value) -> Option<usize> {
    usize::try_from(key.as_number()?.as_i64()?).ok()
}

fn call(name: &str, args: &[Value]) -> Result<Value, Failure> {
    let two = || match args {
        [left, right] => Ok((left, right)),
        _ => Err(wrong(format!("wrong number of args for {name}"))),
    };
    let one = || args.first().ok_or_else(|| wrong(format!("wrong number of args for {name}")));
    let joined = || args.iter().map(shown).collect::<Vec<_>>();
    Ok(match name {
        "not" => (!is_true(one()?)).into(),
        "len" => match one()? {
            Value::Array(array) => super::args::count(array.len()),
            Value::Object(object) => super::args::count(object.len()),
            Value::Set(set) => super::args::count(set.len()),
            Value::String(text) => super::args::count(text.len()),
            _ => return Err(wrong("error calling len: bad type")),
        },
        "eq" => is_one_of(one()?, &args[1..])?.into(),
        "ne" => {
            two().and_then(|(left, right)| is_one_of(left, std::slice::from_ref(right)).map(|equal| !equal))?.into()
        }
        "lt" => two().map(|(left, right)| left < right)?.into(),
        "le" => two().map(|(left, right)| left <= right)?.into(),
        "gt" => two().map(|(left, right)| left > right)?.into(),
        "ge" => two().map(|(left, right)| left >= right)?.into(),
        "index" => {
            let mut value = one()?.clone();
            for key in &args[1..] {
                value = match &value {
                    Value::Object(_) if key.as_str().is_none() => {
                        return Err(wrong("error calling index: value has type int; should be string"));
                    }
                    Value::Object(object) => object.get_key(&Key::from_value(key)).cloned().unwrap_or_else(missing),
                    Value::Array(array) => position(key)
                        .and_then(|at| array.get(at).cloned())
                        .ok_or_else(|| wrong("error calling index: index out of range"))?,
                    Value::String(text) => position(key)
                        .and_then(|at| text.as_bytes().get(at))
                        .map(|byte| i64::from(*byte).into())
                        .ok_or_else(|| wrong("error calling index: index out of range"))?,
                    _ => return Err(wrong("error calling index: can't index item")),
                };
            }
            value
        }
        "print" => joined().join(" ").into(),
        "println" => format!("{}\n", joined().join(" ")).into(),
        "printf" => {
            let format = one()?.as_str().ok_or_else(|| wrong("printf needs a format"))?;
            let composite = |arg: &Value| matches!(arg, Value::Array(_) | Value::Object(_) | Value::Set(_));
            // Go prints lists and maps in its own way.
            let args: Vec<Value> = args[1..]
                .iter()
                .map(|arg| if composite(arg) { Value::from(shown(arg)) } else { arg.clone() })
                .collect();
            sprintf::format_or_nil(format, &args).into()
        }
        "urlquery" => escape_query(&joined().concat()).into(),
        "html" => joined()
            .concat()
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;")
            .into(),
        other => return Err(wrong(format!("function {other:?} not defined"))),
    })
}
