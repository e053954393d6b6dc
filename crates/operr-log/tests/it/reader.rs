//! The reader: many files in the order of time, files that are still written, streams.

use std::fs::{self, File};
use std::io::{Cursor, Write as _};
use std::time::{Duration, SystemTime};

use operr::{Code, OpError};
use operr_log::{Entry, Event, Options, Reader, Reason, Writer};
use proptest::prelude::*;

use crate::logs::{errors, errors_of, read, write};

fn at(writer: &Writer, seconds: u64) {
    let error = OpError::new(Code::ABORTED, seconds.to_string());
    writer.write(&Event::new(&error).with_time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))).unwrap();
}

fn messages(reader: &mut Reader) -> Vec<String> {
    let records = reader.map(|entry| match entry.unwrap() {
        Entry::Record(logged) => logged.record.message().unwrap().to_owned(),
        other => panic!("{other:?}"),
    });
    records.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_are_merged_in_the_order_of_time(
        files in prop::collection::vec(prop::collection::vec(1..1_000_u64, 0..40), 1..12),
        max_bytes in prop_oneof![Just(1_u64), Just(5_000), Just(u64::MAX)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let mut all = Vec::new();
        for times in &files {
            let writer = Options::new().with_max_bytes(max_bytes).open(&log).unwrap();
            let mut times = times.clone();
            times.sort_unstable();
            times.iter().for_each(|&time| at(&writer, time));
            all.extend(times);
        }
        all.sort_unstable();
        let expected: Vec<_> = all.iter().map(u64::to_string).collect();
        prop_assert_eq!(messages(&mut Reader::open([&log]).unwrap()), expected);
    }
}

#[test]
fn a_log_is_followed_across_files_and_writers() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut reader = Reader::follow([&log]).unwrap();
    assert!(messages(&mut reader).is_empty());
    let one = Options::new().with_max_bytes(500).open(&log).unwrap();
    at(&one, 1);
    assert!(messages(&mut reader).is_empty());
    reader.refresh().unwrap();
    assert_eq!(messages(&mut reader), ["1"]);
    let other = Writer::open(&log).unwrap();
    at(&other, 2);
    at(&one, 3);
    at(&other, 4);
    reader.refresh().unwrap();
    assert_eq!(messages(&mut reader), ["2", "3", "4"]);
    reader.refresh().unwrap();
    assert!(messages(&mut reader).is_empty());
    at(&one, 5);
    at(&other, 6);
    reader.refresh().unwrap();
    assert_eq!(messages(&mut reader), ["5", "6"]);
}

#[test]
fn a_record_that_is_written_in_parts_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(write(&folder.path().join("log"), &errors(3))).unwrap();
    let path = folder.path().join("slow");
    let mut file = File::create(&path).unwrap();
    let mut reader = Reader::follow([&path]).unwrap();
    let mut got = Vec::new();
    for byte in bytes {
        file.write_all(&[byte]).unwrap();
        reader.refresh().unwrap();
        got.extend(messages(&mut reader));
    }
    assert_eq!(got, errors(3).iter().map(|error| error.message().to_owned()).collect::<Vec<_>>());
}

#[test]
fn many_files_are_read_with_few_open() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let writer = Options::new().with_max_bytes(1).open(&log).unwrap();
    for seconds in 1..=300 {
        at(&writer, seconds);
    }
    let mut reader = Reader::open([&log]).unwrap();
    let mut most = 0;
    for seconds in 1..=300_u64 {
        match reader.next().unwrap().unwrap() {
            Entry::Record(logged) => assert_eq!(logged.record.message().unwrap(), seconds.to_string()),
            other => panic!("{other:?}"),
        }
        most = most.max(open_files(folder.path()));
    }
    assert!(most <= 4, "{most}");
}

/// Files whose records alternate: each is read a little at a time.
#[test]
fn more_files_than_a_process_may_have_open() {
    const FILES: usize = 1_100;
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::open(folder.path().join("log")).unwrap();
    (1..=3 * FILES as u64).for_each(|seconds| at(&writer, seconds));
    let path = writer.path().unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut ends: Vec<_> = read(&path).0.iter().map(|logged| logged.place.offset as usize).collect();
    ends.push(bytes.len());
    let many = folder.path().join("many");
    fs::create_dir(&many).unwrap();
    for (index, frame) in ends.windows(2).enumerate() {
        let file = File::options().append(true).create(true).open(many.join((index % FILES).to_string()));
        file.unwrap().write_all(&bytes[frame[0]..frame[1]]).unwrap();
    }
    let mut reader = Reader::open([many.join("*")]).unwrap();
    let mut most = 0;
    for seconds in 1..=3 * FILES {
        match reader.next().unwrap().unwrap() {
            Entry::Record(logged) => assert_eq!(logged.record.message().unwrap(), seconds.to_string()),
            other => panic!("{other:?}"),
        }
        if seconds % 100 == 0 {
            most = most.max(open_files(&many));
        }
    }
    assert!(most <= 64, "{most}");
}

/// Each file once, however it is meant, and a name that looks like a pattern.
#[test]
fn what_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log[1]*");
    let path = write(&log, &errors(3));
    let pattern = folder.path().join("log*");
    let mut reader = Reader::open([&log, &path, &pattern, &log]).unwrap();
    assert_eq!(messages(&mut reader).len(), 3);
    let error = Reader::open([folder.path().join("none***")]).unwrap_err();
    assert!(error.to_string().contains("is no pattern"), "{error}");
}

/// Frames of something else are told as they come, and not gathered.
#[test]
fn files_of_other_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder.path().join("log"), &errors(1));
    let bytes = fs::read(&path).unwrap();
    let text = b"no LogRecord";
    let length = (text.len() as u64).to_le_bytes();
    let crcs = [crate::damage::masked_crc(&length), crate::damage::masked_crc(text)].map(u32::to_le_bytes);
    let frame = [&length[..], &crcs[0], text, &crcs[1]].concat();
    let stream = [frame.repeat(1_000), bytes].concat();
    let mut reader = Reader::from_read("other", Cursor::new(stream));
    for number in 0..1_000 {
        match reader.next().unwrap().unwrap() {
            Entry::Corruption(corruption) => {
                assert_eq!((corruption.reason, corruption.place.number), (Reason::NoLogRecord, number));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(messages(&mut reader).len(), 1);
}

/// How many files below a folder this process has open.
fn open_files(folder: &std::path::Path) -> usize {
    let all = fs::read_dir("/proc/self/fd").unwrap();
    let paths = all.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    paths.filter(|path| path.starts_with(folder)).count()
}

#[test]
fn streams_and_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder.path().join("log"), &errors(3));
    let bytes = fs::read(&path).unwrap();
    let reader = Reader::from_read("a pipe", Cursor::new([&bytes[..], b"tail"].concat()));
    let mut entries: Vec<_> = reader.map(Result::unwrap).collect();
    match entries.pop().unwrap() {
        Entry::Corruption(corruption) => {
            let text = format!(
                "a pipe: record 3, offset {}: 4 bytes are no record: the file ends in the middle of a record",
                bytes.len()
            );
            assert_eq!(corruption.to_string(), text);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(entries.len(), 3);
    for meant in ["none", "none/log", "none*"] {
        let error = Reader::open([folder.path().join(meant)]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
        assert!(error.to_string().contains("no such file, and no log of this name"), "{error}");
    }
    // Frames of something else.
    let mut other = Vec::new();
    other.extend(5_u64.to_le_bytes());
    fs::write(folder.path().join("empty.tfrecord"), &other[..0]).unwrap();
    assert!(errors_of(&read(&folder.path().join("empty.tfrecord")).0).is_empty());
}

/// A reader of a log that is written sees no damage where a record is on its way.
#[test]
fn the_end_of_a_file_that_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(write(&folder.path().join("log"), &errors(2))).unwrap();
    let path = folder.path().join("live");
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let writer = File::options().append(true).open(&path).unwrap();
    writer.lock().unwrap();
    let (records, corruptions) = read(&path);
    assert_eq!((records.len(), corruptions.len()), (1, 0));
    drop(writer);
    let (records, corruptions) = read(&path);
    assert_eq!((records.len(), corruptions.len()), (1, 1));
}

#[test]
fn a_file_that_is_removed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let writer = Options::new().with_max_bytes(1).open(&log).unwrap();
    for seconds in 1..=3 {
        at(&writer, seconds);
    }
    let mut reader = Reader::open([&log]).unwrap();
    for name in operr_log::files_of(&log).unwrap() {
        fs::remove_file(name.path()).unwrap();
    }
    // What was read of them before is there.
    assert_eq!(messages(&mut reader), ["1", "2", "3"]);
}
