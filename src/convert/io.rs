//! `std::io::Error`, by its number as TensorFlow reads it, or by its kind.

use std::error::Error as _;
use std::fmt;
use std::io::{self, ErrorKind};

use super::foreign;
use crate::code::Code;
use crate::error::OpError;
use crate::family;
use crate::operation::Origin;

impl OpError {
    /// The error of an operation of the system, in the words of TensorFlow's `TF_SetStatusFromIOError`: what it was about,
    /// such as a path, and what the system says.
    ///
    /// The code is that of the [number](Code::from_errno), or of the [`ErrorKind`] where there is no number; `UNKNOWN` where
    /// neither says what kind of failure it is. The number 0 is no failure: it gives [`Code::OK`] and no message. An error
    /// of the family in the `io::Error` stays itself, with a note. The `io::Error` is the
    /// [`source`](std::error::Error::source) in this process; with [`ResultExt`](crate::ResultExt) it keeps its own text.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let path = "/no/such/shard";
    /// let error = std::fs::read(path).map_err(|error| OpError::from_io(error, path)).unwrap_err();
    /// # #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    /// assert_eq!(error.to_string(), "NOT_FOUND: /no/such/shard; No such file or directory");
    /// assert!(std::error::Error::source(&error).unwrap().is::<std::io::Error>());
    /// ```
    pub fn from_io(error: io::Error, context: impl fmt::Display) -> OpError {
        if let Some(error) = super::known(&error) {
            return error.with_note(super::text(&context));
        }
        if error.raw_os_error() == Some(0) {
            return OpError::new(Code::OK, "");
        }
        let code = code_of(&error).unwrap_or(Code::UNKNOWN);
        let message = format!("{}; {}", super::text(&context), what(&error));
        let converted = OpError::new(code, message).with_origin(&Origin::new(super::IO_ERROR));
        let converted = match error.source() {
            Some(below) => converted.with_cause_error(super::from_sources(below)),
            None => converted,
        };
        converted.with_foreign(Box::new(error), false)
    }
}

/// The code of the number; where there is none, of the kind; where that says nothing, of the error within.
pub(super) fn code_of(error: &io::Error) -> Option<Code> {
    let mut error = error;
    for _ in 0..super::MAX_SOURCES {
        // Numbers that TensorFlow does not map have no kind that says more.
        let code = error.raw_os_error().and_then(Code::from_errno).or_else(|| of_kind(error.kind()));
        let (None, Some(inner)) = (code, error.get_ref()) else { return code };
        match family::io_error(inner) {
            Some(inner) => error = inner,
            None => return foreign::code_of(inner),
        }
    }
    None
}

/// What the system says, without the number that Rust puts behind it.
fn what(error: &io::Error) -> String {
    let text = super::text(error);
    let number = error.raw_os_error().map(|errno| format!(" (os error {errno})"));
    match number.and_then(|number| text.strip_suffix(&number)) {
        Some(text) => text.to_owned(),
        None => text,
    }
}

/// The code of the numbers that are of this kind, as TensorFlow maps them. Where no number has the kind: past the end there
/// is nothing (`OUT_OF_RANGE`, as Python's `EOFError`), and data that is not what it should be is `DATA_LOSS`.
fn of_kind(kind: ErrorKind) -> Option<Code> {
    Some(match kind {
        ErrorKind::ArgumentListTooLong
        | ErrorKind::InvalidFilename
        | ErrorKind::InvalidInput
        | ErrorKind::NotSeekable => Code::INVALID_ARGUMENT,
        ErrorKind::TimedOut => Code::DEADLINE_EXCEEDED,
        ErrorKind::NotFound => Code::NOT_FOUND,
        ErrorKind::AddrNotAvailable | ErrorKind::AlreadyExists => Code::ALREADY_EXISTS,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Code::PERMISSION_DENIED,
        ErrorKind::OutOfMemory | ErrorKind::QuotaExceeded | ErrorKind::StorageFull | ErrorKind::TooManyLinks => {
            Code::RESOURCE_EXHAUSTED
        }
        ErrorKind::AddrInUse
        | ErrorKind::BrokenPipe
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::ExecutableFileBusy
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::NotConnected
        | ErrorKind::ResourceBusy => Code::FAILED_PRECONDITION,
        ErrorKind::Deadlock | ErrorKind::StaleNetworkFileHandle => Code::ABORTED,
        ErrorKind::FileTooLarge | ErrorKind::UnexpectedEof => Code::OUT_OF_RANGE,
        ErrorKind::CrossesDevices | ErrorKind::Unsupported => Code::UNIMPLEMENTED,
        ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::HostUnreachable
        | ErrorKind::Interrupted
        | ErrorKind::NetworkDown
        | ErrorKind::NetworkUnreachable
        | ErrorKind::WouldBlock => Code::UNAVAILABLE,
        ErrorKind::InvalidData => Code::DATA_LOSS,
        _ => return None,
    })
}
