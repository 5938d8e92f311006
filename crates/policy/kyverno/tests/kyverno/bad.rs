//! Policies with something wrong: each is told with the policy, the rule and the way to the place.

use crate::support::{MATCH, try_policy};

#[test]
fn what_is_wrong_is_told_with_policy_rule_and_path() {
    let rule = |rest: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  rules:\n  - name: r\n{MATCH}{rest}"
        )
    };
    for (text, message) in [
        (rule("    validate: {patern: {a: b}}\n"), "ClusterPolicy `p`, rule `r`: validate: unknown field `patern`"),
        (
            rule("    validate: {deny: {conditions: {any: [{key: a, operator: Eq, value: b}]}}}\n"),
            "ClusterPolicy `p`, rule `r`: validate.deny.conditions.any[0].operator: `Eq` is no operator",
        ),
        (
            rule("    validate: {pattern: {spec: {x: '{{ a[ }}'}}}\n"),
            "ClusterPolicy `p`, rule `r`: validate.pattern: incorrect query a[: SyntaxError",
        ),
        (
            rule("    validate: {pattern: {spec: {+(x): 1}}}\n"),
            "ClusterPolicy `p`, rule `r`: validate.pattern: unsupported anchor +(x): fields are added by rules that mutate \
             at /spec/+(x)",
        ),
        (
            rule("    validate: {anyPattern: [{spec: {^(x): 1}}]}\n"),
            "ClusterPolicy `p`, rule `r`: validate.anyPattern[0]: anchor ^(x) needs a list with what one of the elements",
        ),
        (
            rule("    exclude: {any: [{resources: {name: a, names: [b]}}]}\n    validate: {deny: {}}\n"),
            "ClusterPolicy `p`, rule `r`: exclude.any[0].resources: `name` and `names` rule each other out",
        ),
        (
            rule("    validate: {foreach: [{list: 'a..b', deny: {}}]}\n"),
            "ClusterPolicy `p`, rule `r`: validate.foreach[0].list: incorrect query a..b",
        ),
        (rule("    validate: {}\n"), "ClusterPolicy `p`, rule `r`: the rule does nothing"),
        (
            rule("    validate: {deny: {}}\n    mutate: {patchStrategicMerge: {a: b}}\n"),
            "ClusterPolicy `p`, rule `r`: the rule has `validate` and `mutate`; it may have only one of them",
        ),
        (
            rule("    validate: {cel: {expressions: [{expression: 'object.x =='}]}}\n"),
            "ClusterPolicy `p`, rule `r`: validate.cel.expressions[0]: ",
        ),
        (
            rule("    context: [{name: x}]\n    validate: {deny: {}}\n"),
            "ClusterPolicy `p`, rule `r`: context[0]: nothing is said of where `x` comes from",
        ),
        (
            rule("    validate: {deny: {}}\n  - name: r\n    match: {}\n    validate: {deny: {}}\n"),
            "ClusterPolicy `p`: there is another rule `r`",
        ),
        (
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rule: []}\n".to_owned(),
            "ClusterPolicy `p`: spec: unknown field `rule`",
        ),
    ] {
        let problems = try_policy(&text).unwrap_err();
        assert!(problems[0].message.starts_with(message), "{}\n{message}", problems[0].message);
        assert!(problems[0].span.is_some(), "{message}");
    }
}
