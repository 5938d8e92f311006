//! Expressions.

use probity_model::Number;
use probity_model::value::Value;

use crate::cursor::Cursor;
use crate::{Binary, Call, Expression, For, Kind, MAX_CHAIN, MAX_STEPS, Parsed, Step, Unary};

/// Operators by how strongly they bind, the weakest first; of those that begin alike the longer first.
const OPERATORS: [&[(&str, Binary)]; 6] = [
    &[("||", Binary::Or)],
    &[("&&", Binary::And)],
    &[("==", Binary::Equal), ("!=", Binary::NotEqual)],
    &[(">=", Binary::GreaterEqual), ("<=", Binary::LessEqual), (">", Binary::Greater), ("<", Binary::Less)],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Modulo)],
];

impl Cursor<'_> {
    /// An expression that is all of the text.
    pub(crate) fn whole_expression(&mut self) -> Parsed<Expression> {
        self.line_breaks_count = false;
        let expression = self.expression()?;
        self.skip();
        if self.rest().is_empty() { Ok(expression) } else { self.fail("more follows the expression") }
    }

    pub(crate) fn expression(&mut self) -> Parsed<Expression> {
        self.nested(|cursor| {
            cursor.skip();
            let start = cursor.at;
            let condition = cursor.binary(0)?;
            let end = cursor.at;
            cursor.skip();
            if !cursor.take("?") {
                cursor.at = end;
                return Ok(condition);
            }
            let yes = cursor.expression()?;
            cursor.expect(":", "and what stands for false")?;
            let no = cursor.expression()?;
            Ok(cursor.made(Kind::Conditional(Box::new([condition, yes, no])), start))
        })
    }

    fn made(&self, kind: Kind, start: usize) -> Expression {
        Expression { kind, span: self.span(start) }
    }

    fn binary(&mut self, level: usize) -> Parsed<Expression> {
        let Some(operators) = OPERATORS.get(level) else { return self.traversed() };
        self.skip();
        let start = self.at;
        let mut left = self.binary(level + 1)?;
        let mut chain = 0;
        loop {
            let before = self.at;
            self.skip();
            let rest = self.rest();
            let operator = operators.iter().find(|(text, _)| rest.starts_with(text)).copied();
            // A template's end and a comment begin like operators.
            let Some((text, operator)) = operator.filter(|_| !rest.starts_with("//") && !rest.starts_with("/*")) else {
                self.at = before;
                return Ok(left);
            };
            chain += 1;
            if chain > MAX_CHAIN {
                return self.fail(format!("more than {MAX_CHAIN} operators in a row"));
            }
            self.at += text.len();
            let right = self.binary(level + 1)?;
            left = self.made(Kind::Binary(operator, Box::new([left, right])), start);
        }
    }

    fn traversed(&mut self) -> Parsed<Expression> {
        self.skip();
        let start = self.at;
        let from = self.term()?;
        let steps = self.steps()?;
        if steps.is_empty() {
            return Ok(from);
        }
        Ok(self.made(Kind::Traversal(Box::new(from), steps), start))
    }

    /// What follows a value.
    fn steps(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            let before = self.at;
            self.skip();
            if steps.len() > MAX_STEPS {
                return self.fail(format!("a reference of more than {MAX_STEPS} steps"));
            }
            if !self.rest().starts_with("...") && self.take(".") {
                let step = self.dotted()?;
                steps.push(step);
            } else if self.take("[") {
                self.skip_blanks(true);
                if self.take("*") {
                    self.expect("]", "after `[*`")?;
                    steps.push(Step::Splat(self.nested(Self::steps)?));
                } else {
                    let index = self.with_line_breaks(false, |cursor| {
                        let index = cursor.expression()?;
                        cursor.expect("]", "after an index")?;
                        Ok(index)
                    })?;
                    steps.push(Step::Index(index));
                }
            } else {
                self.at = before;
                return Ok(steps);
            }
        }
    }

    fn dotted(&mut self) -> Parsed<Step> {
        self.skip();
        if !self.take("*") {
            return self.attribute_step();
        }
        let mut inner = Vec::new();
        while !self.rest().starts_with("...") && self.take(".") {
            self.skip();
            if inner.len() > MAX_STEPS {
                return self.fail(format!("a reference of more than {MAX_STEPS} steps"));
            }
            inner.push(self.attribute_step()?);
        }
        Ok(Step::Splat(inner))
    }

    /// `name`, or a number, as indices were once written.
    fn attribute_step(&mut self) -> Parsed<Step> {
        if let Some(name) = self.name() {
            return Ok(Step::Attribute(name.into()));
        }
        let start = self.at;
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let index = self.rest()[..digits].parse::<i64>();
        let Ok(index) = index else { return self.fail(format!("expected a name after `.`, found {}", self.found())) };
        self.at += digits;
        if self.rest().starts_with('.') && self.rest()[1..].starts_with(|next: char| next.is_ascii_digit()) {
            return self.fail("two indices in a row are written `[0][1]`");
        }
        Ok(Step::Index(self.made(Kind::Literal(index.into()), start)))
    }

    fn term(&mut self) -> Parsed<Expression> {
        let start = self.at;
        let kind = match self.byte() {
            Some(b'(') => {
                self.at += 1;
                return self.with_line_breaks(false, |cursor| {
                    let inner = cursor.expression()?;
                    cursor.expect(")", "to close the parenthesis")?;
                    Ok(Expression { kind: inner.kind, span: cursor.span(start) })
                });
            }
            Some(b'"') => return self.quoted(),
            Some(b'<') if self.rest().starts_with("<<") => return self.heredoc(),
            Some(b'[') => self.tuple()?,
            Some(b'{') => self.object()?,
            Some(b'!') => {
                self.at += 1;
                Kind::Unary(Unary::Not, Box::new(self.nested(Self::traversed)?))
            }
            Some(b'-') => {
                self.at += 1;
                Kind::Unary(Unary::Negative, Box::new(self.nested(Self::traversed)?))
            }
            Some(b'0'..=b'9') => self.number()?,
            _ => match self.name() {
                Some("null") => Kind::Literal(Value::Null),
                Some("true") => Kind::Literal(true.into()),
                Some("false") => Kind::Literal(false.into()),
                Some(name) => self.name_or_call(name)?,
                None => return self.fail(format!("expected a value, found {}", self.found())),
            },
        };
        Ok(self.made(kind, start))
    }

    fn number(&mut self) -> Parsed<Kind> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        let digits = |at: &mut usize| {
            while digit(*at) {
                *at += 1;
            }
        };
        let mut end = start;
        digits(&mut end);
        if bytes.get(end) == Some(&b'.') && digit(end + 1) {
            end += 1;
            digits(&mut end);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            if digit(end + 1 + sign) {
                end += 1 + sign;
                digits(&mut end);
            }
        }
        match self.text[start..end].parse::<Number>() {
            Ok(number) => {
                self.at = end;
                Ok(Kind::Literal(Value::Number(number)))
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn name_or_call(&mut self, first: &str) -> Parsed<Kind> {
        let mut name = first.to_owned();
        while self.take("::") {
            let part = self.expect_name("a name after `::`")?;
            name = format!("{name}::{part}");
        }
        let before = self.at;
        self.skip_blanks(false);
        if !self.take("(") {
            self.at = before;
            return if name.contains("::") {
                self.fail("expected `(` after a function")
            } else {
                Ok(Kind::Name(name.into()))
            };
        }
        let name = name.strip_prefix("core::").unwrap_or(&name).into();
        self.with_line_breaks(false, |cursor| {
            let mut arguments = Vec::new();
            let mut expand = false;
            loop {
                cursor.skip();
                if cursor.take(")") {
                    break;
                }
                arguments.push(cursor.expression()?);
                cursor.skip();
                expand = cursor.take("...");
                if expand || !cursor.take(",") {
                    cursor.take(",");
                    cursor.expect(")", "or `,` after an argument")?;
                    break;
                }
            }
            Ok(Kind::Call(Box::new(Call { name, arguments, expand })))
        })
    }

    fn tuple(&mut self) -> Parsed<Kind> {
        self.at += 1;
        self.with_line_breaks(false, |cursor| {
            cursor.skip();
            if cursor.take_word("for") {
                return cursor.for_expression("]");
            }
            let mut elements = Vec::new();
            loop {
                cursor.skip();
                if cursor.take("]") {
                    return Ok(Kind::Tuple(elements));
                }
                elements.push(cursor.expression()?);
                cursor.skip();
                if !cursor.take(",") {
                    cursor.expect("]", "or `,` after an element")?;
                    return Ok(Kind::Tuple(elements));
                }
            }
        })
    }

    fn object(&mut self) -> Parsed<Kind> {
        self.at += 1;
        let before = self.at;
        self.skip_blanks(true);
        if self.take_word("for") {
            return self.with_line_breaks(false, |cursor| cursor.for_expression("}"));
        }
        self.at = before;
        self.with_line_breaks(true, |cursor| {
            let mut entries = Vec::new();
            loop {
                cursor.skip_blanks(true);
                if cursor.take("}") {
                    return Ok(Kind::Object(entries));
                }
                let key = cursor.key()?;
                cursor.skip();
                if !cursor.take("=") && !cursor.take(":") {
                    return cursor.fail(format!("expected `=` after a key, found {}", cursor.found()));
                }
                entries.push((key, cursor.expression()?));
                cursor.skip();
                if !cursor.take(",") && !cursor.rest().starts_with(['\n', '}']) {
                    return cursor
                        .fail(format!("expected a line break, `,` or `}}` after an entry, found {}", cursor.found()));
                }
            }
        })
    }

    fn key(&mut self) -> Parsed<Expression> {
        let start = self.at;
        if let Some(name) = self.name() {
            let end = self.at;
            self.skip();
            let rest = self.rest();
            self.at = end;
            if rest.starts_with('=') && !rest.starts_with("==") || rest.starts_with(':') {
                return Ok(self.made(Kind::Literal(name.into()), start));
            }
            self.at = start;
        }
        let key = self.expression()?;
        match key.kind {
            Kind::Traversal(..) if !self.text[start..].starts_with('(') => {
                self.at = start;
                self.fail("a key that is a reference stands in parentheses")
            }
            _ => Ok(key),
        }
    }

    fn for_expression(&mut self, close: &str) -> Parsed<Kind> {
        let (key, value, collection) = self.for_intro()?;
        self.expect(":", "after the collection")?;
        let mut result = self.expression()?;
        let mut key_result = None;
        if close == "}" {
            self.expect("=>", "after the key")?;
            key_result = Some(std::mem::replace(&mut result, self.expression()?));
        }
        self.skip();
        let grouping = key_result.is_some() && self.take("...");
        self.skip();
        let condition = if self.take_word("if") { Some(self.expression()?) } else { None };
        self.expect(close, "to close the `for`")?;
        Ok(Kind::For(Box::new(For { key, value, collection, key_result, result, grouping, condition })))
    }

    /// `key, value in collection`
    pub(crate) fn for_intro(&mut self) -> Parsed<(Option<Box<str>>, Box<str>, Expression)> {
        let first = self.expect_name("a name after `for`")?;
        self.skip();
        let (key, value) =
            if self.take(",") { (Some(first), self.expect_name("a second name after `for`")?) } else { (None, first) };
        self.skip();
        if !self.take_word("in") {
            return self.fail(format!("expected `in`, found {}", self.found()));
        }
        Ok((key, value, self.expression()?))
    }
}
