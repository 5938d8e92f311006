//! From text to tokens. One token at a time, since imports change which names are keywords.

/// Kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tok {
    Illegal,
    Eof,
    Whitespace,
    Comment,
    Ident,
    Package,
    Import,
    As,
    Default,
    Else,
    Not,
    Some,
    With,
    Null,
    True,
    False,
    Number,
    String,
    RawString,
    TemplatePart,
    TemplateEnd,
    RawTemplatePart,
    RawTemplateEnd,
    LBrack,
    RBrack,
    LBrace,
    RBrace,
    LParen,
    RParen,
    Comma,
    Colon,
    Add,
    Sub,
    Mul,
    Quo,
    Rem,
    And,
    Or,
    Unify,
    Equal,
    Assign,
    In,
    Neq,
    Gt,
    Lt,
    Gte,
    Lte,
    Dot,
    Semicolon,
    Every,
    Contains,
    If,
    LogicalAnd,
    LogicalOr,
}

impl Tok {
    /// The token as error messages name it; of operators the name of the function they call.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Illegal => "illegal",
            Self::Eof => "eof",
            Self::Whitespace => "whitespace",
            Self::Comment => "comment",
            Self::Ident => "identifier",
            Self::Package => "package",
            Self::Import => "import",
            Self::As => "as",
            Self::Default => "default",
            Self::Else => "else",
            Self::Not => "not",
            Self::Some => "some",
            Self::With => "with",
            Self::Null => "null",
            Self::True => "true",
            Self::False => "false",
            Self::Number => "number",
            Self::String | Self::RawString => "string",
            Self::TemplatePart => "template-string-part",
            Self::TemplateEnd => "template-string-end",
            Self::RawTemplatePart => "raw-template-string-part",
            Self::RawTemplateEnd => "raw-template-string-end",
            Self::LBrack => "[",
            Self::RBrack => "]",
            Self::LBrace => "{",
            Self::RBrace => "}",
            Self::LParen => "(",
            Self::RParen => ")",
            Self::Comma => ",",
            Self::Colon => ":",
            Self::Add => "plus",
            Self::Sub => "minus",
            Self::Mul => "mul",
            Self::Quo => "div",
            Self::Rem => "rem",
            Self::And | Self::LogicalAnd => "and",
            Self::Or | Self::LogicalOr => "or",
            Self::Unify => "eq",
            Self::Equal => "equal",
            Self::Assign => "assign",
            Self::In => "in",
            Self::Neq => "neq",
            Self::Gt => "gt",
            Self::Lt => "lt",
            Self::Gte => "gte",
            Self::Lte => "lte",
            Self::Dot => ".",
            Self::Semicolon => ";",
            Self::Every => "every",
            Self::Contains => "contains",
            Self::If => "if",
        }
    }

    pub(crate) fn is_keyword(self) -> bool {
        matches!(
            self,
            Self::Package
                | Self::Import
                | Self::As
                | Self::Default
                | Self::Else
                | Self::Not
                | Self::Some
                | Self::With
                | Self::Null
                | Self::True
                | Self::False
                | Self::In
                | Self::Every
                | Self::Contains
                | Self::If
                | Self::LogicalAnd
                | Self::LogicalOr
        )
    }

    fn keyword(text: &str) -> Option<Self> {
        Some(match text {
            "package" => Self::Package,
            "import" => Self::Import,
            "as" => Self::As,
            "default" => Self::Default,
            "else" => Self::Else,
            "not" => Self::Not,
            "some" => Self::Some,
            "with" => Self::With,
            "null" => Self::Null,
            "true" => Self::True,
            "false" => Self::False,
            _ => return None,
        })
    }
}

/// The names that are keywords only when a version or an import makes them so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Keywords(u8);

impl Keywords {
    pub(crate) const V0: Self = Self(0);
    /// `in`, `every`, `contains`, `if`
    pub(crate) const V1: Self = Self(0b1111);
    /// With `and`, `or` and bodies after `not`.
    pub(crate) const ALL: Self = Self(0b111_1111);
    const NAMES: [(&'static str, Tok); 6] = [
        ("in", Tok::In),
        ("every", Tok::Every),
        ("contains", Tok::Contains),
        ("if", Tok::If),
        ("and", Tok::LogicalAnd),
        ("or", Tok::LogicalOr),
    ];
    const NOT: u8 = 1 << 6;

    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn with(self, name: &str) -> Option<Self> {
        if name == "not" {
            return Some(Self(self.0 | Self::NOT));
        }
        let at = Self::NAMES.iter().position(|(known, _)| *known == name)?;
        // `every x in xs` needs both.
        let with_in = u8::from(name == "every");
        Some(Self(self.0 | 1 << at | with_in))
    }

    /// The token that the name is, when it is a keyword here.
    pub(crate) fn token(self, name: &str) -> Option<Tok> {
        let at = Self::NAMES.iter().position(|(known, _)| *known == name)?;
        (self.0 & 1 << at != 0).then_some(Self::NAMES[at].1)
    }

    pub(crate) fn has(self, name: &str) -> bool {
        self.token(name).is_some()
    }

    /// Whether `not` takes a body.
    pub(crate) fn not_bodies(self) -> bool {
        self.0 & Self::NOT != 0
    }

    /// Whether `and` or `or` are operators.
    pub(crate) fn logical(self) -> bool {
        self.has("and") || self.has("or")
    }
}

/// One token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) tok: Tok,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// What is wrong with it.
    pub(crate) error: Option<&'static str>,
}

/// Reads the token at a byte offset.
pub(crate) fn token(text: &str, at: usize, keywords: Keywords) -> Token {
    let mut lexer = Lexer { bytes: text.as_bytes(), text, at, error: None };
    let tok = lexer.token(keywords);
    Token { tok, start: at, end: lexer.at, error: lexer.error }
}

/// Reads on within a template string, behind the brace that ends an expression.
pub(crate) fn template(text: &str, at: usize, raw: bool) -> Token {
    let mut lexer = Lexer { bytes: text.as_bytes(), text, at, error: None };
    let tok = if raw { lexer.raw_template() } else { lexer.template() };
    Token { tok, start: at.saturating_sub(1), end: lexer.at, error: lexer.error }
}

struct Lexer<'t> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
    error: Option<&'static str>,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fail(&mut self, message: &'static str) {
        self.error.get_or_insert(message);
    }

    /// Steps over one character.
    fn step(&mut self) {
        let Some(character) = self.text[self.at..].chars().next() else { return };
        if character == '\0' {
            self.fail("illegal null character");
        } else if character == '\u{feff}' && self.at > 0 {
            self.fail("illegal byte-order mark");
        }
        self.at += character.len_utf8();
    }

    fn token(&mut self, keywords: Keywords) -> Tok {
        let Some(byte) = self.peek() else { return Tok::Eof };
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                self.at += 1;
                Tok::Whitespace
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.identifier(keywords),
            b'0'..=b'9' => self.number(),
            b'#' => {
                while self.peek().is_some_and(|byte| byte != b'\n') {
                    self.step();
                }
                Tok::Comment
            }
            b'"' => self.string(),
            b'`' => self.raw_string(),
            b'$' => {
                self.at += 1;
                match self.peek() {
                    Some(b'"') => {
                        self.at += 1;
                        self.template()
                    }
                    Some(b'`') => {
                        self.at += 1;
                        self.raw_template()
                    }
                    _ => {
                        self.fail("illegal $ character");
                        Tok::Illegal
                    }
                }
            }
            _ => self.punctuation(byte),
        }
    }

    fn punctuation(&mut self, byte: u8) -> Tok {
        if !byte.is_ascii() {
            let start = self.at;
            self.step();
            match &self.text[start..self.at] {
                "\u{a0}" => self.fail("illegal non-breaking space character, use a regular space instead"),
                // A byte-order mark may stand at the beginning.
                "\u{feff}" if start == 0 => return Tok::Whitespace,
                _ => self.fail("illegal token"),
            }
            return Tok::Illegal;
        }
        self.at += 1;
        let mut follows = |next: u8, then: Tok, otherwise: Tok| {
            if self.bytes.get(self.at) == Some(&next) {
                self.at += 1;
                then
            } else {
                otherwise
            }
        };
        match byte {
            b'[' => Tok::LBrack,
            b']' => Tok::RBrack,
            b'{' => Tok::LBrace,
            b'}' => Tok::RBrace,
            b'(' => Tok::LParen,
            b')' => Tok::RParen,
            b',' => Tok::Comma,
            b'+' => Tok::Add,
            b'-' => Tok::Sub,
            b'*' => Tok::Mul,
            b'/' => Tok::Quo,
            b'%' => Tok::Rem,
            b'&' => Tok::And,
            b'|' => Tok::Or,
            b';' => Tok::Semicolon,
            b'.' => Tok::Dot,
            b':' => follows(b'=', Tok::Assign, Tok::Colon),
            b'=' => follows(b'=', Tok::Equal, Tok::Unify),
            b'>' => follows(b'=', Tok::Gte, Tok::Gt),
            b'<' => follows(b'=', Tok::Lte, Tok::Lt),
            b'!' => {
                let tok = follows(b'=', Tok::Neq, Tok::Illegal);
                if tok == Tok::Illegal {
                    self.fail("illegal ! character");
                }
                tok
            }
            0 => {
                self.fail("illegal null character");
                Tok::Illegal
            }
            _ => {
                self.fail("illegal token");
                Tok::Illegal
            }
        }
    }

    fn skip_name(&mut self) {
        while let Some(character) = self.text[self.at..].chars().next() {
            let other_digit = !character.is_ascii() && character.is_numeric();
            if !(character.is_ascii_alphanumeric() || character == '_' || other_digit) {
                break;
            }
            self.at += character.len_utf8();
        }
    }

    fn identifier(&mut self, keywords: Keywords) -> Tok {
        let start = self.at;
        self.skip_name();
        let name = &self.text[start..self.at];
        Tok::keyword(name).or_else(|| keywords.token(name)).unwrap_or(Tok::Ident)
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> Tok {
        self.digits();
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.digits() {
                self.fail("expected fraction");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.digits() {
                self.fail("expected exponent");
            }
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
            self.fail("illegal number format");
            self.skip_name();
        }
        Tok::Number
    }

    /// Steps over what follows a backslash.
    fn escape(&mut self, template: bool) {
        match self.peek() {
            Some(b'\\' | b'"' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'{') if template => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..3 {
                    if self.peek().is_some_and(|byte| byte != b'"' && byte != b'\n') {
                        self.step();
                    }
                }
            }
            _ => self.fail("illegal escape sequence"),
        }
    }

    fn string(&mut self) -> Tok {
        self.at += 1;
        loop {
            match self.peek() {
                None | Some(b'\n') => {
                    self.fail("non-terminated string");
                    return Tok::String;
                }
                Some(b'"') => {
                    self.at += 1;
                    return Tok::String;
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(false);
                }
                Some(_) => self.step(),
            }
        }
    }

    fn raw_string(&mut self) -> Tok {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.step();
            if byte == b'`' {
                return Tok::RawString;
            }
        }
        self.fail("non-terminated string");
        Tok::RawString
    }

    fn template(&mut self) -> Tok {
        loop {
            match self.peek() {
                None | Some(b'\n') => {
                    self.fail("non-terminated string");
                    return Tok::TemplateEnd;
                }
                Some(b'"') => {
                    self.at += 1;
                    return Tok::TemplateEnd;
                }
                Some(b'{') => {
                    self.at += 1;
                    return Tok::TemplatePart;
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(true);
                }
                Some(_) => self.step(),
            }
        }
    }

    fn raw_template(&mut self) -> Tok {
        loop {
            match self.peek() {
                None => {
                    self.fail("non-terminated string");
                    return Tok::RawTemplateEnd;
                }
                Some(b'`') => {
                    self.at += 1;
                    return Tok::RawTemplateEnd;
                }
                Some(b'{') => {
                    self.at += 1;
                    return Tok::RawTemplatePart;
                }
                Some(b'\\') if self.bytes.get(self.at + 1) == Some(&b'{') => self.at += 2,
                Some(_) => self.step(),
            }
        }
    }
}
