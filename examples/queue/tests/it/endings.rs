//! What ends a call that waits, and with which class: the table of the README.

use std::sync::Arc;
use std::time::Duration;

use operr::{Code, OpError, Retry};
use operr_queue::Client;
use operr_queue::client::float;
use operr_queue::pb::{Handle, QueueState};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::{Server, assert_failure, bounded, pending, until, with_queue};

/// A connection that can be cut, on its way to a server.
struct Proxy {
    address: String,
    cut: Arc<Notify>,
}

impl Proxy {
    /// Passes one connection on, and nothing when that is cut.
    async fn start(server: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (server, cut) = (server.to_owned(), Arc::new(Notify::new()));
        let is_cut = cut.clone();
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut server = TcpStream::connect(server).await.unwrap();
            tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => {}
                () = is_cut.notified() => [client, server].iter().for_each(|socket| socket.set_zero_linger().unwrap()),
            }
        });
        Proxy { address, cut }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Close,
    CloseAndCancel,
    Deadline,
    Shutdown,
    DroppedConnection,
}

/// What an enqueue and a dequeue fail with that wait when this happens; and their queue, if it is still there.
async fn end(ending: Ending) -> ([Option<OpError>; 2], Option<(Server, Client, Handle)>) {
    let (server, client, full) = with_queue(1).await;
    client.enqueue("fill", &full, vec![float(1.0)]).await.unwrap();
    let empty = client.create("e", 1, &[operr::pb::tensorflow::DataType::DtFloat], "").await.unwrap();
    let proxy = Proxy::start(&server.address).await;
    let waits = Client::connect(&proxy.address).await.unwrap();
    let waits = if ending == Ending::Deadline { waits.with_timeout(Duration::from_secs(1)) } else { waits };
    let enqueue = waits.enqueue("scope/enq", &full, vec![float(2.0)]);
    let mut enqueue = pending!(&client, &full, pending_enqueues = 1, enqueue);
    let mut dequeue = pending!(&client, &empty, pending_dequeues = 1, waits.dequeue("scope/deq", &empty));

    match ending {
        Ending::Close => {
            let close = pending!(&client, &full, pending_enqueues = 2, client.close("close", &full, false));
            client.close("close", &empty, false).await.unwrap();
            let error = (&mut dequeue).await.unwrap().unwrap_err();
            // The close stands behind the enqueue, which goes on waiting.
            assert!(!enqueue.is_finished() && !close.is_finished());
            assert_eq!(client.dequeue("deq", &full).await.unwrap(), [float(1.0)]);
            (&mut enqueue).await.unwrap().unwrap();
            close.await.unwrap().unwrap();
            return ([None, Some(error)], None);
        }
        Ending::CloseAndCancel => {
            client.close("closer", &full, true).await.unwrap();
            client.close("closer", &empty, true).await.unwrap();
        }
        Ending::Deadline => {}
        Ending::Shutdown => {
            let errors = tokio::join!(enqueue, dequeue, server.stop());
            return ([errors.0.unwrap().err(), errors.1.unwrap().err()], None);
        }
        Ending::DroppedConnection => proxy.cut.notify_one(),
    }
    let errors = [enqueue.await.unwrap().unwrap_err(), dequeue.await.unwrap().unwrap_err()];
    until(&client, &full, |state| state.pending_enqueues == 0).await;
    until(&client, &empty, |state| state.pending_dequeues == 0).await;
    // Nothing was added, and nothing taken.
    assert_eq!(client.size("size", &full).await.unwrap().size, 1);
    if ending == Ending::Deadline || ending == Ending::DroppedConnection {
        client.enqueue("enq", &empty, vec![float(3.0)]).await.unwrap();
        assert_eq!(client.size("size", &empty).await.unwrap().size, 1);
    }
    (errors.map(Some), Some((server, client, full)))
}

const ENQUEUE_CANCELLED: &str = "Enqueue operation was cancelled";
const DEQUEUE_CANCELLED: &str = "Dequeue operation was cancelled";

fn exhausted(queue: &str) -> String {
    format!("FIFOQueue '{queue}' is closed and has insufficient elements (requested 1, current size 0)")
}

#[tokio::test]
async fn a_close() {
    let test = async {
        let ([none, dequeue], _) = end(Ending::Close).await;
        assert!(none.is_none());
        assert_failure(Err::<(), _>(dequeue.unwrap()), Code::OUT_OF_RANGE, &exhausted("_1_e"), "scope/deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_close_that_cancels() {
    let test = async {
        let ([enqueue, dequeue], _) = end(Ending::CloseAndCancel).await;
        let error = assert_failure(Err::<(), _>(enqueue.unwrap()), Code::CANCELLED, ENQUEUE_CANCELLED, "scope/enq");
        assert_eq!(error.causes()[0].op().unwrap().name, "closer");
        assert!(error.detail::<QueueState>().unwrap().unwrap().closed);
        assert_eq!(error.retry(), Retry::Never);
        assert_failure(Err::<(), _>(dequeue.unwrap()), Code::OUT_OF_RANGE, &exhausted("_1_e"), "scope/deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_deadline() {
    let test = async {
        let (errors, _server) = end(Ending::Deadline).await;
        for error in errors.into_iter().flatten() {
            assert_eq!(error.code(), Code::DEADLINE_EXCEEDED, "{error:#}");
            // As in TensorFlow, it is no failure of a node.
            assert_eq!((error.node_def(), error.op()), (None, None));
            assert_eq!(error.retry(), Retry::IfIdempotent);
        }
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_shutdown() {
    let test = async {
        let ([enqueue, dequeue], _) = end(Ending::Shutdown).await;
        assert_failure(Err::<(), _>(enqueue.unwrap()), Code::CANCELLED, ENQUEUE_CANCELLED, "scope/enq");
        assert_failure(Err::<(), _>(dequeue.unwrap()), Code::CANCELLED, DEQUEUE_CANCELLED, "scope/deq");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_dropped_connection() {
    let test = async {
        let (errors, server) = end(Ending::DroppedConnection).await;
        for error in errors.into_iter().flatten() {
            assert_eq!(error.code(), Code::UNAVAILABLE, "{error:#}");
            assert!(!error.is_remote() && !error.causes().is_empty());
            // An element may have been added, or taken.
            assert_eq!(error.retry(), Retry::IfIdempotent);
        }
        // And those with another connection go on.
        let (_server, client, full) = server.unwrap();
        assert_eq!(client.dequeue("deq", &full).await.unwrap(), [float(1.0)]);
    };
    bounded(test).await;
}
