//! Object literals that are too long for the parser, which compares each key with all before it.

/// Most work that one text may take: the sum of the squares of how many entries its objects have. Two objects of
/// 10,000 entries take the parser about a second.
const MAX_WORK: u64 = 200_000_000;

/// The offset of the object literal with which the parser would have too much to do.
///
/// What stands between two separators counts as an entry. Strings and comments are passed over; a brace in a
/// here-document may be counted as one of the syntax, which can only matter to texts that are very long.
pub(super) fn too_long(text: &str) -> Option<usize> {
    let separators = text.bytes().filter(|byte| matches!(byte, b',' | b'\n')).count() as u64;
    if separators.saturating_mul(separators) < MAX_WORK { None } else { scan(text.as_bytes()) }
}

fn scan(bytes: &[u8]) -> Option<usize> {
    let mut work = 0_u64;
    // Where each bracket stands that is open, and the entries so far of one that is an object.
    let mut open: Vec<(usize, Option<u64>)> = Vec::new();
    let (mut at, mut before) = (0, b'\n');
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        match byte {
            b'"' => at += string(rest),
            b'#' => at += until(rest, b"\n"),
            b'/' if rest.starts_with(b"//") => at += until(rest, b"\n"),
            b'/' if rest.starts_with(b"/*") => at += until(rest, b"*/"),
            // Before a block's brace stands its name or a label.
            b'{' if matches!(before, b'=' | b':' | b'(' | b'[' | b',' | b'?' | b'>' | b'{') => open.push((at, Some(1))),
            b'{' | b'[' | b'(' => open.push((at, None)),
            b'}' | b']' | b')' => {
                if let Some((start, Some(entries))) = open.pop() {
                    work = work.saturating_add(entries.saturating_mul(entries));
                    if work > MAX_WORK {
                        return Some(start);
                    }
                }
            }
            b',' | b'\n' => {
                if let Some((_, Some(entries))) = open.last_mut() {
                    *entries += 1;
                }
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
        at += 1;
    }
    None
}

/// Length of a string without its last byte.
fn string(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' | b'\n' => return at,
            _ => {}
        }
        at += 1;
    }
    at
}

/// How far to go to be before the end of what `mark` ends.
fn until(bytes: &[u8], mark: &[u8]) -> usize {
    let end = bytes.windows(mark.len()).skip(1).position(|window| window == mark).map_or(bytes.len(), |at| at + 1);
    if mark == b"\n" { end - 1 } else { end + mark.len() - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> String {
        (0..count).map(|line| format!("  k{line} = \"{{v\" # {{\n")).collect()
    }

    #[test]
    fn only_objects_count() {
        for (text, expected) in [
            (format!("locals {{\n  a = {{\n{}}}\n}}\n", lines(20_000)), Some(15)),
            (format!("locals {{\n  a = {{{}}}\n}}\n", "k = 1,".repeat(20_000)), Some(15)),
            (format!("locals {{\n{}}}\n", lines(100_000)), None),
            (format!("a \"b\" {{ /* = {{ */\n{}}}\n", lines(100_000)), None),
            (format!("locals {{\n  a = [{}]\n}}\n", "1,".repeat(100_000)), None),
            ("locals {\n  a = { b = 1 }\n}\n".repeat(50_000), None),
            (format!("locals {{\n  a = {{\n{}}}\n}}\n", lines(2_000)), None),
        ] {
            assert_eq!(too_long(&text), expected, "{}", &text[..60]);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_scanned(text in "[a-c =\"{}\\[\\]$%\n#/*().\\\\]*") {
            proptest::prop_assert_eq!(scan(text.as_bytes()), None);
        }
    }
}
