//! [`Draft`]: an error taken apart, so that parts of it can be left out.

use std::collections::VecDeque;

use bytes::Bytes;
use prost::{Message as _, Name as _};

use super::Budget;
use super::records::Records;
use crate::code::Code;
use crate::envelope;
use crate::error::OpError;
use crate::operation::Omitted;
use crate::pb::google::rpc::{DebugInfo, ErrorInfo, RequestInfo, RetryInfo};
use crate::pb::tensorflow::distributed_runtime::GrpcPayloadsLost;
use crate::wire::Container;
use crate::wire::entry::{self, Parsed, Role};
use crate::wire::scanner::{Scanner, Value, len_field_len};

/// An error and its causes, and what was missing when it came.
#[derive(Clone)]
pub(super) struct Draft {
    /// The error itself, then the causes: each stands behind the error that it is a cause of.
    pub(super) errors: Vec<Single>,
    pub(super) omitted: Omitted,
    whole: Totals,
    keys: Vec<Bytes>,
}

/// One error without its causes.
#[derive(Clone)]
pub(super) struct Single {
    code: Code,
    pub(super) message: Bytes,
    pub(super) parts: Vec<Part>,
    pub(super) parent: usize,
    pub(super) depth: usize,
}

#[derive(Clone)]
pub(super) enum Part {
    Entry(Entry),
    Cause {
        key: Bytes,
        error: usize,
    },
    /// A record that is no entry, as it came.
    Unknown(Bytes),
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    /// The record as it came, while the value is not changed.
    record: Option<Bytes>,
}

/// What an entry is when something has to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    NodeDef,
    Operation,
    Origin,
    DebugInfo,
    ErrorInfo,
    /// What the error is found by in the logs, with an id that is one.
    RequestInfo,
    RetryInfo,
    /// TensorFlow's own word for what is missing.
    PayloadsLost,
    Payload,
}

/// What is counted of an error with all its causes.
#[derive(Clone, Copy, Default)]
struct Totals {
    bytes: usize,
    causes: usize,
    frames: usize,
    attributes: usize,
    message: usize,
}

impl Draft {
    /// Takes a Status apart.
    pub(super) fn read(status: &Bytes, code: Code) -> Draft {
        let mut draft = Draft {
            errors: vec![Single::new(code, 0, 0)],
            omitted: Omitted::default(),
            whole: Totals::default(),
            keys: Vec::new(),
        };
        // Level by level, so that of two causes as deep the later one stands behind the earlier.
        let mut open = VecDeque::from([(0, status.clone())]);
        while let Some((index, status)) = open.pop_front() {
            draft.read_single(index, &status, &mut open);
        }
        draft.whole = draft.totals();
        draft.keys = draft.keys();
        draft
    }

    fn read_single(&mut self, index: usize, status: &Bytes, open: &mut VecDeque<(usize, Bytes)>) {
        let depth = self.errors.get(index).map_or(0, |error| error.depth);
        let mut read = Single::new(Code::OK, index, depth);
        let mut fields = Scanner::new(status);
        while let Ok(Some(field)) = fields.next_field() {
            let record = status.slice(field.start..field.end);
            match (field.number, field.value) {
                (1, Value::Varint(code)) => read.code = Code::new(code as i32),
                (2, Value::Len(begin)) => read.message = status.slice(begin..field.end),
                (3, Value::Len(begin)) => {
                    let Ok(Parsed { key, value }) = Parsed::read(status, begin, field.end) else { continue };
                    let role = Role::of(key);
                    let (key, value) = (status.slice_ref(key.as_bytes()), status.slice_ref(value));
                    if role == Role::Cause && OpError::from_status_bytes(value.clone()).is_ok() {
                        let error = self.errors.len();
                        self.errors.push(Single::new(Code::OK, index, depth + 1));
                        open.push_back((error, value));
                        read.parts.push(Part::Cause { key, error });
                    } else if role == Role::Omitted
                        && index == 0
                        && let Ok(omitted) = Omitted::decode(value.clone())
                    {
                        self.omitted = omitted;
                    } else {
                        let kind = Kind::of(&key, &value);
                        read.parts.push(Part::Entry(Entry { kind, key, value, record: Some(record) }));
                    }
                }
                _ => read.parts.push(Part::Unknown(record)),
            }
        }
        read.demote_those_that_do_not_count();
        if let Some(error) = self.errors.get_mut(index) {
            read.parent = error.parent;
            *error = read;
        }
    }

    /// The error itself.
    pub(super) fn top(&self) -> Option<&Single> {
        self.errors.first()
    }

    /// The error itself.
    pub(super) fn top_mut(&mut self) -> Option<&mut Single> {
        self.errors.first_mut()
    }

    /// Whether it is within the budget, with the longest account of what is missing.
    pub(super) fn fits(&self, budget: Budget, container: Container) -> bool {
        let Some(top) = self.top() else { return true };
        let entries = self.len_of_entries(container);
        let head = match container {
            Container::Status => top.head_len(),
            Container::TensorFlow => 0,
        };
        // TensorFlow's word may be there already.
        let lost = if container == Container::TensorFlow { self.lost_len() } else { 0 };
        let details = head + entries + (reserved(container) - lost) + self.omitted.unparsed.len();
        // What is not UTF-8 is sent as U+FFFD.
        budget.allows(top.code, &String::from_utf8_lossy(&top.message), details)
    }

    /// The length of all but code and message.
    fn len_of_entries(&self, container: Container) -> usize {
        let lens = self.lens();
        let of_part = |part: &Part| match part {
            // In a container its key has a number.
            Part::Cause { error, .. } if container == Container::TensorFlow => {
                let len = lens.get(*error).copied().unwrap_or_default();
                entry::record_len(entry::cause_key(u32::MAX.into()).as_bytes(), len)
            }
            part => part.len(&lens),
        };
        self.top().map_or(0, |top| top.parts.iter().map(of_part).sum())
    }

    /// The length of each error with its causes, as a Status.
    fn lens(&self) -> Vec<usize> {
        let mut lens = vec![0; self.errors.len()];
        for (index, error) in self.errors.iter().enumerate().rev() {
            let len = error.head_len() + error.parts.iter().map(|part| part.len(&lens)).sum::<usize>();
            if let Some(place) = lens.get_mut(index) {
                *place = len;
            }
        }
        lens
    }

    /// Those that are not left out with an error above them, the error itself first.
    pub(super) fn present(&self) -> impl Iterator<Item = (usize, &Single)> {
        let mut is_present = vec![false; self.errors.len()];
        if let Some(top) = is_present.first_mut() {
            *top = true;
        }
        for (index, error) in self.errors.iter().enumerate() {
            if is_present.get(index) == Some(&true) {
                for part in &error.parts {
                    if let Part::Cause { error, .. } = part
                        && let Some(is_present) = is_present.get_mut(*error)
                    {
                        *is_present = true;
                    }
                }
            }
        }
        self.errors.iter().enumerate().filter(move |(index, _)| is_present.get(*index) == Some(&true))
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for (index, error) in self.present() {
            totals.causes += usize::from(index > 0);
            for part in &error.parts {
                let Part::Entry(entry) = part else { continue };
                match entry.kind {
                    Kind::NodeDef => totals.attributes += entry.records().map_or(0, |node| node.count(ATTR)),
                    Kind::Operation => totals.frames += frames_of_operation(&entry.value),
                    Kind::Origin => totals.frames += entry.records().map_or(0, |origin| origin.count(FRAMES)),
                    _ => {}
                }
            }
        }
        let len = self.lens().first().copied().unwrap_or_default();
        totals.bytes = len - self.lost_len() + self.omitted.unparsed.len();
        totals.message = self.top().map_or(0, |top| top.message.len());
        totals
    }

    /// The length of TensorFlow's word for what is missing, 0 if it is not there.
    fn lost_len(&self) -> usize {
        let lost = self.top().and_then(|top| top.entry(Kind::PayloadsLost));
        lost.map_or(0, |entry| Part::Entry(entry.clone()).len(&[]))
    }

    /// The keys of the error's own entries.
    fn keys(&self) -> Vec<Bytes> {
        let parts = self.top().into_iter().flat_map(|top| &top.parts);
        let entries = parts.filter_map(|part| match part {
            Part::Entry(entry) if entry.kind != Kind::PayloadsLost => Some(entry.key.clone()),
            _ => None,
        });
        entries.collect()
    }

    /// Puts it together again, with an account of what is missing.
    pub(super) fn into_error(mut self, container: Container) -> OpError {
        let now = self.totals();
        let (whole, omitted) = (self.whole, &mut self.omitted);
        omitted.bytes = omitted.bytes.saturating_add((whole.bytes - now.bytes.min(whole.bytes)) as u64);
        omitted.causes = omitted.causes.saturating_add(narrow(whole.causes - now.causes));
        omitted.frames = omitted.frames.saturating_add(narrow(whole.frames - now.frames));
        omitted.attributes = omitted.attributes.saturating_add(narrow(whole.attributes - now.attributes));
        if now.message < whole.message && omitted.message_bytes == 0 {
            omitted.message_bytes = whole.message as u64;
        }
        self.tell_keys(container);

        let lens = self.lens();
        let mut out = Vec::with_capacity(lens.first().copied().unwrap_or_default() + reserved(container));
        let mut open = Vec::new();
        let begin = |index: usize, out: &mut Vec<u8>| {
            let error = self.errors.get(index)?;
            envelope::put_head(out, error.code, &error.message);
            Some(error.parts.iter())
        };
        open.extend(begin(0, &mut out));
        while let Some(parts) = open.last_mut() {
            match parts.next() {
                None => {
                    open.pop();
                }
                Some(Part::Unknown(record)) => out.extend_from_slice(record),
                Some(Part::Entry(entry)) => entry.write(&mut out),
                Some(Part::Cause { key, error }) => {
                    entry::put_head(&mut out, ENTRIES, key, lens.get(*error).copied().unwrap_or_default());
                    open.extend(begin(*error, &mut out));
                }
            }
        }
        let omitted = self.omitted.encode_to_vec();
        entry::put_head(&mut out, ENTRIES, Omitted::type_url().as_bytes(), omitted.len());
        out.extend_from_slice(&omitted);
        let code = self.top().map_or(Code::UNKNOWN, |top| top.code);
        // What was written reads; were it not so, the code would be what is left.
        OpError::from_bytes(out).unwrap_or_else(|_| OpError::new(code, ""))
    }

    /// Names the entries that are gone, as many as there is room for; to TensorFlow, in its own word.
    fn tell_keys(&mut self, container: Container) {
        let mut left = self.keys();
        left.sort_unstable();
        let mut gone = Vec::new();
        for key in std::mem::take(&mut self.keys) {
            match left.binary_search(&key) {
                Ok(place) => {
                    left.remove(place);
                }
                Err(_) => gone.push(key),
            }
        }
        let is_payload_gone = gone.iter().any(|key| Role::of(&text(key)) == Role::Payload);
        let mut room = TYPE_URLS;
        self.omitted.type_urls.extend(gone.iter().map(|key| text(key)));
        self.omitted.type_urls.retain(|url| {
            let len = len_field_len(url.len());
            let is_kept = len <= room;
            room -= if is_kept { len } else { 0 };
            is_kept
        });
        let Some(top) = self.errors.first_mut() else { return };
        let is_lost = |part: &Part| matches!(part, Part::Entry(entry) if entry.kind == Kind::PayloadsLost);
        if container == Container::TensorFlow && is_payload_gone && !top.parts.iter().any(is_lost) {
            let key = Bytes::from(GrpcPayloadsLost::type_url());
            top.parts.push(Part::Entry(Entry { kind: Kind::PayloadsLost, key, value: Bytes::new(), record: None }));
        }
    }
}

impl Single {
    fn new(code: Code, parent: usize, depth: usize) -> Single {
        Single { code, message: Bytes::new(), parts: Vec::new(), parent, depth }
    }

    /// Of equal entries the last counts; the others are payloads like any.
    fn demote_those_that_do_not_count(&mut self) {
        let mut seen = Vec::new();
        for part in self.parts.iter_mut().rev() {
            let Part::Entry(entry) = part else { continue };
            if entry.kind != Kind::Payload {
                if seen.contains(&entry.kind) {
                    entry.kind = Kind::Payload;
                }
                seen.push(entry.kind);
            }
        }
    }

    pub(super) fn entry(&self, kind: Kind) -> Option<&Entry> {
        self.parts.iter().find_map(|part| match part {
            Part::Entry(entry) if entry.kind == kind => Some(entry),
            _ => None,
        })
    }

    /// The fields of the entry of a kind.
    pub(super) fn records(&self, kind: Kind) -> Option<Records> {
        self.entry(kind)?.records()
    }

    /// Changes the fields of the entry of a kind.
    pub(super) fn change(&mut self, kind: Kind, change: impl FnOnce(&mut Records)) {
        let entries = self.parts.iter_mut().filter_map(|part| match part {
            Part::Entry(entry) => Some(entry),
            _ => None,
        });
        if let Some(entry) = entries.into_iter().find(|entry| entry.kind == kind)
            && let Some(mut records) = entry.records()
        {
            change(&mut records);
            let value = records.encode();
            if value != entry.value {
                entry.value = value;
                entry.record = None;
            }
        }
    }

    /// Leaves out the entry of a kind, and those that did not count beside it, the last of which now would.
    pub(super) fn remove(&mut self, kind: Kind) {
        self.parts.retain(|part| !matches!(part, Part::Entry(entry) if Kind::of_type(&text(&entry.key)) == kind));
    }

    fn head_len(&self) -> usize {
        envelope::head_len(self.code, &self.message)
    }
}

impl Part {
    /// The length of the record, given those of the errors.
    pub(super) fn len(&self, errors: &[usize]) -> usize {
        match self {
            Part::Unknown(record) => record.len(),
            Part::Entry(Entry { record: Some(record), .. }) => record.len(),
            Part::Entry(Entry { key, value, .. }) => entry::record_len(key, value.len()),
            Part::Cause { key, error } => entry::record_len(key, errors.get(*error).copied().unwrap_or_default()),
        }
    }
}

impl Entry {
    pub(super) fn records(&self) -> Option<Records> {
        Records::read(&self.value)
    }

    fn write(&self, out: &mut Vec<u8>) {
        match &self.record {
            Some(record) => out.extend_from_slice(record),
            None => {
                entry::put_head(out, ENTRIES, &self.key, self.value.len());
                out.extend_from_slice(&self.value);
            }
        }
    }
}

impl Kind {
    /// A type that is known, with a value that can be read.
    fn of(key: &Bytes, value: &Bytes) -> Kind {
        let kind = Kind::of_type(&text(key));
        let is_kept_as_such = match kind {
            Kind::Payload => true,
            Kind::RequestInfo => has_short_id(value),
            Kind::PayloadsLost => value.is_empty(),
            _ => Records::read(value).is_some(),
        };
        if is_kept_as_such { kind } else { Kind::Payload }
    }

    fn of_type(key: &str) -> Kind {
        match Role::of(key) {
            Role::NodeDef => Kind::NodeDef,
            Role::Operation => Kind::Operation,
            Role::Origin => Kind::Origin,
            _ if entry::is_type(key, &DebugInfo::full_name()) => Kind::DebugInfo,
            _ if entry::is_type(key, &ErrorInfo::full_name()) => Kind::ErrorInfo,
            _ if entry::is_type(key, &RetryInfo::full_name()) => Kind::RetryInfo,
            _ if entry::is_type(key, &RequestInfo::full_name()) => Kind::RequestInfo,
            _ if entry::is_type(key, &GrpcPayloadsLost::full_name()) => Kind::PayloadsLost,
            _ => Kind::Payload,
        }
    }
}

/// Whether a `RequestInfo` has an id that is not a text of any length.
fn has_short_id(info: &Bytes) -> bool {
    let ids = Records::read(info).unwrap_or_default();
    let mut ids = ids.iter().filter(|record| record.number == REQUEST_ID).peekable();
    ids.peek().is_some() && ids.map(|record| record.len()).sum::<usize>() <= SHORT_ID
}

fn frames_of_operation(value: &Bytes) -> usize {
    let Some(operation) = Records::read(value) else { return 0 };
    let of_originals = operation
        .iter()
        .filter(|record| record.number == ORIGINALS)
        .map(|record| Records::read(&record.value()).map_or(0, |original| original.count(FRAMES)));
    operation.count(FRAMES) + of_originals.sum::<usize>()
}

fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The most that the account of what is missing takes, without what could not be read.
pub(super) fn reserved(container: Container) -> usize {
    // Its other fields are five numbers: three of 32 bits and two of 64.
    let omitted = entry::record_len(Omitted::type_url().as_bytes(), TYPE_URLS + 3 * 6 + 2 * 11);
    match container {
        Container::Status => omitted,
        Container::TensorFlow => omitted + entry::record_len(GrpcPayloadsLost::type_url().as_bytes(), 0),
    }
}

/// How many bytes the names of what is missing may take.
const TYPE_URLS: usize = 160;

/// `google.rpc.Status.details`.
const ENTRIES: u8 = Container::Status.entry_field();

/// `NodeDef.attr`.
pub(super) const ATTR: u32 = 5;
/// `Operation.traceback` and `Origin.raised_at`.
pub(super) const FRAMES: u32 = 3;
/// `Operation.originals`.
pub(super) const ORIGINALS: u32 = 4;
/// `RequestInfo.request_id`.
pub(super) const REQUEST_ID: u32 = 1;
/// How long the id of a request can be, to be kept longer than payloads.
const SHORT_ID: usize = 512;
