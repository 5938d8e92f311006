//! What a policy is evaluated with.

use std::collections::HashMap;

use probity_model::Value as Model;

use crate::eval::{Env, Interp, Limits, Stop};
use crate::host::{Host, Nothing};
use crate::outcome::{Failure, Outcome};
use crate::policy::Policy;
use crate::terraform::Plan;
use crate::value::{Value, of_document};

/// What the name of an import stands for: given so, it comes before the standard import of that name.
#[derive(Debug, Clone)]
pub enum Import {
    /// A file of the language: a module, or the module of a mock.
    Module(Policy),
    /// Data: a static import or the data of a mock.
    Data(Model),
    /// An import of Terraform, one of [`terraform::IMPORTS`](crate::terraform::IMPORTS), made of a plan of its own.
    Plan(Plan),
}

/// Everything that a policy is evaluated with.
pub struct Evaluation<'e> {
    policy: &'e Policy,
    imports: HashMap<String, Import>,
    params: HashMap<String, Model>,
    globals: HashMap<String, Model>,
    rules: Vec<String>,
    pub(crate) plan: Option<&'e Plan>,
    pub(crate) host: &'e dyn Host,
    pub(crate) limits: Limits,
    pub(crate) timezone: Option<String>,
}

impl<'e> Evaluation<'e> {
    /// An evaluation with nothing given, and nothing allowed from outside.
    pub fn new(policy: &'e Policy) -> Self {
        Self {
            policy,
            imports: HashMap::new(),
            params: HashMap::new(),
            globals: HashMap::new(),
            rules: Vec::new(),
            plan: None,
            host: &Nothing,
            limits: Limits::default(),
            timezone: None,
        }
    }

    /// Gives what an import stands for.
    #[must_use]
    pub fn with_import(mut self, name: impl Into<String>, import: Import) -> Self {
        self.imports.insert(name.into(), import);
        self
    }

    /// Gives the imports of Terraform, [`terraform::IMPORTS`](crate::terraform::IMPORTS), made of this plan as far as the policy
    /// asks for them. What [`Evaluation::with_import`] gives comes first.
    #[must_use]
    pub fn with_plan(mut self, plan: &'e Plan) -> Self {
        self.plan = Some(plan);
        self
    }

    /// Gives a parameter its value.
    #[must_use]
    pub fn with_param(mut self, name: impl Into<String>, value: Model) -> Self {
        self.params.insert(name.into(), value);
        self
    }

    /// Gives a name that is there without an import, as those of Vault are, its value.
    #[must_use]
    pub fn with_global(mut self, name: impl Into<String>, value: Model) -> Self {
        self.globals.insert(name.into(), value);
        self
    }

    /// Asks for rules or variables beside `main`, whose values [`Outcome::rule`] gives.
    #[must_use]
    pub fn with_rules(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.rules.extend(names);
        self
    }

    /// Allows what the host gives.
    #[must_use]
    pub fn with_host(mut self, host: &'e dyn Host) -> Self {
        self.host = host;
        self
    }

    /// Sets the bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the time zone of `time.now`, such as `Europe/Berlin`; UTC else.
    #[must_use]
    pub fn with_timezone(mut self, name: impl Into<String>) -> Self {
        self.timezone = Some(name.into());
        self
    }

    /// Evaluates the policy: runs it from top to bottom, then asks for `main`.
    ///
    /// # Errors
    /// When an error ends it: never a pass.
    pub fn run(&self) -> Result<Outcome, Failure> {
        let mut interp = Interp::new(self);
        let result = self.outcome(&mut interp);
        result.map_err(|stop| Failure::new(&interp, stop))
    }

    fn outcome(&self, interp: &mut Interp<'_>) -> Result<Outcome, Stop> {
        let env = interp.run(self.policy, false)?;
        let main = self.main(interp, &env)?;
        let mut asked = Vec::new();
        for name in self.rules.iter().filter(|name| *name != "main") {
            let value = match env.scope.own(name) {
                Some(Value::Rule(rule)) => interp.force(&rule)?,
                Some(value) => value,
                None => continue,
            };
            asked.push((name.clone(), value));
        }
        Outcome::new(interp, &main, &asked)
    }

    fn main(&self, interp: &mut Interp<'_>, env: &Env) -> Result<Value, Stop> {
        match env.scope.own("main") {
            Some(Value::Rule(rule)) => interp.force(&rule),
            Some(value) => Ok(value),
            None => {
                let start = probity_model::Span { source: self.policy.source_id(), start: 0, end: 0 };
                Err(Stop::at("the policy has no `main`", start))
            }
        }
    }

    pub(crate) fn import(&self, name: &str) -> Option<&Import> {
        self.imports.get(name)
    }

    pub(crate) fn param(&self, name: &str) -> Option<&Model> {
        self.params.get(name)
    }

    pub(crate) fn global(&self, name: &str) -> Option<Value> {
        self.globals.get(name).map(of_document)
    }
}
