//! Our schemas against TensorFlow's own descriptors.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::field_descriptor_proto::Label;
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

use crate::golden;

/// All that a schema says of a message or an enum, a line each, so that a difference is easy to see.
type Types = BTreeMap<String, Vec<String>>;

fn ours() -> Types {
    let mut types = read(operr::FILE_DESCRIPTOR_SET);
    types.retain(|name, _| !name.starts_with("operr.v1."));
    types
}

fn read(set: &[u8]) -> Types {
    let mut types = Types::new();
    for file in FileDescriptorSet::decode(set).unwrap().file {
        let is_proto3 = file.syntax() == "proto3";
        for message in &file.message_type {
            add_message(&mut types, file.package(), message, is_proto3);
        }
        for values in &file.enum_type {
            add_enum(&mut types, file.package(), values);
        }
    }
    types
}

fn add_message(types: &mut Types, scope: &str, message: &DescriptorProto, is_proto3: bool) {
    let name = format!("{scope}.{}", message.name());
    let mut lines: Vec<_> = message.field.iter().map(|field| describe(message, field, is_proto3)).collect();
    lines.push(format!("map entry: {}", message.options.clone().unwrap_or_default().map_entry()));
    for oneof in &message.oneof_decl {
        lines.push(format!("oneof {}", oneof.name()));
    }
    for range in &message.reserved_range {
        lines.push(format!("reserved {}..{}", range.start(), range.end()));
    }
    lines.sort();
    for nested in &message.nested_type {
        add_message(types, &name, nested, is_proto3);
    }
    for nested in &message.enum_type {
        add_enum(types, &name, nested);
    }
    types.insert(name, lines);
}

fn describe(message: &DescriptorProto, field: &FieldDescriptorProto, is_proto3: bool) -> String {
    let oneof = field.oneof_index.map(|index| message.oneof_decl[index as usize].name().to_owned());
    let is_packed = field.options.clone().unwrap_or_default().packed.unwrap_or(is_proto3);
    format!(
        "{} = {}: {:?} {:?} {} oneof {oneof:?} optional {} packed {}",
        field.name(),
        field.number(),
        field.label(),
        field.r#type(),
        field.type_name(),
        field.proto3_optional(),
        field.label() == Label::Repeated && is_packed,
    )
}

fn add_enum(types: &mut Types, scope: &str, values: &EnumDescriptorProto) {
    let lines = values.value.iter().map(|value| format!("{} = {}", value.name(), value.number())).collect();
    types.insert(format!("{scope}.{}", values.name()), lines);
}

#[test]
fn every_type_is_tensorflows() {
    let mut theirs = read(&golden::bytes("node_def.fds.bin"));
    theirs.extend(read(&golden::bytes("errors.fds.bin")));
    theirs.extend(read(&golden::bytes("coordination_service.fds.bin")));
    theirs.extend(read(&golden::bytes("graph.fds.bin")));
    let ours = ours();
    assert!(ours.len() >= 71, "only {} types", ours.len());
    for (name, lines) in &ours {
        assert_eq!(Some(lines), theirs.get(name), "{name}");
    }
}

#[test]
fn the_closures_of_nodes_and_graphs_are_whole() {
    let ours = ours();
    for (name, lines) in
        read(&golden::bytes("node_def.fds.bin")).into_iter().chain(read(&golden::bytes("graph.fds.bin")))
    {
        assert_eq!(ours.get(&name), Some(&lines), "{name}");
    }
    for name in [
        "tensorflow.error.Code",
        "tensorflow.StatusProto",
        "tensorflow.distributed_runtime.GrpcPayloadContainer",
        "tensorflow.distributed_runtime.GrpcPayloadsLost",
        "tensorflow.distributed_runtime.WorkerPossiblyRestarted",
        "tensorflow.core.platform.ErrorSourceProto",
        "tensorflow.CoordinationServiceError",
        "tensorflow.BarrierError",
        "google.rpc.Status",
        "google.rpc.ErrorInfo",
        "google.rpc.RetryInfo",
        "google.rpc.DebugInfo",
        "google.rpc.QuotaFailure.Violation",
        "google.rpc.PreconditionFailure",
        "google.rpc.BadRequest.FieldViolation",
        "google.rpc.RequestInfo",
        "google.rpc.ResourceInfo",
        "google.rpc.Help.Link",
        "google.rpc.LocalizedMessage",
    ] {
        assert!(ours.contains_key(name), "{name} is not declared");
    }
}

/// Google's types once more, against the descriptors that tonic-types carries.
#[test]
fn googles_types_are_tonics() {
    let mut theirs = read(tonic_types::pb::FILE_DESCRIPTOR_SET);
    theirs.retain(|name, _| name.starts_with("google.rpc."));
    assert!(theirs.len() > 10);
    let ours = ours();
    for (name, lines) in &theirs {
        assert_eq!(ours.get(name), Some(lines), "{name}");
    }
}

#[test]
fn our_own_package_is_as_specified() {
    let types = read(operr::FILE_DESCRIPTOR_SET);
    let fields = |name: &str| {
        let mut fields: Vec<_> = types[&format!("operr.v1.{name}")]
            .iter()
            .filter_map(|line| line.split_once(" oneof "))
            .map(|(field, _)| field.trim_end().to_owned())
            .collect();
        fields.sort_by_key(|field| field.split(['=', ':']).nth(1).unwrap().trim().parse::<i32>().unwrap());
        fields
    };
    assert_eq!(
        fields("Frame"),
        [
            "file = 1: Optional String",
            "line = 2: Optional Int32",
            "column = 3: Optional Int32",
            "function = 4: Optional String",
            "code = 5: Optional String",
        ]
    );
    assert_eq!(
        fields("Operation"),
        [
            "name = 1: Optional String",
            "type = 2: Optional String",
            "traceback = 3: Repeated Message .operr.v1.Frame",
            "originals = 4: Repeated Message .operr.v1.Operation",
        ]
    );
    assert_eq!(
        fields("Origin"),
        ["type = 1: Optional String", "notes = 2: Repeated String", "raised_at = 3: Repeated Message .operr.v1.Frame",]
    );
    assert_eq!(
        fields("Omitted"),
        [
            "type_urls = 1: Repeated String",
            "bytes = 2: Optional Uint64",
            "causes = 3: Optional Uint32",
            "frames = 4: Optional Uint32",
            "attributes = 5: Optional Uint32",
            "message_bytes = 6: Optional Uint64",
            "unparsed = 7: Optional Bytes",
        ]
    );
}
