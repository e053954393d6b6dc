//! `tonic::Status` and [`OpError`], each from the other.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::handover;
use super::mark::Mark;
use super::transport::{Connection, is_reset_by_peer, is_timeout};
use crate::budget::{Budget, HEADER};
use crate::code::{Code, for_each_error};
use crate::error::OpError;
use crate::family;
use crate::wire::Container;

/// What a call knows beside its status.
pub(crate) type Metadata = MetadataMap;

/// How much of an error is sent.
///
/// ```
/// use operr::grpc::{SendOptions, View};
/// use operr::InternalError;
///
/// let error = InternalError::new("host-3 is down");
/// let status = error.to_status(&SendOptions::new().with_view(View::Public));
/// assert_eq!(status.message(), "An invariant of the system is broken.");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum View {
    /// All of it.
    #[default]
    Whole,
    /// What may be seen outside of the service: the [public view](OpError::public) of its
    /// [answer](OpError::into_answer).
    Public,
}

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
    pub(super) container: Container,
    pub(super) budget: Budget,
    pub(super) view: View,
}

impl SendOptions {
    /// The defaults: the whole error in a `google.rpc.Status`, within the [default budget](Budget::default).
    pub fn new() -> SendOptions {
        SendOptions::default()
    }

    /// Chooses the message in `grpc-status-details-bin`.
    pub fn with_container(mut self, container: Container) -> SendOptions {
        self.container = container;
        self
    }

    /// Chooses how large the trailers may be: an error that does not [fit](OpError::fit) is cut, and says so.
    pub fn with_budget(mut self, budget: Budget) -> SendOptions {
        self.budget = budget;
        self
    }

    /// Chooses how much of the error is sent.
    pub fn with_view(mut self, view: View) -> SendOptions {
        self.view = view;
        self
    }
}

/// What was sent of an error that was not sent whole.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(super) error: OpError,
    pub(super) view: View,
}

impl OpError {
    /// Makes the Status to fail a call with, within the budget. It has the whole error as its source.
    ///
    /// A code that gRPC lacks is sent as `UNKNOWN`, and [`Code::OK`], with which no call can fail, as `INTERNAL`; the
    /// details keep the code, unless they are a [`Container::TensorFlow`], which has none. The
    /// [pushback](OpError::with_pushback) that the error came with goes on in the Status's metadata.
    ///
    /// ```
    /// use operr::grpc::SendOptions;
    /// use operr::{Budget, NotFoundError, OpError};
    ///
    /// let error = OpError::from(NotFoundError::new("no such shard").with_payload("example.com/shard", "7"));
    /// let status = error.to_status(&SendOptions::new().with_budget(Budget::TONIC));
    /// assert_eq!((status.code(), status.message()), (tonic::Code::NotFound, "no such shard"));
    /// assert_eq!(OpError::from(status), error);
    /// ```
    pub fn to_status(&self, options: &SendOptions) -> Status {
        match options.view {
            View::Whole => self.to_status_that_says(self, options),
            View::Public => {
                let answer = self.clone().into_answer();
                answer.to_status_that_says(&answer.public(), options)
            }
        }
    }

    fn to_status_that_says(&self, shown: &OpError, options: &SendOptions) -> Status {
        // What may be seen outside has nothing to hide.
        let mark = Mark::of(self).filter(|_| options.view == View::Whole);
        let pushback = shown.pushback();
        let others = mark.map_or(0, |_| HEADER + Mark::LEN)
            + pushback.as_ref().map_or(0, |text| HEADER + PUSHBACK.len() + text.len());
        let budget = if others > 0 { options.budget.less(others) } else { options.budget };
        let (details, sent) = shown.fit_encoded(budget, options.container);
        let (code, message) = (grpc_code(sent.code()), sent.message().to_owned());
        let is_whole = sent.is_identical(self);
        let source = match self.sent() {
            None if is_whole => sent,
            _ => self.clone().with_sent((!is_whole).then_some(Sent { error: sent, view: options.view })),
        };
        let details = handover::keep(details, &source);
        let mut status = Status::with_details(code, message, details);
        if let Some(pushback) = pushback.and_then(|text| text.parse().ok()) {
            status.metadata_mut().insert(PUSHBACK, pushback);
        }
        if let Some(mark) = mark {
            let mut headers = std::mem::take(status.metadata_mut()).into_headers();
            mark.put(&mut headers);
            *status.metadata_mut() = MetadataMap::from_headers(headers);
        }
        status.set_source(Arc::new(source));
        status
    }

    /// The metadata that the failed call ended with, trailers included; `None` if it had none, or there was no call.
    ///
    /// Known here only, and never sent on.
    ///
    /// ```
    /// use operr::OpError;
    ///
    /// let mut status = tonic::Status::unavailable("draining");
    /// status.metadata_mut().insert("x-host", "host-3".parse()?);
    /// let error = OpError::from(status);
    /// assert_eq!(error.metadata().unwrap().get("x-host").unwrap(), "host-3");
    /// # Ok::<_, tonic::metadata::errors::InvalidMetadataValue>(())
    /// ```
    pub fn metadata(&self) -> Option<&MetadataMap> {
        self.call_metadata()
    }
}

/// Sends the error in a `google.rpc.Status` within the [default budget](Budget::default); so `?` works in a handler.
impl From<OpError> for Status {
    fn from(error: OpError) -> Status {
        error.to_status(&SendOptions::new())
    }
}

macro_rules! classes_into_status {
    ($($number:literal $constant:ident $variant:ident $class:ident $http:literal $says:literal;)+) => {
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
/// A Status of tonic's own timeout, which says `CANCELLED`, is a `DEADLINE_EXCEEDED`. One that was made from an error of
/// another type, such as a failed connection, has that as its source. One with details or metadata and without a source
/// is taken to have [come from a peer](OpError::is_remote); a client's call is better read by [`CallExt::op_error`].
///
/// With the feature `transport`, a connection that fails is `UNAVAILABLE`, as in gRPC's other runtimes, while tonic says
/// `UNKNOWN`, `INTERNAL` or `CANCELLED` of one that is lost. Then the call may have been served, and
/// [`retry`](OpError::retry) says so.
impl From<Status> for OpError {
    fn from(status: Status) -> OpError {
        let is_remote = !(status.details().is_empty() && status.metadata().is_empty());
        read(status, is_remote)
    }
}

/// What the result of a client's call gets.
pub trait CallExt<T> {
    /// The call's failure as an error that [came from a peer](OpError::is_remote).
    ///
    /// Where tonic gives a source, as for a failed connection or a timeout, the call failed on this side. Some failures
    /// of this side, such as an interceptor's refusal or a body that does not decode, have none and are not told apart.
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
        self.map_err(|status| read(status, true))
    }
}

/// The error in the box, if it is a Status.
pub(crate) fn from_boxed(error: Box<dyn Error + Send + Sync>) -> Result<OpError, Box<dyn Error + Send + Sync>> {
    error.downcast::<Status>().map(|status| OpError::from(*status))
}

/// The error that is a Status, or `None`.
pub(crate) fn from_ref(error: &(dyn Error + 'static)) -> Option<OpError> {
    let status = error.downcast_ref::<Status>()?;
    let is_remote = status.source().is_none() && !(status.details().is_empty() && status.metadata().is_empty());
    let is_remote = is_remote || is_reset_by_peer(status);
    Some(keep_call(convert(status), is_remote, status.metadata().clone()))
}

pub(super) fn read(mut status: Status, is_remote: bool) -> OpError {
    let is_remote = (is_remote && status.source().is_none()) || is_reset_by_peer(&status);
    let error = convert(&status);
    let error = if status.metadata().is_empty() {
        if is_remote { error.into_remote() } else { error }
    } else {
        keep_call(error, is_remote, std::mem::take(status.metadata_mut()))
    };
    match status.source() {
        Some(source) if OpError::find(source).is_none() => error.with_foreign(Box::new(status), false),
        _ => error,
    }
}

/// The error that a Status is, without what is known of the call.
fn convert(status: &Status) -> OpError {
    if let Some(error) = made_from(status) {
        return error.clone();
    }
    if is_timeout(status) {
        return OpError::new(Code::DEADLINE_EXCEEDED, status.message());
    }
    let details = Bytes::copy_from_slice(status.details());
    let connection = if details.is_empty() { Connection::of(status) } else { None };
    let error = match connection {
        Some(Connection::NotMade) => OpError::new(Code::UNAVAILABLE, status.message()),
        Some(Connection::Lost) => OpError::new(Code::UNAVAILABLE, status.message()).into_uncertain(),
        None => OpError::from_status(Code::new(status.code() as i32), status.message(), details),
    };
    // Details say where an error comes from; without them, the source does. tonic's text may be that of the source.
    let source = status.source().filter(|_| status.details().is_empty());
    let source =
        source.and_then(|source| if source.to_string() == status.message() { source.source() } else { Some(source) });
    match source {
        Some(source) => error.with_cause_error(crate::convert::from_sources(source)),
        None => error,
    }
}

fn keep_call(error: OpError, is_remote: bool, metadata: MetadataMap) -> OpError {
    let mut headers = metadata.into_headers();
    let mark = Mark::take(&mut headers);
    let metadata = MetadataMap::from_headers(headers);
    let is_remote = is_remote || is_of_response(&metadata) || matches!(mark, Some(Mark::OfPeer | Mark::Remote));
    let error = if is_remote { error.into_remote() } else { error };
    let error = if mark == Some(Mark::Converted) { error.into_converted() } else { error };
    let mut pushbacks =
        metadata.get_all(PUSHBACK).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).peekable();
    let error = match pushbacks.peek() {
        Some(_) => error.with_pushback(&pushbacks.collect::<Vec<_>>().join(",")),
        None => error,
    };
    if metadata.is_empty() { error } else { error.with_call_metadata(metadata) }
}

/// The error that the Status was made from, if the Status still says what it did then.
pub(super) fn made_from(status: &Status) -> Option<&OpError> {
    let source = status.source()?;
    let error = OpError::find(source)?;
    let is_ours = [Some(error), error.sent().map(|sent| &sent.error)].into_iter().flatten().any(|sent| {
        status.code() == grpc_code(sent.code())
            && status.message() == sent.message()
            && [Container::Status, Container::TensorFlow].iter().any(|&form| status.details() == sent.to_details(form))
    });
    // tonic's own conversion of a boxed error of the family keeps nothing but the text.
    let is_tonics = status.code() == tonic::Code::Unknown
        && status.details().is_empty()
        && status.message() == source.to_string()
        && family::downcast_ref(source).is_some();
    (is_ours || is_tonics).then_some(error)
}

/// Whether tonic's client made the Status of a whole response: among its metadata are all headers of that.
pub(super) fn is_of_response(metadata: &MetadataMap) -> bool {
    metadata.contains_key(CONTENT_TYPE.as_str())
}

/// The code that a call can fail with.
pub(super) fn grpc_code(code: Code) -> tonic::Code {
    tonic::Code::from_i32(code.grpc_status().value())
}

/// How long to wait before the next try, in milliseconds, as gRFC A6 has it.
pub(super) const PUSHBACK: &str = "grpc-retry-pushback-ms";
