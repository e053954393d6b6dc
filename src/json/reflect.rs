//! Messages of the types that we have schemas of, by their names: to and from JSON and text.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use bytes::Bytes;
use prost::Message as _;
use prost_reflect::text_format::FormatOptions;
use prost_reflect::{DescriptorPool, DeserializeOptions, DynamicMessage, Kind, MessageDescriptor};
use prost_types::{DescriptorProto, FileDescriptorSet};
use serde_json::Value;

use crate::failure::Error;
use crate::wire::scanner::{self as wire, Scanner, put_varint};

/// All our schemas. They compile into this crate, so they are valid.
static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap_or_default());

/// The same with maps as the lists of entries that they are on the wire, which have an order; those of prost-reflect have
/// none.
static POOL_WITHOUT_MAPS: LazyLock<DescriptorPool> = LazyLock::new(|| {
    fn clear(message: &mut DescriptorProto) {
        message.options = None;
        message.nested_type.iter_mut().for_each(clear);
    }
    let mut files = FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).unwrap_or_default();
    files.file.iter_mut().flat_map(|file| &mut file.message_type).for_each(clear);
    DescriptorPool::from_file_descriptor_set(files).unwrap_or_default()
});

/// The type that a URL names, if we have its schema.
///
/// Not `google.protobuf.Any`, nor `google.rpc.Status`, the one type that holds it: prost-reflect looks into an `Any` with
/// a recursion limit of its own at each level, and a peer can nest them without bound.
pub(super) fn type_of(url: &str) -> Option<MessageDescriptor> {
    let (_, name) = url.rsplit_once('/')?;
    POOL.get_message_by_name(name).filter(|_| !matches!(name, "google.protobuf.Any" | "google.rpc.Status"))
}

/// The message as proto3 JSON; `None` if the type is unknown or the bytes do not decode.
pub(super) fn to_json(url: &str, value: Bytes) -> Option<Value> {
    let descriptor = type_of(url)?;
    let message = decode(&descriptor, &descriptor, value)?;
    // By way of text: a float is then the shortest decimal that reads as it, as the JSON mapping has it.
    let mut json = serde_json::from_slice(&serde_json::to_vec(&message).ok()?).ok()?;
    sort_maps(&descriptor, &mut json);
    Some(json)
}

/// The bytes of a message that is given as proto3 JSON, and whether all of it was known.
pub(super) fn from_json_of_newer(descriptor: MessageDescriptor, json: Value) -> Result<(Bytes, bool), Error> {
    match from_json(descriptor.clone(), json.clone()) {
        Ok(bytes) => Ok((bytes, true)),
        Err(_) => read_json(descriptor, json, &DeserializeOptions::new().deny_unknown_fields(false))
            .map(|bytes| (bytes, false)),
    }
}

/// The bytes of a message that is given as proto3 JSON.
pub(super) fn from_json(descriptor: MessageDescriptor, json: Value) -> Result<Bytes, Error> {
    read_json(descriptor, json, &DeserializeOptions::new())
}

fn read_json(descriptor: MessageDescriptor, json: Value, options: &DeserializeOptions) -> Result<Bytes, Error> {
    let message = DynamicMessage::deserialize_with_options(descriptor.clone(), json, options)
        .map_err(|error| Error::json(None, format!("no {}: {error}", descriptor.full_name())))?;
    Ok(normalize(&descriptor, &message.encode_to_vec(), MAX_NESTING)?.into())
}

/// The message as protobuf text, a field a line; maps in the order of the wire.
pub(super) fn to_text(url: &str, value: Bytes) -> Option<String> {
    let descriptor = type_of(url)?;
    let message = decode(&descriptor, &POOL_WITHOUT_MAPS.get_message_by_name(descriptor.full_name())?, value)?;
    Some(message.to_text_format_with_options(&FormatOptions::new().pretty(true)))
}

/// Standard base64 with padding, as in proto3 JSON.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    general_purpose::STANDARD.encode(bytes)
}

/// Base64 of either alphabet, padded or not.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, Error> {
    let standard = STANDARD.decode(text);
    standard.or_else(|error| URL_SAFE.decode(text).map_err(|_| error)).map_err(|error| {
        let reason = error.to_string();
        Error::json(None, format!("no base64: {}", reason.trim_end_matches('.')))
    })
}

/// Decodes as protobuf does, for which a known field in another wire type is an unknown field; to prost it is an error.
fn decode(descriptor: &MessageDescriptor, shape: &MessageDescriptor, value: Bytes) -> Option<DynamicMessage> {
    DynamicMessage::decode(shape.clone(), value.clone()).ok().or_else(|| {
        let known = normalize(descriptor, &value, MAX_NESTING).ok()?;
        DynamicMessage::decode(shape.clone(), &*known).ok()
    })
}

/// The fields that are known, in the wire types that they have, with those of the messages inside; entries of a map in
/// the order of their keys.
fn normalize(descriptor: &MessageDescriptor, message: &[u8], depth: usize) -> Result<Vec<u8>, Error> {
    let mut records = Vec::new();
    let mut fields = Scanner::new(message);
    while let Some(field) = fields.next_field()? {
        let Some(kind) = descriptor.get_field(field.number) else { continue };
        let record = message.get(field.start..field.end).unwrap_or_default();
        match (kind.kind(), field.value) {
            (Kind::Message(inner), wire::Value::Len(start)) if depth > 0 => {
                let value = message.get(start..field.end).unwrap_or_default();
                let inner = normalize(&inner, value, depth - 1)?;
                let mut record = Vec::with_capacity(record.len());
                put_varint(&mut record, u64::from(field.number) << 3 | u64::from(wire::LEN));
                put_varint(&mut record, inner.len() as u64);
                record.extend_from_slice(&inner);
                let key = if kind.is_map() { map_key(&inner) } else { Vec::new() };
                records.push((field.number, key, record));
            }
            (of_value, value) if fits(&of_value, value, kind.is_list()) => {
                records.push((field.number, Vec::new(), record.to_vec()));
            }
            _ => {}
        }
    }
    // The order of equal keys stays: the last one counts.
    records.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    Ok(records.into_iter().flat_map(|(_, _, record)| record).collect())
}

/// The key of a map entry, as bytes.
fn map_key(entry: &[u8]) -> Vec<u8> {
    let mut fields = Scanner::new(entry);
    let mut key = Vec::new();
    while let Ok(Some(field)) = fields.next_field() {
        if field.number == 1 {
            key = field.bytes(entry, "a string").unwrap_or_default().to_vec();
        }
    }
    key
}

/// Puts the entries of maps into the order of their keys, wherever they are in the JSON of a message.
fn sort_maps(descriptor: &MessageDescriptor, json: &mut Value) {
    let Value::Object(object) = json else { return };
    for field in descriptor.fields() {
        let (Some(value), Kind::Message(inner)) = (object.get_mut(field.json_name()), field.kind()) else { continue };
        match value {
            Value::Object(map) if field.is_map() => {
                map.sort_keys();
                if let Kind::Message(inner) = inner.map_entry_value_field().kind() {
                    map.values_mut().for_each(|value| sort_maps(&inner, value));
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|value| sort_maps(&inner, value)),
            value => sort_maps(&inner, value),
        }
    }
}

/// Whether a value can be read as one of this kind; numbers in a list may come packed.
fn fits(kind: &Kind, value: wire::Value, is_list: bool) -> bool {
    let is_len = matches!(value, wire::Value::Len(_));
    match kind {
        Kind::String | Kind::Bytes => is_len,
        Kind::Message(_) => false,
        Kind::Double | Kind::Float | Kind::Fixed32 | Kind::Fixed64 | Kind::Sfixed32 | Kind::Sfixed64 => {
            value == wire::Value::Other || (is_list && is_len)
        }
        _ => matches!(value, wire::Value::Varint(_)) || (is_list && is_len),
    }
}

/// As deep as prost goes.
const MAX_NESTING: usize = 100;

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
