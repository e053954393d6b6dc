//! `operr log stats`, and the counting behind it.

use std::fs;

use bytes::Bytes;
use operr::{Container, NodeDef};
use operr_log::pb::opentelemetry::proto::common::v1::{AnyValue, KeyValue, any_value};
use operr_log::pb::opentelemetry::proto::logs::v1::LogRecord;
use operr_log::{Record, Seen, Stats, Table};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::{Value, json};

use super::*;
use crate::{folder, golden};

#[test]
fn tables_are_what_the_golden_files_say() {
    let log = sample(&folder("log-stats"));
    let log = log.to_str().unwrap();
    golden::check("log-stats", &print(&["stats", log]));
    golden::check("log-stats-json", &print(&["stats", "--json", log]));
    let of_one = print(&["stats", "--json", "--op", "QueueEnqueueV2", log]);
    let time = "2026-11-21T15:04:05.123456789Z";
    let row = |name: &str| json!([{ "name": name, "count": 1, "first": time, "last": time }]);
    let none = json!({ "codes": 0, "classes": 0, "nodes": 0, "ops": 0 });
    let expected = json!({
        "records": 1, "corruptions": 0, "first": time, "last": time, "codes": row("CANCELLED"),
        "classes": row("operr.CancelledError"), "nodes": row("scope/enq"), "ops": row("QueueEnqueueV2"),
        "others": none,
    });
    assert_eq!(serde_json::from_str::<Value>(&of_one).unwrap(), expected);

    let (printed, status, _) = run(&["stats"], b"");
    assert_eq!((&*printed, status), ("0 records\n", 0));
    let (printed, ..) = run(&["stats", "--json"], b"");
    let empty = json!({
        "records": 0, "corruptions": 0, "first": null, "last": null, "codes": [], "classes": [], "nodes": [], "ops": [],
        "others": none,
    });
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), empty);
}

/// What the tables say, a search finds.
#[test]
fn rows_are_what_grep_counts() {
    let log = sample(&folder("log-stats-grep"));
    let log = log.to_str().unwrap();
    let stats: Value = serde_json::from_str(&print(&["stats", "--json", log])).unwrap();
    let mut rows = 0;
    for (table, option) in [("codes", "--code"), ("classes", "--class"), ("nodes", "--node"), ("ops", "--op")] {
        for row in stats[table].as_array().unwrap() {
            let found = print(&["grep", "--count", option, row["name"].as_str().unwrap(), log]);
            assert_eq!(found.trim(), row["count"].to_string(), "{table}: {row}");
            rows += 1;
        }
    }
    assert_eq!(rows, 4 + 5 + 3 + 4);
}

#[test]
fn long_tables_are_cut() {
    let log = folder("log-stats-long").join("log");
    let writer = Writer::open(&log).unwrap();
    for number in 0..30 {
        let error = OpError::new(Code::ABORTED, "m").with_node_def(node(&format!("node{number:02}"), &"x".repeat(500)));
        for _ in 0..=number % 3 {
            writer.write(&Event::new(&error).with_time(at(1, 0, 0, 0))).unwrap();
        }
    }
    let log = log.to_str().unwrap();
    golden::check("log-stats-long", &print(&["stats", log]));
    let stats: Value = serde_json::from_str(&print(&["stats", "--json", log])).unwrap();
    let names: Vec<_> =
        stats["nodes"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
    let mut expected: Vec<_> = (0..30).map(|number| (2 - number % 3, format!("node{number:02}"))).collect();
    expected.sort();
    assert_eq!(names, expected.into_iter().map(|(_, name)| name).collect::<Vec<_>>());
}

/// A record with this error, and no other attribute.
fn record(time: u64, status: Bytes, body: &str) -> Record {
    let attribute = |key: &str, value| KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }) };
    let record = LogRecord {
        time_unix_nano: time,
        body: Some(body.into()),
        attributes: vec![
            attribute("exception.type", any_value::Value::StringValue("a.B".into())),
            attribute("operr.status", any_value::Value::BytesValue(status)),
        ],
        ..Default::default()
    };
    Record::from_bytes(record.encode_to_vec()).unwrap()
}

type Row = (String, u64, u64, u64);

/// All that it counted.
fn tables(stats: &Stats) -> (u64, u64, Option<Seen>, [Vec<Row>; 4]) {
    let rows = |table: &Table| {
        let of_row = |row: &operr_log::Counted| (row.name.to_string(), row.count, row.seen.first, row.seen.last);
        table.rows().into_iter().map(of_row).collect()
    };
    let tables = [rows(stats.codes()), rows(stats.classes()), rows(stats.nodes()), rows(stats.ops())];
    (stats.records(), stats.corruptions(), stats.seen(), tables)
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-c]", Just("grün".to_owned())]
}

fn error() -> impl Strategy<Value = OpError> {
    let node_def = prop::option::of((name(), name()));
    let op = prop::option::of((name(), name()));
    (-1..20_i32, node_def, op, prop::collection::vec("[a-z/]{0,200}", 0..4), prop::bool::ANY).prop_map(
        |(code, node_def, op, payloads, is_container)| {
            let mut error = OpError::new(Code::new(code), "m");
            if let Some((name, op)) = node_def {
                error = error.with_node_def(node(&name, &op));
            }
            for key in payloads {
                error = error.with_payload(key.clone(), key);
            }
            if let Some((name, kind)) = op {
                error = error.with_op(&Operation::new(name, kind).with_traceback([Frame::new("a.py", 1, "f")]));
            }
            if is_container { OpError::from_bytes(error.to_details(Container::TensorFlow)).unwrap() } else { error }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is found where it lies is what decoding finds.
    #[test]
    fn names_are_those_of_the_decoded_error(error in error()) {
        let record = record(1, error.to_bytes(), "m");
        let node = error.node_def();
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let node_name = node.as_ref().and_then(|node| some(node.name().unwrap()));
        let op = error.op().and_then(|op| some(&op.r#type)).or(node.as_ref().and_then(|node| some(node.op().unwrap())));
        prop_assert_eq!(record.node().map(str::to_owned), node_name);
        prop_assert_eq!(record.op().map(str::to_owned), op);
        prop_assert_eq!(record.error().unwrap().unwrap(), error);
    }

    /// Broken bytes have no names, or some; never a panic.
    #[test]
    fn broken_errors_are_counted(error in error(), at in 0..400_usize, byte in 0..=255_u8) {
        let mut bytes = error.to_bytes().to_vec();
        let length = bytes.len();
        if let Some(place) = bytes.get_mut(at % length.max(1)) {
            *place = byte;
        }
        let mut stats = Stats::default();
        stats.add(&record(1, bytes.into(), "NOT_FOUND: m"));
        prop_assert_eq!((stats.records(), stats.codes().rows().len(), stats.classes().rows().len()), (1, 1, 1));
    }

    /// Parts that are counted alone make the whole, in any order.
    #[test]
    fn merging_is_counting(
        records in prop::collection::vec((0..50_u64, error(), 0..4_usize, -2..18_i32), 0..60),
        corruptions in 0..4_usize,
        order in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        let mut whole = Stats::default();
        let mut parts = [(); 4].map(|()| Stats::default());
        for (time, error, part, code) in records {
            let record = record(time, error.to_bytes(), &format!("{}: m", Code::new(code)));
            whole.add(&record);
            parts[part].add(&record);
        }
        for part in parts.iter_mut().take(corruptions) {
            part.add_corruption();
            whole.add_corruption();
        }
        let mut merged = Stats::default();
        for part in order {
            merged.merge(&parts[part]);
        }
        prop_assert_eq!(tables(&merged), tables(&whole));
        // With what is merged on both sides.
        let [mut one, mut other] = [Stats::default(), Stats::default()];
        one.merge(&parts[0]);
        one.merge(&parts[1]);
        other.merge(&parts[2]);
        other.merge(&parts[3]);
        other.merge(&one);
        prop_assert_eq!(tables(&other), tables(&whole));
        for rows in &tables(&whole).3 {
            prop_assert!(rows.is_sorted_by_key(|(name, count, ..)| (u64::MAX - count, name.clone())));
        }
    }
}

/// The last of a kind counts, whatever stands before the last `/`, and what has no name is not counted.
#[test]
fn odd_errors_are_counted_by_what_they_are() {
    let node = |name: &str, op: &str| NodeDef::from(node(name, op)).into_bytes();
    // A list of details may have a type twice; the library replaces it.
    let status = |entries: &[(&str, Bytes)]| {
        let mut bytes = b"\x08\x05".to_vec();
        for (key, value) in entries {
            let entry = [&[0x0a, key.len() as u8], key.as_bytes(), &[0x12, value.len() as u8], value].concat();
            bytes.extend([0x1a, entry.len() as u8]);
            bytes.extend(entry);
        }
        Bytes::from(bytes)
    };
    for (entries, expected) in [
        (
            vec![("a/tensorflow.NodeDef", node("one", "One")), ("b/tensorflow.NodeDef", node("two", "Two"))],
            (Some("two"), Some("Two")),
        ),
        (vec![("tensorflow.NodeDef", node("one", "One"))], (None, None)),
        (
            vec![("a/tensorflow.NodeDef", node("", "One")), ("a/operr.v1.Operation", node("op", ""))],
            (None, Some("One")),
        ),
        (
            vec![("a/tensorflow.NodeDef", node("one", "One")), ("a/operr.v1.Operation", node("op", "Op"))],
            (Some("one"), Some("Op")),
        ),
        (vec![("a/tensorflow.NodeDef", Bytes::from_static(b"\x0a\x7f"))], (None, None)),
        (vec![("a/tensorflow.NodeDef", Bytes::from_static(b"\x0a\x01\xff\x12\x01X"))], (None, Some("X"))),
        (vec![], (None, None)),
    ] {
        let record = record(1, status(&entries), "m");
        assert_eq!((record.node(), record.op()), expected, "{entries:?}");
    }
    // The value may stand before the key.
    let turned = [&b"\x08\x05\x1a\x1d\x12\x05\x0a\x03enq\x0a\x14"[..], b"a/tensorflow.NodeDef"].concat();
    assert_eq!(record(1, turned.into(), "m").node(), Some("enq"));
}

#[test]
fn a_file_counts_the_same_in_one_and_in_parts() {
    let log = sample(&folder("log-stats-parts"));
    let whole: Value = serde_json::from_str(&print(&["stats", "--json", log.to_str().unwrap()])).unwrap();
    let joined: Vec<u8> = files(&log).iter().flat_map(|file| fs::read(file).unwrap()).collect();
    let (printed, ..) = run(&["stats", "--json"], &joined);
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), whole);
}
