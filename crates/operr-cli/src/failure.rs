//! [`Failure`]: why the program stops, and with which exit status.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::text;

/// Why the program stops before its end.
pub(crate) enum Failure {
    /// The input is no error, or cannot be read.
    Input(String),
    /// The command line is wrong in a way that clap does not see.
    Usage(String),
    /// stdout cannot be written.
    Output(io::Error),
}

impl Failure {
    /// Says in one line why, and gives the exit status.
    pub(crate) fn report(self, mut command: clap::Command) -> ExitCode {
        let line = match self {
            Failure::Usage(message) => command.error(ErrorKind::ArgumentConflict, message).exit(),
            // Whoever read has seen enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Failure::Output(error) => format!("stdout: {error}"),
            Failure::Input(message) => message,
        };
        // With stderr closed too, the exit status has to do.
        let _ = writeln!(io::stderr(), "error: {}", text::one_line(&line));
        ExitCode::FAILURE
    }
}

impl Failure {
    /// Names the file that an input is in.
    pub(crate) fn within(self, file: &Path) -> Failure {
        match self {
            Failure::Input(message) => Failure::Input(format!("{}: {message}", file.display())),
            other => other,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

/// Tells people something that is no failure.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "note: {}", text::one_line(message));
}
