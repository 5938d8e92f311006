//! What is known of a policy besides its rule.

use probity_model::node::Node;
use probity_model::value::SmolStr;
use probity_model::{Category, ControlLink, Metadata, PolicyId, Problem, Severity, Span, Strength, Value};

use crate::object;

/// The name of the language in metadata.
const LANGUAGE: &str = "admission-policy";

/// Name, place and annotations of a policy.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) name: SmolStr,
    pub(crate) span: Option<Span>,
    title: Option<String>,
    description: String,
    severity: Severity,
    controls: Vec<ControlLink>,
    pub(crate) annotations: Value,
}

impl About {
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let text = |annotation: &str| object::annotation(node.value, annotation).map(|text| text.trim().to_owned());
        let severity = match text(object::SEVERITY) {
            Some(word) => word.parse().map_err(|message: String| node.problem(message))?,
            None => text("policies.kyverno.io/severity").and_then(|word| word.parse().ok()).unwrap_or(Severity::Medium),
        };
        let controls = text(object::CONTROLS).unwrap_or_default();
        Ok(Self {
            name: object::required_name(node)?.into(),
            span: node.span,
            title: text("policies.kyverno.io/title"),
            description: text("policies.kyverno.io/description").or_else(|| text("description")).unwrap_or_default(),
            severity,
            controls: read_controls(&controls).map_err(|message| node.problem(message))?,
            annotations: node.value.at(&["metadata", "annotations"]).cloned().unwrap_or_default(),
        })
    }

    /// What is known of the policy, applied through a binding or by itself.
    pub(crate) fn metadata(&self, binding: Option<&str>, controls: Option<&str>) -> Result<Metadata, String> {
        let id = binding.map_or_else(|| self.name.to_string(), |binding| format!("{}/{binding}", self.name));
        let first_line = self.description.lines().next().filter(|line| !line.is_empty()).map(str::to_owned);
        let controls = match controls {
            Some(text) => read_controls(text)?,
            None => self.controls.clone(),
        };
        Ok(Metadata {
            id: PolicyId::from(id.as_str()),
            title: self.title.clone().or(first_line).unwrap_or_else(|| self.name.to_string()),
            severity: self.severity,
            category: Category::General,
            why: self.description.clone(),
            fix: String::new(),
            aliases: Vec::new(),
            controls,
            language: LANGUAGE,
            builtin: false,
        })
    }
}

/// Controls parted by commas, such as `soc2:CC6.1, hipaa:164.312(a)(1)`.
fn read_controls(text: &str) -> Result<Vec<ControlLink>, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let control = word.parse().map_err(|error: probity_model::ParseControlError| error.to_string())?;
            Ok(ControlLink { control, serves: Strength::Supports, why: String::new() })
        })
        .collect()
}
