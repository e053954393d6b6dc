//! [`Status`]: an error of the core as Python holds it.

use operr::{Code, Container, Frame, OpError, Operation, Origin, ResultExt as _};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use crate::arguments::{Data, Number, Text, argument};
use crate::budget::Budget;
use crate::retry::Retry;

pyo3::import_exception!(operr._error, DecodeError);

/// An error: all that its bytes say, and nothing else. It does not change.
#[pyclass(frozen, module = "operr._native")]
pub(crate) struct Status(pub(crate) OpError);

/// file, line, column, function, code
type FrameTuple = (Text, i32, i32, Text, Text);
/// name, type, traceback
type OperationTuple = (Text, Text, Vec<FrameTuple>);

#[pymethods]
impl Status {
    #[new]
    #[pyo3(signature = (error_code, message, payloads = Vec::new(), node_def = None),
        text_signature = "(error_code, message, payloads=(), node_def=None)")]
    fn new(
        error_code: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        payloads: Vec<(Text, Data)>,
        node_def: Option<Data>,
    ) -> PyResult<Status> {
        let (Number(code), Text(message)) = (argument("error_code", error_code)?, argument("message", message)?);
        let error = OpError::new(Code::new(code), message);
        let error = payloads.into_iter().fold(error, |error, (Text(url), Data(value))| error.with_payload(url, value));
        // Behind the payloads, for one of them may be a node.
        Ok(Status(match node_def {
            Some(Data(node)) => error.with_node_def(operr::NodeDef::from_bytes(node)),
            None => error,
        }))
    }

    /// Reads the bytes of an error.
    #[staticmethod]
    fn from_bytes(data: &Bound<'_, PyAny>) -> PyResult<Status> {
        let Data(data) = argument("data", data)?;
        OpError::from_bytes(data).map(Status).map_err(malformed)
    }

    /// Reads the JSON object of an error.
    #[staticmethod]
    fn from_json(text: &Bound<'_, PyAny>) -> PyResult<Status> {
        let Text(text) = argument("text", text)?;
        OpError::from_json(&text).map(Status).map_err(malformed)
    }

    /// Makes the error that a call ended with.
    #[staticmethod]
    fn from_status(
        code: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        details: &Bound<'_, PyAny>,
    ) -> PyResult<Status> {
        let (Number(code), Text(message)) = (argument("code", code)?, argument("message", message)?);
        let Data(details) = argument("details", details)?;
        Ok(Status(OpError::from_status(Code::new(code), message, details)))
    }

    fn with_payload(&self, url: Text, value: Data) -> Status {
        Status(self.0.clone().with_payload(url.0, value.0))
    }

    fn with_node_def(&self, node_def: Data) -> Status {
        Status(self.0.clone().with_node_def(operr::NodeDef::from_bytes(node_def.0)))
    }

    /// Sets the operation; the first is the operation itself, the others are its originals.
    fn with_op(&self, operations: Vec<OperationTuple>) -> Status {
        let mut operations = operations.into_iter().map(|(name, r#type, frames)| {
            Operation::new(name.0, r#type.0).with_traceback(frames.into_iter().map(frame))
        });
        match operations.next() {
            Some(operation) => Status(self.0.clone().with_op(&operations.fold(operation, Operation::with_original))),
            None => Status(self.0.clone()),
        }
    }

    fn with_origin(&self, r#type: Text, notes: Vec<Text>, raised_at: Vec<FrameTuple>) -> Status {
        let mut origin = Origin::new(r#type.0);
        origin.notes = notes.into_iter().map(|note| note.0).collect();
        origin.raised_at = raised_at.into_iter().map(frame).collect();
        Status(self.0.clone().with_origin(&origin))
    }

    fn with_notes(&self, notes: Vec<Text>) -> Status {
        Status(notes.into_iter().fold(self.0.clone(), |error, note| error.with_note(note.0)))
    }

    /// Sets the detail of the type with this full name.
    fn with_detail(&self, full_name: &str, value: Data) -> Status {
        Status(self.0.clone().with_detail_bytes(full_name, value.0))
    }

    /// Remembers what the trailer `grpc-retry-pushback-ms` of the call said.
    fn with_pushback(&self, milliseconds: &str) -> Status {
        Status(self.0.clone().with_pushback(milliseconds))
    }

    /// Marks it as come from a peer.
    fn remote(&self) -> Status {
        Status(self.0.clone().into_remote())
    }

    /// Takes it over as one of this process.
    fn local(&self) -> Status {
        Status(self.0.clone().into_local())
    }

    /// Gives what a service says to itself about a call that fails with this.
    fn answer(&self) -> Status {
        Status(self.0.clone().into_answer())
    }

    /// Gives what may be seen outside; of an error that was converted from an exception of another kind, not the message.
    #[pyo3(signature = (*, is_converted = false))]
    fn public(&self, is_converted: bool) -> Status {
        if !is_converted {
            return Status(self.0.public());
        }
        // As the core knows an error that it has converted itself.
        let shown = Err::<(), _>(self.0.message()).or_code(self.0.code()).err().unwrap_or_else(|| self.0.clone());
        let shown = self.0.pushback().iter().fold(shown, |shown, pushback| shown.with_pushback(pushback));
        let shown = self.0.payloads().iter().fold(shown, |shown, (url, value)| shown.with_payload(url, value));
        Status(shown.public())
    }

    /// Puts causes in front of those that there are.
    fn with_first_causes(&self, causes: Vec<Py<Status>>) -> Status {
        let add = |error: OpError, cause: Py<Status>| error.with_first_cause(cause.get().0.clone());
        Status(causes.into_iter().rev().fold(self.0.clone(), add))
    }

    /// Says that so many more causes were left out.
    fn with_omitted_causes(&self, causes: u32) -> Status {
        let mut omitted = self.0.detail::<operr::Omitted>().ok().flatten().unwrap_or_default();
        omitted.causes = omitted.causes.saturating_add(causes);
        Status(self.0.clone().with_detail(&omitted))
    }

    #[getter]
    fn code(&self) -> i32 {
        self.0.code().value()
    }

    #[getter]
    fn message(&self) -> &str {
        self.0.message()
    }

    #[getter]
    fn node_def<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, self.0.node_def()?.as_bytes()))
    }

    /// The name of the node, if it can be read.
    #[getter]
    fn node_name(&self) -> Option<String> {
        self.0.node_def()?.name().ok().map(str::to_owned)
    }

    /// The operation and its originals, empty if there is none.
    #[getter]
    fn op<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let operation = self.0.op();
        let all = operation.iter().flat_map(|op| std::iter::once(op).chain(&op.originals));
        let all = all.map(|op| Ok((&*op.name, &*op.r#type, frames(py, &op.traceback)?)));
        PyTuple::new(py, all.collect::<PyResult<Vec<_>>>()?)
    }

    /// The type, the notes and where it was raised.
    #[getter]
    fn origin<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(origin) = self.0.origin() else { return Ok(None) };
        let notes = PyTuple::new(py, &origin.notes)?;
        (origin.r#type, notes, frames(py, &origin.raised_at)?).into_pyobject(py).map(Some)
    }

    #[getter]
    fn payloads<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let pairs: Vec<_> = self.0.payloads().iter().map(|(url, value)| (url, PyBytes::new(py, &value))).collect();
        PyTuple::new(py, pairs)
    }

    #[getter]
    fn causes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let causes = self.0.causes().iter().map(|cause| Py::new(py, Status(cause.clone())));
        PyTuple::new(py, causes.collect::<PyResult<Vec<_>>>()?)
    }

    /// In the order of the fields of `operr.v1.Omitted`.
    #[getter]
    fn omitted<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let Some(omitted) = self.0.omitted() else { return Ok(None) };
        let type_urls = PyTuple::new(py, &omitted.type_urls)?;
        let unparsed = PyBytes::new(py, &omitted.unparsed);
        let counts = (omitted.causes, omitted.frames, omitted.attributes);
        (type_urls, omitted.bytes, counts.0, counts.1, counts.2, omitted.message_bytes, unparsed)
            .into_pyobject(py)
            .map(Some)
    }

    /// What is missing, in words.
    #[getter]
    fn missing(&self) -> Option<String> {
        self.0.omitted().map(|omitted| omitted.to_string())
    }

    #[getter]
    fn is_remote(&self) -> bool {
        self.0.is_remote()
    }

    /// The trailer `grpc-retry-pushback-ms` to fail a call with.
    #[getter]
    fn pushback(&self) -> Option<String> {
        self.0.pushback()
    }

    #[getter]
    fn correlation_id(&self) -> Option<String> {
        self.0.correlation_id()
    }

    #[getter]
    fn retry(&self) -> Retry {
        Retry(self.0.retry())
    }

    /// Domain and reason.
    #[getter]
    fn reason(&self) -> Option<(String, String)> {
        self.0.reason()
    }

    /// What it has in common with others of its kind.
    #[getter]
    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }

    /// Whether both are the same failure.
    fn is_same(&self, other: &Status) -> bool {
        self.0.is_same(&other.0)
    }

    /// Whether there is something that an exception has in attributes of its own: causes or notes.
    #[getter]
    pub(crate) fn has_links(&self) -> bool {
        !self.0.causes().is_empty() || self.0.origin().is_some_and(|origin| !origin.notes.is_empty())
    }

    /// The last detail of the type with this full name.
    fn detail<'py>(&self, py: Python<'py>, full_name: &str) -> Option<Bound<'py, PyBytes>> {
        Some(PyBytes::new(py, &self.0.detail_bytes(full_name)?))
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    /// Gives what of it is sent within a budget, less so many bytes: code, message and `grpc-status-details-bin`.
    fn to_grpc<'py>(
        &self,
        py: Python<'py>,
        budget: &Budget,
        others: usize,
        tensorflow: bool,
    ) -> (i32, Bound<'py, PyString>, Bound<'py, PyBytes>) {
        let budget = if others == 0 { budget.0 } else { budget.0.less(others) };
        let sent = self.0.fit(budget, container(tensorflow));
        let details = PyBytes::new(py, &sent.to_details(container(tensorflow)));
        (sent.code().grpc_status().value(), PyString::new(py, sent.message()), details)
    }

    /// All that there is, over many lines.
    fn describe(&self) -> String {
        format!("{:#}", self.0)
    }

    fn to_json(&self) -> String {
        self.0.to_json()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Status>().is_ok_and(|other| self.0 == other.get().0)
    }

    fn __hash__(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash as _, Hasher as _};
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher.finish()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

fn container(tensorflow: bool) -> Container {
    if tensorflow { Container::TensorFlow } else { Container::Status }
}

fn frame((file, line, column, function, code): FrameTuple) -> Frame {
    Frame { column, ..Frame::new(file.0, line, function.0).with_code(code.0) }
}

fn frames<'py>(py: Python<'py>, frames: &[Frame]) -> PyResult<Bound<'py, PyTuple>> {
    let tuple = |frame: &Frame| {
        let Frame { file, line, column, function, code } = frame;
        (file, *line, *column, function, code).into_pyobject(py)
    };
    PyTuple::new(py, frames.iter().map(tuple).collect::<PyResult<Vec<_>>>()?)
}

pub(crate) fn malformed(error: operr::Error) -> PyErr {
    DecodeError::new_err((error.to_string(), error.position()))
}
