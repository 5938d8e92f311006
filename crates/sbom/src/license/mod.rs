//! Licences as packages declare them, read as expressions of SPDX (SPDX 2.3, annex D) where what is meant is certain.
//!
//! Nothing is guessed: `BSD` and `GPL` stay the names that they are, since they do not say which of several licences it is.

mod list;
mod names;

use std::fmt;

use crate::model::License;

pub use list::LicenseList;

/// Longest text that is read as an expression, in bytes; a longer one is a name.
const MAX_TEXT: usize = 4096;
/// Deepest brackets.
const MAX_DEPTH: usize = 32;

/// What a text says of licences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// One licence.
    One(Term),
    /// All of them hold.
    All(Vec<Expression>),
    /// One of them may be chosen.
    Any(Vec<Expression>),
}

/// A licence of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its id in SPDX's list, with a `+` where a later version may be chosen; `None` when it is none of the list or not certain.
    pub id: Option<String>,
    /// The exception that goes with it, of SPDX's list.
    pub exception: Option<String>,
    /// As it was written.
    pub text: String,
}

impl Expression {
    /// Reads a text. One that is no expression is one licence of that name.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        // A name may have a comma or an `or` in it: the whole is looked up first.
        if text.len() > MAX_TEXT || names::id(text).is_some() {
            return Self::One(Term::of(text));
        }
        let tokens = tokens(text);
        // Which of the two would bind less is a rule that nobody has.
        let comma_before = |word: Token<'_>| tokens.windows(2).any(|pair| pair == [Token::Comma, word.clone()]);
        let is_clear = !(comma_before(Token::And) && comma_before(Token::Or));
        let mut parser = Parser { tokens: &tokens, at: 0 };
        match parser.either(0).filter(|_| is_clear) {
            Some(expression) if parser.at == tokens.len() => expression,
            _ => Self::One(Term { id: None, exception: None, text: text.to_owned() }),
        }
    }

    /// All licences in it.
    pub fn terms(&self) -> Vec<&Term> {
        match self {
            Self::One(term) => vec![term],
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::terms).collect(),
        }
    }

    /// Whether every licence in it is one of SPDX's list.
    pub fn is_certain(&self) -> bool {
        self.terms().iter().all(|term| term.id.is_some())
    }

    /// Whether it holds when these licences are accepted: all of what holds together, one of what may be chosen from.
    pub fn holds(&self, accepted: &impl Fn(&Term) -> bool) -> bool {
        match self {
            Self::One(term) => accepted(term),
            Self::All(parts) => parts.iter().all(|part| part.holds(accepted)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(accepted)),
        }
    }

    fn joined(parts: Vec<Self>, join: fn(Vec<Self>) -> Self) -> Self {
        let mut distinct: Vec<Self> = Vec::new();
        for part in parts {
            if !distinct.contains(&part) {
                distinct.push(part);
            }
        }
        if distinct.len() == 1 { distinct.remove(0) } else { join(distinct) }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: &[Self], with: &str, f: &mut fmt::Formatter<'_>| {
            for (at, part) in parts.iter().enumerate() {
                f.write_str(if at == 0 { "" } else { with })?;
                match part {
                    Self::One(term) => write!(f, "{term}")?,
                    Self::All(_) | Self::Any(_) => write!(f, "({part})")?,
                }
            }
            Ok(())
        };
        match self {
            Self::One(term) => write!(f, "{term}"),
            Self::All(parts) => joined(parts, " AND ", f),
            Self::Any(parts) => joined(parts, " OR ", f),
        }
    }
}

impl Term {
    fn of(text: &str) -> Self {
        Self { id: names::id(text), exception: None, text: text.to_owned() }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id.as_deref().unwrap_or(&self.text))?;
        match &self.exception {
            Some(exception) if self.id.is_some() => write!(f, " WITH {exception}"),
            _ => Ok(()),
        }
    }
}

impl License {
    /// A licence as a package declares it: of SPDX where what is meant is certain, else by its name.
    pub fn declared(text: &str) -> Self {
        let expression = Expression::parse(text);
        match &expression {
            _ if !expression.is_certain() => Self::Name(text.trim().to_owned()),
            Expression::One(Term { id: Some(id), exception: None, .. }) if !id.ends_with('+') => Self::Id(id.clone()),
            _ => Self::Expression(expression.to_string()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    /// With what stands before the bracket that closes it.
    Open(&'a str),
    Close,
    And,
    Or,
    With,
    /// A comma: Debian's copyright files give the `and` or `or` after it less weight.
    Comma,
    /// Words that are no operators, with what is between them.
    Name(&'a str),
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut name: Option<(usize, usize)> = None;
    for (start, word) in words(text) {
        let token = match word.to_ascii_lowercase().as_str() {
            "(" => Token::Open(inside(&text[start + 1..])),
            ")" => Token::Close,
            "," => Token::Comma,
            "and" => Token::And,
            "or" => Token::Or,
            "with" => Token::With,
            _ => {
                name = Some((name.map_or(start, |(from, _)| from), start + word.len()));
                continue;
            }
        };
        tokens.extend(name.take().map(|(from, to)| Token::Name(&text[from..to])));
        tokens.push(token);
    }
    tokens.extend(name.map(|(from, to)| Token::Name(&text[from..to])));
    // A comma at the end is a slip.
    tokens.pop_if(|last| *last == Token::Comma);
    tokens
}

/// What stands before the bracket that closes one; nothing when none does.
fn inside(text: &str) -> &str {
    let mut depth = 0_usize;
    let end = text.bytes().position(|byte| match byte {
        b'(' => {
            depth += 1;
            false
        }
        b')' if depth == 0 => true,
        b')' => {
            depth -= 1;
            false
        }
        _ => false,
    });
    end.map_or("", |end| &text[..end])
}

/// Words with where they begin; brackets and commas are words of their own.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += text[at..].len() - text[at..].trim_start().len();
        let start = at;
        let rest = &text[start..];
        let end = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',');
        let first = rest.chars().next()?;
        at += if matches!(first, '(' | ')' | ',') { 1 } else { rest.find(end).unwrap_or(rest.len()) };
        Some((start, &text[start..at]))
    })
}

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'a> Parser<'_, 'a> {
    fn next_is(&mut self, tokens: &[Token<'_>]) -> bool {
        let found = self.tokens.get(self.at..).is_some_and(|rest| rest.starts_with(tokens));
        if found {
            self.at += tokens.len();
        }
        found
    }

    /// `A or B, and C`: what a comma precedes binds least.
    fn either(&mut self, depth: usize) -> Option<Expression> {
        self.list(&[Token::Comma, Token::And], Expression::All, &|it| {
            it.list(&[Token::Comma, Token::Or], Expression::Any, &|it| {
                it.list(&[Token::Or], Expression::Any, &|it| {
                    it.list(&[Token::And], Expression::All, &|it| it.one(depth))
                })
            })
        })
    }

    fn list(
        &mut self,
        between: &[Token<'_>],
        join: fn(Vec<Expression>) -> Expression,
        part: &dyn Fn(&mut Self) -> Option<Expression>,
    ) -> Option<Expression> {
        let mut parts = vec![part(self)?];
        while self.next_is(between) {
            parts.push(part(self)?);
        }
        Some(Expression::joined(parts, join))
    }

    fn one(&mut self, depth: usize) -> Option<Expression> {
        if let Some(Token::Open(inside)) = self.tokens.get(self.at) {
            self.at += 1;
            if names::id(inside).is_some() {
                self.skip();
                return Some(Expression::One(Term::of(inside)));
            }
            if depth == MAX_DEPTH {
                return None;
            }
            let inner = self.either(depth + 1)?;
            return self.next_is(&[Token::Close]).then_some(inner);
        }
        let name = self.name()?;
        let mut term = Term::of(name);
        if self.next_is(&[Token::With]) {
            let exception = self.name()?;
            term.exception = names::exception(exception);
            term.text = format!("{name} with {exception}");
            // An exception that is not known may take as well as give.
            term.id = term.id.filter(|_| term.exception.is_some());
        }
        Some(Expression::One(term))
    }

    /// Goes behind the bracket that closes the one before.
    fn skip(&mut self) {
        let mut depth = 1_usize;
        while depth > 0 && self.at < self.tokens.len() {
            match self.tokens[self.at] {
                Token::Open(_) => depth += 1,
                Token::Close => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        let Some(Token::Name(name)) = self.tokens.get(self.at) else { return None };
        self.at += 1;
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn licences_are_read_where_they_are_certain() {
        let id = |text: &str| License::Id(text.to_owned());
        let expression = |text: &str| License::Expression(text.to_owned());
        let cases = [
            ("MIT", id("MIT")),
            (" apache-2.0 ", id("Apache-2.0")),
            ("Apache License, Version 2.0", id("Apache-2.0")),
            ("http://www.apache.org/licenses/LICENSE-2.0.txt", id("Apache-2.0")),
            ("https://opensource.org/licenses/BSD-3-Clause", id("BSD-3-Clause")),
            ("Expat", id("MIT")),
            ("The MIT License (MIT)", id("MIT")),
            ("BSD-3-clause", id("BSD-3-Clause")),
            ("BSD 3-Clause \"New\" or \"Revised\" License", id("BSD-3-Clause")),
            ("GPL-2", id("GPL-2.0-only")),
            ("GPL-2+", id("GPL-2.0-or-later")),
            ("GPLv3+", id("GPL-3.0-or-later")),
            ("GPL-2.0", id("GPL-2.0-only")),
            ("LGPL-2.1+", id("LGPL-2.1-or-later")),
            ("GFDL-1.3", id("GFDL-1.3-only")),
            ("ASL 2.0", id("Apache-2.0")),
            ("GNU General Public License v3 or later (GPLv3+)", id("GPL-3.0-or-later")),
            ("Mozilla Public License 2.0 (MPL 2.0)", id("MPL-2.0")),
            ("Artistic-2", id("Artistic-2.0")),
            ("(MIT OR Apache-2.0)", expression("MIT OR Apache-2.0")),
            ("MIT and (BSD-2-clause or Zlib)", expression("MIT AND (BSD-2-Clause OR Zlib)")),
            ("GPL-2+ or MIT, and Zlib", expression("(GPL-2.0-or-later OR MIT) AND Zlib")),
            ("GPL-2.0-only WITH Classpath-exception-2.0", expression("GPL-2.0-only WITH Classpath-exception-2.0")),
            ("MIT and MIT", id("MIT")),
            ("Apache-1.1+", expression("Apache-1.1+")),
            ("(Apache License, Version 2.0) or (Eclipse Public License 2.0)", expression("Apache-2.0 OR EPL-2.0")),
        ];
        for (text, expected) in cases {
            assert_eq!(License::declared(text), expected, "{text}");
        }
        for text in [
            "BSD",
            "GPL",
            "LGPL",
            "Artistic",
            "LGPLv2+",
            "Apache Software License",
            "BSD License",
            "Dual License",
            "MIT, Zlib",
            "MIT/X11",
            "public-domain",
            "GPL-2 with something-of-ours",
            "MIT or",
            "(MIT",
            "MIT Zlib",
            "MIT AND our own",
            "GPL-9",
            "",
        ] {
            assert_eq!(License::declared(text), License::Name(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_leaves_the_rest_of_an_expression_known() {
        let terms = |text: &str| -> Vec<Option<String>> {
            Expression::parse(text).terms().iter().map(|term| term.id.clone()).collect()
        };
        assert_eq!(terms("Artistic or GPL-1+"), [None, Some("GPL-1.0-or-later".to_owned())]);
        assert_eq!(terms("a, and b, or c"), [None]);
    }

    proptest! {
        /// What is certain is an expression of SPDX by an independent parser, and means the same when it is read again.
        #[test]
        fn what_is_written_is_an_expression(text in "((MIT|GPL-2\\+|Apache-2.0|Expat|own|BSD-3-clause|LGPL-2.1-only|with|with Classpath-exception-2.0|and|or|,|\\(|\\)) ?){0,12}") {
            let expression = Expression::parse(&text);
            if expression.is_certain() {
                let written = expression.to_string();
                prop_assert!(spdx::Expression::parse(&written).is_ok(), "{written}");
                let again = Expression::parse(&written);
                prop_assert_eq!(again.to_string(), written.clone());
                for accepted in ["MIT", "GPL-2.0-or-later", "Apache-2.0"] {
                    let ours = expression.holds(&|term| term.id.as_deref() == Some(accepted));
                    let theirs = spdx::Expression::parse(&written).unwrap().evaluate(|req| req.license.to_string() == accepted);
                    prop_assert_eq!(ours, theirs, "{} with {}", &written, accepted);
                }
            }
        }

        #[test]
        fn nothing_panics(text in any::<String>(), brackets in "[(),a +]{0,80}") {
            License::declared(&text);
            License::declared(&brackets);
        }
    }
}
