//! Texts with interpolations and directives: quoted, as heredocs, and as whole files.

use probity_model::value::Value;

use crate::cursor::Cursor;
use crate::{Expression, Kind, Parsed, Part};

/// Where a template ends.
#[derive(Clone, Copy)]
enum End<'t> {
    Quote,
    /// At the line that has only this word.
    Marker(&'t str),
    Text,
}

/// The parts of a template before directives are put together.
enum Token {
    Text(String),
    Interpolation(Expression),
    If(Expression),
    Else,
    EndIf,
    For(Option<Box<str>>, Box<str>, Expression),
    EndFor,
}

impl<'t> Cursor<'t> {
    pub(crate) fn whole_template(&mut self) -> Parsed<Expression> {
        let tokens = self.tokens(End::Text)?;
        self.put_together(tokens, 0)
    }

    pub(crate) fn quoted(&mut self) -> Parsed<Expression> {
        let start = self.at;
        self.at += 1;
        let tokens = self.nested(|cursor| cursor.tokens(End::Quote))?;
        self.put_together(tokens, start)
    }

    pub(crate) fn heredoc(&mut self) -> Parsed<Expression> {
        let start = self.at;
        self.at += 2;
        let indented = self.take("-");
        let marker = self.name();
        self.take("\r");
        let Some(marker) = marker.filter(|_| self.take("\n")) else {
            self.at = start;
            return self.fail("expected a word and a line break after `<<`");
        };
        let mut tokens = self.nested(|cursor| cursor.tokens(End::Marker(marker)))?;
        if indented {
            dedent(&mut tokens);
        }
        self.put_together(tokens, start)
    }

    fn tokens(&mut self, end: End<'t>) -> Parsed<Vec<Token>> {
        let start = self.at;
        let mut tokens: Vec<Token> = Vec::new();
        let mut drop_blanks = false;
        loop {
            if self.ended(end, start)? {
                return Ok(tokens);
            }
            let is_directive = self.rest().starts_with("%{");
            if !is_directive && !self.rest().starts_with("${") {
                let text = self.text_token(end)?;
                tokens.push(Token::Text(if drop_blanks { text.trim_start().to_owned() } else { text }));
                drop_blanks = false;
                continue;
            }
            self.at += 2;
            // Blanks before a `~` are dropped when they are the last that was read.
            if self.take("~")
                && !drop_blanks
                && let Some(Token::Text(text)) = tokens.last_mut()
            {
                text.truncate(text.trim_end().len());
            }
            let token = self.with_line_breaks(false, |cursor| {
                let token =
                    if is_directive { cursor.directive() } else { cursor.expression().map(Token::Interpolation) }?;
                cursor.skip();
                drop_blanks = cursor.take("~");
                cursor.expect("}", "to close a template sequence")?;
                Ok(token)
            })?;
            tokens.push(token);
        }
    }

    /// Whether the template ends here; its end is passed over.
    fn ended(&mut self, end: End<'_>, start: usize) -> Parsed<bool> {
        match end {
            End::Text => Ok(self.rest().is_empty()),
            End::Quote => match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    Ok(true)
                }
                Some(b'\n') | None => self.fail("a text in quotes is not closed on its line"),
                Some(_) => Ok(false),
            },
            End::Marker(marker) => {
                let at_line_start = self.text[..self.at].ends_with('\n');
                let line = self.rest().split('\n').next().unwrap_or_default();
                if at_line_start && line.trim() == marker {
                    self.at += line.trim_end_matches('\r').len();
                    return Ok(true);
                }
                if self.rest().is_empty() {
                    self.at = start;
                    return self.fail(format!("the text is not closed by a line with only `{marker}`"));
                }
                Ok(false)
            }
        }
    }

    /// Text up to a sequence, the end, or the end of the line.
    fn text_token(&mut self, end: End<'_>) -> Parsed<String> {
        let quoted = matches!(end, End::Quote);
        let bytes = self.text.as_bytes();
        let mut out = String::new();
        let mut from = self.at;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'$' | b'%' if bytes.get(self.at + 1) == Some(&b'{') => break,
                // A mark twice stands for itself before a brace.
                b'$' | b'%' if bytes[self.at + 1..].starts_with(&[byte, b'{']) => {
                    out.push_str(&self.text[from..=self.at]);
                    out.push('{');
                    self.at += 3;
                    from = self.at;
                }
                b'"' | b'\n' if quoted => break,
                b'\\' if quoted => {
                    out.push_str(&self.text[from..self.at]);
                    out.push(self.escape()?);
                    from = self.at;
                }
                b'\n' => {
                    self.at += 1;
                    break;
                }
                _ => self.at += 1,
            }
        }
        out.push_str(&self.text[from..self.at]);
        Ok(out)
    }

    fn escape(&mut self) -> Parsed<char> {
        let digits = match self.text.as_bytes().get(self.at + 1) {
            Some(b'u') => 4,
            Some(b'U') => 8,
            other => {
                let character = match other {
                    Some(b'n') => '\n',
                    Some(b'r') => '\r',
                    Some(b't') => '\t',
                    Some(b'"') => '"',
                    Some(b'\\') => '\\',
                    _ => return self.fail("an escape that is not known; a backslash is written `\\\\`"),
                };
                self.at += 2;
                return Ok(character);
            }
        };
        let number = self.text.get(self.at + 2..self.at + 2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        let Some(character) = number.and_then(char::from_u32) else {
            return self.fail(format!("expected {digits} hexadecimal digits of a character"));
        };
        self.at += 2 + digits;
        Ok(character)
    }

    fn directive(&mut self) -> Parsed<Token> {
        self.skip();
        match self.name() {
            Some("if") => Ok(Token::If(self.expression()?)),
            Some("else") => Ok(Token::Else),
            Some("endif") => Ok(Token::EndIf),
            Some("for") => self.for_intro().map(|(key, value, collection)| Token::For(key, value, collection)),
            Some("endfor") => Ok(Token::EndFor),
            _ => self.fail("expected `if`, `else`, `endif`, `for` or `endfor`"),
        }
    }

    fn put_together(&mut self, tokens: Vec<Token>, start: usize) -> Parsed<Expression> {
        let span = self.span(start);
        let mut tokens = tokens.into_iter();
        let (mut parts, stop) = self.parts(&mut tokens)?;
        if stop.is_some() {
            return self.fail("a directive ends that none began");
        }
        // An interpolation by itself keeps the type of its value.
        if let [Part::Interpolation(_)] = parts.as_slice()
            && let Some(Part::Interpolation(only)) = parts.pop()
        {
            return Ok(only);
        }
        let is_text = parts.iter().all(|part| matches!(part, Part::Text(_)));
        let kind = if is_text {
            let text: String = parts.iter().map(|part| if let Part::Text(text) = part { text } else { "" }).collect();
            Kind::Literal(Value::from(text))
        } else {
            Kind::Template(parts)
        };
        Ok(Expression { kind, span })
    }

    /// Parts up to a token that ends a directive, which is given back.
    fn parts(&mut self, tokens: &mut std::vec::IntoIter<Token>) -> Parsed<(Vec<Part>, Option<Token>)> {
        let mut parts = Vec::new();
        while let Some(token) = tokens.next() {
            match token {
                Token::Text(text) => parts.push(Part::Text(text.into())),
                Token::Interpolation(inner) => parts.push(Part::Interpolation(inner)),
                Token::If(condition) => {
                    let (yes, stop) = self.nested(|cursor| cursor.parts(tokens))?;
                    let (no, stop) = match stop {
                        Some(Token::Else) => self.nested(|cursor| cursor.parts(tokens))?,
                        other => (Vec::new(), other),
                    };
                    let Some(Token::EndIf) = stop else { return self.fail("`%{ if }` without its `%{ endif }`") };
                    parts.push(Part::If { condition, yes, no });
                }
                Token::For(key, value, collection) => {
                    let (body, stop) = self.nested(|cursor| cursor.parts(tokens))?;
                    let Some(Token::EndFor) = stop else { return self.fail("`%{ for }` without its `%{ endfor }`") };
                    parts.push(Part::For { key, value, collection, body });
                }
                stop => return Ok((parts, Some(stop))),
            }
        }
        Ok((parts, None))
    }
}

/// Takes from the lines of an indented heredoc the blanks that all of them begin with.
fn dedent(tokens: &mut [Token]) {
    let mut least = usize::MAX;
    let mut line_start = true;
    let mut indented = Vec::new();
    for (position, token) in tokens.iter().enumerate() {
        if std::mem::take(&mut line_start) {
            match token {
                // A line of blanks only does not count.
                Token::Text(text) if text.trim_start().is_empty() && text.ends_with('\n') => {}
                Token::Text(text) => {
                    let blanks = &text[..text.len() - text.trim_start().len()];
                    least = least.min(blanks.chars().count());
                    indented.push(position);
                }
                _ => least = 0,
            }
        }
        if let Token::Text(text) = token {
            line_start = text.ends_with('\n');
        }
    }
    for position in indented {
        if let Token::Text(text) = &mut tokens[position] {
            let cut = text.char_indices().nth(least).map_or(text.len(), |(at, _)| at);
            text.drain(..cut);
        }
    }
}
