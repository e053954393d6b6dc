//! Whether to try again: by RetryInfo, by the pushback of the call, by the code; and the policy for `tower::retry`.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use operr::grpc::{CallExt as _, RetryPolicy};
use operr::pb::google::rpc::RetryInfo;
use operr::{Code, OpError, ResultExt as _, Retry};
use prost_types::Duration as Delay;
use tokio::time::Instant;
use tonic::{Request, Status};
use tower::retry::backoff::Backoff;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::raise::{METHODS, Raise, received, serve, trailers};
use crate::tonic_calls::Caller;

/// The table, and numbers without a name.
fn table() -> impl Iterator<Item = (Code, Retry)> {
    let by_code = |code: i32| match code {
        14 => Retry::Backoff,
        10 => Retry::Transaction,
        2 | 4 | 13 => Retry::IfIdempotent,
        _ => Retry::Never,
    };
    (0..17).chain([20, 77, -1, i32::MIN]).map(move |code| (Code::new(code), by_code(code)))
}

fn info(seconds: i64, nanos: i32) -> RetryInfo {
    RetryInfo { retry_delay: Some(Delay { seconds, nanos }) }
}

#[test]
fn the_verdict_is_the_tables() {
    let causes: Vec<_> = table().map(|(code, _)| OpError::new(code, "below").with_detail(&info(1, 0))).collect();
    for (code, verdict) in table() {
        let error = OpError::new(code, "m");
        assert_eq!(error.retry(), verdict, "{code}");
        // A cause changes nothing, whatever it says.
        assert_eq!(causes.iter().cloned().fold(error.clone(), OpError::with_cause).retry(), verdict, "{code}");

        let second = Retry::After(Duration::from_secs(1));
        assert_eq!(error.clone().with_detail(&info(1, 0)).retry(), second);
        assert_eq!(error.clone().with_pushback("1000").retry(), second);
        assert_eq!(error.clone().with_pushback("-1").retry(), Retry::Never);
        // The detail before the trailer.
        assert_eq!(error.clone().with_pushback("-1").with_detail(&info(1, 0)).retry(), second);
        assert_eq!(error.clone().with_detail(&info(1, 0)).with_pushback("7").retry(), second);
        // The last detail, however it is spelled; one that says nothing leaves the word to the trailer, and to the code.
        let twice = error.clone().with_detail(&info(5, 0)).with_payload("x/google.rpc.RetryInfo", "\x0a\x02\x08\x01");
        assert_eq!(twice.retry(), second);
        for nothing in [RetryInfo::default(), info(-1, 0), info(1, -1), info(1, 1_000_000_000), info(i64::MAX, 0)] {
            assert_eq!(error.clone().with_detail(&nothing).retry(), verdict);
            assert_eq!(error.clone().with_detail(&nothing).with_pushback("1000").retry(), second);
        }
        assert_eq!(error.clone().with_payload("x/google.rpc.RetryInfo", "\x7f").retry(), verdict);
    }
    let longest = OpError::new(Code::OK, "").with_detail(&info(315_576_000_000, 999_999_999)).retry();
    assert_eq!(longest.delay(), Some(Duration::new(315_576_000_000, 999_999_999)));
}

#[test]
fn a_pushback_is_milliseconds_or_a_no() {
    let retry = |text: &str| OpError::new(Code::UNAVAILABLE, "").with_pushback(text).retry();
    for milliseconds in [0, 1, 1_500, i32::MAX as u64] {
        assert_eq!(retry(&milliseconds.to_string()), Retry::After(Duration::from_millis(milliseconds)));
    }
    for text in ["", "-1", "-0", "+1", "01", " 1", "1 ", "1.5", "1s", "1,2", "2147483648", "99999999999999999999", "é"]
    {
        assert_eq!(retry(text), Retry::Never, "{text:?}");
    }
}

#[test]
fn what_a_verdict_allows() {
    let allowed = [Retry::Never, Retry::Backoff, Retry::After(Duration::ZERO), Retry::Transaction, Retry::IfIdempotent];
    let allowed = allowed.map(|retry| (retry.allows(false), retry.allows(true)));
    assert_eq!(allowed, [(false, false), (true, true), (true, true), (false, false), (false, true)]);
}

#[tokio::test]
async fn it_survives_calls_and_wrapping() {
    for (code, verdict) in table().filter(|(code, _)| *code != Code::OK) {
        let error = OpError::new(code, "m").with_cause(OpError::new(Code::UNAVAILABLE, "below"));
        for (error, verdict) in [
            (error.clone(), verdict),
            (error.clone().with_detail(&info(0, 5)), Retry::After(Duration::from_nanos(5))),
            (error.clone().with_pushback("7"), Retry::After(Duration::from_millis(7))),
            (error.clone().with_pushback("?"), Retry::Never),
        ] {
            assert_eq!(Err::<(), _>(error.clone()).context("noted").unwrap_err().retry(), verdict);
            let wrapped = anyhow::Error::from(error.clone()).context("wrapped");
            assert_eq!(OpError::find(wrapped.as_ref()).unwrap().retry(), verdict);
            // Relayed twice.
            for method in METHODS {
                let sent = error.clone();
                let once = received(&trailers(Raise::new(move || sent.clone().into()), method).await);
                let sent = once.clone();
                let twice = received(&trailers(Raise::new(move || sent.clone().into()), method).await);
                assert_eq!([once.retry(), twice.retry()], [verdict; 2], "{code} {method}");
            }
        }
    }
}

#[tokio::test]
async fn of_several_pushbacks_none_is_meant() {
    let raise = Raise::new(|| {
        let mut status = Status::unavailable("m");
        status.metadata_mut().append("grpc-retry-pushback-ms", "1".parse().unwrap());
        status.metadata_mut().append("grpc-retry-pushback-ms", "2".parse().unwrap());
        status
    });
    let error = received(&trailers(raise, "unary").await);
    assert_eq!((error.retry(), error.pushback().as_deref()), (Retry::Never, Some("-1")));
}

/// How often a service that always fails like this is called with a policy, and after which time that gives up.
async fn calls<E>(policy: RetryPolicy<impl Backoff<Future: Send + 'static> + Clone>, error: E) -> (usize, Duration)
where
    E: std::error::Error + Clone + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let service = service_fn(move |()| {
        counted.fetch_add(1, Ordering::Relaxed);
        ready(Err::<Infallible, E>(error.clone()))
    });
    let started = Instant::now();
    let _ = ServiceBuilder::new().retry(policy).service(service).oneshot(()).await;
    (count.load(Ordering::Relaxed), started.elapsed())
}

/// Waits a second.
#[derive(Clone)]
struct Second;

impl Backoff for Second {
    type Future = tokio::time::Sleep;

    fn next_backoff(&mut self) -> Self::Future {
        tokio::time::sleep(Duration::from_secs(1))
    }
}

#[tokio::test(start_paused = true)]
async fn the_policy_does_what_the_verdict_says() {
    let policy = || RetryPolicy::new(3).with_backoff(Second);
    let seconds = Duration::from_secs;
    for (code, verdict) in table() {
        let error = OpError::new(code, "m");
        let tried = |allowed| if allowed { (4, seconds(3)) } else { (1, seconds(0)) };
        assert_eq!(calls(policy(), error.clone()).await, tried(verdict.allows(false)), "{code}");
        assert_eq!(calls(policy().idempotent(), error.clone()).await, tried(verdict.allows(true)), "{code}");
        let (count, waited) = calls(policy(), error.clone().with_detail(&info(7, 0))).await;
        assert_eq!((count, waited.as_secs()), (4, 21));
        assert_eq!(calls(policy().idempotent(), error.with_pushback("-1")).await.0, 1);
    }
    // Any error, and what it has among its sources.
    let error = OpError::new(Code::UNAVAILABLE, "m");
    assert_eq!(calls(policy(), operr::UnavailableError::new("m")).await.0, 4);
    assert_eq!(calls(policy(), Status::from(error.clone())).await.0, 4);
    assert_eq!(calls(policy(), Status::unavailable("plain")).await.0, 4);
    assert_eq!(calls(policy(), Wrapped(Status::unavailable("plain"))).await.0, 4);
    assert_eq!(calls(policy().idempotent(), std::fmt::Error).await.0, 1);
    // Not sooner than the server says, and not after any time.
    let slow = error.with_detail(&info(61, 0));
    assert_eq!(calls(policy(), slow.clone()).await, (1, seconds(0)));
    assert_eq!(calls(policy().with_longest_delay(seconds(61)), slow).await.0, 4);
    assert_eq!(calls(RetryPolicy::new(0), Status::unavailable("m")).await, (1, seconds(0)));
}

#[derive(Clone, Debug)]
struct Wrapped(Status);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrapped")
    }
}

impl std::error::Error for Wrapped {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Around the calls of a tonic client, over a real connection.
#[tokio::test]
async fn a_client_that_tries_again() {
    let left = Arc::new(AtomicUsize::new(2));
    let failures = left.clone();
    let raise = Raise::new(move || {
        if failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
            return OpError::new(Code::RESOURCE_EXHAUSTED, "full").with_pushback("1").into();
        }
        Status::not_found("none")
    });
    let channel = serve(None, &raise).await.connect().await.unwrap();
    let call = move |shard: i32| {
        let mut caller = Caller::new(channel.clone());
        async move { caller.unary("unary", Request::new(shard)).await.op_error() }
    };
    let failed = ServiceBuilder::new().retry(RetryPolicy::new(5)).service(service_fn(call)).oneshot(7).await;
    assert_eq!(failed.unwrap_err().code(), Code::NOT_FOUND);
    assert_eq!(left.load(Ordering::Relaxed), 0);
}
