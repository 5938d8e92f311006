//! Floating-point numbers as Go writes them.

/// A number as `fmt` prints it when asked for no form (`%v`): `1.5`, `1e+06`.
pub fn plain(number: f64) -> String {
    signed(number, general(number.abs(), None))
}

/// A number as `encoding/json` writes it: plain digits unless it is very large or small.
pub fn json(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        // There the power has no zero before it.
        return signed(number, exponent(magnitude, None).replace("e-0", "e-"));
    }
    signed(number, format!("{magnitude}"))
}

fn signed(number: f64, digits: String) -> String {
    if number.is_sign_negative() { format!("-{digits}") } else { digits }
}

/// The digits of a number that is not negative; `None` asks for as many as are needed to read it again.
pub fn write(magnitude: f64, verb: char, precision: Option<usize>) -> String {
    match verb {
        'f' => format!("{magnitude:.*}", precision.unwrap_or(6)),
        'e' => exponent(magnitude, precision),
        'E' => exponent(magnitude, precision).to_uppercase(),
        'b' => binary(magnitude),
        'x' => hex(magnitude, precision),
        'X' => hex(magnitude, precision).to_uppercase(),
        'G' => general(magnitude, precision).to_uppercase(),
        _ => general(magnitude, precision),
    }
}

/// `1.5e+06`, with as many digits as asked for or as are needed.
fn exponent(magnitude: f64, precision: Option<usize>) -> String {
    let text = match precision {
        Some(precision) => format!("{magnitude:.precision$e}"),
        None => format!("{magnitude:e}"),
    };
    let (digits, power) = split(&text);
    with_power(digits, power)
}

fn split(text: &str) -> (&str, i32) {
    let (digits, power) = text.split_once('e').unwrap_or((text, "0"));
    (digits, power.parse().unwrap_or(0))
}

fn with_power(digits: &str, power: i32) -> String {
    let sign = if power < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", power.abs())
}

/// Plain digits unless the number is large or small.
fn general(magnitude: f64, precision: Option<usize>) -> String {
    if magnitude == 0.0 {
        return "0".to_owned();
    }
    let wanted = precision.map(|precision| precision.max(1));
    let scientific = match wanted {
        Some(wanted) => format!("{magnitude:.*e}", wanted - 1),
        None => format!("{magnitude:e}"),
    };
    let (mantissa, power) = split(&scientific);
    let mantissa = trim_zeros(mantissa);
    let count = i32::try_from(mantissa.len() - usize::from(mantissa.contains('.'))).unwrap_or(i32::MAX);
    let limit = match wanted {
        None => 6,
        Some(wanted) => {
            let wanted = i32::try_from(wanted).unwrap_or(i32::MAX);
            if wanted > count && count > power { count } else { wanted }
        }
    };
    if power < -4 || power >= limit {
        return with_power(mantissa, power);
    }
    match wanted {
        Some(_) => {
            let behind = usize::try_from((count - 1 - power).max(0)).unwrap_or(0);
            format!("{magnitude:.behind$}")
        }
        None => format!("{magnitude}"),
    }
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Mantissa and power of two, both whole.
fn parts(magnitude: f64) -> (u64, i32) {
    let bits = magnitude.to_bits();
    let power = i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0);
    let mantissa = bits & ((1 << 52) - 1);
    if power == 0 { (mantissa, -1074) } else { (mantissa | 1 << 52, power - 1075) }
}

/// `4503599627370496p-52`
fn binary(magnitude: f64) -> String {
    let (mantissa, power) = parts(magnitude);
    format!("{mantissa}p{power:+}")
}

/// `0x1.8p+00`
fn hex(magnitude: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut power) = parts(magnitude);
    if mantissa == 0 {
        power = 0;
    } else {
        // One digit before the point, 60 bits behind it.
        let shift = mantissa.leading_zeros() - 3;
        mantissa <<= shift;
        power += 60 - i32::try_from(shift).unwrap_or(0);
    }
    if let Some(digits) = precision.filter(|digits| *digits < 15) {
        let cut = 60 - 4 * digits;
        let (kept, rest) = (mantissa >> cut, mantissa & ((1 << cut) - 1));
        let half = 1_u64 << (cut - 1);
        let up = rest > half || rest == half && kept & 1 == 1;
        mantissa = (kept + u64::from(up)) << cut;
        if mantissa >> 61 == 1 {
            mantissa >>= 1;
            power += 1;
        }
    }
    let behind = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let behind = match precision {
        Some(digits) => format!("{behind:0<digits$}")[..digits].to_owned(),
        None => behind.trim_end_matches('0').to_owned(),
    };
    let point = if behind.is_empty() { "" } else { "." };
    let sign = if power < 0 { '-' } else { '+' };
    format!("0x{}{point}{behind}p{sign}{:02}", mantissa >> 60, power.abs())
}

/// The digits with a point, and the zeros that were left off: the flag `#`.
pub fn with_point(digits: &str, verb: char, precision: Option<usize>) -> String {
    let at = digits.find(|other| match verb {
        'x' | 'X' => matches!(other, 'p' | 'P'),
        _ => matches!(other, 'e' | 'E'),
    });
    let (number, tail) = digits.split_at(at.unwrap_or(digits.len()));
    let mut missing = if matches!(verb, 'g' | 'G' | 'x') { precision.unwrap_or(6) } else { 0 };
    // Go counts the `x` of `0x` among the digits.
    let significant = number.bytes().filter(|byte| *byte != b'.').skip_while(|byte| *byte == b'0').count();
    missing = missing.saturating_sub(significant);
    let mut out = number.to_owned();
    if !number.contains('.') {
        if number == "0" {
            missing = missing.saturating_sub(1);
        }
        out.push('.');
    }
    out.extend(std::iter::repeat_n('0', missing));
    out.push_str(tail);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms() {
        for (number, expected_plain, expected_json) in [
            (0.0, "0", "0"),
            (1.5, "1.5", "1.5"),
            (-2.0, "-2", "-2"),
            (1e6, "1e+06", "1000000"),
            (123_456_789.0, "1.23456789e+08", "123456789"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (0.000_01, "1e-05", "0.00001"),
            (1e-7, "1e-07", "1e-7"),
            (1e-10, "1e-10", "1e-10"),
        ] {
            assert_eq!(plain(number), expected_plain);
            assert_eq!(json(number), expected_json);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_the_number(number in any::<f64>().prop_filter("finite", |number| number.is_finite())) {
            prop_assert_eq!(json(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
            prop_assert_eq!(plain(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }
}
