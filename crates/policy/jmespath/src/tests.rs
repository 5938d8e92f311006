mod functions;
mod language;

use probity_model::{Value, json};

use crate::{Evaluation, Expression, Host, SearchError, to_json};

/// A clock that stands still, dice that always show the same, and two names.
struct Still;

impl Host for Still {
    fn now_ns(&self) -> Result<i64, String> {
        // 2024-02-29T12:30:45Z
        Ok(1_709_209_845_000_000_000)
    }

    fn random(&self, buffer: &mut [u8]) -> Result<(), String> {
        buffer.fill(7);
        Ok(())
    }

    fn lookup(&self, name: &str) -> Result<Vec<std::net::IpAddr>, String> {
        match name {
            "inside.example" => Ok(vec![[10, 0, 0, 1].into()]),
            "outside.example" => Ok(vec![[93, 184, 216, 34].into()]),
            _ => Err(format!("lookup {name}: no such host")),
        }
    }
}

fn search(expression: &str, given: &Value) -> Result<Value, SearchError> {
    let expression = Expression::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
    expression.search(given, &Evaluation::new(&Still))
}

/// Each expression on the document gives this JSON, or an error with this text behind `!`.
fn check(given: &str, table: &[(&str, &str)]) {
    let given = json::read(given.as_bytes()).unwrap();
    for (expression, expected) in table {
        let found = search(expression, &given);
        let shown = match found {
            Ok(value) => to_json(&value).unwrap(),
            Err(error) => format!("!{error}"),
        };
        assert_eq!(shown, *expected, "{expression}");
    }
}
