//! What tests have shown, for people and for other programs.

mod json;
mod junit;
mod text;

pub use json::{coverage, json};
pub use junit::junit;
pub use text::{Style, text};

use std::time::Duration;

/// A time as people read it.
fn readable(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1_000 {
        format!("{micros} us")
    } else if micros < 1_000_000 {
        format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
    } else {
        format!("{:.2} s", duration.as_secs_f64())
    }
}
