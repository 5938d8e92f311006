//! What the imports have, by name.

use std::sync::OnceLock;

use probity_model::Value as Model;

use super::{Inner, Plan, config_v2, plan_v2, state_v2};
use crate::eval::Def;
use crate::value::{Function, Native, Value, of_document};

/// A member of an import that is data, and how it is made; none when the document does not have it.
struct Member {
    name: &'static str,
    /// Where it is kept.
    cell: usize,
    make: fn(&Inner) -> Option<Model>,
}

/// An import.
struct Table {
    path: &'static str,
    members: &'static [Member],
    functions: &'static [Def],
    /// What stands in the way of it.
    obstacle: fn(&Inner) -> Option<&'static str>,
}

const fn data(name: &'static str, cell: usize, make: fn(&Inner) -> Option<Model>) -> Member {
    Member { name, cell, make }
}

/// How many members are kept.
const CELLS: usize = 16;

/// Members once they were made.
#[derive(Default)]
pub(super) struct Cells([OnceLock<Option<Model>>; CELLS]);

static TABLES: [Table; 4] = [
    Table {
        path: "tfplan/v2",
        members: &[
            data("terraform_version", 0, plan_v2::terraform_version),
            data("variables", 1, |plan| Some(plan_v2::variables(plan))),
            data("planned_values", 2, |plan| Some(plan_v2::planned_values(plan))),
            data("resource_changes", 3, |plan| Some(plan_v2::resource_changes(plan))),
            data("resource_drift", 4, |plan| Some(plan_v2::resource_drift(plan))),
            data("output_changes", 5, |plan| Some(plan_v2::output_changes(plan))),
            data("raw", 6, |plan| Some(Model::Object(plan.document.clone()))),
        ],
        functions: &[],
        obstacle: of_plans,
    },
    Table {
        path: "tfstate/v2",
        members: &[
            data("terraform_version", 7, state_v2::terraform_version),
            data("resources", 8, |plan| Some(state_v2::resources(plan))),
            data("outputs", 9, |plan| Some(state_v2::outputs(plan))),
        ],
        functions: &[],
        obstacle: |_| None,
    },
    Table {
        path: "tfconfig/v2",
        members: &[
            data("providers", 10, |plan| Some(config_v2::providers(plan))),
            data("resources", 11, |plan| Some(config_v2::resources(plan))),
            data("provisioners", 12, |plan| Some(config_v2::provisioners(plan))),
            data("variables", 13, |plan| Some(config_v2::variables(plan))),
            data("outputs", 14, |plan| Some(config_v2::outputs(plan))),
            data("module_calls", 15, |plan| Some(config_v2::module_calls(plan))),
        ],
        functions: &config_v2::FUNCTIONS,
        obstacle: of_configurations,
    },
    Table { path: "tfrun", members: &[], functions: &[], obstacle: of_runs },
];

fn of_plans(plan: &Inner) -> Option<&'static str> {
    (!plan.is_plan()).then_some("the document is a state, which says nothing of changes")
}

fn of_configurations(plan: &Inner) -> Option<&'static str> {
    let has = plan.document.get("configuration").is_some_and(|configuration| configuration.as_object().is_some());
    (!has).then_some("the document has no `configuration`, as plans have")
}

fn of_runs(plan: &Inner) -> Option<&'static str> {
    plan.run
        .is_none()
        .then_some("a plan says nothing of the run that it is part of, and no document of the run is given")
}

/// An import of a plan.
#[derive(Clone)]
pub(crate) struct Namespace {
    plan: Plan,
    table: &'static Table,
}

impl Namespace {
    pub(super) fn find(plan: &Plan, name: &str) -> Option<Result<Self, String>> {
        let table = TABLES.iter().find(|table| table.path == name)?;
        Some(match (table.obstacle)(&plan.0) {
            Some(obstacle) => Err(format!("the import {name:?} cannot be made: {obstacle}")),
            None => Ok(Self { plan: plan.clone(), table }),
        })
    }

    /// A member, when there is one of that name.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        let inner = &self.plan.0;
        if self.table.path == "tfrun" {
            return inner.run.as_ref()?.get(name).map(of_document);
        }
        if let Some(member) = self.table.members.iter().find(|member| member.name == name) {
            let made = inner.cells.0[member.cell].get_or_init(|| (member.make)(inner));
            return made.as_ref().map(of_document);
        }
        let def = self.table.functions.iter().find(|def| def.name == name)?;
        Some(Value::Function(Function::Native(Native { def, receiver: None })))
    }
}
