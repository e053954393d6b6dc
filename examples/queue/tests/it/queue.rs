//! The queue alone, polled by hand where it matters who takes notice when.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use operr::CancelledError;
use operr_queue::client::float;
use operr_queue::queue::{Element, Queue, Reason};

use crate::bounded;

fn queue(capacity: i32) -> Queue {
    Queue::new("q", capacity, vec![1])
}

fn element(value: f32) -> Element {
    vec![float(value)]
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that needs not wait.
#[track_caller]
fn now<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn what_a_dequeue_that_went_away_was_given_is_at_the_front_again() {
    let queue = queue(2);
    let mut gone = Box::pin(queue.dequeue());
    assert!(poll(gone.as_mut()).is_pending());
    now(queue.enqueue(element(1.0))).unwrap();
    now(queue.enqueue(element(2.0))).unwrap();
    assert_eq!(queue.state().size, 1);

    drop(gone);
    assert_eq!(queue.state().size, 2);
    assert_eq!(now(queue.dequeue()).unwrap(), element(1.0));
    assert_eq!(now(queue.dequeue()).unwrap(), element(2.0));
}

#[test]
fn or_goes_to_the_next_in_line() {
    let queue = queue(2);
    let mut gone = Box::pin(queue.dequeue());
    let mut next = Box::pin(queue.dequeue());
    assert!(poll(gone.as_mut()).is_pending());
    assert!(poll(next.as_mut()).is_pending());
    now(queue.enqueue(element(1.0))).unwrap();

    assert!(poll(next.as_mut()).is_pending());
    drop(gone);
    assert_eq!(now(next).unwrap(), element(1.0));
}

#[test]
fn a_dequeue_that_goes_away_unserved_takes_nothing() {
    let queue = queue(1);
    let mut gone = Box::pin(queue.dequeue());
    assert!(poll(gone.as_mut()).is_pending());
    assert_eq!(queue.state().pending_dequeues, 1);
    drop(gone);
    assert_eq!(queue.state().pending_dequeues, 0);
    now(queue.enqueue(element(1.0))).unwrap();
    assert_eq!(queue.state().size, 1);
}

#[test]
fn those_behind_an_enqueue_that_goes_away_move_up() {
    let queue = queue(0);
    let mut gone = Box::pin(queue.enqueue(element(1.0)));
    let mut close = Box::pin(queue.close());
    let mut late = Box::pin(queue.enqueue(element(2.0)));
    assert!(poll(gone.as_mut()).is_pending());
    assert!(poll(close.as_mut()).is_pending());
    assert!(poll(late.as_mut()).is_pending());
    assert!(!queue.state().closed);

    drop(gone);
    assert!(queue.state().closed);
    now(close).unwrap();
    assert_eq!(now(late).unwrap_err().reason, Reason::Closed);
}

#[test]
fn a_close_that_goes_away_leaves_the_queue_open() {
    let queue = queue(1);
    now(queue.enqueue(element(1.0))).unwrap();
    let mut first = Box::pin(queue.enqueue(element(2.0)));
    let mut close = Box::pin(queue.close());
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(close.as_mut()).is_pending());
    drop(close);
    now(queue.dequeue()).unwrap();
    now(first).unwrap();
    assert!(!queue.state().closed);
}

#[test]
fn an_enqueue_that_was_served_stays_so() {
    let queue = queue(1);
    now(queue.enqueue(element(1.0))).unwrap();
    let mut gone = Box::pin(queue.enqueue(element(2.0)));
    assert!(poll(gone.as_mut()).is_pending());
    now(queue.dequeue()).unwrap();
    drop(gone);
    assert_eq!(now(queue.dequeue()).unwrap(), element(2.0));
}

#[test]
fn a_failure_has_the_state_of_its_moment() {
    let queue = queue(1);
    now(queue.enqueue(element(1.0))).unwrap();
    let mut cancelled = [2.0, 3.0].map(|value| Box::pin(queue.enqueue(element(value))));
    for waiting in &mut cancelled {
        assert!(poll(waiting.as_mut()).is_pending());
    }
    let cause = CancelledError::new("closed");
    queue.close_and_cancel(cause.clone().into());
    now(queue.dequeue()).unwrap();
    for waiting in cancelled {
        let failure = now(waiting).unwrap_err();
        assert_eq!(failure.reason, Reason::Cancelled(cause.clone().into()));
        assert!(failure.state.closed);
        assert_eq!((failure.state.size, failure.state.pending_enqueues), (1, 2));
    }
    let failure = now(queue.dequeue()).unwrap_err();
    assert_eq!(failure.reason, Reason::Exhausted);
    assert_eq!(failure.state, queue.state());
}

/// Nothing is lost and nothing comes twice, while callers come and go on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_element_that_was_accepted_comes_out_once() {
    const EACH: usize = 500;
    let queue = Arc::new(queue(3));
    let taken = Arc::new(AtomicUsize::new(0));
    let test = async {
        let mut impatient = Vec::new();
        for _ in 0..EACH {
            let (queue, taken) = (Arc::clone(&queue), Arc::clone(&taken));
            let enqueue = {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move { queue.enqueue(element(1.0)).await.unwrap() })
            };
            let dequeue = tokio::spawn(async move {
                let wait = Duration::from_micros(50);
                if tokio::time::timeout(wait, queue.dequeue()).await.is_ok_and(|element| element.is_ok()) {
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
            impatient.push((enqueue, dequeue));
        }
        let rest = {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut rest = 0;
                while queue.dequeue().await.is_ok() {
                    rest += 1;
                }
                rest
            })
        };
        for (enqueue, dequeue) in impatient {
            enqueue.await.unwrap();
            dequeue.await.unwrap();
        }
        queue.close().await.unwrap();
        assert_eq!(taken.load(Ordering::Relaxed) + rest.await.unwrap(), EACH);
    };
    bounded(test).await;
}
