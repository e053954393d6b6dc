//! A server whose calls all fail, with a server layer or without, and what it sends.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt as _, Full};
use operr::OpError;
use operr::grpc::ServerLayer;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::{ServiceExt as _, service_fn};

use crate::tonic_calls::{BoxFuture, BoxStream};

pub(crate) const DETAILS: &str = "grpc-status-details-bin";

/// Methods that fail: a unary one, one with a stream of requests, streams behind so many messages, and one of streams in
/// both directions that answers every request first.
pub(crate) const METHODS: [&str; 6] = ["unary", "client", "0", "1", "3", "both"];
pub(crate) const BEFORE_MESSAGES: [&str; 3] = ["unary", "client", "0"];
pub(crate) const MID_STREAM: [&str; 3] = ["1", "3", "both"];

/// A service whose calls fail with what `status` gives, but for `ok`, which does not, `slow`, which goes on when told, and
/// `wait`, which fails when told.
#[derive(Clone)]
pub(crate) struct Raise {
    status: Arc<dyn Fn() -> Status + Send + Sync>,
    pub(crate) go: watch::Sender<bool>,
}

impl Raise {
    pub(crate) fn new(status: impl Fn() -> Status + Send + Sync + 'static) -> Raise {
        Raise { status: Arc::new(status), go: watch::Sender::new(false) }
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
        let Raise { status, go } = self.clone();
        Box::pin(async move {
            let stream: Result<BoxStream<_>, Status> = match method.as_str() {
                "unary" => {
                    let fail = service_fn(|_| ready(Err::<Response<String>, _>(status())));
                    return Ok(grpc.unary(fail, request).await);
                }
                "client" => {
                    let fail = service_fn(move |request: Request<Streaming<i32>>| {
                        let status = status.clone();
                        async move {
                            let _ = request.into_inner().collect::<Vec<_>>().await;
                            Err::<Response<String>, _>(status())
                        }
                    });
                    return Ok(grpc.client_streaming(fail, request).await);
                }
                "both" => {
                    let fail = service_fn(move |request: Request<Streaming<i32>>| {
                        let messages = request.into_inner().map(|message| message.map(|message| message.to_string()));
                        let status = status.clone();
                        let end = tokio_stream::iter(std::iter::once_with(move || Err(status())));
                        ready(Ok::<_, Status>(fine(Box::pin(messages.chain(end)) as BoxStream<_>)))
                    });
                    return Ok(grpc.streaming(fail, request).await);
                }
                "wait" => {
                    let told = go.subscribe();
                    let wait = service_fn(move |_| {
                        let (mut told, status) = (told.clone(), status.clone());
                        async move {
                            let _ = told.wait_for(|go| *go).await;
                            Err::<Response<String>, _>(status())
                        }
                    });
                    return Ok(grpc.unary(wait, request).await);
                }
                "ok" => return Ok(grpc.unary(service_fn(|_| ready(Ok(fine("fine".to_owned())))), request).await),
                "0" => Err(status()),
                "slow" => Ok(Box::pin(ReceiverStream::new(slow(go)))),
                messages => {
                    let items = (0..messages.parse::<i32>().unwrap()).map(|n| Ok(n.to_string()));
                    Ok(Box::pin(tokio_stream::iter(items.chain(std::iter::once_with(move || Err(status()))))))
                }
            };
            let mut response = Some(stream.map(fine));
            Ok(grpc.server_streaming(service_fn(|_| ready(response.take().unwrap())), request).await)
        })
    }
}

fn fine<T>(message: T) -> Response<T> {
    let mut response = Response::new(message);
    response.metadata_mut().insert("leading", "1".parse().unwrap());
    response
}

/// A message, and one more when told.
fn slow(go: watch::Sender<bool>) -> mpsc::Receiver<Result<String, Status>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let _ = sender.send(Ok("first".to_owned())).await;
        let _ = go.subscribe().wait_for(|go| *go).await;
        let _ = sender.send(Ok("last".to_owned())).await;
    });
    receiver
}

/// A server on loopback, with the layer or without.
pub(crate) async fn serve(layer: Option<ServerLayer>, raise: &Raise) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = TcpListenerStream::new(listener);
    let raise = raise.clone();
    match layer {
        Some(layer) => {
            tokio::spawn(Server::builder().layer(layer).add_service(raise).serve_with_incoming(incoming));
        }
        None => {
            tokio::spawn(Server::builder().add_service(raise).serve_with_incoming(incoming));
        }
    }
    Endpoint::from_shared(format!("http://{address}")).unwrap()
}

/// The headers of a response and its trailers, as they come, without what each server adds.
pub(crate) async fn raw<S, B>(mut service: S, method: &str) -> [HeaderMap; 2]
where
    S: tower::Service<http::Request<Body>, Response = http::Response<B>, Error: std::fmt::Debug>,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let call = service.ready().await.unwrap().call(request(method));
    let (head, body) = tokio::time::timeout(SECONDS, call).await.unwrap().unwrap().into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
    let mut both = [head.headers, trailers];
    both.iter_mut().for_each(|headers| ["content-type", "date"].iter().for_each(|name| drop(headers.remove(*name))));
    both
}

/// The headers among which the status is.
pub(crate) async fn trailers<S, B>(service: S, method: &str) -> HeaderMap
where
    S: tower::Service<http::Request<Body>, Response = http::Response<B>, Error: std::fmt::Debug>,
    B: http_body::Body<Error: std::fmt::Debug>,
{
    let [head, trailers] = raw(service, method).await;
    assert_eq!(trailers.is_empty(), BEFORE_MESSAGES.contains(&method), "{method}");
    if trailers.is_empty() { head } else { trailers }
}

/// What gRPC counts.
pub(crate) fn len(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// What a client reads.
pub(crate) fn received(headers: &HeaderMap) -> OpError {
    OpError::from(Status::from_header_map(headers).unwrap())
}

/// An empty message, uncompressed, to a method.
pub(crate) fn request(method: &str) -> http::Request<Body> {
    let request = http::Request::post(format!("/raise/{method}"));
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    request.body(Body::new(Full::new(Bytes::from_static(&[0; 5])))).unwrap()
}

pub(crate) const SECONDS: Duration = Duration::from_secs(60);
