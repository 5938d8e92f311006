//! What a name says of the value under it.

use std::cell::RefCell;
use std::collections::HashMap;

/// Longest part of a name that is looked at, its end.
const MAX_NAME: usize = 128;

/// How sure a name makes it that its value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secrecy {
    /// It says nothing.
    None,
    /// A value that looks random is secret.
    Suspicious,
    /// The value is secret unless it is a word that such fields choose from, or names something.
    Likely,
    /// The value is secret unless it only refers to one.
    Certain,
}

/// Words that make a name secret wherever they stand in it.
const CERTAIN: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passwort",
    "apikey",
    "apikeys",
    "apitoken",
    "authtoken",
    "accesstoken",
    "bearertoken",
    "clientsecret",
    "privatekey",
    "secretkey",
    "accesskey",
    "psk",
    "connstr",
    "keytab",
    "pgpassword",
    "sshpass",
    "requirepass",
    "masterauth",
    "authkey",
    "masterkey",
    "htpasswd",
    "dockerconfigjson",
    "dockercfg",
    "userpassword",
    "rootpassword",
    "dbpassword",
    "mypassword",
];

/// Pairs of words that make a name secret wherever they stand next to each other.
const CERTAIN_PAIRS: &[(&str, &str)] = &[
    ("access", "key"),
    ("access", "keys"),
    ("access", "token"),
    ("account", "key"),
    ("admin", "key"),
    ("api", "key"),
    ("api", "keys"),
    ("api", "secret"),
    ("api", "token"),
    ("app", "key"),
    ("application", "key"),
    ("auth", "key"),
    ("auth", "string"),
    ("auth", "token"),
    ("bearer", "token"),
    ("bot", "token"),
    ("client", "key"),
    ("client", "secret"),
    ("connection", "string"),
    ("connection", "strings"),
    ("consumer", "key"),
    ("conn", "str"),
    ("conn", "string"),
    ("deploy", "key"),
    ("docker", "config"),
    ("function", "key"),
    ("host", "key"),
    ("id", "token"),
    ("ingest", "key"),
    ("key", "material"),
    ("key", "pem"),
    ("license", "key"),
    ("master", "key"),
    ("pass", "phrase"),
    ("plaintext", "value"),
    ("pre", "shared"),
    ("preshared", "key"),
    ("private", "key"),
    ("refresh", "token"),
    ("registration", "token"),
    ("sas", "token"),
    ("sas", "url"),
    ("sas", "key"),
    ("secret", "access"),
    ("secret", "binary"),
    ("secret", "data"),
    ("secret", "hash"),
    ("secret", "key"),
    ("secret", "string"),
    ("secret", "text"),
    ("secret", "value"),
    ("security", "token"),
    ("session", "key"),
    ("session", "token"),
    ("shared", "key"),
    ("shared", "secret"),
    ("signing", "key"),
    ("signing", "secret"),
    ("ssh", "key"),
    ("storage", "key"),
    ("subscription", "key"),
    ("symmetric", "key"),
    ("webhook", "secret"),
    ("webhook", "url"),
    ("decryption", "key"),
    ("instrumentation", "key"),
    ("integration", "key"),
    ("service", "key"),
    ("user", "key"),
    ("write", "key"),
    ("rsa", "key"),
    ("tls", "key"),
    ("ssl", "key"),
    ("server", "key"),
    ("hmac", "key"),
    ("jwt", "key"),
    ("hook", "url"),
    ("kube", "config"),
    ("basic", "auth"),
    ("http", "auth"),
];

/// Words that make a name likely secret wherever they stand in it.
const LIKELY: &[&str] = &[
    "secret",
    "secrets",
    "token",
    "tokens",
    "credential",
    "credentials",
    "creds",
    "kubeconfig",
    "dsn",
    "otp",
    "totp",
    "pass",
    "userpass",
    "passkey",
    "passkeys",
    "jwt",
    "authorization",
    "cookie",
    "cookies",
    "pin",
    "pat",
    "pw",
    "sig",
    "netrc",
    "pgpass",
    "pfx",
    "jks",
    "p12",
    "sas",
];

/// Words that make a random-looking value secret.
const SUSPICIOUS: &[&str] = &[
    "key",
    "keys",
    "auth",
    "cred",
    "salt",
    "hash",
    "seed",
    "nonce",
    "signature",
    "session",
    "webhook",
    "hook",
    "private",
    "pem",
    "crypt",
    "encryption",
    "license",
    "hmac",
    "login",
    "iv",
    "result",
];

/// Last words of names that say something about a secret without being one.
const ABOUT: &[&str] = &[
    "age",
    "algorithm",
    "allowed",
    "annotations",
    "arn",
    "arns",
    "attempts",
    "audience",
    "backend",
    "bytes",
    "change",
    "characters",
    "class",
    "complexity",
    "condition",
    "count",
    "created",
    "date",
    "days",
    "deletion",
    "description",
    "dir",
    "directory",
    "disabled",
    "driver",
    "duration",
    "enable",
    "enabled",
    "endpoint",
    "engine",
    "env",
    "expiration",
    "expires",
    "expiry",
    "file",
    "filename",
    "files",
    "folder",
    "format",
    "group",
    "hours",
    "interval",
    "issuer",
    "iterations",
    "kind",
    "labels",
    "lambda",
    "len",
    "length",
    "lifetime",
    "location",
    "lookback",
    "manager",
    "max",
    "method",
    "min",
    "minimum",
    "minutes",
    "mode",
    "mount",
    "name",
    "names",
    "namespace",
    "optional",
    "options",
    "owner",
    "parameters",
    "path",
    "paths",
    "permissions",
    "plugin",
    "policies",
    "policy",
    "prefix",
    "projection",
    "protection",
    "provider",
    "providers",
    "ref",
    "reference",
    "refs",
    "region",
    "required",
    "requirements",
    "reset",
    "resource",
    "retention",
    "reuse",
    "role",
    "rotate",
    "rotation",
    "rotator",
    "rules",
    "scope",
    "scopes",
    "seconds",
    "selector",
    "size",
    "source",
    "state",
    "status",
    "store",
    "strategy",
    "suffix",
    "support",
    "timeout",
    "title",
    "ttl",
    "type",
    "types",
    "unit",
    "usage",
    "username",
    "validity",
    "version",
    "versions",
    "volume",
    "window",
    "writer",
    "public",
    "id",
    "ids",
    "uri",
    "url",
    "urls",
    "host",
    "hostname",
    "port",
    "schema",
    "auth",
    "authentication",
    "encrypted",
    "sensitive",
    "tags",
    "kms",
    "vault",
    "template",
    "templates",
    "index",
    "limit",
    "check",
    "checks",
    "digest",
    "fingerprint",
    "thumbprint",
    "exists",
    "managed",
    "generation",
    "generator",
    "special",
    "upper",
    "lower",
    "numeric",
    "symbols",
    "uppercase",
    "lowercase",
    "numbers",
    "behavior",
    "behaviour",
    "prevention",
    "history",
    "details",
    "expire",
    "lockout",
    "threshold",
    "cost",
    "rounds",
    "entropy",
    "strength",
    "delay",
];

/// Words before a last word of [`ABOUT`] with which the value is secret all the same.
const NOT_ABOUT: &[(&str, &str)] = &[
    ("webhook", "url"),
    ("hook", "url"),
    ("sas", "url"),
    ("sas", "uri"),
    ("basic", "auth"),
    ("http", "auth"),
    ("database", "url"),
    ("secret", "version"),
];

/// Names that sound secret and are settings.
const SETTINGS: &[&str] = &[
    "http_tokens",
    "httptokens",
    "automount_service_account_token",
    "automountserviceaccounttoken",
    "image_pull_secrets",
    "imagepullsecrets",
    "manage_master_user_password",
    "max_tokens",
    "maxtokens",
];

/// What the name says of its value.
pub fn secrecy(name: &str) -> Secrecy {
    let name = tail(name);
    let lower = name.to_ascii_lowercase();
    if SETTINGS.contains(&lower.replace('-', "_").as_str()) {
        return Secrecy::None;
    }
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    judge(&words)
}

/// Most names that are remembered at a time, by a thread.
const MAX_REMEMBERED: usize = 4096;

/// Longest name that is remembered, in bytes.
const MAX_LENGTH: usize = 64;

thread_local! {
    /// Names that were judged already: documents and texts repeat theirs.
    static REMEMBERED: RefCell<HashMap<Box<str>, Secrecy>> = RefCell::default();
}

/// As [`secrecy`], and quicker for a name that was asked for before.
pub fn remembered_secrecy(name: &str) -> Secrecy {
    let name = tail(name);
    if name.len() > MAX_LENGTH {
        return secrecy(name);
    }
    REMEMBERED.with_borrow_mut(|remembered| {
        if let Some(known) = remembered.get(name) {
            return *known;
        }
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        let said = secrecy(name);
        remembered.insert(name.into(), said);
        said
    })
}

/// What the last part of a dotted name says: `auth.database.password`.
pub fn secrecy_of_path(name: &str) -> Secrecy {
    secrecy(name.rsplit(['.', '/']).next().unwrap_or(name)).max(if name.contains('.') {
        Secrecy::None
    } else {
        secrecy(name)
    })
}

fn judge(words: &[&str]) -> Secrecy {
    let Some(last) = words.last() else { return Secrecy::None };
    let before = if words.len() > 1 { words[words.len() - 2] } else { "" };
    if words.contains(&"public") {
        return Secrecy::None;
    }
    let said = said(words);
    if NOT_ABOUT.contains(&(before, last)) {
        return said.max(Secrecy::Likely);
    }
    if ABOUT.contains(last) && !(words.len() == 1 && *last == "auth") {
        // An id can be a credential too: the `secret_id` of an AppRole, an `access_key_id`.
        let identifies = matches!(*last, "id" | "ids" | "url" | "uri" | "version" | "auth" | "encrypted" | "hash");
        return if identifies && said > Secrecy::None { Secrecy::Suspicious } else { Secrecy::None };
    }
    said
}

fn said(words: &[&str]) -> Secrecy {
    if words.iter().any(|word| CERTAIN.contains(&without_digits(word)))
        || words.windows(2).any(|pair| CERTAIN_PAIRS.contains(&(pair[0], without_digits(pair[1]))))
        || words.windows(2).any(|pair| pair == ["key", "data"] && words.contains(&"client"))
    {
        Secrecy::Certain
    } else if words.iter().any(|word| LIKELY.contains(&without_digits(word)) || joined(word)) {
        Secrecy::Likely
    } else if words.iter().any(|word| SUSPICIOUS.contains(&without_digits(word))) {
        Secrecy::Suspicious
    } else {
        Secrecy::None
    }
}

/// Words written together: `mysqlpassword`, `githubtoken`.
fn joined(word: &str) -> bool {
    const ENDS: &[&str] = &["password", "passwd", "passphrase", "secret", "token", "apikey", "secretkey", "privatekey"];
    ENDS.iter().any(|end| word.ends_with(end)) || word.starts_with("password") || word.starts_with("passwd")
}

fn without_digits(word: &str) -> &str {
    let short = word.trim_end_matches(|character: char| character.is_ascii_digit());
    if short.is_empty() || word == "p12" { word } else { short }
}

/// The end of a name that is too long to be one.
fn tail(name: &str) -> &str {
    if name.len() <= MAX_NAME {
        return name;
    }
    let mut start = name.len() - MAX_NAME;
    while !name.is_char_boundary(start) {
        start += 1;
    }
    &name[start..]
}

/// The words of a name, in lower case: `masterUserPassword`, `MASTER_USER_PASSWORD` and `master-user-password` alike.
pub fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let characters: Vec<char> = name.chars().collect();
    for (index, character) in characters.iter().enumerate() {
        if !character.is_alphanumeric() {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            continue;
        }
        let previous = index.checked_sub(1).map(|index| characters[index]);
        let next = characters.get(index + 1);
        let starts = character.is_uppercase()
            && (previous.is_some_and(|previous| previous.is_lowercase() || previous.is_ascii_digit())
                || (previous.is_some_and(char::is_uppercase) && next.is_some_and(|next| next.is_lowercase())));
        if starts {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        }
        word.extend(character.to_lowercase());
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// Whether a name is that of a checksum, which looks random and is public.
pub fn is_checksum(name: &str) -> bool {
    const SUMS: &[&str] = &[
        "hash",
        "checksum",
        "sum",
        "md5",
        "sha1",
        "sha256",
        "sha384",
        "sha512",
        "base64sha256",
        "base64sha512",
        "digest",
        "etag",
        "integrity",
        "thumbprint",
        "fingerprint",
        "commit",
        "revision",
        "sha",
        "crc32c",
    ];
    let words = words(tail(name));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.split_last().is_some_and(|(last, before)| SUMS.contains(last) && said(before) == Secrecy::None)
}

/// Names of entries that say which secret is meant, or how it is used, inside of something that is named secret.
pub fn refers(name: &str) -> bool {
    const REFERRING: &[&str] = &[
        "valuefrom",
        "items",
        "key",
        "path",
        "optional",
        "kind",
        "apiversion",
        "operator",
        "effect",
        "values",
        "labels",
        "annotations",
        "metadata",
        "spec",
        "tags",
        "action",
        "actions",
        "principal",
        "resources",
        "provider",
        "region",
        "from",
        "target",
        "source",
        "external",
        "uid",
        "gid",
        "mode",
        "description",
        "arn",
        "id",
        "name",
        "for_each",
        "count",
        "forward",
        "depends_on",
        "lifecycle",
        "environment",
        "sources",
        "verbs",
        "apigroups",
        "fn::getatt",
        "fn::importvalue",
        "fn::findinmap",
        "triggers",
        "keepers",
    ];
    let lower = name.to_ascii_lowercase();
    REFERRING.contains(&lower.as_str()) || words(tail(name)).last().is_some_and(|last| ABOUT.contains(&last.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        for name in ["masterUserPassword", "MASTER_USER_PASSWORD", "master-user.password", "MasterUserPassword"] {
            assert_eq!(words(name), ["master", "user", "password"], "{name}");
        }
        assert_eq!(words("DBPassword"), ["db", "password"]);
        assert_eq!(words("oauth2Token"), ["oauth2", "token"]);
    }

    #[test]
    fn what_names_say() {
        let table = [
            (
                Secrecy::Certain,
                "password master_password DB_PASSWORD password2 userPassword MYSQL_PWD passwd PASSWORD_PROD",
            ),
            (
                Secrecy::Certain,
                "api_key apiKey APIKEY aws_secret_access_key AWS_ACCESS_KEY client_secret client-key-data",
            ),
            (
                Secrecy::Certain,
                "private_key privateKeyPem primary_connection_string connectionString auth_token webhook_url",
            ),
            (
                Secrecy::Certain,
                "storage_account_key DD_API_KEY secret_string _authToken .dockerconfigjson htpasswd basic_auth",
            ),
            (
                Secrecy::Likely,
                "token secret github_token credentials SECRET_FOO DATABASE_URL pass DB_PASS mysqlpassword",
            ),
            (Secrecy::Suspicious, "key secret_id auth access_key_id encryption_key primary_key token_url"),
            (Secrecy::None, "password_length max_password_age minimum_password_length password_policy token_ttl"),
            (Secrecy::None, "secret_name secretName secretKeyRef token_file http_tokens public_key kms_key_arn bucket"),
            (Secrecy::None, "secrets_enabled password_reuse_prevention_count api_key_source tls_secret_name passage"),
            (Secrecy::None, "compass keyboard tokenizer author"),
        ];
        for (expected, names) in table {
            for name in names.split(' ') {
                assert_eq!(secrecy(name), expected, "{name}");
            }
        }
    }
}
