//! Graphs and messages that name nodes, for `operr.graph`.

use bytes::Bytes;
use operr::graph::{self, Tag};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::{Data, Text, argument};
use crate::status::{Status, malformed};

/// A `tensorflow.GraphDef`, in which nodes are found by name.
#[pyclass(frozen, module = "operr._native")]
pub(crate) struct Graph(graph::Graph);

/// The bytes of a node, and the function that it is in.
type Found<'py> = (Bound<'py, PyBytes>, Option<String>);

#[pymethods]
impl Graph {
    #[new]
    fn new(py: Python<'_>, data: &Bound<'_, PyAny>, debug_info: Option<&Bound<'_, PyAny>>) -> PyResult<Graph> {
        let data = whole("data", data)?;
        let debug_info = debug_info.map(|info| whole("debug_info", info)).transpose()?;
        let read = || {
            let graph = graph::Graph::from_bytes(data)?;
            debug_info.map_or(Ok(graph.clone()), |info| graph.with_debug_info(info))
        };
        py.detach(read).map(Graph).map_err(malformed)
    }

    fn node<'py>(
        &self,
        py: Python<'py>,
        name: &Bound<'py, PyAny>,
        function: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let Text(name) = argument("name", name)?;
        let function = function.map(|function| argument::<Text>("function", function)).transpose()?;
        let node = py.detach(|| match &function {
            Some(Text(function)) => self.0.node_in(function, &name),
            None => self.0.node(&name),
        });
        Ok(node.map(|node| PyBytes::new(py, node.as_bytes())))
    }

    fn failed_node<'py>(&self, py: Python<'py>, message: &Bound<'py, PyAny>) -> PyResult<Option<Found<'py>>> {
        let Text(message) = argument("message", message)?;
        let found = py.detach(|| self.0.failed_node(&message));
        Ok(found.map(|(node, function)| (PyBytes::new(py, node.as_bytes()), function)))
    }

    fn interpolate(&self, py: Python<'_>, message: &Bound<'_, PyAny>) -> PyResult<String> {
        let Text(message) = argument("message", message)?;
        Ok(py.detach(|| graph::interpolate(&message, &self.0)))
    }

    /// None if nothing changes.
    fn resolve(&self, py: Python<'_>, status: &Status) -> Option<Status> {
        let resolved = py.detach(|| status.0.clone().resolve(&self.0));
        (resolved != status.0).then_some(Status(resolved))
    }
}

/// What may be large: bytes stay Python's, and are not copied.
fn whole(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    match object.cast::<PyBytes>() {
        Ok(bytes) => Ok(Bytes::from_owner(PyBackedBytes::from(bytes.clone()))),
        Err(_) => argument::<Data>(name, object).map(|data| data.0),
    }
}

/// Types and names.
type Tags<'py> = Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>;

/// Takes a message apart: its text, the tags of functions, and all others.
#[pyfunction]
pub(crate) fn parse_message<'py>(text: &Bound<'py, PyAny>) -> PyResult<(String, Tags<'py>, Tags<'py>)> {
    let (py, Text(text)) = (text.py(), argument("text", text)?);
    let parsed = graph::parse_message(&text);
    let tags = |tags: &[Tag<'_>]| {
        tags.iter().map(|tag| (PyString::new(py, tag.r#type), PyString::new(py, tag.name))).collect()
    };
    let (functions, nodes) = (tags(&parsed.functions), tags(&parsed.nodes));
    Ok((parsed.text, functions, nodes))
}

/// Gives the name of the node that failed, as a session reads it from a message, or None.
#[pyfunction]
pub(crate) fn node_name<'py>(text: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyString>>> {
    let Text(message) = argument("text", text)?;
    Ok(graph::node_name(&message).map(|name| PyString::new(text.py(), name)))
}
