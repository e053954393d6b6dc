//! [`Scan`]: the records of a stream of bytes, checked, and what in it is none.

use std::io;

use bytes::{Buf as _, Bytes};

use crate::fields::Fields;
use crate::frame::{Checksum, FOOTER, Frame, HEADER, MAX_RECORD, Reason};
use crate::source::{ReadChunk, Source};

/// What a scan finds next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Found {
    /// How many whole records were before it.
    pub(crate) number: u64,
    /// Where its frame, or the bytes that are none, begin in the stream.
    pub(crate) offset: u64,
    pub(crate) what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// A whole record; found behind bytes that are none, if it is recovered.
    Record { bytes: Bytes, is_recovered: bool },
    /// So many bytes that are no record.
    Corruption { length: u64, reason: Reason },
}

/// The records of a stream in their order. Holds one record at a time, and what was read with it.
#[derive(Debug)]
pub(crate) struct Scan<R> {
    source: R,
    chunk: u64,
    /// What was read and is not taken yet, and where that begins in the stream.
    buffer: Bytes,
    offset: u64,
    number: u64,
    /// Where bytes begin that are no record, and why the first of them are none.
    broken: Option<(u64, Reason)>,
    /// Whether the end of the last record is lost: what looks like a header may be part of some record.
    is_lost: bool,
    /// The length of the record that is next, without its header, which is damaged.
    headless: Option<usize>,
    /// Up to where such a record was looked for in vain.
    looked: u64,
}

impl<R: ReadChunk> Scan<R> {
    /// A scan that reads so many bytes at a time.
    pub(crate) fn new(source: R, chunk: u64) -> Scan<R> {
        Scan {
            source,
            chunk,
            buffer: Bytes::new(),
            offset: 0,
            number: 0,
            broken: None,
            is_lost: false,
            headless: None,
            looked: 0,
        }
    }

    /// What is next. `None` at the end of what there is, where a later call goes on if there is more then; part of a
    /// record may be there.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        self.find(false)
    }

    /// What is next where nothing more will come: what is part of a record is none, unless somebody still writes it.
    pub(crate) fn next_of_all(&mut self) -> io::Result<Option<Found>> {
        self.find(true)
    }

    /// Reads so many bytes at a time from now on.
    pub(crate) fn read_by(&mut self, chunk: u64) {
        self.chunk = chunk;
    }

    fn find(&mut self, is_all: bool) -> io::Result<Option<Found>> {
        // It is forgotten, and read again, where others come first.
        if let Some(length) = self.headless.take()
            && self.fill(length + FOOTER)?
        {
            return Ok(Some(self.record(0, length)));
        }
        loop {
            match Frame::at(&self.buffer) {
                Frame::Whole(length) => {
                    return Ok(Some(match self.broken.take() {
                        Some(broken) => self.corruption(broken),
                        None => self.record(HEADER, length),
                    }));
                }
                Frame::Broken(reason) => {
                    self.headless = self.record_without_header()?;
                    if self.headless.is_some() {
                        self.skip(HEADER, reason);
                        return Ok(self.broken.take().map(|broken| self.corruption(broken)));
                    }
                    self.skip(1, reason);
                }
                Frame::Damaged(length) => {
                    // What lies in a damaged record, were it a frame, is none of the file's.
                    self.fill(length + HEADER)?;
                    let is_followed = self.buffer.get(length..).is_some_and(Frame::may_begin);
                    self.skip(if is_followed { length } else { 1 }, Reason::Record);
                }
                Frame::Part(length) => {
                    if self.fill(length)? {
                        continue;
                    }
                    if self.is_lost
                        && let Some(forged) = self.next_whole()
                    {
                        self.skip(forged, Reason::Torn);
                    } else if self.buffer.is_empty() || !is_all || self.source.is_written() {
                        return Ok(self.broken.take().map(|broken| self.corruption(broken)));
                    } else {
                        self.skip(self.buffer.len(), Reason::Torn);
                    }
                }
            }
        }
    }

    /// Takes a record behind so many bytes.
    fn record(&mut self, header: usize, length: usize) -> Found {
        let frame = header + length + FOOTER;
        let bytes = self.buffer.slice(header..header + length);
        self.buffer.advance(frame);
        let what = What::Record { bytes, is_recovered: std::mem::take(&mut self.is_lost) };
        let found = Found { number: self.number, offset: self.offset, what };
        self.number += 1;
        self.offset += frame as u64;
        found
    }

    fn corruption(&self, (offset, reason): (u64, Reason)) -> Found {
        let length = self.offset - offset;
        Found { number: self.number, offset, what: What::Corruption { length, reason } }
    }

    /// Goes on behind the first bytes, which are no record.
    fn skip(&mut self, length: usize, reason: Reason) {
        self.broken.get_or_insert((self.offset, reason));
        self.is_lost = true;
        self.buffer.advance(length);
        self.offset += length as u64;
    }

    /// The length of the record here whose header is damaged, if the rest of its frame is whole: it ends behind one of its
    /// fields, where its checksum is, and the next frame begins. So no frame that lies in it is taken for one of the file's.
    fn record_without_header(&mut self) -> io::Result<Option<usize>> {
        if self.is_lost || self.offset < self.looked {
            return Ok(None);
        }
        let (mut length, mut checksum) = (0, Checksum::new());
        let found = loop {
            let start = HEADER + length;
            self.fill(start + LONGEST_KEY)?;
            let field = self.buffer.get(start..).and_then(Fields::length_of_first);
            let Some(field) = field.filter(|&field| field <= MAX_RECORD - length) else { break None };
            self.fill(start + field + FOOTER + HEADER)?;
            let Some(field) = self.buffer.get(start..start + field) else { break None };
            length += field.len();
            checksum.update(field);
            if let Some((footer, rest)) = self.buffer.get(HEADER + length..).and_then(<[u8]>::split_first_chunk)
                && *footer == checksum.footer()
                && Frame::may_begin(rest)
            {
                break Some(length);
            }
        };
        self.looked = self.offset + length as u64;
        Ok(found)
    }

    /// Where the next whole frame begins behind the first byte, in what is read already.
    fn next_whole(&self) -> Option<usize> {
        (1..self.buffer.len())
            .find(|&at| self.buffer.get(at..).is_some_and(|bytes| matches!(Frame::at(bytes), Frame::Whole(_))))
    }

    /// Reads on until there are so many bytes; tells whether there are.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.buffer.len() < wanted {
            let missing = (wanted - self.buffer.len()) as u64;
            let chunk = self.chunk.max(missing);
            let mut bytes = Vec::with_capacity(self.buffer.len() + usize::try_from(chunk).unwrap_or_default());
            bytes.extend_from_slice(&self.buffer);
            let read = self.source.read_chunk(chunk, &mut bytes);
            let is_more = bytes.len() > self.buffer.len();
            self.buffer = bytes.into();
            read?;
            if !is_more {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Scan<Source> {
    /// Whether it has a file open.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.source, Source::File { open: Some(_), .. })
    }

    /// Closes a file until it is read on.
    pub(crate) fn close(&mut self) {
        self.source.close_at(self.offset + self.buffer.len() as u64);
    }

    /// Closes a file, and forgets what was read of it, until it is read on.
    pub(crate) fn rest(&mut self) {
        if self.source.close_at(self.offset) {
            self.buffer = Bytes::new();
        }
    }
}

/// How many bytes the number, the type and the length of a field have at most.
const LONGEST_KEY: usize = 20;
