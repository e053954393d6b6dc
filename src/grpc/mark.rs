//! [`Mark`]: what is known of a Status in this process, in a header that nobody else can read.
//!
//! tonic moves a Status between calls with its metadata, and with nothing else: in mid-stream its source is gone, and a
//! peer's looks like a handler's. A border takes the mark off. Where there is none it leaves the process, and says nothing
//! outside, as it begins with a number that only this process knows.

use std::sync::LazyLock;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::error::OpError;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// A peer sent the Status, with all that is in its metadata.
    OfPeer,
    /// The Status was made here, from an error that came from a peer.
    Remote,
    /// The Status was made from an error of another type, whose text it has.
    Converted,
}

impl Mark {
    /// What is to be known of a Status that is made from the error.
    pub(super) fn of(error: &OpError) -> Option<Mark> {
        if error.is_remote() {
            return Some(Mark::Remote);
        }
        error.is_converted().then_some(Mark::Converted)
    }

    pub(super) fn put(self, headers: &mut HeaderMap) {
        if let Some((_, value)) = VALUES.iter().find(|(mark, _)| *mark == self) {
            headers.insert(NAME, value.clone());
        }
    }

    pub(super) fn read(headers: &HeaderMap) -> Option<Mark> {
        let value = headers.get(NAME)?;
        VALUES.iter().find(|(_, of_mark)| of_mark == value).map(|(mark, _)| *mark)
    }

    /// Takes the mark off, and any that another process has left.
    pub(super) fn take(headers: &mut HeaderMap) -> Option<Mark> {
        let mark = Mark::read(headers);
        headers.remove(NAME);
        mark
    }

    /// How many bytes of trailers it has, without what gRPC adds for a header.
    pub(super) const LEN: usize = NAME_TEXT.len() + 17;
}

static VALUES: LazyLock<[(Mark, HeaderValue); 3]> = LazyLock::new(|| {
    let token = Uuid::new_v4().as_u64_pair().0;
    [(Mark::OfPeer, 'p'), (Mark::Remote, 'r'), (Mark::Converted, 'c')].map(|(mark, letter)| {
        let value = HeaderValue::try_from(format!("{token:016x}{letter}"));
        (mark, value.unwrap_or(HeaderValue::from_static("")))
    })
});

const NAME: HeaderName = HeaderName::from_static(NAME_TEXT);
const NAME_TEXT: &str = "operr-local";
