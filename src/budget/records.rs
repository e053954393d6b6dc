//! [`Records`]: a message as its fields, some of which can be left out while the others stay as they came.

use bytes::Bytes;

use crate::wire::scanner::{Scanner, Value, put_len_field};

/// The fields of a message, in order.
#[derive(Clone, Default)]
pub(super) struct Records(Vec<Record>);

/// One field: its bytes, tag included.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) number: u32,
    bytes: Bytes,
    /// Where the value begins, if it is LEN.
    value: Option<usize>,
}

impl Record {
    /// Makes a LEN field, whose number is below 16.
    pub(super) fn new(number: u8, value: &[u8]) -> Record {
        let mut bytes = Vec::with_capacity(value.len() + 6);
        put_len_field(&mut bytes, number, value);
        let begin = bytes.len() - value.len();
        Record { number: number.into(), bytes: bytes.into(), value: Some(begin) }
    }

    /// The value of a LEN field; nothing for any other.
    pub(super) fn value(&self) -> Bytes {
        self.value.map(|begin| self.bytes.slice(begin..)).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Records {
    /// Reads a message; `None` if the bytes are none.
    pub(super) fn read(message: &Bytes) -> Option<Records> {
        let mut records = Vec::new();
        let mut fields = Scanner::new(message);
        while let Some(field) = fields.next_field().ok()? {
            let value = match field.value {
                Value::Len(begin) => Some(begin - field.start),
                _ => None,
            };
            records.push(Record { number: field.number, bytes: message.slice(field.start..field.end), value });
        }
        Some(Records(records))
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.0.iter()
    }

    /// How many fields there are of a number.
    pub(super) fn count(&self, number: u32) -> usize {
        self.0.iter().filter(|record| record.number == number).count()
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Record) -> bool) {
        self.0.retain(keep);
    }

    /// Leaves out the records at these places.
    pub(super) fn remove(&mut self, places: &[usize]) {
        let mut is_kept = vec![true; self.0.len()];
        for &place in places {
            if let Some(is_kept) = is_kept.get_mut(place) {
                *is_kept = false;
            }
        }
        let mut is_kept = is_kept.into_iter();
        self.0.retain(|_| is_kept.next().unwrap_or(true));
    }

    /// Leaves out the middle of the fields of a number, so that at most so many stay.
    pub(super) fn keep_ends(&mut self, number: u32, at_most: usize) {
        let count = self.count(number);
        if count <= at_most {
            return;
        }
        let (first, last) = (at_most.div_ceil(2), at_most / 2);
        let mut index = 0;
        self.0.retain(|record| {
            if record.number != number {
                return true;
            }
            index += 1;
            index <= first || index > count - last
        });
    }

    /// Puts other values into the LEN fields of a number.
    pub(super) fn map(&mut self, number: u8, change: impl Fn(Bytes) -> Bytes) {
        for record in self.0.iter_mut().filter(|record| record.number == u32::from(number) && record.value.is_some()) {
            let (old, new) = (record.value(), change(record.value()));
            if old != new {
                *record = Record::new(number, &new);
            }
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.0.iter().map(Record::len).sum());
        for record in &self.0 {
            out.extend_from_slice(&record.bytes);
        }
        out.into()
    }
}
