//! Documents whose types `# METADATA` tells, by schemas of its own or by the names of schemas that are given.

use std::collections::HashMap;

use probity_model::value::{Key, SmolStr, Value};

use super::check::{TypeError, ground_prefix};
use super::env::{Env, Node, constant};
use super::{Kept, Object, Rest, Type, schema};
use crate::annotations::{Annotations, Schema, SchemaAnnotation, Scope, Target, rule_path};
use crate::ast::{Module, Rule, Term};
use crate::compile::Schemas;

/// The schemas that rules are checked with.
pub(crate) struct Overrides<'m> {
    modules: &'m [Module],
    schemas: Option<&'m Schemas>,
    scopes: Scopes<'m>,
    /// The types of schemas with a name.
    known: HashMap<&'m str, Type>,
    pub(crate) kept: Kept,
}

/// What annotations with schemas speak of, by path or place.
#[derive(Default)]
struct Scopes<'m> {
    subpackages: Vec<(Vec<Value>, &'m Annotations)>,
    packages: HashMap<Vec<Value>, &'m Annotations>,
    documents: HashMap<Vec<SmolStr>, &'m Annotations>,
    rules: HashMap<(usize, usize), Vec<&'m Annotations>>,
}

impl<'m> Scopes<'m> {
    fn new(modules: &'m [Module]) -> Self {
        let mut scopes = Self::default();
        let blocks =
            modules.iter().enumerate().flat_map(|(at, module)| module.annotations.iter().map(move |it| (at, it)));
        for (at, block) in blocks.filter(|(_, block)| !block.schema_types.is_empty()) {
            let package = || ground_prefix(&modules[at].package);
            match (block.scope, block.target) {
                (Scope::Subpackages, _) => scopes.subpackages.push((package(), block)),
                (Scope::Package, _) => drop(scopes.packages.entry(package()).or_insert(block)),
                (Scope::Document, Target::Rule(rule)) => {
                    scopes.documents.entry(rule_path(&modules[at], rule)).or_insert(block);
                }
                (Scope::Rule, Target::Rule(rule)) => scopes.rules.entry((at, rule)).or_default().push(block),
                _ => {}
            }
        }
        // Those of packages further out come first.
        scopes.subpackages.sort_by_key(|(path, _)| path.len());
        scopes
    }

    fn is_empty(&self) -> bool {
        self.subpackages.is_empty() && self.packages.is_empty() && self.documents.is_empty() && self.rules.is_empty()
    }
}

impl<'m> Overrides<'m> {
    pub(crate) fn new(modules: &'m [Module], schemas: Option<&'m Schemas>) -> Self {
        Self { modules, schemas, scopes: Scopes::new(modules), known: HashMap::new(), kept: Kept::new() }
    }

    /// The type of all of `input`, when a schema is given for it.
    ///
    /// # Errors
    /// When that is no schema.
    pub(crate) fn input(&mut self) -> Result<Option<Type>, String> {
        let schema = self.schemas.and_then(|schemas| schemas.get("schema"));
        schema.map(|schema| schema::read(schema, &mut self.kept)).transpose()
    }

    /// The annotations that speak of a rule, those that hold for most first; `own` says whether those that stand at the
    /// rule itself are among them.
    fn of(&self, module: usize, rule: usize, own: bool) -> Vec<&'m SchemaAnnotation> {
        let scopes = &self.scopes;
        let package = ground_prefix(&self.modules[module].package);
        let above = scopes.subpackages.iter().filter(|(path, _)| package.starts_with(path)).map(|(_, block)| block);
        let document = rule_path(&self.modules[module], rule);
        let at_rule = scopes.rules.get(&(module, rule)).filter(|_| own).into_iter().flatten();
        let all = above.chain(scopes.packages.get(&package)).chain(scopes.documents.get(&document)).chain(at_rule);
        all.flat_map(|block| &block.schema_types).collect()
    }

    /// The documents that are of other types in a rule.
    pub(super) fn documents(
        &mut self,
        global: &Env<'_>,
        at: (usize, usize),
        own: bool,
        rule: &Rule,
        errors: &mut Vec<TypeError>,
    ) -> Node {
        let mut tree = Node::default();
        if self.scopes.is_empty() {
            return tree;
        }
        for annotation in self.of(at.0, at.1, own) {
            match self.read(annotation).and_then(|of| {
                let Some(of) = of else { return Ok(()) };
                let (path, of) = replaced(global, &tree, &annotation.path, of)?;
                tree.put(&path, of);
                Ok(())
            }) {
                Ok(()) => {}
                Err(message) => errors.push(TypeError::new(rule.span, message, Vec::new())),
            }
        }
        tree
    }

    fn read(&mut self, annotation: &'m SchemaAnnotation) -> Result<Option<Type>, String> {
        let name = match &annotation.schema {
            Schema::Inline(schema) => return schema::read(schema, &mut self.kept).map(Some),
            Schema::Named(name) => name.as_str(),
        };
        if let Some(known) = self.known.get(name) {
            return Ok(Some(known.clone()));
        }
        let Some(schemas) = self.schemas else { return Ok(None) };
        let schema = schemas.get(name).ok_or_else(|| format!("undefined schema: {name}"))?;
        let of = schema::read(schema, &mut self.kept)?;
        self.known.insert(name, of.clone());
        Ok(Some(of))
    }
}

/// The document that a reference stands in, and its type with what the reference means being of another.
fn replaced(global: &Env<'_>, tree: &Node, reference: &[Term], of: Type) -> Result<(Vec<Value>, Type), String> {
    let env = global.with_tree(tree);
    let known = env.reference(&reference[..1]);
    let keys = reference[1..].iter().map(|part| {
        constant(part).ok_or_else(|| format!("error getting key from value: {} requires evaluation", part.kind_name()))
    });
    let keys = keys.collect::<Result<Vec<_>, String>>()?;
    let mut path = ground_prefix(&reference[..1]);
    match known {
        Some(known) if !keys.is_empty() => Ok((path, within(&known, &keys, of))),
        _ => {
            path.extend(keys);
            Ok((path, of))
        }
    }
}

/// A type with what is at a path within it being of another.
fn within(whole: &Type, path: &[Value], of: Type) -> Type {
    let any = || Some(Rest { key: Some(Type::Any), value: Some(Type::Any) });
    let Type::Object(object) = whole.unrolled() else { return object_at(path, of, any().as_ref()) };
    let Object { fixed, rest, .. } = &*object;
    let mut fixed = fixed.clone();
    match fixed.iter_mut().find(|(key, _)| *key == path[0]) {
        Some((_, value)) if path.len() == 1 => *value = Some(of),
        Some((_, value)) => *value = Some(within(value.as_ref().unwrap_or(&Type::Any), &path[1..], of)),
        None => {
            let Type::Object(added) = object_at(path, of, rest.as_ref()) else { return Type::Any };
            fixed.extend(added.fixed.iter().cloned());
        }
    }
    Type::object(fixed, rest.clone())
}

/// Objects within each other along a path.
fn object_at(path: &[Value], of: Type, rest: Option<&Rest>) -> Type {
    path.iter().rev().fold(of, |inner, key| Type::object(vec![(key.clone(), Some(inner))], rest.cloned()))
}

/// The name of a schema by the folders and file that it lies in.
pub(crate) fn schema_name(path: &[&str]) -> String {
    let parts = path.iter().map(|part| match Key::new(part).as_str() {
        plain if crate::ast::is_plain(plain) => format!(".{plain}"),
        other => format!("[{}]", probity_model::json::write(&Value::from(other))),
    });
    std::iter::once("schema".to_owned()).chain(parts).collect()
}
