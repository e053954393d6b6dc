//! Other errors and this one: foreign errors as causes, [`OpError::find`], and `Result`s of any kind.

mod errno;
mod python;

use std::any::type_name;
use std::error::Error as StdError;
use std::io;

use crate::code::Code;
use crate::error::OpError;
use crate::family;
use crate::operation::{Omitted, Origin};

impl OpError {
    /// Adds a cause behind those that are there: an error of this family, or any other.
    ///
    /// An error of another type stays what it is in this process, where [`source`](std::error::Error::source) gives it;
    /// on the wire it is an `UNKNOWN` with its text and, as [`Origin::type`](Origin), its type, and its own sources are
    /// causes of that, the first 1,000 of them. An error that holds others without showing them as its source is
    /// dropped with these in its own way: a long chain of such, one in the other, needs stack.
    ///
    /// ```
    /// use std::error::Error as _;
    /// use operr::{Code, OpError};
    ///
    /// let io = std::io::Error::other("disk on fire");
    /// let error = OpError::new(Code::DATA_LOSS, "cannot read shard 7").with_cause(io);
    ///
    /// assert!(error.source().unwrap().is::<std::io::Error>());
    /// let received = OpError::from_bytes(error.to_bytes())?;
    /// assert_eq!(received.causes()[0].to_string(), "UNKNOWN: disk on fire");
    /// assert_eq!(received.causes()[0].origin().unwrap().r#type, "std::io::Error");
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn with_cause<E: Into<Box<dyn StdError + Send + Sync>>>(self, cause: E) -> OpError {
        self.with_cause_error(from_any(cause, Code::UNKNOWN, true))
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
        let cause = from_any(cause, Code::UNKNOWN, true).into_status_form();
        self.edit(|envelope| envelope.prepend_cause(cause))
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
        chain(Some(error)).take(MAX_SOURCES).find_map(family::downcast_ref)
    }
}

/// What every `Result` gets: its error as an [`OpError`], with context.
///
/// An error of the family stays itself, also in a `Box`, an `Arc` or an `io::Error`; a `tonic::Status` is the error that
/// it carries; any other, with its sources as causes, becomes an `UNKNOWN` with its text, or has the code of [`or_code`](ResultExt::or_code), and is the
/// [`source`](std::error::Error::source) of that in this process.
///
/// An `anyhow::Error` hides the type of its outermost error, but not of those below; convert it with
/// `reallocate_into_boxed_dyn_error_without_backtrace` first if that one may be of the family.
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
    /// assert_eq!(error.code(), Code::UNKNOWN);
    /// assert_eq!(error.origin().unwrap().notes, ["reading the capacity"]);
    /// ```
    fn context(self, note: impl Into<String>) -> Result<T, OpError>;

    /// Says which code an error has that has none of its own.
    ///
    /// # Errors
    ///
    /// The error there was: unchanged if it is of the family, else with this code and its own text.
    ///
    /// ```
    /// use operr::{Code, NotFoundError, ResultExt as _};
    ///
    /// let error = "x".parse::<i32>().or_code(Code::INVALID_ARGUMENT).unwrap_err();
    /// assert_eq!(error.to_string(), "INVALID_ARGUMENT: invalid digit found in string");
    ///
    /// let error = Err::<(), _>(NotFoundError::new("gone")).or_code(Code::INTERNAL).unwrap_err();
    /// assert_eq!(error.code(), Code::NOT_FOUND);
    /// ```
    fn or_code(self, code: Code) -> Result<T, OpError>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> ResultExt<T> for Result<T, E> {
    fn context(self, note: impl Into<String>) -> Result<T, OpError> {
        self.map_err(|error| from_any(error, Code::UNKNOWN, false).with_note(note))
    }

    fn or_code(self, code: Code) -> Result<T, OpError> {
        self.map_err(|error| from_any(error, code, false))
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

/// Any error as one of ours; one of another type gets the code, and can be had back from it.
fn from_any<E: Into<Box<dyn StdError + Send + Sync>>>(error: E, code: Code, is_cause: bool) -> OpError {
    let error = error.into();
    if let Some(error) = family::downcast_ref(&*error) {
        return error.clone();
    }
    #[cfg(feature = "tonic")]
    let error = match crate::grpc::from_boxed(error) {
        Ok(error) => return error,
        Err(error) => error,
    };
    from_foreign(&*error, type_name::<E>(), code).with_foreign(error, is_cause)
}

/// Any error as one of ours, by its looks.
#[cfg(feature = "tonic")]
pub(crate) fn from_ref(error: &(dyn StdError + 'static)) -> OpError {
    known(error).unwrap_or_else(|| from_foreign(error, DYN_ERROR, Code::UNKNOWN))
}

/// The first error of the family in a chain of sources, one that a Status carries included.
#[cfg(feature = "retry")]
pub(crate) fn find(error: &(dyn StdError + 'static)) -> Option<OpError> {
    chain(Some(error)).take(MAX_SOURCES).find_map(known)
}

/// An error of the family, itself and not below others in a chain.
fn known(error: &(dyn StdError + 'static)) -> Option<OpError> {
    let error_of_the_family = family::downcast_ref(error).cloned();
    #[cfg(feature = "tonic")]
    let error_of_the_family = error_of_the_family.or_else(|| crate::grpc::from_ref(error));
    error_of_the_family
}

/// What crosses of an error of another type: its text and type, and those of its sources.
fn from_foreign(error: &(dyn StdError + 'static), name: &'static str, code: Code) -> OpError {
    let mut errors = vec![alone(error, name, code)];
    let mut below = None;
    let mut sources = chain(error.source());
    for source in sources.by_ref().take(MAX_SOURCES) {
        below = known(source);
        if below.is_some() {
            break;
        }
        errors.push(alone(source, DYN_ERROR, Code::UNKNOWN));
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
fn alone(error: &(dyn StdError + 'static), name: &'static str, code: Code) -> OpError {
    let name = match name {
        _ if error.is::<io::Error>() => "std::io::Error",
        name if name.contains("dyn ") || name.starts_with('&') || name == type_name::<String>() => DYN_ERROR,
        name => name,
    };
    OpError::new(code, error.to_string()).with_origin(&Origin::new(name))
}

/// An error, its source, that one's source, ...
fn chain<'a>(first: Option<&'a (dyn StdError + 'static)>) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(first, |&error| error.source())
}

const DYN_ERROR: &str = "dyn std::error::Error";

/// How far a chain of sources is followed.
const MAX_SOURCES: usize = 1_000;
/// How many sources beyond that are counted.
const MAX_COUNTED: usize = 1_000_000;
