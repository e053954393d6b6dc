//! `operr log`: on logs that the library wrote.

mod cat;
mod damage;
mod grep;
mod limits;
mod stats;
mod tail;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, SystemTime};

use operr::pb::google::rpc::{ErrorInfo, RequestInfo};
use operr::pb::tensorflow::NodeDef;
use operr::{Code, Frame, Omitted, OpError, Operation, Origin};
use operr_log::{Event, Options, Severity, Writer, files_of};

use crate::{operr, run_with};

/// A time of the day on which the tests play: 2026-11-21.
pub(crate) fn at(hour: u64, minute: u64, second: u64, nanos: u32) -> SystemTime {
    let seconds = 1_795_219_200 + 3_600 * hour + 60 * minute + second;
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)
}

fn node(name: &str, op: &str) -> NodeDef {
    NodeDef { name: name.into(), op: op.into(), ..Default::default() }
}

/// The log `queue` in a folder, of two files, with all that a record can have. Gives its name.
fn sample(folder: &Path) -> PathBuf {
    let log = folder.join("queue");
    let options = Options::new().with_service("queue");
    let (one, other) = (options.clone().open(&log).unwrap(), options.open(&log).unwrap());
    let write = |writer: &Writer, event: &Event<'_>| writer.write(event).unwrap();

    let enqueue = "operr.queue.v1.QueueService/Enqueue";
    let op = Operation::new("scope/enq", "QueueEnqueueV2")
        .with_traceback([Frame::new("app/main.py", 12, "<module>"), Frame::new("app/train.py", 3, "train")]);
    let node_def =
        NodeDef { device: "/device:CPU:0".into(), input: vec!["q".into()], ..node("scope/enq", "QueueEnqueueV2") };
    let info = ErrorInfo {
        reason: "QUEUE_CLOSED".into(),
        domain: "example.com".into(),
        metadata: [("queue".to_owned(), "q".to_owned())].into(),
    };
    let gone = OpError::new(Code::UNAVAILABLE, "worker 0 is gone")
        .with_node_def(node("worker", "Recv"))
        .with_cause(OpError::new(Code::ABORTED, "the queue\nwas closed"));
    let cancelled = OpError::new(Code::CANCELLED, "Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]")
        .with_node_def(node_def)
        .with_op(&op)
        .with_detail(&info)
        .with_detail(&RequestInfo { request_id: ID.into(), ..Default::default() })
        .with_payload("example.com/text", "readable\nin two lines")
        .with_payload("example.com/bytes", vec![0, 1, 0xff])
        .with_cause(gone)
        .with_cause(OpError::new(Code::new(77), ""));
    let event = Event::new(&cancelled).with_method(enqueue).with_trace([0xab; 16], [0xcd; 8], 1);
    write(&one, &event.with_time(at(15, 4, 5, 123_456_789)));

    let missing = OpError::new(Code::NOT_FOUND, "no such shard: 7").with_origin(&Origin {
        r#type: "builtins.KeyError".into(),
        notes: vec!["while loading".into()],
        raised_at: vec![Frame::new("shards.py", 7, "load")],
    });
    let event = Event::new(&missing).with_severity(Severity::Warn).with_attribute("shard", "seven".into());
    write(&other, &event.with_attribute("where", "a b".into()).with_time(at(15, 4, 6, 0)));

    let plain = OpError::new(Code::NOT_FOUND, "no such queue: <ü>");
    write(
        &one,
        &Event::new(&plain).with_method("operr.queue.v1.QueueService/Close").with_time(at(15, 4, 7, 999_999_999)),
    );

    let op = Operation::new("model/dense/MatMul", "MatMul");
    let made_elsewhere =
        OpError::new(Code::new(77), "odd").with_op(&op).with_detail(&Omitted { causes: 2, ..Default::default() });
    write(&other, &Event::new(&made_elsewhere).with_severity(Severity::Fatal).with_time(at(16, 0, 0, 1)));

    let bad = "\x1b[31mred\u{9b}2J\u{7}\r\u{202e}\ntwo";
    let bad = OpError::new(Code::INTERNAL, bad)
        .with_node_def(node(bad, bad))
        .with_payload(bad, bad)
        .with_cause(OpError::new(Code::ABORTED, bad).with_node_def(node(bad, bad)))
        .with_origin(&Origin { r#type: bad.into(), notes: vec![bad.into()], ..Origin::default() });
    let event = Event::new(&bad).with_method("\x1b[31m").with_attribute("\x1b[31m", "\x1b[31m".into());
    write(&one, &event.with_time(at(17, 0, 0, 0)));

    let again =
        OpError::new(Code::CANCELLED, "Dequeue operation was cancelled").with_node_def(node("deq", "QueueDequeueV2"));
    write(&other, &Event::new(&again).with_severity(Severity::Debug).with_time(at(18, 30, 0, 0)));
    log
}

/// What the examples of the help texts read: the log `logs/queue`, `logs/first` and `first.tfrecord`.
pub(crate) fn example(folder: &Path) {
    std::fs::create_dir(folder.join("logs")).unwrap();
    let log = sample(&folder.join("logs"));
    let now = OpError::new(Code::ABORTED, "Bad Shape").with_node_def(node("model/dense/MatMul", "MatMul"));
    Writer::open(&log).unwrap().write(&Event::new(&now)).unwrap();
    for copy in ["logs/first", "first.tfrecord"] {
        std::fs::copy(&files(&log)[0], folder.join(copy)).unwrap();
    }
}

/// The paths of a log's files.
fn files(log: &Path) -> Vec<PathBuf> {
    files_of(log).unwrap().iter().map(operr_log::FileName::path).collect()
}

/// What `operr log` prints, ends with, and says.
#[track_caller]
fn run(arguments: &[&str], input: &[u8]) -> (String, i32, String) {
    let arguments: Vec<&str> = [&["log"], arguments].concat();
    let Output { status, stdout, stderr } = run_with(operr(&arguments), input);
    (String::from_utf8(stdout).unwrap(), status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

/// What it prints when all is well.
#[track_caller]
fn print(arguments: &[&str]) -> String {
    let (printed, status, said) = run(arguments, b"");
    assert_eq!((status, &*said), (0, ""), "{arguments:?}");
    printed
}

/// A record in its frame, as any program could write it.
fn frame(record: &[u8]) -> Vec<u8> {
    let length = (record.len() as u64).to_le_bytes();
    let crc = |bytes: &[u8]| masked_crc(bytes).to_le_bytes();
    [&length[..], &crc(&length), record, &crc(record)].concat()
}

/// As TFRecord has it.
fn masked_crc(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xA282_EAD8)
}

const ID: &str = "01936d3a-7a5f-4e67-9df6-5f0f6f4bd1a5";
