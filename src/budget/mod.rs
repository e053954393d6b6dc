//! [`Budget`]: how large the trailers of a failed call may be, and the error cut to fit them.

mod draft;
mod records;
mod shed;

use bytes::Bytes;

use crate::code::Code;
use crate::error::OpError;
use crate::wire::Container;
use crate::wire::entry::Role;
use draft::Draft;

/// How many bytes the trailers of a failed call may have, as gRPC counts them: for each header its name, its value as
/// it is sent, and 32.
///
/// gRPC's runtimes refuse larger ones, and the call then fails with another error. The known limits are constants, each
/// less the 1,024 bytes that are left to others: `:status`, `content-type`, what a proxy adds.
///
/// ```
/// use operr::{Budget, Code, Container, OpError};
///
/// let error = OpError::new(Code::DATA_LOSS, "broken").with_payload("example.com/dump", vec![0; 1 << 20]);
/// let sent = error.fit(Budget::default(), Container::Status);
/// assert_eq!((sent.code(), sent.message()), (Code::DATA_LOSS, "broken"));
/// assert!(sent.to_bytes().len() < 8_192);
/// assert_eq!(sent.omitted().unwrap().type_urls, ["example.com/dump"]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Budget {
    trailers: usize,
    message: usize,
}

impl Budget {
    /// For clients with C-core, as Python's, C++'s, Ruby's and PHP's: 8,192 bytes, from which on they refuse at random.
    pub const GRPCIO: Budget = Budget::new(8_192 - OTHERS);
    /// For clients with grpc-java: 8,192 bytes.
    pub const GRPC_JAVA: Budget = Budget::new(8_192 - OTHERS);
    /// For clients with tonic as it is: 16 KiB.
    pub const TONIC: Budget = Budget::new((16 << 10) - OTHERS);
    /// For clients with grpc-go: 16 MiB.
    pub const GRPC_GO: Budget = Budget::new((16 << 20) - OTHERS);
    /// For TensorFlow, whose C-core has 8,192 bytes, and which cuts the messages it sends on to 3,072 bytes.
    pub const TENSORFLOW: Budget = Budget { message: 3_072, ..Budget::GRPCIO };
    /// For clients whose limit was lifted: nothing is left out.
    pub const UNLIMITED: Budget = Budget::new(usize::MAX);

    /// Makes a budget of so many bytes; of 1,024 if they are fewer.
    pub const fn new(trailers: usize) -> Budget {
        Budget { trailers: if trailers < FLOOR { FLOOR } else { trailers }, message: usize::MAX }
    }

    /// What is left of the budget beside so many bytes of other trailers, counted as gRPC does, but not less than 1,024.
    ///
    /// ```
    /// use operr::Budget;
    ///
    /// assert_eq!(Budget::GRPCIO.trailers(), 7_168);
    /// assert_eq!(Budget::GRPCIO.less(1_000).trailers(), 6_168);
    /// assert_eq!(Budget::GRPCIO.less(1_000_000).trailers(), 1_024);
    /// ```
    pub const fn less(self, others: usize) -> Budget {
        Budget { message: self.message, ..Budget::new(self.trailers.saturating_sub(others)) }
    }

    /// How many bytes the trailers may have.
    pub const fn trailers(self) -> usize {
        self.trailers
    }

    /// Whether the trailers are within the budget whatever the message is, and by far: the cheap check, for most errors.
    const fn is_ample(self, message: usize, details: usize) -> bool {
        // U+FFFD, which stands for bytes that are not UTF-8, is three bytes, each of them escaped. Base64 is shorter.
        3 * message <= self.message && HEADS + 9 * message + 2 * details <= self.trailers
    }

    /// Whether the trailers of a call that fails with this are within the budget.
    pub(crate) fn allows(self, code: Code, message: &str, details: usize) -> bool {
        let others = status_len(code) + details_len(details);
        message.len() <= self.message
            && (others.saturating_add(HEADER + MESSAGE.len() + 3 * message.len()) <= self.trailers
                || others.saturating_add(message_len(message)) <= self.trailers)
    }
}

/// The smallest of the known limits.
impl Default for Budget {
    fn default() -> Budget {
        Budget::GRPCIO
    }
}

impl OpError {
    /// Gives the error as it is sent within a budget: itself if it fits, else without what matters least.
    ///
    /// Left out is, each only as far as needed: what could not be read; the middle of tracebacks; `DebugInfo`, the
    /// origin, the op's traceback and originals; the causes' details, then the deepest causes; payloads, the largest
    /// first; the node's attributes, tensors first; its inputs; the middle of the message, to 256 bytes; the metadata
    /// of `ErrorInfo`, and that; the middle of long names; the node and the op; the message; the
    /// [correlation id](OpError::correlation_id); `RetryInfo`. The code always fits. [`omitted`](OpError::omitted) tells what is missing, and adds up when the error is cut again.
    ///
    /// ```
    /// use operr::{Budget, Container, InternalError, OpError};
    ///
    /// let error = OpError::from(InternalError::new("no ".repeat(10_000)));
    /// let sent = error.fit(Budget::new(2_048), Container::Status);
    /// assert!(sent.message().len() < 2_048);
    /// assert_eq!(sent.omitted().unwrap().message_bytes, 30_000);
    /// // What fits is the very error.
    /// assert_eq!(sent.fit(Budget::new(2_048), Container::Status), sent);
    /// ```
    pub fn fit(&self, budget: Budget, container: Container) -> OpError {
        if self.envelope().form() == container && self.fits(budget, self.envelope().encoded_len()) {
            return self.clone();
        }
        self.fit_encoded(budget, container).1
    }

    /// The details to send, and the error that they are.
    pub(crate) fn fit_encoded(&self, budget: Budget, container: Container) -> (Bytes, OpError) {
        let details = self.to_details(container);
        if self.fits(budget, details.len()) {
            return (details, self.clone());
        }
        let draft = Draft::read(&self.clone().into_status_form().to_bytes(), self.code());
        if self.is_allowed(budget, details.len()) && draft.fits(budget, container) {
            return (details, self.clone());
        }
        let cut = shed::shed(draft, budget, container).into_error(container).knowing(self);
        (cut.to_details(container), cut)
    }

    /// Whether it can be sent as it is, with so many bytes of details. One that was cut needs a closer look, since the
    /// account of what is missing may grow when it is cut again.
    fn fits(&self, budget: Budget, details: usize) -> bool {
        self.is_allowed(budget, details) && !self.envelope().has(Role::Omitted)
    }

    fn is_allowed(&self, budget: Budget, details: usize) -> bool {
        budget.is_ample(self.message_bytes().len(), details) || self.is_counted(budget, details)
    }

    #[cold]
    fn is_counted(&self, budget: Budget, details: usize) -> bool {
        budget.allows(self.code(), self.message(), details)
    }
}

fn status_len(code: Code) -> usize {
    HEADER + STATUS.len() + if code.grpc_status().value() < 10 { 1 } else { 2 }
}

/// The header of a message; one that is empty is not sent.
fn message_len(message: &str) -> usize {
    let encoded = message.bytes().map(|byte| if is_escaped(byte) { 3 } else { 1 }).sum::<usize>();
    if message.is_empty() { 0 } else { HEADER + MESSAGE.len() + encoded }
}

/// The header of details, in base64 without padding; none if they are empty.
fn details_len(details: usize) -> usize {
    if details == 0 { 0 } else { HEADER + DETAILS.len() + (details * 4).div_ceil(3) }
}

/// Whether tonic escapes the byte, which escapes more than gRPC asks for.
const fn is_escaped(byte: u8) -> bool {
    byte <= b' ' || byte >= 0x7f || matches!(byte, b'"' | b'#' | b'%' | b'<' | b'>' | b'`' | b'?' | b'{' | b'}')
}

/// What gRPC counts for a header beside its name and its value.
pub(crate) const HEADER: usize = 32;
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";
/// All that the three headers have beside message and details.
const HEADS: usize = 3 * HEADER + STATUS.len() + 2 + MESSAGE.len() + DETAILS.len();

/// What is left to the headers of others.
const OTHERS: usize = 1_024;
/// The least that a budget can be.
const FLOOR: usize = 1_024;
