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

/// The tags of the node that failed and of the function that it is in: those behind the first `[[`.
///
/// The function stands directly in front of its node; further ones are of the calls that led there. Its name may have
/// any characters but `}}` here, as those of lambdas do.
pub(crate) fn failed(message: &str) -> Option<(Option<&str>, &str)> {
    let (_, mut rest) = message.split_once("[[")?;
    let mut function = None;
    loop {
        if let Some((name, _)) = tag_of("{{node ", rest) {
            return Some((function, name));
        }
        let (name, behind) = tag_of(FUNCTION_START, rest)?;
        (function, rest) = (Some(name), behind);
    }
}

/// The functions that a message names, each once, in the order in which they were last named; 32 of them at most.
pub(crate) fn functions(message: &str) -> Vec<&str> {
    let mut functions: Vec<&str> = Vec::new();
    for (start, _) in message.rmatch_indices(FUNCTION_START) {
        let named = message.get(start..).and_then(|text| tag_of(FUNCTION_START, text));
        if let Some((name, _)) = named.filter(|(name, _)| !functions.contains(name)) {
            functions.insert(0, name);
        }
        if functions.len() == MAX_FUNCTIONS {
            break;
        }
    }
    functions
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
/// How many functions are looked into for a node.
const MAX_FUNCTIONS: usize = 32;
