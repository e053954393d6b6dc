//! Messages that name nodes: the tags in them, read and written.

use std::fmt::Write as _;

/// A part of a message that names something of a graph: `{{node scope/enq}}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Tag<'a> {
    /// What is named: `node`, `function_node`, `colocation_node`, or anything else.
    pub r#type: &'a str,
    /// Its name.
    pub name: &'a str,
}

/// A message taken apart by [`parse_message`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct ParsedMessage<'a> {
    /// The message without the tags of functions.
    pub text: String,
    /// The tags of type `function_node`, in their order.
    pub functions: Vec<Tag<'a>>,
    /// All other tags, in their order.
    pub nodes: Vec<Tag<'a>>,
}

/// Takes a message apart as TensorFlow's `error_interpolation.parse_message` does.
///
/// A tag has exactly one space, and names of ASCII letters, digits, `_`, `.`, `-` and `/`. What looks like one otherwise stays in
/// the text, as TensorFlow's own `{{function_node __inference_<lambda>_8}}` does.
///
/// ```
/// use operr::graph::parse_message;
///
/// let message = parse_message("boom [[{{function_node f}}{{node g/h}}]]");
/// assert_eq!(message.text, "boom [[{{node g/h}}]]");
/// assert_eq!((message.functions[0].name, message.nodes[0].name), ("f", "g/h"));
/// ```
pub fn parse_message(message: &str) -> ParsedMessage<'_> {
    let mut parsed = ParsedMessage::default();
    let mut rest = message;
    while let Some((before, tag, length)) = next_tag(rest) {
        let (head, tail) = rest.split_at(before + length);
        if tag.r#type == FUNCTION {
            parsed.text.push_str(head.get(..before).unwrap_or_default());
            parsed.functions.push(tag);
        } else {
            parsed.text.push_str(head);
            parsed.nodes.push(tag);
        }
        rest = tail;
    }
    parsed.text.push_str(rest);
    parsed
}

/// The name of the node that failed, as a TensorFlow session reads it from a message; `None` if that has no `[[`.
///
/// It is what stands behind the first `[[`, behind `Node: ` and `{{node ` if these are there, up to a `}` or a space. It may
/// be empty, and is no node's name where the message has another form: `add]]` of `[[add]]`.
///
/// ```
/// use operr::graph::node_name;
///
/// assert_eq!(node_name("Enqueue operation was cancelled\n\t [[{{node enq}}]]"), Some("enq"));
/// assert_eq!(node_name("[[add]]"), Some("add]]"));
/// assert_eq!(node_name("no node"), None);
/// ```
pub fn node_name(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("[[")?;
    let rest = rest.strip_prefix("Node: ").unwrap_or(rest);
    let rest = rest.strip_prefix("{{node ").unwrap_or(rest);
    rest.split(['}', ' ']).next()
}

/// Writes the tag of a node: `{{node scope/enq}}`.
///
/// ```
/// use operr::graph::{function_node_tag, node_tag, parse_message};
///
/// let message = format!("no such shard\n\t [[{}{}]]", function_node_tag("f"), node_tag("save/restore"));
/// assert_eq!(message, "no such shard\n\t [[{{function_node f}}{{node save/restore}}]]");
/// assert_eq!(parse_message(&message).nodes[0].name, "save/restore");
/// ```
pub fn node_tag(name: &str) -> String {
    format!("{{{{node {name}}}}}")
}

/// Writes the tag of a node that others are placed with: `{{colocation_node scope/v}}`.
pub fn colocation_node_tag(name: &str) -> String {
    format!("{{{{colocation_node {name}}}}}")
}

/// Writes the tag of a function: `{{function_node f}}`.
pub fn function_node_tag(name: &str) -> String {
    format!("{{{{function_node {name}}}}}")
}

/// Writes the tags of nodes, each behind that of its function if it has one, as `experimental_debug_info` of a
/// `tensorflow.NodeDef` has them: position by position.
///
/// ```
/// use operr::graph::original_node_tags;
///
/// assert_eq!(original_node_tags(&["a", "b"], &["f"]), "{{function_node f}}{{node a}}, {{node b}}");
/// ```
pub fn original_node_tags<S: AsRef<str>>(nodes: &[S], functions: &[S]) -> String {
    let mut text = String::new();
    for (index, node) in nodes.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let function = functions.get(index).map(|function| function_node_tag(function.as_ref())).unwrap_or_default();
        let _ = write!(text, "{separator}{function}{}", node_tag(node.as_ref()));
    }
    text
}

/// What a message says of the node that failed, by [`failed_node`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct FailedNode<'a> {
    /// Its name.
    pub name: &'a str,
    /// The function that it is in, then the one that called that, and so on, each once, the first 32 of them; empty if the
    /// message names none.
    pub functions: Vec<&'a str>,
}

/// What a message says of the node that failed, with the functions around it, which a session does not look at.
///
/// The node is that of the first `[[` in front of a tag; if there is none, that of [`node_name`]. Functions stand directly in
/// front of the node's tag, or in front of all, the innermost last. Their names may have any characters but `}}` here, as
/// those of lambdas do.
///
/// ```
/// use operr::graph::failed_node;
///
/// let failed = failed_node("{{function_node outer}} {{function_node f}} assertion failed: [[1 2]]\n\t [[{{node chk}}]]").unwrap();
/// assert_eq!((failed.name, failed.functions), ("chk", vec!["f", "outer"]));
/// ```
pub fn failed_node(message: &str) -> Option<FailedNode<'_>> {
    let tagged = message.match_indices("[[").map(|(start, _)| message.split_at(start));
    let mut tagged = tagged.filter_map(|(front, rest)| Some((front, rest.strip_prefix("[[")?)));
    let tagged = tagged.find(|(_, rest)| rest.starts_with(NODE_START) || rest.starts_with(FUNCTION_START));
    let Some((front, mut rest)) = tagged else {
        let (front, _) = message.split_once("[[")?;
        return Some(FailedNode { name: node_name(message)?, functions: functions(front) });
    };
    let mut functions = functions(front);
    while let Some((function, behind)) = tag_of(FUNCTION_START, rest) {
        functions.retain(|name| *name != function);
        functions.insert(0, function);
        functions.truncate(MAX_FUNCTIONS);
        rest = behind;
    }
    let (name, _) = tag_of(NODE_START, rest)?;
    Some(FailedNode { name, functions })
}

/// The functions that a text names, the last first.
fn functions(text: &str) -> Vec<&str> {
    let mut functions: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(FUNCTION_START)
        && let Some((name, behind)) = rest.get(start..).and_then(|text| tag_of(FUNCTION_START, text))
    {
        functions.push(name);
        rest = behind;
    }
    let mut distinct = Vec::new();
    for function in functions.into_iter().rev() {
        if distinct.len() < MAX_FUNCTIONS && !distinct.contains(&function) {
            distinct.push(function);
        }
    }
    distinct
}

/// The name in a tag that a text begins with, and what stands behind it.
fn tag_of<'a>(start: &str, text: &'a str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(start)?.split_once("}}")
}

/// The first tag: what is in front of it, and its length.
fn next_tag(text: &str) -> Option<(usize, Tag<'_>, usize)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find("{{")?;
        if let Some((tag, length)) = text.get(start..).and_then(tag) {
            return Some((start, tag, length));
        }
        from = start + 1;
    }
}

/// The tag that a text begins with.
fn tag(text: &str) -> Option<(Tag<'_>, usize)> {
    let inner = text.strip_prefix("{{")?;
    let (r#type, rest) = inner.split_at_checked(name_length(inner)?)?;
    let rest = rest.strip_prefix(' ')?;
    let (name, rest) = rest.split_at_checked(name_length(rest)?)?;
    let rest = rest.strip_prefix("}}")?;
    Some((Tag { r#type, name }, text.len() - rest.len()))
}

/// How long the name is that a text begins with.
fn name_length(text: &str) -> Option<usize> {
    let is_first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    text.bytes().next().filter(|&byte| is_first(byte))?;
    Some(text.bytes().take_while(|&byte| is_first(byte) || byte == b'-' || byte == b'/').count())
}

const FUNCTION: &str = "function_node";
const FUNCTION_START: &str = "{{function_node ";
const NODE_START: &str = "{{node ";
/// How many functions are looked into for a node.
const MAX_FUNCTIONS: usize = 32;
