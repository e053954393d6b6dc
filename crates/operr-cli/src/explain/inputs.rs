//! The inputs of a node: which nodes they come from, and of which types they are.

use std::collections::{BTreeMap, BTreeSet};

use operr::graph::Graph;
use operr::pb::tensorflow::op_def::ArgDef;
use operr::pb::tensorflow::{NodeDef, OpDef};

use super::outputs;
use crate::cut::brief;
use crate::human::{DIM, LABEL, Page};
use crate::text::count;

/// Writes a line for each input.
pub(crate) fn show(page: &mut Page, node: &NodeDef, function: Option<&str>, graph: Option<&Graph>) {
    if node.input.is_empty() {
        return;
    }
    page.line(format_args!("{LABEL}inputs:{LABEL:#}"));
    let shown = node.input.get(..MAX_INPUTS).unwrap_or(&node.input);
    let known = graph.map(|graph| Known::of(shown, function, graph));
    for input in shown {
        let told = match input.strip_prefix('^') {
            Some(_) => "runs before, and gives nothing".to_owned(),
            None => known.as_ref().map(|known| known.tell(&Source::of(input))).unwrap_or_default(),
        };
        let name = brief(input.trim_start_matches('^'));
        let separator = if told.is_empty() { "" } else { ": " };
        page.line(format_args!("  {name}{separator}{}", brief(&told)));
    }
    if let Some(more) = node.input.len().checked_sub(MAX_INPUTS).filter(|more| *more > 0) {
        page.line(format_args!("  {DIM}... {} not shown{DIM:#}", count(more, "more input")));
    }
}

/// An input's text: `node`, `node:1`, or, in a function, `node:output:0`.
struct Source<'a> {
    name: &'a str,
    /// The name of the output, in functions.
    output: Option<&'a str>,
    /// `None` for what is no number.
    index: Option<usize>,
}

impl<'a> Source<'a> {
    fn of(input: &'a str) -> Source<'a> {
        let parts: Vec<_> = input.splitn(3, ':').collect();
        match *parts {
            [name, output, index] => Source { name, output: Some(output), index: index.parse().ok() },
            [name, index] => Source { name, output: None, index: index.parse().ok() },
            _ => Source { name: input, output: None, index: Some(0) },
        }
    }
}

/// What the graph knows of inputs.
struct Known {
    /// The nodes that they come from.
    nodes: BTreeMap<String, NodeDef>,
    /// The signature of the function that the node is in.
    of_function: Option<OpDef>,
    /// Those of the functions that the nodes call, by name.
    of_calls: BTreeMap<String, OpDef>,
}

impl Known {
    fn of(inputs: &[String], function: Option<&str>, graph: &Graph) -> Known {
        let names: BTreeSet<&str> = inputs.iter().map(|input| Source::of(input).name).collect();
        let (mut nodes, mut of_function) = (BTreeMap::new(), None);
        match function.map(|function| graph.function(function)) {
            Some(Some(function)) => {
                let wanted = function.node_def.into_iter().filter(|node| names.contains(node.name.as_str()));
                nodes.extend(wanted.map(|node| (node.name.clone(), node)));
                of_function = function.signature;
            }
            Some(None) => {}
            None => {
                let found = graph.nodes(names).into_iter();
                nodes.extend(found.filter_map(|(name, node)| Some((name.to_owned(), node.decode().ok()?))));
            }
        }
        let called = nodes.values().map(|node| node.op.clone()).collect::<BTreeSet<_>>();
        let signature = |name: String| Some((name.clone(), graph.function(&name)?.signature?));
        let of_calls = called.into_iter().filter(|op| !outputs::knows(op)).filter_map(signature).collect();
        Known { nodes, of_function, of_calls }
    }

    /// The type of an input, and what it comes from.
    fn tell(&self, source: &Source<'_>) -> String {
        if let Some(argument) = self.argument(source.name) {
            return format!("{}, argument of the function", type_of_argument(argument, None));
        }
        let Some(node) = self.nodes.get(source.name) else { return "not in the graph".to_owned() };
        let r#type = source.index.and_then(|index| match self.of_calls.get(&node.op) {
            Some(signature) => {
                let mut arguments = signature.output_arg.iter();
                let argument = match source.output {
                    Some(output) => arguments.find(|argument| argument.name == output),
                    None => arguments.nth(index),
                };
                Some(type_of_argument(argument?, Some(node)))
            }
            None => outputs::type_of(node, source.output, index),
        });
        format!("{}, from {}", r#type.unwrap_or_else(|| NOT_TOLD.to_owned()), node.op)
    }

    fn argument(&self, name: &str) -> Option<&ArgDef> {
        self.of_function.as_ref()?.input_arg.iter().find(|argument| argument.name == name)
    }
}

/// A type by itself, or by an attribute of the node that calls, if that is known.
fn type_of_argument(argument: &ArgDef, caller: Option<&NodeDef>) -> String {
    let by_caller = || outputs::name_of(outputs::one_type(caller?, &argument.type_attr)?);
    match outputs::name_of(argument.r#type).or_else(by_caller) {
        Some(found) => found,
        None if argument.type_attr.is_empty() => NOT_TOLD.to_owned(),
        None => format!("of the type {} that the caller chooses", argument.type_attr),
    }
}

const NOT_TOLD: &str = "of a type that is not told";
/// Of a node.
const MAX_INPUTS: usize = 50;
