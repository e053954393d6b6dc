//! [`Reader`]: the records of logs, for `operr.log.read`.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use operr_log::Entry;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit};

use crate::arguments::argument;
use crate::log::record::{Corruption, Record};
use crate::log::value;

/// An iterator of records, which calls back with what is none. For one thread.
#[pyclass(module = "operr._native")]
pub(crate) struct Reader {
    /// Never locked. A class has to be Sync, and what reads streams is only Send.
    reader: Mutex<operr_log::Reader>,
    /// What was read without the GIL.
    batch: VecDeque<io::Result<Entry>>,
    since: u64,
    until: Option<u64>,
    on_corruption: Py<PyAny>,
}

#[pymethods]
impl Reader {
    #[new]
    fn new(
        py: Python<'_>,
        logs: Vec<Bound<'_, PyAny>>,
        since: Option<&Bound<'_, PyAny>>,
        until: Option<&Bound<'_, PyAny>>,
        follow: bool,
        on_corruption: Py<PyAny>,
    ) -> PyResult<Reader> {
        let logs: Vec<_> = logs.iter().map(|log| argument::<PathBuf>("logs", log)).collect::<PyResult<_>>()?;
        let since = since.map_or(Ok(0), |since| value::nanos("since", since))?;
        let until = until.map(|until| value::nanos("until", until)).transpose()?;
        let open = || if follow { operr_log::Reader::follow(&logs) } else { operr_log::Reader::open(&logs) };
        let reader = Mutex::new(py.detach(open)?);
        Ok(Reader { reader, batch: VecDeque::new(), since, until, on_corruption })
    }

    /// Looks for what was written since, to files that are followed.
    fn refresh(&mut self, py: Python<'_>) -> PyResult<()> {
        let reader = self.reader.get_mut().unwrap_or_else(PoisonError::into_inner);
        Ok(py.detach(|| reader.refresh())?)
    }

    fn __iter__(this: Py<Reader>) -> Py<Reader> {
        this
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<Record>> {
        loop {
            match self.batch.pop_front() {
                Some(Ok(Entry::Record(logged))) => return Ok(Some(Record(logged))),
                Some(Ok(Entry::Corruption(corruption))) => {
                    self.on_corruption.call1(py, (Corruption(corruption),))?;
                }
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(_)) => {}
                None => {
                    py.check_signals()?;
                    if !py.detach(|| self.fill()) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_corruption)
    }
}

impl Reader {
    /// Reads on; false if there is nothing more.
    fn fill(&mut self) -> bool {
        let reader = self.reader.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        for _ in 0..LOOKED_AT {
            match reader.next() {
                Some(Ok(Entry::Record(logged))) => {
                    let time = logged.record.time_unix_nano();
                    if time < self.since || self.until.is_some_and(|until| time >= until) {
                        continue;
                    }
                    bytes += logged.record.as_bytes().len();
                    self.batch.push_back(Ok(Entry::Record(logged)));
                }
                Some(other) => self.batch.push_back(other),
                None => return !self.batch.is_empty(),
            }
            if self.batch.len() >= BATCH || bytes >= BATCH_BYTES {
                break;
            }
        }
        true
    }
}

/// How many records are read at a time, and how many bytes.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 128 << 10;
/// How many are looked at before Python may be interrupted.
const LOOKED_AT: usize = 4_096;
