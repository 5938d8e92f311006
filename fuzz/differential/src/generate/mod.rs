//! Random policies: small, mostly valid, using everything the language has.

mod builtins;
mod pools;
mod rules;
mod terms;

use probity_model::json;
use probity_model::value::Value;

use crate::case::Case;
use crate::random::Random;

/// The kind of value that is wanted; any kind may come now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Any,
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
    Set,
}

/// A rule that others may use.
#[derive(Debug, Clone)]
struct Known {
    /// Its name in full.
    path: String,
    /// Its name within its package.
    name: String,
    kind: Kind,
    /// How many operands it takes, when it is a function.
    arity: Option<usize>,
}

pub struct Generator {
    random: Random,
    vars: Vec<(String, Kind)>,
    next_var: usize,
    rules: Vec<Known>,
    /// Entries of the input that terms were moved to.
    input: Vec<(String, String)>,
    /// Terms that may still be made.
    budget: i32,
    package: String,
    v0: bool,
    /// How many terms in a hundred are of another kind than wanted.
    noise: usize,
}

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let v0 = random.percent(12);
    let noise = random.choose(&[0, 1, 2, 2, 5]);
    let generator = Generator {
        random,
        vars: Vec::new(),
        next_var: 0,
        rules: Vec::new(),
        input: Vec::new(),
        budget: 0,
        package: "t".to_owned(),
        v0,
        noise,
    };
    generator.case()
}

impl Generator {
    fn case(mut self) -> Case {
        let mut modules = Vec::new();
        if self.random.percent(15) {
            self.storm(&mut modules);
        } else {
            if self.random.percent(20) {
                self.package = self.random.choose(&["t.s", "u", "t.p0.z", "u.w"]).to_owned();
                modules.push(self.module(1, 2));
            }
            self.package = "t".to_owned();
            modules.push(self.module(1, 5));
        }
        let queries = self.queries();
        let data = self.data();
        let input = self.random.percent(92).then(|| self.input_document()).filter(|input| *input != Value::Null);
        let strict = self.random.percent(25);
        Case { modules, v0: self.v0, strict, queries, input, data, plain: false }
    }

    /// One function after another.
    fn storm(&mut self, modules: &mut Vec<String>) {
        let mut text = self.header();
        for number in 0..2 + self.random.below(5) {
            self.budget = 4;
            let term = self.call(Kind::Any, 1);
            let name = format!("p{number}");
            text.push_str(&format!("{name} := {term}\n\n"));
            self.rules.push(Known { path: format!("data.t.{name}"), name, kind: Kind::Any, arity: None });
        }
        modules.push(text);
    }

    fn header(&mut self) -> String {
        let mut text = format!("package {}\n\n", self.package);
        if self.v0 {
            text.push_str("import future.keywords\n\n");
        } else if self.random.percent(5) {
            text.push_str("import rego.v1\n\n");
        }
        text
    }

    fn queries(&mut self) -> Vec<String> {
        let mut queries = vec!["x = data.t".to_owned()];
        let rules = self.rules.clone();
        for rule in &rules {
            if let Some(arity) = rule.arity {
                if self.random.percent(40) {
                    self.budget = 5;
                    let args: Vec<_> = (0..arity).map(|_| self.term(Kind::Any, 1)).collect();
                    queries.push(format!("x = {}({})", rule.path, args.join(", ")));
                }
            } else if queries.len() < 7 {
                queries.push(match self.random.below(10) {
                    0 => format!("{}[k] = x", rule.path),
                    1 => format!("x = [k | {}[k]]", rule.path),
                    2 => format!("x = {} with input as {{}}", rule.path),
                    3 => format!("{}[\"a\"] = x", rule.path),
                    4 => "data.t[x]".to_owned(),
                    _ => format!("x = {}", rule.path),
                });
            }
        }
        queries
    }

    /// The base documents; sometimes where rules have theirs.
    fn data(&mut self) -> Value {
        let mut entries = vec![
            ("d".to_owned(), self.json(3)),
            ("list".to_owned(), r#"[{"a": 1, "b": ["x"]}, {"a": 2}, {"a": "c", "b": []}]"#.to_owned()),
            ("map".to_owned(), r#"{"a": {"n": 1}, "b": {"n": 2, "m": [1, 2]}, "c": 3}"#.to_owned()),
        ];
        if self.random.percent(10) {
            let inner = self.json(2);
            entries.push(("t".to_owned(), format!(r#"{{"base": {inner}, "s": {{"a": 1}}}}"#)));
        }
        object(&entries)
    }

    fn input_document(&mut self) -> Value {
        if self.random.percent(4) {
            let text = self.json(2);
            return read(&text);
        }
        let mut entries = std::mem::take(&mut self.input);
        for key in ["a", "b", "c"] {
            let text = self.json(2);
            entries.push((key.to_owned(), text));
        }
        entries.push(("n".to_owned(), self.random.pick(pools::INTS).to_owned()));
        entries.push(("s".to_owned(), format!("\"{}\"", self.random.pick(pools::STRINGS))));
        entries.push((
            "items".to_owned(),
            r#"[{"name": "a", "v": 1, "tags": ["x", "y"]}, {"name": "b", "v": 2}, {"name": "c", "v": null}]"#
                .to_owned(),
        ));
        object(&entries)
    }

    /// A text of JSON.
    fn json(&mut self, depth: usize) -> String {
        match self.random.below(if depth == 0 { 5 } else { 9 }) {
            0 => self.random.choose(&["null", "true", "false"]).to_owned(),
            1 | 2 => self.random.pick(pools::NUMBERS).to_owned(),
            3 | 4 => format!("\"{}\"", self.random.pick(pools::STRINGS)),
            5 | 6 => {
                let elements: Vec<_> = (0..self.random.below(4)).map(|_| self.json(depth - 1)).collect();
                format!("[{}]", elements.join(", "))
            }
            _ => {
                let entries: Vec<_> = (0..self.random.below(4))
                    .map(|_| format!("\"{}\": {}", self.random.pick(pools::KEYS), self.json(depth - 1)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }
}

fn object(entries: &[(String, String)]) -> Value {
    Value::object(entries.iter().map(|(key, text)| (key.as_str(), read(text))))
}

fn read(text: &str) -> Value {
    json::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}
