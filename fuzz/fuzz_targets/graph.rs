//! Graphs and messages: any bytes are a graph in which the nodes are found that prost finds, or a failure with a position.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use operr::graph::{Graph, failed_node, interpolate, node_name, parse_message};
use operr::pb::tensorflow::{GraphDef, NodeDef};
use operr::{Code, OpError};
use operr_fuzz::fields;
use prost::Message as _;
use prost::encoding::WireType;

/// Whether an attribute of a node is no LEN: prost reads entries of maps in any wire type, and to operr the node is broken.
fn has_odd_map(graph: &[u8]) -> bool {
    let of_number = |message, number| fields(message).into_iter().flatten().filter(move |field| field.number == number);
    of_number(graph, 1)
        .any(|node| of_number(node.value, 5).any(|attribute| attribute.wire_type != WireType::LengthDelimited))
}

fuzz_target!(|data: &[u8]| {
    let message = String::from_utf8_lossy(data);
    let parsed = parse_message(&message);
    let tags: usize = parsed.functions.iter().map(|tag| tag.r#type.len() + tag.name.len() + 5).sum();
    assert_eq!(parsed.text.len() + tags, message.len(), "only tags of functions are taken out");
    let named = node_name(&message);
    assert!(named.is_none_or(|name| message.contains(name)));
    assert!(failed_node(&message).is_none_or(|failed| failed.functions.len() <= 32));

    let graph = match Graph::from_bytes(data.to_vec()) {
        Ok(graph) => graph,
        Err(failure) => return assert!(failure.position().is_some_and(|position| position <= data.len())),
    };
    let _ = (interpolate(&message, &graph), graph.failed_node(&message));
    let error = OpError::new(Code::INTERNAL, message.clone().into_owned());
    let resolved = error.clone().resolve(&graph);
    assert_eq!(resolved.op().is_some(), named.is_some_and(|name| graph.node(name).is_some()), "a node has an op");
    assert!(resolved.op().is_some() || resolved == error, "a miss changes nothing");

    // What prost decodes is found, of equal names the first.
    let Ok(definition) = GraphDef::decode(data) else { return };
    if has_odd_map(data) {
        return;
    }
    let same = |found: Option<operr::NodeDef>, node: &NodeDef| {
        let found = found.expect("prost finds it").decode().expect("prost decodes it");
        assert_eq!(found.encode_to_vec(), node.encode_to_vec());
    };
    let first = |nodes: &[NodeDef]| -> BTreeMap<String, NodeDef> {
        nodes.iter().rev().map(|node| (node.name.clone(), node.clone())).collect()
    };
    first(&definition.node).values().for_each(|node| same(graph.node(&node.name), node));
});
