//! What TensorFlow's `errors.h` and absl do with a status, done with an error.
//!
//! A status of absl's has a code, a message and payloads, each key of which stands once; what else an error has, node,
//! op, origin and causes, has no counterpart there and stays as it is.

use std::collections::HashMap;

use bytes::Bytes;

use crate::code::Code;
use crate::error::OpError;

impl OpError {
    /// Writes the error as `absl::Status::ToString` does: `CODE: message [key='value']`, in bytes, as messages need not
    /// be UTF-8.
    ///
    /// A number that absl has no name for leaves the name empty. Values are escaped as in C, the message and the keys are
    /// verbatim. Of equal keys, which absl cannot have, the last value counts. An error with [`Code::OK`] is `OK`.
    ///
    /// ```
    /// use operr::{AbortedError, Code, OpError};
    ///
    /// let error = AbortedError::new("restarted").with_payload("example.com/shard", "\x08\x07");
    /// assert_eq!(error.absl_to_string(), br"ABORTED: restarted [example.com/shard='\x08\x07']");
    /// assert_eq!(OpError::new(Code::new(77), "odd").absl_to_string(), b": odd");
    /// ```
    pub fn absl_to_string(&self) -> Vec<u8> {
        let code = self.code();
        if code == Code::OK {
            return b"OK".to_vec();
        }
        let mut text = code.name().unwrap_or_default().as_bytes().to_vec();
        text.extend_from_slice(b": ");
        text.extend_from_slice(self.message_bytes());
        for (url, value) in self.absl_payloads() {
            text.extend_from_slice(b" [");
            text.extend_from_slice(url.as_bytes());
            text.extend_from_slice(b"='");
            escape(&value, &mut text);
            text.extend_from_slice(b"']");
        }
        text
    }

    /// Adds a line to the message, as `tsl::errors::AppendToMessage` does: a line feed, a tab and the context.
    ///
    /// Everything else stays, also a number that TensorFlow has no name for, of which it would make an `UNKNOWN`. An
    /// error with [`Code::OK`] stays as it is.
    ///
    /// ```
    /// use operr::{NotFoundError, OpError};
    ///
    /// let error = OpError::from(NotFoundError::new("no such shard")).append_to_message("while restoring");
    /// assert_eq!(error.message(), "no such shard\n\twhile restoring");
    /// ```
    pub fn append_to_message(self, context: impl AsRef<[u8]>) -> OpError {
        if self.code() == Code::OK {
            return self;
        }
        let message = [self.message_bytes(), b"\n\t", context.as_ref()].concat();
        self.with_message_bytes(message.into())
    }

    /// Replaces an `UNAVAILABLE` that does not come from the network, as
    /// `tsl::errors::ReplaceErrorFromNonCommunicationOps` does, so that nobody takes it for a peer that is away: by an
    /// `INTERNAL` without payloads that says which operation it came from.
    ///
    /// The node and the op stay, and the error there was is the cause. An error with any other code stays as it is.
    ///
    /// ```
    /// use operr::{Code, OpError, UnavailableError};
    ///
    /// let error = OpError::from(UnavailableError::new("no license")).replace_error_from_non_communication_ops("MatMul");
    /// assert_eq!(error.code(), Code::INTERNAL);
    /// assert!(error.message().starts_with("no license\nExecuting non-communication op <MatMul> originally returned"));
    /// assert_eq!(error.causes()[0].to_string(), "UNAVAILABLE: no license");
    /// ```
    pub fn replace_error_from_non_communication_ops(self, op: impl AsRef<[u8]>) -> OpError {
        if self.code() != Code::UNAVAILABLE {
            return self;
        }
        let message = [
            self.message_bytes(),
            b"\nExecuting non-communication op <",
            op.as_ref(),
            b"> originally returned UnavailableError, and was replaced by InternalError to avoid invoking TF network \
              error handling logic.",
        ]
        .concat();
        OpError::from_parts(Code::INTERNAL, message).speaking_for(&self).with_place_of(&self).with_cause_error(self)
    }

    /// Marks the error as one that follows from another, as `tsl::StatusGroup::MakeDerived` does, by the payload
    /// `type.googleapis.com/tensorflow.DerivedStatus`.
    ///
    /// One that has the mark stays as it is, and so does one with [`Code::OK`].
    ///
    /// ```
    /// use operr::{CancelledError, OpError};
    ///
    /// let error = OpError::from(CancelledError::new("the step was aborted")).mark_derived();
    /// assert!(error.is_derived());
    /// assert_eq!(error.clone().mark_derived(), error);
    /// ```
    pub fn mark_derived(self) -> OpError {
        if self.code() == Code::OK || self.is_derived() { self } else { self.with_payload(DERIVED, "") }
    }

    /// Whether the error is marked as one that [follows from another](OpError::mark_derived), whatever the mark's value.
    /// One with [`Code::OK`] never is.
    pub fn is_derived(&self) -> bool {
        self.code() != Code::OK && self.payloads().contains(DERIVED)
    }

    /// The payloads as absl has them: each key once, where it stands first, with its last value.
    pub(crate) fn absl_payloads(&self) -> Vec<(&str, Bytes)> {
        let mut distinct: Vec<(&str, Bytes)> = Vec::new();
        let mut places = HashMap::new();
        for (url, value) in self.payloads().iter() {
            let place = *places.entry(url).or_insert(distinct.len());
            match distinct.get_mut(place) {
                Some((_, before)) => *before = value,
                None => distinct.push((url, value)),
            }
        }
        distinct
    }

    /// Takes over node and op, byte for byte.
    pub(crate) fn with_place_of(mut self, other: &OpError) -> OpError {
        for name in ["tensorflow.NodeDef", "operr.v1.Operation"] {
            if let Some(value) = other.detail_bytes(name) {
                self = self.with_detail_bytes(name, value);
            }
        }
        self
    }
}

impl Code {
    /// The code as absl's `Status::code` gives it: `UNKNOWN` for a number that it has no name for.
    pub(crate) fn folded(self) -> Code {
        if self.is_grpc() { self } else { Code::UNKNOWN }
    }
}

/// As `absl::CHexEscape`: after a byte in hexadecimal, a digit that could be one more of that is written so, too.
fn escape(value: &[u8], into: &mut Vec<u8>) {
    let mut after_hex = false;
    for &byte in value {
        let short = match byte {
            b'\n' => Some(b'n'),
            b'\r' => Some(b'r'),
            b'\t' => Some(b't'),
            b'"' | b'\'' | b'\\' => Some(byte),
            _ => None,
        };
        let is_hex = short.is_none() && (!(b' '..0x7f).contains(&byte) || (after_hex && byte.is_ascii_hexdigit()));
        match short {
            Some(short) => into.extend_from_slice(&[b'\\', short]),
            None if is_hex => into.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            None => into.push(byte),
        }
        after_hex = is_hex;
    }
}

/// The key of the payload that marks an error as derived. Its value is empty.
pub(crate) const DERIVED: &str = "type.googleapis.com/tensorflow.DerivedStatus";
