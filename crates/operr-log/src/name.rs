//! [`FileName`]: how the files of a log are named, `NAME.<host>.<pid>.<n>.tfrecord`, and which files are one log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The name of one file of a log: who wrote it, and its place among those of that writer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FileName {
    /// The log's name, with the folder that it is in.
    pub log: PathBuf,
    /// The machine: letters, digits, `-` and `_`.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The number of the file, from 0.
    pub number: u64,
}

impl FileName {
    /// Takes a path apart; `None` if it is no file of a log.
    ///
    /// ```
    /// use operr_log::FileName;
    ///
    /// let name = FileName::parse("logs/queue.v1.host-3.4711.0.tfrecord").unwrap();
    /// assert_eq!((name.log.to_str(), &*name.host, name.pid, name.number), (Some("logs/queue.v1"), "host-3", 4711, 0));
    /// assert_eq!(name.path().to_str(), Some("logs/queue.v1.host-3.4711.0.tfrecord"));
    /// assert_eq!(FileName::parse("logs/queue.tfrecord"), None);
    /// ```
    pub fn parse(path: impl AsRef<Path>) -> Option<FileName> {
        let path = path.as_ref();
        let mut parts = path.file_name()?.to_str()?.rsplitn(5, '.');
        let (extension, number, pid, host, log) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_one =
            extension == EXTENSION && is_number(number) && is_number(pid) && !host.is_empty() && !log.is_empty();
        is_one.then_some(())?;
        Some(FileName {
            log: path.with_file_name(log),
            host: host.to_owned(),
            pid: pid.parse().ok()?,
            number: number.parse().ok()?,
        })
    }

    /// The path of the file.
    pub fn path(&self) -> PathBuf {
        let FileName { log, host, pid, number } = self;
        let mut name = log.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{host}.{pid}.{number}.{EXTENSION}"));
        log.with_file_name(name)
    }

    /// Where the bytes of a torn record are kept that a repair cut off.
    pub fn torn(path: &Path) -> PathBuf {
        let mut torn = path.as_os_str().to_owned();
        torn.push(".torn");
        torn.into()
    }
}

/// The files of a log that there are now, by writer and number.
///
/// # Errors
///
/// When the folder cannot be read.
///
/// ```
/// use operr_log::{Writer, files_of};
///
/// # let folder = tempfile::tempdir()?;
/// # let log = folder.path().join("shards");
/// let writer = Writer::open(&log)?;
/// let files = files_of(&log)?;
/// assert_eq!((files.len(), files[0].pid, files[0].number), (1, std::process::id(), 0));
/// assert_eq!(writer.path(), Some(files[0].path()));
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn files_of(log: &Path) -> io::Result<Vec<FileName>> {
    let folder = log.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        // With the folder as it was given.
        let name = FileName::parse(log.with_file_name(entry?.file_name()));
        files.extend(name.filter(|name| name.log == log));
    }
    files.sort_by(|one, other| (&one.host, one.pid, one.number).cmp(&(&other.host, other.pid, other.number)));
    Ok(files)
}

/// The name of this machine as file names have it.
pub(crate) fn host() -> String {
    let name = gethostname::gethostname();
    let name: String =
        name.to_string_lossy().chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

const EXTENSION: &str = "tfrecord";
