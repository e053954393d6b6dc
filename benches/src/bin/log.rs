//! The log beside plain `write` and `read` of the same bytes, the crate `tfrecord`, and TensorFlow, in turns, in one run.
//!
//! A million records, or as many as `--records N` says; `--tensorflow PYTHON` is a Python that has TensorFlow.
//! Each peer gets records that are encoded already; operr encodes what it writes. In `write`, each record is passed to the
//! operating system before the next, by all but TensorFlow, which cannot; in `write, buffered` many at once, by all.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use operr::{Code, OpError};
use operr_benches::errors::of_number;
use operr_benches::measure::{self, Case};
use operr_log::{Durability, Entry, Event, Options, Reader, Stats};
use tfrecord::record_reader::{BytesIter, RecordReaderConfig};
use tfrecord::record_writer::BytesWriter;

fn main() {
    let default = if measure::is_quick() { 30_000 } else { 1_000_000 };
    let records = measure::argument("--records").map_or(default, |records| records.parse().expect("--records N"));
    let folder =
        tempfile::tempdir_in(std::env::var_os("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from));
    let folder = folder.expect("a folder");
    let errors: Vec<_> = (1..=1_000).map(of_number).collect();

    // The bytes of all records, as plain writes have them.
    let path = write(&folder.path().join("log"), Durability::None, &errors, records);
    let bytes = fs::read(&path).expect("the log");
    let ends = ends(&bytes);

    let other = folder.path().join("other");
    let mut writes = [Duration::MAX; 6];
    let mut reads = [Duration::MAX; 5];
    let mut checksums = Duration::MAX;
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
        let started = Instant::now();
        black_box(self::checksums(&bytes, &ends));
        checksums = checksums.min(started.elapsed());
    }
    let tensorflow = measure::argument("--tensorflow").map(|python| tensorflow(&python, &path, &other));

    let tell = |case: &str, who: &str, time: Duration| {
        measure::tell("log", case, "1,561 bytes", who, bytes.len() as f64 / 1e6 / time.as_secs_f64(), "MB/s");
    };
    let of_three = |case: &str, times: &[Duration]| {
        for (who, time) in ["operr", "plain", "tfrecord"].into_iter().zip(times) {
            tell(case, who, *time);
        }
    };
    of_three("write", &writes[..3]);
    of_three("write, buffered", &writes[3..]);
    for (case, time) in ["read", "grep --code", "stats"].into_iter().zip(reads) {
        of_three(case, &[time, reads[3], reads[4]]);
    }
    // What each write would take if checksums cost nothing.
    tell("write", "without checksums", writes[0].saturating_sub(checksums));
    tell("write, buffered", "without checksums", writes[3].saturating_sub(checksums));
    // What each record asks the system, to know of a fork.
    let mut process = Case {
        group: "log",
        name: "the number of the process",
        size: "",
        who: "getpid",
        run: Box::new(|times| {
            for _ in 0..times {
                black_box(std::process::id());
            }
        }),
    };
    let time = measure::times(std::slice::from_mut(&mut process), 20)[0];
    process.tell(time, "ns");
    if let Some((of_read, of_write)) = tensorflow {
        ["write", "write, buffered"].iter().for_each(|case| tell(case, "TensorFlow", of_write));
        ["read", "grep --code", "stats"].iter().for_each(|case| tell(case, "TensorFlow", of_read));
    }
}

fn write(log: &Path, durability: Durability, errors: &[OpError], records: usize) -> PathBuf {
    let options = Options::new().with_max_bytes(u64::MAX).with_durability(durability).with_service("bench");
    let writer = options.open(log).expect("a log");
    for error in errors.iter().cycle().take(records) {
        writer.write(&Event::new(error)).expect("written");
    }
    writer.path().expect("a file")
}

/// The checksums that the frames of the log have: of the length and of the record.
fn checksums(bytes: &[u8], ends: &[usize]) -> u32 {
    let mut start = 0;
    let mut all = 0;
    for &end in ends {
        all ^= crc_fast::crc32_iscsi(&bytes[start..start + 8]) ^ crc_fast::crc32_iscsi(&bytes[start + 12..end - 4]);
        start = end;
    }
    all
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
    bytes.chunks(256 << 10).for_each(|chunk| file.write_all(chunk).expect("written"));
    path.to_owned()
}

fn tfrecord_write(path: &Path, bytes: &[u8], ends: &[usize], is_each_flushed: bool) -> PathBuf {
    let mut writer = BytesWriter::from_writer(BufWriter::with_capacity(256 << 10, File::create(path).expect("a file")))
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
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/log_tensorflow.py");
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
