//! Templates, constraints, mutators and suites against the data and the command line of Gatekeeper, and suites of our own.

mod cases;
mod gator;
mod library;
mod requests;
mod scan;
mod suite;
