use std::path::Path;

use probity_model::{Sources, json};
use proptest::prelude::*;

use crate::testing::folder;
use crate::{ReadOptions, Tree, read_paths};

/// What a kustomization renders to, an object a line; or why it cannot be, and what is left out.
fn render(folder: &Path) -> String {
    let sources = Sources::default();
    match super::render(folder, &sources) {
        Ok((objects, notes)) => {
            let notes = notes.iter().map(|note| format!("note: {}", note.message));
            objects.iter().map(json::write).chain(notes).collect::<Vec<_>>().join("\n")
        }
        Err(problem) => format!("refused: {}", problem.message),
    }
}

fn rendered(files: &[(&str, &str)], of: &str) -> String {
    let folder = folder(files);
    render(&folder.path().join(of))
}

fn read(folder: &Path, sources: &Sources) -> Tree {
    read_paths(&[folder.to_owned()], sources, &ReadOptions::default(), &|_| {}).unwrap()
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      \
                   containers:\n        - name: c\n          image: registry.example/web:1.0\n          \
                   securityContext:\n            privileged: true\n          envFrom:\n            - configMapRef: {name: settings}\n";

#[test]
fn an_overlay_of_a_base() {
    let files = [
        (
            "base/kustomization.yaml",
            "resources: [web.yaml]\nconfigMapGenerator:\n- name: settings\n  literals: [a=1, 'b=\"<2>\"']\n",
        ),
        ("base/web.yaml", WEB),
        (
            "prod/kustomization.yaml",
            "resources: [../base]\nnamespace: clinic\nnamePrefix: prod-\n\
             labels: [{pairs: {tier: front}, includeSelectors: true}]\ncommonAnnotations: {owner: ann}\n\
             images: [{name: registry.example/web, newTag: '2.0'}]\nreplicas: [{name: web, count: 3}]\n\
             patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec:\n      \
             template:\n        spec:\n          containers:\n          - {name: c, securityContext: {privileged: false}}\n",
        ),
    ];
    let expected = concat!(
        r#"{"apiVersion":"v1","data":{"a":"1","b":"<2>"},"kind":"ConfigMap","metadata":{"annotations":{"owner":"ann"},"#,
        r#""labels":{"tier":"front"},"name":"prod-settings-8gdg4hgmbd","namespace":"clinic"}}"#,
        "\n",
        r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{"owner":"ann"},"labels":{"tier":"front"},"#,
        r#""name":"prod-web","namespace":"clinic"},"spec":{"replicas":3,"selector":{"matchLabels":{"tier":"front"}},"#,
        r#""template":{"metadata":{"annotations":{"owner":"ann"},"labels":{"tier":"front"}},"spec":{"containers":"#,
        r#"[{"envFrom":[{"configMapRef":{"name":"prod-settings-8gdg4hgmbd"}}],"image":"registry.example/web:2.0","name":"c","#,
        r#""securityContext":{"privileged":false}}]}}}}"#,
    );
    assert_eq!(rendered(&files, "prod"), expected);
}

#[test]
fn what_changes_objects() {
    let pod =
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: a}}\nspec: {containers: [{name: c, image: i}]}\n";
    for (kustomization, expected) in [
        (
            "patches: [{target: {kind: Pod, labelSelector: app=a}, patch: '[{op: add, path: /spec/hostPID, value: true}]'}]",
            r#""spec":{"containers":[{"image":"i","name":"c"}],"hostPID":true}"#,
        ),
        (
            "patchesJson6902: [{target: {version: v1, kind: Pod, name: p}, patch: '[{\"op\": \"remove\", \"path\": \"/metadata/labels\"}]'}]",
            r#""metadata":{"name":"p"}"#,
        ),
        (
            "patchesStrategicMerge: ['{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, $patch: delete}]}}']",
            r#""spec":{"containers":[]}"#,
        ),
        ("patches: [{patch: '{apiVersion: v1, kind: Pod, metadata: {name: p}, $patch: delete}'}]", ""),
        (
            "replacements: [{source: {kind: Pod, fieldPath: metadata.labels.app}, targets: [{select: {kind: Pod}, \
             fieldPaths: ['spec.containers.[name=c].image'], options: {delimiter: ':', index: 1}}]}]",
            r#""image":"i:a""#,
        ),
        ("nameSuffix: -x", r#""name":"p-x""#),
        ("images: [{name: i, newName: j, digest: 'sha256:12'}]", r#""image":"j@sha256:12""#),
        (
            "transformers: ['{apiVersion: builtin, kind: LabelTransformer, metadata: {name: l}, labels: {x: y}, \
          fieldSpecs: [{path: metadata/labels, create: true}]}']",
            r#""labels":{"app":"a","x":"y"}"#,
        ),
        ("nothing: here", "refused: a kustomization has no field `nothing`"),
        ("namePrefix: 5", "refused: `namePrefix` is a string, not a number"),
        ("patches: [{path: ../outside.yaml}]", "refused: ../outside.yaml cannot be read"),
        (
            "resources: ['https://example.org/a.yaml']",
            "note: `https://example.org/a.yaml` is on the network and is not fetched",
        ),
        ("helmCharts: [{name: absent}]", "note: the chart is not there"),
        (
            "generators: ['{apiVersion: example.org/v1, kind: Own, metadata: {name: o}}']",
            "note: `Own` is no part of kustomize",
        ),
    ] {
        let text = match kustomization.strip_prefix("resources: [") {
            Some(rest) => format!("resources: [pod.yaml, {rest}\n"),
            None => format!("resources: [pod.yaml]\n{kustomization}\n"),
        };
        let found = rendered(&[("k/kustomization.yaml", &text), ("k/pod.yaml", pod)], "k");
        assert!(found.contains(expected) && (!expected.is_empty() || found.is_empty()), "{kustomization}: {found}");
    }
}

#[test]
fn findings_stand_where_they_are_mended() {
    let folder = folder(&[
        ("base/kustomization.yaml", "resources:\n- web.yaml\n"),
        ("base/web.yaml", WEB),
        ("dev/kustomization.yaml", "resources:\n- ../base\nnamePrefix: dev-\n"),
        (
            "prod/kustomization.yaml",
            "resources:\n- ../base\npatches:\n- path: patch.yaml\n- target: {kind: Deployment}\n  patch: |\n    - op: add\n      \
             path: /spec/paused\n      value: true\n",
        ),
        (
            "prod/patch.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      hostNetwork: true\n",
        ),
        ("alone/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"),
        ("broken/kustomization.yaml", "resources: [pod.yaml, absent.yaml]\n"),
        ("broken/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: left}\n"),
    ]);
    let sources = Sources::default();
    let tree = read(folder.path(), &sources);
    let subjects = tree.graph.subjects();
    let addresses: Vec<&str> = subjects.iter().map(|subject| subject.address.as_str()).collect();
    let expected = ["Pod/default/p", "Pod/default/left", "Deployment/default/dev-web", "Deployment/default/web"];
    assert_eq!(addresses, expected);
    let place = |span| {
        let place = sources.locate(span).unwrap();
        let path = place.path.strip_prefix(folder.path()).unwrap_or(&place.path);
        format!("{}:{}", path.display(), place.line)
    };
    let prod = &subjects[3];
    assert_eq!(place(prod.header.unwrap()), "base/web.yaml:2");
    let calls: Vec<String> = prod.calls.iter().map(|call| place(*call)).collect();
    assert_eq!(calls, ["prod/kustomization.yaml:2", "base/kustomization.yaml:2"]);
    let object = |path: &[&str]| prod.document.at(path).unwrap().as_object().unwrap();
    assert_eq!(place(object(&["spec", "template", "spec"]).span("hostNetwork").unwrap()), "prod/patch.yaml:8");
    assert_eq!(place(object(&["spec"]).span("paused").unwrap()), "prod/kustomization.yaml:9");
    let containers = object(&["spec", "template", "spec"]).get("containers").unwrap().as_array().unwrap();
    let context = containers.get(0).unwrap().get("securityContext").unwrap().as_object().unwrap();
    assert_eq!(place(context.span("privileged").unwrap()), "base/web.yaml:12");
    let problems: Vec<&str> = tree.problems.iter().map(|(_, problem)| problem.message.as_str()).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("absent.yaml cannot be read"), "{problems:?}");
    assert_eq!((tree.files.kustomization, tree.files.kubernetes), (4, 4));
}

#[test]
fn bad_kustomizations_end() {
    // Each level uses the next one twice.
    let mut files: Vec<(String, String)> = Vec::new();
    for level in 0..30 {
        for side in ["a", "b"] {
            let next = level + 1;
            let text = format!("namePrefix: {side}\nresources: [../{next}a, ../{next}b]\n");
            files.push((format!("{level}{side}/kustomization.yaml"), text));
        }
    }
    files.push(("30a/kustomization.yaml".into(), "namePrefix: x\nresources: [p.yaml]\n".into()));
    files.push(("30b/kustomization.yaml".into(), "namePrefix: z\nresources: [p.yaml]\n".into()));
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n";
    files.extend(["30a/p.yaml", "30b/p.yaml"].map(|name| (name.to_owned(), pod.to_owned())));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert!(rendered(&files, "0a").starts_with("refused: more than"));
    let cycle = [("a/kustomization.yaml", "resources: [../b]\n"), ("b/kustomization.yaml", "resources: [../a]\n")];
    assert!(rendered(&cycle, "a").starts_with("refused: cycle"));
    let own = [("a/kustomization.yaml", "resources: [.]\n")];
    assert!(rendered(&own, "a").starts_with("refused: cycle"));
    let operations: String = (0..64)
        .map(|_| "- {op: copy, from: /spec, path: /spec/a}\n- {op: copy, from: /spec/a, path: /spec/b}\n")
        .collect();
    let grown = [
        ("k/kustomization.yaml", "resources: [p.yaml]\npatches: [{path: c.yaml, target: {kind: Pod}}]\n"),
        ("k/p.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {x: [1, 2, 3]}\n"),
        ("k/c.yaml", &operations),
    ];
    assert!(rendered(&grown, "k").contains("too large or too deep"));
}

/// Pieces of kustomizations, right ones and wrong ones.
const PIECES: &[&str] = &[
    "resources: [p.yaml]\n",
    "resources: [p.yaml, ../other]\n",
    "resources: [., .., /, '', a=b]\n",
    "bases: [../other]\n",
    "components: [../other]\n",
    "namePrefix: a-\n",
    "nameSuffix: \"-\\0\"\n",
    "namespace: n\n",
    "commonLabels: {a: b}\n",
    "labels: [{pairs: {a: b}, includeSelectors: true, fields: [{path: '[]', create: true}]}]\n",
    "images: [{name: '(', newTag: a}]\n",
    "images: [{name: i, newTag: a}]\n",
    "replicas: [{name: p, count: 99999999999}]\n",
    "patches: [{patch: '[]', target: {name: '('}}]\n",
    "patches: [{patch: '{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: null}'}]\n",
    "patches: [{patch: '[{op: add, path: /a/b, value: 1}]', target: {}}]\n",
    "configMapGenerator: [{name: c, literals: [a=b, '=']}]\n",
    "configMapGenerator: [{name: c, files: [p.yaml, x=p.yaml], envs: [p.yaml]}]\n",
    "secretGenerator: [{name: c, behavior: merge}]\n",
    "replacements: [{source: {kind: Pod, fieldPath: 'spec.[a=b].0.-'}, targets: [{select: {}, fieldPaths: ['*.a', 'a.[b=(].c'], options: {create: true}}]}]\n",
    "replacements: [{source: {kind: Pod, fieldPath: spec}, targets: [{select: {}, fieldPaths: [spec.a], options: {create: true}}]}]\n",
    "vars: [{name: V, objref: {apiVersion: v1, kind: Pod, name: p}, fieldref: {fieldPath: 'spec.a[0'}}]\n",
    "sortOptions: {order: legacy, legacySortOptions: {orderFirst: [Pod], orderLast: []}}\n",
    "buildMetadata: [originAnnotations, transformerAnnotations, managedByLabel]\n",
    "transformers: [p.yaml, '{apiVersion: builtin, kind: ValueAddTransformer, metadata: {name: v}, targets: [{fieldPath: a/b, filePathPosition: 9}]}']\n",
    "helmCharts: [{name: ../..}]\n",
    "configurations: [p.yaml]\n",
    "crds: [p.yaml]\n",
    "openapi: {path: p.yaml}\n",
    "a: &a [*a]\n",
    "{",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_kustomization_is_rendered_or_refused(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..6),
        others in prop::collection::vec(prop::sample::select(PIECES), 0..4),
        is_component in any::<bool>(),
    ) {
        let head = if is_component { "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n" } else { "" };
        let folder = folder(&[
            ("k/kustomization.yaml", &pieces.concat()),
            ("other/kustomization.yaml", &[&[head], others.as_slice()].concat().concat()),
            ("k/p.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {a: [{b: $(V)}], containers: [{image: i}]}\n"),
            ("other/p.yaml", "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {name: q}}]\n"),
        ]);
        render(&folder.path().join("k"));
        read(folder.path(), &Sources::default());
    }
}
