//! `CycloneDX` bills of materials in JSON, as they are. The form in XML is not read.

use probity_model::{Problem, Value};

use crate::jsonc;
use crate::text::Text;

pub(crate) fn read(text: &Text<'_>) -> Result<Value, Problem> {
    if text.whole.trim_start().starts_with('<') {
        let problem = text.problem("the form in XML is not read", 0..0);
        return Err(problem.with_help("write the bill of materials in JSON, or read it as xml"));
    }
    match jsonc::read_json(text)? {
        document @ Value::Object(_) => Ok(document),
        other => Err(text.problem(format!("a {} is no bill of materials", other.kind()), 0..text.whole.len())),
    }
}
