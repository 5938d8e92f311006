//! Texts cut into words, for the full-text index and for what is searched in it alike.

/// Words of one entry that are indexed.
const WORDS: usize = 400;
/// Words that are searched for at once.
const SEARCHED: usize = 16;
/// Characters of a word.
const LENGTH: usize = 48;
/// Characters of each text that are looked at.
const LOOKED_AT: usize = 20_000;
/// Shorter beginnings of words would stand for too many words.
const PREFIX: usize = 3;

/// Collects the words of an entry.
#[derive(Default)]
pub(crate) struct Words {
    text: String,
    count: usize,
}

impl Words {
    /// Adds the words of a text.
    pub(crate) fn add(&mut self, text: &str) {
        for word in split(text) {
            if self.count == WORDS {
                return;
            }
            if self.count > 0 {
                self.text.push(' ');
            }
            push_lower(&mut self.text, word);
            self.count += 1;
        }
    }

    /// The words, apart by blanks.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// The words of what is searched for as an FTS5 expression in which each is quoted and all must occur; none when there is
/// no word in it.
pub(crate) fn search(text: &str) -> Option<String> {
    let mut terms = Vec::new();
    for part in text.split(char::is_whitespace).filter(|part| !part.is_empty()) {
        let words: Vec<&str> = split(part).collect();
        for (at, word) in words.iter().enumerate() {
            let mut quoted = String::from("\"");
            push_lower(&mut quoted, word);
            quoted.push('"');
            let open = part.ends_with('*') && at + 1 == words.len() && word.chars().count() >= PREFIX;
            terms.push(if open { quoted + " *" } else { quoted });
        }
    }
    terms.truncate(SEARCHED);
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    let end = text.char_indices().nth(LOOKED_AT).map_or(text.len(), |(end, _)| end);
    text[..end].split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The tokenizer of the full-text index takes letters and digits of ASCII, and everything beyond ASCII, as parts of words.
fn push_lower(to: &mut String, word: &str) {
    to.extend(word.chars().take(LENGTH).flat_map(char::to_lowercase));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_quoted() {
        for (text, expected) in [
            ("aws_s3_bucket.logs", Some(r#""aws" AND "s3" AND "bucket" AND "logs""#)),
            ("buck*", Some(r#""buck" *"#)),
            ("a* b", Some(r#""a" AND "b""#)),
            ("NEAR(a b) OR NOT c", Some(r#""near" AND "a" AND "b" AND "or" AND "not" AND "c""#)),
            (r#"" OR 1=1 --"#, Some(r#""or" AND "1" AND "1""#)),
            ("text:Bücher", Some(r#""text" AND "bücher""#)),
            ("* \" ' \0", None),
            ("", None),
        ] {
            assert_eq!(search(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn words_are_bounded() {
        let mut words = Words::default();
        words.add(&"x".repeat(1_000_000));
        words.add(&"y ".repeat(1_000_000));
        assert_eq!(words.count, WORDS);
        assert!(words.text().len() < LENGTH + 2 * WORDS);
    }
}
