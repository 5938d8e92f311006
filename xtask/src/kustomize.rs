//! Renders the kustomizations of a tree with kustomize and with Probity, and says where they differ.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Sources, json};
use probity_subject_iac::kustomize;

/// How the two of them rendered a kustomization.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Same(usize),
    Different(String),
    BothRefuse(String),
    TheyRefuse(String),
    WeRefuse(String),
    /// It needs what is not there: the network, or a program.
    NotCompared(String),
}

/// Compares all kustomizations of a tree.
///
/// # Errors
/// When one of them is rendered differently.
pub(crate) fn check(program: &Path, tree: &Path) -> Result<()> {
    let mut folders = Vec::new();
    find(tree, &mut folders);
    folders.sort();
    let (mut same, mut different, mut refused, mut skipped) = (0, 0, 0, 0);
    for folder in &folders {
        let name = folder.display();
        match compare(program, folder) {
            Verdict::Same(objects) => {
                same += 1;
                println!("same       {name}: {objects} objects");
            }
            Verdict::Different(place) => {
                different += 1;
                println!("different  {name}:\n  {place}");
            }
            Verdict::BothRefuse(reason) => {
                refused += 1;
                println!("refused    {name}: {reason}");
            }
            Verdict::TheyRefuse(reason) => {
                different += 1;
                println!("we only    {name}: {reason}");
            }
            Verdict::WeRefuse(reason) => {
                different += 1;
                println!("we refuse  {name}: {reason}");
            }
            Verdict::NotCompared(reason) => {
                skipped += 1;
                println!("not there  {name}: {reason}");
            }
        }
    }
    println!(
        "{same} of {} kustomizations alike, {different} different, {refused} refused by both, {skipped} not compared",
        folders.len()
    );
    if different > 0 {
        bail!("not all kustomizations are rendered as kustomize renders them");
    }
    Ok(())
}

/// The folders that hold a kustomization.
fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let names = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
    if names.iter().any(|name| folder.join(name).is_file()) {
        found.push(folder.to_owned());
    }
    for entry in entries.iter().filter(|entry| entry.is_dir() && !entry.is_symlink()) {
        find(entry, found);
    }
}

fn compare(program: &Path, folder: &Path) -> Verdict {
    let sources = Sources::default();
    let ours = kustomize::render(folder, &sources);
    let ours = match ours {
        Ok((objects, notes)) => match notes.first() {
            Some(note) => return Verdict::NotCompared(note.display(&sources, folder)),
            None => Ok(objects.iter().map(json::write).collect::<Vec<_>>()),
        },
        Err(problem) => Err(problem.display(&sources, folder)),
    };
    match (theirs(program, folder), ours) {
        (Err(reason), Err(_)) => Verdict::BothRefuse(reason),
        (Err(reason), Ok(_)) => Verdict::TheyRefuse(reason),
        (Ok(_), Err(problem)) => Verdict::WeRefuse(problem),
        (Ok(theirs), Ok(ours)) if theirs == ours => Verdict::Same(ours.len()),
        (Ok(theirs), Ok(ours)) => Verdict::Different(difference(&theirs, &ours)),
    }
}

/// The first place where the objects differ.
fn difference(theirs: &[String], ours: &[String]) -> String {
    let (theirs, ours) = (theirs.join("\n"), ours.join("\n"));
    let at = theirs.chars().zip(ours.chars()).take_while(|(a, b)| a == b).count();
    let around = |text: &str| text.chars().skip(at.saturating_sub(80)).take(200).collect::<String>();
    format!("theirs: {}\n  ours:   {}", around(&theirs), around(&ours))
}

fn theirs(program: &Path, folder: &Path) -> Result<Vec<String>, String> {
    let output = Command::new(program).arg("build").arg(folder).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let reason = text.lines().find(|line| line.starts_with("Error")).unwrap_or_else(|| text.trim());
        return Err(reason.chars().take(300).collect());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    match yaml::read(&text, SourceId(0), Dialect::Kubernetes) {
        Ok(documents) => Ok(documents.iter().map(|document| json::write(&document.value)).collect()),
        Err((problem, _)) => Err(format!("no YAML: {}", problem.message)),
    }
}
