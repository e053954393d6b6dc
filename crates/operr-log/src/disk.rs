//! What is asked of the file system beyond reading and writing: locks, and that a folder's entries are safe.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Locks a file that nobody else has locked for longer than a moment.
pub(crate) fn try_lock(file: &File) -> Result<(), TryLockError> {
    // A reader that asks whether a file is written has it locked meanwhile.
    for _ in 1..ATTEMPTS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(MOMENT),
            locked => return locked,
        }
    }
    file.try_lock()
}

/// Whether somebody has locked a file to write it, as far as the file system knows.
pub(crate) fn is_locked(path: &Path) -> bool {
    let lock = File::open(path).map(|file| file.try_lock_shared());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

/// Makes the entry of a new file safe, where folders can be synced.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

const ATTEMPTS: usize = 4;
const MOMENT: Duration = Duration::from_millis(1);
