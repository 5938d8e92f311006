//! `probity eval`.

mod output;

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use probity_model::yaml::{self, Dialect};
use probity_model::{SourceId, Sources, Value, json};
use probity_policy_rego::ast::Module;
use probity_policy_rego::observe::{Act, Coverage, Event, Explain, Node, Profile, Step, Trace};
use probity_policy_rego::{
    Bindings, CompileOptions, Documents, Errors, Evaluation, Extensions, Impure, Limits, Observer, Policies, Schemas,
    Version,
};

use crate::commands::faults;
use crate::input;
use crate::outside::Outside;
use crate::schemas;
use output::{Answer, Format};

/// Evaluate a Rego query over policies, data and an input, as `opa eval` does.
///
/// Exit codes: 0 when it was evaluated, 1 when --fail or --fail-defined says so, 2 when it could not be.
#[derive(clap::Args)]
// Each switch is an option of the command line.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Args {
    /// The query, such as data.kubernetes.deny.
    query: String,
    /// Policies and data: files and folders. May be repeated.
    #[arg(long, short, value_name = "PATH")]
    data: Vec<PathBuf>,
    /// The input, in JSON or YAML.
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Read the input from the standard input.
    #[arg(long, short = 'I', conflicts_with = "input")]
    stdin_input: bool,
    /// The form of the output.
    #[arg(long, short, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Show what is evaluated: off, full, notes (calls of `trace`), fails (expressions without solution).
    #[arg(long, value_name = "WHAT", default_value = "off", value_parser = str::parse::<Explain>)]
    explain: Explain,
    /// Show what each line costs.
    #[arg(long)]
    profile: bool,
    /// Show which lines are evaluated.
    #[arg(long)]
    coverage: bool,
    /// Let an error of a function end the evaluation; otherwise what called it is undefined.
    #[arg(long)]
    strict_builtin_errors: bool,
    /// Refuse unused variables, unused imports and deprecated functions.
    #[arg(long)]
    strict: bool,
    /// Exit with 1 when the query has no solution.
    #[arg(long, conflicts_with = "fail_defined")]
    fail: bool,
    /// Exit with 1 when the query has a solution.
    #[arg(long)]
    fail_defined: bool,
    /// Read policies that do not say otherwise as Rego v0, the language before OPA 1.0.
    #[arg(long)]
    v0_compatible: bool,
    /// How long it may take, such as 500ms or 10s. Default: as long as it takes.
    #[arg(long, value_name = "DURATION", value_parser = super::test::duration)]
    timeout: Option<std::time::Duration>,
    /// Leave out files and folders whose name matches. May be repeated.
    #[arg(long, value_name = "GLOB")]
    ignore: Vec<String>,
    /// A host that policies may send requests to (http.send), such as api.example.com or *.example.com. May be repeated.
    #[arg(long, value_name = "HOST")]
    allow_http: Vec<String>,
    /// A JSON schema of the input, or a folder of schemas that `# METADATA` may name (`schema.x` for `x.json`).
    #[arg(long, short, value_name = "PATH")]
    schema: Option<PathBuf>,
}

/// Stack of the thread that evaluates, in bytes.
const STACK: usize = 64 << 20;

/// Runs the command; gives the exit code.
pub(crate) fn run(args: &Args) -> Result<u8> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || evaluate(args))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn evaluate(args: &Args) -> Result<u8> {
    let sources = Arc::new(Sources::default());
    let version = if args.v0_compatible { Version::V0 } else { Version::V1 };
    let read = probity_policy_test::read(&args.data, version, &args.ignore, &sources);
    for problem in &read.passed_over {
        eprintln!("note: not read as data: {problem}");
    }
    if !read.faults.is_empty() {
        faults::write(&read.faults, &sources, &mut io::stderr().lock())?;
        return Ok(crate::BROKEN);
    }
    let input = read_input(args)?;
    let schemas = args.schema.as_deref().map(schemas::read).transpose()?;
    let watch = Watch::new(args);
    let documents = Documents { input, data: Some(read.data) };
    let mut answer = match solve(args, schemas, read.modules.clone(), &documents, &watch, &sources) {
        Ok(solutions) => Answer::new(&args.query, &solutions),
        Err(errors) => Answer { errors: errors.0, ..Answer::default() },
    };
    watch.finish(&mut answer, &read.modules, args, &sources);
    let mut out = io::BufWriter::new(io::stdout().lock());
    answer.write(args.format, &sources, &mut out)?;
    out.flush()?;
    Ok(match (answer.errors.is_empty(), answer.solutions.is_empty()) {
        (false, _) => crate::BROKEN,
        (true, true) if args.fail => crate::FINDINGS,
        (true, false) if args.fail_defined => crate::FINDINGS,
        _ => crate::CLEAN,
    })
}

fn solve(
    args: &Args,
    schemas: Option<Arc<Schemas>>,
    modules: Vec<Module>,
    documents: &Documents,
    watch: &Watch,
    sources: &Arc<Sources>,
) -> Result<Vec<Bindings>, Errors> {
    let options = CompileOptions {
        strict: args.strict,
        keep_prints: true,
        observe: watch.is_needed(),
        extensions: Extensions::ALL,
        schemas,
        ..CompileOptions::default()
    };
    let policies = Policies::compile(modules, options, Arc::clone(sources))?;
    let query = policies.query_values(&args.query)?;
    let host = Outside::new([Impure::Clock, Impure::Random, Impure::Runtime], &args.allow_http).with_files(sources);
    let limits = Limits {
        steps: u64::MAX,
        stack: STACK / 4 * 3,
        depth: 10_000,
        deadline: args.timeout.map(|timeout| std::time::Instant::now() + timeout),
        ..Limits::default()
    };
    let evaluation = Evaluation {
        limits,
        strict_builtin_errors: args.strict_builtin_errors,
        host: &host,
        observer: Some(watch),
        ..Evaluation::default()
    };
    query.evaluate(documents, &evaluation).map_err(Errors::from)
}

fn read_input(args: &Args) -> Result<Option<Value>> {
    let (name, text) = match &args.input {
        Some(path) => (path.as_path(), input::read_text(path)?),
        None if args.stdin_input => {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text).context("the standard input cannot be read")?;
            (Path::new("standard input"), text)
        }
        None => return Ok(None),
    };
    if let Ok(value) = json::read(text.as_bytes()) {
        return Ok(Some(value));
    }
    let sources = Sources::default();
    let _ = sources.add(name, text.clone());
    match yaml::read(&text, SourceId(0), Dialect::Kubernetes) {
        Ok(documents) if documents.len() <= 1 => Ok(documents.into_iter().next().map(|document| document.value)),
        Ok(documents) => bail!("{}: one document is expected, it has {}", name.display(), documents.len()),
        Err((problem, _)) => bail!(problem.display(&sources, name)),
    }
}

/// Notes what was asked for while a query is evaluated.
struct Watch {
    trace: Option<Trace>,
    profile: Option<Profile>,
    coverage: Option<Coverage>,
}

impl Watch {
    fn new(args: &Args) -> Self {
        Self {
            trace: (args.explain != Explain::Off).then(Trace::default),
            profile: args.profile.then(Profile::default),
            coverage: args.coverage.then(Coverage::default),
        }
    }

    fn is_needed(&self) -> bool {
        self.trace.is_some() || self.profile.is_some() || self.coverage.is_some()
    }

    fn finish(self, answer: &mut Answer, modules: &[Module], args: &Args, sources: &Sources) {
        let steps: Vec<Step> = self.trace.map(|trace| trace.steps(args.explain)).unwrap_or_default();
        answer.explanation = (args.explain != Explain::Off).then_some(steps);
        answer.profile = self.profile.map(|profile| profile.costs(sources));
        answer.coverage = self.coverage.map(|coverage| coverage.report(modules, sources));
    }
}

impl Observer for Watch {
    fn event(&self, event: &Event<'_>) {
        if let (Act::Print, Node::Text(text)) = (event.act, event.node) {
            eprintln!("{text}");
        }
        if let Some(trace) = &self.trace {
            trace.event(event);
        }
        if let Some(profile) = &self.profile {
            profile.event(event);
        }
        if let Some(coverage) = &self.coverage {
            coverage.event(event);
        }
    }
}
