//! Reads the command line and runs one command.

use std::process::ExitCode;

#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match locum::cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("locum: {error:#}");
            ExitCode::FAILURE
        }
    }
}
