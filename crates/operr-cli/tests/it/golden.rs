//! Golden files: ours in `tests/golden/` here, TensorFlow's in that of the core.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;

/// Compares with `tests/golden/<name>.txt`; `UPDATE_GOLDEN=1` writes it, but not where `CI` is set.
#[track_caller]
pub(crate) fn check(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        assert!(std::env::var_os("CI").is_none(), "CI does not write golden files");
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(text, golden.replace("\r\n", "\n"), "{} is not what is printed; UPDATE_GOLDEN=1?", path.display());
}

/// The vectors that TensorFlow wrote.
pub(crate) fn vectors(name: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn hex(text: &str) -> Bytes {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
