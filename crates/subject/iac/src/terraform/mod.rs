//! Terraform: modules evaluated without running terraform, and plans.

mod budget;
mod config;
mod document;
mod edges;
mod entries;
mod eval;
mod functions;
mod instance;
mod parse;
mod plan;
mod policy_document;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use probity_model::{Labels, Problem, SourceId, Subject, SubjectKind, Value};
use rayon::prelude::*;

use crate::Read;
use budget::MAX_SUBJECTS;
use config::{DeclarationKind, Module};
use instance::{Instance, Modules, called};

pub use plan::{is_plan, read_plan};

/// A file of a module, read.
#[derive(Debug, Clone)]
pub struct ModuleFile {
    /// Its path.
    pub path: PathBuf,
    /// Its text.
    pub text: Arc<str>,
    /// Its text's number.
    pub source: SourceId,
}

/// What is given to root modules.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Values of root variables; they win over defaults and `.tfvars` files.
    pub variables: BTreeMap<String, Value>,
    /// Folders whose files `file`, `templatefile` and their kin may read, as [`Path::canonicalize`](std::path::Path::canonicalize)
    /// names them. What lies elsewhere is unknown.
    pub readable: Vec<PathBuf>,
}

/// Where calls of modules lead that are not beside the one that calls: what `terraform init` has fetched.
#[derive(Debug, Clone, Default)]
pub struct Installed {
    folders: HashMap<PathBuf, HashMap<String, PathBuf>>,
}

impl Installed {
    /// Adds the folder that a call leads to, such as `vpc.subnets` from the module in the folder `root`.
    pub fn add(&mut self, root: PathBuf, call: String, folder: PathBuf) {
        self.folders.entry(root).or_default().insert(call, folder);
    }

    fn folder(&self, root: &Path, call: &str) -> Option<&Path> {
        self.folders.get(root)?.get(call).map(PathBuf::as_path)
    }
}

/// Reads modules by folder. A folder that another one calls is judged through its calls, with their arguments, and not
/// by itself, and so is one that was installed. The results are in the order of the root folders.
pub fn read_tree(
    folders: &BTreeMap<PathBuf, Vec<ModuleFile>>,
    installed: &Installed,
    options: &Options,
) -> Vec<(PathBuf, Read)> {
    let mut modules: HashMap<PathBuf, Module> =
        folders.par_iter().map(|(folder, files)| (folder.clone(), Module::read(folder.clone(), files))).collect();
    let mut problems: HashMap<PathBuf, _> =
        modules.iter_mut().map(|(folder, module)| (folder.clone(), std::mem::take(&mut module.problems))).collect();
    let mut roots = roots(&modules);
    let fetched: HashSet<&PathBuf> = installed.folders.values().flat_map(HashMap::values).collect();
    roots.retain(|folder| !fetched.contains(folder));
    let mut reads: Vec<(PathBuf, Read)> = roots
        .into_par_iter()
        .map(|folder| {
            let read = read_root(&modules[&folder], &modules, installed, options);
            (folder, read)
        })
        .collect();
    for (folder, read) in &mut reads {
        read.problems.extend(problems.remove(folder).unwrap_or_default());
    }
    let mut rest: Vec<_> = problems.into_iter().filter(|(_, problems)| !problems.is_empty()).collect();
    rest.sort_by(|a, b| a.0.cmp(&b.0));
    reads.extend(rest.into_iter().map(|(folder, problems)| (folder, Read { problems, ..Read::default() })));
    reads
}

/// Folders that no other folder calls; of folders that only call each other, all.
fn roots(modules: &HashMap<PathBuf, Module>) -> Vec<PathBuf> {
    let calls = |module: &Module| -> Vec<PathBuf> {
        module
            .declarations
            .iter()
            .filter(|declaration| declaration.kind == DeclarationKind::Module)
            .filter_map(|declaration| called(&module.folder, declaration, modules).map(|module| module.folder.clone()))
            .collect()
    };
    let all_called: HashSet<PathBuf> = modules
        .values()
        .flat_map(|module| calls(module).into_iter().filter(|target| *target != module.folder))
        .collect();
    let mut roots: Vec<PathBuf> = modules.keys().filter(|folder| !all_called.contains(*folder)).cloned().collect();
    let mut reached: HashSet<PathBuf> = HashSet::new();
    let mut open = roots.clone();
    while let Some(folder) = open.pop() {
        if reached.insert(folder.clone()) {
            open.extend(calls(&modules[&folder]));
        }
    }
    roots.extend(modules.keys().filter(|folder| !reached.contains(*folder)).cloned());
    roots.sort();
    roots
}

fn read_root(module: &Module, modules: &HashMap<PathBuf, Module>, installed: &Installed, options: &Options) -> Read {
    let Options { variables, readable } = options;
    let root = Instance::root(module, Modules { by_folder: modules, installed, variables, readable });
    let mut read = Read::default();
    let mut nodes = edges::Nodes::default();
    let run = root.run.clone();
    let mut open: Vec<Rc<Instance<'_>>> = vec![root];
    'all: while let Some(instance) = open.pop() {
        for (position, declaration) in instance.module.declarations.iter().enumerate() {
            if read.subjects.len() >= MAX_SUBJECTS {
                let message = format!("more than {MAX_SUBJECTS} resources, of which the first are judged");
                run.leave_out(Problem::new(message, declaration.header));
                break 'all;
            }
            if declaration.kind == DeclarationKind::Module {
                open.extend(instance.children(position));
            }
            add_subjects(&instance, position, &mut read, &mut nodes);
        }
    }
    read.edges = nodes.edges();
    read.edges.extend(edges::by_bucket_name(&read.subjects));
    read.problems = run.take_problems();
    read
}

fn add_subjects<'t>(instance: &Rc<Instance<'t>>, position: usize, read: &mut Read, nodes: &mut edges::Nodes<'t>) {
    let declaration = &instance.module.declarations[position];
    let Some(members) = instance.members(position) else { return };
    for member in members.all() {
        nodes.add(instance, position, read.subjects.len());
        let (resource_type, own) = match declaration.kind {
            DeclarationKind::Resource => {
                (declaration.resource_type.clone(), format!("{}.{}", declaration.resource_type, declaration.name))
            }
            DeclarationKind::Data => {
                let resource_type = format!("data.{}", declaration.resource_type);
                let own = format!("{resource_type}.{}", declaration.name);
                (resource_type, own)
            }
            DeclarationKind::Provider => {
                let alias = member.document.get("alias").and_then(Value::as_str);
                let own = alias.map_or_else(
                    || declaration.resource_type.clone(),
                    |alias| format!("{}.{alias}", declaration.resource_type),
                );
                (declaration.resource_type.clone(), own)
            }
            DeclarationKind::Module => ("module".to_owned(), format!("module.{}", declaration.name)),
        };
        let prefix = if instance.address.is_empty() { String::new() } else { format!("{}.", instance.address) };
        read.subjects.push(Subject {
            kind: SubjectKind::Terraform,
            resource_type: resource_type.into(),
            address: format!("{prefix}{own}{}", member.key).into(),
            document: member.document.clone(),
            span: declaration.span,
            header: declaration.header,
            calls: instance.calls.clone(),
            skips: declaration.skips.clone(),
            labels: Labels::default(),
            sensitive: None,
        });
    }
}

#[cfg(test)]
mod tests {
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
        let read =
            read(&[("main.tf", &format!("variable \"nothing\" {{}}\nresource \"t\" \"r\" {{\n  x = {text}\n}}\n"))]);
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
        let read = read(&[(
            "main.tf",
            "locals {\n  a = local.b\n  b = local.a\n}\nresource \"t\" \"r\" {\n  x = local.a\n}\n",
        )]);
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
}
