//! Which code an error of another type has, by its type and by what it says of itself.

use std::error::Error as StdError;
use std::{char, collections, ffi, net, num, str, string};

use super::{channel, io as of_io};
use crate::code::Code;
use crate::failure::Error;
use crate::family;

/// The code of an error, by its type and not by what it has among its sources; `None` where that does not say what kind of
/// failure it is.
pub(super) fn code_of(error: &(dyn StdError + 'static)) -> Option<Code> {
    if let Some(error) = family::io_error(error) {
        return of_io::code_of(error);
    }
    let code = of_text(error).or_else(|| of_memory(error)).or_else(|| channel::code_of(error));
    #[cfg(feature = "tokio")]
    let code = code.or_else(|| super::tokio::code_of(error));
    #[cfg(feature = "tonic")]
    let code = code.or_else(|| crate::grpc::code_of(error));
    code
}

macro_rules! is_any {
    ($error:expr, [$($type:ty),+ $(,)?]) => {
        $($error.is::<$type>())||+
    };
}

/// Text and bytes that are not what they should be: `INVALID_ARGUMENT`, as TensorFlow's ops say of what they cannot parse,
/// and as Python's `ValueError` is. A number that is too large is `OUT_OF_RANGE`, as `ERANGE` is.
fn of_text(error: &(dyn StdError + 'static)) -> Option<Code> {
    let is_invalid = is_any!(
        error,
        [
            Error,
            prost::DecodeError,
            prost::UnknownEnumValue,
            str::Utf8Error,
            str::ParseBoolError,
            string::FromUtf8Error,
            string::FromUtf16Error,
            num::ParseIntError,
            num::ParseFloatError,
            char::ParseCharError,
            char::CharTryFromError,
            net::AddrParseError,
            ffi::NulError,
            ffi::FromBytesWithNulError,
            ffi::FromBytesUntilNulError,
            ffi::IntoStringError,
        ]
    );
    if is_invalid {
        return Some(Code::INVALID_ARGUMENT);
    }
    error.is::<num::TryFromIntError>().then_some(Code::OUT_OF_RANGE)
}

/// Room that there is not: of the machine's, or of a buffer that somebody made too small for what goes into it.
fn of_memory(error: &(dyn StdError + 'static)) -> Option<Code> {
    if error.is::<collections::TryReserveError>() {
        return Some(Code::RESOURCE_EXHAUSTED);
    }
    error.is::<prost::EncodeError>().then_some(Code::INTERNAL)
}
