//! Override files: what their blocks have is laid over what the blocks of the same name have.

use std::collections::HashSet;

use probity_model::{Problem, Span};

use super::{Block, Body, Module, declared};

pub(super) fn apply(module: &mut Module, body: Body) {
    for block in body.blocks {
        let span = block.span;
        if !lay_over(module, block) {
            let problem = Problem::new("an override of what the other files of the module do not have", header(span));
            module.problems.push(problem.with_help("put it into a file whose name does not end in `override`"));
        }
    }
}

fn header(span: Span) -> Span {
    Span { end: span.start, ..span }
}

/// Whether there was something to lay the block over.
fn lay_over(module: &mut Module, block: Block) -> bool {
    if let Some((kind, resource_type, name)) = declared(&block) {
        let Some(position) = module.declaration(kind, &resource_type, &name) else { return false };
        merge(&mut module.declarations[position].body, block.body);
        return true;
    }
    match (&*block.name, block.labels.as_slice()) {
        ("variable", [name]) => {
            let Some(variable) = module.variables.get_mut(&**name) else { return false };
            variable.set(block.body);
        }
        ("output", [name]) => {
            let Some(output) = module.outputs.get_mut(&**name) else { return false };
            output.set(block.body);
        }
        ("locals", []) => {
            let locals = block.body.attributes.into_iter();
            module.locals.extend(locals.map(|local| (local.name.into_string(), local.value)));
        }
        ("terraform", []) => module.add_required_providers(&block.body),
        _ => {}
    }
    true
}

/// Attributes win by name; of nested blocks, all of a name win together.
fn merge(base: &mut Body, over: Body) {
    let names: HashSet<Box<str>> = over.attributes.iter().map(|attribute| attribute.name.clone()).collect();
    base.attributes.retain(|attribute| !names.contains(&attribute.name));
    base.attributes.extend(over.attributes);
    // A `dynamic` block counts as what it makes.
    let made = |block: &Block| match block.labels.first() {
        Some(label) if &*block.name == "dynamic" => label.clone(),
        _ => block.name.clone(),
    };
    let blocks: HashSet<Box<str>> = over.blocks.iter().map(made).collect();
    base.blocks.retain(|block| &*block.name == "lifecycle" || !blocks.contains(&made(block)));
    base.blocks.extend(over.blocks);
}
