//! Canonical form, and the edit rule.

use bytes::Bytes;
use operr::pb::google::rpc::{ErrorInfo, RequestInfo};
use operr::{Code, Container, Frame, NodeDef, OpError, Operation, Origin};
use prost::Message as _;

/// A record with LEN fields, built from the inside out.
fn len(tag: u8, value: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = vec![tag];
    prost::encoding::encode_varint(value.as_ref().len() as u64, &mut out);
    out.extend_from_slice(value.as_ref());
    out
}

fn entry(key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    len(0x1a, [len(0x0a, key), len(0x12, value)].concat())
}

#[test]
fn the_canonical_order_does_not_depend_on_the_calls() {
    let op = Operation::new("n", "T").with_traceback([Frame::new("a.py", 1, "f")]);
    let cause = OpError::new(Code::ABORTED, "c");
    let error = OpError::new(Code::CANCELLED, "m")
        .with_cause(cause.clone())
        .with_payload("z", "1")
        .with_origin(&Origin::new("T"))
        .with_payload("a", "")
        .with_op(&op)
        .with_cause(OpError::new(Code::new(-1), ""))
        .with_node_def(NodeDef::from_bytes(&b"\x0a\x01n"[..]));
    let expected = [
        b"\x08\x01\x12\x01m".to_vec(),
        entry("type.googleapis.com/tensorflow.NodeDef", b"\x0a\x01n"),
        entry("type.googleapis.com/operr.v1.Operation", op.encode_to_vec()),
        entry("type.googleapis.com/operr.v1.Origin", b"\x0a\x01T"),
        entry("z", "1"),
        entry("a", ""),
        entry("type.googleapis.com/google.rpc.Status", b"\x08\x0a\x12\x01c"),
        entry("type.googleapis.com/google.rpc.Status", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    ];
    assert_eq!(error.to_bytes(), expected.concat());
}

#[test]
fn zero_and_empty_are_left_out_but_for_values() {
    assert_eq!(OpError::new(Code::OK, "").to_bytes(), "");
    assert_eq!(OpError::new(Code::OK, "m").to_bytes(), "\x12\x01m");
    assert_eq!(OpError::new(Code::CANCELLED, "").to_bytes(), "\x08\x01");
    assert_eq!(OpError::new(Code::OK, "").with_payload("", "").to_bytes(), "\x1a\x04\x0a\x00\x12\x00");
}

#[test]
fn setting_again_replaces_and_payloads_append() {
    let info = |reason: &str| ErrorInfo { reason: reason.into(), ..Default::default() };
    let error = OpError::new(Code::ABORTED, "m")
        .with_node_def(NodeDef::from_bytes("old"))
        .with_payload("k", "1")
        .with_detail(&info("A"))
        .with_node_def(NodeDef::from_bytes("new"))
        .with_detail(&RequestInfo::default())
        .with_detail(&info("B"))
        .with_payload("k", "2");
    assert_eq!(error.node_def().unwrap().as_bytes(), "new");
    assert_eq!(error.detail::<ErrorInfo>().unwrap().unwrap().reason, "B");
    let urls: Vec<_> = error.payloads().iter().map(|(url, _)| url).collect();
    assert_eq!(
        urls,
        ["k", "type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.RequestInfo", "k"]
    );
    assert_eq!(error.payloads().get("k").unwrap(), "2");
    assert_eq!(OpError::from_bytes(error.to_bytes()).unwrap(), error);
}

/// An envelope with odd spellings: fields twice, unknown ones, an over-long length, entries in no order.
fn odd() -> Bytes {
    [
        b"\x12\x03old\x08\x07\x4a\x02??".to_vec(),
        entry("k", "1"),
        len(0x1a, [len(0x12, "\x0a\x01n"), len(0x0a, "example.com/tensorflow.NodeDef"), b"\x28\x01".to_vec()].concat()),
        b"\x08\x85\x80\x80\x80\x70\x12\x81\x00m".to_vec(),
        entry("k", "2"),
        entry("type.googleapis.com/google.rpc.Status", "\x08\x0a"),
        b"\x51\x01\x02\x03\x04\x05\x06\x07\x08\x5b\x08\x01\x5c".to_vec(),
    ]
    .concat()
    .into()
}

#[test]
fn what_was_received_and_not_edited_is_the_same_bytes() {
    let error = OpError::from_bytes(odd()).unwrap();
    assert_eq!(error.to_bytes(), odd());
    assert_eq!((error.code(), error.message()), (Code::NOT_FOUND, "m"));
    assert_eq!(error.node_def().unwrap().name().unwrap(), "n");
    assert_eq!(error.payloads().get("k").unwrap(), "2");
    assert_eq!(error.causes(), [OpError::new(Code::ABORTED, "")]);
    assert_eq!(error.clone().detach(), error);
}

#[test]
fn an_edit_touches_its_own_record_only() {
    let error = OpError::from_bytes(odd()).unwrap();
    let appended = |error: &OpError| error.to_bytes().strip_prefix(&odd()[..]).map(<[u8]>::to_vec);

    let edited = error.clone().with_payload("k", "3");
    assert_eq!(appended(&edited), Some(entry("k", "3")));
    let edited = error.clone().with_cause(OpError::new(Code::CANCELLED, ""));
    assert_eq!(appended(&edited), Some(entry("type.googleapis.com/google.rpc.Status", "\x08\x01")));
    assert_eq!(edited.causes().len(), 2);
    let edited = error.clone().with_note("n");
    assert_eq!(appended(&edited), Some(entry("type.googleapis.com/operr.v1.Origin", "\x12\x01n")));

    // The node's record is replaced where it is, under the key that it came with.
    let edited = error.with_node_def(NodeDef::from_bytes("new")).to_bytes();
    let start = [&b"\x12\x03old\x08\x07\x4a\x02??"[..], &entry("k", "1")].concat();
    let expected = [start, entry("example.com/tensorflow.NodeDef", "new")].concat();
    assert!(edited.starts_with(&expected));
    assert!(odd().ends_with(&edited[expected.len()..]));
}

#[test]
fn a_note_keeps_what_is_unknown_in_the_origin() {
    let origin = b"\x0a\x01T\x7a\x03new";
    let received = OpError::from_bytes([&b"\x08\x01"[..], &entry("x/operr.v1.Origin", origin)].concat()).unwrap();
    let edited = received.with_note("n");
    let expected = [&b"\x08\x01"[..], &entry("x/operr.v1.Origin", b"\x0a\x01T\x7a\x03new\x12\x01n")].concat();
    assert_eq!(edited.to_bytes(), expected);
    assert_eq!(edited.origin().unwrap().notes, ["n"]);
}

#[test]
fn reserved_types_given_as_payloads_are_what_they_say() {
    let error = OpError::new(Code::INTERNAL, "m")
        .with_payload("type.googleapis.com/tensorflow.NodeDef", "\x0a\x01a")
        .with_payload("x/tensorflow.NodeDef", "\x0a\x01b")
        .with_payload("tensorflow.NodeDef", "no slash, no type")
        .with_payload("x/google.rpc.Status", "\x08\x01")
        .with_payload("x/google.rpc.Status", "\x08\x02");
    assert_eq!(error.node_def().unwrap().name().unwrap(), "b");
    assert_eq!(error.causes().len(), 2);
    let payloads: Vec<_> = error.payloads().iter().map(|(url, _)| url).collect();
    assert_eq!(payloads, ["tensorflow.NodeDef"]);
    assert_eq!(OpError::from_bytes(error.to_bytes()).unwrap(), error);
}

#[test]
fn causes_are_numbered_in_a_container_and_read_in_that_order() {
    let cause = |text: &str| OpError::new(Code::ABORTED, text);
    let error = OpError::new(Code::CANCELLED, "m").with_cause(cause("0")).with_cause(cause("1")).with_payload("k", "v");
    let container = error.to_details(Container::TensorFlow);
    let expected = [
        len(0x0a, [len(0x0a, "k"), len(0x12, "v")].concat()),
        len(0x0a, [len(0x0a, "operr/cause/0/google.rpc.Status"), len(0x12, "\x08\x0a\x12\x010")].concat()),
        len(0x0a, [len(0x0a, "operr/cause/1/google.rpc.Status"), len(0x12, "\x08\x0a\x12\x011")].concat()),
    ];
    assert_eq!(container, expected.concat());

    // TensorFlow shuffles.
    let shuffled = [&expected[2][..], &expected[1], &expected[0]].concat();
    let received = OpError::from_status(Code::CANCELLED, "m", shuffled.clone());
    assert_eq!(received.causes(), [cause("0"), cause("1")]);
    assert_eq!(received.payloads().get("k").unwrap(), "v");
    assert_eq!(received.to_details(Container::TensorFlow), shuffled);

    // One more goes behind them, in every form.
    let more = received.with_cause(cause("2"));
    assert_eq!(more.causes(), [cause("0"), cause("1"), cause("2")]);
    let again = OpError::from_status(Code::CANCELLED, "m", more.to_details(Container::TensorFlow));
    assert_eq!(again.causes(), more.causes());
    assert!(again.to_details(Container::TensorFlow).starts_with(&shuffled));
}

#[test]
fn a_first_cause_is_read_before_those_that_are_there() {
    let cause = |text: &str| OpError::new(Code::ABORTED, text);
    let built = OpError::new(Code::CANCELLED, "m").with_payload("k", "v");
    assert_eq!(built.clone().with_first_cause(cause("0")), built.clone().with_cause(cause("0")));
    let built = built.with_cause(cause("1")).with_cause(cause("2"));
    let expected = [cause("0"), cause("1"), cause("2")];
    assert_eq!(built.clone().with_first_cause(cause("0")).causes(), expected);

    // Received: all else stays where it is.
    let received = OpError::from_bytes([&built.to_bytes()[..], b"\x4a\x01?"].concat()).unwrap();
    let added = received.with_first_cause(cause("0"));
    assert_eq!(added.causes(), expected);
    assert_eq!(added.payloads().get("k").unwrap(), "v");
    assert!(added.to_bytes().ends_with(b"\x4a\x01?"));
    assert_eq!(OpError::from_bytes(added.to_bytes()).unwrap(), added);

    // Received in a container, whose keys have numbers, with fields of theirs that are unknown.
    let key = |number: u32| len(0x0a, format!("operr/cause/{number}/google.rpc.Status"));
    let entry = |number, text: &str, more: &[u8]| {
        len(0x0a, [&key(number), &len(0x12, cause(text).to_bytes())[..], more].concat())
    };
    let container = [entry(4, "2", b"\x4a\x01?"), entry(0, "1", b"")].concat();
    let received = OpError::from_status(Code::CANCELLED, "m", container);
    let added = received.with_first_cause(cause("0"));
    assert_eq!(added.causes(), expected);
    let container = added.to_details(Container::TensorFlow);
    assert_eq!(container, [entry(0, "0", b""), entry(5, "2", b"\x4a\x01?"), entry(1, "1", b"")].concat());

    // And in one that is alone.
    let bare = len(0x0a, [len(0x0a, "type.googleapis.com/google.rpc.Status"), len(0x12, "\x08\x0a")].concat());
    let added = OpError::from_bytes(bare).unwrap().with_first_cause(cause("0"));
    assert_eq!(added.causes(), [cause("0"), cause("")]);
    assert!(added.to_bytes().starts_with(&entry(0, "0", b"")));
}

#[test]
fn a_bare_container_stays_one_when_edited() {
    let container = Bytes::from([len(0x0a, [len(0x0a, "k"), len(0x12, "v")].concat()), b"\x4a\x01?".to_vec()].concat());
    let error = OpError::from_bytes(container.clone()).unwrap();
    assert_eq!(error.to_bytes(), container);
    let edited = error.clone().with_cause(OpError::new(Code::ABORTED, "")).with_payload("l", "");
    let expected = [
        len(0x0a, [len(0x0a, "operr/cause/0/google.rpc.Status"), len(0x12, "\x08\x0a")].concat()),
        len(0x0a, [len(0x0a, "l"), len(0x12, "")].concat()),
    ];
    assert_eq!(edited.to_bytes(), [&container[..], &expected.concat()].concat());
    assert_eq!(OpError::from_bytes(edited.to_bytes()).unwrap(), edited);

    // As a cause it is a Status, which is what its type says.
    let above = OpError::new(Code::INTERNAL, "").with_cause(error);
    assert_eq!(above.causes()[0].code(), Code::UNKNOWN);
    assert!(above.causes()[0].to_bytes().starts_with(b"\x08\x02\x1a"));
}

/// A map keeps one value a key, so keys must not be equal; found in review.
#[test]
fn causes_with_equal_numbers_are_numbered_anew() {
    let numbered = |number: &str, code: u8| entry(&format!("operr/cause/{number}/google.rpc.Status"), [0x08, code]);
    let plain = entry("type.googleapis.com/google.rpc.Status", [0x08, 9]);
    for entries in [
        vec![numbered("0", 1), numbered("0", 2), plain.clone(), numbered("7", 3)],
        vec![numbered("18446744073709551615", 1), numbered("4294967295", 2), plain.clone(), plain.clone()],
        vec![numbered("01", 1), numbered("1", 2)],
    ] {
        let count = entries.len();
        let error = OpError::from_bytes([b"\x08\x05".to_vec(), entries.concat()].concat()).unwrap();
        assert_eq!(error.causes().len(), count);
        let container = error.to_details(Container::TensorFlow);
        let map = operr::pb::tensorflow::distributed_runtime::GrpcPayloadContainer::decode(container.clone()).unwrap();
        assert_eq!(map.payloads.len(), count, "{map:?}");
        assert_eq!(OpError::from_status(Code::NOT_FOUND, "", container).causes(), error.causes());
    }
    let container = OpError::from_slice(b"\x0a\x06\x0a\x01k\x12\x01v").unwrap();
    let edited =
        container.with_payload("x/google.rpc.Status", "\x08\x01").with_payload("x/google.rpc.Status", "\x08\x02");
    let map = operr::pb::tensorflow::distributed_runtime::GrpcPayloadContainer::decode(edited.to_bytes()).unwrap();
    assert_eq!(map.payloads.len(), 3);
    assert_eq!(edited.causes().len(), 2);
}

/// A cause is a Status, also where a trailer's details might be a container.
#[test]
fn a_container_is_no_cause() {
    let error = OpError::new(Code::ABORTED, "m").with_payload("x/google.rpc.Status", "\x0a\x00");
    assert!(error.causes().is_empty());
    assert_eq!(error.omitted().unwrap().type_urls, ["x/google.rpc.Status"]);
}

/// Without an entry a container could not be told from a Status; found by fuzzing.
#[test]
fn unknown_fields_alone_are_declared_in_a_container() {
    let error = OpError::from_bytes(&b"\x08\x05\x4a\x02??"[..]).unwrap();
    let received = OpError::from_status(Code::NOT_FOUND, "", error.to_details(Container::TensorFlow));
    assert_eq!((received.code(), received.causes()), (Code::NOT_FOUND, &[][..]));
    assert_eq!(received.omitted().unwrap().bytes, 4);
    assert_eq!(OpError::new(Code::NOT_FOUND, "m").to_details(Container::TensorFlow), "");

    let with_entry = error.with_payload("k", "v");
    let received = OpError::from_status(Code::NOT_FOUND, "", with_entry.to_details(Container::TensorFlow));
    assert_eq!(received.omitted(), None);
    assert!(received.to_bytes().windows(4).any(|bytes| bytes == b"\x4a\x02??"));
}
