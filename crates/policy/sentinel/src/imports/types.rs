//! `types`: the type of a value.

use crate::eval::{Args, Def, Interp, Stop};
use crate::value::Value;

pub(super) static FUNCTIONS: [Def; 1] = [Def { name: "type_of", call: type_of }];

fn type_of(interp: &mut Interp<'_>, args: &Args) -> Result<Value, Stop> {
    args.count(1, 1)?;
    if args.values[0].is_undefined() {
        interp.assume(&args.values[0]);
    }
    Ok(Value::text(args.values[0].type_name()))
}
