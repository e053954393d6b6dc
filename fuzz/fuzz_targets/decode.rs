//! The scanner, the containers and the edit rule: any bytes are an error that says what prost reads and keeps them, or a
//! failure with a position.
#![no_main]

use std::collections::BTreeMap;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use operr::pb::google::rpc::Status;
use operr::pb::tensorflow::StatusProto;
use operr::{Code, Container, NodeDef, OpError, Operation, Origin};
use operr_fuzz::{Said, entry, fields, type_of};
use prost::Message as _;
use prost::encoding::WireType;

fuzz_target!(|data: &[u8]| {
    let said = Said::read(data);
    match OpError::from_slice(data) {
        Ok(error) => {
            assert_eq!(error.to_bytes(), data, "what is not edited is the same bytes");
            said.expect("it says something").assert_is(&error);
            look_into(&error);
            compare(data, &error);
            edit(data, &error);
        }
        Err(failure) => {
            assert!(said.is_none(), "{failure}");
            assert!(failure.position().is_some_and(|position| position <= data.len()));
            assert!(Status::decode(data).is_err(), "{failure}");
        }
    }

    // As a trailer's details, with code and message from the transport.
    for code in [0, 2, 5, 13, 77] {
        let error = OpError::from_status(Code::new(code), "m", Bytes::copy_from_slice(data));
        look_into(&error);
        assert_eq!(OpError::from_bytes(error.to_bytes()).expect("what was encoded decodes"), error);
        let container = error.to_details(Container::TensorFlow);
        let received = OpError::from_status(error.code(), error.message_bytes(), container);
        assert_eq!(received.causes(), error.causes(), "a container keeps the causes");
        assert_eq!(received.payloads().len(), error.payloads().len(), "and the payloads");
    }
});

fn look_into(error: &OpError) {
    let _ = (format!("{error:#}"), format!("{error:?}"), error.omitted(), error.op(), error.origin());
    if let Some(node) = error.node_def() {
        let _ = (node.name().is_ok(), node.decode().is_ok());
    }
    error.causes().iter().for_each(look_into);
}

/// Where prost reads it, all fields are the same.
fn compare(data: &[u8], error: &OpError) {
    if let Ok(status) = Status::decode(data) {
        let entries = status.details.into_iter().map(|any| (any.type_url, any.value.to_vec())).collect();
        Said { code: status.code, message: status.message.into_bytes(), entries }.assert_is(error);
    }
    // Its maps take any wire type for LEN.
    let is_map = |field: &operr_fuzz::Field<'_>| field.number != 3 || field.wire_type == WireType::LengthDelimited;
    if let Ok(status) = StatusProto::decode(data)
        && fields(data).is_some_and(|fields| fields.iter().all(is_map))
    {
        assert_eq!((error.code().value(), error.message()), (status.code, &*status.message));
        let payloads: BTreeMap<_, _> = error.payloads().iter().collect();
        let expected = status.payload.iter().map(|(key, value)| (&**key, value.clone()));
        let expected = expected.filter(|(key, _)| !operr_fuzz::RESERVED.contains(&type_of(key)));
        assert_eq!(payloads, expected.collect());
    }
}

/// An edit appends, or replaces one record; all others stay as they are.
fn edit(data: &[u8], error: &OpError) {
    let edited = error.clone().with_payload("added", "value").with_cause(error.clone());
    assert!(edited.to_bytes().starts_with(data), "an edit appends");
    let again = OpError::from_bytes(edited.to_bytes()).expect("what was encoded decodes");
    assert_eq!(again, edited);
    assert_eq!(again.payloads().get("added").as_deref(), Some(&b"value"[..]));
    assert_eq!(again.causes().len(), error.causes().len() + 1);

    let duration = prost_types::Duration { seconds: 1, nanos: 0 };
    for (name, edited) in [
        ("tensorflow.NodeDef", error.clone().with_node_def(NodeDef::from_bytes(&b"\x0a\x01n"[..]))),
        ("operr.v1.Operation", error.clone().with_op(&Operation::new("n", "T"))),
        ("operr.v1.Origin", error.clone().with_origin(&Origin::new("E"))),
        ("google.protobuf.Duration", error.clone().with_detail(&duration)),
    ] {
        let edited = edited.to_bytes();
        let (before, after) = (records(data), records(&edited));
        // Those of the type, by their places; the last one is replaced under its key, or one is added at the end.
        let place = before.iter().rposition(|(key, _)| key.as_deref().is_some_and(|key| type_of(key) == name));
        let place = place.unwrap_or(before.len());
        let (new_key, _) = after.get(place).expect("it is there");
        assert_eq!(type_of(new_key.as_deref().expect("it is an entry")), name);
        assert!(before.get(place).is_none_or(|(key, _)| key == new_key), "the spelling stays");
        let others = |records: &[(Option<String>, Vec<u8>)]| {
            records.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, it)| it.clone()).collect::<Vec<_>>()
        };
        assert_eq!(others(&before), others(&after), "{name}");
    }
}

/// The top-level records, with the keys of those that are entries.
fn records(message: &[u8]) -> Vec<(Option<String>, Vec<u8>)> {
    let is_container = operr_fuzz::is_container(message) == Some(true);
    let number = if is_container { 1 } else { 3 };
    let fields = fields(message).expect("it is a message").into_iter();
    let key = |field: &operr_fuzz::Field<'_>| entry(field).filter(|_| field.number == number).map(|(key, _)| key);
    fields.map(|field| (key(&field), field.record.to_vec())).collect()
}
