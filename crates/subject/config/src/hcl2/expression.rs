//! Expressions as values: literals, lists and objects are themselves, templates are templates, and everything else is
//! its source in `${…}`. Literal `${` and `%{` are doubled, so that the two can be told apart.

use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::expr::{Conditional, Expression, Object as HclObject, ObjectKey, UnaryOp};
use hcl_edit::template::{Directive, Element, ForDirective, IfDirective, Strip, Template};
use probity_model::value::{Array, Object};
use probity_model::{Key, Problem, Value, json};

use crate::scalar;
use crate::text::{Text, shown};

pub(super) struct Expressions<'t> {
    pub(super) text: &'t Text<'t>,
}

impl Expressions<'_> {
    pub(super) fn value(&self, expression: &Expression) -> Result<Value, Problem> {
        match expression {
            Expression::Null(_) => Ok(Value::Null),
            Expression::Bool(truth) => Ok(Value::Bool(*truth.value())),
            Expression::Number(_) => self.number(expression),
            Expression::String(text) => Ok(escaped(text).into()),
            Expression::Array(list) => {
                let elements = list.iter().map(|element| self.value(element)).collect::<Result<Vec<_>, _>>()?;
                let spans = list.iter().map(|element| self.text.span(range(element))).collect();
                Ok(Value::Array(Array::with_spans(elements, spans)))
            }
            Expression::Object(object) => self.object(object),
            Expression::StringTemplate(template) => match single(template) {
                Some(inner) => self.value(inner),
                None => Ok(self.template(template, false).into()),
            },
            Expression::HeredocTemplate(heredoc) => Ok(self.template(&heredoc.template, true).into()),
            Expression::UnaryOp(operation) => self.unary(operation, expression),
            other => Ok(self.wrapped(other).into()),
        }
    }

    /// A number with the digits it is written with.
    fn number(&self, expression: &Expression) -> Result<Value, Problem> {
        let range = range(expression);
        let written = self.source(range.clone());
        let number = scalar::number(written).map(Value::Number);
        number.ok_or_else(|| self.text.problem(format!("`{}` is no number", shown(written)), range))
    }

    /// A negated literal is a literal.
    fn unary(&self, operation: &UnaryOp, whole: &Expression) -> Result<Value, Problem> {
        match &operation.expr {
            Expression::Bool(truth) => Ok(Value::Bool(!*truth.value())),
            Expression::Number(_) => {
                let range = range(whole);
                let written: String = self.source(range.clone()).chars().filter(|c| !c.is_whitespace()).collect();
                let number = scalar::number(&written).map(Value::Number);
                number.ok_or_else(|| self.text.problem(format!("`{}` is no number", shown(&written)), range))
            }
            _ => Ok(self.wrapped(whole).into()),
        }
    }

    fn object(&self, object: &HclObject) -> Result<Value, Problem> {
        let mut entries = Vec::with_capacity(object.len());
        for (key, value) in object {
            let span = self.text.span(key.span().map_or(0, |key| key.start)..range(value.expr()).end);
            entries.push((Key::new(&self.key(key)), self.value(value.expr())?, span));
        }
        Ok(Value::Object(Object::with_spans(entries)))
    }

    /// The key of an object: a name or a path of names is itself.
    fn key(&self, key: &ObjectKey) -> String {
        match key {
            ObjectKey::Ident(name) => name.as_str().to_owned(),
            ObjectKey::Expression(path @ (Expression::Traversal(_) | Expression::Variable(_))) => {
                self.source(range(path)).to_owned()
            }
            ObjectKey::Expression(other) => self.part(other),
        }
    }

    fn template(&self, template: &Template, is_heredoc: bool) -> String {
        let elements: Vec<&Element> = template.iter().collect();
        let mut out = String::new();
        for (position, element) in elements.iter().enumerate() {
            match element {
                Element::Literal(text) => {
                    let before = position.checked_sub(1).and_then(|before| elements.get(before));
                    let after = elements.get(position + 1);
                    let strips_start = before.is_some_and(|before| strip(before).1);
                    let strips_end = after.is_some_and(|after| strip(after).0);
                    out.push_str(&escaped(stripped(text, strips_start, strips_end, is_heredoc)));
                }
                Element::Interpolation(interpolation) => out.push_str(&self.part(&interpolation.expr)),
                Element::Directive(directive) => match &**directive {
                    Directive::If(directive) => self.if_directive(directive, is_heredoc, &mut out),
                    Directive::For(directive) => self.for_directive(directive, is_heredoc, &mut out),
                },
            }
        }
        out
    }

    /// What an expression puts into a template.
    fn part(&self, expression: &Expression) -> String {
        match expression {
            Expression::Null(_) => "null".to_owned(),
            Expression::Bool(truth) => truth.value().to_string(),
            // A negative number is an operation, though the parser reads one in one piece.
            Expression::Number(_) if !self.source(range(expression)).starts_with('-') => {
                self.number(expression).map_or_else(|_| self.wrapped(expression), |number| json::write(&number))
            }
            Expression::String(text) => escaped(text),
            Expression::StringTemplate(template) => match single(template) {
                Some(inner) => self.part(inner),
                None => self.template(template, false),
            },
            Expression::HeredocTemplate(heredoc) => self.template(&heredoc.template, true),
            Expression::Conditional(conditional) => self.conditional(conditional),
            other => self.wrapped(other),
        }
    }

    /// A conditional expression is written as the directives that mean the same.
    fn conditional(&self, conditional: &Conditional) -> String {
        let condition = self.source(range(&conditional.cond_expr));
        let otherwise = self.part(&conditional.false_expr);
        if_text(condition, &self.part(&conditional.true_expr), &otherwise)
    }

    fn if_directive(&self, directive: &IfDirective, is_heredoc: bool, out: &mut String) {
        let condition = self.source(range(&directive.if_expr.cond_expr));
        let starts = ends(directive.if_expr.strip);
        let middle = directive.else_expr.as_ref().map(|otherwise| ends(otherwise.strip));
        let finish = ends(directive.endif_expr.strip);
        let then = self.inner(&directive.if_expr.template, starts.1, middle.unwrap_or(finish).0, is_heredoc);
        let otherwise = directive.else_expr.as_ref().map_or_else(String::new, |otherwise| {
            self.inner(&otherwise.template, middle.unwrap_or_default().1, finish.0, is_heredoc)
        });
        out.push_str(&if_text(condition, &then, &otherwise));
    }

    fn for_directive(&self, directive: &ForDirective, is_heredoc: bool, out: &mut String) {
        let intro = &directive.for_expr;
        let key = intro.key_var.as_ref().map_or_else(String::new, |key| format!("{}, ", key.as_str()));
        let collection = self.source(range(&intro.collection_expr));
        let (starts, finish) = (ends(intro.strip), ends(directive.endfor_expr.strip));
        let body = self.inner(&intro.template, starts.1, finish.0, is_heredoc);
        out.push_str(&format!("%{{for {key}{} in {collection}}}{body}%{{endfor}}", intro.value_var.as_str()));
    }

    /// A template between two directives, which may strip its ends.
    fn inner(&self, template: &Template, strips_start: bool, strips_end: bool, is_heredoc: bool) -> String {
        if !strips_start && !strips_end {
            return self.template(template, is_heredoc);
        }
        let mut elements: Vec<Element> = template.iter().cloned().collect();
        if let Some(Element::Literal(first)) = elements.first_mut() {
            let text = stripped(first.value(), strips_start, false, is_heredoc).to_owned();
            *first.value_mut() = text;
        }
        if let Some(Element::Literal(last)) = elements.last_mut() {
            let text = stripped(last.value(), false, strips_end, is_heredoc).to_owned();
            *last.value_mut() = text;
        }
        self.template(&Template::from(elements), is_heredoc)
    }

    fn source(&self, range: Range<usize>) -> &str {
        self.text.whole.get(range).unwrap_or_default()
    }

    fn wrapped(&self, expression: &Expression) -> String {
        format!("${{{}}}", self.source(range(expression)))
    }
}

fn range(expression: &Expression) -> Range<usize> {
    expression.span().unwrap_or(0..0)
}

fn if_text(condition: &str, then: &str, otherwise: &str) -> String {
    let otherwise = if otherwise.is_empty() { String::new() } else { format!("%{{else}}{otherwise}") };
    format!("%{{if {condition}}}{then}{otherwise}%{{endif}}")
}

/// The expression of a template that is nothing but it.
fn single(template: &Template) -> Option<&Expression> {
    match template.as_single_element()? {
        Element::Interpolation(interpolation) => Some(&interpolation.expr),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    text.replace("${", "$${").replace("%{", "%%{")
}

/// Whether a mark strips what stands before it and after it.
fn ends(strip: Strip) -> (bool, bool) {
    (matches!(strip, Strip::Start | Strip::Both), matches!(strip, Strip::End | Strip::Both))
}

fn strip(element: &Element) -> (bool, bool) {
    match element {
        Element::Literal(_) => (false, false),
        Element::Interpolation(interpolation) => ends(interpolation.strip),
        Element::Directive(directive) => match &**directive {
            Directive::If(directive) => (ends(directive.if_expr.strip).0, ends(directive.endif_expr.strip).1),
            Directive::For(directive) => (ends(directive.for_expr.strip).0, ends(directive.endfor_expr.strip).1),
        },
    }
}

/// A literal without the space that marks beside it strip: in a here-document, that of the nearest line.
fn stripped(text: &str, start: bool, end: bool, is_heredoc: bool) -> &str {
    let mut text = text;
    if start {
        let line = text.find('\n').filter(|_| is_heredoc).map_or(text.len(), |end| end + 1);
        let (first, _) = text.split_at(line);
        text = &text[line - first.trim_start().len()..];
    }
    if end {
        let line = text.rfind('\n').filter(|_| is_heredoc).map_or(0, |end| end + 1);
        let (before, last) = text.split_at(line);
        text = &text[..before.len() + last.trim_end().len()];
    }
    text
}
