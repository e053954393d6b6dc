//! tokio's errors, and futures that end early.

use std::future::{pending, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use operr::{CancelledError, Code, DeadlineExceededError, OpError, ResultExt as _, cancellable, deadline};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

fn code_of<T, E: Into<Box<dyn std::error::Error + Send + Sync>>>(result: Result<T, E>) -> Code {
    result.map(drop).context("c").unwrap_err().code()
}

/// Says whether it was dropped.
#[derive(Clone, Default)]
struct Dropped(Arc<AtomicBool>);

impl Dropped {
    fn guard(&self) -> Guard {
        Guard(self.0.clone())
    }

    fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_passes() {
    let start = Instant::now();
    let dropped = Dropped::default();
    let guard = dropped.guard();
    let waiting = async move {
        let _guard = guard;
        pending::<()>().await
    };
    let error = deadline(waiting, Duration::from_secs(7)).await.unwrap_err();
    assert_eq!(error, DeadlineExceededError::new("Deadline Exceeded"));
    assert!(dropped.is_so());
    assert!(start.elapsed() >= Duration::from_secs(7) && start.elapsed() < Duration::from_secs(8));

    let in_time = async {
        sleep(Duration::from_secs(6)).await;
        "done"
    };
    assert_eq!(deadline(in_time, Duration::from_secs(7)).await.unwrap(), "done");
    assert_eq!(deadline(ready("at once"), Duration::ZERO).await.unwrap(), "at once");
    assert!(deadline(pending::<()>(), Duration::ZERO).await.is_err());
    assert_eq!(deadline(ready(7), Duration::MAX).await.unwrap(), 7);

    // What a future of results fails with is another failure.
    let fails = async { Err::<(), _>(CancelledError::new("inner")) };
    assert_eq!(deadline(fails, Duration::from_secs(7)).await.unwrap().unwrap_err(), CancelledError::new("inner"));
    async fn both() -> Result<i32, OpError> {
        let result = deadline(async { Err::<i32, _>(CancelledError::new("inner")) }, Duration::from_secs(7)).await?;
        Ok(result?)
    }
    assert_eq!(both().await.unwrap_err().message(), "inner");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_cancelled() {
    let token = CancellationToken::new();
    let dropped = Dropped::default();
    let guard = dropped.guard();
    let waiting = async move {
        let _guard = guard;
        pending::<()>().await
    };
    let canceller = token.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(3)).await;
        canceller.cancel();
    });
    let start = Instant::now();
    let error = cancellable(waiting, token.cancelled()).await.unwrap_err();
    assert_eq!(error, CancelledError::new("Operation was cancelled"));
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(dropped.is_so());

    // From now on, nothing is started.
    let started = AtomicBool::new(false);
    let work = async { started.store(true, Ordering::Relaxed) };
    assert!(cancellable(work, token.cancelled()).await.is_err());
    assert!(!started.load(Ordering::Relaxed));

    // A child, and anything else that completes.
    let child = CancellationToken::new();
    let work = async {
        sleep(Duration::from_secs(1)).await;
        7
    };
    assert_eq!(cancellable(work, child.cancelled()).await.unwrap(), 7);
    let (sender, receiver) = oneshot::channel::<()>();
    drop(sender);
    assert!(cancellable(pending::<()>(), receiver).await.is_err());
    assert!(cancellable(sleep(Duration::from_secs(2)), sleep(Duration::from_secs(1))).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn what_is_done_when_it_is_cancelled_is_not_lost() {
    let token = CancellationToken::new();
    let work = async {
        sleep(Duration::from_secs(1)).await;
        token.cancel();
        "taken"
    };
    assert_eq!(cancellable(work, token.cancelled()).await.unwrap(), "taken");
    let second = Duration::from_secs(1);
    assert!(cancellable(sleep(second), sleep(second)).await.is_ok());
}

/// A future that uses up its task's budget is cancelled all the same.
#[tokio::test]
async fn a_future_that_never_rests_is_cancelled() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let busy = async {
        loop {
            sender.send(()).unwrap();
            receiver.recv().await;
        }
    };
    let (stop, stopped) = watch::channel(false);
    let mut stopped = stopped;
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        stop.send(true).unwrap();
    });
    let cancelled = cancellable(busy, stopped.wait_for(|stopped| *stopped));
    let result = deadline(cancelled, Duration::from_secs(20)).await.expect("it ends");
    assert!(result.is_err());
}

#[tokio::test]
async fn tasks_that_do_not_end_well() {
    let task = tokio::spawn(pending::<()>());
    task.abort();
    let error = OpError::from_error(task.await.unwrap_err());
    assert_eq!(error.code(), Code::CANCELLED);
    assert!(error.message().ends_with(" was cancelled"), "{error}");
    assert_eq!(error.origin().unwrap().r#type, "tokio::runtime::task::error::JoinError");

    let task = tokio::spawn(async { panic!("boom {}", 7) });
    let error = OpError::from_error(task.await.unwrap_err());
    assert_eq!(error.code(), Code::INTERNAL);
    assert!(error.message().contains("boom 7"), "{error}");
    assert!(std::error::Error::source(&error).unwrap().is::<tokio::task::JoinError>());
    // Or with the panic's text alone.
    let task = tokio::task::spawn_blocking(|| panic!("boom"));
    assert_eq!(OpError::from_panic(task.await.unwrap_err().into_panic()).message(), "boom");
    // As io::Error hides it.
    let task = tokio::spawn(async { std::panic::panic_any(7) });
    assert_eq!(code_of(Err::<(), _>(io::Error::other(task.await.unwrap_err()))), Code::INTERNAL);
}

#[tokio::test(start_paused = true)]
async fn timers_and_channels() {
    let second = Duration::from_secs(1);
    let elapsed = || tokio::time::timeout(second, pending::<()>());
    assert_eq!(code_of(elapsed().await), Code::DEADLINE_EXCEEDED);
    assert_eq!(code_of(Err::<(), _>(io::Error::from(elapsed().await.unwrap_err()))), Code::DEADLINE_EXCEEDED);

    let (sender, mut receiver) = mpsc::channel(1);
    assert_eq!(code_of(receiver.try_recv()), Code::UNAVAILABLE);
    sender.send(Silent).await.unwrap();
    assert_eq!(code_of(sender.try_send(Silent)), Code::RESOURCE_EXHAUSTED);
    assert_eq!(code_of(sender.try_reserve()), Code::RESOURCE_EXHAUSTED);
    assert_eq!(code_of(sender.send_timeout(Silent, second).await), Code::DEADLINE_EXCEEDED);
    receiver.close();
    assert_eq!(code_of(sender.try_send(Silent)), Code::CANCELLED);
    assert_eq!(code_of(sender.send_timeout(Silent, second).await), Code::CANCELLED);
    assert_eq!(code_of(sender.send(Silent).await), Code::CANCELLED);
    let (sender, mut receiver) = mpsc::unbounded_channel::<Silent>();
    drop(sender);
    assert_eq!(code_of(receiver.try_recv()), Code::OUT_OF_RANGE);
    drop(receiver);

    let (sender, mut receiver) = oneshot::channel::<Silent>();
    assert_eq!(code_of(receiver.try_recv()), Code::UNAVAILABLE);
    drop(sender);
    assert_eq!(code_of(receiver.try_recv()), Code::CANCELLED);
    let (sender, receiver) = oneshot::channel::<Silent>();
    drop(sender);
    assert_eq!(code_of(receiver.await), Code::CANCELLED);

    let (sender, mut receiver) = watch::channel(0);
    drop(sender);
    assert_eq!(code_of(receiver.changed().await), Code::OUT_OF_RANGE);
    let (sender, receiver) = watch::channel(0);
    drop(receiver);
    assert_eq!(code_of(sender.send(1)), Code::CANCELLED);

    let (sender, mut receiver) = broadcast::channel(1);
    assert_eq!(code_of(receiver.try_recv()), Code::UNAVAILABLE);
    (0..3).for_each(|number| drop(sender.send(number)));
    let error = receiver.recv().await.context("c").unwrap_err();
    assert_eq!(error.to_string(), "DATA_LOSS: channel lagged by 2");
    (0..3).for_each(|number| drop(sender.send(number)));
    assert_eq!(code_of(receiver.try_recv()), Code::DATA_LOSS);
    drop(receiver);
    assert_eq!(code_of(sender.send(1)), Code::CANCELLED);
    // What could not be sent says nothing of why.
    let (queue, _) = broadcast::channel(1);
    assert_eq!(code_of(queue.send(Sent::QueueFull(1))), Code::CANCELLED);
    let mut receiver = sender.subscribe();
    drop(sender);
    assert_eq!(code_of(receiver.try_recv()), Code::OUT_OF_RANGE);
    assert_eq!(code_of(receiver.recv().await), Code::OUT_OF_RANGE);

    let permits = Semaphore::new(0);
    assert_eq!(code_of(permits.try_acquire()), Code::RESOURCE_EXHAUSTED);
    permits.close();
    assert_eq!(code_of(permits.try_acquire()), Code::CANCELLED);
    assert_eq!(code_of(permits.acquire().await), Code::CANCELLED);
    let lock = tokio::sync::Mutex::new(());
    let _guard = lock.lock().await;
    assert_eq!(code_of(lock.try_lock()), Code::UNAVAILABLE);
}

/// What is sent need not be printable.
struct Silent;

#[derive(Clone, Debug)]
#[expect(dead_code, reason = "it is shown only")]
enum Sent {
    QueueFull(i32),
}
