//! The queue alone, the service over a real connection, TensorFlow's own errors beside ours, and the program.

mod binary;
mod golden;
mod queue;
mod service;

use std::time::Duration;

use operr::pb::tensorflow::DataType;
use operr::{Code, OpError};
use operr_queue::Client;
use operr_queue::pb::{Handle, QueueState};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A server of its own on loopback. It ends with the test.
struct Server {
    address: String,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Server {
    async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (shutdown, interrupted) = oneshot::channel();
        let task = tokio::spawn(operr_queue::serve(listener, async { _ = interrupted.await }));
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

/// Runs a test that must not hang.
async fn bounded<F: Future>(test: F) -> F::Output {
    timeout(Duration::from_secs(30), test).await.expect("the test ends in time")
}
