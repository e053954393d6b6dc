//! [`Writer`]: appends to a log, from many threads, and neither blocks nor ends the service when it cannot.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use operr::{Budget, Container};
use uuid::Uuid;

use crate::event::Event;
use crate::frame;
use crate::name::{self, FileName};
use crate::repair::repair_log;

/// When a record is safe from a crash of the machine. From a crash of the process it is safe once it is written, which it
/// is when [`Writer::write`] returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Durability {
    /// When the operating system thinks fit.
    #[default]
    None,
    /// At most so much later.
    Every(Duration),
    /// When [`Writer::write`] returns. Threads that write at the same time wait together.
    Record,
}

/// What a [`Writer`] is made with.
#[derive(Clone, Debug)]
pub struct Options {
    service: String,
    durability: Durability,
    max_bytes: u64,
    max_age: Option<Duration>,
    keep_files: Option<usize>,
    keep_for: Option<Duration>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            service: String::new(),
            durability: Durability::None,
            max_bytes: 64 << 20,
            max_age: None,
            keep_files: None,
            keep_for: None,
        }
    }
}

impl Options {
    /// The defaults: no service name, no sync, files of 64 MiB, all of which are kept.
    pub fn new() -> Options {
        Options::default()
    }

    /// Names the service that writes: the attribute `service.name`.
    pub fn with_service(mut self, name: impl Into<String>) -> Options {
        self.service = name.into();
        self
    }

    /// Chooses when a record is safe.
    pub fn with_durability(mut self, durability: Durability) -> Options {
        self.durability = durability;
        self
    }

    /// Chooses how many bytes a file has before the next one is begun. A record is never divided.
    pub fn with_max_bytes(mut self, bytes: u64) -> Options {
        self.max_bytes = bytes;
        self
    }

    /// Chooses how old a file gets before the next one is begun, at the first record after that.
    pub fn with_max_age(mut self, age: Duration) -> Options {
        self.max_age = Some(age);
        self
    }

    /// Chooses how many files of the log are kept that nobody writes any more: the latest. The others are removed when
    /// a file is begun.
    pub fn with_kept_files(mut self, files: usize) -> Options {
        self.keep_files = Some(files);
        self
    }

    /// Chooses how long files are kept that nobody writes any more, from their last record on.
    pub fn with_kept_for(mut self, time: Duration) -> Options {
        self.keep_for = Some(time);
        self
    }

    /// Opens the log of this name, which may begin with a folder: the folder must be there.
    ///
    /// First repairs the files that writers left which ended in the middle of a record.
    ///
    /// # Errors
    ///
    /// When no file can be made there.
    pub fn open(self, log: impl AsRef<Path>) -> io::Result<Writer> {
        let log = log.as_ref().to_owned();
        if log.file_name().and_then(|name| name.to_str()).is_none() {
            let text = format!("{} is no name of a log, such as logs/queue", log.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        repair_log(&log)?;
        let shared = Shared {
            log,
            host: name::host(),
            uids: Uids::new(),
            dropped: AtomicU64::new(0),
            state: Mutex::new(State::default()),
            safe: AtomicU64::new(0),
            syncing: Mutex::new(()),
            options: self,
        };
        shared.lock().begin(&shared)?;
        let writer = Writer(Arc::new(shared));
        writer.0.keep_synced(&writer.0);
        Ok(writer)
    }
}

/// A log that is written. Clones write to the same file, which is locked while there is one of them.
#[derive(Clone, Debug)]
pub struct Writer(Arc<Shared>);

impl Writer {
    /// Opens the log of this name with the default [`Options`].
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn open(log: impl AsRef<Path>) -> io::Result<Writer> {
        Options::new().open(log)
    }

    /// Appends the error; gives the record's `log.record.uid`.
    ///
    /// When it returns, the record is whole in the file, and as safe as the [`Durability`] says.
    ///
    /// # Errors
    ///
    /// When it could not be written. It is [counted](Writer::dropped); the first failure in a row is told on stderr, so the
    /// result may be ignored. What was written before stays as it is, and the next record is tried anew.
    pub fn write(&self, event: &Event<'_>) -> io::Result<Uuid> {
        let now = SystemTime::now();
        let uid = self.0.uids.next(now);
        let mut frame = self.0.frame(event, uid, now);
        if frame.len() > frame::MAX_RECORD {
            let cut = event.error().fit(Budget::new(LARGE), Container::Status);
            frame = self.0.frame(&event.of(&cut), uid, now);
        }
        let result = if frame.len() > frame::MAX_RECORD {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "its attributes are too large for a record of 16 MiB"))
        } else {
            self.0.write(&frame)
        };
        result.inspect_err(|error| self.0.count(error))?;
        Ok(uid)
    }

    /// Makes all records safe that were written.
    ///
    /// # Errors
    ///
    /// When the operating system cannot.
    pub fn sync(&self) -> io::Result<()> {
        let written = self.0.lock().written;
        self.0.sync(written)
    }

    /// How many records could not be written.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// The file that is written; `None` if there is none, after a failure.
    pub fn path(&self) -> Option<PathBuf> {
        self.0.lock().file.as_ref().map(|file| file.path.clone())
    }
}

/// What the clones of a writer share.
#[derive(Debug)]
struct Shared {
    log: PathBuf,
    host: String,
    options: Options,
    uids: Uids,
    dropped: AtomicU64,
    state: Mutex<State>,
    /// How much of what was written is safe, as `State::written` counts it.
    safe: AtomicU64,
    /// Locked while it is made so.
    syncing: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    file: Option<Open>,
    /// The process that opened it: after a fork, the child has one of its own.
    pid: u32,
    /// The number of the next file.
    next: u64,
    /// How many bytes were written to all files.
    written: u64,
    /// Behind which of these, and up to which, some could not be made safe.
    lost: Option<(u64, u64)>,
    /// Whether the last record could not be written.
    is_failing: bool,
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    path: PathBuf,
    len: u64,
    since: Instant,
}

impl Shared {
    fn frame(&self, event: &Event<'_>, uid: Uuid, now: SystemTime) -> Vec<u8> {
        let mut frame = Vec::with_capacity(2_048);
        frame::put(&mut frame, |out| event.write(uid, now, &self.options.service, out));
        frame
    }

    fn write(&self, frame: &[u8]) -> io::Result<()> {
        let written = self.lock().append(self, frame)?;
        if self.options.durability == Durability::Record {
            self.sync(written)?;
        }
        self.lock().is_failing = false;
        Ok(())
    }

    /// Counts a record that is not in the log, or not safe, and tells of the first in a row.
    fn count(&self, error: &io::Error) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut self.lock().is_failing, true) {
            // Neither may stderr be there.
            let log = self.log.display();
            let _ =
                writeln!(io::stderr(), "operr-log: cannot write to {log}: {error}; records are dropped until it can");
        }
    }

    /// Makes safe what was written so far, unless another thread has done so meanwhile.
    fn sync(&self, written: u64) -> io::Result<()> {
        let _turn = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let (file, now, lost) = {
            let state = self.lock();
            (state.file.as_ref().map(|file| file.file.clone()), state.written, state.lost)
        };
        if lost.is_some_and(|(from, to)| from < written && written <= to) {
            return Err(io::Error::other("what was written cannot be made safe"));
        }
        if self.safe.load(Ordering::Relaxed) >= written {
            return Ok(());
        }
        match file.map(|file| file.sync_data()) {
            Some(Ok(())) => {
                self.safe.fetch_max(now, Ordering::Relaxed);
                Ok(())
            }
            Some(Err(error)) => {
                self.lock().lose(self);
                Err(error)
            }
            // Files are made safe when the next one is begun.
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Makes it safe every now and then, in a thread that ends with the last writer.
    fn keep_synced(&self, shared: &Arc<Shared>) {
        let Durability::Every(time) = self.options.durability else { return };
        let shared: Weak<Shared> = Arc::downgrade(shared);
        let keep = move || {
            while let Some(shared) = shared.upgrade() {
                let written = shared.lock().written;
                let _ = shared.sync(written).inspect_err(|error| shared.count(error));
                drop(shared);
                thread::sleep(time.max(Duration::from_millis(1)));
            }
        };
        // Without the thread, the operating system does it.
        let _ = thread::Builder::new().name("operr-log".to_owned()).spawn(keep);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was written last is made safe if that is wanted at all.
impl Drop for Shared {
    fn drop(&mut self) {
        if self.options.durability != Durability::None {
            let written = self.lock().written;
            let _ = self.sync(written);
        }
    }
}

impl State {
    /// Appends a frame; gives how much is written then.
    fn append(&mut self, shared: &Shared, frame: &[u8]) -> io::Result<u64> {
        if self.pid != std::process::id() || self.file.as_ref().is_none_or(|file| file.is_full(&shared.options, frame))
        {
            self.begin(shared)?;
        }
        let Some(open) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        if let Err(error) = (&*open.file).write_all(frame) {
            // What is there of it would be in the way of the next record.
            if open.file.set_len(open.len).is_err() {
                self.lose(shared);
            }
            return Err(error);
        }
        open.len += frame.len() as u64;
        self.written += frame.len() as u64;
        Ok(self.written)
    }

    /// Gives up a file that cannot be made safe. After such a failure, the operating system may say that it is.
    fn lose(&mut self, shared: &Shared) {
        let from = shared.safe.load(Ordering::Relaxed);
        self.lost = Some((self.lost.map_or(from, |(first, _)| first.min(from)), self.written));
        self.file = None;
    }

    /// Begins a file, and locks it.
    fn begin(&mut self, shared: &Shared) -> io::Result<()> {
        if let Some(before) = self.file.take()
            && self.pid == std::process::id()
            && shared.options.durability != Durability::None
        {
            before.file.sync_data().inspect_err(|_| self.lose(shared))?;
            shared.safe.fetch_max(self.written, Ordering::Relaxed);
        }
        let pid = std::process::id();
        let files = name::files_of(&shared.log)?;
        if self.pid != pid {
            self.pid = pid;
            self.next = 0;
        }
        let ours = files.iter().filter(|name| name.host == shared.host && name.pid == pid);
        self.next = ours.map(|name| name.number + 1).max().unwrap_or_default().max(self.next);
        // Others make files of this name only where two machines have one name, or a process looks for dead writers.
        for _ in 0..ATTEMPTS {
            let name = FileName { log: shared.log.clone(), host: shared.host.clone(), pid, number: self.next };
            self.next += 1;
            let path = name.path();
            let file = match File::options().append(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            if file.try_lock().is_err() {
                continue;
            }
            if shared.options.durability != Durability::None {
                sync_folder(&path)?;
            }
            self.file = Some(Open { file: Arc::new(file), path, len: 0, since: Instant::now() });
            remove_old(&shared.options, files);
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "others make all the files that it begins"))
    }
}

impl Open {
    /// Whether it is time for the next file.
    fn is_full(&self, options: &Options, frame: &[u8]) -> bool {
        self.len > 0
            && (self.len + frame.len() as u64 > options.max_bytes
                || options.max_age.is_some_and(|age| self.since.elapsed() >= age))
    }
}

/// The ids of a writer's records: the time, and a number that begins anywhere.
#[derive(Debug)]
struct Uids {
    random: u16,
    next: AtomicU64,
}

impl Uids {
    fn new() -> Uids {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        Uids { random: high as u16, next: AtomicU64::new(low) }
    }

    fn next(&self, now: SystemTime) -> Uuid {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let number = self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let [first, second] = self.random.to_be_bytes();
        let [a, b, c, d, e, f, g, h] = number;
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        uuid::Builder::from_unix_timestamp_millis(millis, &[first, second, a, b, c, d, e, f, g, h]).into_uuid()
    }
}

/// Removes the files that are not kept, of those that nobody writes.
fn remove_old(options: &Options, files: Vec<FileName>) {
    if options.keep_files.is_none() && options.keep_for.is_none() {
        return;
    }
    let now = SystemTime::now();
    let dead = files.iter().filter_map(|name| {
        let path = name.path();
        let file = File::open(&path).ok()?;
        file.try_lock().ok()?;
        let modified = file.metadata().and_then(|metadata| metadata.modified()).ok()?;
        Some((modified, path))
    });
    let mut dead: Vec<_> = dead.collect();
    dead.sort();
    let surplus = dead.len().saturating_sub(options.keep_files.unwrap_or(usize::MAX));
    for (index, (modified, path)) in dead.into_iter().enumerate() {
        let age = now.duration_since(modified).unwrap_or_default();
        if index < surplus || options.keep_for.is_some_and(|time| age > time) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Makes the entry of a new file safe, where folders can be synced.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// How many names a new file is tried under.
const ATTEMPTS: usize = 100;
/// The budget of an error that is too large for a record: well below what one can have.
const LARGE: usize = 8 << 20;
