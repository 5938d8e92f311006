//! How a message names the elements of a list that decided: `{id} in {package.name}`.

use probity_model::{Problem, Value, node::Node};

use crate::operator::text_of;
use crate::path::{Context, Path};

/// How many elements a message names; of the others it tells the number.
const SHOWN: usize = 5;

/// Longest text of one element, in characters.
const LONGEST: usize = 120;

/// A text with paths in braces, which are followed from an element.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    /// Each a text and the path whose value follows it.
    parts: Vec<(String, Path)>,
    /// What follows the last path.
    end: String,
}

impl Template {
    /// Reads one.
    ///
    /// # Errors
    /// When a brace is not closed, what is in it is no path, or there is none.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Problem> {
        let mut rest = node.string()?;
        let mut parts = Vec::new();
        while let Some((before, behind)) = rest.split_once('{') {
            let (path, after) = behind.split_once('}').ok_or_else(|| node.problem("a `{` is not closed"))?;
            let path = Path::parse(path).map_err(|message| node.problem(message))?;
            parts.push((before.to_owned(), path));
            rest = after;
        }
        if parts.is_empty() {
            return Err(node.problem("it would show the same of every element").with_help("write it as {name}"));
        }
        Ok(Self { parts, end: rest.to_owned() })
    }

    /// The text of one element, on one line; a value that is not there is `?`.
    pub(crate) fn of(&self, context: Context<'_>) -> String {
        let mut text = String::new();
        for (before, path) in &self.parts {
            text.push_str(before);
            let found = path.find(context);
            let values: Vec<String> = found.places.iter().map(|place| one(&place.value)).collect();
            text.push_str(if values.is_empty() { "?" } else { "" });
            text.push_str(&values.join(", "));
        }
        text.push_str(&self.end);
        let text: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

fn one(value: &Value) -> String {
    match value {
        Value::Unknown(_) => "?".to_owned(),
        known => text_of(known),
    }
}

/// The first elements, and how many there are beside them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    texts: Vec<String>,
    more: usize,
}

impl Shown {
    /// Adds an element.
    pub(crate) fn add(&mut self, text: impl FnOnce() -> String) {
        match self.texts.len() {
            SHOWN => self.more += 1,
            _ => self.texts.push(text()),
        }
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let named = self.texts.join(", ");
        match self.more {
            0 => named,
            1 => format!("{named}, and 1 other"),
            more => format!("{named}, and {more} others"),
        }
    }
}
