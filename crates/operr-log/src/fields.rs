//! The fields of an encoded message, read where they lie.

use prost::encoding::{WireType, decode_key, decode_varint};

/// A field: its number, and its value in the bytes.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) value: Value<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    Len(&'a [u8]),
}

/// The fields in their order. `None` stands for what is no field, and ends them.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Fields<'a> {
        Fields { rest: message }
    }

    /// How many bytes the first field of a message takes, whose end may not be there; `None` if that is no field.
    pub(crate) fn length_of_first(message: &[u8]) -> Option<usize> {
        let mut fields = Fields::new(message);
        let (_, wire_type) = fields.key()?;
        let value = match wire_type {
            WireType::Varint => fields.varint().map(|_| 0)?,
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => usize::try_from(fields.varint()?).ok()?,
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        (message.len() - fields.left()).checked_add(value)
    }

    /// How many bytes are not read yet.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The last field of a number, if it has a length, as everywhere in protobuf.
    pub(crate) fn last(self, number: u32) -> Option<&'a [u8]> {
        let mut found = None;
        for field in self {
            match field? {
                Field { number: of_field, value: Value::Len(value) } if of_field == number => found = Some(value),
                _ => {}
            }
        }
        found
    }

    #[inline(always)]
    fn read(&mut self) -> Option<Field<'a>> {
        let (number, wire_type) = self.key()?;
        let value = match wire_type {
            WireType::Varint => Value::Varint(self.varint()?),
            WireType::SixtyFourBit => Value::Fixed64(u64::from_le_bytes(*self.take_chunk()?)),
            WireType::ThirtyTwoBit => self.take_chunk::<4>().map(|_| Value::Fixed32)?,
            WireType::LengthDelimited => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (value, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Value::Len(value)
            }
            // Groups are none of OpenTelemetry's.
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        Some(Field { number, value })
    }

    /// Mostly of one byte.
    #[inline(always)]
    fn key(&mut self) -> Option<(u32, WireType)> {
        match self.rest {
            [key @ 0x08..0x80, rest @ ..] => {
                self.rest = rest;
                Some((u32::from(key >> 3), WireType::try_from(u64::from(key & 7)).ok()?))
            }
            _ => decode_key(&mut self.rest).ok(),
        }
    }

    /// Mostly of one byte or two.
    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        match self.rest {
            [low @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Some(u64::from(*low))
            }
            [low, high @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Some(u64::from(low & 0x7F) | u64::from(*high) << 7)
            }
            _ => decode_varint(&mut self.rest).ok(),
        }
    }

    fn take_chunk<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(chunk)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Field<'a>>;

    #[inline(always)]
    fn next(&mut self) -> Option<Option<Field<'a>>> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field)
    }
}
