//! [`Writer`]: a log that is written from Python.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use operr::OpError;
use operr_log::{Durability, Event, Options, Severity};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyBool, PyCFunction, PyFloat, PyInt, PyString};

use crate::arguments::{Text, argument};
use crate::exception::Plain;
use crate::log::{os_error, value};
use crate::status::Status;

/// A log of errors that is written, from any number of threads.
///
/// `log` is its name, which may begin with a folder: `logs/queue` has the files `logs/queue.<host>.<pid>.<n>.tfrecord`.
/// The folder must be there. Files that writers left which ended in the middle of a record are repaired first.
///
/// A record is safe from a crash of the process once it is written. From one of the machine it is safe when the
/// operating system thinks fit; with a number as `durability`, after so many seconds; with "record", when `write`
/// returns. With "buffered", many records are written at once, after 0.1 seconds at most, and a crash of the process
/// loses those that are not. A file has `max_bytes` before the next one is begun, and gets `max_age` seconds old. Of the
/// files that nobody writes any more all are kept, or the latest `keep_files`, or those of the last `keep_for` seconds.
///
/// After a fork, the child writes files of its own.
#[pyclass(frozen, weakref, module = "operr.log")]
pub(crate) struct Writer {
    log: PathBuf,
    options: Options,
    /// Only locked where the GIL is held, and stays so: never by another thread while one forks, or waits for this.
    state: Mutex<State>,
}

struct State {
    writer: Option<operr_log::Writer>,
    /// How many forks there were above the process that opened it.
    forks: u32,
    is_closed: bool,
    /// What was dropped where there was no writer, and by those that there were in this process.
    dropped: u64,
}

#[pymethods]
impl Writer {
    #[new]
    #[pyo3(
        signature = (log, *, service = None, durability = None, max_bytes = None, max_age = None,
            keep_files = None, keep_for = None),
        text_signature = "(log, *, service='', durability=None, max_bytes=67108864, max_age=None, keep_files=None, \
            keep_for=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn new(
        py: Python<'_>,
        log: &Bound<'_, PyAny>,
        service: Option<&Bound<'_, PyAny>>,
        durability: Option<&Bound<'_, PyAny>>,
        max_bytes: Option<&Bound<'_, PyAny>>,
        max_age: Option<&Bound<'_, PyAny>>,
        keep_files: Option<&Bound<'_, PyAny>>,
        keep_for: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Writer> {
        let log = argument::<PathBuf>("log", log)?;
        let mut options = Options::new();
        if let Some(service) = service {
            options = options.with_service(argument::<Text>("service", service)?.0);
        }
        if let Some(durability) = durability {
            options = options.with_durability(durability_of(durability)?);
        }
        if let Some(bytes) = max_bytes {
            let bytes = count::<NonZero<u64>>("max_bytes", bytes, "bytes, 1 or more")?;
            options = options.with_max_bytes(bytes.get());
        }
        if let Some(age) = max_age {
            options = options.with_max_age(seconds("max_age", age, Duration::ZERO, "seconds, 0 or more, or None")?);
        }
        if let Some(files) = keep_files {
            options = options.with_kept_files(count("keep_files", files, "how many, 0 or more, or None")?);
        }
        if let Some(time) = keep_for {
            options = options.with_kept_for(seconds("keep_for", time, Duration::ZERO, "seconds, 0 or more, or None")?);
        }
        let writer = py.detach(|| options.clone().open(&log)).map_err(|error| os_error(py, error, &log))?;
        let state = State { writer: Some(writer), forks: forks(), is_closed: false, dropped: 0 };
        Ok(Writer { log, options, state: Mutex::new(state) })
    }

    /// Writes any exception, with its causes, its notes and where it was raised; gives the record's uid.
    ///
    /// One that is not of the family is what `operr.from_exception` makes of it. `time` is when it happened, if that is
    /// not now: a datetime with a time zone, or the nanoseconds of `time.time_ns`. `severity` is DEBUG, INFO, WARN,
    /// ERROR or FATAL; `method` that of the call that failed, such as `example.Shards/Load`; `trace_id` and `span_id`
    /// are 32 and 16 hexadecimal digits, and `flags` those of the trace. `attributes` are a mapping of more that is
    /// known: str, bool, int, float, bytes, and lists and dicts of these.
    ///
    /// Raises an OSError if the record could not be written. It is counted in `dropped`, and the first failure in a row
    /// is told on stderr, too; what was written before stays as it is.
    #[pyo3(
        signature = (error, *, time = None, severity = None, method = None, trace_id = None, span_id = None,
            flags = None, attributes = None),
        text_signature = "($self, error, *, time=None, severity='ERROR', method='', trace_id=None, span_id=None, \
            flags=0, attributes=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "they have names in Python")]
    fn write<'py>(
        &self,
        py: Python<'py>,
        error: &Bound<'py, PyAny>,
        time: Option<&Bound<'py, PyAny>>,
        severity: Option<&Bound<'py, PyAny>>,
        method: Option<&Bound<'py, PyAny>>,
        trace_id: Option<&Bound<'py, PyAny>>,
        span_id: Option<&Bound<'py, PyAny>>,
        flags: Option<&Bound<'py, PyAny>>,
        attributes: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyString>> {
        let error = whole(error)?;
        let mut event = Event::new(&error);
        if let Some(severity) = severity {
            event = event.with_severity(severity_of(&argument::<Text>("severity", severity)?.0)?);
        }
        let method = method.map(|method| argument::<Text>("method", method)).transpose()?;
        if let Some(Text(method)) = &method {
            event = event.with_method(method);
        }
        if let Some(time) = time {
            event = event.with_time(SystemTime::UNIX_EPOCH + Duration::from_nanos(value::nanos("time", time)?));
        }
        match (trace_id, span_id) {
            (Some(trace), Some(span)) => {
                let flags = flags.map_or(Ok(0), |flags| count("flags", flags, "0 to 255"))?;
                event = event.with_trace(hex("trace_id", trace)?, hex("span_id", span)?, flags);
            }
            (None, None) => {}
            _ => return Err(PyValueError::new_err("arguments 'trace_id' and 'span_id': give both, or none")),
        }
        if let Some(attributes) = attributes {
            for (name, value) in value::attributes(attributes)? {
                event = event.with_attribute(name, value);
            }
        }
        let writer = self.current(py)?;
        // The clone ends before the GIL is asked for: see `current`.
        let written = py.detach(move || writer.write(&event));
        let uid = written.map_err(|error| os_error(py, error, &self.log))?;
        Ok(PyString::new(py, uid.hyphenated().encode_lower(&mut [0; 36])))
    }

    /// Makes safe, from a crash of the machine, what was written.
    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        let Some(writer) = self.open_here() else { return Ok(()) };
        py.detach(move || writer.sync()).map_err(|error| os_error(py, error, &self.log))
    }

    /// Ends the writing; what was written last is made safe if the `durability` asks for that at all.
    fn close(&self, py: Python<'_>) {
        let mut state = self.lock();
        let writer = state.writer.take();
        state.dropped += writer.as_ref().map_or(0, operr_log::Writer::dropped);
        state.is_closed = true;
        drop(state);
        py.detach(move || drop(writer));
    }

    /// How many records could not be written, by this process.
    #[getter]
    fn dropped(&self) -> u64 {
        let now = self.open_here().map_or(0, |writer| writer.dropped());
        let state = self.lock();
        now + if state.forks == forks() { state.dropped } else { 0 }
    }

    /// The file that is written, a pathlib.Path; None if there is none: after a failure, a fork, or the end.
    #[getter]
    fn path(&self) -> Option<PathBuf> {
        self.open_here()?.path()
    }

    fn __enter__(this: Py<Writer>) -> Py<Writer> {
        this
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        format!("<operr.log.Writer: {}>", self.log.display())
    }
}

impl Writer {
    /// The writer of this process.
    ///
    /// That of the process it was forked from goes: its ids would come twice, and the thread that syncs is not here.
    /// If another thread was using it when the process forked, that thread's clone keeps it, with its locks, for ever.
    fn current(&self, py: Python<'_>) -> PyResult<operr_log::Writer> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(PyValueError::new_err(format!("the writer of {} is closed", self.log.display())));
        }
        if state.forks != forks() {
            *state = State { writer: None, forks: forks(), is_closed: false, dropped: 0 };
        }
        if let Some(writer) = &state.writer {
            return Ok(writer.clone());
        }
        match self.options.clone().open(&self.log) {
            Ok(writer) => Ok(state.writer.insert(writer).clone()),
            Err(error) => {
                state.dropped += 1;
                drop(state);
                Err(os_error(py, error, &self.log))
            }
        }
    }

    /// The writer, if this process has opened it.
    fn open_here(&self) -> Option<operr_log::Writer> {
        let state = self.lock();
        state.writer.clone().filter(|_| state.forks == forks())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many forks there were above this process.
fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Has Python tell of its forks.
pub(crate) fn count_forks(py: Python<'_>) -> PyResult<()> {
    // Not everywhere can a process fork.
    let Ok(register) = py.import("os")?.getattr("register_at_fork") else { return Ok(()) };
    let forked = PyCFunction::new_closure(py, None, None, |_, _| {
        FORKS.fetch_add(1, Ordering::Relaxed);
    })?;
    register.call((), Some(&[("after_in_child", forked)].into_py_dict(py)?))?;
    Ok(())
}

static FORKS: AtomicU32 = AtomicU32::new(0);

/// The whole of an exception, with where it was raised.
fn whole(error: &Bound<'_, PyAny>) -> PyResult<OpError> {
    static WHOLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    if let Some(plain) = Plain::of(error)?
        && error.getattr(intern!(error.py(), "__traceback__"))?.is_none()
    {
        // It was never raised.
        return Ok(plain.status.get().0.clone());
    }
    let status = WHOLE.import(error.py(), "operr._convert", "whole")?.call1((error,))?;
    Ok(status.cast::<Status>()?.get().0.clone())
}

fn severity_of(severity: &str) -> PyResult<Severity> {
    const ALL: [Severity; 5] = [Severity::Debug, Severity::Info, Severity::Warn, Severity::Error, Severity::Fatal];
    ALL.into_iter().find(|known| known.text() == severity).ok_or_else(|| {
        let text = format!("argument 'severity': must be DEBUG, INFO, WARN, ERROR or FATAL, not {severity:?}");
        PyValueError::new_err(text)
    })
}

fn durability_of(durability: &Bound<'_, PyAny>) -> PyResult<Durability> {
    const WANTED: &str = "None, 'record', 'buffered', or seconds, 0.001 at least";
    match durability.cast::<PyString>() {
        Ok(text) if text == "record" => Ok(Durability::Record),
        Ok(text) if text == "buffered" => Ok(Durability::Buffered(BUFFERED)),
        Ok(_) => Err(refused::<PyValueError>("durability", durability, WANTED)),
        Err(_) => seconds("durability", durability, Duration::from_millis(1), WANTED).map(Durability::Every),
    }
}

fn seconds(name: &str, object: &Bound<'_, PyAny>, least: Duration, wanted: &str) -> PyResult<Duration> {
    let is_number = object.is_instance_of::<PyFloat>() || is_int(object);
    if !is_number {
        return Err(refused::<PyTypeError>(name, object, wanted));
    }
    let duration = object.extract::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.filter(|&duration| duration >= least).ok_or_else(|| refused::<PyValueError>(name, object, wanted))
}

fn count<T>(name: &str, object: &Bound<'_, PyAny>, wanted: &str) -> PyResult<T>
where
    T: for<'a, 'py> FromPyObject<'a, 'py>,
{
    if !is_int(object) {
        return Err(refused::<PyTypeError>(name, object, wanted));
    }
    object.extract::<T>().map_err(|_| refused::<PyValueError>(name, object, wanted))
}

fn is_int(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>()
}

fn hex<const N: usize>(name: &str, object: &Bound<'_, PyAny>) -> PyResult<[u8; N]> {
    let Text(text) = argument(name, object)?;
    let mut bytes = [0; N];
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    match digits {
        Some(digits) if digits.len() == 2 * N && digits.iter().any(|&digit| digit != 0) => {
            for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
                *byte = pair.iter().fold(0, |byte, &digit| byte << 4 | digit as u8);
            }
            Ok(bytes)
        }
        _ => {
            let text =
                format!("argument '{name}': must be {} hexadecimal digits that are not all 0, not {text:?}", 2 * N);
            Err(PyValueError::new_err(text))
        }
    }
}

/// A TypeError or a ValueError that says what is wanted.
fn refused<E: pyo3::PyTypeInfo>(name: &str, object: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    let given = object.repr().map_or_else(|_| "that".to_owned(), |text| text.to_string());
    PyErr::new::<E, _>(format!("argument '{name}': must be {wanted}; not {given}"))
}

/// How long records are buffered.
const BUFFERED: Duration = Duration::from_millis(100);
