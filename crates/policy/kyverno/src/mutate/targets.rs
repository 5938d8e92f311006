//! Other objects that a rule changes: `mutate.targets`.

use probity_kubernetes::kind::KindSelector;
use probity_kubernetes::selector::Selector;
use probity_kubernetes::wildcard;
use probity_model::Value;
use probity_model::node::Node;

use super::run::TYPE;
use super::{Mutate, Target};
use crate::context::Context;
use crate::engine::{Run, unmet};
use crate::host::HostError;
use crate::object;
use crate::response::{RuleResponse, Status};

impl Mutate {
    /// Changes the targets, one after the other.
    pub(super) fn targets<'c>(&'c self, run: Run<'c>, context: &mut Context<'c>) -> Vec<RuleResponse> {
        let mut responses = Vec::new();
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for (index, target) in self.targets.iter().flatten().enumerate() {
            match target.objects(index, run, context) {
                Ok(objects) => found.extend(objects.into_iter().map(|object| (target, object))),
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            responses.push(run.error(TYPE, "", problems.join("; ")));
        }
        let mark = context.mark();
        for (target, object) in found {
            context.restore(&mark);
            context.set_target(&object);
            run.load(context, &target.context);
            responses.push(match unmet(target.preconditions.as_ref(), context) {
                Ok(None) => self.target(&object, run, context),
                Ok(Some(message)) => run.own(TYPE, Status::Skip, message),
                Err(error) => run.error(TYPE, "failed to evaluate preconditions", error),
            });
        }
        context.restore(&mark);
        responses
    }
}

impl Target {
    /// The objects that are meant, as the host has them.
    fn objects(&self, index: usize, run: Run<'_>, context: &Context<'_>) -> Result<Vec<Value>, String> {
        let wanted = self.selector.substitute(context);
        let wanted = wanted.map_err(|error| format!("failed to substitute variables in target[{index}]: {error}"))?;
        let text = |name: &str| wanted.get(name).and_then(Value::as_str).unwrap_or_default();
        let namespace = if run.policy.namespace.is_empty() { text("namespace") } else { &run.policy.namespace };
        let kinds = KindSelector::parse(&format!("{}/{}", text("apiVersion"), text("kind")));
        let api_version =
            if kinds.group.is_empty() { kinds.version.clone() } else { format!("{}/{}", kinds.group, kinds.version) };
        let selector = wanted.get("selector").filter(|selector| !selector.is_null());
        let selector = selector.map(|selector| Selector::read(Node::root(selector, None))).transpose();
        let selector = selector.map_err(|problem| format!("target[{index}]: {problem}"))?;
        let all = match run.around.host.objects(&api_version, &kinds.kind, "") {
            Ok(all) => all.as_array().map(|all| all.as_slice().to_vec()).unwrap_or_default(),
            Err(HostError::Disabled) => Vec::new(),
            Err(HostError::Failed(error)) => return Err(error),
        };
        let is_meant = |object: &Value| {
            let fits = |pattern: &str, text: &str| pattern.is_empty() || wildcard::matches(pattern, text);
            fits(namespace, object::namespace(object))
                && fits(text("name"), object::name(object))
                && selector.as_ref().is_none_or(|selector| selector.matches(object::labels(object)))
        };
        let found: Vec<Value> = all.into_iter().filter(is_meant).collect();
        // One that is named exactly is fetched rather than listed, and then must be there.
        let is_exact = |text: &str| !text.is_empty() && !wildcard::contains(text);
        if found.is_empty() && is_exact(namespace) && is_exact(text("name")) {
            return Err(format!("{} {namespace}/{} not found", kinds.kind, text("name")));
        }
        Ok(found)
    }
}
