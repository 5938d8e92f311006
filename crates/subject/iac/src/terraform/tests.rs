//! Modules as they are read: what is evaluated, what refers to what, and what is not known.

use super::*;
use probity_model::json;
use proptest::prelude::*;

fn read(files: &[(&str, &str)]) -> Read {
    let mut folders: BTreeMap<PathBuf, Vec<ModuleFile>> = BTreeMap::new();
    for (number, (path, text)) in (0..).zip(files) {
        let path = PathBuf::from(path);
        let folder = path.parent().unwrap().to_path_buf();
        let file = ModuleFile { path, text: (*text).into(), source: SourceId(number) };
        folders.entry(folder).or_default().push(file);
    }
    let mut all = Read::default();
    for (_, read) in read_tree(&folders, &Installed::default(), &Options::default()) {
        all.append(read);
    }
    all
}

/// The value of an expression, as JSON.
pub(super) fn attribute(text: &str) -> String {
    let read = read(&[("main.tf", &format!("variable \"nothing\" {{}}\nresource \"t\" \"r\" {{\n  x = {text}\n}}\n"))]);
    read.subjects[0].document.get("x").map_or_else(|| "null".to_owned(), json::write)
}

#[test]
fn expressions() {
    for (expression, expected) in [
        ("1 + 2 * 3", "7"),
        ("10 / 4", "2.5"),
        ("7 % 3", "1"),
        ("-(2)", "-2"),
        ("!true", "false"),
        ("1 == 1 && 2 > 1", "true"),
        ("true || var.nothing", "true"),
        ("false && var.nothing", "false"),
        ("var.nothing ? 1 : 1", "1"),
        (r#"true ? "a" : "b""#, r#""a""#),
        (r#""a-${1 + 1}-b""#, r#""a-2-b""#),
        (r#""%{ if true }yes%{ else }no%{ endif }""#, r#""yes""#),
        ("<<E\n%{ for x in [1, 2] ~}\n  ${x}\n%{ endfor ~}\nend\nE", r#""  1\n  2\nend\n""#),
        ("<<E\na \n %{~ if true ~} b %{~ else ~} c %{~ endif ~} \n d\nE", r#""a \nb d\n""#),
        (r#""x  ${~ 1 ~}  y""#, r#""x1y""#),
        ("[for x in [1, 2] : x * 2]", "[2,4]"),
        ("[for i, x in [\"a\"] : \"${i}${x}\"]", r#"["0a"]"#),
        ("{for k, v in {a = 1} : k => v + 1}", r#"{"a":2}"#),
        ("[for x in [1, 2, 3] : x if x > 1]", "[2,3]"),
        ("[{a = 1}, {a = 2}][*].a", "[1,2]"),
        ("{a = {b = [5]}}.a.b[0]", "5"),
        ("concat([1], [2])", "[1,2]"),
        ("merge({a = 1}, {a = 2, b = 3})", r#"{"a":2,"b":3}"#),
        ("join(\",\", [\"a\", \"b\"])", r#""a,b""#),
        ("split(\",\", \"a,b\")", r#"["a","b"]"#),
        ("length([1, 2])", "2"),
        ("lookup({a = 1}, \"b\", 9)", "9"),
        ("element([1, 2], 3)", "2"),
        ("format(\"%s-%03d\", \"a\", 7)", r#""a-007""#),
        ("replace(\"a.b\", \".\", \"-\")", r#""a-b""#),
        ("upper(\"a\")", r#""A""#),
        ("try({}.a, 5)", "5"),
        ("can({}.a)", "false"),
        ("coalesce(null, \"\", \"x\")", r#""x""#),
        ("jsonencode({a = [1, true]})", r#""{\"a\":[1,true]}""#),
        ("jsonencode({a = var.nothing})", r#""{\"a\":\"${var.nothing}\"}""#),
        ("toset([\"b\", \"a\", \"b\"])", r#"["a","b"]"#),
        ("flatten([[1], [2, [3]]])", "[1,2,3]"),
        ("range(3)", "[0,1,2]"),
        ("max(1, 3, 2)", "3"),
        ("setproduct([1, 2], [3])", "[[1,3],[2,3]]"),
        ("zipmap([\"a\"], [1])", r#"{"a":1}"#),
        ("trimprefix(\"abc\", \"a\")", r#""bc""#),
        ("substr(\"hello\", 1, 3)", r#""ell""#),
        ("var.nothing", r#""<unknown: var.nothing>""#),
        ("terraform.workspace", r#""default""#),
        ("null", "null"),
    ] {
        assert_eq!(attribute(expression), expected, "{expression}");
    }
}

#[test]
fn blocks_are_lists_and_dynamic_blocks_expand() {
    let read = read(&[(
        "main.tf",
        "resource \"t\" \"r\" {\n  rule {\n    port = 1\n  }\n  dynamic \"rule\" {\n    for_each = [2, 3]\n    content {\n      \
         port = rule.value\n    }\n  }\n}\n",
    )]);
    assert_eq!(json::write(&read.subjects[0].document), r#"{"rule":[{"port":1},{"port":2},{"port":3}]}"#);
}

#[test]
fn modules_are_judged_through_their_calls() {
    let read = read(&[
        (
            "main.tf",
            "module \"m\" {\n  source = \"./child\"\n  for_each = toset([\"x\"])\n  size = 7\n}\nresource \"t\" \"top\" {\n  got = module.m[\"x\"].out\n}\n",
        ),
        (
            "child/main.tf",
            "variable \"size\" { default = 1 }\nresource \"t\" \"r\" {\n  size = var.size\n}\noutput \"out\" { value = t.r.size }\n",
        ),
    ]);
    let addresses: Vec<&str> = read.subjects.iter().map(|subject| subject.address.as_str()).collect();
    assert_eq!(addresses, [r#"module.m["x"]"#, "t.top", r#"module.m["x"].t.r"#]);
    assert_eq!(json::write(&read.subjects[1].document), r#"{"got":7}"#);
    assert_eq!(json::write(&read.subjects[2].document), r#"{"size":7}"#);
    assert_eq!(read.subjects[2].calls.len(), 1);
}

#[test]
fn references_make_edges_also_through_locals_and_modules() {
    let read = read(&[
        (
            "main.tf",
            "locals { id = t.a.id }\nresource \"t\" \"a\" {}\nresource \"u\" \"b\" {\n  t = local.id\n}\nmodule \"m\" {\n  source = \"./child\"\n  t = t.a.id\n}\n",
        ),
        ("child/main.tf", "variable \"t\" {}\nresource \"v\" \"c\" {\n  t = var.t\n}\n"),
    ]);
    let name = |index: probity_model::NodeIndex| read.subjects[index.0 as usize].address.to_string();
    let edges: HashSet<(String, String)> = read.edges.iter().map(|&(a, b)| (name(a), name(b))).collect();
    for edge in [("u.b", "t.a"), ("module.m.v.c", "t.a"), ("module.m", "t.a")] {
        assert!(edges.contains(&(edge.0.to_owned(), edge.1.to_owned())), "{edge:?} in {edges:?}");
    }
}

/// Expressions out of what the language has, nested and put together at random.
fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "1",
        "-0.5",
        "1e400",
        "true",
        "null",
        "\"a\"",
        "\"${local.a}\"",
        "local.a",
        "local.b",
        "var.v",
        "t.r.x",
        "t.r",
        "t.r[0]",
        "each.key",
        "count.index",
        "module.m.x",
        "data.d.n.y",
        "[]",
        "{}",
        "path.module",
        "\"%{ if true }x%{ endif }\"",
    ])
    .prop_map(str::to_owned);
    let function = prop::sample::select(vec![
        "concat",
        "merge",
        "flatten",
        "join",
        "split",
        "replace",
        "substr",
        "format",
        "length",
        "element",
        "index",
        "lookup",
        "range",
        "setproduct",
        "zipmap",
        "jsonencode",
        "jsondecode",
        "yamldecode",
        "toset",
        "try",
        "can",
        "coalesce",
        "slice",
        "chunklist",
        "parseint",
        "ceil",
        "max",
        "sum",
        "indent",
        "alltrue",
        "templatestring",
        "title",
        "trim",
        "sort",
        "distinct",
        "setsubtract",
        "keys",
        "values",
        "nothing",
    ]);
    let operator = prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "<", "&&", "||"]);
    leaf.prop_recursive(6, 48, 4, move |inner| {
        prop_oneof![
            (function.clone(), prop::collection::vec(inner.clone(), 0..4), any::<bool>()).prop_map(
                |(name, arguments, expand)| {
                    let dots = if expand && !arguments.is_empty() { "..." } else { "" };
                    format!("{name}({}{dots})", arguments.join(", "))
                }
            ),
            (inner.clone(), operator.clone(), inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            prop::collection::vec(inner.clone(), 0..4).prop_map(|all| format!("[{}]", all.join(", "))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[for x in {a} : {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{for k, x in {a} : k => {b}...}}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            inner.clone().prop_map(|a| format!("{a}[*].x")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_module_is_evaluated(a in any_expression(), b in any_expression(), c in any_expression()) {
        let text = format!(
            "locals {{\n  a = {a}\n  b = {b}\n}}\nvariable \"v\" {{}}\nmodule \"m\" {{\n  source = \"./\"\n  v = {c}\n}}\n\
             resource \"t\" \"r\" {{\n  for_each = {a}\n  x = {c}\n  dynamic \"d\" {{\n    for_each = {b}\n    content {{\n      y = {c}\n    \
             }}\n  }}\n}}\n"
        );
        let read = read(&[("main.tf", &text)]);
        for (from, to) in &read.edges {
            prop_assert!(from.0.max(to.0) < u32::try_from(read.subjects.len()).unwrap());
        }
    }
}

#[test]
fn cycles_end_as_unknown() {
    let read =
        read(&[("main.tf", "locals {\n  a = local.b\n  b = local.a\n}\nresource \"t\" \"r\" {\n  x = local.a\n}\n")]);
    assert!(matches!(read.subjects[0].document.get("x"), Some(Value::Unknown(_))));
}

#[test]
fn policy_documents_are_rendered() {
    let read = read(&[(
        "main.tf",
        "data \"aws_iam_policy_document\" \"d\" {\n  statement {\n    actions = [\"*\"]\n    resources = [t.r.arn]\n  }\n}\n\
         resource \"t\" \"r\" {}\nresource \"u\" \"p\" {\n  policy = data.aws_iam_policy_document.d.json\n}\n",
    )]);
    let policy = read.subjects[2].document.get("policy").and_then(Value::as_str).unwrap();
    assert!(policy.contains(r#""Action":"*""#) && policy.contains("${t.r.arn}"), "{policy}");
}

fn documents(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let read = read(files);
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    read.subjects.iter().map(|subject| (subject.address.to_string(), json::write(&subject.document))).collect()
}

fn document(files: &[(&str, &str)], address: &str) -> String {
    let all = documents(files);
    let found = all.iter().find(|(known, _)| known == address);
    found.unwrap_or_else(|| panic!("{address} is not among {all:?}")).1.clone()
}

#[test]
fn variables_are_converted_and_have_the_defaults_of_their_types() {
    let module = "variable \"list\" { type = list(string) }\nvariable \"port\" { type = number }\n\
                  variable \"kept\" {\n  default = 5\n  nullable = false\n}\n\
                  variable \"rules\" { type = map(object({ port = optional(number, 80), tags = optional(list(string), []) })) }\n\
                  variable \"wrong\" { type = number }\n\
                  resource \"t\" \"r\" {\n  list = var.list\n  port = var.port\n  kept = var.kept\n  rules = var.rules\n  wrong = var.wrong\n}\n";
    let call = "module \"m\" {\n  source = \"./child\"\n  list = [1, true]\n  port = \"8080\"\n  kept = null\n  wrong = \"x\"\n  \
                rules = { a = {}, b = { port = \"90\", other = 1 } }\n}\n";
    let found = document(&[("main.tf", call), ("child/main.tf", module)], "module.m.t.r");
    let expected = r#""kept":5,"list":["1","true"],"port":8080,"rules":{"a":{"port":80,"tags":[]},"b":{"port":90,"tags":[]}},"wrong""#;
    assert!(found.contains(expected) && found.contains("unknown"), "{found}");
}

#[test]
fn values_come_from_files_in_their_order_and_from_outside() {
    let files = [
        (
            "main.tf",
            "variable \"a\" {}\nvariable \"b\" {}\nvariable \"c\" {}\nvariable \"d\" { type = list(number) }\nvariable \"e\" { type = number }\n\
                     resource \"t\" \"r\" {\n  x = [var.a, var.b, var.c, var.d, var.e]\n}\n",
        ),
        ("terraform.tfvars", "a = 1\nb = 1\nc = 1\n"),
        ("terraform.tfvars.json", r#"{"b": 2}"#),
        ("z.auto.tfvars", "c = 3\n"),
        ("other.tfvars", "a = 9\n"),
    ];
    let mut folders: BTreeMap<PathBuf, Vec<ModuleFile>> = BTreeMap::new();
    for (number, (path, text)) in (0..).zip(files) {
        let file = ModuleFile { path: path.into(), text: text.into(), source: SourceId(number) };
        folders.entry(PathBuf::new()).or_default().push(file);
    }
    let given = Options {
        variables: [("d".to_owned(), Value::from("[4, 5]"))].into(),
        environment: [("a".to_owned(), "8".into()), ("e".to_owned(), "7".into())].into(),
        readable: Vec::new(),
        ..Options::default()
    };
    let read = read_tree(&folders, &Installed::default(), &given).remove(0).1;
    assert_eq!(json::write(&read.subjects[0].document), r#"{"x":[1,2,3,[4,5],7]}"#);
}

#[test]
fn overrides_are_laid_over_and_tofu_files_are_taken_instead() {
    let files = [
        (
            "main.tf",
            "variable \"v\" { default = 1 }\nlocals { l = 1 }\n\
                     resource \"t\" \"r\" {\n  a = 1\n  b = var.v\n  c = local.l\n  rule { x = 1 }\n  rule { x = 2 }\n  other { y = 1 }\n}\n",
        ),
        ("override.tf", "variable \"v\" { default = 2 }\nresource \"t\" \"r\" {\n  a = 5\n  rule { x = 9 }\n}\n"),
        ("z_override.tf.json", r#"{"locals":{"l":3},"resource":{"t":{"r":{"d":4}}}}"#),
        ("same.tf", "resource \"t\" \"from_tf\" {}\n"),
        ("same.tofu", "resource \"t\" \"from_tofu\" {}\n"),
    ];
    let all = documents(&files);
    let addresses: Vec<&str> = all.iter().map(|(address, _)| address.as_str()).collect();
    assert_eq!(addresses, ["t.r", "t.from_tofu"]);
    assert_eq!(all[0].1, r#"{"a":5,"b":2,"c":3,"d":4,"other":[{"y":1}],"rule":[{"x":9}]}"#);
}

#[test]
fn an_override_of_nothing_is_told() {
    let read = read(&[("main.tf", "locals {}\n"), ("override.tf", "resource \"t\" \"r\" {}\n")]);
    assert_eq!(read.problems.len(), 1, "{:?}", read.problems);
    assert!(read.problems[0].help.is_some());
}

#[test]
fn blocks_without_instances_make_none() {
    let text = "moved {\n  from = t.a\n  to = t.b\n}\nremoved {\n  from = t.c\n  lifecycle { destroy = false }\n}\n\
                import {\n  for_each = { x = 1 }\n  to = t.b\n  id = each.key\n}\nterraform {\n  required_version = \"1\"\n}\n\
                check \"c\" {\n  data \"d\" \"n\" { a = 1 }\n  assert {\n    condition = data.d.n.ok\n    error_message = \"no\"\n  }\n}\n\
                ephemeral \"e\" \"f\" { g = 1 }\nresource \"t\" \"b\" {\n  x = ephemeral.e.f.secret\n  y = provider::p::f(1)\n  z = ephemeral.e.f.g\n}\n";
    let all = documents(&[("main.tf", text)]);
    let addresses: Vec<&str> = all.iter().map(|(address, _)| address.as_str()).collect();
    assert_eq!(addresses, ["data.d.n", "ephemeral.e.f", "t.b"]);
    assert!(all[2].1.contains("ephemeral.e.f.secret") && all[2].1.contains("provider::p::f()"), "{}", all[2].1);
    assert!(all[2].1.contains(r#""z":1"#), "{}", all[2].1);
}

#[test]
fn default_tags_of_providers_reach_resources_also_through_modules() {
    let root = "provider \"aws\" {\n  default_tags {\n    tags = { team = \"a\", env = \"p\" }\n  }\n}\n\
                provider \"aws\" {\n  alias = \"west\"\n  default_tags {\n    tags = { team = \"w\" }\n  }\n}\n\
                resource \"aws_x\" \"own\" {\n  tags = { env = \"q\" }\n}\nresource \"aws_x\" \"west\" {\n  provider = aws.west\n}\n\
                module \"m\" {\n  source = \"./m\"\n}\nmodule \"w\" {\n  source = \"./m\"\n  providers = { aws = aws.west }\n}\n\
                resource \"google_x\" \"g\" {}\nresource \"aws_iam_role_policy\" \"p\" {}\n\
                resource \"aws_s3_bucket_acl\" \"a\" {}\n";
    let all = documents(&[("main.tf", root), ("m/main.tf", "resource \"aws_x\" \"in\" {}\n")]);
    let of = |address: &str| all.iter().find(|(known, _)| known == address).unwrap().1.clone();
    assert_eq!(of("aws_x.own"), r#"{"tags":{"env":"q"},"tags_all":{"env":"q","team":"a"}}"#);
    assert_eq!(of("aws_x.west"), r#"{"provider":"aws.west","tags_all":{"team":"w"}}"#);
    assert_eq!(of("module.m.aws_x.in"), r#"{"tags_all":{"env":"p","team":"a"}}"#);
    assert_eq!(of("module.w.aws_x.in"), r#"{"tags_all":{"team":"w"}}"#);
    for untagged in ["google_x.g", "aws_iam_role_policy.p", "aws_s3_bucket_acl.a"] {
        assert_eq!(of(untagged), "{}");
    }
}

#[test]
fn dynamic_blocks_have_iterators_and_nest() {
    let text = "resource \"t\" \"r\" {\n  dynamic \"group\" {\n    for_each = { a = [1, 2], b = [] }\n    iterator = g\n    content {\n      \
                name = g.key\n      dynamic \"rule\" {\n        for_each = g.value\n        content {\n          port = rule.value + length(g.value)\n        \
                }\n      }\n    }\n  }\n}\n";
    assert_eq!(
        document(&[("main.tf", text)], "t.r"),
        r#"{"group":[{"name":"a","rule":[{"port":3},{"port":4}]},{"name":"b"}]}"#
    );
    let text = r#"{"resource":{"t":{"r":{"dynamic":{"rule":{"for_each":[1,2],"iterator":"i","content":{"p":"${i.value}"}}}}}}}"#;
    assert_eq!(document(&[("main.tf.json", text)], "t.r"), r#"{"rule":[{"p":1},{"p":2}]}"#);
}

#[test]
fn an_object_of_json_is_a_block_where_it_is_no_mapping() {
    let text = r#"{"provider":{"aws":{"default_tags":{"tags":{"team":"a"}}}},
        "resource":{"aws_x":{"r":{"rule":{"inner":{"labels":{"a":1}}},"many":[{"p":1}]}}}}"#;
    assert_eq!(
        document(&[("main.tf.json", text)], "aws_x.r"),
        r#"{"many":[{"p":1}],"rule":[{"inner":[{"labels":{"a":1}}]}],"tags_all":{"team":"a"}}"#
    );
}

#[test]
fn what_only_apply_knows_is_unknown_and_says_so() {
    let text = "data \"terraform_remote_state\" \"s\" { backend = \"s3\" }\nresource \"t\" \"r\" {\n  a = data.terraform_remote_state.s.outputs.vpc\n  \
                b = [t.o.arn, 1]\n  c = self.x\n  d = path.module\n}\nresource \"t\" \"o\" {\n  count = t.r.n\n}\n";
    let read = read(&[("main.tf", text)]);
    let document = &read.subjects.iter().find(|subject| subject.address == "t.r").unwrap().document;
    assert_eq!(document.get("a"), Some(&Value::Unknown("data.terraform_remote_state.s.outputs.vpc".into())));
    assert!(json::write(document).contains("t.o"), "{document:?}");
}

#[test]
fn an_instance_that_is_not_there_is_an_error_and_what_it_computes_is_unknown() {
    let declared = "variable \"nothing\" {}\nresource \"t\" \"none\" {\n  count = 0\n}\n\
                    resource \"t\" \"two\" {\n  count = 2\n  a = count.index\n}\nresource \"t\" \"maybe\" {\n  count = var.nothing\n}\n\
                    resource \"t\" \"keyed\" {\n  for_each = { k = 1 }\n  a = each.value\n}\nresource \"t\" \"some\" {\n  for_each = toset([var.nothing])\n}\n\
                    module \"off\" {\n  source = \"elsewhere\"\n  count = 0\n}\nmodule \"on\" {\n  source = \"elsewhere\"\n  count = 1\n}\n";
    for (expression, expected) in [
        (r#"try(t.none[0].id, "none")"#, r#""none""#),
        ("length(t.none)", "0"),
        ("t.none[*].id", "[]"),
        ("try(t.two[1].a, 9)", "1"),
        ("try(t.two[2].a, 9)", "9"),
        ("try(t.two[1].id, 9)", r#""<unknown: t.two[1].id>""#),
        ("try(t.maybe[0].id, 9)", r#""<unknown: t.maybe[0].id>""#),
        (r#"try(t.keyed["k"].a, 9)"#, "1"),
        (r#"try(t.keyed["other"].a, 9)"#, "9"),
        (r#"try(t.keyed["k"].id, 9)"#, r#""<unknown: t.keyed[\"k\"].id>""#),
        (r#"try(t.some["k"].id, 9)"#, r#""<unknown: t.some[\"k\"].id>""#),
        ("try(module.off[0].id, 9)", "9"),
        ("length(module.off)", "0"),
        ("try(module.on[0].id, 9)", r#""<unknown: module.on>""#),
        ("try(module.on[1].id, 9)", "9"),
    ] {
        let found =
            document(&[("main.tf", &format!("{declared}resource \"t\" \"r\" {{\n  x = {expression}\n}}\n"))], "t.r");
        assert_eq!(found, format!("{{\"x\":{expected}}}"), "{expression}");
    }
}

#[test]
fn a_provider_within_a_block_is_an_attribute_as_any() {
    let text = "resource \"t\" \"r\" {\n  provider = aws.west\n  dynamic \"policy\" {\n    for_each = [{ provider = \"CALICO\" }]\n    content {\n      \
                provider = policy.value.provider\n    }\n  }\n}\n";
    assert_eq!(document(&[("main.tf", text)], "t.r"), r#"{"policy":[{"provider":"CALICO"}],"provider":"aws.west"}"#);
}

#[test]
fn modules_that_call_each_other_without_end_are_told() {
    let files = [
        ("a/main.tf", "module \"b\" {\n  source = \"../b\"\n}\nresource \"t\" \"a\" {}\n"),
        ("b/main.tf", "module \"a\" {\n  source = \"../a\"\n}\n"),
        ("c/main.tf", "module \"c\" {\n  source = \"./\"\n}\n"),
    ];
    let read = read(&files);
    assert!(read.problems.iter().any(|problem| problem.message.contains("call each other")), "{:?}", read.problems);
    assert!(
        read.problems.iter().all(|problem| problem.span.is_some() && problem.help.is_some()),
        "{:?}",
        read.problems
    );
}

#[test]
fn what_is_written_within_an_attribute_knows_its_place() {
    let text = "resource \"t\" \"r\" {\n  x = {\n    a = [1, { b = 2 }]\n    (\"c\") = 3\n  }\n}\n";
    let read = read(&[("main.tf", text)]);
    let at = |span: Option<probity_model::Span>| span.map(|span| &text[span.start as usize..span.end as usize]);
    let object = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap();
    let x = object(read.subjects[0].document.get("x"));
    assert_eq!(at(x.span("a")), Some("a = [1, { b = 2 }]"));
    let list = x.get("a").unwrap().as_array().unwrap().clone();
    assert_eq!(at(list.span(1)), Some("{ b = 2 }"));
    assert_eq!(at(object(list.get(1)).span("b")), Some("b = 2"));
}

#[test]
fn one_broken_block_leaves_the_others_and_what_refers_to_it_unknown() {
    let read = read(&[(
        "main.tf",
        "resource \"t\" \"broken\" {\n  x = [1,\n\nresource \"t\" \"good\" {\n  y = t.broken.x\n  z = 1\n}\n",
    )]);
    assert_eq!(read.problems.len(), 1, "{:?}", read.problems);
    assert_eq!(read.subjects.len(), 1);
    assert!(matches!(read.subjects[0].document.get("y"), Some(Value::Unknown(_))));
    assert_eq!(read.subjects[0].document.get("z"), Some(&Value::from(1)));
}

#[test]
fn files_of_values_are_read_by_themselves() {
    let file = |path: &str, text: &str| ModuleFile { path: path.into(), text: text.into(), source: SourceId(0) };
    let (values, problems) = read_values(&file("a.tfvars", "a = [1, \"x\"]\nb = {\nc = upper(\"c\")\n"));
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(json::write(&Value::object(values)), r#"{"a":[1,"x"],"c":"C"}"#);
    let (values, _) = read_values(&file("a.tfvars.json", r#"{"a": "${no}"}"#));
    assert_eq!(values["a"], Value::from("${no}"));
}
