//! `operr log grep`: each filter, all together, and how it ends.

use std::fs;

use operr_log::pb::opentelemetry::proto::common::v1::{AnyValue, KeyValue, any_value};
use operr_log::pb::opentelemetry::proto::logs::v1::LogRecord;
use operr_log::{Entry, Reader};
use prost::Message as _;

use super::*;
use crate::folder;

#[test]
fn every_filter() {
    let log = sample(&folder("log-grep"));
    let log = log.to_str().unwrap();
    let all = print(&["cat", "--text", log]);
    let all: Vec<&str> = all.lines().collect();
    let uid = Reader::open([log]).unwrap().find_map(|entry| match entry.unwrap() {
        Entry::Record(logged) => Some(logged.record.text(operr_log::attributes::LOG_RECORD_UID)?.to_owned()),
        _ => None,
    });
    let (uid, trace) = (uid.unwrap(), "ab".repeat(16));
    let trace = trace.to_uppercase();
    // The cancelled enqueue, the lost shard, the lost queue, the odd one, the bad one, the cancelled dequeue.
    for (options, expected) in [
        (&["--code", "NOT_FOUND"][..], &[1, 2][..]),
        (&["--code", "not_found"], &[1, 2]),
        (&["--code", "5", "--code", "INTERNAL"], &[1, 2, 4]),
        (&["--code", "77"], &[3]),
        (&["--code", "-7"], &[]),
        (&["--class", "CancelledError"], &[0, 5]),
        (&["--class", "operr.CancelledError"], &[0, 5]),
        (&["--class", "NotFoundError"], &[2]),
        (&["--class", "KeyError"], &[1]),
        (&["--class", "builtins.KeyError", "--class", "OpError"], &[1, 3]),
        (&["--class", "Error"], &[]),
        (&["--class", ""], &[]),
        (&["--node", "scope/enq"], &[0]),
        (&["--node", "deq", "--node", "scope/enq"], &[0, 5]),
        (&["--node", "enq"], &[]),
        (&["--op", "QueueEnqueueV2"], &[0]),
        (&["--op", "MatMul"], &[3]),
        (&["--op", "model/dense/MatMul"], &[3]),
        (&["--op", "QueueDequeueV2", "--op", "scope/enq"], &[0, 5]),
        (&["--message", "no such (queue|shard)"], &[1, 2]),
        (&["--message", "^no such q"], &[2]),
        (&["--message", "(?i)DEQUEUE"], &[5]),
        (&["--message", "<ü>$"], &[2]),
        (&["--message", "-"], &[]),
        (&["--message", "node scope", "--message", "odd"], &[0, 3]),
        (&["--payload", "example.com/text"], &[0]),
        (&["--payload", "text"], &[0]),
        (&["--payload", "google.rpc.ErrorInfo"], &[0]),
        (&["--payload", "type.googleapis.com/google.rpc.ErrorInfo"], &[0]),
        (&["--payload", "ErrorInfo"], &[]),
        (&["--payload", "tensorflow.NodeDef"], &[0, 4, 5]),
        (&["--payload", "google.rpc.Status"], &[0, 4]),
        (&["--payload", "operr.v1.Omitted"], &[3]),
        (&["--service", "queue"], &[0, 1, 2, 3, 4, 5]),
        (&["--service", "que"], &[]),
        (&["--method", "operr.queue.v1.QueueService/Close"], &[2]),
        (&["--method", "/operr.queue.v1.QueueService/Close"], &[2]),
        (&["--method", "Enqueue"], &[0]),
        (&["--method", "queue"], &[]),
        (&["--id", ID], &[0]),
        (&["--id", &uid], &[0]),
        (&["--id", "01936d3a"], &[]),
        (&["--trace", &trace], &[0]),
        (&["--trace", "00000000000000000000000000000001"], &[]),
        (&["--since", "2026-11-21T16:00:00Z"], &[3, 4, 5]),
        (&["--until", "2026-11-21T15:04:06Z"], &[0]),
        (&[], &[0, 1, 2, 3, 4, 5]),
        // All must hold.
        (&["--code", "CANCELLED", "--since", "2026-11-21T16:00:00Z"], &[5]),
        (&["--code", "CANCELLED", "--op", "QueueEnqueueV2", "--message", "cancelled", "--id", ID], &[0]),
        (&["--code", "CANCELLED", "--op", "MatMul"], &[]),
        // But for the time, turned round.
        (&["--code", "CANCELLED", "--invert"], &[1, 2, 3, 4]),
        (&["--code", "CANCELLED", "--op", "QueueEnqueueV2", "-v"], &[1, 2, 3, 4, 5]),
        (&["--code", "CANCELLED", "-v", "--until", "2026-11-21T15:04:07Z"], &[1]),
        (&["-v"], &[]),
    ] {
        let expected: Vec<&str> = expected.iter().map(|&index: &usize| all[index]).collect();
        let status = i32::from(expected.is_empty());
        let (printed, ended, said) = run(&[&["grep", "--text", log], options].concat(), b"");
        assert_eq!((printed.lines().collect::<Vec<_>>(), ended, &*said), (expected.clone(), status, ""), "{options:?}");
        let (printed, ended, _) = run(&[&["grep", "--count", log], options].concat(), b"");
        assert_eq!((printed, ended), (format!("{}\n", expected.len()), status), "{options:?}");
        let (printed, ..) = run(&[&["grep", "--text", "-n", "1", log], options].concat(), b"");
        assert_eq!(printed.lines().collect::<Vec<_>>(), expected.last().copied().into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn what_is_found_is_printed_as_cat_does() {
    let log = sample(&folder("log-grep-forms"));
    let log = log.to_str().unwrap();
    for form in [&[][..], &["--json"], &["--text"], &["--long"]] {
        let of = |command| print(&[&[command, log, "--until", "2026-11-21T15:04:06Z"], form].concat());
        assert_eq!(of("grep"), of("cat"));
        assert!(of("grep").contains("Enqueue"));
    }
    let input = fs::read(&files(log.as_ref())[0]).unwrap();
    let (printed, status, said) = run(&["grep", "--code", "NOT_FOUND", "--text"], &input);
    assert_eq!((printed.lines().count(), status, &*said), (1, 0, ""));
}

/// Where code and message decide, the error is not even looked at.
#[test]
fn errors_that_cannot_be_read_are_found() {
    let file = folder("log-grep-broken").join("broken.tfrecord");
    let status = any_value::Value::BytesValue(b"\x12\x40cut"[..].into());
    let attribute = KeyValue { key: "operr.status".into(), value: Some(AnyValue { value: Some(status) }) };
    let record = LogRecord {
        time_unix_nano: 1,
        severity_number: 17,
        body: Some("NOT_FOUND: gone".into()),
        attributes: vec![attribute],
        ..Default::default()
    };
    fs::write(&file, frame(&record.encode_to_vec())).unwrap();
    let file = file.to_str().unwrap();
    for (options, expected) in [
        (&["--code", "NOT_FOUND", "--message", "^gone$"][..], 0),
        (&["--node", "n"], 1),
        (&["--op", "n"], 1),
        (&["--payload", "n"], 1),
        (&["--id", "n"], 1),
        (&["--id", "n", "-v"], 0),
    ] {
        let (printed, status, said) = run(&[&["grep", "--text", file], options].concat(), b"");
        assert_eq!((status, &*said), (expected, ""), "{options:?}");
        assert_eq!(printed.contains("1970-01-01T00:00:00.000Z ERROR NOT_FOUND: gone\n"), expected == 0);
    }
}
