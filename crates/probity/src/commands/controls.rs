//! `probity controls`.

use std::collections::HashMap;
use std::io::{self, Write};

use anyhow::{Result, bail};
use probity_controls::{Frameworks, Requirement, Resolution, Technical};
use probity_model::{ControlId, Strength};

/// Without options: the frameworks, and the named sets of requirements.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The requirements of a framework, and which policies serve them.
    #[arg(long, value_name = "NAME")]
    framework: Option<String>,
    /// The requirements of a named set.
    #[arg(long, value_name = "NAME", conflicts_with = "framework")]
    set: Option<String>,
    /// One requirement, such as soc2:CC6.1; one of an earlier version, such as pci-dss:3.2.1:6.2, is brought up to date.
    #[arg(long, value_name = "ID", conflicts_with_all = ["framework", "set"])]
    control: Option<String>,
}

type Served = HashMap<ControlId, Vec<(Strength, String)>>;

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    let frameworks = Frameworks::builtin();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let served = served();
    if let Some(name) = &args.framework {
        let Some(framework) = frameworks.get(name) else {
            let known: Vec<&str> = frameworks.iter().map(|framework| framework.id.as_str()).collect();
            bail!("there is no framework `{name}`; known are {}", known.join(", "));
        };
        writeln!(out, "{} ({})\n", framework.title, framework.version)?;
        let requirements: Vec<&Requirement> = framework.requirements.iter().collect();
        write_requirements(&requirements, &served, &mut out)?;
    } else if let Some(id) = &args.control {
        write_control(frameworks, id, &served, &mut out)?;
    } else if let Some(name) = &args.set {
        let Some(set) = frameworks.set(name) else {
            let known: Vec<&str> = frameworks.sets().map(|(_, set)| set.id.as_str()).collect();
            bail!("there is no set `{name}`; known are {}", known.join(", "));
        };
        writeln!(out, "{}\n", set.title)?;
        let requirements: Vec<&Requirement> =
            set.requirements.iter().filter_map(|id| frameworks.requirement(id)).collect();
        write_requirements(&requirements, &served, &mut out)?;
    } else {
        write_frameworks(frameworks, &served, &mut out)?;
    }
    out.flush()?;
    Ok(crate::CLEAN)
}

fn write_control(frameworks: &Frameworks, id: &str, served: &Served, out: &mut dyn Write) -> Result<()> {
    let control: ControlId = id.parse()?;
    let requirements: Vec<&Requirement> = match frameworks.resolve(&control.framework, &control.requirement) {
        None => bail!("there is no framework `{}`; `probity controls` lists them", control.framework),
        Some(Resolution::Current(requirement)) => vec![requirement],
        Some(Resolution::Retired(retired)) => {
            for old in &retired {
                let now: Vec<&str> = old.now.iter().map(|id| id.requirement.as_str()).collect();
                writeln!(out, "{} of version {} ({}) is now {}\n", old.id, old.version, old.title, now.join(", "))?;
            }
            retired.iter().flat_map(|old| &old.now).filter_map(|id| frameworks.requirement(id)).collect()
        }
        Some(Resolution::Unknown { closest }) => {
            let meant = closest.map(|closest| format!("; did you mean {}:{closest}?", control.framework));
            bail!("there is no control `{id}`{}", meant.unwrap_or_default())
        }
    };
    for requirement in &requirements {
        writeln!(out, "{}: {}\n", requirement.title, requirement.text)?;
    }
    write_requirements(&requirements, served, out)
}

/// The policies that serve each control.
fn served() -> Served {
    let mut served = Served::new();
    for policy in probity_catalog::policies() {
        for link in &policy.metadata().controls {
            served.entry(link.control.clone()).or_default().push((link.serves, policy.metadata().id.to_string()));
        }
    }
    served
}

fn write_requirements(requirements: &[&Requirement], served: &Served, out: &mut dyn Write) -> Result<()> {
    const SHOWN: usize = 4;
    for requirement in requirements {
        let by = served.get(&requirement.id);
        writeln!(out, "{:<24} {}", requirement.id.requirement, requirement.title)?;
        let words = match (by, requirement.technical) {
            (Some(policies), _) => {
                let strongest = policies.iter().map(|(strength, _)| *strength).max().unwrap_or(Strength::Supports);
                let names: Vec<&str> = policies.iter().take(SHOWN).map(|(_, id)| id.as_str()).collect();
                let more = policies.len().saturating_sub(SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{strongest} served by {}{more}", names.join(", "))
            }
            (None, Technical::No) => "not technical: people and paper".to_owned(),
            (None, _) => "no policy yet".to_owned(),
        };
        writeln!(out, "{:<24}   {words}", "")?;
    }
    writeln!(out, "\n{}", coverage(requirements, served))?;
    Ok(())
}

fn coverage(requirements: &[&Requirement], served: &Served) -> String {
    let technical = requirements.iter().filter(|requirement| requirement.technical != Technical::No).count();
    let count = |least: Strength| {
        let reaches = |requirement: &&&Requirement| {
            served.get(&requirement.id).is_some_and(|policies| policies.iter().any(|(strength, _)| *strength >= least))
        };
        requirements.iter().filter(reaches).count()
    };
    format!(
        "{technical} of {} can be checked by software at least in part; a policy serves {}: {} fully, {} at least partly",
        requirements.len(),
        count(Strength::Supports),
        count(Strength::Fully),
        count(Strength::Partly)
    )
}

fn write_frameworks(frameworks: &Frameworks, served: &Served, out: &mut dyn Write) -> Result<()> {
    for framework in frameworks {
        writeln!(out, "{:<16} {} ({})", framework.id, framework.title, framework.version)?;
        let requirements: Vec<&Requirement> = framework.requirements.iter().collect();
        writeln!(out, "{:<16}   {}", "", coverage(&requirements, served))?;
    }
    writeln!(out, "\nSets, for --set:")?;
    for (_, set) in frameworks.sets() {
        writeln!(out, "  {:<24} {}", set.id, set.title)?;
    }
    Ok(())
}
