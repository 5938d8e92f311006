//! The documents of a YAML text, also of one that is half written: an entry of a section that cannot be parsed is left out,
//! and the rest is read.

use std::borrow::Cow;

use probity_model::yaml::{self, Dialect, Document};
use probity_model::{Problem, SourceId};

/// How many broken entries are left out to read the rest.
const MAX_BROKEN: usize = 16;

/// The documents of a text, and what is wrong with it; `help` says what to do about that.
pub(crate) fn documents(text: &str, source: SourceId, dialect: Dialect, help: &str) -> (Vec<Document>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut rest = Cow::Borrowed(text);
    let mut read = yaml::read(text, source, dialect);
    loop {
        let (problem, before) = match read {
            Ok(documents) => return (documents, problems),
            Err(failed) => failed,
        };
        let at = problem.span.map_or(text.len(), |span| span.start as usize);
        problems.push(problem.with_help(help));
        // What is wrong is often seen only behind it, at the next entry: without which of the two can more be read?
        let mended = without_entry(&rest, at).into_iter().map(|mended| {
            let read = yaml::read(&mended, source, dialect);
            (mended, read)
        });
        let best = mended.max_by_key(|(_, read)| reach(read)).filter(|_| problems.len() < MAX_BROKEN);
        let Some((mended, again)) = best else { return (before, problems) };
        rest = mended.into();
        read = again;
    }
}

/// How far a text could be read.
fn reach(read: &Result<Vec<Document>, (Problem, Vec<Document>)>) -> u32 {
    match read {
        Ok(_) => u32::MAX,
        Err((problem, _)) => problem.span.map_or(0, |span| span.start),
    }
}

/// The text without the entry of a section that holds this place, and without the entry before it: made blank, so that all
/// else keeps its place.
fn without_entry(text: &str, at: usize) -> Vec<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut ends = 0;
    let broken = lines.iter().position(|line| {
        ends += line.len();
        ends > at
    });
    let broken = broken.unwrap_or(lines.len().saturating_sub(1));
    let with_text = |end: usize| (0..end).rev().find(|line| indentation(lines[*line]).is_some());
    let Some(last) = with_text((broken + 1).min(lines.len())) else { return Vec::new() };
    let is_cut_section = indentation(lines[last]) == Some(0) && !lines[last].contains(':');
    let own = if is_cut_section { Some((last, last + 1)) } else { entry(&lines, last) };
    let before = with_text(own.map_or(last, |(first, _)| first)).and_then(|line| entry(&lines, line));
    let without = |(first, end): (usize, usize)| {
        let kept = lines
            .iter()
            .enumerate()
            .map(|(index, line)| if (first..end).contains(&index) { blank(line) } else { (*line).to_owned() });
        kept.collect()
    };
    // Of two that are as good the last is taken: the entry that holds the place itself.
    before.into_iter().chain(own).map(without).collect()
}

/// A line of blanks, as long as this one, so that offsets stay true.
fn blank(line: &str) -> String {
    let text = line.trim_end_matches('\n');
    " ".repeat(text.len()) + &line[text.len()..]
}

/// The lines of the entry directly within a section that this line belongs to.
fn entry(lines: &[&str], line: usize) -> Option<(usize, usize)> {
    let section = (0..line).rev().find(|line| indentation(lines[*line]) == Some(0))?;
    if indentation(lines[line])? == 0 {
        return None;
    }
    let level = lines[section + 1..=line].iter().find_map(|line| indentation(line))?;
    let first = (section + 1..=line).rev().find(|line| indentation(lines[*line]).is_some_and(|own| own <= level))?;
    let end = (first + 1..lines.len()).find(|line| indentation(lines[*line]).is_some_and(|own| own <= level));
    Some((first, end.unwrap_or(lines.len())))
}

/// Blanks before the text of a line; nothing for a line that is blank or a comment.
fn indentation(line: &str) -> Option<usize> {
    let text = line.trim_start_matches(' ');
    (!text.trim().is_empty() && !text.starts_with('#')).then(|| line.len() - text.len())
}
