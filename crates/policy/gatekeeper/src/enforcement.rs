//! What the violations of a constraint do, and where.

use probity_model::node::{Mapping, Node};
use probity_model::{Problem, Stage};

/// Where constraints are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Point {
    /// On a laptop or in a pipeline.
    #[default]
    Gator,
    /// When an object is about to be written into a cluster.
    Webhook,
    /// Over what is in a cluster.
    Audit,
}

impl Point {
    /// Every point of ours and those of others that a constraint may name.
    const KNOWN: &'static [&'static str] =
        &["validation.gatekeeper.sh", "audit.gatekeeper.sh", "gator.gatekeeper.sh", "vap.k8s.io", "*"];

    /// The name that constraints have for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gator => "gator.gatekeeper.sh",
            Self::Webhook => "validation.gatekeeper.sh",
            Self::Audit => "audit.gatekeeper.sh",
        }
    }
}

/// `spec.enforcementAction` and `spec.scopedEnforcementActions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Enforcement {
    /// The same everywhere.
    Everywhere(String),
    /// Pairs of an action and the point where it is taken.
    Scoped(Vec<(String, String)>),
}

/// The stage that an action of Gatekeeper's is at most at.
fn stage(action: &str) -> Option<Stage> {
    match action {
        "deny" => Some(Stage::Enforce),
        "warn" => Some(Stage::Warn),
        "dryrun" => Some(Stage::Observe),
        _ => None,
    }
}

/// The stage of an action that is given in place of a constraint's own.
pub(crate) fn stage_of(node: Node<'_>) -> Result<Option<Stage>, Problem> {
    let action = node.string()?;
    if action.is_empty() {
        return Ok(None);
    }
    stage(action).map(Some).ok_or_else(|| unknown_action(&node, action))
}

fn unknown_action(node: &Node<'_>, action: &str) -> Problem {
    node.problem(format!("`{action}` is not an enforcement action")).with_help("one of deny, warn, dryrun, scoped")
}

impl Enforcement {
    pub(crate) fn read(spec: Option<&Mapping<'_>>) -> Result<Self, Problem> {
        let node = spec.and_then(|spec| spec.optional("enforcementAction"));
        let action = node.map(Node::string).transpose()?.unwrap_or("deny");
        let (Some(spec), "scoped") = (spec, action) else { return Ok(Self::Everywhere(action.to_owned())) };
        let mut pairs = Vec::new();
        for node in spec.required("scopedEnforcementActions")?.list()? {
            let fields = node.mapping()?;
            let action = fields.required("action")?.string()?;
            for point in fields.optional("enforcementPoints").map(Node::list).transpose()?.unwrap_or_default() {
                let point = point.mapping()?.required("name")?.string()?;
                pairs.push((action.to_owned(), point.to_owned()));
            }
        }
        Ok(Self::Scoped(pairs))
    }

    /// What Gatekeeper's own webhook for constraints refuses: actions and points that there are not.
    pub(crate) fn check(&self, node: &Node<'_>) -> Result<(), Problem> {
        let check_action = |action: &str| stage(action).map(drop).ok_or_else(|| unknown_action(node, action));
        match self {
            Self::Everywhere(action) => check_action(action),
            Self::Scoped(pairs) => pairs.iter().try_for_each(|(action, point)| {
                if !Point::KNOWN.contains(&point.as_str()) {
                    let known = Point::KNOWN.join(", ");
                    return Err(node
                        .problem(format!("`{point}` is not an enforcement point"))
                        .with_help(format!("one of {known}")));
                }
                check_action(action)
            }),
        }
    }

    /// The highest stage that violations have at a point; `None` when the constraint is not asked there.
    pub(crate) fn stage(&self, point: Point) -> Option<Stage> {
        match self {
            // Gatekeeper shows violations of an action that it does not know, and does nothing.
            Self::Everywhere(action) => Some(stage(action).unwrap_or(Stage::Observe)),
            Self::Scoped(pairs) => pairs
                .iter()
                .filter(|(_, name)| name == point.as_str() || name == "*")
                .map(|(action, _)| stage(action).unwrap_or(Stage::Observe))
                .max(),
        }
    }
}
