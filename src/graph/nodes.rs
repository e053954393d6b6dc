//! Nodes found by name in the bytes of a `tensorflow.GraphDef`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::failure::Error;
use crate::wire::scanner::{Field, Scanner, Value};

/// What a look at the whole graph gives.
pub(super) struct Checked {
    /// Whether every name stands in front of its node, once.
    pub(super) is_ordinary: bool,
    /// Where each `GraphDebugInfo` lies.
    pub(super) debug_infos: Vec<Range<usize>>,
}

/// Reads all that lookups will read.
pub(super) fn check(graph: &[u8]) -> Result<Checked, Error> {
    let mut checked = Checked { is_ordinary: true, debug_infos: Vec::new() };
    let in_graph = |error: Error| error.within("tensorflow.GraphDef");
    let mut fields = Scanner::new(graph);
    while let Some(field) = fields.next_field().map_err(in_graph)? {
        match field.number {
            NODE => {
                let (start, end) = part(&field).ok_or_else(|| in_graph(field.wrong_type("a message")))?;
                checked.is_ordinary &= check_node(graph, start, end).map_err(in_graph)?;
            }
            LIBRARY => {
                let (start, end) = part(&field).ok_or_else(|| in_graph(field.wrong_type("a message")))?;
                check_library(graph, start, end).map_err(in_graph)?;
            }
            DEBUG_INFO => {
                let (start, end) = part(&field).ok_or_else(|| in_graph(field.wrong_type("a message")))?;
                scan(graph, start, end).map_err(in_graph)?;
                checked.debug_infos.push(start..end);
            }
            _ => {}
        }
    }
    Ok(checked)
}

/// Reads the top level of a `tensorflow.GraphDebugInfo`.
pub(super) fn check_debug_info(info: &[u8]) -> Result<(), Error> {
    scan(info, 0, info.len()).map_err(|error| error.within("tensorflow.GraphDebugInfo"))
}

/// Where the nodes of these names are, those of the outermost graph.
pub(super) fn find<'a>(graph: &[u8], names: &BTreeSet<&'a str>, is_ordinary: bool) -> BTreeMap<&'a str, Range<usize>> {
    let mut found = BTreeMap::new();
    let lengths: BTreeSet<_> = names.iter().map(|name| name.len()).collect();
    let mut fields = Scanner::new(graph);
    while found.len() < names.len()
        && let Ok(Some(field)) = fields.next_field()
    {
        if field.number != NODE {
            continue;
        }
        let Some((start, end)) = part(&field) else { continue };
        let name = if is_ordinary { first_name(graph, start, end) } else { name(graph, start, end) };
        if lengths.contains(&name.len())
            && let Some(&name) = std::str::from_utf8(name).ok().and_then(|name| names.get(name))
        {
            found.entry(name).or_insert(start..end);
        }
    }
    found
}

/// Where these nodes are, each a function's name and its own: of more than one of a name, the first.
pub(super) fn find_in<'a>(
    graph: &[u8],
    wanted: &BTreeSet<(&'a str, &'a str)>,
) -> BTreeMap<(&'a str, &'a str), Range<usize>> {
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for &(function, name) in wanted {
        missing.entry(function).or_default().insert(name);
    }
    let mut found = BTreeMap::new();
    for (function, start, end) in functions(graph) {
        let Some((function, mut names)) = missing.remove_entry(function) else { continue };
        for (start, end) in parts(graph, start, end, FUNCTION_NODE) {
            let name = std::str::from_utf8(name(graph, start, end)).ok();
            if let Some(name) = name.and_then(|name| names.take(name)) {
                found.insert((function, name), start..end);
            }
        }
    }
    found
}

/// The function that has a node of this name, and where that is; `None` if more than one has.
pub(super) fn find_in_any<'a>(graph: &'a [u8], name: &str) -> Option<(&'a str, Range<usize>)> {
    let mut found = functions(graph).filter_map(|(function, start, end)| {
        let mut nodes = parts(graph, start, end, FUNCTION_NODE);
        let (start, end) = nodes.find(|&(start, end)| self::name(graph, start, end) == name.as_bytes())?;
        Some((function, start..end))
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Where a function is.
pub(super) fn function(graph: &[u8], name: &str) -> Option<Range<usize>> {
    functions(graph).find(|(function, ..)| *function == name).map(|(_, start, end)| start..end)
}

/// The functions of the library, by their signatures' names.
fn functions(graph: &[u8]) -> impl Iterator<Item = (&str, usize, usize)> {
    let libraries = parts(graph, 0, graph.len(), LIBRARY);
    let functions = libraries.flat_map(|(start, end)| parts(graph, start, end, FUNCTION));
    functions.filter_map(|(start, end)| {
        let (from, to) = parts(graph, start, end, SIGNATURE).last()?;
        Some((std::str::from_utf8(name(graph, from, to)).ok()?, start, end))
    })
}

/// Tells whether the node begins with its name, and has no other.
fn check_node(graph: &[u8], start: usize, end: usize) -> Result<bool, Error> {
    let mut fields = Scanner::within(graph, start, end);
    let mut names = 0;
    let mut is_first = false;
    while let Some(field) = fields.next_field()? {
        if field.number == NAME {
            field.str(graph)?;
            names += 1;
            is_first = field.start == start;
        }
    }
    Ok(names == 1 && is_first)
}

fn check_library(graph: &[u8], start: usize, end: usize) -> Result<(), Error> {
    let mut functions = Scanner::within(graph, start, end);
    while let Some(function) = functions.next_field()? {
        if function.number != FUNCTION {
            continue;
        }
        let (start, end) = part(&function).ok_or_else(|| function.wrong_type("a message"))?;
        let mut fields = Scanner::within(graph, start, end);
        while let Some(field) = fields.next_field()? {
            if let SIGNATURE | FUNCTION_NODE = field.number {
                let (start, end) = part(&field).ok_or_else(|| field.wrong_type("a message"))?;
                check_node(graph, start, end)?;
            }
        }
    }
    Ok(())
}

fn scan(bytes: &[u8], start: usize, end: usize) -> Result<(), Error> {
    let mut fields = Scanner::within(bytes, start, end);
    while fields.next_field()?.is_some() {}
    Ok(())
}

/// The fields of this number in a message, as far as they have lengths.
fn parts(bytes: &[u8], start: usize, end: usize, number: u32) -> impl Iterator<Item = (usize, usize)> {
    let mut fields = Scanner::within(bytes, start, end);
    let fields = std::iter::from_fn(move || fields.next_field().ok().flatten());
    fields.filter(move |field| field.number == number).filter_map(|field| part(&field))
}

/// Where the value of a field lies that has a length.
fn part(field: &Field) -> Option<(usize, usize)> {
    match field.value {
        Value::Len(begin) => Some((begin, field.end)),
        _ => None,
    }
}

/// The name that a node begins with.
fn first_name(graph: &[u8], start: usize, end: usize) -> &[u8] {
    let first = Scanner::within(graph, start, end).next_field();
    first
        .ok()
        .flatten()
        .and_then(|field| part(&field))
        .and_then(|(start, end)| graph.get(start..end))
        .unwrap_or_default()
}

/// The name of a node, or of a signature: the last, as everywhere in protobuf.
fn name(graph: &[u8], start: usize, end: usize) -> &[u8] {
    parts(graph, start, end, NAME).last().and_then(|(start, end)| graph.get(start..end)).unwrap_or_default()
}

/// The numbers of fields of a `GraphDef`.
const NODE: u32 = 1;
const LIBRARY: u32 = 2;
const DEBUG_INFO: u32 = 5;
/// Of a `FunctionDefLibrary`.
const FUNCTION: u32 = 1;
/// Of a `FunctionDef`.
const SIGNATURE: u32 = 1;
const FUNCTION_NODE: u32 = 3;
/// Of a `NodeDef`, and of an `OpDef`.
const NAME: u32 = 1;
