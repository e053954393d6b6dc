//! Counting more names than are kept: what is kept is exact, and no order makes a difference.

use std::collections::BTreeMap;

use operr::pb::tensorflow::NodeDef;
use operr::{Code, OpError};
use operr_log::pb::opentelemetry::proto::common::v1::{AnyValue, KeyValue, any_value};
use operr_log::pb::opentelemetry::proto::logs::v1::LogRecord;
use operr_log::{Record, Stats, attributes};
use proptest::prelude::*;
use prost::Message as _;

fn record(node: &str, time: u64) -> Record {
    let node_def = NodeDef { name: node.to_owned(), op: "Op".to_owned(), ..NodeDef::default() };
    let error = OpError::new(Code::ABORTED, "m").with_node_def(node_def).to_bytes();
    let value = AnyValue { value: Some(any_value::Value::BytesValue(error)) };
    let status = KeyValue { key: attributes::OPERR_STATUS.to_owned(), value: Some(value) };
    let record = LogRecord { time_unix_nano: time, attributes: vec![status], ..LogRecord::default() };
    Record::from_bytes(record.encode_to_vec()).unwrap()
}

type Row = (String, u64, u64, u64);

fn nodes(stats: &Stats) -> (Vec<Row>, u64) {
    let of_row = |row: &operr_log::Counted| (row.name.to_string(), row.count, row.seen.first, row.seen.last);
    (stats.nodes().rows().into_iter().map(of_row).collect(), stats.nodes().others())
}

fn fnv_1a(name: &str) -> u64 {
    let mut hash = 14_695_981_039_346_656_037_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
    }
    hash
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn of_many_names_the_smallest_hashes_are_kept(
        names in prop_oneof![Just(4_000_u64), Just(4_097), Just(9_000), Just(20_000)],
        seed in any::<u64>(),
        parts in 1..6_usize,
        is_backward in any::<bool>(),
    ) {
        let mut random = seed;
        let mut expected = BTreeMap::new();
        let mut stats = vec![Stats::default(); parts];
        for time in 1..=2 * names {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let name = format!("node{}", (random >> 33) % names);
            stats[(random >> 13) as usize % parts].add(&record(&name, time));
            let row: &mut Row = expected.entry((fnv_1a(&name), name.clone())).or_insert((name, 0, time, time));
            (row.1, row.3) = (row.1 + 1, time);
        }
        let mut rows: Vec<_> = expected.into_values().collect();
        let others = rows.split_off(rows.len().min(4_096)).iter().map(|row| row.1).sum::<u64>();
        rows.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));

        if is_backward {
            stats.reverse();
        }
        let mut merged = Stats::default();
        for part in stats {
            merged.merge(&part);
        }
        prop_assert_eq!(merged.records(), 2 * names);
        prop_assert_eq!(nodes(&merged), (rows, others));
    }
}

#[test]
fn a_long_name_is_counted_by_its_beginning() {
    let mut stats = Stats::default();
    for name in ["x".repeat(512), "x".repeat(513), format!("{}y", "x".repeat(512)), format!("{}€", "x".repeat(511))] {
        stats.add(&record(&name, 1));
    }
    let rows = nodes(&stats).0.into_iter().map(|(name, count, ..)| (name, count)).collect::<Vec<_>>();
    let x = |times| "x".repeat(times);
    assert_eq!(rows, [(x(512) + "…", 2), (x(512), 1), (x(511) + "…", 1)]);
}
