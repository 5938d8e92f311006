//! The parser: by descent, each operator's level a function.

use probity_model::SmolStr;

use super::{Comparison, Expression, ExpressionError, Step};

/// Longest expression, in bytes: GitHub's own limit.
const MAX_LEN: usize = 21_000;

/// Deepest nesting; GitHub takes 50.
const MAX_DEPTH: usize = 64;

/// Parses what stands between `${{` and `}}`.
///
/// # Errors
/// When it is no expression, or one larger than GitHub takes.
pub(crate) fn parse(text: &str) -> Result<Expression, ExpressionError> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    if text.len() > MAX_LEN {
        return Err(parser.error(format!("an expression of more than {MAX_LEN} characters")));
    }
    parser.space();
    if parser.rest().is_empty() {
        return Err(parser.error("an empty expression"));
    }
    let expression = parser.or()?;
    if parser.rest().is_empty() { Ok(expression) } else { Err(parser.unexpected("an operator")) }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

type Parsed = Result<Expression, ExpressionError>;

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    /// Takes this text and the space behind it, when it comes next.
    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
            self.space();
        }
        found
    }

    fn error(&self, message: impl Into<String>) -> ExpressionError {
        ExpressionError { at: self.at, message: message.into() }
    }

    fn unexpected(&self, wanted: &str) -> ExpressionError {
        match self.rest().chars().next() {
            None => self.error(format!("the expression ends where {wanted} should be")),
            Some('"') => self.error("texts in expressions stand in single quotes"),
            Some(found) => self.error(format!("`{found}` where {wanted} should be")),
        }
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, ExpressionError>) -> Result<T, ExpressionError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn or(&mut self) -> Parsed {
        self.chain("||", Self::and, Expression::Or)
    }

    fn and(&mut self) -> Parsed {
        self.chain("&&", Self::equality, Expression::And)
    }

    fn chain(
        &mut self,
        operator: &str,
        part: fn(&mut Self) -> Parsed,
        build: fn(Vec<Expression>) -> Expression,
    ) -> Parsed {
        let first = part(self)?;
        if !self.rest().starts_with(operator) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.take(operator) {
            parts.push(part(self)?);
        }
        Ok(build(parts))
    }

    fn equality(&mut self) -> Parsed {
        self.comparisons(&[("==", Comparison::Equal), ("!=", Comparison::NotEqual)], Self::relation)
    }

    fn relation(&mut self) -> Parsed {
        let operators = [
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        self.comparisons(&operators, Self::unary)
    }

    fn comparisons(&mut self, operators: &[(&str, Comparison)], operand: fn(&mut Self) -> Parsed) -> Parsed {
        let mut left = operand(self)?;
        let mut taken = 0;
        while let Some((_, operator)) = operators.iter().find(|(text, _)| self.take(text)) {
            taken += 1;
            if taken > MAX_DEPTH {
                return Err(self.error(format!("more than {MAX_DEPTH} comparisons in a row")));
            }
            let right = operand(self)?;
            left = Expression::Compare { operator: *operator, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed {
        if self.rest().starts_with('!') && !self.rest().starts_with("!=") {
            self.take("!");
            return Ok(Expression::Not(Box::new(self.deeper(Self::unary)?)));
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Parsed {
        let base = self.primary()?;
        let mut path = Vec::new();
        loop {
            if self.take(".") {
                path.push(if self.take("*") { Step::Element } else { Step::Name(self.name()?) });
            } else if self.take("[") {
                path.push(self.index()?);
            } else {
                return Ok(with_path(base, path));
            }
        }
    }

    fn index(&mut self) -> Result<Step, ExpressionError> {
        let step = if self.take("*") {
            Step::Element
        } else {
            match self.deeper(Self::or)? {
                Expression::Text(text) => Step::Name(text.to_ascii_lowercase().into()),
                Expression::Number(_) => Step::Element,
                computed => Step::Computed(computed),
            }
        };
        if self.take("]") { Ok(step) } else { Err(self.unexpected("`]`")) }
    }

    fn primary(&mut self) -> Parsed {
        match self.rest().bytes().next() {
            Some(b'(') => {
                self.take("(");
                let inner = self.deeper(Self::or)?;
                if self.take(")") { Ok(inner) } else { Err(self.unexpected("`)`")) }
            }
            Some(b'\'') => self.text(),
            Some(b'0'..=b'9' | b'-' | b'+' | b'.') => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' => self.named(),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// `'it''s'`
    fn text(&mut self) -> Parsed {
        let inner = &self.rest()[1..];
        let (mut value, mut from) = (String::new(), 0);
        loop {
            let Some(end) = inner[from..].find('\'').map(|at| from + at) else {
                return Err(self.error("a text without its closing quote"));
            };
            value.push_str(&inner[from..end]);
            if inner[end + 1..].starts_with('\'') {
                value.push('\'');
                from = end + 2;
                continue;
            }
            self.at += end + 2;
            self.space();
            return Ok(Expression::Text(value.into()));
        }
    }

    fn number(&mut self) -> Parsed {
        let rest = self.rest();
        let mut end = 0;
        for (at, byte) in rest.bytes().enumerate() {
            let is_exponent = at > 0 && matches!(rest.as_bytes()[at - 1], b'e' | b'E');
            let is_sign = matches!(byte, b'-' | b'+') && (at == 0 || is_exponent);
            if !(byte.is_ascii_alphanumeric() || byte == b'.' || is_sign) {
                break;
            }
            end = at + 1;
        }
        let written = &rest[..end];
        let Some(number) = number(written) else {
            return Err(self.error(format!("`{written}` is not a number")));
        };
        self.at += end;
        self.space();
        Ok(Expression::Number(number))
    }

    fn name(&mut self) -> Result<SmolStr, ExpressionError> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.unexpected("a name"));
        }
        let name = rest[..end].to_ascii_lowercase();
        self.at += end;
        self.space();
        Ok(name.into())
    }

    /// A keyword, a call or a context.
    fn named(&mut self) -> Parsed {
        let name = self.name()?;
        if self.take("(") {
            let arguments = self.deeper(Self::arguments)?;
            return Ok(Expression::Call { function: name, arguments, path: Vec::new() });
        }
        Ok(match name.as_str() {
            "null" => Expression::Null,
            "true" => Expression::Bool(true),
            "false" => Expression::Bool(false),
            "nan" => Expression::Number(f64::NAN),
            "infinity" => Expression::Number(f64::INFINITY),
            _ => Expression::Context { root: name, path: Vec::new() },
        })
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, ExpressionError> {
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.or()?);
            if self.take(")") {
                return Ok(arguments);
            }
            if !self.take(",") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
    }
}

/// A decimal number, or one with `0x` or `0o`.
fn number(text: &str) -> Option<f64> {
    let radix = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().map(f64::from);
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    match text {
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.bytes().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E')) => None,
        _ => text.parse().ok(),
    }
}

fn with_path(base: Expression, path: Vec<Step>) -> Expression {
    if path.is_empty() {
        return base;
    }
    match base {
        Expression::Context { root, .. } => Expression::Context { root, path },
        Expression::Call { function, arguments, .. } => Expression::Call { function, arguments, path },
        other => Expression::Member { of: Box::new(other), path },
    }
}
