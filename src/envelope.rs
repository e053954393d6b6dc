//! The records of an error: received as bytes and an index, or composed of parts. The edit rule lives here.
//!
//! ```text
//! 08 01        12 05 h e l l o     1a nn [ 0a .. key  12 .. value ]   1a nn [ .. ]  ...
//! code         message             entry: its body in brackets        entry
//! ```

use std::borrow::Cow;
use std::{iter, slice};

use bytes::Bytes;
use smallvec::SmallVec;

use crate::code::Code;
use crate::error::OpError;
use crate::failure::Error;
use crate::wire::Container;
use crate::wire::entry::{self, CAUSE_URL, Parsed, Role};
use crate::wire::scanner::{self, Field, Scanner, Value, len_field_len, put_len_field, put_varint, varint_len};

/// All that an error holds.
#[derive(Clone)]
pub(crate) enum Envelope {
    Received(Received),
    Composed(Composed),
}

/// Bytes as they came, and where in them things are.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) form: Container,
    pub(crate) bytes: Bytes,
    message: (u32, u32),
    entries: Slots,
}

type Slots = SmallVec<[Slot; 8]>;

/// The body of an entry, and its role.
#[derive(Clone, Copy)]
struct Slot {
    role: Role,
    start: u32,
    end: u32,
}

/// Records in the order in which they are written.
#[derive(Clone)]
pub(crate) struct Composed {
    form: Container,
    /// Code and message, unless they are among the parts because they were received.
    head: Option<Code>,
    message: Bytes,
    /// The records up to the payloads; all of them, in the order of the wire, where the error was received.
    parts: Vec<Part>,
    /// The causes and what is omitted, where the error was built here.
    last: Vec<Part>,
    /// The number for the key of the next cause in a container.
    next_cause: u64,
    len: usize,
}

#[derive(Clone)]
enum Part {
    /// Records that are no entries, as they came.
    Other(Bytes),
    /// The record of an entry, as it came; its body goes from `body` to the end.
    Received { role: Role, record: Bytes, body: usize },
    /// An entry that was added.
    Added { role: Role, key: Cow<'static, str>, value: Bytes },
    /// A cause that was added.
    Cause { key: Cow<'static, str>, error: OpError },
}

/// One entry, looked at.
pub(crate) struct Entry<'a> {
    pub(crate) role: Role,
    pub(crate) key: &'a str,
    value: EntryValue<'a>,
}

enum EntryValue<'a> {
    Bytes { owner: &'a Bytes, value: &'a [u8] },
    Error(&'a OpError),
}

impl<'a> Entry<'a> {
    fn read(role: Role, owner: &'a Bytes, start: usize, end: usize) -> Option<Entry<'a>> {
        let Parsed { key, value } = Parsed::read(owner, start, end).ok()?;
        Some(Entry { role, key, value: EntryValue::Bytes { owner, value } })
    }

    /// The value, sharing the memory of what it was received in.
    pub(crate) fn value(&self) -> Bytes {
        match &self.value {
            EntryValue::Bytes { owner, value } => owner.slice_ref(value),
            EntryValue::Error(error) => error.to_bytes(),
        }
    }

    /// Whether the value is an error.
    pub(crate) fn is_error(&self) -> bool {
        match &self.value {
            EntryValue::Bytes { .. } => OpError::from_status_bytes(self.value()).is_ok(),
            EntryValue::Error(_) => true,
        }
    }

    /// Whether the value is bytes that came from elsewhere, and not an error that was added here.
    pub(crate) fn is_bytes(&self) -> bool {
        matches!(self.value, EntryValue::Bytes { .. })
    }

    /// The value as an error; `None` if it is none.
    pub(crate) fn error(&self) -> Option<OpError> {
        match &self.value {
            EntryValue::Bytes { .. } => OpError::from_status_bytes(self.value()).ok(),
            EntryValue::Error(error) => Some((*error).clone()),
        }
    }
}

impl Envelope {
    /// What an error with only a code and a message holds.
    pub(crate) fn new(code: Code, message: Bytes) -> Envelope {
        let len = head_len(code, &message);
        Envelope::Composed(Composed {
            form: Container::Status,
            head: Some(code),
            message,
            parts: Vec::new(),
            last: Vec::new(),
            next_cause: 0,
            len,
        })
    }

    pub(crate) fn message(&self) -> &[u8] {
        match self {
            Envelope::Received(received) => received.message(),
            Envelope::Composed(composed) => &composed.message,
        }
    }

    pub(crate) fn form(&self) -> Container {
        match self {
            Envelope::Received(received) => received.form,
            Envelope::Composed(composed) => composed.form,
        }
    }

    /// The entries in wire order.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        let (received, composed) = match self {
            Envelope::Received(received) => (Some(received), None),
            Envelope::Composed(composed) => (None, Some(composed)),
        };
        let received = received.into_iter().flat_map(Received::entries);
        received.chain(composed.into_iter().flat_map(|composed| composed.parts().filter_map(Part::entry)))
    }

    /// Whether there are entries of this role.
    pub(crate) fn has(&self, role: Role) -> bool {
        match self {
            Envelope::Received(received) => received.entries.iter().any(|slot| slot.role == role),
            Envelope::Composed(composed) => composed.parts().any(|part| part.is_entry(role)),
        }
    }

    /// The last entry of this role.
    pub(crate) fn last(&self, role: Role) -> Option<Entry<'_>> {
        match self {
            Envelope::Received(received) => {
                received.entries.iter().rfind(|slot| slot.role == role).and_then(|slot| received.entry(slot))
            }
            Envelope::Composed(composed) => composed.parts().rfind(|part| part.is_entry(role)).and_then(Part::entry),
        }
    }

    /// The length of the encoded error in bytes.
    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Envelope::Received(received) => received.bytes.len(),
            Envelope::Composed(composed) => composed.len,
        }
    }

    /// The encoded error: shared where it was received, else written into one allocation of its exact length.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self {
            Envelope::Received(received) => received.bytes.clone(),
            Envelope::Composed(composed) => {
                let mut out = Vec::with_capacity(composed.len);
                composed.write(&mut out);
                Bytes::from(out)
            }
        }
    }

    /// Appends the encoded error.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Envelope::Received(received) => out.extend_from_slice(&received.bytes),
            Envelope::Composed(composed) => {
                out.reserve(composed.len);
                composed.write(out);
            }
        }
    }

    /// Adds an entry: behind those of its role where the error was built here, at the end where it was received.
    pub(crate) fn append(&mut self, role: Role, key: impl Into<Cow<'static, str>>, value: Bytes) {
        let composed = self.compose();
        let key = if role == Role::Cause { composed.cause_key(key.into()) } else { key.into() };
        composed.add(Part::Added { role, key, value });
    }

    /// Replaces the value of the last entry that `matches` under the key it has, or adds it under `key`.
    pub(crate) fn replace(
        &mut self,
        role: Role,
        key: impl Into<Cow<'static, str>>,
        value: Bytes,
        matches: impl Fn(&Entry<'_>) -> bool,
    ) {
        let composed = self.compose();
        let found = composed.parts.iter_mut().chain(&mut composed.last).rev().find_map(|part| {
            let key = part.entry().filter(&matches).map(|entry| entry.key.to_owned())?;
            Some((part, key))
        });
        match found {
            Some((part, key)) => {
                composed.len -= part.len();
                *part = Part::Added { role, key: key.into(), value };
                composed.len += part.len();
            }
            None => self.append(role, key, value),
        }
    }

    /// Sets the message of a Status: in its last record, if there is one.
    pub(crate) fn replace_message(&mut self, message: Bytes) {
        let composed = self.compose();
        match composed.head {
            Some(code) => {
                composed.len -= head_len(code, &composed.message);
                composed.len += head_len(code, &message);
            }
            None => {
                let mut record = Vec::with_capacity(len_field_len(message.len()));
                put_len_field(&mut record, MESSAGE, &message);
                let found =
                    composed.parts.iter_mut().rev().find_map(|part| part.with_message(&record).map(|new| (part, new)));
                match found {
                    Some((part, new)) => {
                        composed.len -= part.len();
                        *part = Part::Other(new);
                        composed.len += part.len();
                    }
                    None => composed.add(Part::Other(record.into())),
                }
            }
        }
        composed.message = message;
    }

    /// Adds a cause behind those that are there.
    pub(crate) fn append_cause(&mut self, error: OpError) {
        let composed = self.compose();
        let key = composed.cause_key(Cow::Borrowed(CAUSE_URL));
        composed.add(Part::Cause { key, error });
    }

    /// Adds a cause in front of those that are there. Those with numbers, which are read first, make room for it.
    pub(crate) fn prepend_cause(&mut self, error: OpError) {
        let composed = self.compose();
        let parts = || composed.parts.iter().chain(&composed.last);
        let Some(first) = parts().position(|part| part.role() == Role::Cause) else {
            return self.append_cause(error);
        };
        let is_numbered = composed.form == Container::TensorFlow || parts().any(|part| part.cause_number().is_some());
        if is_numbered {
            for part in composed.parts.iter_mut().chain(&mut composed.last) {
                let Some(number) = part.cause_number() else { continue };
                composed.len -= part.len();
                part.set_key(composed.form, entry::cause_key(u64::from(number) + 1));
                composed.len += part.len();
            }
            composed.next_cause += 1;
        }
        let key = if is_numbered { entry::cause_key(0).into() } else { Cow::Borrowed(CAUSE_URL) };
        let part = Part::Cause { key, error };
        composed.len += part.len();
        match first.checked_sub(composed.parts.len()) {
            None => composed.parts.insert(first, part),
            Some(first) => composed.last.insert(first, part),
        }
    }

    /// The causes that were added here as errors.
    pub(crate) fn added_causes_mut(&mut self) -> impl Iterator<Item = &mut OpError> {
        let composed = match self {
            Envelope::Received(_) => None,
            Envelope::Composed(composed) => Some(composed),
        };
        let parts = composed.into_iter().flat_map(|composed| composed.parts.iter_mut().chain(&mut composed.last));
        parts.filter_map(|part| match part {
            Part::Cause { error, .. } => Some(error),
            _ => None,
        })
    }

    /// Moves out the causes that were added, for a drop without recursion.
    pub(crate) fn take_causes(&mut self, into: &mut Vec<OpError>) {
        if let Envelope::Composed(composed) = self {
            into.extend(composed.parts.drain(..).chain(composed.last.drain(..)).filter_map(|part| match part {
                Part::Cause { error, .. } => Some(error),
                _ => None,
            }));
        }
    }

    fn compose(&mut self) -> &mut Composed {
        if let Envelope::Received(received) = self {
            *self = Envelope::Composed(received.compose());
        }
        match self {
            Envelope::Composed(composed) => composed,
            Envelope::Received(_) => unreachable!("it was composed above"),
        }
    }
}

impl Received {
    /// Finds what is where, in bytes of the form that they have; gives them back where they do not parse.
    pub(crate) fn read(bytes: Bytes, form: Container) -> Result<(Code, Received), (Error, Bytes)> {
        match Received::index(&bytes, form) {
            Ok((code, message, entries)) => Ok((code, Received { form, bytes, message, entries })),
            Err(error) => Err((error, bytes)),
        }
    }

    /// The code, where the message is, and the entries.
    #[inline(always)]
    fn index(bytes: &[u8], form: Container) -> Result<(Code, (u32, u32), Slots), Error> {
        let mut code = if form == Container::Status { Code::OK } else { Code::UNKNOWN };
        let mut message = (0, 0);
        let mut entries = Slots::new();
        let mut fields = Scanner::new(bytes);
        while let Some(field) = fields.next_field()? {
            match (form, field.number) {
                (Container::Status, 1) => match field.value {
                    // int32 is sign-extended to 64 bits; readers take the low 32.
                    Value::Varint(value) => code = Code::new(value as i32),
                    _ => return Err(field.wrong_type("a varint")),
                },
                (Container::Status, 2) => match field.value {
                    Value::Len(start) => message = (narrow(start), narrow(field.end)),
                    _ => return Err(field.wrong_type("a string")),
                },
                (Container::Status, 3) | (Container::TensorFlow, 1) => match field.value {
                    Value::Len(start) => {
                        let role = Role::read(bytes, start, field.end)?;
                        entries.push(Slot { role, start: narrow(start), end: narrow(field.end) });
                    }
                    _ => return Err(field.wrong_type("a message")),
                },
                _ => {}
            }
        }
        Ok((code, message, entries))
    }

    fn message(&self) -> &[u8] {
        self.bytes.get(self.message.0 as usize..self.message.1 as usize).unwrap_or_default()
    }

    fn entries(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.entries.iter().filter_map(|slot| self.entry(slot))
    }

    fn entry(&self, slot: &Slot) -> Option<Entry<'_>> {
        Entry::read(slot.role, &self.bytes, slot.start as usize, slot.end as usize)
    }

    fn compose(&self) -> Composed {
        let mut parts = Vec::with_capacity(self.entries.len() + 2);
        let mut slots = self.entries.iter().peekable();
        let mut fields = Scanner::new(&self.bytes);
        let mut others = 0..0;
        while let Ok(Some(field)) = fields.next_field() {
            match slots.next_if(|slot| slot.end as usize == field.end) {
                Some(slot) => {
                    if !others.is_empty() {
                        parts.push(Part::Other(self.bytes.slice(others)));
                    }
                    others = field.end..field.end;
                    let body = slot.start as usize - field.start;
                    let record = self.bytes.slice(field.start..field.end);
                    parts.push(Part::Received { role: slot.role, record, body });
                }
                None => others.end = field.end,
            }
        }
        if !others.is_empty() {
            parts.push(Part::Other(self.bytes.slice(others)));
        }
        let numbers = self.entries().filter_map(|entry| entry::cause_number(entry.key));
        Composed {
            form: self.form,
            head: None,
            message: self.bytes.slice_ref(self.message()),
            next_cause: numbers.max().map_or(0, |number| u64::from(number) + 1),
            parts,
            last: Vec::new(),
            len: self.bytes.len(),
        }
    }
}

impl Composed {
    fn parts(&self) -> iter::Chain<slice::Iter<'_, Part>, slice::Iter<'_, Part>> {
        self.parts.iter().chain(&self.last)
    }

    fn add(&mut self, part: Part) {
        self.len += part.len();
        if self.head.is_none() {
            self.parts.push(part);
            return;
        }
        let list = if part.role() > Role::Payload { &mut self.last } else { &mut self.parts };
        let index = list.iter().rposition(|before| before.role() <= part.role()).map_or(0, |index| index + 1);
        list.insert(index, part);
    }

    /// The key for one more cause: in a container, where a key can stand once, one with a number.
    fn cause_key(&mut self, key: Cow<'static, str>) -> Cow<'static, str> {
        if self.form == Container::Status {
            return key;
        }
        let number = self.next_cause;
        self.next_cause += 1;
        entry::cause_key(number).into()
    }

    /// Writes the error with the causes inside it; the errors around a cause wait on a stack.
    fn write(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        let (mut error, mut parts) = (self, self.parts());
        let mut open = Vec::new();
        loop {
            match parts.next() {
                None => match open.pop() {
                    Some(around) => (error, parts) = around,
                    None => return,
                },
                Some(Part::Other(record) | Part::Received { record, .. }) => out.extend_from_slice(record),
                Some(Part::Added { key, value, .. }) => {
                    entry::put_head(out, error.form.entry_field(), key.as_bytes(), value.len());
                    out.extend_from_slice(value);
                }
                Some(Part::Cause { key, error: cause }) => {
                    entry::put_head(out, error.form.entry_field(), key.as_bytes(), cause.envelope().encoded_len());
                    match cause.envelope() {
                        Envelope::Received(received) => out.extend_from_slice(&received.bytes),
                        Envelope::Composed(composed) => {
                            composed.write_head(out);
                            open.push((error, parts));
                            (error, parts) = (composed, composed.parts());
                        }
                    }
                }
            }
        }
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        if let Some(code) = self.head {
            put_head(out, code, &self.message);
        }
    }
}

impl Part {
    fn role(&self) -> Role {
        match self {
            // Of no importance: an error that holds such a part takes new ones at its end.
            Part::Other(_) => Role::NodeDef,
            Part::Received { role, .. } | Part::Added { role, .. } => *role,
            Part::Cause { .. } => Role::Cause,
        }
    }

    /// Whether it is an entry of this role.
    fn is_entry(&self, role: Role) -> bool {
        self.role() == role && !matches!(self, Part::Other(_))
    }

    /// Records of which the last one with the message is replaced; `None` if none has it.
    fn with_message(&self, record: &[u8]) -> Option<Bytes> {
        let Part::Other(records) = self else { return None };
        let mut message = None;
        let mut fields = Scanner::new(records);
        while let Ok(Some(field)) = fields.next_field() {
            if field.number == u32::from(MESSAGE) {
                message = Some(field);
            }
        }
        let Field { start, end, .. } = message?;
        Some([records.get(..start)?, record, records.get(end..)?].concat().into())
    }

    /// The number in the key of a cause, if it has one.
    fn cause_number(&self) -> Option<u32> {
        self.entry().filter(|entry| entry.role == Role::Cause).and_then(|entry| entry::cause_number(entry.key))
    }

    /// Gives an entry of a container of this form another key, all else in it as it is.
    fn set_key(&mut self, form: Container, new: String) {
        match self {
            Part::Other(_) => {}
            Part::Received { record, body, .. } => {
                if let Ok(renamed) = entry::with_key(record.get(*body..).unwrap_or_default(), &new) {
                    let mut written = Vec::with_capacity(len_field_len(renamed.len()));
                    put_len_field(&mut written, form.entry_field(), &renamed);
                    *body = written.len() - renamed.len();
                    *record = written.into();
                }
            }
            Part::Added { key, .. } | Part::Cause { key, .. } => *key = new.into(),
        }
    }

    /// The length of the record.
    fn len(&self) -> usize {
        match self {
            Part::Other(record) | Part::Received { record, .. } => record.len(),
            Part::Added { key, value, .. } => entry::record_len(key.as_bytes(), value.len()),
            Part::Cause { key, error } => entry::record_len(key.as_bytes(), error.envelope().encoded_len()),
        }
    }

    fn entry(&self) -> Option<Entry<'_>> {
        match self {
            Part::Other(_) => None,
            Part::Received { role, record, body } => Entry::read(*role, record, *body, record.len()),
            Part::Added { role, key, value } => {
                Some(Entry { role: *role, key, value: EntryValue::Bytes { owner: value, value } })
            }
            Part::Cause { key, error } => Some(Entry { role: Role::Cause, key, value: EntryValue::Error(error) }),
        }
    }
}

/// Appends code and message.
pub(crate) fn put_head(out: &mut Vec<u8>, code: Code, message: &[u8]) {
    if code != Code::OK {
        out.push(scanner::tag(1, scanner::VARINT));
        put_varint(out, sign_extend(code));
    }
    if !message.is_empty() {
        put_len_field(out, MESSAGE, message);
    }
}

/// The length of code and message; proto3 leaves out what is zero or empty.
pub(crate) fn head_len(code: Code, message: &[u8]) -> usize {
    let code = if code == Code::OK { 0 } else { 1 + varint_len(sign_extend(code)) };
    let message = if message.is_empty() { 0 } else { len_field_len(message.len()) };
    code + message
}

/// The code as int32 stands on the wire: a negative one takes ten bytes.
fn sign_extend(code: Code) -> u64 {
    i64::from(code.value()) as u64
}

/// An offset; that it fits was checked when the bytes came.
fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// `google.rpc.Status.message`.
const MESSAGE: u8 = 2;
