//! Makes a case small while what is wrong with it stays.

use probity_model::value::Value;

use crate::case::Case;

/// The smallest case found with no more than `budget` trials for which `holds`.
pub fn shrink(case: Case, mut budget: usize, holds: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut best = case;
    loop {
        let mut smaller = false;
        let mut try_each = |best: &mut Case, candidates: &mut dyn Iterator<Item = Case>| {
            for candidate in candidates {
                if budget == 0 {
                    return false;
                }
                budget -= 1;
                if holds(&candidate) {
                    *best = candidate;
                    return true;
                }
            }
            false
        };
        for step in [modules, rules, lines, documents, tokens] {
            loop {
                let candidates = step(&best);
                if !try_each(&mut best, &mut candidates.into_iter()) {
                    break;
                }
                smaller = true;
            }
        }
        if !smaller || budget == 0 {
            return best;
        }
    }
}

fn modules(case: &Case) -> Vec<Case> {
    let mut found = Vec::new();
    for index in 0..case.queries.len() {
        if case.queries.len() > 1 {
            let mut queries = case.queries.clone();
            queries.remove(index);
            found.push(Case { queries, ..case.clone() });
        }
    }
    for index in 0..case.modules.len() {
        let mut modules = case.modules.clone();
        modules.remove(index);
        found.push(Case { modules, ..case.clone() });
    }
    if case.strict {
        found.push(Case { strict: false, ..case.clone() });
    }
    found
}

/// A case for each module with each part of it left out.
fn without(case: &Case, parts: &dyn Fn(&str) -> Vec<String>) -> Vec<Case> {
    let mut found = Vec::new();
    for index in 0..case.modules.len() {
        for text in parts(&case.modules[index]) {
            let mut modules = case.modules.clone();
            modules[index] = text;
            found.push(Case { modules, ..case.clone() });
        }
    }
    found
}

fn split_off(text: &str, separator: &str) -> Vec<String> {
    let parts: Vec<&str> = text.split(separator).collect();
    let mut found = Vec::new();
    let mut size = (parts.len() / 2).max(1);
    loop {
        for start in (0..parts.len()).step_by(size) {
            let kept: Vec<&str> = parts
                .iter()
                .enumerate()
                .filter(|(at, _)| *at < start || *at >= start + size)
                .map(|(_, part)| *part)
                .collect();
            if kept.len() < parts.len() {
                found.push(kept.join(separator));
            }
        }
        if size == 1 {
            return found;
        }
        size /= 2;
    }
}

fn rules(case: &Case) -> Vec<Case> {
    without(case, &|text| split_off(text, "\n\n"))
}

fn lines(case: &Case) -> Vec<Case> {
    without(case, &|text| split_off(text, "\n"))
}

fn documents(case: &Case) -> Vec<Case> {
    let mut found = Vec::new();
    if let Some(input) = &case.input {
        found.push(Case { input: None, ..case.clone() });
        found.extend(smaller(input).into_iter().map(|input| Case { input: Some(input), ..case.clone() }));
    }
    found.extend(
        smaller(&case.data)
            .into_iter()
            .filter(|data| data.as_object().is_some())
            .map(|data| Case { data, ..case.clone() }),
    );
    found
}

fn smaller(value: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    match value {
        Value::Object(object) => {
            let entries: Vec<_> = object.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            for index in 0..entries.len() {
                let mut fewer = entries.clone();
                fewer.remove(index);
                found.push(Value::Object(fewer.into_iter().collect()));
                for inner in smaller(&entries[index].1) {
                    let mut changed = entries.clone();
                    changed[index].1 = inner;
                    found.push(Value::Object(changed.into_iter().collect()));
                }
            }
        }
        Value::Array(array) => {
            let elements: Vec<_> = array.iter().cloned().collect();
            for index in 0..elements.len() {
                let mut fewer = elements.clone();
                fewer.remove(index);
                found.push(Value::array(fewer));
                for inner in smaller(&elements[index]) {
                    let mut changed = elements.clone();
                    changed[index] = inner;
                    found.push(Value::array(changed));
                }
            }
        }
        _ => {}
    }
    found
}

fn tokens(case: &Case) -> Vec<Case> {
    without(case, &token_edits)
}

fn token_edits(text: &str) -> Vec<String> {
    let tokens = tokenize(text);
    let joined = |from: usize, to: usize, instead: &str| {
        let mut text = tokens[..from].concat();
        text.push_str(instead);
        text.push_str(&tokens[to..].concat());
        text
    };
    let mut found = Vec::new();
    for start in 0..tokens.len() {
        if let Some(end) = closing(&tokens, start) {
            found.push(joined(start, end + 1, ""));
            found.push(joined(start, end + 1, "1"));
            // A call, its name included.
            if start > 0 && is_word(tokens[start - 1]) {
                let mut name = start - 1;
                while name >= 2 && tokens[name - 1] == "." && is_word(tokens[name - 2]) {
                    name -= 2;
                }
                found.push(joined(name, end + 1, "1"));
                let mut inner = tokens[..name].concat();
                inner.push_str(&tokens[start + 1..end].concat());
                inner.push_str(&tokens[end + 1..].concat());
                found.push(inner);
            }
            // What stands within, alone.
            let mut inner = tokens[..start].concat();
            inner.push_str(&tokens[start + 1..end].concat());
            inner.push_str(&tokens[end + 1..].concat());
            found.push(inner);
        }
    }
    for size in [16, 8, 4, 3, 2, 1] {
        for start in 0..tokens.len().saturating_sub(size - 1) {
            found.push(joined(start, start + size, ""));
        }
    }
    for (index, token) in tokens.iter().enumerate() {
        if token.len() > 1
            && !is_word(token)
            && token.trim() != ""
            && (token.starts_with('"') || token.as_bytes()[0].is_ascii_digit())
        {
            found.push(joined(index, index + 1, "1"));
        }
    }
    found
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn closing(tokens: &[&str], start: usize) -> Option<usize> {
    let mut depth = 0_i32;
    if !matches!(tokens[start], "(" | "[" | "{") {
        return None;
    }
    for (index, token) in tokens.iter().enumerate().skip(start) {
        match *token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(index);
        }
    }
    None
}

fn tokenize(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, other)| {
                    let end = *other == '"' && !escaped;
                    escaped = *other == '\\' && !escaped;
                    end
                });
                end.map_or(rest.len(), |(at, _)| at + 1)
            }
            '`' => rest[1..].find('`').map_or(rest.len(), |at| at + 2),
            _ if first.is_alphanumeric() || first == '_' => {
                rest.find(|other: char| !other.is_alphanumeric() && other != '_').unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = &rest[length..];
    }
    tokens
}
