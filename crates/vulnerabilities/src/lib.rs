//! Which published vulnerabilities a package has.
//!
//! A [`Builder`] makes one [`Database`] of what is published; [`assess`] looks a [`Package`] up in it. A [`Version`] compares
//! with others as its ecosystem's own tools do. What is not known is said to be so: a package whose ecosystem, release or
//! version the database cannot judge is [`Assessment::NotAssessed`], never one without vulnerabilities.

pub mod advisory;
pub mod assess;
mod csaf;
pub mod database;
pub mod ecosystem;
pub mod exploitation;
pub mod feed;
pub mod matching;
mod purl;
pub mod scan;
pub mod severity;
pub mod version;
pub mod vex;

pub use assess::{Assessment, Finding, NotAssessed, Package, assess};
pub use database::{Builder, Database, DatabaseError, DatabaseStatus};
pub use ecosystem::Ecosystem;
pub use feed::{Feed, FeedError, SourceStatus};
pub use scan::ScanReport;
pub use severity::Rating;
pub use version::{Scheme, Version, VersionError};
pub use vex::Vex;
