use jiff::civil::Date;

use crate::node::Node;
use crate::pattern::Pattern;
use crate::policy::PolicyId;
use crate::source::{Problem, Span};
use crate::subject::Subject;

/// A recorded, expiring acceptance of findings or of a vulnerability, asked for by one person and approved by another.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// What is accepted.
    pub of: Waived,
    /// Where: addresses of subjects; of a vulnerability, images by registry and repository, without tag and digest.
    pub subject: Pattern,
    /// Why it is accepted.
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

/// What a waiver accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waived {
    /// The findings of these policies.
    Policies(Pattern),
    /// A vulnerability in the packages of an image. The policies that ask for it then do not see it as open.
    Vulnerability {
        /// Its identifiers: `CVE-2026-1234`, `GHSA-*`; any of those it goes by.
        id: Pattern,
        /// The packages, by name or by package URL without the version; all when absent.
        package: Option<Pattern>,
    },
}

impl std::fmt::Display for Waived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policies(policies) => policies.fmt(f),
            Self::Vulnerability { id, package: None } => id.fmt(f),
            Self::Vulnerability { id, package: Some(package) } => write!(f, "{id} in {package}"),
        }
    }
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
        fields.only(&[
            "policy",
            "vulnerability",
            "package",
            "subject",
            "reason",
            "requested_by",
            "approved_by",
            "expires",
        ])?;
        let text = |name: &str| -> Result<String, Problem> {
            let node = fields.required(name)?;
            let text = node.string()?.trim();
            if text.is_empty() { Err(node.problem(format!("`{name}` is empty"))) } else { Ok(text.to_owned()) }
        };
        let pattern = |name: &str| text(name).map(|text| Pattern::from(text.as_str()));
        let of = match (fields.optional("vulnerability"), fields.optional("policy"), fields.optional("package")) {
            (Some(_), Some(policy), _) => {
                return Err(policy
                    .problem("a waiver is of a policy or of a vulnerability")
                    .with_help("write two waivers, or leave one of the two out"));
            }
            (Some(_), None, package) => Waived::Vulnerability {
                id: pattern("vulnerability")?,
                package: package.map(|_| pattern("package")).transpose()?,
            },
            (None, _, Some(package)) => {
                return Err(package.problem("`package` narrows a waiver of a `vulnerability`, which is missing"));
            }
            (None, _, None) => Waived::Policies(pattern("policy")?),
        };
        let expires = fields.required("expires")?;
        Ok(Self {
            of,
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

    /// Whether it covers findings of this policy.
    pub fn is_of(&self, policy: &PolicyId) -> bool {
        matches!(&self.of, Waived::Policies(policies) if policies.matches(policy.as_str()))
    }

    /// Whether it covers this policy on this subject.
    pub fn covers(&self, policy: &PolicyId, subject: &Subject) -> bool {
        self.is_of(policy) && self.subject.matches(&subject.address)
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
    fn a_waiver_of_a_vulnerability_covers_no_policy() {
        let sources = Sources::default();
        for (of, said) in [
            ("vulnerability: CVE-2026-*", "CVE-2026-*"),
            ("vulnerability: CVE-2026-1\n    package: pkg:deb/debian/*", "CVE-2026-1 in pkg:deb/debian/*"),
        ] {
            let text = waiver("bob@example.com", "2026-11-24").replace("policy: PRB-AWS-S3-001", of);
            let documents = yaml::read(&text, sources.add("waivers.yaml", &*text), Dialect::Core).unwrap();
            let root = Node::root(&documents[0].value, documents[0].span);
            let waivers = Waiver::read_all(root, Date::constant(2026, 11, 24)).unwrap();
            assert_eq!(waivers[0].of.to_string(), said);
            assert!(!waivers[0].is_of(&"CVE-2026-1".into()));
        }
    }

    #[test]
    fn a_good_waiver_counts_through_its_last_day() {
        assert_eq!(problems(&waiver("bob@example.com", "2026-11-24")), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn any_file_of_waivers_is_read_or_refused(lines in prop::collection::vec(prop::sample::select(vec![
            "waivers:", "  - policy: a", "    policy: [a]", "  - vulnerability: CVE-*", "    package: openssl", "    subject: \"*\"", "    reason: r", "    requested_by: a", "    approved_by: b",
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
            ("waivers:\n  - subject: a\n".to_owned(), "waivers.yaml:2:5: missing field `policy`"),
            (
                "waivers:\n  - policy: a\n    vulnerability: b\n".to_owned(),
                "waivers.yaml:2:5: a waiver is of a policy or of a vulnerability",
            ),
            ("waivers:\n  - policy: a\n    package: b\n".to_owned(), "waivers.yaml:3:5: `package` narrows a waiver"),
            (
                waiver("ann@example.com", "2027-01-01").replace("policy: PRB-AWS-S3-001", "vulnerability: CVE-2026-1"),
                "waivers.yaml:2:5: the waiver was requested and approved",
            ),
            ("waiver: []\n".to_owned(), "waivers.yaml:1:1: unknown field `waiver` (did you mean `waivers`?)"),
        ] {
            let found = problems(&text);
            assert!(found[0].starts_with(expected), "{found:?} does not start with {expected}");
        }
    }
}
