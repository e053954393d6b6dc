//! Which answer wins: every row of the table.

use bytes::Bytes;
use operr::{Code, Container, OpError};

fn details(code: i32) -> OpError {
    OpError::new(Code::new(code), "in the details").with_payload("k", "v")
}

fn read(transport: i32, details: &OpError) -> OpError {
    OpError::from_status(Code::new(transport), "in the trailer", details.to_bytes())
}

#[test]
fn the_details_win_where_they_can_speak_for_the_transport() {
    for code in 1..=16 {
        assert_eq!(read(code, &details(code)), details(code));
    }
    for code in [77, -1, 20, 17, i32::MAX, i32::MIN] {
        assert_eq!(read(2, &details(code)), details(code), "folded to UNKNOWN");
        assert_eq!(read(code, &details(code)), details(code), "not folded");
    }
    assert_eq!(read(13, &details(0)), details(0));
}

#[test]
fn else_the_transport_wins_and_the_details_are_a_cause() {
    for (transport, inner) in [(5, 1), (2, 1), (13, 77), (14, 0), (2, 0), (0, 5), (77, 78), (8, 1)] {
        let error = read(transport, &details(inner));
        assert_eq!((error.code().value(), error.message()), (transport, "in the trailer"), "{transport} {inner}");
        assert_eq!(error.causes(), [details(inner)], "{transport} {inner}");
        assert!(error.payloads().is_empty() && error.omitted().is_none());
    }
}

#[test]
fn the_readers_own_limit_does_not_hide_the_error() {
    for message in [
        "received metadata size exceeds soft limit (16261 vs. 8192);  :status:42B",
        "received metadata size exceeds hard limit (20190 vs. 16384)",
        "Stream removed (received metadata size exceeds soft limit (9269 vs. 8192);  :status:42B)",
    ] {
        let read = |inner: &OpError| OpError::from_status(Code::RESOURCE_EXHAUSTED, message, inner.to_bytes());
        assert_eq!(read(&details(5)), details(5));
        assert_eq!(read(&details(77)), details(77));
        assert_eq!(read(&details(0)).code(), Code::RESOURCE_EXHAUSTED);
        let container =
            OpError::from_status(Code::RESOURCE_EXHAUSTED, message, details(5).to_details(Container::TensorFlow));
        assert_eq!(container.code(), Code::RESOURCE_EXHAUSTED);
        assert_eq!(container.payloads().get("k").unwrap(), "v");
    }
}

#[test]
fn no_details_are_code_and_message() {
    let error = OpError::from_status(Code::NOT_FOUND, "m", "");
    assert_eq!(error, OpError::new(Code::NOT_FOUND, "m"));
    assert_eq!(error.to_details(Container::TensorFlow), "");
}

#[test]
fn a_container_takes_code_and_message_from_the_transport() {
    let container = details(5).to_details(Container::TensorFlow);
    for code in [5, 16, 77, 0] {
        let error = OpError::from_status(Code::new(code), &b"m\xc3"[..], container.clone());
        assert_eq!(error.code().value(), code);
        assert_eq!(error.message(), "m\u{fffd}");
        assert_eq!(error.payloads().get("k").unwrap(), "v");
        assert_eq!(error.to_details(Container::TensorFlow), container);
        // What is sent on as a Status is the same error.
        assert_eq!(OpError::from_status(Code::new(code), &b"m\xc3"[..], error.to_bytes()), error);
    }
}

#[test]
fn details_that_do_not_parse_are_kept_whole() {
    for bytes in
        [&b"\xff\xff"[..], b"garbage", b"\x0a\x03\x0a\x01\xff", b"\x08\x05\x1a\x03\x0a\x01\xff", b"\x08\x05\x12\x07ab"]
    {
        let error = OpError::from_status(Code::ABORTED, "m", bytes);
        assert_eq!((error.code(), error.message()), (Code::ABORTED, "m"));
        assert_eq!(error.omitted().unwrap().unparsed, bytes);
        let relayed = OpError::from_bytes(error.to_bytes()).unwrap();
        assert_eq!(relayed.omitted().unwrap().unparsed, bytes);
    }
}

/// Fields of a container that would mean something else in a Status do not get a say there.
#[test]
fn odd_fields_of_a_container_are_kept_apart() {
    let entry = b"\x0a\x06\x0a\x01k\x12\x01v";
    let odd = b"\x12\x04evil\x1a\x02\x0a\x00";
    let unknown = b"\x4a\x02??";
    let container = Bytes::from([&entry[..], odd, unknown].concat());
    let error = OpError::from_status(Code::ABORTED, "m", container);
    assert_eq!((error.code(), error.message()), (Code::ABORTED, "m"));
    assert_eq!(error.payloads().iter().collect::<Vec<_>>(), [("k", Bytes::from("v"))]);
    assert_eq!(error.omitted().unwrap().unparsed, &odd[..]);
    let container = error.to_details(Container::TensorFlow);
    assert!(container.starts_with(&[&entry[..], unknown].concat()));
}

#[test]
fn a_message_is_kept_in_the_bytes_it_came_in() {
    let error = OpError::from_status(Code::INVALID_ARGUMENT, &b"cut \xc3 ... [truncated]"[..], "");
    assert_eq!(error.message(), "cut \u{fffd} ... [truncated]");
    assert_eq!(error.message_bytes(), b"cut \xc3 ... [truncated]");
    assert_eq!(OpError::from_bytes(error.to_bytes()).unwrap(), error);
}
