//! Bytes that are no error: a clear failure with the position.

use bytes::Bytes;
use operr::{Code, OpError};

fn failure(bytes: &'static [u8]) -> (Option<usize>, String) {
    let failure = OpError::from_slice(bytes).expect_err(&format!("{bytes:02x?}"));
    (failure.position(), failure.to_string())
}

#[test]
fn failures_name_position_and_reason() {
    let cases: &[(&[u8], usize, &str)] = &[
        (b"\x08", 0, "the input ends in the middle of a field"),
        (b"\x08\x01\x12", 2, "the input ends in the middle of a field"),
        (b"\x08\x01\x12\x05abc", 2, "field 2 runs past the end: 5 bytes needed, 3 left"),
        (b"\x08\x01\x1a\x03\x0a\x05a", 4, "field 1 runs past the end: 5 bytes needed, 1 left"),
        (b"\x08\x01\x1a\x05\x0a\x03a\xffb", 4, "field 1 is not UTF-8"),
        (b"\x08\x01\x1a\x02\x08\x07", 4, "field 1 has the wrong wire type, expected a string"),
        (b"\x08\x01\x1a\x02\x10\x07", 4, "field 2 has the wrong wire type, expected bytes"),
        (b"\x0d\x01\x02\x03\x04", 0, "field 1 has the wrong wire type, expected a varint"),
        (b"\x08\x01\x0a\x00", 2, "field 1 has the wrong wire type, expected a varint"),
        (b"\x08\x01\x10\x07", 2, "field 2 has the wrong wire type, expected a string"),
        (b"\x08\x01\x18\x07", 2, "field 3 has the wrong wire type, expected a message"),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 0, "a varint is longer than 10 bytes"),
        (b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 0, "a varint is longer than 10 bytes"),
        (b"\x00\x01", 0, "the field number is 0"),
        (b"\x80\x80\x80\x80\x10\x01", 0, "the field number is 0 or above"),
        (b"\x0e", 0, "wire type 6 does not exist"),
        (b"\x08\x01\x4f", 2, "wire type 7 does not exist"),
        (b"\x0c", 0, "a group ends with field 1, which did not begin it"),
        (b"\x4b\x54", 1, "a group ends with field 10, which did not begin it"),
        (b"\x4b\x08\x01", 0, "the input ends in the middle of a field"),
        (b"\x49\x01\x02", 0, "field 9 runs past the end: 8 bytes needed, 2 left"),
    ];
    for (bytes, position, reason) in cases {
        let (at, text) = failure(bytes);
        assert_eq!(at, Some(*position), "{bytes:02x?}: {text}");
        assert!(text.starts_with(&format!("google.rpc.Status, byte {position}: ")), "{bytes:02x?}: {text}");
        assert!(text.contains(reason), "{bytes:02x?}: {text}");
        assert!(!text.contains('\n'));
    }
    let (_, text) = failure(b"\x0a\x02\x0a\x05");
    assert!(text.starts_with("tensorflow.distributed_runtime.GrpcPayloadContainer, byte 2: "), "{text}");
    let (_, text) = failure(b"\x0a\x00\x0d\x01\x02\x03\x04");
    assert!(text.contains("field 1 has the wrong wire type, expected a message"), "{text}");
}

#[test]
fn predicates_tell_failures_apart() {
    let truncated = OpError::from_slice(b"\x12\x05abc").unwrap_err();
    assert!(truncated.is_truncated() && !truncated.is_invalid_utf8() && !truncated.is_too_large());
    let utf8 = OpError::from_slice(b"\x1a\x03\x0a\x01\xff").unwrap_err();
    assert!(utf8.is_invalid_utf8() && !utf8.is_truncated());
    assert_eq!(format!("{truncated:?}"), format!("operr::Error({truncated})"));
    // Zeros that the system hands out without memory behind them; only the length is looked at.
    let large = OpError::from_bytes(vec![0; 1 << 31]).unwrap_err();
    assert!(large.is_too_large() && !large.is_truncated(), "{large}");
}

#[test]
fn text_and_base64_are_no_errors() {
    for text in ["not protobuf", "CAUSBWhlbGxv", "{\"code\": 5}"] {
        assert!(OpError::from_slice(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn groups_are_skipped_to_a_depth() {
    let nested = |depth: usize| [vec![0x4b; depth], vec![0x4c; depth]].concat();
    for depth in [1, 2, 100] {
        let bytes = Bytes::from([&b"\x08\x05"[..], &nested(depth)].concat());
        let error = OpError::from_bytes(bytes.clone()).unwrap();
        assert_eq!((error.code(), error.to_bytes()), (Code::NOT_FOUND, bytes));
    }
    let failure = OpError::from_bytes(nested(101)).unwrap_err();
    assert!(failure.to_string().contains("nested deeper than 100"), "{failure}");
    assert!(OpError::from_bytes(nested(1_000_000)).is_err());
}

#[test]
fn the_form_is_told_by_field_1() {
    let code = |bytes: &'static [u8]| OpError::from_slice(bytes).map(|error| error.code());
    assert_eq!(code(b"").unwrap(), Code::OK);
    assert_eq!(code(b"\x12\x01m").unwrap(), Code::OK);
    assert_eq!(code(b"\x4a\x01?").unwrap(), Code::OK);
    assert_eq!(code(b"\x0a\x00").unwrap(), Code::UNKNOWN);
    // Unknown fields of a container may have the numbers of a Status.
    assert_eq!(code(b"\x10\x01\x0a\x00\x18\x01").unwrap(), Code::UNKNOWN);
    // A varint anywhere makes it a Status, in which a LEN field 1 is wrong.
    assert!(code(b"\x0a\x00\x08\x01").is_err());
}
