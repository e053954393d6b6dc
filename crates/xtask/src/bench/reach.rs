//! What is to be reached.

use super::{Key, Measured};

/// A row of the table: what is measured, beside what, and how far it is to come.
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) ours: f64,
    pub(super) unit: String,
    /// Beside what, and its value; `None` where the value itself counts.
    pub(super) beside: Option<(&'static str, f64)>,
    pub(super) reach: Reach,
}

#[derive(Clone, Copy)]
pub(super) enum Reach {
    /// The value or, where there is something beside it, its part of that is at most so much.
    AtMost(f64),
    /// The same, at least.
    AtLeast(f64),
    /// That beside it is at least so many times the value: where less is better.
    Times(f64),
}

impl Row {
    /// The number that counts.
    pub(super) fn ratio(&self) -> f64 {
        match (self.reach, self.beside) {
            (_, None) => self.ours,
            (Reach::Times(_), Some((_, theirs))) => theirs / self.ours,
            (_, Some((_, theirs))) => self.ours / theirs,
        }
    }

    pub(super) fn is_reached(&self) -> bool {
        match self.reach {
            Reach::AtMost(most) => self.ratio() <= most,
            Reach::AtLeast(least) | Reach::Times(least) => self.ratio() >= least,
        }
    }
}

/// All rows whose values were measured.
pub(super) fn rows(measured: &[Measured]) -> Vec<Row> {
    ROWS.iter().filter_map(|row| row_of(row, measured)).collect()
}

/// Which limits stand in the way of what is not reached, in numbers.
pub(super) fn limits(measured: &[Measured]) -> Vec<String> {
    let value = |group: &str, case: &str, size: &str, unit: &str, who: &str| {
        let [group, case, size, unit, who] = [group, case, size, unit, who].map(str::to_owned);
        let key = Key { group, case, size, unit, who };
        measured.iter().find(|measured| measured.key == key).map_or(f64::NAN, |measured| measured.value)
    };
    let ir = |group: &str, case: &str, who: &str| value(group, case, "TYPICAL", "Ir", who);
    let log = |case: &str, who: &str| value("log", case, RECORD, "MB/s", who);
    let python = |case: &str, who: &str| value("python", case, "TYPICAL", "us", who);
    let atomic = value("codec", "clone", "TYPICAL", "ns", "an atomic count, up and down");
    let (alone, encode, decode) =
        (ir("grpc", "Status", "tonic alone"), ir("codec", "encode", OPERR), ir("codec", "decode", OPERR));
    let copy = ir("codec", "decode", "an allocation and a copy");
    let getpid = value("log", "the number of the process", "", "ns", "getpid");
    let (each, many) = (log("write", "plain"), log("write, buffered", "plain"));
    let (tfrecord, tensorflow) = (log("write", "tfrecord"), log("write, buffered", "TensorFlow"));
    vec![
        format!("Clone and drop: an atomic count up and down, which they are, takes {atomic:.1} ns."),
        format!(
            "To a Status and back: tonic alone takes {alone:.0} Ir, encoding {encode:.0}, decoding {decode:.0}, and a copy of the \
             details, which a Status shows and does not give, {copy:.0}: {:.0} without any work between them.",
            alone + encode + decode + copy
        ),
        format!(
            "A logged error: JSON of its text alone, without node and payloads, takes {:.0} Ir; the record is encoded and \
             checked in what a log without tracing takes, and tracing itself visits each field twice.",
            ir("log", "a logged error", "JSON, its text")
        ),
        format!("Log, each record written: a plain `write` of the same bytes is {:.1} × tfrecord.", each / tfrecord),
        format!(
            "Log, buffered: plain writes of 256 KiB are {:.1} × TensorFlow, and the errors are encoded besides; {getpid:.0} ns of \
             each record ask whether the process was forked.",
            many / tensorflow
        ),
        format!(
            "Log, verified read: plain reads bring {:.0} MB/s into a buffer that stays in the cache.",
            log("read", "plain")
        ),
        format!(
            "Python, gRPC: to make the call that both sides read takes {:.2} us of operr's.",
            python("gRPC status round trip", "limit: a class of Python's")
        ),
        format!(
            "Python log, write: the same bytes written by Python, and nothing else, take {:.2} us of each record; TensorFlow \
             gets records that are encoded already where bytes are compared.",
            python("log write, bytes", "limit: plain writes")
        ),
    ]
}

type Spec = (&'static str, [&'static str; 4], &'static str, Option<&'static str>, Reach);

fn row_of(&(what, [group, case, size, unit], who, beside, reach): &Spec, measured: &[Measured]) -> Option<Row> {
    let value = |who: &str| {
        let [group, case, size, unit] = [group, case, size, unit].map(str::to_owned);
        let key = Key { group, case, size, unit, who: who.to_owned() };
        measured.iter().find(|measured| measured.key == key).map(|measured| measured.value)
    };
    let beside = match beside {
        Some(who) => Some((who, value(who)?)),
        None => None,
    };
    Some(Row { what, ours: value(who)?, unit: unit.to_owned(), beside, reach })
}

const OPERR: &str = "operr";
const SCAN: &str = "a plain scan";
const TYPED: &str = "prost, typed";

use Reach::{AtLeast, AtMost, Times};

/// What it is; group, case, size and unit; whose; beside whose; how far.
const ROWS: &[Spec] = &[
    ("decode", ["codec", "decode", "TYPICAL", "ns"], OPERR, Some(SCAN), AtMost(1.5)),
    ("decode", ["codec", "decode", "TYPICAL", "Ir"], OPERR, Some(SCAN), AtMost(1.5)),
    ("decode", ["codec", "decode", "TYPICAL", "ns"], OPERR, Some(TYPED), AtMost(0.09)),
    ("decode", ["codec", "decode", "TYPICAL", "Ir"], OPERR, Some(TYPED), AtMost(0.09)),
    ("decode", ["codec", "decode", "TYPICAL", "allocations"], OPERR, None, AtMost(1.0)),
    ("decode LARGE", ["codec", "decode", "LARGE", "ns"], OPERR, Some(SCAN), AtMost(1.3)),
    ("decode LARGE", ["codec", "decode", "LARGE", "Ir"], OPERR, Some(SCAN), AtMost(1.3)),
    ("encode", ["codec", "encode", "TYPICAL", "ns"], OPERR, Some(TYPED), AtMost(0.25)),
    ("encode", ["codec", "encode", "TYPICAL", "Ir"], OPERR, Some(TYPED), AtMost(0.25)),
    ("encode", ["codec", "encode", "TYPICAL", "allocations"], OPERR, None, AtMost(1.0)),
    ("relay of an untouched error", ["codec", "relay", "TYPICAL", "allocations"], OPERR, None, AtMost(0.0)),
    ("clone and drop", ["codec", "clone", "TYPICAL", "ns"], OPERR, None, AtMost(10.0)),
    ("to a Status and back", ["grpc", "Status", "TYPICAL", "Ir"], OPERR, None, AtMost(3_500.0)),
    (
        "to a Status, headers and back",
        ["grpc", "Status and headers", "TYPICAL", "Ir"],
        OPERR,
        Some("tonic alone"),
        AtMost(1.15),
    ),
    (
        "to a Status, headers and back",
        ["grpc", "Status and headers", "TYPICAL", "ns"],
        OPERR,
        Some("tonic alone"),
        AtMost(1.15),
    ),
    ("a failing call", ["rpc", "a failing call", "TYPICAL", "us"], OPERR, Some("a prebuilt Status"), AtMost(1.05)),
    ("a logged error", ["log", "a logged error", "TYPICAL", "Ir"], OPERR, Some("JSON, all of it"), AtMost(0.1)),
    ("log: write", ["log", "write", RECORD, "MB/s"], OPERR, Some("plain"), AtLeast(0.6)),
    ("log: write", ["log", "write", RECORD, "MB/s"], OPERR, Some("without checksums"), AtLeast(0.85)),
    ("log: write", ["log", "write", RECORD, "MB/s"], OPERR, Some("tfrecord"), AtLeast(6.0)),
    (
        "log: write, buffered",
        ["log", "write, buffered", RECORD, "MB/s"],
        OPERR,
        Some("without checksums"),
        AtLeast(0.85),
    ),
    ("log: write, buffered", ["log", "write, buffered", RECORD, "MB/s"], OPERR, Some("tfrecord"), AtLeast(6.0)),
    ("log: write, buffered", ["log", "write, buffered", RECORD, "MB/s"], OPERR, Some("TensorFlow"), AtLeast(5.0)),
    ("log: verified read", ["log", "read", RECORD, "MB/s"], OPERR, Some("plain"), AtLeast(0.6)),
    ("log: verified read", ["log", "read", RECORD, "MB/s"], OPERR, Some("tfrecord"), AtLeast(10.0)),
    ("log: verified read", ["log", "read", RECORD, "MB/s"], OPERR, Some("TensorFlow"), AtLeast(5.0)),
    ("log: grep --code", ["log", "grep --code", RECORD, "MB/s"], OPERR, Some("plain"), AtLeast(0.3)),
    ("log: grep --code", ["log", "grep --code", RECORD, "MB/s"], OPERR, Some("tfrecord"), AtLeast(5.0)),
    ("log: grep --code", ["log", "grep --code", RECORD, "MB/s"], OPERR, Some("TensorFlow"), AtLeast(5.0)),
    ("log: stats", ["log", "stats", RECORD, "MB/s"], OPERR, Some("plain"), AtLeast(0.3)),
    ("log: stats", ["log", "stats", RECORD, "MB/s"], OPERR, Some("tfrecord"), AtLeast(5.0)),
    ("log: stats", ["log", "stats", RECORD, "MB/s"], OPERR, Some("TensorFlow"), AtLeast(5.0)),
    (
        "Python: to bytes and back",
        ["python", "bytes round trip", "TYPICAL", "us"],
        OPERR,
        Some("tf.errors"),
        Times(8.0),
    ),
    ("Python: pickle and back", ["python", "pickle round trip", "TYPICAL", "us"], OPERR, Some("tf.errors"), Times(5.0)),
    (
        "Python: to a gRPC status and back",
        ["python", "gRPC status round trip", "TYPICAL", "us"],
        OPERR,
        Some("grpcio-status"),
        Times(6.0),
    ),
    ("Python log: read, bytes", ["python", "log read, bytes", "TYPICAL", "us"], OPERR, Some(ITERATOR), Times(3.0)),
    ("Python log: read", ["python", "log read, exceptions", "TYPICAL", "us"], OPERR, Some(ITERATOR), Times(6.0)),
    (
        "Python log: write, bytes",
        ["python", "log write, bytes", "TYPICAL", "us"],
        OPERR,
        Some("tensorflow"),
        Times(3.0),
    ),
    ("Python log: write", ["python", "log write, exceptions", "TYPICAL", "us"], OPERR, Some("tensorflow"), Times(6.0)),
    ("a graph: check", ["graph", "check", GRAPH, "ms"], OPERR, Some("its bytes read once"), AtMost(10.0)),
    ("a graph: memory", ["graph", "memory", GRAPH, "MB"], OPERR, Some("its bytes"), AtMost(1.1)),
];

const RECORD: &str = "1,561 bytes";
const GRAPH: &str = "109 MB";
/// The faster of TensorFlow's readers.
const ITERATOR: &str = "tf_record_iterator";
