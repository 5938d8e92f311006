//! Locations within objects, such as `spec.containers[name: web].image` (Gatekeeper, `pkg/mutation/path`).

use std::fmt;
use std::iter::Peekable;
use std::str::CharIndices;

use probity_model::Value;

/// The steps of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(pub(crate) Vec<Step>);

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into a field of an object.
    Field(String),
    /// Into the elements of a list that have this value in this field; into all when there is none.
    Element {
        /// The field that tells elements apart.
        key: String,
        /// The value, a string or a whole number.
        value: Option<Value>,
    },
}

impl Step {
    /// The name that the step has among the fields of what it goes into.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Field(name) | Self::Element { key: name, .. } => name,
        }
    }

    pub(crate) fn is_element(&self) -> bool {
        matches!(self, Self::Element { .. })
    }
}

impl Path {
    /// Whether the other path begins with this one.
    pub(crate) fn is_prefix_of(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if name.starts_with(|first: char| !first.is_ascii_digit()) && name.chars().all(plain) {
        f.write_str(name)
    } else {
        write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    write_name(f, name)?;
                }
                Step::Element { key, value } => {
                    f.write_str("[")?;
                    write_name(f, key)?;
                    f.write_str(": ")?;
                    match value {
                        None => f.write_str("*")?,
                        Some(Value::String(text)) => write_name(f, text)?,
                        Some(other) => write!(f, "{other:?}")?,
                    }
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

/// Why a text is no location.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a location: {0}")]
pub(crate) struct PathError(String);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Digits(String),
    Dot,
    Open,
    Close,
    Star,
    Colon,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Digits(text) => write!(f, "`{text}`"),
            Self::Dot => f.write_str("`.`"),
            Self::Open => f.write_str("`[`"),
            Self::Close => f.write_str("`]`"),
            Self::Star => f.write_str("`*`"),
            Self::Colon => f.write_str("`:`"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, PathError> {
    let mut tokens = Vec::new();
    let mut letters = text.char_indices().peekable();
    while let Some(&(at, letter)) = letters.peek() {
        let token = match letter {
            ' ' | '\t' | '\r' | '\n' => {
                letters.next();
                continue;
            }
            '0'..='9' => Token::Digits(run(&mut letters, |letter| letter.is_ascii_digit())),
            'a'..='z' | 'A'..='Z' | '_' | '-' => {
                let in_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
                Token::Name(run(&mut letters, in_name))
            }
            '"' | '\'' => {
                letters.next();
                Token::Name(quoted(&mut letters, letter)?)
            }
            other => {
                letters.next();
                match other {
                    '.' => Token::Dot,
                    '[' => Token::Open,
                    ']' => Token::Close,
                    '*' => Token::Star,
                    ':' => Token::Colon,
                    _ => return Err(PathError(format!("`{other}` at position {at} must be in quotes"))),
                }
            }
        };
        tokens.push(token);
    }
    Ok(tokens)
}

fn run(letters: &mut Peekable<CharIndices<'_>>, belongs: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    while let Some((_, letter)) = letters.next_if(|(_, letter)| belongs(*letter)) {
        text.push(letter);
    }
    text
}

fn quoted(letters: &mut Peekable<CharIndices<'_>>, quote: char) -> Result<String, PathError> {
    let mut text = String::new();
    let unterminated = || PathError(format!("a {quote} is not closed"));
    loop {
        match letters.next().ok_or_else(unterminated)?.1 {
            letter if letter == quote => return Ok(text),
            '\\' => text.push(letters.next().ok_or_else(unterminated)?.1),
            letter => text.push(letter),
        }
    }
}

impl std::str::FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut rest = tokens(text)?.into_iter().peekable();
        let mut steps = Vec::new();
        while let Some(token) = rest.next() {
            let Token::Name(name) = token else {
                return Err(PathError(format!("a field's name must stand where {token} does")));
            };
            steps.push(Step::Field(name));
            if rest.next_if_eq(&Token::Open).is_some() {
                steps.push(element(&mut rest)?);
            }
            match rest.next() {
                None => break,
                Some(Token::Dot) if rest.peek().is_some() => {}
                Some(Token::Dot) => return Err(PathError("it ends with `.`".to_owned())),
                Some(other) => return Err(PathError(format!("`.` must stand where {other} does"))),
            }
        }
        Ok(Self(steps))
    }
}

/// What stands behind a `[`.
fn element(rest: &mut impl Iterator<Item = Token>) -> Result<Step, PathError> {
    let wrong = |found: Option<Token>| {
        let found = found.map_or("nothing".to_owned(), |token| token.to_string());
        PathError(format!("an element is `[key: value]` or `[key: *]`, not with {found} there"))
    };
    let key = match rest.next() {
        Some(Token::Name(key)) => key,
        other => return Err(wrong(other)),
    };
    match rest.next() {
        Some(Token::Colon) => {}
        other => return Err(wrong(other)),
    }
    let value = match rest.next() {
        Some(Token::Star) => None,
        Some(Token::Name(text)) => Some(Value::from(text)),
        Some(Token::Digits(digits)) => {
            let number: i64 = digits.parse().map_err(|_| PathError(format!("{digits} is too large")))?;
            Some(Value::from(number))
        }
        other => return Err(wrong(other)),
    };
    match rest.next() {
        Some(Token::Close) => Ok(Step::Element { key, value }),
        other => Err(wrong(other)),
    }
}
