//! Other errors and this one: foreign errors as causes, [`OpError::find`], and `Result`s of any kind.

mod channel;
mod errno;
mod foreign;
mod io;
mod panic;
mod python;
#[cfg(feature = "tokio")]
mod tokio;

use std::any::type_name;
use std::error::Error as StdError;
use std::fmt::{self, Write as _};

use crate::code::Code;
use crate::error::OpError;
use crate::family;
use crate::operation::{Omitted, Origin};

#[cfg(feature = "tokio")]
pub use tokio::{cancellable, deadline};

impl OpError {
    /// Adds a cause behind those that are there: an error of this family, or any other.
    ///
    /// An error of another type stays what it is in this process, where [`source`](std::error::Error::source) gives it;
    /// on the wire it has the code that its [type says](OpError::from_error), its text and, as [`Origin::type`](Origin), its
    /// type, and its own sources are causes of that, the first 1,000 of them. An error that holds others without showing
    /// them as its source is dropped with these in its own way: a long chain of such, one in the other, needs stack.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use operr::{Code, OpError};
    ///
    /// let io = std::io::Error::new(std::io::ErrorKind::StorageFull, "no room for shard 7");
    /// let error = OpError::new(Code::ABORTED, "not saved").with_cause(io);
    ///
    /// assert!(error.source().unwrap().is::<std::io::Error>());
    /// let received = OpError::from_bytes(error.to_bytes())?;
    /// assert_eq!(received.causes()[0].to_string(), "RESOURCE_EXHAUSTED: no room for shard 7");
    /// assert_eq!(received.causes()[0].origin().unwrap().r#type, "std::io::Error");
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn with_cause<E: Into<Box<dyn StdError + Send + Sync>>>(self, cause: E) -> OpError {
        self.with_cause_error(from_any(cause, None, true))
    }

    /// Adds a cause, as [`with_cause`](OpError::with_cause) does, but in front of those that are there.
    ///
    /// ```
    /// use operr::{AbortedError, NotFoundError, UnavailableError};
    ///
    /// let error = NotFoundError::new("no such shard").with_cause(AbortedError::new("it was moved"));
    /// let error = error.with_first_cause(UnavailableError::new("and nobody answers"));
    /// let causes: Vec<_> = error.causes().iter().map(|cause| cause.message()).collect();
    /// assert_eq!(causes, ["and nobody answers", "it was moved"]);
    /// ```
    pub fn with_first_cause<E: Into<Box<dyn StdError + Send + Sync>>>(self, cause: E) -> OpError {
        let cause = from_any(cause, None, true).into_status_form();
        self.edit(|envelope| envelope.prepend_cause(cause))
    }

    /// Any error as one of this family.
    ///
    /// One of the family stays itself, also in a `Box`, an `Arc` or an `io::Error`; a `tonic::Status` is the error that it
    /// carries. Any other has its text, its type as [`Origin::type`](Origin), its sources as causes, and the code that its
    /// type says; and it is the [`source`](std::error::Error::source) of that in this process.
    ///
    /// | error of another type | code |
    /// |---|---|
    /// | `std::io::Error` | by its number, [as TensorFlow maps it](Code::from_errno), or by its kind |
    /// | text or bytes that do not parse: of `std`, of prost, and operr's own [`Error`](crate::Error) | `INVALID_ARGUMENT` |
    /// | a number too large for its type | `OUT_OF_RANGE` |
    /// | sending on a closed channel; what was never answered on one | `CANCELLED` |
    /// | receiving on a channel that is closed and empty | `OUT_OF_RANGE` |
    /// | a full channel, no permits, no memory | `RESOURCE_EXHAUSTED` |
    /// | an empty channel that was not waited for | `UNAVAILABLE` |
    /// | messages missed on a channel | `DATA_LOSS` |
    /// | a timer that elapsed, tokio's or tonic's | `DEADLINE_EXCEEDED` |
    /// | a task of tokio's that was cancelled, or that panicked | `CANCELLED`, or `INTERNAL` |
    /// | a connection that tonic cannot make, or loses (feature `transport`) | `UNAVAILABLE` |
    /// | any other | `UNKNOWN` |
    ///
    /// tokio's are known with the feature `tokio`. A send error, which holds what was not sent, is known where its type is
    /// written, and not in a `Box<dyn Error>`. An `anyhow::Error` hides the type of its outermost error, but not of those
    /// below; convert it with `reallocate_into_boxed_dyn_error_without_backtrace` first.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = std::str::from_utf8(b"\xff").map_err(OpError::from_error).unwrap_err();
    /// assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    ///
    /// let error = OpError::from_error(std::fmt::Error);
    /// assert_eq!(error.code(), Code::UNKNOWN);
    /// ```
    pub fn from_error<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> OpError {
        from_any(error, None, false)
    }

    /// The first error of this family in a chain of sources: an `OpError`, one of the sixteen, or the one that a
    /// `tonic::Status` was made from.
    ///
    /// ```
    /// use operr::{AbortedError, Code, OpError};
    ///
    /// let error = anyhow::Error::from(AbortedError::new("restarted")).context("while loading shard 7");
    /// assert_eq!(OpError::find(error.as_ref()).unwrap().code(), Code::ABORTED);
    /// ```
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a OpError> {
        sources(error).find_map(family::downcast_ref)
    }
}

/// What every `Result` gets: its error as an [`OpError`], with context.
///
/// The error is what [`OpError::from_error`] makes of it, or has the code of [`or_code`](ResultExt::or_code).
pub trait ResultExt<T> {
    /// Adds a note to the error.
    ///
    /// # Errors
    ///
    /// The error there was, as an [`OpError`] with one more note.
    ///
    /// ```
    /// use operr::{Code, ResultExt as _};
    ///
    /// let error = "x".parse::<i32>().context("reading the capacity").unwrap_err();
    /// assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    /// assert_eq!(error.origin().unwrap().notes, ["reading the capacity"]);
    /// ```
    fn context(self, note: impl Into<String>) -> Result<T, OpError>;

    /// Says which code an error has that is not of the family.
    ///
    /// What is said here counts, and not what the error's type says: that a file is missing is `NOT_FOUND` to whoever asked
    /// for it, and may be `DATA_LOSS` to whoever wrote it. [`context`](ResultExt::context) leaves it to the type.
    ///
    /// # Errors
    ///
    /// The error there was: unchanged if it is of the family, else with this code and its own text.
    ///
    /// ```
    /// use operr::{Code, NotFoundError, ResultExt as _};
    ///
    /// let error = "x".parse::<i32>().or_code(Code::DATA_LOSS).unwrap_err();
    /// assert_eq!(error.to_string(), "DATA_LOSS: invalid digit found in string");
    ///
    /// let error = Err::<(), _>(NotFoundError::new("gone")).or_code(Code::INTERNAL).unwrap_err();
    /// assert_eq!(error.code(), Code::NOT_FOUND);
    /// ```
    fn or_code(self, code: Code) -> Result<T, OpError>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> ResultExt<T> for Result<T, E> {
    fn context(self, note: impl Into<String>) -> Result<T, OpError> {
        self.map_err(|error| from_any(error, None, false).with_note(note))
    }

    fn or_code(self, code: Code) -> Result<T, OpError> {
        self.map_err(|error| from_any(error, Some(code), false))
    }
}

/// Returns early with an error: of a class and a format string, or any expression that converts.
///
/// ```
/// use operr::{NotFoundError, OpError, bail};
///
/// fn open(name: &str) -> Result<(), OpError> {
///     bail!(NotFoundError, "no queue {name:?}")
/// }
/// assert_eq!(open("q").unwrap_err().to_string(), "NOT_FOUND: no queue \"q\"");
/// ```
#[macro_export]
macro_rules! bail {
    ($($class:ident)::+, $($format:tt)+) => {
        return ::core::result::Result::Err(::core::convert::Into::into($($class)::+::new(::std::format!($($format)+))))
    };
    ($error:expr $(,)?) => {
        return ::core::result::Result::Err(::core::convert::Into::into($error))
    };
}

/// Returns early with an error, as [`bail!`] does, unless the condition holds.
///
/// ```
/// use operr::{InvalidArgumentError, OpError, ensure};
///
/// fn create(capacity: i32) -> Result<(), OpError> {
///     ensure!(capacity > 0, InvalidArgumentError, "capacity must be positive, got {capacity}");
///     Ok(())
/// }
/// assert!(create(1).is_ok());
/// assert_eq!(create(0).unwrap_err().message(), "capacity must be positive, got 0");
/// ```
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($error:tt)+) => {
        if !$condition {
            $crate::bail!($($error)+);
        }
    };
}

/// Any error as one of ours; one of another type gets the code, or the one that its type says, and can be had back from it.
fn from_any<E: Into<Box<dyn StdError + Send + Sync>>>(error: E, code: Option<Code>, is_cause: bool) -> OpError {
    let error = error.into();
    if let Some(error) = family::downcast_ref(&*error) {
        return error.clone();
    }
    #[cfg(feature = "tonic")]
    let error = match crate::grpc::from_boxed(error) {
        Ok(error) => return error,
        Err(error) => error,
    };
    #[cfg(feature = "tonic")]
    if let Some(error) = crate::grpc::from_ref(family::innermost(&*error)) {
        return error;
    }
    let name = type_name::<E>();
    let code = code.or_else(|| channel::code_of_send(&*error, name));
    from_foreign(&*error, name, code).with_foreign(error, is_cause)
}

/// A source, with its own sources, as one of ours, by its looks.
pub(crate) fn from_sources(error: &(dyn StdError + 'static)) -> OpError {
    known(error).unwrap_or_else(|| from_foreign(error, DYN_ERROR, None))
}

/// The first error of the family in a chain of sources, one that a Status carries included.
#[cfg(feature = "retry")]
pub(crate) fn find(error: &(dyn StdError + 'static)) -> Option<OpError> {
    sources(error).find_map(known)
}

/// An error of the family, itself and not below others in a chain.
fn known(error: &(dyn StdError + 'static)) -> Option<OpError> {
    let error_of_the_family = family::downcast_ref(error).cloned();
    #[cfg(feature = "tonic")]
    let error_of_the_family = error_of_the_family.or_else(|| crate::grpc::from_ref(family::innermost(error)));
    error_of_the_family
}

/// What crosses of an error of another type: its text, type and code, and those of its sources.
fn from_foreign(error: &(dyn StdError + 'static), name: &'static str, code: Option<Code>) -> OpError {
    let mut errors = vec![alone(error, name, code)];
    let mut below = None;
    let mut sources = chain(error.source());
    for source in sources.by_ref().take(MAX_SOURCES) {
        below = known(source);
        if below.is_some() {
            break;
        }
        errors.push(alone(source, DYN_ERROR, None));
    }
    if errors.len() > MAX_SOURCES
        && let causes @ 1.. = sources.take(MAX_COUNTED).count() as u32
        && let Some(deepest) = errors.pop()
    {
        errors.push(deepest.with_omitted(&Omitted { causes, ..Omitted::default() }));
    }
    let with_below = |below: Option<OpError>, error: OpError| match below {
        Some(below) => Some(error.with_cause_error(below)),
        None => Some(error),
    };
    errors.into_iter().rev().fold(below, with_below).unwrap_or_else(|| alone(error, name, code))
}

/// What crosses of an error of another type by itself.
fn alone(error: &(dyn StdError + 'static), name: &'static str, code: Option<Code>) -> OpError {
    let name = match name {
        _ if error.is::<std::io::Error>() => IO_ERROR,
        name if name.contains("dyn ") || name.starts_with('&') || name == type_name::<String>() => DYN_ERROR,
        name => name,
    };
    let code = code.or_else(|| foreign::code_of(error)).unwrap_or(Code::UNKNOWN);
    OpError::new(code, text(error)).with_origin(&Origin::new(name))
}

/// What it says; as far as it came, if it fails to.
fn text(what: &(impl fmt::Display + ?Sized)) -> String {
    let mut text = String::new();
    let _ = write!(text, "{what}");
    text
}

/// An error and its sources, the first of them.
pub(crate) fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> + use<'a> {
    chain(Some(error)).take(MAX_SOURCES)
}

/// An error, its source, that one's source, ...
fn chain<'a>(first: Option<&'a (dyn StdError + 'static)>) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(first, |&error| error.source())
}

const DYN_ERROR: &str = "dyn std::error::Error";
const IO_ERROR: &str = "std::io::Error";

/// How far a chain of sources is followed.
const MAX_SOURCES: usize = 1_000;
/// How many sources beyond that are counted.
const MAX_COUNTED: usize = 1_000_000;
