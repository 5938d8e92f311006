//! GraphQL texts taken apart.

use super::Wrong;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Invalid,
    Eof,
    Punctuator(&'static str),
    Name,
    Int,
    Float,
    String,
    BlockString,
    Comment,
}

impl Kind {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Invalid => "<Invalid>",
            Self::Eof => "<EOF>",
            Self::Punctuator(text) => text,
            Self::Name => "Name",
            Self::Int => "Int",
            Self::Float => "Float",
            Self::String => "String",
            Self::BlockString => "BlockString",
            Self::Comment => "Comment",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    /// Line and column, from 1.
    pub(super) place: (usize, usize),
}

impl Token {
    pub(super) fn describe(&self) -> String {
        if self.text.is_empty() {
            self.kind.describe().to_owned()
        } else {
            format!("{} {:?}", self.kind.describe(), self.text)
        }
    }
}

const PUNCTUATORS: [&str; 14] = ["!", "$", "&", "(", ")", "...", ":", "=", "@", "[", "]", "{", "}", "|"];

pub(super) struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    column: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text, line: 1, column: 1 }
    }

    /// Passes over so many bytes, with no line's end among them.
    fn skip(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.column += taken.chars().count();
        taken
    }

    /// Passes over a line's end, if there is one here.
    fn newline(&mut self) -> bool {
        let Some(rest) = self.rest.strip_prefix("\r\n").or_else(|| self.rest.strip_prefix(['\n', '\r'])) else {
            return false;
        };
        self.rest = rest;
        self.line += 1;
        self.column = 1;
        true
    }

    fn wrong(&self, message: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), place: Some((self.line, self.column)) }
    }

    /// What is wrong here, where another token may be what is reported first.
    pub(super) fn next(&mut self) -> (Token, Option<Wrong>) {
        loop {
            if self.rest.starts_with(['\t', ' ', ',', '\u{feff}']) {
                let width = self.rest.chars().next().map_or(0, char::len_utf8);
                self.skip(width);
            } else if !self.newline() {
                break;
            }
        }
        let place = (self.line, self.column);
        match self.token() {
            Ok((kind, text)) => {
                // Texts are placed where they begin behind their quotes.
                let quotes = match kind {
                    Kind::String => 1,
                    Kind::BlockString => 3,
                    _ => 0,
                };
                (Token { kind, text, place: (place.0, place.1 + quotes) }, None)
            }
            Err(wrong) => {
                let place = wrong.place.unwrap_or(place);
                (Token { kind: Kind::Invalid, text: String::new(), place }, Some(wrong))
            }
        }
    }

    fn token(&mut self) -> Result<(Kind, String), Wrong> {
        let Some(first) = self.rest.chars().next() else { return Ok((Kind::Eof, String::new())) };
        if let Some(punctuator) = PUNCTUATORS.iter().find(|text| self.rest.starts_with(**text)) {
            self.skip(punctuator.len());
            return Ok((Kind::Punctuator(punctuator), String::new()));
        }
        match first {
            '#' => {
                let end = self.rest.find(|c: char| c < ' ' && c != '\t').unwrap_or(self.rest.len());
                Ok((Kind::Comment, self.skip(end).to_owned()))
            }
            '_' | 'a'..='z' | 'A'..='Z' => {
                let end = self.rest.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
                Ok((Kind::Name, self.skip(end).to_owned()))
            }
            '-' | '0'..='9' => self.number(),
            '"' if self.rest.starts_with("\"\"\"") => self.block(),
            '"' => self.string(),
            '\'' => Err(self.wrong("Unexpected single quote character ('), did you mean to use a double quote (\")?")),
            control if control < ' ' => {
                Err(self.wrong(format!("Cannot contain the invalid character \"\\u{:04x}\"", u32::from(control))))
            }
            other => Err(self.wrong(format!("Cannot parse the unexpected character \"{other}\""))),
        }
    }

    fn number(&mut self) -> Result<(Kind, String), Wrong> {
        let whole = self.rest;
        let mut float = false;
        self.accept(&['-']);
        if self.accept(&['0']) {
            if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                let next = self.describe_next();
                return Err(self.wrong(format!("Invalid number, unexpected digit after 0: {next}")));
            }
        } else {
            self.digits()?;
        }
        if self.accept(&['.']) {
            float = true;
            self.digits()?;
        }
        if self.accept(&['e', 'E']) {
            float = true;
            self.accept(&['-', '+']);
            self.digits()?;
        }
        let text = whole[..whole.len() - self.rest.len()].to_owned();
        Ok((if float { Kind::Float } else { Kind::Int }, text))
    }

    fn accept(&mut self, among: &[char]) -> bool {
        let found = self.rest.starts_with(among);
        if found {
            self.skip(1);
        }
        found
    }

    fn digits(&mut self) -> Result<(), Wrong> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        if end == 0 {
            let next = self.describe_next();
            return Err(self.wrong(format!("Invalid number, expected digit but got: {next}")));
        }
        self.skip(end);
        Ok(())
    }

    fn describe_next(&self) -> String {
        self.rest.chars().next().map_or_else(|| "<EOF>".to_owned(), |c| format!("\"{c}\""))
    }

    fn string(&mut self) -> Result<(Kind, String), Wrong> {
        self.skip(1);
        let mut text = String::new();
        loop {
            match self.rest.chars().next() {
                None | Some('\n' | '\r') => return Err(self.wrong("Unterminated string")),
                Some('"') => {
                    self.skip(1);
                    return Ok((Kind::String, text));
                }
                Some('\\') => text.push(self.escape()?),
                Some(c) if c < ' ' && c != '\t' => {
                    return Err(self.wrong(format!("Invalid character within String: \"\\u{:04x}\"", u32::from(c))));
                }
                Some(c) => {
                    text.push(c);
                    self.skip(c.len_utf8());
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Wrong> {
        let Some(escape) = self.rest[1..].chars().next() else {
            self.skip(1);
            return Err(self.wrong("Invalid character escape sequence"));
        };
        let c = match escape {
            '"' | '/' | '\\' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let digits = self.rest.get(2..6).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
                    self.skip(1);
                    let shown: String = self.rest.chars().take(5).collect();
                    return Err(self.wrong(format!("Invalid character escape sequence: \\{shown}")));
                };
                self.skip(6);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => {
                self.skip(1);
                return Err(self.wrong(format!("Invalid character escape sequence: \\{other}")));
            }
        };
        self.skip(2);
        Ok(c)
    }

    fn block(&mut self) -> Result<(Kind, String), Wrong> {
        self.skip(3);
        let mut raw = String::new();
        loop {
            if self.newline() {
                raw.push('\n');
                continue;
            }
            if self.rest.starts_with("\\\"\"\"") {
                raw.push_str("\"\"\"");
                self.skip(4);
                continue;
            }
            let quotes = self.rest.bytes().take_while(|b| *b == b'"').count();
            if quotes >= 3 {
                raw.extend(std::iter::repeat_n('"', quotes - 3));
                self.skip(quotes);
                return Ok((Kind::BlockString, dedent(&raw)));
            }
            match self.rest.chars().next() {
                None => return Err(self.wrong("Unterminated string")),
                Some(c) if c < ' ' && c != '\t' => {
                    return Err(self.wrong(format!("Invalid character within String: \"\\u{:04x}\"", u32::from(c))));
                }
                Some(c) => {
                    raw.push(c);
                    self.skip(c.len_utf8());
                }
            }
        }
    }
}

/// A block string's value: without the indentation that all its lines but the first share, and
/// without blank lines at both ends.
fn dedent(raw: &str) -> String {
    let blank = |line: &str| line.chars().all(|c| c == ' ' || c == '\t');
    let lines: Vec<&str> = raw.split('\n').collect();
    let indent = lines[1..]
        .iter()
        .filter(|line| !blank(line))
        .map(|line| line.len() - line.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or(0);
    let lines: Vec<&str> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| if at == 0 { *line } else { line.get(indent..).unwrap_or("") })
        .collect();
    let start = lines.iter().position(|line| !blank(line)).unwrap_or(lines.len());
    let end = lines.iter().rposition(|line| !blank(line)).map_or(start, |last| last + 1);
    lines[start..end].join("\n")
}
