//! The explanation on a page.

use operr::graph::{FailedNode, Graph, failed_node};
use operr::{NodeDef, OpError, Operation};

use super::inputs;
use super::subject::Subject;
use crate::cut::brief;
use crate::human::{LABEL, Page};

/// The page, with colours.
pub(crate) fn page(Subject { error, has_code }: Subject, graph: Option<&Graph>) -> String {
    let mut page = Page::default();
    if has_code {
        page.header("", &error);
        let meaning = error.code().description();
        let meaning = meaning.unwrap_or("No code of TensorFlow's, and none of gRPC's: they take it for UNKNOWN.");
        page.line(format_args!("{LABEL}meaning:{LABEL:#} {meaning}"));
    } else {
        page.message("message", error.message());
    }
    Place::of(&error, graph).show(&mut page, graph);
    page.rest(&error, has_code);
    page.out
}

/// The node that failed, as far as it is known.
struct Place<'a> {
    node: Option<NodeDef>,
    op: Option<Operation>,
    /// The function that the node is in; `None` for the outermost graph.
    function: Option<String>,
    /// What the message says of it.
    named: Option<FailedNode<'a>>,
}

impl<'a> Place<'a> {
    /// The graph knows best, then the error, then the message.
    fn of(error: &'a OpError, graph: Option<&Graph>) -> Place<'a> {
        let named = failed_node(error.message());
        let found = graph.and_then(|graph| {
            let (node, function) = graph.failed_node(error.message())?;
            Some((graph.operation_of(&node, function.as_deref()), node, function))
        });
        match found {
            Some((op, node, function)) => Place { node: Some(node), op: Some(op), function, named },
            None => {
                let function = named.as_ref().and_then(|named| named.functions.first()).map(|name| (*name).to_owned());
                Place { node: error.node_def(), op: error.op(), function, named }
            }
        }
    }

    fn show(&self, page: &mut Page, graph: Option<&Graph>) {
        let Place { node, op, function, named } = self;
        let node = node.as_ref().and_then(|node| node.decode().ok());
        match (&node, op, named) {
            (Some(node), ..) => {
                let on = if node.device.is_empty() { String::new() } else { format!(" on {}", brief(&node.device)) };
                page.line(format_args!("{LABEL}node:{LABEL:#} {} ({}){on}", brief(&node.name), brief(&node.op)));
            }
            (None, Some(op), _) => {
                page.line(format_args!("{LABEL}node:{LABEL:#} {} ({})", brief(&op.name), brief(&op.r#type)));
            }
            (None, None, Some(named)) => {
                let why = match graph {
                    Some(_) => "not in this graph: of another one, or made by the runtime",
                    None => "by the message; --graph tells more",
                };
                page.line(format_args!("{LABEL}node:{LABEL:#} {} ({why})", brief(named.name)));
            }
            (None, None, None) => return,
        }
        if let Some(function) = function {
            page.line(format_args!("  in the function {}", brief(function)));
        }
        let callers: Vec<_> = named.iter().flat_map(|named| &named.functions).skip(1).copied().collect();
        if !callers.is_empty() {
            page.line(format_args!("  called from {}", brief(&callers.join(", "))));
        }
        if let Some(node) = &node {
            inputs::show(page, node, function.as_deref(), graph);
        }
        if let Some(op) = op {
            page.created(op);
        }
    }
}
