//! JSON, HTTP bodies and protobuf text (feature `json`).
//!
//! [`OpError::to_json`](crate::OpError::to_json) is lossless; the canonical JSON of a `google.rpc.Status`, the HTTP body
//! and the text form are not, and have names of their own.

mod http;
mod object;
mod reflect;
mod status;
mod text;

pub use text::text_format;

/// How deep causes are shown, each in the one above.
const MAX_DEPTH: usize = 32;
