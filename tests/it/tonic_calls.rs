//! Errors across real calls: a tonic server and a tonic client on loopback.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use operr::grpc::{CallExt as _, Client, SendOptions};
use operr::{
    CancelledError, Code, Container, DeadlineExceededError, Frame, NodeDef, NotFoundError, OpError, Operation,
    ResultExt as _, ensure,
};
use tokio::net::TcpListener;
use tokio_stream::{Stream, StreamExt as _, wrappers::TcpListenerStream};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

const CODES: [i32; 20] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 20, 77, -1];

/// The error that the server raises for a code.
fn error(code: i32) -> OpError {
    OpError::new(Code::new(code), format!("code {code}: 100% é中\n\t [[{{{{node scope/n}}}}]]"))
        .with_node_def(NodeDef::from_bytes(&b"\x0a\x07scope/n\x12\x06MatMul\x4a\x01?"[..]))
        .with_op(&Operation::new("scope/n", "MatMul").with_traceback([Frame::new("app/main.py", 3, "f")]))
        .with_note("noted")
        .with_payload("example.com/odd", &b"\xff\x00\xfe"[..])
        .with_payload("no slash", "")
        .with_cause(NotFoundError::new("below").with_payload("k", "v"))
        .with_cause(OpError::new(Code::new(77), "beside"))
}

/// Raises the error for the code that it is asked for: at once, or in the stream behind `n` messages.
#[derive(Clone)]
struct Raise;

#[derive(Clone)]
struct Unary(SendOptions);

#[derive(Clone)]
struct Streaming {
    messages: usize,
}

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub(crate) type BoxStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

impl UnaryService<i32> for Unary {
    type Response = String;
    type Future = BoxFuture<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<i32>) -> Self::Future {
        let options = self.0.clone();
        Box::pin(async move {
            let error = error(request.into_inner());
            Err(error.to_status(&options))
        })
    }
}

impl ServerStreamingService<i32> for Streaming {
    type Response = String;
    type ResponseStream = BoxStream<Result<String, Status>>;
    type Future = BoxFuture<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<i32>) -> Self::Future {
        let messages = self.messages;
        Box::pin(async move {
            let error = error(request.into_inner());
            // With a question mark, as handlers do.
            ensure!(messages > 0, error);
            let items = (0..messages).map(|index| Ok(index.to_string())).chain([Err(error.into())]);
            Ok(Response::new(Box::pin(tokio_stream::iter(items.collect::<Vec<_>>())) as BoxStream<_>))
        })
    }
}

impl NamedService for Raise {
    const NAME: &'static str = "raise";
}

impl tower::Service<http::Request<Body>> for Raise {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut grpc = Grpc::new(ProstCodec::<String, i32>::default());
        let method = request.uri().path().strip_prefix("/raise/").unwrap().to_owned();
        Box::pin(async move {
            Ok(match method.as_str() {
                "unary" => grpc.unary(Unary(SendOptions::new()), request).await,
                "container" => {
                    grpc.unary(Unary(SendOptions::new().with_container(Container::TensorFlow)), request).await
                }
                "never" => {
                    std::future::pending::<()>().await;
                    unreachable!()
                }
                stream => grpc.server_streaming(Streaming { messages: stream.parse().unwrap() }, request).await,
            })
        })
    }
}

async fn serve() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::builder().add_service(Raise).serve_with_incoming(TcpListenerStream::new(listener)));
    Endpoint::from_shared(format!("http://{address}")).unwrap()
}

/// A client of one of both kinds.
pub(crate) struct Caller<S>(tonic::client::Grpc<S>);

impl<S> Caller<S>
where
    S: tonic::client::GrpcService<Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    pub(crate) fn new(channel: S) -> Self {
        Caller(tonic::client::Grpc::new(channel))
    }

    pub(crate) async fn unary(
        &mut self,
        method: &str,
        request: impl tonic::IntoRequest<i32>,
    ) -> Result<String, Status> {
        self.0.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let path = format!("/raise/{method}").parse().unwrap();
        self.0.unary(request.into_request(), path, ProstCodec::default()).await.map(Response::into_inner)
    }

    /// The messages of a stream, and what it ended with.
    pub(crate) async fn stream(&mut self, messages: usize, code: i32) -> (usize, Result<(), Status>) {
        self.0.ready().await.map_err(|_| "not ready").unwrap();
        let path = format!("/raise/{messages}").parse().unwrap();
        let stream = self.0.server_streaming(Request::new(code), path, ProstCodec::<i32, String>::default()).await;
        let mut stream = match stream {
            Ok(response) => response.into_inner(),
            Err(status) => return (0, Err(status)),
        };
        let mut received = 0;
        while let Some(item) = stream.next().await {
            match item {
                Ok(_) => received += 1,
                Err(status) => return (received, Err(status)),
            }
        }
        (received, Ok(()))
    }

    async fn expect_every_code(&mut self) {
        for code in CODES {
            let status = self.unary("unary", code).await.unwrap_err();
            let transport = if code == 0 { 13 } else { tonic::Code::from_i32(code) as i32 };
            assert_eq!(status.code() as i32, transport);
            let received = OpError::from(status);
            assert_eq!(received, error(code));
            assert!(received.is_remote() && received.causes().iter().all(OpError::is_remote));
            assert!(!error(code).is_remote());
            assert_eq!(received.metadata().unwrap().get("content-type").unwrap(), "application/grpc");

            for messages in [0, 1, 3] {
                let (before, end) = self.stream(messages, code).await;
                assert_eq!(before, messages);
                assert_eq!(end.op_error().unwrap_err(), error(code), "behind {messages} messages");
            }
        }
    }
}

const SECONDS: Duration = Duration::from_secs(60);

#[tokio::test]
async fn every_code_arrives_equal() {
    let endpoint = serve().await;
    let plain: Channel = endpoint.connect().await.unwrap();
    tokio::time::timeout(SECONDS, Caller::new(plain).expect_every_code()).await.unwrap();
    let layered = Client::connect(endpoint).await.unwrap();
    tokio::time::timeout(SECONDS, Caller::new(layered).expect_every_code()).await.unwrap();
}

#[tokio::test]
async fn a_container_arrives_with_all_its_parts() {
    let mut caller = Caller::new(Client::connect_lazy(serve().await));
    for code in CODES.into_iter().filter(|code| (1..=16).contains(code)) {
        let received = caller.unary("container", code).await.op_error().unwrap_err();
        let sent = error(code);
        assert_eq!((received.code(), received.message()), (sent.code(), sent.message()));
        assert_eq!((received.node_def(), received.op()), (sent.node_def(), sent.op()));
        assert_eq!(received.causes(), sent.causes());
        assert_eq!(received.to_details(Container::TensorFlow), sent.to_details(Container::TensorFlow));
    }
}

/// tonic's timers say CANCELLED; to us the deadline is exceeded.
#[tokio::test]
async fn timeouts_are_deadline_exceeded() {
    let endpoint = serve().await;
    let mut by_request = Request::new(1);
    by_request.set_timeout(Duration::from_millis(50));
    let mut caller = Caller::new(endpoint.connect().await.unwrap());
    let status = caller.unary("never", by_request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Cancelled, "tonic changed; the special case can go");
    let error = OpError::from(status);
    assert_eq!(error, DeadlineExceededError::new("Timeout expired").into());

    let endpoint = endpoint.timeout(Duration::from_millis(50));
    let error =
        Caller::new(Client::connect_lazy(endpoint)).unary("never", Request::new(1)).await.op_error().unwrap_err();
    assert_eq!(error.code(), Code::DEADLINE_EXCEEDED);
    assert!(!error.is_remote());

    // As it arrives when the server's timer was faster.
    assert_eq!(OpError::from(Status::cancelled("Timeout expired")).code(), Code::DEADLINE_EXCEEDED);
    assert_eq!(OpError::from(Status::cancelled("Timeout")).code(), Code::CANCELLED);
    let meant = CancelledError::new("Timeout expired");
    assert_eq!(OpError::from(Status::from(meant.clone())), meant.into());
}

#[test]
fn a_status_gives_back_the_error_it_was_made_from() {
    let error = error(77);
    let status = Status::from(error.clone());
    assert_eq!(status.code(), tonic::Code::Unknown);
    assert!(std::error::Error::source(&status).unwrap().is::<OpError>());
    let back = OpError::from(status);
    assert_eq!(back, error);
    assert!(!back.is_remote());

    for container in [Container::Status, Container::TensorFlow] {
        let options = SendOptions::new().with_container(container);
        assert_eq!(OpError::from(error.to_status(&options)), error);
    }

    // What was put together anew, with the same source, is what it says.
    let mut changed = Status::not_found("elsewhere");
    changed.set_source(std::sync::Arc::new(error.clone()));
    assert_eq!(OpError::from(changed), NotFoundError::new("elsewhere").with_cause(error.clone()).into());

    // tonic's own conversion of boxed errors keeps only the text; the error is still there.
    let boxed = Status::from_error(Box::new(error.clone()));
    assert_eq!(boxed.code(), tonic::Code::Unknown);
    assert_eq!(OpError::from(boxed), error);
    let typed = Status::from_error(Box::new(CancelledError::new("m")));
    assert_eq!(OpError::from(typed), CancelledError::new("m").into());

    // In a foreign error, a Status is the error that it carries.
    let cause = OpError::new(Code::INTERNAL, "m").with_cause(Status::from(error.clone()));
    assert_eq!(cause.causes(), [error]);
}

#[test]
fn a_status_with_metadata_is_taken_to_be_a_peers() {
    assert!(!OpError::from(Status::not_found("m")).is_remote());
    assert_eq!(OpError::from(Status::not_found("m")), NotFoundError::new("m").into());
    let mut with_metadata = Status::not_found("m");
    with_metadata.metadata_mut().insert("retry", "1".parse().unwrap());
    let error = OpError::from(with_metadata);
    assert!(error.is_remote());
    assert_eq!(error.metadata().unwrap().get("retry").unwrap(), "1");
    assert!(error.clone().with_note("n").is_remote());

    // Also as a cause, and with context; what is added to it here is not the peer's.
    let status = || {
        let mut status = Status::not_found("m");
        status.metadata_mut().insert("retry", "1".parse().unwrap());
        status
    };
    let above = OpError::new(Code::INTERNAL, "").with_cause(status());
    assert!(!above.is_remote() && above.causes()[0].is_remote());
    assert!(above.causes()[0].metadata().is_some());
    let with_context = Err::<(), _>(status()).context("calling").unwrap_err();
    assert!(with_context.is_remote() && with_context.metadata().is_some());
    let with_local_cause = error.with_cause(CancelledError::new("here"));
    assert!(with_local_cause.is_remote() && !with_local_cause.causes()[0].is_remote());
    // Details that lost against the transport came from the peer.
    let lost = Status::with_details(tonic::Code::NotFound, "m", CancelledError::new("inner").to_bytes());
    assert!(OpError::from(lost).causes()[0].is_remote());
}

/// A Status that tonic made of an error of another type has the texts of that one's sources as causes.
#[test]
fn statuses_of_other_errors_keep_them() {
    let inner = NotFoundError::new("x").with_payload("k", "v");
    let status = Status::from_error(anyhow::Error::new(inner.clone()).context("wrapped").into());
    assert_eq!((status.code(), status.message()), (tonic::Code::Unknown, "wrapped"));
    let error = OpError::from(status);
    assert_eq!((error.code(), error.message()), (Code::UNKNOWN, "wrapped"));
    assert_eq!(error.causes(), [OpError::from(inner)]);
}

#[tokio::test]
async fn connection_failures_are_unavailable_and_local() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let error =
        Caller::new(Client::connect_lazy(endpoint)).unary("unary", Request::new(1)).await.op_error().unwrap_err();
    assert_eq!(error.code(), Code::UNAVAILABLE);
    assert!(!error.is_remote());
    let texts: Vec<_> = std::iter::successors(error.causes().first(), |error| error.causes().first())
        .map(|error| error.message().to_owned())
        .collect();
    assert!(texts.iter().any(|text| text.contains("refused")), "{texts:?}");
    assert!(std::error::Error::source(&error).unwrap().is::<Status>());
}
