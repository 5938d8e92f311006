//! What is known of a rule besides what it says.

use probity_model::{Category, ControlLink, Metadata, PolicyId, Severity, SmolStr, Strength};

use crate::policy::Policy;
use crate::rule::Rule;

/// The name of the language in metadata.
const LANGUAGE: &str = "kyverno";

/// The annotation that names the controls served.
const CONTROLS: &str = "probity.dev/controls";

const TITLE: &str = "policies.kyverno.io/title";
const DESCRIPTION: &str = "policies.kyverno.io/description";
const CATEGORY: &str = "policies.kyverno.io/category";
const SEVERITY: &str = "policies.kyverno.io/severity";

/// The metadata of a rule, from the annotations of its policy.
pub(super) fn of(policy: &Policy, rule: &Rule) -> Result<Metadata, String> {
    let owner = owner(&policy.namespace, &policy.name);
    let metadata = of_annotations(&format!("{owner}/{}", rule.name), &policy.name, &|name| policy.annotation(name))?;
    if policy.rules().len() > 1 {
        let title = format!("{}: {}", metadata.title, rule.name);
        return Ok(Metadata { title, ..metadata });
    }
    Ok(metadata)
}

/// What a policy is called among others, of the cluster or of a namespace.
pub(crate) fn owner(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// The metadata of what is called `id`, from the annotations of the policy of this name.
pub(crate) fn of_annotations<'p>(
    id: &str,
    name: &str,
    annotation: &dyn Fn(&str) -> Option<&'p str>,
) -> Result<Metadata, String> {
    let text = |name: &str| annotation(name).map(str::trim).filter(|text| !text.is_empty());
    let severity = match text(SEVERITY) {
        // What only tells is the least.
        Some("info") => Severity::Low,
        Some(word) => word.to_ascii_lowercase().parse()?,
        None => Severity::Medium,
    };
    Ok(Metadata {
        id: PolicyId::from(id),
        title: text(TITLE).unwrap_or(name).to_owned(),
        severity,
        category: category(text(CATEGORY).unwrap_or_default()),
        why: text(DESCRIPTION).unwrap_or_default().to_owned(),
        fix: String::new(),
        aliases: Vec::<SmolStr>::new(),
        controls: controls(annotation(CONTROLS).unwrap_or_default())?,
        language: LANGUAGE,
        builtin: false,
    })
}

/// The same for namespaces where a failure does not deny.
pub(super) fn audited(metadata: Metadata) -> Metadata {
    Metadata { id: PolicyId::from(format!("{}@audit", metadata.id).as_str()), ..metadata }
}

/// What a category of Kyverno's library is about.
fn category(text: &str) -> Category {
    let text = text.to_ascii_lowercase();
    let known = [
        ("pod security", Category::Workload),
        ("psp migration", Category::Workload),
        ("workload", Category::Workload),
        ("software supply chain", Category::SupplyChain),
        ("supply chain", Category::SupplyChain),
        ("rbac", Category::Access),
        ("tls", Category::Encryption),
        ("cert-manager", Category::Encryption),
        ("network", Category::Network),
        ("istio", Category::Network),
        ("velero", Category::Backup),
        ("secret", Category::Secrets),
    ];
    known.into_iter().find(|(word, _)| text.contains(word)).map_or(Category::General, |(_, category)| category)
}

/// Controls parted by commas, such as `soc2:CC6.1, hipaa:164.312(a)(1)`.
fn controls(text: &str) -> Result<Vec<ControlLink>, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let control = word.parse().map_err(|error: probity_model::ParseControlError| error.to_string())?;
            Ok(ControlLink { control, serves: Strength::Supports, why: String::new() })
        })
        .collect()
}
