//! The writer: what it writes, in which files, and what it does when it cannot.

use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use operr::{Code, OpError};
use operr_log::{Durability, Event, FileName, Options, Severity, Writer, attributes, files_of, repair};

use crate::logs::{errors, errors_of, read, write};

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("queue.v1");
    let all = errors(100);
    let before = SystemTime::now();
    let path = write(&log, &all);
    for meant in [&log, &path, &folder.path().join("queue*.tfrecord")] {
        let (records, corruptions) = read(meant);
        assert_eq!(errors_of(&records), all);
        assert!(corruptions.is_empty());
        for (index, (logged, error)) in records.iter().zip(&all).enumerate() {
            let record = &logged.record;
            assert_eq!((record.code(), record.message()), (Some(error.code()), Some(error.message())));
            assert_eq!(record.body(), Some(&*error.to_string()));
            assert_eq!(record.severity_number(), 17);
            assert!(before <= record.time() && record.time() <= SystemTime::now());
            assert_eq!(record.text(attributes::ERROR_TYPE), error.code().name());
            assert_eq!((&*logged.place.file, logged.place.number), (&*path, index as u64));
            assert!(!logged.is_recovered);
        }
        let uids: std::collections::BTreeSet<_> =
            records.iter().map(|logged| logged.record.text(attributes::LOG_RECORD_UID).unwrap()).collect();
        assert_eq!(uids.len(), 100);
    }
}

#[test]
fn all_that_is_known_of_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let writer = Options::new().with_service("queue").open(&log).unwrap();
    let error = OpError::new(Code::new(-7), "odd\u{0}");
    let time = SystemTime::UNIX_EPOCH + Duration::new(1, 5);
    let event = Event::new(&error)
        .with_time(time)
        .with_severity(Severity::Warn)
        .with_method("/a.B/C")
        .with_trace([7; 16], [9; 8], 1)
        .with_attribute("shard", "seven".into());
    let uid = writer.write(&event).unwrap();
    let record = read(&log).0.remove(0).record;
    assert_eq!((record.time(), record.severity_number()), (time, 13));
    assert_eq!((record.code(), record.message()), (Some(Code::new(-7)), Some("odd\u{0}")));
    assert_eq!((record.trace_id(), record.span_id()), (Some([7; 16]), Some([9; 8])));
    let text = |name| record.text(name).unwrap();
    assert_eq!(text(attributes::SERVICE_NAME), "queue");
    assert_eq!((text(attributes::RPC_SYSTEM_NAME), text(attributes::RPC_METHOD)), ("grpc", "a.B/C"));
    assert_eq!((text(attributes::RPC_RESPONSE_STATUS_CODE), text(attributes::ERROR_TYPE)), ("UNKNOWN", "-7"));
    assert_eq!((text(attributes::EXCEPTION_TYPE), text("shard")), ("operr.OpError", "seven"));
    assert_eq!(text(attributes::LOG_RECORD_UID), uid.to_string());
    assert_eq!(record.error().unwrap().unwrap(), error);
    let decoded = record.decode().unwrap();
    assert_eq!(
        (decoded.severity_text.as_str(), decoded.event_name.as_str(), decoded.flags),
        ("WARN", "operr.error", 1)
    );
}

#[test]
fn many_threads() {
    let folder = tempfile::tempdir().unwrap();
    let buffered = [Duration::from_millis(5), Duration::from_secs(3_600)].map(Durability::Buffered);
    let other = [Durability::None, Durability::Every(Duration::from_millis(5)), Durability::Record];
    for durability in other.into_iter().chain(buffered) {
        let log = folder.path().join(format!("{durability:?}").replace(|c: char| !c.is_alphanumeric(), "-"));
        let writer = Options::new().with_durability(durability).with_max_bytes(20_000).open(&log).unwrap();
        thread::scope(|scope| {
            for thread in 0..8 {
                let writer = writer.clone();
                scope.spawn(move || {
                    for n in 0..50 {
                        let error = OpError::new(Code::ABORTED, format!("{thread} {n}"));
                        writer.write(&Event::new(&error)).unwrap();
                    }
                });
            }
        });
        writer.sync().unwrap();
        let (records, corruptions) = read(&log);
        assert_eq!((records.len(), corruptions.len(), writer.dropped()), (400, 0, 0));
        for thread in 0..8 {
            let of_thread =
                records.iter().filter_map(|logged| logged.record.message()?.strip_prefix(&format!("{thread} ")));
            assert!(of_thread.eq((0..50).map(|n| n.to_string())), "{thread}");
        }
        assert!(files_of(&log).unwrap().len() > 3);
    }
}

/// Records that are buffered are in the file after a while, and when the last writer goes.
#[test]
fn what_is_buffered_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let options = |millis| Options::new().with_durability(Durability::Buffered(Duration::from_millis(millis)));
    let log = folder.path().join("soon");
    let writer = options(20).open(&log).unwrap();
    writer.write(&Event::new(&errors(1)[0])).unwrap();
    let started = Instant::now();
    while read(&log).0.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(5));
    }
    let log = folder.path().join("late");
    let writer = options(3_600_000).open(&log).unwrap();
    for error in errors(3) {
        writer.write(&Event::new(&error)).unwrap();
    }
    assert!(read(&log).0.is_empty());
    drop(writer);
    assert_eq!(errors_of(&read(&log).0), errors(3));
}

#[test]
fn files_are_numbered_locked_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let options = Options::new().with_max_bytes(1).with_kept_files(2);
    let writer = options.clone().open(&log).unwrap();
    for error in errors(5) {
        writer.write(&Event::new(&error)).unwrap();
    }
    let names = files_of(&log).unwrap();
    assert_eq!(names.iter().map(|name| name.number).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(names.iter().all(|name| name.pid == std::process::id()));
    assert_eq!(FileName::parse(writer.path().unwrap()).unwrap(), names[2]);
    // It is locked while there is a writer.
    assert_eq!(repair(names[2].path()).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let clone = writer.clone();
    drop(writer);
    assert!(repair(names[2].path()).is_err());
    drop(clone);
    assert_eq!(repair(names[2].path()).unwrap(), None);

    // A second one of this process goes on with the numbers.
    let other = options.open(&log).unwrap();
    assert_eq!(FileName::parse(other.path().unwrap()).unwrap().number, 5);
}

#[test]
fn age_ends_a_file_and_removes_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let writer = Options::new().with_max_age(Duration::ZERO).with_kept_for(Duration::ZERO).open(&log).unwrap();
    for error in errors(3) {
        writer.write(&Event::new(&error)).unwrap();
    }
    assert_eq!(files_of(&log).unwrap().iter().map(|name| name.number).collect::<Vec<_>>(), [2]);
}

/// What lies on a shared disk may be written by other machines, whatever its locks say here.
#[test]
fn files_of_other_machines_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let ours = write(&log, &errors(1));
    fs::write(FileName::torn(&ours), "torn").unwrap();
    let theirs = FileName { host: "another".into(), ..FileName::parse(&ours).unwrap() }.path();
    fs::copy(&ours, &theirs).unwrap();
    drop(Options::new().with_kept_for(Duration::ZERO).open(&log).unwrap());
    assert_eq!((ours.exists(), FileName::torn(&ours).exists(), theirs.exists()), (false, false, true));
    drop(Options::new().with_kept_files(0).open(&log).unwrap());
    assert!(theirs.exists());
}

#[test]
fn a_torn_end_is_repaired_by_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let path = write(&log, &errors(3));
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let writer = Writer::open(&log).unwrap();
    let (records, corruptions) = read(&log);
    assert_eq!(errors_of(&records), errors(3)[..2]);
    assert!(corruptions.is_empty());
    assert!(FileName::torn(&path).is_file());
    assert_ne!(writer.path().unwrap(), path);
}

#[test]
fn an_error_that_is_too_large_for_a_record_is_cut_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let writer = Writer::open(&log).unwrap();
    let large = OpError::new(Code::ABORTED, "m").with_payload("a/b", vec![7; 20 << 20]).with_payload("a/c", "small");
    writer.write(&Event::new(&large)).unwrap();
    let (records, corruptions) = read(&log);
    assert!(corruptions.is_empty());
    let error = &errors_of(&records)[0];
    assert_eq!((error.code(), error.omitted().unwrap().type_urls), (Code::ABORTED, vec!["a/b".to_owned()]));
    assert_eq!(error.payloads().get("a/c").unwrap(), "small");
}

#[test]
fn where_no_log_can_be() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Writer::open(folder.path().join("none/log")).is_err());
    let text = Writer::open("/").unwrap_err().to_string();
    assert!(text.contains("no name of a log"), "{text}");
}

/// A folder that goes away: nothing blocks, all is counted, and it goes on when it is there again.
#[test]
fn a_write_that_fails_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let writer = Options::new().with_max_bytes(1).open(inner.join("log")).unwrap();
    let error = OpError::new(Code::ABORTED, "m");
    writer.write(&Event::new(&error)).unwrap();
    fs::rename(&inner, folder.path().join("away")).unwrap();
    for count in 1..=3 {
        assert!(writer.write(&Event::new(&error)).is_err());
        assert_eq!(writer.dropped(), count);
    }
    fs::rename(folder.path().join("away"), &inner).unwrap();
    writer.write(&Event::new(&error)).unwrap();
    assert_eq!((writer.dropped(), read(&inner.join("log")).0.len()), (3, 2));
}
