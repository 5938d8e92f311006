//! Rules and what stands in them.

use super::{Generator, Kind, Known, pools};

impl Generator {
    /// A module with so many rules at least and at most.
    pub(super) fn module(&mut self, least: usize, most: usize) -> String {
        let mut text = self.header();
        if self.package == "t" && self.random.percent(15) {
            let import = self.random.choose(&[
                "import data.u",
                "import data.map as m",
                "import input.a as ia",
                "import data.t.s",
                "import input.items",
            ]);
            text.push_str(import);
            text.push_str("\n\n");
            let (name, kind) = match import {
                "import data.map as m" => ("m", Kind::Object),
                "import input.a as ia" => ("ia", Kind::Any),
                "import input.items" => ("items", Kind::Array),
                _ => ("data.map", Kind::Object),
            };
            self.vars.push((name.to_owned(), kind));
        }
        for _ in 0..least + self.random.below(most - least + 1) {
            let rules = self.group();
            text.push_str(&rules);
        }
        self.vars.clear();
        text
    }

    /// The rules of one name.
    fn group(&mut self) -> String {
        let number = self.rules.len();
        let name = format!("p{number}");
        let form = self.random.below(100);
        let (text, kind, arity) = match form {
            0..30 => self.complete(&name),
            30..50 => self.set(&name),
            50..65 => self.object(&name),
            65..88 => self.function(&name),
            _ => self.nested(&name),
        };
        self.rules.push(Known { path: format!("data.{}.{name}", self.package), name, kind, arity });
        text
    }

    fn complete(&mut self, name: &str) -> (String, Kind, Option<usize>) {
        let kind = self.some_kind();
        let mut text = String::new();
        if self.random.percent(30) {
            let default = self.random.choose(&[
                "false",
                "0",
                "null",
                "\"none\"",
                "[]",
                "{}",
                "set()",
                "[1, {\"a\": 2}]",
                "{x | x := 1}",
            ]);
            let sign = if self.v0 { "=" } else { ":=" };
            text.push_str(&format!("default {name} {sign} {default}\n\n"));
        }
        let constant = self.random.percent(50).then(|| self.term(kind, 0));
        for _ in 0..1 + usize::from(self.random.percent(30)) + usize::from(self.random.percent(10)) {
            let rule = self.rule(kind, constant.as_deref(), &|value| match value {
                Some(value) => format!("{name} := {value}"),
                None => name.to_owned(),
            });
            text.push_str(&rule);
        }
        (text, kind, None)
    }

    fn some_kind(&mut self) -> Kind {
        use Kind::{Any, Array, Bool, Number, Object, Set, Text};
        self.random.choose(&[Any, Bool, Bool, Number, Text, Array, Object, Set])
    }

    fn set(&mut self, name: &str) -> (String, Kind, Option<usize>) {
        let mut text = String::new();
        for _ in 0..1 + self.random.below(3) {
            self.budget = 14;
            let count = self.random.below(4);
            let body = self.body(count, 2);
            let member = self.term(Kind::Any, 1);
            let head = if self.v0 { format!("{name}[{member}]") } else { format!("{name} contains {member}") };
            text.push_str(&self.with_body(&head, &body));
            self.vars.clear();
        }
        (text, Kind::Set, None)
    }

    fn object(&mut self, name: &str) -> (String, Kind, Option<usize>) {
        let mut text = String::new();
        for number in 0..1 + self.random.below(3) {
            self.budget = 14;
            let count = 1 + self.random.below(3);
            let body = self.body(count, 2);
            let key = match self.random.below(4) {
                0 => format!("\"k{number}\""),
                1 => self.term(Kind::Any, 1),
                _ => self.term(Kind::Text, 1),
            };
            let value = self.term(Kind::Any, 1);
            let sign = if self.v0 { "=" } else { ":=" };
            text.push_str(&self.with_body(&format!("{name}[{key}] {sign} {value}"), &body));
            self.vars.clear();
        }
        (text, Kind::Object, None)
    }

    /// Rules with references for names.
    fn nested(&mut self, name: &str) -> (String, Kind, Option<usize>) {
        let mut text = String::new();
        for _ in 0..1 + self.random.below(3) {
            self.budget = 14;
            let count = 1 + self.random.below(3);
            let body = self.body(count, 2);
            let mut head = name.to_owned();
            for _ in 0..1 + self.random.below(3) {
                let part = match self.random.below(6) {
                    0 | 1 => format!(".{}", self.random.choose(&["a", "b", "c"])),
                    2 => format!("[\"{}\"]", self.random.pick(pools::KEYS)),
                    3 => format!("[{}]", self.random.pick(pools::INTS)),
                    _ => {
                        let key = self.term(Kind::Text, 1);
                        format!("[{key}]")
                    }
                };
                head.push_str(&part);
            }
            let value = self.term(Kind::Any, 1);
            let head = match self.random.below(3) {
                0 => format!("{head} contains {value}"),
                1 => format!("{head} := {value}"),
                _ => head,
            };
            text.push_str(&self.with_body(&head, &body));
            self.vars.clear();
        }
        (text, Kind::Object, None)
    }

    fn function(&mut self, name: &str) -> (String, Kind, Option<usize>) {
        let kind = self.some_kind();
        let arity = 1 + usize::from(self.random.percent(30)) + usize::from(self.random.percent(8));
        let mut text = String::new();
        if self.random.percent(15) {
            let args = vec!["_"; arity].join(", ");
            let default = self.random.choose(&["0", "null", "\"d\"", "[]"]);
            text.push_str(&format!("default {name}({args}) := {default}\n\n"));
        }
        for _ in 0..1 + usize::from(self.random.percent(35)) + usize::from(self.random.percent(10)) {
            let mut args = Vec::new();
            for _ in 0..arity {
                let arg = self.pattern(true);
                args.push(arg);
            }
            let args = args.join(", ");
            let rule = self.rule(kind, None, &|value| match value {
                Some(value) => format!("{name}({args}) := {value}"),
                None => format!("{name}({args})"),
            });
            text.push_str(&rule);
        }
        (text, kind, Some(arity))
    }

    /// One rule with a value, perhaps with `else`.
    fn rule(&mut self, kind: Kind, constant: Option<&str>, head: &dyn Fn(Option<&str>) -> String) -> String {
        self.budget = 14;
        let outer = self.vars.clone();
        let count = self.random.below(4);
        let body = self.body(count, 2);
        let value = match constant {
            Some(value) => Some(value.to_owned()),
            None if kind == Kind::Bool && self.random.percent(60) => None,
            None => Some(self.term(kind, 2)),
        };
        let mut text = self.with_body(&head(value.as_deref()), &body);
        self.vars.clone_from(&outer);
        while !body.is_empty() && self.random.percent(18) {
            let count = self.random.below(3);
            self.budget = 8;
            let body = self.body(count, 1);
            let value = self.term(kind, 1);
            let otherwise = if body.is_empty() {
                format!(" else := {value}")
            } else if self.v0 {
                format!(" else = {value} {{\n\t{}\n}}", body.join("\n\t"))
            } else {
                format!(" else := {value} if {{\n\t{}\n}}", body.join("\n\t"))
            };
            let end = text.trim_end().len();
            text.truncate(end);
            text.push_str(&otherwise);
            text.push_str("\n\n");
            self.vars.clone_from(&outer);
        }
        self.vars.clear();
        text
    }

    fn with_body(&mut self, head: &str, body: &[String]) -> String {
        if body.is_empty() {
            return format!("{head}\n\n");
        }
        let lines = body.join("\n\t");
        if self.v0 { format!("{head} {{\n\t{lines}\n}}\n\n") } else { format!("{head} if {{\n\t{lines}\n}}\n\n") }
    }

    fn fresh(&mut self, kind: Kind) -> String {
        let name = format!("x{}", self.next_var);
        self.next_var += 1;
        self.vars.push((name.clone(), kind));
        name
    }

    /// A term that takes apart what it stands against. `open` when names in it need no declaration.
    fn pattern(&mut self, open: bool) -> String {
        let _ = open;
        match self.random.below(12) {
            0 => format!("\"{}\"", self.random.pick(pools::KEYS)),
            1 => self.random.pick(pools::INTS).to_owned(),
            2 => {
                let (a, b) = (self.fresh(Kind::Any), self.fresh(Kind::Any));
                format!("[{a}, {b}]")
            }
            3 => {
                let value = self.fresh(Kind::Any);
                format!("{{\"a\": {value}}}")
            }
            4 => "_".to_owned(),
            _ => self.fresh(Kind::Any),
        }
    }

    /// Expressions that may follow one another.
    pub(super) fn body(&mut self, count: usize, depth: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..count {
            let line = self.expression(depth);
            lines.push(line);
        }
        if self.random.percent(8) {
            self.random.shuffle(&mut lines);
        }
        lines
    }

    fn collection(&mut self, depth: usize) -> String {
        let kind = self.random.choose(&[Kind::Array, Kind::Object, Kind::Set, Kind::Any]);
        self.term(kind, depth)
    }

    fn expression(&mut self, depth: usize) -> String {
        let inner = depth.saturating_sub(1);
        let line = match self.random.below(40) {
            0..6 => {
                let kind = self.some_kind();
                let value = self.term(kind, depth);
                let var = self.fresh(kind);
                format!("{var} := {value}")
            }
            6..10 => {
                let of = self.collection(depth);
                let var = self.fresh(Kind::Any);
                format!("some {var} in {of}")
            }
            10..13 => {
                let of = self.collection(depth);
                let (key, value) = (self.fresh(Kind::Any), self.fresh(Kind::Any));
                format!("some {key}, {value} in {of}")
            }
            13..16 => {
                let kind = if self.random.percent(60) { Kind::Number } else { Kind::Any };
                let (left, right) = (self.term(kind, depth), self.term(kind, depth));
                let operator = self.random.choose(&["==", "!=", "<", "<=", ">", ">=", "="]);
                format!("{left} {operator} {right}")
            }
            16..19 => {
                let of = match self.random.below(3) {
                    0 => self.reference(),
                    1 => self.rule_name().unwrap_or_else(|| "data.map".to_owned()),
                    _ => self
                        .random
                        .choose(&["data.list", "data.map", "input.items", "data.d", "input.a", "data.t"])
                        .to_owned(),
                };
                let (key, value) = (self.fresh(Kind::Any), self.fresh(Kind::Any));
                match self.random.below(4) {
                    0 => format!("some {key}, {value}; {of}[{key}] = {value}"),
                    1 => format!("some {key}; {value} := {of}[{key}]"),
                    2 => format!("{key} := 1; {value} := {of}[_]"),
                    _ => format!("some {key}, {value}; {of}[{key}][{value}]"),
                }
            }
            19 | 20 => {
                // OPA takes `not true` for true in a rule whose value is no constant; so there is a call around it.
                let expression = self.simple(inner);
                if expression.contains(['(', '.', '[']) { format!("not {expression}") } else { expression }
            }
            21 => {
                let of = self.collection(inner);
                let scope = self.vars.len();
                let names = if self.random.percent(50) {
                    let (key, value) = (self.fresh(Kind::Any), self.fresh(Kind::Any));
                    format!("{key}, {value}")
                } else {
                    self.fresh(Kind::Any)
                };
                let count = 1 + self.random.below(2);
                let body = self.body(count, inner).join("; ");
                self.vars.truncate(scope);
                format!("every {names} in {of} {{ {body} }}")
            }
            22 => {
                let (member, of) = (self.term(Kind::Any, inner), self.collection(inner));
                if self.random.percent(30) {
                    let key = self.term(Kind::Any, inner);
                    format!("{key}, {member} in {of}")
                } else {
                    format!("{member} in {of}")
                }
            }
            23 | 24 => self.call(Kind::Bool, depth.max(1)),
            25 | 26 => {
                let value = self.term(Kind::Any, inner);
                let pattern = self.pattern(false);
                if self.random.percent(60) || pattern.starts_with('"') {
                    format!("{pattern} := {value}")
                } else {
                    format!("{pattern} = {value}")
                }
            }
            27 => {
                let of = self.term(Kind::Any, inner);
                let (path, value) = (self.fresh(Kind::Array), self.fresh(Kind::Any));
                match self.random.below(3) {
                    0 => format!("walk({of}, [{path}, {value}])"),
                    1 => format!("[{path}, {value}] := walk({of})"),
                    _ => format!("{value} := 1; walk({of}, [[\"a\", {path}], _])"),
                }
            }
            28 => {
                let of = self.rule_name().unwrap_or_else(|| "data.map".to_owned());
                let var = self.fresh(Kind::Any);
                format!("some {var}; {of}[{var}]")
            }
            29 => {
                let (a, b) = (self.fresh(Kind::Any), self.fresh(Kind::Any));
                let (left, right) = (self.term(Kind::Any, inner), self.term(Kind::Any, inner));
                format!("some {a}, {b}; [{a}, {left}] = [{right}, {b}]")
            }
            30 => {
                let value = self.term(Kind::Any, inner);
                let var = self.fresh(Kind::Any);
                format!("{var} = {value}")
            }
            31 => {
                let (low, high) = (self.random.below(3), self.random.below(5));
                let var = self.fresh(Kind::Number);
                format!("some {var} in numbers.range({low}, {high})")
            }
            32 => {
                let term = self.term(Kind::Any, inner);
                format!("print({term})")
            }
            _ => self.simple(depth),
        };
        if self.random.percent(7) { self.with(&line, inner) } else { line }
    }

    /// An expression that gives no variable a value.
    fn simple(&mut self, depth: usize) -> String {
        match self.random.below(4) {
            0 => self.term(Kind::Bool, depth),
            1 => self.term(Kind::Any, depth),
            2 => self.reference(),
            _ => {
                let (left, right) = (self.term(Kind::Any, depth), self.term(Kind::Any, depth));
                format!("{left} == {right}")
            }
        }
    }

    fn rule_name(&mut self) -> Option<String> {
        let rules: Vec<_> =
            self.rules.iter().filter(|rule| rule.arity.is_none()).map(|rule| rule.path.clone()).collect();
        (!rules.is_empty()).then(|| self.random.choose(&rules))
    }

    fn with(&mut self, line: &str, depth: usize) -> String {
        let value = self.term(Kind::Any, depth);
        let functions: Vec<_> = self.rules.iter().filter(|rule| rule.arity.is_some()).cloned().collect();
        let target = match self.random.below(12) {
            0..3 => "input".to_owned(),
            3 => "input.a".to_owned(),
            4 => "input.items[0]".to_owned(),
            5 => "data.map".to_owned(),
            6 => "data.map.a".to_owned(),
            7 => "data.list".to_owned(),
            8 => self.rule_name().unwrap_or_else(|| "data.d".to_owned()),
            9 if !functions.is_empty() => self.random.choose(&functions).path,
            10 => self.random.choose(&["count", "concat", "sprintf", "lower", "startswith"]).to_owned(),
            _ => "data.t.base".to_owned(),
        };
        let more = if self.random.percent(15) { " with input.b as 1" } else { "" };
        // Several expressions stand in one line.
        format!("{line} with {target} as {value}{more}")
    }
}
