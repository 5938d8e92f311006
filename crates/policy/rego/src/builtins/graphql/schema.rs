//! Schemas put together from their definitions, and checked.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use probity_model::value::Value;

use super::parser::Parser;
use super::{NULL, Wrong, flag, kind, list, named, text, type_name, type_text, wrong};

/// A type, with its extensions.
#[derive(Default, Clone)]
pub(super) struct Definition<'d> {
    pub(super) kind: &'d str,
    pub(super) name: &'d str,
    pub(super) fields: Vec<&'d Value>,
    pub(super) values: Vec<&'d Value>,
    /// A union's types.
    types: Vec<&'d str>,
    interfaces: Vec<&'d str>,
    directives: Vec<&'d Value>,
    built_in: bool,
    part: Option<&'d Value>,
}

impl<'d> Definition<'d> {
    fn extend(&mut self, part: &'d Value) {
        let texts = |name| list(part, name).iter().filter_map(Value::as_str);
        self.fields.extend(list(part, "Fields"));
        self.values.extend(list(part, "EnumValues"));
        self.types.extend(texts("Types"));
        self.interfaces.extend(texts("Interfaces"));
        self.directives.extend(list(part, "Directives"));
    }

    pub(super) fn field(&self, name: &str) -> Option<&'d Value> {
        self.fields.iter().find(|field| text(field, "Name") == name).copied()
    }

    pub(super) fn is_input(&self) -> bool {
        matches!(self.kind, "SCALAR" | "ENUM" | "INPUT_OBJECT")
    }

    pub(super) fn is_leaf(&self) -> bool {
        matches!(self.kind, "SCALAR" | "ENUM")
    }

    pub(super) fn is_composite(&self) -> bool {
        matches!(self.kind, "OBJECT" | "INTERFACE" | "UNION")
    }

    fn wrong<T>(&self, message: String) -> Result<T, Wrong> {
        wrong(self.part.unwrap_or(&Value::Null), message)
    }
}

#[derive(Default)]
pub(super) struct Schema<'d> {
    pub(super) types: BTreeMap<&'d str, Definition<'d>>,
    pub(super) directives: BTreeMap<&'d str, &'d Value>,
    /// For each type, the object types that a value of it can be of.
    possible: BTreeMap<&'d str, BTreeSet<&'d str>>,
    roots: BTreeMap<&'d str, &'d str>,
}

/// The fields that the root of queries has besides its own.
fn root_fields() -> &'static [Value] {
    static FIELDS: LazyLock<Value> = LazyLock::new(|| {
        let document = Parser::new("type Root { __schema: __Schema! __type(name: String!): __Type }").schema(true);
        list(&document.expect("the fields can be read"), "Definitions")[0].clone()
    });
    list(&FIELDS, "Fields")
}

impl<'d> Schema<'d> {
    pub(super) fn new(built_in: &'d Value, document: &'d Value) -> Result<Self, Wrong> {
        let mut schema = Self::default();
        let both = |name: &'static str| list(built_in, name).iter().chain(list(document, name));
        for part in both("Definitions") {
            let name = text(part, "Name");
            if schema.types.contains_key(name) {
                return wrong(part, format!("Cannot redeclare type {name}."));
            }
            let mut definition = Definition::of(part);
            definition.built_in = flag(part, "BuiltIn");
            definition.extend(part);
            schema.types.insert(name, definition);
        }
        for part in both("Extensions") {
            let (name, kind) = (text(part, "Name"), text(part, "Kind"));
            let definition = schema.types.entry(name).or_insert_with(|| Definition::of(part));
            if definition.kind != kind {
                let base = definition.kind;
                let message = format!("Cannot extend type {name} because the base type is a {base}, not {kind}.");
                return wrong(part, message);
            }
            definition.extend(part);
        }
        schema.find_possible();
        for part in both("Directives") {
            let name = text(part, "Name");
            let standard = matches!(name, "include" | "skip" | "deprecated" | "specifiedBy" | "defer" | "oneOf");
            if schema.directives.contains_key(name) && !standard {
                return wrong(part, format!("Cannot redeclare directive {name}."));
            }
            schema.directives.insert(name, part);
        }
        schema.find_roots(document)?;
        for definition in schema.types.values() {
            schema.check_definition(definition)?;
        }
        schema.check_input_cycles()?;
        for directive in schema.directives.values() {
            check_name(directive)?;
            schema.check_arguments(directive, Some(text(directive, "Name")))?;
        }
        if list(document, "Schema").is_empty() {
            for (operation, name) in [("query", "Query"), ("mutation", "Mutation"), ("subscription", "Subscription")] {
                if schema.types.contains_key(name) {
                    schema.roots.entry(operation).or_insert(name);
                }
            }
        }
        let query = schema.roots.get("query").copied();
        if let Some(query) = query.and_then(|query| schema.types.get_mut(query)) {
            query.fields.extend(root_fields());
        }
        Ok(schema)
    }

    fn find_possible(&mut self) {
        for definition in self.types.values() {
            let own = definition.name;
            let supertypes: &[&str] = if definition.kind == "UNION" { &[] } else { &definition.interfaces };
            for supertype in supertypes {
                self.possible.entry(supertype).or_default().insert(own);
            }
            match definition.kind {
                "UNION" => self.possible.entry(own).or_default().extend(&definition.types),
                "OBJECT" | "INPUT_OBJECT" => {
                    self.possible.entry(own).or_default().insert(own);
                }
                _ => {}
            }
        }
    }

    fn find_roots(&mut self, document: &'d Value) -> Result<(), Wrong> {
        let schemas = list(document, "Schema");
        if let Some(second) = schemas.get(1) {
            return wrong(second, "Cannot have multiple schema entry points, consider schema extensions instead.");
        }
        for part in schemas.iter().chain(list(document, "SchemaExtension")) {
            for entry in list(part, "OperationTypes") {
                let (operation, name) = (text(entry, "Operation"), text(entry, "Type"));
                if !self.types.contains_key(name) {
                    return wrong(
                        entry,
                        format!("Schema root {operation} refers to a type {name} that does not exist."),
                    );
                }
                self.roots.insert(operation, name);
            }
            self.check_directives(list(part, "Directives"), "SCHEMA", None, true)?;
        }
        Ok(())
    }

    /// The type where operations of a kind start.
    pub(super) fn root(&self, operation: &str) -> Option<&Definition<'d>> {
        let operation = if operation.is_empty() { "query" } else { operation };
        self.types.get(self.roots.get(operation)?)
    }

    /// The definition that a reference to a type is about.
    pub(super) fn definition(&self, reference: &Value) -> Option<&Definition<'d>> {
        self.types.get(type_name(reference))
    }

    /// Whether some value can be of both types.
    pub(super) fn overlap(&self, one: &str, other: &str) -> bool {
        match (self.possible.get(one), self.possible.get(other)) {
            (Some(one), Some(other)) => !one.is_disjoint(other),
            _ => false,
        }
    }

    fn check_definition(&self, definition: &Definition<'d>) -> Result<(), Wrong> {
        let location = if definition.kind == "INPUT_OBJECT" { "INPUT_FIELD_DEFINITION" } else { "FIELD_DEFINITION" };
        for field in &definition.fields {
            check_name(field)?;
            self.check_type(field)?;
            self.check_arguments(field, None)?;
            self.check_directives(list(field, "Directives"), location, None, true)?;
        }
        for name in &definition.types {
            match self.types.get(name) {
                None => return definition.wrong(format!("Undefined type {name:?}.")),
                Some(member) if member.kind != "OBJECT" => {
                    return definition.wrong(format!("{} type {name:?} must be OBJECT.", definition.kind));
                }
                Some(_) => {}
            }
        }
        for interface in &definition.interfaces {
            self.check_interface(definition, interface)?;
        }
        self.check_members(definition)?;
        check_once(definition)?;
        if !definition.built_in && definition.name.starts_with("__") {
            return definition.wrong(reserved(definition.name));
        }
        let directives: Vec<Value> = definition.directives.iter().map(|part| (*part).clone()).collect();
        self.check_directives(&directives, definition.kind, None, false)
    }

    fn check_members(&self, definition: &Definition<'d>) -> Result<(), Wrong> {
        let (kind, name) = (definition.kind, definition.name);
        let allowed: &[&str] = match kind {
            "OBJECT" | "INTERFACE" => {
                if definition.fields.is_empty() {
                    return definition.wrong(format!("{kind} {name}: must define one or more fields."));
                }
                &["SCALAR", "OBJECT", "INTERFACE", "UNION", "ENUM"]
            }
            "INPUT_OBJECT" => {
                if definition.fields.is_empty() {
                    return definition.wrong(format!("{kind} {name}: must define one or more input fields."));
                }
                &["SCALAR", "ENUM", "INPUT_OBJECT"]
            }
            "ENUM" => {
                if definition.values.is_empty() {
                    return definition.wrong(format!("{kind} {name}: must define one or more unique enum values."));
                }
                for value in &definition.values {
                    let value_name = text(value, "Name");
                    if matches!(value_name, "true" | "false" | "null") {
                        return definition.wrong(format!("{kind} {name}: non-enum value {value_name}."));
                    }
                    self.check_directives(list(value, "Directives"), "ENUM_VALUE", None, true)?;
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        for field in &definition.fields {
            let found = field.get("Type").and_then(|reference| self.definition(reference));
            if let Some(found) = found
                && !allowed.contains(&found.kind)
            {
                return wrong(field, format!("{kind} {name}: field must be one of {}.", allowed.join(", ")));
            }
        }
        Ok(())
    }

    fn check_type(&self, part: &Value) -> Result<&Definition<'d>, Wrong> {
        let Some(reference) = part.get("Type") else { return wrong(part, "Undefined type .") };
        match self.definition(reference) {
            Some(definition) => Ok(definition),
            None => wrong(reference, format!("Undefined type {}.", type_name(reference))),
        }
    }

    fn check_arguments(&self, part: &Value, directive: Option<&str>) -> Result<(), Wrong> {
        for argument in list(part, "Arguments") {
            check_name(argument)?;
            let definition = self.check_type(argument)?;
            if !definition.is_input() {
                let shown = argument.get("Type").map(type_text).unwrap_or_default();
                let (name, own) = (text(argument, "Name"), definition.name);
                return wrong(
                    argument,
                    format!("cannot use {shown} as argument {name} because {own} is not a valid input type"),
                );
            }
            self.check_directives(list(argument, "Directives"), "ARGUMENT_DEFINITION", directive, true)?;
        }
        Ok(())
    }

    /// `within` is the directive whose definition this is part of. When `once`, those that are not
    /// repeatable may stand only once.
    fn check_directives(
        &self,
        directives: &[Value],
        location: &str,
        within: Option<&str>,
        once: bool,
    ) -> Result<(), Wrong> {
        let mut seen = HashSet::new();
        for directive in directives {
            check_name(directive)?;
            let name = text(directive, "Name");
            if within == Some(name) {
                return wrong(directive, format!("Directive {name} cannot refer to itself."));
            }
            let Some(definition) = self.directives.get(name) else {
                return wrong(directive, format!("Undefined directive {name}."));
            };
            if once && !seen.insert(name) && !flag(definition, "IsRepeatable") {
                return wrong(directive, format!("The directive {name} can only be used once at this location."));
            }
            if !list(definition, "Locations").iter().any(|found| found.as_str() == Some(location)) {
                return wrong(directive, format!("Directive {name} is not applicable on {location}."));
            }
            let (given, known) = (list(directive, "Arguments"), list(definition, "Arguments"));
            for argument in given {
                let argument_name = text(argument, "Name");
                if named(known, argument_name).is_none() {
                    return wrong(argument, format!("Undefined argument {argument_name} for directive {name}."));
                }
            }
            for argument in known {
                let argument_name = text(argument, "Name");
                let value = named(given, argument_name).and_then(|argument| argument.get("Value"));
                if is_required(argument) && value.is_none_or(|value| kind(value) == NULL) {
                    let message = format!("Argument {argument_name} for directive {name} cannot be null.");
                    return wrong(directive, message);
                }
            }
        }
        Ok(())
    }

    fn check_interface(&self, definition: &Definition<'d>, name: &str) -> Result<(), Wrong> {
        let Some(interface) = self.types.get(name) else {
            return definition.wrong(format!("Undefined type {name:?}."));
        };
        if interface.kind != "INTERFACE" {
            return definition.wrong(format!("{name:?} is a non interface type {}.", interface.kind));
        }
        let own = definition.name;
        for required in &interface.fields {
            let field_name = text(required, "Name");
            let Some(found) = definition.field(field_name) else {
                let message = format!("For {own} to implement {name} it must have a field called {field_name}.");
                return definition.wrong(message);
            };
            if let (Some(wanted), Some(given)) = (required.get("Type"), found.get("Type"))
                && !self.is_covariant(wanted, given)
            {
                let wanted = type_text(wanted);
                return wrong(
                    found,
                    format!("For {own} to implement {name} the field {field_name} must have type {wanted}."),
                );
            }
            let fails = |part, problem: &str| {
                wrong(part, format!("For {own} to implement {name} the field {field_name} {problem}."))
            };
            for argument in list(required, "Arguments") {
                let argument_name = text(argument, "Name");
                let Some(given) = named(list(found, "Arguments"), argument_name) else {
                    return fails(found, &format!("must have the same arguments but it is missing {argument_name}"));
                };
                if let (Some(wanted), Some(given_type)) = (argument.get("Type"), given.get("Type"))
                    && !is_compatible(wanted, given_type)
                {
                    return fails(
                        given,
                        &format!("must have the same arguments but {argument_name} has the wrong type"),
                    );
                }
            }
            for argument in list(found, "Arguments") {
                let argument_name = text(argument, "Name");
                if named(list(required, "Arguments"), argument_name).is_none() && is_required(argument) {
                    return fails(argument, &format!("may not require the additional argument {argument_name}"));
                }
            }
        }
        for above in &interface.interfaces {
            if !definition.interfaces.contains(above) {
                return definition.wrong(if *above == own {
                    format!("Type {own} cannot implement {name} because it would create a circular reference.")
                } else {
                    format!("Type {own} must implement {above} because it is implemented by {name}.")
                });
            }
        }
        Ok(())
    }

    fn is_covariant(&self, required: &Value, given: &Value) -> bool {
        if flag(required, "NonNull") && !flag(given, "NonNull") {
            return false;
        }
        match (required.get("Elem"), given.get("Elem")) {
            (Some(required), Some(given)) => self.is_covariant(required, given),
            (Some(_), None) => false,
            (None, _) => {
                let (required, given) = (text(required, "NamedType"), text(given, "NamedType"));
                required == given || self.possible.get(required).is_some_and(|types| types.contains(given))
            }
        }
    }

    /// No input object may contain itself in a way that has no end.
    fn check_input_cycles(&self) -> Result<(), Wrong> {
        let mut done = HashSet::new();
        for definition in self.types.values().filter(|definition| definition.kind == "INPUT_OBJECT") {
            self.check_input_cycle(definition, &mut Vec::new(), &mut done)?;
        }
        Ok(())
    }

    fn check_input_cycle(
        &self,
        definition: &Definition<'d>,
        path: &mut Vec<&'d str>,
        done: &mut HashSet<&'d str>,
    ) -> Result<(), Wrong> {
        if path.contains(&definition.name) {
            let name = definition.name;
            return definition.wrong(format!(
                "Cannot reference Input Object {name:?} within itself through a series of non-null fields."
            ));
        }
        if path.len() > 500 || done.contains(definition.name) {
            return Ok(());
        }
        path.push(definition.name);
        for reference in definition.fields.iter().filter_map(|field| field.get("Type")) {
            let inside = self.types.get(text(reference, "NamedType"));
            if let Some(inside) = inside.filter(|inside| inside.kind == "INPUT_OBJECT" && flag(reference, "NonNull")) {
                self.check_input_cycle(inside, path, done)?;
            }
        }
        path.pop();
        done.insert(definition.name);
        Ok(())
    }
}

impl<'d> Definition<'d> {
    fn of(part: &'d Value) -> Self {
        Self { kind: text(part, "Kind"), name: text(part, "Name"), part: Some(part), ..Self::default() }
    }
}

/// Whether an argument must be given.
pub(super) fn is_required(argument: &Value) -> bool {
    argument.get("Type").is_some_and(|reference| flag(reference, "NonNull")) && argument.get("DefaultValue").is_none()
}

fn is_compatible(one: &Value, other: &Value) -> bool {
    let same = match (one.get("Elem"), other.get("Elem")) {
        (Some(one), Some(other)) => is_compatible(one, other),
        (Some(_), None) => false,
        _ => text(one, "NamedType") == text(other, "NamedType"),
    };
    same && (!flag(other, "NonNull") || flag(one, "NonNull"))
}

/// Members have names of their own.
fn check_once(definition: &Definition<'_>) -> Result<(), Wrong> {
    let mut seen = HashSet::new();
    for field in &definition.fields {
        let name = text(field, "Name");
        if !seen.insert(name) {
            return wrong(field, format!("Field {}.{name} can only be defined once.", definition.name));
        }
    }
    seen.clear();
    for value in &definition.values {
        let name = text(value, "Name");
        if !seen.insert(name) {
            return wrong(value, format!("Enum value {}.{name} can only be defined once.", definition.name));
        }
    }
    seen.clear();
    for name in &definition.types {
        if !seen.insert(*name) {
            let own = definition.name;
            return definition.wrong(format!("Union type {own} can only include type {name} once."));
        }
    }
    Ok(())
}

fn reserved(name: &str) -> String {
    format!("Name \"{name}\" must not begin with \"__\", which is reserved by GraphQL introspection.")
}

fn check_name(part: &Value) -> Result<(), Wrong> {
    let name = text(part, "Name");
    if name.starts_with("__") { wrong(part, reserved(name)) } else { Ok(()) }
}
