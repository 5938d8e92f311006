//! What is wrong with policies, shown with the line it stands in.

use std::io::{self, Write};

use probity_model::Sources;
use probity_policy_test::Fault;

/// Writes each fault with its place, its line and what to do about it.
pub(crate) fn write(faults: &[Fault], sources: &Sources, out: &mut dyn Write) -> io::Result<()> {
    for fault in faults {
        let place = fault.place();
        let colon = if place.is_empty() { "" } else { ": " };
        writeln!(out, "{place}{colon}{}: {}", fault.code, fault.message)?;
        if let Some(excerpt) = fault.excerpt(sources) {
            writeln!(out, "{excerpt}")?;
        }
        if let Some(hint) = &fault.hint {
            writeln!(out, "hint: {hint}")?;
        }
    }
    Ok(())
}
