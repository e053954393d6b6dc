//! What fails below a call, as tonic shows it: timers, and the connection.

use std::error::Error;

use tonic::{ConnectError, Status, TimeoutExpired};

use crate::code::Code;
use crate::convert::sources;

/// The code of an error of tonic's that is no Status.
pub(crate) fn code_of(error: &(dyn Error + 'static)) -> Option<Code> {
    if error.is::<TimeoutExpired>() {
        return Some(Code::DEADLINE_EXCEEDED);
    }
    if error.is::<ConnectError>() {
        return Some(Code::UNAVAILABLE);
    }
    of_channel(error)
}

/// What became of the connection of a call that failed with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Connection {
    /// There was none, and the call was not sent.
    NotMade,
    /// It was lost, perhaps after the call was served.
    Lost,
}

impl Connection {
    /// Whether the Status is one that tonic's client made because the connection failed. `None` for what somebody else says
    /// about a failed connection, and for a call that failed by itself, be it reset or too late.
    pub(super) fn of(status: &Status) -> Option<Connection> {
        if is_timeout(status) || is_reset(status) || !is_in_tonics_words(status) {
            return None;
        }
        if sources_of(status).any(|error| error.is::<ConnectError>()) {
            return Some(Connection::NotMade);
        }
        let is_lost = sources_of(status).any(|error| of_channel(error) == Some(Code::UNAVAILABLE));
        is_lost.then_some(Connection::Lost)
    }
}

/// Whether tonic's own timer ended the call on this side; for the server's, the Status has no source.
pub(super) fn is_timeout(status: &Status) -> bool {
    sources_of(status).any(|error| error.is::<TimeoutExpired>())
}

/// Whether the message is that of a source, as where tonic makes a Status of an error by itself.
fn is_in_tonics_words(status: &Status) -> bool {
    let words = status.message().strip_prefix("h2 protocol error: ").unwrap_or(status.message());
    sources_of(status).any(|error| error.to_string() == words)
}

fn sources_of(status: &Status) -> impl Iterator<Item = &(dyn Error + 'static)> {
    status.source().into_iter().flat_map(sources)
}

/// Whether the call's stream was reset by either side: of which tonic makes a code by the reason, as gRPC has it.
#[cfg(feature = "transport")]
fn is_reset(status: &Status) -> bool {
    sources_of(status).any(|error| error.downcast_ref::<h2::Error>().is_some_and(h2::Error::is_reset))
}

/// Whether the peer ended the call's stream below gRPC, of which tonic makes a Status of many a code.
#[cfg(feature = "transport")]
pub(super) fn is_reset_by_peer(status: &Status) -> bool {
    let mut errors = sources_of(status).filter_map(|error| error.downcast_ref::<h2::Error>());
    errors.any(|error| error.is_reset() && error.is_remote())
}

#[cfg(feature = "transport")]
fn of_channel(error: &(dyn Error + 'static)) -> Option<Code> {
    use http::uri::InvalidUri;
    use tonic::transport;

    if let Some(error) = error.downcast_ref::<h2::Error>() {
        // Of the connection, and not of one call on it.
        return (error.is_io() || error.is_go_away()).then_some(Code::UNAVAILABLE);
    }
    match error.downcast_ref::<transport::Error>()?.source() {
        // Only what is wrong before there is a connection has none.
        None => Some(Code::INVALID_ARGUMENT),
        Some(source) if source.is::<InvalidUri>() => Some(Code::INVALID_ARGUMENT),
        Some(source) if sources(source).any(|error| error.is::<TimeoutExpired>()) => Some(Code::DEADLINE_EXCEEDED),
        Some(_) => Some(Code::UNAVAILABLE),
    }
}

#[cfg(not(feature = "transport"))]
fn is_reset(_: &Status) -> bool {
    false
}

#[cfg(not(feature = "transport"))]
pub(super) fn is_reset_by_peer(_: &Status) -> bool {
    false
}

#[cfg(not(feature = "transport"))]
fn of_channel(_: &(dyn Error + 'static)) -> Option<Code> {
    None
}
