//! Values in HCL. Configurations have no variables and no functions: what is not a literal is a problem.

use probity_hcl::{Expression, Kind, Unary};
use probity_model::value::Number;
use probity_model::{Key, Problem, Value};

/// The value of an expression. Of a key that an object has twice, the last counts.
pub(super) fn value(expression: &Expression) -> Result<Value, Problem> {
    let not_literal = || Problem::new("only literals are values here", expression.span);
    Ok(match &expression.kind {
        Kind::Literal(literal) => literal.clone(),
        Kind::Tuple(elements) => Value::array(elements.iter().map(value).collect::<Result<Vec<_>, _>>()?),
        Kind::Object(entries) => {
            let entry = |(key, entry): &(Expression, Expression)| Ok((name(key)?, value(entry)?));
            Value::Object(entries.iter().map(entry).collect::<Result<Vec<_>, _>>()?.into_iter().collect())
        }
        Kind::Unary(Unary::Negative, inner) => match value(inner)? {
            Value::Number(number) => Value::Number(format!("-{number}").parse::<Number>().map_err(|_| not_literal())?),
            _ => return Err(not_literal()),
        },
        _ => return Err(not_literal()),
    })
}

fn name(key: &Expression) -> Result<Key, Problem> {
    Ok(match (&key.kind, value(key)) {
        (Kind::Name(name), _) => Key::new(name),
        (_, Ok(Value::String(text))) => Key::new(&text),
        (_, other) => Key::new(&format!("{:?}", other?)),
    })
}
