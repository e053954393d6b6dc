//! What a writer that died has left in the middle of a record, cut off and kept beside the file.

use std::fs::{File, TryLockError};
use std::io::{self, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::disk;
use crate::frame::Reason;
use crate::name::{self, FileName};
use crate::scan::{Found, Scan, What};

/// What a repair did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Repair {
    /// The file.
    pub path: PathBuf,
    /// How many bytes it has now: it ends with its last whole record.
    pub length: u64,
    /// How many bytes were cut off.
    pub torn: u64,
    /// Where these are kept.
    pub kept: PathBuf,
}

/// Cuts a file of a log behind its last whole record, if something is there, and keeps that in a file beside, whose name
/// ends with `.torn`. Damage between whole records stays.
///
/// ```no_run
/// if let Some(repair) = operr_log::repair("logs/queue.host-3.4711.0.tfrecord")? {
///     println!("{} bytes of a torn record are in {}", repair.torn, repair.kept.display());
/// }
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// # Errors
///
/// `WouldBlock` if its writer lives: it is locked. `InvalidData` if no record is in it, nor what may be the start of one.
pub fn repair(path: impl AsRef<Path>) -> io::Result<Option<Repair>> {
    let path = path.as_ref();
    let mut file = File::options().read(true).write(true).open(path)?;
    disk::try_lock(&file).map_err(|error| match error {
        TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "its writer has it open"),
        TryLockError::Error(error) => error,
    })?;
    let Some(end) = end_of_records(&file)? else { return Ok(None) };
    let kept = FileName::torn(path);
    file.seek(SeekFrom::Start(end))?;
    let mut beside = File::options().append(true).create(true).open(&kept)?;
    let torn = io::copy(&mut file, &mut beside)?;
    // There, before they are gone here.
    beside.sync_all()?;
    disk::sync_folder(&kept)?;
    file.set_len(end)?;
    file.sync_all()?;
    Ok(Some(Repair { path: path.to_owned(), length: end, torn, kept }))
}

/// Repairs the files of a log that writers on this machine left.
pub(crate) fn repair_log(log: &Path) -> io::Result<()> {
    let host = name::host();
    for name in name::files_of(log)?.into_iter().filter(|name| name.host == host) {
        let path = name.path();
        // One that cannot be repaired is a reader's matter.
        if !ends_with_record(&path).unwrap_or(true) {
            let _ = repair(path);
        }
    }
    Ok(())
}

/// Whether a file ends with a record, by what its last bytes look like: most do, and many are large.
fn ends_with_record(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let (_, last) = last_of(&file)?;
    Ok(last.is_none_or(|found| matches!(found.what, What::Record { .. })))
}

/// Where the last whole record ends, if that is not the end of the file.
fn end_of_records(file: &File) -> io::Result<Option<u64>> {
    let (is_any, last) = last_of(file)?;
    match last {
        Some(Found { what: What::Corruption { reason, .. }, .. }) if !is_any && reason != Reason::Torn => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "it has no record"))
        }
        Some(Found { what: What::Corruption { .. }, offset, .. }) => Ok(Some(offset)),
        _ => Ok(None),
    }
}

/// Whether there is a record from where the file is now, and what is there last.
fn last_of(file: &File) -> io::Result<(bool, Option<Found>)> {
    let mut scan = Scan::new(file, CHUNK);
    let (mut is_any, mut last) = (false, None);
    while let Some(found) = scan.next_of_all()? {
        is_any |= matches!(found.what, What::Record { .. });
        last = Some(found);
    }
    Ok((is_any, last))
}

/// How much of the end of a file is looked at.
const TAIL: u64 = 64 << 10;
const CHUNK: u64 = 256 << 10;
