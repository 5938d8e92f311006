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
