//! The commands of a shell text.

/// Texts within one another that are followed: `$(...)`.
const MAX_DEPTH: usize = 32;

/// Words that are grammar where a command begins.
const RESERVED: [&str; 17] = [
    "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "case", "esac", "for", "in", "!", "{", "}",
    "function",
];

/// The words of each command as written, with those of commands within words (`$(...)`) after the command they are in.
/// Redirections and assignments before a command are left out.
pub(super) fn commands(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut out = Vec::new();
    read(text, 0, &mut out)?;
    Ok(out)
}

fn read(text: &str, depth: usize, out: &mut Vec<Vec<String>>) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("commands are nested too deep".to_owned());
    }
    let mut reader = Reader { text, at: 0 };
    let mut command: Vec<String> = Vec::new();
    let mut inner: Vec<&str> = Vec::new();
    let mut skip_word = false;
    loop {
        let token = reader.next()?;
        if let Token::Word(word) = token {
            inner.extend(substitutions(word));
            let starts = command.is_empty();
            if std::mem::take(&mut skip_word) || starts && (RESERVED.contains(&word) || is_assignment(word)) {
                continue;
            }
            command.push(word.to_owned());
            continue;
        }
        if token == Token::Redirect {
            skip_word = true;
            continue;
        }
        skip_word = false;
        if !command.is_empty() {
            out.push(std::mem::take(&mut command));
        }
        for text in inner.drain(..) {
            read(text, depth + 1, out)?;
        }
        if token == Token::End {
            return Ok(());
        }
    }
}

fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Token<'t> {
    Word(&'t str),
    /// What parts commands.
    Separator,
    Redirect,
    End,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Result<Token<'t>, String> {
        self.skip_blanks();
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        // The streams that are meant may stand before: `2>&1`, `&>file`.
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let stream = if rest.starts_with("&>") { 1 } else { digits };
        if rest[stream..].starts_with(['<', '>']) {
            let signs = rest[stream..].find(|sign| !matches!(sign, '<' | '>' | '&' | '|' | '-')).unwrap_or(1);
            self.at += stream + signs.max(1);
            return Ok(Token::Redirect);
        }
        if is_separator(first) {
            self.at += rest.find(|other| !is_separator(other)).unwrap_or(rest.len());
            return Ok(Token::Separator);
        }
        let start = self.at;
        while let Some(character) = self.rest().chars().next() {
            if character.is_whitespace() || is_separator(character) || matches!(character, '<' | '>') {
                break;
            }
            self.at = piece(self.text, self.at)?;
        }
        Ok(Token::Word(&self.text[start..self.at]))
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            if let Some(next) = rest.strip_prefix("\\\n").or_else(|| rest.strip_prefix("\\\r\n")) {
                self.at = self.text.len() - next.len();
            } else if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with(|blank: char| blank.is_whitespace() && blank != '\n') {
                self.at += rest.chars().next().map_or(0, char::len_utf8);
            } else {
                return;
            }
        }
    }
}

fn is_separator(character: char) -> bool {
    matches!(character, ';' | '&' | '|' | '\n' | '(' | ')')
}

/// Where the character, or what it opens, ends.
fn piece(text: &str, at: usize) -> Result<usize, String> {
    let rest = &text[at..];
    let within = |open: usize, close: char| match rest[open..].find(close) {
        Some(end) => Ok(at + open + end + close.len_utf8()),
        None => Err(format!("reached the end without closing quote {close}")),
    };
    let first = rest.chars().next().unwrap_or_default();
    match first {
        '\'' => within(1, '\''),
        '`' => within(1, '`'),
        '"' => until(text, at + 1, '"'),
        '$' if rest.starts_with("$(") => until(text, at + 2, ')'),
        '$' if rest.starts_with("${") => until(text, at + 2, '}'),
        '\\' => Ok(at + 1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
        _ => Ok(at + first.len_utf8()),
    }
}

/// Where what is open ends, minding quotes and what is opened in between.
fn until(text: &str, mut at: usize, close: char) -> Result<usize, String> {
    let mut open = vec![close];
    while let Some(character) = text[at..].chars().next() {
        let Some(close) = open.last().copied() else { return Ok(at) };
        if open.len() > MAX_DEPTH * 4 {
            return Err("nested too deep".to_owned());
        }
        let rest = &text[at..];
        let quoted = close == '"';
        at += character.len_utf8();
        match character {
            _ if character == close => {
                open.pop();
            }
            '\\' => at += text[at..].chars().next().map_or(0, char::len_utf8),
            '"' => open.push('"'),
            '\'' if !quoted => {
                at += text[at..].find('\'').map(|end| end + 1).ok_or("reached the end without closing quote '")?;
            }
            '$' if rest.starts_with("$(") => {
                at += 1;
                open.push(')');
            }
            '$' if rest.starts_with("${") => {
                at += 1;
                open.push('}');
            }
            '(' if !quoted && close == ')' => open.push(')'),
            _ => {}
        }
    }
    if open.is_empty() { Ok(at) } else { Err(format!("reached the end without closing {close}")) }
}

/// The texts of the commands within a word.
fn substitutions(word: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut quoted = false;
    while let Some(character) = word[at..].chars().next() {
        let rest = &word[at..];
        if character == '"' {
            quoted = !quoted;
            at += 1;
            continue;
        }
        let end = if quoted && character == '\'' { Ok(at + 1) } else { piece(word, at) };
        let Ok(end) = end else { break };
        if rest.starts_with("$(") && !rest.starts_with("$((") {
            found.push(&word[at + 2..end.saturating_sub(1).max(at + 2)]);
        } else if character == '`' {
            found.push(&word[at + 1..end - 1]);
        }
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_apart() {
        for (text, expected) in [
            ("", &[][..]),
            ("apt update; apt install -y nginx", &["apt update", "apt install -y nginx"]),
            ("apt update && apt install curl || true", &["apt update", "apt install curl", "true"]),
            (r#"echo "test;test" ;apt update"#, &[r#"echo "test;test""#, "apt update"]),
            ("A=1 B=2 make 2>&1 >/dev/null all", &["make all"]),
            ("cat a | grep 'x y' &", &["cat a", "grep 'x y'"]),
            ("if test -f a; then rm a; fi", &["test -f a", "rm a"]),
            ("echo $(whoami) \"`date`\"", &["echo $(whoami) \"`date`\"", "whoami", "date"]),
            ("apt-get \\\n install # a comment\nls", &["apt-get install", "ls"]),
            ("(cd a && make)", &["cd a", "make"]),
        ] {
            let joined: Vec<String> = commands(text).unwrap().iter().map(|words| words.join(" ")).collect();
            assert_eq!(joined, expected, "{text}");
        }
        assert!(commands("echo 'open").is_err());
        assert!(commands("echo $(open").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[ -~\n`"'$(){};&|<>\\]{0,80}"#) {
            let _ = commands(&text);
        }
    }
}
