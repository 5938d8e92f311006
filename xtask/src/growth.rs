//! `cargo xtask bench growth PROBITY TREE`: how time and memory grow with the files of a tree, which copies of the Terraform
//! modules of a real one make up, and with the size of a plan.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{measured, ratio, scan};

/// Runs of each size.
const RUNS: usize = 3;

pub(crate) fn bench(probity: &str, source: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for files in [1_250, 2_500, 5_000, 10_000] {
        let tree = folder.path().join(files.to_string());
        copies(source, files, &tree)?;
        tell(probity, &tree, &format!("{files} Terraform files"))?;
    }
    for megabytes in [4_u64, 32, 256, 500] {
        let path = folder.path().join(format!("plan-{megabytes}.json"));
        let resources = plan(megabytes << 20, &path)?;
        tell(probity, &path, &format!("a plan of {megabytes} MB, {resources} resources"))?;
        fs::remove_file(&path)?;
    }
    Ok(())
}

fn tell(probity: &str, path: &Path, what: &str) -> Result<()> {
    let path = path.to_str().context("the folder's name is no text")?;
    let arguments = ["scan", "--no-config", "--soft-fail", "--format", "json", path];
    let runs = (0..RUNS).map(|_| measured(probity, &arguments)).collect::<Result<Vec<_>>>()?;
    ensure!(runs.iter().all(|run| run.code == 0), "{what}: exit code {}", runs[0].code);
    let (time, peak) = scan::median(&runs);
    println!("{what:42} {:8.2} s {:8.1} MiB", time, ratio(peak, 1024));
    Ok(())
}

/// Fills a folder with so many Terraform files: whole copies of a tree, the last one cut short.
fn copies(source: &Path, files: usize, target: &Path) -> Result<()> {
    let mut all = Vec::new();
    terraform_files(source, &mut all)?;
    all.sort();
    ensure!(!all.is_empty(), "{} has no Terraform files", source.display());
    for (number, file) in all.iter().cycle().take(files).enumerate() {
        let copy = target.join(format!("copy-{}", number / all.len())).join(file.strip_prefix(source)?);
        fs::create_dir_all(copy.parent().context("a file lies in a folder")?)?;
        fs::copy(file, copy)?;
    }
    Ok(())
}

fn terraform_files(folder: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            terraform_files(&path, out)?;
        } else if path.extension().is_some_and(|extension| extension == "tf") {
            out.push(path);
        }
    }
    Ok(())
}

/// Writes a plan of this size in one line, as `terraform show -json` does, in which every bucket changes; gives how many.
fn plan(size: u64, path: &Path) -> Result<u64> {
    // What a bucket takes: its planned values, its change with the values before and after, and its state before.
    let resources = size / 4_400;
    let mut out = BufWriter::new(File::create(path)?);
    let list = |out: &mut BufWriter<File>, write: &dyn Fn(u64) -> String| -> Result<()> {
        for number in 0..resources {
            let comma = if number > 0 { "," } else { "" };
            write!(out, "{comma}{}", write(number))?;
        }
        Ok(())
    };
    write!(
        out,
        r#"{{"format_version":"1.2","terraform_version":"1.9.0","planned_values":{{"root_module":{{"resources":["#
    )?;
    list(&mut out, &|number| resource(number, &format!(r#""values":{},"sensitive_values":{{}}"#, values(number))))?;
    write!(out, r#"]}}}},"resource_changes":["#)?;
    list(&mut out, &|number| {
        let values = values(number);
        let change = r#""before_sensitive":{},"after_sensitive":{},"after_unknown":{"arn":true,"tags":{}}"#;
        let change = format!(r#"{{"actions":["update"],"before":{values},"after":{values},{change}}}"#);
        resource(number, &format!(r#""change":{change}"#))
    })?;
    write!(out, r#"],"prior_state":{{"format_version":"1.0","values":{{"root_module":{{"resources":["#)?;
    list(&mut out, &|number| resource(number, &format!(r#""values":{}"#, values(number))))?;
    write!(out, r#"]}}}}}},"configuration":{{"root_module":{{"resources":["#)?;
    list(&mut out, &|number| {
        resource(number, &format!(r#""expressions":{{"bucket":{{"constant_value":"bucket-{number}"}}}}"#))
    })?;
    write!(out, "]}}}}}}")?;
    out.flush()?;
    Ok(resources)
}

fn resource(number: u64, rest: &str) -> String {
    format!(
        r#"{{"address":"aws_s3_bucket.b{number}","mode":"managed","type":"aws_s3_bucket","name":"b{number}",{rest}}}"#
    )
}

fn values(number: u64) -> String {
    let statement = format!(
        r#"{{\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Principal\":{{\"AWS\":\"arn:aws:iam::{number:012}:root\"}}}}"#
    );
    let policy = format!(r#"{{\"Version\":\"2012-10-17\",\"Statement\":[{statement},{statement},{statement}]}}"#);
    let rule = |id: u32| format!(r#"{{"id":"r{id}","enabled":true,"expiration":[{{"days":{id}}}]}}"#);
    format!(
        r#"{{"bucket":"bucket-{number}","acl":"private","tags":{{"Team":"payments"}},"policy":"{policy}","versioning":[{{"enabled":{}}}],"logging":[],"lifecycle_rule":[{},{}]}}"#,
        number.is_multiple_of(2),
        rule(30),
        rule(90)
    )
}
