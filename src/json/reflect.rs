//! Messages of the types that we have schemas of, by their names: to and from JSON and text.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use bytes::Bytes;
use prost::Message as _;
use prost_reflect::text_format::FormatOptions;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor};
use serde_json::Value;

use crate::failure::Error;
use crate::wire::scanner::{self as wire, Scanner, put_varint};

/// All our schemas. They compile into this crate, so they are valid.
static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(crate::FILE_DESCRIPTOR_SET).unwrap_or_default());

/// The type that a URL names, if we have its schema.
pub(super) fn type_of(url: &str) -> Option<MessageDescriptor> {
    let (_, name) = url.rsplit_once('/')?;
    POOL.get_message_by_name(name)
}

/// The message as proto3 JSON; `None` if the type is unknown or the bytes do not decode.
pub(super) fn to_json(url: &str, value: Bytes) -> Option<Value> {
    let message = decode(type_of(url)?, value)?;
    // By way of text: a float is then the shortest decimal that reads as it, as the JSON mapping has it.
    serde_json::from_slice(&serde_json::to_vec(&message).ok()?).ok()
}

/// Decodes as protobuf does, for which a known field in another wire type is an unknown field; to prost it is an error.
fn decode(descriptor: MessageDescriptor, value: Bytes) -> Option<DynamicMessage> {
    let message = DynamicMessage::decode(descriptor.clone(), value.clone());
    message.ok().or_else(|| {
        let known = known_fields(&descriptor, &value, MAX_NESTING).ok()?;
        DynamicMessage::decode(descriptor, &*known).ok()
    })
}

/// The fields that are known, in the wire types that they have, with those of the messages inside.
fn known_fields(descriptor: &MessageDescriptor, message: &[u8], depth: usize) -> Result<Vec<u8>, Error> {
    let mut known = Vec::with_capacity(message.len());
    let mut fields = Scanner::new(message);
    while let Some(field) = fields.next_field()? {
        let Some(kind) = descriptor.get_field(field.number) else { continue };
        let record = message.get(field.start..field.end).unwrap_or_default();
        match (kind.kind(), field.value) {
            (Kind::Message(inner), wire::Value::Len(start)) if depth > 0 => {
                let value = message.get(start..field.end).unwrap_or_default();
                let inner = known_fields(&inner, value, depth - 1)?;
                put_varint(&mut known, u64::from(field.number) << 3 | u64::from(wire::LEN));
                put_varint(&mut known, inner.len() as u64);
                known.extend_from_slice(&inner);
            }
            (kind_of_value, value) if fits(&kind_of_value, value, kind.is_list()) => known.extend_from_slice(record),
            _ => {}
        }
    }
    Ok(known)
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

/// The bytes of a message that is given as proto3 JSON.
pub(super) fn from_json(descriptor: MessageDescriptor, json: Value) -> Result<Bytes, Error> {
    let name = descriptor.full_name().to_owned();
    let message = DynamicMessage::deserialize(descriptor, json)
        .map_err(|error| Error::json(None, format!("no {name}: {error}")))?;
    Ok(message.encode_to_vec().into())
}

/// The message as protobuf text, a field a line.
pub(super) fn to_text(url: &str, value: Bytes) -> Option<String> {
    let message = decode(type_of(url)?, value)?;
    Some(message.to_text_format_with_options(&FormatOptions::new().pretty(true)))
}

/// Standard base64 with padding, as in proto3 JSON.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    general_purpose::STANDARD.encode(bytes)
}

/// Base64 of either alphabet, padded or not.
pub(super) fn from_base64(text: &str) -> Result<Vec<u8>, Error> {
    let standard = STANDARD.decode(text);
    standard
        .or_else(|error| URL_SAFE.decode(text).map_err(|_| error))
        .map_err(|error| Error::json(None, format!("no base64: {error}")))
}

/// As deep as prost goes.
const MAX_NESTING: usize = 100;

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);
