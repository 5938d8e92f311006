//! Times written and read by a layout that is Go's reference time, `Mon Jan 2 15:04:05 MST 2006`.

/// A point in time as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Civil {
    /// The year.
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
    /// Of the second.
    pub nanosecond: i64,
    /// Seconds east of Greenwich.
    pub offset: i64,
    /// Name of the zone.
    pub zone: String,
}

/// Nanoseconds in a second.
const SECOND: i128 = 1_000_000_000;

impl Civil {
    /// The time so many nanoseconds after 1970 began in Greenwich, in a zone so many seconds east of it.
    ///
    /// `None` outside of the years that days can be counted in.
    pub fn from_nanoseconds(nanoseconds: i128, offset: i64, zone: &str) -> Option<Self> {
        let local = nanoseconds + i128::from(offset) * SECOND;
        let days = i64::try_from(local.div_euclid(86_400 * SECOND)).ok()?;
        let of_day = i64::try_from(local.rem_euclid(86_400 * SECOND)).ok()?;
        let (year, month, day) = civil_from_days(days);
        let seconds = of_day / 1_000_000_000;
        Some(Self {
            year,
            month,
            day,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            nanosecond: of_day % 1_000_000_000,
            offset,
            zone: zone.to_owned(),
        })
    }

    /// Nanoseconds since 1970 began in Greenwich.
    pub fn to_nanoseconds(&self) -> i128 {
        let days = i128::from(days_from_civil(self.year, self.month, self.day));
        let seconds = i128::from(self.hour * 3600 + self.minute * 60 + self.second - self.offset);
        (days * 86_400 + seconds) * SECOND + i128::from(self.nanosecond)
    }
}

/// Names of the months.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of the days of a week, Sunday first.
pub const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Layouts that have names.
pub fn named(layout: &str) -> &str {
    match layout {
        "ANSIC" => "Mon Jan _2 15:04:05 2006",
        "UnixDate" => "Mon Jan _2 15:04:05 MST 2006",
        "RubyDate" => "Mon Jan 02 15:04:05 -0700 2006",
        "RFC822" => "02 Jan 06 15:04 MST",
        "RFC822Z" => "02 Jan 06 15:04 -0700",
        "RFC850" => "Monday, 02-Jan-06 15:04:05 MST",
        "RFC1123" => "Mon, 02 Jan 2006 15:04:05 MST",
        "RFC1123Z" => "Mon, 02 Jan 2006 15:04:05 -0700",
        "RFC3339" => RFC3339,
        "RFC3339Nano" => RFC3339_NANO,
        other => other,
    }
}

/// Go's layout of that name.
pub const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
/// The same with as many digits of a fraction as there are.
pub const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    LongMonth,
    ShortMonth,
    Month,
    ZeroMonth,
    LongDay,
    ShortDay,
    Day,
    SpaceDay,
    ZeroDay,
    ZeroYearDay,
    SpaceYearDay,
    Hour24,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    Year,
    ShortYear,
    UpperHalf,
    LowerHalf,
    Zone,
    /// `Z` for Greenwich, colons, how many parts.
    Offset {
        z: bool,
        colon: bool,
        parts: u8,
    },
    /// Digits of a fraction, and whether zeros at its end are left out.
    Fraction {
        digits: usize,
        trim: bool,
    },
}

/// The text before the first field, the field, and the rest of a layout.
fn next_field(layout: &str) -> (&str, Option<Field>, &str) {
    for (at, _) in layout.char_indices() {
        if let Some((field, length)) = field_at(layout, at) {
            return (&layout[..at], Some(field), &layout[at + length..]);
        }
    }
    (layout, None, "")
}

fn field_at(layout: &str, at: usize) -> Option<(Field, usize)> {
    const TABLE: [(&str, Field); 33] = [
        ("January", Field::LongMonth),
        ("Jan", Field::ShortMonth),
        ("Monday", Field::LongDay),
        ("Mon", Field::ShortDay),
        ("MST", Field::Zone),
        ("002", Field::ZeroYearDay),
        ("01", Field::ZeroMonth),
        ("02", Field::ZeroDay),
        ("03", Field::ZeroHour12),
        ("04", Field::ZeroMinute),
        ("05", Field::ZeroSecond),
        ("06", Field::ShortYear),
        ("15", Field::Hour24),
        ("1", Field::Month),
        ("2006", Field::Year),
        ("2", Field::Day),
        ("__2", Field::SpaceYearDay),
        ("_2", Field::SpaceDay),
        ("3", Field::Hour12),
        ("4", Field::Minute),
        ("5", Field::Second),
        ("PM", Field::UpperHalf),
        ("pm", Field::LowerHalf),
        ("-070000", Field::Offset { z: false, colon: false, parts: 3 }),
        ("-07:00:00", Field::Offset { z: false, colon: true, parts: 3 }),
        ("-0700", Field::Offset { z: false, colon: false, parts: 2 }),
        ("-07:00", Field::Offset { z: false, colon: true, parts: 2 }),
        ("-07", Field::Offset { z: false, colon: false, parts: 1 }),
        ("Z070000", Field::Offset { z: true, colon: false, parts: 3 }),
        ("Z07:00:00", Field::Offset { z: true, colon: true, parts: 3 }),
        ("Z0700", Field::Offset { z: true, colon: false, parts: 2 }),
        ("Z07:00", Field::Offset { z: true, colon: true, parts: 2 }),
        ("Z07", Field::Offset { z: true, colon: false, parts: 1 }),
    ];
    let rest = &layout[at..];
    // `_2006` is an underscore and a year.
    if rest.starts_with("_2006") {
        return None;
    }
    if let Some((text, field)) = TABLE.iter().find(|(text, _)| rest.starts_with(text)) {
        let lower_follows = rest[text.len()..].starts_with(|next: char| next.is_ascii_lowercase());
        if !(lower_follows && matches!(field, Field::ShortMonth | Field::ShortDay)) {
            return Some((*field, text.len()));
        }
    }
    let mut characters = rest.chars();
    let digit = matches!(characters.next(), Some('.' | ',')).then(|| characters.next()).flatten()?;
    if !matches!(digit, '0' | '9') {
        return None;
    }
    let digits = rest[1..].chars().take_while(|next| *next == digit).count();
    if rest[1 + digits..].starts_with(|next: char| next.is_ascii_digit()) {
        return None;
    }
    Some((Field::Fraction { digits, trim: digit == '9' }, 1 + digits))
}

/// Days since 1970 of a date; the month may be any number.
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970.
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day of the week, Sunday first.
pub fn weekday(year: i64, month: i64, day: i64) -> usize {
    usize::try_from((days_from_civil(year, month, day) + 4).rem_euclid(7)).unwrap_or_default()
}

/// Writes a time by a layout.
pub fn format(time: &Civil, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    loop {
        let (literal, field, tail) = next_field(rest);
        out.push_str(literal);
        let Some(field) = field else { return out };
        let separator = &rest[literal.len()..];
        write_field(time, field, separator, &mut out);
        rest = tail;
    }
}

fn write_field(time: &Civil, field: Field, source: &str, out: &mut String) {
    let month = MONTHS[usize::try_from(time.month - 1).unwrap_or_default() % 12];
    let day = DAYS[weekday(time.year, time.month, time.day)];
    let hour12 = if time.hour % 12 == 0 { 12 } else { time.hour % 12 };
    let year_day = days_from_civil(time.year, time.month, time.day) - days_from_civil(time.year, 1, 1) + 1;
    let text = match field {
        Field::LongMonth => month.to_owned(),
        Field::ShortMonth => month[..3].to_owned(),
        Field::Month => time.month.to_string(),
        Field::ZeroMonth => format!("{:02}", time.month),
        Field::LongDay => day.to_owned(),
        Field::ShortDay => day[..3].to_owned(),
        Field::Day => time.day.to_string(),
        Field::SpaceDay => format!("{:2}", time.day),
        Field::ZeroDay => format!("{:02}", time.day),
        Field::ZeroYearDay => format!("{year_day:03}"),
        Field::SpaceYearDay => format!("{year_day:3}"),
        Field::Hour24 => format!("{:02}", time.hour),
        Field::Hour12 => hour12.to_string(),
        Field::ZeroHour12 => format!("{hour12:02}"),
        Field::Minute => time.minute.to_string(),
        Field::ZeroMinute => format!("{:02}", time.minute),
        Field::Second => time.second.to_string(),
        Field::ZeroSecond => format!("{:02}", time.second),
        Field::Year => format!("{:04}", time.year),
        Field::ShortYear => format!("{:02}", time.year.rem_euclid(100)),
        Field::UpperHalf => if time.hour >= 12 { "PM" } else { "AM" }.to_owned(),
        Field::LowerHalf => if time.hour >= 12 { "pm" } else { "am" }.to_owned(),
        Field::Zone if time.zone.is_empty() => offset_text(time.offset, false, 2),
        Field::Zone => time.zone.clone(),
        Field::Offset { z: true, .. } if time.offset == 0 => "Z".to_owned(),
        Field::Offset { colon, parts, .. } => offset_text(time.offset, colon, parts),
        Field::Fraction { digits, trim } => fraction_text(time.nanosecond, digits, trim, &source[..1]),
    };
    out.push_str(&text);
}

fn fraction_text(nanosecond: i64, digits: usize, trim: bool, separator: &str) -> String {
    let all = format!("{nanosecond:09}");
    let cut = &all[..digits.min(9)];
    let cut = if trim { cut.trim_end_matches('0') } else { cut };
    if cut.is_empty() { String::new() } else { format!("{separator}{cut}") }
}

fn offset_text(offset: i64, colon: bool, parts: u8) -> String {
    let sign = if offset < 0 { '-' } else { '+' };
    let all = offset.abs();
    let separator = if colon { ":" } else { "" };
    let mut text = format!("{sign}{:02}", all / 3600);
    if parts > 1 {
        text.push_str(&format!("{separator}{:02}", all / 60 % 60));
    }
    if parts > 2 {
        text.push_str(&format!("{separator}{:02}", all % 60));
    }
    text
}

/// Reads a time by a layout.
pub fn parse(layout: &str, text: &str) -> Result<Civil, String> {
    let fail = |rest: &str, element: &str| {
        format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {element:?}")
    };
    let mut time = Civil {
        year: 0,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        nanosecond: 0,
        offset: 0,
        zone: "UTC".to_owned(),
    };
    let (mut rest, mut pattern) = (text, layout);
    let mut half = None;
    let mut year_day = None;
    loop {
        let (literal, field, tail) = next_field(pattern);
        rest = skip(rest, literal).ok_or_else(|| fail(rest, literal))?;
        let Some(field) = field else {
            if !rest.is_empty() {
                return Err(format!("parsing time {text:?}: extra text: {rest:?}"));
            }
            break;
        };
        let element = &pattern[literal.len()..pattern.len() - tail.len()];
        rest = read_field(&mut time, field, rest, tail, &mut half, &mut year_day).ok_or_else(|| fail(rest, element))?;
        pattern = tail;
    }
    finish(time, half, year_day).map_err(|what| format!("parsing time {text:?}: {what} out of range"))
}

fn finish(mut time: Civil, half: Option<bool>, year_day: Option<i64>) -> Result<Civil, &'static str> {
    match half {
        Some(true) if time.hour < 12 => time.hour += 12,
        Some(false) if time.hour == 12 => time.hour = 0,
        _ => {}
    }
    if let Some(year_day) = year_day {
        let days = days_from_civil(time.year, 1, 1) + year_day - 1;
        let (year, month, day) = civil_from_days(days);
        if year != time.year {
            return Err("day-of-year");
        }
        (time.month, time.day) = (month, day);
    }
    if !(1..=12).contains(&time.month) {
        return Err("month");
    }
    let length = days_from_civil(time.year, time.month + 1, 1) - days_from_civil(time.year, time.month, 1);
    if !(1..=length).contains(&time.day) {
        return Err("day");
    }
    if time.hour > 23 {
        return Err("hour");
    }
    if time.minute > 59 {
        return Err("minute");
    }
    if time.second > 59 {
        return Err("second");
    }
    Ok(time)
}

/// Steps over a literal; spaces of the layout stand for any number of spaces.
fn skip<'t>(mut text: &'t str, mut literal: &str) -> Option<&'t str> {
    while let Some(character) = literal.chars().next() {
        if character == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            literal = literal.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
            continue;
        }
        text = text.strip_prefix(character)?;
        literal = &literal[character.len_utf8()..];
    }
    Some(text)
}

/// Digits, at least and at most so many.
fn digits(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

fn lookup<'t>(names: &[&str], length: Option<usize>, text: &'t str) -> Option<(i64, &'t str)> {
    for (index, name) in (0_i64..).zip(names) {
        let name = length.map_or(*name, |length| &name[..length]);
        if text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)) {
            return Some((index, &text[name.len()..]));
        }
    }
    None
}

fn read_field<'t>(
    time: &mut Civil,
    field: Field,
    text: &'t str,
    follows: &str,
    half: &mut Option<bool>,
    year_day: &mut Option<i64>,
) -> Option<&'t str> {
    let unpadded = || text.strip_prefix(' ').unwrap_or(text);
    let (target, (value, mut rest)) = match field {
        Field::LongMonth => (&mut time.month, lookup(&MONTHS, None, text).map(|(index, rest)| (index + 1, rest))?),
        Field::ShortMonth => (&mut time.month, lookup(&MONTHS, Some(3), text).map(|(index, rest)| (index + 1, rest))?),
        Field::Month => (&mut time.month, digits(text, 1, 2)?),
        Field::ZeroMonth => (&mut time.month, digits(text, 2, 2)?),
        Field::LongDay => return lookup(&DAYS, None, text).map(|(_, rest)| rest),
        Field::ShortDay => return lookup(&DAYS, Some(3), text).map(|(_, rest)| rest),
        Field::Day => (&mut time.day, digits(text, 1, 2)?),
        Field::SpaceDay => (&mut time.day, digits(unpadded(), 1, 2)?),
        Field::ZeroDay => (&mut time.day, digits(text, 2, 2)?),
        Field::ZeroYearDay | Field::SpaceYearDay => {
            let (value, rest) = digits(text.trim_start_matches(' '), 1, 3)?;
            *year_day = Some(value);
            return Some(rest);
        }
        Field::Hour24 => (&mut time.hour, digits(text, 2, 2)?),
        Field::Hour12 => (&mut time.hour, digits(text, 1, 2).filter(|(hour, _)| (0..=12).contains(hour))?),
        Field::ZeroHour12 => (&mut time.hour, digits(text, 2, 2).filter(|(hour, _)| (0..=12).contains(hour))?),
        Field::Minute => (&mut time.minute, digits(text, 1, 2)?),
        Field::ZeroMinute => (&mut time.minute, digits(text, 2, 2)?),
        Field::Second => (&mut time.second, digits(text, 1, 2)?),
        Field::ZeroSecond => (&mut time.second, digits(text, 2, 2)?),
        Field::Year => (&mut time.year, digits(text, 4, 4)?),
        Field::ShortYear => {
            let (value, rest) = digits(text, 2, 2)?;
            time.year = if value >= 69 { 1900 + value } else { 2000 + value };
            return Some(rest);
        }
        Field::UpperHalf | Field::LowerHalf => {
            let (index, rest) = lookup(&["AM", "PM"], None, text)?;
            *half = Some(index == 1);
            return Some(rest);
        }
        Field::Zone => {
            if text.starts_with(['+', '-']) {
                return read_offset(time, text, false, 1);
            }
            let length = text.bytes().take(5).take_while(u8::is_ascii_uppercase).count();
            if length < 3 {
                return None;
            }
            text[..length].clone_into(&mut time.zone);
            return Some(&text[length..]);
        }
        Field::Offset { z: true, .. } if text.starts_with('Z') => {
            "UTC".clone_into(&mut time.zone);
            return Some(&text[1..]);
        }
        Field::Offset { colon, parts, .. } => return read_offset(time, text, colon, parts),
        Field::Fraction { trim: true, .. } => return Some(read_fraction(time, text)),
        Field::Fraction { digits: count, .. } => {
            let behind = text.strip_prefix(['.', ','])?;
            let (value, rest) = digits(behind, count, count)?;
            time.nanosecond = value * 10_i64.pow(u32::try_from(9 - count.min(9)).unwrap_or_default());
            return Some(rest);
        }
    };
    *target = value;
    // A fraction may follow the seconds although the layout has none.
    if matches!(field, Field::Second | Field::ZeroSecond)
        && !matches!(field_at(follows, 0), Some((Field::Fraction { .. }, _)))
    {
        rest = read_fraction(time, rest);
    }
    Some(rest)
}

fn read_fraction<'t>(time: &mut Civil, text: &'t str) -> &'t str {
    let Some(behind) = text.strip_prefix(['.', ',']) else { return text };
    let count = behind.bytes().take_while(u8::is_ascii_digit).count();
    if count == 0 {
        return text;
    }
    let padded = format!("{:0<9}", &behind[..count.min(9)]);
    time.nanosecond = padded.parse().unwrap_or_default();
    &behind[count..]
}

fn read_offset<'t>(time: &mut Civil, text: &'t str, colon: bool, parts: u8) -> Option<&'t str> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, mut rest) = digits(&text[1..], 2, 2)?;
    let mut offset = hours * 3600;
    if hours > 24 {
        return None;
    }
    for unit in [60, 1].into_iter().take(usize::from(parts - 1)) {
        if colon {
            rest = rest.strip_prefix(':')?;
        }
        let (value, behind) = digits(rest, 2, 2)?;
        if value > 59 {
            return None;
        }
        offset += value * unit;
        rest = behind;
    }
    time.offset = sign * offset;
    time.zone = String::new();
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn layouts() {
        for (layout, text, expected) in [
            (RFC3339, "2024-02-29T12:30:45Z", "2024-02-29T12:30:45Z"),
            (RFC3339, "2024-02-29T12:30:45.123+02:00", "2024-02-29T12:30:45+02:00"),
            ("Mon, 02 Jan 2006 15:04:05 MST", "Thu, 29 Feb 2024 12:30:45 UTC", "2024-02-29T12:30:45Z"),
            ("2006-01-02", "2024-02-29", "2024-02-29T00:00:00Z"),
            ("3:04PM", "1:05PM", "0000-01-01T13:05:00Z"),
        ] {
            let time = parse(layout, text).unwrap();
            assert_eq!(format(&time, RFC3339), expected, "{text} as {layout}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in ["", "2024-02-30T00:00:00Z", "2024-02-29", "2024-02-29T24:00:00Z", "2024-02-29T00:00:00Zx"] {
            assert!(parse(RFC3339, text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_read_what_they_write(nanoseconds in any::<i64>(), hours in -12_i64..14) {
            let time = Civil::from_nanoseconds(nanoseconds.into(), hours * 3600, "").unwrap();
            prop_assert_eq!(time.to_nanoseconds(), i128::from(nanoseconds));
            prop_assert_eq!(parse(RFC3339_NANO, &format(&time, RFC3339_NANO)).unwrap().to_nanoseconds(), i128::from(nanoseconds));
        }

        #[test]
        fn any_layout_is_read(layout in "[0-9JanMoST:.,Z+ -]{0,20}", text in "[0-9:.Z+ -]{0,20}") {
            let _ = parse(&layout, &text);
        }
    }
}
