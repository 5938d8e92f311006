use super::*;
use proptest::prelude::*;

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn prints_canonically() {
    for (text, expected) in [
        ("0", "0"),
        ("0.0Gi", "0"),
        ("100m", "100m"),
        ("0.1", "100m"),
        ("1.5", "1500m"),
        ("1000m", "1"),
        ("1000", "1k"),
        ("1500", "1500"),
        ("12000000", "12M"),
        ("1.5Gi", "1536Mi"),
        ("1024Ki", "1Mi"),
        ("1025Ki", "1025Ki"),
        ("0.5Ki", "512"),
        ("0.5Mi", "512Ki"),
        ("512Ki", "512Ki"),
        ("8Ki", "8Ki"),
        ("1e3", "1e3"),
        ("100e1", "1e3"),
        ("1E6", "1E6"),
        ("1E", "1E"),
        ("1.1", "1100m"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("-1.5", "-1500m"),
        ("-2Gi", "-2Gi"),
        ("+5", "+5"),
        (".5", "500m"),
        ("5.", "5."),
        ("9999Ei", "9223372036854775807"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("0.0000000001", "1n"),
        ("0.00000000011Ki", "113n"),
    ] {
        assert_eq!(quantity(text).to_string(), expected, "{text}");
    }
}

#[test]
fn what_is_no_quantity() {
    for (text, expected) in [
        ("", QuantityError::Format),
        ("1 Gi", QuantityError::Format),
        ("abc", QuantityError::Format),
        ("2020-01-01", QuantityError::Format),
        ("1Gib", QuantityError::Format),
        ("1K", QuantityError::Suffix),
        ("1i", QuantityError::Suffix),
        ("1e", QuantityError::Suffix),
        ("1e2.5", QuantityError::Format),
        ("1.2.3", QuantityError::Format),
        ("1-2", QuantityError::Suffix),
        (".e-20", QuantityError::Number),
        ("1e999999999", QuantityError::Suffix),
    ] {
        assert_eq!(text.parse::<Quantity>().unwrap_err(), expected, "{text}");
    }
}

#[test]
fn nothing_before_the_suffix_is_nothing() {
    for text in ["m", "Ki", "+", "-", ".", "E"] {
        assert_eq!(quantity(text).sign(), 0, "{text}");
    }
}

#[test]
fn compares_by_value() {
    for (left, right, expected) in [
        ("1", "1000m", Ordering::Equal),
        ("1Gi", "1024Mi", Ordering::Equal),
        ("1G", "1Gi", Ordering::Less),
        ("1e3", "1k", Ordering::Equal),
        ("-1", "0", Ordering::Less),
        ("9223372036854775808", "9223372036854775807", Ordering::Greater),
        ("1E", "1n", Ordering::Greater),
        ("8Ei", "7Ei", Ordering::Greater),
    ] {
        assert_eq!(quantity(left).cmp(&quantity(right)), expected, "{left} and {right}");
    }
}

#[test]
fn reckons_exactly() {
    for (left, right, sum, difference) in [
        ("1Gi", "512Mi", "1536Mi", "512Mi"),
        ("500m", "1", "1500m", "-500m"),
        ("0", "1Gi", "1Gi", "-1Gi"),
        ("1Gi", "1", "1073741825", "1073741823"),
        ("9223372036854775807", "1", "9223372036854775808", "9223372036854775806"),
        ("10", "10", "20", "0"),
    ] {
        assert_eq!(quantity(left).add(&quantity(right)).to_string(), sum, "{left} + {right}");
        assert_eq!(quantity(left).subtract(&quantity(right)).to_string(), difference, "{left} - {right}");
    }
}

#[test]
fn as_other_numbers() {
    for (text, integer, double) in [
        ("5", Some(5), 5.0),
        ("2k", Some(2000), 2000.0),
        ("1000m", None, 1.0),
        ("1Ki", Some(1024), 1024.0),
        ("1.5", None, 1.5),
        ("100E", None, 1e20),
    ] {
        assert_eq!(quantity(text).as_i64(), integer, "{text}");
        assert!((quantity(text).approximate_f64() - double).abs() < f64::EPSILON, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[-+.0-9eEinumkKMGTP ]{0,12}") {
        if let Ok(quantity) = text.parse::<Quantity>() {
            let _ = quantity.to_string();
        }
    }

    #[test]
    fn reads_what_it_writes(whole in any::<i32>(), fraction in 0_u32..1000, suffix in "(|n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|e3|e-2|e21)") {
        let before = quantity(&format!("{whole}.{fraction}{suffix}"));
        let after = quantity(&before.to_string());
        prop_assert_eq!(&before, &after);
        prop_assert_eq!(quantity(&after.to_string()).to_string(), after.to_string());
    }

    #[test]
    fn sums_are_undone(a in any::<i64>(), b in any::<i64>(), x in "(|m|k|Mi|E)", y in "(|m|k|Mi|E)") {
        let (a, b) = (quantity(&format!("{a}{x}")), quantity(&format!("{b}{y}")));
        prop_assert_eq!(a.add(&b).subtract(&b), a.clone());
        prop_assert_eq!(a.cmp(&b), a.subtract(&b).sign().cmp(&0));
    }
}
