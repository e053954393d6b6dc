//! Nodes found in graphs, against what sessions of TensorFlow 2.21 found.

use std::collections::BTreeMap;

use operr::graph::{Graph, failed_node, interpolate, node_name, original_node_tags, parse_message};
use operr::pb::tensorflow::graph_debug_info::{FileLineCol, StackTrace};
use operr::pb::tensorflow::node_def::ExperimentalDebugInfo;
use operr::pb::tensorflow::{FunctionDef, FunctionDefLibrary, GraphDebugInfo, GraphDef, NodeDef, OpDef};
use operr::{Code, Frame, OpError};
use proptest::prelude::*;
use prost::Message as _;
use serde_json::Value;

use crate::golden;

fn node(name: &str, op: &str) -> NodeDef {
    NodeDef { name: name.into(), op: op.into(), input: vec!["x".into(), "y:1".into()], ..NodeDef::default() }
}

fn function(name: &str, nodes: Vec<NodeDef>) -> FunctionDef {
    let signature = Some(OpDef { name: name.into(), ..OpDef::default() });
    FunctionDef { signature, node_def: nodes, ..FunctionDef::default() }
}

fn graph_def(nodes: Vec<NodeDef>, functions: Vec<FunctionDef>) -> GraphDef {
    let library = Some(FunctionDefLibrary { function: functions, ..FunctionDefLibrary::default() });
    GraphDef { node: nodes, library, ..GraphDef::default() }
}

/// File, line and function.
type Line<'a> = (&'a str, i32, &'a str);

/// Tracebacks in both forms: by themselves, and by ids.
fn debug_info(traces: &[(&str, &[Line<'_>])], is_shared: bool) -> GraphDebugInfo {
    let mut info = GraphDebugInfo::default();
    for (index, (key, frames)) in traces.iter().enumerate() {
        let lines: Vec<_> = frames
            .iter()
            .map(|&(file, line, function)| {
                let known = info.files.iter().position(|known| known == file);
                let file_index = known.unwrap_or_else(|| {
                    info.files.push(file.to_owned());
                    info.files.len() - 1
                });
                FileLineCol {
                    file_index: Some(file_index as i32),
                    line: Some(line),
                    func: Some(function.to_owned()),
                    ..FileLineCol::default()
                }
            })
            .collect();
        if is_shared {
            let ids: Vec<_> = (0..lines.len()).map(|at| (1_000 * index + at) as u64).collect();
            info.frames_by_id.extend(ids.iter().copied().zip(lines));
            info.traces_by_id.insert(index as u64, StackTrace { frame_id: ids, ..StackTrace::default() });
            info.name_to_trace_id.insert((*key).to_owned(), index as u64);
        } else {
            info.traces.insert((*key).to_owned(), StackTrace { file_line_cols: lines, ..StackTrace::default() });
        }
    }
    info
}

fn graph(definition: &GraphDef) -> Graph {
    Graph::from_bytes(definition.encode_to_vec()).unwrap()
}

fn error(message: &str) -> OpError {
    OpError::new(Code::INVALID_ARGUMENT, message)
}

fn pairs(tags: &Value) -> Vec<(&str, &str)> {
    tags.as_array().unwrap().iter().map(|tag| (tag[0].as_str().unwrap(), tag[1].as_str().unwrap())).collect()
}

#[test]
fn messages_are_taken_apart_as_tensorflow_does() {
    let made = [("<FILE>", 11, "<module>"), ("site-packages/tensorflow/python/ops/x.py", 1, "f")];
    for is_shared in [false, true] {
        let mut definition = graph_def(vec![node("Foo", "Const"), node("add", "AddV2")], vec![]);
        definition.debug_info = Some(debug_info(&[("Foo@", &made), ("add@", &made)], is_shared));
        let graph = graph(&definition);
        let vectors = golden::list("interp_vectors.json");
        assert!(vectors.len() >= 27);
        for vector in &vectors {
            let message = vector["message"].as_str().unwrap();
            let parsed = parse_message(message);
            assert_eq!(parsed.text, vector["parsed_message"].as_str().unwrap());
            let of = |tags: &[operr::graph::Tag<'_>]| -> Vec<(String, String)> {
                tags.iter().map(|tag| (tag.r#type.to_owned(), tag.name.to_owned())).collect()
            };
            let owned = |tags: &Value| -> Vec<(String, String)> {
                pairs(tags).into_iter().map(|(one, other)| (one.to_owned(), other.to_owned())).collect()
            };
            assert_eq!(of(&parsed.functions), owned(&vector["func_tags"]), "{message}");
            assert_eq!(of(&parsed.nodes), owned(&vector["node_tags"]), "{message}");
            assert_eq!(node_name(message), vector["nodedef_name_re_group3"].as_str(), "{message}");
            assert_eq!(interpolate(message, &graph), vector["interpolate_graph"].as_str().unwrap(), "{message}");
        }
    }
}

/// Each error of a session: from the message below the one that it raised, and a graph with its node, both follow.
#[test]
fn real_sessions_errors_follow_from_message_and_graph() {
    let mut count = 0;
    for vector in golden::list("real_errors.json") {
        let (Some(message), Some(raised)) = (vector["context_message"].as_str(), vector["message"].as_str()) else {
            continue;
        };
        if !raised.starts_with("Graph execution error:\n\n") || raised.contains("Detected at node enq defined") {
            continue;
        }
        let mut nodes = vec![node("other", "NoOp")];
        let mut traces = Vec::new();
        let mut name = vector["op_name"].as_str().unwrap_or_default();
        if let Some(bytes) = golden::hex_field(&vector, "node_def_hex") {
            nodes.push(NodeDef::decode(bytes).unwrap());
            let (_, trace) = vector["str"].as_str().unwrap().split_once("\n\nOriginal stack trace for ").unwrap();
            traces = frames_in(trace, "  File \"");
        } else if let Some((_, rest)) = raised.split_once("Detected at node '") {
            // It is in the graph, though the session does not find it.
            name = rest.split('\'').next().unwrap();
            nodes.push(node(name, "Unknown"));
            traces = frames_in(rest, "    File \"");
        }
        let key = format!("{name}@");
        let frames: Vec<_> = traces.iter().map(|(file, line, f)| (file.as_str(), *line, f.as_str())).collect();
        let info = debug_info(&[(&key, &frames)], count % 2 == 0);
        let graph = graph(&graph_def(nodes, vec![])).with_debug_info(info.encode_to_vec()).unwrap();

        assert_eq!(interpolate(message, &graph), raised);
        let error = error(message).resolve(&graph);
        let op = error.op().map(|op| (op.name, op.r#type));
        let expected =
            vector["op_name"].as_str().map(|name| (name.to_owned(), vector["op_type"].as_str().unwrap().to_owned()));
        assert_eq!(op, expected, "{message}");
        let node_def = error.node_def().map(|node| node.decode().unwrap());
        assert_eq!(node_def, golden::hex_field(&vector, "node_def_hex").map(|bytes| NodeDef::decode(bytes).unwrap()));
        let found = error.op().or_else(|| graph.operation(name)).unwrap_or_default().traceback;
        assert!(found.iter().map(|it| (&*it.file, it.line, &*it.function)).eq(frames));
        count += 1;
    }
    assert!(count >= 15, "only {count}");
}

/// The frames in a text, whose lines begin so.
fn frames_in(text: &str, start: &str) -> Vec<(String, i32, String)> {
    let frame = |line: &str| {
        let (file, rest) = line.strip_prefix(start)?.split_once("\", line ")?;
        let (line, function) = rest.split_once(", in ")?;
        Some((file.to_owned(), line.parse().ok()?, function.to_owned()))
    };
    text.lines().filter_map(frame).collect()
}

#[test]
fn a_miss_keeps_what_is_known() {
    let graph = graph(&graph_def(vec![node("enq", "QueueEnqueueV2")], vec![function("f", vec![node("g", "Add")])]));
    let known = error("m\n\t [[{{node _retval_x_0_0}}]]").with_node_def(node("_retval_x_0_0", "_Retval"));
    let resolved = known.clone().resolve(&graph);
    assert_eq!(resolved, known);
    assert!(resolved.op().is_none());
    for message in
        ["no node", "[[enq]]", "[[", "[[{{node }}]]", "[[{{function_node f}}{{node g}}]]", "[[{{node enq:0}}]]"]
    {
        assert_eq!(error(message).resolve(&graph), error(message), "{message}");
    }
    // What stands there already gives way to what the graph says.
    let wrong = error("[[{{node enq}}]]").with_node_def(node("wrong", "Wrong")).with_payload("a/b", "c");
    let resolved = wrong.resolve(&graph);
    assert_eq!(resolved.node_def().unwrap().name().unwrap(), "enq");
    assert_eq!(resolved.payloads().get("a/b").unwrap(), "c");
}

#[test]
fn nodes_inside_functions() {
    let functions = vec![
        function("f", vec![node("g", "Add"), node("enq", "Inner")]),
        function("__inference_<lambda>_8", vec![node("g", "Mul")]),
        function("f", vec![node("late", "Late")]),
        function("alone", vec![node("only", "Only")]),
    ];
    let graph = graph(&graph_def(vec![node("enq", "Outer")], functions));
    let op_of = |message: &str| {
        let (node, function) = graph.failed_node(message)?;
        Some((node.op().unwrap().to_owned(), function))
    };
    let found = |op: &str, function: &str| Some((op.to_owned(), Some(function.to_owned())));
    assert_eq!(op_of("m [[{{function_node f}}{{node g}}]]"), found("Add", "f"));
    assert_eq!(op_of("m [[{{function_node f}}{{node enq}}]]"), found("Inner", "f"));
    assert_eq!(op_of("m [[{{node enq}}]]"), Some(("Outer".into(), None)));
    assert_eq!(
        op_of("m [[{{function_node __inference_<lambda>_8}}{{node g}}]]"),
        found("Mul", "__inference_<lambda>_8")
    );
    // Functions in front of that one are the calls that led there.
    assert_eq!(op_of("[[{{function_node h}}{{function_node h}}{{function_node f}}{{node g}}]]"), found("Add", "f"));
    // Functions in front of all, and lists that look as if they began a tag. One of the outermost graph is another node.
    let front = "{{function_node f}} {{function_node f}} assertion failed: [[[1 2][3...]]...]\n\t ";
    assert_eq!(op_of(&format!("{front}[[{{{{node g}}}}]]\n\t [[call]]")), found("Add", "f"));
    assert_eq!(op_of(&format!("{front}[[{{{{node enq}}}}]]")), found("Inner", "f"));
    // A function that the runtime has rewritten.
    let rewritten = "[[{{function_node f_specialized_for_call_at_tf_graph}}{{node g}}]]";
    assert_eq!(op_of(rewritten), found("Add", "f"));
    // Without a function, the only one that has such a node.
    assert_eq!(op_of("in a map function [[{{node only}}]]"), found("Only", "alone"));
    for message in [
        "[[{{node g}}]]",
        "[[{{function_node f}}{{node none}}]]",
        "[[{{function_node none}}{{node g}}]]",
        "{{function_node none}} [[{{node enq}}]]",
        "{{node enq}}",
        "[[",
        "",
    ] {
        assert_eq!(op_of(message), None, "{message}");
    }
    assert_eq!(graph.operation_of(&graph.node_in("f", "g").unwrap(), Some("f")).r#type, "Add");
    assert_eq!(graph.node_in("", "g"), None);
    assert_eq!(graph.function("f").unwrap().node_def.len(), 2);
    assert_eq!(graph.function("none"), None);
}

#[test]
fn what_a_message_says_of_the_node_that_failed() {
    let said = |message: &str| failed_node(message).map(|it| (it.name.to_owned(), it.functions.join(" ")));
    let expected = |name: &str, functions: &str| Some((name.to_owned(), functions.to_owned()));
    assert_eq!(said("{{function_node a}} {{function_node b}} m [[{{node n}}]]"), expected("n", "b a"));
    assert_eq!(said("{{function_node a}} m [[{{function_node b}}{{node n}}]]"), expected("n", "b a"));
    assert_eq!(said("m [[{{function_node a}}{{function_node a}}{{node n}}]]"), expected("n", "a"));
    assert_eq!(said("[[1 2]] m {{function_node a}}\n [[{{node n}}]]"), expected("n", "a"));
    assert_eq!(said("m [[add]]"), expected("add]]", ""));
    assert_eq!(said("{{node a}} and {{function_node f}} later"), None);
    assert_eq!(said("[[{{function_node f}}]]"), None);
    assert_eq!(said(""), None);
    // Of a peer's message with any number of functions, some.
    let many: String = (0..100_000).map(|n| format!("{{{{function_node f{n}}}}}")).collect();
    assert_eq!(failed_node(&format!("{many}[[{{{{node n}}}}]]")).unwrap().functions.len(), 32);
    assert_eq!(failed_node(&format!("[[{many}{{{{node n}}}}]]")).unwrap().functions.len(), 32);
    assert_eq!(failed_node(&format!("[[x {}", "{{function_node ".repeat(100_000))).unwrap().functions.len(), 0);
}

/// Infos of a peer's may be of any size, and say the same thing many times.
#[test]
fn debug_infos_are_read_within_bounds() {
    let long = "x".repeat(100_000);
    let frames: Vec<_> = (0..5_000).map(|line| (long.as_str(), line, "f")).collect();
    let mut definition = graph_def((0..50).map(|n| node(&format!("n{n}"), "N")).collect(), vec![]);
    for is_shared in [false, true] {
        let info = debug_info(&[("n0@", &frames)], is_shared);
        definition.debug_info = Some(info);
        let op = graph(&definition).operation("n0").unwrap();
        assert_eq!((op.traceback.len(), op.traceback[999].line), (1_000, 4_999));
        assert!(op.traceback.iter().all(|frame| frame.file.len() == 4_096));
    }
    // Two infos in one graph are one; what is added later says more.
    let [one, two] =
        [("n1@", "one.py"), ("n2@", "two.py")].map(|(key, file)| debug_info(&[(key, &[(file, 1, "f")])], false));
    let mut bytes = graph_def(vec![node("n1", "N"), node("n2", "N")], vec![]).encode_to_vec();
    for info in [&one, &two] {
        GraphDef { debug_info: Some(info.clone()), ..GraphDef::default() }.encode(&mut bytes).unwrap();
    }
    let graph = Graph::from_bytes(bytes.clone()).unwrap();
    let file = |graph: &Graph, name: &str| graph.operation(name).unwrap().traceback[0].file.clone();
    assert_eq!(file(&graph, "n1"), "one.py");
    let later = debug_info(&[("n1@", &[("later.py", 1, "f")])], true).encode_to_vec();
    assert_eq!(file(&graph.with_debug_info(later).unwrap(), "n1"), "later.py");
    // Linear in their number.
    Graph::from_bytes(b"\x2a\x00".repeat(200_000)).unwrap();
}

#[test]
fn originals_and_tracebacks() {
    let fused = NodeDef {
        experimental_debug_info: Some(ExperimentalDebugInfo {
            original_node_names: vec!["a".into(), "g".into(), "gone".into()],
            original_func_names: vec![String::new(), "f".into()],
        }),
        ..node("fused", "_FusedMatMul")
    };
    let definition = graph_def(vec![node("a", "MatMul"), fused], vec![function("f", vec![node("g", "Add")])]);
    let traces: [(&str, &[Line<'_>]); 3] = [
        ("a@", &[("a.py", 1, "<module>")]),
        ("g@f", &[("g.py", 2, "f")]),
        ("fused@", &[("z.py", 3, ""), ("z.py", 4, "")]),
    ];
    for is_shared in [false, true] {
        let info = debug_info(&traces, is_shared).encode_to_vec();
        let graph = graph(&definition).with_debug_info(info).unwrap();
        let op = error("[[{{node fused}}]]").resolve(&graph).op().unwrap();
        let frame = |file: &str, line, function: &str| Frame::new(file, line, function);
        assert_eq!(op.traceback, [frame("z.py", 3, ""), frame("z.py", 4, "")]);
        let originals: Vec<_> = op.originals.iter().map(|it| (&*it.name, &*it.r#type, it.traceback.clone())).collect();
        assert_eq!(
            originals,
            [
                ("a", "MatMul", vec![frame("a.py", 1, "<module>")]),
                ("g", "Add", vec![frame("g.py", 2, "f")]),
                ("gone", "", vec![])
            ]
        );
    }
}

#[test]
fn frames_as_python_prints_them() {
    let frames = [
        ("app.py", 1, "<module>"),
        ("site-packages/tensorflow/python/ops/math_ops.py", 9, "add"),
        ("site-packages/tensorflow/python/keras/layers.py", 10, "call"),
        ("C:\\site\\tensorflow\\python\\x.py", 9, "add"),
        ("tensorflow/python/some_test.py", 11, "t"),
        ("<embedded>", 1, "x"),
        ("r.py", 3, "again"),
        ("r.py", 3, "again"),
        ("r.py", 3, "again"),
        ("r.py", 3, "again"),
        ("r.py", 3, "again"),
    ];
    let mut definition = graph_def(vec![node("n", "N")], vec![]);
    definition.debug_info = Some(debug_info(&[("n@", &frames)], true));
    assert_eq!(
        interpolate("m {{node n}}\x1c\n ", &graph(&definition)),
        "Graph execution error:\n\nDetected at node 'n' defined at (most recent call last):\n    \
         File \"app.py\", line 1, in <module>\n    \
         File \"site-packages/tensorflow/python/keras/layers.py\", line 10, in call\n    \
         File \"tensorflow/python/some_test.py\", line 11, in t\n    \
         File \"r.py\", line 3, in again\n    \
         File \"r.py\", line 3, in again\n    \
         File \"r.py\", line 3, in again\n    \
         [Previous line repeated 2 more times]\n\
         Node: 'n'\nm {{node n}}"
    );
}

#[test]
fn tags_are_written_as_they_are_read() {
    let text = original_node_tags(&["a/b", "c"], &["f"]);
    assert_eq!(text, "{{function_node f}}{{node a/b}}, {{node c}}");
    let parsed = parse_message(&text);
    assert_eq!(parsed.functions.iter().map(|tag| tag.name).collect::<Vec<_>>(), ["f"]);
    assert_eq!(parsed.nodes.iter().map(|tag| tag.name).collect::<Vec<_>>(), ["a/b", "c"]);
    assert_eq!(original_node_tags::<&str>(&[], &["f"]), "");
}

/// Encodings that no encoder writes, but that protobuf allows: fields in any order, repeated, with unknown ones.
#[test]
fn odd_encodings() {
    let len = |number: u8, value: &[u8]| [&[number << 3 | 2, value.len() as u8], value].concat();
    let first = len(1, &[len(2, b"Op"), len(1, b"early"), len(15, b"?"), len(1, b"late")].concat());
    let body =
        [len(3, &len(1, b"g")), len(1, &len(1, b"early")), len(1, &[len(14, b"c"), len(1, b"f")].concat())].concat();
    let library = len(2, &[len(9, b"?"), len(1, &body)].concat());
    let graph = Graph::from_bytes([library, vec![0x18, 7], first, len(1, &len(1, b"plain"))].concat()).unwrap();
    assert!(graph.node("early").is_none());
    assert_eq!(graph.node("late").unwrap().op().unwrap(), "Op");
    assert!(graph.node("plain").is_some());
    assert!(graph.node_in("f", "g").is_some() && graph.node_in("early", "g").is_none());
}

#[test]
fn what_is_no_graph_is_refused() {
    let cases: [(&[u8], &str); 6] = [
        (b"\x0a\x05ab", "tensorflow.GraphDef, byte 0: field 1 runs past the end: 5 bytes needed, 2 left"),
        (b"\x08\x01", "tensorflow.GraphDef, byte 0: field 1 has the wrong wire type, expected a message"),
        (b"\x0a\x03\x0a\x01\xff", "tensorflow.GraphDef, byte 2: field 1 is not UTF-8"),
        (b"\x12\x02\x0a\x09", "tensorflow.GraphDef, byte 2: field 1 runs past the end: 9 bytes needed, 0 left"),
        (
            b"\x12\x06\x0a\x04\x1a\x02\x0a\x07",
            "tensorflow.GraphDef, byte 6: field 1 runs past the end: 7 bytes needed, 0 left",
        ),
        (b"\x2a\x02\x0a\x09", "tensorflow.GraphDef, byte 2: field 1 runs past the end: 9 bytes needed, 0 left"),
    ];
    for (bytes, text) in cases {
        assert_eq!(Graph::from_bytes(bytes).unwrap_err().to_string(), text);
    }
    assert!(Graph::from_bytes(&b""[..]).unwrap().with_debug_info(&b"\x0a\x09"[..]).is_err());
}

proptest! {
    #[test]
    fn every_node_is_found(
        names in prop::collection::btree_map("[a-c]{1,3}(/[a-c]{1,2})?", "[A-Z]{0,3}", 0..20),
        inner in prop::collection::btree_map("[f-h]{1,2}", prop::collection::btree_map("[a-c]{1,2}", "[A-Z]{1,3}", 0..6), 0..6),
        other in "[a-h/]{0,4}",
    ) {
        let nodes = names.iter().map(|(name, op)| node(name, op)).collect();
        let of = |nodes: &BTreeMap<String, String>| nodes.iter().map(|(name, op)| node(name, op)).collect();
        let functions = inner.iter().map(|(name, nodes)| function(name, of(nodes))).collect();
        let graph = graph(&graph_def(nodes, functions));
        let op = |node: Option<operr::NodeDef>| node.map(|node| node.op().unwrap().to_owned());
        for name in names.keys().chain([&other]) {
            prop_assert_eq!(op(graph.node(name)), names.get(name).cloned());
            for (function, nodes) in &inner {
                prop_assert_eq!(op(graph.node_in(function, name)), nodes.get(name).cloned());
            }
        }
        for (function, nodes) in &inner {
            for (name, op) in nodes {
                let (found, of) = graph.failed_node(&format!("[[{{{{function_node {function}}}}}{{{{node {name}}}}}]]")).unwrap();
                prop_assert_eq!((found.op().unwrap(), of.as_ref()), (op.as_str(), Some(function)));
            }
        }
    }

    /// Never a panic, and what is refused is refused with a position.
    #[test]
    fn damaged_graphs(at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>()) {
        let mut definition = graph_def(vec![node("a", "A"), node("b", "B")], vec![function("f", vec![node("g", "G")])]);
        definition.debug_info = Some(debug_info(&[("a@", &[("x.py", 1, "f")]), ("g@f", &[("y.py", 2, "g")])], true));
        let mut bytes = definition.encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        bytes.truncate(cut.index(bytes.len()) + 1);
        match Graph::from_bytes(bytes) {
            Ok(graph) => {
                let _ = (graph.operation("a"), graph.function("f"), interpolate("{{node a}} {{node b}}", &graph));
            }
            Err(error) => prop_assert!(error.position().is_some()),
        }
    }

    #[test]
    fn any_message(message in "(\\{|\\}| |node|function_node|[a-c:é\\[\\]\n/-]){0,40}") {
        let parsed = parse_message(&message);
        let tags: usize = parsed.functions.iter().map(|tag| tag.r#type.len() + tag.name.len() + 5).sum();
        prop_assert_eq!(parsed.text.len() + tags, message.len());
        let graph = graph(&graph_def(vec![node("a", "A")], vec![]));
        let _ = (node_name(&message), graph.failed_node(&message), error(&message).resolve(&graph));
    }
}
