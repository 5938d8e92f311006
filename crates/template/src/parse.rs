//! From tokens to templates.

use std::rc::Rc;

use crate::ast::{Branch, Command, Node, Pipe, Source, Template, Word, WordKind};
use crate::error::{Error, ErrorKind};
use crate::lex::{self, Kind, Token};

/// Deepest nesting of blocks and parentheses.
const MAX_NESTING: usize = 100;

/// A template under its name.
pub(crate) type Named = (Rc<str>, Rc<Template>);

/// Parses a text: the template that it is itself, under its name, and those that it defines.
pub(crate) fn parse(source: &Rc<Source>, is_function: &dyn Fn(&str) -> bool) -> Result<Vec<Named>, Error> {
    let tokens = lex::tokens(source)?;
    let mut parser = Parser {
        source,
        tokens,
        at: 0,
        is_function,
        variables: vec!["$".into()],
        ranges: 0,
        nesting: 0,
        defined: Vec::new(),
    };
    let (body, stop) = parser.list()?;
    if let Some((word, offset)) = stop {
        return Err(parser.error(format!("unexpected {{{{{word}}}}}"), offset));
    }
    let mut all = parser.defined;
    all.push((Rc::clone(&source.name), Rc::new(Template { source: Rc::clone(source), body })));
    Ok(all)
}

struct Parser<'p> {
    source: &'p Rc<Source>,
    tokens: Vec<Token>,
    at: usize,
    is_function: &'p dyn Fn(&str) -> bool,
    variables: Vec<Rc<str>>,
    ranges: usize,
    nesting: usize,
    defined: Vec<Named>,
}

/// What ends a list of nodes: `end` or `else`, and where it stands.
type Stop = Option<(&'static str, usize)>;

impl Parser<'_> {
    fn error(&self, message: impl Into<String>, offset: usize) -> Error {
        Error::new(ErrorKind::Parse, message, self.source, offset)
    }

    fn text(&self, token: Token) -> &str {
        &self.source.text[token.start..token.end]
    }

    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|token| token.kind == Kind::Space) {
            self.at += 1;
        }
    }

    fn next_solid(&mut self) -> Result<Token, Error> {
        self.skip_space();
        let token = self.peek().ok_or_else(|| self.error("unexpected EOF", self.source.text.len()))?;
        self.at += 1;
        Ok(token)
    }

    fn peek_solid(&mut self) -> Option<Token> {
        self.skip_space();
        self.peek()
    }

    fn unexpected(&self, token: Token, context: &str) -> Error {
        self.error(format!("unexpected {:?} in {context}", self.text(token)), token.start)
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            let offset = self.peek().map_or(0, |token| token.start);
            return Err(self.error(format!("nested deeper than {MAX_NESTING} levels"), offset));
        }
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    /// Nodes up to `end`, `else` or the end of the text; `else` is left for the caller to go on behind.
    fn list(&mut self) -> Result<(Vec<Node>, Stop), Error> {
        let mut nodes = Vec::new();
        while let Some(token) = self.peek() {
            self.at += 1;
            if token.kind == Kind::Text {
                nodes.push(Node::Text(token.start, token.end));
                continue;
            }
            let word = self.peek_solid().filter(|word| word.kind == Kind::Identifier);
            let name = word.map(|word| self.text(word).to_owned()).unwrap_or_default();
            match name.as_str() {
                "end" => {
                    self.at += 1;
                    self.right("end")?;
                    return Ok((nodes, Some(("end", token.start))));
                }
                "else" => {
                    self.at += 1;
                    return Ok((nodes, Some(("else", token.start))));
                }
                _ => {
                    if let Some(node) = self.nested(|parser| parser.action(&name, token))? {
                        nodes.push(node);
                    }
                }
            }
        }
        Ok((nodes, None))
    }

    /// An action behind its `{{`.
    fn action(&mut self, name: &str, left: Token) -> Result<Option<Node>, Error> {
        let keyword = matches!(name, "if" | "with" | "range" | "template" | "define" | "block" | "break" | "continue");
        if keyword {
            self.at += 1;
        }
        match name {
            "if" => Ok(Some(Node::If(self.branch("if", left)?))),
            "with" => Ok(Some(Node::With(self.branch("with", left)?))),
            "range" => Ok(Some(Node::Range(self.branch("range", left)?))),
            "template" => {
                let name = self.name("template clause")?;
                let pipe = self.optional_pipe("template clause")?;
                Ok(Some(Node::Template(name, pipe, left.start)))
            }
            "block" => {
                let name = self.name("block clause")?;
                let pipe = self.pipe("block clause", false)?;
                self.definition(Rc::clone(&name), left)?;
                Ok(Some(Node::Template(name, Some(pipe), left.start)))
            }
            "define" => {
                let name = self.name("define clause")?;
                self.right("define clause")?;
                self.definition(name, left)?;
                Ok(None)
            }
            "break" | "continue" => {
                if self.ranges == 0 {
                    return Err(self.error(format!("{{{{{name}}}}} outside {{{{range}}}}"), left.start));
                }
                self.right(name)?;
                Ok(Some(if name == "break" { Node::Break } else { Node::Continue }))
            }
            _ => {
                let pipe = self.pipe("command", false)?;
                Ok(Some(Node::Action(pipe)))
            }
        }
    }

    fn right(&mut self, context: &str) -> Result<(), Error> {
        let token = self.next_solid()?;
        if token.kind == Kind::Right { Ok(()) } else { Err(self.unexpected(token, context)) }
    }

    fn name(&mut self, context: &str) -> Result<Rc<str>, Error> {
        let token = self.next_solid()?;
        match token.kind {
            Kind::String | Kind::Raw => Ok(unquote(self.text(token)).into()),
            _ => Err(self.unexpected(token, context)),
        }
    }

    fn optional_pipe(&mut self, context: &str) -> Result<Option<Pipe>, Error> {
        if self.peek_solid().is_some_and(|token| token.kind == Kind::Right) {
            self.at += 1;
            return Ok(None);
        }
        self.pipe(context, false).map(Some)
    }

    /// The body of a definition, up to its `end`; it sees no variables of those around it.
    fn definition(&mut self, name: Rc<str>, left: Token) -> Result<(), Error> {
        let outer = std::mem::replace(&mut self.variables, vec!["$".into()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, stop) = self.list()?;
        self.variables = outer;
        self.ranges = ranges;
        match stop {
            Some(("end", _)) => {
                self.defined.push((name, Rc::new(Template { source: Rc::clone(self.source), body })));
                Ok(())
            }
            Some((word, offset)) => Err(self.error(format!("unexpected {{{{{word}}}}} in define clause"), offset)),
            None => Err(self.error("unexpected EOF", left.start)),
        }
    }

    fn branch(&mut self, context: &'static str, left: Token) -> Result<Branch, Error> {
        let scope = self.variables.len();
        let pipe = self.pipe(context, context == "range")?;
        self.ranges += usize::from(context == "range");
        let (body, stop) = self.list()?;
        self.ranges -= usize::from(context == "range");
        let otherwise = match stop {
            Some(("else", offset)) => self.otherwise(context, offset, left)?,
            Some(_) => Vec::new(),
            None => return Err(self.error("unexpected EOF", left.start)),
        };
        self.variables.truncate(scope);
        Ok(Branch { pipe, body, otherwise })
    }

    /// Behind `else`: another branch, or nodes up to the `end`.
    fn otherwise(&mut self, context: &str, offset: usize, left: Token) -> Result<Vec<Node>, Error> {
        let word = self.peek_solid().filter(|word| word.kind == Kind::Identifier);
        let name = word.map(|word| self.text(word).to_owned()).unwrap_or_default();
        if name == context && matches!(context, "if" | "with") {
            self.at += 1;
            let token = Token { kind: Kind::Left, start: offset, end: offset };
            let node = self.nested(|parser| match context {
                "if" => parser.branch("if", token).map(Node::If),
                _ => parser.branch("with", token).map(Node::With),
            })?;
            return Ok(vec![node]);
        }
        self.right("else")?;
        let (nodes, stop) = self.list()?;
        match stop {
            Some(("end", _)) => Ok(nodes),
            Some((word, offset)) => Err(self.error(format!("expected end; found {{{{{word}}}}}"), offset)),
            None => Err(self.error("unexpected EOF", left.start)),
        }
    }

    /// A pipeline up to and with its `}}`.
    fn pipe(&mut self, context: &str, is_range: bool) -> Result<Pipe, Error> {
        self.pipe_until(context, is_range, Kind::Right)
    }

    fn pipe_until(&mut self, context: &str, is_range: bool, end: Kind) -> Result<Pipe, Error> {
        let start = self.peek_solid().map_or(self.source.text.len(), |token| token.start);
        let (variables, assigns) = self.declared(is_range)?;
        let mut commands = Vec::new();
        loop {
            let token = self.next_solid()?;
            if token.kind == end {
                if commands.is_empty() {
                    return Err(self.error(format!("missing value for {context}"), token.start));
                }
                self.declare(&variables, assigns, token.start)?;
                return Ok(Pipe { start, end: token.start, variables, assigns, commands });
            }
            self.at -= 1;
            let command = self.command()?;
            if !commands.is_empty()
                && let Some(word) = command.words.first()
                && matches!(
                    word.kind,
                    WordKind::Bool(_)
                        | WordKind::Dot
                        | WordKind::Nil
                        | WordKind::Int(_)
                        | WordKind::Float(_)
                        | WordKind::Text(_)
                )
            {
                let number = commands.len() + 1;
                return Err(self.error(format!("non executable command in pipeline stage {number}"), word.offset));
            }
            commands.push(command);
        }
    }

    /// `$x :=`, `$x =`, and for ranges `$i, $x :=`.
    fn declared(&mut self, is_range: bool) -> Result<(Vec<Rc<str>>, bool), Error> {
        let begin = self.at;
        let mut names: Vec<Rc<str>> = Vec::new();
        while let Some(token) = self.peek_solid().filter(|token| token.kind == Kind::Variable) {
            let name: Rc<str> = self.text(token).into();
            self.at += 1;
            match self.peek_solid().map(|token| token.kind) {
                Some(kind @ (Kind::Declare | Kind::Assign)) => {
                    self.at += 1;
                    names.push(name);
                    return Ok((names, kind == Kind::Assign));
                }
                Some(Kind::Comma) if is_range && names.is_empty() => {
                    self.at += 1;
                    names.push(name);
                }
                _ => break,
            }
        }
        if !names.is_empty() {
            return Err(self.error("range can only initialize variables", self.tokens[begin].start));
        }
        self.at = begin;
        Ok((Vec::new(), false))
    }

    fn declare(&mut self, names: &[Rc<str>], assigns: bool, offset: usize) -> Result<(), Error> {
        for name in names {
            if !assigns {
                self.variables.push(Rc::clone(name));
            } else if !self.variables.contains(name) {
                return Err(self.error(format!("undefined variable {name:?}"), offset));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command, Error> {
        let mut words = Vec::new();
        loop {
            self.skip_space();
            if let Some(word) = self.operand()? {
                words.push(word);
            }
            let Some(token) = self.peek() else { return Err(self.error("unexpected EOF", self.source.text.len())) };
            match token.kind {
                Kind::Space => {}
                Kind::Right | Kind::Close => break,
                Kind::Pipe => {
                    self.at += 1;
                    // Something has to follow.
                    let follows = self.peek_solid();
                    if follows.is_none_or(|next| matches!(next.kind, Kind::Right | Kind::Close | Kind::Pipe)) {
                        return Err(self.error("missing value for command", token.start));
                    }
                    break;
                }
                _ => return Err(self.unexpected(token, "operand")),
            }
        }
        if words.is_empty() {
            let offset = self.peek().map_or(0, |token| token.start);
            return Err(self.error("empty command", offset));
        }
        Ok(Command { words })
    }

    fn operand(&mut self) -> Result<Option<Word>, Error> {
        let Some(word) = self.term()? else { return Ok(None) };
        if self.peek().is_none_or(|token| token.kind != Kind::Field) {
            return Ok(Some(word));
        }
        let mut fields = Vec::new();
        while let Some(token) = self.peek().filter(|token| token.kind == Kind::Field) {
            fields.push(self.text(token)[1..].into());
            self.at += 1;
        }
        let offset = word.offset;
        let kind = match word.kind {
            WordKind::Field(mut own) => {
                own.extend(fields);
                WordKind::Field(own)
            }
            WordKind::Variable(name, mut own) => {
                own.extend(fields);
                WordKind::Variable(name, own)
            }
            WordKind::Bool(_) | WordKind::Text(_) | WordKind::Int(_) | WordKind::Float(_) | WordKind::Nil => {
                return Err(self.error("unexpected . after term", offset));
            }
            kind => WordKind::Chain(Box::new(Word { offset, kind }), fields),
        };
        Ok(Some(Word { offset, kind }))
    }

    fn term(&mut self) -> Result<Option<Word>, Error> {
        let Some(token) = self.peek() else { return Ok(None) };
        let text = self.text(token);
        let kind = match token.kind {
            Kind::Identifier => match text {
                "true" => WordKind::Bool(true),
                "false" => WordKind::Bool(false),
                "nil" => WordKind::Nil,
                name if (self.is_function)(name) => WordKind::Function(name.into()),
                name => return Err(self.error(format!("function {name:?} not defined"), token.start)),
            },
            Kind::Dot => WordKind::Dot,
            Kind::Field => WordKind::Field(vec![text[1..].into()]),
            Kind::Variable => {
                let name: Rc<str> = text.into();
                if !self.variables.contains(&name) {
                    return Err(self.error(format!("undefined variable {name:?}"), token.start));
                }
                WordKind::Variable(name, Vec::new())
            }
            Kind::Number => {
                number(text).ok_or_else(|| self.error(format!("bad number syntax: {text:?}"), token.start))?
            }
            Kind::Character => {
                let inner = unescape(&text[1..text.len() - 1]);
                match inner.as_ref().and_then(|inner| inner.chars().next()) {
                    Some(character) => WordKind::Int(i64::from(u32::from(character))),
                    None => return Err(self.error("malformed character constant", token.start)),
                }
            }
            Kind::String | Kind::Raw => {
                if token.kind == Kind::String && unescape(&text[1..text.len() - 1]).is_none() {
                    return Err(self.error("invalid syntax", token.start));
                }
                WordKind::Text(unquote(text).into())
            }
            Kind::Open => {
                self.at += 1;
                let pipe = self.nested(|parser| parser.pipe_until("parenthesized pipeline", false, Kind::Close))?;
                return Ok(Some(Word { offset: token.start, kind: WordKind::Pipe(Box::new(pipe)) }));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(Word { offset: token.start, kind }))
    }
}

/// A number as Go reads it: whole ones are `int`.
fn number(text: &str) -> Option<WordKind> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let lower = digits.to_ascii_lowercase();
    let radix = |digits: &str, radix| i64::from_str_radix(digits, radix).ok().map(|int| WordKind::Int(sign * int));
    if let Some(digits) = lower.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = lower.strip_prefix("0b") {
        return radix(digits, 2);
    }
    if let Some(digits) = lower.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let whole = !lower.is_empty() && lower.bytes().all(|byte| byte.is_ascii_digit());
    if whole && lower.len() > 1 && lower.starts_with('0') {
        return radix(&lower[1..], 8);
    }
    if whole {
        return radix(&lower, 10);
    }
    if !lower.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-')) {
        return None;
    }
    let float: f64 = plain.parse().ok()?;
    // A whole number may be written with an exponent.
    #[expect(clippy::cast_possible_truncation, reason = "compared below")]
    let whole = float as i64;
    #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "asks whether nothing is lost")]
    let exact = whole as f64 == float && float.abs() < 1e18;
    Some(if exact { WordKind::Int(whole) } else { WordKind::Float(float) })
}

fn unquote(text: &str) -> String {
    let inner = &text[1..text.len() - 1];
    if text.starts_with('`') {
        return inner.replace('\r', "");
    }
    unescape(inner).unwrap_or_else(|| inner.to_owned())
}

/// A Go string without its escapes; `None` when one of them is none.
fn unescape(inner: &str) -> Option<String> {
    if !inner.contains('\\') {
        return Some(inner.to_owned());
    }
    let mut out: Vec<u8> = Vec::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.extend(character.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        let escape = characters.next()?;
        let byte = match escape {
            'n' => b'\n',
            't' => b'\t',
            'r' => b'\r',
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'v' => 11,
            '\\' | '\'' | '"' => u8::try_from(escape).ok()?,
            'x' => u8::try_from(digits(&mut characters, 2, 16)?).ok()?,
            'u' | 'U' => {
                let code = digits(&mut characters, if escape == 'u' { 4 } else { 8 }, 16)?;
                out.extend(char::from_u32(code)?.encode_utf8(&mut [0; 4]).bytes());
                continue;
            }
            '0'..='7' => {
                let rest = digits(&mut characters, 2, 8)?;
                u8::try_from(escape.to_digit(8)? * 64 + rest).ok()?
            }
            _ => return None,
        };
        out.push(byte);
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn digits(characters: &mut std::str::Chars<'_>, count: usize, radix: u32) -> Option<u32> {
    (0..count).try_fold(0_u32, |sum, _| Some(sum.wrapping_mul(radix) + characters.next()?.to_digit(radix)?))
}
