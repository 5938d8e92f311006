//! `scan --diff`: only what a change introduced.

use std::path::Path;
use std::process::Command;

use crate::support::{OPEN, folder, probity, text};

fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
}

fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = folder(files);
    git(folder.path(), &["init", "--quiet"]);
    commit(folder.path());
    folder
}

fn commit(folder: &Path) {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "--message", "a"]);
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn group(name: &str) -> String {
    OPEN.replace("\"open\"", &format!("\"{name}\""))
}

/// The addresses of what is found, and how many findings are left out.
fn found(folder: &Path, more: &[&str]) -> (Vec<String>, u64) {
    let arguments: Vec<&str> =
        ["scan", "--check", "CKV_AWS_24,CKV_K8S_23", "--format", "json"].iter().chain(more).copied().collect();
    let output = probity(folder, &arguments);
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{more:?}: {}", text(&output.stderr)));
    let findings = report["findings"].as_array().unwrap();
    let addresses: Vec<String> =
        findings.iter().map(|finding| finding["subject"]["address"].as_str().unwrap().to_owned()).collect();
    assert_eq!(output.status.code(), Some(i32::from(!addresses.is_empty())), "{more:?}: {}", text(&output.stderr));
    (addresses, report["summary"]["diff"]["left_out"].as_u64().unwrap())
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("aws_security_group.{name}")).collect()
}

#[test]
fn only_what_a_change_introduced_counts() {
    let folder = repository(&[("main.tf", &group("old"))]);
    let path = folder.path();
    assert_eq!(found(path, &["--diff", "main"]), (names(&[]), 1));
    // Lines move, and what is not committed counts.
    write(path, "main.tf", &format!("# A comment.\n\n\n{}{}", group("new"), group("old")));
    write(path, "untracked.tf", &group("other"));
    assert_eq!(found(path, &["--diff", "main"]), (names(&["new", "other"]), 1));
    let shown = text(&probity(path, &["scan", "--diff", "main", "--check", "CKV_AWS_24"]).stdout);
    assert!(shown.contains("1 finding was there in main (") && !shown.contains("aws_security_group.old"), "{shown}");
    // A tag, a commit and a branch are revisions; the index and the files stay as they are.
    git(path, &["tag", "v1"]);
    git(path, &["checkout", "--quiet", "-b", "topic"]);
    commit(path);
    write(path, "staged.tf", "");
    git(path, &["add", "staged.tf"]);
    for base in ["main", "v1", "HEAD~1"] {
        assert_eq!(found(path, &["--diff", base]), (names(&["new", "other"]), 1), "{base}");
    }
    assert_eq!(found(path, &["--diff", "HEAD"]), (names(&[]), 3));
    let status = Command::new("git").args(["status", "--porcelain"]).current_dir(path).output().unwrap();
    assert_eq!(text(&status.stdout), "A  staged.tf\n");
}

#[test]
fn a_base_that_went_on_is_compared_where_the_change_left_it() {
    let folder = repository(&[("main.tf", &group("old"))]);
    let path = folder.path();
    git(path, &["checkout", "--quiet", "-b", "topic"]);
    write(path, "new.tf", &group("new"));
    commit(path);
    git(path, &["checkout", "--quiet", "main"]);
    write(path, "main.tf", "");
    commit(path);
    git(path, &["checkout", "--quiet", "topic"]);
    assert_eq!(found(path, &["--diff", "main"]), (names(&["new"]), 1));
}

#[test]
fn what_moved_is_not_new() {
    let object = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: a\nspec:\n  hostPID: true\n  containers:\n    \
                  - {name: a, image: a}\n";
    let docker = "FROM docker.io/library/debian:12\n";
    let folder = repository(&[
        ("prod/main.tf", &group("old")),
        ("k8s/a.yaml", object),
        ("k8s/others.yaml", "# nothing\n"),
        ("images/Dockerfile", docker),
    ]);
    let path = folder.path();
    let before = text(&probity(path, &["scan", "--format", "csv"]).stdout);
    git(path, &["mv", "prod", "production"]);
    git(path, &["mv", "images", "build"]);
    git(path, &["mv", "k8s/a.yaml", "k8s/b.yaml"]);
    let findings = |arguments: &[&str]| text(&probity(path, arguments).stdout).lines().count() - 1;
    assert_eq!(findings(&["scan", "--diff", "HEAD", "--format", "csv"]), 0, "renamed folders");
    assert_eq!(findings(&["scan", "--format", "csv"]), before.lines().count() - 1);
    commit(path);
    // To another file of the module, which git does not call a rename.
    std::fs::remove_file(path.join("production/main.tf")).unwrap();
    write(path, "production/network.tf", &format!("{}{}", "# A comment.\n".repeat(50), group("old")));
    assert_eq!(found(path, &["--diff", "HEAD"]), (names(&[]), 2));
    // A copy in another folder is new.
    write(path, "test/main.tf", &group("old"));
    assert_eq!(found(path, &["--diff", "HEAD"]), (names(&["old"]), 2));
}

#[test]
fn a_second_thing_on_one_resource_is_new() {
    let policy = "# METADATA\n# title: Open ports\n# custom:\n#   id: OWN-PORTS\npackage main\n\ndeny contains msg if {\n  some \
                  port in input.spec.ports\n  port.port < 1024\n  msg := sprintf(\"port %d is open\", [port.port])\n}\n";
    let service = |ports: &str| {
        format!("apiVersion: v1\nkind: Service\nmetadata: {{name: web, namespace: a}}\nspec:\n  ports: [{ports}]\n")
    };
    let folder = repository(&[("own/ports.rego", policy), ("k8s/web.yaml", &service("{port: 80}"))]);
    write(folder.path(), "k8s/web.yaml", &service("{port: 80}, {port: 443}"));
    let arguments = ["scan", "k8s", "--policy", "own", "--check", "OWN-PORTS", "--diff", "HEAD"];
    let shown = text(&probity(folder.path(), &arguments).stdout);
    assert!(shown.contains("port 443 is open") && !shown.contains("port 80 is open"), "{shown}");
}

#[test]
fn it_works_from_everywhere() {
    let folder = repository(&[
        ("envs/prod/main.tf", &group("old")),
        ("envs/test/main.tf", &group("old")),
        ("other/main.tf", &group("elsewhere")),
    ]);
    let path = folder.path();
    for environment in ["prod", "test"] {
        write(path, &format!("envs/{environment}/new.tf"), &group("new"));
    }
    let absolute = path.join("envs").display().to_string();
    let (both, one) = (names(&["new", "new"]), names(&["new"]));
    for (below, more, expected) in [
        ("", &[][..], (both.clone(), 3)),
        ("", &["envs"], (both.clone(), 2)),
        ("", &["envs/test", "envs/prod"], (both.clone(), 2)),
        ("", &["envs/prod/new.tf"], (one.clone(), 0)),
        ("", &[absolute.as_str()], (both.clone(), 2)),
        ("envs/prod", &[], (one.clone(), 1)),
        ("envs/prod", &["../test", "."], (both.clone(), 2)),
        ("envs/prod", &[absolute.as_str()], (both.clone(), 2)),
        ("envs", &["--exclude", "prod"], (one.clone(), 1)),
    ] {
        let arguments: Vec<&str> = ["--diff", "HEAD"].iter().chain(more).copied().collect();
        assert_eq!(found(&path.join(below), &arguments), expected, "{below} {more:?}");
    }
    let outside = tempfile::tempdir().unwrap();
    assert_eq!(found(outside.path(), &["--diff", "HEAD", &absolute]), (both, 2));
}

#[test]
fn modules_charts_and_values_are_those_of_their_time() {
    let module = "variable \"from\" {}\nresource \"aws_security_group\" \"m\" {\n  ingress {\n    from_port = 22\n    to_port = 22\n    \
                  protocol = \"tcp\"\n    cidr_blocks = [var.from]\n  }\n}\n";
    let call = |name: &str, source: &str| {
        format!("module \"{name}\" {{\n  source = \"{source}\"\n  from = \"0.0.0.0/0\"\n}}\n")
    };
    let chart = [
        ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("chart/values.yaml", "privileged: true\n"),
        (
            "chart/templates/pod.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n    - name: web\n      image: a\n      \
             securityContext: {privileged: {{ .Values.privileged }}}\n",
        ),
        ("calm.yaml", "privileged: false\n"),
    ];
    let installed =
        "{\"Modules\": [{\"Key\": \"far\", \"Source\": \"registry/x\", \"Dir\": \".terraform/modules/far\"}]}";
    let (near, far) = (call("near", "../modules/group"), call("far", "acme/group/aws"));
    let mut files = vec![
        (".gitignore", ".terraform\n"),
        ("modules/group/main.tf", module),
        ("prod/main.tf", near.as_str()),
        ("prod/far.tf", far.as_str()),
        ("prod/.terraform/modules/modules.json", installed),
        ("prod/.terraform/modules/far/main.tf", module),
    ];
    files.extend(chart);
    let folder = repository(&files);
    let path = folder.path();
    let all = found(path, &["--diff", "HEAD"]);
    assert_eq!(all, (Vec::new(), 3), "both modules were called before, and the chart was there");
    write(path, "prod/more.tf", &call("more", "../modules/group"));
    assert_eq!(found(path, &["--diff", "HEAD"]).0, ["module.more.aws_security_group.m"]);
    let privileged = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["scan", "chart", "--check", "CKV_K8S_16", "--diff", "HEAD"].iter().chain(more).copied().collect();
        probity(path, &arguments).status.code()
    };
    assert_eq!(privileged(&[]), Some(0));
    assert_eq!(privileged(&["--helm-values", "calm.yaml"]), Some(0));
    // The values of a file that changed are those of then in the base.
    write(path, "calm.yaml", "privileged: true\n");
    assert_eq!(privileged(&["--helm-values", "calm.yaml"]), Some(1));
    // A file that the repository never had is the same before and after.
    write(path, "mine.yaml", "privileged: true\n");
    assert_eq!(privileged(&["--helm-values", "mine.yaml"]), Some(0));
}

#[test]
fn it_goes_with_a_baseline_and_with_evidence() {
    let folder = repository(&[("main.tf", &group("old"))]);
    let path = folder.path();
    write(path, "a.tf", &group("a"));
    probity(path, &["scan", "--check", "CKV_AWS_24", "--diff", "HEAD", "--write-baseline", "base.json"]);
    assert!(!std::fs::read_to_string(path.join("base.json")).unwrap().contains("old"));
    write(path, "b.tf", &group("b"));
    let arguments =
        ["scan", "--check", "CKV_AWS_24", "--diff", "HEAD", "--baseline", "base.json", "--format", "json", "--record"];
    let report: serde_json::Value = serde_json::from_slice(&probity(path, &arguments).stdout).unwrap();
    let outcomes: Vec<&str> =
        report["findings"].as_array().unwrap().iter().map(|finding| finding["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["skipped", "fail"]);
    // What is kept has all resources, and says of each finding why it did not count.
    let kept = text(&probity(path, &["evidence", "query", "--format", "json"]).stdout);
    assert!(kept.contains("aws_security_group.old"), "{kept}");
    let shown: String =
        (0..4).map(|entry| text(&probity(path, &["evidence", "show", &entry.to_string()]).stdout)).collect();
    assert!(shown.contains("was there in HEAD (") && shown.contains("in the baseline"), "{shown}");
}

#[test]
fn what_cannot_be_compared_says_what_to_do() {
    let origin = repository(&[("main.tf", &group("old"))]);
    commit(origin.path());
    let clones = tempfile::tempdir().unwrap();
    let url = format!("file://{}", origin.path().display());
    git(clones.path(), &["clone", "--quiet", "--depth=1", &url, "shallow"]);
    let plain = folder_with_main();
    let shallow = clones.path().join("shallow");
    for (place, base, expected) in [
        (origin.path(), "nothing", "`nothing` is no commit that this repository has; `git branch --all`"),
        (origin.path(), "origin/main", "`git fetch origin main` may bring it"),
        (origin.path(), "--output=x", "`--output=x` is no commit"),
        (origin.path(), "", "`` is no commit"),
        (origin.path(), "HEAD:main.tf", "is no commit"),
        (&shallow, "HEAD~1", "the clone is shallow: `git fetch --unshallow`"),
        (&shallow, "origin/topic", "the clone is shallow: `git fetch --depth=1 origin topic"),
        (plain.path(), "main", "is in no git repository"),
    ] {
        let output = probity(place, &["scan", &format!("--diff={base}")]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{base}: {said}");
        assert!(said.contains(expected), "{base}: {said}");
        assert!(text(&output.stdout).is_empty());
    }
    let output = probity(origin.path(), &["scan", ".", &shallow.display().to_string(), "--diff", "HEAD"]);
    assert!(text(&output.stderr).contains("lies in another repository"), "{}", text(&output.stderr));
}

fn folder_with_main() -> tempfile::TempDir {
    folder(&[("main.tf", OPEN)])
}

#[test]
fn a_broken_base_hides_nothing() {
    let folder = repository(&[("main.tf", "resource \"a\" \"b\" {\n")]);
    let path = folder.path();
    write(path, "main.tf", &group("old"));
    assert_eq!(found(path, &["--diff", "HEAD"]), (names(&["old"]), 0));
    let output = probity(path, &["scan", "--diff", "HEAD"]);
    assert!(text(&output.stderr).contains("note: in HEAD, so that what it has counts as introduced: main.tf:"));
    // What is broken now is told as without.
    write(path, "main.tf", "resource \"a\" \"b\" {\n");
    assert_eq!(probity(path, &["scan", "--diff", "HEAD"]).status.code(), Some(2));
}
