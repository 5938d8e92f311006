//! The arguments of an instruction, which each instruction takes in its own form.

use probity_model::{Value, json};

use super::words;
use crate::text::shown;

/// What an instruction is given.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) values: Vec<String>,
    /// Whether they were written as a list of JSON.
    pub(super) is_json: bool,
}

impl Arguments {
    fn plain(values: Vec<String>) -> Self {
        Self { values, is_json: false }
    }

    /// What is between spaces.
    fn spaced(text: &str) -> Self {
        Self::plain(text.split(words::is_space).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    /// The text in one piece.
    fn whole(text: &str) -> Self {
        Self::plain(if text.is_empty() { Vec::new() } else { vec![text.to_owned()] })
    }
}

/// How an instruction takes its arguments, and the fewest and the most that it takes.
#[derive(Clone, Copy)]
enum Form {
    /// One text, or a list of JSON.
    Command,
    /// Words, or a list of JSON.
    Paths,
    Spaced,
    Whole,
    /// `name=value`, or `name value`.
    Pairs,
    Words,
    Health,
}

const MANY: usize = usize::MAX;

const INSTRUCTIONS: [(&str, Form, usize, usize); 17] = [
    ("add", Form::Paths, 2, MANY),
    ("arg", Form::Words, 1, MANY),
    ("cmd", Form::Command, 0, MANY),
    ("copy", Form::Paths, 2, MANY),
    ("entrypoint", Form::Command, 0, MANY),
    ("env", Form::Pairs, 1, MANY),
    ("expose", Form::Spaced, 1, MANY),
    ("from", Form::Spaced, 1, 3),
    ("healthcheck", Form::Health, 1, MANY),
    ("label", Form::Pairs, 1, MANY),
    ("maintainer", Form::Whole, 1, 1),
    ("run", Form::Command, 0, MANY),
    ("shell", Form::Command, 1, MANY),
    ("stopsignal", Form::Whole, 1, 1),
    ("user", Form::Whole, 1, 1),
    ("volume", Form::Paths, 1, MANY),
    ("workdir", Form::Whole, 1, 1),
];

/// Reads the arguments of the instruction `name`; else says what is wrong.
pub(super) fn read(name: &str, text: &str, escape: char) -> Result<Arguments, String> {
    let lower = name.to_lowercase();
    let found = INSTRUCTIONS.iter().find(|instruction| instruction.0 == lower);
    let Some(&(_, form, fewest, most)) = found else {
        return Err(format!("`{}` is not an instruction", shown(name)));
    };
    let arguments = match form {
        Form::Command => command(text)?,
        Form::Paths => json_list(text)?.unwrap_or_else(|| Arguments::spaced(text)),
        Form::Spaced => Arguments::spaced(text),
        Form::Whole => Arguments::whole(text),
        Form::Pairs => Arguments::plain(pairs(name, text, escape)?),
        Form::Words => Arguments::plain(words::split(text, escape)),
        Form::Health => health(text)?,
    };
    let count = arguments.values.len();
    if count < fewest || count > most || (lower == "from" && count == 2) {
        return Err(format!("{} cannot take {count} arguments", name.to_uppercase()));
    }
    if lower == "from" && count == 3 && !arguments.values[1].eq_ignore_ascii_case("as") {
        return Err("FROM takes an image, and after AS the name of the stage".to_owned());
    }
    Ok(arguments)
}

/// The strings of a list of JSON, when the text is one.
fn json_list(text: &str) -> Result<Option<Arguments>, String> {
    if !text.starts_with('[') {
        return Ok(None);
    }
    let Ok(Value::Array(list)) = json::read(text.as_bytes()) else { return Ok(None) };
    let strings = list.iter().map(|element| element.as_str().map(str::to_owned)).collect::<Option<_>>();
    let values = strings.ok_or("a list of JSON may hold strings only")?;
    Ok(Some(Arguments { values, is_json: true }))
}

fn command(text: &str) -> Result<Arguments, String> {
    Ok(json_list(text)?.unwrap_or_else(|| Arguments::whole(text)))
}

fn health(text: &str) -> Result<Arguments, String> {
    let (kind, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let mut arguments = command(rest.trim_start())?;
    match kind.to_lowercase().as_str() {
        "none" if arguments.values.is_empty() => {}
        "cmd" if !arguments.values.is_empty() => {}
        "none" => return Err("HEALTHCHECK NONE takes no arguments".to_owned()),
        "cmd" => return Err("HEALTHCHECK CMD needs a command".to_owned()),
        _ => return Err(format!("HEALTHCHECK takes CMD or NONE, not `{}`", shown(kind))),
    }
    arguments.values.insert(0, kind.to_owned());
    Ok(arguments)
}

/// Names, values, and what stands between them: `=` or, in the old form with one pair, nothing.
fn pairs(name: &str, text: &str, escape: char) -> Result<Vec<String>, String> {
    let words = words::split(text, escape);
    let Some(first) = words.first() else { return Ok(Vec::new()) };
    if !first.contains('=') {
        let (key, value) = text
            .split_once(words::is_space)
            .ok_or_else(|| format!("{} `{}` has no value", name.to_uppercase(), shown(text)))?;
        return Ok(vec![key.to_owned(), value.trim_start_matches(words::is_space).to_owned(), String::new()]);
    }
    let mut values = Vec::new();
    for word in &words {
        let (key, value) = word
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("`{}` is not name=value", shown(word)))?;
        values.extend([key.to_owned(), value.to_owned(), "=".to_owned()]);
    }
    Ok(values)
}
