//! Long chains and wide errors: linear, and without recursion, on a small stack.

use bytes::Bytes;
use operr::{Code, Container, OpError};

const MANY: usize = 100_000;

/// Deep recursion overflows this stack at once.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(128 * 1024).spawn(test).unwrap().join().unwrap();
}

fn chain(length: usize) -> OpError {
    (1..length).fold(OpError::new(Code::new(0), "0"), |error, index| {
        OpError::new(Code::new(index as i32 % 17), index.to_string()).with_cause(error)
    })
}

fn length_of(error: &OpError) -> usize {
    std::iter::successors(Some(error), |error| error.causes().first()).count()
}

/// Everything that walks the whole error.
fn exercise(error: &OpError, length: usize) {
    let bytes = error.to_bytes();
    let other = OpError::from_bytes(bytes.clone()).unwrap();
    assert_eq!(error, &other);
    assert_eq!(length_of(error), length);
    assert_eq!(length_of(&other), length);
    assert_eq!(format!("{error:?}").matches("message:").count(), length);
    assert_eq!(format!("{other:#}").matches("caused by").count(), length - 1);
    assert_eq!(error.clone().detach(), other);
    let edited = other.clone().with_payload("k", "v");
    assert!(edited.to_bytes().starts_with(&bytes));
    assert_eq!(length_of(&edited), length);
    assert!(error.omitted().is_none());
    let container = error.to_details(Container::TensorFlow);
    assert_eq!(length_of(&OpError::from_status(error.code(), error.message(), container)), length);
}

#[test]
fn built_chains() {
    on_a_small_stack(|| {
        let error = chain(MANY);
        exercise(&error, MANY);
        drop(error.clone());
        drop(error);
    });
}

#[test]
fn received_chains() {
    on_a_small_stack(|| {
        let bytes = Bytes::copy_from_slice(&chain(MANY).to_bytes());
        let error = OpError::from_bytes(bytes).unwrap();
        exercise(&error, MANY);
    });
}

#[test]
fn chains_of_received_and_built_errors_in_turns() {
    on_a_small_stack(|| {
        let mut error = chain(MANY / 2);
        for index in 0..MANY / 2 {
            error = OpError::new(Code::ABORTED, "relayed").with_cause(error);
            if index % 5_000 == 0 {
                error = OpError::from_bytes(error.to_bytes()).unwrap().with_note("seen");
            }
        }
        assert_eq!(length_of(&error), MANY);
        assert_eq!(OpError::from_bytes(error.to_bytes()).unwrap(), error);
    });
}

#[test]
fn wide_errors() {
    on_a_small_stack(|| {
        let mut error = OpError::new(Code::INTERNAL, "wide");
        for index in 0..MANY / 2 {
            error = error.with_payload(format!("example.com/{index}"), index.to_string());
        }
        for index in 0..MANY / 2 {
            error = error.with_cause(OpError::new(Code::ABORTED, index.to_string()));
        }
        assert_eq!(error.payloads().len(), MANY / 2);
        let bytes = error.to_bytes();
        let received = OpError::from_bytes(bytes.clone()).unwrap();
        for error in [&error, &received] {
            assert_eq!(error.causes().len(), MANY / 2);
            assert_eq!(error.causes()[MANY / 2 - 1].message(), (MANY / 2 - 1).to_string());
            assert_eq!(error.payloads().iter().count(), MANY / 2);
            assert_eq!(format!("{error:?}").matches("message:").count(), MANY / 2 + 1);
        }
        assert_eq!(error, received);
        // In turns, too, and into a container.
        let mut turns = OpError::new(Code::INTERNAL, "wide");
        let mut container = OpError::from_slice(b"\x0a\x06\x0a\x01k\x12\x01v").unwrap();
        for index in 0..MANY / 2 {
            let cause = OpError::new(Code::ABORTED, index.to_string());
            turns = turns.with_cause(cause.clone()).with_payload(format!("example.com/{index}"), index.to_string());
            container = container.with_cause(cause);
        }
        assert_eq!(turns, error);
        assert_eq!(container.causes(), error.causes());
        let edited = received.with_payload("one more", "");
        assert!(edited.to_bytes().starts_with(&bytes));
        let container = OpError::from_status(Code::INTERNAL, "wide", error.to_details(Container::TensorFlow));
        assert_eq!(container.causes(), error.causes());
    });
}

#[test]
fn shared_causes_are_dropped_once() {
    on_a_small_stack(|| {
        let shared = chain(MANY);
        let errors: Vec<_> = (0..100).map(|_| OpError::new(Code::ABORTED, "").with_cause(shared.clone())).collect();
        drop(shared);
        assert_eq!(length_of(&errors[99]), MANY + 1);
        let threads: Vec<_> = errors.into_iter().map(|error| std::thread::spawn(move || drop(error))).collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}
