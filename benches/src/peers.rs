//! What the peers do, as a careful user of each would write it.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use operr::pb::google::rpc::Status;
use operr::pb::tensorflow::AttrValue;
use prost::Message;
use prost_types::Any;
use quick_protobuf::{BytesReader, MessageRead};

/// prost, everything typed: the `google.rpc.Status`, and the node that is one of its details.
#[derive(Clone)]
pub struct Typed {
    pub status: Status,
    pub node: Option<NodeDef>,
}

/// A node as prost generates it without settings: the map is a `HashMap`.
#[derive(Clone, PartialEq, Message)]
pub struct NodeDef {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub op: String,
    #[prost(string, repeated, tag = "3")]
    pub input: Vec<String>,
    #[prost(string, tag = "4")]
    pub device: String,
    #[prost(map = "string, message", tag = "5")]
    pub attr: HashMap<String, AttrValue>,
}

const NODE: &str = "type.googleapis.com/tensorflow.NodeDef";

impl Typed {
    pub fn decode(bytes: Bytes) -> Typed {
        let mut status = Status::decode(bytes).expect("a Status");
        let index = status.details.iter().position(|detail| detail.type_url == NODE);
        let node = index.map(|index| NodeDef::decode(&*status.details.remove(index).value).expect("a NodeDef"));
        Typed { status, node }
    }

    pub fn encode(&mut self) -> Vec<u8> {
        let details = &mut self.status.details;
        match &self.node {
            None => self.status.encode_to_vec(),
            Some(node) => {
                details.insert(0, Any { type_url: NODE.into(), value: node.encode_to_vec() });
                let bytes = self.status.encode_to_vec();
                self.status.details.remove(0);
                bytes
            }
        }
    }
}

/// prost, with the node as bytes and the payloads in order: the least that prost can do for an envelope.
#[derive(Clone, PartialEq, Message)]
pub struct Envelope {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Detail>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Detail {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// quick-protobuf, everything typed, borrowed from the bytes where it can be.
#[derive(Default)]
pub struct Quick<'a> {
    pub code: i32,
    pub message: Cow<'a, str>,
    pub details: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
    pub node: Option<QuickNode<'a>>,
}

#[derive(Default)]
pub struct QuickNode<'a> {
    pub name: Cow<'a, str>,
    pub op: Cow<'a, str>,
    pub input: Vec<Cow<'a, str>>,
    pub device: Cow<'a, str>,
    pub attr: HashMap<Cow<'a, str>, Cow<'a, [u8]>>,
}

impl<'a> Quick<'a> {
    pub fn decode(bytes: &'a [u8]) -> Quick<'a> {
        let mut reader = BytesReader::from_bytes(bytes);
        let mut quick = Quick::from_reader(&mut reader, bytes).expect("a Status");
        if let Some(index) = quick.details.iter().position(|(key, _)| key == NODE)
            && let (_, Cow::Borrowed(value)) = quick.details.remove(index)
        {
            let mut reader = BytesReader::from_bytes(value);
            quick.node = Some(QuickNode::from_reader(&mut reader, value).expect("a NodeDef"));
        }
        quick
    }
}

type QuickResult<T> = quick_protobuf::Result<T>;

impl<'a> MessageRead<'a> for Quick<'a> {
    fn from_reader(reader: &mut BytesReader, bytes: &'a [u8]) -> QuickResult<Self> {
        let mut quick = Quick::default();
        while !reader.is_eof() {
            match reader.next_tag(bytes)? {
                8 => quick.code = reader.read_int32(bytes)?,
                18 => quick.message = Cow::Borrowed(reader.read_string(bytes)?),
                26 => {
                    let (key, value) = reader.read_map(
                        bytes,
                        |reader, bytes| Ok(Cow::Borrowed(reader.read_string(bytes)?)),
                        |reader, bytes| Ok(Cow::Borrowed(reader.read_bytes(bytes)?)),
                    )?;
                    quick.details.push((key, value));
                }
                other => reader.read_unknown(bytes, other)?,
            }
        }
        Ok(quick)
    }
}

impl<'a> MessageRead<'a> for QuickNode<'a> {
    fn from_reader(reader: &mut BytesReader, bytes: &'a [u8]) -> QuickResult<Self> {
        let mut node = QuickNode::default();
        while !reader.is_eof() {
            match reader.next_tag(bytes)? {
                10 => node.name = Cow::Borrowed(reader.read_string(bytes)?),
                18 => node.op = Cow::Borrowed(reader.read_string(bytes)?),
                26 => node.input.push(Cow::Borrowed(reader.read_string(bytes)?)),
                34 => node.device = Cow::Borrowed(reader.read_string(bytes)?),
                42 => {
                    let (key, value) = reader.read_map(
                        bytes,
                        |reader, bytes| Ok(Cow::Borrowed(reader.read_string(bytes)?)),
                        |reader, bytes| Ok(Cow::Borrowed(reader.read_bytes(bytes)?)),
                    )?;
                    node.attr.insert(key, value);
                }
                other => reader.read_unknown(bytes, other)?,
            }
        }
        Ok(node)
    }
}

/// The limit: a scan that finds every field and every entry, checks what must be UTF-8, and keeps nothing.
pub fn scan(bytes: &[u8]) -> usize {
    let mut found = 0;
    let mut at = 0;
    while let Some((tag, next)) = varint(bytes, at) {
        match tag {
            0x08 => {
                let Some((code, next)) = varint(bytes, next) else { break };
                found += code as usize;
                at = next;
            }
            0x12 => {
                let Some((value, next)) = len(bytes, next) else { break };
                found += std::str::from_utf8(value).map_or(0, str::len);
                at = next;
            }
            0x1a => {
                let Some((entry, next)) = len(bytes, next) else { break };
                let mut inner = 0;
                while let Some((tag, next)) = varint(entry, inner) {
                    let Some((value, next)) = len(entry, next) else { break };
                    found += if tag == 0x0a { std::str::from_utf8(value).map_or(0, str::len) } else { value.len() };
                    inner = next;
                }
                at = next;
            }
            _ => break,
        }
    }
    found
}

fn len(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (length, start) = varint(bytes, at)?;
    let end = start.checked_add(length as usize)?;
    Some((bytes.get(start..end)?, end))
}

#[inline(always)]
fn varint(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let (mut value, mut shift) = (0, 0);
    loop {
        let &byte = bytes.get(at)?;
        at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((value, at));
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}
