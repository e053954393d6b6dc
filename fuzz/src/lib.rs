//! A second opinion for the targets: what a message says by a reader that is none of operr's, on prost's keys and varints.

mod account;

pub use account::{Account, told};

use operr::OpError;
use prost::encoding::{WireType, decode_key, decode_varint};

/// A field of a message.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    /// Its number.
    pub number: u32,
    /// Its wire type.
    pub wire_type: WireType,
    /// All of it, key included.
    pub record: &'a [u8],
    /// The value, if that is LEN.
    pub value: &'a [u8],
}

/// The fields of a message, `None` if the bytes are none; groups are a hundred deep at most, as protobuf has it.
pub fn fields(message: &[u8]) -> Option<Vec<Field<'_>>> {
    let (mut found, mut rest) = (Vec::new(), message);
    while !rest.is_empty() {
        let begin = rest;
        let (number, wire_type) = decode_key(&mut rest).ok()?;
        let value = value(&mut rest, number, wire_type)?;
        found.push(Field { number, wire_type, record: &begin[..begin.len() - rest.len()], value });
    }
    Some(found)
}

fn value<'a>(rest: &mut &'a [u8], mut number: u32, mut wire_type: WireType) -> Option<&'a [u8]> {
    let mut open = Vec::new();
    loop {
        let mut value = &[][..];
        match wire_type {
            WireType::Varint => drop(decode_varint(rest).ok()?),
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(rest).ok()?).ok()?;
                value = rest.split_off(..length)?;
            }
            WireType::SixtyFourBit => drop(rest.split_off(..8)?),
            WireType::ThirtyTwoBit => drop(rest.split_off(..4)?),
            WireType::StartGroup => open.push(number),
            WireType::EndGroup if open.pop() == Some(number) => {}
            WireType::EndGroup => return None,
        }
        match open.len() {
            0 => return Some(value),
            1..=100 => (number, wire_type) = decode_key(rest).ok()?,
            _ => return None,
        }
    }
}

/// What an error says, read field by field.
pub struct Said {
    /// The number of the code.
    pub code: i32,
    /// The message, which may be no text.
    pub message: Vec<u8>,
    /// Key and value of each entry, in their order.
    pub entries: Vec<(String, Vec<u8>)>,
}

impl Said {
    /// Reads a Status or a container, by the rule that tells them apart; `None` if it is neither.
    pub fn read(message: &[u8]) -> Option<Said> {
        if is_container(message)? { Said::of_container(message) } else { Said::of_status(message) }
    }

    fn of_container(container: &[u8]) -> Option<Said> {
        Some(Said { code: 2, message: Vec::new(), entries: entries(&fields(container)?, 1)? })
    }

    /// Reads a Status; `None` if it is none.
    pub fn of_status(status: &[u8]) -> Option<Said> {
        let fields = fields(status)?;
        let mut said = Said { code: 0, message: Vec::new(), entries: entries(&fields, 3)? };
        for field in fields {
            match (field.number, field.wire_type) {
                (1, WireType::Varint) => said.code = varint(&field) as i32,
                (2, WireType::LengthDelimited) => said.message = field.value.to_vec(),
                (1 | 2, _) => return None,
                _ => {}
            }
        }
        Some(said)
    }

    /// Asserts that an error says this, and nothing else.
    pub fn assert_is(&self, error: &OpError) {
        assert_eq!((error.code().value(), error.message_bytes()), (self.code, &*self.message));
        let payloads: Vec<_> = error.payloads().iter().map(|(key, value)| (key.to_owned(), value.to_vec())).collect();
        let expected: Vec<_> = self.entries.iter().filter(|(key, _)| !RESERVED.contains(&type_of(key))).collect();
        assert_eq!(payloads.iter().collect::<Vec<_>>(), expected);
        for name in RESERVED.into_iter().filter(|name| *name != STATUS) {
            assert_eq!(error.detail_bytes(name).as_deref(), self.last(name), "{name}");
        }
        assert_eq!(error.node_def().as_ref().map(|node| &node.as_bytes()[..]), self.last("tensorflow.NodeDef"));

        // Those with numbers first, in the order of these; and those that can be read.
        let mut causes: Vec<_> = self.entries.iter().filter(|(key, _)| type_of(key) == STATUS).collect();
        causes.sort_by_key(|(key, _)| number(key).unwrap_or(u64::MAX));
        let causes: Vec<_> = causes.into_iter().filter_map(|(_, value)| Said::of_status(value)).collect();
        assert_eq!(error.causes().len(), causes.len());
        for (cause, said) in error.causes().iter().zip(causes) {
            said.assert_is(cause);
        }
    }

    fn last(&self, name: &str) -> Option<&[u8]> {
        self.entries.iter().rfind(|(key, _)| type_of(key) == name).map(|(_, value)| &**value)
    }
}

/// Whether it is a container: at least one top-level field 1 is LEN, and none is a varint. `None` if it is no message.
pub fn is_container(message: &[u8]) -> Option<bool> {
    let fields = fields(message)?;
    let has = |wire_type| fields.iter().any(|field| field.number == 1 && field.wire_type == wire_type);
    Some(has(WireType::LengthDelimited) && !has(WireType::Varint))
}

/// What follows the last `/` of a key, nothing if there is none.
pub fn type_of(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(_, name)| name)
}

/// The number of a varint field.
pub fn varint(field: &Field<'_>) -> u64 {
    let mut rest = field.record;
    decode_key(&mut rest).and_then(|_| decode_varint(&mut rest)).expect("it was read before")
}

/// The entries with a field number, `None` if one of them is none.
fn entries(fields: &[Field<'_>], number: u32) -> Option<Vec<(String, Vec<u8>)>> {
    fields.iter().filter(|field| field.number == number).map(entry).collect()
}

/// Key and value of an entry, `None` if it is none.
pub fn entry(field: &Field<'_>) -> Option<(String, Vec<u8>)> {
    let (mut key, mut value) = (String::new(), Vec::new());
    let inner = if field.wire_type == WireType::LengthDelimited { fields(field.value)? } else { return None };
    for field in inner.into_iter().filter(|field| matches!(field.number, 1 | 2)) {
        match (field.wire_type, field.number) {
            (WireType::LengthDelimited, 1) => key = std::str::from_utf8(field.value).ok()?.to_owned(),
            (WireType::LengthDelimited, _) => value = field.value.to_vec(),
            _ => return None,
        }
    }
    Some((key, value))
}

/// The number of a cause in a container.
fn number(key: &str) -> Option<u64> {
    let digits = key.strip_prefix("operr/cause/")?.strip_suffix("/google.rpc.Status")?;
    // A u32; a sign is none.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?.map(u64::from)
}

const STATUS: &str = "google.rpc.Status";

/// The types that mean something to operr.
pub const RESERVED: [&str; 5] =
    ["tensorflow.NodeDef", "operr.v1.Operation", "operr.v1.Origin", STATUS, "operr.v1.Omitted"];
