//! Other errors and this one: foreign errors as causes, [`OpError::find`], and `Result`s of any kind.

use std::any::type_name;
use std::error::Error as StdError;

use crate::code::Code;
use crate::error::OpError;
use crate::family;
use crate::operation::Origin;

impl OpError {
    /// Adds a cause behind those that are there: an error of this family, or any other.
    ///
    /// An error of another type stays what it is in this process, where [`source`](std::error::Error::source) gives it;
    /// on the wire it is an `UNKNOWN` with its text and, as [`Origin::type`](Origin), its type, and its own sources are
    /// causes of that.
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
        self.with_cause_error(from_any(cause, Code::UNKNOWN))
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
        chain(Some(error)).find_map(family::downcast_ref)
    }
}

/// What every `Result` gets: its error as an [`OpError`], with context.
///
/// An error of the family anywhere in its chain of sources stays itself; a `tonic::Status` is the error that it carries;
/// any other becomes an `UNKNOWN` with its text, or has the code of [`or_code`](ResultExt::or_code), and is the
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
        self.map_err(|error| from_any(error, Code::UNKNOWN).with_note(note))
    }

    fn or_code(self, code: Code) -> Result<T, OpError> {
        self.map_err(|error| from_any(error, code))
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
    ($class:ident, $($format:tt)+) => {
        return ::core::result::Result::Err(::core::convert::Into::into($class::new(::std::format!($($format)+))))
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
fn from_any<E: Into<Box<dyn StdError + Send + Sync>>>(error: E, code: Code) -> OpError {
    let error = error.into();
    if let Some(known) = known(&*error) {
        return known;
    }
    let converted = from_foreign(&*error, spell(type_name::<E>()), code);
    converted.with_foreign(error)
}

/// An error of the family, itself and not below others in a chain.
fn known(error: &(dyn StdError + 'static)) -> Option<OpError> {
    if let Some(error) = family::downcast_ref(error) {
        return Some(error.clone());
    }
    #[cfg(feature = "tonic")]
    if let Some(status) = error.downcast_ref::<tonic::Status>() {
        return Some(crate::grpc::from_status_ref(status));
    }
    None
}

/// What crosses of an error of another type: its text and type, and those of its sources.
fn from_foreign(error: &(dyn StdError + 'static), name: &str, code: Code) -> OpError {
    let mut sources = Vec::new();
    let mut below = None;
    for source in chain(error.source()) {
        if let Some(known) = known(source) {
            below = Some(known);
            break;
        }
        let name = if source.is::<std::io::Error>() { "std::io::Error" } else { DYN_ERROR };
        sources.push((source.to_string(), name));
    }
    let on_top_of = |cause: Option<OpError>, code, text, name| {
        let error = OpError::new(code, text).with_origin(&Origin::new(name));
        match cause {
            Some(cause) => error.with_cause_error(cause),
            None => error,
        }
    };
    for (text, name) in sources.into_iter().rev() {
        below = Some(on_top_of(below, Code::UNKNOWN, text, name));
    }
    on_top_of(below, code, error.to_string(), name)
}

/// An error, its source, that one's source, ...
fn chain<'a>(first: Option<&'a (dyn StdError + 'static)>) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(first, |&error| error.source()).take(MAX_SOURCES)
}

/// The name under which people know the type.
fn spell(name: &'static str) -> &'static str {
    match name {
        "std::io::error::Error" => "std::io::Error",
        name if name.contains("dyn ") || name.starts_with('&') || name == type_name::<String>() => DYN_ERROR,
        name => name,
    }
}

const DYN_ERROR: &str = "dyn std::error::Error";

/// How far a chain of sources is followed.
const MAX_SOURCES: usize = 1_000;
