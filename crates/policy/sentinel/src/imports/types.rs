//! `types`: the type of a value.

use crate::eval::{Args, Def, Interp, Stop};
use crate::value::Value;

pub(super) static FUNCTIONS: [Def; 1] = [Def { name: "type_of", call: type_of }];

fn type_of(_: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    Ok(Value::text(args.values[0].type_name()))
}
