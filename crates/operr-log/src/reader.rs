//! [`Reader`]: the records of a log, or of any files of one, in the order of time.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::frame::{FOOTER, HEADER, Reason};
use crate::record::Record;
use crate::scan::{Found, Scan, What};
use crate::source::{self, Source};

/// What a reader comes across.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Entry {
    /// A record.
    Record(Logged),
    /// Bytes that are none.
    Corruption(Corruption),
}

/// A record, and where it is.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The record.
    pub record: Record,
    /// Where it is.
    pub place: Place,
    /// Whether it was found behind bytes that are none, and not where the record before it ends.
    pub is_recovered: bool,
}

/// Bytes that are no record: damaged, torn, or never a record's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Corruption {
    /// Where they begin.
    pub place: Place,
    /// How many they are.
    pub length: u64,
    /// What is wrong with the first of them.
    pub reason: Reason,
}

/// Where something is in a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file; `-` is stdin.
    pub file: Arc<Path>,
    /// How many whole records the file has before it.
    pub number: u64,
    /// How many bytes.
    pub offset: u64,
}

/// For people: `queue.host.4711.0.tfrecord: record 7, offset 5166`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: record {}, offset {}", self.file.display(), self.number, self.offset)
    }
}

/// For people: where, how many bytes, and what is wrong.
impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} bytes are no record: {}", self.place, self.length, self.reason)
    }
}

/// The entries of files, merged in the order of time, each file's in its own order.
///
/// Has the next record of each file in memory, 64 KiB of each of those that have records of the same time, less where
/// there are many, and at most 64 files open at once.
///
/// ```no_run
/// use operr_log::{Entry, Reader};
///
/// for entry in Reader::open(["logs/queue"])? {
///     match entry? {
///         Entry::Record(logged) => println!("{:?}", logged.record.error()?),
///         Entry::Corruption(corruption) => eprintln!("{corruption}"),
///         _ => {}
///     }
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Reader {
    inputs: Vec<Input>,
    /// The time of the next entry of each input that has one; of equal times, the first input comes first.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    /// Those that may have a file open.
    open: Vec<usize>,
    /// What is followed, and the files that are known.
    followed: Vec<PathBuf>,
    known: BTreeSet<PathBuf>,
}

impl Reader {
    /// Opens files: each may be a path, a pattern such as `logs/*.tfrecord`, the name of a log such as `logs/queue`, or
    /// `-` for stdin.
    ///
    /// # Errors
    ///
    /// When one of them is nothing, or a folder cannot be read.
    pub fn open<P: AsRef<Path>>(meant: impl IntoIterator<Item = P>) -> io::Result<Reader> {
        let mut reader = Reader::default();
        for meant in meant {
            let found = source::resolve(meant.as_ref())?;
            if found.is_empty() {
                return Err(source::nothing(meant.as_ref()));
            }
            reader.add_all(found);
        }
        Ok(reader)
    }

    /// Opens files that are still written, as [`open`](Reader::open) does; there may be none yet.
    ///
    /// What it gives ends at the end of what there is, and goes on after a [`refresh`](Reader::refresh).
    ///
    /// # Errors
    ///
    /// As [`refresh`](Reader::refresh).
    ///
    /// ```
    /// use operr::UnavailableError;
    /// use operr_log::{Event, Reader, Writer};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let log = folder.path().join("shards");
    /// let mut reader = Reader::follow([&log])?;
    /// assert!(reader.next().is_none());
    ///
    /// Writer::open(&log)?.write(&Event::new(&UnavailableError::new("draining").into()))?;
    /// reader.refresh()?;
    /// assert!(reader.next().is_some());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn follow<P: AsRef<Path>>(meant: impl IntoIterator<Item = P>) -> io::Result<Reader> {
        let followed = meant.into_iter().map(|meant| meant.as_ref().to_owned()).collect();
        let mut reader = Reader { followed, ..Reader::default() };
        reader.refresh()?;
        Ok(reader)
    }

    /// Reads a stream of bytes, which has this name in what is told of it.
    ///
    /// ```
    /// use operr_log::{Entry, Reader, Reason};
    ///
    /// let Some(Ok(Entry::Corruption(corruption))) = Reader::from_read("upload", &b"not a log"[..]).next() else { panic!() };
    /// assert_eq!((corruption.reason, corruption.length), (Reason::Torn, 9));
    /// assert_eq!(corruption.place.to_string(), "upload: record 0, offset 0");
    /// ```
    pub fn from_read(name: impl AsRef<Path>, stream: impl Read + Send + 'static) -> Reader {
        let mut reader = Reader::default();
        reader.add(name.as_ref().into(), Source::Stream(Box::new(stream)));
        reader
    }

    /// Looks for what was written to files that are followed, and for files that were begun.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn refresh(&mut self) -> io::Result<()> {
        for index in 0..self.inputs.len() {
            self.inputs.get_mut(index).into_iter().for_each(|input| input.is_over = false);
            self.advance(index);
        }
        for index in 0..self.followed.len() {
            let found = self.followed.get(index).map_or(Ok(Vec::new()), |meant| source::resolve(meant))?;
            self.add_all(found);
        }
        Ok(())
    }

    /// Each of these, once.
    fn add_all(&mut self, paths: Vec<PathBuf>) {
        for path in paths {
            if self.known.insert(path.clone()) {
                self.add(path.as_path().into(), Source::new(path));
            }
        }
    }

    fn add(&mut self, file: Arc<Path>, source: Source) {
        let is_followed = !self.followed.is_empty();
        let scan = Scan::new(source, FIRST_CHUNK);
        self.inputs.push(Input { file, scan, is_followed, time: 0, head: None, is_over: false });
        let index = self.inputs.len() - 1;
        self.advance(index);
        // Most files have nothing to say before others have ended.
        if let (Some(input), Some(head)) = (self.inputs.get_mut(index), self.heads.peek())
            && head.0.1 != index
        {
            input.scan.rest();
        }
    }

    /// Reads on in a file to its next entry.
    fn advance(&mut self, index: usize) {
        let Some(input) = self.inputs.get_mut(index).filter(|input| input.head.is_none()) else { return };
        let was_open = input.scan.is_open();
        let Some(entry) = input.next().transpose() else { return input.scan.rest() };
        if let Ok(Entry::Record(logged)) = &entry {
            input.time = logged.record.time_unix_nano();
        }
        input.head = Some(entry);
        self.heads.push(Reverse((input.time, index)));
        if !was_open && input.scan.is_open() {
            self.opened(index);
        }
    }

    /// The next entry of an input that is the only one: nothing else can come before it.
    fn next_of_one(&mut self) -> Option<io::Result<Entry>> {
        let [input] = self.inputs.as_mut_slice() else { return None };
        if input.is_over {
            return None;
        }
        let entry = input.next().transpose();
        input.is_over = !matches!(entry, Some(Ok(_)));
        if input.is_over {
            input.scan.rest();
        }
        entry
    }

    /// Closes the others where a process has only so many.
    fn opened(&mut self, index: usize) {
        if self.open.len() >= OPEN {
            for index in self.open.drain(..) {
                self.inputs.get_mut(index).into_iter().for_each(|input| input.scan.close());
            }
        }
        self.open.push(index);
    }
}

impl Iterator for Reader {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<io::Result<Entry>> {
        let Some(Reverse((_, index))) = self.heads.pop() else { return self.next_of_one() };
        let input = self.inputs.get_mut(index)?;
        input.scan.read_by((CHUNKS / (self.heads.len() as u64 + 1)).clamp(FIRST_CHUNK, CHUNK));
        let entry = input.head.take()?;
        // What cannot be read is tried again when it is followed only.
        if entry.is_err() {
            input.is_over = true;
        } else if self.inputs.len() > 1 {
            self.advance(index);
        }
        Some(entry)
    }
}

/// A file, or a stream.
struct Input {
    file: Arc<Path>,
    scan: Scan<Source>,
    is_followed: bool,
    /// When its last record happened.
    time: u64,
    /// What is next, where others may come before it.
    head: Option<io::Result<Entry>>,
    /// Whether there is nothing more, before a refresh.
    is_over: bool,
}

impl Input {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        let found = if self.is_followed { self.scan.next() } else { self.scan.next_of_all() };
        let in_file = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.file.display()));
        let Some(Found { number, offset, what }) = found.map_err(in_file)? else { return Ok(None) };
        let place = Place { file: self.file.clone(), number, offset };
        Ok(Some(match what {
            What::Corruption { length, reason } => Entry::Corruption(Corruption { place, length, reason }),
            What::Record { bytes, is_recovered } => {
                let length = (HEADER + bytes.len() + FOOTER) as u64;
                match Record::from_bytes(bytes) {
                    Some(record) => Entry::Record(Logged { record, place, is_recovered }),
                    None => Entry::Corruption(Corruption { place, length, reason: Reason::NoLogRecord }),
                }
            }
        }))
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("file", &self.file).finish_non_exhaustive()
    }
}

/// How many bytes of a file are read at a time.
const CHUNK: u64 = 64 << 10;
/// How many bytes of all files are had in memory, as long as these are not too many.
const CHUNKS: u64 = 16 << 20;
/// How many files are open.
const OPEN: usize = 64;
/// How many bytes are read to find the first record of a file.
const FIRST_CHUNK: u64 = 4 << 10;
