//! Values in HCL. Configurations have no variables and no functions: what is not a literal is a problem.

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, ObjectKey, UnaryOperator};
use hcl_edit::template::{Element, Template};
use probity_model::value::Number;
use probity_model::{Key, Problem, SourceId, Span, Value};

/// The value of an expression.
pub(super) fn value(expression: &Expression, source: SourceId) -> Result<Value, Problem> {
    let span = expression.span().map(|range| Span::new(source, range));
    let not_literal = || Problem::new("only literals are values here", span);
    Ok(match expression {
        Expression::Null(_) => Value::Null,
        Expression::Bool(truth) => Value::Bool(*truth.value()),
        Expression::Number(number) => {
            Value::Number(number.value().to_string().parse::<Number>().map_err(|_| not_literal())?)
        }
        Expression::String(text) => Value::from(text.value().as_str()),
        Expression::StringTemplate(template) => text(template.iter()).ok_or_else(not_literal)?,
        Expression::HeredocTemplate(heredoc) => template(&heredoc.template).ok_or_else(not_literal)?,
        Expression::Parenthesis(inner) => value(inner.inner(), source)?,
        Expression::UnaryOp(operation) if *operation.operator.value() == UnaryOperator::Neg => {
            let negated = format!("-{:?}", value(&operation.expr, source)?);
            Value::Number(negated.parse::<Number>().map_err(|_| not_literal())?)
        }
        Expression::Array(elements) => {
            Value::array(elements.iter().map(|element| value(element, source)).collect::<Result<Vec<_>, _>>()?)
        }
        Expression::Object(object) => {
            let mut entries = Vec::new();
            for (key, entry) in object {
                let key = match key {
                    ObjectKey::Ident(name) | ObjectKey::Expression(Expression::Variable(name)) => {
                        name.as_str().to_owned()
                    }
                    ObjectKey::Expression(expression) => match value(expression, source)? {
                        Value::String(text) => text.to_string(),
                        other => format!("{other:?}"),
                    },
                };
                entries.push((Key::new(&key), value(entry.expr(), source)?));
            }
            Value::Object(entries.into_iter().collect())
        }
        _ => return Err(not_literal()),
    })
}

fn template(template: &Template) -> Option<Value> {
    text(template.iter())
}

/// The text of a template in which nothing is replaced.
fn text<'e>(elements: impl Iterator<Item = &'e Element>) -> Option<Value> {
    let mut text = String::new();
    for element in elements {
        match element {
            Element::Literal(literal) => text.push_str(literal.value()),
            _ => return None,
        }
    }
    Some(text.into())
}
