//! [`Trailers`]: the status of a call as it stands in headers, however odd, and written into them again.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode;
use tonic::Status;

use crate::budget::HEADER;
use crate::code::Code;
use crate::error::OpError;

/// What `grpc-status`, `grpc-message` and `grpc-status-details-bin` say.
pub(super) struct Trailers {
    code: CallCode,
    message: Bytes,
    details: Details,
}

impl Trailers {
    /// Reads them; `None` if there is no `grpc-status`.
    pub(super) fn read(headers: &HeaderMap) -> Option<Trailers> {
        let code = CallCode::read(headers.get(GRPC_STATUS)?);
        let message = headers
            .get(GRPC_MESSAGE)
            .map_or_else(Bytes::new, |text| Bytes::from(percent_decode(text.as_bytes()).collect::<Vec<u8>>()));
        Some(Trailers { code, message, details: Details::read(headers) })
    }

    /// Whether tonic reads them, and loses nothing.
    pub(super) fn is_ordinary(&self) -> bool {
        self.details.is_ordinary
            && matches!(self.code, CallCode::Ordinary(_))
            && std::str::from_utf8(&self.message).is_ok()
    }

    /// Whether they are what tonic writes for the Status.
    pub(super) fn are_of(&self, status: &Status) -> bool {
        self.is_ordinary()
            && self.code().value() == status.code() as i32
            && self.message == status.message()
            && self.details.bytes == status.details()
    }

    pub(super) fn code(&self) -> Code {
        match &self.code {
            CallCode::Ordinary(code) | CallCode::Odd(code) => Code::new(*code),
            CallCode::Unreadable(_) => Code::UNKNOWN,
        }
    }

    pub(super) fn message(&self) -> &Bytes {
        &self.message
    }

    pub(super) fn details(&self) -> &Bytes {
        &self.details.bytes
    }

    /// The error that they are, with all of what tonic would lose.
    pub(super) fn into_error(self) -> OpError {
        let mut error = OpError::from_status(self.code(), self.message, self.details.bytes);
        if !self.details.unread.is_empty() {
            error = error.with_unparsed(self.details.unread);
        }
        match self.code {
            CallCode::Unreadable(text) => error.with_note(format!("grpc-status was {text:?}")),
            _ => error,
        }
    }
}

/// Writes the Status in place of the one that is there.
pub(super) fn put(headers: &mut HeaderMap, status: &Status) {
    headers.remove(GRPC_MESSAGE);
    headers.remove(GRPC_STATUS_DETAILS);
    // Decimal digits, percent-encoded text and base64 are header values.
    let _ = status.add_header(headers);
}

/// The names of the other headers.
pub(super) fn names_of_others(headers: &HeaderMap) -> Vec<HeaderName> {
    let ours = [GRPC_STATUS, GRPC_MESSAGE, GRPC_STATUS_DETAILS];
    headers.keys().filter(|name| !ours.contains(name)).cloned().collect()
}

/// How many bytes the other headers have, as gRPC counts them; a budget leaves room for `content-type` by itself.
pub(super) fn others(headers: &HeaderMap) -> usize {
    let counted = [GRPC_STATUS, GRPC_MESSAGE, GRPC_STATUS_DETAILS, header::CONTENT_TYPE];
    let others = headers.iter().filter(|(name, _)| !counted.contains(name));
    others.map(|(name, value)| HEADER + name.as_str().len() + value.len()).sum()
}

/// What `grpc-status` says.
enum CallCode {
    /// 0 to 16 as gRPC writes them.
    Ordinary(i32),
    /// Another number, or one in another spelling.
    Odd(i32),
    Unreadable(String),
}

impl CallCode {
    fn read(value: &HeaderValue) -> CallCode {
        let text = String::from_utf8_lossy(value.as_bytes());
        match text.parse::<i32>() {
            Ok(code) if Code::new(code).is_grpc() && text == code.to_string() => CallCode::Ordinary(code),
            Ok(code) => CallCode::Odd(code),
            Err(_) => CallCode::Unreadable(text.into_owned()),
        }
    }
}

/// What `grpc-status-details-bin` holds, in however many values.
struct Details {
    /// The first value that is base64.
    bytes: Bytes,
    /// What else came: decoded if it is one value, else as text, with commas between.
    unread: Bytes,
    /// Whether tonic reads them, and all of them.
    is_ordinary: bool,
}

impl Details {
    fn read(headers: &HeaderMap) -> Details {
        let mut values = headers.get_all(GRPC_STATUS_DETAILS).iter();
        let (first, more) = (values.next(), values.next());
        let Some(first) = first else {
            return Details { bytes: Bytes::new(), unread: Bytes::new(), is_ordinary: true };
        };
        if more.is_none()
            && let Ok(bytes) = BASE64.decode(first)
        {
            return Details { bytes: bytes.into(), unread: Bytes::new(), is_ordinary: true };
        }
        // A header of several values may come as one, joined with commas.
        let all = headers.get_all(GRPC_STATUS_DETAILS).iter();
        let texts = all.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
        let (mut bytes, mut unread) = (None, Vec::new());
        for text in texts.filter(|text| !text.is_empty()) {
            match (decode(text), &bytes) {
                (Some(decoded), None) => bytes = Some(Bytes::from(decoded)),
                (Some(decoded), Some(first)) if decoded == *first => {}
                _ => unread.push(text),
            }
        }
        let unread = match unread[..] {
            [only] => decode(only).unwrap_or_else(|| only.to_vec()),
            _ => unread.join(&b','),
        };
        Details { bytes: bytes.unwrap_or_default(), unread: unread.into(), is_ordinary: false }
    }
}

/// Base64 of either alphabet, padded or not.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    LENIENT.decode(text).or_else(|_| LENIENT_URL_SAFE.decode(text)).ok()
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Reads just what tonic reads.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, BASE64_CONFIG);
const BASE64_CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, BASE64_CONFIG.with_decode_allow_trailing_bits(true));
const LENIENT_URL_SAFE: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, BASE64_CONFIG.with_decode_allow_trailing_bits(true));
