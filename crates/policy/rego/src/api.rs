//! Policies compiled once, queries prepared once, evaluated many times.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use probity_model::value::{Key, SmolStr, Value};
use probity_model::{Sources, Span};

use crate::ast::{Body, Expr, Import, Module, Term, TermKind, Terms};
use crate::compile::{self, CompileOptions, Compiled, Globals};
use crate::error::{Code, Error, Errors};
use crate::host::{Closed, Host};
use crate::observe::Observer;
use crate::parser::{self, Version};
use crate::plan::{GroupId, Kind, QueryPlan};
use crate::vm::{Flow, Limits, Vm};

/// Compiled modules. Cheap to clone; shared between threads as it is.
#[derive(Clone)]
pub struct Policies(Arc<Inner>);

struct Inner {
    compiled: Compiled,
    options: CompileOptions,
    sources: Arc<Sources>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").field("groups", &self.0.compiled.plan.groups.len()).finish()
    }
}

/// The documents that policies are evaluated over.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    /// What `input` is; undefined when absent.
    pub input: Option<Value>,
    /// The base document that `data` has beside the rules, an object.
    pub data: Option<Value>,
}

impl Documents {
    /// An input, and no data beside the rules.
    pub fn input(input: Value) -> Self {
        Self { input: Some(input), data: None }
    }
}

/// How an evaluation goes.
pub struct Evaluation<'h> {
    /// What it may take.
    pub limits: Limits,
    /// Whether an error of a function ends it; otherwise what called the function is undefined.
    pub strict_builtin_errors: bool,
    /// What policies may have from outside.
    pub host: &'h dyn Host,
    /// Takes the first [`Value::Unknown`] that had to be known: what was found then says nothing. Without it unknown
    /// values are like any other.
    pub unknown: Option<&'h OnceCell<Arc<str>>>,
    /// Who is told what goes on; what there is to tell depends on how the policies were compiled.
    pub observer: Option<&'h dyn Observer>,
}

impl Default for Evaluation<'_> {
    fn default() -> Self {
        Self { limits: Limits::default(), strict_builtin_errors: false, host: &Closed, unknown: None, observer: None }
    }
}

/// The values of a query's variables in one solution.
pub type Bindings = BTreeMap<SmolStr, Value>;

impl Policies {
    /// Compiles modules.
    ///
    /// # Errors
    /// All errors of the stage that found any, with their places in `sources`.
    pub fn compile(modules: Vec<Module>, options: CompileOptions, sources: Arc<Sources>) -> Result<Self, Errors> {
        let compiled = compile::modules(modules, &options).map_err(|errors| errors.located(&sources))?;
        Ok(Self(Arc::new(Inner { compiled, options, sources })))
    }

    /// Reads and compiles texts, each with its path.
    ///
    /// # Errors
    /// The errors of every text that is not Rego, or else those of [`Policies::compile`].
    pub fn read<'t>(
        texts: impl IntoIterator<Item = (&'t Path, &'t str)>,
        version: Version,
        options: CompileOptions,
        sources: Arc<Sources>,
    ) -> Result<Self, Errors> {
        let mut modules = Vec::new();
        let mut errors = Vec::new();
        for (path, text) in texts {
            match parser::parse_module(path, text, version, &sources) {
                Ok(module) => modules.push(module),
                Err(found) => errors.extend(found.0),
            }
        }
        if errors.is_empty() { Self::compile(modules, options, sources) } else { Err(Errors(errors)) }
    }

    /// Prepares a query, such as `data.kubernetes.deny` or `x := data.a.b; x > 1`.
    ///
    /// # Errors
    /// When it is no query, or makes no sense with these policies.
    pub fn query(&self, text: &str) -> Result<Query, Errors> {
        self.query_in(text, &[])
    }

    /// Prepares a query that may use imports.
    ///
    /// # Errors
    /// As [`Policies::query`].
    pub fn query_in(&self, text: &str, imports: &[Import]) -> Result<Query, Errors> {
        let body = parser::parse_query(text, &self.0.sources)?;
        let globals: Globals = imports.iter().map(|import| (import.name(), import.path.clone())).collect();
        let plan = compile::query(body, &self.0.compiled, &globals, &self.0.options)
            .map_err(|errors| errors.located(&self.0.sources))?;
        Ok(Query { policies: self.clone(), plan: Arc::new(plan) })
    }

    /// Prepares a query that gives the value of each of its expressions, also of those that are false, under the names
    /// `expr0`, `expr1`, ... beside its variables.
    ///
    /// # Errors
    /// As [`Policies::query`].
    pub fn query_values(&self, text: &str) -> Result<Query, Errors> {
        let mut body = parser::parse_query(text, &self.0.sources)?;
        // Where there is a choice, only what is not false is a solution.
        let must_hold = body.len() > 1 || has_iteration(&body);
        let mut conditions = Vec::new();
        for (position, expr) in body.iter_mut().enumerate() {
            let var = Term::var(expr.span, format!("expr{position}"));
            if self.capture(expr, &var) && must_hold {
                let mut condition = Expr::new(expr.span, Terms::Term(var));
                condition.generated = true;
                conditions.push(condition);
            }
        }
        body.extend(conditions);
        let plan = compile::query(body, &self.0.compiled, &Globals::new(), &self.0.options)
            .map_err(|errors| errors.located(&self.0.sources))?;
        Ok(Query { policies: self.clone(), plan: Arc::new(plan) })
    }

    /// Makes an expression give its value to a variable; `false` when it has none to give.
    fn capture(&self, expr: &mut Expr, var: &Term) -> bool {
        if expr.negated {
            return false;
        }
        match &mut expr.terms {
            Terms::Term(term) if !matches!(term.kind, TermKind::Template(_)) => {
                let term = term.clone();
                expr.terms = Terms::Call(vec![Term::operator(expr.span, "eq"), var.clone(), term]);
                true
            }
            Terms::Call(terms) if !terms[0].is_operator("eq") && !terms[0].is_operator("assign") => {
                let is_void = crate::builtins::find(&terms[0].to_string()).is_some_and(|builtin| builtin.void);
                let takes = compile::arity(&self.0.compiled.tree, &terms[0]);
                let gives = !is_void && takes == Some(terms.len() - 1);
                if gives {
                    terms.push(var.clone());
                }
                gives
            }
            _ => false,
        }
    }

    /// The rules of a name, such as `data.kubernetes.deny`, to be evaluated without a query. `None` when there are none
    /// of exactly that name, or it is a function's.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        let plan = &self.0.compiled.plan;
        let mut parts = name.split('.');
        if parts.next() != Some("data") {
            return None;
        }
        let node = parts.try_fold(0, |node, part| plan.child(node, &Key::new(part)))?;
        let group = plan.nodes[node as usize].group?;
        if matches!(plan.groups[group as usize].kind, Kind::Function(_)) {
            return None;
        }
        Some(Entry { policies: self.clone(), group, only: None })
    }

    /// The full names of all rules that are no functions.
    pub fn entries(&self) -> impl Iterator<Item = &str> {
        let groups = self.0.compiled.plan.groups.iter();
        groups.filter(|group| !matches!(group.kind, Kind::Function(_))).map(|group| group.name.as_str())
    }

    fn run<'p, T>(
        &'p self,
        documents: &Documents,
        evaluation: &'p Evaluation<'_>,
        run: impl FnOnce(&mut Vm<'p>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let plan = &self.0.compiled.plan;
        let data = documents.data.clone().unwrap_or_else(|| Value::object::<&str>([]));
        let Evaluation { limits, host, observer, .. } = evaluation;
        let mut vm = Vm::new(plan, documents.input.clone(), Some(data), limits, *host, *observer);
        vm.unknown = evaluation.unknown;
        let result = run(&mut vm).map_err(|error| error.located(&self.0.sources))?;
        match vm.builtin_error.take() {
            Some(error) if evaluation.strict_builtin_errors => Err(error.located(&self.0.sources)),
            _ => Ok(result),
        }
    }
}

/// A prepared query.
#[derive(Clone)]
pub struct Query {
    policies: Policies,
    plan: Arc<QueryPlan>,
}

impl std::fmt::Debug for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").finish_non_exhaustive()
    }
}

impl Query {
    /// All solutions.
    ///
    /// # Errors
    /// When rules conflict, the budget is spent, or a function fails and that is to end the evaluation.
    pub fn evaluate(&self, documents: &Documents, evaluation: &Evaluation<'_>) -> Result<Vec<Bindings>, Error> {
        self.policies.run(documents, evaluation, |vm| {
            let mut solutions = Vec::new();
            vm.query(&self.plan, &mut |vm| {
                let values = self.plan.outputs.iter().map(|(name, slot)| (name.clone(), vm.slot(*slot).clone()));
                solutions.push(values.collect());
                Ok(Flow::Continue)
            })?;
            Ok(solutions)
        })
    }

    /// Whether there is a solution.
    ///
    /// # Errors
    /// As [`Query::evaluate`].
    pub fn holds(&self, documents: &Documents, evaluation: &Evaluation<'_>) -> Result<bool, Error> {
        self.policies.run(documents, evaluation, |vm| {
            let mut found = false;
            vm.query(&self.plan, &mut |_| {
                found = true;
                Ok(Flow::Stop)
            })?;
            Ok(found)
        })
    }
}

/// The rules of one name.
#[derive(Debug, Clone)]
pub struct Entry {
    policies: Policies,
    group: GroupId,
    only: Option<Arc<[usize]>>,
}

impl Entry {
    /// Where the rules stand, without the default.
    pub fn rules(&self) -> Vec<Span> {
        let group = &self.policies.0.compiled.plan.groups[self.group as usize];
        group.rules.iter().map(|rule| rule.span).collect()
    }

    /// The same with some of the rules only, by their positions in [`Entry::rules`], when each adds members to a set. What
    /// has one value, or is an object, is whole or not at all.
    #[must_use]
    pub fn only(&self, rules: &[usize]) -> Self {
        let group = &self.policies.0.compiled.plan.groups[self.group as usize];
        let only =
            (group.kind == Kind::Set).then(|| rules.iter().copied().filter(|at| *at < group.rules.len()).collect());
        Self { only, ..self.clone() }
    }

    /// The value of the rules; `None` when it is undefined.
    ///
    /// # Errors
    /// As [`Query::evaluate`].
    pub fn evaluate(&self, documents: &Documents, evaluation: &Evaluation<'_>) -> Result<Option<Value>, Error> {
        self.policies.run(documents, evaluation, |vm| match &self.only {
            Some(rules) => vm.members_of(self.group, rules).map(Some),
            None => vm.group(self.group),
        })
    }
}

/// Whether a reference outside of comprehensions has a key that is a variable, or a function with many results is called.
fn has_iteration(body: &Body) -> bool {
    let mut found = false;
    crate::vars::walk_body(body, &mut |term| {
        if let TermKind::Ref(parts) = &term.kind {
            found |= parts[1..].iter().any(|part| part.as_var().is_some());
            found |= crate::builtins::find(&term.to_string()).is_some_and(|builtin| builtin.relation);
        }
        !found && !matches!(term.kind, TermKind::ArrayCompr(_) | TermKind::SetCompr(_) | TermKind::ObjectCompr(_))
    });
    found
}

/// Reads one term of constants, such as `{"a": {1, 2}}`, as a value.
///
/// # Errors
/// When it is no term, or has something to evaluate in it.
pub fn parse_value(text: &str) -> Result<Value, Errors> {
    let sources = Arc::new(Sources::default());
    let policies = Policies::compile(Vec::new(), CompileOptions::default(), sources)?;
    let query = policies.query(&format!("value = {text}"))?;
    let solutions = query.evaluate(&Documents::default(), &Evaluation::default())?;
    let value = solutions.into_iter().next().and_then(|mut solution| solution.remove("value"));
    value.ok_or_else(|| Error::new(Code::Parse, None, "not a term of constants").into())
}
