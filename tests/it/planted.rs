//! Errors with a marker in every field, made from the schemas: what is not to be seen outside is found by it.

use std::sync::LazyLock;

use operr::{FILE_DESCRIPTOR_SET, OpError};
use proptest::prelude::*;
use prost::bytes::Bytes;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor};

/// In all that stays inside.
pub(crate) const SECRET: &str = "SECRET";
/// In what may be seen.
pub(crate) const SHOWN: &str = "SHOWN";

/// The details that may be seen outside.
pub(crate) const ALLOWED: [&str; 9] = [
    "google.rpc.ErrorInfo",
    "google.rpc.RetryInfo",
    "google.rpc.BadRequest",
    "google.rpc.PreconditionFailure",
    "google.rpc.QuotaFailure",
    "google.rpc.ResourceInfo",
    "google.rpc.Help",
    "google.rpc.LocalizedMessage",
    "google.rpc.RequestInfo",
];

pub(crate) static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap());

/// The prefixes of keys.
const PREFIXES: [&str; 3] = ["type.googleapis.com/", "SECRET.example/a/", "/"];

/// The error with this code and these details, each a type and a prefix, by index.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    pub(crate) code: i32,
    details: Vec<(usize, usize)>,
}

/// All types that a detail can have.
fn types() -> Vec<MessageDescriptor> {
    let all = POOL.all_messages().filter(|message| !message.is_map_entry());
    all.filter(|message| !message.full_name().starts_with("google.protobuf.")).collect()
}

/// Errors with any details in any order; those that may be seen are half of them.
pub(crate) fn planted() -> impl Strategy<Value = Planted> {
    let types = types();
    let allowed: Vec<_> = (0..types.len()).filter(|&index| ALLOWED.contains(&types[index].full_name())).collect();
    assert_eq!(allowed.len(), ALLOWED.len());
    let detail = prop_oneof![prop::sample::select(allowed), 0..types.len()];
    let code = prop_oneof![0..17, Just(20), Just(77), Just(-1)];
    (code, prop::collection::vec((detail, 0..PREFIXES.len()), 0..12))
        .prop_map(|(code, details)| Planted { code, details })
}

impl Planted {
    /// Every code, with every detail there is.
    pub(crate) fn all() -> impl Iterator<Item = Planted> {
        let details: Vec<_> = (0..types().len()).flat_map(|index| [(index, 0), (index, 1)]).collect();
        (0..17).chain([20, 77, -1]).map(move |code| Planted { code, details: details.clone() })
    }

    /// The error, as it came from somewhere.
    pub(crate) fn error(&self) -> OpError {
        let cause = Planted { code: self.code, details: self.details.clone() }.status(SECRET, SECRET, None);
        OpError::from_bytes(self.status("message", SHOWN, Some(cause))).unwrap()
    }

    /// The types of its details that may be seen, each with the message that is to be seen of it.
    pub(crate) fn allowed(&self) -> Vec<DynamicMessage> {
        let types = types();
        let allowed = self.details.iter().map(|(index, _)| &types[*index]);
        let allowed = allowed.filter(|message| ALLOWED.contains(&message.full_name()));
        allowed
            .map(|message| DynamicMessage::decode(message.clone(), &*plant(message, SHOWN, false, DEPTH)).unwrap())
            .collect()
    }

    fn status(&self, message: &str, of_allowed: &str, cause: Option<Vec<u8>>) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, 1, self.code as i64 as u64);
        put_len(&mut out, 2, message.as_bytes());
        put_len(&mut out, 9, b"SECRET in an unknown field of the Status");
        let types = types();
        for (index, prefix) in &self.details {
            let message = &types[*index];
            let marker = if ALLOWED.contains(&message.full_name()) { of_allowed } else { SECRET };
            let key = format!("{}{}", PREFIXES[*prefix], message.full_name());
            put_entry(&mut out, &key, &plant(message, marker, true, DEPTH));
        }
        put_entry(&mut out, "SECRET without a slash", b"SECRET");
        // Not in the schemas, and one that only looks like an allowed one.
        put_entry(&mut out, "type.googleapis.com/example.SECRET", b"SECRET");
        put_entry(&mut out, "type.googleapis.com/x.google.rpc.Help", b"SECRET");
        put_entry(&mut out, "google.rpc.Help", b"SECRET");
        // An allowed one that cannot be read.
        put_entry(&mut out, "type.googleapis.com/google.rpc.Help", b"\x0a\x7fSECRET");
        if let Some(cause) = cause {
            put_entry(&mut out, "type.googleapis.com/google.rpc.Status", &cause);
        }
        out
    }
}

/// A message with the marker in every field; and, if wanted, with unknown ones that are secret, on every level.
fn plant(message: &MessageDescriptor, marker: &str, with_unknown: bool, depth: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for field in message.fields() {
        let number = field.number();
        let text = format!("{marker} in {}", field.full_name());
        for _ in 0..if field.is_list() { 2 } else { 1 } {
            match field.kind() {
                Kind::String | Kind::Bytes => put_len(&mut out, number, text.as_bytes()),
                // The entries of maps are messages too.
                Kind::Message(message) if depth > 0 => {
                    put_len(&mut out, number, &plant(&message, marker, with_unknown, depth - 1));
                }
                Kind::Message(_) => {}
                Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => {
                    encode_key(number, WireType::SixtyFourBit, &mut out);
                    out.extend([1; 8]);
                }
                Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => {
                    encode_key(number, WireType::ThirtyTwoBit, &mut out);
                    out.extend([1; 4]);
                }
                _ => put_varint(&mut out, number, 1),
            }
        }
    }
    if with_unknown {
        put_len(&mut out, 1_000, format!("SECRET in an unknown field of {}", message.full_name()).as_bytes());
    }
    out
}

fn put_entry(out: &mut Vec<u8>, key: &str, value: &[u8]) {
    let mut entry = Vec::new();
    put_len(&mut entry, 1, key.as_bytes());
    put_len(&mut entry, 2, value);
    put_len(&mut entry, 3, b"SECRET in an unknown field of the entry");
    put_len(out, 3, &entry);
}

fn put_len(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend(value);
}

fn put_varint(out: &mut Vec<u8>, number: u32, value: u64) {
    encode_key(number, WireType::Varint, out);
    encode_varint(value, out);
}

/// Whether the bytes have the text somewhere.
pub(crate) fn has(bytes: impl AsRef<[u8]>, text: &str) -> bool {
    bytes.as_ref().windows(text.len()).any(|window| window == text.as_bytes())
}

/// A payload as a message of its type.
pub(crate) fn decode(url: &str, value: Bytes) -> DynamicMessage {
    let name = url.strip_prefix("type.googleapis.com/").unwrap();
    DynamicMessage::decode(POOL.get_message_by_name(name).unwrap(), value).unwrap()
}

/// As deep as schemas that contain themselves are filled.
const DEPTH: usize = 4;
