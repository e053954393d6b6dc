//! The explanation on a page.

use operr::graph::{Graph, parse_message};
use operr::{NodeDef, OpError, Operation};

use super::inputs;
use super::subject::Subject;
use crate::cut::brief;
use crate::human::{LABEL, Page};

/// The page, with colours.
pub(crate) fn page(Subject { error, has_code }: Subject, graph: Option<&Graph>) -> String {
    let mut page = Page::default();
    match (has_code, error.code().description()) {
        (false, _) => page.message("message", error.message()),
        (true, meaning) => {
            page.header("", &error);
            let meaning = meaning.unwrap_or("No code of TensorFlow's, and none of gRPC's: they take it for UNKNOWN.");
            page.line(format_args!("{LABEL}meaning:{LABEL:#} {meaning}"));
        }
    }
    let place = Place::of(&error, graph);
    place.show(&mut page, &error, graph);
    page.rest(&error, has_code);
    page.out
}

/// The node that failed, as far as it is known.
struct Place {
    node: Option<NodeDef>,
    op: Option<Operation>,
    /// The function that the node is in; `None` for the outermost graph.
    function: Option<String>,
    /// What the message calls it, where nothing else is known.
    name: Option<String>,
}

impl Place {
    /// The graph knows best, then the error, then the message.
    fn of(error: &OpError, graph: Option<&Graph>) -> Place {
        let found = graph.and_then(|graph| {
            let (node, function) = graph.failed_node(error.message())?;
            let op = graph.operation_of(&node, function.as_deref());
            Some(Place { node: Some(node), op: Some(op), function, name: None })
        });
        found.unwrap_or_else(|| {
            let parsed = parse_message(error.message());
            // The last is the innermost: further ones lead there.
            let name = parsed.nodes.iter().find(|tag| tag.r#type == "node").map(|tag| tag.name.to_owned());
            let function = parsed.functions.last().map(|tag| tag.name.to_owned());
            Place { node: error.node_def(), op: error.op(), function, name }
        })
    }

    fn show(&self, page: &mut Page, error: &OpError, graph: Option<&Graph>) {
        let Place { node, op, function, name } = self;
        let of_node = node.as_ref().and_then(|node| node.decode().ok());
        match (&of_node, op, name) {
            (Some(node), ..) => {
                let on = if node.device.is_empty() { String::new() } else { format!(" on {}", brief(&node.device)) };
                page.line(format_args!("{LABEL}node:{LABEL:#} {} ({}){on}", brief(&node.name), brief(&node.op)));
            }
            (None, Some(op), _) => {
                page.line(format_args!("{LABEL}node:{LABEL:#} {} ({})", brief(&op.name), brief(&op.r#type)));
            }
            (None, None, Some(name)) => {
                let why = match graph {
                    Some(_) => "not in the graph: the runtime made it, or the graph is another one",
                    None => "by the message; --graph tells more",
                };
                page.line(format_args!("{LABEL}node:{LABEL:#} {} ({why})", brief(name)));
            }
            (None, None, None) => return,
        }
        if let Some(function) = function {
            page.line(format_args!("  in the function {}", brief(function)));
            let parsed = parse_message(error.message());
            let callers: Vec<_> =
                parsed.functions.iter().rev().map(|tag| tag.name).filter(|name| name != function).collect();
            if !callers.is_empty() {
                page.line(format_args!("  called from {}", brief(&callers.join(", "))));
            }
        }
        if let Some(node) = &of_node {
            inputs::show(page, node, function.as_deref(), graph);
        }
        if let Some(op) = op {
            page.created(op);
        }
    }
}
