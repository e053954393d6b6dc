//! The inputs of a node: which nodes they come from, and of which types they are.

use operr::graph::Graph;
use operr::pb::tensorflow::attr_value::Value;
use operr::pb::tensorflow::op_def::ArgDef;
use operr::pb::tensorflow::{AttrValue, DataType, NodeDef, OpDef};

use crate::cut::brief;
use crate::human::{DIM, LABEL, Page};
use crate::text::count;

/// Writes a line for each input.
pub(crate) fn show(page: &mut Page, node: &NodeDef, function: Option<&str>, graph: Option<&Graph>) {
    if node.input.is_empty() {
        return;
    }
    page.line(format_args!("{LABEL}inputs:{LABEL:#}"));
    let signature = function.and_then(|function| graph?.function(function)).and_then(|function| function.signature);
    for input in node.input.iter().take(MAX_INPUTS) {
        if let Some(control) = input.strip_prefix('^') {
            page.line(format_args!("  {} {DIM}(runs before, gives nothing){DIM:#}", brief(control)));
            continue;
        }
        let source = Source::of(input);
        let argument = signature.as_ref().and_then(|signature| argument(signature, source.name));
        let told = match (argument, graph) {
            (Some(argument), _) => format!("{}, argument of the function", type_of_argument(argument, None)),
            (None, Some(graph)) => from_node(graph, function, &source),
            (None, None) => String::new(),
        };
        page.line(format_args!(
            "  {}{}",
            brief(input),
            if told.is_empty() { told } else { format!(": {}", brief(&told)) }
        ));
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
    index: usize,
}

impl<'a> Source<'a> {
    fn of(input: &'a str) -> Source<'a> {
        let mut parts = input.split(':');
        let (name, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let (output, index) = if third.is_some() { (second, third) } else { (None, second) };
        Source { name, output, index: index.and_then(|index| index.parse().ok()).unwrap_or_default() }
    }
}

/// What the graph says of the node that an input comes from.
fn from_node(graph: &Graph, function: Option<&str>, source: &Source<'_>) -> String {
    let found = match function {
        Some(function) => graph.node_in(function, source.name),
        None => graph.node(source.name),
    };
    let Some(producer) = found.and_then(|node| node.decode().ok()) else { return "not in the graph".to_owned() };
    let signature = graph.function(&producer.op).and_then(|function| function.signature);
    let r#type = match &signature {
        Some(signature) => {
            let by_name = |name: &str| signature.output_arg.iter().find(|argument| argument.name == name);
            let argument = source.output.map_or_else(|| signature.output_arg.get(source.index), by_name);
            argument.map(|argument| type_of_argument(argument, Some(&producer)))
        }
        None => output_type(&producer, source.index).map(|found| found.as_str_name().to_owned()),
    };
    format!("{}, from {}", r#type.unwrap_or_else(|| NOT_TOLD.to_owned()), producer.op)
}

fn argument<'a>(signature: &'a OpDef, name: &str) -> Option<&'a ArgDef> {
    signature.input_arg.iter().find(|argument| argument.name == name)
}

/// A type by itself, or by an attribute of the node that calls, if that is known.
fn type_of_argument(argument: &ArgDef, caller: Option<&NodeDef>) -> String {
    let by_caller = || one_type(caller?.attr.get(&argument.type_attr)?, 0);
    let found =
        DataType::try_from(argument.r#type).ok().filter(|&found| found != DataType::DtInvalid).or_else(by_caller);
    match found {
        Some(found) => found.as_str_name().to_owned(),
        None if argument.type_attr.is_empty() => NOT_TOLD.to_owned(),
        None => format!("of the type {} that the caller chooses", argument.type_attr),
    }
}

/// The type of an output, by the attributes of the node: an attribute for outputs comes first, for `T` may be that of
/// the inputs only.
fn output_type(node: &NodeDef, index: usize) -> Option<DataType> {
    if BOOL.contains(&node.op.as_str()) {
        return Some(DataType::DtBool);
    }
    if HANDLES.iter().any(|ending| node.op.ends_with(ending)) {
        return Some(DataType::DtResource);
    }
    OUTPUTS.iter().find_map(|name| one_type(node.attr.get(*name)?, index))
}

/// A type, or the one at a place of a list.
fn one_type(value: &AttrValue, index: usize) -> Option<DataType> {
    let number = match value.value.as_ref()? {
        Value::Type(number) => *number,
        Value::List(list) => *list.r#type.get(index)?,
        _ => return None,
    };
    DataType::try_from(number).ok()
}

const NOT_TOLD: &str = "of a type that is not told";
/// The attributes that tell of outputs, those that tell of nothing else first.
const OUTPUTS: [&str; 12] = [
    "dtype",
    "DstT",
    "out_type",
    "output_type",
    "Tout",
    "output_types",
    "component_types",
    "Toutput_types",
    "dtypes",
    "value_dtype",
    "T",
    "Tparams",
];
/// Operations whose output is a truth value, whatever `T` is.
const BOOL: [&str; 13] = [
    "Equal",
    "NotEqual",
    "Less",
    "LessEqual",
    "Greater",
    "GreaterEqual",
    "ApproximateEqual",
    "IsFinite",
    "IsInf",
    "IsNan",
    "LogicalAnd",
    "LogicalOr",
    "LogicalNot",
];
/// How operations are named whose output is a handle of what they make, and whose types are those of what is in it.
const HANDLES: [&str; 6] = ["QueueV2", "VarHandleOp", "HashTableV2", "IteratorV2", "TensorArrayV3", "StackV2"];
/// Of a node.
const MAX_INPUTS: usize = 50;
