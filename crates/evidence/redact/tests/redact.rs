//! Secrets of every kind, in everything that carries them, and what must stay.

mod kinds;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kinds::{Planted, planted};
use probity_evidence_redact::{Redactor, Secrets};
use probity_model::value::{Array, Object};
use probity_model::{Key, SourceId, Span, SubjectKind, Value, json};
use proptest::prelude::*;

/// A document that carries a secret, and what it is a document of.
fn carriers(planted: &Planted) -> Vec<(&'static str, SubjectKind, &'static str, Value)> {
    use SubjectKind::{Dockerfile, Kubernetes, Terraform};
    let Planted { name, secret, .. } = planted;
    let script = format!("#!/bin/bash\nset -e\nexport {name}='{secret}'\n./start --verbose\n");
    let encoded = BASE64_STANDARD.encode(&script);
    let in_url = format!("https://api.example.com/v1/items?page=2&{name}={}&size=9", percent(secret));
    let quoted = json::write(&Value::from(secret.as_str()));
    vec![
        (
            "attribute",
            Terraform,
            "aws_instance",
            object([(name.as_str(), secret.as_str().into()), ("ami", "ami-1".into())]),
        ),
        (
            "env",
            Kubernetes,
            "Deployment",
            object([(
                "env",
                Value::array([object([("name", name.as_str().into()), ("value", secret.as_str().into())])]),
            )]),
        ),
        (
            "dockerfile",
            Dockerfile,
            "dockerfile",
            object([
                ("env", object([(name, secret.as_str().into())])),
                ("instructions", Value::array([object([("value", format!("{name}={quoted}").into())])])),
            ]),
        ),
        ("user_data", Terraform, "aws_instance", object([("user_data", script.into())])),
        ("base64", Terraform, "aws_instance", object([("user_data_base64", encoded.clone().into())])),
        ("twice", Terraform, "aws_instance", object([("body", BASE64_STANDARD.encode(encoded).into())])),
        ("url", Kubernetes, "ConfigMap", object([("endpoint", in_url.into())])),
        (
            "json",
            Terraform,
            "x",
            object([("definitions", format!("[{{\"name\":\"{name}\",\"value\":{quoted}}}]").into())]),
        ),
        (
            "yaml",
            Kubernetes,
            "ConfigMap",
            object([("app.yaml", format!("app:\n  {name}: {quoted}\n  port: 1\n").into())]),
        ),
        ("args", Kubernetes, "Pod", object([("args", list(&[&format!("--{name}"), secret, "--verbose"]))])),
        ("arg", Kubernetes, "Pod", object([("command", list(&["run", &format!("--{name}={secret}")]))])),
    ]
}

fn object<K: AsRef<str>, const N: usize>(entries: [(K, Value); N]) -> Value {
    Value::object(entries)
}

fn list(elements: &[&str]) -> Value {
    Value::array(elements.iter().map(|element| Value::from(*element)))
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Fails when anything of the secret is left: as it is, escaped, percent-encoded, or in base64 at any of the three shifts.
fn assert_gone(secret: &str, output: &str, context: &str) {
    if let Some(form) = left(secret, output) {
        panic!("{context}: `{form}` is left in {output}");
    }
}

/// The form of the secret that is left.
fn left(secret: &str, output: &str) -> Option<String> {
    let quoted = json::write(&Value::from(secret));
    let mut forms = vec![secret.to_owned(), quoted[1..quoted.len() - 1].to_owned(), percent(secret)];
    forms.extend(secret.lines().filter(|line| line.len() >= 8 && !line.starts_with("-----")).map(str::to_owned));
    // Half of a secret is too much.
    let half = secret.char_indices().nth(secret.chars().count() / 2).map_or(0, |(at, _)| at);
    if half >= 6 {
        forms.extend([secret[..half].to_owned(), secret[half..].to_owned()]);
    }
    for shift in 0..3 {
        let digits = BASE64_STANDARD.encode([vec![b'x'; shift], secret.as_bytes().to_vec()].concat());
        let own = &digits[[0, 2, 3][shift]..(secret.len() + shift) * 8 / 6];
        if own.len() >= 6 {
            forms.push(own.to_owned());
        }
    }
    forms.into_iter().find(|form| output.contains(form))
}

#[test]
fn planted_secrets_are_taken_out_of_every_carrier() {
    let redactor = Redactor::new();
    let planted = planted();
    assert!(planted.len() >= 60, "{}", planted.len());
    let mut wrong = Vec::new();
    for secret in &planted {
        for (carrier, kind, resource_type, document) in carriers(secret) {
            let context = format!("{} in {carrier}", secret.what);
            let redacted = redactor.document(kind, resource_type, &document);
            let output = json::write(&redacted.value);
            if let Some(form) = left(&secret.secret, &output) {
                wrong.push(format!("{context}: `{form}` is left in {output}"));
                continue;
            }
            let message = format!("value \"{}\" is not allowed", secret.secret);
            if let Some(form) = left(&secret.secret, &redactor.text(&message, &redacted.secrets)) {
                wrong.push(format!("message after {context}: `{form}` is left"));
            }
            let again = redactor.document(kind, resource_type, &redacted.value);
            if redacted.redactions.is_empty() || again.value != redacted.value || !again.redactions.is_empty() {
                wrong.push(format!("{context}: again {:?} {:?} was {output}", again.redactions, again.value));
            }
        }
        let text = format!("the value {} at main.tf:3", secret.secret);
        if secret.has_form
            && let Some(form) = left(&secret.secret, &redactor.text(&text, &Secrets::new()))
        {
            wrong.push(format!("{} in a text: `{form}` is left", secret.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Texts in which `SECRET` stands for one that only its place gives away.
const PLACES: &[&str] = &[
    "machine example.com login me password SECRET",
    "machine example.com\n  login me\n  password SECRET\n",
    "db.example.com:5432:orders:app:SECRET",
    "[client]\nuser = root\npassword = SECRET\n",
    "<user>me</user><password>SECRET</password>",
    "<add key=\"DbPassword\" value=\"SECRET\" />",
    "env:\n  - name: DB_PASSWORD\n    value: SECRET\n",
    "env:\n  - name: DB_PASSWORD\n    value: \"SECRET\"\n",
    "password: |\n  SECRET\nuser: me\n",
    "password: >-\n    SECRET\n",
    "passwords:\n  - SECRET\n  - other-one\n",
    "password: SECRET # the old one\n",
    "\"password\" : \"SECRET\",",
    "{\\\"password\\\":\\\"SECRET\\\"}",
    "{'client_secret': 'SECRET'}",
    ":secret_key => 'SECRET'",
    "password := \"SECRET\"",
    "Server=tcp:db,1433;User ID=me;Password=SECRET;Encrypt=True",
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=SECRET;EndpointSuffix=core.windows.net",
    "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=SECRET",
    "postgres://app:SECRET@db.example.com:5432/orders?sslmode=require",
    "redis://:SECRET@cache:6379/0",
    "mongodb+srv://me:SECRET@cluster/db",
    "app:SECRET@tcp(db:3306)/orders",
    "git clone https://oauth2:SECRET@gitlab.com/a/b.git",
    "curl -H 'Authorization: Bearer SECRET' https://a",
    "curl -H \"X-Api-Key: SECRET\" https://a",
    "curl -u me:SECRET https://a",
    "wget --password=SECRET https://a",
    "wget --password SECRET https://a",
    "mysql -h db -u root -pSECRET orders",
    "PGPASSWORD=SECRET psql -h db",
    "PGPASSWORD='SECRET' psql -h db",
    "export DB_PASSWORD=\"SECRET\"",
    "set DB_PASSWORD=SECRET",
    "ENV DB_PASSWORD SECRET",
    "ENV A=b DB_PASSWORD=SECRET C=d",
    "ARG NPM_TOKEN=SECRET",
    "//registry.npmjs.org/:_authToken=SECRET",
    "spring.datasource.password=SECRET",
    "requirepass SECRET",
    "CREATE USER app IDENTIFIED BY 'SECRET';",
    "ALTER USER app WITH PASSWORD 'SECRET';",
    "echo 'root:SECRET' | chpasswd",
    "echo SECRET | docker login -u me --password-stdin",
    "docker login -u me -p SECRET registry",
    "sshpass -p 'SECRET' ssh host",
    "redis-cli -a SECRET ping",
    "htpasswd -cb /etc/nginx/htpasswd admin SECRET",
    "the password \"SECRET\" is too short",
    "password is wrong: DB_PASSWORD=SECRET",
    "https://a.example.com/hook?user=me&api_key=SECRET&x=1",
    "conn = connect(host='a', password='SECRET', port=1)",
    "set_password(\"SECRET\")",
    "[\"--db-password\", \"SECRET\", \"-v\"]",
    "token: ${TOKEN:-SECRET}",
    "#cloud-config\nchpasswd:\n  list: |\n    root:SECRET\n",
];

#[test]
fn places_give_secrets_away() {
    let redactor = Redactor::new();
    let mut wrong = Vec::new();
    for (index, place) in PLACES.iter().enumerate() {
        // Neither long nor random, but not a word of anything else.
        let secret = ["Tr0ub4dor-7", "correcthorse", "qX7!vb"][index % 3];
        let text = place.replace("SECRET", secret);
        let carriers = [
            text.clone(),
            BASE64_STANDARD.encode(&text),
            format!("#!/bin/sh\n{text}\necho done\n"),
            json::write(&Value::from(text.as_str())),
        ];
        for carrier in carriers {
            let cleaned = redactor.text(&carrier, &Secrets::new());
            if let Some(form) = left(secret, &cleaned) {
                wrong.push(format!("`{form}` is left of {text:?} in {cleaned:?}"));
            } else if redactor.text(&cleaned, &Secrets::new()) != cleaned {
                wrong.push(format!("twice: {cleaned:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names and values that stay as they are.
const HARMLESS: &[(&str, &str)] = &[
    ("arn", "arn:aws:iam::123456789012:role/ServiceRoleForA1b2C3d4"),
    ("secret_arn", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbC1d2"),
    ("master_user_secret", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbC1d2"),
    ("password", "${var.db_password}"),
    ("DB_PASSWORD", "$(DB_PASSWORD)"),
    ("token", "{{ .Values.token }}"),
    ("token", "${{ secrets.GITHUB_TOKEN }}"),
    ("digest", "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    (
        "image",
        "registry.example.com/team/app:1.2.3@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
    ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
    ("tenant_id", "123e4567-e89b-12d3-a456-426614174000"),
    ("commit", "2026d1e6d7ba6231e4d955ce2efe9a0d1f4b3c2a"),
    ("source_code_hash", "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="),
    ("integrity", "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="),
    ("http_tokens", "required"),
    ("password_policy", "strict"),
    ("password_length", "14"),
    ("secret_name", "database-credentials"),
    ("secretName", "tls-Certificate-2024"),
    ("token_file", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
    ("private_key_path", "./keys/id_rsa"),
    ("private_key", "/etc/ssl/private/server.key"),
    ("kms_key_id", "alias/main"),
    ("kms_key_id", "arn:aws:kms:eu-west-1:123456789012:key/123e4567-e89b-12d3-a456-426614174000"),
    ("policy", "AmazonEC2ContainerServiceforEC2Role"),
    ("runtime", "nodejs20.x"),
    ("cidr_block", "10.0.0.0/16"),
    ("ipv6", "2001:0db8:85a3:0000:0000:8a2e:0370:7334"),
    ("message", "Ensure that the password policy requires at least 14 characters"),
    ("description", "Rotates the secret of the database every 30 days"),
    ("url", "https://example.com/path/to/page?tab=settings#top"),
    ("repository", "git@github.com:acme/portal.git"),
    ("member", "serviceAccount:builder@my-project.iam.gserviceaccount.com"),
    ("handler", "com.example.portal.Handler::handleRequest"),
    ("public_key", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7vbqajDhA9f3kLm2Zq8XwYtRe1Ps0HnGvBcJuIoKdT5 me@host"),
    ("key", "environment"),
    ("hash_key", "UserId"),
    ("partition_key", "tenantId"),
    ("topologyKey", "topology.kubernetes.io/zone"),
    ("sort_by", "created_at"),
    ("adminPassword", "[parameters('adminPassword')]"),
    ("window", "sun:22:00-sun:23:30"),
    ("keyDetails", "PKIX_ECDSA_P256_SHA_256"),
    ("cookies", "none"),
    ("command", "mkdir -p /srv/app && tar -xzf release-2.14.1.tar.gz -C /srv/app"),
    ("run", "docker run -p 8080:80 nginx:1.25"),
    ("entrypoint", "java -XX:MaxRAMPercentage=75.0 -jar /app/portal-1.2.3.jar"),
    ("date", "2026-01-31T23:59:59.000Z"),
    ("version", "v1.2.3-rc.1+build.20260131"),
    ("availability_zone", "eu-central-1a"),
    ("bucket", "acme-prod-terraform-state-20240131"),
    (
        "subnet",
        "/subscriptions/123e4567-e89b-12d3-a456-426614174000/resourceGroups/rg/providers/Microsoft.Network/vnet",
    ),
    ("self_link", "https://www.googleapis.com/compute/v1/projects/my-project/zones/europe-west1-b/instances/vm-1"),
    ("credentials_secret", "projects/my-project/secrets/db/versions/latest"),
    ("author", "Jane Doe <jane.doe@example.com>"),
    ("checksum", "d41d8cd98f00b204e9800998ecf8427e"),
    ("etag", "5eb63bbbe01eeed093cb22bb8f5acdc3"),
    ("sum", "h1:E9yEwpbr7sTLTiQuH9RTBLlBTKQd/jJpzDIYQRjVsdA="),
];

#[test]
fn harmless_values_stay() {
    assert!(HARMLESS.len() >= 40);
    let redactor = Redactor::new();
    let mut lost = Vec::new();
    for (name, value) in HARMLESS {
        let documents = [
            (SubjectKind::Terraform, object([(*name, (*value).into())])),
            (
                SubjectKind::Kubernetes,
                object([("env", Value::array([object([("name", (*name).into()), ("value", (*value).into())])]))]),
            ),
        ];
        for (kind, document) in documents {
            let redacted = redactor.document(kind, "aws_instance", &document);
            if redacted.value != document || !redacted.redactions.is_empty() {
                lost.push(format!("{name}: {value} -> {:?}", redacted.value));
            }
        }
        // A checksum without its name cannot be told from a key.
        let text = redactor.text(value, &Secrets::new());
        if text != *value && *name != "source_code_hash" {
            lost.push(format!("text {value} -> {text}"));
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn structures_that_refer_to_secrets_stay() {
    let texts = [
        r#"{"env":[{"name":"DB_PASSWORD","valueFrom":{"secretKeyRef":{"name":"db","key":"password"}}}]}"#,
        r#"{"volumes":[{"name":"tls","secret":{"secretName":"portal-tls","items":[{"key":"tls.key","path":"server.key"}],"defaultMode":256}}]}"#,
        r#"{"secrets":[{"name":"DB_PASSWORD","valueFrom":"arn:aws:ssm:eu-west-1:123456789012:parameter/db"}],"imagePullSecrets":[{"name":"regcred"}]}"#,
        r#"{"minimum_password_length":14,"require_symbols":true,"max_password_age":90,"password_reuse_prevention":24}"#,
        r#"{"rules":[{"apiGroups":[""],"resources":["secrets","configmaps"],"verbs":["get"]}],"automountServiceAccountToken":false}"#,
        r#"{"metadata_options":[{"http_tokens":"required","http_put_response_hop_limit":1}],"password":true,"token":null}"#,
        r#"{"MasterUserPassword":{"Ref":"DbPassword"},"pass":["aws_s3_bucket.pass2"],"fail":["aws_s3_bucket.b"]}"#,
        r#"{"serviceAccountToken":{"path":"token","expirationSeconds":3600,"audience":"vault"}}"#,
        r#"{"forwarded_values":[{"cookies":[{"forward":"none"}],"query_string":false}]}"#,
        r#"{"statement":[{"actions":["secretsmanager:GetSecretValue","kms:Decrypt"],"resources":["*"],"effect":"Allow"}]}"#,
    ];
    let redactor = Redactor::new();
    for text in texts {
        let document = json::read(text.as_bytes()).unwrap();
        let redacted = redactor.document(SubjectKind::Kubernetes, "Deployment", &document);
        assert_eq!(json::write(&redacted.value), json::write(&document));
        assert!(redacted.redactions.is_empty(), "{:?}", redacted.redactions);
        let (Value::Object(old), Value::Object(new)) = (&document, &redacted.value) else { panic!("objects") };
        assert!(old.ptr_eq(new), "what does not change is shared");
    }
}

#[test]
fn secrets_of_kubernetes_and_plans_go_whole() {
    let table = [
        (
            SubjectKind::Kubernetes,
            "Secret",
            r#"{"kind":"Secret","data":{"a":"eWVz","b":"/etc/x"},"stringData":{"c":"plain words","d":"{{ tpl }}"},"metadata":{"name":"s"}}"#,
            r#"{"data":{"a":"[redacted:secret-data]","b":"[redacted:secret-data]"},"kind":"Secret","metadata":{"name":"s"},"stringData":{"c":"[redacted:secret-data]","d":"[redacted:secret-data]"}}"#,
        ),
        (
            SubjectKind::Terraform,
            "aws_ssm_parameter",
            r#"{"name":"/app/x","type":"SecureString","value":"plain words"}"#,
            r#"{"name":"/app/x","type":"SecureString","value":"[redacted:sensitive]"}"#,
        ),
        (
            SubjectKind::TerraformPlan,
            "plan",
            r#"{"values":{"a":"plain words","b":{"c":[1,"second"]}},"sensitive_values":{"a":true,"b":{"c":[false,true]}}}"#,
            r#"{"sensitive_values":{"a":true,"b":{"c":[false,true]}},"values":{"a":"[redacted:sensitive]","b":{"c":[1,"[redacted:sensitive]"]}}}"#,
        ),
        (
            SubjectKind::Terraform,
            "output",
            r#"{"sensitive":true,"value":{"x":["plain words",7]}}"#,
            r#"{"sensitive":true,"value":{"x":["[redacted:sensitive]","[redacted:sensitive]"]}}"#,
        ),
        (
            SubjectKind::Terraform,
            "x",
            r#"{"passwords":["one","two"],"password":12345678,"jwk":{"kty":"OKP","x":"pub","d":"priv"}}"#,
            r#"{"jwk":{"d":"[redacted:secret-data]","kty":"OKP","x":"pub"},"password":"[redacted:secret-value]","passwords":["[redacted:secret-value]","[redacted:secret-value]"]}"#,
        ),
    ];
    let redactor = Redactor::new();
    for (kind, resource_type, before, after) in table {
        let redacted = redactor.document(kind, resource_type, &json::read(before.as_bytes()).unwrap());
        assert_eq!(json::write(&redacted.value), after);
    }
    let marks = json::read(br#"{"b":[{"c":true}]}"#).unwrap();
    let document = json::read(br#"{"a":"kept","b":[{"c":"plain words"}],"note":"says plain words"}"#).unwrap();
    let redacted = redactor.document_with_marks(SubjectKind::TerraformPlan, "x", &document, &marks);
    assert_eq!(
        json::write(&redacted.value),
        r#"{"a":"kept","b":[{"c":"[redacted:sensitive]"}],"note":"says [redacted:sensitive]"}"#
    );
    let pointers: Vec<&str> = redacted.redactions.iter().map(|redaction| redaction.pointer.as_str()).collect();
    assert_eq!(pointers, ["/b/0/c", "/note"]);
}

#[test]
fn keys_are_cleaned_and_kept_apart() {
    let tokens = [1, 2].map(|n| format!("gh{}_{}{n}", 'p', "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R"));
    let document = object([(&tokens[0], 1.into()), (&tokens[1], 2.into())]);
    let redactor = Redactor::new();
    let redacted = redactor.document(SubjectKind::Kubernetes, "ConfigMap", &document);
    assert_eq!(json::write(&redacted.value), r#"{"[redacted:github-token]":1,"[redacted:github-token]#1":2}"#);
    assert_eq!(redacted.redactions[1].pointer, "/[redacted:github-token]#1");
    let again = redactor.document(SubjectKind::Kubernetes, "ConfigMap", &redacted.value);
    assert_eq!(again.value, redacted.value);
}

#[test]
fn a_private_key_goes_line_by_line() {
    let line = |n: u8| format!("{n}MIIEvQIBADANBgkqhkiG9w0BAQEFAASC{n}");
    let begin = ["-----BEGIN RSA PRIV", "ATE KEY-----"].concat();
    let end = ["-----END RSA PRIV", "ATE KEY-----"].concat();
    let lines = list(&["before", &begin, &line(1), &line(2), &end, "after"]);
    let redacted = Redactor::new().document(SubjectKind::Kubernetes, "ConfigMap", &object([("lines", lines)]));
    let text = json::write(&redacted.value);
    assert!(!text.contains(&line(1)) && !text.contains(&line(2)), "{text}");
    assert!(text.contains("before") && text.contains("after"), "{text}");
}

#[test]
fn places_and_unknowns_are_kept() {
    let span = |at: usize| Span::new(SourceId(0), at..at + 1);
    let document = Value::Object(Object::with_spans(vec![
        (Key::new("password"), "hunter2!".into(), span(1)),
        (Key::new("list"), Value::Array(Array::with_spans(vec!["is hunter2!".into()], vec![span(5)])), span(4)),
        (Key::new("secret"), Value::Unknown("var.secret".into()), span(7)),
    ]));
    let redacted = Redactor::new().document(SubjectKind::Terraform, "x", &document);
    let object = redacted.value.as_object().unwrap();
    assert_eq!(object.span("password"), Some(span(1)));
    assert_eq!(object.get("list").unwrap().as_array().unwrap().span(0), Some(span(5)));
    assert_eq!(object.get("secret"), Some(&Value::Unknown("var.secret".into())));
    assert_eq!(json::write(object.get("list").unwrap()), r#"["is [redacted:secret-value]"]"#);
}

#[test]
fn what_is_too_deep_is_redacted() {
    let mut value = Value::from("plain");
    for _ in 0..5000 {
        value = Value::array([value]);
    }
    let redacted = Redactor::new().document(SubjectKind::Terraform, "x", &value);
    assert_eq!(redacted.redactions.len(), 1);
    assert_eq!(redacted.redactions[0].kind, "too-deep");
}

#[test]
fn a_million_hostile_characters_do_not_hang_it() {
    let redactor = Redactor::new();
    let mut random: u32 = 7;
    let noise: String = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[(random >> 26) as usize])
    })
    .take(1_000_000)
    .collect();
    let texts = [
        ("letters", "a".repeat(1_000_000)),
        ("words", "some words of a text. ".repeat(45_000)),
        ("names", "password ".repeat(110_000)),
        ("assignments", "password=".repeat(110_000)),
        ("quotes", "password=\"'`".repeat(80_000)),
        ("escapes", "\\\\".repeat(500_000)),
        ("quoted escapes", format!("password=\"{}", "\\\"".repeat(450_000))),
        ("percents", "%2525".repeat(200_000)),
        ("keys", "-----BEGIN PRIVATE KEY ".repeat(43_000)),
        ("urls", "a://".repeat(250_000)),
        ("userinfo", format!("a://{}@", "u:".repeat(490_000))),
        ("prefixes", "sk-ghp_eyJ".repeat(100_000)),
        ("dots", "eyJ.".repeat(250_000)),
        ("flags", "mysql -p -p ".repeat(80_000)),
        ("lines", "password:\n".repeat(100_000)),
        ("blocks", "password: |\n  x\n".repeat(60_000)),
        ("braces", "password=${{".repeat(80_000)),
        ("markers", "[redacted:jwt]".repeat(70_000)),
        ("noise", noise),
        ("text in base64", BASE64_STANDARD.encode("some words, ".repeat(62_000))),
        ("short runs", "c29tZSB3b3Jkcw ".repeat(66_000)),
        ("slashes", "/////".repeat(200_000)),
        ("json", format!("[{}1]", "{\"password\":\"\"},".repeat(60_000))),
    ];
    for (what, text) in &texts {
        let start = Instant::now();
        redactor.document(SubjectKind::Kubernetes, "ConfigMap", &object([("data", text.as_str().into())]));
        // What grows with the square of a million takes hours; what is linear a second or two.
        assert!(start.elapsed() < Duration::from_mins(1), "{what}: {:?}", start.elapsed());
    }
}

/// Names under which everything is secret.
const NAMES: &[&str] =
    &["password", "DB_PASSWORD", "clientSecret", "api_key", "AWS_SECRET_ACCESS_KEY", "private-key", "authToken"];

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "(password|token|[a-z]{1,6}|[=:'\" \\\\%|-]|\\[redacted:jwt\\]|\n){0,12}".prop_map(Value::from),
        "[A-Za-z0-9+/]{16,60}={0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let name = prop_oneof![
            "[a-zA-Z_]{1,8}",
            Just("value".to_owned()),
            Just("password".to_owned()),
            Just("args".to_owned())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::array),
            prop::collection::vec(inner.clone(), 0..4).prop_map(|members| Value::Set(members.into_iter().collect())),
            prop::collection::vec((name, inner), 0..5).prop_map(Value::object),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn redacting_twice_is_redacting_once(document in any_value()) {
        let redactor = Redactor::new();
        let once = redactor.document(SubjectKind::Kubernetes, "Deployment", &document);
        let twice = redactor.document(SubjectKind::Kubernetes, "Deployment", &once.value);
        prop_assert_eq!(&twice.value, &once.value);
        prop_assert!(twice.redactions.is_empty());
    }

    #[test]
    fn texts_are_cleaned_once_and_for_all(text in "(password|--token|secret|Bearer|eyJ|[a-zA-Z0-9]{1,12}|[=:/@'\" \\\\%|&-]|\n){0,24}") {
        let redactor = Redactor::new();
        let once = redactor.text(&text, &Secrets::new()).into_owned();
        let twice = redactor.text(&once, &Secrets::new());
        prop_assert_eq!(&twice, &once);
    }

    #[test]
    fn a_secret_under_a_secret_name_is_gone(
        secret in "[!-#%-z|~ä]{3,10}[A-Za-z0-9]{6,20}",
        name in prop::sample::select(NAMES),
        other in any_value(),
    ) {
        prop_assume!(!secret.starts_with(['/', '~', '.', '%']));
        let document = object([
            (name, secret.as_str().into()),
            ("note", format!("it is {secret}.").into()),
            ("encoded", BASE64_STANDARD.encode(format!("{{\"x\": \"{secret}\"}}")).into()),
            ("other", other),
        ]);
        let redacted = Redactor::new().document(SubjectKind::Terraform, "aws_instance", &document);
        let output = json::write(&redacted.value);
        assert_gone(&secret, &output, name);
    }
}

#[test]
fn texts_of_unknown_values_are_looked_at_and_references_stay() {
    let hash = format!("\"{}{}\"", ["$2", "b$12$"].concat(), "aZ4".repeat(18));
    let document = object([
        ("APP_SETTING", Value::Unknown(hash[..62].into())),
        ("password", Value::Unknown("Tr0ub4dor$EXTRA".into())),
        ("db_password", Value::Unknown("var.db_password".into())),
        ("token", Value::Unknown("module.a[\"b\"].random_password.this[0].result".into())),
    ]);
    let clean = Redactor::new().document(SubjectKind::Dockerfile, "dockerfile", &document).value;
    let unknown = |name: &str| match clean.get(name) {
        Some(Value::Unknown(what)) => what.to_string(),
        other => panic!("{name} is {other:?}"),
    };
    assert!(!unknown("APP_SETTING").contains("aZ4aZ4"), "{clean:?}");
    assert!(!unknown("password").contains("Tr0ub4dor"), "{clean:?}");
    assert_eq!(unknown("db_password"), "var.db_password");
    assert_eq!(unknown("token"), "module.a[\"b\"].random_password.this[0].result");
}
