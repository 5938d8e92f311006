//! Terms.

use super::{Generator, Kind, builtins, pools};

impl Generator {
    /// A term of a kind.
    pub(super) fn term(&mut self, wanted: Kind, depth: usize) -> String {
        self.budget -= 1;
        let kind = if self.random.percent(self.noise) { self.any_kind() } else { wanted };
        if depth == 0 || self.budget < 0 {
            return self.leaf(kind);
        }
        match self.random.below(100) {
            0..38 => self.leaf(kind),
            38..48 => self.composite(kind, depth),
            48..60 => self.rule_value(kind).unwrap_or_else(|| self.composite(kind, depth)),
            60..80 => self.call(kind, depth),
            80..86 => self.infix(kind, depth),
            86..93 => self.comprehension(kind, depth),
            93..95 if kind == Kind::Text || kind == Kind::Any => self.template(depth),
            95..97 => {
                let inner = self.term(kind, depth - 1);
                format!("({inner})")
            }
            _ => self.reference(),
        }
    }

    fn any_kind(&mut self) -> Kind {
        use Kind::{Array, Bool, Null, Number, Object, Set, Text};
        self.random.choose(&[Null, Bool, Number, Number, Text, Text, Array, Object, Set])
    }

    /// A variable, a reference or a constant.
    fn leaf(&mut self, kind: Kind) -> String {
        if self.random.percent(50)
            && let Some(var) = self.var(kind)
        {
            return var;
        }
        if self.random.percent(20) {
            return self.reference();
        }
        let text = self.constant(kind);
        // What is in the input has no type that is known beforehand.
        if kind != Kind::Set
            && self.random.percent(25)
            && !text.contains("set()")
            && probity_model::json::read(text.as_bytes()).is_ok()
        {
            return self.moved(text);
        }
        text
    }

    /// Puts a constant into the input.
    fn moved(&mut self, text: String) -> String {
        let name = format!("k{}", self.input.len());
        self.input.push((name.clone(), text));
        format!("input.{name}")
    }

    fn var(&mut self, kind: Kind) -> Option<String> {
        let fitting: Vec<_> = self
            .vars
            .iter()
            .filter(|(_, of)| kind == Kind::Any || *of == kind || *of == Kind::Any)
            .map(|(name, _)| name.clone())
            .collect();
        (!fitting.is_empty()).then(|| self.random.choose(&fitting))
    }

    fn constant(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Any => {
                let kind = self.any_kind();
                self.constant(kind)
            }
            Kind::Null => "null".to_owned(),
            Kind::Bool => self.random.choose(&["true", "true", "false"]).to_owned(),
            Kind::Number => self.random.pick(pools::NUMBERS).to_owned(),
            Kind::Text => {
                if self.random.percent(5) {
                    return self.random.choose(&["`raw\\n`", "`a\"b`", "`x`"]).to_owned();
                }
                format!("\"{}\"", self.random.pick(pools::STRINGS))
            }
            Kind::Array => self
                .random
                .choose(&[
                    "[]",
                    "[1, 2, 3]",
                    "[\"a\", \"b\"]",
                    "[1, \"a\", null, [true]]",
                    "[[1, 2], [3]]",
                    "[{\"a\": 1}]",
                    "[3, 1, 2.0, 1]",
                ])
                .to_owned(),
            Kind::Object => self
                .random
                .choose(&[
                    "{}",
                    "{\"a\": 1}",
                    "{\"a\": 1, \"b\": [1, 2]}",
                    "{\"a\": {\"b\": {\"c\": 1}}}",
                    "{\"x y\": null, \"é\": 1.5}",
                    "{\"0\": 1, \"a/b\": 2}",
                    "{\"a\": [{\"b\": 1}, {\"b\": 2}]}",
                ])
                .to_owned(),
            Kind::Set => self
                .random
                .choose(&[
                    "set()",
                    "{1, 2, 3}",
                    "{\"a\", \"b\"}",
                    "{1, \"a\", [2]}",
                    "{{1}, {2}}",
                    "{1, 1.0}",
                    "{null, true}",
                ])
                .to_owned(),
        }
    }

    /// An array, object or set of terms.
    fn composite(&mut self, kind: Kind, depth: usize) -> String {
        let count = self.random.below(4);
        match kind {
            Kind::Array => format!("[{}]", self.list(count, depth)),
            Kind::Set if count == 0 => "set()".to_owned(),
            Kind::Set => format!("{{{}}}", self.list(count, depth)),
            Kind::Object => {
                let entries: Vec<_> = (0..count)
                    .map(|_| {
                        let key = match self.random.below(20) {
                            0 => self.term(Kind::Number, depth - 1),
                            1 => self.term(Kind::Any, depth - 1),
                            2..5 => self.term(Kind::Text, depth - 1),
                            _ => format!("\"{}\"", self.random.pick(pools::KEYS)),
                        };
                        let value = self.term(Kind::Any, depth - 1);
                        format!("{key}: {value}")
                    })
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Kind::Any if self.random.percent(60) => {
                let kind = self.random.choose(&[Kind::Array, Kind::Object, Kind::Set]);
                self.composite(kind, depth)
            }
            _ => self.leaf(kind),
        }
    }

    fn list(&mut self, count: usize, depth: usize) -> String {
        let kind = if self.random.percent(50) { Kind::Any } else { self.any_kind() };
        let terms: Vec<_> = (0..count).map(|_| self.term(kind, depth - 1)).collect();
        terms.join(", ")
    }

    /// A reference into the documents.
    pub(super) fn reference(&mut self) -> String {
        let key = format!("k{}", self.random.below(6));
        let base = self.random.choose(&[
            "input.a",
            "input.b",
            "input.c",
            "input.n",
            "input.s",
            "input.items",
            "input.items[0].name",
            "input.items[1].v",
            "data.d",
            "data.list",
            "data.map",
            "data.map.a.n",
            "data.list[0].a",
            "input.missing",
            "data.missing",
            "input",
            "input.a.b",
            "input.b[0]",
            "data.d.a",
            "input[\"a\"]",
            "data.t.base",
            "data.map.b.m",
            "input.items[0].tags",
            "data",
        ]);
        // The whole of `data` includes the rules themselves.
        if base == "data" && !self.random.percent(3) {
            return format!("input.{key}");
        }
        if self.random.percent(15) {
            let key = match self.var(Kind::Any) {
                Some(var) if self.random.percent(70) => var,
                _ => self.constant(Kind::Any),
            };
            return format!("{base}[{key}]");
        }
        base.to_owned()
    }

    /// The value of a rule, or what a function gives.
    pub(super) fn rule_value(&mut self, kind: Kind) -> Option<String> {
        let fitting: Vec<_> = self
            .rules
            .iter()
            .filter(|rule| kind == Kind::Any || rule.kind == kind || rule.kind == Kind::Any)
            .cloned()
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let rule = self.random.choose(&fitting);
        let local = rule.path.strip_prefix(&format!("data.{}.", self.package)).is_some_and(|rest| rest == rule.name);
        let name = if local && self.random.percent(80) { rule.name } else { rule.path };
        let Some(arity) = rule.arity else {
            if self.random.percent(20) {
                let key = self.var(Kind::Any).unwrap_or_else(|| self.constant(Kind::Text));
                return Some(format!("{name}[{key}]"));
            }
            return Some(name);
        };
        let arity = if self.random.percent(self.noise) { arity + 1 } else { arity };
        let args: Vec<_> = (0..arity).map(|_| self.term(Kind::Any, 1)).collect();
        Some(format!("{name}({})", args.join(", ")))
    }

    fn infix(&mut self, kind: Kind, depth: usize) -> String {
        let (operators, operands): (&[&str], Kind) = match kind {
            Kind::Number => (&["+", "-", "*", "/", "%"], Kind::Number),
            Kind::Set => (&["&", "|", "-"], Kind::Set),
            Kind::Bool => {
                (&["==", "!=", "<", "<=", ">", ">="], if self.random.percent(70) { Kind::Number } else { Kind::Any })
            }
            Kind::Any => {
                let kind = self.random.choose(&[Kind::Number, Kind::Set, Kind::Bool]);
                return self.infix(kind, depth);
            }
            _ => return self.leaf(kind),
        };
        let left = self.term(operands, depth - 1);
        let right = self.term(operands, depth - 1);
        let operator = self.random.pick(operators);
        if self.random.percent(20) && kind != Kind::Bool {
            let third = self.term(operands, depth - 1);
            let operator2 = self.random.pick(operators);
            return format!("{left} {operator} {right} {operator2} {third}");
        }
        if kind == Kind::Bool { format!("({left} {operator} {right})") } else { format!("{left} {operator} {right}") }
    }

    fn comprehension(&mut self, kind: Kind, depth: usize) -> String {
        let scope = self.vars.len();
        let kind = if kind == Kind::Any { self.random.choose(&[Kind::Array, Kind::Set, Kind::Object]) } else { kind };
        if !matches!(kind, Kind::Array | Kind::Set | Kind::Object) {
            return self.composite(kind, depth);
        }
        let count = 1 + self.random.below(3);
        let body = self.body(count, depth - 1).join("; ");
        let head = self.term(Kind::Any, depth - 1);
        let text = match kind {
            Kind::Array => format!("[{head} | {body}]"),
            Kind::Set => format!("{{{head} | {body}}}"),
            _ => {
                let key = self.term(Kind::Text, depth - 1);
                format!("{{{key}: {head} | {body}}}")
            }
        };
        self.vars.truncate(scope);
        text
    }

    fn template(&mut self, depth: usize) -> String {
        let term = self.term(Kind::Any, depth - 1);
        if term.contains(['"', '`', '{']) || self.v0 {
            return term;
        }
        format!("$\"<{{{term}}}|>\"")
    }

    /// A call of a function that gives such a value.
    pub(super) fn call(&mut self, kind: Kind, depth: usize) -> String {
        let gives = |spec: &str| {
            let result = &spec[spec.rfind(')').unwrap_or_default() + 1..];
            kind == Kind::Any || result == "any" || kind_of(result) == kind
        };
        let fitting: Vec<&str> = builtins::ALL.iter().copied().filter(|spec| gives(spec)).collect();
        if fitting.is_empty() {
            return self.leaf(kind);
        }
        let spec = self.random.pick(&fitting);
        let (name, rest) = spec.split_once('(').unwrap_or_default();
        let words = rest.split(')').next().unwrap_or_default();
        let args: Vec<_> = words.split(',').map(|word| self.operand(word, depth - 1)).collect();
        format!("{name}({})", args.join(", "))
    }

    /// An operand that a function expects.
    fn operand(&mut self, word: &str, depth: usize) -> String {
        if self.random.percent(4) {
            return self.term(Kind::Any, depth.min(1));
        }
        let from = |pool: &'static [&'static str]| Some(pool);
        let pool = match word {
            "re" => from(pools::REGEXES),
            "repl" => from(pools::REPLACEMENTS),
            "fmt" => from(pools::FORMATS),
            "glob" => from(pools::GLOBS),
            "globpair" => from(pools::GLOB_PAIRS),
            "layout" => from(pools::LAYOUTS),
            "date" => from(pools::DATES),
            "duration" => from(pools::DURATIONS),
            "semver" => from(pools::SEMVERS),
            "unit" => from(pools::UNITS),
            "cidr" => from(pools::CIDRS),
            "smallcidr" => from(&["10.0.0.0/30", "10.0.0.1/31", "::/126", "10.0.0.1", "x", "::1/128"]),
            "b64" => from(pools::BASE64),
            "hex" => from(pools::HEX),
            "json" => from(pools::JSONS),
            "yaml" => from(pools::YAMLS),
            "url" => from(pools::URLS),
            "query" => from(pools::QUERIES),
            "uuid" => from(pools::UUIDS),
            "template" => from(pools::TEMPLATES),
            "tre" => from(pools::TEMPLATE_REGEXES),
            "lb" => from(&["{", "<", "", "{{"]),
            "rb" => from(&["}", ">", "", "}}"]),
            "jwt" => from(pools::JWTS),
            _ => None,
        };
        if let Some(pool) = pool {
            if self.random.percent(5) {
                return self.term(Kind::Text, depth);
            }
            let text = format!("\"{}\"", self.random.pick(pool));
            return if self.random.percent(30) { self.moved(text) } else { text };
        }
        match word {
            "delims" => self.random.pick(pools::DELIMITERS).to_owned(),
            "int" if self.random.percent(80) => {
                let text = self.random.pick(pools::INTS).to_owned();
                if self.random.percent(30) { self.moved(text) } else { text }
            }
            "int" | "num" => self.term(Kind::Number, depth),
            // Beyond these, OPA's numbers overflow.
            "small" => self.random.pick(&["0", "1", "-1", "12", "31", "-40", "100", "1.5"]).to_owned(),
            // OPA takes numbers between -1 and 0 for the wrong side of it.
            "whole" => self.random.below(40).to_string() + self.random.pick(&["", ".5", ".0"]),
            "arr" => self.term(Kind::Array, depth),
            "obj" => self.term(Kind::Object, depth),
            "set" => self.term(Kind::Set, depth),
            "str" => self.term(Kind::Text, depth),
            "bool" => self.term(Kind::Bool, depth),
            "coll" => {
                let kind = self.random.choose(&[Kind::Array, Kind::Object, Kind::Set, Kind::Text]);
                self.term(kind, depth)
            }
            "list" => {
                let kind = self.random.choose(&[Kind::Array, Kind::Set]);
                self.term(kind, depth)
            }
            "keys" => {
                let kind = self.random.choose(&[Kind::Array, Kind::Set, Kind::Object]);
                self.term(kind, depth)
            }
            "strs" | "strsor" | "nums" | "cidrs" | "args" | "sets" | "objs" | "paths" | "patches" => {
                self.listed(word, depth)
            }
            "path" => match self.random.below(3) {
                0 => self.random.pick(pools::PATHS).to_owned(),
                1 => format!("\"{}\"", self.random.pick(pools::KEYS)),
                _ => self.term(Kind::Any, depth),
            },
            "graph" => self.random.pick(pools::GRAPHS).to_owned(),
            "schema" => {
                let text = self.random.pick(pools::SCHEMAS).to_owned();
                if self.random.percent(30) { self.moved(text) } else { text }
            }
            "marshal" => self
                .random
                .choose(&[
                    "{}",
                    "{\"pretty\": true}",
                    "{\"indent\": \"  \"}",
                    "{\"prefix\": \">\", \"indent\": \" \"}",
                    "{\"pretty\": false, \"indent\": \"x\"}",
                    "{\"x\": 1}",
                    "{\"prefix\": \"p\"}",
                ])
                .to_owned(),
            "replmap" => self
                .random
                .choose(&[
                    "{\"a\": \"b\"}",
                    "{\"a\": \"b\", \"b\": \"c\"}",
                    "{}",
                    "{\"ab\": \"1\", \"a\": \"2\"}",
                    "{\"é\": \"e\"}",
                ])
                .to_owned(),
            "ns" => {
                let text = self.random.pick(pools::TIMES).to_owned();
                if self.random.percent(30) { self.moved(text) } else { text }
            }
            "when" | "whenfmt" => {
                let time = self.random.pick(pools::TIMES);
                let zone = self.random.pick(pools::ZONES);
                let layout = self.random.pick(pools::LAYOUTS);
                let text = match self.random.below(if word == "when" { 2 } else { 3 }) {
                    0 => time.to_owned(),
                    1 => format!("[{time}, \"{zone}\"]"),
                    _ => format!("[{time}, \"{zone}\", \"{layout}\"]"),
                };
                if self.random.percent(30) { self.moved(text) } else { text }
            }
            "tonum" => match self.random.below(3) {
                0 => self.term(Kind::Any, depth),
                _ => {
                    // Other texts that Go takes for numbers become, in OPA, numbers that are not JSON.
                    let text = format!(
                        "\"{}\"",
                        self.random.choose(&[
                            "1", "1.5", "-3", "1e3", "inf", "NaN", "", " 1", "1e400", "-", "1e", "Infinity", "١"
                        ])
                    );
                    self.moved(text)
                }
            },
            _ => self.term(Kind::Any, depth),
        }
    }

    /// A list of operands of one sort.
    fn listed(&mut self, word: &str, depth: usize) -> String {
        let count = self.random.below(4);
        let members: Vec<String> = (0..count)
            .map(|_| match word {
                "strs" | "strsor" => self.term(Kind::Text, depth.min(1)),
                "nums" => self.term(Kind::Number, depth.min(1)),
                // To OPA, an address without a mask is a network that does not begin at its first address.
                "cidrs" => loop {
                    let text = self.random.pick(pools::CIDRS);
                    if text.contains('/') {
                        break format!("\"{text}\"");
                    }
                },
                "sets" => self.term(Kind::Set, depth.min(1)),
                "objs" => self.term(Kind::Object, depth.min(1)),
                "paths" => self.random.pick(pools::PATHS).to_owned(),
                "patches" => self.random.pick(pools::PATCHES).to_owned(),
                _ => self.term(Kind::Any, depth.min(1)),
            })
            .collect();
        let members = members.join(", ");
        match word {
            "strsor" | "cidrs" if self.random.percent(30) => self.term(Kind::Text, 0),
            "sets" if count == 0 => "set()".to_owned(),
            "sets" => format!("{{{members}}}"),
            "strs" | "nums" | "paths" | "cidrs" | "strsor" if count > 0 && self.random.percent(30) => {
                format!("{{{members}}}")
            }
            _ => format!("[{members}]"),
        }
    }
}

fn kind_of(word: &str) -> Kind {
    match word {
        "num" | "whole" | "small" => Kind::Number,
        "str" => Kind::Text,
        "bool" => Kind::Bool,
        "arr" => Kind::Array,
        "obj" => Kind::Object,
        "set" => Kind::Set,
        _ => Kind::Any,
    }
}
