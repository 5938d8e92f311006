//! Random policies, evaluated by our Rego, by OPA and by regorus, and compared.
//!
//! Build OPA's side with `go build -C opa -o opa .`, then run
//! `cargo run --release -- --seconds 600 [--from SEED] [--types] [--messages]`. What differs from OPA is printed with its
//! seed, made small; `--seed SEED` shows one case. Where only regorus differs, it is counted.
//!
//! `--spoil FILE` gives our engine spoiled texts instead, to see that it neither panics nor hangs; the seed that is tried
//! stands in the file, for when the process dies.

mod case;
mod compare;
mod engines;
mod generate;
mod random;
mod shrink;
mod spoil;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use case::{Answer, Case};
use engines::Opa;

struct Options {
    opa: PathBuf,
    seconds: u64,
    from: u64,
    one: Option<u64>,
    types: bool,
    messages: bool,
    /// How many cases of a class are shown.
    shown: usize,
    /// Only our engine, on spoiled texts; the seed being tried is written to this file.
    spoil: Option<PathBuf>,
}

fn options() -> Result<Options> {
    let mut options = Options {
        opa: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/opa/opa")),
        seconds: 60,
        from: 0,
        one: None,
        types: false,
        messages: false,
        shown: 2,
        spoil: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--opa" => options.opa = value()?.into(),
            "--seconds" => options.seconds = value()?.parse()?,
            "--from" => options.from = value()?.parse()?,
            "--seed" => options.one = Some(value()?.parse()?),
            "--shown" => options.shown = value()?.parse()?,
            "--spoil" => options.spoil = Some(value()?.into()),
            "--types" => options.types = true,
            "--messages" => options.messages = true,
            _ => bail!("unknown option {arg}"),
        }
    }
    Ok(options)
}

fn main() -> Result<()> {
    // Panics are caught and counted; to find the names of a backtrace takes longer than a thousand cases.
    std::panic::set_hook(Box::new(|_| {}));
    // Rego that is nested deep is refused by its engines; regorus recurses before it does.
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(run)?;
    thread.join().map_err(|_| anyhow::anyhow!("the fuzzer has panicked"))?
}

fn run() -> Result<()> {
    let options = options()?;
    if let Some(mark) = &options.spoil {
        return spoil::run(options.from, Duration::from_secs(options.seconds), mark);
    }
    let mut opa = Opa::start(&options.opa)?;
    if let Some(seed) = options.one {
        let case = generate::case(seed);
        show(&case, &opa.answer(&case)?, &engines::ours(&case));
        return Ok(());
    }
    let start = Instant::now();
    let mut counts = Counts::default();
    let mut classes: BTreeMap<String, usize> = BTreeMap::new();
    let mut seed = options.from;
    while start.elapsed() < Duration::from_secs(options.seconds) {
        let case = generate::case(seed);
        let answer = match opa.answer(&case) {
            Ok(answer) => answer,
            Err(error) => {
                println!("=== seed {seed}: no answer of OPA: {error}");
                opa = Opa::start(&options.opa)?;
                seed += 1;
                continue;
            }
        };
        let ours = guarded(&case);
        counts.add(&answer);
        match &ours {
            Some(ours) => {
                let found = compare::with_opa(&answer, ours, case.strict, options.types, options.messages);
                if found.is_empty() && answer.types.is_none() && !takes_the_memory(&case) {
                    let regorus = std::panic::catch_unwind(|| engines::regorus(&case));
                    counts.regorus +=
                        usize::from(regorus.map_or(true, |other| compare::regorus_differs(&answer, &other)));
                }
                if let Some(difference) = found.into_iter().next() {
                    // What OPA does not evaluate for a key that is given may fail when all is evaluated.
                    if compare::is_eager(&case, &difference)
                        || compare::is_forgotten_variable(&case, &difference.class)
                        || compare::is_closure_beside_reference(&answer, &difference)
                        || compare::is_of_its_making(&case, &answer, ours, &difference)
                        || is_of_order(&mut opa, &case, ours, &options)
                    {
                        counts.eager += 1;
                        seed += 1;
                        continue;
                    }
                    report(seed, case, difference, &options, &mut opa, &mut classes)?;
                }
            }
            None => println!("=== seed {seed}: PANIC\n{}", case.modules.join("\n---\n")),
        }
        seed += 1;
    }
    println!("=== {} cases, seeds {}..{seed}, {:?}", counts.cases, options.from, start.elapsed());
    println!("{counts:?}");
    for (class, count) in &classes {
        println!("{count:6} {class}");
    }
    Ok(())
}

/// Whether regorus may ask for more memory than there is, which ends the process: it makes ranges at once, however long.
fn takes_the_memory(case: &Case) -> bool {
    case.modules.iter().chain(&case.queries).any(|text| text.contains("numbers.range"))
}

/// Whether OPA says the same as we do when it leaves no rule out.
fn is_of_order(opa: &mut Opa, case: &Case, ours: &Answer, options: &Options) -> bool {
    let plain = Case { plain: true, ..case.clone() };
    let Ok(answer) = opa.answer(&plain) else { return false };
    compare::with_opa(&answer, ours, case.strict, options.types, options.messages).is_empty()
}

/// How long a case is made smaller.
const SHRINK_TIME: Duration = Duration::from_secs(12);

fn guarded(case: &Case) -> Option<Answer> {
    std::panic::catch_unwind(|| engines::ours(case)).ok()
}

#[derive(Debug, Default)]
struct Counts {
    cases: usize,
    refused: usize,
    ill_typed: usize,
    results: usize,
    values: usize,
    undefined: usize,
    failed: usize,
    /// Where OPA and ours agree and regorus does not.
    regorus: usize,
    /// Errors of what OPA leaves undone.
    eager: usize,
}

impl Counts {
    fn add(&mut self, answer: &Answer) {
        self.cases += 1;
        self.refused += usize::from(answer.refused.is_some());
        self.ill_typed += usize::from(answer.types.is_some());
        for result in &answer.results {
            self.results += 1;
            match result {
                case::Outcome::Values(_) => self.values += 1,
                case::Outcome::Undefined => self.undefined += 1,
                case::Outcome::Failed(_) => self.failed += 1,
            }
        }
    }
}

fn report(
    seed: u64,
    case: Case,
    difference: compare::Difference,
    options: &Options,
    opa: &mut Opa,
    classes: &mut BTreeMap<String, usize>,
) -> Result<()> {
    let class = difference.class;
    let mut case = case;
    if let Some(query) = difference.query {
        case.queries = vec![case.queries.swap_remove(query)];
    }
    let mut trouble = None;
    // What is frequent is shown often enough; time is better spent on what is rare.
    let budget = match classes.get(&class).copied().unwrap_or_default() {
        0..12 => 3000,
        12..40 => 600,
        _ => 60,
    };
    let begin = Instant::now();
    let small = shrink::shrink(case, budget, &mut |candidate| {
        if begin.elapsed() > SHRINK_TIME {
            return false;
        }
        let answer = match opa.answer(candidate) {
            Ok(answer) => answer,
            Err(error) => {
                trouble = Some(error);
                return false;
            }
        };
        let Some(ours) = guarded(candidate) else { return false };
        let found = compare::with_opa(&answer, &ours, candidate.strict, options.types, options.messages);
        found.iter().any(|found| found.class == class) && !is_of_order(opa, candidate, &ours, options)
    });
    if let Some(error) = trouble {
        println!("=== seed {seed}: no answer of OPA while shrinking: {error}");
        *opa = Opa::start(&options.opa)?;
    }
    // Made small, it may turn out to be what is known.
    if compare::is_forgotten_variable(&small, &class) {
        return Ok(());
    }
    let answers = (opa.answer(&small)?, engines::ours(&small));
    let found = compare::with_opa(&answers.0, &answers.1, small.strict, options.types, options.messages);
    if found.iter().any(|found| compare::is_of_its_making(&small, &answers.0, &answers.1, found)) {
        return Ok(());
    }
    *classes.entry(class.clone()).or_default() += 1;
    let text = small.modules.join("\n");
    let functions = calls(&text);
    let key = format!("{class}: {}", functions.join(" "));
    let known = classes.entry(key).or_default();
    *known += 1;
    if *known <= options.shown {
        println!("=== seed {seed}: {class}");
        show(&small, &answers.0, &answers.1);
    }
    Ok(())
}

/// The names of what is called in a text.
fn calls(text: &str) -> Vec<&str> {
    let mut found: Vec<_> = text
        .match_indices('(')
        .map(|(at, _)| {
            let before = &text[..at];
            let start = before.rfind(|other: char| !other.is_alphanumeric() && other != '_' && other != '.');
            &before[start.map_or(0, |start| start + before[start..].chars().next().map_or(1, char::len_utf8))..]
        })
        .filter(|name| !name.is_empty())
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn show(case: &Case, opa: &Answer, ours: &Answer) {
    for module in &case.modules {
        println!("{}", module.trim_end());
    }
    let input = case.input.as_ref().map(probity_model::json::write);
    println!("--- v0 {} strict {} input {}", case.v0, case.strict, input.as_deref().unwrap_or("none"));
    println!("--- data {}", probity_model::json::write(&case.data));
    for (name, answer) in [("OPA ", opa), ("ours", ours)] {
        for (what, failure) in [("refuses", &answer.refused), ("types", &answer.types)] {
            if let Some(failure) = failure {
                println!("{name} {what}: {}: {}", failure.code, failure.message);
            }
        }
    }
    for (index, query) in case.queries.iter().enumerate() {
        println!("? {query}");
        for (name, answer) in [("OPA ", opa), ("ours", ours)] {
            if let Some(outcome) = answer.results.get(index) {
                println!("{name} {outcome}");
            }
        }
    }
    println!();
}
