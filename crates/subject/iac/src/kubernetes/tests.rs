use std::collections::BTreeSet;

use probity_model::{Sources, json};
use proptest::prelude::*;

use super::*;

fn read_text(text: &str) -> (Sources, Read) {
    let sources = Sources::default();
    let id = sources.add("k8s/app.yaml", text);
    let read = read(text, id);
    (sources, read)
}

fn addresses(text: &str) -> Vec<String> {
    read_text(text).1.subjects.iter().map(|subject| subject.address.to_string()).collect()
}

fn edges(files: &[(&str, &str)]) -> BTreeSet<String> {
    let sources = Sources::default();
    let mut all = Read::default();
    for (path, text) in files {
        all.append(read(text, sources.add(*path, *text)));
    }
    let name = |NodeIndex(index): NodeIndex| {
        let subject = &all.subjects[index as usize];
        let file = sources.get(subject.span.unwrap().source).unwrap().path.display().to_string();
        if files.len() > 1 { format!("{file}:{}", subject.address) } else { subject.address.to_string() }
    };
    connect(&all.subjects, &sources).into_iter().map(|(a, b)| format!("{} -> {}", name(a), name(b))).collect()
}

use probity_model::NodeIndex;

#[test]
fn objects_are_found_wherever_they_are() {
    for (text, expected) in [
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", vec!["Pod/default/a"]),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-, namespace: x}\n", vec!["Pod/x/a-"]),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: x}\n", vec!["Namespace/a"]),
        ("apiVersion: v1\nkind: Pod\n", vec!["Pod/default/(unnamed)"]),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n# nothing\n---\nkind: 3\nx: y\n---\napiVersion: v1\n\
             kind: Service\nmetadata: {name: b}\n",
            vec!["Pod/default/a", "Service/default/b"],
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {x: 1}\n",
            vec!["Pod/default/a"],
        ),
        ("apiVersion: v1\nkind: PodList\nitems:\n- {metadata: {name: a}}\n", vec!["Pod/default/a"]),
        ("apiVersion: v1\nkind: AllowList\nmetadata: {name: a}\n", vec!["AllowList/default/a"]),
        (r#"{"apiVersion": "v1",	"kind": "Pod", "metadata": {"name": "a"}}"#, vec!["Pod/default/a"]),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a}}\n", vec!["Pod/default/a"]),
        ("kind: Pod\nname: apiVersion\n", vec![]),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: '{{ .Values.name }}'}\n", vec![]),
        (
            "apiVersion: v1\nkind: Rule\nmetadata: {name: a}\nspec: {text: '{{ $labels.pod }}'}\n",
            vec!["Rule/default/a"],
        ),
    ] {
        assert_eq!(addresses(text), expected, "{text}");
    }
}

#[test]
fn what_is_in_the_wrong_place_says_nothing() {
    let pod = |rest: &str| {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:{rest}\n");
        let (_, read) = read_text(&text);
        json::write(&read.subjects[0].document)
    };
    for (rest, expected) in [
        (" [{containers: []}]", r#""spec":"<unknown: "#),
        (" {containers: [{name: b, resources: [{limits: {cpu: 1}}]}]}", r#""resources":"<unknown: "#),
        (" {containers: [{name: b, resources: {limits: [{cpu: 1}]}}]}", r#""limits":"<unknown: "#),
        (" {containers: {name: b}}", r#""containers":"<unknown: "#),
        (" {containers: [{name: b, env: env}]}", r#""env":"<unknown: "#),
        (" {containers: [{name: b, resources: {limits: {cpu: 1}}}]}", r#""limits":{"cpu":1}"#),
    ] {
        assert!(pod(rest).contains(expected), "{}", pod(rest));
    }
}

#[test]
fn a_subject_knows_its_place() {
    let text = "# top\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n\n---\nx: 1\n";
    let (sources, read) = read_text(text);
    let subject = &read.subjects[0];
    assert_eq!(sources.locate(subject.header.unwrap()).unwrap().line, 4);
    let place = sources.locate(subject.span.unwrap()).unwrap();
    assert_eq!((place.line, place.end_line), (3, 6));
    assert_eq!(json::write(&subject.document), r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}"#);
}

#[test]
fn broken_documents_are_problems_and_the_rest_is_read() {
    let pod = |name: &str| format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n");
    let text = format!("{}---\na: [1\nb: 2\n---\n{}---\n\tc: \"\n", pod("a"), pod("b"));
    let (sources, read) = read_text(&text);
    let found: Vec<_> = read.subjects.iter().map(|subject| subject.address.as_str()).collect();
    assert_eq!(found, ["Pod/default/a", "Pod/default/b"]);
    assert_eq!(sources.locate(read.subjects[1].header.unwrap()).unwrap().line, 9);
    assert_eq!(read.problems.len(), 2, "{:?}", read.problems);
    let (_, read) = read_text("a: [1\nb: 2\n");
    assert!(read.problems.is_empty());
    let (_, read) = read_text(&format!("{}{}", pod("a"), "---\na: [1\nb: 2\n".repeat(100)));
    assert_eq!(read.problems.len(), MAX_BROKEN + 1);
    let (_, read) = read_text("apiVersion: v1\nkind: Pod\nspec:\n  replicas: {{ count }}\n  {{- if x }}\n");
    assert!(read.problems.is_empty() && read.subjects.is_empty());
}

#[test]
fn quoted_scalars_need_no_indentation() {
    let text = "apiVersion: v1\nkind: Pod\na: \"x\n\ny \\\n z\"\nb: 'x\ny'\nc: 1\n";
    let (sources, read) = read_text(text);
    assert_eq!(read.problems, []);
    let document = read.subjects[0].document.as_object().unwrap();
    let values = ["a", "b", "c"].map(|key| json::write(document.get(key).unwrap()));
    assert_eq!(values, [r#""x\ny z""#, r#""x y""#, "1"]);
    assert_eq!(sources.locate(document.span("c").unwrap()).unwrap().line, 9);
}

#[test]
fn skips_from_comments_and_annotations() {
    let text = "# checkov:skip=A:above the line\n---\n# probity:skip=B:expires=2027-01-31:below it\napiVersion: apps/v1\n\
                kind: Deployment\nmetadata:\n  name: a\n  annotations:\n    checkov.io/skip1: C=because\n    \
                checkov.io/skip2: D\n    probity.dev/skip: 'E,F: both'\n    probity.dev/skip-2: 3\n    other/skip: X\n\
                spec:\n  template:\n    metadata:\n      annotations:\n        bridgecrew.io/skip: G=pod\n\
                ---\napiVersion: v1\nkind: Pod\n---\n# checkov:skip=H\napiVersion: v1\nkind: Pod\n";
    let (_, read) = read_text(text);
    let skips: Vec<Vec<String>> = read
        .subjects
        .iter()
        .map(|subject| {
            let text =
                |skip: &InlineSkip| format!("{} {}", skip.policies.join("+"), skip.reason.as_deref().unwrap_or("-"));
            subject.skips.iter().map(text).collect()
        })
        .collect();
    assert_eq!(skips, [vec!["A above the line", "B below it", "C because", "D -", "E+F both"], vec![], vec!["H -"]]);
    assert_eq!(read.problems.len(), 1);
    assert!(read.subjects.iter().flat_map(|subject| &subject.skips).all(|skip| skip.span.is_some()));
}

#[test]
fn references() {
    let text = r"
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {template: {
  metadata: {labels: {app: web, tier: front}},
  spec: {serviceAccountName: runner, imagePullSecrets: [{name: pull}],
    volumes: [{configMap: {name: conf}}, {secret: {secretName: key}}, {persistentVolumeClaim: {claimName: disk}},
              {projected: {sources: [{secret: {name: projected}}]}}],
    containers: [{env: [{valueFrom: {secretKeyRef: {name: env}}}], envFrom: [{configMapRef: {name: all}}]}]}}}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: runner}}
---
{apiVersion: v1, kind: Secret, metadata: {name: pull}}
---
{apiVersion: v1, kind: Secret, metadata: {name: key}}
---
{apiVersion: v1, kind: Secret, metadata: {name: projected}}
---
{apiVersion: v1, kind: Secret, metadata: {name: env}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: conf}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: all}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: all, namespace: other}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: disk}, spec: {volumeName: vol}}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: vol}}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}}}
---
{apiVersion: v1, kind: Service, metadata: {name: headless}, spec: {}}
---
{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: in}, spec: {rules: [{http: {paths: [
  {backend: {service: {name: web}}}, {backend: {serviceName: headless}}]}}]}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: all}, spec: {podSelector: {}}}
---
{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: back}, spec: {podSelector: {matchExpressions: [
  {key: tier, operator: NotIn, values: [front]}]}}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: pdb}, spec: {selector: {matchLabels: {tier: front}}}}
---
{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: hpa}, spec: {scaleTargetRef: {kind: Deployment, name: web}}}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: rb}, roleRef: {kind: ClusterRole, name: cr},
 subjects: [{kind: ServiceAccount, name: runner}, {kind: User, name: runner}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: cr}}
";
    let expected = [
        "Deployment/default/web -> ConfigMap/default/all",
        "Deployment/default/web -> ConfigMap/default/conf",
        "Deployment/default/web -> PersistentVolumeClaim/default/disk",
        "Deployment/default/web -> Secret/default/env",
        "Deployment/default/web -> Secret/default/key",
        "Deployment/default/web -> Secret/default/projected",
        "Deployment/default/web -> Secret/default/pull",
        "Deployment/default/web -> ServiceAccount/default/runner",
        "HorizontalPodAutoscaler/default/hpa -> Deployment/default/web",
        "Ingress/default/in -> Service/default/headless",
        "Ingress/default/in -> Service/default/web",
        "NetworkPolicy/default/all -> Deployment/default/web",
        "PersistentVolumeClaim/default/disk -> PersistentVolume/vol",
        "PodDisruptionBudget/default/pdb -> Deployment/default/web",
        "RoleBinding/default/rb -> ClusterRole/cr",
        "RoleBinding/default/rb -> ServiceAccount/default/runner",
        "Service/default/web -> Deployment/default/web",
    ];
    assert_eq!(edges(&[("app.yaml", text)]), expected.map(String::from).into());
}

#[test]
fn what_is_near_goes_first() {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: a}}, spec: {serviceAccountName: s}}\n";
    let account = "{apiVersion: v1, kind: ServiceAccount, metadata: {name: s}}\n";
    let policy =
        "{apiVersion: v1, kind: NetworkPolicy, metadata: {name: np}, spec: {podSelector: {matchLabels: {app: a}}}}\n";
    let found = edges(&[
        ("dev/pod.yaml", pod),
        ("dev/account.yaml", account),
        ("dev/policy.yaml", policy),
        ("prod/pod.yaml", pod),
        ("shared/account.yaml", account),
        ("shared/policy.yaml", policy),
    ]);
    let expected = [
        "dev/pod.yaml:Pod/default/p -> dev/account.yaml:ServiceAccount/default/s",
        "dev/policy.yaml:NetworkPolicy/default/np -> dev/pod.yaml:Pod/default/p",
        "prod/pod.yaml:Pod/default/p -> dev/account.yaml:ServiceAccount/default/s",
        "prod/pod.yaml:Pod/default/p -> shared/account.yaml:ServiceAccount/default/s",
        "shared/policy.yaml:NetworkPolicy/default/np -> dev/pod.yaml:Pod/default/p",
        "shared/policy.yaml:NetworkPolicy/default/np -> prod/pod.yaml:Pod/default/p",
    ];
    assert_eq!(found, expected.map(String::from).into());
}

#[test]
fn many_objects_with_one_name_do_not_multiply() {
    let mut text = String::new();
    for _ in 0..5_000 {
        text.push_str("---\n{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {serviceAccountName: s}}\n");
        text.push_str("---\n{apiVersion: v1, kind: ServiceAccount, metadata: {name: s}}\n");
    }
    let sources = Sources::default();
    let read = read(&text, sources.add("a.yaml", text.as_str()));
    assert_eq!(connect(&read.subjects, &sources).len(), 5_000 * 256);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        text in "(apiVersion: v1\n|kind: List\n|kind: Pod\n|items:\n|- |metadata:\n|  |name: a\n|spec: |\\{|\\}|ö|---\n|# checkov:skip=|annotations:\n|\\[|\"){0,20}"
    ) {
        let (sources, read) = read_text(&text);
        let _ = connect(&read.subjects, &sources);
    }
}
