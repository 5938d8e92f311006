//! Expressions to values.
//!
//! Whatever depends on a value that is not known before apply is [`Value::Unknown`], with what it waits for. An
//! expression that cannot be evaluated (a function that does not exist, a wrong type) is an [`EvalError`]; `try` and
//! `can` see it, and an attribute that has one becomes unknown.

use bigdecimal::{BigDecimal, Zero as _};
use hcl_edit::expr::{
    BinaryOperator, Conditional, Expression, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator, UnaryOperator,
};
use hcl_edit::template::{Directive, Element, Template};
use probity_model::{Key, Number, Value};

use super::budget::{MAX_DEPTH, MAX_DIGITS, MAX_ELEMENTS, MAX_OPERATORS, MAX_STRING};
use super::instance::Instance;
use super::{functions, policy_document};

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EvalError(pub(super) String);

pub(super) type Evaluated = Result<Value, EvalError>;

pub(super) fn error<T>(message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError(message.into()))
}

/// Names that hold only in a part of the configuration: `each`, `count`, `self`, and the variables of `for`.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    names: Vec<(String, Value)>,
}

impl Scope {
    pub(super) fn with(&self, name: &str, value: Value) -> Self {
        let mut scope = self.clone();
        scope.push(name, value);
        scope
    }

    fn push(&mut self, name: &str, value: Value) {
        self.names.push((name.to_owned(), value));
    }

    fn pop(&mut self) {
        self.names.pop();
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.names.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Evaluates expressions of one module instance.
pub(super) struct Evaluator<'e, 't> {
    pub(super) instance: &'e Instance<'t>,
    pub(super) scope: Scope,
    /// How many templates of files are being rendered, one within the other.
    pub(super) templates: usize,
}

impl<'e, 't> Evaluator<'e, 't> {
    pub(super) fn new(instance: &'e Instance<'t>, scope: &Scope) -> Self {
        Self { instance, scope: scope.clone(), templates: 0 }
    }

    /// The value of an expression.
    pub(super) fn evaluate(&mut self, expression: &Expression) -> Evaluated {
        let depth = self.instance.run.enter();
        let value = if depth > MAX_DEPTH {
            error("nested too deeply, or defined by itself")
        } else if self.instance.run.exhausted() {
            error("the evaluation took too many steps")
        } else {
            self.expression(expression)
        };
        self.instance.run.leave();
        match value {
            Ok(value) if self.instance.run.weigh(&value).is_none() => error("stands for too many values"),
            value => value,
        }
    }

    fn expression(&mut self, expression: &Expression) -> Evaluated {
        match expression {
            Expression::Null(_) => Ok(Value::Null),
            Expression::Bool(truth) => Ok(Value::Bool(*truth.value())),
            Expression::Number(number) => {
                let number = number.value();
                match number.as_i64() {
                    Some(int) => Ok(int.into()),
                    None => number
                        .as_f64()
                        .and_then(Number::from_f64)
                        .map(Value::Number)
                        .ok_or_else(|| EvalError("not a finite number".to_owned())),
                }
            }
            Expression::String(text) => Ok(Value::String(text.as_str().into())),
            Expression::Array(array) => {
                let elements = array.iter().map(|element| self.evaluate(element)).collect::<Result<Vec<_>, _>>()?;
                Ok(Value::array(elements))
            }
            Expression::Object(object) => self.object(object),
            Expression::StringTemplate(template) => self.elements(template.iter(), Trim::default()),
            Expression::HeredocTemplate(heredoc) => self.elements(heredoc.template.iter(), Trim::default()),
            Expression::Parenthesis(inner) => self.evaluate(inner.inner()),
            Expression::Variable(name) => self.variable(name.as_str()),
            Expression::Conditional(conditional) => self.conditional(conditional),
            Expression::FuncCall(call) => self.call(call),
            Expression::Traversal(traversal) => self.traversal(traversal),
            Expression::UnaryOp(operation) => {
                let value = self.evaluate(&operation.expr)?;
                unary(*operation.operator.value(), &value)
            }
            Expression::BinaryOp(operation) => {
                let operator = *operation.operator.value();
                let left = self.evaluate(&operation.lhs_expr)?;
                let right = self.evaluate(&operation.rhs_expr)?;
                binary(operator, &left, &right)
            }
            Expression::ForExpr(expression) => self.for_expression(expression),
        }
    }

    fn object(&mut self, object: &hcl_edit::expr::Object) -> Evaluated {
        let mut entries = Vec::new();
        for (key, value) in object {
            let name = match key {
                ObjectKey::Ident(ident) => ident.as_str().to_owned(),
                // A single name in parentheses or quotes is an expression; a bare one is its own name.
                ObjectKey::Expression(Expression::Variable(name)) => name.as_str().to_owned(),
                ObjectKey::Expression(expression) => match self.evaluate(expression)? {
                    Value::Unknown(what) => return Ok(Value::Unknown(what)),
                    value => to_text(&value)?,
                },
            };
            entries.push((Key::new(&name), self.evaluate(value.expr())?));
        }
        Ok(Value::Object(entries.into_iter().collect()))
    }

    fn variable(&mut self, name: &str) -> Evaluated {
        match self.scope.get(name) {
            Some(value) => Ok(value.clone()),
            // Terraform refuses these; what is meant is plain.
            None if name == "True" || name == "False" => Ok(Value::Bool(name == "True")),
            None => error(format!("`{name}` stands for nothing here")),
        }
    }

    fn conditional(&mut self, conditional: &Conditional) -> Evaluated {
        match to_bool(&self.evaluate(&conditional.cond_expr)?)? {
            Ok(true) => self.evaluate(&conditional.true_expr),
            Ok(false) => self.evaluate(&conditional.false_expr),
            Err(unknown) => {
                // Both ways to the same value: it does not matter which.
                match (self.evaluate(&conditional.true_expr), self.evaluate(&conditional.false_expr)) {
                    (Ok(a), Ok(b)) if a == b && !matches!(a, Value::Unknown(_)) => Ok(a),
                    _ => Ok(unknown),
                }
            }
        }
    }

    fn call(&mut self, call: &FuncCall) -> Evaluated {
        let name = call.name.name.as_str();
        if !call.name.namespace.is_empty() && call.name.namespace[0].as_str() != "core" {
            return Ok(Value::Unknown(format!("provider function {name}").as_str().into()));
        }
        match name {
            "try" => {
                let mut last = error("try() without arguments");
                for argument in &call.args {
                    last = self.evaluate(argument);
                    if last.is_ok() {
                        return last;
                    }
                }
                return last;
            }
            "can" => {
                return match call.args.iter().next().map(|argument| self.evaluate(argument)) {
                    Some(Ok(unknown @ Value::Unknown(_))) => Ok(unknown),
                    Some(result) => Ok(Value::Bool(result.is_ok())),
                    None => error("can() without an argument"),
                };
            }
            _ => {}
        }
        let mut arguments = Vec::new();
        for argument in &call.args {
            arguments.push(self.evaluate(argument)?);
        }
        if call.args.expand_final()
            && let Some(last) = arguments.pop()
        {
            match last {
                Value::Array(list) => arguments.extend(list.iter().cloned()),
                Value::Set(set) => arguments.extend(set.iter().cloned()),
                Value::Unknown(what) => return Ok(Value::Unknown(what)),
                other => return error(format!("cannot expand a {}", other.kind())),
            }
        }
        functions::call(name, &arguments, self)
    }

    fn traversal(&mut self, traversal: &Traversal) -> Evaluated {
        if traversal.operators.len() > MAX_OPERATORS {
            return error(format!("a reference of more than {MAX_OPERATORS} steps"));
        }
        let operators: Vec<&TraversalOperator> = traversal.operators.iter().map(hcl_edit::Decorated::value).collect();
        if let Expression::Variable(root) = &traversal.expr {
            if let Some(value) = self.scope.get(root.as_str()).cloned() {
                return self.follow(value, &operators, root.as_str(), false);
            }
            if let Some((value, taken, lenient)) = self.instance.reference(root.as_str(), &operators)? {
                return self.follow(value, &operators[taken..], &describe(root.as_str(), &operators), lenient);
            }
            return error(format!("`{}` is not known here", root.as_str()));
        }
        let value = self.evaluate(&traversal.expr)?;
        self.follow(value, &operators, "an expression", false)
    }

    /// Applies operators to a value. `lenient`: attributes that are not there are computed by the provider, and unknown.
    fn follow(&mut self, value: Value, operators: &[&TraversalOperator], what: &str, lenient: bool) -> Evaluated {
        let Some((operator, rest)) = operators.split_first() else { return Ok(value) };
        if let Value::Unknown(_) = value {
            return Ok(value);
        }
        let key = match operator {
            TraversalOperator::GetAttr(name) => Value::from(name.as_str()),
            TraversalOperator::LegacyIndex(index) => Value::from(i64::try_from(*index.value()).unwrap_or(i64::MAX)),
            TraversalOperator::Index(expression) => self.evaluate(expression)?,
            TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => {
                return self.splat(&value, rest, what, lenient);
            }
        };
        let inner = match index(&value, &key) {
            Ok(inner) => inner,
            Err(_) if lenient => return Ok(Value::Unknown(what.into())),
            Err(error) => return Err(error),
        };
        self.follow(inner, rest, what, lenient)
    }

    fn splat(&mut self, value: &Value, rest: &[&TraversalOperator], what: &str, lenient: bool) -> Evaluated {
        let elements: Vec<Value> = match value {
            Value::Null => Vec::new(),
            Value::Array(list) => list.iter().cloned().collect(),
            Value::Set(set) => set.iter().cloned().collect(),
            other => vec![other.clone()],
        };
        let elements = elements
            .into_iter()
            .map(|element| self.follow(element, rest, what, lenient))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Value::array(elements))
    }

    fn for_expression(&mut self, expression: &ForExpr) -> Evaluated {
        let collection = self.evaluate(&expression.intro.collection_expr)?;
        let Some(pairs) = pairs(&collection)? else { return Ok(collection) };
        let key_name = expression.intro.key_var.as_ref().map(|name| name.as_str().to_owned());
        let value_name = expression.intro.value_var.as_str().to_owned();
        let (mut elements, mut entries): (Vec<Value>, Vec<(Key, Value)>) = (Vec::new(), Vec::new());
        for (key, value) in pairs {
            let names = 1 + usize::from(key_name.is_some());
            if let Some(name) = &key_name {
                self.scope.push(name, key);
            }
            self.scope.push(&value_name, value);
            let made = self.for_element(expression);
            (0..names).for_each(|_| self.scope.pop());
            match made? {
                Made::Nothing => {}
                Made::Unknown(unknown) => return Ok(unknown),
                Made::Element(value) => elements.push(value),
                Made::Entry(key, value) => entries.push((key, value)),
            }
            if elements.len() + entries.len() > MAX_ELEMENTS {
                return error(format!("a for expression makes more than {MAX_ELEMENTS} elements"));
            }
        }
        Ok(match (&expression.key_expr, expression.grouping) {
            (None, _) => Value::array(elements),
            (Some(_), false) => Value::Object(entries.into_iter().collect()),
            (Some(_), true) => grouped(entries),
        })
    }

    fn for_element(&mut self, expression: &ForExpr) -> Result<Made, EvalError> {
        if let Some(condition) = &expression.cond {
            match to_bool(&self.evaluate(&condition.expr)?)? {
                Ok(true) => {}
                Ok(false) => return Ok(Made::Nothing),
                Err(unknown) => return Ok(Made::Unknown(unknown)),
            }
        }
        let Some(key) = &expression.key_expr else {
            return Ok(Made::Element(self.evaluate(&expression.value_expr)?));
        };
        match self.evaluate(key)? {
            unknown @ Value::Unknown(_) => Ok(Made::Unknown(unknown)),
            key => Ok(Made::Entry(Key::new(&to_text(&key)?), self.evaluate(&expression.value_expr)?)),
        }
    }

    fn elements<'x>(&mut self, elements: impl Iterator<Item = &'x Element>, trim: Trim) -> Evaluated {
        let elements: Vec<&Element> = elements.collect();
        // A lone interpolation keeps the type of its value.
        if let [Element::Interpolation(only)] = elements.as_slice() {
            return self.evaluate(&only.expr);
        }
        let mut text = String::new();
        let mut unknown = None;
        let begins_json =
            matches!(elements.first(), Some(Element::Literal(first)) if first.trim_start().starts_with(['{', '[']));
        for (position, element) in elements.iter().enumerate() {
            let part = match element {
                Element::Literal(literal) => {
                    let before = position.checked_sub(1).and_then(|before| elements.get(before));
                    let start = before.map_or(trim.start, |before| Trim::around(before).end);
                    let end = elements.get(position + 1).map_or(trim.end, |behind| Trim::around(behind).start);
                    text.push_str(trimmed(literal.as_str(), start, end));
                    continue;
                }
                Element::Interpolation(interpolation) => self.evaluate(&interpolation.expr)?,
                Element::Directive(directive) => self.directive(directive)?,
            };
            match part {
                Value::Unknown(ref what) => {
                    if begins_json {
                        text.push_str(&format!("${{{}}}", what.replace(['"', '\\', '\n'], "'")));
                    }
                    unknown = Some(part);
                }
                part => text.push_str(&to_text(&part)?),
            }
            if text.len() > MAX_STRING {
                return error("a string grows over its bound");
            }
        }
        // Of a policy document written as text, one ARN that is not known must not hide the rest.
        Ok(match unknown {
            Some(unknown) if !begins_json || !policy_document::is_decided(&text) => unknown,
            _ => text.into(),
        })
    }

    fn directive(&mut self, directive: &Directive) -> Evaluated {
        match directive {
            Directive::If(directive) => {
                let (head, last) = (&directive.if_expr, directive.endif_expr.strip.strip_start());
                let other = directive.else_expr.as_ref();
                match to_bool(&self.evaluate(&head.cond_expr)?)? {
                    Ok(true) => {
                        let end = other.map_or(last, |other| other.strip.strip_start());
                        self.text(&head.template, Trim { start: head.strip.strip_end(), end })
                    }
                    Ok(false) => match other {
                        Some(other) => self.text(&other.template, Trim { start: other.strip.strip_end(), end: last }),
                        None => Ok("".into()),
                    },
                    Err(unknown) => Ok(unknown),
                }
            }
            Directive::For(directive) => {
                let head = &directive.for_expr;
                let trim = Trim { start: head.strip.strip_end(), end: directive.endfor_expr.strip.strip_start() };
                let collection = self.evaluate(&head.collection_expr)?;
                let Some(pairs) = pairs(&collection)? else { return Ok(collection) };
                let mut text = String::new();
                for (key, value) in pairs {
                    let names = 1 + usize::from(head.key_var.is_some());
                    if let Some(name) = &head.key_var {
                        self.scope.push(name.as_str(), key);
                    }
                    self.scope.push(head.value_var.as_str(), value);
                    let part = self.text(&head.template, trim);
                    (0..names).for_each(|_| self.scope.pop());
                    match part? {
                        unknown @ Value::Unknown(_) => return Ok(unknown),
                        part => text.push_str(&to_text(&part)?),
                    }
                    if text.len() > MAX_STRING {
                        return error("a string grows over its bound");
                    }
                }
                Ok(text.into())
            }
        }
    }

    fn text(&mut self, template: &Template, trim: Trim) -> Evaluated {
        match self.elements(template.iter(), trim)? {
            unknown @ Value::Unknown(_) => Ok(unknown),
            value => Ok(to_text(&value)?.into()),
        }
    }

    /// Evaluates a template text with these variables, as `templatefile` does.
    pub(super) fn render(&mut self, text: &str, variables: &Value) -> Evaluated {
        let template = hcl_edit::parser::parse_template(text).map_err(|error| EvalError(error.message().to_owned()))?;
        let outer = std::mem::take(&mut self.scope);
        for (name, value) in variables.as_object().into_iter().flat_map(probity_model::value::Object::iter) {
            self.scope.push(name.as_str(), value.clone());
        }
        let rendered = self.text(&template, Trim::default());
        self.scope = outer;
        rendered
    }
}

/// Where blanks are left out: what `~` beside an interpolation or a directive says (HCL native syntax, "Template Literals").
#[derive(Debug, Clone, Copy, Default)]
struct Trim {
    start: bool,
    end: bool,
}

impl Trim {
    /// What an element says of the literals before and behind it.
    fn around(element: &Element) -> Self {
        match element {
            Element::Literal(_) => Self::default(),
            Element::Interpolation(interpolation) => {
                Self { start: interpolation.strip.strip_start(), end: interpolation.strip.strip_end() }
            }
            Element::Directive(directive) => {
                let (first, last) = match &**directive {
                    Directive::If(directive) => (directive.if_expr.strip, directive.endif_expr.strip),
                    Directive::For(directive) => (directive.for_expr.strip, directive.endfor_expr.strip),
                };
                Self { start: first.strip_start(), end: last.strip_end() }
            }
        }
    }
}

/// The literal without the blanks at its start, to the end of the line at most, and without those at its end, of its last
/// line.
fn trimmed(literal: &str, start: bool, end: bool) -> &str {
    let mut text = literal;
    if start {
        let line = text.find('\n').map_or(text.len(), |at| at + 1);
        let blanks = text[..line].len() - text[..line].trim_start().len();
        text = &text[blanks..];
    }
    if end {
        let body = text.strip_suffix('\n').unwrap_or(text);
        let line = body.rfind('\n').map_or(0, |at| at + 1);
        text = &text[..line + text[line..].trim_end().len()];
    }
    text
}

enum Made {
    Nothing,
    Unknown(Value),
    Element(Value),
    Entry(Key, Value),
}

fn grouped(entries: Vec<(Key, Value)>) -> Value {
    let mut groups: Vec<(Key, Vec<Value>)> = Vec::new();
    let mut positions = std::collections::HashMap::new();
    for (key, value) in entries {
        let position = *positions.entry(key.clone()).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[position].1.push(value);
    }
    Value::Object(groups.into_iter().map(|(key, values)| (key, Value::array(values))).collect())
}

/// Keys and values of a collection; `None` when it is unknown.
pub(super) fn pairs(collection: &Value) -> Result<Option<Vec<(Value, Value)>>, EvalError> {
    Ok(Some(match collection {
        Value::Unknown(_) => return Ok(None),
        Value::Array(list) => (0_i64..).map(Value::from).zip(list.iter().cloned()).collect(),
        Value::Set(set) => set.iter().map(|member| (member.clone(), member.clone())).collect(),
        Value::Object(object) => object.iter().map(|(key, value)| (key.as_str().into(), value.clone())).collect(),
        other => return error(format!("a {} cannot be walked through", other.kind())),
    }))
}

/// A reference as it is written, as far as it is plain.
fn describe(root: &str, operators: &[&TraversalOperator]) -> String {
    let mut text = root.to_owned();
    for operator in operators {
        match operator {
            TraversalOperator::GetAttr(name) => {
                text.push('.');
                text.push_str(name.as_str());
            }
            TraversalOperator::LegacyIndex(index) => text.push_str(&format!(".{}", index.value())),
            TraversalOperator::Index(Expression::Number(number)) => text.push_str(&format!("[{}]", number.value())),
            TraversalOperator::Index(Expression::String(key)) => text.push_str(&format!("[\"{}\"]", key.as_str())),
            TraversalOperator::Index(_) => text.push_str("[…]"),
            TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => text.push_str("[*]"),
        }
    }
    text
}

/// One element of a collection.
pub(super) fn index(value: &Value, key: &Value) -> Evaluated {
    match (value, key) {
        (Value::Unknown(_), _) => Ok(value.clone()),
        (_, Value::Unknown(_)) => Ok(key.clone()),
        (Value::Object(object), key) => {
            let name = to_text(key)?;
            object.get(&name).cloned().ok_or_else(|| EvalError(format!("there is no `{name}`")))
        }
        (Value::Array(list), key) => {
            let position = to_number(key)?.as_i64().and_then(|position| usize::try_from(position).ok());
            position
                .and_then(|position| list.get(position))
                .cloned()
                .ok_or_else(|| EvalError("the index is out of range".to_owned()))
        }
        (other, _) => error(format!("a {} has no elements", other.kind())),
    }
}

/// A truth value; the inner error is the unknown it waits for.
pub(super) fn to_bool(value: &Value) -> Result<Result<bool, Value>, EvalError> {
    match value {
        Value::Bool(truth) => Ok(Ok(*truth)),
        Value::String(text) if text == "true" => Ok(Ok(true)),
        Value::String(text) if text == "false" => Ok(Ok(false)),
        Value::Unknown(_) => Ok(Err(value.clone())),
        other => error(format!("expected true or false, found a {}", other.kind())),
    }
}

pub(super) fn to_number(value: &Value) -> Result<Number, EvalError> {
    match value {
        Value::Number(number) => Ok(number.clone()),
        Value::String(text) => text.parse().map_err(|_| EvalError(format!("`{text}` is not a number"))),
        other => error(format!("expected a number, found a {}", other.kind())),
    }
}

pub(super) fn to_text(value: &Value) -> Result<String, EvalError> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        other => error(format!("expected a string, found a {}", other.kind())),
    }
}

fn unary(operator: UnaryOperator, value: &Value) -> Evaluated {
    if let Value::Unknown(_) = value {
        return Ok(value.clone());
    }
    match operator {
        UnaryOperator::Not => match to_bool(value)? {
            Ok(truth) => Ok(Value::Bool(!truth)),
            Err(unknown) => Ok(unknown),
        },
        UnaryOperator::Neg => Ok(Value::Number(Number::from(-to_number(value)?.to_big()))),
    }
}

fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Evaluated {
    match operator {
        BinaryOperator::And | BinaryOperator::Or => return logic(operator == BinaryOperator::Or, left, right),
        _ => {}
    }
    for side in [left, right] {
        if let Value::Unknown(_) = side {
            return Ok(side.clone());
        }
    }
    match operator {
        BinaryOperator::Eq => return Ok(Value::Bool(left == right)),
        BinaryOperator::NotEq => return Ok(Value::Bool(left != right)),
        _ => {}
    }
    let (a, b) = (to_number(left)?, to_number(right)?);
    Ok(match operator {
        BinaryOperator::Less => Value::Bool(a < b),
        BinaryOperator::LessEq => Value::Bool(a <= b),
        BinaryOperator::Greater => Value::Bool(a > b),
        BinaryOperator::GreaterEq => Value::Bool(a >= b),
        _ => return arithmetic(operator, &a, &b),
    })
}

/// `&&` and `||`: one decisive side is enough, whatever the other waits for.
fn logic(decisive: bool, left: &Value, right: &Value) -> Evaluated {
    match (to_bool(left)?, to_bool(right)?) {
        (Ok(truth), _) | (_, Ok(truth)) if truth == decisive => Ok(Value::Bool(decisive)),
        (Err(unknown), _) | (_, Err(unknown)) => Ok(unknown),
        _ => Ok(Value::Bool(!decisive)),
    }
}

fn arithmetic(operator: BinaryOperator, a: &Number, b: &Number) -> Evaluated {
    let (a, b) = (a.to_big(), b.to_big());
    // Digits that the result may have; an exponent is written out when numbers are brought to the same one.
    let size = |number: &BigDecimal| number.digits().saturating_add(number.fractional_digit_count().unsigned_abs());
    if size(&a).saturating_add(size(&b)) > MAX_DIGITS {
        return error("a number grows over its bound");
    }
    let zero = b.is_zero();
    Ok(Value::Number(Number::from(match operator {
        BinaryOperator::Plus => a + b,
        BinaryOperator::Minus => a - b,
        BinaryOperator::Mul => a * b,
        BinaryOperator::Div | BinaryOperator::Mod if zero => return error("division by zero"),
        BinaryOperator::Div => (a / b).normalized(),
        BinaryOperator::Mod => a % b,
        _ => return error("not an arithmetic operator"),
    })))
}
