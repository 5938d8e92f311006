//! As much of protobuf's text format as the test data uses.

/// What stands behind a field's name.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A number or a word as it is written, or the bytes of strings.
    Scalar(Vec<u8>),
    Message(Message),
}

/// Fields in their order; a name may occur more than once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message(Vec<(String, Content)>);

impl Content {
    pub(crate) fn text(&self) -> Option<&str> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }

    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Scalar(bytes) => Some(bytes),
            Self::Message(_) => None,
        }
    }

    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Scalar(_) => None,
        }
    }
}

impl Message {
    fn all(&self, name: &str) -> impl Iterator<Item = &Content> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, content)| content)
    }

    pub(crate) fn first(&self) -> Option<(&str, &Content)> {
        self.0.first().map(|(name, content)| (name.as_str(), content))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next()?.text()
    }

    pub(crate) fn message(&self, name: &str) -> Option<&Message> {
        self.messages(name).next()
    }

    pub(crate) fn messages(&self, name: &str) -> impl Iterator<Item = &Message> {
        self.all(name).filter_map(Content::message)
    }
}

/// Reads a file.
pub(crate) fn read(text: &str) -> Result<Message, String> {
    let mut reader = Reader { rest: text };
    let message = reader.fields("")?;
    if reader.rest.is_empty() { Ok(message) } else { Err(reader.problem("what is no field")) }
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn problem(&self, what: &str) -> String {
        format!("{what} at {:?}", self.rest.chars().take(40).collect::<String>())
    }

    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',' || c == ';');
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = &comment[comment.find('\n').unwrap_or(comment.len())..],
                None => return,
            }
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Fields up to what closes them, which is taken.
    fn fields(&mut self, close: &str) -> Result<Message, String> {
        let mut message = Message::default();
        loop {
            self.skip();
            if self.rest.is_empty() || !close.is_empty() && self.take(close) {
                return Ok(message);
            }
            let name = self.name()?;
            let colon = self.take(":");
            if colon && self.take("[") {
                while !self.take("]") {
                    let content = self.content()?;
                    message.0.push((name.clone(), content));
                }
                continue;
            }
            let content = self.content()?;
            message.0.push((name, content));
        }
    }

    fn name(&mut self) -> Result<String, String> {
        if self.take("[") {
            let end = self.rest.find(']').ok_or_else(|| self.problem("an open name"))?;
            let name = self.rest[..end].to_owned();
            self.rest = &self.rest[end + 1..];
            return Ok(name);
        }
        self.word().ok_or_else(|| self.problem("no name"))
    }

    fn word(&mut self) -> Option<String> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && !"_.+-".contains(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }

    fn content(&mut self) -> Result<Content, String> {
        if self.take("{") {
            return self.fields("}").map(Content::Message);
        }
        if self.take("<") {
            return self.fields(">").map(Content::Message);
        }
        if !self.rest.starts_with(['"', '\'']) {
            return self.word().map(|word| Content::Scalar(word.into_bytes())).ok_or_else(|| self.problem("no value"));
        }
        let mut bytes = Vec::new();
        while self.rest.starts_with(['"', '\'']) {
            self.string(&mut bytes)?;
            self.skip();
        }
        Ok(Content::Scalar(bytes))
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), String> {
        let quote = self.rest.as_bytes()[0];
        let bytes = self.rest.as_bytes();
        let mut at = 1;
        while let Some(byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'\\' => at += escape(&bytes[at..], out).ok_or_else(|| self.problem("a wrong escape"))?,
                byte if *byte == quote => {
                    self.rest = &self.rest[at..];
                    return Ok(());
                }
                byte => out.push(*byte),
            }
        }
        Err(self.problem("an open string"))
    }
}

/// Writes what an escape means; how many bytes it takes after the backslash.
fn escape(bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let number = |digits: &[u8], radix| u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
    let count = |from: usize, most: usize, radix: u32| {
        bytes[from..].iter().take(most).take_while(|byte| char::from(**byte).is_digit(radix)).count()
    };
    let first = *bytes.first()?;
    match first {
        b'0'..=b'7' => {
            let length = count(0, 3, 8);
            out.push(u8::try_from(number(&bytes[..length], 8)?).ok()?);
            return Some(length);
        }
        b'x' | b'X' => {
            let length = count(1, 2, 16);
            out.push(u8::try_from(number(&bytes[1..=length], 16)?).ok()?);
            return Some(length + 1);
        }
        b'u' | b'U' => {
            let length = if first == b'u' { 4 } else { 8 };
            let c = char::from_u32(number(bytes.get(1..=length)?, 16)?)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Some(length + 1);
        }
        _ => {}
    }
    out.push(match first {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => 10,
        b'r' => 13,
        b't' => 9,
        b'v' => 11,
        other => other,
    });
    Some(1)
}
