//! Framework reports from the index.

pub mod chart;
pub mod style;
