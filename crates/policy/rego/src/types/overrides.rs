//! Documents whose types `# METADATA` tells, by schemas of its own or by the names of schemas that are given.

use std::collections::HashMap;

use probity_model::value::{Key, Value};

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
    /// Whether there are any.
    found: bool,
    /// The types of schemas with a name.
    known: HashMap<&'m str, Type>,
    pub(crate) kept: Kept,
}

impl<'m> Overrides<'m> {
    pub(crate) fn new(modules: &'m [Module], schemas: Option<&'m Schemas>) -> Self {
        let blocks = modules.iter().flat_map(|module| &module.annotations);
        let found = blocks.into_iter().any(|block| !block.schema_types.is_empty());
        Self { modules, schemas, found, known: HashMap::new(), kept: Kept::new() }
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
        let package = ground_prefix(&self.modules[module].package);
        let document = rule_path(&self.modules[module], rule);
        let blocks: Vec<(usize, &Annotations)> = self
            .modules
            .iter()
            .enumerate()
            .flat_map(|(at, module)| module.annotations.iter().map(move |block| (at, block)))
            .collect();
        let path = |at: usize| ground_prefix(&self.modules[at].package);
        let mut above: Vec<_> = blocks
            .iter()
            .filter(|(at, block)| block.scope == Scope::Subpackages && package.starts_with(&path(*at)))
            .collect();
        above.sort_by_key(|(at, _)| path(*at).len());
        let of_package = blocks.iter().filter(|(at, block)| block.scope == Scope::Package && path(*at) == package);
        let of_document = blocks.iter().filter(|(at, block)| match block.target {
            Target::Rule(index) => block.scope == Scope::Document && rule_path(&self.modules[*at], index) == document,
            _ => false,
        });
        let of_rule = blocks.iter().filter(|(at, block)| {
            own && block.scope == Scope::Rule && *at == module && block.target == Target::Rule(rule)
        });
        let all = above.into_iter().chain(of_package.take(1)).chain(of_document.take(1)).chain(of_rule);
        all.flat_map(|(_, block)| &block.schema_types).collect()
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
        if !self.found {
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
