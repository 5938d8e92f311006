//! What is found and what is not, kind by kind. Secrets are put together at run time, so that no scanner of sources takes them
//! for real ones.

use std::path::Path;
use std::time::{Duration, Instant};

use probity_model::SourceId;
use probity_secrets::{Scanner, Syntax, kind, subject};
use proptest::prelude::*;

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";

/// Characters without a pattern, always the same.
fn fill(alphabet: &str, length: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state: u32 = 20_261_127;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        letters[(state >> 8) as usize % letters.len()]
    })
    .take(length)
    .collect()
}

fn kinds(text: &str, syntax: Syntax) -> Vec<&'static str> {
    Scanner::new().find(text, syntax).into_iter().map(|secret| secret.kind).collect()
}

/// A GitHub token with a right checksum: 30 characters, and CRC-32 of them in base 62.
fn with_checksum(prefix: &str) -> String {
    const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let random = fill(ALNUM, 30);
    let mut sum = !random.bytes().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    });
    let mut digits = Vec::new();
    for _ in 0..6 {
        digits.push(char::from(BASE62[(sum % 62) as usize]));
        sum /= 62;
    }
    format!("{prefix}_{random}{}", digits.into_iter().rev().collect::<String>())
}

/// What a token is, the parts of its beginning, and the alphabet and length of the rest.
const TOKENS: &[(&str, &[&str], &str, usize)] = &[
    (kind::AWS_KEY, &["AK", "IA"], UPPER, 16),
    (kind::AWS_KEY, &["AS", "IA"], UPPER, 16),
    (kind::AZURE, &["abc", "8", "Q~"], ALNUM, 34),
    (kind::GOOGLE, &["AI", "za"], ALNUM, 35),
    (kind::GOOGLE, &["GOC", "SPX-"], ALNUM, 28),
    (kind::GITHUB, &["github", "_pat_"], ALNUM, 82),
    (kind::GITLAB, &["gl", "pat-"], ALNUM, 20),
    (kind::GITLAB, &["gl", "rt-"], ALNUM, 20),
    (kind::SLACK, &["xo", "xb-", "293847561029-837465102938-"], ALNUM, 24),
    (kind::SLACK, &["https://hooks.sl", "ack.com/services/T012ABCD/B012ABCD/"], ALNUM, 24),
    (kind::STRIPE, &["sk_", "live_"], ALNUM, 24),
    (kind::STRIPE, &["rk_", "live_"], ALNUM, 24),
    (kind::TWILIO, &["S", "K"], HEX, 32),
    (kind::MAIL, &["S", "G.", "kq82hTzWb0mPx7vLrYd3Ng."], ALNUM, 43),
    (kind::PYPI, &["pyp", "i-AgEIcHlwaS5vcmc"], ALNUM, 80),
    (kind::PACKAGES, &["ruby", "gems_"], HEX, 48),
    (kind::DOCKER, &["dckr", "_pat_"], ALNUM, 27),
    (kind::DIGITALOCEAN, &["do", "p_v1_"], HEX, 64),
    (kind::DATABRICKS, &["da", "pi"], HEX, 32),
    (kind::NEW_RELIC, &["NR", "AK-"], UPPER, 27),
    (kind::ATLASSIAN, &["ATA", "TT3xFfGF0"], ALNUM, 180),
    (kind::HASHICORP, &["hv", "s."], ALNUM, 24),
    (kind::HASHICORP, &["a1B2c3D4e5F6g7", ".atlas", "v1."], ALNUM, 67),
    (kind::SHOPIFY, &["shp", "at_"], HEX, 32),
    (kind::SQUARE, &["sq0", "csp-"], ALNUM, 43),
    (kind::TELEGRAM, &["829384756", ":A", "A"], ALNUM, 33),
    (kind::OPENAI, &["sk-", "proj-"], ALNUM, 80),
    (kind::ANTHROPIC, &["sk-", "ant-api03-"], ALNUM, 93),
    (kind::HUGGING_FACE, &["h", "f_"], ALNUM, 34),
    (kind::ARTIFACTORY, &["AK", "Cp"], ALNUM, 69),
    (kind::CI, &["sq", "u_"], HEX, 40),
    (kind::DATABASE, &["pscale", "_tkn_"], ALNUM, 43),
    (kind::CLOUD, &["pu", "l-"], HEX, 40),
    (kind::MONITORING, &["gl", "sa_"], ALNUM, 41),
    (kind::MODEL, &["gs", "k_"], ALNUM, 52),
    (kind::PAYMENT, &["rzp", "_live_"], ALNUM, 14),
    (kind::GENERIC_TOKEN, &["lin_", "api_"], ALNUM, 40),
    (kind::AGE_KEY, &["AGE-SEC", "RET-KEY-1"], UPPER, 58),
];

#[test]
fn tokens_are_found_by_their_form_in_every_file() {
    for (kind, parts, alphabet, length) in TOKENS {
        let token = parts.concat() + &fill(alphabet, *length);
        for (syntax, text) in [
            (Syntax::Hcl, format!("x = \"{token}\"\n")),
            (Syntax::Json, format!("{{\"x\": [\"{token}\"]}}")),
            (Syntax::Plain, format!("x: {token}\ny: 1\n")),
            (Syntax::Code, format!("call('{token}');")),
        ] {
            assert_eq!(kinds(&text, syntax), [*kind], "{kind} in {syntax:?}");
        }
    }
}

#[test]
fn what_only_looks_like_a_token_is_none() {
    for (kind, parts, alphabet, length) in TOKENS {
        let prefix = parts.concat();
        let token = prefix.clone() + &fill(alphabet, *length);
        // Stand-ins, and references to it. A prefix alone says nothing.
        for text in [
            format!("x: {prefix}"),
            format!("x: {prefix}{}", "X".repeat(*length)),
            format!("x: {prefix}${{token}}"),
            format!("x: {prefix}<your-token>"),
        ] {
            assert_eq!(kinds(&text, Syntax::Plain), [""; 0], "{kind}: {text}");
        }
        let inside = format!("x: ab{token}");
        let marked = matches!(*kind, kind::AZURE | kind::TELEGRAM) || token.contains("://") || token.contains(".atlas");
        assert!(marked || kinds(&inside, Syntax::Plain).is_empty(), "{kind}: within a word");
    }
}

#[test]
fn checksums_decide() {
    for (prefix, kind) in [("ghp", kind::GITHUB), ("gho", kind::GITHUB), ("npm", kind::NPM)] {
        let token = with_checksum(prefix);
        assert_eq!(kinds(&format!("a {token} b"), Syntax::Plain), [kind]);
        let wrong = token.replacen(&token[6..7], if &token[6..7] == "a" { "b" } else { "a" }, 1);
        assert_eq!(kinds(&format!("a {wrong} b"), Syntax::Plain), [""; 0]);
    }
}

#[test]
fn forms_that_are_more_than_a_prefix() {
    let key = format!("-----BEGIN RSA PRIVATE {}-----\n{}\n", "KEY", fill(ALNUM, 64));
    let azure = fill(ALNUM, 86) + "==";
    let hash = format!("$2y$12${}", fill(ALNUM, 53));
    // {"alg":"HS256"} and {"sub":"build"}
    let jwt = format!("ey{}.eyJzdWIiOiJidWlsZCJ9.{}", "JhbGciOiJIUzI1NiJ9", fill(ALNUM, 43));
    let table = [
        (format!("{key}{}\n-----END RSA PRIVATE KEY-----\n", fill(ALNUM, 64)), vec![kind::PRIVATE_KEY]),
        (key.replace('\n', "\\n"), vec![kind::PRIVATE_KEY]),
        (key.replace(" RSA", " EC").replace('\n', "\n    "), vec![kind::PRIVATE_KEY]),
        ("-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----".to_owned(), vec![]),
        (format!("-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n{}", fill(ALNUM, 64)), vec![]),
        ("header = '-----BEGIN RSA PRIVATE KEY-----'".to_owned(), vec![]),
        (key.replace("PRIVATE", "PUBLIC"), vec![]),
        (key.replace("RSA PRIVATE KEY", "CERTIFICATE"), vec![]),
        (format!("AccountName=x;AccountKey={azure};EndpointSuffix=core.windows.net"), vec![kind::AZURE]),
        (format!("integrity sha512-{azure}"), vec![]),
        (format!("t: {jwt}"), vec![kind::JWT]),
        ("t: eyJhbGciOiJIUzI1NiJ9".to_owned(), vec![]),
        (format!("admin: {hash}"), vec![kind::PASSWORD_HASH]),
        ("postgres://clinic:Kv9tzQ71@db.internal/clinic".to_owned(), vec![kind::URL_CREDENTIALS]),
        ("clinic:Kv9tzQ71@tcp(db.internal:3306)/clinic".to_owned(), vec![kind::URL_CREDENTIALS]),
        (
            "https://user:password@host/ https://${U}:${P}@host/ https://{u}:{p}@host/ https://u:%s@host/".to_owned(),
            vec![],
        ),
        ("https://clinic:Kv9tzQ71@registry.example.com/ https://host:8080/a@b git@host:a/b".to_owned(), vec![]),
        (format!("curl -H 'Authorization: Bearer {}'", fill(ALNUM, 40)), vec![kind::AUTHORIZATION]),
        ("Authorization: Bearer $TOKEN".to_owned(), vec![]),
        (format!("list: {}-us12", fill(HEX, 32)), vec![kind::MAIL]),
    ];
    for (text, expected) in table {
        assert_eq!(kinds(&text, Syntax::Plain), expected, "{text}");
    }
}

#[test]
fn values_are_found_by_their_names() {
    let (random, hex, forty) = (fill(ALNUM, 32), fill(HEX, 64), fill(ALNUM, 40));
    let table = [
        (Syntax::Hcl, format!("  api_key = \"{random}\"\n"), vec![kind::SECRET_NAME]),
        (Syntax::Hcl, "  master_password = \"Kv9tzQ71\"\n".to_owned(), vec![kind::SECRET_NAME]),
        (Syntax::Hcl, "  password = random_password.db.result\n".to_owned(), vec![]),
        (Syntax::Hcl, "  password = var.password\n  token = local.tokens[\"a1b2c3\"]\n".to_owned(), vec![]),
        (Syntax::Hcl, "  password = \"${var.password}\"\n  secret_name = \"clinic-db-1\"\n".to_owned(), vec![]),
        (Syntax::Hcl, format!("  aws_secret_access_key = \"{forty}\"\n"), vec![kind::AWS_KEY]),
        (
            Syntax::Hcl,
            format!("  user_data = <<-EOF\n    export AWS_SECRET_ACCESS_KEY={forty}\n  EOF\n"),
            vec![kind::AWS_KEY],
        ),
        (Syntax::Hcl, format!("  ibmcloud_api_key = \"{}\"\n", fill(ALNUM, 44)), vec![kind::IBM]),
        (Syntax::Json, format!("{{\"clientSecret\": \"{random}\"}}"), vec![kind::SECRET_NAME]),
        (Syntax::Json, format!("{{\"name\": \"DB_PASSWORD\", \"value\": \"{random}\"}}"), vec![kind::SECRET_NAME]),
        (
            Syntax::Json,
            format!("{{\n  \"value\": \"{random}\",\n  \"name\": \"DB_PASSWORD\"\n}}"),
            vec![kind::SECRET_NAME],
        ),
        (
            Syntax::Plain,
            format!("- name: A\n  value: {random}\n- name: DB_PASSWORD\n  valueFrom: {{secretKeyRef: {{key: x}}}}\n"),
            vec![],
        ),
        (Syntax::Json, "{\"type\": \"password\", \"password\": \"string\"}".to_owned(), vec![]),
        (Syntax::Plain, "password: Kv9tzQ71\n".to_owned(), vec![kind::SECRET_NAME]),
        (Syntax::Plain, format!("env:\n  - name: API_TOKEN\n    value: {random}\n"), vec![kind::SECRET_NAME]),
        (Syntax::Plain, "- name: P\n  valueFrom:\n    secretKeyRef: {name: db-2, key: password}\n".to_owned(), vec![]),
        (
            Syntax::Plain,
            "MasterUserPassword: !Ref Password2\nPassword: '{{resolve:ssm-secure:a:1}}'\n".to_owned(),
            vec![],
        ),
        (Syntax::Plain, "existingSecret: clinic-db-credentials2\nsecretName: tls-2\n".to_owned(), vec![]),
        (Syntax::Plain, format!("ENV SECRET_KEY={random}\n"), vec![kind::SECRET_NAME]),
        (Syntax::Plain, format!("checksum/secret: {hex}\nsecret_arn: arn:aws:x\n"), vec![]),
        (Syntax::Plain, "kmsKeyId: 1b2c3d4e-1111-4222-8333-444455556666\npassword: changeme\n".to_owned(), vec![]),
        (Syntax::Code, format!("api_key = \"{random}\""), vec![kind::SECRET_NAME]),
        (Syntax::Code, "cookieChars := `\\-\\.\\_\\~a-zA-Z0-9\\/:1Bx9`".to_owned(), vec![]),
        (Syntax::Code, "password = getPassword(user1)\nvar passwordField = \"userPassword2\"".to_owned(), vec![]),
    ];
    for (syntax, text, expected) in table {
        assert_eq!(kinds(&text, syntax), expected, "{text}");
    }
}

#[test]
fn subjects_say_where_and_never_what() {
    let secret = "Kv9tzQ71";
    let text = format!(
        "password: {secret}\nother:\n  password: {secret}\nid: {}\n",
        "AK".to_owned() + "IA" + &fill(UPPER, 16)
    );
    let found = subject::subjects(&Scanner::new(), Path::new("a/values.yaml"), &text, SourceId(3));
    let addresses: Vec<&str> = found.iter().map(|subject| subject.address.as_str()).collect();
    assert_eq!(addresses, ["a/values.yaml#password", "a/values.yaml#password@2", "a/values.yaml#aws-key"]);
    for subject in &found {
        let shown = format!("{} {} {:?}", subject.address, subject.resource_type, subject.document);
        assert!(!shown.contains(secret) && !shown.contains("AKIA"), "{shown}");
    }
    assert_eq!(&text[found[0].span.unwrap().start as usize..found[0].span.unwrap().end as usize], secret);
}

#[test]
fn kinds_have_names() {
    for kind in kind::found() {
        assert_ne!(kind::words(kind), "a secret", "{kind}");
    }
}

/// Texts that make a scanner look far are not looked at again and again.
#[test]
fn time_is_linear() {
    let scanner = Scanner::new();
    let hard = [
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        "eyJ".to_owned(),
        "eyJhbGciOiJIUzI1NiJ9.".to_owned(),
        "://a:".to_owned(),
        "password=\"".to_owned(),
        "password: |\n".to_owned(),
        "AccountKey=azure==".to_owned(),
        ":AA".to_owned(),
        "$6$".to_owned(),
        "SKa".to_owned(),
        DIGITS.to_owned(),
        "@tcp(".to_owned(),
    ];
    for piece in hard {
        let time = |size: usize| {
            let text = piece.repeat(size / piece.len());
            let started = Instant::now();
            let _ = scanner.find(&text, Syntax::Plain);
            started.elapsed()
        };
        let (small, large) = (time(25_000).max(Duration::from_millis(2)), time(400_000));
        // Sixteen times the text; quadratic would be 256 times.
        assert!(large < small * 100, "{piece}: {small:?} and {large:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_searched(text in "(pass(word)?|api_key|[=: \"'\n]|AKIA|ghp_|-----BEGIN (RSA )?PRIVATE KEY-----|://|@|eyJ|\\PC|[A-Za-z0-9+/]{0,40}){0,40}") {
        let scanner = Scanner::new();
        for syntax in [Syntax::Hcl, Syntax::Json, Syntax::Plain, Syntax::Code] {
            let mut end = 0;
            for secret in scanner.find(&text, syntax) {
                prop_assert!(secret.range.start >= end && secret.range.start < secret.range.end);
                end = secret.range.end;
                prop_assert!(text.get(secret.range).is_some());
            }
        }
    }
}
