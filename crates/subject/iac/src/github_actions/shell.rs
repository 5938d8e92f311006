//! The commands of a script, as far as policies ask about them: what is run, with which words, what it is piped into and
//! which of the runner's files it writes.
//!
//! This is no shell. Quotes, comments, line continuations, pipes, lists, groups, substitutions and here-documents of the
//! Bourne shells are followed, and enough of PowerShell to see its commands and pipes; functions, aliases and what a
//! variable holds are not.

use probity_model::{Span, Value};

use super::expression;
use super::object::{Entries, list};

/// Most commands of one script that are told.
const MAX_COMMANDS: usize = 2_000;

/// Deepest groups and substitutions.
const MAX_DEPTH: usize = 64;

/// Files whose lines change the steps after this one.
const FILES: [&str; 4] = ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE"];

/// Words in front of a command that are not it.
const BEFORE: &[&str] = &[
    "if", "then", "else", "elif", "do", "while", "until", "!", "time", "exec", "sudo", "command", "nohup", "eval", "&",
];

/// A word, without its quotes.
#[derive(Debug, Default)]
struct Word {
    text: String,
    /// Whether some part of it is put in when the script runs.
    dynamic: bool,
    /// Whether some part of it is in quotes, and whether its first is.
    quoted: bool,
    begins_quoted: bool,
    /// Where it begins in the script.
    at: usize,
}

/// A write to one of the runner's files.
#[derive(Debug, PartialEq, Eq)]
struct Write {
    file: &'static str,
    constant: bool,
}

#[derive(Debug, Default)]
struct Command {
    words: Vec<Word>,
    writes: Vec<Write>,
    /// Whether what it prints stands in the script as it is.
    constant: bool,
    /// Whether its output goes to the command behind it.
    piped: bool,
}

/// The commands of a script as documents; `place` gives the place of a byte of it.
pub(super) fn commands(script: &str, shell: &str, place: &dyn Fn(usize) -> Span) -> Option<Value> {
    let escape = match shell {
        "bash" | "sh" | "zsh" | "dash" | "ksh" => '\\',
        "pwsh" | "powershell" => '`',
        _ => return None,
    };
    let mut scanner = Scanner::new(script, escape);
    scanner.run();
    let found = scanner.commands;
    let name = |command: &Command| command.words.first().map(|word| word.text.clone());
    let mut documents = Vec::new();
    for (index, command) in found.iter().enumerate() {
        let span = place(command.words.first().map_or(0, |word| word.at));
        let mut entries = Entries::at(span);
        let words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        entries.add("text", words.join(" "));
        entries.add_some("name", name(command));
        if command.piped {
            entries.add_some("into", found.get(index + 1).and_then(name));
        }
        for write in &command.writes {
            let mut written = Entries::at(span);
            written.add("file", write.file);
            written.add("constant", write.constant);
            entries.add("writes", written.object());
        }
        documents.push((entries.object(), span));
    }
    Some(list(documents))
}

struct Scanner<'s> {
    script: &'s str,
    escape: char,
    at: usize,
    command: Command,
    word: Option<Word>,
    commands: Vec<Command>,
    /// For each open group or substitution, how many commands there were before it, and whether it is a group.
    open: Vec<(usize, bool)>,
    /// The file that the next word is the name of.
    redirects: bool,
    /// The ends of here-documents that begin on this line, and whether one has no substitutions.
    heredocs: Vec<(String, bool)>,
    /// Whether the next word ends a here-document.
    heredoc: bool,
}

impl<'s> Scanner<'s> {
    fn new(script: &'s str, escape: char) -> Self {
        Self {
            script,
            escape,
            at: 0,
            command: Command::default(),
            word: None,
            commands: Vec::new(),
            open: Vec::new(),
            redirects: false,
            heredocs: Vec::new(),
            heredoc: false,
        }
    }

    fn rest(&self) -> &'s str {
        &self.script[self.at..]
    }

    fn run(&mut self) {
        while let Some(next) = self.rest().chars().next() {
            if self.commands.len() >= MAX_COMMANDS {
                return;
            }
            self.step(next);
        }
        self.end_command(false);
    }

    fn step(&mut self, next: char) {
        let rest = self.rest();
        if rest.starts_with("${{") {
            let end = expression::fences(rest).first().map_or(3, |range| range.end);
            return self.push_dynamic(end);
        }
        match next {
            '\n' => {
                self.end_command(false);
                self.at += 1;
                self.skip_heredocs();
            }
            ' ' | '\t' | '\r' => {
                self.end_word();
                self.at += 1;
            }
            '#' if self.word.is_none() => self.at += rest.find('\n').unwrap_or(rest.len()),
            '\'' => self.single_quoted(),
            '"' => self.double_quoted(),
            escape if escape == self.escape => self.escaped(),
            '$' if rest.starts_with("$(") && !rest.starts_with("$((") => {
                self.push_dynamic(0);
                self.enter(2, false);
            }
            '$' => self.variable(),
            '(' | '{' if self.word.is_none() => self.enter(1, true),
            ')' | '}' if self.word.is_none() || next == ')' => self.leave(),
            '|' if rest.starts_with("||") => self.separate(2, false),
            '|' => self.separate(1, true),
            '&' if rest.starts_with("&&") => self.separate(2, false),
            '&' if rest.starts_with("&>") => self.redirection(2),
            '&' if self.redirects => self.push(1),
            ';' | '&' | '`' => self.separate(1, false),
            '>' => self.redirection(1),
            '<' if rest.starts_with("<<<") => {
                self.end_word();
                self.at += 3;
            }
            '<' if rest.starts_with("<<") => {
                self.end_word();
                self.at += 2 + usize::from(rest[2..].starts_with('-'));
                self.heredoc = true;
            }
            '<' => {
                self.end_word();
                self.at += 1;
            }
            other => self.push(other.len_utf8()),
        }
    }

    /// Takes bytes into the word.
    fn push(&mut self, length: usize) {
        let taken = &self.script[self.at..self.at + length];
        let at = self.at;
        self.word.get_or_insert_with(|| Word { at, ..Word::default() }).text.push_str(taken);
        self.at += length;
    }

    fn push_dynamic(&mut self, length: usize) {
        self.push(length);
        if let Some(word) = &mut self.word {
            word.dynamic = true;
        }
    }

    fn variable(&mut self) {
        let rest = self.rest();
        let end = match rest[1..].chars().next() {
            Some('{') => rest.find('}').map_or(rest.len(), |end| end + 1),
            Some(first) if first.is_ascii_alphanumeric() || first == '_' => {
                let end = rest[1..].find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')));
                end.map_or(rest.len(), |end| end + 1)
            }
            Some(other) if "?#@*!$-".contains(other) => 2,
            _ => 1,
        };
        self.push_dynamic(end);
    }

    fn single_quoted(&mut self) {
        let inner = &self.rest()[1..];
        let end = inner.find('\'').unwrap_or(inner.len());
        let at = self.at;
        let has_expression = !expression::fences(&inner[..end]).is_empty();
        let word = self.word.get_or_insert_with(|| Word { at, begins_quoted: true, ..Word::default() });
        word.text.push_str(&inner[..end]);
        word.quoted = true;
        word.dynamic |= has_expression;
        self.at += (end + 2).min(inner.len() + 1);
    }

    fn double_quoted(&mut self) {
        let at = self.at;
        self.word.get_or_insert_with(|| Word { at, begins_quoted: true, ..Word::default() }).quoted = true;
        self.at += 1;
        while let Some(next) = self.rest().chars().next() {
            let rest = self.rest();
            match next {
                '"' => {
                    self.at += 1;
                    return;
                }
                escape if escape == self.escape => {
                    self.at += escape.len_utf8();
                    let length = self.rest().chars().next().map_or(0, char::len_utf8);
                    self.push(length);
                }
                '$' if rest.starts_with("${{") => {
                    let end = expression::fences(rest).first().map_or(3, |range| range.end);
                    self.push_dynamic(end);
                }
                '$' if rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || "_{(@*#?!".contains(c)) => {
                    self.variable();
                }
                '`' => self.push_dynamic(1),
                other => self.push(other.len_utf8()),
            }
        }
    }

    fn escaped(&mut self) {
        self.at += self.escape.len_utf8();
        let rest = self.rest();
        if rest.starts_with("\r\n") || rest.starts_with('\n') {
            self.end_word();
            self.at += if rest.starts_with('\r') { 2 } else { 1 };
            return;
        }
        self.push(rest.chars().next().map_or(0, char::len_utf8));
    }

    fn redirection(&mut self, length: usize) {
        // The number of a stream in front of `>` is no word.
        if self.word.as_ref().is_some_and(|word| word.text.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.at += length + usize::from(self.rest()[length..].starts_with('>'));
        self.redirects = true;
    }

    fn separate(&mut self, length: usize, piped: bool) {
        self.end_command(piped);
        self.at += length;
    }

    fn enter(&mut self, length: usize, is_group: bool) {
        self.end_command(false);
        if self.open.len() < MAX_DEPTH {
            self.open.push((self.commands.len(), is_group));
        }
        self.at += length;
    }

    fn leave(&mut self) {
        self.end_command(false);
        self.at += 1;
        let Some((before, is_group)) = self.open.pop() else { return };
        if is_group {
            // What the group prints is what its commands print.
            self.command.constant = self.commands[before..].iter().all(|command| command.constant);
            self.command.words.clear();
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if self.heredoc {
            self.heredoc = false;
            self.heredocs.push((word.text, word.quoted));
        } else if self.redirects {
            self.redirects = false;
            self.command.writes.extend(file_of(&word.text).map(|file| Write { file, constant: false }));
        } else if self.command.words.is_empty() && (BEFORE.contains(&word.text.as_str()) || is_assignment(&word)) {
            // The command is still to come.
        } else {
            self.command.words.push(word);
        }
    }

    fn end_command(&mut self, piped: bool) {
        self.end_word();
        self.redirects = false;
        let mut command = std::mem::take(&mut self.command);
        if command.words.is_empty() && command.writes.is_empty() {
            return;
        }
        let fed = self.commands.last().filter(|before| before.piped).map(|before| before.constant);
        command.piped = piped;
        command.constant = match command.words.first() {
            None => command.constant,
            Some(name) if prints(name) => command.words[1..].iter().all(|word| !word.dynamic) && !name.dynamic,
            Some(name) if is_writer(&name.text) => {
                let files = command.words[1..].iter().filter_map(|word| file_of(&word.text));
                command.writes.extend(files.map(|file| Write { file, constant: false }));
                fed.unwrap_or(false)
            }
            Some(name) if name.text == "cat" && command.words.len() == 1 && !self.heredocs.is_empty() => {
                self.heredocs_are_constant()
            }
            Some(_) => false,
        };
        let constant = command.constant;
        command.writes.iter_mut().for_each(|write| write.constant = constant);
        self.commands.push(command);
    }

    /// Whether the here-documents that begin on this line have nothing put into them.
    fn heredocs_are_constant(&self) -> bool {
        let body = self.rest().split_once('\n').map_or("", |(_, body)| body);
        self.heredocs.iter().all(|(end, quoted)| {
            let lines = body.lines().take_while(|line| line.trim() != end);
            lines.into_iter().all(|line| !line.contains("${{") && (*quoted || !line.contains(['$', '`'])))
        })
    }

    fn skip_heredocs(&mut self) {
        for (end, _) in std::mem::take(&mut self.heredocs) {
            while !self.rest().is_empty() {
                let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
                self.at += line.len();
                if line.trim() == end {
                    break;
                }
            }
        }
    }
}

/// Whether a command prints its own words.
fn prints(name: &Word) -> bool {
    name.begins_quoted || matches!(name.text.to_ascii_lowercase().as_str(), "echo" | "printf" | "write-output")
}

/// Whether a command writes what it is fed into the files that its words name.
fn is_writer(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "tee" | "out-file" | "add-content" | "set-content" | "tee-object")
}

/// `NAME=value` in front of a command.
fn is_assignment(word: &Word) -> bool {
    let Some((name, _)) = word.text.split_once('=') else { return false };
    !word.begins_quoted && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Which of the runner's files a word names: `$GITHUB_ENV`, `${GITHUB_ENV}`, `$env:GITHUB_ENV`.
fn file_of(word: &str) -> Option<&'static str> {
    let name = word.strip_prefix('$')?.trim_start_matches('{').trim_end_matches('}');
    let name = match name.split_once(':') {
        Some((space, name)) if space.eq_ignore_ascii_case("env") => name,
        _ => name,
    };
    FILES.into_iter().find(|file| file.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use probity_model::{SourceId, json};
    use proptest::prelude::*;

    fn read(script: &str, shell: &str) -> Vec<String> {
        let place = |at| Span::new(SourceId(0), at..at);
        let Some(Value::Array(list)) = commands(script, shell, &place) else { return vec!["none".to_owned()] };
        let line = |command: &Value| {
            let text = |name: &str| command.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let into = command.get("into").map(|into| format!(" | {}", into.as_str().unwrap_or_default()));
            let writes = command.get("writes").map(|writes| format!(" > {}", json::write(writes)));
            format!("{}{}{}", text("text"), into.unwrap_or_default(), writes.unwrap_or_default())
        };
        list.iter().map(line).collect()
    }

    #[test]
    fn commands_of_scripts() {
        for (script, expected) in [
            ("npm ci\nnpm test # all\n", vec!["npm ci", "npm test"]),
            ("a && b || c; d & e", vec!["a", "b", "c", "d", "e"]),
            ("curl -fsSL https://x | sudo bash -s -- --yes", vec!["curl -fsSL https://x | bash", "bash -s -- --yes"]),
            ("docker build \\\n  -t a .\n", vec!["docker build -t a ."]),
            ("if [ -f x ]; then\n  FOO=1 make 'a b'\nfi\n", vec!["[ -f x ]", "make a b", "fi"]),
            ("x=$(git rev-parse HEAD)\n", vec!["git rev-parse HEAD"]),
            ("echo \"a $(b c) d\" 2>&1 >/dev/null", vec!["echo a $(b c) d"]),
            ("cat <<EOF > f\nnpm install x\nEOF\nls\n", vec!["cat", "ls"]),
            ("echo ${{ github.ref }}/x", vec!["echo ${{ github.ref }}/x"]),
            ("(cd a && b)", vec!["cd a", "b"]),
            ("# only this\n", vec![]),
        ] {
            assert_eq!(read(script, "bash"), expected, "{script}");
        }
    }

    #[test]
    fn writes_to_the_runner() {
        let env = |constant: bool| format!(r#"{{"constant":{constant},"file":"GITHUB_ENV"}}"#);
        for (script, shell, expected) in [
            ("echo A=b >> $GITHUB_ENV", "bash", Some(true)),
            ("echo 'A=$b' >>\"$GITHUB_ENV\"", "sh", Some(true)),
            ("echo \"A=$B\" >> ${GITHUB_ENV}", "bash", Some(false)),
            ("echo A=${{ inputs.x }} >> $GITHUB_ENV", "bash", Some(false)),
            ("cat x >> $GITHUB_ENV", "bash", Some(false)),
            ("echo A=b | tee -a \"$GITHUB_ENV\"", "bash", Some(true)),
            ("cat x | tee -a $GITHUB_ENV", "bash", Some(false)),
            ("{\n echo A=b\n echo C=d\n} >> $GITHUB_ENV", "bash", Some(true)),
            ("{\n echo A=b\n cat x\n} >> $GITHUB_ENV", "bash", Some(false)),
            ("cat <<EOF >> $GITHUB_ENV\nA=b\nEOF\n", "bash", Some(true)),
            ("cat <<EOF >> $GITHUB_ENV\nA=$b\nEOF\n", "bash", Some(false)),
            ("\"A=b\" >> $env:GITHUB_ENV", "pwsh", Some(true)),
            ("echo \"A=$x\" | Out-File -FilePath $env:GITHUB_ENV -Append", "pwsh", Some(false)),
            ("echo $GITHUB_ENV", "bash", None),
        ] {
            let writes: Vec<String> =
                read(script, shell).iter().filter_map(|line| Some(line.split_once(" > ")?.1.to_owned())).collect();
            assert_eq!(writes, expected.map(env).into_iter().collect::<Vec<_>>(), "{script}");
        }
        assert_eq!(read("print(1)", "python"), ["none"]);
    }

    proptest! {
        #[test]
        fn any_script_has_commands(script in "([a-b $'\"`\\\\|&;(){}<>#\nü=]|\\$\\{\\{ a \\}\\}|EOF|GITHUB_ENV){0,40}") {
            for shell in ["bash", "pwsh"] {
                let _ = read(&script, shell);
            }
        }
    }
}
