//! Reads the text of an expression into its tree (cel-spec, "Syntax"). Macros are expanded as they are read.

mod lexer;
mod literal;
pub(crate) mod macros;

use smol_str::SmolStr;

use crate::Value;
use crate::ast::{Entry, Expr, Field, Kind};
use crate::compile_error::Issue;
use lexer::{Token, TokenKind};
use macros::Macro;

/// Longest expression, in characters.
const MAX_LENGTH: usize = 100_000;
/// How deeply expressions may be nested in each other: far more than people write, and far less than the stack of a
/// thread holds.
const MAX_NESTING: u32 = 120;
/// Highest tree, which bounds the recursion of all that walks it.
const MAX_HEIGHT: u16 = 160;

/// Words kept for later, which no variable or function may have as name.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Names that are literals or operators.
const KEYWORDS: [&str; 4] = ["true", "false", "null", "in"];

/// The tree of an expression.
pub(crate) fn parse(text: &str, macros: &[Macro]) -> Result<Expr, Issue> {
    let length = text.chars().count();
    if length > MAX_LENGTH {
        let message = format!("expression code point size exceeds limit: size: {length}, limit {MAX_LENGTH}");
        return Err(Issue { message, offset: 0 });
    }
    let mut parser = Parser { text, tokens: lexer::tokens(text)?, at: 0, nesting: 0, macros };
    let expr = parser.expression()?;
    if parser.peek() == &TokenKind::End {
        return Ok(expr);
    }
    Err(parser.issue(format!("Syntax error: extraneous input '{}' expecting <EOF>", parser.shown())))
}

/// What reads the tokens; macros make new parts with it.
pub(crate) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    nesting: u32,
    macros: &'t [Macro],
}

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        &self.tokens[self.at].kind
    }

    fn offset(&self) -> u32 {
        self.tokens[self.at].at
    }

    /// The token as errors show it.
    fn shown(&self) -> String {
        let token = &self.tokens[self.at];
        match token.kind {
            TokenKind::End => "<EOF>".to_owned(),
            _ => self.text[token.at as usize..token.end as usize].to_owned(),
        }
    }

    fn issue(&self, message: impl Into<String>) -> Issue {
        Issue { message: message.into(), offset: self.offset() as usize }
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Sign(found) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), TokenKind::Sign(found) if *found == sign)
    }

    fn expect(&mut self, sign: &str) -> Result<(), Issue> {
        if self.take(sign) {
            return Ok(());
        }
        Err(self.issue(format!("Syntax error: mismatched input '{}' expecting '{sign}'", self.shown())))
    }

    /// A new part of the expression.
    pub(crate) fn part(at: u32, kind: Kind) -> Result<Expr, Issue> {
        let height = kind.height();
        if height > MAX_HEIGHT {
            let message = format!("expression recursion limit exceeded: {MAX_HEIGHT}");
            return Err(Issue { message, offset: at as usize });
        }
        Ok(Expr { at, height, kind })
    }

    /// A call of a function or operator.
    pub(crate) fn call(at: u32, function: &str, args: Vec<Expr>) -> Result<Expr, Issue> {
        Self::part(at, Kind::Call { function: function.into(), target: None, args })
    }

    fn expression(&mut self) -> Result<Expr, Issue> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.issue(format!("expression recursion limit exceeded: {MAX_NESTING}")));
        }
        let expr = self.conditional();
        self.nesting -= 1;
        expr
    }

    fn conditional(&mut self) -> Result<Expr, Issue> {
        let condition = self.logical("||")?;
        let at = self.offset();
        if !self.take("?") {
            return Ok(condition);
        }
        let yes = self.logical("||")?;
        self.expect(":")?;
        let no = self.expression()?;
        Self::call(at, "_?_:_", vec![condition, yes, no])
    }

    /// A chain of `||` or of `&&`.
    fn logical(&mut self, sign: &str) -> Result<Expr, Issue> {
        let or = sign == "||";
        let next = |parser: &mut Self| if or { parser.logical("&&") } else { parser.binary(0) };
        let first = next(self)?;
        let at = self.offset();
        let mut terms = vec![first];
        while self.take(sign) {
            terms.push(next(self)?);
        }
        match terms.len() {
            1 => Ok(terms.swap_remove(0)),
            _ => Self::part(at, if or { Kind::Or(terms) } else { Kind::And(terms) }),
        }
    }

    /// The operator here, with its name as a function and how tightly it binds.
    fn operator(&self) -> Option<(&'static str, u8)> {
        Some(match self.peek() {
            TokenKind::Ident(name) if name == "in" => ("@in", 0),
            TokenKind::Sign(sign) => match *sign {
                "==" => ("_==_", 0),
                "!=" => ("_!=_", 0),
                "<" => ("_<_", 0),
                "<=" => ("_<=_", 0),
                ">" => ("_>_", 0),
                ">=" => ("_>=_", 0),
                "+" => ("_+_", 1),
                "-" => ("_-_", 1),
                "*" => ("_*_", 2),
                "/" => ("_/_", 2),
                "%" => ("_%_", 2),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Relations, sums and products: operators that bind at least so tightly.
    fn binary(&mut self, least: u8) -> Result<Expr, Issue> {
        let mut left = self.unary()?;
        while let Some((function, tightness)) = self.operator().filter(|(_, tightness)| *tightness >= least) {
            let at = self.offset();
            self.at += 1;
            let right = self.binary(tightness + 1)?;
            left = Self::call(at, function, vec![left, right])?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, Issue> {
        let at = self.offset();
        for (sign, function) in [("!", "!_"), ("-", "-_")] {
            let mut count = 0;
            while self.is_sign(sign) && !(sign == "-" && self.negative_literal()) {
                self.at += 1;
                count += 1;
            }
            if count > 0 {
                let operand = self.member()?;
                return if count % 2 == 0 { Ok(operand) } else { Self::call(at, function, vec![operand]) };
            }
        }
        self.member()
    }

    /// Whether a minus and a number follow, which are one literal.
    fn negative_literal(&self) -> bool {
        let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
        self.is_sign("-") && matches!(next, Some(TokenKind::Int(_) | TokenKind::Float(_)))
    }

    fn member(&mut self) -> Result<Expr, Issue> {
        let mut expr = self.primary()?;
        loop {
            let at = self.offset();
            if self.take(".") {
                expr = self.selected(expr, at)?;
            } else if self.take("[") {
                let function = if self.take("?") { "_[?_]" } else { "_[_]" };
                let index = self.expression()?;
                self.expect("]")?;
                expr = Self::call(at, function, vec![expr, index])?;
            } else if self.is_sign("{") && expr.qualified_name().is_some() {
                let name = SmolStr::from(expr.qualified_name().unwrap_or_default());
                self.at += 1;
                let fields = self.fields()?;
                expr = Self::part(at, Kind::Struct { name, fields })?;
            } else {
                return Ok(expr);
            }
        }
    }

    /// What follows the dot at `at`: a field or a call.
    fn selected(&mut self, operand: Expr, at: u32) -> Result<Expr, Issue> {
        let optional = self.take("?");
        let name_at = self.offset();
        let quoted = matches!(self.peek(), TokenKind::Quoted(_));
        let name = self.field_name()?;
        if optional {
            let name = Self::part(name_at, Kind::Literal(Value::String(name)))?;
            return Self::call(at, "_?._", vec![operand, name]);
        }
        let open = self.offset();
        if !quoted && self.take("(") {
            let args = self.arguments()?;
            return macros::expand_member(self.macros, open, name, operand, args);
        }
        Self::part(at, Kind::Select { operand: Box::new(operand), field: name, test: false })
    }

    fn field_name(&mut self) -> Result<SmolStr, Issue> {
        let name = match self.peek() {
            TokenKind::Ident(name) if !KEYWORDS.contains(&name.as_str()) => name.clone(),
            TokenKind::Quoted(name) => name.clone(),
            _ => {
                let shown = self.shown();
                return Err(self.issue(format!("Syntax error: mismatched input '{shown}' expecting IDENTIFIER")));
            }
        };
        self.at += 1;
        Ok(name)
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Issue> {
        let mut args = Vec::new();
        if self.take(")") {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if !self.take(",") {
                self.expect(")")?;
                return Ok(args);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, Issue> {
        let at = self.offset();
        if self.take("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if self.take("[") {
            let elements = self.elements()?;
            return Self::part(at, Kind::List(elements));
        }
        if self.take("{") {
            let entries = self.entries()?;
            return Self::part(at, Kind::Map(entries));
        }
        if self.is_sign(".") || matches!(self.peek(), TokenKind::Ident(name) if !KEYWORDS.contains(&name.as_str())) {
            return self.name();
        }
        self.literal()
    }

    fn name(&mut self) -> Result<Expr, Issue> {
        let root = self.take(".");
        let at = self.offset();
        let name = self.field_name()?;
        if RESERVED.contains(&name.as_str()) {
            return Err(Issue { message: format!("reserved identifier: {name}"), offset: at as usize });
        }
        let name = if root { SmolStr::from(format!(".{name}")) } else { name };
        let open = self.offset();
        if self.take("(") {
            let args = self.arguments()?;
            return macros::expand_global(self.macros, open, name, args);
        }
        Self::part(at, Kind::Ident(name))
    }

    fn literal(&mut self) -> Result<Expr, Issue> {
        let at = self.offset();
        let sign = if self.negative_literal() { "-" } else { "" };
        self.at += sign.len();
        let value = match self.peek().clone() {
            TokenKind::Int(digits) => {
                literal::int(&format!("{sign}{digits}")).map(Value::Int).ok_or("invalid int literal")
            }
            TokenKind::Uint(digits) => literal::uint(&digits).map(Value::Uint).ok_or("invalid uint literal"),
            TokenKind::Float(digits) => {
                let parsed = format!("{sign}{digits}").parse().ok().filter(|double: &f64| double.is_finite());
                parsed.map(Value::Double).ok_or("invalid double literal")
            }
            TokenKind::String(text) => Ok(Value::String(text)),
            TokenKind::Bytes(bytes) => Ok(Value::from(bytes)),
            TokenKind::Ident(name) if name == "true" => Ok(Value::Bool(true)),
            TokenKind::Ident(name) if name == "false" => Ok(Value::Bool(false)),
            TokenKind::Ident(name) if name == "null" => Ok(Value::Null),
            _ => return Err(self.unexpected()),
        };
        let value = value.map_err(|message| Issue { message: message.to_owned(), offset: at as usize })?;
        self.at += 1;
        Self::part(at, Kind::Literal(value))
    }

    fn unexpected(&self) -> Issue {
        let shown = self.shown();
        self.issue(format!(
            "Syntax error: mismatched input '{shown}' expecting {{'[', '{{', '(', '.', '-', '!', 'true', 'false', \
             'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}}"
        ))
    }

    fn elements(&mut self) -> Result<Vec<(Expr, bool)>, Issue> {
        let mut elements = Vec::new();
        while !self.take("]") {
            let optional = self.take("?");
            elements.push((self.expression()?, optional));
            if !self.take(",") {
                self.expect("]")?;
                break;
            }
        }
        Ok(elements)
    }

    fn entries(&mut self) -> Result<Vec<Entry>, Issue> {
        let mut entries = Vec::new();
        while !self.take("}") {
            let optional = self.take("?");
            let key = self.expression()?;
            self.expect(":")?;
            let value = self.expression()?;
            entries.push(Entry { key, value, optional });
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(entries)
    }

    fn fields(&mut self) -> Result<Vec<Field>, Issue> {
        let mut fields = Vec::new();
        while !self.take("}") {
            let optional = self.take("?");
            let name = self.field_name()?;
            let at = self.offset();
            self.expect(":")?;
            let value = self.expression()?;
            fields.push(Field { name, at, value, optional });
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        Ok(fields)
    }
}
