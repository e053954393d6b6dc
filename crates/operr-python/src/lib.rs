//! `operr._native`: the codec and the rules of the core, and the error log, for the Python package `operr` beside this.
//!
//! It knows errors as `Status`; the exceptions themselves are Python.
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use pyo3::prelude::*;

mod arguments;
mod budget;
mod call;
mod exception;
mod graph;
mod group;
mod log;
mod retry;
mod status;

#[pymodule]
mod _native {
    use operr::Code;
    use pyo3::prelude::*;
    use pyo3::types::{PyBytes, PyModule, PyTuple};

    use crate::arguments::{Data, argument};
    use crate::exception::{self, Plain};
    use crate::status::malformed;

    #[pymodule_export]
    use crate::budget::Budget;
    #[pymodule_export]
    use crate::call::from_call;
    #[pymodule_export]
    use crate::graph::{Graph, node_name, parse_message};
    #[pymodule_export]
    use crate::group::{Group, concatenate, summarize};
    #[pymodule_export]
    use crate::log::{Corruption, Reader, Record, Writer};
    #[pymodule_export]
    use crate::retry::Retry;
    #[pymodule_export]
    use crate::status::Status;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let row = |code: Code| Some((code.value(), code.name()?, code.class_name()?, code.description()?));
        let rows: Vec<_> = Code::errors().filter_map(row).collect();
        crate::log::count_forks(module.py())?;
        module.add("ERRORS", PyTuple::new(module.py(), rows)?)?;
        module.add("LOG_ATTRIBUTES", PyTuple::new(module.py(), crate::log::RESERVED)?)?;
        module.add("FILE_DESCRIPTOR_SET", PyBytes::new(module.py(), operr::FILE_DESCRIPTOR_SET))
    }

    /// Gives the code for a number that the operating system fails with, or None.
    #[pyfunction]
    fn code_from_errno(errno: i32) -> Option<i32> {
        Code::from_errno(errno).map(Code::value)
    }

    /// Gives the code for an exception of Python's own, by module and qualified name, or None.
    #[pyfunction]
    fn code_from_python(exception: &str) -> Option<i32> {
        Code::from_python(exception).map(Code::value)
    }

    /// Gives the name of a code, or None.
    #[pyfunction]
    fn code_name(code: i32) -> Option<&'static str> {
        Code::new(code).name()
    }

    /// Makes the exception that a status is, with its causes and notes.
    #[pyfunction]
    fn make<'py>(status: &Bound<'py, Status>) -> PyResult<Bound<'py, PyAny>> {
        exception::of_status(status)
    }

    /// Makes the exception that bytes are. Pickles name it, and keep doing so.
    #[pyfunction]
    fn from_bytes<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let Data(bytes) = argument("data", data)?;
        exception::exception(data.py(), operr::OpError::from_bytes(bytes).map_err(malformed)?)
    }

    /// Gives all that an exception of the family says, with what was set since it was made.
    #[pyfunction]
    fn complete<'py>(error: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Status>> {
        exception::complete(error)
    }

    /// Encodes an exception of the family.
    #[pyfunction]
    fn to_bytes<'py>(error: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(error.py(), &exception::complete(error)?.get().0.to_bytes()))
    }

    /// Gives the bytes of an exception of the family that is no more than these, else None.
    #[pyfunction]
    fn plain_bytes<'py>(error: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        match Plain::of(error)? {
            Some(plain) if plain.is_its_bytes(error)? => {
                Ok(Some(PyBytes::new(error.py(), &plain.status.get().0.to_bytes())))
            }
            _ => Ok(None),
        }
    }
}
