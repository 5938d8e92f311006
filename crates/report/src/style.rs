//! What reports and pages look like: one sheet of tokens and parts that both use.
//!
//! Light and dark by what the reader's system says; every text has at least the contrast of WCAG 2.2 AA on its ground.
//! Nothing is loaded from elsewhere, and colour never says anything alone: chips have words, bars have titles and tables.

/// Colours, spaces and the parts that reports and pages have in common: tables, chips, cards, charts.
///
/// Classes: `page`, `lede`, `muted`, `mono`, `num`, `card`, `cards`, `figure`, `chip` with `chip-pass`, `chip-fail`,
/// `chip-warn`, `chip-info` or `chip-none`, `table-wrap`, `facts` (a definition list), `notice` with `notice-warn`, `chart`.
pub const SHARED: &str = include_str!("shared.css");

/// What only a report needs: the cover, and how it is printed.
pub const REPORT: &str = include_str!("report.css");

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// The colours of the first `:root` after a place in a sheet.
    fn colours(sheet: &str) -> HashMap<&str, [f64; 3]> {
        let block =
            sheet.split_once(":root{").and_then(|(_, rest)| rest.split_once('}')).map_or("", |(block, _)| block);
        let tokens = block.split(';').filter_map(|token| token.trim().strip_prefix("--")?.split_once(":#"));
        tokens.filter_map(|(name, hex)| Some((name, channels(hex)?))).collect()
    }

    fn channels(hex: &str) -> Option<[f64; 3]> {
        let hex = if hex.len() == 3 { hex.chars().flat_map(|digit| [digit, digit]).collect() } else { hex.to_owned() };
        let channel =
            |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok().map(|value| f64::from(value) / 255.0);
        Some([channel(0)?, channel(2)?, channel(4)?])
    }

    /// The contrast of two colours (WCAG 2.2, relative luminance).
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let linear = |value: f64| if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
        let light = |[red, green, blue]: [f64; 3]| {
            0.2126_f64.mul_add(linear(red), 0.7152_f64.mul_add(linear(green), 0.0722 * linear(blue)))
        };
        let (one, other) = (light(one), light(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn texts_have_the_contrast_of_aa() {
        let dark = SHARED.split_once("prefers-color-scheme:dark").unwrap().1;
        let print = REPORT.split_once("@media print").unwrap().1;
        for (mode, sheet) in [("light", SHARED), ("dark", dark), ("print", print)] {
            let colours = colours(sheet);
            let mut pairs = Vec::new();
            for text in ["ink", "ink-2", "accent"] {
                pairs.extend(["ground", "surface", "sunken"].map(|ground| (text, ground)));
            }
            for chip in ["pass", "fail", "warn", "info", "none"] {
                pairs.extend([(chip, format!("{chip}-soft")), ("ink", format!("{chip}-soft"))].iter().map(|(a, b)| {
                    let ground = colours.keys().find(|name| *name == b).copied();
                    (*a, ground.unwrap())
                }));
            }
            for (text, ground) in pairs {
                let contrast = contrast(colours[text], colours[ground]);
                assert!(contrast >= 4.5, "{mode}: {text} on {ground} has {contrast:.2}");
            }
        }
    }
}
