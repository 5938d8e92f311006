//! Plans that many policies judge.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use probity_model::SmolStr;
use probity_model::value::{Object, Value};

use crate::terraform::{Plan, PlanError};

/// So many plans are kept; those that are judged at once.
const MAX_PLANS: usize = 8;

/// The plans that the policies of a set were asked about last: what one policy had made of a plan is there for the next.
#[derive(Debug, Default)]
pub struct Plans(Mutex<Vec<Arc<SharedPlan>>>);

/// A plan with the names of its resources.
#[derive(Debug)]
pub(super) struct SharedPlan {
    plan: Plan,
    addresses: OnceLock<HashSet<SmolStr>>,
}

impl Plans {
    pub(super) fn of(&self, document: &Value) -> Result<Arc<SharedPlan>, PlanError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |plan: &&Arc<SharedPlan>| document.as_object().is_some_and(|new| plan.plan.document().ptr_eq(new));
        if let Some(plan) = known.iter().find(is_same) {
            return Ok(Arc::clone(plan));
        }
        let mut plan = Plan::new(document)?;
        if let Some(run) = document.get("tfrun") {
            plan = plan.with_run(run.clone());
        }
        let plan = Arc::new(SharedPlan::new(plan));
        if known.len() >= MAX_PLANS {
            known.remove(0);
        }
        known.push(Arc::clone(&plan));
        Ok(plan)
    }
}

impl SharedPlan {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, addresses: OnceLock::new() }
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The address of the resource that a key of an import means, when there is one: what was deposed is named after it.
    pub(super) fn address<'n>(&self, name: &'n str) -> Option<&'n str> {
        let addresses = self.addresses.get_or_init(|| addresses(self.plan.document()));
        let is_known = |name: &&str| addresses.contains(*name);
        Some(name).filter(is_known).or_else(|| name.rsplit_once(':').map(|(name, _)| name).filter(is_known))
    }
}

/// Addresses of the resources of a plan or a state, with and without the index of the instance.
fn addresses(document: &Object) -> HashSet<SmolStr> {
    let mut found = HashSet::new();
    for change in document.get("resource_changes").and_then(Value::as_array).into_iter().flatten() {
        add(change, &mut found);
    }
    let mut modules: Vec<&Value> = ["planned_values", "values"]
        .iter()
        .filter_map(|name| document.get(name)?.get("root_module"))
        .chain(document.get("prior_state").and_then(|state| state.at(&["values", "root_module"])))
        .collect();
    while let Some(module) = modules.pop() {
        for resource in module.get("resources").and_then(Value::as_array).into_iter().flatten() {
            add(resource, &mut found);
        }
        modules.extend(module.get("child_modules").and_then(Value::as_array).into_iter().flatten());
    }
    found
}

fn add(resource: &Value, found: &mut HashSet<SmolStr>) {
    if let Some(address) = resource.get("address").and_then(Value::as_str) {
        found.insert(address.into());
        if let Some((whole, _)) = address.rsplit_once('[').filter(|_| address.ends_with(']')) {
            found.insert(whole.into());
        }
    }
}
