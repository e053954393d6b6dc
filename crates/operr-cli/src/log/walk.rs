//! [`Walk`]: through the entries of logs, with a word on stderr on what is damaged, and on how far it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use operr_log::{Entry, FileName, Logged, Reader, files_of};

use super::progress::Progress;
use crate::failure::{self, Failure};
use crate::text;

/// What is read.
#[derive(Args)]
pub(crate) struct Files {
    /// Files of logs, patterns such as 'logs/*.tfrecord', or names such as logs/queue; `-`, or none, is stdin.
    #[arg(value_name = "FILE|NAME")]
    files: Vec<PathBuf>,
}

impl Files {
    /// These.
    pub(crate) fn new(files: impl Into<Vec<PathBuf>>) -> Files {
        Files { files: files.into() }
    }

    /// Begins to read them.
    pub(crate) fn walk(&self) -> Result<Walk, Failure> {
        let files = self.files();
        let reader = Reader::open(&files).map_err(|error| Failure::Input(error.to_string()))?;
        let total = files.iter().try_fold(0, |total, file| Some(total + size(file)?));
        Ok(Walk::new(reader, Progress::new(total)))
    }

    /// Begins to read them, and what will be written to them.
    pub(crate) fn follow(&self) -> Result<Walk, Failure> {
        let reader = Reader::follow(self.files()).map_err(|error| Failure::Input(error.to_string()))?;
        Ok(Walk::new(reader, Progress::new(None)))
    }

    /// Whether stdin is among them.
    pub(crate) fn has_stdin(&self) -> bool {
        self.files().contains(&Path::new(STDIN))
    }

    fn files(&self) -> Vec<&Path> {
        if self.files.is_empty() { vec![Path::new(STDIN)] } else { self.files.iter().map(PathBuf::as_path).collect() }
    }
}

/// The entries of logs.
pub(crate) struct Walk {
    reader: Reader,
    progress: Progress,
    /// The failures that were told.
    told: BTreeSet<String>,
}

impl Walk {
    fn new(reader: Reader, progress: Progress) -> Walk {
        Walk { reader, progress, told: BTreeSet::new() }
    }

    /// The next record. What is none is told.
    pub(crate) fn next_record(&mut self) -> Option<Logged> {
        loop {
            match self.next_entry()? {
                Entry::Record(logged) => return Some(logged),
                Entry::Corruption(corruption) => self.warn(&corruption.to_string()),
                _ => {}
            }
        }
    }

    /// The next record, or what is none. A file that cannot be read is told.
    pub(crate) fn next_entry(&mut self) -> Option<Entry> {
        loop {
            match self.reader.next()? {
                Ok(entry) => {
                    match &entry {
                        Entry::Record(logged) => self.progress.add(logged.record.as_bytes().len() as u64 + FRAME),
                        Entry::Corruption(corruption) => self.progress.add(corruption.length),
                        _ => {}
                    }
                    return Some(entry);
                }
                Err(error) => {
                    let line = error.to_string();
                    self.progress.clear();
                    if self.told.insert(line.clone()) {
                        failure::tell(&line);
                    }
                }
            }
        }
    }

    /// Looks for what was written since.
    pub(crate) fn refresh(&mut self) -> Result<(), Failure> {
        self.reader.refresh().map_err(|error| Failure::Input(error.to_string()))
    }

    /// Tells people of something that is damaged.
    pub(crate) fn warn(&mut self, line: &str) {
        self.progress.clear();
        failure::warn(line);
    }

    /// Makes place for what is written now.
    pub(crate) fn clear(&mut self) {
        self.progress.clear();
    }

    /// Leaves the terminal to others.
    pub(crate) fn hush(&mut self) {
        self.progress.end();
    }

    /// Whether all could be read.
    pub(crate) fn end(self) -> Result<(), Failure> {
        if self.told.is_empty() { Ok(()) } else { Err(Failure::Status(1)) }
    }
}

/// The files that are meant: one, or those of the log of this name. `None` for a pattern, stdin, and what is not there.
pub(crate) fn files_meant(meant: &Path) -> Option<Vec<PathBuf>> {
    if meant == Path::new(STDIN) {
        return None;
    }
    if meant.is_file() {
        return Some(vec![meant.to_owned()]);
    }
    let files: Vec<_> = files_of(meant).ok()?.iter().map(FileName::path).collect();
    (!files.is_empty()).then_some(files)
}

fn size(meant: &Path) -> Option<u64> {
    files_meant(meant)?.iter().try_fold(0, |size, file| Some(size + fs::metadata(file).ok()?.len()))
}

/// In one line, made harmless.
pub(crate) fn shown(path: &Path) -> String {
    text::one_line(&path.display().to_string()).into_owned()
}

const STDIN: &str = "-";
/// How many bytes a frame has beside its record.
const FRAME: u64 = 16;
