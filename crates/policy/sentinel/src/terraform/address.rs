//! Addresses of resources, as the imports write them.

/// The address of a resource without the `data.` that Terraform puts before data sources.
pub(super) fn without_data(address: &str, module: &str) -> String {
    match address.strip_prefix(module).map(|rest| rest.strip_prefix('.').unwrap_or(rest)) {
        Some(inside) => within(module, inside.strip_prefix("data.").unwrap_or(inside)),
        None => address.to_owned(),
    }
}

/// The address of something in a module.
pub(super) fn within(module: &str, inside: &str) -> String {
    if module.is_empty() { inside.to_owned() } else { format!("{module}.{inside}") }
}

/// An address without the indices in it.
pub(super) fn without_indices(address: &str) -> String {
    let mut plain = String::with_capacity(address.len());
    let (mut quoted, mut escaped, mut depth) = (false, false, 0_usize);
    for letter in address.chars() {
        match letter {
            _ if quoted => {
                quoted = escaped || letter != '"';
                escaped = !escaped && letter == '\\';
            }
            '"' if depth > 0 => quoted = true,
            '[' => depth += 1,
            ']' if depth > 0 => depth -= 1,
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
}

/// The names in the address of a module, each with its index when it has one: `module.a["x.y"].module.b` is `a["x.y"]`
/// and `b`.
pub(super) fn module_path(address: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in address.chars() {
        if letter == '.' && !quoted {
            names.push(String::new());
            continue;
        }
        match letter {
            '"' if !escaped => quoted = !quoted,
            '\\' if quoted => escaped = !escaped,
            _ => {}
        }
        if letter != '\\' {
            escaped = false;
        }
        if let Some(name) = names.last_mut() {
            name.push(letter);
        }
    }
    names.into_iter().skip(1).step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_sources_are_addressed_as_resources() {
        assert_eq!(without_data("data.a.b", ""), "a.b");
        assert_eq!(without_data("module.data.data.a.b[0]", "module.data"), "module.data.a.b[0]");
        assert_eq!(without_data("a.b", "module.c"), "a.b");
    }

    #[test]
    fn modules_have_the_names_of_their_calls() {
        let cases: [(&str, &[&str]); 4] = [
            ("", &[]),
            ("module.a", &["a"]),
            ("module.module.module.b[0]", &["module", "b[0]"]),
            (r#"module.a["x.\"y"].module.b"#, &[r#"a["x.\"y"]"#, "b"]),
        ];
        for (address, path) in cases {
            assert_eq!(module_path(address), path);
        }
    }

    #[test]
    fn indices_are_taken_out_whatever_stands_in_them() {
        let cases = [
            ("aws_vpc.main", "aws_vpc.main"),
            ("aws_vpc.main[0]", "aws_vpc.main"),
            (r#"module.a["x.y[\"]"].aws_vpc.main["k"]"#, "module.a.aws_vpc.main"),
            (r#"module.a[1].module.b["é"].data.x.y"#, "module.a.module.b.data.x.y"),
        ];
        for (address, plain) in cases {
            assert_eq!(without_indices(address), plain);
        }
    }
}
