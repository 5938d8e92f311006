//! What the parts of the reader share.

use std::path::Path;

use probity_model::value::Object;
use probity_model::{InlineSkip, Labels, NodeIndex, Problem, SmolStr, SourceId, Span, Subject, SubjectKind, Value};

use super::skips::Comments;
use crate::Read;

/// Most values of one file that are looked at for expressions; aliases make few lines stand for many.
const MAX_VISITS: usize = 500_000;

/// Most problems of one file that are told.
const MAX_PROBLEMS: usize = 16;

/// The reader of one file.
pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) source: SourceId,
    /// What addresses begin with.
    pub(super) file: SmolStr,
    pub(super) read: Read,
    pub(super) comments: Comments<'t>,
    visits: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(path: &Path, text: &'t str, source: SourceId) -> Self {
        Self {
            text,
            source,
            file: name_of(path),
            read: Read::default(),
            comments: Comments::of(text, source),
            visits: MAX_VISITS,
        }
    }

    pub(super) fn finish(mut self) -> Read {
        let problems = &mut self.read.problems;
        if problems.len() > MAX_PROBLEMS {
            let more = problems.len() - MAX_PROBLEMS;
            let span = problems[MAX_PROBLEMS].span;
            problems.truncate(MAX_PROBLEMS);
            problems.push(Problem::new(format!("and {more} more problems from here on"), span));
        }
        self.read
    }

    pub(super) fn tell(&mut self, message: impl Into<String>, span: Span, help: &str) {
        self.read.problems.push(Problem::new(message, span).with_help(help));
    }

    /// Counts a value that is looked at; false when there were too many.
    pub(super) fn visit(&mut self, span: Span) -> bool {
        if self.visits == 0 {
            return false;
        }
        self.visits -= 1;
        if self.visits == 0 {
            let message = format!("stands for more than {MAX_VISITS} values; the rest is not looked at");
            self.tell(message, span, "use fewer aliases");
        }
        self.visits > 0
    }

    /// A mapping, or a problem when it is something else than nothing.
    pub(super) fn mapping<'v>(&mut self, value: &'v Value, span: Span, what: &str) -> Option<&'v Object> {
        if !matches!(value, Value::Object(_) | Value::Null) {
            self.tell(format!("{what} is a {}, not a mapping", value.kind()), span, "it is not judged like this");
        }
        value.as_object()
    }

    /// Adds a subject; its parent is the one that it lies in.
    pub(super) fn add(&mut self, part: Part, parent: Option<NodeIndex>) -> NodeIndex {
        let index = NodeIndex(u32::try_from(self.read.subjects.len()).unwrap_or(u32::MAX));
        self.read.subjects.push(Subject {
            kind: SubjectKind::GithubActions,
            resource_type: SmolStr::new_static(part.kind),
            address: part.address,
            document: part.document,
            span: Some(part.span),
            header: Some(part.header),
            calls: Vec::new(),
            skips: part.skips,
            labels: Labels::default(),
            sensitive: None,
        });
        self.read.edges.extend(parent.map(|parent| (parent, index)));
        index
    }

    /// The span without blank lines and comments at its end, which belong to what follows.
    pub(super) fn trimmed(&self, span: Span) -> Span {
        let (start, end) = (span.start as usize, (span.end as usize).min(self.text.len()));
        let mut inner = self.text.get(start..end).unwrap_or_default().trim_end();
        while let Some((before, last)) = inner.rsplit_once('\n') {
            if !last.trim_start().starts_with('#') {
                break;
            }
            inner = before.trim_end();
        }
        Span::new(self.source, start..start + inner.len())
    }

    /// The part of a span that is on its first line.
    pub(super) fn first_line(&self, span: Span) -> Span {
        let (start, end) = (span.start as usize, (span.end as usize).min(self.text.len()));
        let inner = self.text.get(start..end).unwrap_or_default();
        let length = inner.find(['\n', '\r']).unwrap_or(inner.len());
        Span::new(self.source, start..start + length)
    }

    /// The comment at the end of the line on which a span ends, without its mark.
    pub(super) fn comment_behind(&self, span: Span) -> Option<&'t str> {
        let rest = self.text.get(self.trimmed(span).end as usize..)?.split('\n').next()?;
        let comment = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix('#')?.trim();
        (!comment.is_empty()).then_some(comment)
    }
}

/// A subject to be added.
pub(super) struct Part {
    pub(super) kind: &'static str,
    pub(super) address: SmolStr,
    pub(super) document: Value,
    pub(super) span: Span,
    pub(super) header: Span,
    pub(super) skips: Vec<InlineSkip>,
}

/// What addresses begin with: a workflow's file name, which is its name for GitHub; an action's folder and file.
fn name_of(path: &Path) -> SmolStr {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let is_action = path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("action"));
    let folder = path.parent().and_then(Path::file_name).filter(|_| is_action && !super::is_workflow_path(path));
    match folder {
        Some(folder) => format!("{}/{name}", folder.to_string_lossy()).into(),
        None => name.into(),
    }
}
