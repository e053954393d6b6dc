//! Nodes: TensorFlow's vectors inside an error, and what is read of them.

use bytes::Bytes;
use operr::{Code, NodeDef, OpError, pb};

use crate::golden::{self, hex_field};

/// Each vector's bytes in each serialization that there is of it, and whether protobuf's upb reads them.
fn vectors() -> Vec<(String, Bytes, bool)> {
    let mut all = Vec::new();
    for vector in golden::list("nodedef_vectors.json") {
        let label = vector["label"].as_str().unwrap();
        for field in ["hex_plain", "hex_deterministic", "input_hex"] {
            if let Some(bytes) = hex_field(&vector, field) {
                all.push((format!("{label} {field}"), bytes, vector["ok"] != false));
            }
        }
    }
    assert!(all.len() > 80);
    all
}

#[test]
fn survive_inside_an_error_byte_for_byte() {
    for (label, bytes, _) in vectors() {
        let built =
            OpError::new(Code::INTERNAL, "m").with_node_def(NodeDef::from_bytes(bytes.clone())).with_payload("k", "v");
        let received = OpError::from_bytes(built.to_bytes()).unwrap();
        for error in [built, received.clone(), received.with_note("edited")] {
            assert_eq!(error.node_def().unwrap().as_bytes(), &bytes, "{label}");
        }
    }
}

#[test]
fn survive_next_to_unknown_fields_and_repeated_keys() {
    const URL: &str = "type.googleapis.com/tensorflow.NodeDef";
    for (label, bytes, _) in vectors() {
        // Field 9 of the envelope and field 5 of an entry are unknown; an older node stands in front.
        let mut status = b"\x08\x0d\x4a\x03new\x12\x01m".to_vec();
        for value in [&b"\x0a\x03old"[..], &bytes] {
            let mut entry = Vec::new();
            push(&mut entry, 0x0a, URL.as_bytes());
            entry.extend_from_slice(b"\x28\x07");
            push(&mut entry, 0x12, value);
            push(&mut status, 0x1a, &entry);
        }
        let status = Bytes::from(status);
        let error = OpError::from_bytes(status.clone()).unwrap();
        assert_eq!(error.node_def().unwrap().as_bytes(), &bytes, "{label}");
        assert_eq!(error.to_bytes(), status, "{label}");
        assert!(error.payloads().is_empty(), "{label}");

        let edited = error.with_payload("k", "v");
        assert!(edited.to_bytes().starts_with(&status), "{label}");
        assert_eq!(edited.node_def().unwrap().as_bytes(), &bytes, "{label}");
    }
}

fn push(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag);
    prost::encoding::encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

#[test]
fn read_as_tensorflow_reads_them() {
    let mut read = 0;
    for vector in golden::list("nodedef_vectors.json") {
        let Some(bytes) = hex_field(&vector, "hex_plain") else { continue };
        let node = NodeDef::from_bytes(bytes);
        assert_eq!(node.name().unwrap(), vector["name"], "{vector}");
        assert_eq!(node.op().unwrap(), vector["op"], "{vector}");
        assert_eq!(node.device().unwrap(), vector["device"], "{vector}");
        let decoded = node.decode().unwrap();
        assert_eq!(serde_json::json!(decoded.input), vector["input"], "{vector}");
        assert_eq!(serde_json::json!(decoded.attr.keys().collect::<Vec<_>>()), vector["attr_keys"], "{vector}");
        let deterministic = NodeDef::from_bytes(hex_field(&vector, "hex_deterministic").unwrap());
        assert_eq!(deterministic.decode().unwrap(), decoded, "{vector}");
        assert_eq!(NodeDef::from(decoded.clone()).as_bytes().len(), deterministic.as_bytes().len(), "{vector}");
        assert_eq!(NodeDef::from(decoded.clone()).decode().unwrap(), decoded, "{vector}");
        read += 1;
    }
    assert!(read >= 38, "{read}");
}

#[test]
fn what_protobuf_refuses_is_reported_when_looked_into() {
    let mut refused = 0;
    for (label, bytes, is_ok) in vectors() {
        if !is_ok {
            refused += 1;
            let error = OpError::new(Code::INTERNAL, "m").with_node_def(NodeDef::from_bytes(bytes));
            let node = error.node_def().unwrap();
            assert!(node.decode().is_err(), "{label}");
            assert!(node.name().is_err(), "{label}");
            assert!(format!("{error:?}").contains("cannot be read"), "{label}");
        }
    }
    assert!(refused >= 3, "{refused}");

    let error = OpError::new(Code::INTERNAL, "m").with_node_def(NodeDef::from_bytes(&b"\x0a\x05abc"[..]));
    let node = error.node_def().unwrap();
    let failure = node.name().unwrap_err();
    assert_eq!(failure.position(), Some(0));
    assert!(failure.is_truncated());
    assert_eq!(error.omitted().unwrap().type_urls, ["type.googleapis.com/tensorflow.NodeDef"]);
    assert_eq!((error.code(), error.message()), (Code::INTERNAL, "m"));
}

#[test]
fn names_are_read_without_attributes() {
    let mut node = pb::tensorflow::NodeDef {
        name: "n".into(),
        op: "MatMul".into(),
        device: "/cpu:0".into(),
        ..Default::default()
    };
    node.attr.insert("T".into(), Default::default());
    let mut bytes = NodeDef::from(node).into_bytes().to_vec();
    // An attribute that does not decode, behind the rest.
    bytes.extend_from_slice(b"\x2a\x02\x0a\x7f");
    let node = NodeDef::from_bytes(bytes);
    assert_eq!((node.name().unwrap(), node.op().unwrap(), node.device().unwrap()), ("n", "MatMul", "/cpu:0"));
    assert!(node.decode().is_err());
    assert_eq!(format!("{node:?}"), "\"n\" (MatMul) on /cpu:0");
}

/// prost reads 100 messages deep; name and op are read of deeper ones too.
#[test]
fn nested_functions_deeper_than_prost_reads() {
    let mut function = pb::tensorflow::NameAttrList::default();
    for _ in 0..40 {
        let value = pb::tensorflow::AttrValue { value: Some(pb::tensorflow::attr_value::Value::Func(function)) };
        function = pb::tensorflow::NameAttrList { name: "f".into(), attr: [("f".to_owned(), value)].into() };
    }
    let value = pb::tensorflow::AttrValue { value: Some(pb::tensorflow::attr_value::Value::Func(function)) };
    let node = pb::tensorflow::NodeDef {
        name: "while".into(),
        attr: [("body".to_owned(), value)].into(),
        ..Default::default()
    };
    let node = NodeDef::from(node);
    assert_eq!(node.name().unwrap(), "while");
    let failure = node.decode().unwrap_err();
    assert_eq!(failure.position(), None);
    assert!(failure.to_string().contains("recursion limit"), "{failure}");
}
