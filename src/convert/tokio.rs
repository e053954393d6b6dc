//! tokio's errors, and futures that end before they are done (feature `tokio`).

use std::error::Error as StdError;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{AcquireError, TryAcquireError, TryLockError, broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinError, unconstrained};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::channel::{CLOSED, EMPTY, EXHAUSTED};
use crate::code::Code;
use crate::{CancelledError, DeadlineExceededError};

/// Waits for the future until it is cancelled, that is, until the second one completes, such as
/// [`CancellationToken::cancelled`]. Feature `tokio`.
///
/// A future that is cancelled before is not started, as TensorFlow does not start a cancelled op. One that is done in the
/// same moment has its output, so that what was done is not lost. One that is cancelled is dropped before this returns.
///
/// # Errors
///
/// `Operation was cancelled`.
///
/// ```
/// use operr::{OpError, cancellable};
/// use tokio_util::sync::CancellationToken;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), OpError> {
/// let token = CancellationToken::new();
/// assert_eq!(cancellable(async { 7 }, token.cancelled()).await?, 7);
///
/// token.cancel();
/// let error = cancellable(std::future::pending::<()>(), token.cancelled()).await.unwrap_err();
/// assert_eq!(error.to_string(), "CANCELLED: Operation was cancelled");
/// # Ok(())
/// # }
/// ```
///
/// [`CancellationToken::cancelled`]: https://docs.rs/tokio-util/latest/tokio_util/sync/struct.CancellationToken.html
pub async fn cancellable<F: Future>(future: F, cancelled: impl Future) -> Result<F::Output, CancelledError> {
    // Of another task's budget: a future that uses its own up would keep this one from ever being ready.
    let mut cancelled = pin!(unconstrained(cancelled));
    let mut future = pin!(future);
    let mut was_started = false;
    poll_fn(|context| {
        let is_first = !std::mem::replace(&mut was_started, true);
        if is_first && cancelled.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        if is_first { Poll::Pending } else { cancelled.as_mut().poll(context).map(|_| None) }
    })
    .await
    .ok_or_else(|| CancelledError::new("Operation was cancelled"))
}

/// Waits for the future, but not longer than this. Feature `tokio`.
///
/// It is [`tokio::time::timeout`] with an error of the family, in the words of gRPC: a future that is done at its first poll
/// has its output, however short the time; one whose time is up is dropped before this returns.
///
/// # Errors
///
/// `Deadline Exceeded`.
///
/// # Panics
///
/// Where there is no timer of tokio's.
///
/// ```
/// use std::time::Duration;
/// use operr::{OpError, deadline};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), OpError> {
/// assert_eq!(deadline(async { 7 }, Duration::from_secs(5)).await?, 7);
///
/// let error = deadline(std::future::pending::<()>(), Duration::from_millis(1)).await.unwrap_err();
/// assert_eq!(error.to_string(), "DEADLINE_EXCEEDED: Deadline Exceeded");
/// # Ok(())
/// # }
/// ```
pub async fn deadline<F: Future>(future: F, duration: Duration) -> Result<F::Output, DeadlineExceededError> {
    timeout(duration, future).await.map_err(|_| DeadlineExceededError::new("Deadline Exceeded"))
}

/// The code of an error of tokio's. Those of channels are as in `channel`; to have missed messages is `DATA_LOSS`.
pub(super) fn code_of(error: &(dyn StdError + 'static)) -> Option<Code> {
    if error.is::<Elapsed>() {
        return Some(Code::DEADLINE_EXCEEDED);
    }
    if let Some(error) = error.downcast_ref::<JoinError>() {
        return Some(if error.is_cancelled() { Code::CANCELLED } else { Code::INTERNAL });
    }
    of_channel(error).or_else(|| of_lock(error))
}

fn of_channel(error: &(dyn StdError + 'static)) -> Option<Code> {
    if error.is::<oneshot::error::RecvError>() {
        // Whoever was to answer gave up.
        return Some(Code::CANCELLED);
    }
    if error.is::<watch::error::RecvError>() {
        return Some(EXHAUSTED);
    }
    if let Some(error) = error.downcast_ref() {
        return Some(match error {
            oneshot::error::TryRecvError::Empty => EMPTY,
            oneshot::error::TryRecvError::Closed => Code::CANCELLED,
        });
    }
    if let Some(error) = error.downcast_ref() {
        return Some(match error {
            mpsc::error::TryRecvError::Empty => EMPTY,
            mpsc::error::TryRecvError::Disconnected => EXHAUSTED,
        });
    }
    if let Some(error) = error.downcast_ref() {
        return Some(match error {
            broadcast::error::RecvError::Closed => EXHAUSTED,
            broadcast::error::RecvError::Lagged(_) => Code::DATA_LOSS,
        });
    }
    match error.downcast_ref()? {
        broadcast::error::TryRecvError::Empty => Some(EMPTY),
        broadcast::error::TryRecvError::Closed => Some(EXHAUSTED),
        broadcast::error::TryRecvError::Lagged(_) => Some(Code::DATA_LOSS),
    }
}

fn of_lock(error: &(dyn StdError + 'static)) -> Option<Code> {
    if error.is::<AcquireError>() {
        return Some(CLOSED);
    }
    if error.is::<TryLockError>() {
        return Some(Code::UNAVAILABLE);
    }
    match error.downcast_ref()? {
        TryAcquireError::Closed => Some(CLOSED),
        TryAcquireError::NoPermits => Some(Code::RESOURCE_EXHAUSTED),
    }
}
