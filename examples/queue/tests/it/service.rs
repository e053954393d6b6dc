//! The service over a real connection: what waits, what fails, and how.

use std::time::Duration;

use operr::pb::tensorflow::{DataType, TensorProto};
use operr::{CancelledError, Code, ErrorKind, OpError};
use operr_queue::Client;
use operr_queue::client::float;
use operr_queue::pb::{Handle, QueueState};

use crate::{Server, assert_failure, bounded, pending, until, with_queue};

const ENQUEUE_CANCELLED: &str = "Enqueue operation was cancelled";
const EXHAUSTED: &str = "FIFOQueue '_0_q' is closed and has insufficient elements (requested 1, current size 0)";

#[tokio::test]
async fn elements_come_out_in_order() {
    let test = async {
        let server = Server::start().await;
        let client = server.connect().await;
        let queue = client.create("scope/q", -1, &[DataType::DtInt64, DataType::DtFloat], "").await.unwrap();
        assert_eq!((&*queue.name, &*queue.node), ("_0_scope/q", "scope/q"));
        let element = |number: i64| {
            let int64 = TensorProto { dtype: DataType::DtInt64.into(), int64_val: vec![number], ..Default::default() };
            vec![int64, float(0.5)]
        };
        for number in 0..5 {
            client.enqueue("enq", &queue, element(number)).await.unwrap();
        }
        for number in 0..5 {
            assert_eq!(client.dequeue("deq", &queue).await.unwrap(), element(number));
        }
    };
    bounded(test).await;
}

#[tokio::test]
async fn both_lines_are_served_in_order() {
    let test = async {
        let (_server, client, queue) = with_queue(1).await;
        let first = pending!(&client, &queue, pending_dequeues = 1, client.dequeue("deq", &queue));
        let second = pending!(&client, &queue, pending_dequeues = 2, client.dequeue("deq", &queue));
        client.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
        client.enqueue("enq", &queue, vec![float(2.0)]).await.unwrap();
        assert_eq!(first.await.unwrap().unwrap(), [float(1.0)]);
        assert_eq!(second.await.unwrap().unwrap(), [float(2.0)]);

        client.enqueue("enq", &queue, vec![float(3.0)]).await.unwrap();
        let fourth = pending!(&client, &queue, pending_enqueues = 1, enqueue(&client, &queue, 4.0));
        let fifth = pending!(&client, &queue, pending_enqueues = 2, enqueue(&client, &queue, 5.0));
        for value in [3.0, 4.0, 5.0] {
            assert_eq!(client.dequeue("deq", &queue).await.unwrap(), [float(value)]);
        }
        fourth.await.unwrap().unwrap();
        fifth.await.unwrap().unwrap();
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_closed_queue_gives_what_it_has_and_takes_nothing() {
    let test = async {
        let (_server, client, queue) = with_queue(2).await;
        client.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
        client.close("close", &queue, false).await.unwrap();

        let result = client.enqueue("scope/enq", &queue, vec![float(2.0)]).await;
        let error = assert_failure(result, Code::CANCELLED, "FIFOQueue '_0_q' is closed.", "scope/enq");
        let state = QueueState { name: "_0_q".into(), capacity: 2, size: 1, closed: true, ..QueueState::default() };
        assert_eq!(error.detail::<QueueState>().unwrap(), Some(state.clone()));
        assert!(error.payloads().contains("type.googleapis.com/operr.queue.v1.QueueState"));
        assert!(error.is_remote());

        let result = client.close("again", &queue, false).await;
        assert_failure(result, Code::CANCELLED, "Queue '_0_q' is already closed.", "again");
        client.close("cancel", &queue, true).await.unwrap();
        client.close("cancel", &queue, true).await.unwrap();

        assert_eq!(client.size("size", &queue).await.unwrap(), state);
        assert_eq!(client.dequeue("deq", &queue).await.unwrap(), [float(1.0)]);
        assert_failure(client.dequeue("deq", &queue).await, Code::OUT_OF_RANGE, EXHAUSTED, "deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_cancelled_enqueue_says_all_there_is_to_say() {
    let test = async {
        let (server, client, queue) = with_queue(1).await;
        client.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
        let line = line!() + 1;
        let waiting = client.enqueue("scope/enq", &queue, vec![float(2.0)]);
        let waiting = pending!(&client, &queue, pending_enqueues = 1, waiting);
        server.connect().await.close("closer", &queue, true).await.unwrap();

        let error = assert_failure(waiting.await.unwrap(), Code::CANCELLED, ENQUEUE_CANCELLED, "scope/enq");
        assert!(matches!(error.kind(), ErrorKind::Cancelled(_)));

        let op = error.op().unwrap();
        assert_eq!(op.r#type, "QueueEnqueueV2");
        let [created_at] = &op.traceback[..] else { panic!("{op:?}") };
        assert!(created_at.file.ends_with("service.rs"), "{created_at}");
        assert_eq!(created_at.line, i32::try_from(line).unwrap());

        let state = error.detail::<QueueState>().unwrap().unwrap();
        let expected =
            QueueState { name: queue.name, capacity: 1, size: 1, closed: true, pending_enqueues: 1, ..state };
        assert_eq!(state, expected);

        let [cause] = error.causes() else { panic!("{error:#}") };
        let message = "Queue '_0_q' was closed with cancel_pending_enqueues";
        let cause = assert_failure(Err::<(), _>(cause.clone()), Code::CANCELLED, message, "closer");
        assert_eq!(cause.op().unwrap().r#type, "QueueCloseV2");
        assert!(!cause.op().unwrap().traceback.is_empty());
        assert!(<&CancelledError>::try_from(&cause).is_ok());
        let received = OpError::from_bytes(error.to_bytes()).unwrap();
        assert_eq!(received, error);
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_close_of_either_kind_ends_a_waiting_dequeue() {
    for cancel_pending_enqueues in [false, true] {
        let test = async {
            let (_server, client, queue) = with_queue(1).await;
            let waiting = pending!(&client, &queue, pending_dequeues = 1, client.dequeue("deq", &queue));
            client.close("close", &queue, cancel_pending_enqueues).await.unwrap();
            assert_failure(waiting.await.unwrap(), Code::OUT_OF_RANGE, EXHAUSTED, "deq");
        };
        bounded(test).await;
    }
}

#[tokio::test]
async fn a_close_waits_behind_the_enqueues_before_it() {
    let test = async {
        let (_server, client, queue) = with_queue(1).await;
        client.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
        let before = pending!(&client, &queue, pending_enqueues = 1, enqueue(&client, &queue, 2.0));
        let close = pending!(&client, &queue, pending_enqueues = 2, client.close("close", &queue, false));
        let behind = pending!(&client, &queue, pending_enqueues = 3, enqueue(&client, &queue, 3.0));
        let again = pending!(&client, &queue, pending_enqueues = 4, client.close("again", &queue, false));
        assert!(!client.size("size", &queue).await.unwrap().closed);

        assert_eq!(client.dequeue("deq", &queue).await.unwrap(), [float(1.0)]);
        before.await.unwrap().unwrap();
        close.await.unwrap().unwrap();
        assert_failure(behind.await.unwrap(), Code::CANCELLED, "FIFOQueue '_0_q' is closed.", "enq");
        assert_failure(again.await.unwrap(), Code::CANCELLED, "Queue '_0_q' is already closed.", "again");
        assert_eq!(client.dequeue("deq", &queue).await.unwrap(), [float(2.0)]);
        assert_failure(client.dequeue("deq", &queue).await, Code::OUT_OF_RANGE, EXHAUSTED, "deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_close_with_cancellation_cancels_waiting_closes_too() {
    let test = async {
        let (_server, client, queue) = with_queue(1).await;
        client.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
        let waiting = pending!(&client, &queue, pending_enqueues = 1, enqueue(&client, &queue, 2.0));
        let close = pending!(&client, &queue, pending_enqueues = 2, client.close("close", &queue, false));
        client.close("closer", &queue, true).await.unwrap();

        assert_failure(waiting.await.unwrap(), Code::CANCELLED, ENQUEUE_CANCELLED, "enq");
        let error = assert_failure(close.await.unwrap(), Code::CANCELLED, ENQUEUE_CANCELLED, "close");
        assert_eq!(error.op().unwrap().r#type, "QueueCloseV2");
        assert_eq!(error.causes()[0].op().unwrap().name, "closer");
        assert_eq!(client.dequeue("deq", &queue).await.unwrap(), [float(1.0)]);
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_deadline_ends_a_wait_on_both_sides() {
    let test = async {
        let (_server, client, queue) = with_queue(1).await;
        let hasty = client.clone().with_timeout(Duration::from_millis(100));
        let error = hasty.dequeue("deq", &queue).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::DeadlineExceeded(_)), "{error:#}");
        until(&client, &queue, |state| state.pending_dequeues == 0).await;
        client.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
        assert_eq!(client.size("size", &queue).await.unwrap().size, 1);

        let hasty = client.clone().with_timeout(Duration::from_secs(1));
        let gone = pending!(&client, &queue, pending_enqueues = 1, enqueue(&hasty, &queue, 2.0));
        let close = tokio::spawn(client.close("close", &queue, false));
        let error = gone.await.unwrap().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::DeadlineExceeded(_)), "{error:#}");
        // The queue is still full, but now the close is first in line.
        close.await.unwrap().unwrap();
        assert_eq!(client.dequeue("deq", &queue).await.unwrap(), [float(1.0)]);
        assert_failure(client.dequeue("deq", &queue).await, Code::OUT_OF_RANGE, EXHAUSTED, "deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_client_that_goes_away_releases_its_place() {
    let test = async {
        let (server, client, queue) = with_queue(1).await;
        let other = server.connect().await;
        let gone = pending!(&client, &queue, pending_dequeues = 1, other.dequeue("deq", &queue));
        gone.abort();
        until(&client, &queue, |state| state.pending_dequeues == 0).await;
        client.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();

        let gone = pending!(&client, &queue, pending_enqueues = 1, enqueue(&other, &queue, 2.0));
        drop(other);
        gone.abort();
        until(&client, &queue, |state| state.pending_enqueues == 0).await;
        assert_eq!(client.dequeue("deq", &queue).await.unwrap(), [float(1.0)]);
        assert_eq!(client.size("size", &queue).await.unwrap().size, 0);
        client.enqueue("enq", &queue, vec![float(3.0)]).await.unwrap();
        assert_eq!(client.dequeue("deq", &queue).await.unwrap(), [float(3.0)]);
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_thousand_wait_on_one_connection() {
    let test = async {
        let (_server, client, queue) = with_queue(0).await;
        let waiting: Vec<_> = (0..1_000).map(|_| tokio::spawn(enqueue(&client, &queue, 1.0))).collect();
        until(&client, &queue, |state| state.pending_enqueues == 1_000).await;
        client.close("close", &queue, true).await.unwrap();
        for waiting in waiting {
            let error = assert_failure(waiting.await.unwrap(), Code::CANCELLED, ENQUEUE_CANCELLED, "enq");
            assert_eq!(error.detail::<QueueState>().unwrap().unwrap().pending_enqueues, 1_000);
        }
    };
    bounded(test).await;
}

#[tokio::test]
async fn at_capacity_0_every_enqueue_waits() {
    let test = async {
        let (_server, client, queue) = with_queue(0).await;
        let waiting = pending!(&client, &queue, pending_enqueues = 1, enqueue(&client, &queue, 1.0));
        let dequeue = pending!(&client, &queue, pending_dequeues = 1, client.dequeue("deq", &queue));
        client.close("close", &queue, true).await.unwrap();
        assert_failure(waiting.await.unwrap(), Code::CANCELLED, ENQUEUE_CANCELLED, "enq");
        assert_failure(dequeue.await.unwrap(), Code::OUT_OF_RANGE, EXHAUSTED, "deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn other_types_than_the_queue_has_are_refused_first_of_all() {
    let test = async {
        let (_server, client, queue) = with_queue(1).await;
        client.close("close", &queue, false).await.unwrap();
        let int32 = TensorProto { dtype: DataType::DtInt32.into(), int_val: vec![1], ..Default::default() };
        let odd = TensorProto { dtype: 77, ..Default::default() };
        for (components, have) in [
            (vec![int32], "resource, int32->"),
            (vec![float(1.0), float(2.0)], "resource, float, float->"),
            (vec![], "resource->"),
            (vec![odd], "resource, unknown dtype enum (77)->"),
        ] {
            let message = format!("Signature mismatch, have: {have} expected: resource, float->");
            let result = client.enqueue("enq", &queue, components).await;
            assert_failure(result, Code::INVALID_ARGUMENT, &message, "enq");
        }
        let handle = Handle { component_types: vec![DataType::DtInt32.into()], ..queue };
        let message = "Signature mismatch, have: resource->int32 expected: resource->float";
        assert_failure(client.dequeue("deq", &handle).await, Code::INVALID_ARGUMENT, message, "deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_queue_that_there_is_not_is_not_found() {
    let test = async {
        let (_server, client, queue) = with_queue(1).await;
        let nope = Handle { name: "nope".into(), ..queue };
        let message = "Resource localhost/nope/N10tensorflow14QueueInterfaceE does not exist.";
        let enqueued = client.enqueue("enq", &nope, vec![float(1.0)]).await;
        assert_failure(enqueued, Code::NOT_FOUND, message, "enq");
        assert_failure(client.dequeue("deq", &nope).await, Code::NOT_FOUND, message, "deq");
        assert_failure(client.size("size", &nope).await, Code::NOT_FOUND, message, "size");
        assert_failure(client.close("close", &nope, false).await, Code::NOT_FOUND, message, "close");
        assert_failure(client.close("close", &nope, true).await, Code::NOT_FOUND, message, "close");
    };
    bounded(test).await;
}

#[tokio::test]
async fn queues_are_shared_by_name() {
    let test = async {
        let (_server, client, _) = with_queue(1).await;
        let floats = [DataType::DtFloat];
        let shared = client.create("a", 3, &floats, "sh").await.unwrap();
        let same = client.create("b", 3, &floats, "sh").await.unwrap();
        assert_eq!((&*shared.name, &*same.name, &*same.node), ("sh", "sh", "b"));
        client.enqueue("enq", &shared, vec![float(1.0)]).await.unwrap();
        assert_eq!(client.dequeue("deq", &same).await.unwrap(), [float(1.0)]);

        let message = "Shared queue 'sh' has capacity 3 but requested capacity was 4";
        let error = assert_failure(client.create("c", 4, &floats, "sh").await, Code::INVALID_ARGUMENT, message, "c");
        assert_eq!(error.op().unwrap().r#type, "FIFOQueueV2");
        let message = "Shared queue 'sh' has component types float but requested component types were int32";
        let result = client.create("c", 3, &[DataType::DtInt32], "sh").await;
        assert_failure(result, Code::INVALID_ARGUMENT, message, "c");
        let message = "shared_name cannot start with '_':_0_q";
        assert_failure(client.create("c", 1, &floats, "_0_q").await, Code::INVALID_ARGUMENT, message, "c");

        // Only queues that are not shared are counted.
        assert_eq!(client.create("q", 1, &floats, "").await.unwrap().name, "_1_q");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_server_that_stops_ends_what_waits() {
    let test = async {
        let (server, client, queue) = with_queue(0).await;
        let enqueue = pending!(&client, &queue, pending_enqueues = 1, enqueue(&client, &queue, 1.0));
        let dequeue = pending!(&client, &queue, pending_dequeues = 1, client.dequeue("deq", &queue));
        server.stop().await;
        assert_failure(enqueue.await.unwrap(), Code::CANCELLED, ENQUEUE_CANCELLED, "enq");
        let message = "Dequeue operation was cancelled";
        assert_failure(dequeue.await.unwrap(), Code::CANCELLED, message, "deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn no_server_and_no_address_are_errors_of_the_family() {
    let test = async {
        let error = Client::connect("127.0.0.1:1").await.unwrap_err();
        assert_eq!(error.code(), Code::UNAVAILABLE, "{error:#}");
        let error = Client::connect("no address").await.unwrap_err();
        assert_eq!(error.code(), Code::INVALID_ARGUMENT, "{error:#}");
    };
    bounded(test).await;
}

/// An enqueue of a float by the node `enq`.
fn enqueue(client: &Client, queue: &Handle, value: f32) -> impl Future<Output = Result<(), OpError>> + use<> {
    client.enqueue("enq", queue, vec![float(value)])
}
