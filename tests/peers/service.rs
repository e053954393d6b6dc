//! The service of `grpc_service.py`: a request is the number of a case, and every method fails with that case.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use operr::OpError;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, ServerStreamingService, UnaryService};
use tonic::{Request, Response, Status};

use super::Raw;

/// What `StreamMid` answers before it fails.
pub(crate) const MESSAGES: [&str; 2] = ["first", "second"];

/// Calls a method for a case: the messages before it failed, and with what.
pub(crate) async fn call<S>(channel: S, method: &str, index: usize) -> (Vec<String>, Status)
where
    S: tonic::client::GrpcService<Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let mut grpc = tonic::client::Grpc::new(channel);
    let path = format!("/{}/{method}", Cases::NAME).parse().unwrap();
    let request = Request::new(Bytes::from(index.to_string()));
    let mut responses = Vec::new();
    let outcome = async {
        grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
        if method == "Unary" {
            grpc.unary(request, path, Raw).await?;
        } else {
            let mut stream = grpc.server_streaming(request, path, Raw).await?.into_inner();
            while let Some(response) = stream.message().await? {
                responses.push(String::from_utf8(response.into()).unwrap());
            }
        }
        Ok::<(), Status>(())
    };
    let outcome = tokio::time::timeout(Duration::from_secs(20), outcome).await.expect("no answer");
    let status = outcome.expect_err("it does not fail");
    (responses, status)
}

/// The service, with its cases by their numbers.
#[derive(Clone)]
pub(crate) struct Cases(Arc<dyn Fn(usize) -> OpError + Send + Sync>);

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl NamedService for Cases {
    const NAME: &'static str = "operr.test.Cases";
}

impl Cases {
    pub(crate) fn new(case: impl Fn(usize) -> OpError + Send + Sync + 'static) -> Cases {
        Cases(Arc::new(case))
    }

    fn case(&self, request: Request<Bytes>) -> Status {
        let index: usize = std::str::from_utf8(&request.into_inner()).unwrap().parse().unwrap();
        (self.0)(index).into()
    }
}

struct Unary(Cases);

impl UnaryService<Bytes> for Unary {
    type Response = Bytes;
    type Future = BoxFuture<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let error = self.0.case(request);
        Box::pin(async move { Err(error) })
    }
}

struct Streaming(Cases, &'static [&'static str]);

impl ServerStreamingService<Bytes> for Streaming {
    type Response = Bytes;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;
    type Future = BoxFuture<Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (messages, error) = (self.1, self.0.case(request));
        Box::pin(async move {
            if messages.is_empty() {
                return Err(error);
            }
            let messages = tokio_stream::iter(messages).map(|message| Ok(Bytes::from(*message)));
            Ok(Response::new(Box::pin(messages.chain(tokio_stream::once(Err(error)))) as Self::ResponseStream))
        })
    }
}

impl tower::Service<http::Request<Body>> for Cases {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (mut grpc, cases) = (Grpc::new(Raw), self.clone());
        Box::pin(async move {
            Ok(match request.uri().path().rsplit('/').next() {
                Some("Unary") => grpc.unary(Unary(cases), request).await,
                Some("StreamBefore") => grpc.server_streaming(Streaming(cases, &[]), request).await,
                Some("StreamMid") => grpc.server_streaming(Streaming(cases, &MESSAGES), request).await,
                other => panic!("no method {other:?}"),
            })
        })
    }
}
