//! Secrets that whoever can pull the image has too.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::LazyLock;

use probity_model::Value;
use probity_secrets::{Scanner, Syntax};
use probity_subject_image::Image;

use crate::Inspection;

/// Most that are told: of more, the first say enough.
const MAX_FOUND: usize = 100;

static SCANNER: LazyLock<Scanner> = LazyLock::new(Scanner::new);

/// A secret in an image. The secret itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretFound {
    /// One of the kinds of `probity_secrets`: `github-token`.
    pub kind: &'static str,
    /// Where it is: `environment TOKEN`, `label x`, `history step 4`, `command`, or a file with its layer.
    pub place: String,
}

impl SecretFound {
    pub(crate) fn document(&self) -> Value {
        Value::object([("kind", Value::from(self.kind)), ("where", Value::from(self.place.as_str()))])
    }
}

impl Inspection {
    /// Looks for secrets in the configuration of the image, in what made it, and in the files of its own layers that are known to
    /// hold some ([`Image::texts`]), also those that a later layer took away: they are still in theirs. What is of the base or of
    /// a package is others'.
    pub fn seek_secrets(&mut self) {
        let image = &self.image;
        let mut found = BTreeSet::new();
        let mut seek = |place: &str, text: &str, syntax: Syntax| {
            let secrets = SCANNER.find(text, syntax);
            found.extend(secrets.iter().map(|secret| SecretFound { kind: secret.kind, place: place.to_owned() }));
        };
        for variable in &image.config.env {
            let name = variable.split('=').next().unwrap_or_default();
            seek(&format!("environment {}", shown(name)), variable, Syntax::Plain);
        }
        for (name, value) in &image.config.labels {
            seek(&format!("label {}", shown(name)), &format!("{name}={value}"), Syntax::Plain);
        }
        for words in [&image.config.entrypoint, &image.config.cmd] {
            seek("command", &words.join(" "), Syntax::Plain);
        }
        for (number, text) in own_history(image) {
            seek(&format!("history step {number}"), text, Syntax::Plain);
        }
        for text in own_texts(image) {
            let place = format!("{} of layer {}", shown(&text.path), text.layer);
            seek(&place, &text.text, Syntax::of(Path::new(&text.path)));
        }
        self.secrets = Some(found.into_iter().take(MAX_FOUND).collect());
    }
}

/// A name as it is shown: short, on one line.
fn shown(name: &str) -> String {
    const LONGEST: usize = 200;
    name.chars().take(LONGEST).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

fn base_layers(image: &Image) -> usize {
    image.base.as_ref().map_or(0, |found| found.base.layers.len())
}

/// The steps that made the image's own layers, with their numbers from 1.
fn own_history(image: &Image) -> impl Iterator<Item = (usize, &str)> {
    let (mut made, base) = (0, base_layers(image));
    let steps = image.config.history.iter().enumerate().filter(move |(_, step)| {
        made += usize::from(!step.empty_layer);
        base == 0 || made > base
    });
    steps.filter_map(|(at, step)| Some((at + 1, step.created_by.as_deref()?)))
}

/// The texts of own layers that no package brought.
fn own_texts(image: &Image) -> impl Iterator<Item = &probity_subject_image::TextFile> {
    let base = base_layers(image);
    let names: HashSet<&str> = image.texts.iter().map(|text| text.path.as_str()).collect();
    let files = image.packages.iter().flat_map(|package| &package.files).map(|file| &*file.path);
    let owned: HashSet<&str> = files.filter(|path| names.contains(path)).collect();
    image.texts.iter().filter(move |text| text.layer >= base && !owned.contains(text.path.as_str()))
}
