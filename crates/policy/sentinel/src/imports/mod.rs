//! Standard imports (documentation, "Imports"): each a table of functions, and what they make.

mod base64;
mod collection;
mod decimal;
mod http;
mod json;
mod lists;
mod maps;
mod object;
mod real;
mod sockaddr;
mod strings;
mod time;
mod types;
mod version;

pub(crate) use object::Object;

use crate::eval::{Def, Interp, Stop};
use crate::value::{Function, Native, Value};

/// A standard import.
#[derive(Clone, Copy)]
pub(crate) struct Standard(&'static Table);

/// What an import has.
pub(crate) struct Table {
    path: &'static str,
    functions: &'static [Def],
    /// Members that are no functions.
    constant: fn(&str) -> Option<Value>,
}

fn no_constant(_: &str) -> Option<Value> {
    None
}

static TABLES: [Table; 14] = [
    Table { path: "base64", functions: &base64::FUNCTIONS, constant: no_constant },
    Table { path: "collection", functions: &collection::FUNCTIONS, constant: no_constant },
    Table { path: "collection/lists", functions: &lists::FUNCTIONS, constant: no_constant },
    Table { path: "collection/maps", functions: &maps::FUNCTIONS, constant: no_constant },
    Table { path: "decimal", functions: &decimal::FUNCTIONS, constant: decimal::constant },
    Table { path: "http", functions: &http::FUNCTIONS, constant: http::constant },
    Table { path: "json", functions: &json::FUNCTIONS, constant: no_constant },
    Table { path: "runtime", functions: &[], constant: runtime },
    Table { path: "sockaddr", functions: &sockaddr::FUNCTIONS, constant: no_constant },
    Table { path: "strings", functions: &strings::FUNCTIONS, constant: no_constant },
    Table { path: "time", functions: &time::FUNCTIONS, constant: time::constant },
    Table { path: "types", functions: &types::FUNCTIONS, constant: no_constant },
    Table { path: "units", functions: &[], constant: units },
    Table { path: "version", functions: &version::FUNCTIONS, constant: no_constant },
];

impl Standard {
    /// The import of this path.
    pub(crate) fn find(path: &str) -> Option<Self> {
        TABLES.iter().find(|table| table.path == path).map(Self)
    }

    pub(crate) fn path(self) -> &'static str {
        self.0.path
    }
}

/// A member of an import.
pub(crate) fn member(interp: &mut Interp<'_>, standard: Standard, name: &str) -> Result<Option<Value>, Stop> {
    if (standard.path(), name) == ("time", "now") {
        return time::now(interp).map(Some);
    }
    match standard.0.functions.iter().find(|def| def.name == name) {
        Some(def) => Ok(Some(function(def, None))),
        None => Ok((standard.0.constant)(name)),
    }
}

/// A native function as a value.
fn function(def: &'static Def, receiver: Option<std::rc::Rc<Object>>) -> Value {
    Value::Function(Function::Native(Native { def, receiver }))
}

/// The version of the language that is understood.
fn runtime(name: &str) -> Option<Value> {
    (name == "version").then(|| Value::text("0.40.0"))
}

/// Sizes in bytes.
fn units(name: &str) -> Option<Value> {
    let exponent = match name {
        "byte" => 0,
        "kilobyte" => 1,
        "megabyte" => 2,
        "gigabyte" => 3,
        "terabyte" => 4,
        "petabyte" => 5,
        _ => return None,
    };
    Some(Value::Int(1 << (10 * exponent)))
}
