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
    /// As these two, for a command of which 1 says something else.
    Trouble(String),
    /// All is said; this is the exit status.
    Status(u8),
}

impl Failure {
    /// Says in one line why, and gives the exit status.
    pub(crate) fn report(self, mut command: clap::Command) -> ExitCode {
        let (line, status) = match self {
            Failure::Usage(message) => command.error(ErrorKind::ArgumentConflict, message).exit(),
            // Whoever read has seen enough.
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Failure::Output(error) => (format!("stdout: {error}"), 1),
            Failure::Input(message) => (message, 1),
            Failure::Trouble(message) => (message, 2),
            Failure::Status(status) => return ExitCode::from(status),
        };
        tell(&line);
        ExitCode::from(status)
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

/// Tells people what is wrong, where the program goes on or is about to stop.
pub(crate) fn tell(message: &str) {
    // With stderr closed too, the exit status has to do.
    let _ = writeln!(io::stderr(), "error: {}", text::one_line(message));
}

/// Tells people of damage that changes nothing else.
pub(crate) fn warn(message: &str) {
    let _ = writeln!(io::stderr(), "warning: {}", text::one_line(message));
}

/// Tells people something that is no failure.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "note: {}", text::one_line(message));
}
