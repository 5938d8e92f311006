//! The language feature by feature, its imports, its formatter, its bounds and its configurations.

mod bounds;
mod config;
mod format;
mod imports;
mod language;
mod metadata;
mod mocks;
mod problems;
mod property;
mod published;
mod set;
mod shared;
mod support;
mod terraform;
mod trace;
