//! Files are run: the policy itself and its modules.

use probity_model::Span;
use smol_str::SmolStr;

use super::statement::Flow;
use super::{Env, Interp, Stop};
use crate::evaluation::Import;
use crate::imports::Standard;
use crate::policy::Policy;
use crate::terraform::{self, Plan};
use crate::value::{Imported, Origin, Value, of_document};

impl Interp<'_> {
    /// Runs a file from top to bottom.
    pub(crate) fn run(&mut self, policy: &Policy, is_module: bool) -> Result<Env, Stop> {
        self.files.push(policy.clone());
        let env = Env::new(policy.clone());
        let file = policy.file();
        let mut imports = Vec::with_capacity(file.imports.len());
        for import in &file.imports {
            let value = self.import(&import.path, env.span(import.at))?;
            imports.push((import.name.clone(), value));
        }
        // Set once: the instance was made right above.
        let _ = env.instance.imports.set(imports);
        self.params(&env, is_module)?;
        match self.block(&file.statements, &env)? {
            Flow::Next => Ok(env),
            Flow::Return(_) => Err(Stop::at("`return` stands in no function", Self::whole(&env))),
            Flow::Break(at) | Flow::Continue(at) => Err(Stop::at("there is no loop to leave", at)),
        }
    }

    fn whole(env: &Env) -> Span {
        Span { source: env.instance.policy.source_id(), start: 0, end: 0 }
    }

    fn params(&mut self, env: &Env, is_module: bool) -> Result<(), Stop> {
        for param in &env.instance.policy.file().params {
            let name = &param.name;
            let span = env.span(name.at);
            if is_module {
                return Err(Stop::at("a module has no parameters", span));
            }
            let value = match (self.input.param(&name.name), &param.default) {
                (Some(value), _) => of_document(value),
                (None, Some(default)) => self.eval(default, env)?,
                (None, None) => {
                    return Err(Stop::at(format!("requires value for parameter {}", name.name), span));
                }
            };
            env.scope.declare(name.name.clone(), value);
        }
        Ok(())
    }

    /// What an import stands for.
    fn import(&mut self, path: &SmolStr, span: Span) -> Result<Value, Stop> {
        match self.loaded.get(path) {
            Some(Some(value)) => return Ok(value.clone()),
            Some(None) => return Err(Stop::at(format!("the module {path:?} imports itself"), span)),
            None => {}
        }
        let value = match self.input.import(path) {
            Some(Import::Data(data)) => of_document(data),
            Some(Import::Module(module)) => {
                self.loaded.insert(path.clone(), None);
                self.budget.enter().map_err(|message| Stop::at(message, span))?;
                let env = self.run(module, true);
                self.budget.leave();
                Value::Import(Imported::Module(env.map_err(|stop| stop.called(path.clone(), span))?))
            }
            Some(Import::Plan(plan)) => of_plan(plan, path).map_err(|message| Stop::at(message, span))?,
            None => self.built_in(path).map_err(|message| Stop::at(message, span))?,
        };
        self.loaded.insert(path.clone(), Some(value.clone()));
        Ok(value)
    }

    /// An import of the plan, or a standard one.
    fn built_in(&self, path: &str) -> Result<Value, String> {
        if let Some(plan) = self.input.plan.filter(|_| terraform::IMPORTS.contains(&path)) {
            return of_plan(plan, path);
        }
        match Standard::find(path) {
            Some(standard) => Ok(Value::Import(Imported::Standard(standard))),
            None => Err(unavailable(path)),
        }
    }

    /// Where something undefined comes from, for a message.
    pub(super) fn because(&self, origin: &Origin) -> String {
        let place = origin.span.and_then(|span| Some(self.file_of(span)?.location(span).to_string()));
        match place {
            Some(place) => format!(" ({}, at {place})", origin.reason),
            None => format!(" ({})", origin.reason),
        }
    }
}

fn of_plan(plan: &Plan, path: &str) -> Result<Value, String> {
    let namespace = plan.import(path).unwrap_or_else(|| Err(format!("a plan gives no import {path:?}")))?;
    Ok(Value::Import(Imported::Terraform(namespace)))
}

fn unavailable(path: &str) -> String {
    if terraform::IMPORTS.contains(&path) {
        return format!("the import {path:?} is made of a plan of Terraform, and none is given");
    }
    format!(
        "the import {path:?} is not available: it is no standard import, and no module, mock or data is given for it"
    )
}
