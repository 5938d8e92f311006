//! What the documents show is done as they say: files are written, commands run, and what they print is compared.

use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use crate::support::{probity, text};
use crate::{layout, signing};

/// A fenced block, and the last thing in backticks before it.
struct Block {
    line: usize,
    language: String,
    named: Option<String>,
    text: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    let mut paragraph = String::new();
    for (line, content) in document.lines().enumerate() {
        match (&mut open, content.strip_prefix("```")) {
            (None, Some(language)) => {
                let named = paragraph.split('`').skip(1).step_by(2).last().map(str::to_owned);
                let (line, language) = (line + 1, language.to_owned());
                open = Some(Block { line, language, named, text: String::new() });
                paragraph.clear();
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(content);
                block.text.push('\n');
            }
            (None, None) if content.is_empty() => {}
            (None, None) => {
                // Only the last paragraph counts.
                if paragraph.ends_with('\n') {
                    paragraph.clear();
                }
                paragraph.push_str(content);
                paragraph.push(' ');
            }
        }
        if open.is_none() && content.is_empty() {
            paragraph.push('\n');
        }
    }
    assert!(open.is_none(), "a block has no end");
    blocks
}

/// Whether something in backticks is a file below the current folder.
fn is_path(named: &str) -> bool {
    let path = Path::new(named);
    named.contains('/') && !named.contains([' ', '<']) && path.is_relative() && path.extension().is_some()
}

#[test]
fn what_is_said_of_writing_policies_holds() {
    let (written, run) = follow("writing-policies.md", &[0]);
    assert!(written > 8 && run > 6, "{written} files, {run} commands");
}

#[test]
fn what_is_said_of_sentinel_holds() {
    let (written, run) = follow_in(portal().path(), &read("sentinel.md"), &[0, 1], probity);
    assert!(written > 5 && run > 4, "{written} files, {run} commands");
}

#[test]
fn what_is_said_of_vault_holds() {
    let (written, run) = follow("vault.md", &[0, 1]);
    assert!(written == 4 && run == 1, "{written} files, {run} commands");
}

#[test]
fn what_is_said_of_permissions_holds() {
    let (written, run) = follow("permissions.md", &[0, 1]);
    assert!(written == 3 && run == 3, "{written} files, {run} commands");
}

#[test]
fn what_is_said_of_signing_holds() {
    let folder = tempfile::tempdir().unwrap();
    signing::layout(folder.path());
    let (written, run) = follow_in(folder.path(), &read("signing.md"), &[0, 1], signing::probity);
    assert!(written == 1 && run == 8, "{written} files, {run} commands");
}

#[test]
fn what_is_said_of_bills_of_materials_holds() {
    let (written, run) = follow("sbom.md", &[0, 1]);
    assert!(written == 2 && run == 6, "{written} files, {run} commands");
}

#[test]
fn what_is_said_of_images_holds() {
    let folder = crate::image::portal();
    let (written, run) = follow_in(folder.path(), &read("images.md"), &[0, 1], probity);
    assert!(written == 0 && run == 3, "{written} files, {run} commands");
}

#[test]
fn what_is_said_of_vulnerabilities_holds() {
    let (written, run) = follow("vulnerabilities.md", &[0]);
    assert!(written == 2 && run == 5, "{written} files, {run} commands");
}

#[test]
fn images_are_judged_by_policies_in_every_language() {
    for document in ["rego.md", "kyverno.md", "sentinel.md"] {
        let text = read(document);
        let (_, section) = text.split_once("\n## Container images\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        // The image is run as root: each of the policies denies it.
        assert_eq!(follow_in(portal().path(), section, &[1], probity), (1, 1), "{document}");
    }
}

fn read(document: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(document)).unwrap()
}

/// Does what a document says, in a folder of its own; gives how many files it writes and commands it runs. These exit codes
/// are right.
fn follow(document: &str, codes: &[i32]) -> (usize, usize) {
    follow_in(tempfile::tempdir().unwrap().path(), &read(document), codes, probity)
}

/// An image that is run as root, `oci:portal`, in a folder of its own.
fn portal() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    layout::write(&folder.path().join("portal"), &[&layout::DEBIAN], "0");
    folder
}

/// Does what a text says in a folder, by a way to run commands.
fn follow_in(folder: &Path, document: &str, codes: &[i32], probity: fn(&Path, &[&str]) -> Output) -> (usize, usize) {
    let (mut written, mut run) = (0, 0);
    let mut said = String::new();
    for block in blocks(document) {
        match (block.language.as_str(), block.named.filter(|named| is_path(named))) {
            ("sh", _) => {
                said.clear();
                for command in block.text.lines() {
                    let words: Vec<&str> = command.split_whitespace().collect();
                    assert_eq!(words[0], "probity", "line {}", block.line);
                    let output = probity(folder, &words[1..]);
                    said.push_str(&text(&output.stdout));
                    let errors = text(&output.stderr);
                    let is_right = output.status.code().is_some_and(|code| codes.contains(&code));
                    assert!(is_right, "line {}: {command}\n{said}{errors}", block.line);
                    run += 1;
                }
            }
            ("text", _) => {
                for line in block.text.lines() {
                    let is_there = said.lines().any(|shown| shown.starts_with(line));
                    assert!(is_there, "line {}: `{line}` is not in\n{said}", block.line);
                }
            }
            (_, Some(named)) => {
                let file = folder.join(named);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, block.text).unwrap();
                written += 1;
            }
            _ => {}
        }
    }
    (written, run)
}
