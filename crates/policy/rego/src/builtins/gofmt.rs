//! Text made from a format in the way of Go's `fmt.Sprintf`, for the kinds of operands that Rego gives it.

use bigdecimal::num_bigint::{BigInt, Sign};
use probity_go::float as gofloat;
use probity_model::value::{Number, Value};

use super::args::whole;
use super::sprintf::text;

/// Widest field and most digits that a format may ask for.
const MAX_WIDTH: i64 = 1_000_000;

/// An operand as Go would see it.
enum Operand {
    Int(i64),
    Big(BigInt),
    Float(f64),
    Text(String),
    /// What a template has nothing for.
    Nil,
}

impl Operand {
    fn of(value: &Value) -> Self {
        match value {
            Value::Number(number) => Self::of_number(number),
            Value::String(text) => Self::Text(text.to_string()),
            other => Self::Text(text(other)),
        }
    }

    fn of_number(number: &Number) -> Self {
        let written = number.to_string();
        // What was written with an exponent is kept as such, and is no integer for Go.
        let exponent = number.as_i64() != Some(0) && written.len() < 400 && number.to_big().as_bigint_and_scale().1 < 0;
        if exponent || written.contains(['.', 'e', 'E']) {
            let float = number.as_f64();
            return if float.is_finite() { Self::Float(float) } else { Self::Text(written) };
        }
        match whole(number) {
            Some(big) => i64::try_from(&big).map_or(Self::Big(big), Self::Int),
            None => Self::Text(written),
        }
    }

    fn go_type(&self) -> &'static str {
        match self {
            Self::Int(_) => "int64",
            Self::Big(_) => "*big.Int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::Nil => "<nil>",
        }
    }
}

/// The flags, width and precision of one verb.
#[derive(Default, Clone)]
struct Spec {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `#` and `+` of the verb `v`, which mean something else.
    sharp_v: bool,
    plus_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The format with the operands put in.
pub(crate) fn format(format: &str, values: &[Value]) -> String {
    print(format, &values.iter().map(Operand::of).collect::<Vec<_>>())
}

/// As [`format`], where null and what is unknown are Go's `nil`.
pub(crate) fn format_or_nil(format: &str, values: &[Value]) -> String {
    let operand = |value: &Value| match value {
        Value::Null | Value::Unknown(_) => Operand::Nil,
        other => Operand::of(other),
    };
    print(format, &values.iter().map(operand).collect::<Vec<_>>())
}

fn print(format: &str, operands: &[Operand]) -> String {
    let mut printer = Printer {
        out: String::with_capacity(format.len() + 16 * operands.len()),
        rest: format,
        operands,
        next: 0,
        reordered: false,
        good_number: true,
        spec: Spec::default(),
    };
    printer.print();
    printer.out
}

struct Printer<'f> {
    out: String,
    rest: &'f str,
    operands: &'f [Operand],
    next: usize,
    reordered: bool,
    good_number: bool,
    spec: Spec,
}

impl Printer<'_> {
    fn print(&mut self) {
        // What has become too long is refused by whoever asked for it.
        while let Some(at) = self.rest.find('%').filter(|_| self.out.len() <= super::strings::MAX_TEXT) {
            self.out.push_str(&self.rest[..at]);
            self.rest = &self.rest[at + 1..];
            self.good_number = true;
            self.spec = Spec::default();
            self.flags();
            self.sizes();
            let Some(verb) = self.rest.chars().next() else {
                self.out.push_str("%!(NOVERB)");
                break;
            };
            self.rest = &self.rest[verb.len_utf8()..];
            self.verb(verb);
        }
        self.out.push_str(self.rest);
        self.extra();
    }

    fn flags(&mut self) {
        while let Some(flag) = self.rest.bytes().next() {
            match flag {
                b'+' => self.spec.plus = true,
                b'-' => self.spec.minus = true,
                b'#' => self.spec.sharp = true,
                b' ' => self.spec.space = true,
                b'0' => self.spec.zero = true,
                _ => return,
            }
            self.rest = &self.rest[1..];
        }
    }

    /// Width and precision, and which operand is meant.
    fn sizes(&mut self) {
        let mut after_number = self.number();
        if self.took("*") {
            let width = self.size_operand();
            if width.is_none() {
                self.out.push_str("%!(BADWIDTH)");
            }
            if width.is_some_and(i64::is_negative) {
                self.spec.minus = true;
                self.spec.zero = false;
            }
            self.spec.width = width.and_then(|width| usize::try_from(width.unsigned_abs()).ok());
            after_number = false;
        } else {
            self.spec.width = self.digits();
            if after_number && self.spec.width.is_some() {
                self.good_number = false;
            }
        }
        if self.rest.len() > 1 && self.took(".") {
            if after_number {
                self.good_number = false;
            }
            after_number = self.number();
            if self.took("*") {
                let precision = self.size_operand().filter(|precision| *precision >= 0);
                if precision.is_none() {
                    self.out.push_str("%!(BADPREC)");
                }
                self.spec.precision = precision.and_then(|precision| usize::try_from(precision).ok());
                after_number = false;
            } else {
                self.spec.precision = Some(self.digits().unwrap_or(0));
            }
        }
        if !after_number {
            self.number();
        }
    }

    fn took(&mut self, sign: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        self.rest = rest;
        true
    }

    /// A number that stands in the format.
    fn digits(&mut self) -> Option<usize> {
        let mut number: Option<i64> = None;
        while let Some(digit) = self.rest.bytes().next().filter(u8::is_ascii_digit) {
            if number.is_some_and(|number| number > MAX_WIDTH) {
                self.rest = "";
                return None;
            }
            number = Some(number.unwrap_or(0) * 10 + i64::from(digit - b'0'));
            self.rest = &self.rest[1..];
        }
        number.and_then(|number| usize::try_from(number).ok())
    }

    /// A width or precision that is an operand.
    fn size_operand(&mut self) -> Option<i64> {
        let operand = self.operands.get(self.next)?;
        self.next += 1;
        match operand {
            Operand::Int(int) if int.unsigned_abs() <= MAX_WIDTH.unsigned_abs() => Some(*int),
            _ => None,
        }
    }

    /// `[3]`: which operand is next.
    fn number(&mut self) -> bool {
        if !self.rest.starts_with('[') {
            return false;
        }
        self.reordered = true;
        let Some(end) = self.rest.find(']').filter(|_| self.rest.len() >= 3) else {
            self.good_number = false;
            self.rest = &self.rest[1..];
            return false;
        };
        let inner = &self.rest[1..end];
        self.rest = &self.rest[end + 1..];
        let plain = !inner.is_empty() && inner.len() <= 7 && inner.bytes().all(|byte| byte.is_ascii_digit());
        let number = if plain { inner.parse::<usize>().ok() } else { None };
        match number {
            Some(number) if number >= 1 && number <= self.operands.len() => self.next = number - 1,
            _ => self.good_number = false,
        }
        number.is_some()
    }

    fn verb(&mut self, verb: char) {
        if verb == '%' {
            return self.out.push('%');
        }
        let problem = if !self.good_number {
            "(BADINDEX)"
        } else if self.next >= self.operands.len() {
            "(MISSING)"
        } else {
            if matches!(verb, 'v' | 'w') {
                self.spec.sharp_v = std::mem::take(&mut self.spec.sharp);
                self.spec.plus_v = std::mem::take(&mut self.spec.plus);
            }
            let operands = self.operands;
            self.operand(verb, &operands[self.next]);
            self.next += 1;
            return;
        };
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push_str(problem);
    }

    fn extra(&mut self) {
        if self.reordered || self.next >= self.operands.len() {
            return;
        }
        self.spec = Spec::default();
        self.out.push_str("%!(EXTRA ");
        let operands = self.operands;
        for (position, operand) in operands[self.next..].iter().enumerate() {
            if self.out.len() > super::strings::MAX_TEXT {
                return;
            }
            if position > 0 {
                self.out.push_str(", ");
            }
            self.out.push_str(operand.go_type());
            if !matches!(operand, Operand::Nil) {
                self.out.push('=');
                self.operand('v', operand);
            }
        }
        self.out.push(')');
    }

    fn operand(&mut self, verb: char, operand: &Operand) {
        if verb == 'T' {
            let shown = cut(operand.go_type(), &self.spec);
            return self.pad(&shown);
        }
        let done = match operand {
            Operand::Nil if verb == 'v' => {
                self.pad("<nil>");
                true
            }
            Operand::Nil => {
                self.out.push_str(&format!("%!{verb}(<nil>)"));
                true
            }
            Operand::Int(int) => self.int(*int, verb),
            Operand::Big(big) => {
                self.big(big, verb);
                true
            }
            Operand::Float(float) => self.float(*float, verb),
            Operand::Text(text) => self.text(text, verb),
        };
        if !done {
            self.out.push_str("%!");
            self.out.push(verb);
            self.out.push('(');
            self.out.push_str(operand.go_type());
            self.out.push('=');
            self.operand('v', operand);
            self.out.push(')');
        }
    }

    fn fill(&mut self, count: usize) {
        let with = if self.spec.zero && !self.spec.minus { "0" } else { " " };
        self.out.push_str(&with.repeat(count));
    }

    fn pad(&mut self, text: &str) {
        let missing = self.spec.width.unwrap_or(0).saturating_sub(text.chars().count());
        if self.spec.minus {
            self.out.push_str(text);
            self.fill(missing);
        } else {
            self.fill(missing);
            self.out.push_str(text);
        }
    }

    /// Pads with spaces whatever the flags say.
    fn pad_with_spaces(&mut self, text: &str) {
        let zero = std::mem::take(&mut self.spec.zero);
        self.pad(text);
        self.spec.zero = zero;
    }

    fn int(&mut self, int: i64, verb: char) -> bool {
        let radix = match verb {
            'v' | 'd' => 10,
            'b' => 2,
            'o' | 'O' => 8,
            'x' | 'X' => 16,
            'c' | 'q' | 'U' => {
                self.character(int, verb);
                return true;
            }
            _ => return false,
        };
        let spec = &self.spec;
        let mut digits = BigInt::from(int).magnitude().to_str_radix(radix);
        let sign = sign(int < 0, spec);
        let wanted = match (spec.precision, spec.width) {
            (Some(0), _) if int == 0 => {
                self.pad_with_spaces("");
                return true;
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if spec.zero && !spec.minus => width.saturating_sub(sign.len()),
            _ => 0,
        };
        if digits.len() < wanted {
            digits.insert_str(0, &"0".repeat(wanted - digits.len()));
        }
        let prefix = match radix {
            8 if verb == 'O' => "0o",
            2 if spec.sharp => "0b",
            8 if spec.sharp && !digits.starts_with('0') => "0",
            16 if spec.sharp => "0x",
            _ => "",
        };
        let mut shown = format!("{sign}{prefix}{digits}");
        if verb == 'X' {
            shown.make_ascii_uppercase();
        }
        self.pad_with_spaces(&shown);
        true
    }

    fn character(&mut self, int: i64, verb: char) {
        let known = u32::try_from(int).ok().and_then(char::from_u32);
        let character = known.unwrap_or(char::REPLACEMENT_CHARACTER);
        match verb {
            'c' => self.pad(character.encode_utf8(&mut [0; 4])),
            'q' => {
                let mut shown = String::from("'");
                quoted(character, '\'', self.spec.plus, &mut shown);
                shown.push('\'');
                self.pad(&shown);
            }
            _ => {
                let digits = self.spec.precision.unwrap_or(0).max(4);
                let mut shown = format!("U+{int:0digits$X}");
                if self.spec.sharp && known.is_some_and(is_print) {
                    shown.push_str(&format!(" '{character}'"));
                }
                self.pad_with_spaces(&shown);
            }
        }
    }

    fn big(&mut self, big: &BigInt, verb: char) {
        let radix = match verb {
            'b' => 2,
            'o' | 'O' => 8,
            'd' | 's' | 'v' => 10,
            'x' | 'X' => 16,
            _ => return self.out.push_str(&format!("%!{verb}(big.Int={big})")),
        };
        let spec = &self.spec;
        let negative = big.sign() == Sign::Minus;
        let plus = Spec { plus: spec.plus || spec.plus_v, ..spec.clone() };
        let sign = sign(negative, &plus);
        let prefix = match verb {
            'O' => "0o",
            'b' if spec.sharp => "0b",
            'o' if spec.sharp => "0",
            'x' if spec.sharp => "0x",
            'X' if spec.sharp => "0X",
            _ => "",
        };
        let mut digits = big.magnitude().to_str_radix(radix);
        if verb == 'X' {
            digits.make_ascii_uppercase();
        }
        let mut zeros = spec.precision.unwrap_or(0).saturating_sub(digits.len());
        let length = sign.len() + prefix.len() + zeros + digits.len();
        let missing = spec.width.unwrap_or(0).saturating_sub(length);
        let (mut left, mut right) = (0, 0);
        if spec.minus {
            right = missing;
        } else if spec.zero && spec.precision.is_none() {
            zeros = missing;
        } else {
            left = missing;
        }
        let spaces = |count: usize| " ".repeat(count);
        let shown = format!("{}{sign}{prefix}{}{digits}{}", spaces(left), "0".repeat(zeros), spaces(right));
        self.out.push_str(&shown);
    }

    fn float(&mut self, float: f64, verb: char) -> bool {
        let (verb, precision) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return false,
        };
        let precision = self.spec.precision.or(precision);
        let mut digits = gofloat::write(float.abs(), verb, precision);
        if self.spec.sharp && verb != 'b' {
            digits = gofloat::with_point(&digits, verb, precision);
        }
        let sign = sign(float.is_sign_negative(), &self.spec);
        let length = sign.len() + digits.len();
        let spec = &self.spec;
        if !sign.is_empty() && spec.zero && !spec.minus && spec.width.is_some_and(|width| width > length) {
            self.out.push_str(sign);
            self.fill(self.spec.width.unwrap_or(0) - length);
            self.out.push_str(&digits);
        } else {
            self.pad(&format!("{sign}{digits}"));
        }
        true
    }

    fn text(&mut self, text: &str, verb: char) -> bool {
        match verb {
            'v' if self.spec.sharp_v => self.quote(text),
            'v' | 's' => {
                let shown = cut(text, &self.spec);
                self.pad(&shown);
            }
            'x' | 'X' => self.hex(text, verb),
            'q' => self.quote(text),
            _ => return false,
        }
        true
    }

    fn hex(&mut self, text: &str, verb: char) {
        let spec = &self.spec;
        let bytes = &text.as_bytes()[..spec.precision.unwrap_or(usize::MAX).min(text.len())];
        let prefix = if spec.sharp { "0x" } else { "" };
        let mut shown = String::with_capacity(bytes.len() * 2);
        for (position, byte) in bytes.iter().enumerate() {
            if position > 0 && spec.space {
                shown.push(' ');
            }
            if position == 0 || spec.space {
                shown.push_str(prefix);
            }
            shown.push_str(&format!("{byte:02x}"));
        }
        if verb == 'X' {
            shown.make_ascii_uppercase();
        }
        self.pad(&shown);
    }

    fn quote(&mut self, text: &str) {
        let text = cut(text, &self.spec);
        let raw = |other: char| other == '\t' || !other.is_control() && !matches!(other, '`' | '\u{feff}');
        if self.spec.sharp && text.chars().all(raw) {
            return self.pad(&format!("`{text}`"));
        }
        let mut shown = String::from("\"");
        text.chars().for_each(|character| quoted(character, '"', self.spec.plus, &mut shown));
        shown.push('"');
        self.pad(&shown);
    }
}

fn sign(negative: bool, spec: &Spec) -> &'static str {
    match spec {
        _ if negative => "-",
        Spec { plus: true, .. } => "+",
        Spec { space: true, .. } => " ",
        _ => "",
    }
}

/// No more characters than the precision allows.
fn cut(text: &str, spec: &Spec) -> String {
    text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect()
}

/// Whether Go shows a character as it is: what is neither a control, nor a space other than ASCII's, nor unassigned.
fn is_print(character: char) -> bool {
    character == ' ' || character.is_ascii_graphic() || {
        // Rust escapes what is not printable, and what extends the character before it.
        let escaped = character.escape_debug().len() > 1 && !is_mark(character);
        !character.is_ascii() && !escaped && !character.is_whitespace()
    }
}

/// Characters that are drawn over the one before: printable for Go.
fn is_mark(character: char) -> bool {
    matches!(u32::from(character), 0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5bd | 0x610..=0x61a | 0x64b..=0x65f
        | 0x900..=0x903 | 0x93a..=0x94f | 0x1ab0..=0x1aff | 0x1dc0..=0x1dff | 0x20d0..=0x20f0 | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f)
}

/// A character as it stands in a quoted text of Go.
pub(super) fn quoted(character: char, quote: char, ascii: bool, out: &mut String) {
    match character {
        '\\' => out.push_str("\\\\"),
        _ if character == quote => {
            out.push('\\');
            out.push(quote);
        }
        _ if (character.is_ascii() || !ascii) && is_print(character) => out.push(character),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{b}' => out.push_str("\\v"),
        other => {
            let code = u32::from(other);
            out.push_str(&match code {
                0..=0x1f | 0x7f => format!("\\x{code:02x}"),
                0x20..=0xffff => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            });
        }
    }
}
