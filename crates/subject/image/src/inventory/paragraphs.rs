//! Paragraphs of `Name: value` lines, as Debian and Python write them (Debian Policy 5.1, RFC 822).

use std::ops::Range;

/// A paragraph: its fields in their order, names as they are written.
pub(super) struct Paragraph<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Paragraph<'a> {
    /// The first field of a name; lines that go on are part of it.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All fields of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// The first paragraph of a text, and what follows it.
pub(super) fn first(text: &str) -> (Paragraph<'_>, &str) {
    let mut fields: Vec<(&str, Range<usize>)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let next = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        let line = text[at..next].trim_end();
        let end = at + line.len();
        match line {
            "" if fields.is_empty() => {}
            "" => break,
            _ if line.starts_with([' ', '\t']) => {
                if let Some((_, value)) = fields.last_mut() {
                    value.end = end;
                }
            }
            _ => {
                if let Some((key, value)) = line.split_once(':') {
                    fields.push((key.trim_end(), end - value.trim_start().len()..end));
                }
            }
        }
        at = next;
    }
    (Paragraph(fields.into_iter().map(|(key, value)| (key, &text[value])).collect()), &text[at..])
}

/// All paragraphs of a text that have fields.
pub(super) fn all(text: &str) -> impl Iterator<Item = Paragraph<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (paragraph, next) = first(rest);
        rest = next;
        (!paragraph.0.is_empty()).then_some(paragraph)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_go_on_are_joined() {
        let text = "\nA: 1\nLong:\n one\n two\nB:2\r\n\n\nA: 3\nnothing\n";
        let found: Vec<_> = all(text).map(|paragraph| paragraph.0).collect();
        assert_eq!(found, [vec![("A", "1"), ("Long", "\n one\n two"), ("B", "2")], vec![("A", "3")]]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[a:\n\r\t é]{0,60}") {
            all(&text).count();
        }
    }
}
