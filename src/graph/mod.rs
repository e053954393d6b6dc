//! The node and the operation that an error is about, found in a graph by the error's message, as a session does it.
//!
//! | | |
//! |---|---|
//! | [`Graph`] | a `tensorflow.GraphDef`, in which nodes are found by name, and where they were created |
//! | [`OpError::resolve`](crate::OpError::resolve) | sets `node_def` and `op` as a session does |
//! | [`interpolate`] | the message as a session raises it |
//! | [`parse_message`], [`node_name`], [`failed_node`] | what a message says of nodes |
//! | [`node_tag`], [`function_node_tag`], [`colocation_node_tag`], [`original_node_tags`] | what to write into one |

mod debug_info;
mod interpolate;
mod message;
mod nodes;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use prost::Message as _;

pub use self::interpolate::interpolate;
pub use self::message::{
    FailedNode, ParsedMessage, Tag, colocation_node_tag, failed_node, function_node_tag, node_name, node_tag,
    original_node_tags, parse_message,
};
use crate::failure::Error;
use crate::node_def::NodeDef;
use crate::operation::{Frame, Operation};
use crate::pb::tensorflow::FunctionDef;

/// A `tensorflow.GraphDef`, kept as the bytes that it was made from: nothing is decoded but what is asked for.
///
/// A lookup passes over the bytes, with no memory of its own. What is found is a part of these bytes, and keeps them.
///
/// ```
/// use operr::graph::Graph;
/// use operr::pb::tensorflow::{GraphDef, NodeDef};
/// use prost::Message as _;
///
/// let enq = NodeDef { name: "enq".into(), op: "QueueEnqueueV2".into(), ..NodeDef::default() };
/// let graph = Graph::from_bytes(GraphDef { node: vec![enq], ..GraphDef::default() }.encode_to_vec())?;
/// assert_eq!(graph.node("enq").unwrap().op()?, "QueueEnqueueV2");
/// assert_eq!(graph.node("deq"), None);
/// # Ok::<_, operr::Error>(())
/// ```
#[derive(Clone)]
pub struct Graph {
    bytes: Bytes,
    /// Whether every name stands in front of its node, once, as all encoders write it.
    is_ordinary: bool,
    /// Each a `GraphDebugInfo`; what was added later counts more.
    debug_infos: Vec<Bytes>,
}

impl Graph {
    /// Takes the bytes of a `tensorflow.GraphDef`, of a graph as `as_graph_def()` gives it.
    ///
    /// # Errors
    ///
    /// When the graph, its library or one of its nodes is no protobuf message, or a name is not UTF-8.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Graph, Error> {
        let bytes = bytes.into();
        let checked = nodes::check(&bytes)?;
        // Of a message that stands there twice, the parts are one, as everywhere in protobuf.
        let debug_info = match &*checked.debug_infos {
            [] => None,
            [range] => Some(bytes.slice(range.clone())),
            ranges => {
                Some(ranges.iter().filter_map(|range| bytes.get(range.clone())).collect::<Vec<_>>().concat().into())
            }
        };
        Ok(Graph { is_ordinary: checked.is_ordinary, debug_infos: debug_info.into_iter().collect(), bytes })
    }

    /// Adds a `tensorflow.GraphDebugInfo`, such as a SavedModel's `debug/saved_model_debug_info.pb`. Of the nodes that it has,
    /// it says where they were created, whatever the graph itself does.
    ///
    /// # Errors
    ///
    /// When the bytes are no protobuf message.
    pub fn with_debug_info(mut self, bytes: impl Into<Bytes>) -> Result<Graph, Error> {
        let bytes = bytes.into();
        nodes::check_debug_info(&bytes)?;
        self.debug_infos.push(bytes);
        Ok(self)
    }

    /// The node of this name in the outermost graph; of more than one, the first.
    pub fn node(&self, name: &str) -> Option<NodeDef> {
        self.nodes([name]).remove(name)
    }

    /// The nodes of these names in the outermost graph, as far as they are there, found in one go.
    ///
    /// ```
    /// use operr::graph::Graph;
    /// use operr::pb::tensorflow::{GraphDef, NodeDef};
    /// use prost::Message as _;
    ///
    /// let node = |name: &str| NodeDef { name: name.into(), ..NodeDef::default() };
    /// let graph = Graph::from_bytes(GraphDef { node: vec![node("a"), node("b")], ..GraphDef::default() }.encode_to_vec())?;
    /// let found = graph.nodes(["b", "c"]);
    /// assert_eq!(found.keys().collect::<Vec<_>>(), [&"b"]);
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn nodes<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, NodeDef> {
        let found = nodes::find(&self.bytes, &names.into_iter().collect(), self.is_ordinary);
        found.into_iter().map(|(name, range)| (name, self.slice(range))).collect()
    }

    /// The node of this name in a function of the library; of more than one, the first.
    pub fn node_in(&self, function: &str, name: &str) -> Option<NodeDef> {
        self.nodes_in(BTreeSet::from([(function, name)])).into_values().next()
    }

    /// The operation of this name in the outermost graph: with its traceback, if debug info has one, of which the innermost
    /// 1,000 frames, and with the first 100 operations that it was made from, if the node's `experimental_debug_info`
    /// names any.
    pub fn operation(&self, name: &str) -> Option<Operation> {
        Some(self.operation_of(&self.node(name)?, None))
    }

    /// The node that a message says has failed, in whichever function it is, and that function's name.
    ///
    /// Beyond what a session does, which knows nodes of the outermost graph only: where the [message](failed_node) names
    /// functions, it is the node of the innermost that has it; where it names none, and the outermost graph has no such
    /// node, that of the one function that has it.
    ///
    /// ```
    /// use operr::graph::Graph;
    /// use operr::pb::tensorflow::{FunctionDef, FunctionDefLibrary, GraphDef, NodeDef, OpDef};
    /// use prost::Message as _;
    ///
    /// let signature = Some(OpDef { name: "f".into(), ..OpDef::default() });
    /// let node_def = vec![NodeDef { name: "g".into(), op: "Add".into(), ..NodeDef::default() }];
    /// let function = vec![FunctionDef { signature, node_def, ..FunctionDef::default() }];
    /// let library = Some(FunctionDefLibrary { function, ..FunctionDefLibrary::default() });
    /// let graph = Graph::from_bytes(GraphDef { library, ..GraphDef::default() }.encode_to_vec())?;
    ///
    /// let (node, function) = graph.failed_node("boom\n\t [[{{function_node f}}{{node g}}]]").unwrap();
    /// assert_eq!((node.op()?, function.as_deref()), ("Add", Some("f")));
    /// # Ok::<_, operr::Error>(())
    /// ```
    pub fn failed_node(&self, message: &str) -> Option<(NodeDef, Option<String>)> {
        let failed = failed_node(message)?;
        let in_function = |function: &str| {
            // The runtime adds to the names of functions that it has rewritten.
            let names = [function, function.split("_specialized_for_").next().unwrap_or_default()];
            names
                .into_iter()
                .find_map(|function| Some((self.node_in(function, failed.name)?, Some(function.to_owned()))))
        };
        if !failed.functions.is_empty() {
            return failed.functions.iter().find_map(|function| in_function(function));
        }
        let outermost = self.node(failed.name).map(|node| (node, None));
        outermost.or_else(|| {
            let (function, node) = nodes::find_in_any(&self.bytes, failed.name)?;
            Some((self.slice(node), Some(function.to_owned())))
        })
    }

    /// The operation of a node in a function of the library, or of the outermost graph.
    pub fn operation_of(&self, node: &NodeDef, function: Option<&str>) -> Operation {
        resolve::operation(self, node, function.unwrap_or_default())
    }

    /// The function of this name in the library, decoded; of more than one, the first. `None`, too, if it does not decode.
    pub fn function(&self, name: &str) -> Option<FunctionDef> {
        let range = nodes::function(&self.bytes, name)?;
        FunctionDef::decode(self.bytes.slice(range)).ok()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The nodes of functions, each of these a function's name and its own.
    fn nodes_in<'a>(&self, names: BTreeSet<(&'a str, &'a str)>) -> BTreeMap<(&'a str, &'a str), NodeDef> {
        nodes::find_in(&self.bytes, &names).into_iter().map(|(name, range)| (name, self.slice(range))).collect()
    }

    /// Where nodes were created, by [`debug_info::key`].
    fn tracebacks(&self, keys: BTreeSet<String>) -> BTreeMap<String, Vec<Frame>> {
        debug_info::tracebacks(&self.debug_infos, keys)
    }

    fn slice(&self, range: std::ops::Range<usize>) -> NodeDef {
        NodeDef::from_bytes(self.bytes.slice(range))
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Graph({} bytes)", self.bytes.len())
    }
}
