//! What the ledger says, arranged for questions: a projection in SQLite that can be rebuilt at any time.

mod filter;
mod rows;

pub use filter::{Filter, Page, Period, Scope};
pub use rows::{
    Actions, ControlPosture, DayOutcomes, DecisionPage, DecisionRow, EntryRow, FindingRow, GateFilter, GatePage,
    GateRef, GateRow, Outcomes, Overview, PolicyChange, PolicyDetail, PolicyRecord, PolicyRow, PolicyVersion, Sample,
    ScanPage, ScanRow, Serving, Total, WaiverRow,
};
