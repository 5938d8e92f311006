//! Macros: calls that are rewritten before they are looked up as functions.

use smol_str::SmolStr;

use super::Parser;
use crate::ast::{Bind, Comprehension, Expr, Form, Kind};
use crate::compile_error::Issue;

/// How many arguments a macro takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    Exactly(usize),
    Any,
}

/// What a call is before it is expanded.
pub(crate) struct Call {
    /// The place of the parenthesis.
    pub(crate) at: u32,
    pub(crate) function: SmolStr,
    pub(crate) target: Option<Expr>,
    pub(crate) args: Vec<Expr>,
}

/// What a macro makes of a call; the call itself when it is not meant.
pub(crate) type Expanded = Result<Result<Expr, Call>, Issue>;

/// A macro by its name, its arguments and whether it is called on something.
#[derive(Clone)]
pub(crate) struct Macro {
    pub(crate) name: &'static str,
    pub(crate) arity: Arity,
    pub(crate) member: bool,
    pub(crate) expand: fn(Call) -> Expanded,
}

impl Macro {
    /// A macro called on something.
    pub(crate) fn member(name: &'static str, args: usize, expand: fn(Call) -> Expanded) -> Self {
        Self { name, arity: Arity::Exactly(args), member: true, expand }
    }
}

/// The macros of the language itself.
pub(crate) fn standard() -> Vec<Macro> {
    vec![
        Macro { name: "has", arity: Arity::Exactly(1), member: false, expand: has },
        Macro::member("all", 2, one_variable),
        Macro::member("exists", 2, one_variable),
        Macro::member("exists_one", 2, one_variable),
        Macro::member("existsOne", 2, one_variable),
        Macro::member("map", 2, one_variable),
        Macro::member("map", 3, one_variable),
        Macro::member("filter", 2, one_variable),
    ]
}

/// Comprehensions over positions and elements, or keys and values.
pub(crate) fn two_variables() -> Vec<Macro> {
    let three = ["all", "exists", "exists_one", "existsOne", "transformList", "transformMap", "transformMapEntry"];
    let four = ["transformList", "transformMap", "transformMapEntry"];
    let three = three.map(|name| Macro::member(name, 3, two_variable));
    three.into_iter().chain(four.map(|name| Macro::member(name, 4, two_variable))).collect()
}

/// Macros of optionals.
pub(crate) fn optionals() -> Vec<Macro> {
    vec![Macro::member("optMap", 2, one_variable), Macro::member("optFlatMap", 2, one_variable)]
}

/// `cel.bind` and `cel.block`.
pub(crate) fn bindings() -> Vec<Macro> {
    vec![
        Macro::member("bind", 3, bind),
        Macro::member("block", 2, block),
        Macro::member("index", 1, block_name),
        Macro::member("iterVar", 2, block_name),
        Macro::member("accuVar", 2, block_name),
    ]
}

/// Macros of the library of lists.
pub(crate) fn lists() -> Vec<Macro> {
    vec![Macro::member("sortBy", 2, one_variable)]
}

/// `math.greatest` and `math.least`.
pub(crate) fn math() -> Vec<Macro> {
    ["greatest", "least"].map(|name| Macro { name, arity: Arity::Any, member: true, expand: extreme }).into()
}

/// A call of a function, or what a macro makes of it.
pub(super) fn expand_global(macros: &[Macro], at: u32, function: SmolStr, args: Vec<Expr>) -> Result<Expr, Issue> {
    expand(macros, Call { at, function, target: None, args })
}

/// A call of a function on something, or what a macro makes of it.
pub(super) fn expand_member(
    macros: &[Macro],
    at: u32,
    function: SmolStr,
    target: Expr,
    args: Vec<Expr>,
) -> Result<Expr, Issue> {
    expand(macros, Call { at, function, target: Some(target), args })
}

fn expand(macros: &[Macro], mut call: Call) -> Result<Expr, Issue> {
    let fits = |known: &Macro, call: &Call| {
        known.name == call.function
            && known.member == call.target.is_some()
            && (known.arity == Arity::Any || known.arity == Arity::Exactly(call.args.len()))
    };
    for known in macros {
        if fits(known, &call) {
            call = match (known.expand)(call)? {
                Ok(expanded) => return Ok(expanded),
                Err(call) => call,
            };
        }
    }
    let Call { at, function, target, args } = call;
    Parser::part(at, Kind::Call { function, target: target.map(Box::new), args })
}

fn issue<T>(at: &Expr, message: impl Into<String>) -> Result<T, Issue> {
    Err(Issue { message: message.into(), offset: at.at as usize })
}

fn variable(arg: &Expr, message: &str) -> Result<SmolStr, Issue> {
    match &arg.kind {
        Kind::Ident(name) if name == "__result__" => issue(arg, "iteration variable overwrites accumulator variable"),
        Kind::Ident(name) if !name.starts_with('.') => Ok(name.clone()),
        _ => issue(arg, message),
    }
}

fn has(mut call: Call) -> Expanded {
    let Some(arg) = call.args.pop() else { return Ok(Err(call)) };
    match arg.kind {
        Kind::Select { operand, field, .. } => {
            Parser::part(call.at, Kind::Select { operand, field, test: true }).map(Ok)
        }
        _ => issue(&arg, "invalid argument to has() macro"),
    }
}

fn one_variable(call: Call) -> Expanded {
    let (form, message) = match call.function.as_str() {
        "all" => (Form::All, "argument must be a simple name"),
        "exists" => (Form::Exists, "argument must be a simple name"),
        "exists_one" | "existsOne" => (Form::ExistsOne, "argument must be a simple name"),
        "filter" => (Form::Filter, "argument is not an identifier"),
        "optMap" => (Form::OptMap, "optMap() variable name must be a simple identifier"),
        "optFlatMap" => (Form::OptFlatMap, "optFlatMap() variable name must be a simple identifier"),
        "sortBy" => (Form::SortBy, "argument is not an identifier"),
        _ => (Form::List, "argument is not an identifier"),
    };
    let Call { at, function, target, mut args } = call;
    let Some(range) = target else { return Ok(Err(Call { at, function, target, args })) };
    if form == Form::SortBy && matches!(range.kind, Kind::Literal(_) | Kind::Map(_) | Kind::Struct { .. }) {
        let message = "sortBy can only be applied to a list, identifier, comprehension, call or select expression";
        return issue(&range, message);
    }
    let var = variable(&args[0], message)?;
    let body = args.pop();
    let filter = if args.len() > 1 { args.pop() } else { None };
    let (filter, body) = if form == Form::Filter { (body, None) } else { (filter, body) };
    let comprehension = Comprehension { form, range, var, second: None, filter, body };
    Parser::part(at, Kind::Comprehension(Box::new(comprehension))).map(Ok)
}

fn two_variable(call: Call) -> Expanded {
    let form = match call.function.as_str() {
        "all" => Form::All,
        "exists" => Form::Exists,
        "exists_one" | "existsOne" => Form::ExistsOne,
        "transformMap" => Form::Map,
        "transformMapEntry" => Form::MapEntry,
        _ => Form::List,
    };
    // `map` with a filter also has three arguments; it is not among these macros.
    let Call { at, function, target, mut args } = call;
    let Some(range) = target else { return Ok(Err(Call { at, function, target, args })) };
    let var = variable(&args[0], "argument must be a simple name")?;
    let second = variable(&args[1], "argument must be a simple name")?;
    if var == second {
        return issue(&args[1], format!("duplicate variable name: {var}"));
    }
    let body = args.pop();
    let filter = if args.len() > 2 { args.pop() } else { None };
    let comprehension = Comprehension { form, range, var, second: Some(second), filter, body };
    Parser::part(at, Kind::Comprehension(Box::new(comprehension))).map(Ok)
}

fn is_named(target: Option<&Expr>, name: &str) -> bool {
    matches!(target, Some(Expr { kind: Kind::Ident(found), .. }) if found == name)
}

fn bind(mut call: Call) -> Expanded {
    if !is_named(call.target.as_ref(), "cel") {
        return Ok(Err(call));
    }
    let name = match &call.args[0].kind {
        Kind::Ident(name) => name.clone(),
        _ => return issue(&call.args[0], "cel.bind() variable names must be simple identifiers"),
    };
    let (Some(body), Some(init)) = (call.args.pop(), call.args.pop()) else { return Ok(Err(call)) };
    Parser::part(call.at, Kind::Bind(Box::new(Bind { name, init, body }))).map(Ok)
}

fn block(mut call: Call) -> Expanded {
    if !is_named(call.target.as_ref(), "cel") {
        return Ok(Err(call));
    }
    let Kind::List(slots) = &mut call.args[0].kind else {
        return issue(&call.args[0], "cel.block requires the first arg to be a list literal");
    };
    let slots = std::mem::take(slots).into_iter().map(|(slot, _)| slot).collect();
    let Some(body) = call.args.pop() else { return Ok(Err(call)) };
    Parser::part(call.at, Kind::Block { slots, body: Box::new(body) }).map(Ok)
}

/// `cel.index(0)`, `cel.iterVar(0, 1)`, `cel.accuVar(0, 1)`: names that no expression can spell otherwise.
fn block_name(call: Call) -> Expanded {
    if !is_named(call.target.as_ref(), "cel") {
        return Ok(Err(call));
    }
    let mut name = match call.function.as_str() {
        "index" => "@index".to_owned(),
        "iterVar" => "@it".to_owned(),
        _ => "@ac".to_owned(),
    };
    for arg in &call.args {
        match &arg.kind {
            Kind::Literal(crate::Value::Int(number)) if *number >= 0 => name.push_str(&format!(":{number}")),
            _ => return issue(arg, format!("cel.{} requires a non-negative int constant arg", call.function)),
        }
    }
    Parser::part(call.at, Kind::Ident(name.into())).map(Ok)
}

fn extreme(call: Call) -> Expanded {
    if !is_named(call.target.as_ref(), "math") {
        return Ok(Err(call));
    }
    let Call { at, function, target, mut args } = call;
    let internal = if function == "greatest" { "math.@max" } else { "math.@min" };
    let numeric = |arg: &Expr| {
        !matches!(&arg.kind, Kind::Map(_) | Kind::Struct { .. } | Kind::List(_))
            && !matches!(&arg.kind, Kind::Literal(value) if !matches!(
                value,
                crate::Value::Int(_) | crate::Value::Uint(_) | crate::Value::Double(_)
            ))
    };
    match args.as_slice() {
        [] => {
            let place = target.map_or(at, |target| target.at);
            let message = format!("math.{function}() requires at least one argument");
            return Err(Issue { message, offset: place as usize });
        }
        [one] => {
            let listed = matches!(&one.kind, Kind::List(elements)
                if !elements.is_empty() && elements.iter().all(|(element, _)| numeric(element)));
            if !listed && !numeric(one) {
                return issue(one, format!("math.{function}() invalid single argument value"));
            }
        }
        several => {
            if let Some(wrong) = several.iter().find(|arg| !numeric(arg)) {
                return issue(wrong, format!("math.{function}() simple literal arguments must be numeric"));
            }
        }
    }
    if args.len() > 2 {
        let elements = args.into_iter().map(|arg| (arg, false)).collect();
        args = vec![Parser::part(at, Kind::List(elements))?];
    }
    Parser::call(at, internal, args).map(Ok)
}
