//! What the tests share: logs in a folder of their own, and what is read of them.

use std::path::Path;

use operr::{Code, OpError};
use operr_log::{Corruption, Entry, Event, Logged, Reader, Writer};

/// Errors that differ, with something of all that there is.
pub(crate) fn errors(count: i32) -> Vec<OpError> {
    let error = |n: i32| {
        OpError::new(Code::new(1 + n % 16), format!("error {n}: grün"))
            .with_payload("example.com/n", n.to_string())
            .with_cause(OpError::new(Code::new(77), "below"))
    };
    (0..count).map(error).collect()
}

/// Writes them; gives the path of the file.
pub(crate) fn write(log: &Path, errors: &[OpError]) -> std::path::PathBuf {
    let writer = Writer::open(log).unwrap();
    for error in errors {
        writer.write(&Event::new(error)).unwrap();
    }
    writer.path().unwrap()
}

/// All records, and all that is none.
pub(crate) fn read(meant: &Path) -> (Vec<Logged>, Vec<Corruption>) {
    let (mut records, mut corruptions) = (Vec::new(), Vec::new());
    for entry in Reader::open([meant]).unwrap() {
        match entry.unwrap() {
            Entry::Record(logged) => records.push(logged),
            Entry::Corruption(corruption) => corruptions.push(corruption),
            other => panic!("{other:?}"),
        }
    }
    (records, corruptions)
}

pub(crate) fn errors_of(records: &[Logged]) -> Vec<OpError> {
    records.iter().map(|logged| logged.record.error().unwrap().unwrap()).collect()
}
