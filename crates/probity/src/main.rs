//! The `probity` command.

use std::process::ExitCode;

/// Policies and documents are many small pieces, which this one hands out faster than the system's in hardly more memory.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    probity::run()
}
