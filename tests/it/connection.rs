//! Connections that fail, on real sockets: `UNAVAILABLE`, with what was the matter as causes.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use operr::grpc::{CallExt as _, Client};
use operr::{Code, OpError, ResultExt as _, Retry};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status};

use crate::raise::{Raise, SECONDS};
use crate::tonic_calls::Caller;

/// What becomes of each connection that a server accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Peer {
    Closes,
    ClosesInMidCall,
    ResetsInMidCall,
    SaysGoaway(u8),
    SpeaksHttp1,
    SpeaksTls,
    SpeaksNonsense,
    ClosesBehindHeaders,
    GoawayBehindHeaders,
}

impl Peer {
    /// Serves until the test ends. Gives the address.
    async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(self.answer(socket));
            }
        });
        address
    }

    async fn answer(self, mut socket: TcpStream) {
        match self {
            Peer::Closes => {}
            Peer::SpeaksHttp1 => say(&mut socket, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await,
            // An alert: the protocol's version.
            Peer::SpeaksTls => say(&mut socket, b"\x15\x03\x03\x00\x02\x02\x46").await,
            Peer::SpeaksNonsense => say(&mut socket, &[b'?'; 100]).await,
            Peer::ClosesInMidCall => until_called(&mut socket).await,
            Peer::ResetsInMidCall => {
                until_called(&mut socket).await;
                socket.set_zero_linger().unwrap();
            }
            Peer::SaysGoaway(reason) => {
                until_called(&mut socket).await;
                say(&mut socket, &[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, reason]).await;
            }
            Peer::ClosesBehindHeaders | Peer::GoawayBehindHeaders => {
                let mut connection = h2::server::handshake(socket).await.unwrap();
                let (_request, mut respond) = connection.accept().await.unwrap().unwrap();
                let head = http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
                let mut stream = respond.send_response(head, false).unwrap();
                stream.send_data(Bytes::from_static(b"\0\0\0\0\x03\x0a\x01x"), false).unwrap();
                let sent = std::future::poll_fn(|context| connection.poll_closed(context));
                let _ = timeout(Duration::from_millis(100), sent).await;
                if self == Peer::GoawayBehindHeaders {
                    connection.abrupt_shutdown(h2::Reason::INTERNAL_ERROR);
                    let _ = std::future::poll_fn(|context| connection.poll_closed(context)).await;
                }
            }
        }
    }
}

/// Says so much, and waits until it is heard, or for a second.
async fn say(socket: &mut TcpStream, bytes: &[u8]) {
    let _ = socket.write_all(bytes).await;
    let _ = timeout(Duration::from_secs(1), async { while socket.read(&mut [0; 1_024]).await.is_ok_and(|n| n > 0) {} })
        .await;
}

/// Is a server of HTTP/2 until it has received a call.
async fn until_called(socket: &mut TcpStream) {
    socket.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let (mut buffer, mut received) = ([0; 4_096], 0);
    // The preface, the settings, and what a call has at the least.
    while received < 120 {
        received += socket.read(&mut buffer).await.unwrap();
    }
    sleep(Duration::from_millis(50)).await;
}

/// What a call fails with on such a connection.
async fn call(address: &str) -> Status {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut caller = Caller::new(Client::connect_lazy(endpoint));
    timeout(SECONDS, caller.unary("unary", Request::new(1))).await.expect("it ends").unwrap_err()
}

/// Fails unless the error is one of a failed connection, which has causes.
#[track_caller]
fn assert_unavailable(error: &OpError, retry: Retry) -> Vec<OpError> {
    assert_eq!(error.code(), Code::UNAVAILABLE, "{error:#}");
    assert!(!error.is_remote());
    assert_eq!(error.retry(), retry, "{error:#}");
    let causes: Vec<_> = std::iter::successors(error.causes().first(), |error| error.causes().first()).collect();
    assert!(!causes.is_empty(), "{error:#}");
    causes.into_iter().cloned().collect()
}

#[tokio::test]
async fn a_connection_that_is_lost_under_a_call() {
    for peer in [
        Peer::Closes,
        Peer::ClosesInMidCall,
        Peer::ResetsInMidCall,
        Peer::SaysGoaway(0),
        Peer::SaysGoaway(2),
        Peer::SaysGoaway(11),
        Peer::SpeaksHttp1,
        Peer::SpeaksTls,
        Peer::SpeaksNonsense,
        Peer::ClosesBehindHeaders,
        Peer::GoawayBehindHeaders,
    ] {
        let address = peer.serve().await;
        let status = call(&address).await;
        println!("{peer:?}: {:?} {:?}", status.code(), status.message());
        let error = Err::<(), _>(status).op_error().unwrap_err();
        // The call may have been served.
        let causes = assert_unavailable(&error, Retry::IfIdempotent);
        assert!(causes.iter().all(|cause| cause.code() != Code::OK));
        // tonic's own error is still there, and hyper's below it.
        let status = error.source().unwrap().downcast_ref::<Status>().unwrap();
        assert!(status.source().is_some());
        // As with `?` and context, and in each form of the error.
        let error = Err::<(), _>(call(&address).await).context("calling").unwrap_err();
        assert_unavailable(&error, Retry::IfIdempotent);
        assert_eq!(error.clone().detach().retry(), Retry::IfIdempotent);
        // Only here: who receives it knows no more than the code.
        assert_eq!(OpError::from_bytes(error.to_bytes()).unwrap().retry(), Retry::Backoff);
    }
}

#[tokio::test]
async fn a_stream_whose_connection_is_lost() {
    for peer in [Peer::ClosesBehindHeaders, Peer::GoawayBehindHeaders] {
        let endpoint = Endpoint::from_shared(format!("http://{}", peer.serve().await)).unwrap();
        let plain: Channel = endpoint.connect().await.unwrap();
        let (received, end) = timeout(SECONDS, Caller::new(plain).stream(0, 1)).await.unwrap();
        assert_eq!(received, 1);
        assert_unavailable(&end.op_error().unwrap_err(), Retry::IfIdempotent);
        let layered = Client::connect_lazy(endpoint);
        let (received, end) = timeout(SECONDS, Caller::new(layered).stream(0, 1)).await.unwrap();
        assert_eq!(received, 1);
        assert_unavailable(&OpError::from(end.unwrap_err()), Retry::IfIdempotent);
    }
}

#[tokio::test]
async fn no_connection_at_all() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = listener.local_addr().unwrap().to_string();
    drop(listener);
    for (address, kind) in [(&*refused, "refused"), ("no-such-host.invalid:1", "")] {
        let error = Err::<(), _>(call(address).await).op_error().unwrap_err();
        // Nothing was sent.
        let causes = assert_unavailable(&error, Retry::Backoff);
        let deepest = causes.last().unwrap();
        assert!(deepest.message().contains(kind), "{error:#}");
        if kind == "refused" {
            assert_eq!(deepest.code(), Code::UNAVAILABLE);
            assert_eq!(deepest.origin().unwrap().r#type, "std::io::Error");
        }

        // Before any call.
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let error = timeout(SECONDS, Client::connect(endpoint)).await.unwrap().context("connecting").unwrap_err();
        assert_unavailable(&error, Retry::Backoff);
        assert_eq!(error.origin().unwrap().r#type, "tonic::transport::error::Error");
        assert!(error.source().unwrap().is::<tonic::transport::Error>());
    }
    let no_uri = Endpoint::from_shared("no address").context("reading the address").unwrap_err();
    assert_eq!((no_uri.code(), no_uri.message()), (Code::INVALID_ARGUMENT, "invalid URI"));
    // A server that cannot listen.
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let raise = Raise::new(|| Status::ok(""));
    let served = Server::builder().add_service(raise).serve(taken.local_addr().unwrap()).await;
    assert_eq!(served.context("serving").unwrap_err().code(), Code::UNAVAILABLE);
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time() {
    // Its backlog is full: nobody accepts.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(timeout(Duration::from_millis(100), TcpStream::connect(address)).await);
    }
    assert!(waiting.last().unwrap().is_err(), "the backlog is not full");
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect_timeout(Duration::from_millis(100)).connect_lazy();
    let status = timeout(SECONDS, Caller::new(channel).unary("unary", Request::new(1))).await.unwrap().unwrap_err();
    assert_unavailable(&OpError::from(status), Retry::Backoff);
}

/// A timer of the server's, of the client's, and the caller's deadline.
#[tokio::test]
async fn timers_of_tonics_are_deadlines() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let raise = Raise::new(|| Status::ok(""));
    let server = Server::builder().timeout(Duration::from_millis(50)).add_service(raise.clone());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    for layered in [false, true] {
        let result = if layered {
            Caller::new(Client::connect(endpoint.clone()).await.unwrap()).unary("wait", Request::new(1)).await
        } else {
            Caller::new(endpoint.connect().await.unwrap()).unary("wait", Request::new(1)).await
        };
        let error = result.op_error().unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::DEADLINE_EXCEEDED, "Timeout expired"));
        assert!(error.is_remote());
        assert_eq!(error.retry(), Retry::IfIdempotent);
    }

    let endpoint = crate::raise::serve(None, &raise).await;
    let mut by_request = Request::new(1);
    by_request.set_timeout(Duration::from_millis(50));
    let by_endpoint = endpoint.clone().timeout(Duration::from_millis(50)).connect().await.unwrap();
    let channel = endpoint.connect().await.unwrap();
    for result in [
        Caller::new(channel).unary("wait", by_request).await,
        Caller::new(by_endpoint).unary("wait", Request::new(1)).await,
    ] {
        let error = result.op_error().unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::DEADLINE_EXCEEDED, "Timeout expired"));
    }
    assert_eq!(OpError::from_error(tonic::TimeoutExpired(())).code(), Code::DEADLINE_EXCEEDED);
}

/// A Status that somebody made of a failed connection says what he meant.
#[tokio::test]
async fn what_somebody_says_of_a_failed_connection_counts() {
    let endpoint = Endpoint::from_shared(format!("http://{}", Peer::Closes.serve().await)).unwrap();
    let status = Caller::new(endpoint.connect().await.unwrap()).unary("unary", Request::new(1)).await.unwrap_err();
    let mut told = Status::internal("the backend is down");
    told.set_source(std::sync::Arc::new(status));
    let error = OpError::from(told);
    assert_eq!((error.code(), error.message()), (Code::INTERNAL, "the backend is down"));
    assert_eq!(error.causes()[0].code(), Code::UNAVAILABLE);
    let refused = tonic::ConnectError("no".into());
    let mut told = Status::not_found("no such shard");
    told.set_source(std::sync::Arc::new(refused));
    assert_eq!(OpError::from(told).code(), Code::NOT_FOUND);
}
