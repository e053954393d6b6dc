//! What real TensorFlow wrote: `tests/golden/`.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn list(name: &str) -> Vec<Value> {
    serde_json::from_slice(&bytes(name)).unwrap()
}

pub(crate) fn hex(text: &str) -> Bytes {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The bytes in the field `name`, which holds hex; `None` if it is null or absent.
pub(crate) fn hex_field(vector: &Value, name: &str) -> Option<Bytes> {
    vector[name].as_str().map(hex)
}
