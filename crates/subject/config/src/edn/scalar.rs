//! Scalars of EDN, printed as Go prints what they become there.

/// A number, a keyword, a symbol, `nil` or a truth value; nothing when it is none of them.
pub(super) fn printed(word: &str) -> Option<String> {
    if word == "nil" {
        return Some("<nil>".to_owned());
    }
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    if digits.starts_with(|first: char| first.is_ascii_digit()) {
        return number(word, digits);
    }
    let name = word.strip_prefix(':').unwrap_or(word);
    let is_mark = |character: char| ".*+!-_?$%&=<>|/:#'".contains(character);
    let fits = |character: char| character.is_alphanumeric() || is_mark(character);
    let starts = name.starts_with(|first: char| fits(first) && !matches!(first, ':' | '#' | '\''));
    (starts && name.chars().all(fits)).then(|| word.to_owned())
}

fn number(word: &str, digits: &str) -> Option<String> {
    let negative = if word.starts_with('-') { "-" } else { "" };
    let (plain, is_exact) = match digits.strip_suffix('N') {
        Some(plain) => (plain, true),
        None => (digits.strip_suffix('M').unwrap_or(digits), false),
    };
    let whole = plain.len() - plain.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if whole > 1 && plain.starts_with('0') {
        return None;
    }
    if whole == plain.len() && (is_exact || plain.len() == digits.len()) {
        return Some(if plain == "0" { "0".to_owned() } else { format!("{negative}{plain}") });
    }
    let rest = &plain[whole..];
    let fits = |rest: &str| {
        let rest =
            rest.strip_prefix('.').map_or(rest, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
        let exponent =
            rest.strip_prefix(['e', 'E']).map(|exponent| exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
        exponent
            .map_or(rest.is_empty(), |digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_float = !is_exact && fits(rest) && !rest.starts_with(".e") && !rest.starts_with(".E") && rest != ".";
    let value: f64 = format!("{negative}{plain}").parse().ok().filter(|value: &f64| is_float && value.is_finite())?;
    Some(float(value))
}

/// The shortest digits that tell a double from others, with an exponent when it is below -4 or above 5.
fn float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..=5).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

/// The character that a name behind a backslash means.
pub(super) fn character(name: &str) -> Option<char> {
    match name {
        "newline" => Some('\n'),
        "return" => Some('\r'),
        "space" => Some(' '),
        "tab" => Some('\t'),
        "backspace" => Some('\u{8}'),
        "formfeed" => Some('\u{c}'),
        _ => name.strip_prefix('u').filter(|digits| digits.len() == 4).and_then(code_point),
    }
}

/// The character with this number in hexadecimal digits.
pub(super) fn code_point(digits: &str) -> Option<char> {
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal)?;
    Some(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// `1985-04-12T23:20:50.520Z` as `1985-04-12 23:20:50.52 +0000 UTC`.
pub(super) fn instant(text: &str) -> Option<String> {
    let (date, rest) = text.split_once('T')?;
    let zone = rest.find(['Z', '+', '-'])?;
    let (clock, zone) = rest.split_at(zone);
    let digits = |text: &str, form: &str| {
        let same = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
        text.len() == form.len() && text.bytes().zip(form.bytes()).all(same)
    };
    let (second, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(date, "0000-00-00") || !digits(second, "00:00:00") || !is_fraction {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let zone = match zone {
        "Z" | "+00:00" | "-00:00" => "+0000 UTC".to_owned(),
        other if digits(&other[1..], "00:00") => format!("{0} {0}", other.replace(':', "")),
        _ => return None,
    };
    Some(format!("{date} {second}{point}{fraction} {zone}"))
}
