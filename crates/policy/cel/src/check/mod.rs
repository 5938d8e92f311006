//! Checks names and types of an expression when it is compiled, with cel-go's rules and words.

mod unify;

use std::sync::Arc;

use smol_str::SmolStr;

use crate::ast::{Comprehension, Entry, Expr, Field, Form, Kind};
use crate::compile_error::Issue;
use crate::environment::{Constructible, Named, Names};
use crate::{Overload, Type, Value};
use unify::Unifier;

/// The type of an expression's result.
///
/// # Errors
/// Tells all that is wrong with its names and types.
pub(crate) fn check(names: &Names, expr: &Expr) -> Result<Type, Vec<Issue>> {
    let mut checker = Checker {
        names,
        unifier: Unifier::default(),
        issues: Vec::new(),
        literal_issues: Vec::new(),
        formatting: false,
        locals: Vec::new(),
    };
    let result = checker.check(expr);
    // Literals are looked at when all else is right.
    if checker.issues.is_empty() {
        checker.issues = checker.literal_issues;
    }
    if checker.issues.is_empty() { Ok(checker.unifier.resolve(&result, true)) } else { Err(checker.issues) }
}

struct Checker<'n> {
    names: &'n Names,
    unifier: Unifier,
    issues: Vec<Issue>,
    literal_issues: Vec<Issue>,
    /// Whether this is among the arguments of `format`, which may be of any types.
    formatting: bool,
    /// Variables of comprehensions and bindings, the innermost last.
    locals: Vec<(SmolStr, Type)>,
}

impl Checker<'_> {
    fn issue(&mut self, at: u32, message: impl Into<String>) -> Type {
        self.issues.push(Issue { message: message.into(), offset: at as usize });
        Type::Error
    }

    fn undeclared(&mut self, at: u32, name: &str) -> Type {
        let message = format!("undeclared reference to '{name}' (in container '{}')", self.names.container);
        self.issue(at, message)
    }

    fn assign(&mut self, from: &Type, to: &Type) -> bool {
        self.unifier.assign(std::slice::from_ref(from), std::slice::from_ref(to))
    }

    fn mismatch(&mut self, at: u32, expected: &Type, found: &Type) -> Type {
        let (expected, found) = (self.unifier.resolve(expected, true), self.unifier.resolve(found, true));
        self.issue(at, format!("expected type '{expected}' but found '{found}'"))
    }

    fn check(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            Kind::Literal(value) => literal_type(value),
            Kind::Ident(name) => match self.resolve(name) {
                Some(found) => found,
                None => self.undeclared(expr.at, name),
            },
            Kind::Select { operand, field, test } => self.check_select(expr, operand, field, *test),
            Kind::Call { function, target, args } => self.check_call(expr.at, function, target.as_deref(), args),
            Kind::List(elements) => self.check_list(elements),
            Kind::Map(entries) => self.check_map(entries),
            Kind::Struct { name, fields } => self.check_struct(expr.at, name, fields),
            Kind::And(terms) | Kind::Or(terms) => self.check_logical(terms),
            Kind::Comprehension(comprehension) => self.check_comprehension(expr.at, comprehension),
            Kind::Bind(bind) => {
                let init = self.check(&bind.init);
                self.within(vec![(bind.name.clone(), init)], |checker| checker.check(&bind.body))
            }
            Kind::Block { slots, body } => self.check_block(slots, body),
        }
    }

    fn check_block(&mut self, slots: &[Expr], body: &Expr) -> Type {
        let depth = self.locals.len();
        for (index, slot) in slots.iter().enumerate() {
            let found = self.check(slot);
            self.locals.push((format!("@index:{index}").into(), found));
        }
        let result = self.check(body);
        self.locals.truncate(depth);
        result
    }

    fn within(&mut self, locals: Vec<(SmolStr, Type)>, check: impl FnOnce(&mut Self) -> Type) -> Type {
        let depth = self.locals.len();
        self.locals.extend(locals);
        let result = check(self);
        self.locals.truncate(depth);
        result
    }

    fn resolve(&self, name: &str) -> Option<Type> {
        if let Some((_, local)) = self.locals.iter().rev().find(|(known, _)| known == name) {
            return Some(local.clone());
        }
        Some(match self.names.name(name)? {
            Named::Variable(_, declared) => declared.r#type,
            Named::Constant(value) => literal_type(&value),
            Named::Type(of) => Type::Type(Arc::new(of)),
        })
    }

    fn is_local(&self, expr: &Expr) -> bool {
        expr.root_name().is_some_and(|root| self.locals.iter().any(|(known, _)| known == root))
    }

    fn check_select(&mut self, expr: &Expr, operand: &Expr, field: &str, test: bool) -> Type {
        if !test
            && !self.is_local(expr)
            && let Some(name) = expr.qualified_name()
            && let Some(found) = self.resolve(&name)
        {
            return found;
        }
        let result = self.check_field(expr.at, operand, field, false);
        if test { Type::Bool } else { self.unifier.resolve(&result, false) }
    }

    fn check_field(&mut self, at: u32, operand: &Expr, field: &str, optional: bool) -> Type {
        let operand = self.check(operand);
        let operand = self.unifier.resolve(&operand, false);
        let (target, is_optional) = match operand.as_optional() {
            Some(inner) => (inner.clone(), true),
            None => (operand, false),
        };
        let result = match &target {
            Type::Map(entry) => entry.1.clone(),
            Type::Object(object) => match object.fields.get(field) {
                Some(known) => known.clone(),
                None if object.open => Type::Dyn,
                None => self.issue(at, format!("undefined field '{field}'")),
            },
            Type::Variable(_) => {
                self.assign(&Type::Dyn, &target);
                Type::Dyn
            }
            // Types of libraries tell their fields when they are evaluated.
            Type::Dyn | Type::Error | Type::Opaque(..) => Type::Dyn,
            other => {
                self.issue(at, format!("type '{other}' does not support field selection"));
                Type::Dyn
            }
        };
        if optional || is_optional { Type::optional(result) } else { result }
    }

    fn check_call(&mut self, at: u32, function: &str, target: Option<&Expr>, args: &[Expr]) -> Type {
        if function == "_?._"
            && let [operand, Expr { kind: Kind::Literal(Value::String(field)), .. }] = args
        {
            return self.check_field(at, operand, field, true);
        }
        let outer = self.formatting;
        self.formatting |= function == "format";
        let mut types: Vec<Type> = args.iter().map(|arg| self.check(arg)).collect();
        self.formatting = outer;
        let Some(target) = target else {
            return match self.names.function(function) {
                Some((name, overloads)) => self.check_overloads(at, &name, overloads, &types, false),
                None => self.undeclared(at, function),
            };
        };
        if let Some(prefix) = target.qualified_name()
            && !self.is_local(target)
            && let Some((name, overloads)) = self.names.function(&format!("{prefix}.{function}"))
        {
            return self.check_overloads(at, &name, overloads, &types, false);
        }
        if self.names.validated && function == "format" {
            self.check_format(at, target, args);
        }
        let target = self.check(target);
        types.insert(0, target);
        match self.names.functions.get(function) {
            Some(overloads) => self.check_overloads(at, function, overloads, &types, true),
            None => self.undeclared(at, function),
        }
    }

    fn check_overloads(&mut self, at: u32, name: &str, overloads: &[Overload], args: &[Type], member: bool) -> Type {
        let mut result: Option<Type> = None;
        for overload in overloads.iter().filter(|overload| overload.member == member) {
            let declared: Vec<&Type> = std::iter::once(&overload.result).chain(&overload.params).collect();
            let fresh = self.unifier.instantiate(&declared);
            if !self.unifier.assign(args, &fresh[1..]) {
                continue;
            }
            let found = self.unifier.resolve(&fresh[0], false);
            result = Some(match result {
                None => found,
                Some(before) if before.is_dyn() || before == found => before,
                Some(_) => Type::Dyn,
            });
        }
        if let Some(result) = result {
            return result;
        }
        let mut args: Vec<String> = args.iter().map(|arg| self.unifier.resolve(arg, true).to_string()).collect();
        let target = if member { format!("{}.", args.remove(0)) } else { String::new() };
        let message = format!("found no matching overload for '{name}' applied to '{target}({})'", args.join(", "));
        self.issue(at, message)
    }

    /// Whether a template that is written out has as many clauses as there are values.
    fn check_format(&mut self, at: u32, target: &Expr, args: &[Expr]) {
        let (Kind::Literal(Value::String(template)), [Expr { kind: Kind::List(values), .. }]) = (&target.kind, args)
        else {
            return;
        };
        let problem = match crate::library::clauses(template) {
            Ok(clauses) if values.len() < clauses.len() => format!("index {} out of range", values.len()),
            Ok(clauses) if values.len() > clauses.len() => format!(
                "too many arguments supplied to string.format (expected {}, got {})",
                clauses.len(),
                values.len()
            ),
            Ok(_) => return,
            Err(error) => error.to_string(),
        };
        self.issue(at, problem);
    }

    fn check_logical(&mut self, terms: &[Expr]) -> Type {
        let mut result = Type::Bool;
        for term in terms {
            let found = self.check(term);
            if self.expect_bool(term.at, &found) == Type::Error {
                result = Type::Error;
            }
        }
        result
    }

    fn expect_bool(&mut self, at: u32, found: &Type) -> Type {
        if self.assign(found, &Type::Bool) { Type::Bool } else { self.mismatch(at, &Type::Bool, found) }
    }

    /// The most general of the types of what stands together in a list or map. In Kubernetes they are all the same.
    fn join(&mut self, at: u32, before: Option<Type>, current: Type, uniform: &mut bool) -> Type {
        let Some(before) = before else { return current };
        let agree = self.assign(&before, &current);
        let (expected, found) = (self.unifier.resolve(&before, true), self.unifier.resolve(&current, true));
        if self.names.validated && !self.formatting && *uniform && expected != found {
            *uniform = false;
            let message = format!("expected type '{expected}' but found '{found}'");
            self.literal_issues.push(Issue { message, offset: at as usize });
        }
        if agree { unify::most_general(before, current) } else { Type::Dyn }
    }

    /// The type of a part that is left out when it is an absent optional.
    fn check_part(&mut self, part: &Expr, optional: bool) -> Type {
        let found = self.check(part);
        if !optional {
            return found;
        }
        let found = self.unifier.resolve(&found, false);
        match found.as_optional() {
            Some(inner) => inner.clone(),
            None if matches!(found, Type::Dyn | Type::Error) => found,
            None => self.mismatch(part.at, &Type::optional(found.clone()), &found),
        }
    }

    fn check_list(&mut self, elements: &[(Expr, bool)]) -> Type {
        let (mut joined, mut uniform) = (None, true);
        for (element, optional) in elements {
            let found = self.check_part(element, *optional);
            joined = Some(self.join(element.at, joined, found, &mut uniform));
        }
        Type::list(joined.unwrap_or_else(|| self.unifier.variable()))
    }

    fn check_map(&mut self, entries: &[Entry]) -> Type {
        let (mut keys, mut values, mut uniform) = (None, None, true);
        for entry in entries {
            let key = self.check(&entry.key);
            keys = Some(self.join(entry.key.at, keys, key, &mut uniform));
            let value = self.check_part(&entry.value, entry.optional);
            values = Some(self.join(entry.value.at, values, value, &mut uniform));
        }
        let keys = keys.unwrap_or_else(|| self.unifier.variable());
        Type::map(keys, values.unwrap_or_else(|| self.unifier.variable()))
    }

    fn check_struct(&mut self, at: u32, name: &SmolStr, fields: &[Field]) -> Type {
        let Some((full, known)) = self.names.constructible(name) else { return self.undeclared(at, name) };
        let known = match known {
            Constructible::Prefix => None,
            Constructible::Fields(object) => Some(object.clone()),
        };
        for field in fields {
            let found = self.check_part(&field.value, field.optional);
            let expected = known.as_ref().map_or(Some(&Type::Dyn), |object| object.fields.get(&field.name));
            match expected {
                None => drop(self.issue(field.at, format!("undefined field '{}'", field.name))),
                Some(expected) if !self.assign(expected, &found) => {
                    let found = self.unifier.resolve(&found, true);
                    let name = &field.name;
                    let message =
                        format!("expected type of field '{name}' is '{expected}' but provided type is '{found}'");
                    self.issue(field.at, message);
                }
                Some(_) => {}
            }
        }
        known.map_or_else(|| Type::opaque(full), Type::Object)
    }

    fn check_comprehension(&mut self, at: u32, comprehension: &Comprehension) -> Type {
        let range = self.check(&comprehension.range);
        let range = self.unifier.resolve(&range, false);
        if matches!(comprehension.form, Form::OptMap | Form::OptFlatMap) {
            return self.check_optional_map(at, comprehension, &range);
        }
        let (first, second) = self.range_types(comprehension, &range);
        let locals = match &comprehension.second {
            None => vec![(comprehension.var.clone(), first.clone())],
            Some(name) => vec![(comprehension.var.clone(), first.clone()), (name.clone(), second)],
        };
        self.within(locals, |checker| checker.check_steps(at, comprehension, first, range))
    }

    /// The types of the variables.
    fn range_types(&mut self, comprehension: &Comprehension, range: &Type) -> (Type, Type) {
        let two = comprehension.second.is_some();
        match range {
            Type::List(element) if two => (Type::Int, (**element).clone()),
            Type::List(element) => ((**element).clone(), Type::Dyn),
            Type::Map(entry) => (entry.0.clone(), entry.1.clone()),
            Type::Dyn | Type::Error => (Type::Dyn, Type::Dyn),
            Type::Variable(_) => {
                self.assign(&Type::Dyn, range);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let message = format!(
                    "expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)"
                );
                self.issue(comprehension.range.at, message);
                (Type::Error, Type::Error)
            }
        }
    }

    fn check_steps(&mut self, at: u32, comprehension: &Comprehension, first: Type, range: Type) -> Type {
        let filter = comprehension.filter.as_ref().map(|filter| self.check(filter));
        let body = comprehension.body.as_ref().map(|body| self.check(body));
        let place = comprehension.body.as_ref().map_or(at, |body| body.at);
        let result = match (comprehension.form, body) {
            (Form::All | Form::Exists, Some(body)) => return self.expect_bool(place, &body),
            (Form::ExistsOne, Some(body)) => {
                self.expect_condition(at, &body, &Type::Int);
                return Type::Bool;
            }
            (Form::List, Some(body)) => Type::list(body),
            (Form::Map, Some(body)) => Type::map(first, body),
            (Form::MapEntry, Some(body)) => self.check_entry(at, &body),
            (Form::SortBy, Some(keys)) => self.check_keys(at, range, &keys),
            _ => Type::list(first),
        };
        if let Some(filter) = filter {
            self.expect_condition(at, &filter, &result);
        }
        result
    }

    /// The type of what entries are gathered in.
    fn check_entry(&mut self, at: u32, body: &Type) -> Type {
        let entry = Type::map(self.unifier.variable(), self.unifier.variable());
        if self.assign(body, &entry) {
            return self.unifier.resolve(&entry, false);
        }
        let body = self.unifier.resolve(body, true);
        self.issue(at, format!("found no matching overload for 'cel.@mapInsert' applied to '(map(dyn, dyn), {body})'"))
    }

    /// The type of a list that is sorted by such keys.
    fn check_keys(&mut self, at: u32, range: Type, keys: &Type) -> Type {
        let keys = self.unifier.resolve(keys, true);
        let comparable =
            |key: &Type| crate::library::COMPARABLE.contains(key) || matches!(key, Type::Dyn | Type::Error);
        if comparable(&keys) {
            return if range.is_dyn() { Type::list(Type::Dyn) } else { range };
        }
        let range = self.unifier.resolve(&range, true);
        let message =
            format!("found no matching overload for '@sortByAssociatedKeys' applied to '{range}.(list({keys}))'");
        self.issue(at, message)
    }

    /// Whether what decides over an element is a truth value; `gathered` is the type of what is gathered.
    fn expect_condition(&mut self, at: u32, found: &Type, gathered: &Type) {
        if !self.assign(found, &Type::Bool) {
            let (found, gathered) = (self.unifier.resolve(found, true), self.unifier.resolve(gathered, true));
            let args = format!("{found}, {gathered}, {gathered}");
            self.issue(at, format!("found no matching overload for '_?_:_' applied to '({args})'"));
        }
    }

    fn check_optional_map(&mut self, at: u32, comprehension: &Comprehension, range: &Type) -> Type {
        let value = self.unifier.variable();
        if !self.assign(range, &Type::optional(value.clone())) {
            let range = self.unifier.resolve(range, true);
            return self.issue(at, format!("found no matching overload for 'hasValue' applied to '{range}.()'"));
        }
        let value = self.unifier.resolve(&value, false);
        let Some(body) = &comprehension.body else { return Type::Error };
        let result = self.within(vec![(comprehension.var.clone(), value)], |checker| checker.check(body));
        if comprehension.form == Form::OptMap {
            return Type::optional(result);
        }
        let inner = self.unifier.variable();
        let wanted = Type::optional(inner);
        if self.assign(&result, &wanted) {
            let result = self.unifier.resolve(&result, false);
            return if result.is_dyn() { Type::Dyn } else { self.unifier.resolve(&wanted, false) };
        }
        let result = self.unifier.resolve(&result, true);
        let message =
            format!("found no matching overload for '_?_:_' applied to '(bool, {result}, optional_type(dyn))'");
        self.issue(at, message)
    }
}

fn literal_type(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Int(_) => Type::Int,
        Value::Uint(_) => Type::Uint,
        Value::Double(_) => Type::Double,
        Value::String(_) => Type::String,
        Value::Bytes(_) => Type::Bytes,
        Value::Timestamp(_) => Type::Timestamp,
        Value::Duration(_) => Type::Duration,
        _ => Type::Dyn,
    }
}
