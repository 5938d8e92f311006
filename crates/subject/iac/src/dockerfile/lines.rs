//! A Dockerfile's logical lines: continuations joined, comments set aside, here-documents collected.

use std::ops::Range;

use probity_model::{Problem, SourceId, Span};

use super::words;

/// One instruction as it is written, with all its lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Keyword and arguments in one line. A continued line is joined by at most one space.
    pub(super) text: String,
    /// The contents of its here-documents, in order.
    pub(super) bodies: Vec<String>,
    /// From the keyword to the last byte.
    pub(super) range: Range<usize>,
}

/// What a file consists of.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) instructions: Vec<Line>,
    /// Where comments stand.
    pub(super) comments: Vec<Range<usize>>,
    /// The character that continues lines and escapes others: a backslash, or what `# escape=` says.
    pub(super) escape: char,
    pub(super) problems: Vec<Problem>,
}

pub(super) fn read(text: &str, source: SourceId) -> Lines {
    let mut reader = Reader {
        rest: text,
        at: 0,
        source,
        found: Lines { instructions: Vec::new(), comments: Vec::new(), escape: escape(text), problems: Vec::new() },
    };
    while let Some((line, range)) = reader.next() {
        let trimmed = line.trim_start();
        if trimmed.starts_with('#') {
            reader.found.comments.push(range);
        } else if !trimmed.is_empty() {
            reader.instruction(line, range);
        }
    }
    reader.found
}

/// The escape character that the directives at the top of a file set.
fn escape(text: &str) -> char {
    for line in text.lines() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|comment| comment.split_once('=')) else {
            break;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "escape" if value.trim() == "`" => return '`',
            "syntax" | "check" => {}
            _ => break,
        }
    }
    '\\'
}

struct Reader<'t> {
    rest: &'t str,
    at: usize,
    source: SourceId,
    found: Lines,
}

impl<'t> Reader<'t> {
    /// The next line without its end, and where it stands.
    fn next(&mut self) -> Option<(&'t str, Range<usize>)> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, taken) = match self.rest.find('\n') {
            Some(end) => (&self.rest[..end], end + 1),
            None => (self.rest, self.rest.len()),
        };
        let line = line.strip_suffix('\r').unwrap_or(line);
        let range = self.at..self.at + line.len();
        self.rest = &self.rest[taken..];
        self.at += taken;
        Some((line, range))
    }

    fn instruction(&mut self, first: &'t str, range: Range<usize>) {
        let start = range.start + first.len() - first.trim_start().len();
        let mut end = range.end;
        let mut text = String::new();
        let mut line = first;
        loop {
            let (part, continues) = continued(line, self.found.escape);
            join(&mut text, part);
            if !continues {
                break;
            }
            match self.continuation() {
                Some((next, range)) => (line, end) = (next, range.end),
                None => break,
            }
        }
        text.truncate(text.trim_end().len());
        let (bodies, end) = self.bodies(&text, start, end);
        self.found.instructions.push(Line { text, bodies, range: start..end });
    }

    /// The next line of an instruction; comments and empty lines between its lines are stepped over.
    fn continuation(&mut self) -> Option<(&'t str, Range<usize>)> {
        loop {
            let (line, range) = self.next()?;
            let trimmed = line.trim_start();
            if trimmed.starts_with('#') {
                self.found.comments.push(range);
            } else if !trimmed.is_empty() {
                return Some((line, range));
            }
        }
    }

    /// The here-documents that an instruction opens, and where the last one ends.
    fn bodies(&mut self, text: &str, start: usize, mut end: usize) -> (Vec<String>, usize) {
        let mut bodies = Vec::new();
        for heredoc in heredocs(text, self.found.escape) {
            let mut body = String::new();
            loop {
                let Some((line, range)) = self.next() else {
                    let span = Span::new(self.source, start..end);
                    let message = format!("the here-document `{}` does not end", heredoc.name);
                    let help = format!("close it with a line that is `{}`", heredoc.name);
                    self.found.problems.push(Problem::new(message, span).with_help(help));
                    bodies.push(body);
                    return (bodies, end);
                };
                end = range.end;
                let line = if heredoc.strips_tabs { line.trim_start_matches('\t') } else { line };
                if line == heredoc.name {
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            bodies.push(body);
        }
        (bodies, end)
    }
}

/// A line without its continuation mark, and whether it had one. A doubled mark is none.
fn continued(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(part) if !part.ends_with(escape) => (part, true),
        _ => (line, false),
    }
}

fn join(text: &mut String, part: &str) {
    let inner = part.trim_start();
    if inner.len() < part.len() && !text.is_empty() && !text.ends_with(char::is_whitespace) {
        text.push(' ');
    }
    text.push_str(inner);
}

struct Heredoc {
    name: String,
    strips_tabs: bool,
}

fn heredocs(text: &str, escape: char) -> Vec<Heredoc> {
    let keyword = text.split_whitespace().next().unwrap_or_default();
    let opens = ["RUN", "COPY", "ADD"].iter().any(|known| keyword.eq_ignore_ascii_case(known));
    if !opens || !text.contains("<<") {
        return Vec::new();
    }
    words::split(text, escape).into_iter().filter_map(|word| heredoc(word, escape)).collect()
}

/// Reads `<<NAME`, `<<-NAME`, `<<"NAME"` with a file descriptor in front or not.
fn heredoc(word: &str, escape: char) -> Option<Heredoc> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (rest, strips_tabs) = rest.strip_prefix('-').map_or((rest, false), |rest| (rest, true));
    let name = words::unquote(rest, escape);
    (!name.is_empty() && !rest.contains('<')).then_some(Heredoc { name, strips_tabs })
}

/// Whether the arguments of a `RUN` are nothing but a here-document: then its content is the script.
pub(super) fn is_only_heredoc(arguments: &str, escape: char) -> bool {
    match words::split(arguments, escape).as_slice() {
        [word] => heredoc(word, escape).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        read(text, SourceId(0)).instructions.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_joined() {
        for (text, expected) in [
            ("FROM a\n\nRUN b\n", vec!["FROM a", "RUN b"]),
            ("RUN a \\\n    b\\\n  c \\\nd\n", vec!["RUN a b c d"]),
            ("RUN a \\  \n# note\n\n  b\nUSER c", vec!["RUN a b", "USER c"]),
            ("RUN a\\\\\nUSER c", vec!["RUN a\\\\", "USER c"]),
            ("# escape=`\nRUN a `\r\n  C:\\\r\nUSER c\r\n", vec!["RUN a C:\\", "USER c"]),
            ("# syntax=docker/dockerfile:1\n# Escape = `\nRUN a `\nb", vec!["RUN a b"]),
            ("\n# escape=`\nRUN a `\nUSER b", vec!["RUN a `", "USER b"]),
            ("RUN a \\", vec!["RUN a"]),
            ("  RUN a\\\n", vec!["RUN a"]),
        ] {
            assert_eq!(texts(text), expected, "{text:?}");
        }
    }

    #[test]
    fn here_documents_are_collected() {
        let text = "RUN <<EOF\n# inside\nUSER no\nEOF\nCOPY <<-'A' 3<<B /x\n\ta\n\tA\nb\nB\nRUN echo $((1<<2)) <<<x\nCMD <<EOF\n";
        let found = read(text, SourceId(0));
        let bodies: Vec<_> = found.instructions.iter().map(|line| line.bodies.concat()).collect();
        assert_eq!(bodies, ["# inside\nUSER no\n", "a\nb\n", "", ""]);
        assert!(found.comments.is_empty() && found.problems.is_empty());
        assert_eq!(&text[found.instructions[1].range.clone()], "COPY <<-'A' 3<<B /x\n\ta\n\tA\nb\nB");
        let open = read("RUN <<EOF\nb\n", SourceId(0));
        assert_eq!((open.instructions[0].bodies.concat().as_str(), open.problems.len()), ("b\n", 1));
    }
}
