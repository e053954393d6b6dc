//! [`Log`]: the whole errors of the calls that failed, found again by their correlation ids.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use operr::{NotFoundError, OpError, ResultExt as _};

/// Where the whole errors go, a line of [JSON](OpError::to_json) each: a file, or stderr.
#[derive(Debug)]
pub struct Log {
    file: Option<(PathBuf, File)>,
}

impl Log {
    /// A log on stderr.
    pub fn stderr() -> Log {
        Log { file: None }
    }

    /// A log in a file, behind the lines that it has.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or made.
    pub fn open(path: &Path) -> Result<Log, OpError> {
        let file = File::options().append(true).create(true).open(path);
        let file = file.context(format!("opening the log {}", path.display()))?;
        Ok(Log { file: Some((path.to_owned(), file)) })
    }

    /// Appends the error, with the method that failed as a note. What the file does not take goes to stderr.
    pub fn append(&self, method: &str, error: &OpError) {
        // In one piece: other threads and processes append, too.
        let line = format!("{}\n", error.clone().with_note(format!("answering {method}")).to_json());
        let unwritten = match &self.file {
            Some((path, file)) => match (&mut &*file).write_all(line.as_bytes()) {
                Ok(()) => return,
                Err(reason) => format!("cannot write to {}: {reason}\n{line}", path.display()),
            },
            None => line,
        };
        // There is nobody left to tell.
        let _ = io::stderr().write_all(unwritten.as_bytes());
    }

    /// The first error in a log's file with this correlation id. Lines that are no errors are passed over.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND` if there is none; and when the file cannot be read.
    pub fn find(path: &Path, id: &str) -> Result<OpError, OpError> {
        let reading = || format!("reading the log {}", path.display());
        let file = File::open(path).or_else(|error| Err(error).context(reading()))?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.or_else(|error| Err(error).context(reading()))?;
            let error = str::from_utf8(&line).ok().and_then(|line| OpError::from_json(line).ok());
            if let Some(error) = error.filter(|error| error.correlation_id().as_deref() == Some(id)) {
                return Ok(error);
            }
        }
        Err(NotFoundError::new(format!("no error with the correlation id {id:?} in {}", path.display())).into())
    }
}
