//! `tonic::Status` and [`OpError`], each from the other.

use std::error::Error as _;
use std::sync::Arc;

use bytes::Bytes;
use tonic::metadata::MetadataMap;
use tonic::{Status, TimeoutExpired};

use crate::code::{Code, for_each_error};
use crate::error::OpError;
use crate::wire::Container;

/// What a call knows beside its status.
pub(crate) type Metadata = MetadataMap;

/// What a Status carries of an error.
///
/// ```
/// use operr::grpc::SendOptions;
/// use operr::{AbortedError, Container};
///
/// let for_tensorflow = SendOptions::new().with_container(Container::TensorFlow);
/// let status = AbortedError::new("restarted").with_payload("example.com/shard", "7").to_status(&for_tensorflow);
/// assert_eq!(status.code(), tonic::Code::Aborted);
/// assert_eq!(status.details(), b"\x0a\x16\x0a\x11example.com/shard\x12\x017");
/// ```
#[derive(Clone, Debug, Default)]
pub struct SendOptions {
    container: Container,
}

impl SendOptions {
    /// The defaults: the whole error in a `google.rpc.Status`.
    pub fn new() -> SendOptions {
        SendOptions::default()
    }

    /// Chooses the message in `grpc-status-details-bin`.
    pub fn with_container(mut self, container: Container) -> SendOptions {
        self.container = container;
        self
    }
}

impl OpError {
    /// Makes the Status to fail a call with. It has the error as its source.
    ///
    /// A code that gRPC lacks is sent as `UNKNOWN`, and [`Code::OK`], with which no call can fail, as `INTERNAL`; the
    /// details keep the code, unless they are a [`Container::TensorFlow`], which has none.
    pub fn to_status(&self, options: &SendOptions) -> Status {
        let mut status =
            Status::with_details(grpc_code(self.code()), self.message(), self.to_details(options.container));
        status.set_source(Arc::new(self.clone()));
        status
    }

    /// The metadata that the failed call ended with, trailers included; `None` if it had none, or there was no call.
    ///
    /// Known here only, and never sent on.
    pub fn metadata(&self) -> Option<&MetadataMap> {
        self.call_metadata()
    }
}

/// Sends the error whole, in a `google.rpc.Status`; so `?` works in a handler.
impl From<OpError> for Status {
    fn from(error: OpError) -> Status {
        error.to_status(&SendOptions::new())
    }
}

macro_rules! classes_into_status {
    ($($number:literal $constant:ident $variant:ident $class:ident $says:literal;)+) => {
        $(
            impl From<crate::$class> for Status {
                fn from(error: crate::$class) -> Status {
                    OpError::from(error).into()
                }
            }
        )+
    };
}
for_each_error!(classes_into_status);

/// Takes the error that the Status was made from, if nothing was changed since; else reads it by the rules of
/// [`OpError::from_status`].
///
/// A Status of tonic's own timeout, which says `CANCELLED`, is a `DEADLINE_EXCEEDED`. One with details or metadata that
/// was not made here [came from a peer](OpError::is_remote).
impl From<Status> for OpError {
    fn from(mut status: Status) -> OpError {
        let is_remote = status.source().is_none() && !(status.details().is_empty() && status.metadata().is_empty());
        let error = from_status_ref(&status);
        keep_call(error, is_remote, std::mem::take(status.metadata_mut()))
    }
}

/// What the result of a client's call gets.
pub trait CallExt<T> {
    /// The call's failure as an error that [came from a peer](OpError::is_remote), unless it failed on this side.
    ///
    /// # Errors
    ///
    /// What the call failed with.
    ///
    /// ```
    /// use operr::grpc::CallExt as _;
    /// use operr::{Code, NotFoundError};
    ///
    /// let answer: Result<(), tonic::Status> = Err(tonic::Status::not_found("no such queue"));
    /// let error = answer.op_error().unwrap_err();
    /// assert_eq!(error, NotFoundError::new("no such queue").into());
    /// assert!(error.is_remote());
    /// ```
    fn op_error(self) -> Result<T, OpError>;
}

impl<T> CallExt<T> for Result<T, Status> {
    fn op_error(self) -> Result<T, OpError> {
        self.map_err(|mut status| {
            let is_remote = status.source().is_none();
            let error = from_status_ref(&status);
            keep_call(error, is_remote, std::mem::take(status.metadata_mut()))
        })
    }
}

/// The error that a Status is, without what is known of the call.
pub(crate) fn from_status_ref(status: &Status) -> OpError {
    if let Some(error) = made_from(status) {
        return error.clone();
    }
    if is_timeout(status) {
        return OpError::new(Code::DEADLINE_EXCEEDED, status.message());
    }
    let message = Bytes::copy_from_slice(status.message().as_bytes());
    OpError::from_status(Code::new(status.code() as i32), message, Bytes::copy_from_slice(status.details()))
}

fn keep_call(error: OpError, is_remote: bool, metadata: MetadataMap) -> OpError {
    let error = if is_remote { error.into_remote() } else { error };
    if metadata.is_empty() { error } else { error.with_call_metadata(metadata) }
}

/// The error that the Status was made from, if the Status still says what it did then.
fn made_from(status: &Status) -> Option<&OpError> {
    let source = status.source()?;
    let error = OpError::find(source)?;
    let is_ours = status.code() == grpc_code(error.code())
        && status.message() == error.message()
        && [Container::Status, Container::TensorFlow].iter().any(|&form| status.details() == error.to_details(form));
    // tonic's own conversion of a boxed error keeps nothing but the text.
    let is_tonics =
        status.code() == tonic::Code::Unknown && status.details().is_empty() && status.message() == source.to_string();
    (is_ours || is_tonics).then_some(error)
}

/// Whether tonic's own timer ended the call, on this side or on the server's.
fn is_timeout(status: &Status) -> bool {
    let is_ours =
        std::iter::successors(status.source(), |&error| error.source()).any(|error| error.is::<TimeoutExpired>());
    let is_theirs = status.code() == tonic::Code::Cancelled
        && status.details().is_empty()
        && status.message() == TimeoutExpired(()).to_string();
    is_ours || is_theirs
}

/// The code that a call can fail with.
pub(super) fn grpc_code(code: Code) -> tonic::Code {
    if code == Code::OK { tonic::Code::Internal } else { tonic::Code::from_i32(code.value()) }
}
