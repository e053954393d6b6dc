//! [`Writer`]: appends to a log, from many threads, and neither blocks nor ends the service when it cannot.

use std::cell::Cell;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::mem;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use operr::{Budget, Container};
use uuid::Uuid;

use crate::disk;
use crate::event::Event;
use crate::frame;
use crate::name::{self, FileName};
use crate::repair::repair_log;

/// When a record is safe from a crash of the machine. From a crash of the process it is safe once it is written, which it
/// is when [`Writer::write`] returns, but if it is [`Buffered`](Durability::Buffered).
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
    /// When the operating system thinks fit, and written at most so much later, many records at once: a crash of the process
    /// loses those that are not written yet. For thousands of records a second.
    Buffered(Duration),
}

/// What a [`Writer`] is made with.
///
/// ```
/// use std::time::Duration;
/// use operr_log::{Durability, Options};
///
/// # let folder = tempfile::tempdir()?;
/// # let log = folder.path().join("shards");
/// let options = Options::new()
///     .with_service("shards")
///     .with_durability(Durability::Every(Duration::from_secs(1)))
///     .with_max_age(Duration::from_secs(86_400))
///     .with_kept_for(Duration::from_secs(7 * 86_400));
/// let writer = options.open(&log)?; // "logs/shards"
/// assert!(writer.path().unwrap().exists());
/// # Ok::<_, std::io::Error>(())
/// ```
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

    /// Chooses how many files of the log are kept that nobody on this machine writes any more: the latest. The others are
    /// removed when a file is begun, with what a repair kept of them.
    pub fn with_kept_files(mut self, files: usize) -> Options {
        self.keep_files = Some(files);
        self
    }

    /// Chooses how long files are kept that nobody on this machine writes any more, from their last record on.
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
        shared.lock().rotate(&shared)?;
        let writer = Writer(Arc::new(shared));
        writer.0.keep(&writer.0);
        Ok(writer)
    }
}

/// A log that is written. Clones write to the same file, which is locked while there is one of them.
///
/// A process that forks without `exec` leaves its child a writer that begins a file of its own, if no other thread was using
/// it just then: better is one that is opened after the fork. [`Durability::Every`] is the parent's only.
///
/// ```
/// use operr::UnavailableError;
/// use operr_log::{Event, Reader, Writer};
///
/// # let folder = tempfile::tempdir()?;
/// # let log = folder.path().join("shards");
/// let writer = Writer::open(&log)?;
/// let threads: Vec<_> = (0..4)
///     .map(|_| {
///         let writer = writer.clone();
///         std::thread::spawn(move || writer.write(&Event::new(&UnavailableError::new("draining").into())))
///     })
///     .collect();
/// for thread in threads {
///     thread.join().unwrap()?;
/// }
/// assert_eq!(Reader::open([&log])?.count(), 4);
/// # Ok::<_, std::io::Error>(())
/// ```
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
    /// When it returns, the record is whole in the file, unless it is [`Buffered`](Durability::Buffered), and as safe as the
    /// [`Durability`] says.
    ///
    /// # Errors
    ///
    /// When it could not be written. It is [counted](Writer::dropped); the first failure in a row is told on stderr, so the
    /// result may be ignored. What was written before stays as it is, and the next record is tried anew.
    ///
    /// ```
    /// use operr::UnavailableError;
    /// use operr_log::{Entry, Event, Reader, Writer, attributes};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let log = folder.path().join("shards");
    /// let writer = Writer::open(&log)?;
    /// let error = UnavailableError::new("draining").into();
    /// let uid = writer.write(&Event::new(&error).with_attribute("shard", "7".into()))?;
    ///
    /// let Some(Ok(Entry::Record(logged))) = Reader::open([&log])?.next() else { panic!("there is one") };
    /// assert_eq!(logged.record.text(attributes::LOG_RECORD_UID), Some(&*uid.to_string()));
    /// assert_eq!(logged.record.text("shard"), Some("7"));
    /// # Ok::<_, std::io::Error>(())
    /// ```
    pub fn write(&self, event: &Event<'_>) -> io::Result<Uuid> {
        let now = SystemTime::now();
        // Asked for once a record, for that is a system call.
        let pid = process::id();
        let uid = self.0.uids.next(pid, now);
        let mut frame = FRAME.take();
        self.0.put_frame(event, uid, now, &mut frame);
        if frame.len() > frame::MAX_RECORD {
            let cut = event.error().fit(Budget::new(LARGE), Container::Status);
            self.0.put_frame(&event.of(&cut), uid, now, &mut frame);
        }
        let result = if frame.len() > frame::MAX_RECORD {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "its attributes are too large for a record of 16 MiB"))
        } else {
            self.0.write(pid, &frame)
        };
        if frame.capacity() <= KEPT {
            FRAME.set(frame);
        }
        result.inspect_err(|error| self.0.count(error))?;
        Ok(uid)
    }

    /// Makes all records safe that were written.
    ///
    /// # Errors
    ///
    /// When the operating system cannot.
    pub fn sync(&self) -> io::Result<()> {
        let written = self.0.flush()?;
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
    /// Whole frames that are not written yet, and how many these are.
    buffer: Vec<u8>,
    buffered: u64,
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    path: PathBuf,
    len: u64,
    since: Instant,
    /// When the next one could not be begun.
    postponed: Option<Instant>,
}

impl Shared {
    fn put_frame(&self, event: &Event<'_>, uid: Uuid, now: SystemTime, out: &mut Vec<u8>) {
        out.clear();
        frame::put(out, |out| event.write(uid, now, &self.options.service, out));
    }

    fn write(&self, pid: u32, frame: &[u8]) -> io::Result<()> {
        let written = self.lock().append(self, pid, frame)?;
        if self.options.durability == Durability::Record {
            self.sync(written)?;
            self.lock().is_failing = false;
        }
        Ok(())
    }

    /// Writes what is buffered; gives how much is written then.
    fn flush(&self) -> io::Result<u64> {
        let mut state = self.lock();
        state.flush(self)?;
        Ok(state.written)
    }

    /// Counts a record that is not in the log, or not safe.
    fn count(&self, error: &io::Error) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        self.tell(error);
    }

    /// Tells of the first failure in a row.
    fn tell(&self, error: &io::Error) {
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
                let mut state = self.lock();
                state.lose(self);
                state.file = None;
                Err(error)
            }
            // Files are made safe when the next one is begun.
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Writes it, or makes it safe, every now and then, in a thread that ends with the last writer.
    fn keep(&self, shared: &Arc<Shared>) {
        let durability = self.options.durability;
        let (Durability::Every(time) | Durability::Buffered(time)) = durability else { return };
        let shared: Weak<Shared> = Arc::downgrade(shared);
        let keep = move || {
            loop {
                thread::sleep(time.max(Duration::from_millis(1)));
                let Some(shared) = shared.upgrade() else { return };
                if durability.is_synced() {
                    let written = shared.lock().written;
                    let _ = shared.sync(written).inspect_err(|error| shared.count(error));
                } else {
                    let _ = shared.flush().inspect_err(|error| shared.tell(error));
                }
            }
        };
        // Without the thread, the operating system does it.
        let _ = thread::Builder::new().name("operr-log".to_owned()).spawn(keep);
    }

    /// The files of the log that writers on this machine made.
    fn files(&self) -> io::Result<Vec<FileName>> {
        let mut files = name::files_of(&self.log)?;
        files.retain(|name| name.host == self.host);
        Ok(files)
    }

    /// Removes the files that are not kept, of those that nobody writes.
    fn remove_old(&self) {
        let Options { keep_files, keep_for, .. } = self.options;
        if keep_files.is_none() && keep_for.is_none() {
            return;
        }
        let dead = self.files().unwrap_or_default().into_iter().filter_map(|name| {
            let path = name.path();
            let file = File::open(&path).ok()?;
            file.try_lock().ok()?;
            let modified = file.metadata().and_then(|metadata| metadata.modified()).ok()?;
            // Locked until it is removed, for somebody may be about to repair it.
            Some((modified, path, file))
        });
        let mut dead: Vec<_> = dead.collect();
        dead.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let surplus = dead.len().saturating_sub(keep_files.unwrap_or(usize::MAX));
        let now = SystemTime::now();
        for (index, (modified, path, _locked)) in dead.into_iter().enumerate() {
            let age = now.duration_since(modified).unwrap_or_default();
            if index < surplus || keep_for.is_some_and(|time| age > time) {
                let _ = fs::remove_file(&path);
                let _ = fs::remove_file(FileName::torn(&path));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was written last is made safe if that is wanted at all.
impl Drop for Shared {
    fn drop(&mut self) {
        let _ = self.flush().inspect_err(|error| self.tell(error));
        if self.options.durability.is_synced() {
            let written = self.lock().written;
            let _ = self.sync(written);
        }
    }
}

impl Durability {
    /// Whether records are made safe from a crash of the machine.
    fn is_synced(self) -> bool {
        matches!(self, Durability::Every(_) | Durability::Record)
    }
}

impl State {
    /// Appends a frame; gives how much is written then.
    fn append(&mut self, shared: &Shared, pid: u32, frame: &[u8]) -> io::Result<u64> {
        let (buffered, more) = (self.buffer.len() as u64, frame.len() as u64);
        let is_full = |file: &Open| file.is_full(&shared.options, buffered, more);
        if self.pid != pid || self.file.as_ref().is_none_or(is_full) {
            self.rotate(shared)?;
        }
        if let Durability::Buffered(_) = shared.options.durability {
            if self.buffer.len() + frame.len() > BUFFER {
                self.flush(shared)?;
            }
            self.buffer.extend_from_slice(frame);
            self.buffered += 1;
        } else {
            self.write(shared, frame)?;
            self.is_failing &= shared.options.durability == Durability::Record;
        }
        Ok(self.written)
    }

    /// Writes what is buffered, or counts it as dropped.
    fn flush(&mut self, shared: &Shared) -> io::Result<()> {
        let records = mem::take(&mut self.buffered);
        if records == 0 {
            return Ok(());
        }
        let mut buffer = mem::take(&mut self.buffer);
        // In a process that was forked, it is the parent's, and the parent writes it.
        if self.pid == process::id() {
            if let Err(error) = self.write(shared, &buffer) {
                shared.dropped.fetch_add(records, Ordering::Relaxed);
                return Err(error);
            }
            self.is_failing = false;
        }
        buffer.clear();
        self.buffer = buffer;
        Ok(())
    }

    /// Appends whole frames to the file.
    fn write(&mut self, shared: &Shared, frames: &[u8]) -> io::Result<()> {
        let Some(open) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        if let Err(error) = (&*open.file).write_all(frames) {
            // What is there of them would be in the way of the next record.
            if open.file.set_len(open.len).is_err() {
                self.lose(shared);
                self.file = None;
            }
            return Err(error);
        }
        open.len += frames.len() as u64;
        self.written += frames.len() as u64;
        Ok(())
    }

    /// Remembers that what is not safe yet cannot be made so. After such a failure, the operating system may say that it is.
    fn lose(&mut self, shared: &Shared) {
        let from = shared.safe.load(Ordering::Relaxed);
        self.lost = Some((self.lost.map_or(from, |(first, _)| first.min(from)), self.written));
    }

    /// Goes on in the next file, once what is in the one before is safe.
    fn rotate(&mut self, shared: &Shared) -> io::Result<()> {
        let pid = process::id();
        if self.pid != pid {
            // That is what the process has that this one was forked from.
            *self = State { pid, written: self.written, ..State::default() };
        }
        let next = match self.begin(shared) {
            Ok(next) => next,
            // Better a file that is too large than a record that is lost, if that is still there.
            Err(error) => {
                self.file.take_if(|before| !before.path.exists());
                return self.file.as_mut().map(Open::postpone).ok_or(error);
            }
        };
        let flushed = self.flush(shared);
        if let Some(before) = self.file.replace(next)
            && shared.options.durability.is_synced()
        {
            before.file.sync_data().inspect_err(|_| self.lose(shared))?;
            shared.safe.fetch_max(self.written, Ordering::Relaxed);
        }
        shared.remove_old();
        flushed
    }

    /// Makes a file, and locks it.
    fn begin(&mut self, shared: &Shared) -> io::Result<Open> {
        let files = shared.files()?;
        let numbers = files.iter().filter(|name| name.pid == self.pid).map(|name| name.number + 1);
        self.next = numbers.max().unwrap_or_default().max(self.next);
        // Others make files of this name only where two machines have one name, or a process looks for dead writers.
        for _ in 0..ATTEMPTS {
            let (log, host) = (shared.log.clone(), shared.host.clone());
            let path = FileName { log, host, pid: self.pid, number: self.next }.path();
            self.next += 1;
            let file = match File::options().append(true).create_new(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            };
            if let Err(TryLockError::WouldBlock) = disk::try_lock(&file) {
                fs::remove_file(&path)?;
                continue;
            }
            // Where there are no locks, nobody else can have one, and what a dead writer left is never repaired.
            if shared.options.durability.is_synced() {
                disk::sync_folder(&path)?;
            }
            return Ok(Open { file: Arc::new(file), path, len: 0, since: Instant::now(), postponed: None });
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "others make all the files that it begins"))
    }
}

impl Open {
    /// Whether it is time for the next file, with what is buffered and with what comes.
    fn is_full(&self, options: &Options, buffered: u64, more: u64) -> bool {
        let len = self.len + buffered;
        len > 0
            && (len + more > options.max_bytes || options.max_age.is_some_and(|age| self.since.elapsed() >= age))
            && self.postponed.is_none_or(|since| since.elapsed() >= POSTPONED)
    }

    /// Tries later, for the next file cannot be begun.
    fn postpone(&mut self) {
        self.postponed = Some(Instant::now());
    }
}

/// The ids of a writer's records: the time, and a number that begins anywhere, and elsewhere in each process.
#[derive(Debug)]
struct Uids {
    random: u128,
    next: AtomicU64,
}

impl Uids {
    fn new() -> Uids {
        Uids { random: Uuid::new_v4().as_u128(), next: AtomicU64::new(0) }
    }

    fn next(&self, pid: u32, now: SystemTime) -> Uuid {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let millis = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        // An odd factor spreads the processes over all numbers.
        let start = self.random.wrapping_add(u128::from(pid).wrapping_mul(GOLDEN));
        let number = start.wrapping_add(self.next.fetch_add(1, Ordering::Relaxed).into());
        let [_, _, _, _, _, _, number @ ..] = number.to_be_bytes();
        uuid::Builder::from_unix_timestamp_millis(millis, &number).into_uuid()
    }
}

/// How long a file goes on that is full, where the next one cannot be begun.
const POSTPONED: Duration = Duration::from_secs(1);
/// The golden ratio in 80 bits, as an odd number.
const GOLDEN: u128 = 0x9E37_79B9_7F4A_7C15_F39D;
thread_local! {
    /// Where this thread makes its records.
    static FRAME: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How large a thread's room for its records may be to be kept for the next one.
const KEPT: usize = 64 << 10;
/// How many bytes are buffered: a fifth faster than 64 KiB, and as fast as more (measured 2026-11).
const BUFFER: usize = 256 << 10;
/// How many names a new file is tried under.
const ATTEMPTS: usize = 100;
/// The budget of an error that is too large for a record: well below what one can have.
const LARGE: usize = 8 << 20;
