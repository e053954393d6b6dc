//! Against a real TensorFlow, in both directions: `cargo xtask test --tensorflow` runs these.
#![allow(missing_docs, reason = "tests")]

mod peers;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use operr::grpc::{CallExt as _, Client, SendOptions};
use operr::{Code, Container, NodeDef, OpError};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint, Server};

use peers::{Python, Raw, hex};

/// Starts a script of `tests/tensorflow`.
fn python(script: &str, argument: &str) -> Python {
    Python::start("OPERR_TENSORFLOW_PYTHON", &format!("tests/tensorflow/{script}"), &[argument])
}

async fn call(channel: &Client<Channel>, method: &str, request: Bytes) -> Result<Bytes, OpError> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let call = grpc.unary(tonic::Request::new(request), method.parse().unwrap(), Raw);
    let answer = tokio::time::timeout(Duration::from_secs(20), call).await.expect("the server does not answer");
    answer.op_error().map(tonic::Response::into_inner)
}

/// The captured requests that a worker answers without preparation, sent to one that runs now.
#[tokio::test]
#[ignore = "needs TensorFlow: cargo xtask test --tensorflow"]
async fn a_real_server_raises_what_was_captured() {
    const GOLDEN: &[u8] = include_bytes!("golden/wire_vectors.json");
    let mut worker = python("worker.py", "");
    let address = worker.line().await.replace("grpc://", "http://");
    let channel = Client::connect(Endpoint::from_shared(address).unwrap()).await.unwrap();

    let vectors: Vec<Value> = serde_json::from_slice(GOLDEN).unwrap();
    let mut with_payloads = 0;
    let without_preparation = |vector: &&Value| {
        vector["source"] == "peer_tf_server_out.json" || vector["label"].as_str().unwrap().starts_with("RecvTensor")
    };
    for vector in vectors.iter().filter(without_preparation) {
        let request = whole(hex(vector["request_hex"].as_str().unwrap()));
        let error = call(&channel, vector["method"].as_str().unwrap(), request).await.unwrap_err();
        assert!(error.is_remote());
        assert_eq!(error.code().value(), vector["grpc_status"].as_i64().unwrap() as i32, "{vector}: {error:?}");
        let captured = vector["grpc_message"].as_str().unwrap_or_default();
        assert_eq!(without_incarnations(error.message()), without_incarnations(captured), "{vector}: {error:?}");
        let payloads = vector["payloads_hex"].as_object().cloned().unwrap_or_default();
        assert_eq!(error.payloads().len(), payloads.len(), "{vector}: {error:?}");
        for (url, value) in &payloads {
            assert_eq!(error.payloads().get(url).unwrap(), hex(value.as_str().unwrap()));
        }
        assert_eq!(OpError::from_bytes(error.to_bytes()).unwrap(), error);
        with_payloads += usize::from(!payloads.is_empty());
    }
    assert!(with_payloads >= 2, "{with_payloads}");

    // A key of 4,000 bytes in a message of which TensorFlow sends 3,072, the last of them half a character.
    let key = "é".repeat(2_000);
    let request = [&b"\x08\x01\x12\xa0\x1f"[..], key.as_bytes()].concat();
    let error = call(&channel, "/tensorflow.WorkerService/RecvTensor", request.into()).await.unwrap_err();
    assert_eq!(error.code(), Code::INVALID_ARGUMENT);
    assert!(error.message_bytes().ends_with(b"\xc3\xa9\xc3 ... [truncated]"), "{error:?}");
    assert!(error.message().ends_with("é\u{fffd} ... [truncated]"), "{error:?}");
}

/// Long requests are captured by their first 300 bytes: a `RecvTensorRequest`, whose key goes on with its last character.
fn whole(request: Bytes) -> Bytes {
    if request.len() < 300 {
        return request;
    }
    let mut key = request.slice(3..);
    let length = prost::encoding::decode_varint(&mut key).unwrap() as usize;
    let last = std::str::from_utf8(&key).unwrap().chars().next_back().unwrap().to_string();
    let more = last.repeat((length - key.len()) / last.len());
    [&request, more.as_bytes()].concat().into()
}

/// A worker draws its incarnation, of many digits, anew at each start.
fn without_incarnations(message: &str) -> String {
    let is_incarnation = |word: &str| word.len() > 9 && word.bytes().all(|byte| byte.is_ascii_digit());
    message.split(['.', ' ']).map(|word| if is_incarnation(word) { "#" } else { word }).collect::<Vec<_>>().join(" ")
}

/// Answers every call with one error, and counts the calls.
#[derive(Clone)]
struct Answer(OpError, Arc<AtomicUsize>);

impl tower::Service<http::Request<Body>> for Answer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        self.1.fetch_add(1, Ordering::SeqCst);
        let options = SendOptions::new().with_container(Container::TensorFlow);
        std::future::ready(Ok(self.0.to_status(&options).into_http()))
    }
}

impl tonic::server::NamedService for Answer {
    const NAME: &'static str = "any";
}

/// A TensorFlow process connects to a server of ours and raises the class, with the payloads: each of the sixteen, after
/// one call. A number without a class is UNKNOWN to gRPC, and the container has no code.
#[tokio::test]
#[ignore = "needs TensorFlow: cargo xtask test --tensorflow"]
async fn a_real_client_raises_what_we_answer() {
    // It connects once in its life, so each code needs a process, which imports for seconds: two at a time.
    let odd = (1..=16).step_by(2).map(Code::new);
    let even = (2..=16).step_by(2).chain([77]).map(Code::new);
    tokio::join!(all_are_raised(odd), all_are_raised(even));
}

async fn all_are_raised(codes: impl Iterator<Item = Code>) {
    for code in codes {
        is_raised(code).await;
    }
}

async fn is_raised(code: Code) {
    let error = OpError::new(code, "from operr: é中")
        .with_node_def(NodeDef::from_bytes(&b"\x0a\x01n\x12\x06MatMul"[..]))
        .with_payload("type.googleapis.com/my.Payload", &b"\xff\xfe\x80tail"[..])
        .with_payload("https://example.com/k2", "ab")
        .with_cause(OpError::new(Code::ABORTED, "below"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Answer(error, Arc::default());
    let layer = answer.clone();
    let server = Server::builder()
        .layer(tower::layer::layer_fn(move |_| layer.clone()))
        .add_service(answer.clone())
        .serve_with_incoming(TcpListenerStream::new(listener));
    let server = tokio::spawn(server);

    let raised = python("connect.py", &address.to_string()).line().await;
    server.abort();
    let raised: Value = serde_json::from_str(&raised).unwrap_or_else(|_| panic!("{code}: {raised:?}"));
    let expected = if code.class_name().is_some() { code } else { Code::UNKNOWN };
    assert_eq!(raised["class"].as_str(), expected.class_name(), "{raised}");
    assert_eq!(raised["code"].as_i64(), Some(expected.value().into()), "{raised}");
    // What TensorFlow adds tells of the call.
    assert!(raised["message"].as_str().unwrap().starts_with("from operr: é中\nAdditional GRPC error"), "{raised}");
    let mut payloads = json!({
        "type.googleapis.com/my.Payload": "fffe807461696c",
        "https://example.com/k2": "6162",
        "type.googleapis.com/tensorflow.NodeDef": "0a016e12064d61744d756c",
        "operr/cause/0/google.rpc.Status": "080a120562656c6f77",
    });
    if code == Code::CANCELLED {
        // To TensorFlow, a call that was cancelled is the consequence of some other error.
        payloads["type.googleapis.com/tensorflow.DerivedStatus"] = "".into();
    }
    assert_eq!(raised["payloads"], payloads, "{raised}");
    assert_eq!(answer.1.load(Ordering::SeqCst), 1, "it has tried again: {raised}");
}
