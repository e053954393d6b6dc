//! The errors of channels, as TensorFlow's queues would fail: adding to a closed one is `CANCELLED`, taking from one that is
//! closed and empty `OUT_OF_RANGE`.

use std::error::Error as StdError;
use std::sync::mpsc::{RecvError, RecvTimeoutError, TryRecvError};

use crate::code::Code;

pub(super) fn code_of(error: &(dyn StdError + 'static)) -> Option<Code> {
    if error.is::<RecvError>() {
        return Some(EXHAUSTED);
    }
    if let Some(error) = error.downcast_ref() {
        return Some(match error {
            TryRecvError::Empty => EMPTY,
            TryRecvError::Disconnected => EXHAUSTED,
        });
    }
    match error.downcast_ref()? {
        RecvTimeoutError::Timeout => Some(Code::DEADLINE_EXCEEDED),
        RecvTimeoutError::Disconnected => Some(EXHAUSTED),
    }
}

/// The code of an error that has in it what could not be sent, of whatever type that is: known by its name alone, and
/// only where that is, which is not behind a `dyn Error`.
pub(super) fn code_of_send(error: &(dyn StdError + 'static), name: &str) -> Option<Code> {
    let (name, _) = name.split_once('<')?;
    SEND.contains(&name).then(|| {
        // The variant: what could not be sent is not shown.
        let shown = format!("{error:?}");
        // As `TrySendError::Full(..)`, or without what is in front of the variant.
        let (variant, _) = shown.split_once('(').unwrap_or_default();
        match variant {
            _ if variant.ends_with("Full") => Code::RESOURCE_EXHAUSTED,
            _ if variant.ends_with("Timeout") => Code::DEADLINE_EXCEEDED,
            _ => CLOSED,
        }
    })
}

/// Nobody takes any more what is added.
pub(super) const CLOSED: Code = Code::CANCELLED;
/// Nothing is left, and nothing will come.
pub(super) const EXHAUSTED: Code = Code::OUT_OF_RANGE;
/// Nothing is there yet, as `EAGAIN` says.
pub(super) const EMPTY: Code = Code::UNAVAILABLE;

const SEND: &[&str] = &[
    "std::sync::mpsc::SendError",
    "std::sync::mpsc::TrySendError",
    #[cfg(feature = "tokio")]
    "tokio::sync::broadcast::error::SendError",
    #[cfg(feature = "tokio")]
    "tokio::sync::mpsc::error::SendError",
    #[cfg(feature = "tokio")]
    "tokio::sync::mpsc::error::SendTimeoutError",
    #[cfg(feature = "tokio")]
    "tokio::sync::mpsc::error::TrySendError",
    #[cfg(feature = "tokio")]
    "tokio::sync::watch::error::SendError",
];
