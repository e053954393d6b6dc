//! The log against plain `write` and `read` of the same bytes, in turns, in one run: `cargo bench -p operr-log`.
//!
//! The argument `--records N` makes it shorter; a million otherwise.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use operr::{Code, OpError};
use operr_log::{Entry, Event, Options, Reader};

fn main() {
    let records = std::env::args().skip_while(|argument| argument != "--records").nth(1);
    let records = records.map_or(1_000_000, |records| records.parse().expect("--records N"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let errors: Vec<_> = (0..1_000).map(typical).collect();

    // The bytes of all records, as plain writes have them.
    let log = folder.path().join("log");
    write(&log, &errors, records);
    let path = operr_log::files_of(&log).expect("files")[0].path();
    let bytes = fs::read(&path).expect("the log");
    let frames = frames(&bytes);
    println!("{records} records, {} bytes each", bytes.len() / records);

    let (mut times, mut plain) = (vec![Duration::MAX; 4], vec![Duration::MAX; 2]);
    for round in 0..5 {
        let other = folder.path().join(format!("other{round}"));
        plain[0] = plain[0].min(time(|| plain_write(&other, &bytes, &frames)));
        let _ = fs::remove_file(&other);
        times[0] = times[0].min(time(|| write(&folder.path().join(format!("log{round}")), &errors, records)));
        for name in operr_log::files_of(&folder.path().join(format!("log{round}"))).expect("files") {
            let _ = fs::remove_file(name.path());
        }
        plain[1] = plain[1].min(time(|| plain_read(&path)));
        times[1] = times[1].min(time(|| read(&path, |_| true)));
        times[2] = times[2].min(time(|| read(&path, |record| record.code() == Some(Code::ABORTED))));
    }
    let rate = |time: Duration| bytes.len() as f64 / 1e6 / time.as_secs_f64();
    for (name, time, plain) in
        [("write", times[0], plain[0]), ("read", times[1], plain[1]), ("grep by code", times[2], plain[1])]
    {
        let ratio = plain.as_secs_f64() / time.as_secs_f64();
        println!("{name:14} {:8.0} MB/s, plain {:8.0} MB/s, ratio {ratio:.2}", rate(time), rate(plain));
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

fn write(log: &Path, errors: &[OpError], records: usize) {
    let writer = Options::new().with_max_bytes(u64::MAX).with_service("bench").open(log).expect("a log");
    for error in errors.iter().cycle().take(records) {
        writer.write(&Event::new(error)).expect("written");
    }
}

fn plain_write(path: &Path, bytes: &[u8], frames: &[usize]) {
    let mut file = File::options().append(true).create_new(true).open(path).expect("a file");
    let mut start = 0;
    for &end in frames {
        file.write_all(&bytes[start..end]).expect("written");
        start = end;
    }
}

fn plain_read(path: &Path) {
    let mut file = File::open(path).expect("the log");
    let mut buffer = vec![0; 256 << 10];
    while file.read(&mut buffer).expect("read") > 0 {
        black_box(&buffer);
    }
}

fn read(path: &Path, is_wanted: impl Fn(&operr_log::Record) -> bool) {
    let mut found = 0_usize;
    for entry in Reader::open([path]).expect("the log") {
        match entry.expect("read") {
            Entry::Record(logged) => found += usize::from(is_wanted(&logged.record)),
            other => panic!("{other:?}"),
        }
    }
    black_box(found);
}

/// Where each frame ends.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at..at + 8) {
        at += 16 + u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
        ends.push(at);
    }
    ends
}

fn time(run: impl FnOnce()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}
