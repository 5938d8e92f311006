//! What RE2 refuses in a regular expression and the `regex` crate would take.

/// Most repetitions, also of repetitions within one another.
const MAX_REPEAT: u64 = 1000;

/// Why RE2 refuses an expression, as far as the `regex` crate does not refuse it itself.
pub(super) fn problem(pattern: &str) -> Option<String> {
    Scanner { pattern, at: 0, groups: vec![Group::default()], last: None }.run().err()
}

/// What was seen of a group: how often at most its parts are repeated, and the last part alone.
#[derive(Default)]
struct Group {
    most: u64,
    last: u64,
}

struct Scanner<'p> {
    pattern: &'p str,
    at: usize,
    groups: Vec<Group>,
    /// Where the repetition began that has just ended.
    last: Option<usize>,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.pattern[self.at..]
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(character) = self.rest().chars().next() {
            let start = self.at;
            let last = self.last.take();
            match character {
                '*' | '+' | '?' => {
                    self.at += 1;
                    self.repeated(start, last, 1)?;
                }
                '{' => match self.repetition() {
                    Some((low, high, length)) => {
                        self.at += length;
                        if low > MAX_REPEAT || high.is_some_and(|high| high > MAX_REPEAT || low > high) {
                            return Err(self.invalid("repeat count", start));
                        }
                        self.repeated(start, last, high.unwrap_or(low).max(1))?;
                    }
                    None => self.part(1, 1),
                },
                '(' => {
                    self.at += 1;
                    self.group(start)?;
                }
                ')' => {
                    self.at += 1;
                    if self.groups.len() > 1 {
                        let most = self.groups.pop().map_or(1, |group| group.most);
                        self.part(0, most);
                    }
                }
                '[' => self.class()?,
                '\\' => {
                    self.escape(false)?;
                    self.part(0, 1);
                }
                other => self.part(other.len_utf8(), 1),
            }
        }
        Ok(())
    }

    fn invalid(&self, what: &str, start: usize) -> String {
        format!("invalid {what}: `{}`", &self.pattern[start..self.at])
    }

    /// Something that can be repeated, of this length.
    fn part(&mut self, length: usize, most: u64) {
        self.at += length;
        if let Some(group) = self.groups.last_mut() {
            group.last = most.max(1);
            group.most = group.most.max(group.last);
        }
    }

    fn repeated(&mut self, start: usize, last: Option<usize>, times: u64) -> Result<(), String> {
        if self.rest().starts_with('?') {
            self.at += 1;
        }
        if let Some(last) = last {
            return Err(self.invalid("nested repetition operator", last));
        }
        if let Some(group) = self.groups.last_mut() {
            group.last = group.last.saturating_mul(times);
            group.most = group.most.max(group.last);
            if times > 1 && group.last > MAX_REPEAT {
                return Err(self.invalid("repeat count", start));
            }
        }
        self.last = Some(start);
        Ok(())
    }

    /// `{2}`, `{2,}` or `{2,3}`: the bounds and the length; anything else stands for itself.
    fn repetition(&self) -> Option<(u64, Option<u64>, usize)> {
        let end = self.rest().find('}')?;
        let inner = &self.rest()[1..end];
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let leading_zero = text.len() > 1 && text.starts_with('0');
            (plain && !leading_zero).then(|| text.parse().unwrap_or(u64::MAX))
        };
        let (low, high) = match inner.split_once(',') {
            None => (number(inner)?, Some(number(inner)?)),
            Some((low, "")) => (number(low)?, None),
            Some((low, high)) => (number(low)?, Some(number(high)?)),
        };
        Some((low, high, end + 1))
    }

    /// What stands behind an opening parenthesis.
    fn group(&mut self, start: usize) -> Result<(), String> {
        if !self.rest().starts_with('?') {
            self.groups.push(Group::default());
            return Ok(());
        }
        let named = ["?P<", "?<"].iter().any(|begin| self.rest().starts_with(begin));
        if named && !self.rest().starts_with("?<=") && !self.rest().starts_with("?<!") {
            self.at += self.rest().find('>').unwrap_or(0);
            self.groups.push(Group::default());
            return Ok(());
        }
        self.at += 1;
        loop {
            let flag = self.rest().chars().next();
            self.at += flag.map_or(0, char::len_utf8);
            match flag {
                Some('i' | 'm' | 's' | 'U' | '-') => {}
                Some(')') => return Ok(()),
                Some(':') => {
                    self.groups.push(Group::default());
                    return Ok(());
                }
                _ => return Err(self.invalid("or unsupported Perl syntax", start)),
            }
        }
    }

    fn class(&mut self) -> Result<(), String> {
        self.at += 1;
        if self.rest().starts_with('^') {
            self.at += 1;
        }
        let mut first = true;
        while let Some(character) = self.rest().chars().next() {
            match character {
                ']' if !first => break,
                '\\' => self.escape(true)?,
                '[' if self.rest().starts_with("[:") => match self.rest().find(":]") {
                    Some(end) => self.at += end + 2,
                    None => self.at += 1,
                },
                other => self.at += other.len_utf8(),
            }
            first = false;
        }
        if self.rest().starts_with(']') {
            self.part(1, 1);
        }
        Ok(())
    }

    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let start = self.at;
        self.at += 1;
        let Some(character) = self.rest().chars().next() else { return Ok(()) };
        self.at += character.len_utf8();
        let octal = |byte: Option<u8>| byte.is_some_and(|byte| (b'0'..=b'7').contains(&byte));
        let known = match character {
            'Q' if !in_class => {
                let end = self.rest().find("\\E").map_or(self.rest().len(), |end| end + 2);
                self.at += end;
                true
            }
            'A' | 'b' | 'B' | 'z' => !in_class,
            '1'..='7' => octal(self.rest().bytes().next()),
            'a' | 'd' | 'D' | 'f' | 'n' | 'p' | 'P' | 'r' | 's' | 'S' | 't' | 'v' | 'w' | 'W' | 'x' | '0' => true,
            other => other.is_ascii() && !other.is_ascii_alphanumeric(),
        };
        if matches!(character, 'p' | 'P' | 'x') && self.rest().starts_with('{') {
            self.at += self.rest().find('}').map_or(0, |end| end + 1);
        }
        if known { Ok(()) } else { Err(self.invalid("escape sequence", start)) }
    }
}
