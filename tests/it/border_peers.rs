//! What comes to a border in other ways than by a handler's `?`: from peers in mid-stream, wrapped, cloned, from services
//! and layers that fail themselves.

use std::error::Error;
use std::fmt;
use std::task::{Context, Poll};

use operr::grpc::{CallExt as _, Client, SendOptions, ServerLayer, View};
use operr::pb::google::rpc::{RequestInfo, RetryInfo};
use operr::{Budget, Code, Container, NotFoundError, OpError, ResultExt as _, Retry};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Status};
use tower::{Layer as _, service_fn};

use crate::border::{Observed, fail};
use crate::planted::{SECRET, has};
use crate::raise::{METHODS, Raise, received, serve, trailers};
use crate::tonic_calls::{BoxFuture, Caller};

fn theirs() -> OpError {
    OpError::from(NotFoundError::new("SECRET")).with_payload("SECRET", "SECRET")
}

/// What a client of ours gets of a peer that fails behind a message, with metadata or plainly.
async fn of_mid_stream(is_plain: bool) -> Status {
    let peer = Raise::new(move || {
        if is_plain {
            return Status::not_found("SECRET");
        }
        let mut status = Status::from(theirs());
        status.metadata_mut().insert("x-peer", "SECRET".parse().unwrap());
        status
    });
    let mut grpc = tonic::client::Grpc::new(Client::connect(serve(None, &peer).await).await.unwrap());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<i32, String>::default();
    let call = grpc.server_streaming(Request::new(0), "/raise/1".parse().unwrap(), codec).await;
    let mut stream = call.unwrap().into_inner();
    stream.next().await.unwrap().unwrap();
    stream.next().await.unwrap().unwrap_err()
}

/// An error that is made around a Status, as `#[from] tonic::Status` makes it.
#[derive(Clone, Debug)]
struct Wrapped(Status);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SECRET")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn a_peers_status_from_the_middle_of_its_stream() {
    for is_plain in [false, true] {
        let status = of_mid_stream(is_plain).await;
        let error = OpError::from(status.clone());
        assert!(error.is_remote());
        assert!(error.metadata().is_none_or(|metadata| metadata.keys().count() == 1), "{:?}", error.metadata());
        for method in METHODS {
            // As it is, by `?`, wrapped; once made, or for each call anew.
            let (as_is, by_error) = (status.clone(), error.clone());
            let kept = Status::from(error.clone());
            let wrapped = Wrapped(status.clone());
            for (public, whole) in [
                fail(move || as_is.clone(), method).await,
                fail(move || by_error.clone().into(), method).await,
                fail(move || kept.clone(), method).await,
                fail(move || Status::from_error(Box::new(wrapped.clone())), method).await,
            ] {
                assert_eq!((public.code(), public.payloads().len()), (Code::INTERNAL, 1), "{method}");
                assert_eq!(whole.causes()[0].code(), Code::NOT_FOUND, "{method}");
            }
        }
    }
    let wrapped = Status::from_error(Box::new(Wrapped(of_mid_stream(false).await)));
    assert!(Err::<(), _>(wrapped).op_error().unwrap_err().is_remote());
}

#[tokio::test]
async fn layers_inside_that_lose_what_tonic_leaves() {
    for method in METHODS {
        for error in [theirs().into_remote(), Err::<(), _>(fmt::Error).or_code(Code::NOT_FOUND).unwrap_err()] {
            let is_remote = error.is_remote();
            let inner = Raise::new(move || error.clone().into());
            let inner = tower::util::MapResponse::new(inner, |mut response: http::Response<Body>| {
                *response.extensions_mut() = http::Extensions::default();
                response
            });
            let observed = Observed::default();
            let headers = trailers(observed.border().layer(inner), method).await;
            assert!(!has(format!("{headers:?}"), SECRET) && !has(received(&headers).to_bytes(), SECRET), "{method}");
            let expected = if is_remote { Code::INTERNAL } else { Code::NOT_FOUND };
            assert_eq!(received(&headers).code(), expected);
            assert_eq!(received(&headers).message(), expected.description().unwrap(), "{method}");
        }
    }
}

/// Nothing of it is left where there is a border; without one, what leaves says nothing.
#[tokio::test]
async fn the_mark_of_a_status() {
    let error = theirs().into_remote();
    for method in METHODS {
        let raise = Raise::new({
            let error = error.clone();
            move || error.clone().into()
        });
        let headers = trailers(raise.clone(), method).await;
        assert_eq!(headers["operr-local"].len(), 17);
        assert_eq!(received(&headers), error);
        assert!(received(&headers).metadata().is_none_or(|metadata| !metadata.contains_key("operr-local")));
        let headers = trailers(Observed::default().border().layer(raise.clone()), method).await;
        assert!(!headers.contains_key("operr-local"));
        // With layers between.
        let layer = ServerLayer::new().layer(ServerLayer::new().layer(raise));
        let headers = trailers(Observed::default().border().layer(layer), method).await;
        assert_eq!(received(&headers).code(), Code::INTERNAL);
        // A peer's mark is none here.
        let forged = Raise::new(|| {
            let mut status = Status::not_found("mine");
            status.metadata_mut().insert("operr-local", "0123456789abcdefp".parse().unwrap());
            status
        });
        let headers = trailers(Observed::default().border().layer(forged), method).await;
        assert_eq!((received(&headers).code(), received(&headers).message()), (Code::NOT_FOUND, "mine"));
        assert!(!headers.contains_key("operr-local"));
    }
}

/// A service that fails itself, as middleware does.
#[derive(Clone)]
struct Refuse(&'static str);

impl NamedService for Refuse {
    const NAME: &'static str = "raise";
}

impl tower::Service<http::Request<Body>> for Refuse {
    type Response = http::Response<Body>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<Result<http::Response<Body>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self.0 {
            "not ready" => Poll::Ready(Err(Box::new(theirs()))),
            "panics" => panic!("SECRET"),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        let error: Self::Error = match self.0 {
            "status" => Box::new(Status::from(theirs())),
            "wrapped" => Box::new(Wrapped(Status::internal("SECRET"))),
            "text" => "SECRET".into(),
            "body" => {
                let body = http_body_util::StreamBody::new(tokio_stream::once(
                    Err::<http_body::Frame<bytes::Bytes>, _>(Status::not_found("SECRET")),
                ));
                return Box::pin(async { Ok(http::Response::new(Body::new(body))) });
            }
            _ => Box::new(theirs()),
        };
        Box::pin(async move { Err(error) })
    }
}

#[tokio::test]
async fn services_that_fail_themselves() {
    for (kind, code) in [
        ("error", Code::NOT_FOUND),
        ("status", Code::NOT_FOUND),
        ("wrapped", Code::INTERNAL),
        ("text", Code::UNKNOWN),
        ("body", Code::NOT_FOUND),
        ("not ready", Code::NOT_FOUND),
        ("panics", Code::INTERNAL),
    ] {
        let observed = Observed::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = tower::layer::layer_fn(move |_| Refuse(kind));
        let server = Server::builder().layer(observed.border()).layer(inner).add_service(Raise::new(|| unreachable!()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let error = Caller::new(channel).unary("unary", Request::new(0)).await.op_error().unwrap_err();
        assert_eq!(error.code(), code, "{kind}");
        let whole = observed.take("unary");
        assert_eq!(error.correlation_id(), whole.correlation_id(), "{kind}");
        // That of a NOT_FOUND of the family is for the caller.
        if error.code() != Code::NOT_FOUND {
            assert!(!has(error.to_bytes(), SECRET), "{kind}");
        }
        assert!(has(format!("{whole:?}"), SECRET), "{kind}");
    }
    // Where it is no border, these pass as they are.
    let failed =
        tower::ServiceExt::oneshot(ServerLayer::new().layer(Refuse("text")), crate::raise::request("unary")).await;
    assert_eq!(failed.err().unwrap().to_string(), "SECRET");
    let ready = service_fn(|_: http::Request<Body>| async { Err::<http::Response<Body>, _>(Status::aborted("m")) });
    assert!(tower::ServiceExt::oneshot(ServerLayer::new().layer(ready), crate::raise::request("unary")).await.is_err());
}

#[tokio::test]
async fn a_stream_that_the_peer_resets() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let reasons = [h2::Reason::ENHANCE_YOUR_CALM, h2::Reason::INADEQUATE_SECURITY, h2::Reason::CANCEL];
    let peer = tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(socket).await.unwrap();
        for reason in reasons {
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            respond.send_reset(reason);
        }
        std::future::poll_fn(|context| connection.poll_closed(context)).await
    });
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    for reason in reasons {
        let error = Caller::new(channel.clone()).unary("unary", Request::new(0)).await.op_error().unwrap_err();
        assert!(error.is_remote(), "{reason:?}: {error}");
        assert_eq!(error.into_answer().code(), Code::INTERNAL);
    }
    peer.abort();
}

#[test]
fn what_is_known_here_is_known_of_each_form_of_an_error() {
    let large = |code| OpError::new(code, "SECRET").with_payload("a/b", vec![0; 20_000]);
    let forms = |error: OpError| {
        [
            error.fit(Budget::default(), Container::Status),
            error.fit(Budget::default(), Container::TensorFlow),
            error.detach(),
            error,
        ]
    };
    for error in forms(large(Code::UNAVAILABLE).with_pushback("-1").into_remote()) {
        assert!(error.is_remote());
        assert_eq!(error.retry(), Retry::Never);
    }
    let converted = Err::<(), _>(fmt::Error).or_code(Code::NOT_FOUND).unwrap_err().with_payload("a/b", vec![0; 20_000]);
    for error in forms(converted) {
        assert_eq!(error.public().message(), Code::NOT_FOUND.description().unwrap());
    }
}

/// Or all callers would hammer a peer that asked them not to.
#[test]
fn when_to_try_again_is_told_outside() {
    let theirs = OpError::new(Code::UNAVAILABLE, "SECRET").into_remote();
    let answer = |error: OpError| error.into_answer().public().retry();
    assert_eq!(answer(theirs.clone()), Retry::Backoff);
    assert_eq!(answer(theirs.clone().with_pushback("-1")), Retry::Never);
    let info = RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 7, nanos: 0 }) };
    assert_eq!(answer(theirs.with_detail(&info)).delay(), Some(std::time::Duration::from_secs(7)));
    let theirs = OpError::new(Code::INTERNAL, "SECRET").with_detail(&info).into_remote();
    assert_eq!(answer(theirs), Retry::IfIdempotent);
}

#[tokio::test]
async fn a_long_id_is_kept_longer_than_the_message() {
    let info = RequestInfo { request_id: "r".repeat(500), ..RequestInfo::default() };
    let error = OpError::from(NotFoundError::new("m".repeat(6_900)).with_detail(&info));
    for method in METHODS {
        let error = error.clone();
        let options = SendOptions::new().with_view(View::Public);
        let layer = ServerLayer::new().with_options(options).with_observer(|_, _| {});
        let headers = trailers(layer.layer(Raise::new(move || error.clone().into())), method).await;
        assert_eq!(received(&headers).correlation_id().unwrap().len(), 500);
    }
}
