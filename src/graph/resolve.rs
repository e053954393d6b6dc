//! [`OpError::resolve`]: node and op of an error, by its message.

use bytes::Bytes;

use crate::error::OpError;
use crate::graph::{Graph, debug_info, node_name};
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
        // A copy, for the error may outlive a large graph.
        self.with_node_def(NodeDef::from_bytes(Bytes::copy_from_slice(node.as_bytes()))).with_op(&operation)
    }
}

/// The operation of a node in a function, or of the outermost graph.
pub(super) fn operation(graph: &Graph, node: &NodeDef, function: &str) -> Operation {
    let name = node.name().unwrap_or_default();
    let info = node.decode().ok().and_then(|node| node.experimental_debug_info).unwrap_or_default();
    let functions = info.original_func_names.iter().map(String::as_str).chain(std::iter::repeat(""));
    let originals = info.original_node_names.iter().map(String::as_str).zip(functions).take(MAX_ORIGINALS);
    let originals: Vec<_> = originals.collect();

    let is_outermost = |(_, function): &&(&str, &str)| function.is_empty();
    let outermost = graph.nodes(originals.iter().filter(is_outermost).map(|(name, _)| *name));
    let inside = graph.nodes_in(originals.iter().map(|&(name, function)| (function, name)).collect());
    let all = originals.iter().copied().chain([(name, function)]);
    let tracebacks = graph.tracebacks(all.map(|(name, function)| debug_info::key(name, function)).collect());
    let named = |node: Option<NodeDef>, name: &str, function: &str| {
        let node = node.unwrap_or_default();
        let traceback = tracebacks.get(&debug_info::key(name, function)).cloned().unwrap_or_default();
        Operation::new(name, node.op().unwrap_or_default()).with_traceback(traceback)
    };
    let operation = named(Some(node.clone()), name, function);
    originals.into_iter().fold(operation, |operation, (name, function)| {
        let found = if function.is_empty() { outermost.get(name) } else { inside.get(&(function, name)) };
        operation.with_original(named(found.cloned(), name, function))
    })
}

/// How many originals are looked up: fusing makes one node of a handful.
const MAX_ORIGINALS: usize = 100;
