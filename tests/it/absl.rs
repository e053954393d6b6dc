//! What absl and TensorFlow's errors.h do with a status, against their C++ library's own results.

use std::collections::BTreeMap;

use operr::{Code, NodeDef, OpError, Operation, pb};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::golden;
use crate::properties::any_error;

/// What a status of a vector says.
#[derive(PartialEq, Debug)]
pub(crate) struct Says {
    code: i64,
    message: Vec<u8>,
    is_derived: bool,
    payloads: BTreeMap<String, Vec<u8>>,
}

impl Says {
    pub(crate) fn of(error: &OpError) -> Says {
        Says {
            code: error.code().value().into(),
            message: error.message_bytes().to_vec(),
            is_derived: error.is_derived(),
            payloads: error.payloads().iter().map(|(url, value)| (url.to_owned(), value.to_vec())).collect(),
        }
    }

    pub(crate) fn of_vector(vector: &Value) -> Says {
        let payloads = vector["payloads"].as_object().unwrap();
        Says {
            code: vector["raw_code"].as_i64().unwrap(),
            message: vector["message"].as_str().unwrap().as_bytes().to_vec(),
            is_derived: vector["derived"].as_bool().unwrap(),
            payloads: payloads.iter().map(|(url, value)| (url.clone(), hex(value).to_vec())).collect(),
        }
    }
}

/// An error with the payloads in the order of a vector.
pub(crate) fn with_payloads(error: OpError, payloads: &Map<String, Value>) -> OpError {
    payloads.iter().fold(error, |error, (url, value)| error.with_payload(url, hex(value)))
}

fn hex(value: &Value) -> bytes::Bytes {
    golden::hex(value.as_str().unwrap())
}

/// The vectors of single statuses, by label.
fn singles() -> Vec<(String, Value)> {
    let all = golden::list("status_vectors.json").into_iter().filter(|vector| vector["to_string"].is_string());
    let labelled = all.map(|vector| (vector["label"].as_str().unwrap().to_owned(), vector));
    labelled.filter(|(label, _)| !label.contains(" | ")).collect()
}

fn made(label: &str) -> OpError {
    let new = |code, message: &str| OpError::new(Code::new(code), message);
    match label {
        "derived_of_derived" => new(1, "x").mark_derived().mark_derived(),
        "derived_ok" => new(0, "").mark_derived(),
        "derived_keeps_payload" => new(3, "x").with_payload("k", "v").mark_derived(),
        "empty_message" => new(13, ""),
        "payload_tostring" => {
            new(3, "m").with_payload("b", "").with_payload("type.googleapis.com/a", &b"\xff\x00'\"\\z\n"[..])
        }
        "ok_set_payload" => new(0, ""),
        "nul_message" => new(13, "a\0b"),
        "append_to_message" => new(3, "base").with_payload("k", "v").append_to_message("ctx 5"),
        code => new(code.strip_prefix("code_").unwrap().replace("neg", "-").parse().unwrap(), "m"),
    }
}

#[test]
fn every_status_is_absls() {
    let singles = singles();
    assert_eq!(singles.len(), 25);
    for (label, vector) in singles {
        let error = made(&label);
        assert_eq!(Says::of(&error), Says::of_vector(&vector), "{label}");
        // absl shuffles two payloads or more; so the vector's order is taken for the text.
        let code = Code::new(vector["raw_code"].as_i64().unwrap().try_into().unwrap());
        let ordered = OpError::new(code, vector["message"].as_str().unwrap());
        let ordered = with_payloads(ordered, vector["payloads"].as_object().unwrap());
        assert_eq!(ordered.absl_to_string(), vector["to_string"].as_str().unwrap().as_bytes(), "{label}");
    }
}

#[test]
fn a_digit_after_a_byte_in_hexadecimal_is_written_so_too() {
    let text = |value: &'static [u8]| {
        let error = OpError::new(Code::ABORTED, "").with_payload("k", value);
        String::from_utf8(error.absl_to_string()).unwrap()
    };
    assert_eq!(text(b"\xffA"), r"ABORTED:  [k='\xff\x41']");
    assert_eq!(text(b"\xffAg1"), r"ABORTED:  [k='\xff\x41g1']");
    assert_eq!(text(b"\xff\t1\x7f~"), r"ABORTED:  [k='\xff\t1\x7f~']");
}

#[test]
fn of_equal_keys_the_last_value_counts_at_the_first_place() {
    let error = OpError::new(Code::ABORTED, "m").with_payload("a", "1").with_payload("b", "2").with_payload("a", "3");
    assert_eq!(error.absl_to_string(), b"ABORTED: m [a='3'] [b='2']");
    // Node, op, causes and the like are none of absl's.
    let rich = error.clone().with_node_def(NodeDef::default()).with_op(&Operation::default()).with_note("n");
    assert_eq!(rich.with_cause(error.clone()).absl_to_string(), error.absl_to_string());
}

#[test]
fn a_number_without_a_name_stays_and_success_stays_success() {
    let odd = OpError::new(Code::new(77), "m").append_to_message("c");
    assert_eq!((odd.code(), odd.message()), (Code::new(77), "m\n\tc"));
    let ok = OpError::new(Code::OK, "m").with_payload("type.googleapis.com/tensorflow.DerivedStatus", "");
    assert_eq!(ok.clone().append_to_message("c"), ok);
    assert_eq!(ok.absl_to_string(), b"OK");
    assert!(!ok.is_derived());
    assert_eq!(OpError::new(Code::ABORTED, "m").append_to_message("").message(), "m\n\t");
}

#[test]
fn the_message_of_a_received_error_is_replaced_where_it_stands() {
    // Code, an unknown field, the message twice, another unknown field.
    let received = OpError::from_slice(b"\x08\x05\x48\x01\x12\x01a\x12\x01b\x50\x02\x1a\x03\x0a\x01k").unwrap();
    assert_eq!(received.message(), "b");
    let edited = received.append_to_message("c");
    assert_eq!(edited.to_bytes(), &b"\x08\x05\x48\x01\x12\x01a\x12\x04b\n\tc\x50\x02\x1a\x03\x0a\x01k"[..]);
    assert_eq!(edited.message(), "b\n\tc");
    let broken = OpError::from_slice(b"\x08\x05\x12\x01\xff").unwrap();
    assert_eq!(broken.message(), "\u{fffd}");
    let edited = broken.append_to_message(b"\xfe");
    assert_eq!((edited.message_bytes(), edited.message()), (&b"\xff\n\t\xfe"[..], "\u{fffd}\n\t\u{fffd}"));
    let without = OpError::from_slice(b"\x08\x05").unwrap();
    assert_eq!(without.append_to_message("c").to_bytes(), &b"\x08\x05\x12\x03\n\tc"[..]);
    let container = OpError::from_slice(b"\x0a\x03\x0a\x01k").unwrap();
    let edited = container.append_to_message("c");
    assert_eq!((edited.code(), edited.message()), (Code::UNKNOWN, "\n\tc"));
    assert!(edited.payloads().contains("k"));
    assert_eq!(OpError::from_bytes(edited.to_bytes()).unwrap(), edited);
}

#[test]
fn unavailable_is_replaced_by_internal_and_kept_as_its_cause() {
    let node = pb::tensorflow::NodeDef { name: "n".into(), ..Default::default() };
    let error = OpError::new(Code::UNAVAILABLE, "u")
        .with_node_def(node)
        .with_op(&Operation::new("n", "MatMul"))
        .with_payload("k", "v")
        .with_pushback("1000");
    let replaced = error.clone().replace_error_from_non_communication_ops("MatMul");
    assert_eq!(
        replaced.to_string(),
        "INTERNAL: u\nExecuting non-communication op <MatMul> originally returned UnavailableError, and was replaced \
         by InternalError to avoid invoking TF network error handling logic."
    );
    assert!(replaced.payloads().is_empty());
    assert_eq!((replaced.node_def(), replaced.op()), (error.node_def(), error.op()));
    assert_eq!(replaced.causes(), std::slice::from_ref(&error));
    assert_eq!(replaced.pushback(), None);
    assert!(!replaced.is_remote());
    // Its text is the peer's.
    assert!(error.into_remote().replace_error_from_non_communication_ops("MatMul").is_remote());
    let other = OpError::new(Code::ABORTED, "a");
    assert_eq!(other.clone().replace_error_from_non_communication_ops("MatMul"), other);
}

proptest! {
    #[test]
    fn an_appended_message_keeps_all_else(error in any_error(), context in vec(any::<u8>(), 0..20)) {
        let edited = error.clone().append_to_message(&context);
        if error.code() != Code::OK {
            let expected = [error.message_bytes(), b"\n\t", &context].concat();
            prop_assert_eq!(edited.message_bytes(), expected);
        }
        prop_assert_eq!(edited.code(), error.code());
        prop_assert_eq!(edited.causes(), error.causes());
        prop_assert_eq!(edited.node_def(), error.node_def());
        prop_assert_eq!(edited.payloads().iter().collect::<Vec<_>>(), error.payloads().iter().collect::<Vec<_>>());
        prop_assert_eq!(OpError::from_bytes(edited.to_bytes()).unwrap(), edited);
    }

    #[test]
    fn a_mark_adds_one_payload(error in any_error()) {
        let marked = error.clone().mark_derived();
        prop_assert_eq!(marked.is_derived(), error.code() != Code::OK);
        let added = usize::from(!error.is_derived() && error.code() != Code::OK);
        prop_assert_eq!(marked.payloads().len(), error.payloads().len() + added);
    }
}
