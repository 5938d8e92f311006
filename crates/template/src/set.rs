//! Templates by name.

use std::collections::HashMap;
use std::rc::Rc;

use crate::ast::{Source, Template};
use crate::datum::Datum;
use crate::error::Error;
use crate::execute::Run;
use crate::functions;
use crate::output::Output;
use crate::parse;

/// What running a template may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Nodes of templates that are executed, and calls.
    pub steps: u64,
    /// Bytes of output, over all templates that are called.
    pub output: usize,
    /// How deep blocks, parentheses and calls of templates are nested in each other, all together.
    pub depth: usize,
}

impl Default for Limits {
    /// Enough for the largest charts; the depth needs about 64 MiB of stack.
    fn default() -> Self {
        Self { steps: 20_000_000, output: 64 << 20, depth: 4_000 }
    }
}

/// Templates by name.
#[derive(Debug, Clone, Default)]
pub struct Set {
    pub(crate) templates: HashMap<Rc<str>, Rc<Template>>,
}

impl Set {
    /// Adds the template that this text is, and those that it defines. Of two with the same name the one that was added
    /// last counts, unless it is blank.
    ///
    /// # Errors
    /// When the text cannot be parsed; nothing is added then.
    pub fn add(&mut self, name: &str, text: &str, id: Option<u32>) -> Result<(), Error> {
        let source = Rc::new(Source { name: name.into(), text: text.into(), id });
        for (name, template) in parse::parse(&source, &functions::is_known)? {
            if !template.is_blank() || !self.templates.contains_key(&name) {
                self.templates.insert(name, template);
            }
        }
        Ok(())
    }

    /// Runs the template of this name.
    ///
    /// # Errors
    /// When there is none, when it fails, or when it goes over a bound.
    pub fn execute(&self, name: &str, data: &Datum, limits: Limits) -> Result<Output, Error> {
        Run::new(limits).top(self, name, data)
    }
}
