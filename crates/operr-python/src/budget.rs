//! [`Budget`]: the core's, as a class of Python.

use pyo3::prelude::*;

use crate::arguments::{Size, argument};

/// How many bytes the trailers of a failed call may have, as gRPC counts them: name, value and 32 for each header.
///
/// The known limits are attributes, each less the 1,024 bytes that are left to others. `Budget(n)` has n bytes, 1,024
/// at least.
#[pyclass(frozen, eq, hash, module = "operr")]
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct Budget(pub(crate) operr::Budget);

#[pymethods]
impl Budget {
    /// For clients with C-core, as Python's, C++'s, Ruby's and PHP's: 8,192 bytes.
    #[classattr]
    const GRPCIO: Budget = Budget(operr::Budget::GRPCIO);
    /// For clients with grpc-java: 8,192 bytes.
    #[classattr]
    const GRPC_JAVA: Budget = Budget(operr::Budget::GRPC_JAVA);
    /// For clients with tonic as it is: 16 KiB.
    #[classattr]
    const TONIC: Budget = Budget(operr::Budget::TONIC);
    /// For clients with grpc-go: 16 MiB.
    #[classattr]
    const GRPC_GO: Budget = Budget(operr::Budget::GRPC_GO);
    /// For TensorFlow: 8,192 bytes, and messages of 3,072.
    #[classattr]
    const TENSORFLOW: Budget = Budget(operr::Budget::TENSORFLOW);
    /// For clients whose limit was lifted: nothing is left out.
    #[classattr]
    const UNLIMITED: Budget = Budget(operr::Budget::UNLIMITED);

    #[new]
    fn new(trailers: &Bound<'_, PyAny>) -> PyResult<Budget> {
        let Size(trailers) = argument("trailers", trailers)?;
        Ok(Budget(operr::Budget::new(trailers)))
    }

    /// How many bytes the trailers may have.
    #[getter]
    fn trailers(&self) -> usize {
        self.0.trailers()
    }

    /// Gives what is left beside so many bytes of other trailers, counted as gRPC does, but not less than 1,024.
    fn less(&self, others: &Bound<'_, PyAny>) -> PyResult<Budget> {
        let Size(others) = argument("others", others)?;
        Ok(Budget(self.0.less(others)))
    }

    fn __repr__(&self) -> String {
        format!("Budget({})", self.0.trailers())
    }
}
