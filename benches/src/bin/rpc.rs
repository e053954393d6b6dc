//! What a failing call costs, on loopback and in one thread, beside one that fails with a Status that was made before, and
//! one that succeeds with as many bytes. The errors differ from call to call: equal headers are sent as an index.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use operr::OpError;
use operr::grpc::{ClientLayer, ServerLayer};
use operr_benches::errors::of_number;
use operr_benches::measure;
use tokio::net::TcpListener;
use tokio::runtime;
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::StdError;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Layer as _;

fn main() {
    let rounds = if measure::is_quick() { 40 } else { 400 };
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(rounds));
}

/// What a call is answered with.
#[derive(Clone, Copy)]
enum Answer {
    Ok,
    Prebuilt,
    Operr,
}

async fn run(rounds: usize) {
    let errors: Arc<[OpError]> = (1..=ERRORS).map(of_number).collect();
    let mut plain = Caller::new(connect(serve(errors.clone(), false).await).await);
    let mut of_layers = Caller::new(ClientLayer::new().layer(connect(serve(errors.clone(), true).await).await));

    let mut best = [f64::INFINITY; 4];
    let mut number = 0;
    for round in 0..=rounds {
        let mut times = [0.0; 4];
        for (at, time) in times.iter_mut().enumerate() {
            let started = Instant::now();
            for _ in 0..CALLS {
                number = (number + 1) % ERRORS as u32;
                match at {
                    0 => assert_eq!(plain.call(Answer::Ok, number).await.expect("an answer").len(), 722),
                    1 => assert!(
                        plain.call(Answer::Prebuilt, number).await.is_err_and(|status| status.details().len() == 722)
                    ),
                    2 => check(
                        OpError::from(plain.call(Answer::Operr, number).await.expect_err("a failure")),
                        &errors,
                        number,
                    ),
                    _ => check(
                        OpError::from(of_layers.call(Answer::Operr, number).await.expect_err("a failure")),
                        &errors,
                        number,
                    ),
                }
            }
            *time = started.elapsed().as_secs_f64() * 1e6 / CALLS as f64;
        }
        // The first one warms up.
        if round > 0 {
            best.iter_mut().zip(times).for_each(|(best, time)| *best = best.min(time));
        }
    }
    for (who, time) in
        ["OK of the same size", "a prebuilt Status", "operr", "operr, with its layers"].into_iter().zip(best)
    {
        measure::tell("rpc", "a failing call", "TYPICAL", who, time, "us");
    }
}

fn check(error: OpError, errors: &[OpError], number: u32) {
    assert_eq!(error.code(), errors[number as usize].code());
}

#[derive(Clone)]
struct Raise {
    errors: Arc<[OpError]>,
    statuses: Arc<[Status]>,
    bytes: Arc<[Bytes]>,
}

struct Unary(Raise, Answer);

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl UnaryService<u32> for Unary {
    type Response = Bytes;
    type Future = std::future::Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<u32>) -> Self::Future {
        let number = request.into_inner() as usize;
        std::future::ready(match self.1 {
            Answer::Ok => Ok(Response::new(self.0.bytes[number].clone())),
            Answer::Prebuilt => Err(self.0.statuses[number].clone()),
            Answer::Operr => Err(self.0.errors[number].clone().into()),
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
        let answer = match request.uri().path() {
            "/raise/ok" => Answer::Ok,
            "/raise/prebuilt" => Answer::Prebuilt,
            _ => Answer::Operr,
        };
        let unary = Unary(self.clone(), answer);
        Box::pin(async move { Ok(Grpc::new(ProstCodec::<Bytes, u32>::default()).unary(unary, request).await) })
    }
}

async fn serve(errors: Arc<[OpError]>, has_layer: bool) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let bytes = errors.iter().map(|error| Bytes::copy_from_slice(&error.to_bytes())).collect();
    // As somebody without operr has them.
    let prebuilt = |error: &OpError| {
        let code = tonic::Code::from_i32(error.code().value());
        Status::with_details(code, error.message(), Bytes::copy_from_slice(&error.to_bytes()))
    };
    let statuses = errors.iter().map(prebuilt).collect();
    let raise = Raise { errors, statuses, bytes };
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    if has_layer {
        tokio::spawn(Server::builder().layer(ServerLayer::new()).add_service(raise).serve_with_incoming(incoming));
    } else {
        tokio::spawn(Server::builder().add_service(raise).serve_with_incoming(incoming));
    }
    Endpoint::from_shared(format!("http://{address}")).expect("an address")
}

async fn connect(endpoint: Endpoint) -> Channel {
    endpoint.connect().await.expect("a connection")
}

struct Caller<S>(tonic::client::Grpc<S>);

impl<S> Caller<S>
where
    S: GrpcService<Body>,
    S::Error: Into<StdError>,
    S::ResponseBody: tonic::transport::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as tonic::transport::Body>::Error: Into<StdError> + Send,
{
    fn new(channel: S) -> Self {
        Caller(tonic::client::Grpc::new(channel))
    }

    async fn call(&mut self, answer: Answer, number: u32) -> Result<Bytes, Status> {
        self.0.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let method = match answer {
            Answer::Ok => "/raise/ok",
            Answer::Prebuilt => "/raise/prebuilt",
            Answer::Operr => "/raise/operr",
        };
        let path = http::uri::PathAndQuery::from_static(method);
        self.0.unary(Request::new(number), path, ProstCodec::default()).await.map(Response::into_inner)
    }
}

/// How many different ones there are.
const ERRORS: usize = 1_000;
/// How many calls a turn has.
const CALLS: usize = 50;
