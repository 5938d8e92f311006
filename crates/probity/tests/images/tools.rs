//! The programs that these tests stand on.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Whether all of these are there. When one is not: said, and a failure in CI.
pub(crate) fn there(tools: &[&str]) -> bool {
    let missing = |tool: &&&str| {
        let asked = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        asked.is_err()
    };
    match tools.iter().find(missing) {
        Some(tool) => skip(&format!("{tool} is not installed")),
        None => true,
    }
}

/// Says why a test is not done, which CI does not take for an answer; `false`.
pub(crate) fn skip(why: &str) -> bool {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    eprintln!("skipped: {why}");
    false
}

/// Runs a program, which must go well; what it printed.
pub(crate) fn run(program: impl AsRef<Path>, arguments: &[&str]) -> String {
    done(Command::new(program.as_ref()).args(arguments))
}

/// Runs a command, which must go well; what it printed.
pub(crate) fn done(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
