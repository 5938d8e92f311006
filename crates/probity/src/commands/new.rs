//! `probity policy new`.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use probity_controls::{Frameworks, Resolution};
use probity_model::{ControlId, Severity};

use crate::policies::template::{For, Language, Template};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What the policy is called: small letters, digits and `-`, such as bucket-owner.
    #[arg(value_parser = name)]
    name: String,
    /// What it judges: a resource type such as `aws_s3_bucket` or `AWS::S3::Bucket`, a kind such as `Deployment` or
    /// `example.com/v1/Widget`, `dockerfile`, or `github.workflow`, `github.job` or `github.step`.
    #[arg(long = "for", value_name = "TYPE", value_parser = For::read)]
    subject: For,
    /// The language.
    #[arg(long, value_enum, default_value_t = Language::Graph)]
    language: Language,
    /// The folder of policies.
    #[arg(long, value_name = "FOLDER", default_value = "policies")]
    folder: PathBuf,
    /// How bad it is when it does not hold.
    #[arg(long, value_name = "LEVEL", default_value_t = Severity::Medium)]
    severity: Severity,
    /// Controls that it serves, such as soc2:CC6.1,hipaa:164.312(a)(1).
    #[arg(long = "control", value_name = "IDS", value_delimiter = ',', value_parser = control)]
    controls: Vec<ControlId>,
}

fn name(text: &str) -> Result<String, String> {
    const LONGEST: usize = 60;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let begins = text.starts_with(|first: char| first.is_ascii_lowercase());
    if is_plain && begins && !text.ends_with('-') && text.len() <= LONGEST {
        return Ok(text.to_owned());
    }
    Err(format!("a name has small letters, digits and `-`, begins with a letter and has at most {LONGEST} of them"))
}

fn control(text: &str) -> Result<ControlId, String> {
    let control: ControlId = text.parse().map_err(|error| format!("{error}"))?;
    match Frameworks::builtin().resolve(&control.framework, &control.requirement) {
        Some(Resolution::Unknown { closest }) => {
            let meant = closest.map(|near| format!("; did you mean {}:{near}?", control.framework)).unwrap_or_default();
            Err(format!("there is no control `{control}`{meant}"))
        }
        Some(_) => Ok(control),
        None => Err(format!("there is no framework `{}`; `probity controls` shows them", control.framework)),
    }
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let Args { name, subject, language, folder, severity, controls } = args;
    let template = Template {
        name: name.clone(),
        language: *language,
        subject: subject.clone(),
        severity: *severity,
        controls: controls.clone(),
    };
    let files = template.files().map_err(anyhow::Error::msg)?;
    for (path, _) in &files {
        let path = folder.join(path);
        if path.symlink_metadata().is_ok() {
            bail!("{} is there already; choose another name, or another --folder", path.display());
        }
    }
    for (path, text) in &files {
        let path = folder.join(path);
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            OpenOptions::new().write(true).create_new(true).open(&path)?.write_all(text.as_bytes())
        };
        write().with_context(|| format!("{} cannot be written", path.display()))?;
        println!("{}", path.display());
    }
    let shown = folder.display();
    println!("Next: `probity test {shown}` runs its examples, `probity scan --policy {shown}` asks it");
    Ok(crate::CLEAN)
}
