//! [`Retry`]: the core's, as a class of Python.

use pyo3::prelude::*;

/// Whether the call that failed is worth trying again.
///
/// The verdicts are attributes; `delay` tells how long to wait where the server said so.
#[pyclass(frozen, eq, hash, module = "operr")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Retry(pub(crate) operr::Retry);

#[pymethods]
impl Retry {
    /// No.
    #[classattr]
    const NEVER: Retry = Retry(operr::Retry::Never);
    /// Yes, after a while that grows with each try.
    #[classattr]
    const BACKOFF: Retry = Retry(operr::Retry::Backoff);
    /// Not the call, but the whole transaction that it is part of, by the caller.
    #[classattr]
    const TRANSACTION: Retry = Retry(operr::Retry::Transaction);
    /// Only if the caller knows that the call is idempotent: it may have taken effect.
    #[classattr]
    const IF_IDEMPOTENT: Retry = Retry(operr::Retry::IfIdempotent);

    /// Seconds to wait, as the server said; None if it did not.
    #[getter]
    fn delay(&self) -> Option<f64> {
        self.0.delay().map(|delay| delay.as_secs_f64())
    }

    /// Tells whether the caller may make the same call again, being idempotent or not.
    #[pyo3(signature = (*, idempotent = false))]
    fn allows(&self, idempotent: bool) -> bool {
        self.0.allows(idempotent)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Retry: {}>", self.0)
    }
}
