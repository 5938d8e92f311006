//! Values that are no secrets, and values that look random.

use std::sync::LazyLock;

use regex::Regex;

use crate::kind;
use crate::names::Secrecy;

/// Longest value that may be harmless under a secret's name.
const MAX_HARMLESS: usize = 1024;

/// What only refers to a value that is kept elsewhere. Whole values only.
static REFERENCES: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        // Interpolations; not with a default or a quoted literal in them.
        r#"(?:\$|%)\{[A-Za-z_!][^{}"':]*\}"#,
        r#"\$?\{\{[^{}"'|]*\}\}"#,
        r"\$\([A-Za-z_][A-Za-z0-9_.-]*\)",
        r"\$[A-Z_][A-Z0-9_]{2,}",
        r"%[A-Z_][A-Z0-9_]+%",
        // A parameter or variable of an Azure template.
        r"\[(?:parameters|variables)\('[A-Za-z0-9_-]+'\)\]",
        // Terraform's addresses.
        r"(?:var|local|module|data|each|self|path)\.[A-Za-z_][A-Za-z0-9_.\[\]*-]*",
        // Names of what secret stores keep.
        r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9*]*:[^\s,;=]{1,400}",
        r"projects/[^/\s]+/(?:secrets|locations)/[A-Za-z0-9_./-]+",
        r"/subscriptions/[0-9a-fA-F-]+/[A-Za-z0-9_./-]+",
        r"https://[a-z0-9-]+\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net)/[A-Za-z0-9_./-]*",
        r"@Microsoft\.KeyVault\([^()]*\)",
        r"\{\{resolve:(?:secretsmanager|ssm|ssm-secure):[^{}]*\}\}",
        r"(?:op|sm|vault|secretref|awssm|gcpsm)://[A-Za-z0-9_./-]+",
        r"alias/[A-Za-z0-9_/-]+",
        // Files.
        r"(?:/(?:etc|var|run|opt|home|root|usr|mnt|tmp|secrets|vault|srv|dev|proc|app|config)|\.{1,2}|~)(?:/[A-Za-z0-9_.-]{1,40}){1,12}/?",
    ];
    compile(&format!(r"\A(?:{})\z", forms.join("|")))
});

/// What stays even when it looks random: it names or checks something that is public.
static PUBLIC: LazyLock<Regex> = LazyLock::new(|| {
    let forms = [
        r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
        r"(?:[^\s@]*@)?sha(?:1|224|256|384|512):[0-9a-f]{32,128}",
        r"sha(?:1|256|384|512)-[A-Za-z0-9+/]{27,88}={0,2}",
        r"h1:[A-Za-z0-9+/]{43}=",
        r"(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-[a-z0-9]+) [A-Za-z0-9+/]+={0,2}(?: .*)?",
        r"AAAA[BCE]3?[A-Za-z0-9+/]+={0,2}",
        r"(?:[0-9a-fA-F]{2}:){5,}[0-9a-fA-F]{2}",
    ];
    compile(&format!(r"\A(?:{})\z", forms.join("|")))
});

/// Words that a field with a secret-sounding name is set to when it is a setting.
const SETTINGS: &[&str] = &[
    "required",
    "optional",
    "enabled",
    "disabled",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "none",
    "null",
    "auto",
    "default",
    "always",
    "never",
    "all",
    "whitelist",
    "allowlist",
    "read",
    "write",
    "admin",
    "bearer",
    "basic",
    "jwt",
    "oidc",
    "oauth2",
    "opaque",
    "iam",
    "managed",
    "external",
    "internal",
    "env",
    "file",
    "vault",
    "kubernetes",
    "secretsmanager",
    "ssm",
    "*",
    "get",
    "list",
    "set",
    "delete",
    "update",
    "create",
    "patch",
    "watch",
    "securestring",
    "string",
    "rsa",
    "ecdsa",
    "ed25519",
    "aes256",
    "known after apply",
    "(known after apply)",
    "(sensitive value)",
    "(sensitive)",
    "undefined",
    "nil",
];

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}

/// Whether a value under a name of this secrecy may stay.
pub fn stays(value: &str, secrecy: Secrecy) -> bool {
    let value = value.trim();
    if value.is_empty() || kind::marker_at_start(value) == Some(value.len()) {
        return true;
    }
    if value.len() > MAX_HARMLESS {
        return secrecy <= Secrecy::Suspicious && !looks_random(value);
    }
    let masked = value.len() >= 3 && value.bytes().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.'));
    if masked || REFERENCES.is_match(value) {
        return true;
    }
    match secrecy {
        Secrecy::None => true,
        Secrecy::Suspicious => PUBLIC.is_match(value) || !looks_random(value),
        Secrecy::Likely => {
            SETTINGS.iter().any(|word| word.eq_ignore_ascii_case(value)) || number(value) || value.len() < 3
        }
        Secrecy::Certain => ["true", "false", "null"].contains(&value),
    }
}

fn number(value: &str) -> bool {
    value.len() < 6 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// Whether this is a text that only names or checks something public: a digest, a UUID, an ARN, a public key.
pub fn public(value: &str) -> bool {
    value.len() <= 8192 && (PUBLIC.is_match(value) || (value.len() <= MAX_HARMLESS && REFERENCES.is_match(value)))
}

/// Whether a value, under a name that makes one think of it, looks like key material: one word without a pattern.
pub fn looks_random(value: &str) -> bool {
    let length = value.len();
    if length < 12 || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let constant = value.contains('_') && !value.bytes().any(|byte| byte.is_ascii_lowercase());
    if constant || value.contains("://") || value.contains("$${") {
        return false;
    }
    let hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex {
        return length >= 16 && value.bytes().any(|byte| byte.is_ascii_digit()) && bits(value) > 2.6;
    }
    let classes = Classes::of(value);
    classes.digits >= 2 && classes.kinds() >= 2 && classes.switches * 100 >= 30 * (length - 1) && bits(value) > 3.1
}

/// Whether a run of base64 or base62 characters looks like key material wherever it stands.
pub fn certainly_random(run: &str) -> bool {
    let length = run.len();
    if length < 32 || public(run) {
        return false;
    }
    let classes = Classes::of(run);
    // In a text without a pattern, upper case, lower case and digits all take turns; in CamelCase names and paths they
    // do not.
    classes.digits >= 2
        && classes.upper >= 4
        && classes.lower >= 4
        && classes.switches * 100 >= 42 * (length - 1)
        && bits(run) > 4.0
}

struct Classes {
    digits: usize,
    upper: usize,
    lower: usize,
    other: usize,
    /// How often a character is of another class than the one before.
    switches: usize,
}

impl Classes {
    fn of(text: &str) -> Self {
        let mut classes = Self { digits: 0, upper: 0, lower: 0, other: 0, switches: 0 };
        let mut previous = None;
        for byte in text.bytes().take(4096) {
            let class = match byte {
                b'0'..=b'9' => 0,
                b'A'..=b'Z' => 1,
                b'a'..=b'z' => 2,
                _ => 3,
            };
            match class {
                0 => classes.digits += 1,
                1 => classes.upper += 1,
                2 => classes.lower += 1,
                _ => classes.other += 1,
            }
            classes.switches += usize::from(previous.is_some_and(|previous| previous != class));
            previous = Some(class);
        }
        // Of a long text the beginning speaks for the whole.
        if text.len() > 4096 {
            classes.switches = classes.switches.saturating_mul(text.len() / 4096);
        }
        classes
    }

    fn kinds(&self) -> usize {
        [self.digits, self.upper, self.lower, self.other].iter().filter(|count| **count > 0).count()
    }
}

/// Shannon entropy in bits a byte, of the first 4096 bytes.
pub(crate) fn bits(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    let sample = &text.as_bytes()[..text.len().min(4096)];
    for byte in sample {
        counts[usize::from(*byte)] += 1;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 4096")]
    let total = sample.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_stay_and_literals_in_them_do_not() {
        for value in
            ["${var.db_password}", "$DB_PASSWORD", "$(TOKEN)", "{{ .Values.password }}", "${{ secrets.TOKEN }}"]
        {
            assert!(stays(value, Secrecy::Certain), "{value}");
        }
        for value in ["${PASSWORD:-hunter2}", "{{ \"hunter2\" }}", "$ecret1", "hunter2", "correct horse", "1234"] {
            assert!(!stays(value, Secrecy::Certain), "{value}");
        }
    }

    #[test]
    fn names_do_not_look_random() {
        for name in [
            "AmazonEC2ContainerServiceforEC2Role",
            "AmazonEKSWorkerNodePolicy",
            "arn:aws:iam::123456789012:role/Admin",
            "my-application-bucket-2024",
            "0000000000000000000000000000000000000000",
            "this/is/a/path/to/some/File2/That3/IsLong",
        ] {
            assert!(!certainly_random(name), "{name}");
        }
        assert!(looks_random("a8F3kd02LLqp9Zx1"));
        assert!(certainly_random("wJalrXUtnFEMI7K1MDENGbPxRfiCYzz8Kq3LmT2v"));
    }
}
