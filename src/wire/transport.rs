//! Which answer wins when the transport's status and the details disagree.

use bytes::Bytes;

use super::{Container, tensorflow};
use crate::code::Code;
use crate::error::OpError;

impl OpError {
    /// Makes the error that a call ended with: `grpc-status`, `grpc-message` (percent-decoded) and
    /// `grpc-status-details-bin` (base64-decoded, empty where there is none). Never fails.
    ///
    /// | transport and details | the error |
    /// |---|---|
    /// | no details | code and message |
    /// | no details, and what a tonic server whose own timer ended the call says | `DEADLINE_EXCEEDED` with that message |
    /// | a container of TensorFlow's | code and message with the container's payloads |
    /// | a Status with the same code | what the details say |
    /// | a Status with a code that gRPC lacks, and `UNKNOWN` | what the details say |
    /// | a Status with code 0, and `INTERNAL` | what the details say |
    /// | a Status, and `RESOURCE_EXHAUSTED` because the metadata was too large for the reader | what the details say |
    /// | any other Status | code and message, with the details' error as a cause |
    /// | neither | code and message, with the bytes in [`Omitted::unparsed`](crate::Omitted::unparsed) |
    ///
    /// ```
    /// use operr::{Code, OpError};
    ///
    /// let sent = OpError::new(Code::ABORTED, "worker restarted").with_payload("example.com/shard", "7");
    /// let error = OpError::from_status(Code::ABORTED, "worker restarted", sent.to_bytes());
    /// assert_eq!(error, sent);
    ///
    /// let error = OpError::from_status(Code::NOT_FOUND, "no such shard", "not a Status");
    /// assert_eq!(error.code(), Code::NOT_FOUND);
    /// assert_eq!(error.omitted().unwrap().unparsed, "not a Status");
    /// ```
    pub fn from_status(code: Code, message: impl AsRef<[u8]>, details: impl Into<Bytes>) -> OpError {
        let (text, details) = (message.as_ref(), details.into());
        let message = || Bytes::copy_from_slice(text);
        if details.is_empty() {
            let code = if is_timeout(code, text) { Code::DEADLINE_EXCEEDED } else { code };
            return OpError::from_parts(code, message());
        }
        match OpError::read(details) {
            Err((_, details)) => OpError::from_parts(code, message()).with_unparsed(details),
            Ok(inner) if inner.envelope().form() == Container::TensorFlow => {
                tensorflow::from_container(code, message(), inner.to_bytes())
            }
            Ok(inner) if details_win(code, text, inner.code()) => inner,
            Ok(inner) => OpError::from_parts(code, message()).with_cause_error(inner),
        }
    }
}

fn details_win(transport: Code, message: &[u8], details: Code) -> bool {
    details == transport
        || (!details.is_grpc() && transport == Code::UNKNOWN)
        || (details == Code::OK && transport == Code::INTERNAL)
        || (details != Code::OK && is_too_large(transport, message))
}

/// Whether a tonic server's own timer ended the call, which it tells as `CANCELLED` and in these words.
fn is_timeout(code: Code, message: &[u8]) -> bool {
    code == Code::CANCELLED && message == b"Timeout expired"
}

/// Whether the reader's own gRPC core refused the metadata, which it says in these words, and made up the status.
fn is_too_large(code: Code, message: &[u8]) -> bool {
    // grpcio has them in brackets.
    let message = message.strip_prefix(b"Stream removed (").unwrap_or(message);
    code == Code::RESOURCE_EXHAUSTED && message.starts_with(b"received metadata size exceeds ")
}
