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

/// A word that is searched for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// This word.
    Word(String),
    /// Any word that begins so.
    Beginning(String),
}

/// The words of what is searched for.
pub(crate) fn terms(text: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    for part in text.split(char::is_whitespace) {
        let words: Vec<&str> = split(part).collect();
        for (at, word) in words.iter().enumerate() {
            let mut lower = String::new();
            push_lower(&mut lower, word);
            let open = part.ends_with('*') && at + 1 == words.len() && word.chars().count() >= PREFIX;
            terms.push(if open { Term::Beginning(lower) } else { Term::Word(lower) });
        }
    }
    terms.truncate(SEARCHED);
    terms
}

/// An FTS5 expression in which one of the words must occur; each is quoted, and none has a quote in it.
pub(crate) fn any_of(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    format!("({})", quoted.join(" OR "))
}

/// An FTS5 expression in which a word that begins so must occur.
pub(crate) fn beginning(word: &str) -> String {
    format!("\"{word}\" *")
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
    fn texts_are_cut_into_words() {
        let word = |word: &str| Term::Word(word.to_owned());
        for (text, expected) in [
            ("aws_s3_bucket.logs", vec![word("aws"), word("s3"), word("bucket"), word("logs")]),
            ("BUCK*", vec![Term::Beginning("buck".to_owned())]),
            ("a* b", vec![word("a"), word("b")]),
            ("NEAR(a b) OR", vec![word("near"), word("a"), word("b"), word("or")]),
            (r#"" OR 1=1 --"#, vec![word("or"), word("1"), word("1")]),
            ("text:Bücher", vec![word("text"), word("bücher")]),
            ("* \" ' \0", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(terms(text), expected, "{text}");
        }
        assert_eq!(any_of(&["near".to_owned(), "or".to_owned()]), r#"("near" OR "or")"#);
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
