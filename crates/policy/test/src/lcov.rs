//! Coverage in the form of lcov, which code hosts and editors read.

use std::fmt::Write as _;

use probity_policy_rego::observe::CoverageReport;

/// The report as an lcov tracefile: a record for each file, a line of `DA:line,hits` for each line that can be evaluated.
/// A line counts as hit when nothing in it was missed.
pub fn write(report: &CoverageReport) -> String {
    let mut out = String::from("TN:\n");
    for (path, file) in &report.files {
        let _ = writeln!(out, "SF:{path}");
        let lines: std::collections::BTreeSet<u32> =
            file.covered_lines.union(&file.not_covered_lines).copied().collect();
        let is_hit = |line: &u32| !file.not_covered_lines.contains(line);
        for line in &lines {
            let _ = writeln!(out, "DA:{line},{}", u8::from(is_hit(line)));
        }
        let hits = lines.iter().filter(|line| is_hit(line)).count();
        let _ = writeln!(out, "LF:{}\nLH:{hits}\nend_of_record", lines.len());
    }
    out
}
