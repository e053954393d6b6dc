//! What the bytes of an error do not tell, handed from where a Status is made to the server layer.
//!
//! tonic leaves a Status in the extensions of a response, and in it its source, only before the first message. In
//! mid-stream it writes the Status into trailers and drops it while the body is polled. So the details of a Status know
//! the error that they are of, and hand it over when they are dropped within such a poll.

use std::cell::RefCell;

use bytes::Bytes;
use tonic::Status;

use super::status::grpc_code;
use super::trailers::Trailers;
use crate::error::OpError;

/// The details, which know the error where they do not tell all of it.
pub(super) fn keep(details: Bytes, error: &OpError) -> Bytes {
    if error.sent().is_none() && !error.is_remote() && !error.is_converted() {
        return details;
    }
    Bytes::from_owner(Details { bytes: details, error: error.clone() })
}

/// Polls, and gives the errors whose details were dropped meanwhile.
pub(super) fn collect<T>(poll: impl FnOnce() -> T) -> (T, Vec<Dropped>) {
    /// Puts back what there was before, also after a panic.
    struct Outer(Option<Vec<Dropped>>);

    impl Drop for Outer {
        fn drop(&mut self) {
            DROPPED.with(|dropped| dropped.replace(self.0.take()));
        }
    }

    let outer = Outer(DROPPED.with(|dropped| dropped.replace(Some(Vec::new()))));
    let polled = poll();
    let dropped = DROPPED.with(RefCell::take).unwrap_or_default();
    drop(outer);
    (polled, dropped)
}

/// An error, and the details that were sent of it.
pub(super) struct Dropped {
    details: Bytes,
    error: OpError,
}

impl Dropped {
    /// The error, if this is what was sent of it.
    pub(super) fn of(self, trailers: &Trailers) -> Option<OpError> {
        let sent = self.error.sent().map_or(&self.error, |sent| &sent.error);
        let status = Status::with_details(grpc_code(sent.code()), sent.message(), self.details);
        trailers.are_of(&status).then_some(self.error)
    }
}

struct Details {
    bytes: Bytes,
    error: OpError,
}

impl AsRef<[u8]> for Details {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Details {
    fn drop(&mut self) {
        let dropped = Dropped { details: std::mem::take(&mut self.bytes), error: self.error.clone() };
        // Not there when the thread ends.
        let _ = DROPPED.try_with(|all| {
            if let Ok(mut all) = all.try_borrow_mut()
                && let Some(all) = all.as_mut()
            {
                all.push(dropped);
            }
        });
    }
}

thread_local! {
    static DROPPED: RefCell<Option<Vec<Dropped>>> = const { RefCell::new(None) };
}
