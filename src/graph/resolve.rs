//! [`OpError::resolve`]: node and op of an error, by its message.

use crate::error::OpError;
use crate::graph::{Graph, node_name};
use crate::node_def::NodeDef;
use crate::operation::Operation;

impl OpError {
    /// Sets `node_def` and `op` to the node of the graph that the [message names](node_name), exactly as a TensorFlow
    /// session does, its misses included: a node in a function, or one that the runtime made, such as a `Send`, a `Recv` or a
    /// `_retval`, is none of the outermost graph. Then the error stays as it is, with what it knows of its node.
    ///
    /// [`Graph::failed_node`] looks into functions, too.
    ///
    /// ```
    /// use operr::graph::Graph;
    /// use operr::pb::tensorflow::{GraphDef, NodeDef};
    /// use operr::{Code, OpError};
    /// use prost::Message as _;
    ///
    /// let enq = NodeDef { name: "enq".into(), op: "QueueEnqueueV2".into(), ..NodeDef::default() };
    /// let graph = Graph::from_bytes(GraphDef { node: vec![enq], ..GraphDef::default() }.encode_to_vec())?;
    /// let error = OpError::new(Code::CANCELLED, "Enqueue operation was cancelled\n\t [[{{node enq}}]]");
    /// assert_eq!(error.resolve(&graph).op().unwrap().r#type, "QueueEnqueueV2");
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn resolve(self, graph: &Graph) -> OpError {
        let Some(node) = node_name(self.message()).and_then(|name| graph.node(name)) else { return self };
        let operation = operation(graph, &node, "");
        self.with_node_def(node).with_op(&operation)
    }
}

/// The operation of a node in a function, or of the outermost graph.
pub(super) fn operation(graph: &Graph, node: &NodeDef, function: &str) -> Operation {
    let named = |node: &NodeDef, name: &str, function: &str| {
        let r#type = node.op().unwrap_or_default();
        Operation::new(name, r#type).with_traceback(graph.traceback(name, function))
    };
    let operation = named(node, node.name().unwrap_or_default(), function);
    let info = node.decode().ok().and_then(|node| node.experimental_debug_info).unwrap_or_default();
    let functions = info.original_func_names.iter().map(String::as_str).chain(std::iter::repeat(""));
    let originals: Vec<_> =
        info.original_node_names.iter().map(String::as_str).zip(functions).take(MAX_ORIGINALS).collect();
    let outermost = originals.iter().filter(|(_, function)| function.is_empty()).map(|(name, _)| *name).collect();
    let outermost = graph.nodes(&outermost);
    let originals = originals.into_iter().map(|(name, function)| {
        let found = if function.is_empty() { outermost.get(name).cloned() } else { graph.node_in(function, name) };
        named(&found.unwrap_or_default(), name, function)
    });
    originals.fold(operation, Operation::with_original)
}

/// How many originals are looked up: fusing makes one node of a handful.
const MAX_ORIGINALS: usize = 100;
