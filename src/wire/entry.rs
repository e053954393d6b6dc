//! An entry of the details, the same bytes as an `Any` and as a map entry, and what it means by its type.

use super::scanner::{self, Scanner, len_field_len, put_len, put_len_field};
use crate::failure::Error;
use crate::pb;
use prost::Name as _;

/// What an entry is to operr, in canonical order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Role {
    NodeDef,
    Operation,
    Origin,
    Payload,
    Cause,
    Omitted,
}

impl Role {
    /// The role of the entries with this key: of what follows its last `/`.
    pub(crate) fn of(key: &str) -> Role {
        Role::of_bytes(key.as_bytes())
    }

    /// The role of the entry that lies at `start..end`, which is read to its end.
    pub(crate) fn read(bytes: &[u8], start: usize, end: usize) -> Result<Role, Error> {
        match bytes.get(start..end).and_then(plain) {
            Some((key, _)) if key.is_ascii() => Ok(Role::of_bytes(key)),
            _ => Ok(Role::of(Parsed::read(bytes, start, end)?.key)),
        }
    }

    #[inline(always)]
    fn of_bytes(key: &[u8]) -> Role {
        ROLES.iter().find(|(name, _)| ends_with_type(key, name)).map_or(Role::Payload, |(_, role)| *role)
    }
}

/// Whether `name` is what follows the last `/` of the key.
pub(crate) fn is_type(key: &str, name: &str) -> bool {
    ends_with_type(key.as_bytes(), name)
}

#[inline(always)]
fn ends_with_type(key: &[u8], name: &str) -> bool {
    // The last byte tells most of them apart.
    key.last() == name.as_bytes().last()
        && key.strip_suffix(name.as_bytes()).is_some_and(|prefix| prefix.ends_with(b"/"))
}

/// The number in `operr/cause/<i>/google.rpc.Status`, the spelling that makes the keys of a map unique.
pub(crate) fn cause_number(key: &str) -> Option<u32> {
    let number = key.strip_prefix("operr/cause/")?.strip_suffix("/google.rpc.Status")?;
    number.parse().ok().filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The key of cause number `number` in a map.
pub(crate) fn cause_key(number: u64) -> String {
    format!("operr/cause/{number}/{}", pb::google::rpc::Status::full_name())
}

/// The key of a cause in a list of `Any`.
pub(crate) const CAUSE_URL: &str = "type.googleapis.com/google.rpc.Status";

/// Key and value of an entry, in the bytes they were read from.
pub(crate) struct Parsed<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a [u8],
}

impl<'a> Parsed<'a> {
    /// Reads the entry that lies at `start..end`: the last key and the last value count, as everywhere in protobuf.
    pub(crate) fn read(bytes: &'a [u8], start: usize, end: usize) -> Result<Parsed<'a>, Error> {
        if let Some((key, value)) = bytes.get(start..end).and_then(plain)
            && let Ok(key) = std::str::from_utf8(key)
        {
            return Ok(Parsed { key, value });
        }
        let mut parsed = Parsed { key: "", value: &[] };
        let mut fields = Scanner::within(bytes, start, end);
        while let Some(field) = fields.next_field()? {
            match field.number {
                KEY => parsed.key = field.str(bytes)?,
                VALUE => parsed.value = field.bytes(bytes, "bytes")?,
                _ => {}
            }
        }
        Ok(parsed)
    }
}

/// Key and value of an entry that is these two in this order, with a short key, as nearly all are.
#[inline(always)]
fn plain(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let [KEY_TAG, length @ 0..0x80, rest @ ..] = entry else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, value) = match rest {
        [VALUE_TAG, length @ 0..0x80, value @ ..] => (usize::from(*length), value),
        [VALUE_TAG, low, high @ 0..0x80, value @ ..] => (usize::from(low & 0x7f) | usize::from(*high) << 7, value),
        _ => return None,
    };
    (value.len() == length).then_some((key, value))
}

/// The length of the record of an entry, with its tag.
pub(crate) fn record_len(key: &[u8], value_len: usize) -> usize {
    len_field_len(body_len(key, value_len))
}

/// Appends an entry's record up to its value: with an empty value, too, that field is written, as TensorFlow does.
#[inline]
pub(crate) fn put_head(out: &mut Vec<u8>, number: u8, key: &[u8], value_len: usize) {
    put_len(out, number, body_len(key, value_len));
    put_len_field(out, KEY as u8, key);
    put_len(out, VALUE as u8, value_len);
}

/// The body of an entry under another key, all its other fields as they are.
pub(crate) fn with_key(body: &[u8], key: &str) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(len_field_len(key.len()) + body.len());
    put_len_field(&mut out, KEY as u8, key.as_bytes());
    let mut fields = Scanner::new(body);
    while let Some(field) = fields.next_field()? {
        if field.number != KEY {
            out.extend_from_slice(body.get(field.start..field.end).unwrap_or_default());
        }
    }
    Ok(out)
}

fn body_len(key: &[u8], value_len: usize) -> usize {
    len_field_len(key.len()) + len_field_len(value_len)
}

const ROLES: [(&str, Role); 5] = [
    ("tensorflow.NodeDef", Role::NodeDef),
    ("operr.v1.Operation", Role::Operation),
    ("operr.v1.Origin", Role::Origin),
    ("google.rpc.Status", Role::Cause),
    ("operr.v1.Omitted", Role::Omitted),
];

const KEY: u32 = 1;
const VALUE: u32 = 2;
const KEY_TAG: u8 = scanner::tag(KEY as u8, scanner::LEN);
const VALUE_TAG: u8 = scanner::tag(VALUE as u8, scanner::LEN);
