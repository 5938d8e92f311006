//! `ValidatingPolicy` in the modes HTTP and Envoy.

use probity_model::node::Node;
use probity_policy_kyverno::Host;
use probity_policy_kyverno::cel::{CelPolicies, Protocol};

use crate::support::{documents, value};

/// A host that has the time.
struct Clock;

impl probity_policy_jmespath::Host for Clock {
    fn now_ns(&self) -> Result<i64, String> {
        Ok(1_764_000_000_000_000_000)
    }

    fn random(&self, _: &mut [u8]) -> Result<(), String> {
        Err("no".to_owned())
    }
}

impl Host for Clock {}

fn read(mode: &str, says: &str) -> Result<CelPolicies, String> {
    let text = format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {{name: p}}\nspec:\n  evaluation: {{mode: \
         {mode}}}\n{says}"
    );
    let documents = documents(&text);
    let nodes: Vec<Node<'_>> = documents.iter().map(|document| Node::root(&document.value, document.span)).collect();
    CelPolicies::read(&nodes).map_err(|problems| problems[0].message.clone())
}

/// Status and message of what a policy answers.
fn answered(protocol: Protocol, says: &str, request: &str) -> String {
    let mode = if protocol == Protocol::Http { "HTTP" } else { "Envoy" };
    let policies = read(mode, says).unwrap_or_else(|problem| panic!("{says}: {problem}"));
    let applied = policies.answer(protocol, &value(request), &Clock);
    let rule = &applied.responses[0].response.rules[0];
    format!("{}: {}", rule.status.as_str(), rule.message)
}

fn rules(expressions: &[&str]) -> String {
    let rules: Vec<String> = expressions.iter().map(|text| format!("  - expression: >-\n      {text}\n")).collect();
    format!("  validations:\n{}", rules.concat())
}

const REQUEST: &str = "{attributes: {method: GET, path: /api, HOST: a.example, body: aGVsbG8=, contentLength: 5, header: \
                       {X-Id: ['7', '8']}, query: {q: [x]}, unheard: 1}}";

#[test]
fn servers_are_answered() {
    for (expressions, expected) in [
        (&["http.Allowed().Response()"][..], "pass: request allowed"),
        (&["http.Denied(\"no\").Response()"], "fail: request denied, reason: no"),
        (&["null", "http.Allowed().Response()"], "pass: request allowed"),
        (&["null"], "skip: request does not match"),
        (
            &["object.attributes.method == \"GET\" ? http.Denied(object.attributes.path).Response() : null"],
            "fail: request denied, reason: /api",
        ),
        (
            &["http.Denied(object.attributes.Header(\"x-ID\")[1] + object.attributes.QueryParam(\"q\")[0]).Response()"],
            "fail: request denied, reason: 8x",
        ),
        (
            &["http.Denied(string(size(object.attributes.Header(\"none\")))).Response()"],
            "fail: request denied, reason: 0",
        ),
        (
            &["http.Denied(object.attributes.host + string(object.attributes.body)).Response()"],
            "fail: request denied, reason: a.examplehello",
        ),
        // What is not set has the zero value of its type, and is not there.
        (
            &["has(object.attributes.scheme) ? null : http.Denied(\"-\" + object.attributes.scheme).Response()"],
            "fail: request denied, reason: -",
        ),
        (&["http.Denied(object.attributes.header[\"x\"][0]).Response()"], "error: no such key: x"),
        (&["http.Denied(json.Unmarshal(\"{\\\"a\\\": \\\"b\\\"}\").a).Response()"], "fail: request denied, reason: b"),
    ] {
        assert_eq!(answered(Protocol::Http, &rules(expressions), REQUEST), expected, "{expressions:?}");
    }
    let ignored =
        format!("  failurePolicy: Ignore\n{}", rules(&["http.Denied(object.attributes.header[\"x\"][0]).Response()"]));
    assert_eq!(answered(Protocol::Http, &ignored, REQUEST), "skip: request does not match");
    let condition = "  matchConditions: [{name: m, expression: 'object.attributes.path == \"/other\"'}]\n";
    let others = format!("{condition}{}", rules(&["http.Denied(\"no\").Response()"]));
    assert_eq!(answered(Protocol::Http, &others, REQUEST), "skip: request does not match");
}

const ROLES: &str = "  variables:
  - name: authorization
    expression: object.attributes.request.http.headers[?\"authorization\"].orValue(\"\").split(\" \")
  - name: token
    expression: >-
      size(variables.authorization) == 2 && variables.authorization[0].lowerAscii() == \"bearer\"
      ? jwt.Decode(variables.authorization[1], \"secret\") : null
  validations:
  - expression: 'variables.token == null || !variables.token.Valid ? envoy.Denied(401).Response() : null'
  - expression: 'variables.token.Claims.?role.orValue(\"\") != \"admin\" ? envoy.Denied(403).Response() : null'
  - expression: envoy.Allowed().Response()
";

/// `{"alg":"HS256"}`, the claims and their signature, by the key `secret`.
fn token(claims: &str) -> String {
    use base64::Engine as _;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.as_bytes()));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", encode(&mac.finalize().into_bytes()))
}

#[test]
fn envoy_is_answered() {
    let with = |authorization: &str| {
        format!("{{attributes: {{request: {{http: {{headers: {{authorization: '{authorization}'}}}}}}}}}}")
    };
    let admin = token(r#"{"role":"admin","exp":1764000001}"#);
    for (authorization, expected) in [
        (String::new(), "fail: request denied with status code 401"),
        (format!("Bearer {admin}"), "pass: request allowed"),
        (format!("bearer {}", token(r#"{"role":"guest"}"#)), "fail: request denied with status code 403"),
        (
            format!("bearer {}", token(r#"{"role":"admin","exp":1764000000}"#)),
            "fail: request denied with status code 401",
        ),
        (
            format!("bearer {}", token(r#"{"role":"admin","nbf":1764000001}"#)),
            "fail: request denied with status code 401",
        ),
        (format!("bearer {}x", &admin[..admin.len() - 1]), "error: composited variable"),
        ("bearer a.b.c".to_owned(), "error: composited variable"),
    ] {
        let found = answered(Protocol::Envoy, ROLES, &with(&authorization));
        assert!(found.starts_with(expected), "{authorization}: {found}");
    }
}

#[test]
fn requests_of_envoy_are_messages() {
    let request = "{attributes: {source: {address: {socketAddress: {portValue: 80}}}, request: {time: \
                   '2026-11-26T00:00:00Z', http: {method: GET, rawBody: aGk=, size: '12'}}, contextExtensions: {a: b}, \
                   metadata_context: {filter_metadata: {x: {z: 1}}}}}";
    for expression in [
        "object.attributes.source.address.socket_address.port_value == 80u",
        "object.attributes.source.principal == \"\" && !has(object.attributes.source.principal)",
        "object.attributes.request.http.size == 12",
        "string(object.attributes.request.http.raw_body) == \"hi\"",
        "object.attributes.context_extensions[\"a\"] == \"b\"",
        "object.attributes.metadata_context.filter_metadata[\"x\"].z == 1.0",
        "object.attributes.request.time.getFullYear() == 2026",
        "has(object.attributes.request) && !has(object.attributes.tls_session)",
        "object.attributes.tls_session.sni == \"\" && object.attributes.?tls_session.sni.orValue(\"none\") == \"none\"",
    ] {
        let rule = format!("({expression}) ? envoy.Allowed().Response() : envoy.Denied(403).Response()");
        assert_eq!(answered(Protocol::Envoy, &rules(&[&rule]), request), "pass: request allowed", "{expression}");
    }
    let allowed = rules(&["envoy.Allowed().Response()"]);
    let found = answered(Protocol::Envoy, &allowed, "{attributes: {unheard: 1}}");
    assert!(found.starts_with("error: this is no request: attributes: unknown field `unheard`"), "{found}");
    let built = "envoy.Allowed().WithHeader(\"a\", \"b\").WithHeader(envoy.Header(\"c\", \"d\").KeepEmptyValue())\
                 .WithoutHeader(\"e\").WithResponseHeader(\"f\", \"g\").WithQueryParam(envoy.QueryParam(\"h\", \
                 \"i\")).WithoutQueryParam(\"j\").Response().WithMessage(\"k\").WithMetadata({\"l\": \"m\"})";
    assert_eq!(answered(Protocol::Envoy, &rules(&[built]), request), "pass: request allowed");
    let refused = "envoy.Denied(429).WithBody(\"slow\").WithHeader(\"a\", \"b\").Response()";
    let expected = "fail: request denied with status code 429";
    assert_eq!(answered(Protocol::Envoy, &rules(&[refused]), request), expected);
}

#[test]
fn what_is_no_answer_is_refused_when_it_is_read() {
    for (mode, says, expected) in [
        ("HTTP", rules(&["true"]), "must evaluate to http.CheckResponse"),
        ("HTTP", rules(&["http.Allowed()"]), "must evaluate to http.CheckResponse"),
        ("HTTP", rules(&["envoy.Allowed().Response()"]), "envoy"),
        ("Envoy", rules(&["http.Allowed().Response()"]), "undeclared"),
        ("Envoy", rules(&["object.attributes.request.http.verb == \"\" ? null : null"]), "undefined field"),
        ("Carrier", rules(&["null"]), "`Carrier` is not an evaluation mode"),
    ] {
        let problem = read(mode, &says).expect_err(&says);
        assert!(problem.contains(expected), "{says}: {problem}");
    }
}
