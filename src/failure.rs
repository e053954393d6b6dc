//! [`Error`]: what fails in operr itself, such as bytes that are no error. Never an [`OpError`](crate::OpError).

use std::{error, fmt};

/// A failure of operr itself: bytes that do not parse.
///
/// It is opaque: ask its predicates, and [`position`](Error::position) for the place in the input.
///
/// ```
/// let error = operr::OpError::from_slice(b"\x12\x05abc").unwrap_err();
/// assert!(error.is_truncated());
/// assert_eq!(error.position(), Some(0));
/// assert_eq!(error.to_string(), "google.rpc.Status, byte 0: field 2 runs past the end: 5 bytes needed, 3 left");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    what: &'static str,
    position: Option<usize>,
    kind: Kind,
}

pub(crate) enum Kind {
    Truncated,
    Overrun {
        field: u32,
        needs: u64,
        left: usize,
    },
    VarintTooLong,
    FieldNumber,
    ReservedWireType(u8),
    GroupEnd(u32),
    GroupDepth,
    WireType {
        field: u32,
        expected: &'static str,
    },
    Utf8 {
        field: u32,
    },
    TooLarge {
        length: usize,
    },
    Prost(prost::DecodeError),
    #[cfg(feature = "json")]
    Json(String),
}

impl Error {
    #[cold]
    pub(crate) fn new(position: usize, kind: Kind) -> Error {
        Error(Box::new(Inner { what: "protobuf", position: Some(position), kind }))
    }

    pub(crate) fn prost(what: &'static str, error: prost::DecodeError) -> Error {
        Error(Box::new(Inner { what, position: None, kind: Kind::Prost(error) }))
    }

    /// A failure of JSON, at an offset or about the whole.
    #[cfg(feature = "json")]
    pub(crate) fn json(position: Option<usize>, reason: impl Into<String>) -> Error {
        Error(Box::new(Inner { what: "JSON", position, kind: Kind::Json(reason.into()) }))
    }

    /// Names the message that was being read.
    pub(crate) fn within(mut self, what: &'static str) -> Error {
        self.0.what = what;
        self
    }

    /// The offset in bytes, from the start of the input, of the field at which reading stopped.
    ///
    /// `None` where the decoder does not tell: inside the nested messages of a node, and for JSON that is well-formed but
    /// says what cannot be.
    pub fn position(&self) -> Option<usize> {
        self.0.position
    }

    /// Whether the input ends in the middle of a field.
    ///
    /// ```
    /// use operr::OpError;
    ///
    /// assert!(OpError::from_slice(b"\x12\x05abc").unwrap_err().is_truncated());
    /// assert!(!OpError::from_slice(b"\x0f").unwrap_err().is_truncated());
    /// ```
    pub fn is_truncated(&self) -> bool {
        matches!(self.0.kind, Kind::Truncated | Kind::Overrun { .. })
    }

    /// Whether a string that has to be UTF-8 is not.
    pub fn is_invalid_utf8(&self) -> bool {
        matches!(self.0.kind, Kind::Utf8 { .. })
    }

    /// Whether the input is longer than the 2 GiB that protobuf allows a message.
    pub fn is_too_large(&self) -> bool {
        matches!(self.0.kind, Kind::TooLarge { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.what)?;
        if let Some(position) = self.0.position {
            write!(f, ", byte {position}")?;
        }
        f.write_str(": ")?;
        match &self.0.kind {
            Kind::Truncated => write!(f, "the input ends in the middle of a field"),
            Kind::Overrun { field, needs, left } => {
                write!(f, "field {field} runs past the end: {needs} bytes needed, {left} left")
            }
            Kind::VarintTooLong => write!(f, "a varint is longer than 10 bytes or its value does not fit"),
            Kind::FieldNumber => write!(f, "the field number is 0 or above 536,870,911"),
            Kind::ReservedWireType(wire_type) => write!(f, "wire type {wire_type} does not exist"),
            Kind::GroupEnd(field) => write!(f, "a group ends with field {field}, which did not begin it"),
            Kind::GroupDepth => write!(f, "groups are nested deeper than 100"),
            Kind::WireType { field, expected } => {
                write!(f, "field {field} has the wrong wire type, expected {expected}")
            }
            Kind::Utf8 { field } => write!(f, "field {field} is not UTF-8"),
            Kind::TooLarge { length } => write!(f, "{length} bytes are more than the 2 GiB a message may have"),
            Kind::Prost(error) => write!(f, "{error}"),
            #[cfg(feature = "json")]
            Kind::Json(reason) => f.write_str(reason),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operr::Error({self})")
    }
}

impl error::Error for Error {}

const _: () = {
    const fn is_ordinary<T: Send + Sync + Unpin + std::panic::UnwindSafe + 'static>() {}
    is_ordinary::<Error>();
    assert!(size_of::<Error>() == size_of::<usize>());
};
