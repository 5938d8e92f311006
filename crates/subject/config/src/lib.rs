//! Configuration files of any format, read into values as Conftest reads them.
//!
//! [`parse`] gives what a Rego policy written for Conftest sees as `input`: the shapes of Conftest's parsers, which are
//! those of the libraries it stands on. Entries know their place where the format has one for them.
//!
//! Where those libraries lose what a file says, this crate does not follow: numbers keep every digit, characters outside
//! of ASCII stay what they are, a file that is broken is a problem and not a part of itself, and nothing is taken from
//! the environment of the process.

mod cyclonedx;
mod dockerfile;
mod dotenv;
mod edn;
mod format;
mod hcl1;
mod hcl2;
mod ignore;
mod ini;
mod jsonc;
mod nginx;
mod properties;
mod scalar;
mod text;
mod toml;
mod vcl;
mod xml;
mod yaml;

use probity_model::{Problem, SourceId, Span, Value, json};

pub use format::{Format, UnknownFormat};

use text::Text;

/// Longest text that is read, in bytes.
pub const MAX_SIZE: usize = 64 << 20;

/// Deepest nesting that is read, in any format.
pub const MAX_DEPTH: usize = json::MAX_DEPTH;

/// One value that policies are asked about.
#[derive(Debug, Clone)]
pub struct Document {
    /// The value; its entries know their place where the format allows it.
    pub value: Value,
    /// The range of text it was read from.
    pub span: Span,
}

/// Reads a text as a format.
///
/// A text is several documents when it is YAML with several documents, or when its value is a list: Conftest asks its
/// policies about each element. A Dockerfile and an ignore file, which are lists themselves, are one document.
///
/// # Errors
/// When the text is not of the format, is longer than [`MAX_SIZE`] or nested deeper than [`MAX_DEPTH`]; the problem
/// says where.
pub fn parse(format: Format, text: &str, source: SourceId) -> Result<Vec<Document>, Problem> {
    let text = Text { whole: text, source, format };
    if text.whole.len() > MAX_SIZE {
        let problem = Problem::new(format!("longer than {MAX_SIZE} bytes"), text.span(0..0));
        return Err(problem.with_help("split it"));
    }
    let documents = read(&text)?;
    match documents.iter().find(|document| is_deeper(&document.value, MAX_DEPTH)) {
        Some(deep) => Err(Problem::new(format!("nested deeper than {MAX_DEPTH} levels"), deep.span)),
        None => Ok(documents),
    }
}

/// Reads a text as one value: several documents are a list.
///
/// # Errors
/// As [`parse`].
pub fn parse_whole(format: Format, text: &str, source: SourceId) -> Result<Value, Problem> {
    let mut documents = parse(format, text, source)?;
    let whole = Span::new(source, 0..text.len());
    match documents.len() {
        // An element of a list is not all of the text.
        1 if documents[0].span == whole => Ok(documents.remove(0).value),
        _ => Ok(Value::array(documents.into_iter().map(|document| document.value))),
    }
}

/// Whether a value has more levels of lists and objects.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let inner = |inner: &Value| levels == 0 || is_deeper(inner, levels - 1);
    match value {
        Value::Array(list) => list.iter().any(inner),
        Value::Object(object) => object.iter().any(|(_, value)| inner(value)),
        _ => false,
    }
}

fn read(text: &Text<'_>) -> Result<Vec<Document>, Problem> {
    let value = match text.format {
        Format::Yaml => return yaml::read(text),
        Format::Ignore => return Ok(vec![text.document(ignore::read(text))]),
        Format::Dockerfile => return Ok(vec![text.document(dockerfile::read(text)?)]),
        Format::Cyclonedx => cyclonedx::read(text)?,
        Format::Dotenv => dotenv::read(text)?,
        Format::Edn => edn::read(text)?,
        Format::Hcl1 => hcl1::read(text)?,
        Format::Hcl2 => hcl2::read(text)?,
        Format::Ini => ini::read(text)?,
        Format::Json => jsonc::read_json(text)?,
        Format::Jsonc => jsonc::read(text)?,
        Format::Nginx => nginx::read(text)?,
        Format::Properties => properties::read(text)?,
        Format::Toml => toml::read(text)?,
        Format::Vcl => vcl::read(text)?,
        Format::Xml => xml::read(text)?,
    };
    Ok(text.documents(value))
}
