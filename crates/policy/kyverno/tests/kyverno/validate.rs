//! Rules that validate.

use probity_kubernetes::kind::GroupVersionKind;
use probity_model::Value;
use probity_policy_kyverno::{Offline, Operation, Policy, Request, Status, Surroundings, UserInfo};

use crate::support::{MATCH, exception, judge, pod, policy_with, said, validating, value};

const TWO: &str = "spec:\n  hostNetwork: true\n  containers:\n  - {name: a, image: 'nginx:1', securityContext: \
                   {runAsNonRoot: true}}\n  - {name: b, image: 'redis', resources: {limits: {memory: 2Gi}}}\n";

#[test]
fn patterns_pass_fail_and_skip() {
    let failed = |path: &str| format!("validation error: rule r failed at path {path}");
    for (pattern, status, message) in [
        ("metadata: {labels: {app: web}}", "pass", "validation rule 'r' passed.".to_owned()),
        ("metadata: {labels: {'?*': 'w*'}}", "pass", "validation rule 'r' passed.".to_owned()),
        ("metadata: {labels: {app: shop}}", "fail", failed("/metadata/labels/app/")),
        ("metadata: {labels: {team: '?*'}}", "fail", failed("/metadata/labels/team/")),
        ("spec: {containers: [{image: '*:*'}]}", "fail", failed("/spec/containers/1/image/")),
        ("spec: {containers: [{(name): a, image: '*:*'}]}", "pass", "validation rule 'r' passed.".to_owned()),
        ("spec: {=(hostNetwork): false}", "fail", failed("/spec/hostNetwork/")),
        ("spec: {=(hostPID): false}", "pass", "validation rule 'r' passed.".to_owned()),
        ("spec: {X(hostNetwork): 'null'}", "fail", failed("/spec/hostNetwork/")),
        ("spec: {X(hostPID): 'null'}", "pass", "validation rule 'r' passed.".to_owned()),
        (
            "spec: {^(containers): [{name: b}], =(initContainers): [{name: c}]}",
            "pass",
            "validation rule 'r' passed.".to_owned(),
        ),
        ("spec: {^(containers): [{name: c}]}", "fail", failed("/spec/containers/")),
        (
            "spec: {containers: [{(name): c, image: x}]}",
            "skip",
            "conditional anchor mismatch: resource value 'a' does not match 'c' at path /spec/containers/0/name/; \
             conditional anchor mismatch: resource value 'b' does not match 'c' at path /spec/containers/1/name/"
                .to_owned(),
        ),
        ("spec: {<(hostPID): true, hostNetwork: false}", "fail", failed("/spec/hostNetwork/")),
        (
            "spec: {containers: [{=(resources): {limits: {memory: '<=4Gi'}}}]}",
            "pass",
            "validation rule 'r' passed.".to_owned(),
        ),
        (
            "spec: {containers: [{=(resources): {limits: {memory: 1Gi-1500Mi}}}]}",
            "fail",
            failed("/spec/containers/1/resources/limits/memory/"),
        ),
    ] {
        let policy = validating(&format!("      pattern: {{ {pattern} }}\n"));
        let expected = (status.to_owned(), message);
        assert_eq!(said(&policy, &Request::of_object(&pod(TWO))), expected, "{pattern}");
    }
}

#[test]
fn an_operation_given_from_outside_is_what_variables_see() {
    let policy = validating(
        "      deny: { conditions: { any: [{key: '{{ request.object.metadata.name }}', operator: Equals, value: old}] } }\n",
    );
    let old = value("{apiVersion: v1, kind: Pod, metadata: {name: old}}");
    let update = Request { old_object: Some(old), operation: Operation::Update, ..Request::of_object(&pod(TWO)) };
    let path = vec!["request".into(), "operation".into()];
    for (given, expected) in [(vec![], "pass"), (vec![(path, "DELETE".into())], "fail")] {
        let request = Request { values: given.clone(), ..update.clone() };
        assert_eq!(said(&policy, &request).0, expected, "{given:?}");
    }
}

#[test]
fn messages_are_worded_as_kyverno_does() {
    let request = Request::of_object(&pod(TWO));
    for (validate, expected) in [
        (
            "message: 'Bad {{ request.object.metadata.name }}'\n      pattern: {spec: {hostNetwork: false}}",
            "validation error: Bad web. rule r failed at path /spec/hostNetwork/",
        ),
        (
            "message: 'Ends.'\n      pattern: {spec: {hostNetwork: false}}",
            "validation error: Ends. rule r failed at path /spec/hostNetwork/",
        ),
        (
            "message: '{{ request.nothing }}'\n      pattern: {spec: {hostNetwork: false}}",
            "validation error: variables substitution error in rule r execution error: resource value 'true' does not match 'false' at path /spec/hostNetwork/",
        ),
        (
            "message: Any\n      anyPattern: [{spec: {hostNetwork: false}}, {spec: {hostPID: true}}]",
            "validation error: Any. rule r[0] failed at path /spec/hostNetwork/ rule r[1] failed at path /spec/hostPID/",
        ),
        ("deny: {}", "validation error: rule r failed"),
        (
            "message: Not so\n      deny: {conditions: {any: [{key: a, operator: Equals, value: a, message: 'a is {{ request.operation }}'}]}}",
            "Not so; a is CREATE",
        ),
        (
            "message: '{{ request.object.spec.hostNetwork }}'\n      deny: {}",
            "the produced message didn't resolve to a string, check your policy definition.",
        ),
        (
            "message: Loop\n      foreach: [{list: request.object.spec.containers, pattern: {image: '*:*'}}]",
            "validation failure: validation error: Loop. rule r failed at path /image/",
        ),
    ] {
        let policy = validating(&format!("      {validate}\n"));
        assert_eq!(said(&policy, &request), ("fail".to_owned(), expected.to_owned()), "{validate}");
    }
}

#[test]
fn conditions_have_all_operators() {
    let request = Request::of_object(&pod(TWO));
    for (condition, holds) in [
        ("key: 1, operator: Equals, value: '1'", true),
        ("key: '1000m', operator: Equals, value: '1'", true),
        ("key: 'abc', operator: equals, value: 'a*'", true),
        ("key: '1h', operator: Equals, value: 3600", true),
        ("key: '{{ request.object.spec.hostNetwork }}', operator: Equals, value: true", true),
        ("key: null, operator: Equals, value: null", false),
        ("key: null, operator: NotEquals, value: a", false),
        ("key: 1, operator: NotEquals, value: x", true),
        ("key: a, operator: In, value: [a, b]", true),
        ("key: [a, c], operator: NotIn, value: [a, b]", true),
        ("key: [a, c], operator: AnyIn, value: [b, 'c*']", true),
        ("key: 'nginx:*', operator: AnyIn, value: ['nginx:1']", true),
        ("key: [1, 20], operator: AnyIn, value: 10-30", true),
        ("key: [1, 20], operator: AllIn, value: 10-30", false),
        ("key: [1, 20], operator: AnyNotIn, value: 10-30", true),
        ("key: [1, 2], operator: AllNotIn, value: 10-30", true),
        ("key: [], operator: AnyIn, value: []", false),
        ("key: [], operator: AllIn, value: [a]", true),
        ("key: a, operator: AnyIn, value: '[\"a\", \"b\"]'", true),
        ("key: a, operator: AllNotIn, value: 5", false),
        ("key: 10, operator: GreaterThan, value: '9'", true),
        ("key: 1Gi, operator: LessThan, value: 2000Mi", true),
        ("key: '1.2.3', operator: GreaterThanOrEquals, value: '1.2.3'", true),
        ("key: 90s, operator: LessThanOrEquals, value: 2m", true),
        ("key: 10, operator: greaterthan, value: 9", false),
        ("key: 2h, operator: DurationGreaterThan, value: 3600", true),
        ("key: 1, operator: DurationLessThan, value: 1s", false),
    ] {
        let policy = validating(&format!("      deny: {{conditions: {{all: [{{{condition}}}]}}}}\n"));
        let expected = if holds { "fail" } else { "pass" };
        assert_eq!(said(&policy, &request).0, expected, "{condition}");
    }
}

#[test]
fn variables_keep_their_kind_and_are_put_in_again() {
    let rules = format!(
        "  - name: r\n{MATCH}    context:\n    - {{name: first, variable: {{value: '{{{{ request.object.spec.containers }}}}', \
         jmesPath: '[0]'}}}}\n    - {{name: field, variable: {{value: image}}}}\n    - {{name: none, variable: {{jmesPath: \
         request.object.none, default: ['{{{{ field }}}}']}}}}\n    validate:\n      deny:\n        conditions:\n          all:\n"
    );
    let request = Request::of_object(&pod(TWO));
    for (condition, holds) in [
        ("key: '{{ first.name }}', operator: Equals, value: a", true),
        ("key: '{{ first.{{ field }} }}', operator: Equals, value: nginx:1", true),
        ("key: 'x{{ first.name }}{{ first.name }}', operator: Equals, value: xaa", true),
        ("key: '{{ none }}', operator: Equals, value: [image]", true),
        ("key: 'x {{ none }}', operator: Equals, value: 'x [\"image\"]'", true),
        ("key: '\\{{ first }}', operator: Equals, value: '\\{{ first }}'", true),
        ("key: '{{ request.object.none || `5` }}', operator: Equals, value: 5", true),
        ("key: '{{ to_string(`7`) }}', operator: Equals, value: '7'", true),
        ("key: '{{- first.name }}', operator: Equals, value: a", true),
        ("key: '$(./../value)', operator: Equals, value: x", false),
    ] {
        let policy = policy_with("", &format!("{rules}          - {{{condition}}}\n"));
        let status = said(&policy, &request).0;
        // A reference that leads nowhere is an error.
        let expected = if holds { "fail" } else { "error" };
        assert_eq!(status, expected, "{condition}");
    }
}

#[test]
fn what_goes_is_the_old_object() {
    let policy = validating(
        "      deny: {conditions: {all: [{key: '{{ request.object.metadata.name }}', operator: Equals, value: web}]}}\n",
    );
    assert_eq!(said(&policy, &Request::to_delete(&pod(TWO))).0, "fail");
    let policy = validating("      pattern: {spec: {hostNetwork: false}}\n");
    assert_eq!(said(&policy, &Request::to_delete(&pod(TWO))).0, "", "patterns have nothing to look at");
}

#[test]
fn loops_nest_and_skip_what_is_not_there() {
    let request = Request::of_object(&pod(
        "spec:\n  containers:\n  - {name: a, env: [{name: X, value: '1'}]}\n  - {name: b, env: [{name: PASSWORD}]}\n",
    ));
    for (foreach, status) in [
        ("[{list: request.object.spec.none, deny: {}}]", ""),
        (
            "[{list: request.object.spec.containers, deny: {conditions: {all: [{key: '{{ element.name }}{{ elementIndex }}', operator: Equals, value: b1}]}}}]",
            "fail",
        ),
        (
            "[{list: 'request.object.spec.containers[].name', deny: {conditions: {all: [{key: '{{ element }}', operator: Equals, value: c}]}}}]",
            "pass",
        ),
        (
            "[{list: request.object.spec.containers, foreach: [{list: element0.env, deny: {conditions: {all: [{key: '{{ element1.name }}', operator: Equals, value: PASSWORD}]}}}]}]",
            "fail",
        ),
        ("[{list: request.object.spec.containers, elementScope: false, pattern: {metadata: {name: web}}}]", "pass"),
        ("[{list: 'request.object.spec.containers[].name', elementScope: true, pattern: {a: b}}]", "error"),
        (
            "[{list: request.object.spec.containers, preconditions: {all: [{key: '{{ element.name }}', operator: Equals, value: a}]}, deny: {conditions: {all: [{key: '{{ element.env[0].name }}', operator: Equals, value: PASSWORD}]}}}]",
            "pass",
        ),
    ] {
        let policy = validating(&format!("      foreach: {foreach}\n"));
        assert_eq!(said(&policy, &request).0, status, "{foreach}");
    }
}

#[test]
fn match_and_exclude_take_what_they_say() {
    let pod = pod(TWO);
    let alice = UserInfo { username: "alice".into(), groups: vec!["dev".into()], ..UserInfo::default() };
    for (matching, exclude, with_user, is_judged) in [
        ("any: [{resources: {kinds: [v1/Pod], names: ['w*'], namespaces: [sh?p]}}]", "", false, true),
        ("any: [{resources: {kinds: [Pod], selector: {matchLabels: {app: 'w*'}}}}]", "", false, true),
        ("all: [{resources: {kinds: [Pod]}}, {resources: {namespaces: [other]}}]", "", false, false),
        ("any: [{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {env: prod}}}}]", "", false, true),
        ("any: [{resources: {kinds: [Pod], operations: [UPDATE]}}]", "", false, false),
        ("any: [{resources: {kinds: [Pod]}, subjects: [{kind: User, name: bob}]}]", "", false, true),
        ("any: [{resources: {kinds: [Pod]}, subjects: [{kind: User, name: bob}]}]", "", true, false),
        ("any: [{resources: {kinds: [Pod]}, subjects: [{kind: Group, name: d*}]}]", "", true, true),
        ("any: [{resources: {kinds: [Pod]}, clusterRoles: [admin]}]", "", true, false),
        ("resources: {kinds: [Pod]}", "any: [{resources: {namespaces: [shop]}}]", false, false),
        (
            "resources: {kinds: [Pod]}",
            "all: [{resources: {namespaces: [shop]}}, {resources: {names: [x]}}]",
            false,
            true,
        ),
        ("resources: {kinds: [Pod]}", "any: [{subjects: [{kind: User, name: alice}]}]", true, false),
        ("any: [{resources: {kinds: ['*/status']}}]", "", false, false),
    ] {
        let exclude = if exclude.is_empty() { String::new() } else { format!("    exclude: {{{exclude}}}\n") };
        let policy = policy_with(
            "",
            &format!("  - name: r\n    match: {{{matching}}}\n{exclude}    validate: {{deny: {{}}}}\n"),
        );
        let labels = value("{env: prod}").as_object().cloned().unwrap();
        let user = with_user.then(|| alice.clone());
        let request = Request { namespace_labels: labels, user, ..Request::of_object(&pod) };
        assert_eq!(judge(&policy, &request).len(), usize::from(is_judged), "{matching} {exclude} {with_user}");
    }
}

#[test]
fn subresources_are_asked_for_by_name() {
    let policy = policy_with(
        "",
        "  - name: r\n    match: {any: [{resources: {kinds: [Pod/exec]}}]}\n    validate: {deny: {}}\n",
    );
    let options = value("{apiVersion: v1, kind: PodExecOptions, metadata: {name: web}}");
    let gvk = GroupVersionKind::new("v1", "Pod");
    let request =
        Request { gvk, subresource: "exec".into(), operation: Operation::Connect, ..Request::of_object(&options) };
    assert_eq!(judge(&policy, &request).len(), 1);
    assert_eq!(judge(&policy, &Request::of_object(&options)).len(), 0);
}

fn deployment(image: &str) -> Value {
    value(&format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec:\n  template:\n    metadata: {{labels: {{app: d}}}}\n    \
         spec: {{containers: [{{name: a, image: '{image}'}}]}}\n"
    ))
}

fn cron_job(image: &str) -> Value {
    value(&format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: c}}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        \
         spec: {{containers: [{{name: a, image: '{image}'}}]}}\n"
    ))
}

#[test]
fn rules_on_pods_are_made_into_rules_on_their_controllers() {
    let policy = validating("      message: m\n      pattern: {spec: {containers: [{image: '!*:latest'}]}}\n");
    for (object, name, path) in [
        (deployment("a:latest"), "autogen-r", "/spec/template/spec/containers/0/image/"),
        (cron_job("a:latest"), "autogen-cronjob-r", "/spec/jobTemplate/spec/template/spec/containers/0/image/"),
    ] {
        let rules = judge(&policy, &Request::of_object(&object));
        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].name.as_str(), rules[0].status), (name, Status::Fail));
        assert_eq!(rules[0].message, format!("validation error: m. rule {name} failed at path {path}"));
    }
    let policy = validating(
        "      message: '{{ request.object.spec.containers[0].image }}'\n      deny: {conditions: {all: [{key: '{{ \
         request.object.metadata.labels.app }}', operator: Equals, value: d}]}}\n",
    );
    assert_eq!(said(&policy, &Request::of_object(&deployment("x"))), ("fail".to_owned(), "x".to_owned()));
}

fn generated(annotations: &str, matching: &str) -> Vec<&'static str> {
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: p\n  annotations: {{{annotations}}}\nspec:\n  rules:\n  - \
         name: r\n    match: {{any: [{{resources: {{{matching}}}}}]}}\n    validate: {{pattern: {{spec: {{a: b}}}}}}\n"
    );
    let policy: Policy = crate::support::try_policy(&text).unwrap();
    let kinds = ["Pod", "Deployment", "Job", "CronJob"];
    let is_generated = |kind: &&str| policy.rules_for(kind).any(|rule| rule.name.starts_with("autogen-"));
    kinds.into_iter().filter(is_generated).collect()
}

#[test]
fn the_annotation_says_for_which_controllers() {
    const KEY: &str = "pod-policies.kyverno.io/autogen-controllers";
    for (annotation, matching, expected) in [
        (String::new(), "kinds: [Pod]", &["Deployment", "Job", "CronJob"][..]),
        (format!("{KEY}: none"), "kinds: [Pod]", &[]),
        (format!("{KEY}: 'Deployment,CronJob'"), "kinds: [Pod]", &["Deployment", "CronJob"]),
        (String::new(), "kinds: [Pod], names: [a]", &[]),
        (String::new(), "kinds: [Pod, Deployment]", &[]),
        (String::new(), "kinds: [ConfigMap]", &[]),
        (String::new(), "kinds: [Pod], namespaces: [a]", &["Deployment", "Job", "CronJob"]),
    ] {
        assert_eq!(generated(&annotation, matching), expected, "{annotation} {matching}");
    }
}

#[test]
fn exceptions_skip_rules() {
    let policy = validating("      pattern: {spec: {hostNetwork: false}}\n");
    let text = |names: &str, conditions: &str| {
        format!(
            "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {{name: e, namespace: ops}}\nspec:\n  match: {{any: \
             [{{resources: {{kinds: [Pod], names: [web]}}}}]}}\n  exceptions: [{{policyName: p, ruleNames: [{names}]}}]\n{conditions}"
        )
    };
    let request = Request::of_object(&pod(TWO));
    for (names, conditions, status) in [
        ("r", "", Status::Skip),
        ("'*'", "", Status::Skip),
        ("other", "", Status::Fail),
        (
            "r",
            "  conditions: {all: [{key: '{{ request.operation }}', operator: Equals, value: UPDATE}]}\n",
            Status::Fail,
        ),
    ] {
        let exceptions = [exception(&text(names, conditions))];
        let around = Surroundings { host: &Offline, exceptions: &exceptions };
        let rules = policy.validate(&request, around).rules;
        assert_eq!(rules[0].status, status, "{names} {conditions}");
        assert_eq!(rules[0].exceptions.len(), usize::from(status == Status::Skip));
    }
}

#[test]
fn what_was_so_before_is_let_through() {
    let enforced = |rest: &str| {
        validating(&format!("      failureAction: Enforce\n{rest}      pattern: {{spec: {{hostNetwork: false}}}}\n"))
    };
    let good = pod("spec: {hostNetwork: false}\n");
    for (policy, old, status) in [
        (enforced(""), pod(TWO), "skip"),
        (enforced(""), good.clone(), "fail"),
        (enforced("      allowExistingViolations: false\n"), pod(TWO), "fail"),
    ] {
        let request = Request { old_object: Some(old), operation: Operation::Update, ..Request::of_object(&pod(TWO)) };
        assert_eq!(said(&policy, &request).0, status);
    }
}

#[test]
fn only_the_first_rule_that_applies_counts_when_asked_so() {
    let rules = format!(
        "  - name: none\n    match: {{any: [{{resources: {{kinds: [Service]}}}}]}}\n    validate: {{deny: {{}}}}\n  - name: \
         skipped\n{MATCH}    preconditions: {{all: [{{key: a, operator: Equals, value: b}}]}}\n    validate: {{deny: {{}}}}\n  - name: \
         first\n{MATCH}    validate: {{deny: {{}}}}\n  - name: second\n{MATCH}    validate: {{deny: {{}}}}\n"
    );
    let names = |spec: &str| -> Vec<String> {
        let rules = judge(&policy_with(spec, &rules), &Request::of_object(&pod(TWO)));
        rules.into_iter().map(|rule| rule.name.to_string()).collect()
    };
    assert_eq!(names("  applyRules: One\n"), ["skipped", "first"]);
    assert_eq!(names(""), ["skipped", "first", "second"]);
}

#[test]
fn cel_says_what_must_hold() {
    let policy = validating(
        "      message: No host network\n      cel:\n        variables: [{name: spec, expression: object.spec}]\n        expressions:\n        \
         - {expression: '!variables.spec.hostNetwork'}\n",
    );
    assert_eq!(said(&policy, &Request::of_object(&pod(TWO))), ("fail".to_owned(), "No host network".to_owned()));
    let policy = policy_with(
        "",
        &format!(
            "  - name: r\n{MATCH}    celPreconditions: [{{name: a, expression: 'object.metadata.name == \"x\"'}}]\n    validate: {{cel: \
             {{expressions: [{{expression: 'false'}}]}}}}\n"
        ),
    );
    assert_eq!(said(&policy, &Request::of_object(&pod(TWO))).0, "skip");
}

#[test]
fn images_that_must_be_signed_are_not_let_through() {
    let policy = policy_with(
        "",
        &format!(
            "  - name: r\n{MATCH}    verifyImages:\n    - {{imageReferences: ['docker.io/redis*'], attestors: [{{entries: [{{keys: \
             {{publicKeys: x}}}}]}}]}}\n"
        ),
    );
    let around = Surroundings { host: &Offline, exceptions: &[] };
    let request = Request::of_object(&pod(TWO));
    let rules = policy.verify_images(&request, around).rules;
    let messages: Vec<(&str, Status)> = rules.iter().map(|rule| (rule.message.as_str(), rule.status)).collect();
    let message = "failed to verify image docker.io/redis:latest: its signatures could not be verified here";
    assert_eq!(messages, [(message, Status::Fail)]);
    let rules = judge(&policy, &request);
    assert_eq!(rules[0].message, "missing digest for docker.io/redis:latest");
}

#[test]
fn assertion_trees_are_about_the_request() {
    let request = Request::of_object(&pod(TWO));
    for (tree, status) in [
        ("object: {spec: {hostNetwork: true}}", "pass"),
        ("object: {spec: {hostNetwork: false}}", "fail"),
        ("object: {spec: {none: true}}", "fail"),
        ("object: {spec: {(length(containers)): 2}}", "pass"),
        ("object: {spec: {\"(containers[?image == 'redis'])->found\": {(length(@)): 1}}}", "pass"),
        ("object: {spec: {'~i.containers': {(length(name) > `0`): true}}}", "pass"),
        ("object: {'metadata->about': {(labels.app): ($about.labels.app)}}", "pass"),
        ("object: {metadata: {labels: {app: (to_string('web'))}}}", "pass"),
        ("operation: DELETE", "fail"),
    ] {
        let policy = validating(&format!("      assert: {{{tree}}}\n"));
        assert_eq!(said(&policy, &request).0, status, "{tree}");
    }
    let policy = validating("      message: Not so\n      assert: {operation: DELETE}\n");
    let expected = "Not so; operation: Invalid value: \"CREATE\": Expected value: \"DELETE\"";
    assert_eq!(said(&policy, &request).1, expected);
}
