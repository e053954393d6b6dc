//! The queue alone, the service over a real connection and behind a front, TensorFlow's own errors beside ours, and the
//! program.

mod binary;
mod endings;
mod front;
mod golden;
mod log;
#[path = "../programs/mod.rs"]
mod programs;
mod queue;
mod service;

use std::time::Duration;

use operr::pb::tensorflow::DataType;
use operr::{Code, OpError};
use operr_queue::pb::{Handle, QueueState};
use operr_queue::{Client, Front};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use programs::{Log, bounded};

/// A server of its own on loopback. It ends with the test.
struct Server {
    address: String,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Server {
    async fn start() -> Server {
        Server::listen(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn listen(listener: TcpListener) -> Server {
        let address = listener.local_addr().unwrap().to_string();
        let (shutdown, interrupted) = oneshot::channel();
        let task = tokio::spawn(operr_queue::serve(listener, None, async { _ = interrupted.await }));
        Server { address, shutdown, task }
    }

    /// A front of the server at this address, with this log.
    async fn front(backend: &str, log: &Log) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (shutdown, interrupted) = oneshot::channel();
        let front = Front::new(backend).unwrap();
        let task = tokio::spawn(front.serve(listener, Some(log.writer()), async { _ = interrupted.await }));
        Server { address, shutdown, task }
    }

    /// A client with a connection of its own.
    async fn connect(&self) -> Client {
        Client::connect(&self.address).await.unwrap()
    }

    async fn stop(self) {
        self.shutdown.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// A server, a client, and a queue of floats with this capacity, made by the node `q`.
async fn with_queue(capacity: i32) -> (Server, Client, Handle) {
    let server = Server::start().await;
    let client = server.connect().await;
    let queue = client.create("q", capacity, &[DataType::DtFloat], "").await.unwrap();
    (server, client, queue)
}

/// Waits until the queue is in such a state.
async fn until(client: &Client, queue: &Handle, is_so: impl Fn(&QueueState) -> bool) -> QueueState {
    loop {
        let state = client.size("size", queue).await.unwrap();
        if is_so(&state) {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Starts a call, and waits until it stands in its line, where so many stand then.
macro_rules! pending {
    ($client:expr, $queue:expr, $line:ident = $count:literal, $call:expr) => {{
        let call = tokio::spawn($call);
        crate::until($client, $queue, |state| state.$line == $count).await;
        call
    }};
}
use pending;

/// Fails unless the error is what TensorFlow's node would say.
#[track_caller]
fn assert_failure<T: std::fmt::Debug>(result: Result<T, OpError>, code: Code, message: &str, node: &str) -> OpError {
    let error = result.unwrap_err();
    assert_eq!(error.code(), code, "{error:#}");
    assert_eq!(error.message(), format!("{message}\n\t [[{{{{node {node}}}}}]]"));
    assert_eq!(error.node_def().unwrap().name().unwrap(), node);
    assert_eq!(error.op().unwrap().name, node);
    error
}

/// Fails unless the error is such a public view, of which it gives the correlation id.
#[track_caller]
fn assert_public(error: &OpError, code: Code, message: &str) -> String {
    assert_eq!((error.code(), error.message()), (code, message), "{error:#}");
    let parts = (error.node_def(), error.op(), error.origin(), error.causes(), error.omitted());
    assert_eq!(parts, (None, None, None, &[][..], None));
    let urls: Vec<_> = error.payloads().iter().map(|(url, _)| url).collect();
    assert_eq!(urls, ["type.googleapis.com/google.rpc.RequestInfo"]);
    error.correlation_id().unwrap()
}

/// Fails unless the error, or anything else that came with it, is free of these.
#[track_caller]
fn assert_hides(error: &OpError, markers: &[&str]) {
    let bytes = error.to_bytes();
    let all = format!("{error:?} {:?} {}", error.metadata(), String::from_utf8_lossy(&bytes));
    for marker in markers {
        assert!(!all.contains(marker), "{marker} in {all}");
    }
}
