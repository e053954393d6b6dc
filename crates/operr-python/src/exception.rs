//! The exceptions of the package, made and asked without a detour through Python where they are as most are.
//!
//! `operr._error` has the rest: causes, notes, subclasses, and what users put into an exception.

use operr::{Code, OpError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::status::Status;

/// The exception that an error is, with its causes and notes.
pub(crate) fn exception(py: Python<'_>, error: OpError) -> PyResult<Bound<'_, PyAny>> {
    of_status(&Bound::new(py, Status(error))?)
}

/// The exception that a status of Python's is.
pub(crate) fn of_status<'py>(status: &Bound<'py, Status>) -> PyResult<Bound<'py, PyAny>> {
    let py = status.py();
    let family = Family::of(py)?;
    // Constructors take other arguments, and make a status.
    let exception = family.new.bind(py).call1(family.class(status.get().0.code()).bind(py))?;
    exception.setattr(intern!(py, "_operr_status"), status)?;
    if status.get().has_links() {
        family.attach.bind(py).call1((&exception,))?;
    }
    Ok(exception)
}

/// All that an `OpError` of Python's says, with the causes and notes that were set since it was made.
pub(crate) fn complete<'py>(exception: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Status>> {
    match Plain::of(exception)? {
        Some(plain) => Ok(plain.status),
        None => Ok(exception.call_method0(intern!(exception.py(), "_operr_complete"))?.cast_into()?),
    }
}

/// An exception of one of the family's own classes, without `__cause__` and notes: all that it says is in its status.
pub(crate) struct Plain<'py> {
    pub(crate) status: Bound<'py, Status>,
    /// What is in the exception beside the status.
    others: Bound<'py, PyDict>,
}

impl<'py> Plain<'py> {
    /// None if it is another one.
    pub(crate) fn of(exception: &Bound<'py, PyAny>) -> PyResult<Option<Plain<'py>>> {
        let py = exception.py();
        if !Family::of(py)?.has(exception.get_type().as_any()) {
            return Ok(None);
        }
        let others = exception.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
        let Some(status) = others.get_item(intern!(py, "_operr_status"))? else { return Ok(None) };
        // Most have no more than the node beside.
        let may_have_notes =
            others.len() > 1 && (others.len() > 2 || !others.contains(intern!(py, "_operr_node_def"))?);
        let has_notes = may_have_notes
            && (others.contains(intern!(py, "__notes__"))? || others.contains(intern!(py, "_operr_notes"))?);
        if has_notes || !exception.getattr(intern!(py, "__cause__"))?.is_none() {
            return Ok(None);
        }
        Ok(Some(Plain { status: status.cast_into()?, others }))
    }

    /// Whether nothing is lost where the exception is made of its bytes anew.
    pub(crate) fn is_its_bytes(&self, exception: &Bound<'py, PyAny>) -> PyResult<bool> {
        let py = exception.py();
        let error = &self.status.get().0;
        let is_of_code = is_first(Family::of(py)?.class(error.code()).bind(py), exception.get_type().as_any());
        let mut known = 1;
        if self.others.len() > 1 {
            // Views of what is in the status. An operation that was given is one of its graph, and not sent either.
            known += usize::from(self.others.contains(intern!(py, "_operr_node_def"))?);
            known += usize::from(self.others.contains(intern!(py, "_operr_op"))?);
        }
        Ok(is_of_code
            && known == self.others.len()
            && !error.is_remote()
            && error.pushback().is_none()
            && error.causes().is_empty()
            && exception.getattr(intern!(py, "args"))?.cast::<PyTuple>()?.is_empty())
    }
}

static FAMILY: PyOnceLock<Family> = PyOnceLock::new();

/// What there is in Python.
struct Family {
    /// The classes by code, from 0 on, each as the arguments of `new`.
    classes: Vec<Py<PyTuple>>,
    unknown: Py<PyTuple>,
    base: Py<PyAny>,
    /// `__new__`, which is the same of all classes.
    new: Py<PyAny>,
    /// Sets `__cause__` and notes of an exception.
    attach: Py<PyAny>,
}

impl Family {
    fn of(py: Python<'_>) -> PyResult<&Family> {
        FAMILY.get_or_try_init(py, || {
            let errors = py.import("operr.errors")?;
            let base = errors.getattr("OpError")?;
            let class = |code: Code| {
                let name = code.class_name().or(Code::UNKNOWN.class_name()).unwrap_or_default();
                Ok(PyTuple::new(py, [errors.getattr(name)?])?.unbind())
            };
            let last = Code::errors().map(Code::value).max().unwrap_or_default();
            Ok(Family {
                classes: (0..=last).map(|code| class(Code::new(code))).collect::<PyResult<_>>()?,
                unknown: class(Code::UNKNOWN)?,
                new: base.getattr("__new__")?.unbind(),
                base: base.unbind(),
                attach: py.import("operr._links")?.getattr("attach")?.unbind(),
            })
        })
    }

    /// The class for a code.
    fn class(&self, code: Code) -> &Py<PyTuple> {
        usize::try_from(code.value()).ok().and_then(|code| self.classes.get(code)).unwrap_or(&self.unknown)
    }

    /// Whether it is a class of the family, and not a subclass of one.
    fn has(&self, class: &Bound<'_, PyAny>) -> bool {
        self.base.is(class) || self.classes.iter().any(|known| is_first(known.bind(class.py()), class))
    }
}

fn is_first(tuple: &Bound<'_, PyTuple>, item: &Bound<'_, PyAny>) -> bool {
    tuple.get_borrowed_item(0).is_ok_and(|first| first.is(item))
}
