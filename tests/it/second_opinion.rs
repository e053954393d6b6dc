//! What we write is what others read: plain prost and tonic-types; and the reverse.

use std::collections::HashMap;

use operr::pb::tensorflow::StatusProto;
use operr::pb::tensorflow::distributed_runtime::GrpcPayloadContainer;
use operr::{Code, Container, NodeDef, OpError, Operation, pb};
use prost::{Message as _, Name as _};
use tonic_types::{ErrorDetails, StatusExt as _};

fn error() -> OpError {
    OpError::new(Code::RESOURCE_EXHAUSTED, "too much: é中")
        .with_node_def(NodeDef::from(pb::tensorflow::NodeDef {
            name: "n".into(),
            op: "MatMul".into(),
            ..Default::default()
        }))
        .with_op(&Operation::new("n", "MatMul"))
        .with_note("note")
        .with_payload("example.com/empty", "")
        .with_payload("no-slash", &b"\xff\x00"[..])
        .with_detail(&pb::google::rpc::ErrorInfo { reason: "R".into(), domain: "D".into(), ..Default::default() })
        .with_cause(OpError::new(Code::new(-1), "below"))
}

#[test]
fn parses_as_tonics_status() {
    let status = tonic_types::pb::Status::decode(error().to_bytes()).unwrap();
    assert_eq!((status.code, status.message.as_str()), (8, "too much: é中"));
    let urls: Vec<_> = status.details.iter().map(|any| any.type_url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "type.googleapis.com/tensorflow.NodeDef",
            "type.googleapis.com/operr.v1.Operation",
            "type.googleapis.com/operr.v1.Origin",
            "example.com/empty",
            "no-slash",
            "type.googleapis.com/google.rpc.ErrorInfo",
            "type.googleapis.com/google.rpc.Status",
        ]
    );
    assert_eq!(status.details[4].value, b"\xff\x00");
    let cause = tonic_types::pb::Status::decode(&status.details[6].value[..]).unwrap();
    assert_eq!((cause.code, cause.message.as_str()), (-1, "below"));
}

#[test]
fn parses_as_tensorflows_status_and_container() {
    let status = StatusProto::decode(error().to_bytes()).unwrap();
    assert_eq!((status.code, status.message.as_str()), (8, "too much: é中"));
    assert_eq!(status.payload["no-slash"], &b"\xff\x00"[..]);
    assert_eq!(status.payload.len(), 7);
    let container = GrpcPayloadContainer::decode(error().to_details(Container::TensorFlow)).unwrap();
    assert_eq!(container.payloads["example.com/empty"], "");
    assert!(container.payloads.contains_key("operr/cause/0/google.rpc.Status"));
    assert_eq!(container.payloads.len(), 7);
}

#[test]
fn reads_what_they_write() {
    // prost leaves out empty values and writes maps in its own way.
    let any = |url: &str, value: &[u8]| prost_types::Any { type_url: url.into(), value: value.to_vec() };
    let node = pb::tensorflow::NodeDef { name: "n".into(), ..Default::default() };
    let cause = tonic_types::pb::Status { code: -1, message: "below".into(), details: vec![] };
    let status = tonic_types::pb::Status {
        code: 8,
        message: "m".into(),
        details: vec![
            any("a", b""),
            any("x.org/tensorflow.NodeDef", &node.encode_to_vec()),
            any("type.googleapis.com/google.rpc.Status", &cause.encode_to_vec()),
        ],
    };
    let error = OpError::from_bytes(status.encode_to_vec()).unwrap();
    assert_eq!((error.code().value(), error.message()), (8, "m"));
    assert_eq!(error.payloads().iter().collect::<Vec<_>>(), [("a", "".into())]);
    assert_eq!(error.node_def().unwrap().decode().unwrap(), node);
    assert_eq!(error.causes()[0].code().value(), -1);
    assert_eq!(error.to_bytes(), status.encode_to_vec());

    let status = StatusProto { code: 1, message: "m".into(), payload: [("k".to_owned(), "v".into())].into() };
    let error = OpError::from_bytes(status.encode_to_vec()).unwrap();
    assert_eq!(error, OpError::new(Code::CANCELLED, "m").with_payload("k", "v"));

    let container =
        GrpcPayloadContainer { payloads: [("k".to_owned(), "v".into()), ("e".to_owned(), "".into())].into() };
    let error = OpError::from_status(Code::ABORTED, "m", container.encode_to_vec());
    assert_eq!(error.payloads().get("e").unwrap(), "");
    assert_eq!(error.to_details(Container::TensorFlow), container.encode_to_vec());
}

#[test]
fn tonic_types_reads_the_details_of_our_status() {
    let status = tonic::Status::from(error());
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("R", "D"));

    let mut details = ErrorDetails::new();
    details.set_error_info("R", "D", HashMap::from([("k".to_owned(), "v".to_owned())]));
    details.set_retry_info(Some(std::time::Duration::from_millis(1500)));
    let status = tonic::Status::with_error_details(tonic::Code::Unavailable, "later", details);
    let error = OpError::from(status);
    assert_eq!((error.code(), error.message()), (Code::UNAVAILABLE, "later"));
    assert_eq!(error.detail::<pb::google::rpc::ErrorInfo>().unwrap().unwrap().metadata["k"], "v");
    let delay = error.detail::<pb::google::rpc::RetryInfo>().unwrap().unwrap().retry_delay.unwrap();
    assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));
}

#[test]
fn type_urls_are_those_of_the_messages() {
    assert_eq!(pb::tensorflow::NodeDef::type_url(), "type.googleapis.com/tensorflow.NodeDef");
    assert_eq!(pb::operr::v1::Operation::type_url(), "type.googleapis.com/operr.v1.Operation");
    assert_eq!(pb::operr::v1::Origin::type_url(), "type.googleapis.com/operr.v1.Origin");
    assert_eq!(pb::operr::v1::Omitted::type_url(), "type.googleapis.com/operr.v1.Omitted");
    assert_eq!(pb::google::rpc::Status::type_url(), "type.googleapis.com/google.rpc.Status");
    let keys =
        OpError::new(Code::ABORTED, "").with_node_def(NodeDef::default()).with_op(&Operation::default()).with_note("");
    let keys = tonic_types::pb::Status::decode(keys.to_bytes()).unwrap().details;
    assert_eq!(keys[0].type_url, pb::tensorflow::NodeDef::type_url());
    assert_eq!(keys[1].type_url, pb::operr::v1::Operation::type_url());
    assert_eq!(keys[2].type_url, pb::operr::v1::Origin::type_url());
}
