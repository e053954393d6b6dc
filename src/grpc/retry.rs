//! [`RetryPolicy`]: [`OpError::retry`] for `tower::retry` (feature `retry`).

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::sleep;
use tower::retry::Policy;
use tower::retry::backoff::{Backoff, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff as _};

use crate::convert;

/// A policy for [`tower::retry`] that makes a call again when [`OpError::retry`](crate::OpError::retry) allows it, and as
/// late as that says.
///
/// It takes any type of error: an `OpError`, one of the sixteen, a `tonic::Status`, or one that has such among its sources;
/// what is in a `Box<dyn Error>` has to be mapped to one. A call that fails with an error that has none is not made again;
/// nor is one that the server asks to be later than the [longest delay](RetryPolicy::with_longest_delay). Requests are
/// cloned.
///
/// ```
/// use operr::grpc::RetryPolicy;
/// use operr::UnavailableError;
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), UnavailableError> {
/// # let calls = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
/// // With a client of tonic's: `let mut client = client.clone(); async move { client.load(shard).await }`
/// let load = move |shard: u32| {
///     let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///     async move { if call < 2 { Err(UnavailableError::new("draining")) } else { Ok(shard) } }
/// };
/// let load = ServiceBuilder::new().retry(RetryPolicy::new(5)).service(service_fn(load));
/// assert_eq!(load.oneshot(7).await?, 7);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RetryPolicy<B = ExponentialBackoff> {
    backoff: B,
    retries: usize,
    longest_delay: Duration,
    is_idempotent: bool,
}

impl RetryPolicy {
    /// Makes a policy that makes a call at most so many times more, with tower's default backoff: 50 ms, doubled each
    /// time, with jitter.
    pub fn new(retries: usize) -> RetryPolicy {
        let backoff = ExponentialBackoffMaker::default().make_backoff();
        RetryPolicy { backoff, retries, longest_delay: Duration::from_secs(60), is_idempotent: false }
    }
}

impl<B> RetryPolicy<B> {
    /// Says that the calls are idempotent: made again, too, after failures that may have come after they took effect.
    ///
    /// ```
    /// use operr::grpc::RetryPolicy;
    /// use operr::DeadlineExceededError;
    /// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// # use std::sync::{Arc, atomic::{AtomicU32, Ordering}};
    /// # let calls = Arc::new(AtomicU32::new(0));
    /// # let count = calls.clone();
    /// let load = service_fn(move |(): ()| {
    /// #   count.fetch_add(1, Ordering::Relaxed);
    ///     async { Err::<(), _>(DeadlineExceededError::new("too slow")) }
    /// });
    /// let load = ServiceBuilder::new().retry(RetryPolicy::new(2).idempotent()).service(load);
    /// assert!(load.oneshot(()).await.is_err());
    /// # assert_eq!(calls.load(Ordering::Relaxed), 3);
    /// # }
    /// ```
    pub fn idempotent(mut self) -> RetryPolicy<B> {
        self.is_idempotent = true;
        self
    }

    /// Chooses how long to wait where the server does not say so.
    pub fn with_backoff<C: Backoff>(self, backoff: C) -> RetryPolicy<C> {
        let RetryPolicy { retries, longest_delay, is_idempotent, .. } = self;
        RetryPolicy { backoff, retries, longest_delay, is_idempotent }
    }

    /// Chooses how long to wait at most where the server says how long; a minute by default. To try sooner than it says
    /// would be no use.
    pub fn with_longest_delay(mut self, delay: Duration) -> RetryPolicy<B> {
        self.longest_delay = delay;
        self
    }
}

impl<Request, Response, E, B> Policy<Request, Response, E> for RetryPolicy<B>
where
    Request: Clone,
    E: Error + 'static,
    B: Backoff<Future: Send + 'static>,
{
    type Future = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn retry(&mut self, _: &mut Request, result: &mut Result<Response, E>) -> Option<Self::Future> {
        let retry = convert::find(result.as_ref().err()?)?.retry();
        self.retries = self.retries.checked_sub(1).filter(|_| retry.allows(self.is_idempotent))?;
        match retry.delay() {
            Some(delay) if delay > self.longest_delay => None,
            Some(delay) => Some(Box::pin(sleep(delay))),
            None => Some(Box::pin(self.backoff.next_backoff())),
        }
    }

    fn clone_request(&mut self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }
}
