//! What a call of grpcio's ended with, as an exception.

use operr::{Code, OpError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::arguments::{Data, Text};
use crate::exception::exception;

/// Makes the exception that a call ended with, which is a peer's.
#[pyfunction]
pub(crate) fn from_call<'py>(
    py: Python<'py>,
    code: i32,
    message: &Bound<'py, PyString>,
    metadata: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    static VALUES_OF: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let (details, pushback) = match details(metadata) {
        Some(details) => (details, None),
        None => VALUES_OF.import(py, "operr.grpc._status", "values_of")?.call1((metadata,))?.extract()?,
    };
    let code = Code::new(code);
    let error = match message.to_str() {
        Ok(message) => OpError::from_status(code, message, details.0),
        Err(_) => OpError::from_status(code, message.extract::<Text>()?.0, details.0),
    };
    let error = error.into_remote();
    exception(py, pushback.iter().fold(error, |error, Text(pushback)| error.with_pushback(pushback)))
}

/// The details among metadata as grpcio's clients have them. None where it takes more to find what counts.
fn details(metadata: &Bound<'_, PyAny>) -> Option<Data> {
    let mut details = None;
    for item in metadata.cast::<PyTuple>().ok()?.iter_borrowed() {
        let item = item.cast::<PyTuple>().ok()?;
        let (name, value) = (item.get_borrowed_item(0).ok()?, item.get_borrowed_item(1).ok()?);
        match name.cast::<PyString>().ok()?.to_str().ok()? {
            DETAILS if item.len() == 2 && details.is_none() => {
                details = Some(value.cast::<PyBytes>().ok()?.extract().ok()?)
            }
            DETAILS | PUSHBACK => return None,
            _ if item.len() == 2 => {}
            _ => return None,
        }
    }
    details
}

const DETAILS: &str = "grpc-status-details-bin";
const PUSHBACK: &str = "grpc-retry-pushback-ms";
