//! Where nodes were created: the lookups in a `tensorflow.GraphDebugInfo`.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;

use crate::failure::Error;
use crate::operation::Frame;
use crate::pb::tensorflow::graph_debug_info::{FileLineCol, StackTrace};
use crate::wire::scanner::{Scanner, Value};

/// The traceback of the node, outermost call first; empty if there is none, or if it cannot be read.
pub(super) fn traceback(infos: &[Bytes], name: &str, function: &str) -> Vec<Frame> {
    let key = format!("{name}@{function}");
    infos
        .iter()
        .rev()
        .map(|info| frames(info, key.as_bytes()).unwrap_or_default())
        .find(|it| !it.is_empty())
        .unwrap_or_default()
}

fn frames(info: &[u8], key: &[u8]) -> Result<Vec<Frame>, Error> {
    let mut trace = None;
    let mut id = None;
    each(info, |number, entry| match number {
        TRACES if text_key(entry) == Some(key) => trace = value(entry),
        NAME_TO_TRACE_ID if text_key(entry) == Some(key) => id = Some(fixed64(entry, VALUE)),
        _ => {}
    })?;
    if trace.is_none() {
        each(info, |number, entry| {
            if number == TRACES_BY_ID && id.is_some() && Some(fixed64(entry, KEY)) == id {
                trace = value(entry);
            }
        })?;
    }
    let trace = trace.and_then(|trace| StackTrace::decode(trace).ok()).unwrap_or_default();
    let mut by_id: BTreeMap<u64, Option<FileLineCol>> = trace.frame_id.iter().map(|&id| (id, None)).collect();
    let mut files = Vec::new();
    each(info, |number, entry| match number {
        FILES => files.push(entry),
        FRAMES_BY_ID => {
            let frame = by_id.get_mut(&fixed64(entry, KEY));
            frame.into_iter().for_each(|frame| *frame = value(entry).and_then(|frame| FileLineCol::decode(frame).ok()));
        }
        _ => {}
    })?;
    let shared = trace.frame_id.iter().filter_map(|id| by_id.get(id)?.as_ref());
    let frames = trace.file_line_cols.iter().chain(shared);
    let frame = |line: &FileLineCol| {
        let file = usize::try_from(line.file_index()).ok().and_then(|index| files.get(index));
        let file = file.map(|file| String::from_utf8_lossy(file).into_owned()).unwrap_or_default();
        let frame = Frame { column: line.col(), ..Frame::new(file, line.line(), line.func()) };
        frame.with_code(line.code())
    };
    Ok(frames.map(frame).collect())
}

/// The fields that have lengths.
fn each<'a>(message: &'a [u8], mut visit: impl FnMut(u32, &'a [u8])) -> Result<(), Error> {
    let mut fields = Scanner::new(message);
    while let Some(field) = fields.next_field()? {
        if let Value::Len(begin) = field.value {
            visit(field.number, message.get(begin..field.end).unwrap_or_default());
        }
    }
    Ok(())
}

fn text_key(entry: &[u8]) -> Option<&[u8]> {
    field(entry, KEY)
}

fn value(entry: &[u8]) -> Option<&[u8]> {
    // An entry without a value has an empty one.
    Some(field(entry, VALUE).unwrap_or_default())
}

/// The last field of this number, if it has a length.
fn field(entry: &[u8], number: u32) -> Option<&[u8]> {
    let mut found = None;
    each(entry, |of, value| {
        if of == number {
            found = Some(value);
        }
    })
    .ok()?;
    found
}

/// The last field of this number, of eight bytes; 0 if it is not there.
fn fixed64(entry: &[u8], number: u32) -> u64 {
    let mut found = 0;
    let mut fields = Scanner::new(entry);
    while let Ok(Some(field)) = fields.next_field() {
        if field.number == number
            && field.value == Value::Other
            && let Some(bytes) = entry.get(..field.end).and_then(<[u8]>::last_chunk)
        {
            found = u64::from_le_bytes(*bytes);
        }
    }
    found
}

/// The numbers of the fields of a `GraphDebugInfo`, and those of the entries of its maps.
const FILES: u32 = 1;
const TRACES: u32 = 2;
const FRAMES_BY_ID: u32 = 4;
const NAME_TO_TRACE_ID: u32 = 5;
const TRACES_BY_ID: u32 = 6;
const KEY: u32 = 1;
const VALUE: u32 = 2;
