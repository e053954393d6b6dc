//! What the outputs of TensorFlow's operations are, by the table in `ops.txt`.
//!
//! A line there is an operation and its outputs, `name:type`: a type such as `float`, `@attr` for the type in an attribute,
//! `*attr` for one output of each type in a list; `&` behind it is a reference, `#attr` as many outputs as the attribute
//! says. The lines are those of TensorFlow 2.21, in the order of their names; a test compares them with its own.

use operr::pb::tensorflow::attr_value::Value;
use operr::pb::tensorflow::{DataType, NodeDef};

/// The type of an output of a node, such as `DT_FLOAT`, by its place, or by its name and its place among those of the name;
/// `None` if the operation is not in the table, or the node lacks the attribute.
pub(crate) fn type_of(node: &NodeDef, output: Option<&str>, index: usize) -> Option<String> {
    let mut outputs = outputs(&node.op)?;
    let mut left = index;
    let (spec, is_reference, place) = loop {
        let (name, spec) = outputs.next()?.split_once(':')?;
        if output.is_some_and(|output| output != name) {
            continue;
        }
        let (spec, number) = spec.split_once('#').map_or((spec, None), |(spec, number)| (spec, Some(number)));
        let (spec, is_reference) = spec.strip_suffix('&').map_or((spec, false), |spec| (spec, true));
        let count = match (number, spec.strip_prefix('*')) {
            (Some(number), _) => count(node, number)?,
            (None, Some(list)) => types(node, list)?.len(),
            (None, None) => 1,
        };
        match left.checked_sub(count) {
            None => break (spec, is_reference, left),
            Some(rest) => left = rest,
        }
    };
    let found = match (spec.strip_prefix('@'), spec.strip_prefix('*')) {
        (Some(attribute), _) => one_type(node, attribute)?,
        (None, Some(list)) => *types(node, list)?.get(place)?,
        (None, None) => return Some(format!("DT_{}{}", spec.to_uppercase(), if is_reference { "_REF" } else { "" })),
    };
    Some(name_of(found)? + if is_reference { "_REF" } else { "" })
}

/// Whether the table has the operation.
pub(crate) fn knows(op: &str) -> bool {
    outputs(op).is_some()
}

/// The name of a type; `None` for one that is unknown here, or not set.
pub(crate) fn name_of(number: i32) -> Option<String> {
    let found = DataType::try_from(number).ok().filter(|&found| found != DataType::DtInvalid)?;
    Some(found.as_str_name().to_owned())
}

/// The type in an attribute.
pub(crate) fn one_type(node: &NodeDef, attribute: &str) -> Option<i32> {
    match node.attr.get(attribute)?.value.as_ref()? {
        Value::Type(number) => Some(*number),
        _ => None,
    }
}

/// The types in an attribute.
pub(crate) fn types<'a>(node: &'a NodeDef, attribute: &str) -> Option<&'a [i32]> {
    match node.attr.get(attribute)?.value.as_ref()? {
        Value::List(list) => Some(&list.r#type),
        _ => None,
    }
}

fn count(node: &NodeDef, attribute: &str) -> Option<usize> {
    match node.attr.get(attribute)?.value.as_ref()? {
        Value::I(number) => usize::try_from(*number).ok(),
        _ => None,
    }
}

/// The outputs of an operation, a word each.
fn outputs(op: &str) -> Option<impl Iterator<Item = &'static str>> {
    let lines: &[&str] = &LINES;
    let at = lines.binary_search_by_key(&op, |line| line.split(' ').next().unwrap_or_default()).ok()?;
    Some(lines.get(at)?.split(' ').skip(1))
}

static LINES: std::sync::LazyLock<Vec<&str>> = std::sync::LazyLock::new(|| include_str!("ops.txt").lines().collect());
