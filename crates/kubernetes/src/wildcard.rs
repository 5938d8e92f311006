//! Patterns in which `*` stands for any run of characters and `?` for one, as Kyverno and others match names.

/// Whether the whole text matches the pattern. Case matters; there is no escape.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern_bytes, text_bytes) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text_bytes.len() {
        match pattern_bytes.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(b'?') => {
                p += 1;
                t += width(text, t);
                continue;
            }
            Some(byte) if *byte == text_bytes[t] => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = star else { return false };
        let from = from + width(text, from);
        star = Some((after, from));
        (p, t) = (after, from);
    }
    pattern_bytes[p..].iter().all(|rest| *rest == b'*')
}

/// How many bytes the character at this place takes. Every place asked for begins one: stars are tried at characters.
fn width(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

/// Whether the text has a wildcard.
pub fn contains(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'*' | b'?'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("nginx:*", "nginx:1.25", true),
            ("nginx:*", "nginx", false),
            ("*/nginx*", "docker.io/nginx:latest", true),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("?*", "", false),
            ("?*", "x", true),
            ("*é?", "ééa", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbxc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn many_stars_stay_fast() {
        assert!(!matches(&format!("{}b", "*a".repeat(30)), &"a".repeat(10_000)));
    }

    /// The definition, slow and plain.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skipped| by_definition(rest, &text[skipped..])),
            Some(('?', rest)) => !text.is_empty() && by_definition(rest, &text[1..]),
            Some((character, rest)) => text.first() == Some(character) && by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[abé*?]{0,7}", text in "[abé]{0,9}") {
            let (letters, characters): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text), by_definition(&letters, &characters));
        }
    }
}
