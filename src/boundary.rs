//! The border of a service: what it answers with, and what of that may be seen outside.

use bytes::Bytes;
use prost::{Message, Name};
use uuid::Uuid;

use crate::code::Code;
use crate::error::OpError;
use crate::pb::google::rpc::{
    BadRequest, ErrorInfo, Help, LocalizedMessage, PreconditionFailure, QuotaFailure, RequestInfo, ResourceInfo,
    RetryInfo,
};
use crate::wire::entry;
use crate::wire::scanner::put_len_field;

impl OpError {
    /// What may be seen of the error outside of the service, as an error of its own.
    ///
    /// | of the error | outside |
    /// |---|---|
    /// | code | the same |
    /// | message | the same if the code speaks about the caller's own request, else what the [code says](Code::description) |
    /// | `ErrorInfo`, `RetryInfo`, `BadRequest`, `PreconditionFailure`, `QuotaFailure`, `ResourceInfo`, `Help`, `LocalizedMessage`, `RequestInfo` | the fields that `google/rpc/error_details.proto` has |
    /// | all else: node, op, origin, causes, other payloads, unknown fields | nothing |
    ///
    /// The codes that speak about the request are `INVALID_ARGUMENT`, `NOT_FOUND`, `ALREADY_EXISTS`, `PERMISSION_DENIED`,
    /// `UNAUTHENTICATED`, `FAILED_PRECONDITION`, `OUT_OF_RANGE`, `RESOURCE_EXHAUSTED` and `UNIMPLEMENTED`: their messages
    /// go out as they are, so write those for the caller. But where the error was converted here from one of another
    /// type, as by [`or_code`](crate::ResultExt::or_code), its message was not, and is replaced.
    ///
    /// The view has a [correlation id](OpError::correlation_id): the one that there is, else a new one. To find the error
    /// again, log what [`into_answer`](OpError::into_answer) gives, and send the view of that. The public view of a
    /// public view is the same.
    ///
    /// ```
    /// use operr::{AbortedError, NotFoundError, OpError};
    ///
    /// let error = OpError::from(NotFoundError::new("no such queue").with_cause(AbortedError::new("shard 7 is down")));
    /// let answer = error.into_answer();
    /// let public = answer.public();
    ///
    /// assert_eq!(public.message(), "no such queue");
    /// assert!(public.causes().is_empty());
    /// assert_eq!(public.correlation_id(), answer.correlation_id());
    /// ```
    pub fn public(&self) -> OpError {
        let code = self.code();
        let message = if is_shown(self) { self.message() } else { code.description().unwrap_or(NAMELESS) };
        let mut public = OpError::new(code, message).with_pushback_of(self);
        // Before its fields are written anew, so that those of a view are in the same order.
        for (url, value) in self.clone().with_correlation_id().payloads().iter() {
            if let Some((url, value)) = PUBLIC.iter().find_map(|known| known(url, &value)) {
                public = public.with_payload(url, value);
            }
        }
        public
    }

    /// What a service says to itself about a call that fails with this error: to be logged, and its
    /// [public view](OpError::public) sent.
    ///
    /// It has a correlation id. An error that [came from a peer](OpError::is_remote) is not ours to answer with: it is the
    /// cause of an `UNAVAILABLE`, which says when to try again as the peer's does, if that is its code, and else of an
    /// `INTERNAL`. A handler that means to pass it on says so with [`into_local`](OpError::into_local), or makes an error
    /// of its own with the peer's as a cause.
    ///
    /// ```
    /// use operr::{Code, NotFoundError, OpError};
    ///
    /// let of_peer = OpError::from(NotFoundError::new("no such shard")).into_remote();
    /// let answer = of_peer.clone().into_answer();
    /// assert_eq!((answer.code(), answer.causes()), (Code::INTERNAL, &[of_peer.clone()][..]));
    /// assert_eq!(of_peer.into_local().into_answer().code(), Code::NOT_FOUND);
    /// ```
    pub fn into_answer(self) -> OpError {
        if !self.is_remote() {
            return self.with_correlation_id();
        }
        let answer = |code| OpError::new(code, "a call of another server failed");
        let answer = if self.code() == Code::UNAVAILABLE {
            // Or callers would try again when the peer asks them not to.
            let info = self.detail::<RetryInfo>().ok().flatten();
            let answer = answer(Code::UNAVAILABLE).with_pushback_of(&self);
            info.into_iter().fold(answer, |answer, info| answer.with_detail(&info))
        } else {
            answer(Code::INTERNAL)
        };
        answer.with_cause_error(self).with_correlation_id()
    }

    /// What the error is found by in the logs of the service that answered with it: `request_id` of the last
    /// `google.rpc.RequestInfo`. `None` if it has none.
    ///
    /// ```
    /// use operr::pb::google::rpc::RequestInfo;
    /// use operr::{NotFoundError, OpError};
    ///
    /// let error = OpError::from(NotFoundError::new("no such shard"));
    /// assert_eq!(error.correlation_id(), None);
    /// assert_eq!(error.clone().into_answer().correlation_id().unwrap().len(), 36);
    ///
    /// let info = RequestInfo { request_id: "of-the-caller".into(), ..Default::default() };
    /// assert_eq!(error.with_detail(&info).into_answer().correlation_id().unwrap(), "of-the-caller");
    /// ```
    pub fn correlation_id(&self) -> Option<String> {
        let info = self.detail::<RequestInfo>().ok().flatten()?;
        Some(info.request_id).filter(|id| !id.is_empty())
    }

    /// Gives it a correlation id if it has none.
    fn with_correlation_id(self) -> OpError {
        if self.correlation_id().is_some() {
            return self;
        }
        let mut field = Vec::new();
        put_len_field(&mut field, REQUEST_ID, Uuid::new_v4().to_string().as_bytes());
        match self.detail_bytes(&RequestInfo::full_name()) {
            // In front of it, the other fields stay as they came.
            Some(info) if RequestInfo::decode(info.clone()).is_ok() => {
                self.with_detail_bytes(&RequestInfo::full_name(), [&info, &*field].concat())
            }
            _ => self.with_payload(RequestInfo::type_url(), field),
        }
    }
}

/// Whether the message of the error is for its caller: it is about what that asked for, and was written as a message.
pub(crate) fn is_shown(error: &OpError) -> bool {
    let is_about_the_request = matches!(
        error.code(),
        Code::INVALID_ARGUMENT
            | Code::NOT_FOUND
            | Code::ALREADY_EXISTS
            | Code::PERMISSION_DENIED
            | Code::UNAUTHENTICATED
            | Code::FAILED_PRECONDITION
            | Code::OUT_OF_RANGE
            | Code::RESOURCE_EXHAUSTED
            | Code::UNIMPLEMENTED
    );
    is_about_the_request && !error.is_converted()
}

/// The entry with nothing but the fields that are known, if it is of the type `M` and can be read.
fn known_fields<M: Message + Name + Default>(url: &str, value: &Bytes) -> Option<(String, Bytes)> {
    let detail = entry::is_type(url, &M::full_name()).then(|| M::decode(value.clone()))?.ok()?;
    // The prefix of the key is as free as any text.
    Some((M::type_url(), detail.encode_to_vec().into()))
}

/// The types that may be seen outside.
const PUBLIC: [KnownFields; 9] = [
    known_fields::<ErrorInfo>,
    known_fields::<RetryInfo>,
    known_fields::<BadRequest>,
    known_fields::<PreconditionFailure>,
    known_fields::<QuotaFailure>,
    known_fields::<ResourceInfo>,
    known_fields::<Help>,
    known_fields::<LocalizedMessage>,
    known_fields::<RequestInfo>,
];

type KnownFields = fn(&str, &Bytes) -> Option<(String, Bytes)>;

/// What a code without a name says.
const NAMELESS: &str = "The operation failed.";

/// `RequestInfo.request_id`.
const REQUEST_ID: u8 = 1;
