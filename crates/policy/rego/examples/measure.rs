//! How long a query takes: `measure QUERY INPUT.json MODULE.rego...`.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use probity_model::Sources;
use probity_policy_rego::{CompileOptions, Documents, Evaluation, Policies, Version, parse_value};

fn main() {
    let mut args = std::env::args().skip(1);
    let query = args.next().expect("a query");
    let input = std::fs::read_to_string(args.next().expect("an input file")).expect("the input can be read");
    let input = parse_value(&input).expect("the input is a value");
    let modules: Vec<(String, String)> =
        args.map(|path| (path.clone(), std::fs::read_to_string(path).expect("the module can be read"))).collect();
    let modules = modules.iter().map(|(path, text)| (Path::new(path), text.as_str()));
    let start = Instant::now();
    let policies = Policies::read(modules, Version::V1, CompileOptions::default(), Arc::new(Sources::default()))
        .expect("compiles");
    let query = policies.query(&query).expect("the query compiles");
    println!("compiled in {:?}", start.elapsed());
    let documents = Documents::input(input);
    let found = query.evaluate(&documents, &Evaluation::default()).expect("evaluates");
    println!("{} solutions", found.len());
    let start = Instant::now();
    let mut rounds = 0_u32;
    while start.elapsed().as_secs() < 3 {
        query.evaluate(&documents, &Evaluation::default()).expect("evaluates");
        rounds += 1;
    }
    println!("{:?} each, of {rounds}", start.elapsed() / rounds);
}
