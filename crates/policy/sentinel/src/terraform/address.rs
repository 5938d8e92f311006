//! Addresses of resources, as the imports write them.

use probity_model::Value as Model;
use probity_model::value::Object;

/// The address of a resource in a module: without the `data.` that Terraform puts before data sources, which these
/// imports have never had.
pub(super) fn address(resource: &Object, module: &str) -> Option<String> {
    let text = |name: &str| resource.get(name).and_then(Model::as_str);
    let whole = text("address")?;
    let inside = whole.strip_prefix(module).and_then(|rest| rest.strip_prefix('.')).unwrap_or(whole);
    let is_data = text("mode") == Some("data");
    let plain = inside.strip_prefix("data.").filter(|_| is_data).unwrap_or(inside);
    Some(if module.is_empty() { plain.to_owned() } else { format!("{module}.{plain}") })
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

#[cfg(test)]
mod tests {
    use super::*;

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
