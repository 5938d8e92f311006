use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::testing::folder;

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n";

fn read(root: &Path, names: &[&str], options: &ReadOptions) -> (Tree, Sources) {
    let sources = Sources::default();
    let paths: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    let tree = read_paths(&paths, &sources, options, &|_| {}).unwrap();
    (tree, sources)
}

/// The files that subjects were read from, and the problems, both below `root`.
fn found(root: &Path, names: &[&str], options: &ReadOptions) -> (Vec<String>, Vec<String>) {
    let (tree, sources) = read(root, names, options);
    let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    let file = |subject: &probity_model::Subject| below(&sources.get(subject.span.unwrap().source).unwrap().path);
    let problems = tree.problems.iter().map(|(path, problem)| format!("{}: {}", below(path), problem.message));
    (tree.graph.subjects().iter().map(file).collect(), problems.collect())
}

fn files(root: &Path, names: &[&str], options: &ReadOptions) -> Vec<String> {
    let (files, problems) = found(root, names, options);
    assert_eq!(problems, Vec::<String>::new());
    files
}

#[test]
fn everything_known_is_read_in_order() {
    let folder = folder(&[
        ("b/pod.yaml", POD),
        ("a/main.tf", "resource \"aws_s3_bucket\" \"a\" {}\n"),
        ("a/Dockerfile", "FROM a\n"),
        ("a/dockerfile.rs", "//! A parser.\n"),
        ("a/package-lock.json", "{broken"),
        ("a/pod.json", r#"{"apiVersion": "v1", "kind": "Pod"}"#),
        ("a/values.yaml", "a: [1\n"),
        ("chart/templates/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Values.name }}}\n"),
        ("README.md", "# apiVersion kind\n"),
    ]);
    let options = ReadOptions::default();
    let expected = ["a/main.tf", "a/Dockerfile", "a/pod.json", "b/pod.yaml"];
    assert_eq!(files(folder.path(), &[""], &options), expected);
    // However often it is named.
    assert_eq!(files(folder.path(), &["", "a", "b/../b/pod.yaml"], &options), expected);
    let (tree, _) = read(folder.path(), &[""], &options);
    assert_eq!(
        tree.files,
        FileCounts { terraform: 1, kubernetes: 2, dockerfile: 1, template: 1, ..FileCounts::default() }
    );
}

#[test]
fn what_is_ignored_is_left_out_unless_it_is_named() {
    let folder = folder(&[
        (".gitignore", "/build/\n*.gen.yaml\n"),
        ("app/.gitignore", "local.yaml\n"),
        ("build/pod.yaml", POD),
        ("app/x.gen.yaml", POD),
        ("app/local.yaml", POD),
        ("app/pod.yaml", POD),
        (".hidden/pod.yaml", POD),
        ("app/.terraform/modules/m/main.tf", ""),
        ("legacy/old/pod.yaml", POD),
    ]);
    let options = ReadOptions { exclude: vec!["legacy/**".into()], ..ReadOptions::default() };
    assert_eq!(files(folder.path(), &[""], &options), ["app/pod.yaml"]);
    assert_eq!(
        files(folder.path(), &["build/pod.yaml", "app/x.gen.yaml"], &options),
        ["app/x.gen.yaml", "build/pod.yaml"]
    );
    assert_eq!(files(folder.path(), &[".hidden"], &options), [".hidden/pod.yaml"]);
    let options = ReadOptions { exclude: vec!["*.gen.yaml".into(), "old/".into()], ..ReadOptions::default() };
    assert_eq!(files(folder.path(), &["app/x.gen.yaml", "legacy/old/pod.yaml"], &options), Vec::<String>::new());
}

#[test]
fn ignore_files_above_count_only_in_a_repository() {
    let folder = folder(&[(".gitignore", "*\n"), ("a/pod.yaml", POD)]);
    assert_eq!(files(folder.path(), &["a"], &ReadOptions::default()), ["a/pod.yaml"]);
    fs::create_dir(folder.path().join(".git")).unwrap();
    assert_eq!(files(folder.path(), &["a"], &ReadOptions::default()), Vec::<String>::new());
}

#[test]
fn links_are_not_followed_unless_they_are_named() {
    let folder = folder(&[("a/pod.yaml", POD)]);
    symlink("..", folder.path().join("a/up")).unwrap();
    symlink("a", folder.path().join("b")).unwrap();
    symlink("loop", folder.path().join("loop")).unwrap();
    symlink("nowhere", folder.path().join("gone.yaml")).unwrap();
    let options = ReadOptions::default();
    assert_eq!(files(folder.path(), &[""], &options), ["a/pod.yaml"]);
    assert_eq!(files(folder.path(), &["b"], &options), ["b/pod.yaml"]);
    for name in ["loop", "gone.yaml", "missing"] {
        let result = read_paths(&[folder.path().join(name)], &Sources::default(), &options, &|_| {});
        assert!(matches!(result, Err(ReadError::Path { .. })), "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_a_problem_and_the_rest_is_read() {
    let folder = folder(&[
        ("broken.yaml", "apiVersion: v1\nkind: Pod\nmetadata: [\n"),
        ("Dockerfile", "hello\n"),
        ("large.tf", &" ".repeat(2000)),
        ("pod.yaml", POD),
        ("notes.txt", "hello\n"),
        ("plan.json", r#"{"format_version": "1.2", "terraform_version": "1", "#),
    ]);
    fs::write(folder.path().join("latin.tf"), b"# caf\xe9\n").unwrap();
    fs::write(folder.path().join("wide.yaml"), b"\xff\xfea\0").unwrap();
    fs::write(folder.path().join("binary.json"), b"\xff\x00").unwrap();
    let options = ReadOptions { max_file_size: 1000, ..ReadOptions::default() };
    let (files, problems) = found(folder.path(), &["", "notes.txt"], &options);
    assert_eq!(files, ["pod.yaml"]);
    let expected = [
        "Dockerfile: holds no instruction",
        "broken.yaml: not valid YAML",
        "large.tf: larger than 1000 bytes",
        "latin.tf: not UTF-8 text: byte 5",
        "notes.txt: not a file that is known here",
        "plan.json: not valid JSON",
        "wide.yaml: not UTF-8 text: byte 0",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    let (tree, _) = read(folder.path(), &["", "notes.txt"], &options);
    assert!(tree.problems.iter().all(|(_, problem)| problem.help.is_some()));
}

#[test]
fn unreadable_files_and_folders_are_problems() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder(&[("a.yaml", POD), ("b/c.yaml", POD), ("d.yaml", POD)]);
    let set = |mode| {
        for name in ["a.yaml", "b"] {
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o000);
    // Nothing is unreadable for root.
    let is_root = fs::read(folder.path().join("a.yaml")).is_ok();
    let (files, problems) = found(folder.path(), &[""], &ReadOptions::default());
    set(0o755);
    if !is_root {
        assert_eq!(files, ["d.yaml"]);
        assert!(problems.len() == 2 && problems[0].starts_with("a.yaml: cannot be read"), "{problems:?}");
    }
}

#[test]
fn exclude_patterns_are_checked() {
    let options = ReadOptions { exclude: vec!["{a".into()], ..ReadOptions::default() };
    let result = read_paths(&[], &Sources::default(), &options, &|_| {});
    assert!(matches!(result, Err(ReadError::Exclude { .. })), "{result:?}");
}

#[test]
fn objects_are_connected_across_files() {
    let service = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: s}\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {serviceAccountName: s}\n";
    let folder = folder(&[("a.yaml", service), ("b.yaml", pod), ("c/Dockerfile", "FROM a\n")]);
    let (tree, _) = read(folder.path(), &[""], &ReadOptions::default());
    let index = |address: &str| tree.graph.iter().find(|(_, subject)| subject.address == address).unwrap().0;
    let near: Vec<_> = tree.graph.neighbours(index("Pod/default/a")).map(|(_, subject)| &subject.address).collect();
    assert_eq!(near, ["ServiceAccount/default/s"]);
}

#[test]
fn hostile_texts_are_read_or_refused() {
    let mut bomb = String::from("apiVersion: v1\nkind: Pod\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = format!("*a{},", level - 1).repeat(10);
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", inner.trim_end_matches(','));
    }
    let deep = format!("{{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"a\": {}", "[".repeat(100_000));
    let deep_yaml = (0..1000).fold(String::from(POD), |text, level| format!("{text}{}a:\n", " ".repeat(level)));
    let long = format!("{POD}data:\n{}", "  - name: value\n".repeat(100_000));
    let many = format!("---\n{POD}").repeat(20_000);
    let folder = folder(&[
        ("bomb.yaml", &bomb),
        ("deep.json", &deep),
        ("deep.yaml", &deep_yaml),
        ("long.yaml", &long),
        ("many.yaml", &many),
    ]);
    let start = std::time::Instant::now();
    let (files, problems) = found(folder.path(), &[""], &ReadOptions::default());
    assert_eq!(files.len(), 20_001);
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(start.elapsed().as_secs() < 30);
}

#[test]
fn files_are_documents_when_they_are_asked_for() {
    let files =
        [("a.tf", ""), ("Dockerfile", "FROM a\n"), ("pod.yaml", POD), ("app.toml", "a = 1"), ("other.toml", "")];
    let folder = folder(&files);
    let forms = |paths: &[&str], documents: Option<&[&str]>| {
        let documents = documents.map(|patterns| patterns.iter().map(|&pattern| pattern.to_owned()).collect());
        let (tree, _) = read(folder.path(), paths, &ReadOptions { documents, ..ReadOptions::default() });
        tree.documents.iter().map(|file| file.form).collect::<Vec<_>>()
    };
    assert_eq!(forms(&[""], None), []);
    assert_eq!(forms(&[""], Some(&[])), [FileForm::Dockerfile, FileForm::Terraform]);
    assert_eq!(forms(&[""], Some(&["app.*"])), [FileForm::Dockerfile, FileForm::Terraform, FileForm::Other]);
    assert_eq!(forms(&["other.toml"], Some(&[])), [FileForm::Other]);
    assert_eq!(forms(&["pod.yaml"], Some(&[])), []);
}

#[test]
fn progress_counts_every_file() {
    let folder = folder(&[("a.yaml", POD), ("b.yaml", "a: 1\n"), ("c.md", "")]);
    let most = AtomicUsize::new(0);
    let progress = |done| {
        most.fetch_max(done, Ordering::Relaxed);
    };
    read_paths(&[folder.path().to_owned()], &Sources::default(), &ReadOptions::default(), &progress).unwrap();
    assert_eq!(most.into_inner(), 2);
}

#[test]
fn modules_that_were_installed_are_evaluated_where_they_are_called() {
    let call = "module \"vpc\" {\n  source = \"registry.example/vpc/aws\"\n  name   = \"clinic\"\n}\n\
                resource \"t\" \"root\" { from = module.vpc.name }\n";
    let manifest = r#"{"Modules": [{"Key": "", "Source": "", "Dir": "."},
        {"Key": "vpc", "Source": "registry.example/vpc/aws", "Dir": ".terraform/modules/vpc"},
        {"Key": "vpc.inner", "Source": "registry.example/inner/aws", "Dir": ".terraform/modules/vpc.inner"},
        {"Key": "bad", "Source": "x", "Dir": ".terraform/modules/../../../etc"}]}"#;
    let vpc = "variable \"name\" {}\nresource \"t\" \"own\" { name = var.name }\noutput \"name\" { value = \"${var.name}-vpc\" }\n\
               module \"inner\" {\n  source = \"registry.example/inner/aws\"\n  name = upper(var.name)\n}\n";
    let folder = folder(&[
        ("main.tf", call),
        (".terraform/modules/modules.json", manifest),
        (".terraform/modules/vpc/main.tf", vpc),
        (".terraform/modules/vpc.inner/main.tf", "variable \"name\" {}\nresource \"t\" \"deep\" { name = var.name }\n"),
    ]);
    let (tree, _) = read(folder.path(), &["."], &ReadOptions::default());
    let mut found: Vec<(String, String)> = tree
        .graph
        .subjects()
        .iter()
        .filter(|subject| subject.resource_type == "t")
        .map(|subject| (subject.address.to_string(), probity_model::json::write(&subject.document)))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            ("module.vpc.module.inner.t.deep".to_owned(), r#"{"name":"CLINIC"}"#.to_owned()),
            ("module.vpc.t.own".to_owned(), r#"{"name":"clinic"}"#.to_owned()),
            ("t.root".to_owned(), r#"{"from":"clinic-vpc"}"#.to_owned()),
        ]
    );
    assert!(tree.problems.is_empty(), "{:?}", tree.problems);
}

#[test]
fn plans_stand_at_the_lines_of_configurations_in_their_folder_also_when_only_they_are_named() {
    let plan = r#"{"format_version":"1.2","planned_values":{"root_module":{"child_modules":[{"address":"module.m[0]","resources":[
        {"address":"module.m[0].t.r","mode":"managed","type":"t","name":"r","values":{"x":1}}]}]}}}"#;
    let folder = folder(&[
        ("main.tf", "module \"m\" {\n  source = \"./m\"\n  count = 1\n}\n"),
        ("m/main.tf", "resource \"t\" \"r\" {\n  x = 1\n}\n"),
        ("plan.json", plan),
    ]);
    for (paths, expected) in [(&["."][..], 3), (&["plan.json"][..], 1)] {
        let (tree, sources) = read(folder.path(), paths, &ReadOptions::default());
        assert_eq!(tree.graph.subjects().len(), expected);
        let planned =
            tree.graph.subjects().iter().find(|subject| subject.kind == probity_model::SubjectKind::TerraformPlan);
        let planned = planned.unwrap();
        let place = sources.locate(planned.span.unwrap()).unwrap();
        assert!(place.path.ends_with("m/main.tf") && place.line == 1, "{place:?}");
        assert_eq!(planned.calls.len(), 1);
    }
}

#[test]
fn a_state_is_read_when_it_is_named() {
    let state = r#"{"version":4,"terraform_version":"1.9.0","lineage":"x","resources":[{"mode":"managed","type":"t","name":"r",
        "instances":[{"attributes":{"x":1}}]}]}"#;
    let folder = folder(&[("terraform.tfstate", state)]);
    let (tree, _) = read(folder.path(), &["terraform.tfstate"], &ReadOptions::default());
    assert_eq!(tree.graph.subjects()[0].address, "t.r");
    let (tree, _) = read(folder.path(), &["."], &ReadOptions::default());
    assert!(tree.graph.subjects().is_empty());
}

#[test]
fn workflows_are_found_in_their_hidden_folder() {
    const WORKFLOW: &str = "on: push\njobs: {a: {uses: ./.github/workflows/b.yml}}\n";
    let folder = folder(&[
        (".github/workflows/ci.yml", WORKFLOW),
        (".github/workflows/README.yaml.md", "x"),
        (".github/actions/a/action.yml", "name: a\nruns: {using: node24, main: a.js}\n"),
        (".github/pod.yaml", POD),
        (".github/workflows/.called.yml", WORKFLOW),
        (".hidden/.github/workflows/ci.yml", WORKFLOW),
        (".other/pod.yaml", POD),
        (".pod.yaml", POD),
        ("sub/.github/workflows/ci.yaml", WORKFLOW),
        ("elsewhere/ci.yml", WORKFLOW),
    ]);
    let options = ReadOptions::default();
    let seen = |names: &[&str]| {
        let mut files = files(folder.path(), names, &options);
        files.dedup();
        files
    };
    assert_eq!(
        seen(&[""]),
        [
            ".github/actions/a/action.yml",
            ".github/workflows/.called.yml",
            ".github/workflows/ci.yml",
            "sub/.github/workflows/ci.yaml"
        ]
    );
    assert_eq!(
        seen(&[".github"]),
        [
            ".github/actions/a/action.yml",
            ".github/pod.yaml",
            ".github/workflows/.called.yml",
            ".github/workflows/ci.yml"
        ]
    );
    assert_eq!(seen(&["elsewhere"]), Vec::<String>::new());
    assert_eq!(seen(&["elsewhere/ci.yml"]), ["elsewhere/ci.yml"]);
    let (tree, _) = read(folder.path(), &["", "elsewhere/ci.yml"], &options);
    assert_eq!(tree.files.github_actions, 5);
}

#[test]
fn a_plan_is_a_subject_as_a_whole_when_that_is_asked_for() {
    let plan = r#"{"format_version":"1.2","planned_values":{"root_module":{"resources":[
        {"address":"t.r","mode":"managed","type":"t","name":"r","values":{"x":1,"p":"s"},"sensitive_values":{"p":true}}]}},
        "prior_state":{"values":{"root_module":{}}},"resource_changes":[{"address":"t.r","change":{"actions":["create"]}}]}"#;
    let state = r#"{"format_version":"1.0","values":{"root_module":{"resources":[]}}}"#;
    let folder = folder(&[("a/plan.json", plan), ("b/state.json", state), ("c/pod.yaml", POD)]);
    let (tree, sources) = read(folder.path(), &["."], &ReadOptions { whole_plans: true, ..ReadOptions::default() });
    let is_whole = |subject: &&Subject| subject.resource_type == terraform::WHOLE_PLAN;
    let whole: Vec<&Subject> = tree.graph.subjects().iter().filter(is_whole).collect();
    let [plan_as_whole, state_as_whole] = whole[..] else { panic!("{whole:?}") };
    assert_eq!(json::write(&plan_as_whole.document), json::write(&json::read(plan.as_bytes()).unwrap()));
    assert!(plan_as_whole.address.ends_with("a/plan.json"), "{}", plan_as_whole.address);
    let place = sources.locate(plan_as_whole.header.unwrap()).unwrap();
    assert!(place.path.ends_with("a/plan.json") && (place.line, place.column) == (1, 1), "{place:?}");
    let marks = r#"{"planned_values":{"root_module":{"resources":[{"values":{"p":true}}]}}}"#;
    assert_eq!(json::write(plan_as_whole.sensitive.as_ref().unwrap()), marks);
    assert_eq!(json::write(&state_as_whole.document), json::write(&json::read(state.as_bytes()).unwrap()));
    let (without, _) = read(folder.path(), &["."], &ReadOptions::default());
    assert_eq!(without.graph.subjects().len(), tree.graph.subjects().len() - 2);
}
