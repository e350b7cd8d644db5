//! The `deskd` program: installs the TLS provider and hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskd::cli::main()
}
