//! Framework reports from the index: what each control asks, which policies serve it and how strongly, what was decided,
//! what is excepted, what is missing, and samples that the ledger proves.
//!
//! [`Report::build`] asks; [`Report::write_html`], [`Report::write_json`] and [`Report::write_csv`] write. [`style`] and
//! [`chart`] are shared with the pages for auditors.

pub mod chart;
pub mod style;

mod build;
mod csv;
mod error;
mod html;
mod model;

use std::io::{self, Write};

pub use build::Request;
pub use csv::{write_findings, write_population};
pub use error::ReportError;
pub use model::{Completeness, Control, Failure, FrameworkFacts, Header, LedgerFacts, Report, Rows, Status, VERSION};

impl Report {
    /// Writes the report as JSON.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        out.write_all(b"\n")
    }
}
