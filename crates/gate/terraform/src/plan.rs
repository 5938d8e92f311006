//! Whether a file is a plan, before it is judged: what is none has nothing to object to, and would pass.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write as _};

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};

/// How much is read at a time, in bytes.
const PIECE: usize = 1 << 18;

/// Why a file is not judged.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is what `terraform plan -out` writes.
    #[error("this is a plan as Terraform saves it; judge it as JSON: `terraform show -json PLAN > plan.json`")]
    Binary,
    /// It is no JSON.
    #[error("not a plan in JSON: {0}; write one with `terraform show -json PLAN > plan.json`")]
    Json(serde_json::Error),
    /// It is a state.
    #[error(
        "this is a state, not a plan; write one with `terraform plan -out PLAN` and `terraform show -json PLAN > plan.json`"
    )]
    State,
    /// It is some other JSON.
    #[error("not a Terraform plan: it has no `{0}`; write one with `terraform show -json PLAN > plan.json`")]
    Other(&'static str),
    /// It has a form that is not known.
    #[error("the plan has format_version {0}; known are 0.x and 1.x")]
    Version(String),
    /// Terraform did not come to its end.
    #[error("Terraform could not finish this plan, so it does not say all that would be done; mend that first")]
    Errored,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// Checks that a file is a plan in the form that `terraform show -json` writes, whole and finished. What its resources say is
/// passed over.
///
/// # Errors
/// Says what it is instead.
pub fn check_plan(file: &mut File) -> Result<(), PlanError> {
    let mut magic = [0; 4];
    file.rewind()?;
    let read = file.read(&mut magic)?;
    file.rewind()?;
    if magic[..read] == *b"PK\x03\x04" {
        return Err(PlanError::Binary);
    }
    let outline = outline(&mut BufReader::with_capacity(PIECE, &mut *file))?;
    file.rewind()?;
    outline.check()
}

/// Adds what is known of the run to a plan that was checked, where policies find it: under `tfrun`.
pub(crate) fn add_run(file: &mut File, run: &serde_json::Value) -> io::Result<()> {
    let size = file.seek(SeekFrom::End(0))?;
    let from = size.saturating_sub(PIECE as u64);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut end)?;
    let no_end = || io::Error::new(io::ErrorKind::InvalidData, "the plan has no end");
    let brace = end.iter().rposition(|byte| *byte == b'}').ok_or_else(no_end)?;
    file.seek(SeekFrom::Start(from + brace as u64))?;
    write!(file, ",\"tfrun\":{run}}}")?;
    let written = file.stream_position()?;
    file.set_len(written)
}

fn outline(reader: &mut dyn Read) -> Result<Outline, PlanError> {
    // Of a text that begins with a byte order mark, as PowerShell writes it, all is said by that it is no JSON.
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let read = deserializer.deserialize_any(Outlines).and_then(|outline| deserializer.end().map(|()| outline));
    read.map_err(|error| if error.is_io() { PlanError::Read(error.into()) } else { PlanError::Json(error) })
}

/// What a document says of itself.
#[derive(Debug, Default)]
struct Outline {
    format_version: Option<String>,
    has_planned_values: bool,
    has_values: bool,
    is_errored: bool,
}

impl Outline {
    fn check(self) -> Result<(), PlanError> {
        let Some(version) = self.format_version else { return Err(PlanError::Other("format_version")) };
        if !version.starts_with("0.") && !version.starts_with("1.") {
            return Err(PlanError::Version(version.chars().take(20).collect()));
        }
        match (self.has_planned_values, self.has_values) {
            _ if self.is_errored => Err(PlanError::Errored),
            (true, _) => Ok(()),
            (false, true) => Err(PlanError::State),
            (false, false) => Err(PlanError::Other("planned_values.root_module")),
        }
    }
}

/// What is judged of a plan. Terraform writes it although there is nothing in it.
#[derive(Deserialize)]
struct Values {
    root_module: Option<IgnoredAny>,
}

struct Outlines;

impl<'de> Visitor<'de> for Outlines {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut outline = Outline::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "format_version" => outline.format_version = Some(map.next_value()?),
                "errored" => outline.is_errored = map.next_value()?,
                "planned_values" => outline.has_planned_values = map.next_value::<Values>()?.root_module.is_some(),
                "values" => outline.has_values = map.next_value::<IgnoredAny>().map(|_| true)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(outline)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checked(text: &[u8]) -> Result<(), PlanError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        check_plan(&mut file)
    }

    #[test]
    fn only_a_whole_plan_is_one() {
        for (text, wanted) in [
            (r#"{"format_version":"1.2","terraform_version":"1.9.0","planned_values":{"root_module":{}}}"#, "Ok"),
            (
                r#"{"planned_values":{"root_module":{}},"new":[1,{"a":[]}],"format_version":"0.2","errored":false}"#,
                "Ok",
            ),
            ("PK\u{3}\u{4}\u{14}", "Err(Binary)"),
            (r#"{"format_version":"1.0","values":{}}"#, "Err(State)"),
            ("{}", "Err(Other(\"format_version\"))"),
            (r#"{"format_version":"1.0"}"#, "Err(Other(\"planned_values.root_module\"))"),
            (r#"{"format_version":"1.0","planned_values":{}}"#, "Err(Other(\"planned_values.root_module\"))"),
            (r#"{"format_version":"1.0","planned_values":{"root_module":null}}"#, "Err(Other("),
            (r#"{"format_version":"2.0","planned_values":{}}"#, "Err(Version"),
            (r#"{"format_version":"1.2","planned_values":{},"errored":true}"#, "Err(Errored)"),
            (r#"{"format_version":"1.2","planned_values":{"#, "Err(Json("),
            (r#"{"format_version":"1.2","planned_values":{}} trailing"#, "Err(Json("),
            (r#"{"format_version":1,"planned_values":{}}"#, "Err(Json("),
            ("[]", "Err(Json("),
            ("", "Err(Json("),
            ("resource \"a\" \"b\" {}", "Err(Json("),
        ] {
            let result = format!("{:?}", checked(text.as_bytes()));
            assert!(result.starts_with(wanted), "{text}: {result}");
        }
        let deep = format!(
            r#"{{"format_version":"1.2","planned_values":{{"root_module":{}1{}}}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(checked(deep.as_bytes()).is_ok() || matches!(checked(deep.as_bytes()), Err(PlanError::Json(_))));
    }

    #[test]
    fn a_run_is_added_at_the_end() {
        for end in ["}}", "} }\n \n"] {
            let mut file = tempfile::tempfile().unwrap();
            write!(file, r#"{{"format_version":"1.2","planned_values":{{"root_module":{{}}{end}"#).unwrap();
            add_run(&mut file, &serde_json::json!({"id": "run-1"})).unwrap();
            file.rewind().unwrap();
            check_plan(&mut file).unwrap();
            let plan: serde_json::Value = serde_json::from_reader(&file).unwrap();
            assert_eq!(plan["tfrun"]["id"], "run-1");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_plan_or_not(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(checked(&text).is_err());
        }
    }
}
