//! The format, without the reader: what the crate opentelemetry-proto finds in a file, and what `docs/src/log.md` says.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::common::v1::{AnyValue as TheirAnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use operr::{Code, NotFoundError, OpError, Origin};
use operr_log::pb::opentelemetry::proto::common::v1::{AnyValue, any_value::Value as OurValue};
use operr_log::{Event, Options, Severity, Writer, attributes};
use prost::Message as _;

use crate::damage::masked_crc;
use crate::logs::errors;

/// The records of a file, by nothing but what a TFRecord file is.
fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_at(8);
        let (crc, rest) = rest.split_at(4);
        assert_eq!(crc, masked_crc(length).to_le_bytes());
        let (record, rest) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (crc, rest) = rest.split_at(4);
        assert_eq!(crc, masked_crc(record).to_le_bytes());
        records.push(record);
        bytes = rest;
    }
    records
}

fn text(text: impl Into<String>) -> Value {
    Value::StringValue(text.into())
}

fn attributes_of(record: &LogRecord) -> Vec<(&str, Value)> {
    let value = |value: &Option<TheirAnyValue>| value.clone().unwrap().value.unwrap();
    record.attributes.iter().map(|KeyValue { key, value: of, .. }| (&**key, value(of))).collect()
}

fn nanos(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64
}

#[test]
fn records_are_opentelemetrys() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Options::new().with_service("queue").open(folder.path().join("log")).unwrap();
    let before = nanos(SystemTime::now());
    let mut uids = Vec::new();
    for error in errors(40) {
        uids.push(writer.write(&Event::new(&error)).unwrap().to_string());
    }
    let file = fs::read(writer.path().unwrap()).unwrap();
    let after = nanos(SystemTime::now());
    let records = frames(&file);
    assert_eq!(records.len(), 40);
    for ((bytes, error), uid) in records.into_iter().zip(errors(40)).zip(uids) {
        let record = LogRecord::decode(bytes).unwrap();
        // With their types it is as long: they know all of it, and all of it is in its shortest form.
        assert_eq!(record.encoded_len(), bytes.len());
        let (code, class) = (error.code().name().unwrap(), error.code().class_name().unwrap());
        assert!(before <= record.time_unix_nano && record.time_unix_nano <= record.observed_time_unix_nano);
        assert!(record.observed_time_unix_nano <= after);
        let expected = LogRecord {
            time_unix_nano: record.time_unix_nano,
            observed_time_unix_nano: record.observed_time_unix_nano,
            severity_number: SeverityNumber::Error.into(),
            severity_text: "ERROR".to_owned(),
            body: Some(TheirAnyValue { value: Some(text(error.to_string())) }),
            attributes: record.attributes.clone(),
            event_name: "operr.error".to_owned(),
            ..LogRecord::default()
        };
        assert_eq!(record, expected);
        let expected = [
            ("error.type", text(code)),
            ("exception.type", text(format!("operr.{class}"))),
            ("exception.message", text(error.message())),
            ("service.name", text("queue")),
            ("log.record.uid", text(uid)),
            ("operr.status", Value::BytesValue(error.to_bytes().to_vec())),
        ];
        assert_eq!(attributes_of(&record), expected);
    }
}

#[test]
fn all_that_is_known_is_opentelemetrys() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::open(folder.path().join("log")).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::new(1, 5);
    let levels = [
        (Severity::Debug, SeverityNumber::Debug),
        (Severity::Info, SeverityNumber::Info),
        (Severity::Warn, SeverityNumber::Warn),
        (Severity::Error, SeverityNumber::Error),
        (Severity::Fatal, SeverityNumber::Fatal),
    ];
    // Lengths on both sides of where a varint gets longer, a code without a name, and a message that is not UTF-8.
    let lengths = [0, 1, 100, 127, 128, 129, 16_383, 16_384, 70_000];
    let mut all: Vec<_> = lengths.map(|length| OpError::new(Code::ABORTED, "x".repeat(length))).into();
    all.push(OpError::new(Code::new(77), "m").with_origin(&Origin::new("builtins.KeyError")));
    all.push(OpError::new(Code::new(i32::MIN), "m"));
    all.push(OpError::from_slice(b"\x08\x05\x12\x03a\xFFb").unwrap());
    for error in &all {
        for (severity, _) in levels {
            let any = |value| AnyValue { value: Some(value) };
            let event = Event::new(error)
                .with_time(time)
                .with_severity(severity)
                .with_method("/a.B/C")
                .with_trace([7; 16], [9; 8], 1)
                .with_attribute("int", any(OurValue::IntValue(-7)))
                .with_attribute("bytes", any(OurValue::BytesValue("b".into())));
            writer.write(&event).unwrap();
        }
    }
    let file = fs::read(writer.path().unwrap()).unwrap();
    let records = frames(&file);
    assert_eq!(records.len(), 5 * all.len());
    let expected = all.iter().flat_map(|error| levels.map(|(severity, number)| (error, severity, number)));
    for (bytes, (error, severity, number)) in records.into_iter().zip(expected) {
        let record = LogRecord::decode(bytes).unwrap();
        assert_eq!(record.encoded_len(), bytes.len());
        assert_eq!((record.time_unix_nano, record.severity_number()), (1_000_000_005, number));
        assert_eq!(record.severity_text, severity.text());
        let ids = (record.flags, &*record.trace_id, &*record.span_id, &*record.event_name);
        assert_eq!(ids, (1, &[7_u8; 16][..], &[9_u8; 8][..], "operr.error"));
        assert_eq!(record.body.clone().unwrap().value, Some(text(error.to_string())));
        let is_named = error.code().name().is_some();
        let status = if is_named { error.code().name().unwrap() } else { "UNKNOWN" };
        let class = match error.origin() {
            Some(origin) => origin.r#type,
            None => format!("operr.{}", error.code().class_name().unwrap_or("OpError")),
        };
        let uid = attributes_of(&record).into_iter().find(|(name, _)| *name == attributes::LOG_RECORD_UID).unwrap();
        let expected = [
            ("error.type", text(error.code().to_string())),
            ("exception.type", text(class)),
            ("exception.message", text(error.message())),
            ("rpc.system.name", text("grpc")),
            ("rpc.method", text("a.B/C")),
            ("rpc.response.status_code", text(status)),
            uid,
            ("int", Value::IntValue(-7)),
            ("bytes", Value::BytesValue(b"b".to_vec())),
            ("operr.status", Value::BytesValue(error.to_bytes().to_vec())),
        ];
        assert_eq!(attributes_of(&record), expected);
    }
}

#[test]
fn the_example_of_the_docs() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Options::new().with_service("shards").open(folder.path().join("shards")).unwrap();
    let error = OpError::from(NotFoundError::new("no such shard")).with_note("while loading");
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_795_262_400, 250_000_000);
    let trace = (0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128, 0x00f0_67aa_0ba9_02b7_u64);
    let event = Event::new(&error)
        .with_time(time)
        .with_method("example.Shards/Load")
        .with_trace(trace.0.to_be_bytes(), trace.1.to_be_bytes(), 1)
        .with_attribute("shard", AnyValue { value: Some(OurValue::IntValue(7)) });
    let uid = writer.write(&event).unwrap().to_string();
    let mut file = fs::read(writer.path().unwrap()).unwrap();
    // What differs each time is put at rest.
    let observed = LogRecord::decode(frames(&file)[0]).unwrap().observed_time_unix_nano;
    replace(&mut file, uid.as_bytes(), b"01a1fdfa-46fa-7f3e-9a51-0b3c5d7e9f01");
    replace(&mut file, &observed.to_le_bytes(), &(nanos(time) + 31_000).to_le_bytes());
    let end = file.len() - 4;
    let crc = masked_crc(&file[12..end]).to_le_bytes();
    file[end..].copy_from_slice(&crc);
    check_part("example", &format!("```text\n{}```\n", dump(&file)));
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
}

/// A file of one record, each of its parts with what it is.
fn dump(file: &[u8]) -> String {
    let record = frames(file)[0];
    let mut out = String::new();
    put(&mut out, 0, &file[..8], &format!("length of the record: {}", record.len()));
    put(&mut out, 8, &file[8..12], "masked CRC-32C of these 8 bytes");
    let mut rest = record;
    while !rest.is_empty() {
        let field = field(rest);
        let text = describe(&LogRecord::decode(field).unwrap(), field[0] >> 3);
        put(&mut out, file.len() - 4 - rest.len(), field, &text);
        rest = &rest[field.len()..];
    }
    put(&mut out, file.len() - 4, &file[file.len() - 4..], "masked CRC-32C of the record");
    out
}

/// The bytes of the first field, whose number is below 16 and whose length below 16,384.
fn field(bytes: &[u8]) -> &[u8] {
    let varint = || 1 + bytes[1..].iter().position(|byte| *byte < 0x80).unwrap() + 1;
    let length = match bytes[0] & 7 {
        0 => varint(),
        1 => 9,
        2 if varint() == 2 => 2 + usize::from(bytes[1]),
        2 => 3 + usize::from(bytes[1] & 0x7F) + (usize::from(bytes[2]) << 7),
        5 => 5,
        other => panic!("{other}"),
    };
    &bytes[..length]
}

fn describe(field: &LogRecord, number: u8) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let value = |value: Value| match value {
        Value::StringValue(text) => format!("{text:?}"),
        Value::IntValue(number) => number.to_string(),
        Value::BytesValue(bytes) => format!("{} bytes, a google.rpc.Status", bytes.len()),
        other => panic!("{other:?}"),
    };
    match number {
        1 => format!("time_unix_nano: {}", field.time_unix_nano),
        2 => format!("severity_number: {}", field.severity_number().as_str_name()),
        3 => format!("severity_text: {:?}", field.severity_text),
        5 => format!("body: {}", value(field.body.clone().unwrap().value.unwrap())),
        6 => {
            let (name, of) = attributes_of(field).remove(0);
            format!("attribute {name}: {}", value(of))
        }
        8 => format!("flags: {}", field.flags),
        9 => format!("trace_id: {}", hex(&field.trace_id)),
        10 => format!("span_id: {}", hex(&field.span_id)),
        11 => format!("observed_time_unix_nano: {}", field.observed_time_unix_nano),
        12 => format!("event_name: {:?}", field.event_name),
        other => panic!("{other}"),
    }
}

fn put(out: &mut String, offset: usize, bytes: &[u8], text: &str) {
    for (index, line) in bytes.chunks(16).enumerate() {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = if index == 0 { text } else { "" };
        let line = format!("{:5}  {:47}  {text}", offset + 16 * index, hex.join(" "));
        writeln!(out, "{}", line.trim_end()).unwrap();
    }
}

/// The names of attributes, with their docs.
#[test]
fn the_attributes_of_the_docs() {
    let mut table = "| attribute | what |\n|---|---|\n".to_owned();
    let mut docs = Vec::new();
    let mut names = 0;
    for line in include_str!("../../src/attributes.rs").lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            docs.push(text);
        } else if let Some((_, name)) = line.split_once(": &str = \"") {
            let name = name.strip_suffix("\";").unwrap();
            writeln!(table, "| `{name}` | {} |", docs.join(" ")).unwrap();
            docs.clear();
            names += 1;
        }
    }
    assert_eq!(names, include_str!("../../src/attributes.rs").matches("pub const").count());
    check_part("attributes", &table);
}

/// Compares with the part of `docs/src/log.md` of this name; `UPDATE_GOLDEN=1` writes it, but not where `CI` is set.
#[track_caller]
fn check_part(name: &str, text: &str) {
    let _alone = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/log.md");
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let page = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    let (before, rest) = page.split_once(&begin).unwrap();
    let (part, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") && part != text {
        assert!(std::env::var_os("CI").is_none(), "CI does not write golden files");
        fs::write(&path, [before, &begin, text, &end, after].concat()).unwrap();
        return;
    }
    assert_eq!(text, part, "{} is not what is written; UPDATE_GOLDEN=1?", path.display());
}

/// The page has parts that are written by different tests.
static PAGE: Mutex<()> = Mutex::new(());
