//! A reader that has seen enough: `probity evidence verify | head -1`.

use std::panic;

/// Ends the process quietly when the reader of the standard output is gone. `println!` panics then, and nothing else tells of
/// it; errors of writers are told apart where commands end.
pub(crate) fn end_quietly() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str().is_some_and(is_closed_output) {
            std::process::exit(i32::from(crate::CLEAN));
        }
        usual(info);
    }));
}

/// Whether this is what `print!` and `println!` of the standard library, and those of `anstream`, panic with.
fn is_closed_output(message: &str) -> bool {
    let error = message.strip_prefix("failed printing to stdout: ");
    error.is_some_and(|error| error.to_lowercase().contains("broken pipe"))
}

#[cfg(test)]
mod tests {
    use super::is_closed_output;

    #[test]
    fn only_a_closed_output_is_told_apart() {
        for (message, expected) in [
            ("failed printing to stdout: Broken pipe (os error 32)", true),
            ("failed printing to stdout: No space left on device (os error 28)", false),
            ("failed printing to stderr: Broken pipe (os error 32)", false),
            ("index out of bounds", false),
        ] {
            assert_eq!(is_closed_output(message), expected, "{message}");
        }
    }
}
