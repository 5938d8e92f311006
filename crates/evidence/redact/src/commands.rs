//! Secrets in the arguments of commands that name them by a letter, or by their place.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use probity_secrets::found::Found;
use probity_secrets::names::{self, Secrecy};
use probity_secrets::{harmless, kind};

/// A command, and the flags behind which its secrets stand.
const COMMANDS: &[(&str, &[&str])] = &[
    ("mysql", &["-p"]),
    ("mysqladmin", &["-p"]),
    ("mysqldump", &["-p"]),
    ("mysqlimport", &["-p"]),
    ("mysqlsh", &["-p"]),
    ("mariadb", &["-p"]),
    ("mariadb-dump", &["-p"]),
    ("mariadb-admin", &["-p"]),
    ("sshpass", &["-p"]),
    // Of docker, podman, helm, az, oc and others.
    ("login", &["-p"]),
    ("mongo", &["-p"]),
    ("mongosh", &["-p"]),
    ("mongodump", &["-p"]),
    ("mongorestore", &["-p"]),
    ("mongoimport", &["-p"]),
    ("mongoexport", &["-p"]),
    ("cqlsh", &["-p"]),
    ("sqlcmd", &["-P"]),
    ("bcp", &["-P"]),
    ("redis-cli", &["-a"]),
    ("ldapsearch", &["-w"]),
    ("ldapadd", &["-w"]),
    ("ldapmodify", &["-w"]),
    ("ldapwhoami", &["-w"]),
    ("curl", &["-u", "--user", "-U", "--proxy-user"]),
    ("http", &["-a", "--auth"]),
    ("smbclient", &["-U"]),
    ("zip", &["-P"]),
    ("unzip", &["-P"]),
    ("7z", &["-p"]),
    ("useradd", &["-p"]),
    ("usermod", &["-p"]),
    ("openssl", &["-k", "-K", "-passin", "-passout", "-pass"]),
    ("influx", &["-t"]),
    ("rabbitmqadmin", &["-p"]),
    ("nats", &["--creds"]),
    ("ipmitool", &["-P"]),
    ("mosquitto_pub", &["-P"]),
    ("mosquitto_sub", &["-P"]),
    ("vault", &["-token"]),
];

/// Length of the longest of them.
const LONGEST_COMMAND: usize = 14;

/// Commands whose secrets are known by their place. The groups are the secrets.
const PLACES: &[&str] = &[
    r#"\b(?:echo|printf)\s{1,4}(?:-[ne]{1,3}\s{1,4})?["']?[A-Za-z_][A-Za-z0-9_.-]{0,31}:([^\s"'|]{1,128})["']?\s{0,4}\|\s{0,4}(?:sudo\s{1,4})?chpasswd"#,
    r#"\becho\s{1,4}(?:-[ne]{1,3}\s{1,4})?["']?([^\s"'|]{1,256})["']?\s{0,4}\|\s{0,4}(?:sudo\s{1,4}-S|[a-z]{2,12}\s[^|\n]{0,128}--?(?:password|passphrase|token)-(?:stdin|fd)|passwd\s{1,4}--stdin)"#,
    r#"\bhtpasswd\s{1,4}(?:-[A-Za-z0-9]{1,8}\s{1,4}){0,6}-[A-Za-z]{0,6}b[A-Za-z]{0,6}\s{1,4}(?:[^\s]{1,200}\s{1,4})?[^\s-][^\s]{0,64}\s{1,4}["']?([^\s"']{1,128})"#,
    r#"\brabbitmqctl\s{1,4}(?:add_user|change_password|authenticate_user)\s{1,4}[^\s]{1,64}\s{1,4}["']?([^\s"']{1,128})"#,
    r#"(?i)\bnet\s{1,4}user\s{1,4}[^\s/]{1,64}\s{1,4}["']?([^\s"'/*]{1,128})"#,
    r#"\bopenssl\s{1,4}passwd\s{1,4}(?:-[a-z0-9]{1,8}\s{1,4}){0,4}["']?([^\s"'-][^\s"']{0,128})"#,
    r#"\bpass:([^\s"']{1,128})"#,
    r"\bvault\s{1,4}login\s{1,4}(?:-[a-z-]{1,30}(?:=[^\s]{1,64})?\s{1,4}){0,4}([^\s=-][^\s=]{7,128})(?:\s|$)",
    r#"\bmc\s{1,4}(?:alias\s{1,4}set|config\s{1,4}host\s{1,4}add)\s{1,4}[^\s]{1,64}\s{1,4}[^\s]{1,200}\s{1,4}[^\s]{1,128}\s{1,4}["']?([^\s"']{1,128})"#,
];

static BY_NAME: LazyLock<HashMap<&str, &[&str]>> = LazyLock::new(|| COMMANDS.iter().copied().collect());

static PLACE_FORMS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| PLACES.iter().map(|form| Regex::new(&in_ascii(form)).expect("a valid pattern")).collect());

/// Whether any of them is in a text, found at once.
static ANY_PLACE: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(PLACES.iter().map(|form| in_ascii(form))).expect("valid patterns"));

/// Boundaries of words in ASCII: those of Unicode would keep the engine from its fast way.
fn in_ascii(form: &str) -> String {
    form.replace(r"\b", r"(?-u:\b)")
}

/// A word of a command line and where it stands, without the quotes around it.
struct Word<'t> {
    text: &'t str,
    start: usize,
}

/// Adds the secrets that stand in the command lines of a text.
pub(crate) fn find(text: &str, found: &mut Vec<Found>) {
    let forms = if ANY_PLACE.is_match(text) { &PLACE_FORMS[..] } else { &[] };
    for form in forms {
        for group in form.captures_iter(text).filter_map(|captures| captures.get(1)) {
            if !harmless::stays(group.as_str(), Secrecy::Certain) {
                found.push(Found::new(group.range(), kind::CREDENTIALS));
            }
        }
    }
    // Most texts are no command lines.
    if !text.contains(" -") {
        return;
    }
    let mut flags: &[&str] = &[];
    let mut expects = false;
    for word in words(text) {
        if expects {
            expects = false;
            if !word.text.starts_with('-') {
                add(&word, 0, found);
                continue;
            }
        }
        if matches!(word.text, "\n" | ";" | "&&" | "||" | "|" | "&") {
            flags = &[];
        } else if let Some(known) = flags_of(word.text) {
            flags = known;
        } else if flags.contains(&word.text) {
            expects = true;
        } else if let Some(flag) = flags.iter().find(|flag| flag.len() == 2 && attached(word.text, flag)) {
            add(&word, flag.len(), found);
        }
    }
}

/// Positions of the elements of a list of arguments that are secrets by the flag before them. `commands` are words that stand
/// before the list.
pub(crate) fn in_arguments(commands: &[&str], arguments: &[Option<&str>]) -> Vec<(usize, usize)> {
    let mut flags = commands.iter().find_map(|command| flags_of(command)).unwrap_or_default();
    let mut secret = Vec::new();
    let mut expects = false;
    for (position, argument) in arguments.iter().enumerate() {
        let Some(argument) = argument else {
            expects = false;
            continue;
        };
        if std::mem::take(&mut expects) && !argument.starts_with('-') {
            if !harmless::stays(argument, Secrecy::Certain) {
                secret.push((position, 0));
            }
        } else if let Some(known) = flags_of(argument) {
            flags = known;
        } else if flags.contains(argument) || named_flag(argument) {
            expects = true;
        } else if let Some(flag) = flags.iter().find(|flag| flag.len() == 2 && attached(argument, flag)) {
            secret.push((position, flag.len()));
        }
    }
    secret
}

/// Whether an argument is a flag with a secret's name, whose value is the next argument.
fn named_flag(argument: &str) -> bool {
    argument.starts_with('-') && !argument.contains(['=', ' ']) && names::secrecy(argument) >= Secrecy::Likely
}

/// Whether a flag's value is written right behind it. `-p80:80` and the like are no secrets.
fn attached(word: &str, flag: &str) -> bool {
    word.len() > flag.len()
        && word.starts_with(flag)
        && !word[flag.len()..]
            .chars()
            .all(|character| character.is_ascii_digit() || matches!(character, ':' | '.' | '/'))
}

fn flags_of(word: &str) -> Option<&'static [&'static str]> {
    let name = word.rsplit('/').next().unwrap_or(word);
    if !name.starts_with(|first: char| first.is_ascii_lowercase() || first == '7') || name.len() > LONGEST_COMMAND {
        return None;
    }
    BY_NAME.get(name).copied()
}

fn add(word: &Word<'_>, skip: usize, found: &mut Vec<Found>) {
    let value = &word.text[skip..];
    // Published ports and projects have the same letter in some commands.
    let port = value.split(['/', ':']).all(|part| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
    if value.is_empty() || (port && value.contains(':')) || harmless::stays(value, Secrecy::Certain) {
        return;
    }
    found.push(Found::new(word.start + skip..word.start + word.text.len(), kind::CREDENTIALS));
}

/// The words of a text as a shell would part them, line ends and operators among them.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && matches!(bytes[at], b' ' | b'\t' | b'\r') {
            at += 1;
        }
        let first = *bytes.get(at)?;
        let start = at;
        if matches!(first, b'\n' | b';' | b'|' | b'&') {
            while at < bytes.len() && bytes[at] == first {
                at += 1;
            }
            let text = if first == b'\n' { "\n" } else { &text[start..at] };
            return Some(Word { text, start });
        }
        while at < bytes.len() && !matches!(bytes[at], b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|') {
            let byte = bytes[at];
            at += 1;
            if matches!(byte, b'"' | b'\'') {
                // A quote that does not close within its line is a letter like others.
                let rest = &bytes[at..bytes.len().min(at + 512)];
                let close = memchr::memchr2(byte, b'\n', rest).filter(|close| rest[*close] == byte);
                // In `sh -c "mysql -p..."` a command line stands within the quotes.
                if let Some(close) = close.filter(|close| memchr::memmem::find(&rest[..*close], b" -").is_none()) {
                    at += close + 1;
                }
            }
        }
        let word = &text[start..at];
        let inner = word.trim_start_matches(['"', '\'']);
        let start = start + word.len() - inner.len();
        Some(Word { text: inner.trim_end_matches(['"', '\'']), start })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        find(text, &mut found);
        found.into_iter().map(|part| &text[part.range]).collect()
    }

    #[test]
    fn letters_mean_secrets_only_where_they_do() {
        let table: &[(&str, &[&str])] = &[
            ("mysql -u root -phunter2 db", &["hunter2"]),
            ("mysql -u root -p 'hunter2' db", &["hunter2"]),
            ("sshpass -p hunter2 ssh host", &["hunter2"]),
            ("sh -c \"mysql -u root -p'hunter 2' db\"", &["'hunter 2"]),
            ("docker login -u me -p hunter2", &["hunter2"]),
            ("docker run -p 80:80 image", &[]),
            ("docker run -p 127.0.0.1:80:80/tcp image", &[]),
            ("mkdir -p /srv/data", &[]),
            ("cd x && curl -u me:hunter2 https://a; ls -u b", &["me:hunter2"]),
            ("echo 'root:hunter2' | chpasswd", &["hunter2"]),
            ("echo hunter2 | docker login --password-stdin", &["hunter2"]),
            ("echo \"$PASS\" | docker login --username x --password-stdin", &[]),
            ("htpasswd -bc /etc/htpasswd admin hunter2", &["hunter2"]),
            ("openssl aes-256-cbc -k hunter2 -in a", &["hunter2"]),
            ("rabbitmqctl add_user admin hunter2", &["hunter2"]),
        ];
        for (text, expected) in table {
            assert_eq!(secrets(text), *expected, "{text}");
        }
    }

    #[test]
    fn arguments_follow_their_flags() {
        let arguments = ["--port", "80", "--db-password", "hunter2", "-phunter2", "--token=x"].map(Some);
        assert_eq!(in_arguments(&["mysql"], &arguments), [(3, 0), (4, 2)]);
        assert_eq!(in_arguments(&[], &arguments), [(3, 0)]);
    }
}
