//! Our schemas against those that the crate opentelemetry-proto carries: a part of theirs, and each part as theirs.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic as theirs;
use operr_log::pb::opentelemetry::proto as ours;
use proptest::prelude::*;
use prost::Message;
use prost_types::field_descriptor_proto::Label;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// All that a schema says of a message or an enum, a line each.
type Types = BTreeMap<String, BTreeSet<String>>;

fn read(set: &[u8]) -> Types {
    let mut types = Types::new();
    for file in FileDescriptorSet::decode(set).unwrap().file {
        assert_eq!(file.syntax(), "proto3", "{}", file.name());
        for message in &file.message_type {
            // Ours has none in others.
            assert!(message.nested_type.is_empty() && message.enum_type.is_empty() || !file.name().contains("/logs/"));
            let mut lines: BTreeSet<_> = message.field.iter().map(|field| describe(message, field)).collect();
            let reserved = |range: &prost_types::descriptor_proto::ReservedRange| (range.start(), range.end());
            lines.extend(message.reserved_range.iter().map(reserved).map(|range| format!("reserved {range:?}")));
            types.insert(format!("{}.{}", file.package(), message.name()), lines);
        }
        for values in &file.enum_type {
            let lines = values.value.iter().map(|value| format!("{} = {}", value.name(), value.number())).collect();
            types.insert(format!("{}.{}", file.package(), values.name()), lines);
        }
    }
    types
}

fn describe(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let oneof = field.oneof_index.map(|index| message.oneof_decl[index as usize].name().to_owned());
    format!(
        "{} = {}: {:?} {:?} {} oneof {oneof:?} optional {} packed {:?}",
        field.name(),
        field.number(),
        field.label(),
        field.r#type(),
        field.type_name(),
        field.proto3_optional(),
        field.label() == Label::Repeated && field.options.clone().unwrap_or_default().packed.unwrap_or(true),
    )
}

#[test]
fn every_type_is_opentelemetrys() {
    let (ours, theirs) = (read(operr_log::FILE_DESCRIPTOR_SET), read(opentelemetry_proto::DESCRIPTORS));
    let names: Vec<_> = ours.keys().map(|name| name.trim_start_matches("opentelemetry.proto.")).collect();
    let expected = [
        "common.v1.AnyValue",
        "common.v1.ArrayValue",
        "common.v1.KeyValue",
        "common.v1.KeyValueList",
        "logs.v1.LogRecord",
        "logs.v1.SeverityNumber",
    ];
    assert_eq!(names, expected);
    for (name, lines) in &ours {
        let more: Vec<_> = theirs[name].difference(lines).collect();
        // What profiles have instead of texts, and logs never.
        assert!(more.iter().all(|line| line.contains("_strindex = ")), "{name}: {more:?}");
        assert_eq!(lines.difference(&theirs[name]).collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
    }
}

fn value() -> impl Strategy<Value = Option<ours::common::v1::AnyValue>> {
    use ours::common::v1::any_value::Value;
    use ours::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
    let leaf = prop_oneof![
        ".{0,8}".prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        (-1e9..1e9).prop_map(Value::DoubleValue),
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| Value::BytesValue(bytes.into())),
    ];
    let any_of =
        |value: BoxedStrategy<Value>| prop::option::of(prop::option::of(value).prop_map(|value| AnyValue { value }));
    let value = leaf.prop_recursive(3, 16, 4, move |inner| {
        let values = prop::collection::vec(prop::option::of(inner.clone()).prop_map(|value| AnyValue { value }), 0..4);
        let named = prop::collection::vec((".{0,8}", any_of(inner.boxed())), 0..4);
        let named = named.prop_map(|named| named.into_iter().map(|(key, value)| KeyValue { key, value }).collect());
        prop_oneof![
            values.prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            named.prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
    });
    any_of(value.boxed())
}

fn record() -> impl Strategy<Value = ours::logs::v1::LogRecord> {
    let attribute = (".{0,8}", value()).prop_map(|(key, value)| ours::common::v1::KeyValue { key, value });
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    let head = (any::<u64>(), any::<u64>(), any::<i32>(), ".{0,8}", value());
    let tail = (any::<u32>(), any::<u32>(), bytes(), bytes(), ".{0,8}");
    (head, prop::collection::vec(attribute, 0..4), tail).prop_map(|(head, attributes, tail)| {
        ours::logs::v1::LogRecord {
            time_unix_nano: head.0,
            observed_time_unix_nano: head.1,
            severity_number: head.2,
            severity_text: head.3,
            body: head.4,
            attributes,
            dropped_attributes_count: tail.0,
            flags: tail.1,
            trace_id: tail.2.into(),
            span_id: tail.3.into(),
            event_name: tail.4,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What ours writes theirs reads, and writes to the same bytes.
    #[test]
    fn records_are_theirs(record in record()) {
        let bytes = record.encode_to_vec();
        let read = theirs::logs::v1::LogRecord::decode(&*bytes).unwrap();
        prop_assert_eq!(read.encode_to_vec(), bytes);
        prop_assert_eq!(&read.severity_text, &record.severity_text);
        prop_assert_eq!(read.attributes.len(), record.attributes.len());
        prop_assert_eq!(ours::logs::v1::LogRecord::decode(&*read.encode_to_vec()).unwrap(), record);
    }
}
