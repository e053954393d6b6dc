//! Where nodes were created: the lookups in a `tensorflow.GraphDebugInfo`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use prost::Message as _;

use crate::failure::Error;
use crate::operation::Frame;
use crate::pb::tensorflow::graph_debug_info::{FileLineCol, StackTrace};
use crate::wire::scanner::{Scanner, Value};

/// The key of a node's traceback: of one in a function, or of one of the outermost graph, where the function is empty.
pub(super) fn key(name: &str, function: &str) -> String {
    format!("{name}@{function}")
}

/// The tracebacks of nodes, outermost call first, as far as there are any and they can be read: of each the innermost
/// 1,000 frames, and 10,000 in all. Of two infos that have one, that of the later counts.
pub(super) fn tracebacks(infos: &[Bytes], keys: BTreeSet<String>) -> BTreeMap<String, Vec<Frame>> {
    let mut found = BTreeMap::new();
    let mut left = MAX_FRAMES_IN_ALL;
    let mut missing = keys;
    for info in infos.iter().rev() {
        let frames = frames(info, &missing, &mut left).unwrap_or_default();
        missing.retain(|key| !frames.contains_key(key));
        found.extend(frames);
    }
    found
}

/// The tracebacks of one info that are not empty.
fn frames(info: &[u8], keys: &BTreeSet<String>, left: &mut usize) -> Result<BTreeMap<String, Vec<Frame>>, Error> {
    let known = |entry| std::str::from_utf8(field(entry, KEY)?).ok().and_then(|key| keys.get(key));
    let (mut traces, mut ids) = (BTreeMap::new(), BTreeMap::new());
    each(info, |number, entry| match number {
        TRACES => drop(known(entry).map(|key| traces.insert(key, value(entry)))),
        NAME_TO_TRACE_ID => drop(known(entry).map(|key| ids.insert(key, fixed64(entry, VALUE)))),
        _ => {}
    })?;
    ids.retain(|key, _| !traces.contains_key(key));
    let mut shared: BTreeMap<u64, &[u8]> = ids.values().map(|&id| (id, &[][..])).collect();
    each(info, |number, entry| {
        if number == TRACES_BY_ID
            && let Some(trace) = shared.get_mut(&fixed64(entry, KEY))
        {
            *trace = value(entry);
        }
    })?;
    traces.extend(ids.into_iter().filter_map(|(key, id)| Some((key, *shared.get(&id)?))));
    let mut decoded = BTreeMap::new();
    for (key, trace) in traces {
        let mut trace = StackTrace::decode(trace).unwrap_or_default();
        keep_last(&mut trace.frame_id, MAX_FRAMES.min(*left));
        *left -= trace.frame_id.len();
        keep_last(&mut trace.file_line_cols, (MAX_FRAMES - trace.frame_id.len()).min(*left));
        *left -= trace.file_line_cols.len();
        decoded.insert(key, trace);
    }
    let ids = decoded.values().flat_map(|trace| &trace.frame_id);
    let mut by_id: BTreeMap<u64, FileLineCol> = ids.map(|&id| (id, FileLineCol::default())).collect();
    let mut files = Vec::new();
    each(info, |number, entry| match number {
        FILES => files.push(entry),
        FRAMES_BY_ID => {
            if let Some(frame) = by_id.get_mut(&fixed64(entry, KEY)) {
                *frame = FileLineCol::decode(value(entry)).unwrap_or_default();
            }
        }
        _ => {}
    })?;
    let frame = |line: &FileLineCol| {
        let file = usize::try_from(line.file_index()).ok().and_then(|index| files.get(index)).copied();
        let frame = Frame::new(text(file.unwrap_or_default()), line.line(), text(line.func().as_bytes()));
        Frame { column: line.col(), ..frame.with_code(text(line.code().as_bytes())) }
    };
    let frames = |trace: StackTrace| {
        let shared = trace.frame_id.iter().filter_map(|id| by_id.get(id));
        trace.file_line_cols.iter().chain(shared).map(frame).collect::<Vec<_>>()
    };
    let frames = decoded.into_iter().map(|(key, trace)| (key.clone(), frames(trace)));
    Ok(frames.filter(|(_, frames)| !frames.is_empty()).collect())
}

fn keep_last<T>(list: &mut Vec<T>, most: usize) {
    list.drain(..list.len().saturating_sub(most));
}

/// The beginning of a text.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..MAX_TEXT).unwrap_or(bytes)).into_owned()
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

/// The value of an entry, which is an empty message where it is not told.
fn value(entry: &[u8]) -> &[u8] {
    field(entry, VALUE).unwrap_or_default()
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
/// Of a traceback, and of all that are looked up at once.
const MAX_FRAMES: usize = 1_000;
const MAX_FRAMES_IN_ALL: usize = 10_000;
/// Of a name or a line of source, in bytes.
const MAX_TEXT: usize = 4_096;
