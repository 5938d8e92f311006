use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use probity_model::yaml::{self, Dialect};
use probity_model::{Problem, SourceId, Sources};

use super::Options;
use crate::testing::folder;
use crate::{ReadOptions, read_paths};

fn options(values: &str) -> Options {
    let documents = yaml::read(values, SourceId(0), Dialect::Kubernetes).unwrap();
    Options { values: documents.into_iter().map(|document| document.value).collect(), ..Options::default() }
}

/// What a chart renders to, by the last part of each template's name, without the files that give nothing.
fn render(folder: &Path, values: &str) -> (Vec<(String, String)>, Vec<Problem>) {
    let (rendered, problems) = super::render(folder, &options(values), &Sources::default());
    let outputs = rendered
        .into_iter()
        .map(|rendered| (rendered.name.to_string(), rendered.output.text.trim().to_owned()))
        .filter(|(_, text)| !text.is_empty());
    (outputs.collect(), problems)
}

const CHART: &str = "apiVersion: v2\nname: app\nversion: 1.0.0\n";

#[test]
fn values_go_down_and_globals_with_them() {
    let chart = folder(&[
        (
            "Chart.yaml",
            "apiVersion: v2\nname: app\nversion: 1.0.0\nappVersion: 2.50\ndependencies:\n\
             - {name: db, version: ^1.0, condition: db.enabled, alias: store}\n\
             - {name: cache, version: 1.x.x, condition: cache.enabled, tags: [extra]}\n\
             - {name: lib, version: '*', import-values: [shared, {child: inner, parent: from.lib}]}\n",
        ),
        (
            "values.yaml",
            "a: own\nnum: 1000000\nglobal: {g: top}\nstore: {user: me, gone: null}\ncache: {enabled: false}\n",
        ),
        (
            "templates/a.yaml",
            "a: {{ .Values.a }}\nn: {{ .Values.num }}/{{ .Values.num | int }}\nx: {{ .Values.x }}\nl: {{ .Values.from.lib.key }}\n{{ include \"lib.name\" . }}",
        ),
        ("templates/_h.tpl", "{{ define \"app.h\" }}h{{ end }}"),
        ("templates/NOTES.txt", "{{ fail \"never\" }}"),
        ("charts/db/Chart.yaml", "apiVersion: v2\nname: db\nversion: 1.2.0\n"),
        ("charts/db/values.yaml", "user: nobody\ngone: here\nport: 5432\nglobal: {g: below, own: x}\n"),
        (
            "charts/db/templates/d.yaml",
            "d: {{ .Values.user }} {{ .Values.gone }} {{ .Values.port }} {{ .Values.global.g }} {{ .Values.global.own }} {{ .Chart.Name }} {{ include \"app.h\" . }}",
        ),
        ("charts/cache/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.2.0\n"),
        ("charts/cache/templates/c.yaml", "c: 1"),
        ("charts/lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 0.1.0\ntype: library\n"),
        ("charts/lib/values.yaml", "exports: {shared: {x: from-lib}}\ninner: {key: deep}\n"),
        (
            "charts/lib/templates/_n.tpl",
            "{{ define \"lib.name\" }}name: {{ .Release.Name }}-{{ .Chart.AppVersion }}{{ end }}",
        ),
        ("charts/lib/templates/not.yaml", "n: 1"),
    ]);
    let (outputs, problems) = render(chart.path(), "a: given\ncache: {enabled: true}");
    assert_eq!(problems, []);
    let expected = [
        ("app/charts/cache/templates/c.yaml", "c: 1"),
        ("app/charts/store/templates/d.yaml", "d: me  5432 top x store h"),
        ("app/templates/a.yaml", "a: given\nn: 1e+06/1000000\nx: from-lib\nl: deep\nname: release-name-2.5"),
    ];
    assert_eq!(outputs, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let (outputs, _) = render(chart.path(), "tags: {extra: true}");
    assert_eq!(outputs.len(), 2, "a condition goes over a tag");
}

#[test]
fn files_and_capabilities() {
    let chart = folder(&[
        ("Chart.yaml", CHART),
        (".helmignore", "*.secret\n"),
        ("config/a.ini", "x=1\ny=2\n"),
        ("config/b.secret", "hidden"),
        (
            "templates/a.yaml",
            "{{ (.Files.Glob \"config/*\").AsConfig }}\n{{ range .Files.Lines \"config/a.ini\" }}{{ . }};{{ end }}\n\
             {{ .Files.Get \"config/b.secret\" }}|{{ .Capabilities.APIVersions.Has \"batch/v1\" }}|\
             {{ .Capabilities.KubeVersion.Minor }}|{{ .Template.Name }}|{{ .Capabilities.KubeVersion }}",
        ),
    ]);
    let (outputs, problems) = render(chart.path(), "");
    assert_eq!(problems, []);
    assert_eq!(outputs[0].1, "a.ini: |\n  x=1\n  y=2\nx=1;y=2;\n|true|34|app/templates/a.yaml|v1.34.0");
}

#[test]
fn findings_lead_to_the_template() {
    let folder = folder(&[
        ("chart/Chart.yaml", CHART),
        ("chart/values.yaml", "name: web\nprivileged: true\n"),
        (
            "chart/templates/pod.yaml",
            "{{- if .Values.name }}\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\nspec:\n  containers:\n\
             \x20   - name: c\n      securityContext:\n        privileged: {{ .Values.privileged }}\n{{- end }}\n",
        ),
        ("chart/templates/bad.yaml", "a: {{ required \"name the host\" .Values.host }}\n"),
        ("chart/templates/broken.yaml", "apiVersion: v1\nkind: [{{ .Values.name }}\n"),
        ("chart/templates/tests/t.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: left-out}\n"),
        ("chart/charts/sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
        ("chart/charts/sub/templates/s.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"),
        ("other/templates/x.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Values.x }}}\n"),
    ]);
    let sources = Sources::default();
    let options = ReadOptions { exclude: vec!["tests/".to_owned()], ..ReadOptions::default() };
    let tree = read_paths(&[folder.path().to_owned()], &sources, &options, &|_| {}).unwrap();
    let subjects: Vec<_> = tree.graph.subjects().iter().map(|subject| subject.address.as_str()).collect();
    assert_eq!(subjects, ["Service/default/s", "Pod/default/web"]);
    assert_eq!((tree.files.chart, tree.files.template), (1, 1));
    let pod = &tree.graph.subjects()[1];
    let header = sources.locate(pod.header.unwrap()).unwrap();
    assert_eq!((header.line, header.path), (3, folder.path().join("chart/templates/pod.yaml")));
    let container = pod.document.at(&["spec", "containers"]).unwrap().as_array().unwrap().get(0).unwrap();
    let context = container.get("securityContext").unwrap().as_object().unwrap();
    assert_eq!(sources.locate(context.span("privileged").unwrap()).unwrap().line, 10);
    let problems: Vec<String> =
        tree.problems.iter().map(|(_, problem)| problem.display(&sources, Path::new("?"))).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].contains("bad.yaml:1:7: the chart wants something else: name the host (give it"),
        "{problems:?}"
    );
    assert!(problems[1].contains("broken.yaml:") && problems[1].contains("does not render to YAML"), "{problems:?}");
}

#[test]
fn packed_charts_are_unpacked_in_memory() {
    let packed = |entries: &[(&str, &str)]| {
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(encoder);
        for (name, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    };
    let chart = folder(&[("Chart.yaml", CHART), ("values.yaml", "sub: {x: 1}\n")]);
    fs::create_dir(chart.path().join("charts")).unwrap();
    let good = packed(&[
        ("sub/Chart.yaml", "apiVersion: v2\nname: sub\nversion: 1.0.0\n"),
        ("sub/templates/a.yaml", "x: {{ .Values.x }}"),
    ]);
    fs::write(chart.path().join("charts/sub-1.0.0.tgz"), good).unwrap();
    let bad = packed(&[("bad/../../x", "no")]);
    fs::write(chart.path().join("charts/bad-1.0.0.tgz"), bad).unwrap();
    fs::write(chart.path().join("charts/cut-1.0.0.tgz"), b"\x1f\x8b\x08").unwrap();
    let (outputs, problems) = render(chart.path(), "");
    assert_eq!(outputs, [("app/charts/sub/templates/a.yaml".to_owned(), "x: 1".to_owned())]);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn what_is_missing_is_told() {
    let chart = folder(&[
        (
            "app/Chart.yaml",
            "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- {name: near, version: 1.0.0, repository: 'file://../near'}\n\
             - {name: far, version: 1.0.0, repository: 'https://example.org'}\n",
        ),
        ("app/templates/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ include \"near.name\" . }}}\n"),
        ("near/Chart.yaml", "apiVersion: v2\nname: near\nversion: 1.0.0\ntype: library\n"),
        ("near/templates/_n.tpl", "{{ define \"near.name\" }}nn{{ end }}"),
    ]);
    let sources = Sources::default();
    let paths = [chart.path().to_owned()];
    let tree = read_paths(&paths, &sources, &ReadOptions::default(), &|_| {}).unwrap();
    assert_eq!(tree.graph.subjects()[0].address, "Pod/default/nn");
    let problems: Vec<String> =
        tree.problems.iter().map(|(_, problem)| problem.display(&sources, Path::new("?"))).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("Chart.yaml:6:3: the chart `app` depends on `far`"), "{problems:?}");
}

#[test]
fn charts_within_charts_are_no_roots() {
    let paths: Vec<PathBuf> =
        ["a/Chart.yaml", "a/charts/b/Chart.yaml", "a/ci/Chart.yaml", "Chart.lock", "c/d/Chart.yaml"]
            .map(PathBuf::from)
            .to_vec();
    let roots = super::roots(paths.iter().map(PathBuf::as_path));
    assert_eq!(roots, ["a", "a/ci", "c/d"].map(PathBuf::from));
    assert!(super::is_template(Path::new("a/charts/b/templates/x.yaml"), &roots));
    assert!(!super::is_template(Path::new("a/crds/x.yaml"), &roots));
    let none: HashSet<&Path> = HashSet::new();
    assert!(super::read(&[], &none, &[], &Options::default(), &Sources::default()).is_empty());
}
