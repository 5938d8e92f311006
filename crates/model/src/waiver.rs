use jiff::civil::Date;

use crate::node::Node;
use crate::pattern::Pattern;
use crate::policy::PolicyId;
use crate::source::{Problem, Span};
use crate::subject::Subject;

/// A recorded, expiring acceptance of findings, asked for by one person and approved by another.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// Policies it covers.
    pub policy: Pattern,
    /// Addresses of the subjects it covers.
    pub subject: Pattern,
    /// Why the finding is accepted.
    pub reason: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// The last day on which it counts.
    pub expires: Date,
    /// Where it stands.
    pub span: Option<Span>,
}

/// Why a waiver does not count, or a waiver that cannot be read.
pub type WaiverProblem = Problem;

impl Waiver {
    /// Reads the list under `waivers:` of a file's document.
    ///
    /// # Errors
    /// Every waiver that cannot be read, that a person approved for themselves, or that has expired by `today`.
    pub fn read_all(document: Node<'_>, today: Date) -> Result<Vec<Self>, Vec<WaiverProblem>> {
        let read = || -> Result<Vec<Node<'_>>, Problem> {
            let mapping = document.mapping()?;
            mapping.only(&["waivers"])?;
            mapping.required("waivers")?.list()
        };
        let entries = read().map_err(|problem| vec![problem])?;
        let mut problems = Vec::new();
        let mut waivers = Vec::new();
        for entry in entries {
            match Self::read(entry).and_then(|waiver| waiver.check(today)) {
                Ok(waiver) => waivers.push(waiver),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(waivers) } else { Err(problems) }
    }

    fn read(entry: Node<'_>) -> Result<Self, Problem> {
        let fields = entry.mapping()?;
        fields.only(&["policy", "subject", "reason", "requested_by", "approved_by", "expires"])?;
        let text = |name: &str| -> Result<String, Problem> {
            let node = fields.required(name)?;
            let text = node.string()?.trim();
            if text.is_empty() { Err(node.problem(format!("`{name}` is empty"))) } else { Ok(text.to_owned()) }
        };
        let expires = fields.required("expires")?;
        Ok(Self {
            policy: text("policy")?.as_str().into(),
            subject: text("subject")?.as_str().into(),
            reason: text("reason")?,
            requested_by: text("requested_by")?,
            approved_by: text("approved_by")?,
            expires: expires
                .string()?
                .parse()
                .map_err(|_| expires.problem("not a date").with_help("write it as 2026-12-31"))?,
            span: entry.span,
        })
    }

    fn check(self, today: Date) -> Result<Self, Problem> {
        if self.requested_by.eq_ignore_ascii_case(&self.approved_by) {
            return Err(Problem::new(
                format!("the waiver was requested and approved by the same person, {}", self.requested_by),
                self.span,
            )
            .with_help("have somebody else approve it"));
        }
        if self.expires < today {
            return Err(Problem::new(format!("the waiver expired on {}", self.expires), self.span)
                .with_help("mend the finding and remove the waiver, or have it approved anew"));
        }
        Ok(self)
    }

    /// Whether it covers this policy on this subject.
    pub fn covers(&self, policy: &PolicyId, subject: &Subject) -> bool {
        self.policy.matches(policy.as_str()) && self.subject.matches(&subject.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceId, Sources};
    use crate::yaml::{self, Dialect};
    use proptest::prelude::*;
    use std::path::Path;

    fn problems(text: &str) -> Vec<String> {
        let sources = Sources::default();
        let id = sources.add("waivers.yaml", text);
        let documents = yaml::read(text, id, Dialect::Core).unwrap();
        let root = Node::root(&documents[0].value, documents[0].span);
        match Waiver::read_all(root, Date::constant(2026, 11, 24)) {
            Ok(_) => Vec::new(),
            Err(problems) => {
                problems.iter().map(|problem| problem.display(&sources, Path::new("waivers.yaml"))).collect()
            }
        }
    }

    fn waiver(approved_by: &str, expires: &str) -> String {
        format!(
            "waivers:\n  - policy: PRB-AWS-S3-001\n    subject: aws_s3_bucket.a\n    reason: moving\n    \
             requested_by: ann@example.com\n    approved_by: {approved_by}\n    expires: {expires}\n"
        )
    }

    #[test]
    fn a_good_waiver_counts_through_its_last_day() {
        assert_eq!(problems(&waiver("bob@example.com", "2026-11-24")), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_file_of_waivers_is_read_or_refused(lines in prop::collection::vec(prop::sample::select(vec![
            "waivers:", "  - policy: a", "    policy: [a]", "    subject: \"*\"", "    reason: r", "    requested_by: a", "    approved_by: b",
            "    approved_by: {}", "    expires: 2999-01-01", "    expires: 2026-02-30", "  -", "    - {}", "waivers: 1", "...", "---", "    more: 1",
        ]), 0..10)) {
            let text = lines.join("\n");
            for document in yaml::read(&text, SourceId(0), Dialect::Core).unwrap_or_default() {
                match Waiver::read_all(Node::root(&document.value, document.span), Date::constant(2026, 11, 24)) {
                    Ok(waivers) => prop_assert!(waivers.iter().all(|waiver| waiver.requested_by != waiver.approved_by)),
                    Err(problems) => prop_assert!(!problems.is_empty()),
                }
            }
        }
    }

    #[test]
    fn expired_self_approved_and_unreadable_ones_name_the_line() {
        for (text, expected) in [
            (waiver("bob@example.com", "2026-11-23"), "waivers.yaml:2:5: the waiver expired on 2026-11-23"),
            (waiver("Ann@example.com", "2027-01-01"), "waivers.yaml:2:5: the waiver was requested and approved"),
            (waiver("bob@example.com", "soon"), "waivers.yaml:7:5: not a date"),
            ("waivers:\n  - policy: a\n".to_owned(), "waivers.yaml:2:5: missing field"),
            ("waiver: []\n".to_owned(), "waivers.yaml:1:1: unknown field `waiver` (did you mean `waivers`?)"),
        ] {
            let found = problems(&text);
            assert!(found[0].starts_with(expected), "{found:?} does not start with {expected}");
        }
    }
}
