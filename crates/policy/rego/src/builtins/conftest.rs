//! Functions that Conftest adds for tests of policies: `parse_config`, `parse_config_file` and
//! `parse_combined_config_files`. They are there only when [`Extensions`](crate::Extensions) has them, and what they
//! read comes from the host.

use probity_model::value::Value;

use super::args::{array, string};
use super::{Context, Failure, Outcome};

/// `parse_config(parser, text)`: a text of a format as a value.
pub(super) fn parse_config(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    context.host.parse_config(string(args, 0)?, string(args, 1)?).map_err(Failure::Value)
}

/// `parse_config_file(path)`: a file as a value; the path counts from the module that asks.
pub(super) fn parse_config_file(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    context.host.parse_config_file(string(args, 0)?, context.at).map_err(Failure::Value)
}

/// `parse_combined_config_files(paths)`: files as a list of objects with `path` and `contents`.
pub(super) fn parse_combined_config_files(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let mut files = Vec::new();
    for path in array(args, 0)? {
        let shown = path.as_str().ok_or_else(|| Failure::Type("operand 1 must be array of strings".to_owned()))?;
        let contents = context.host.parse_config_file(shown, context.at).map_err(Failure::Value)?;
        files.push(Value::object([("path", path.clone()), ("contents", contents)]));
    }
    Ok(Value::array(files))
}
