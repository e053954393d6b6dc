//! [`interpolate`]: a message with where the nodes that it names were created.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::graph::{Graph, debug_info, parse_message};
use crate::operation::Frame;

/// The message as `error_interpolation.interpolate_graph` of TensorFlow 2.21 writes it for sessions: which of its nodes were
/// created where, and then the message.
///
/// Every tag counts that names a node of the outermost graph, up to 1,000 of them. Frames of TensorFlow itself are left out.
/// A session adds an advice where a message says that an op only supports NHWC.
///
/// ```
/// use operr::graph::{Graph, interpolate};
/// use operr::pb::tensorflow::{GraphDef, NodeDef};
/// use prost::Message as _;
///
/// let enq = NodeDef { name: "enq".into(), op: "QueueEnqueueV2".into(), ..NodeDef::default() };
/// let graph = Graph::from_bytes(GraphDef { node: vec![enq], ..GraphDef::default() }.encode_to_vec())?;
/// assert_eq!(
///     interpolate("Enqueue operation was cancelled\n\t [[{{node enq}}]]", &graph),
///     "Graph execution error:\n\n\
///      Detected at node 'enq' defined at (most recent call last):\n\
///      Node: 'enq'\n\
///      Enqueue operation was cancelled\n\t [[{{node enq}}]]"
/// );
/// # Ok::<_, operr::Error>(())
/// ```
pub fn interpolate(message: &str, graph: &Graph) -> String {
    let parsed = parse_message(message);
    let found = graph.nodes(parsed.nodes.iter().map(|tag| tag.name));
    let mut tracebacks = graph.tracebacks(found.keys().map(|name| debug_info::key(name, "")).collect());
    let found = found.into_keys().map(|name| {
        let frames = tracebacks.remove(&debug_info::key(name, "")).unwrap_or_default();
        (name, detected(name, &frames))
    });
    let found: BTreeMap<_, _> = found.collect();
    let blocks = parsed.nodes.iter().filter_map(|tag| found.get(tag.name).map(String::as_str)).take(MAX_BLOCKS);
    let text = parsed.text.trim_matches(is_space);
    ["Graph execution error:\n\n"].into_iter().chain(blocks).chain([text]).collect()
}

/// Where a node was created, in words.
fn detected(name: &str, frames: &[Frame]) -> String {
    let mut text = format!("Detected at node '{name}' defined at (most recent call last):\n");
    for line in lines(frames) {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "Node: '{name}'");
    text
}

/// The lines of a traceback as Python prints them, without frames of TensorFlow itself.
fn lines(frames: &[Frame]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut push = |entry: &str| {
        if !entry.contains("<embedded") {
            lines.extend(entry.split('\n').filter(|line| !line.trim_matches(is_space).is_empty()).map(str::to_owned));
        }
    };
    let frames: Vec<_> = frames.iter().filter(|frame| !is_internal(&frame.file)).collect();
    let is_same = |one: &&Frame, other: &&Frame| {
        (&one.file, one.line, &one.function) == (&other.file, other.line, &other.function)
    };
    for equal in frames.chunk_by(is_same) {
        for frame in equal.iter().take(REPEATED) {
            let mut entry = format!("  File \"{}\", line {}, in {}\n", frame.file, frame.line, frame.function);
            let code = frame.code.trim_matches(is_space);
            if !code.is_empty() {
                let _ = writeln!(entry, "    {code}");
            }
            push(&entry);
        }
        match equal.len().saturating_sub(REPEATED) {
            0 => {}
            1 => push("  [Previous line repeated 1 more time]"),
            more => push(&format!("  [Previous line repeated {more} more times]")),
        }
    }
    lines
}

/// Whether a file is TensorFlow's own, by its name.
fn is_internal(file: &str) -> bool {
    (file.contains("tensorflow/python") || file.contains("tensorflow\\python"))
        && !file.contains("keras")
        && !file.contains("test.py")
}

/// What Python takes for a space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// How many tags are told of: a message of a peer's may have any number.
const MAX_BLOCKS: usize = 1_000;
/// How many equal frames are printed.
const REPEATED: usize = 3;
