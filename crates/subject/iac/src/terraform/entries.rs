//! Object literals that are too long for the parser, which compares each key with all before it.

use probity_model::Value;

/// Most work that one text may take: the sum of the squares of how many entries its objects have. Two objects of
/// 10,000 entries take the parser about a second.
const MAX_WORK: u64 = 200_000_000;

/// The offset of the object literal with which the parser would have too much to do.
///
/// Reads no more of the syntax than it needs to: strings and comments are passed over, and what stands between two
/// separators counts as an entry.
pub(super) fn too_long(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let separators = memchr::memchr2_iter(b',', b'\n', bytes).count() as u64;
    if separators.saturating_mul(separators) < MAX_WORK {
        return None;
    }
    let mut scan = Scan { bytes, at: 0, open: Vec::new(), work: 0 };
    scan.run()
}

/// Whether the objects of a value are short enough to be made into syntax.
pub(super) fn fits(value: &Value) -> bool {
    work(value) <= MAX_WORK
}

fn work(value: &Value) -> u64 {
    match value {
        Value::Array(list) => list.iter().fold(0, |sum, inner| sum.saturating_add(work(inner))),
        Value::Object(object) => {
            let own = (object.len() as u64).saturating_mul(object.len() as u64);
            object.iter().fold(own, |sum, (_, inner)| sum.saturating_add(work(inner)))
        }
        _ => 0,
    }
}

struct Bracket {
    start: usize,
    /// An object, and neither a block nor a list.
    is_object: bool,
    entries: u64,
    /// Whether something stands after the last separator.
    pending: bool,
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    open: Vec<Bracket>,
    work: u64,
}

impl Scan<'_> {
    fn run(&mut self) -> Option<usize> {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => self.string(),
                b'#' => self.line(),
                b'/' if self.bytes[self.at..].starts_with(b"//") => self.line(),
                b'/' if self.bytes[self.at..].starts_with(b"/*") => self.comment(),
                b'{' | b'[' | b'(' => self.open(byte),
                b'}' | b']' | b')' => {
                    self.separate();
                    let closed = self.open.pop();
                    if let Some(closed) = closed.filter(|closed| closed.is_object) {
                        self.work = self.work.saturating_add(closed.entries.saturating_mul(closed.entries));
                        if self.work > MAX_WORK {
                            return Some(closed.start);
                        }
                    }
                    self.filled();
                }
                b',' | b'\n' => self.separate(),
                b' ' | b'\t' | b'\r' => {}
                _ => self.filled(),
            }
            self.at += 1;
        }
        None
    }

    fn filled(&mut self) {
        if let Some(bracket) = self.open.last_mut() {
            bracket.pending = true;
        }
    }

    fn open(&mut self, byte: u8) {
        self.filled();
        // Before a block's brace stands its name or a label.
        let before = self.bytes[..self.at].trim_ascii_end().last().copied().unwrap_or(b'\n');
        let is_object = byte == b'{' && matches!(before, b'=' | b':' | b'(' | b'[' | b',' | b'?' | b'>' | b'{');
        self.open.push(Bracket { start: self.at, is_object, entries: 0, pending: false });
    }

    fn separate(&mut self) {
        if let Some(bracket) = self.open.last_mut() {
            bracket.entries += u64::from(bracket.pending);
            bracket.pending = false;
        }
    }

    fn string(&mut self) {
        self.filled();
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\\' => self.at += 1,
                b'"' | b'\n' => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// To the end of the line, which is read next.
    fn line(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len()).saturating_sub(1);
    }

    fn comment(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += memchr::memmem::find(rest, b"*/").map_or(rest.len(), |end| end + 1);
    }
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
            (format!("resource \"a\" \"b\" {{\n{}}}\n", lines(100_000)), None),
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
            let mut scan = Scan { bytes: text.as_bytes(), at: 0, open: Vec::new(), work: 0 };
            proptest::prop_assert_eq!(scan.run(), None);
        }
    }
}
