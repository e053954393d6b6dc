//! Bytes to fields, by the protobuf wire format: never a panic, nothing copied, no recursion.

use crate::failure::{Error, Kind};

/// Reads the top-level fields of a message, one after the other.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
}

/// A field of a message. `start..end` covers it whole, its tag included; offsets are those of the scanned bytes.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) value: Value,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Varint(u64),
    /// LEN: it begins at this offset and goes to the field's end.
    Len(usize),
    /// A fixed-width number or a group, of which nothing we read has any.
    Other,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Scanner<'a> {
        Scanner { bytes, position: 0 }
    }

    /// Reads the message that lies in a part of `bytes`; offsets and positions stay those of `bytes`.
    pub(crate) fn within(bytes: &'a [u8], start: usize, end: usize) -> Scanner<'a> {
        Scanner { bytes: bytes.get(..end).unwrap_or(bytes), position: start }
    }

    /// The next field, or `None` at the end of the message.
    #[inline(always)]
    pub(crate) fn next_field(&mut self) -> Result<Option<Field>, Error> {
        if self.position >= self.bytes.len() {
            return Ok(None);
        }
        let start = self.position;
        let (number, wire_type) = self.tag(start)?;
        let value = match wire_type {
            VARINT => Value::Varint(self.varint(start)?),
            LEN => self.len(number, start)?,
            other => self.skip(number, other, start)?,
        };
        Ok(Some(Field { number, value, start, end: self.position }))
    }

    #[inline(always)]
    fn tag(&mut self, start: usize) -> Result<(u32, u8), Error> {
        let tag = self.varint(start)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..=MAX_FIELD_NUMBER).contains(number));
        match number {
            Some(number) => Ok((number, (tag & 7) as u8)),
            None => Err(Error::new(start, Kind::FieldNumber)),
        }
    }

    #[inline(always)]
    fn varint(&mut self, start: usize) -> Result<u64, Error> {
        match self.bytes.get(self.position..) {
            Some(&[byte @ 0..0x80, ..]) => {
                self.position += 1;
                Ok(byte.into())
            }
            Some(&[low, high @ 0..0x80, ..]) => {
                self.position += 2;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(start),
        }
    }

    fn long_varint(&mut self, start: usize) -> Result<u64, Error> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let Some(&byte) = self.bytes.get(self.position) else {
                return Err(Error::new(start, Kind::Truncated));
            };
            self.position += 1;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Error::new(start, Kind::VarintTooLong))
    }

    #[inline(always)]
    fn len(&mut self, number: u32, start: usize) -> Result<Value, Error> {
        let length = self.varint(start)?;
        let begin = self.position;
        self.advance(number, length, start)?;
        Ok(Value::Len(begin))
    }

    /// Reads over a field that is neither a varint nor LEN.
    #[cold]
    fn skip(&mut self, number: u32, wire_type: u8, start: usize) -> Result<Value, Error> {
        match wire_type {
            FIXED64 => self.advance(number, 8, start)?,
            FIXED32 => self.advance(number, 4, start)?,
            GROUP_START => self.group(number, start)?,
            GROUP_END => return Err(Error::new(start, Kind::GroupEnd(number))),
            reserved => return Err(Error::new(start, Kind::ReservedWireType(reserved))),
        }
        Ok(Value::Other)
    }

    #[inline(always)]
    fn advance(&mut self, field: u32, needs: u64, start: usize) -> Result<(), Error> {
        let left = self.bytes.len() - self.position;
        match usize::try_from(needs) {
            Ok(length) if length <= left => {
                self.position += length;
                Ok(())
            }
            _ => Err(Error::new(start, Kind::Overrun { field, needs, left })),
        }
    }

    /// Reads over a group with the groups inside it, whose field numbers wait on a stack for their ends.
    fn group(&mut self, number: u32, start: usize) -> Result<(), Error> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let at = self.position;
            let (number, wire_type) = self.tag(start)?;
            match wire_type {
                VARINT => {
                    self.varint(start)?;
                }
                LEN => {
                    self.len(number, start)?;
                }
                GROUP_START if open.len() < MAX_GROUP_DEPTH => open.push(number),
                GROUP_START => return Err(Error::new(start, Kind::GroupDepth)),
                GROUP_END if number == innermost => {
                    open.pop();
                }
                other => {
                    self.skip(number, other, at)?;
                }
            }
        }
        Ok(())
    }
}

/// The text in the last field of this number, empty when absent: a string as protobuf reads it.
pub(crate) fn last_text(message: &[u8], number: u32) -> Result<&str, Error> {
    let mut text = "";
    let mut fields = Scanner::new(message);
    while let Some(field) = fields.next_field()? {
        if field.number == number {
            text = field.str(message)?;
        }
    }
    Ok(text)
}

impl Field {
    /// The bytes of a LEN field; an error that names the field and what was expected for any other.
    #[inline(always)]
    pub(crate) fn bytes<'a>(&self, message: &'a [u8], expected: &'static str) -> Result<&'a [u8], Error> {
        match self.value {
            Value::Len(begin) => Ok(message.get(begin..self.end).unwrap_or_default()),
            _ => Err(self.wrong_type(expected)),
        }
    }

    /// The error of a field that should have been what is `expected`.
    pub(crate) fn wrong_type(&self, expected: &'static str) -> Error {
        Error::new(self.start, Kind::WireType { field: self.number, expected })
    }

    /// The text of a string field.
    #[inline(always)]
    pub(crate) fn str<'a>(&self, message: &'a [u8]) -> Result<&'a str, Error> {
        std::str::from_utf8(self.bytes(message, "a string")?)
            .map_err(|_| Error::new(self.start, Kind::Utf8 { field: self.number }))
    }
}

/// The length of `value` as a varint.
#[inline(always)]
pub(crate) const fn varint_len(value: u64) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        // Seven bits a byte.
        _ => (64 - value.leading_zeros() as usize).div_ceil(7),
    }
}

/// Appends `value` as a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The length of a LEN field with a one-byte tag.
pub(crate) const fn len_field_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

/// Appends the tag and the length of a LEN field whose number is below 16.
#[inline(always)]
pub(crate) fn put_len(out: &mut Vec<u8>, number: u8, length: usize) {
    let tag = tag(number, LEN);
    match length {
        0..0x80 => out.extend_from_slice(&[tag, length as u8]),
        0x80..0x4000 => out.extend_from_slice(&[tag, length as u8 | 0x80, (length >> 7) as u8]),
        _ => {
            out.push(tag);
            put_varint(out, length as u64);
        }
    }
}

/// Appends a LEN field whose number is below 16.
#[inline(always)]
pub(crate) fn put_len_field(out: &mut Vec<u8>, number: u8, value: &[u8]) {
    put_len(out, number, value.len());
    out.extend_from_slice(value);
}

/// The tag byte of a field whose number is below 16.
pub(crate) const fn tag(number: u8, wire_type: u8) -> u8 {
    number << 3 | wire_type
}

pub(crate) const VARINT: u8 = 0;
const FIXED64: u8 = 1;
pub(crate) const LEN: u8 = 2;
const GROUP_START: u8 = 3;
const GROUP_END: u8 = 4;
const FIXED32: u8 = 5;

const MAX_FIELD_NUMBER: u32 = (1 << 29) - 1;
/// protobuf's own limit for nesting.
const MAX_GROUP_DEPTH: usize = 100;
