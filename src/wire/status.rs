//! An error to and from its bytes, and how a Status is told from a container.

use bytes::Bytes;

use super::Container;
use super::scanner::{Scanner, Value};
use crate::envelope::{Envelope, Received};
use crate::error::OpError;
use crate::failure::{Error, Kind};

impl OpError {
    /// Encodes the error as a `google.rpc.Status`, which is a `tensorflow.StatusProto` too.
    ///
    /// An error that was decoded and not edited gives the very bytes it was decoded from, without a copy. Any other is
    /// written in canonical form into one allocation of the exact length.
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// assert_eq!(OpError::new(Code::NOT_FOUND, "gone").to_bytes(), "\x08\x05\x12\x04gone");
    /// ```
    pub fn to_bytes(&self) -> Bytes {
        self.envelope().to_bytes()
    }

    /// Appends what [`to_bytes`](OpError::to_bytes) gives, for a message that holds the error.
    ///
    /// ```
    /// let error = operr::OpError::from(operr::NotFoundError::new("no such shard"));
    ///
    /// let mut buffer = Vec::new();
    /// error.encode(&mut buffer);
    /// assert_eq!(buffer, error.to_bytes());
    /// assert_eq!(buffer.len(), error.encoded_len());
    /// ```
    pub fn encode(&self, buffer: &mut Vec<u8>) {
        self.envelope().encode(buffer);
    }

    /// The length of what [`to_bytes`](OpError::to_bytes) gives, in bytes.
    pub fn encoded_len(&self) -> usize {
        self.envelope().encoded_len()
    }

    /// Decodes a `google.rpc.Status`, a `tensorflow.StatusProto` or a
    /// `tensorflow.distributed_runtime.GrpcPayloadContainer`.
    ///
    /// A container has neither code nor message, so it reads as `UNKNOWN` with an empty message;
    /// [`from_status`](OpError::from_status) takes them from the transport. The bytes are kept, and kept alive: see
    /// [`detach`](OpError::detach). A message that is not UTF-8 is kept as it is; a broken detail of a known type is
    /// kept too and told by [`omitted`](OpError::omitted).
    ///
    /// # Errors
    ///
    /// When the bytes are not protobuf, end in the middle of a field, or have code, message or details in a wire type
    /// that those cannot have; when a key of the details is not UTF-8; when there are more than 2 GiB. The error gives
    /// the [`position`](Error::position).
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let error = OpError::from_slice(b"\x08\x05\x12\x07no such")?;
    /// assert_eq!((error.code(), error.message()), (Code::NOT_FOUND, "no such"));
    /// assert_eq!(error.to_bytes(), &b"\x08\x05\x12\x07no such"[..]);
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<OpError, Error> {
        OpError::read(bytes.into()).map_err(|(error, _)| error)
    }

    /// As [`from_bytes`](OpError::from_bytes), but gives the bytes back where they do not parse.
    pub(crate) fn read(bytes: Bytes) -> Result<OpError, (Error, Bytes)> {
        if bytes.len() > MAX_LEN {
            return Err((Error::new(0, Kind::TooLarge { length: bytes.len() }).within(STATUS), bytes));
        }
        let form = form_of(&bytes);
        read(bytes, form)
    }

    /// Decodes a copy of `bytes`, as [`from_bytes`](OpError::from_bytes) does.
    ///
    /// # Errors
    ///
    /// As [`from_bytes`](OpError::from_bytes).
    pub fn from_slice(bytes: &[u8]) -> Result<OpError, Error> {
        OpError::from_bytes(Bytes::copy_from_slice(bytes))
    }

    /// Decodes a Status that is known to be one, as a cause is.
    pub(crate) fn from_status_bytes(bytes: Bytes) -> Result<OpError, Error> {
        read(bytes, Container::Status).map_err(|(error, _)| error)
    }
}

fn read(bytes: Bytes, form: Container) -> Result<OpError, (Error, Bytes)> {
    let what = if form == Container::TensorFlow { CONTAINER } else { STATUS };
    match Received::read(bytes, form) {
        Ok((code, received)) => Ok(OpError::from_envelope(code, Envelope::Received(received))),
        Err((error, bytes)) => Err((error.within(what), bytes)),
    }
}

/// A container if at least one top-level field 1 is LEN and none is a varint; else a Status. Of bytes that do not parse, as far
/// as they do.
fn form_of(bytes: &[u8]) -> Container {
    let mut form = Container::Status;
    let mut fields = Scanner::new(bytes);
    while let Ok(Some(field)) = fields.next_field() {
        match (field.number, field.value) {
            // Nearly every Status begins with it.
            (1, Value::Varint(_)) => return Container::Status,
            (1, Value::Len(_)) => form = Container::TensorFlow,
            _ => {}
        }
    }
    form
}

const STATUS: &str = "google.rpc.Status";
const CONTAINER: &str = "tensorflow.distributed_runtime.GrpcPayloadContainer";

/// protobuf's limit for a message.
const MAX_LEN: usize = i32::MAX as usize;
