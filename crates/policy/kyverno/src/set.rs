//! Many policies, found by the kinds that they are about.

use std::collections::HashMap;
use std::sync::Arc;

use crate::policy::Policy;

/// Policies by the kinds that their rules match: what a request costs grows with those that are about it.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    all: Vec<Arc<Policy>>,
    by_kind: HashMap<String, Vec<usize>>,
    /// Those that may be about any kind.
    of_any: Vec<usize>,
}

impl Policies {
    /// All policies, in their order.
    pub fn all(&self) -> &[Arc<Policy>] {
        &self.all
    }

    /// The policies that may be about resources of a kind, in their order.
    pub fn for_kind(&self, kind: &str) -> impl Iterator<Item = &Arc<Policy>> {
        let exact = self.by_kind.get(kind).map(Vec::as_slice).unwrap_or_default();
        merged(exact, &self.of_any).map(|index| &self.all[index])
    }
}

/// Two lists in order as one.
fn merged<'l>(left: &'l [usize], right: &'l [usize]) -> impl Iterator<Item = usize> + 'l {
    let (mut left, mut right) = (left.iter().copied().peekable(), right.iter().copied().peekable());
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some(a), Some(b)) if a < b => left.next(),
        (Some(_), None) => left.next(),
        _ => right.next(),
    })
}

impl FromIterator<Policy> for Policies {
    fn from_iter<I: IntoIterator<Item = Policy>>(policies: I) -> Self {
        let mut set = Self::default();
        for (index, policy) in policies.into_iter().enumerate() {
            let kinds: Option<Vec<Vec<&str>>> = policy.all_rules().map(|(_, rule)| rule.kinds()).collect();
            match kinds {
                None => set.of_any.push(index),
                Some(kinds) => {
                    for kind in kinds.into_iter().flatten() {
                        let indices = set.by_kind.entry(kind.to_owned()).or_default();
                        if indices.last() != Some(&index) {
                            indices.push(index);
                        }
                    }
                }
            }
            set.all.push(Arc::new(policy));
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::node::Node;
    use probity_model::{SourceId, yaml};

    fn policy(name: &str, kind: &str) -> Policy {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: {name}}}\nspec:\n  rules:\n  - name: r\n    \
             match: {{any: [{{resources: {{kinds: ['{kind}']}}}}]}}\n    validate: {{pattern: {{a: b}}}}\n"
        );
        let documents = yaml::read(&text, SourceId(0), yaml::Dialect::Kubernetes).unwrap();
        Policy::read(Node::root(&documents[0].value, documents[0].span)).unwrap()
    }

    #[test]
    fn policies_are_found_by_kind_in_their_order() {
        let set: Policies = [
            policy("a", "ConfigMap"),
            policy("b", "*"),
            policy("c", "Pod"),
            policy("d", "apps/v1/Deploy*"),
            policy("e", "ConfigMap"),
        ]
        .into_iter()
        .collect();
        let names = |kind: &str| set.for_kind(kind).map(|policy| policy.name.to_string()).collect::<String>();
        assert_eq!(names("ConfigMap"), "abde");
        assert_eq!(names("Pod"), "bcd");
        assert_eq!(names("Deployment"), "bcd");
        assert_eq!(names("Other"), "bd");
    }
}
