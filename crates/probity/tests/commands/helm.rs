//! Helm charts: values from the command line, and what is wrong with them.

use std::path::Path;

use crate::support::{folder, probity, text};

const CHART: (&str, &str) = ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
const POD: (&str, &str) = (
    "chart/templates/pod.yaml",
    "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n    - name: web\n      image: a\n      \
     securityContext:\n        privileged: {{ .Values.privileged }}\n",
);

fn run(folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = probity(folder, &[&["scan", "chart", "--check", "CKV_K8S_16"], more].concat());
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

#[test]
fn values_turn_a_setting_on_and_off() {
    let folder = folder(&[
        CHART,
        POD,
        ("chart/values.yaml", "privileged: false\n"),
        ("on.yaml", "privileged: true\n"),
        ("off.yaml", "privileged: false\n"),
        ("empty.yaml", ""),
    ]);
    for (more, code) in [
        (&[][..], 0),
        (&["--helm-values", "on.yaml"], 1),
        (&["--helm-values", "on.yaml", "--helm-values", "off.yaml"], 0),
        (&["--helm-values", "off.yaml", "--helm-values", "on.yaml"], 1),
        (&["--helm-values", "empty.yaml"], 0),
    ] {
        let (found, said) = run(folder.path(), more);
        assert_eq!(found, Some(code), "{more:?}: {said}");
        assert_eq!(said.contains("chart/templates/pod.yaml:10:"), code == 1, "{more:?}: {said}");
    }
}

#[test]
fn an_api_version_makes_a_template_count() {
    let template = format!("{{{{ if .Capabilities.APIVersions.Has \"acme.example/v1\" }}}}\n{}{{{{ end }}}}\n", POD.1);
    let folder = folder(&[CHART, (POD.0, &template), ("chart/values.yaml", "privileged: true\n")]);
    assert_eq!(run(folder.path(), &[]).0, Some(0));
    assert_eq!(run(folder.path(), &["--helm-api-version", "acme.example/v1"]).0, Some(1));
}

#[test]
fn what_is_wrong_is_told_and_the_rest_is_judged() {
    let folder = folder(&[
        CHART,
        POD,
        ("chart/values.yaml", "privileged: true\n"),
        ("chart/templates/broken.yaml", "a: {{ .Values.x | nosuch }}\n"),
        ("chart/templates/missing.yaml", "a: b\nc: {{ required \"say who owns it\" .Values.owner }}\n"),
        ("wrong.yaml", "privileged: [\n"),
        ("list.yaml", "- privileged\n"),
    ]);
    let (code, said) = run(folder.path(), &[]);
    assert_eq!(code, Some(2), "{said}");
    for part in [
        "chart/templates/pod.yaml:10:",
        "chart/templates/broken.yaml:1:",
        "nosuch",
        "missing.yaml:2:",
        "say who owns it",
    ] {
        assert!(said.contains(part), "`{part}` is not in {said}");
    }
    for (values, expected) in [
        ("nowhere.yaml", "nowhere.yaml cannot be read"),
        ("wrong.yaml", "wrong.yaml:"),
        ("list.yaml", "list.yaml: values of Helm charts are a mapping"),
        ("chart", "chart is not a file"),
    ] {
        let (code, said) = run(folder.path(), &["--helm-values", values]);
        assert!(code == Some(2) && said.contains(expected), "{values}: {said}");
    }
}
