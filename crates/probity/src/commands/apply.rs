//! `probity apply`.

mod report;
mod sentinel;

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use probity_model::{Severity, Sources, Span, Value};
use probity_policy_kyverno::cel::Protocol;
use probity_policy_kyverno::testing::{self, Applied, BadPolicy, Bench, FileProblem, Policies, Scopes, Values, World};
use probity_policy_kyverno::{Operation, RuleType, Status, object};

use crate::files::write_file;
use crate::output::{Format, yaml};
use crate::outside::ImageArgs;

/// Apply policies as the tools they are written for do. Kyverno's, to Kubernetes manifests: what they validate is told rule by
/// rule, what they mutate and generate is shown as it would be. Sentinel's, to a Terraform plan or to mocks: what they come to
/// is told with its trace.
///
/// Exit codes: 0 when nothing is enforced against, 1 when a rule or policy that enforces fails or cannot be evaluated, 2 when
/// something could not be read or the command is wrong.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Files and folders of policies; of Sentinel's also a sentinel.hcl, and names of policies in it.
    #[arg(value_name = "POLICY")]
    policies: Vec<PathBuf>,
    /// A file or folder of manifests. May be repeated.
    #[arg(long = "resource", short, value_name = "PATH")]
    resources: Vec<PathBuf>,
    /// A file with a request that an HTTP server asks about, in JSON. May be repeated.
    #[arg(long = "http-payload", value_name = "FILE")]
    http: Vec<PathBuf>,
    /// A file with a request that Envoy asks about, in JSON. May be repeated.
    #[arg(long = "envoy-payload", value_name = "FILE")]
    envoy: Vec<PathBuf>,
    /// A file or folder of objects that rules may change besides. May be repeated.
    #[arg(long = "target-resource", value_name = "PATH")]
    targets: Vec<PathBuf>,
    /// Values of variables: a file of kind Values, as for `kyverno apply`.
    #[arg(long, short = 'f', value_name = "FILE")]
    values: Option<PathBuf>,
    /// A value for a variable, such as request.namespace=clinic. May be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = read_variable)]
    variables: Vec<(String, Value)>,
    #[arg(long, short, value_name = "FILE", help = "Who asks: a file of kind UserInfo")]
    userinfo: Option<PathBuf>,
    /// A file of policy exceptions. May be repeated.
    #[arg(long = "exception", short, value_name = "FILE")]
    exceptions: Vec<PathBuf>,
    /// What is asked to be done with the resources.
    #[arg(long, value_name = "CREATE|UPDATE|DELETE", value_parser = read_operation)]
    operation: Option<Operation>,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write what policies changed and made to a file, or into a folder, instead of showing it.
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Also list what passes and what is skipped.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    sentinel: sentinel::SentinelArgs,
    #[command(flatten)]
    images: ImageArgs,
}

fn read_variable(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().into())),
        _ => Err(format!("`{text}` is no variable such as request.namespace=clinic")),
    }
}

fn read_operation(word: &str) -> Result<Operation, String> {
    let known = ["CREATE", "UPDATE", "DELETE"];
    let operation = Operation::named(&word.to_uppercase()).filter(|operation| known.contains(&operation.as_str()));
    operation.ok_or_else(|| format!("`{word}` is no operation; one of {}", known.join(", ")))
}

/// A resource or a request with all that came of it.
struct Judged {
    resource: Value,
    /// What it is called; of resources, their kind, namespace and name.
    address: String,
    span: Option<Span>,
    applied: Vec<Applied>,
}

impl Judged {
    /// The resource as policies leave it, when they changed it.
    fn patched(&self) -> Option<&Value> {
        let changes = |rule_type| matches!(rule_type, RuleType::Mutation | RuleType::ImageVerify);
        let mutates = |applied: &&Applied| applied.rules.iter().any(|rule| changes(rule.rule_type));
        let last = self.applied.iter().rfind(mutates)?;
        Some(&last.patched).filter(|patched| **patched != self.resource)
    }

    /// Other objects that rules changed, and those that they made, each with its policy.
    fn others(&self) -> impl Iterator<Item = (&Applied, &Value)> {
        self.applied.iter().flat_map(|applied| {
            let changed = applied.rules.iter().filter_map(|rule| Some(&rule.target.as_ref()?.object));
            let made = applied.rules.iter().flat_map(|rule| &rule.generated);
            changed.chain(made).map(move |object| (applied, object))
        })
    }
}

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    if sentinel::is_asked(args) { sentinel::run(args) } else { apply(args) }
}

fn apply(args: &Args) -> Result<u8> {
    if args.policies.is_empty() {
        bail!("name the policies: files or folders");
    }
    if args.resources.is_empty() && args.http.is_empty() && args.envoy.is_empty() {
        bail!(
            "name what they are applied to: manifests with --resource, or requests with --http-payload or --envoy-payload"
        );
    }
    let sources = Sources::default();
    let policies = read_policies(args, &sources)?;
    let scopes = scopes(&policies);
    let resources = read_all(&args.resources, &scopes, &sources)?;
    let objects = resources.iter().map(|placed| placed.value.clone()).collect();
    let (bench, bad) = bench(args, policies, objects, &scopes, &sources)?;
    let mut all = Vec::new();
    for placed in resources {
        let applied = bench.apply(&placed.value, args.operation);
        let address = report::address(&placed.value);
        all.push(Judged { resource: placed.value, address, span: placed.span, applied });
    }
    for (protocol, path) in requests(args) {
        let request = testing::read_payload(path, &sources).map_err(broken)?;
        let applied = bench.answer(protocol, &request);
        all.push(Judged { resource: request, address: path.display().to_string(), span: None, applied });
    }
    let mut out = BufWriter::new(anstream::stdout());
    report::write(&report::Found { judged: &all, sources: &sources, policies: bench.len(), args }, &mut out)?;
    out.flush()?;
    if let Some(path) = &args.output {
        write_objects(&all, path)?;
    }
    // One policy that is wrong takes no other down, and is not passed over either.
    check(&bad)?;
    Ok(exit_code(&all))
}

fn requests(args: &Args) -> impl Iterator<Item = (Protocol, &PathBuf)> {
    let http = args.http.iter().map(|path| (Protocol::Http, path));
    http.chain(args.envoy.iter().map(|path| (Protocol::Envoy, path)))
}

fn read_policies(args: &Args, sources: &Sources) -> Result<Policies> {
    let mut policies = Policies::default();
    for path in &args.policies {
        policies.read(path, sources).map_err(broken)?;
    }
    if policies.is_empty() {
        check(&policies.bad)?;
        bail!("{}: no Kyverno policy is there", args.policies[0].display());
    }
    Ok(policies)
}

/// What is wrong with the policies that cannot be read, as an error.
fn check(bad: &[BadPolicy]) -> Result<()> {
    if bad.is_empty() {
        return Ok(());
    }
    let problems: Vec<&str> = bad.iter().map(|bad| bad.problem.as_str()).collect();
    bail!(problems.join("\nerror: "))
}

fn broken(problem: FileProblem) -> anyhow::Error {
    anyhow::anyhow!(problem.place)
}

fn scopes(policies: &Policies) -> Scopes {
    let mut scopes = Scopes::default();
    let is_definition = |other: &&Value| object::text(other, "kind") == "CustomResourceDefinition";
    policies.others.iter().filter(is_definition).for_each(|definition| scopes.learn(definition));
    scopes
}

/// The policies with all that they are asked with, and those that cannot be read; `objects` are the resources that they may
/// look at.
fn bench(
    args: &Args,
    mut policies: Policies,
    mut objects: Vec<Value>,
    scopes: &Scopes,
    sources: &Sources,
) -> Result<(Bench, Vec<BadPolicy>)> {
    let mut values = match &args.values {
        Some(path) => testing::read_values(path, sources).map_err(broken)?,
        None => Values::default(),
    };
    for (name, value) in &args.variables {
        values.set(name, value.clone());
    }
    for path in &args.exceptions {
        let known = policies.exceptions();
        policies.read(path, sources).map_err(broken)?;
        if policies.exceptions() == known && policies.bad.is_empty() {
            bail!("{}: no policy exception is there", path.display());
        }
    }
    policies.finish(sources);
    let bad = std::mem::take(&mut policies.bad);
    let user = args.userinfo.as_ref().map(|path| testing::read_user_file(path, sources).map_err(broken));
    let targets: Vec<Value> =
        read_all(&args.targets, scopes, sources)?.into_iter().map(|placed| placed.value).collect();
    objects.extend(targets.iter().cloned());
    let params = objects.clone();
    let world = World { objects, values, registries: args.images.images()?, ..World::default() };
    Ok((Bench { user: user.transpose()?, targets, params, ..Bench::new(policies, world) }, bad))
}

fn read_all(paths: &[PathBuf], scopes: &Scopes, sources: &Sources) -> Result<Vec<testing::Placed>> {
    let mut all = Vec::new();
    for path in paths {
        let found = testing::read_resources(path, scopes, sources).map_err(broken)?;
        if found.is_empty() {
            bail!("{}: no resource is there", path.display());
        }
        all.extend(found);
    }
    Ok(all)
}

fn write_objects(all: &[Judged], path: &Path) -> Result<()> {
    let mut files: Vec<(PathBuf, Vec<&Value>)> = Vec::new();
    let is_folder = path.is_dir();
    let mut add = |name: String, object| {
        let file = if is_folder { path.join(name) } else { path.to_owned() };
        match files.iter_mut().find(|(known, _)| *known == file) {
            Some((_, objects)) => objects.push(object),
            None => files.push((file, vec![object])),
        }
    };
    for judged in all {
        if let Some(patched) = judged.patched() {
            add(format!("{}-mutated.yaml", file_name(object::name(patched))), patched);
        }
        for (applied, object) in judged.others() {
            add(format!("{}-generated.yaml", file_name(&applied.policy.name)), object);
        }
    }
    if files.is_empty() && !is_folder {
        return write_file(path, "");
    }
    for (file, objects) in files {
        let texts: Vec<String> = objects.into_iter().map(yaml::write).collect();
        write_file(&file, &texts.join("---\n"))?;
    }
    Ok(())
}

/// A name that is no path.
fn file_name(name: &str) -> String {
    let safe = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    name.chars().map(|character| if safe(character) { character } else { '_' }).collect()
}

fn exit_code(all: &[Judged]) -> u8 {
    let denies = |applied: &Applied| {
        applied.rules.iter().any(|rule| match rule.status {
            Status::Fail => applied.enforced.contains(&rule.name),
            Status::Error => true,
            Status::Pass | Status::Warn | Status::Skip => false,
        })
    };
    if all.iter().flat_map(|judged| &judged.applied).any(denies) { crate::FINDINGS } else { crate::CLEAN }
}

/// The severity that a policy says it has; what only tells is the least.
fn severity(applied: &Applied) -> Severity {
    match applied.policy.severity.as_str() {
        "info" => Severity::Low,
        word => word.parse().unwrap_or(Severity::Medium),
    }
}

/// What goes to the standard output as it is.
fn write_yaml(title: &str, value: &Value, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "# {title}")?;
    write!(out, "{}", yaml::write(value))?;
    writeln!(out, "---")
}
