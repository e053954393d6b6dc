//! Between the languages, in both directions: `cargo xtask test` runs these.
//!
//! The cases are made in both, by the rules of their own: here, and in `crates/operr-python/tests/grpc_service.py`.
#![allow(missing_docs, reason = "tests")]

mod peers;

use bytes::Bytes;
use operr::grpc::{CallExt as _, Client};
use operr::pb::google::rpc::RetryInfo;
use operr::pb::tensorflow::attr_value::Value as Attribute;
use operr::pb::tensorflow::tensor_shape_proto::Dim;
use operr::pb::tensorflow::{AttrValue, DataType, NodeDef, TensorShapeProto};
use operr::{Code, Frame, OpError, Operation};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};

use peers::service::{Cases, MESSAGES, call};
use peers::{MINUTE, Python, hex};

const PEER: &str = "crates/operr-python/tests/peer.py";
const METHODS: [&str; 3] = ["Unary", "StreamBefore", "StreamMid"];

fn python(arguments: &[&str]) -> Python {
    Python::start("OPERR_PYTHON", PEER, arguments)
}

/// The sixteen codes and 77, each with nothing else, a node, an op, payloads and causes.
fn cases() -> Vec<OpError> {
    let codes = Code::errors().chain([Code::new(77)]);
    let shapes = [|error| error, with_node, with_op, with_payloads, with_causes];
    let each = codes.flat_map(|code| shapes.map(|shape| (code, shape)));
    let made = each.enumerate().map(|(index, (code, shape))| {
        let shape: fn(OpError) -> OpError = shape;
        shape(OpError::new(code, format!("case {index}: grün 100%\n")))
    });
    made.collect()
}

fn with_node(error: OpError) -> OpError {
    let value = |value| AttrValue { value: Some(value) };
    let shape = TensorShapeProto { dim: vec![Dim { size: -1, ..Dim::default() }], ..TensorShapeProto::default() };
    error.with_node_def(NodeDef {
        name: "model/MatMul".into(),
        op: "MatMul".into(),
        input: vec!["x".into(), "w:1".into()],
        attr: [
            ("T".to_owned(), value(Attribute::Type(DataType::DtFloat.into()))),
            ("shape".to_owned(), value(Attribute::Shape(shape))),
            ("transpose_a".to_owned(), value(Attribute::B(true))),
        ]
        .into(),
        ..NodeDef::default()
    })
}

fn with_op(error: OpError) -> OpError {
    let frame = |file: &str, line, column, function: &str, code: &str| Frame {
        column,
        ..Frame::new(file, line, function).with_code(code)
    };
    let frames = [frame("train.py", 10, 4, "<module>", "main()"), frame("model.py", 20, 8, "build", "y = x @ w")];
    let original = Operation::new("model/MatMul", "MatMul");
    error.with_op(&Operation::new("gradients/MatMul", "MatMul").with_traceback(frames).with_original(original))
}

fn with_payloads(error: OpError) -> OpError {
    error.with_payload("type.googleapis.com/a.B", &b"\xff\xfe\x00"[..]).with_payload("no-slash", "")
}

fn with_causes(error: OpError) -> OpError {
    let deep = OpError::new(Code::NOT_FOUND, "deep");
    let below = OpError::new(Code::ABORTED, "below").with_payload("a/b", &b"\x80"[..]).with_cause(deep);
    error.with_note("a note").with_cause(OpError::new(Code::new(77), "first")).with_cause(below)
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn both_languages_make_the_same_bytes() {
    let output = python(&["cases"]).output(MINUTE).await;
    let theirs: Vec<Bytes> = output.lines().map(hex).collect();
    let ours: Vec<Bytes> = cases().iter().map(OpError::to_bytes).collect();
    assert_eq!(ours.len(), 17 * 5);
    assert_eq!(theirs, ours);
}

/// The sixteen codes and 77, each with nothing else, what the server says about the next try, and causes.
fn verdicts() -> Vec<OpError> {
    let info = |nanos| RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 1, nanos }) };
    let all = Code::errors().chain([Code::new(77)]).flat_map(|code| {
        let error = OpError::new(code, "m");
        let again = OpError::new(Code::UNAVAILABLE, "below").with_detail(&info(0));
        [
            error.clone(),
            error.clone().with_detail(&info(500_000_000)),
            error.clone().with_pushback("250"),
            error.clone().with_pushback("no"),
            error.clone().with_pushback("-1").with_detail(&info(0)),
            error.clone().with_detail(&info(-1)),
            error.with_cause(again),
        ]
    });
    all.collect()
}

/// A server in this process, by its address.
async fn serve(cases: fn() -> Vec<OpError>) -> (String, JoinHandle<Result<(), tonic::transport::Error>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap().to_string();
    let server = Server::builder()
        .add_service(Cases::new(move |index| cases().swap_remove(index)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    (target, tokio::spawn(server))
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn every_verdict_is_the_same_in_both_and_after_both() {
    let (target, server) = serve(verdicts).await;
    for kind in ["sync", "aio"] {
        // In Python.
        let count = verdicts().len().to_string();
        let output = python(&["verdicts", kind, &target, &count]).output(MINUTE).await;
        let expected: Vec<_> = verdicts().iter().map(|error| error.retry().to_string()).collect();
        assert_eq!(output.lines().collect::<Vec<_>>(), expected, "{kind}");
        // From Rust through Python to Rust.
        let mut relay = python(&["relay", kind, &target]);
        let relay = format!("http://{}", relay.line().await);
        let channel = Client::connect(Endpoint::from_shared(relay).unwrap()).await.unwrap();
        for method in METHODS {
            for (index, sent) in verdicts().into_iter().enumerate() {
                let (_, status) = call(channel.clone(), method, index).await;
                let caught = Err::<(), _>(status).op_error().unwrap_err();
                assert_eq!(caught, sent);
                assert_eq!(caught.retry(), sent.retry(), "{kind} {method} {sent:?}");
            }
        }
    }
    server.abort();
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn what_rust_raises_python_catches() {
    let (target, server) = serve(cases).await;
    for client in ["sync", "aio"] {
        let output = python(&[&["call", client, &target][..], &METHODS].concat()).output(MINUTE).await;
        let mut told = output.lines();
        for method in METHODS {
            for (index, error) in cases().iter().enumerate() {
                let responses = if method == "StreamMid" { MESSAGES.len() } else { 0 };
                let class = error.code().class_name().unwrap_or("UnknownError");
                let bytes: String = error.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
                let expected = format!("{method} {index} {responses} {class} {bytes}");
                assert_eq!(told.next().unwrap_or("nothing more"), expected, "{client}");
            }
        }
        assert_eq!(told.next(), None);
    }
    server.abort();
}

#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn what_python_raises_rust_catches() {
    for server in ["sync", "aio"] {
        let mut server = python(&["serve", server]);
        let target = format!("http://{}", server.line().await);
        let channel = Client::connect(Endpoint::from_shared(target.clone()).unwrap()).await.unwrap();
        for method in METHODS {
            for (index, sent) in cases().into_iter().enumerate() {
                let (responses, status) = call(channel.clone(), method, index).await;
                let caught = Err::<(), _>(status).op_error().unwrap_err();
                assert!(caught.is_remote());
                assert_eq!(caught, sent);
                assert_eq!(caught.to_bytes(), sent.to_bytes());
                assert_eq!(caught.causes(), sent.causes());
                assert_eq!(responses, if method == "StreamMid" { &MESSAGES[..] } else { &[] });
            }
        }
        // Without operr on this side, by tonic and its types.
        let channel = Endpoint::from_shared(target).unwrap().connect().await.unwrap();
        for (index, sent) in cases().into_iter().enumerate() {
            let (_, status) = call(channel.clone(), "Unary", index).await;
            assert_eq!(Code::new(status.code() as i32), sent.code().grpc_status());
            assert_eq!(status.message(), sent.message());
            let details = tonic_types::pb::Status::decode(status.details()).unwrap();
            assert_eq!((details.code, &*details.message), (sent.code().value(), sent.message()));
            for (url, value) in sent.payloads().iter() {
                assert!(details.details.iter().any(|detail| detail.type_url == url && detail.value == value));
            }
        }
    }
}
