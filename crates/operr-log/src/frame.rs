//! The frames of a TFRecord file: how a record lies in it, and what can be wrong with one.
//!
//! ```text
//! offset 0   8 bytes   length of the record, little-endian
//!        8   4 bytes   masked CRC-32C of these 8 bytes
//!       12   length    the record
//!     + 12   4 bytes   masked CRC-32C of the record
//! ```

use std::fmt;

use crc_fast::{CrcAlgorithm, Digest};

/// How many bytes a frame has in front of its record.
pub(crate) const HEADER: usize = 12;
/// How many bytes it has behind it.
pub(crate) const FOOTER: usize = 4;
/// How long a record can be, 16 MiB: what a reader has in memory at once, whatever a file says.
pub(crate) const MAX_RECORD: usize = 16 << 20;

/// Appends the frame of the record that is written by `record`.
pub(crate) fn put(out: &mut Vec<u8>, record: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    record(out);
    let frame = out.get_mut(start..).unwrap_or_default();
    let Some((header, record)) = frame.split_at_mut_checked(HEADER) else { return };
    let length = (record.len() as u64).to_le_bytes();
    let footer = masked_crc(record).to_le_bytes();
    let crc = masked_crc(&length).to_le_bytes();
    for (to, from) in header.iter_mut().zip(length.into_iter().chain(crc)) {
        *to = from;
    }
    out.extend_from_slice(&footer);
}

/// What stands at the start of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Frame {
    /// A whole frame, whose record has this length.
    Whole(usize),
    /// The start of one that has this many bytes in all.
    Part(usize),
    /// One that has this many bytes in all, and a record that is not what was written.
    Damaged(usize),
    /// None.
    Broken(Reason),
}

/// Why bytes are no frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The checksum of the length is wrong.
    Length,
    /// The length is beyond the 16 MiB that a record can have.
    TooLong,
    /// The checksum of the record is wrong.
    Record,
    /// The file ends in the middle of a frame.
    Torn,
    /// The frame is whole, but what it holds is no `LogRecord`.
    NoLogRecord,
}

impl Frame {
    /// Looks at the frame that the bytes begin with.
    pub(crate) fn at(bytes: &[u8]) -> Frame {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Frame::Part(HEADER) };
        let (length, crc) = header.split_at(8);
        if masked_crc(length).to_le_bytes() != crc {
            return Frame::Broken(Reason::Length);
        }
        let length = length.try_into().map_or(u64::MAX, u64::from_le_bytes);
        let Some(length) = usize::try_from(length).ok().filter(|&length| length <= MAX_RECORD) else {
            return Frame::Broken(Reason::TooLong);
        };
        match rest.split_at_checked(length) {
            Some((record, rest)) => match rest.first_chunk::<FOOTER>() {
                Some(crc) if *crc == masked_crc(record).to_le_bytes() => Frame::Whole(length),
                Some(_) => Frame::Damaged(HEADER + length + FOOTER),
                None => Frame::Part(HEADER + length + FOOTER),
            },
            None => Frame::Part(HEADER + length + FOOTER),
        }
    }

    /// Whether a frame may begin here, or nothing is here at all.
    pub(crate) fn may_begin(bytes: &[u8]) -> bool {
        bytes.is_empty() || !matches!(Frame::at(bytes), Frame::Broken(_))
    }
}

/// For people: `the checksum of the record is wrong`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Length => "the checksum of the length is wrong",
            Reason::TooLong => "the length is more than 16 MiB",
            Reason::Record => "the checksum of the record is wrong",
            Reason::Torn => "the file ends in the middle of a record",
            Reason::NoLogRecord => "the record is no LogRecord",
        })
    }
}

/// The checksum of a record that is seen in parts.
pub(crate) struct Checksum(Digest);

impl Checksum {
    pub(crate) fn new() -> Checksum {
        Checksum(Digest::new(CrcAlgorithm::Crc32Iscsi))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// As it stands behind the record.
    pub(crate) fn footer(&self) -> [u8; FOOTER] {
        mask(self.0.finalize() as u32).to_le_bytes()
    }
}

fn masked_crc(bytes: &[u8]) -> u32 {
    mask(crc_fast::crc32_iscsi(bytes))
}

/// A checksum as TFRecord has it: rotated, and with a constant added, so that checksums of checksums are none.
fn mask(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}
