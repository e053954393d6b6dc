//! The log beside plain `write` and `read` of the same bytes, the crate `tfrecord`, and TensorFlow, in turns, in one run.
//!
//! `--records N` makes it shorter; a million otherwise. `--tensorflow PYTHON` is a Python that has TensorFlow.
//! Each peer gets records that are encoded already; operr encodes what it writes. In `write`, each record is passed to the
//! operating system before the next, by all but TensorFlow, which cannot; in `write, buffered` many at once, by all.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use operr::{Code, OpError};
use operr_log::{Durability, Entry, Event, Options, Reader, Stats};
use tfrecord::record_reader::{BytesIter, RecordReaderConfig};
use tfrecord::record_writer::BytesWriter;

fn main() {
    let argument = |name: &str| std::env::args().skip_while(|argument| argument != name).nth(1);
    let records = argument("--records").map_or(1_000_000, |records| records.parse().expect("--records N"));
    let folder =
        tempfile::tempdir_in(std::env::var_os("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from));
    let folder = folder.expect("a folder");
    let errors: Vec<_> = (0..1_000).map(typical).collect();

    // The bytes of all records, as plain writes have them.
    let path = write(&folder.path().join("log"), Durability::None, &errors, records);
    let bytes = fs::read(&path).expect("the log");
    let ends = ends(&bytes);
    println!("{records} records, {} bytes each, the best of {ROUNDS} rounds", bytes.len() / records);

    let other = folder.path().join("other");
    let mut writes = [Duration::MAX; 6];
    let mut reads = [Duration::MAX; 5];
    for round in 0..ROUNDS {
        let mut of_write = |at: usize, run: &dyn Fn() -> PathBuf| {
            let started = Instant::now();
            let written = run();
            writes[at] = writes[at].min(started.elapsed());
            fs::remove_file(written).expect("what was written");
        };
        let log = folder.path().join(format!("log{round}"));
        of_write(0, &|| write(&log, Durability::None, &errors, records));
        of_write(1, &|| plain_write(&other, &bytes, &ends));
        of_write(2, &|| tfrecord_write(&other, &bytes, &ends, true));
        of_write(3, &|| write(&log, Durability::Buffered(Duration::from_millis(100)), &errors, records));
        of_write(4, &|| plain_write_chunks(&other, &bytes));
        of_write(5, &|| tfrecord_write(&other, &bytes, &ends, false));
        let mut of_read = |at: usize, run: &dyn Fn() -> usize| {
            let started = Instant::now();
            black_box(run());
            reads[at] = reads[at].min(started.elapsed());
        };
        of_read(0, &|| read(&path, |_| true));
        of_read(1, &|| read(&path, |record| record.code() == Some(Code::ABORTED)));
        of_read(2, &|| stats(&path));
        of_read(3, &|| plain_read(&path));
        of_read(4, &|| tfrecord_read(&path));
    }
    let tensorflow = argument("--tensorflow").map(|python| tensorflow(&python, &path, &other));

    println!("{:15} {:>8} {:>8} {:>9} {:>11}", "", "MB/s", "/ plain", "/ tfrecord", "/ TensorFlow");
    let row = |name: &str, time: Duration, plain: Duration, tfrecord: Duration, tensorflow: Option<Duration>| {
        let rate = bytes.len() as f64 / 1e6 / time.as_secs_f64();
        let ratio = |peer: Duration| format!("{:.2}", peer.as_secs_f64() / time.as_secs_f64());
        let tensorflow = tensorflow.map_or("-".to_owned(), ratio);
        println!("{name:15} {rate:8.0} {:>8} {:>9} {tensorflow:>11}", ratio(plain), ratio(tfrecord));
    };
    row("write", writes[0], writes[1], writes[2], tensorflow.map(|it| it.1));
    row("write, buffered", writes[3], writes[4], writes[5], tensorflow.map(|it| it.1));
    for (name, time) in ["read", "grep --code", "stats"].into_iter().zip(reads) {
        row(name, time, reads[3], reads[4], tensorflow.map(|it| it.0));
    }
}

/// An error of 722 bytes, as services have them.
fn typical(n: usize) -> OpError {
    let message = format!("{n:06} {}", "x".repeat(293));
    let attribute = |n: u8| operr::pb::tensorflow::AttrValue {
        value: Some(operr::pb::tensorflow::attr_value::Value::I(i64::from(n))),
    };
    let node = operr::pb::tensorflow::NodeDef {
        name: "model/dense/MatMul".into(),
        op: "MatMul".into(),
        input: vec!["model/x".into(), "model/w".into()],
        attr: (0..4).map(|n| (format!("attribute{n}"), attribute(n))).collect(),
        ..Default::default()
    };
    OpError::new(Code::new(1 + (n % 16) as i32), message)
        .with_node_def(node)
        .with_payload("type.googleapis.com/example.First", vec![1; 64])
        .with_payload("type.googleapis.com/example.Second", vec![2; 64])
}

fn write(log: &Path, durability: Durability, errors: &[OpError], records: usize) -> PathBuf {
    let options = Options::new().with_max_bytes(u64::MAX).with_durability(durability).with_service("bench");
    let writer = options.open(log).expect("a log");
    for error in errors.iter().cycle().take(records) {
        writer.write(&Event::new(error)).expect("written");
    }
    writer.path().expect("a file")
}

/// One write for each record, as in the log.
fn plain_write(path: &Path, bytes: &[u8], ends: &[usize]) -> PathBuf {
    let mut file = File::options().append(true).create_new(true).open(path).expect("a file");
    let mut start = 0;
    for &end in ends {
        file.write_all(&bytes[start..end]).expect("written");
        start = end;
    }
    path.to_owned()
}

fn plain_write_chunks(path: &Path, bytes: &[u8]) -> PathBuf {
    let mut file = File::options().append(true).create_new(true).open(path).expect("a file");
    bytes.chunks(64 << 10).for_each(|chunk| file.write_all(chunk).expect("written"));
    path.to_owned()
}

fn tfrecord_write(path: &Path, bytes: &[u8], ends: &[usize], is_each_flushed: bool) -> PathBuf {
    let mut writer = BytesWriter::from_writer(BufWriter::with_capacity(64 << 10, File::create(path).expect("a file")))
        .expect("a writer");
    let mut start = 0;
    for &end in ends {
        writer.send(bytes[start + 12..end - 4].to_vec()).expect("written");
        if is_each_flushed {
            writer.flush().expect("written");
        }
        start = end;
    }
    path.to_owned()
}

fn plain_read(path: &Path) -> usize {
    let mut file = File::open(path).expect("the log");
    let mut buffer = vec![0; 256 << 10];
    let mut read = 0;
    loop {
        match file.read(&mut buffer).expect("read") {
            0 => return read,
            count => read += black_box(&buffer[..count]).len(),
        }
    }
}

fn tfrecord_read(path: &Path) -> usize {
    let config = RecordReaderConfig { check_integrity: true };
    let file = std::io::BufReader::with_capacity(256 << 10, File::open(path).expect("the log"));
    BytesIter::from_reader(file, config).map(|record| record.expect("a record").len()).sum()
}

fn read(path: &Path, is_wanted: impl Fn(&operr_log::Record) -> bool) -> usize {
    let mut found = 0;
    for entry in Reader::open([path]).expect("the log") {
        match entry.expect("read") {
            Entry::Record(logged) => found += usize::from(is_wanted(&logged.record)),
            other => panic!("{other:?}"),
        }
    }
    found
}

fn stats(path: &Path) -> usize {
    let mut stats = Stats::default();
    for entry in Reader::open([path]).expect("the log") {
        stats.add_entry(&entry.expect("read"));
    }
    stats.nodes().rows().len()
}

/// How long it takes to read, and to write.
fn tensorflow(python: &str, path: &Path, other: &Path) -> (Duration, Duration) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/log_tensorflow.py");
    let mut command = Command::new(python);
    command.arg(script).arg(path).arg(other).arg("2").env("TF_CPP_MIN_LOG_LEVEL", "3");
    let output = command.output().expect("a Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let times = String::from_utf8(output.stdout).expect("two numbers");
    let times: Vec<_> =
        times.split_whitespace().map(|time| Duration::from_secs_f64(time.parse().expect("seconds"))).collect();
    (times[0], times[1])
}

/// Where each frame ends.
fn ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at..at + 8) {
        at += 16 + u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
        ends.push(at);
    }
    ends
}

const ROUNDS: usize = 5;
