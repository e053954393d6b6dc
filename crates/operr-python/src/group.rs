//! Many errors into one, for `operr.group`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use operr::OpError;
use operr::group::{ErrorGroup, Kind};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::log::{datetime, nanos};
use crate::status::{Status, malformed};

/// Counts errors. Any number of threads may use it.
#[pyclass(frozen, module = "operr._native")]
#[derive(Default)]
pub(crate) struct Group(Mutex<ErrorGroup>);

#[pymethods]
impl Group {
    #[new]
    fn new() -> Group {
        Group::default()
    }

    /// Reads the group that an error is, if it is one.
    #[staticmethod]
    fn from_error(error: &Status) -> PyResult<Option<Group>> {
        let group = ErrorGroup::from_error(&error.0).map_err(malformed)?;
        Ok(group.map(|group| Group(Mutex::new(group))))
    }

    /// Counts an error; without a time, of now.
    #[pyo3(signature = (error, time = None))]
    fn add(&self, error: &Status, time: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let time = match time {
            Some(time) => SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos("time", time)?),
            None => SystemTime::now(),
        };
        self.lock().add(&error.0, time);
        Ok(())
    }

    fn add_successes(&self, count: u64) {
        self.lock().add_successes(count);
    }

    fn merge(&self, other: &Group) {
        // It may be this one.
        let other = other.lock().clone();
        self.lock().merge(&other);
    }

    #[getter]
    fn errors(&self) -> u64 {
        self.lock().errors()
    }

    #[getter]
    fn successes(&self) -> u64 {
        self.lock().successes()
    }

    #[getter]
    fn codes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let codes = self.lock().codes();
        let dict = PyDict::new(py);
        codes.into_iter().try_for_each(|(code, count)| dict.set_item(code.value(), count))?;
        Ok(dict)
    }

    #[getter]
    fn classes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let group = self.lock().clone();
        let dict = PyDict::new(py);
        group.classes().into_iter().try_for_each(|(class, count)| dict.set_item(class, count))?;
        Ok(dict)
    }

    /// Fingerprint, count, first and last time, and the first error, if it is there.
    #[getter]
    fn kinds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let kinds = self.lock().kinds();
        let tuple = |kind: Kind| {
            let first = datetime(py, since(kind.first_seen))?;
            let last = datetime(py, since(kind.last_seen))?;
            (kind.fingerprint.to_string(), kind.count, first, last, kind.error.map(Status)).into_pyobject(py)
        };
        PyTuple::new(py, kinds.into_iter().map(tuple).collect::<PyResult<Vec<_>>>()?)
    }

    /// How many errors are of codes, classes and kinds that are not kept.
    #[getter]
    fn others(&self) -> (u64, u64, u64) {
        let group = self.lock();
        (group.other_codes(), group.other_classes(), group.other_kinds())
    }

    fn to_error(&self) -> Option<Status> {
        self.lock().to_error().map(Status)
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let Ok(other) = other.cast::<Group>() else { return false };
        let other = other.get().lock().clone();
        *self.lock() == other
    }
}

impl Group {
    fn lock(&self) -> MutexGuard<'_, ErrorGroup> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes one error of those that the parts of an operation ended with, with a list of them. None is a success.
#[pyfunction]
pub(crate) fn summarize(errors: Vec<Option<PyRef<'_, Status>>>) -> Option<Status> {
    operr::group::summarize(errors.iter().map(whole)).map(Status)
}

/// Makes one error of those that the parts of an operation ended with, with their texts. None is a success.
#[pyfunction]
pub(crate) fn concatenate(errors: Vec<Option<PyRef<'_, Status>>>) -> Option<Status> {
    operr::group::concatenate(errors.iter().map(whole)).map(Status)
}

fn whole(error: &Option<PyRef<'_, Status>>) -> Option<OpError> {
    error.as_ref().map(|error| error.0.clone())
}

fn since(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
