//! Reads `frameworks/*.yaml`, checks them, and writes what the library embeds: one list of frameworks as compact JSON.

#[path = "src/framework.rs"]
#[allow(dead_code, unreachable_pub, reason = "the library's module; a build script has no public interface")]
mod framework;
#[path = "src/read.rs"]
mod read;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use probity_model::node::Node;
use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, Sources, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("frameworks");
    println!("cargo::rerun-if-changed={}", folder.display());
    let sources = Sources::default();
    let (mut documents, mut readings, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let paths = yaml_files(&folder)?;
    for path in &paths {
        let text = fs::read_to_string(path)?;
        match read_file(&text, path, &sources, &mut problems) {
            Ok((document, reading)) => {
                documents.push(document);
                readings.push(reading);
            }
            Err(problem) => problems.push(problem),
        }
    }
    // With a framework missing, every mention of it would be a problem of its own.
    if readings.len() == paths.len() {
        problems.extend(read::check(&readings));
    }
    for problem in &problems {
        println!("cargo::error={}", problem.display(&sources, &folder));
    }
    let target = PathBuf::from(env::var("OUT_DIR")?).join("frameworks.json");
    fs::write(target, json::write(&Value::array(documents)))?;
    Ok(())
}

fn yaml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    Ok(paths)
}

fn read_file(
    text: &str,
    path: &Path,
    sources: &Sources,
    problems: &mut Vec<Problem>,
) -> Result<(Value, read::Reading), Problem> {
    let source = sources.add(path, text);
    let mut documents = yaml::read(text, source, Dialect::Core).map_err(|(problem, _)| problem)?;
    if documents.len() != 1 {
        let place = documents.get(1).map(|document| document.span);
        return Err(Problem::new(format!("{}: expected one document", path.display()), place));
    }
    let document = documents.remove(0);
    let root = Node::root(&document.value, document.span);
    let reading = read::framework(root, problems)?;
    if path.file_stem().is_none_or(|stem| stem != reading.framework.id.as_str()) {
        return Err(root.problem(format!("the id `{}` differs from the file's name", reading.framework.id)));
    }
    Ok((document.value, reading))
}
