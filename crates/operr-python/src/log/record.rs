//! [`Record`] and [`Corruption`]: what there is in a log.

use std::path::PathBuf;

use operr_log::attributes::{LOG_RECORD_UID, RPC_METHOD, SERVICE_NAME};
use operr_log::{Logged, Place};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::exception::exception;
use crate::log::value;
use crate::status::{DecodeError, malformed};

/// A record of a log: an OpenTelemetry `LogRecord`, of which is decoded what is asked for.
///
/// It may be another's than operr's: what it does not have is None, empty or 0.
#[pyclass(frozen, module = "operr.log")]
pub(crate) struct Record(pub(super) Logged);

#[pymethods]
impl Record {
    /// When it happened, a datetime in UTC; or, where that is not known, was recorded.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        value::datetime(py, self.time_unix_nano())
    }

    /// The same in nanoseconds since the Unix epoch.
    #[getter]
    fn time_unix_nano(&self) -> u64 {
        self.0.record.time_unix_nano()
    }

    /// DEBUG, INFO, WARN, ERROR or FATAL; of others also TRACE, and such as ERROR2.
    #[getter]
    fn severity(&self) -> String {
        let number = self.severity_number() - 1;
        let name = usize::try_from(number).ok().and_then(|number| SEVERITIES.get(number / 4)).copied();
        match number % 4 {
            0 => name.unwrap_or_default().to_owned(),
            step => name.map_or_else(String::new, |name| format!("{name}{}", step + 1)),
        }
    }

    /// OpenTelemetry's `SeverityNumber`: 17 for ERROR.
    #[getter]
    fn severity_number(&self) -> i32 {
        self.0.record.severity_number()
    }

    /// The number of the error's code.
    #[getter]
    fn code(&self) -> Option<i32> {
        Some(self.0.record.code()?.value())
    }

    /// The error's message.
    #[getter]
    fn message(&self) -> Option<&str> {
        self.0.record.message()
    }

    /// The text of the record: of an error `CODE: message`.
    #[getter]
    fn body(&self) -> Option<&str> {
        self.0.record.body()
    }

    /// The service that wrote it.
    #[getter]
    fn service(&self) -> &str {
        self.text(SERVICE_NAME)
    }

    /// The method of the call that failed, such as `example.Shards/Load`.
    #[getter]
    fn method(&self) -> &str {
        self.text(RPC_METHOD)
    }

    /// What tells the record from all others.
    #[getter]
    fn uid(&self) -> &str {
        self.text(LOG_RECORD_UID)
    }

    /// The trace that it belongs to, 32 hexadecimal digits.
    #[getter]
    fn trace_id(&self) -> Option<String> {
        Some(hex(&self.0.record.trace_id()?))
    }

    /// The span that it belongs to, 16 hexadecimal digits.
    #[getter]
    fn span_id(&self) -> Option<String> {
        Some(hex(&self.0.record.span_id()?))
    }

    /// All attributes by name, those of operr too, but for the error itself: a new dict each time.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let record = self.0.record.decode().map_err(|error| DecodeError::new_err((error.to_string(),)))?;
        value::to_python(py, record.attributes)
    }

    /// The error, ready to be raised: a new exception each time, of its code's class; None if the record has none.
    ///
    /// Raises `operr.DecodeError` if it is there and cannot be read.
    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0.record.error().map_err(malformed)?.map(|error| exception(py, error)).transpose()
    }

    /// The file that it is in, a pathlib.Path; `-` is stdin.
    #[getter]
    fn file(&self) -> PathBuf {
        self.0.place.file.to_path_buf()
    }

    /// How many whole records the file has before it.
    #[getter]
    fn number(&self) -> u64 {
        self.0.place.number
    }

    /// How many bytes the file has before it.
    #[getter]
    fn offset(&self) -> u64 {
        self.0.place.offset
    }

    /// Whether it was found behind bytes that are no record.
    #[getter]
    fn is_recovered(&self) -> bool {
        self.0.is_recovered
    }

    /// The bytes of the `LogRecord`.
    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.record.as_bytes())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (time, severity) = (self.time(py)?, self.severity());
        let body = self.body().unwrap_or_default();
        let short: String = body.chars().take(SHOWN).collect();
        let more = if short.len() < body.len() { ".." } else { "" };
        Ok(format!("<operr.log.Record: {time} {severity} {short:?}{more}>"))
    }
}

impl Record {
    fn text(&self, name: &str) -> &str {
        self.0.record.text(name).unwrap_or_default()
    }
}

/// Bytes of a log that are no record: damaged, torn, or never a record's. Its text tells all of it.
#[pyclass(frozen, module = "operr.log")]
pub(crate) struct Corruption(pub(super) operr_log::Corruption);

#[pymethods]
impl Corruption {
    /// The file that they are in, a pathlib.Path; `-` is stdin.
    #[getter]
    fn file(&self) -> PathBuf {
        self.place().file.to_path_buf()
    }

    /// How many whole records the file has before them.
    #[getter]
    fn number(&self) -> u64 {
        self.place().number
    }

    /// How many bytes the file has before them.
    #[getter]
    fn offset(&self) -> u64 {
        self.place().offset
    }

    /// How many they are.
    #[getter]
    fn length(&self) -> u64 {
        self.0.length
    }

    /// What is wrong with the first of them, in words.
    #[getter]
    fn reason(&self) -> String {
        self.0.reason.to_string()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<operr.log.Corruption: {}>", self.0)
    }
}

impl Corruption {
    fn place(&self) -> &Place {
        &self.0.place
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const SEVERITIES: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
/// How many characters of a body are shown.
const SHOWN: usize = 120;
