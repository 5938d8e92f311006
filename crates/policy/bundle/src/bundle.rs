//! Bundles: files become modules and data, and what the manifest and the signature say is checked.

use std::fs;
use std::path::Path;

use probity_model::Sources;
use probity_model::value::{Object, Value};
use probity_policy_rego::{Errors, Version, parse_module};

use crate::error::BundleError;
use crate::file::File;
use crate::limits::Limits;
use crate::manifest::{Manifest, roots_overlap};
use crate::module::Module;
use crate::signature::{self, Keys};
use crate::tree::Tree;
use crate::{archive, folder, text};

/// How a bundle is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The version of Rego of modules of which the manifest says none.
    pub version: Version,
    /// What may be read.
    pub limits: Limits,
    /// What is wanted of its signature.
    pub verification: Verification,
}

/// What is wanted of a signature.
#[derive(Debug, Clone, Default)]
pub enum Verification {
    /// A bundle without a signature is taken; one with a signature is refused, as there is no key to check it with.
    #[default]
    NoKey,
    /// A signature is not looked at.
    Skip,
    /// A bundle must be signed with one of these keys.
    Required(Keys),
}

/// A bundle.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// What it is called.
    pub name: String,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its modules, in the order of its files.
    pub modules: Vec<Module>,
    /// Its data, an object.
    pub data: Value,
    /// Whether its signature was checked.
    pub verified: bool,
}

impl Bundle {
    /// Reads a folder, or a tar.gz file.
    ///
    /// # Errors
    /// When it is none, is not signed as wanted, or goes over a limit.
    pub fn from_path(name: &str, path: &Path, options: &Options, sources: &Sources) -> Result<Self, BundleError> {
        let io = |error| BundleError::Io { path: path.to_owned(), error };
        let meta = fs::metadata(path).map_err(io)?;
        let files = if meta.is_dir() {
            folder::files(path, &options.limits)?
        } else if meta.len() > options.limits.compressed {
            return Err(BundleError::TooMuch { what: "bytes, packed", most: options.limits.compressed });
        } else {
            archive::files(&fs::read(path).map_err(io)?, &options.limits)?
        };
        read(name, &files, options, sources)
    }

    /// Reads the bytes of a tar.gz archive.
    ///
    /// # Errors
    /// As [`Bundle::from_path`].
    pub fn from_bytes(name: &str, bytes: &[u8], options: &Options, sources: &Sources) -> Result<Self, BundleError> {
        read(name, &archive::files(bytes, &options.limits)?, options, sources)
    }
}

/// Endings are told apart by case, as OPA does.
fn is_rego(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| ending == "rego")
}

/// Makes a bundle of its files.
pub(crate) fn read(name: &str, files: &[File], options: &Options, sources: &Sources) -> Result<Bundle, BundleError> {
    refuse_other_kinds(files)?;
    let verified = signature::check(files, &options.verification)?;
    let manifest = manifest(files)?;
    let mut tree = Tree::default();
    let mut modules = Vec::new();
    let mut errors = Vec::new();
    for file in files {
        let wrong = |message: String| BundleError::Data { file: file.name.clone(), message };
        match file.base() {
            "data.json" => insert(&mut tree, file, text::json(&file.bytes).map_err(wrong)?)?,
            "data.yaml" | "data.yml" => insert(&mut tree, file, text::yaml(&file.bytes).map_err(wrong)?)?,
            base if is_rego(base) => match module(name, file, &manifest, options.version, sources)? {
                Ok(module) => modules.push(module),
                Err(found) => errors.extend(found.0),
            },
            _ => {}
        }
    }
    if !errors.is_empty() {
        return Err(Errors(errors).into());
    }
    let data = tree.into_value();
    check_roots(&manifest, &modules, &data)?;
    Ok(Bundle { name: name.to_owned(), manifest, modules, data, verified })
}

fn refuse_other_kinds(files: &[File]) -> Result<(), BundleError> {
    for file in files {
        match file.base() {
            "policy.wasm" => return Err(BundleError::Wasm(file.name.clone())),
            "patch.json" => {
                let patch = text::json(&file.bytes)
                    .map_err(|message| BundleError::Data { file: file.name.clone(), message })?;
                if patch.get("data").and_then(Value::as_array).is_some_and(|data| !data.is_empty()) {
                    return Err(BundleError::Delta(file.name.clone()));
                }
            }
            base if base.ends_with(".manifest.pb") => {
                return Err(BundleError::Manifest(format!("{} is in protobuf; JSON is read", file.name)));
            }
            _ => {}
        }
    }
    Ok(())
}

fn manifest(files: &[File]) -> Result<Manifest, BundleError> {
    let mut found = files.iter().filter(|file| file.name.ends_with(".manifest"));
    let Some(file) = found.next() else { return Ok(Manifest::default()) };
    if let Some(other) = found.next() {
        return Err(BundleError::Manifest(format!("there are two, {} and {}", file.name, other.name)));
    }
    let value = text::json(&file.bytes).map_err(BundleError::Manifest)?;
    Manifest::read(&value)
}

fn insert(tree: &mut Tree, file: &File, value: Value) -> Result<(), BundleError> {
    tree.insert(&file.place(), value)
        .map_err(|conflict| BundleError::Data { file: file.name.clone(), message: conflict.to_string() })
}

/// A module, or what is wrong with its text.
fn module(
    bundle: &str,
    file: &File,
    manifest: &Manifest,
    default: Version,
    sources: &Sources,
) -> Result<Result<Module, Errors>, BundleError> {
    let version = manifest.version_of(&file.name, default)?;
    let text = text::utf8(&file.bytes).map_err(|message| BundleError::Data { file: file.name.clone(), message })?;
    let path = Path::new(bundle).join(&file.name);
    let parsed = parse_module(&path, text, version, sources);
    Ok(parsed.map(|parsed| Module { path, text: text.into(), version, parsed }))
}

/// Everything in a bundle lies in its roots.
fn check_roots(manifest: &Manifest, modules: &[Module], data: &Value) -> Result<(), BundleError> {
    let roots = || manifest.roots.join("`, `");
    for module in modules {
        if !module.package().is_some_and(|package| manifest.owns(&package)) {
            let package = probity_policy_rego::ast::ref_text(&module.parsed.package);
            let path = module.path.display();
            return Err(BundleError::Manifest(format!("{path}: {package} lies in none of the roots `{}`", roots())));
        }
    }
    let mut path = Vec::new();
    match data.as_object() {
        Some(object) if !data_in_roots(manifest, object, &mut path) => {
            Err(BundleError::Manifest(format!("data at /{} lies in none of the roots `{}`", path.join("/"), roots())))
        }
        _ => Ok(()),
    }
}

/// Whether all entries lie in a root; else `path` is where one does not.
fn data_in_roots(manifest: &Manifest, object: &Object, path: &mut Vec<String>) -> bool {
    if manifest.owns(path) {
        return true;
    }
    for (key, value) in object.iter() {
        path.push(key.as_str().to_owned());
        let fits = manifest.owns(path)
            || manifest.owns_below(path) && value.as_object().is_some_and(|below| data_in_roots(manifest, below, path));
        if !fits {
            return false;
        }
        path.pop();
    }
    true
}

/// Modules and data of several bundles.
#[derive(Debug, Clone, Default)]
pub struct Merged {
    /// All modules.
    pub modules: Vec<Module>,
    /// All data, an object.
    pub data: Value,
}

/// Puts bundles together.
///
/// # Errors
/// When two of them own the same part of `data`.
pub fn merge(bundles: &[&Bundle]) -> Result<Merged, BundleError> {
    for (position, first) in bundles.iter().enumerate() {
        for second in &bundles[position + 1..] {
            let roots = first.manifest.roots.iter();
            let shared = roots.flat_map(|a| second.manifest.roots.iter().map(move |b| (a, b)));
            if let Some((a, b)) = shared.into_iter().find(|(a, b)| roots_overlap(a, b)) {
                let root = if a.len() > b.len() { a } else { b }.clone();
                return Err(BundleError::Overlap { first: first.name.clone(), second: second.name.clone(), root });
            }
        }
    }
    let mut tree = Tree::default();
    for bundle in bundles {
        tree.insert(&[], bundle.data.clone())
            .map_err(|conflict| BundleError::Data { file: bundle.name.clone(), message: conflict.to_string() })?;
    }
    let modules = bundles.iter().flat_map(|bundle| bundle.modules.iter().cloned()).collect();
    Ok(Merged { modules, data: tree.into_value() })
}
