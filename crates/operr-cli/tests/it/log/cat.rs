//! `operr log cat`: its forms, which records it prints, and where they come from.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use operr::OpError;
use operr_log::pb::opentelemetry::proto::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value};
use operr_log::pb::opentelemetry::proto::logs::v1::LogRecord;
use operr_log::{Entry, Reader};
use prost::Message as _;
use serde_json::Value;

use super::*;
use crate::{fail, folder, golden};

#[test]
fn pages_are_what_the_golden_files_say() {
    let folder = folder("log-cat");
    let log = sample(&folder);
    let log = log.to_str().unwrap();
    golden::check("log-cat", &print(&["cat", log]));
    golden::check("log-cat-text", &print(&["cat", "--text", log]));
    golden::check("log-cat-long", &without_places(&print(&["cat", "--long", log]), &folder));
}

/// With uids and the names of files by their numbers.
fn without_places(page: &str, folder: &Path) -> String {
    let place = |line: &str| {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        match (line.trim_start().split_once(": "), line.rsplit_once(".tfrecord, ")) {
            (Some(("uid", uid)), _) if uid.len() == 36 => format!("{indent}uid: UID\n"),
            (Some(("place", _)), Some((file, at))) => {
                assert!(file.contains(folder.to_str().unwrap()), "{file}");
                format!("{indent}place: queue.{}.tfrecord, {at}\n", file.rsplit('.').next().unwrap())
            }
            _ => format!("{line}\n"),
        }
    };
    page.lines().map(place).collect()
}

#[test]
fn json_has_all_of_each_record() {
    let log = sample(&folder("log-json"));
    let records: Vec<_> = Reader::open([&log])
        .unwrap()
        .map(|entry| match entry.unwrap() {
            Entry::Record(logged) => logged,
            other => panic!("{other:?}"),
        })
        .collect();
    let lines = print(&["cat", "--json", log.to_str().unwrap()]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), records.len());
    for (line, logged) in lines.iter().zip(&records) {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, KEYS);
        let error = OpError::from_json(&line["error"].to_string()).unwrap();
        assert_eq!(error, logged.record.error().unwrap().unwrap());
        // And so reads the command.
        let decoded = crate::error(&["convert", "--to", "status"], line["error"].to_string().as_bytes());
        assert_eq!(decoded, error);
        assert_eq!(line["uid"], logged.record.text(operr_log::attributes::LOG_RECORD_UID).unwrap());
        assert_eq!(line["file"], logged.place.file.to_str().unwrap());
        assert_eq!((&line["number"], &line["offset"]), (&logged.place.number.into(), &logged.place.offset.into()));
        assert_eq!((&line["recovered"], &line["body"]), (&false.into(), &Value::Null));
    }
    let of = |key: &str| lines.iter().map(|line| line[key].clone()).collect::<Vec<_>>();
    let times: Vec<Value> = [
        "2026-11-21T15:04:05.123456789Z",
        "2026-11-21T15:04:06.000000000Z",
        "2026-11-21T15:04:07.999999999Z",
        "2026-11-21T16:00:00.000000001Z",
        "2026-11-21T17:00:00.000000000Z",
        "2026-11-21T18:30:00.000000000Z",
    ]
    .map(Value::from)
    .into();
    assert_eq!(of("time"), times);
    assert_eq!(of("severity"), ["ERROR", "WARN", "ERROR", "FATAL", "ERROR", "DEBUG"].map(Value::from));
    assert!(of("service").iter().all(|service| service == "queue"));
    assert_eq!(lines[0]["method"], "operr.queue.v1.QueueService/Enqueue");
    assert_eq!(
        (&lines[1]["method"], &lines[1]["traceId"], &lines[1]["spanId"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!((&lines[0]["traceId"], &lines[0]["spanId"]), (&"ab".repeat(16).into(), &"cd".repeat(8).into()));
    assert_eq!(lines[1]["attributes"].to_string(), r#"{"shard":"seven","where":"a b"}"#);
}

const KEYS: [&str; 14] = [
    "time",
    "severity",
    "service",
    "method",
    "uid",
    "traceId",
    "spanId",
    "recovered",
    "file",
    "number",
    "offset",
    "attributes",
    "body",
    "error",
];

#[test]
fn the_time_and_the_number_choose() {
    let folder = folder("log-range");
    let log = sample(&folder);
    let log = log.to_str().unwrap();
    let all = print(&["cat", "--text", log]);
    let all: Vec<&str> = all.lines().collect();
    for (options, expected) in [
        (&["--since", "2026-11-21T15:04:06Z"][..], &all[1..]),
        (&["--since", "2026-11-21T15:04:06.000000001Z"], &all[2..]),
        (&["--since", "2026-11-21T16:04:06+01:00"], &all[1..]),
        (&["--until", "2026-11-21T15:04:06Z"], &all[..1]),
        (&["--since", "2026-11-21 15:04:06Z", "--until", "2026-11-21T17:00:00Z"], &all[1..4]),
        (&["--since", "2026-11-21"], &all[..]),
        (&["--since", "2026-11-22"], &[]),
        (&["--until", "2026-11-21"], &[]),
        (&["-n", "2"], &all[4..]),
        (&["-n", "0"], &[]),
        (&["--lines", "100"], &all[..]),
        (&["-n", "1", "--until", "2026-11-21T16:00:00Z"], &all[2..3]),
    ] {
        let printed = print(&[&["cat", "--text", log], options].concat());
        assert_eq!(printed.lines().collect::<Vec<_>>(), expected, "{options:?}");
    }
    for wrong in [
        "yesterday",
        "",
        "15",
        "m",
        "15x",
        "15m3",
        "-5m",
        "1969-12-31T23:59:59Z",
        "2026-13-01",
        "99999999999999999999w",
        "2600-01-01",
    ] {
        let said = fail(&["log", "cat", log, &format!("--since={wrong}")], b"", 2);
        assert!(said.contains("--since"), "{wrong}: {said}");
    }
}

#[test]
fn so_long_ago() {
    let log = folder("log-ago").join("log");
    let writer = Writer::open(&log).unwrap();
    let now = SystemTime::now();
    for minutes in [3 * 24 * 60, 100, 50, 10, 0] {
        let error = OpError::new(Code::ABORTED, format!("{minutes} minutes"));
        writer.write(&Event::new(&error).with_time(now - Duration::from_secs(60 * minutes + 5))).unwrap();
    }
    let count =
        |options: &[&str]| print(&[&["cat", "--text", log.to_str().unwrap()], options].concat()).lines().count();
    for (ago, expected) in
        [("1w", 5), ("2d", 4), ("2h", 4), ("1h30m", 3), ("90m", 3), ("15m", 2), ("600s", 1), ("1s", 0), ("1h2m3s", 3)]
    {
        assert_eq!(count(&["--since", ago]), expected, "{ago}");
        assert_eq!(count(&["--until", ago]), 5 - expected, "{ago}");
    }
}

#[test]
fn files_patterns_names_and_stdin() {
    let folder = folder("log-files");
    let log = sample(&folder);
    let all = print(&["cat", "--json", log.to_str().unwrap()]);
    let files = files(&log);
    let paths: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    assert_eq!(print(&["cat", "--json", paths[0], paths[1]]), all);
    assert_eq!(print(&["cat", "--json", folder.join("*.tfrecord").to_str().unwrap()]), all);
    let one = print(&["cat", "--text", paths[0]]);
    assert_eq!(one.lines().count(), 3);
    for arguments in [&["cat", "--text"][..], &["cat", "--text", "-"], &["tail", "--text"]] {
        assert_eq!(run(arguments, &fs::read(paths[0]).unwrap()), (one.clone(), 0, String::new()));
    }
    let (printed, status, _) = run(&["cat", "--json", "-"], &fs::read(paths[0]).unwrap());
    assert_eq!((printed.matches("\"file\":\"-\"").count(), status), (3, 0));
    // stdin is merged with files.
    let (printed, ..) = run(&["cat", "--text", "-", paths[1]], &fs::read(paths[0]).unwrap());
    assert_eq!(printed, print(&["cat", "--text", log.to_str().unwrap()]));
    assert_eq!(run(&["cat"], b""), (String::new(), 0, String::new()));
}

/// What other programs write: no error, one that cannot be read, attributes of all kinds.
#[test]
fn records_of_others_are_shown() {
    let folder = folder("log-others");
    let file = folder.join("others.tfrecord");
    let attribute =
        |key: &str, value: any_value::Value| KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }) };
    let text = |text: &str| any_value::Value::StringValue(text.into());
    let status = |bytes: &'static [u8]| attribute("operr.status", any_value::Value::BytesValue(bytes.into()));
    let body = |text: &str| Some(AnyValue::from(text));
    let list = any_value::Value::ArrayValue(ArrayValue { values: vec!["a".into(), AnyValue { value: None }] });
    let pairs =
        any_value::Value::KvlistValue(KeyValueList { values: vec![attribute("k", any_value::Value::IntValue(-1))] });
    let time = |seconds: u64| 1_795_219_200_000_000_000 + seconds * 1_000_000_000;
    let attributes = vec![
        attribute("text", text("with \"quotes\"")),
        attribute("empty", text("")),
        attribute("yes", any_value::Value::BoolValue(true)),
        attribute("half", any_value::Value::DoubleValue(0.5)),
        attribute("bytes", any_value::Value::BytesValue(vec![0, 255].into())),
        attribute("list", list),
        attribute("pairs", pairs),
        attribute("exception.type", text("builtins.KeyError")),
        KeyValue { key: "none".into(), value: None },
    ];
    let records = [
        LogRecord {
            time_unix_nano: time(0),
            severity_number: 9,
            body: body("started: all is well"),
            attributes,
            ..Default::default()
        },
        LogRecord {
            time_unix_nano: time(1),
            severity_number: 18,
            body: body("5: gone"),
            attributes: vec![status(b"\x12\x40cut")],
            ..Default::default()
        },
        LogRecord {
            observed_time_unix_nano: time(2),
            severity_number: 99,
            trace_id: vec![1; 16].into(),
            ..Default::default()
        },
        // TensorFlow's container, whose code and message are elsewhere.
        LogRecord {
            time_unix_nano: time(3),
            attributes: vec![status(b"\x0a\x06\x0a\x01k\x12\x01v")],
            ..Default::default()
        },
        LogRecord::default(),
    ];
    let frames: Vec<u8> = records.iter().flat_map(|record| frame(&record.encode_to_vec())).collect();
    fs::write(&file, frames).unwrap();
    let file = file.to_str().unwrap();
    golden::check("log-others", &print(&["cat", file]));
    golden::check("log-others-text", &print(&["cat", "--text", file]));
    let json = print(&["cat", "--json", file]);
    golden::check("log-others-json", &json.replace(file, "others.tfrecord"));
    for line in json.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let (printed, status, _) = run(&["verify", file], b"");
    assert_eq!(status, 1);
    assert!(printed.starts_with(&format!("{file}: record 1, offset ")), "{printed}");
    assert!(
        printed.ends_with("\n5 records, 0 places damaged, 0 bytes in all, 1 record whole but not readable\n"),
        "{printed}"
    );
}

#[test]
fn nothing_from_a_peer_steers_the_terminal() {
    let log = sample(&folder("log-harmless"));
    let log = log.to_str().unwrap();
    for command in
        [&["cat"][..], &["cat", "--text"], &["cat", "--json"], &["cat", "--long"], &["stats"], &["stats", "--json"]]
    {
        let printed = print(&[command, &[log]].concat());
        let steers = |c: &char| c.is_control() && *c != '\n' || *c == '\u{202e}';
        assert_eq!(printed.chars().find(steers), None, "{command:?}: {printed:?}");
        assert!(printed.contains("red"));
    }
    // Neither the name of a file.
    let (_, status, said) = run(&["cat", "\x1b[31m"], b"");
    assert_eq!((status, said.contains('\x1b')), (1, false), "{said:?}");
}

#[test]
fn colour_is_for_terminals() {
    let log = sample(&folder("log-colour"));
    let mut command = operr(&["log", "cat", log.to_str().unwrap()]);
    let coloured = String::from_utf8(command.env("CLICOLOR_FORCE", "1").output().unwrap().stdout).unwrap();
    assert!(coloured.contains("\x1b[31mERROR\x1b[0m queue \x1b[1m\x1b[31mCANCELLED\x1b[0m: Enqueue"), "{coloured:?}");
    assert!(coloured.contains("\x1b[33mWARN \x1b[0m queue"), "{coloured:?}");
    let mut command = operr(&["log", "cat", "--text", log.to_str().unwrap()]);
    assert!(!command.env("CLICOLOR_FORCE", "1").output().unwrap().stdout.contains(&0x1b));
}

#[test]
fn what_is_long_is_cut() {
    let log = folder("log-long").join("log");
    let writer = Writer::open(&log).unwrap();
    let many = |error: OpError, number: u32| {
        (0..number).fold(error, |error, number| {
            let cause = OpError::new(Code::ABORTED, "c".repeat(5_000));
            error
                .with_payload(format!("a/{number}"), vec![0; 5_000])
                .with_note(format!("note {number}"))
                .with_cause(cause)
        })
    };
    let error = many(OpError::new(Code::INTERNAL, "line\n".repeat(1_000) + &"x".repeat(5_000)), 30);
    writer.write(&Event::new(&error)).unwrap();
    let mut chain = OpError::new(Code::ABORTED, "first");
    for _ in 0..5_000 {
        chain = OpError::new(Code::INTERNAL, "later").with_cause(chain);
    }
    writer.write(&Event::new(&chain)).unwrap();
    let log = log.to_str().unwrap();
    let page = print(&["cat", log]);
    assert!(page.lines().count() < 70 && page.lines().all(|line| line.len() < 700), "{page}");
    for words in [
        "... 190 more lines not shown\n",
        "... 22 more payloads not shown; --long shows them",
        "... 22 more notes not shown; --long shows them",
        "... more causes not shown; --long shows them",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(page.matches(" cause: ").count(), 20);
    let page = print(&["cat", "--long", log]);
    assert!(page.lines().count() < 3_000);
    // In a line, a message is whole.
    assert!(print(&["cat", "--text", log]).lines().next().unwrap().len() > 10_000);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let log = folder("log-pipe").join("log");
    let writer = Writer::open(&log).unwrap();
    for _ in 0..300 {
        writer.write(&Event::new(&OpError::new(Code::ABORTED, "x".repeat(1_000)))).unwrap();
    }
    for arguments in [
        &["cat"][..],
        &["cat", "--json"],
        &["grep", "--code", "10"],
        &["tail", "-n", "300"],
        &["tail", "-f", "-n", "300"],
    ] {
        let arguments = [&["log"], arguments, &[log.to_str().unwrap()]].concat();
        let mut child = operr(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut start = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut start).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), &output.stderr[..]), (Some(0), &b""[..]), "{arguments:?}");
    }
}

/// A disk that is full is one.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let log = sample(&folder("log-full"));
    for (command, status) in [("cat", 1), ("grep", 2), ("stats", 1), ("verify", 1)] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = operr(&["log", command, log.to_str().unwrap()]).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{command}: {output:?}");
        assert!(output.stderr.starts_with(b"error: stdout: "), "{output:?}");
    }
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for arguments in [
        &["log"][..],
        &["log", "shred"],
        &["log", "cat", "--json", "--text"],
        &["log", "cat", "--text", "--long"],
        &["log", "cat", "-n", "-1"],
        &["log", "cat", "-n", "many"],
        &["log", "tail", "-f"],
        &["log", "tail", "-f", "-"],
        &["log", "grep", "--code", "NOBODY"],
        &["log", "grep", "--message", "("],
        &["log", "grep", "--trace", "12"],
        &["log", "grep", "--trace", "+0000000000000000000000000000000"],
        &["log", "grep", "--count", "--json"],
        &["log", "grep", "--count", "-n", "3"],
        &["log", "stats", "--text"],
        &["log", "repair"],
    ] {
        assert!(!fail(arguments, b"", 2).is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_is_not_there_is_named() {
    let none = folder("log-none").join("none");
    let none = none.to_str().unwrap();
    for (command, status) in [("cat", 1), ("tail", 1), ("grep", 2), ("stats", 1), ("verify", 1), ("repair", 1)] {
        let said = fail(&["log", command, none], b"", status);
        assert_eq!(said, format!("error: {none}: no such file, and no log of this name has files\n"), "{command}");
    }
    assert!(fail(&["log", "cat", "***"], b"", 1).starts_with("error: "));
}

/// The bar is for people who wait: after a second, on a terminal, and gone at the end.
#[cfg(target_os = "linux")]
#[test]
fn a_bar_is_shown_where_work_takes_long_and_a_terminal_is_there() {
    use std::io::Write as _;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let log = folder("log-bar").join("log");
    let writer = Writer::open(&log).unwrap();
    for _ in 0..4 {
        writer.write(&Event::new(&OpError::new(Code::ABORTED, "x".repeat(1 << 20)))).unwrap();
    }
    let bytes = fs::read(writer.path().unwrap()).unwrap();
    let shown = |arguments: &[&str], is_long: bool, is_terminal: bool| {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let mut command = operr(arguments);
        if is_terminal {
            command.stderr(fs::File::options().read(true).write(true).open(path).unwrap());
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        drop(command);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(&bytes).unwrap();
        if is_long {
            std::thread::sleep(Duration::from_millis(1_200));
            stdin.write_all(&bytes).unwrap();
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let mut shown = output.stderr;
        if is_terminal {
            // Of a terminal that everybody has closed, nothing more can be read: an error.
            let _ = fs::File::from(master).read_to_end(&mut shown);
        }
        String::from_utf8(shown).unwrap()
    };
    let bar = shown(&["log", "stats"], true, true);
    assert!(bar.contains("MB, ") && bar.contains(" records") && bar.ends_with("\r\x1b[2K"), "{bar:?}");
    assert_eq!(shown(&["log", "stats"], false, true), "");
    assert_eq!(shown(&["log", "stats"], true, false), "");
    // Who reads what is printed may be a pager, which has the terminal.
    assert_eq!(shown(&["log", "cat", "--text"], true, true), "");
}
