//! The error log, for `operr.log`.

mod reader;
mod record;
mod value;
mod writer;

use std::io;
use std::path::Path;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

pub(crate) use reader::Reader;
pub(crate) use record::{Corruption, Record};
pub(crate) use value::{RESERVED, datetime, nanos};
pub(crate) use writer::{Writer, count_forks};

/// The OSError of Python's that says the same, with its `errno` and `filename`.
fn os_error(py: Python<'_>, error: io::Error, path: &Path) -> PyErr {
    let Some(errno) = error.raw_os_error() else { return error.into() };
    let text = py.import("os").and_then(|os| os.call_method1("strerror", (errno,))?.extract::<String>());
    let text = text.unwrap_or_else(|_| error.to_string());
    PyOSError::new_err((errno, text, path.as_os_str().to_owned()))
}
