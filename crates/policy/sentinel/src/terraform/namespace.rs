//! What the imports have, by name.

use std::rc::Rc;
use std::sync::OnceLock;

use probity_model::Value as Model;

use super::tree_v1::key_of;
use super::{IMPORTS, Inner, Plan, config_v1, config_v2, is_plan, plan_v1, plan_v2, state_v1, state_v2};
use crate::eval::{Args, Def, Interp, Stop, settle};
use crate::imports::Object;
use crate::value::{Function, Imported, Native, Value, of_document};

/// A member of an import that is data, and how it is made; none when the document does not have it.
struct Member {
    name: &'static str,
    /// Where it is kept.
    cell: usize,
    make: fn(&Inner) -> Option<Model>,
}

const fn data(name: &'static str, cell: usize, make: fn(&Inner) -> Option<Model>) -> Member {
    Member { name, cell, make }
}

/// An import.
struct Table {
    path: &'static str,
    members: &'static [Member],
    /// Where its modules are kept, when it has modules: what the root module has, it has itself.
    modules: Option<Member>,
    /// Other imports that it has as members.
    imports: &'static [(&'static str, &'static str)],
    functions: &'static [Def],
    /// What stands in the way of it.
    obstacle: fn(&Inner) -> Option<&'static str>,
}

/// How many members are kept.
const CELLS: usize = 24;

/// Members once they were made.
#[derive(Default)]
pub(super) struct Cells([OnceLock<Option<Model>>; CELLS]);

static TABLES: [Table; 7] = [
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
        modules: None,
        imports: &[],
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
        modules: None,
        imports: &[],
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
        modules: None,
        imports: &[],
        functions: &config_v2::FUNCTIONS,
        obstacle: of_configurations,
    },
    Table { path: "tfrun", members: &[], modules: None, imports: &[], functions: &[], obstacle: of_runs },
    Table {
        path: "tfplan",
        members: &[
            data("terraform_version", 0, plan_v2::terraform_version),
            data("variables", 16, |plan| Some(plan_v1::variables(plan))),
            data("module_paths", 17, |plan| Some(plan_v1::module_paths(plan))),
        ],
        modules: Some(data("", 18, |plan| Some(plan_v1::modules(plan)))),
        imports: &[("config", "tfconfig"), ("state", "tfstate")],
        functions: &FUNCTIONS,
        obstacle: of_plans,
    },
    Table {
        path: "tfstate",
        members: &[
            data("terraform_version", 7, state_v2::terraform_version),
            data("outputs", 19, |plan| Some(state_v1::outputs(plan))),
            data("module_paths", 20, |plan| Some(state_v1::module_paths(plan))),
        ],
        modules: Some(data("", 21, |plan| Some(state_v1::modules(plan)))),
        imports: &[],
        functions: &FUNCTIONS,
        obstacle: |_| None,
    },
    Table {
        path: "tfconfig",
        members: &[data("module_paths", 22, |plan| Some(config_v1::module_paths(plan)))],
        modules: Some(data("", 23, |plan| Some(config_v1::modules(plan)))),
        imports: &[],
        functions: &FUNCTIONS,
        obstacle: of_configurations,
    },
];

/// Functions of the imports that have modules.
static FUNCTIONS: [Def; 1] = [Def { name: "module", call: module }];

/// The module of a path; `null` when there is none.
fn module(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    settle((|| {
        let mut path = Vec::new();
        for name in args.list(0)?.to_vec() {
            match name {
                Value::String(name) => path.push(name.to_str().into_owned()),
                undefined @ Value::Undefined(_) => return Ok(undefined),
                other => return Err(format!("the path of a module is strings, got {}", other.type_name()).into()),
            }
        }
        match args.receiver.as_deref() {
            Some(Object::Terraform(namespace)) => Ok(namespace.module(&path).unwrap_or(Value::Null)),
            _ => Ok(Value::Null),
        }
    })())
}

fn of_plans(plan: &Inner) -> Option<&'static str> {
    if plan.document.get("errored") == Some(&Model::Bool(true)) {
        return Some("the plan ended with an error, and does not have all changes");
    }
    (!is_plan(&plan.document)).then_some("the document is a state, which says nothing of changes")
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
        if !IMPORTS.contains(&name) {
            return None;
        }
        let path = name.strip_suffix("/v1").unwrap_or(name);
        let table = TABLES.iter().find(|table| table.path == path)?;
        Some(match (table.obstacle)(&plan.0) {
            Some(obstacle) => Err(format!("the import {name:?} cannot be made: {obstacle}")),
            None => Ok(Self { plan: plan.clone(), table }),
        })
    }

    /// A member, when there is one of that name.
    pub(crate) fn member(&self, name: &str) -> Option<Value> {
        if self.table.path == "tfrun" {
            return self.plan.0.run.as_ref()?.get(name).map(of_document);
        }
        if let Some(member) = self.table.members.iter().find(|member| member.name == name) {
            return self.made(member).map(of_document);
        }
        if let Some((_, path)) = self.table.imports.iter().find(|(known, _)| *known == name) {
            return Some(Value::Import(Imported::Terraform(Self::find(&self.plan, path)?.ok()?)));
        }
        if let Some(def) = self.table.functions.iter().find(|def| def.name == name) {
            let receiver = self.table.modules.as_ref().map(|_| Rc::new(Object::Terraform(self.clone())));
            return Some(Value::Function(Function::Native(Native { def, receiver })));
        }
        self.modules()?.get("")?.get(name).map(of_document)
    }

    /// What is kept of a member, made when it is first asked for.
    fn made(&self, member: &Member) -> Option<&Model> {
        let inner = &self.plan.0;
        inner.cells.0[member.cell].get_or_init(|| (member.make)(inner)).as_ref()
    }

    fn modules(&self) -> Option<&Model> {
        self.made(self.table.modules.as_ref()?)
    }

    fn module(&self, path: &[String]) -> Option<Value> {
        self.modules()?.get(&key_of(path)).map(of_document)
    }
}
