//! A peer that sends odd and hostile trailers: what tonic makes of them alone, and with the client layer.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::HeaderMap;
use http::header::HeaderValue;
use operr::grpc::{CallExt as _, Client};
use operr::{AbortedError, Code, NotFoundError, OpError};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";

/// Headers as bytes, in the order in which they are sent.
type Trailers = Vec<(&'static str, Vec<u8>)>;

/// Where in the response the trailers stand.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// In the only HEADERS frame.
    Only,
    /// Behind the headers, without a message.
    Behind,
    /// Behind one message.
    MidStream,
}

const PLACES: [Place; 3] = [Place::Only, Place::Behind, Place::MidStream];

/// A server by hand that answers each call with the same trailers, until the connection ends.
async fn peer(place: Place, trailers: Trailers) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let trailers = trailers.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(socket).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    let mut map = HeaderMap::new();
                    for (name, value) in &trailers {
                        map.append(*name, HeaderValue::from_bytes(value).unwrap());
                    }
                    let mut response = http::Response::new(());
                    response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
                    if place == Place::Only {
                        response.headers_mut().extend(map);
                        let _ = respond.send_response(response, true);
                        continue;
                    }
                    let Ok(mut stream) = respond.send_response(response, false) else { continue };
                    if place == Place::MidStream {
                        // An empty message, uncompressed.
                        let _ = stream.send_data(Bytes::from_static(&[0, 0, 0, 0, 0]), false);
                    }
                    let _ = stream.send_trailers(map);
                }
            });
        }
    });
    Endpoint::from_shared(format!("http://{address}")).unwrap()
}

/// What a call of a server stream ends with.
async fn call<S>(channel: S) -> Result<(), Status>
where
    S: tonic::client::GrpcService<Body>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = "/peer/Call".parse().unwrap();
    let stream = grpc.server_streaming(Request::new(()), path, ProstCodec::<(), ()>::default()).await;
    let mut stream = stream.map(Response::into_inner)?;
    while let Some(message) = stream.next().await {
        message?;
    }
    Ok(())
}

const SECONDS: Duration = Duration::from_secs(20);

/// What tonic alone makes of it; `None` if it panics.
async fn alone(endpoint: Endpoint) -> Option<Result<(), Status>> {
    let channel = endpoint.connect_lazy();
    let call = tokio::spawn(async move { tokio::time::timeout(SECONDS, call(channel)).await.unwrap() });
    match call.await {
        Ok(result) => Some(result),
        Err(failure) => {
            assert!(failure.is_panic());
            None
        }
    }
}

async fn with_layer(endpoint: Endpoint) -> Result<(), OpError> {
    let channel = Client::connect_lazy(endpoint);
    tokio::time::timeout(SECONDS, call(channel)).await.unwrap().op_error()
}

fn trailers(status: &str, message: &str, details: &[String]) -> Trailers {
    let mut trailers = vec![(STATUS, status.into())];
    if !message.is_empty() {
        trailers.push((MESSAGE, message.into()));
    }
    trailers.extend(details.iter().map(|details| (DETAILS, details.clone().into())));
    trailers
}

fn sent() -> OpError {
    AbortedError::new("m").with_payload("k", &b"\xfb\xff"[..]).with_cause(NotFoundError::new("c")).into()
}

/// The error that the trailers are with the layer, the same in each place; and whether tonic alone panics.
async fn cured(trailers: Trailers, panics: bool) -> OpError {
    let mut errors = Vec::new();
    for place in PLACES {
        let endpoint = peer(place, trailers.clone()).await;
        assert_eq!(alone(endpoint.clone()).await.is_none(), panics, "{place:?}: tonic alone");
        let error = with_layer(endpoint).await.unwrap_err();
        assert!(error.is_remote(), "{place:?}");
        errors.push(error);
    }
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    errors.pop().unwrap()
}

#[tokio::test]
async fn details_that_are_not_base64() {
    for text in ["!!!!", "A", "CAU=x", "\"quoted\"", "=", "ab cd"] {
        let error = cured(trailers("10", "m", &[text.into()]), true).await;
        assert_eq!((error.code(), error.message()), (Code::ABORTED, "m"), "{text}");
        assert_eq!(error.omitted().unwrap().unparsed, text, "{text}");
    }
}

#[tokio::test]
async fn details_in_another_spelling_of_base64() {
    let bytes = sent().to_bytes();
    assert_eq!(cured(trailers("10", "m", &[URL_SAFE_NO_PAD.encode(&bytes)]), true).await, sent());
    assert_eq!(cured(trailers("10", "m", &[STANDARD.encode(&bytes)]), false).await, sent());
    assert_eq!(cured(trailers("10", "m", &[STANDARD_NO_PAD.encode(&bytes)]), false).await, sent());
    // Bits behind the end of the data.
    let error = cured(trailers("5", "", &["CAV=".into()]), true).await;
    assert_eq!(error, NotFoundError::new("").into());
}

#[tokio::test]
async fn details_joined_with_a_comma() {
    let first = STANDARD_NO_PAD.encode(sent().to_bytes());
    let same = cured(trailers("10", "m", &[format!("{first},{first}")]), true).await;
    assert_eq!(same, sent());
    let other = cured(trailers("10", "m", &[format!("{first}, CAU")]), true).await;
    assert_eq!(other.omitted().unwrap().unparsed, "\x08\x05");
    assert_eq!((other.payloads().get("k"), other.causes()), (sent().payloads().get("k"), sent().causes()));
    let many = cured(trailers("10", "m", &[format!("{first},CAU,!!")]), true).await;
    assert_eq!(many.omitted().unwrap().unparsed, "CAU,!!");
}

/// The first wins, as in tonic; the other is not thrown away.
#[tokio::test]
async fn details_twice() {
    let first = STANDARD_NO_PAD.encode(sent().to_bytes());
    let error = cured(trailers("10", "m", &[first.clone(), "CAU".into()]), false).await;
    assert_eq!(error.omitted().unwrap().unparsed, "\x08\x05");
    assert_eq!(error.causes(), sent().causes());
    assert_eq!(cured(trailers("10", "m", &[first.clone(), first]), false).await, sent());
}

#[tokio::test]
async fn details_that_are_no_container() {
    let error = cured(trailers("10", "m", &[STANDARD.encode("garbage")]), false).await;
    assert_eq!((error.code(), error.message()), (Code::ABORTED, "m"));
    assert_eq!(error.omitted().unwrap().unparsed, "garbage");
}

#[tokio::test]
async fn details_that_disagree() {
    let error = cured(trailers("5", "other", &[STANDARD.encode(sent().to_bytes())]), false).await;
    assert_eq!((error.code(), error.message()), (Code::NOT_FOUND, "other"));
    assert_eq!(error.causes(), [sent()]);
}

#[tokio::test]
async fn a_message_that_is_not_utf8() {
    let text = "cut %C3%A9%C3 ... [truncated]";
    for place in PLACES {
        let endpoint = peer(place, trailers("3", text, &[])).await;
        let status = alone(endpoint).await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unknown, "{place:?}: tonic changed; a row of the table can go");
    }
    let error = cured(trailers("3", text, &[]), false).await;
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert_eq!(error.message_bytes(), b"cut \xc3\xa9\xc3 ... [truncated]");
    assert_eq!(error.message(), "cut é\u{fffd} ... [truncated]");

    // With a container of TensorFlow's beside it.
    let container = Bytes::from_static(b"\x0a\x06\x0a\x01k\x12\x01v");
    let error = cured(trailers("3", text, &[STANDARD.encode(&container)]), false).await;
    assert_eq!(error.message_bytes(), b"cut \xc3\xa9\xc3 ... [truncated]");
    assert_eq!(error.payloads().get("k").unwrap(), "v");
    assert_eq!(error.to_details(operr::Container::TensorFlow), container);
}

#[tokio::test]
async fn other_odd_messages() {
    for (sent, read) in [("100% %zz %4", "100% %zz %4"), ("ab%00cd", "ab\0cd"), ("é中", "é中"), ("%41", "A")] {
        let error = cured(trailers("3", sent, &[]), false).await;
        assert_eq!((error.code(), error.message()), (Code::INVALID_ARGUMENT, read));
    }
}

#[tokio::test]
async fn codes_that_grpc_lacks() {
    for (text, code) in [("20", 20), ("77", 77), ("99", 99), ("-1", -1), ("17", 17), ("2147483647", i32::MAX)] {
        let status = alone(peer(Place::Only, trailers(text, "m", &[])).await).await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unknown);
        let error = cured(trailers(text, "m", &[]), false).await;
        assert_eq!(error, OpError::new(Code::new(code), "m"));
        let details = [STANDARD_NO_PAD.encode(OpError::new(Code::new(code), "m").with_payload("k", "v").to_bytes())];
        let error = cured(trailers(text, "m", &details), false).await;
        assert_eq!(error, OpError::new(Code::new(code), "m").with_payload("k", "v"));
    }
    assert_eq!(cured(trailers("05", "m", &[]), false).await, NotFoundError::new("m").into());
}

#[tokio::test]
async fn a_status_that_is_no_number() {
    for text in ["abc", "2147483648", "1.5"] {
        let error = cured(trailers(text, "m", &[]), false).await;
        assert_eq!((error.code(), error.message()), (Code::UNKNOWN, "m"));
        assert_eq!(error.origin().unwrap().notes, [format!("grpc-status was {text:?}")]);
    }
}

/// tonic panics at the details of a success, too, and makes a failure of one whose message is not UTF-8.
#[tokio::test]
async fn a_success_with_odd_trailers() {
    for place in PLACES {
        let endpoint = peer(place, trailers("0", "fine", &["!!!!".into()])).await;
        assert!(alone(endpoint.clone()).await.is_none(), "{place:?}");
        with_layer(endpoint).await.unwrap();
        for (status, message) in [("0", "%FF"), ("00", "fine")] {
            let endpoint = peer(place, trailers(status, message, &[])).await;
            assert_eq!(alone(endpoint.clone()).await.unwrap().unwrap_err().code(), tonic::Code::Unknown, "{place:?}");
            with_layer(endpoint).await.unwrap();
        }
    }
}

/// Above 16 KiB tonic's client loses the details or the code, above 64 KiB the connection.
#[tokio::test]
async fn large_details() {
    for length in [10_000, 20_000, 40_000, 100_000, 500_000] {
        let error = sent().with_payload("large", vec![0xa5; length]);
        for place in PLACES {
            let endpoint = peer(place, trailers("10", "m", &[STANDARD_NO_PAD.encode(error.to_bytes())])).await;
            let alone = alone(endpoint.clone()).await.unwrap().op_error().unwrap_err();
            assert_eq!(alone == error, length == 10_000, "{length} {place:?}: tonic alone gives {alone}");
            assert_eq!(with_layer(endpoint).await.unwrap_err(), error, "{length} {place:?}");
        }
    }
}
