//! Queries checked against a schema, by the rules of the GraphQL specification.

use std::collections::HashSet;

use probity_model::value::Value;

use super::schema::{Definition, Schema, is_required};
use super::{
    BLOCK, BOOLEAN, ENUM, FLOAT, INT, LIST, NULL, OBJECT, STRING, VARIABLE, Wrong, flag, kind, list, merge, named,
    text, type_name, type_text, wrong,
};

pub(super) type Checked = Result<(), Wrong>;

/// How deep fragments may be nested.
pub(super) const MAX_DEPTH: usize = 200;

/// A query with the schema it is checked against.
pub(super) struct Query<'d> {
    pub(super) schema: &'d Schema<'d>,
    pub(super) fragments: &'d [Value],
}

/// What is known within one operation.
#[derive(Default)]
struct Scope<'d> {
    /// The operation's variables; fragments are also checked without an operation.
    variables: Option<&'d [Value]>,
    operation: &'d str,
    used: HashSet<&'d str>,
    fragments: HashSet<&'d str>,
}

/// Where a value is to be used.
#[derive(Clone, Copy)]
struct Expected<'d> {
    reference: &'d Value,
    has_default: bool,
}

impl<'d> Expected<'d> {
    fn of(part: &'d Value) -> Option<Self> {
        let has_default = part.get("DefaultValue").is_some_and(|value| kind(value) != NULL);
        Some(Self { reference: part.get("Type")?, has_default })
    }
}

pub(super) fn check(schema: &Schema<'_>, document: &Value) -> Checked {
    let (operations, fragments) = (list(document, "Operations"), list(document, "Fragments"));
    let query = Query { schema, fragments };
    unique(operations, "Name", "operation")?;
    unique(fragments, "Name", "fragment")?;
    if let (true, Some(operation)) = (operations.len() > 1, named(operations, "")) {
        return wrong(operation, "This anonymous operation must be the only defined operation.");
    }
    let mut used = HashSet::new();
    for operation in operations {
        used.extend(query.operation(operation)?);
    }
    for fragment in fragments {
        let name = text(fragment, "Name");
        query.fragment(fragment)?;
        if !used.contains(name) {
            return wrong(fragment, format!("Fragment \"{name}\" is never used."));
        }
        query.no_cycle(fragment)?;
    }
    for operation in operations {
        let root = schema.root(text(operation, "Operation"));
        merge::check(&query, root, list(operation, "SelectionSet"))?;
    }
    Ok(())
}

/// No two parts have the same name.
fn unique(parts: &[Value], field: &str, what: &str) -> Checked {
    let mut seen = HashSet::new();
    for part in parts {
        let name = text(part, field);
        if !seen.insert(name) && !name.is_empty() {
            return wrong(part, format!("There can be only one {what} named \"{name}\"."));
        }
    }
    Ok(())
}

impl<'d> Query<'d> {
    /// Checks an operation, and gives the fragments it uses.
    fn operation(&self, operation: &'d Value) -> Result<HashSet<&'d str>, Wrong> {
        let variables = list(operation, "VariableDefinitions");
        let kind = text(operation, "Operation");
        let mut scope = Scope { variables: Some(variables), operation: text(operation, "Name"), ..Scope::default() };
        let Some(root) = self.schema.root(kind) else {
            return wrong(operation, format!("Schema does not support operation type \"{kind}\""));
        };
        unique(variables, "Variable", "variable")?;
        for variable in variables {
            self.variable(variable, &mut scope)?;
        }
        let location = match kind {
            "mutation" => "MUTATION",
            "subscription" => "SUBSCRIPTION",
            _ => "QUERY",
        };
        self.directives(list(operation, "Directives"), location, &mut scope)?;
        let selections = list(operation, "SelectionSet");
        if kind == "subscription" && selections.len() > 1 {
            return wrong(&selections[1], "Subscription must select only one top level field.");
        }
        self.selections(Some(root), selections, &mut scope)?;
        for variable in variables {
            let name = text(variable, "Variable");
            if !scope.used.contains(name) {
                return wrong(variable, format!("Variable \"${name}\" is never used{}.", in_operation(&scope)));
            }
        }
        Ok(scope.fragments)
    }

    fn variable(&self, variable: &'d Value, scope: &mut Scope<'d>) -> Checked {
        let Some(reference) = variable.get("Type") else { return Ok(()) };
        let name = text(variable, "Variable");
        match self.schema.definition(reference) {
            None => return wrong(reference, format!("Unknown type \"{}\".", type_name(reference))),
            Some(definition) if !definition.is_input() => {
                let shown = type_text(reference);
                return wrong(variable, format!("Variable \"${name}\" cannot be non-input type \"{shown}\"."));
            }
            Some(_) => {}
        }
        if let Some(value) = variable.get("DefaultValue") {
            self.value(value, Some(Expected { reference, has_default: false }), scope)?;
        }
        self.directives(list(variable, "Directives"), "VARIABLE_DEFINITION", scope)
    }

    fn fragment(&self, fragment: &'d Value) -> Checked {
        let definition = self.condition(fragment, "Fragment")?;
        let mut scope = Scope::default();
        self.directives(list(fragment, "Directives"), "FRAGMENT_DEFINITION", &mut scope)?;
        self.selections(definition, list(fragment, "SelectionSet"), &mut scope)
    }

    /// The type that a fragment is about.
    fn condition(&self, fragment: &Value, what: &str) -> Result<Option<&'d Definition<'d>>, Wrong> {
        let name = text(fragment, "TypeCondition");
        match self.schema.types.get(name) {
            None => wrong(fragment, format!("Unknown type \"{name}\".")),
            Some(definition) if !definition.is_composite() => {
                wrong(fragment, format!("{what} cannot condition on non composite type \"{name}\"."))
            }
            found => Ok(found),
        }
    }

    /// A fragment does not spread itself.
    fn no_cycle(&self, fragment: &'d Value) -> Checked {
        let name = text(fragment, "Name");
        let mut open: Vec<&Value> = list(fragment, "SelectionSet").iter().collect();
        let mut seen = HashSet::new();
        while let Some(selection) = open.pop() {
            open.extend(list(selection, "SelectionSet"));
            if !is_spread(selection) {
                continue;
            }
            let spread = text(selection, "Name");
            if spread == name {
                return wrong(selection, format!("Cannot spread fragment \"{name}\" within itself."));
            }
            if seen.insert(spread)
                && let Some(inside) = named(self.fragments, spread)
            {
                open.extend(list(inside, "SelectionSet"));
            }
        }
        Ok(())
    }

    fn selections(
        &self,
        parent: Option<&'d Definition<'d>>,
        selections: &'d [Value],
        scope: &mut Scope<'d>,
    ) -> Checked {
        for selection in selections {
            if is_spread(selection) {
                self.spread(parent, selection, scope)?;
            } else if selection.get("TypeCondition").is_some() {
                let inside = if text(selection, "TypeCondition").is_empty() {
                    parent
                } else {
                    self.condition(selection, "Fragment")?
                };
                self.can_spread(parent, inside, selection)?;
                self.directives(list(selection, "Directives"), "INLINE_FRAGMENT", scope)?;
                self.selections(inside, list(selection, "SelectionSet"), scope)?;
            } else {
                self.field(parent, selection, scope)?;
            }
        }
        Ok(())
    }

    fn spread(&self, parent: Option<&'d Definition<'d>>, spread: &'d Value, scope: &mut Scope<'d>) -> Checked {
        let name = text(spread, "Name");
        let Some(fragment) = named(self.fragments, name) else {
            return wrong(spread, format!("Unknown fragment \"{name}\"."));
        };
        let definition = self.condition(fragment, "Fragment")?;
        self.can_spread(parent, definition, spread)?;
        self.directives(list(spread, "Directives"), "FRAGMENT_SPREAD", scope)?;
        if scope.fragments.insert(name) {
            if scope.fragments.len() > MAX_DEPTH {
                return wrong(spread, "Too many fragments.");
            }
            self.selections(definition, list(fragment, "SelectionSet"), scope)?;
        }
        Ok(())
    }

    fn can_spread(
        &self,
        parent: Option<&Definition<'_>>,
        inside: Option<&Definition<'_>>,
        selection: &Value,
    ) -> Checked {
        let (Some(parent), Some(inside)) = (parent, inside) else { return Ok(()) };
        if parent.name == inside.name || self.schema.overlap(parent.name, inside.name) {
            return Ok(());
        }
        let (parent, inside) = (parent.name, inside.name);
        wrong(
            selection,
            format!(
                "Fragment cannot be spread here as objects of type \"{parent}\" can never be of type \"{inside}\"."
            ),
        )
    }

    fn field(&self, parent: Option<&'d Definition<'d>>, field: &'d Value, scope: &mut Scope<'d>) -> Checked {
        let (name, selections) = (text(field, "Name"), list(field, "SelectionSet"));
        if name == "__typename" {
            return self.directives(list(field, "Directives"), "FIELD", scope);
        }
        let Some(parent) = parent else { return Ok(()) };
        let Some(definition) = parent.field(name) else {
            return wrong(field, format!("Cannot query field \"{name}\" on type \"{}\".", parent.name));
        };
        let (given, known) = (list(field, "Arguments"), list(definition, "Arguments"));
        for argument in given {
            let argument_name = text(argument, "Name");
            if named(known, argument_name).is_none() {
                let message = format!("Unknown argument \"{argument_name}\" on field \"{}.{name}\".", parent.name);
                return wrong(argument, message);
            }
        }
        self.arguments(given, known, scope)?;
        for argument in known {
            let (argument_name, shown) =
                (text(argument, "Name"), argument.get("Type").map(type_text).unwrap_or_default());
            if is_required(argument) && named(given, argument_name).is_none() {
                return wrong(
                    field,
                    format!(
                        "Field \"{name}\" argument \"{argument_name}\" of type \"{shown}\" is required, but it was not provided"
                    ),
                );
            }
        }
        self.directives(list(field, "Directives"), "FIELD", scope)?;
        let result = definition.get("Type").and_then(|reference| self.schema.definition(reference));
        if let Some(result) = result {
            let shown = definition.get("Type").map(type_text).unwrap_or_default();
            if result.is_leaf() && !selections.is_empty() {
                return wrong(
                    field,
                    format!(
                        "Field \"{name}\" must not have a selection since type \"{}\" has no subfields.",
                        result.name
                    ),
                );
            }
            if result.is_composite() && selections.is_empty() {
                return wrong(
                    field,
                    format!("Field \"{name}\" of type \"{shown}\" must have a selection of subfields."),
                );
            }
        }
        self.selections(result, selections, scope)
    }

    fn arguments(&self, given: &'d [Value], known: &'d [Value], scope: &mut Scope<'d>) -> Checked {
        unique(given, "Name", "argument")?;
        for argument in given {
            let Some(value) = argument.get("Value") else { continue };
            self.value(value, named(known, text(argument, "Name")).and_then(Expected::of), scope)?;
        }
        Ok(())
    }

    fn directives(&self, directives: &'d [Value], location: &str, scope: &mut Scope<'d>) -> Checked {
        let mut seen = HashSet::new();
        for directive in directives {
            let name = text(directive, "Name");
            let Some(definition) = self.schema.directives.get(name).copied() else {
                return wrong(directive, format!("Unknown directive \"@{name}\"."));
            };
            if !list(definition, "Locations").iter().any(|found| found.as_str() == Some(location)) {
                return wrong(directive, format!("Directive \"@{name}\" may not be used on {location}."));
            }
            if !seen.insert(name) && !flag(definition, "IsRepeatable") {
                let message = format!("The directive \"@{name}\" can only be used once at this location.");
                return wrong(directive, message);
            }
            let (given, known) = (list(directive, "Arguments"), list(definition, "Arguments"));
            if let Some(argument) = given.iter().find(|argument| named(known, text(argument, "Name")).is_none()) {
                let argument_name = text(argument, "Name");
                let message = format!("Unknown argument \"{argument_name}\" on directive \"@{name}\".");
                return wrong(argument, message);
            }
            self.arguments(given, known, scope)?;
            let missing =
                known.iter().find(|argument| is_required(argument) && named(given, text(argument, "Name")).is_none());
            if let Some(argument) = missing {
                let (argument_name, shown) =
                    (text(argument, "Name"), argument.get("Type").map(type_text).unwrap_or_default());
                let message = format!(
                    "Directive \"@{name}\" argument \"{argument_name}\" of type \"{shown}\" is required, but it was not provided"
                );
                return wrong(directive, message);
            }
        }
        Ok(())
    }

    fn value(&self, value: &'d Value, expected: Option<Expected<'d>>, scope: &mut Scope<'d>) -> Checked {
        let kind = kind(value);
        if kind == VARIABLE {
            return Self::use_variable(value, expected, scope);
        }
        let children = list(value, "Children");
        let inside = |child: &'d Value| child.get("Value");
        let definition = expected.and_then(|expected| self.schema.definition(expected.reference));
        if kind == OBJECT {
            unique(children, "Name", "input field")?;
        }
        let (Some(expected), Some(definition)) = (expected, definition) else {
            for child in children.iter().filter_map(inside) {
                self.value(child, None, scope)?;
            }
            return Ok(());
        };
        let shown = || type_text(expected.reference);
        if kind == NULL {
            return if flag(expected.reference, "NonNull") {
                wrong(value, format!("Expected value of type \"{}\", found null.", shown()))
            } else {
                Ok(())
            };
        }
        if kind == LIST {
            let element = expected.reference.get("Elem");
            let custom = definition.kind == "SCALAR" && !is_standard(definition.name);
            if element.is_none() && !custom {
                return wrong(value, format!("Expected value of type \"{}\", found a list.", shown()));
            }
            let element = element.map(|reference| Expected { reference, has_default: false });
            for child in children.iter().filter_map(inside) {
                self.value(child, element, scope)?;
            }
            return Ok(());
        }
        if kind == OBJECT && definition.kind == "INPUT_OBJECT" {
            return self.input_object(value, definition, scope);
        }
        if kind == OBJECT {
            for child in children.iter().filter_map(inside) {
                self.value(child, None, scope)?;
            }
        }
        let fits = match definition.kind {
            "SCALAR" if is_standard(definition.name) => fits(kind, definition.name),
            "SCALAR" => true,
            "ENUM" => {
                let raw = text(value, "Raw");
                kind == ENUM && definition.values.iter().any(|known| text(known, "Name") == raw)
            }
            _ => false,
        };
        if fits {
            Ok(())
        } else {
            let raw = text(value, "Raw");
            wrong(value, format!("Expected value of type \"{}\", found {raw}.", shown()))
        }
    }

    fn input_object(&self, value: &'d Value, definition: &'d Definition<'d>, scope: &mut Scope<'d>) -> Checked {
        let children = list(value, "Children");
        for field in &definition.fields {
            let name = text(field, "Name");
            if is_required(field) && named(children, name).is_none() {
                let message = format!("Field \"{}.{name}\" is required, but it was not provided.", definition.name);
                return wrong(value, message);
            }
        }
        for child in children {
            let name = text(child, "Name");
            let Some(field) = definition.field(name) else {
                return wrong(child, format!("Field \"{name}\" is not defined by type \"{}\".", definition.name));
            };
            if let Some(inside) = child.get("Value") {
                self.value(inside, Expected::of(field), scope)?;
            }
        }
        Ok(())
    }

    fn use_variable(value: &'d Value, expected: Option<Expected<'d>>, scope: &mut Scope<'d>) -> Checked {
        let Some(variables) = scope.variables else { return Ok(()) };
        let name = text(value, "Raw");
        scope.used.insert(name);
        let Some(variable) = variables.iter().find(|variable| text(variable, "Variable") == name) else {
            return wrong(value, format!("Variable \"${name}\" is not defined{}.", in_operation(scope)));
        };
        let (Some(expected), Some(reference)) = (expected, variable.get("Type")) else { return Ok(()) };
        let own_default = variable.get("DefaultValue").is_some_and(|value| kind(value) != NULL);
        if may_stand(reference, expected.reference, own_default || expected.has_default) {
            return Ok(());
        }
        let (given, wanted) = (type_text(reference), type_text(expected.reference));
        wrong(value, format!("Variable \"${name}\" of type \"{given}\" used in position expecting type \"{wanted}\"."))
    }
}

fn in_operation(scope: &Scope<'_>) -> String {
    if scope.operation.is_empty() { String::new() } else { format!(" in operation \"{}\"", scope.operation) }
}

/// Whether a selection spreads a fragment by its name.
pub(super) fn is_spread(selection: &Value) -> bool {
    selection.get("Alias").is_none() && selection.get("TypeCondition").is_none()
}

fn is_standard(scalar: &str) -> bool {
    matches!(scalar, "Int" | "Float" | "String" | "Boolean" | "ID")
}

/// Whether a literal can be of a standard scalar.
fn fits(kind: i64, scalar: &str) -> bool {
    match kind {
        INT => matches!(scalar, "Int" | "Float" | "ID"),
        FLOAT => scalar == "Float",
        STRING | BLOCK => matches!(scalar, "String" | "ID"),
        BOOLEAN => scalar == "Boolean",
        _ => false,
    }
}

/// Whether a variable of the type `given` may be used where `wanted` is expected.
fn may_stand(given: &Value, wanted: &Value, has_default: bool) -> bool {
    let null = flag(wanted, "NonNull") && !flag(given, "NonNull");
    if null && !has_default {
        return false;
    }
    match (given.get("Elem"), wanted.get("Elem")) {
        (Some(given), Some(wanted)) => may_stand(given, wanted, false),
        (None, None) => text(given, "NamedType") == text(wanted, "NamedType"),
        _ => false,
    }
}
