//! Which files are meant, and how they are read: open only while there is something to read of them.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::disk;
use crate::name::{self, FileName};

/// Where bytes come from.
pub(crate) enum Source {
    /// A file, open while it is read.
    File {
        path: PathBuf,
        open: Option<File>,
        /// Where to read on when it is opened.
        position: u64,
    },
    /// Something that cannot be read twice.
    Stream(Box<dyn Read + Send>),
}

impl Source {
    pub(crate) fn new(path: PathBuf) -> Source {
        if path == Path::new(STDIN) {
            return Source::Stream(Box::new(io::stdin()));
        }
        Source::File { path, open: None, position: 0 }
    }

    /// Closes a file, which is read on from this offset when it is next read.
    pub(crate) fn close_at(&mut self, offset: u64) -> bool {
        match self {
            Source::File { open, position, .. } => {
                (*open, *position) = (None, offset);
                true
            }
            Source::Stream(_) => false,
        }
    }
}

/// Reads many bytes at a time.
pub(crate) trait ReadChunk {
    /// Appends at most so many bytes; fewer where there are no more.
    fn read_chunk(&mut self, most: u64, out: &mut Vec<u8>) -> io::Result<()>;

    /// Whether somebody writes it, so that there may be more in a moment.
    fn is_written(&self) -> bool {
        false
    }
}

impl<R: Read> ReadChunk for R {
    fn read_chunk(&mut self, most: u64, out: &mut Vec<u8>) -> io::Result<()> {
        self.take(most).read_to_end(out).map(drop)
    }
}

impl ReadChunk for Source {
    fn read_chunk(&mut self, most: u64, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Source::File { path, open, position } => {
                let file = match open {
                    Some(file) => file,
                    None => {
                        let mut file = match File::open(path) {
                            // Its writer has removed it meanwhile, as too old.
                            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                            opened => opened?,
                        };
                        file.seek(SeekFrom::Start(*position))?;
                        open.insert(file)
                    }
                };
                // By its own type, as it then fills memory that was not cleared before.
                file.read_chunk(most, out)
            }
            Source::Stream(stream) => stream.read_chunk(most, out),
        }
    }

    fn is_written(&self) -> bool {
        match self {
            Source::File { path, .. } => disk::is_locked(path),
            Source::Stream(_) => false,
        }
    }
}

/// The files that are meant: `-`, which is stdin, a file, those of a log of this name, or those of a pattern with `*`, `?`
/// or `[`.
pub(crate) fn resolve(meant: &Path) -> io::Result<Vec<PathBuf>> {
    if meant == Path::new(STDIN) || meant.is_file() {
        return Ok(vec![meant.to_owned()]);
    }
    let files = match name::files_of(meant) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        names => names?.iter().map(FileName::path).collect(),
    };
    match meant.to_str() {
        Some(pattern) if files.is_empty() && pattern.contains(['*', '?', '[']) => matches(pattern),
        _ => Ok(files),
    }
}

/// The files that a pattern means.
fn matches(pattern: &str) -> io::Result<Vec<PathBuf>> {
    let invalid = |error: glob::PatternError| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{pattern} is no pattern: {error}"))
    };
    let mut files = Vec::new();
    for path in glob::glob(pattern).map_err(invalid)? {
        files.extend(Some(path.map_err(io::Error::from)?).filter(|path| path.is_file()));
    }
    Ok(files)
}

/// What to say where nothing is found.
pub(crate) fn nothing(meant: &Path) -> io::Error {
    let text = format!("{}: no such file, and no log of this name has files", meant.display());
    io::Error::new(io::ErrorKind::NotFound, text)
}

const STDIN: &str = "-";
