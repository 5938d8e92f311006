//! From syntax trees to a plan, in the stages of OPA's compiler: names are resolved, rules are put in a tree, variables
//! get names of their own, what must be evaluated is lifted out of terms, everything is checked, bodies are ordered.

mod checks;
mod cost;
mod declared;
mod expand;
mod graph;
mod grouped;
pub(crate) mod known;
mod locals;
mod lower;
mod metadata;
mod observed;
mod order;
mod prints;
mod resolve;
pub(crate) mod safety;
mod templates;
mod tree;
mod unify;
mod with;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use probity_model::value::Value;

use crate::ast::{Body, Module, Name, Rule, Term};
use crate::builtins;
use crate::error::{Code, Error, Errors};
use crate::plan::{Plan, QueryPlan};
use crate::types::{self, Dependents, Overrides, TypeError, Types};
use crate::vars::VarSet;
pub(crate) use graph::Graph;
pub(crate) use tree::Tree;

/// How strictly policies are taken.
#[derive(Debug, Clone, Default)]
pub struct CompileOptions {
    /// Whether unused variables, arguments and imports, and functions that are deprecated, are errors.
    pub strict: bool,
    /// Functions that policies may not call.
    pub unsafe_builtins: Vec<String>,
    /// Whether calls of `print` stay; otherwise they are left out.
    pub keep_prints: bool,
    /// Whether an [`Observer`](crate::observe::Observer) can be told what is evaluated. Evaluation is slower by that.
    pub observe: bool,
    /// Functions that are not the language's own.
    pub extensions: Extensions,
    /// What is known of `input`, and of what annotations name a schema for.
    pub schemas: Option<Arc<Schemas>>,
}

/// JSON schemas by name: `schema` is that of `input`, `schema.kubernetes.pod` one that `# METADATA` may name.
#[derive(Debug, Clone, Default)]
pub struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// Adds a schema under the folders and the file, without its ending, that it lies in. Without any it is that of `input`.
    pub fn insert(&mut self, path: &[&str], schema: Value) {
        self.0.insert(types::schema_name(path), schema);
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// Functions that other tools add to the language.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    /// Those of Trivy's checks: `result.new`, `isManaged`, `cidr.count_addresses`, `cidr.is_public`,
    /// `sh.parse_commands`, `squealer.scan_string`.
    pub trivy: bool,
    /// Those of Conftest's tests: `parse_config`, `parse_config_file`, `parse_combined_config_files`.
    pub conftest: bool,
}

impl Extensions {
    /// Whether a function of another tool is there.
    pub(crate) fn have(self, name: &str) -> bool {
        if name.starts_with("parse_") { self.conftest } else { self.trivy }
    }

    /// Every function that is known.
    pub const ALL: Self = Self { trivy: true, conftest: true };
}

/// Gives fresh variables, and knows which names they stand for.
pub(crate) struct Names {
    prefix: &'static str,
    next: usize,
    pub(crate) rewritten: HashMap<Name, Name>,
    /// Names that look like fresh ones and stand in the text.
    taken: VarSet,
}

impl Names {
    fn new(prefix: &'static str) -> Self {
        Self { prefix, next: 0, rewritten: HashMap::new(), taken: VarSet::new() }
    }

    fn take(&mut self, body: &Body) {
        crate::vars::walk_body(body, &mut |term| {
            if let Some(name) = term.as_var().filter(|name| crate::ast::is_generated(name)) {
                self.taken.insert(name.clone());
            }
            true
        });
    }

    fn take_all(&mut self, modules: &mut [Module]) {
        for rule in modules.iter_mut().flat_map(|module| &mut module.rules) {
            for_each_branch(rule, &mut |rule| {
                self.take(&rule.body);
                self.taken.extend(rule.head.args.iter().filter_map(Term::as_var).cloned());
            });
        }
    }

    pub(crate) fn fresh(&mut self) -> Name {
        loop {
            let name: Name = format!("__local{}{}__", self.prefix, self.next).into();
            self.next += 1;
            if !self.taken.contains(&name) {
                return name;
            }
        }
    }

    pub(crate) fn original(&self, name: &Name) -> Name {
        self.rewritten.get(name).unwrap_or(name).clone()
    }
}

/// Compiled modules: the plan, and what queries are compiled against.
pub(crate) struct Compiled {
    pub(crate) plan: Plan,
    pub(crate) tree: Tree,
    graph: Graph,
    types: Types,
}

/// Calls a function on a rule and each of its `else` branches.
fn for_each_branch(rule: &mut Rule, visit: &mut dyn FnMut(&mut Rule)) {
    let mut current = Some(rule);
    while let Some(rule) = current {
        visit(rule);
        current = rule.otherwise.as_deref_mut();
    }
}

fn reserved() -> VarSet {
    ["data".into(), "input".into()].into()
}

/// Compiles modules.
pub(crate) fn modules(mut modules: Vec<Module>, options: &CompileOptions) -> Result<Compiled, Errors> {
    let mut errors = Vec::new();
    let mut names = Names::new("");
    checks::before(&modules, options, &mut errors);
    resolve_all(&mut modules, options, &mut errors);
    names.take_all(&mut modules);
    stop(&mut errors)?;

    let metadata = metadata::Calls::find(&modules);
    for module in &mut modules {
        module.rules.iter_mut().for_each(|rule| expand::head_refs(rule, &mut names));
    }
    let tree = Tree::new(&modules);
    for module in &mut modules {
        for rule in &mut module.rules {
            locals::rewrite_rule(rule, &mut names, options.strict, &mut errors);
        }
    }
    stop(&mut errors)?;
    for module in &mut modules {
        for rule in &mut module.rules {
            templates::Templates::new(&mut names, &|operator| arity(&tree, operator), &mut errors).rule(rule);
        }
    }
    stop(&mut errors)?;
    for module in &mut modules {
        for rule in &mut module.rules {
            for_each_branch(rule, &mut |rule| {
                checks::void_calls(rule, &mut errors);
                prints::Prints::new(options.keep_prints, &mut names).rule(rule);
            });
        }
    }
    stop(&mut errors)?;
    for module in &mut modules {
        for rule in &mut module.rules {
            expand::rule(rule, &mut names);
        }
    }
    metadata.rewrite(&mut modules);
    for module in &mut modules {
        for rule in &mut module.rules {
            expand::closures_in_rule(rule, &mut names);
            for_each_branch(rule, &mut |rule| {
                with::rewrite_rule(rule, &tree, &mut names, options, &mut errors);
            });
        }
    }
    stop(&mut errors)?;
    checks::conflicts(&modules, &tree, &mut errors);
    stop(&mut errors)?;
    checks::functions(&modules, &tree, options, &mut errors);
    stop(&mut errors)?;
    order_all(&mut modules, &tree, &names, &mut errors);
    stop(&mut errors)?;
    for module in &mut modules {
        for rule in &mut module.rules {
            for_each_branch(rule, &mut |rule| {
                expand::equals(&mut rule.body);
                expand::dynamics(&mut rule.body, &mut names);
            });
        }
    }
    let graph = Graph::new(&modules, &tree, &mut errors);
    stop(&mut errors)?;
    let types = check_types(&modules, &tree, &graph, &names, options)?;
    let plan = lower::plan(&mut modules, &tree, options.observe)?;
    Ok(Compiled { plan, tree, graph, types })
}

fn check_types(
    modules: &[Module],
    tree: &Tree,
    graph: &Graph,
    names: &Names,
    options: &CompileOptions,
) -> Result<Types, Errors> {
    let mut overrides = Overrides::new(modules, options.schemas.as_deref());
    let input = overrides.input().map_err(|message| Errors::from(Error::new(Code::Type, None, message)))?;
    let mut types = Types::new(input);
    let found = types::rules(modules, tree, graph, names, &mut overrides, &mut types);
    stop(&mut type_errors(found))?;
    Ok(types)
}

fn type_errors(found: Vec<TypeError>) -> Vec<Error> {
    found.into_iter().map(TypeError::into_error).collect()
}

fn stop(errors: &mut Vec<Error>) -> Result<(), Errors> {
    if errors.is_empty() {
        return Ok(());
    }
    let mut errors = std::mem::take(errors);
    let place = |error: &Error| error.span.map(|span| (span.source, span.start));
    errors.sort_by(|one, other| place(one).cmp(&place(other)).then_with(|| one.text().cmp(&other.text())));
    Err(Errors(errors))
}

fn resolve_all(modules: &mut [Module], options: &CompileOptions, errors: &mut Vec<Error>) {
    let mut exports: HashMap<String, Vec<Name>> = HashMap::new();
    for module in modules.iter() {
        let names = exports.entry(crate::ast::ref_text(&module.package)).or_default();
        names.extend(module.rules.iter().filter_map(|rule| rule.head.reference[0].as_var().cloned()));
    }
    for module in modules {
        let globals = resolve::globals(module, &exports[&crate::ast::ref_text(&module.package)]);
        let mut resolver = resolve::Resolver::new(&globals);
        for rule in &mut module.rules {
            resolver.rule(rule, errors);
        }
        if options.strict {
            let used = std::mem::take(&mut resolver.used);
            checks::unused_imports(module, &used, errors);
        }
    }
}

/// How many operands the function takes that a term names.
pub(crate) fn arity(tree: &Tree, operator: &Term) -> Option<usize> {
    let name = operator.to_string();
    if let Some(builtin) = builtins::find(&name) {
        return Some(builtin.arity());
    }
    tree.function(operator)
}

fn order_all(modules: &mut [Module], tree: &Tree, names: &Names, errors: &mut Vec<Error>) {
    let arity = |operator: &Term| arity(tree, operator);
    let original = |name: &Name| names.original(name);
    for module in modules {
        for rule in &mut module.rules {
            for_each_branch(rule, &mut |rule| {
                checks::head_safety(rule, &original, errors);
                let mut globals = reserved();
                for arg in &rule.head.args {
                    globals.extend(crate::vars::term_vars(arg, crate::vars::Skip::default()));
                }
                let mut unsafe_vars = Vec::new();
                rule.body = safety::reorder(&arity, &globals, std::mem::take(&mut rule.body), &mut unsafe_vars);
                errors.extend(safety::errors(&unsafe_vars, &original));
            });
        }
    }
}

/// Compiles a query over compiled modules.
pub(crate) fn query(
    mut body: Body,
    compiled: &Compiled,
    imports: &resolve::Globals,
    options: &CompileOptions,
) -> Result<QueryPlan, Errors> {
    let tree = &compiled.tree;
    let mut errors = Vec::new();
    let mut names = Names::new("q");
    names.take(&body);
    resolve::Resolver::new(imports).query(&mut body);
    let asked = lower::query_vars(&body);
    locals::rewrite_query(&mut body, &mut names, options.strict, &mut errors);
    stop(&mut errors)?;
    templates::Templates::new(&mut names, &|operator| arity(tree, operator), &mut errors).query(&mut body);
    stop(&mut errors)?;
    checks::void_calls_in_body(&body, &mut errors);
    stop(&mut errors)?;
    prints::Prints::new(options.keep_prints, &mut names).body(&mut body);
    expand::body(&mut body, &mut names);
    expand::closures_in_body(&mut body, &mut names);
    with::rewrite_body(&mut body, tree, &mut names, options, &mut errors);
    stop(&mut errors)?;
    checks::functions_in_body(&body, tree, options, &mut errors);
    stop(&mut errors)?;
    let arity = |operator: &Term| arity(tree, operator);
    let mut unsafe_vars = Vec::new();
    body = safety::reorder(&arity, &reserved(), body, &mut unsafe_vars);
    errors.extend(safety::errors(&unsafe_vars, &|name| names.original(name)));
    stop(&mut errors)?;
    expand::dynamics(&mut body, &mut names);
    let dependents = Dependents::new(tree, &compiled.graph);
    stop(&mut type_errors(types::query(&body, &compiled.types, &dependents, &names)))?;
    lower::query(&body, &compiled.plan, tree, &asked, &names, options.observe)
}

pub(crate) use resolve::Globals;
