//! A front of a server: what its callers see of a failure, and what its log has.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use operr::grpc::CallExt as _;
use operr::pb::tensorflow::DataType;
use operr::{CancelledError, Code, NotFoundError, OpError};
use operr_log::attributes;
use operr_queue::client::float;
use operr_queue::front::border;
use operr_queue::node::Node;
use operr_queue::pb::queue_service_client::QueueServiceClient;
use operr_queue::pb::queue_service_server::{QueueService, QueueServiceServer};
use operr_queue::pb::{
    Call, CloseRequest, CloseResponse, CreateRequest, CreateResponse, DequeueRequest, DequeueResponse, EnqueueRequest,
    EnqueueResponse, Handle, QueueState, SizeRequest, SizeResponse,
};
use operr_queue::{Client, Front};
use tokio::net::{TcpListener, TcpSocket};
use tonic::metadata::MetadataMap;
use tonic::transport::{Endpoint, server::TcpIncoming};
use tonic::{Request, Response, Status};
use tower_layer::Layer as _;

use crate::programs::{Log, error_of};
use crate::{Server, assert_failure, assert_hides, assert_public, bounded, pending, until};

/// A server, and a front of it with this log; and a client of each.
struct Both {
    server: Server,
    inside: Client,
    front: Server,
    outside: Client,
    log: Log,
}

impl Both {
    async fn start() -> Both {
        let (server, log) = (Server::start().await, Log::new());
        let front = Server::front(&server.address, &log).await;
        let (inside, outside) = (server.connect().await, front.connect().await);
        Both { server, inside, front, outside, log }
    }

    async fn with_queue() -> (Both, Handle) {
        let both = Both::start().await;
        let queue = both.outside.create("q", 1, &[DataType::DtFloat], "").await.unwrap();
        (both, queue)
    }

    /// The whole error that the front logged under the id.
    fn find(&self, id: &str) -> OpError {
        error_of(&self.log.find(id))
    }
}

fn says(code: Code) -> &'static str {
    code.description().unwrap()
}

#[tokio::test]
async fn a_call_that_succeeds_is_the_servers() {
    let test = async {
        let (Both { outside, inside, .. }, queue) = &Both::with_queue().await;
        outside.enqueue("enq", queue, vec![float(1.5)]).await.unwrap();
        let state = outside.size("size", queue).await.unwrap();
        assert_eq!((state.size, &state), (1, &inside.size("size", queue).await.unwrap()));
        assert_eq!(outside.dequeue("deq", queue).await.unwrap(), [float(1.5)]);
        outside.close("close", queue, false).await.unwrap();
        assert!(inside.size("size", queue).await.unwrap().closed);
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_cancelled_enqueue_is_whole_in_the_log_and_says_nothing_outside() {
    let test = async {
        let (both, queue) = Both::with_queue().await;
        let Both { outside, inside, .. } = &both;
        outside.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
        let waiting = outside.enqueue("scope/enq", &queue, vec![float(2.0)]);
        let waiting = pending!(inside, &queue, pending_enqueues = 1, waiting);
        inside.close("closer", &queue, true).await.unwrap();

        let public = waiting.await.unwrap().unwrap_err();
        let id = assert_public(&public, Code::CANCELLED, says(Code::CANCELLED));
        assert!(public.is_remote());
        assert_hides(&public, &["enq", "front.rs", "QueueState", "_0_q", "closer", "Queue"]);

        let record = both.log.find(&id);
        let whole = error_of(&record);
        let whole =
            assert_failure(Err::<(), _>(whole), Code::CANCELLED, "Enqueue operation was cancelled", "scope/enq");
        assert!(whole.op().unwrap().traceback[0].file.ends_with("front.rs"), "{whole:#}");
        let state = whole.detail::<QueueState>().unwrap().unwrap();
        assert_eq!((&*state.name, state.pending_enqueues, state.closed), ("_0_q", 1, true));
        let [cause] = whole.causes() else { panic!("{whole:#}") };
        let message = "Queue '_0_q' was closed with cancel_pending_enqueues";
        assert_failure(Err::<(), _>(cause.clone()), Code::CANCELLED, message, "closer");
        assert_eq!(record.text(attributes::RPC_METHOD), Some("operr.queue.v1.QueueService/Enqueue"));
        assert_eq!((whole.correlation_id(), whole.omitted()), (Some(id), None));
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_message_about_the_request_is_for_the_caller() {
    let test = async {
        let (both, queue) = Both::with_queue().await;
        let outside = &both.outside;
        outside.close("close", &queue, false).await.unwrap();
        let nope = Handle { name: "nope".into(), ..queue.clone() };
        let found = both.inside.create("sh", 1, &[DataType::DtFloat], "shared").await.unwrap();
        for (error, code, message, node) in [
            (
                outside.size("scope/size", &nope).await.map(drop).unwrap_err(),
                Code::NOT_FOUND,
                "Resource localhost/nope/N10tensorflow14QueueInterfaceE does not exist.",
                "scope/size",
            ),
            (
                outside.dequeue("deq", &queue).await.map(drop).unwrap_err(),
                Code::OUT_OF_RANGE,
                "FIFOQueue '_0_q' is closed and has insufficient elements (requested 1, current size 0)",
                "deq",
            ),
            (
                outside.create("again", 2, &[DataType::DtFloat], &found.name).await.map(drop).unwrap_err(),
                Code::INVALID_ARGUMENT,
                "Shared queue 'shared' has capacity 1 but requested capacity was 2",
                "again",
            ),
        ] {
            let id = assert_public(&error, code, &format!("{message}\n\t [[{{{{node {node}}}}}]]"));
            assert_failure(Err::<(), _>(both.find(&id)), code, message, node);
        }
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_front_does_without_its_server_until_there_is_one() {
    let test = async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, log) = (socket.local_addr().unwrap().to_string(), Log::new());
        let front = Server::front(&address, &log).await;
        let outside = front.connect().await;

        // Taken, but nobody listens there.
        let error = outside.create("q", 1, &[DataType::DtFloat], "").await.unwrap_err();
        let id = assert_public(&error, Code::UNAVAILABLE, says(Code::UNAVAILABLE));
        assert_hides(&error, &["tcp", "onnect", "os error", &address]);
        let whole = error_of(&log.find(&id));
        assert_eq!(whole.code(), Code::UNAVAILABLE);
        let text = format!("{whole:#}");
        assert!(text.contains("caused by") && text.contains("raised as std::io::Error"), "{text}");

        let server = Server::listen(socket.listen(16).unwrap());
        let queue = outside.create("q", 1, &[DataType::DtFloat], "").await.unwrap();
        assert_eq!(server.connect().await.size("size", &queue).await.unwrap().capacity, 1);
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_servers_line() {
    let test = async {
        let (both, queue) = Both::with_queue().await;
        let Both { outside, inside, front, .. } = &both;
        let gone = pending!(inside, &queue, pending_dequeues = 1, outside.dequeue("deq", &queue));
        gone.abort();
        until(inside, &queue, |state| state.pending_dequeues == 0).await;

        outside.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
        let other = front.connect().await;
        let gone = pending!(inside, &queue, pending_enqueues = 1, other.enqueue("enq", &queue, vec![float(2.0)]));
        drop(other);
        gone.abort();
        until(inside, &queue, |state| state.pending_enqueues == 0).await;
        assert_eq!(outside.dequeue("deq", &queue).await.unwrap(), [float(1.0)]);
        assert_eq!(inside.size("size", &queue).await.unwrap().size, 0);
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_deadline_ends_the_wait_on_all_three_sides() {
    let test = async {
        let (both, queue) = Both::with_queue().await;
        let hasty = both.outside.clone().with_timeout(Duration::from_secs(1));
        let late = pending!(&both.inside, &queue, pending_dequeues = 1, hasty.dequeue("deq", &queue));
        assert_eq!(late.await.unwrap().unwrap_err().code(), Code::DEADLINE_EXCEEDED);
        until(&both.inside, &queue, |state| state.pending_dequeues == 0).await;
        both.outside.enqueue("enq", &queue, vec![float(1.0)]).await.unwrap();
    };
    bounded(test).await;
}

#[tokio::test]
async fn the_front_says_itself_that_the_time_is_up() {
    let test = async {
        let (server, log) = (Server::start().await, Log::new());
        let inside = server.connect().await;
        let queue = inside.create("q", 1, &[DataType::DtFloat], "").await.unwrap();
        // A caller without a timer of its own.
        let front = QueueServiceServer::new(Front::new(&server.address).unwrap());
        let mut outside = QueueServiceClient::new(border(Some(log.writer())).layer(front));
        let call = Call { queue: Some(queue.clone()), node: "deq".into(), created_at: vec![] };
        let mut request = Request::new(DequeueRequest { call: Some(call) });
        request.set_timeout(Duration::from_secs(1));

        let error = outside.dequeue(request).await.op_error().unwrap_err();
        let id = assert_public(&error, Code::DEADLINE_EXCEEDED, says(Code::DEADLINE_EXCEEDED));
        let whole = error_of(&log.find(&id));
        assert_eq!(
            (whole.code(), whole.message()),
            (Code::DEADLINE_EXCEEDED, "the queue server did not answer in time")
        );
        until(&inside, &queue, |state| state.pending_dequeues == 0).await;
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_front_that_stops_ends_what_waits() {
    let test = async {
        let (Both { server: _server, inside, front, outside, log }, queue) = Both::with_queue().await;
        let waiting = pending!(&inside, &queue, pending_dequeues = 1, outside.dequeue("deq", &queue));
        front.stop().await;
        let error = waiting.await.unwrap().unwrap_err();
        let id = assert_public(&error, Code::CANCELLED, says(Code::CANCELLED));
        assert_eq!(error_of(&log.find(&id)).message(), "the front stops");
        until(&inside, &queue, |state| state.pending_dequeues == 0).await;
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_server_that_stops_ends_what_waits_behind_the_front() {
    let test = async {
        let (both, queue) = Both::with_queue().await;
        let waiting = pending!(&both.inside, &queue, pending_dequeues = 1, both.outside.dequeue("deq", &queue));
        let Both { server, outside, log, .. } = both;
        server.stop().await;
        let id = assert_public(&waiting.await.unwrap().unwrap_err(), Code::CANCELLED, says(Code::CANCELLED));
        let whole = error_of(&log.find(&id));
        assert_failure(Err::<(), _>(whole), Code::CANCELLED, "Dequeue operation was cancelled", "deq");
        let error = outside.size("size", &queue).await.unwrap_err();
        assert_public(&error, Code::UNAVAILABLE, says(Code::UNAVAILABLE));
    };
    bounded(test).await;
}

#[tokio::test]
async fn failures_that_are_no_answer_of_a_queue_stay_the_servers() {
    let test = async {
        let call = Call { node: "secret".into(), ..Call::default() };
        for (error, code) in [
            (Node::size(&call).error(Code::INTERNAL, "secret"), Code::INTERNAL),
            (Node::size(&call).error(Code::UNAVAILABLE, "secret"), Code::UNAVAILABLE),
            // A proxy's, and what tonic's timer says.
            (NotFoundError::new("secret").into(), Code::INTERNAL),
            (CancelledError::new("secret").into(), Code::INTERNAL),
            (OpError::new(Code::new(77), "secret"), Code::INTERNAL),
        ] {
            let error = error.with_payload("example.com/secret", "secret").with_cause(NotFoundError::new("secret"));
            let log = Log::new();
            let (answer, _) = ask(Err(error.clone()), &log).await;
            let public = answer.op_error().unwrap_err();
            let id = assert_public(&public, code, says(code));
            assert_hides(&public, &["secret"]);
            let whole = error_of(&log.find(&id));
            assert_eq!((whole.code(), whole.message()), (code, "a call of another server failed"));
            assert_eq!(whole.causes(), [error]);
        }
    };
    bounded(test).await;
}

#[tokio::test]
async fn no_headers_cross_but_the_deadline() {
    let test = async {
        let log = Log::new();
        let (answer, asked) = ask(Ok(QueueState { size: 7, ..QueueState::default() }), &log).await;
        let answer = answer.unwrap();
        assert_eq!(answer.get_ref().state.as_ref().unwrap().size, 7);
        assert!(!answer.metadata().contains_key("x-secret"), "{answer:?}");
        assert_eq!(asked.get("grpc-timeout").unwrap(), "20000000u");
        assert!(!asked.contains_key("authorization"), "{asked:?}");
    };
    bounded(test).await;
}

/// Asks a front of a server that has one answer. Gives what it was outside, and the headers that the server got.
async fn ask(answer: Result<QueueState, OpError>, log: &Log) -> (Result<Response<SizeResponse>, Status>, MetadataMap) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::default();
    let odd = QueueServiceServer::new(Odd { answer, asked: Arc::clone(&asked) });
    let server = tonic::transport::Server::builder().add_service(odd);
    let server = tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));

    let front = Server::front(&address, log).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", front.address)).unwrap();
    let mut outside = QueueServiceClient::new(endpoint.connect().await.unwrap());
    let mut request = Request::new(SizeRequest::default());
    request.set_timeout(Duration::from_secs(20));
    request.metadata_mut().insert("authorization", "secret".parse().unwrap());
    let answer = outside.size(request).await;
    server.abort();
    let asked = asked.lock().unwrap().clone();
    (answer, asked)
}

/// A queue server that has one answer.
struct Odd {
    answer: Result<QueueState, OpError>,
    asked: Arc<Mutex<MetadataMap>>,
}

#[tonic::async_trait]
impl QueueService for Odd {
    async fn create(&self, _: Request<CreateRequest>) -> Result<Response<CreateResponse>, Status> {
        unimplemented!()
    }

    async fn enqueue(&self, _: Request<EnqueueRequest>) -> Result<Response<EnqueueResponse>, Status> {
        unimplemented!()
    }

    async fn dequeue(&self, _: Request<DequeueRequest>) -> Result<Response<DequeueResponse>, Status> {
        unimplemented!()
    }

    async fn size(&self, request: Request<SizeRequest>) -> Result<Response<SizeResponse>, Status> {
        *self.asked.lock().unwrap() = request.metadata().clone();
        match self.answer.clone() {
            Ok(state) => {
                let mut response = Response::new(SizeResponse { state: Some(state) });
                response.metadata_mut().insert("x-secret", "secret".parse().unwrap());
                Ok(response)
            }
            Err(error) => {
                let mut status = Status::from(error);
                status.metadata_mut().insert("x-secret", "secret".parse().unwrap());
                Err(status)
            }
        }
    }

    async fn close(&self, _: Request<CloseRequest>) -> Result<Response<CloseResponse>, Status> {
        unimplemented!()
    }
}
