//! What a policy says of itself in the comment that it begins with.
//!
//! A `# METADATA` block there has the form it has in Rego: `title`, `description`, and under `custom` an `id`, `severity`,
//! `category`, `fix`, `aliases` and `controls`. Without one the comment itself is the description. Sentinel passes both over.

use probity_model::value::{Object, Value};
use probity_model::{Category, Metadata, PolicyId, Problem, Severity, Span, yaml};
use probity_policy_core::annotation;

use crate::policy::Policy;

/// The name of the language in metadata.
const LANGUAGE: &str = "sentinel";

/// Longest title that is taken from a description, in characters.
const MAX_TITLE: usize = 160;

/// What is known of a policy that is called `name` where it gives itself no other id.
///
/// # Errors
/// When its `# METADATA` block has another form.
pub fn of(policy: &Policy, name: &str) -> Result<Metadata, Problem> {
    let mut metadata = Metadata {
        id: PolicyId::from(name),
        title: name.to_owned(),
        severity: Severity::Medium,
        category: Category::General,
        why: String::new(),
        fix: String::new(),
        aliases: Vec::new(),
        controls: Vec::new(),
        language: LANGUAGE,
        builtin: false,
    };
    match Block::find(policy) {
        Some(block) => block.read_into(&mut metadata)?,
        None => describe(policy.description().unwrap_or_default(), &mut metadata),
    }
    Ok(metadata)
}

/// Takes the first paragraph of a comment that is no notice of a licence.
fn describe(comment: &str, metadata: &mut Metadata) {
    let is_notice = |line: &str| line.contains("SPDX-License-Identifier") || line.contains("Copyright");
    let lines = comment.lines().skip_while(|line| line.trim().is_empty() || is_notice(line));
    let paragraph: Vec<&str> = lines.take_while(|line| !line.trim().is_empty() && !is_notice(line)).collect();
    if paragraph.is_empty() {
        return;
    }
    paragraph.join(" ").clone_into(&mut metadata.why);
    let sentence = metadata.why.split(". ").next().unwrap_or_default().trim_end_matches('.');
    metadata.title = match sentence.char_indices().nth(MAX_TITLE) {
        Some((end, _)) => format!("{}…", sentence[..end].trim_end()),
        None => sentence.to_owned(),
    };
}

/// A `# METADATA` block.
struct Block {
    span: Span,
    text: String,
}

impl Block {
    /// The block among the lines of comments that a file begins with.
    fn find(policy: &Policy) -> Option<Self> {
        let mut start = 0;
        let mut block: Option<Self> = None;
        for line in policy.text().split_inclusive('\n') {
            let place = start;
            start += line.len();
            let comment = line.trim_end().strip_prefix('#').or_else(|| line.trim_end().strip_prefix("//"));
            match (&mut block, comment) {
                (None, Some(comment)) if comment.trim() == "METADATA" => {
                    let at = |place: usize| u32::try_from(place).ok();
                    let span = Span { source: policy.source_id(), start: at(place)?, end: at(start)? };
                    block = Some(Self { span, text: String::new() });
                }
                (None, Some(_)) => {}
                (None, None) if line.trim().is_empty() => {}
                (Some(block), Some(comment)) => {
                    block.text.push_str(comment.strip_prefix(' ').unwrap_or(comment));
                    block.text.push('\n');
                }
                (_, None) => break,
            }
        }
        block
    }

    fn problem(&self, message: impl std::fmt::Display) -> Problem {
        Problem::new(format!("METADATA: {message}"), Some(self.span))
    }

    fn read_into(&self, metadata: &mut Metadata) -> Result<(), Problem> {
        let documents = yaml::read(&self.text, self.span.source, yaml::Dialect::Core)
            .map_err(|(problem, _)| self.problem(format!("no valid YAML: {}", problem.message)))?;
        let Some(Value::Object(fields)) = documents.into_iter().next().map(|document| document.value) else {
            return Err(self.problem("a mapping is wanted"));
        };
        if let Some(title) = self.text_of(&fields, "title")? {
            metadata.title = title;
        }
        metadata.why = self.text_of(&fields, "description")?.unwrap_or_default();
        match fields.get("custom") {
            None => Ok(()),
            Some(Value::Object(custom)) => self.read_custom(custom, metadata),
            Some(_) => Err(self.problem("`custom` must be a mapping")),
        }
    }

    fn read_custom(&self, custom: &Object, metadata: &mut Metadata) -> Result<(), Problem> {
        let problem = |name: &str, message: String| self.problem(format!("custom.{name}: {message}"));
        if let Some(id) = self.text_of(custom, "id")? {
            metadata.id = PolicyId::from(id.as_str());
        }
        if let Some(word) = self.text_of(custom, "severity")? {
            metadata.severity = annotation::severity(&word).map_err(|message| problem("severity", message))?;
        }
        if let Some(word) = self.text_of(custom, "category")? {
            metadata.category = word.parse().map_err(|message| problem("category", message))?;
        }
        metadata.fix = self.text_of(custom, "fix")?.unwrap_or_default();
        if let Some(value) = custom.get("aliases") {
            metadata.aliases = annotation::strings(value).map_err(|message| problem("aliases", message))?;
        }
        if let Some(value) = custom.get("controls") {
            metadata.controls = annotation::controls(value).map_err(|message| problem("controls", message))?;
        }
        Ok(())
    }

    fn text_of(&self, fields: &Object, name: &str) -> Result<Option<String>, Problem> {
        match fields.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(other) => Err(self.problem(format!("`{name}`: a text is wanted, not {}", other.kind()))),
        }
    }
}
