//! The index as a whole: planted entries are found by every question, whatever their texts say.

mod admissions;
mod artifacts;
mod files;
mod hostile;
mod planted;
mod questions;
