//! Which values of a configuration are sensitive: variables and outputs that say so, what `sensitive` is called with, and all
//! that is made of them.
//!
//! It follows what is written and not the values, so that it may call more sensitive than Terraform does, and not less; but it
//! knows nothing of attributes that only a provider calls so.

use std::collections::HashMap;
use std::rc::Rc;

use probity_model::{Key, Value};

use super::sensitive::both;
use crate::terraform::config::{DeclarationKind, text};
use crate::terraform::instance::Instance;
use crate::terraform::syntax::{Block, Body, Call, Expression, For, Kind, Part, Step};

/// Deepest chain of expressions that refer to each other.
const MAX_DEPTH: usize = 200;

/// What of a value is sensitive: nothing, `true` for all of it, or an object or a list with such marks.
type Marks = Option<Value>;

/// Marks of names that hold only in a part of the configuration, the innermost last.
type Names = Vec<(String, Marks)>;

/// A module instance and something in it.
type Place = (*const (), String);

#[derive(Default)]
pub(super) struct Secrecy {
    /// What was found out; nothing is sensitive in what is being found out.
    known: HashMap<Place, Marks>,
    depth: usize,
}

/// The marks of what is sensitive as a whole.
const ALL: Marks = Some(Value::Bool(true));

/// All of what is made of something in which anything is sensitive.
fn whole(marks: &Marks) -> Marks {
    marks.as_ref().and(ALL)
}

impl Secrecy {
    /// Marks of the document of a declaration. Those of blocks are an object for all of one name.
    pub(super) fn of_declaration(&mut self, instance: &Rc<Instance<'_>>, position: usize) -> Marks {
        self.once(instance, format!("declaration {position}"), |secrecy| {
            let declaration = &instance.module.declarations[position];
            let each = declaration.attribute("for_each");
            let each = each.and_then(|each| secrecy.expression(instance, &each.value, &mut Names::new()));
            let mut names = vec![("each".to_owned(), whole(&each))];
            secrecy.body(instance, &declaration.body, &mut names)
        })
    }

    /// Marks of an output.
    pub(super) fn of_output(&mut self, instance: &Rc<Instance<'_>>, name: &str) -> Marks {
        let output = instance.module.outputs.get(name)?;
        if output.sensitive {
            return ALL;
        }
        self.once(instance, format!("output.{name}"), |secrecy| {
            secrecy.expression(instance, &output.value, &mut Names::new())
        })
    }

    fn once(&mut self, instance: &Rc<Instance<'_>>, what: String, find: impl FnOnce(&mut Self) -> Marks) -> Marks {
        let place = (Rc::as_ptr(instance).cast::<()>(), what);
        if let Some(known) = self.known.get(&place) {
            return known.clone();
        }
        self.known.insert(place.clone(), None);
        let marks = find(self);
        self.known.insert(place, marks.clone());
        marks
    }

    fn body(&mut self, instance: &Rc<Instance<'_>>, body: &Body, names: &mut Names) -> Marks {
        let mut marks = None;
        for attribute in &body.attributes {
            let own = self.expression(instance, &attribute.value, names);
            marks = both(marks, own.map(|own| under(&attribute.name, own)));
        }
        for block in &body.blocks {
            marks = both(marks, self.block(instance, block, names));
        }
        marks
    }

    fn block(&mut self, instance: &Rc<Instance<'_>>, block: &Block, names: &mut Names) -> Marks {
        let (Some(name), "dynamic") = (block.labels.first(), &*block.name) else {
            return self.body(instance, &block.body, names).map(|marks| under(&block.name, marks));
        };
        let content = block.body.blocks("content").next()?;
        let each = block.body.attribute("for_each");
        let each = each.and_then(|each| self.expression(instance, &each.value, names));
        let iterator = match block.body.attribute("iterator").map(|attribute| &attribute.value) {
            Some(Expression { kind: Kind::Name(iterator), .. }) => iterator.to_string(),
            Some(written) => text(written).unwrap_or(name).to_owned(),
            None => name.to_string(),
        };
        names.push((iterator, whole(&each)));
        let marks = self.body(instance, &content.body, names);
        names.pop();
        marks.map(|marks| under(name, marks))
    }

    fn expression(&mut self, instance: &Rc<Instance<'_>>, expression: &Expression, names: &mut Names) -> Marks {
        if self.depth >= MAX_DEPTH {
            return ALL;
        }
        self.depth += 1;
        let marks = self.kind(instance, expression, names);
        self.depth -= 1;
        marks
    }

    fn kind(&mut self, instance: &Rc<Instance<'_>>, expression: &Expression, names: &mut Names) -> Marks {
        match &expression.kind {
            Kind::Literal(_) => None,
            Kind::Name(name) => named(names, name).flatten(),
            Kind::Template(parts) => self.template(instance, parts, names),
            Kind::Tuple(elements) => {
                let marks: Vec<Marks> =
                    elements.iter().map(|element| self.expression(instance, element, names)).collect();
                super::sensitive::elements(marks)
            }
            Kind::Object(entries) => self.object(instance, entries, names),
            Kind::Traversal(from, steps) => self.traversal(instance, from, steps, names),
            Kind::Call(call) => self.call(instance, call, names),
            Kind::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                let condition = self.expression(instance, condition, names);
                let ways = both(self.expression(instance, yes, names), self.expression(instance, no, names));
                both(whole(&condition), ways)
            }
            Kind::Unary(_, inner) => whole(&self.expression(instance, inner, names)),
            Kind::Binary(_, sides) => self.any(instance, sides.iter(), names),
            Kind::For(made) => self.for_expression(instance, made, names),
        }
    }

    /// All, when one of these has something sensitive.
    fn any<'e>(
        &mut self,
        instance: &Rc<Instance<'_>>,
        mut expressions: impl Iterator<Item = &'e Expression>,
        names: &mut Names,
    ) -> Marks {
        expressions.find_map(|one| self.expression(instance, one, names)).and(ALL)
    }

    fn object(
        &mut self,
        instance: &Rc<Instance<'_>>,
        entries: &[(Expression, Expression)],
        names: &mut Names,
    ) -> Marks {
        let mut marks = None;
        for (key, value) in entries {
            let of_key = whole(&self.expression(instance, key, names));
            let own = self.expression(instance, value, names);
            let own = match text(key) {
                Some(name) => own.map(|own| under(name, own)),
                None => whole(&own),
            };
            marks = both(marks, both(of_key, own));
        }
        marks
    }

    fn template(&mut self, instance: &Rc<Instance<'_>>, parts: &[Part], names: &mut Names) -> Marks {
        parts.iter().find_map(|part| match part {
            Part::Text(_) => None,
            Part::Interpolation(inner) => self.expression(instance, inner, names),
            Part::If { condition, yes, no } => self
                .expression(instance, condition, names)
                .or_else(|| self.template(instance, yes, names))
                .or_else(|| self.template(instance, no, names)),
            Part::For { key, value, collection, body } => {
                self.within(instance, (key.as_deref(), value, collection), names, |secrecy, names| {
                    secrecy.template(instance, body, names)
                })
            }
        })?;
        ALL
    }

    fn for_expression(&mut self, instance: &Rc<Instance<'_>>, made: &For, names: &mut Names) -> Marks {
        let others = [made.key_result.as_ref(), Some(&made.result), made.condition.as_ref()];
        let intro = (made.key.as_deref(), &*made.value, &made.collection);
        self.within(instance, intro, names, |secrecy, names| secrecy.any(instance, others.into_iter().flatten(), names))
    }

    /// With the names that a `for` gives to an element: those of its key and its value, and what it goes through.
    fn within(
        &mut self,
        instance: &Rc<Instance<'_>>,
        (key, value, collection): (Option<&str>, &str, &Expression),
        names: &mut Names,
        find: impl FnOnce(&mut Self, &mut Names) -> Marks,
    ) -> Marks {
        let before = names.len();
        let marks = self.expression(instance, collection, names);
        let of_key = marks.clone().filter(|marks| *marks == Value::Bool(true));
        let of_element = if has_instances(instance, collection) { marks } else { marks.as_ref().and_then(of_elements) };
        names.extend(key.map(|key| (key.to_owned(), of_key)));
        names.push((value.to_owned(), of_element));
        let marks = find(self, names);
        names.truncate(before);
        marks
    }

    fn call(&mut self, instance: &Rc<Instance<'_>>, call: &Call, names: &mut Names) -> Marks {
        match &*call.name {
            "sensitive" => ALL,
            "nonsensitive" | "issensitive" => None,
            // What they give has the values that they are given as they are.
            "merge" if !call.expand => {
                call.arguments.iter().fold(None, |marks, one| both(marks, self.expression(instance, one, names)))
            }
            "tomap" | "tolist" | "tostring" | "tonumber" | "tobool" if call.arguments.len() == 1 => {
                self.expression(instance, &call.arguments[0], names)
            }
            _ => self.any(instance, call.arguments.iter(), names),
        }
    }

    fn traversal(
        &mut self,
        instance: &Rc<Instance<'_>>,
        from: &Expression,
        steps: &[Step],
        names: &mut Names,
    ) -> Marks {
        let of_indices = self.of_indices(instance, steps, names);
        let own = match &from.kind {
            Kind::Name(root) => match named(names, root) {
                Some(marks) => follow(marks, steps),
                None => self.reference(instance, root, steps),
            },
            _ => follow(self.expression(instance, from, names), steps),
        };
        both(of_indices, own)
    }

    fn of_indices(&mut self, instance: &Rc<Instance<'_>>, steps: &[Step], names: &mut Names) -> Marks {
        let mut indices =
            steps.iter().filter_map(|step| if let Step::Index(index) = step { Some(index) } else { None });
        let found = indices.find_map(|index| self.expression(instance, index, names));
        whole(&found)
    }

    fn reference(&mut self, instance: &Rc<Instance<'_>>, root: &str, steps: &[Step]) -> Marks {
        let name = |position: usize| match steps.get(position) {
            Some(Step::Attribute(name)) => Some(&**name),
            _ => None,
        };
        let first = name(0)?;
        match root {
            "var" => follow(self.variable(instance, first), &steps[1..]),
            "local" => {
                let written = instance.module.locals.get(first)?;
                let find = |secrecy: &mut Self| secrecy.expression(instance, written, &mut Names::new());
                follow(self.once(instance, format!("local.{first}"), find), &steps[1..])
            }
            "module" => {
                let position = instance.module.declaration(DeclarationKind::Module, "module", first)?;
                self.outputs(instance, position, &steps[1..])
            }
            "data" | "ephemeral" | "resource" => {
                let kind = match root {
                    "data" => DeclarationKind::Data,
                    "ephemeral" => DeclarationKind::Ephemeral,
                    _ => DeclarationKind::Resource,
                };
                let position = instance.module.declaration(kind, first, name(1)?)?;
                self.attributes(instance, position, &steps[2..])
            }
            resource_type => {
                let position = instance.module.declaration(DeclarationKind::Resource, resource_type, first)?;
                self.attributes(instance, position, &steps[1..])
            }
        }
    }

    fn variable(&mut self, instance: &Rc<Instance<'_>>, name: &str) -> Marks {
        if instance.module.variables.get(name)?.sensitive {
            return ALL;
        }
        let call = instance.call.as_ref()?;
        let caller = call.caller.clone();
        let position = caller.module.declaration(DeclarationKind::Module, "module", &call.declaration.name)?;
        self.of_declaration(&caller, position)?.get(name).cloned()
    }

    /// What a reference to outputs of a module leads to. All instances of a module have the same that is sensitive.
    fn outputs(&mut self, instance: &Rc<Instance<'_>>, position: usize, steps: &[Step]) -> Marks {
        let children = instance.children(position);
        let child = children.first()?;
        match behind_instance(steps) {
            [Step::Attribute(output), rest @ ..] => follow(self.of_output(child, output), rest),
            _ => child
                .module
                .outputs
                .keys()
                .fold(None, |marks, name| both(marks, self.of_output(child, name).map(|own| under(name, own)))),
        }
    }

    fn attributes(&mut self, instance: &Rc<Instance<'_>>, position: usize, steps: &[Step]) -> Marks {
        follow(self.of_declaration(instance, position), behind_instance(steps))
    }
}

/// Whether an expression is all instances of a module or a resource: their marks are those of each.
fn has_instances(instance: &Instance<'_>, collection: &Expression) -> bool {
    let Kind::Traversal(from, steps) = &collection.kind else { return false };
    let (Kind::Name(root), [Step::Attribute(name)]) = (&from.kind, &steps[..]) else { return false };
    let (kind, resource_type) = match &**root {
        "module" => (DeclarationKind::Module, "module"),
        resource_type => (DeclarationKind::Resource, resource_type),
    };
    let position = instance.module.declaration(kind, resource_type, name);
    let declaration = position.map(|position| &instance.module.declarations[position]);
    declaration.is_some_and(|one| one.attribute("count").or(one.attribute("for_each")).is_some())
}

/// The marks of any element of a collection.
fn of_elements(marks: &Value) -> Marks {
    match marks {
        Value::Array(list) => list.iter().cloned().map(Some).fold(None, both),
        Value::Object(object) => object.iter().map(|(_, inner)| Some(inner.clone())).fold(None, both),
        other => Some(other.clone()),
    }
    .filter(|marks| *marks != Value::Bool(false))
}

/// The steps behind the one that chooses instances, when there is one.
fn behind_instance(steps: &[Step]) -> &[Step] {
    match steps {
        [Step::Index(_), rest @ ..] => rest,
        [Step::Splat(inner), ..] => inner,
        steps => steps,
    }
}

fn named(names: &Names, name: &str) -> Option<Marks> {
    names.iter().rev().find(|(known, _)| known == name).map(|(_, marks)| marks.clone())
}

fn under(name: &str, marks: Value) -> Value {
    Value::Object([(Key::new(name), marks)].into_iter().collect())
}

/// The marks of what steps lead to: all, where it cannot be told to which of several.
fn follow(marks: Marks, steps: &[Step]) -> Marks {
    let mut marks = marks?;
    for step in steps {
        marks = match (step, marks) {
            (_, Value::Bool(true)) => return ALL,
            (Step::Attribute(name), Value::Object(object)) => object.get(name)?.clone(),
            (Step::Index(index), marks) => match (&index.kind, &marks) {
                (Kind::Literal(Value::String(name)), Value::Object(object)) => object.get(name)?.clone(),
                (Kind::Literal(Value::Number(number)), Value::Array(list)) => {
                    list.get(usize::try_from(number.as_i64()?).ok()?)?.clone()
                }
                // Of the blocks of one name all have the same marks.
                (Kind::Literal(Value::Number(_)), Value::Object(_)) => marks,
                _ => return ALL,
            },
            _ => return ALL,
        };
    }
    (marks != Value::Bool(false)).then_some(marks)
}
