//! The trailers of real TensorFlow servers.

use std::collections::BTreeMap;

use base64::Engine as _;
use bytes::Bytes;
use operr::{Code, Container, OpError};
use serde_json::Value;

use crate::golden::{self, hex_field};

fn read(vector: &Value) -> OpError {
    let code = Code::new(vector["grpc_status"].as_i64().unwrap() as i32);
    let message = Bytes::from(vector["grpc_message"].as_str().unwrap_or_default().to_owned());
    OpError::from_status(code, message, hex_field(vector, "details_bin_hex").unwrap_or_default())
}

#[test]
fn decode_to_what_tensorflow_decoded() {
    let vectors = golden::list("wire_vectors.json");
    assert!(vectors.len() >= 45);
    for vector in &vectors {
        let error = read(vector);
        assert_eq!(error.code().value(), vector["grpc_status"].as_i64().unwrap() as i32, "{vector}");
        assert_eq!(error.message(), vector["grpc_message"].as_str().unwrap_or_default(), "{vector}");
        let expected: BTreeMap<String, Bytes> = match vector["payloads_hex"].as_object() {
            Some(payloads) => {
                payloads.iter().map(|(url, value)| (url.clone(), golden::hex(value.as_str().unwrap()))).collect()
            }
            None => BTreeMap::new(),
        };
        let payloads: BTreeMap<_, _> = error.payloads().iter().map(|(url, value)| (url.to_owned(), value)).collect();
        assert_eq!(payloads, expected, "{vector}");
        assert_eq!(error.omitted(), None, "{vector}");
        assert!(error.node_def().is_none() && error.causes().is_empty(), "{vector}");
    }
}

#[test]
fn encode_to_the_same_bytes() {
    let mut with_details = 0;
    for vector in golden::list("wire_vectors.json") {
        let details = hex_field(&vector, "details_bin_hex").unwrap_or_default();
        with_details += usize::from(!details.is_empty());
        let error = read(&vector);
        assert_eq!(error.to_details(Container::TensorFlow), details, "{vector}");
        if let Some(sent) = vector["details_bin_base64_unpadded"].as_str() {
            let encoded =
                base64::engine::general_purpose::STANDARD_NO_PAD.encode(error.to_details(Container::TensorFlow));
            assert_eq!(encoded, sent, "{vector}");
        }

        // Through our own bytes and back into a container, too.
        let again = OpError::from_bytes(error.to_bytes()).unwrap();
        assert_eq!(again, error);
        assert_eq!(again.to_details(Container::TensorFlow), details, "{vector}");
    }
    assert!(with_details >= 15, "only {with_details} vectors have details");
}

#[test]
fn a_bare_container_is_unknown_and_keeps_its_bytes() {
    for vector in golden::list("wire_vectors.json") {
        let Some(details) = hex_field(&vector, "details_bin_hex") else { continue };
        let error = OpError::from_bytes(details.clone()).unwrap();
        assert_eq!((error.code(), error.message()), (Code::UNKNOWN, ""));
        assert_eq!(error.to_bytes(), details);
        assert_eq!(error.to_details(Container::TensorFlow), details);
        let as_status = OpError::from_bytes(error.to_details(Container::Status)).unwrap();
        assert_eq!(as_status.code(), Code::UNKNOWN);
        let urls = |error: &OpError| error.payloads().iter().map(|(url, _)| url.to_owned()).collect::<Vec<_>>();
        assert_eq!(urls(&as_status), urls(&error));
    }
}
