//! A Dockerfile's logical lines: continued ones joined, comments kept for the instruction that follows, the contents of
//! here-documents left out.

use std::ops::Range;

use probity_model::Problem;

use super::words;
use crate::text::{Lines, Text};

/// One instruction in one line, with the comments in front of it.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) comments: Vec<(String, Range<usize>)>,
    pub(super) range: Range<usize>,
}

#[derive(Debug)]
pub(super) struct File {
    pub(super) lines: Vec<Line>,
    /// What continues lines and escapes characters: a backslash, or what `# escape=` says.
    pub(super) escape: char,
}

pub(super) fn read(text: &Text<'_>) -> Result<File, Problem> {
    let mut reader = Reader {
        text: *text,
        lines: text.lines(),
        escape: '\\',
        directives: Some(Vec::new()),
        comments: Vec::new(),
        found: Vec::new(),
    };
    while let Some((at, line)) = reader.lines.next() {
        let (at, line) = match line.strip_prefix('\u{feff}') {
            Some(rest) if at == 0 => ('\u{feff}'.len_utf8(), rest),
            _ => (at, line),
        };
        reader.line(at, line)?;
    }
    Ok(File { lines: reader.found, escape: reader.escape })
}

struct Reader<'t> {
    text: Text<'t>,
    lines: Lines<'t>,
    escape: char,
    /// The directives so far, while there may be more.
    directives: Option<Vec<String>>,
    comments: Vec<(String, Range<usize>)>,
    found: Vec<Line>,
}

impl<'t> Reader<'t> {
    fn line(&mut self, at: usize, line: &'t str) -> Result<(), Problem> {
        let trimmed = line.trim();
        let start = at + line.len() - line.trim_start().len();
        let range = start..start + trimmed.len();
        if self.is_directive(trimmed, &range)? {
            return Ok(());
        }
        if trimmed.starts_with('#') {
            // The first character of the line is taken for the mark of the comment, whatever it is.
            let comment = line.chars().next().map_or("", |first| line[first.len_utf8()..].trim());
            if comment.is_empty() {
                self.comments.clear();
            } else {
                self.comments.push((comment.to_owned(), range));
            }
            return Ok(());
        }
        if trimmed.is_empty() {
            return Ok(());
        }
        self.instruction(line.trim_start(), range)
    }

    /// Directives stand above everything else.
    fn is_directive(&mut self, line: &str, range: &Range<usize>) -> Result<bool, Problem> {
        let Some(known) = &mut self.directives else { return Ok(false) };
        let directive = line.strip_prefix('#').and_then(|comment| comment.split_once('='));
        let directive = directive.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()));
        match directive {
            Some((name, value)) if !value.is_empty() && ["syntax", "escape", "check"].contains(&name.as_str()) => {
                if known.contains(&name) {
                    return Err(self.text.problem(format!("a second directive `{name}`"), range.clone()));
                }
                if name == "escape" {
                    self.escape = match value {
                        "\\" => '\\',
                        "`" => '`',
                        _ => return Err(self.text.problem("the escape can be \\ or `", range.clone())),
                    };
                }
                known.push(name);
                Ok(true)
            }
            _ => {
                self.directives = None;
                Ok(false)
            }
        }
    }

    fn instruction(&mut self, first: &'t str, mut range: Range<usize>) -> Result<(), Problem> {
        let mut text = String::new();
        let mut continues = self.add(first, &mut text);
        while continues {
            let Some((at, line)) = self.lines.next() else { break };
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            range.end = at + line.trim_end().len();
            continues = self.add(line, &mut text);
        }
        self.heredocs(&text, &mut range)?;
        self.found.push(Line { text, comments: std::mem::take(&mut self.comments), range });
        Ok(())
    }

    /// Adds a line to an instruction, and tells whether the next one belongs to it too. A doubled mark is none.
    fn add(&self, line: &str, text: &mut String) -> bool {
        let line = line.trim_end_matches(['\r', '\n']);
        match line.trim_end_matches([' ', '\t']).strip_suffix(self.escape) {
            Some(part) if !part.ends_with(self.escape) => {
                text.push_str(part);
                true
            }
            _ => {
                text.push_str(line);
                false
            }
        }
    }

    /// Passes over the here-documents that an instruction opens.
    fn heredocs(&mut self, text: &str, range: &mut Range<usize>) -> Result<(), Problem> {
        if !text.contains("<<") || !may_open(text) {
            return Ok(());
        }
        for word in words::split(text, '\\') {
            let Some((name, strips_tabs)) = words::heredoc(&word) else { continue };
            let ends = |line: &str| {
                let line = line.trim_end_matches(['\r', '\n']);
                (if strips_tabs { line.trim_start_matches('\t') } else { line }) == name
            };
            let Some((at, line)) = self.lines.find(|(_, line)| ends(line)) else {
                return Err(self.text.problem(format!("the here-document `{name}` does not end"), range.clone()));
            };
            range.end = at + line.trim_end().len();
        }
        Ok(())
    }
}

/// Whether an instruction may open here-documents: these three may, unless their arguments are a list of JSON.
fn may_open(text: &str) -> bool {
    let after = |text: &str, names: &[&str]| {
        let (name, rest) = text.trim().split_once(words::is_space)?;
        names.iter().any(|known| known.eq_ignore_ascii_case(name)).then(|| rest.to_owned())
    };
    let inner = after(text, &["onbuild"]).unwrap_or_else(|| text.to_owned());
    let Some(rest) = after(&inner, &["run", "copy", "add"]) else { return false };
    let (_, arguments) = words::flags(&rest, '\\');
    !arguments.trim().starts_with('[') || probity_model::json::read(arguments.trim().as_bytes()).is_err()
}
