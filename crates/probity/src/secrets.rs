//! Secrets in the texts of a scan: subjects of policies, and what no output shows.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use probity_model::{Decision, InlineSkip, Outcome, Source, SourceId, Sources, Span, Subject};
use probity_policy_core::{PolicySet, TypeSelector};
use probity_secrets::{Scanner, Secret, Syntax, files, subject};
use probity_subject_iac::{Texts, Tree, skip};
use rayon::prelude::*;

static SCANNER: LazyLock<Scanner> = LazyLock::new(Scanner::new);

/// What stands in place of a secret.
const MASK: &str = "********";

/// Shortest secret that is taken out of messages: shorter ones are words.
const LEAST: usize = 6;

/// What other scanners read in the line of a secret, or with `nextline` in the one before.
const ALLOWED: &[&str] =
    &["pragma: allowlist secret", "pragma: whitelist secret", "pragma:allowlist secret", "gitleaks:allow"];
const ALLOWED_NEXT: &str = "pragma: allowlist nextline secret";

/// Which texts are read for their secrets, when a policy asks for them.
pub(crate) fn texts(set: &PolicySet) -> Option<Texts> {
    let asks = set
        .types()
        .any(|selector| matches!(selector, TypeSelector::Exact(name) if name.starts_with(subject::TYPE_PREFIX)));
    asks.then(|| Texts {
        named: files::is_searched,
        hidden: files::is_searched_hidden,
        wanted: Arc::new(|path, text| !SCANNER.find(text, Syntax::of(path)).is_empty()),
        max_size: files::MAX_SIZE,
    })
}

/// Adds the secrets of a tree's texts to its subjects, with the skips that stand around them.
pub(crate) fn add(tree: &mut Tree, sources: &Sources) {
    let texts: Vec<(SourceId, Arc<Source>)> =
        tree.texts.iter().filter_map(|id| Some((*id, sources.get(*id)?))).collect();
    let found: Vec<Vec<Subject>> = texts
        .par_iter()
        .map(|(id, source)| {
            if source.text.len() as u64 > files::MAX_SIZE {
                eprintln!("note: {} is larger than 10 MiB and was not searched for secrets", source.path.display());
                return Vec::new();
            }
            let mut found = subject::subjects(&SCANNER, &source.path, &source.text, *id);
            for subject in &mut found {
                subject.skips = skips(&source.text, subject.span);
            }
            found
        })
        .collect();
    let mut found: Vec<Subject> = found.into_iter().flatten().collect();
    let mut around: HashMap<SourceId, Vec<(Span, &[InlineSkip])>> = HashMap::new();
    for subject in tree.graph.subjects().iter().filter(|subject| !subject.skips.is_empty()) {
        if let Some(span) = subject.span {
            around.entry(span.source).or_default().push((span, &subject.skips));
        }
    }
    for subject in &mut found {
        let Some(place) = subject.span else { continue };
        let outer = around.get(&place.source).into_iter().flatten();
        let outer = outer.filter(|(span, _)| span.start <= place.start && place.end <= span.end);
        subject.skips.extend(outer.flat_map(|(_, skips)| skips.iter().cloned()));
    }
    tree.graph.extend(found);
}

/// What the lines before, at and behind a secret ask to be skipped.
fn skips(text: &str, span: Option<Span>) -> Vec<InlineSkip> {
    let Some(span) = span else { return Vec::new() };
    let (start, end) = (span.start as usize, span.end as usize);
    let first = text[..start].rfind('\n').map_or(0, |line| line + 1);
    let before = text[..first.saturating_sub(1)].rfind('\n').map_or(0, |line| line + 1);
    let last = text[end..].find('\n').map_or(text.len(), |line| end + line);
    let behind = text.get(last + 1..).map_or(last, |rest| rest.find('\n').map_or(text.len(), |line| last + 1 + line));
    let around = Span::new(span.source, before..behind);
    // A comment that cannot be read as it was meant is told where the resource around it is read.
    let mut skips: Vec<InlineSkip> = skip::parse_comment(&text[before..behind], around).into_iter().flatten().collect();
    let line = &text[first..last];
    let allowed = ALLOWED.iter().find(|comment| line.contains(**comment));
    let allowed = allowed.copied().or_else(|| text[before..first].contains(ALLOWED_NEXT).then_some(ALLOWED_NEXT));
    skips.extend(allowed.map(|comment| InlineSkip {
        policies: vec!["*".into()],
        reason: Some(comment.to_owned()),
        expires: None,
        span: Some(Span::new(span.source, first..last)),
    }));
    skips
}

/// The secrets of the texts that findings stand in, which no output shows.
#[derive(Default)]
pub(crate) struct Masks(HashMap<SourceId, Vec<Secret>>);

impl Masks {
    /// The secrets of all texts that these decisions point to.
    pub(crate) fn of(decisions: &[Decision], sources: &Sources) -> Self {
        let found = decisions.iter().flat_map(|decision| &decision.findings);
        let shown = found.filter(|finding| finding.outcome != Outcome::Pass);
        let mut ids: Vec<SourceId> = shown.filter_map(|finding| Some(finding.span?.source)).collect();
        ids.sort_unstable();
        ids.dedup();
        let scan = |id: SourceId| {
            let source = sources.get(id).filter(|source| source.text.len() as u64 <= files::MAX_SIZE)?;
            let secrets = SCANNER.find(&source.text, Syntax::of(&source.path));
            Some((id, secrets))
        };
        Self(ids.into_par_iter().filter_map(scan).collect())
    }

    /// Takes secrets out of what findings say.
    pub(crate) fn clean(&self, decisions: &mut [Decision], sources: &Sources) {
        let mut values: Vec<String> = Vec::new();
        for (id, secrets) in &self.0 {
            let Some(source) = sources.get(*id) else { continue };
            values.extend(secrets.iter().map(|secret| source.text[secret.range.clone()].to_owned()));
        }
        values.retain(|value| value.len() >= LEAST);
        values.sort();
        values.dedup();
        let builder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&values);
        let Some(matcher) = builder.ok().filter(|_| !values.is_empty()) else { return };
        let masks = vec![MASK; values.len()];
        for finding in decisions.iter_mut().flat_map(|decision| &mut decision.findings) {
            for text in std::iter::once(&mut finding.message).chain(&mut finding.reason) {
                if matcher.is_match(text.as_str()) {
                    *text = matcher.replace_all(text, &masks);
                }
            }
        }
    }

    /// A line of a source as it may be shown, `start` being its first byte in the text.
    pub(crate) fn line(&self, source: SourceId, start: usize, line: &str) -> String {
        let Some(secrets) = self.0.get(&source) else {
            // Of a text that is too large to be searched, at least what is shown is.
            return masked(0, line, &SCANNER.find(line, Syntax::Plain));
        };
        masked(start, line, secrets)
    }
}

fn masked(start: usize, line: &str, secrets: &[Secret]) -> String {
    let end = start + line.len();
    let mut out = String::with_capacity(line.len());
    let mut at = start;
    for range in secrets.iter().map(|secret| &secret.range).filter(|range| range.start < end && start < range.end) {
        out.push_str(&line[at - start..range.start.max(at) - start]);
        out.push_str(MASK);
        at = range.end.min(end);
    }
    out.push_str(&line[at - start..]);
    out
}
