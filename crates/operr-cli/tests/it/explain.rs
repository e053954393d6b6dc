//! `operr explain`: with what there is, be it a message only or a whole graph.

use std::path::Path;

use operr::pb::tensorflow::attr_value::{ListValue, Value};
use operr::pb::tensorflow::graph_debug_info::{FileLineCol, StackTrace};
use operr::pb::tensorflow::op_def::ArgDef;
use operr::pb::tensorflow::{
    AttrValue, DataType, FunctionDef, FunctionDefLibrary, GraphDebugInfo, GraphDef, NodeDef, OpDef,
};
use operr::{Code, OpError};
use operr_log::{Event, Writer};
use prost::Message as _;

use crate::{fail, folder, golden, operr, run_with, text};

fn node(name: &str, op: &str, inputs: &[&str], types: &[(&str, DataType)]) -> NodeDef {
    let attribute = |r#type: DataType| AttrValue { value: Some(Value::Type(r#type.into())) };
    NodeDef {
        name: name.into(),
        op: op.into(),
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        attr: types.iter().map(|&(name, found)| (name.to_owned(), attribute(found))).collect(),
        ..NodeDef::default()
    }
}

/// A graph of the outermost nodes and of a function `f`, which calls none.
fn graph() -> GraphDef {
    let types = |types: &[DataType]| {
        let list = ListValue { r#type: types.iter().map(|&found| found.into()).collect(), ..ListValue::default() };
        AttrValue { value: Some(Value::List(list)) }
    };
    let mut deq = node("deq", "QueueDequeueV2", &["q"], &[]);
    deq.attr.insert("component_types".into(), types(&[DataType::DtFloat, DataType::DtString]));
    let mut enq = node("enq", "QueueEnqueueV2", &["q", "deq:1", "less", "call", "cast", "odd", "gone:2", "^init"], &[]);
    enq.device = "/job:worker/replica:0/task:0/device:CPU:0".into();
    let argument = |name: &str, r#type: DataType, type_attr: &str| ArgDef {
        name: name.into(),
        r#type: r#type.into(),
        type_attr: type_attr.into(),
        ..ArgDef::default()
    };
    let signature = OpDef {
        name: "f".into(),
        input_arg: vec![argument("x", DataType::DtFloat, ""), argument("y", DataType::DtInvalid, "T")],
        output_arg: vec![argument("z", DataType::DtInt64, "")],
        ..OpDef::default()
    };
    let function = FunctionDef {
        signature: Some(signature),
        node_def: vec![
            node("mul", "Mul", &["x", "x"], &[("T", DataType::DtFloat)]),
            node("chk", "CheckNumerics", &["mul:z:0", "y", "^mul"], &[("T", DataType::DtFloat)]),
        ],
        ..FunctionDef::default()
    };
    GraphDef {
        node: vec![
            node("q", "FIFOQueueV2", &[], &[("component_types", DataType::DtFloat)]),
            deq,
            node("less", "Less", &["a", "b"], &[("T", DataType::DtFloat)]),
            node("call", "f", &["a", "b"], &[]),
            node("cast", "Cast", &["a"], &[("SrcT", DataType::DtFloat), ("DstT", DataType::DtHalf)]),
            node("odd", "Unheard", &[], &[]),
            enq,
        ],
        library: Some(FunctionDefLibrary { function: vec![function], ..FunctionDefLibrary::default() }),
        ..GraphDef::default()
    }
}

fn debug_info() -> GraphDebugInfo {
    let line = |line, func: &str, code: &str| FileLineCol {
        file_index: Some(0),
        line: Some(line),
        func: Some(func.into()),
        code: Some(code.into()),
        ..FileLineCol::default()
    };
    let trace = |lines| StackTrace { file_line_cols: lines, ..StackTrace::default() };
    GraphDebugInfo {
        files: vec!["app/train.py".into()],
        traces: [
            (
                "enq@".to_owned(),
                trace(vec![line(12, "<module>", "  train()"), line(3, "train", "queue.enqueue(batch)")]),
            ),
            ("chk@f".to_owned(), trace(vec![line(7, "f", "")])),
        ]
        .into(),
        ..GraphDebugInfo::default()
    }
}

/// Writes `graph.pb` and `debug_info.pb`.
pub(crate) fn example(folder: &Path) {
    std::fs::write(folder.join("graph.pb"), graph().encode_to_vec()).unwrap();
    std::fs::write(folder.join("debug_info.pb"), debug_info().encode_to_vec()).unwrap();
}

const ENQ: &str = "CANCELLED: Enqueue operation was cancelled\n\t [[{{node enq}}]]";

#[test]
fn pages_are_what_the_golden_file_says() {
    let folder = folder("explain");
    example(&folder);
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (graph, info) = (at("graph.pb"), at("debug_info.pb"));
    let mut out = String::new();
    for (title, arguments) in [
        ("a message", vec!["--text", ENQ]),
        ("a message without a code", vec!["--text", "no such thing: 7"]),
        ("a class", vec!["--text", "tensorflow.python.framework.errors_impl.NotFoundError: gone"]),
        ("functions", vec!["--text", "INTERNAL: m [[{{function_node g}}{{function_node f}}{{node n}}]]"]),
        ("a graph", vec!["--graph", &graph, "--text", ENQ]),
        ("and debug info", vec!["--graph", &graph, "--debug-info", &info, "--text", ENQ]),
        (
            "in a function",
            vec!["--graph", &graph, "--debug-info", &info, "--text", "3: NaN [[{{function_node f}}{{node chk}}]]"],
        ),
        (
            "in a function that is named in front",
            vec!["--graph", &graph, "--text", "{{function_node f}} NaN [[{{node chk}}]]"],
        ),
        ("made at runtime", vec!["--graph", &graph, "--text", "ABORTED: m [[{{node _retval_x_0_0}}]]"]),
        ("no node", vec!["--graph", &graph, "--text", "ABORTED: m"]),
    ] {
        out.push_str(&format!("== {title} ==\n{}\n", text(&[&["explain"], &arguments[..]].concat(), b"")));
    }
    golden::check("explain", &out);
}

/// An error in any form says itself what the message does not.
#[test]
fn errors_are_explained() {
    let error = OpError::new(Code::UNAVAILABLE, "gone [[{{node enq}}]]")
        .with_node_def(node("enq", "QueueEnqueueV2", &["q", "^init"], &[]))
        .with_payload("example.com/a", "value")
        .with_cause(OpError::new(Code::ABORTED, "below"));
    let page = text(&["explain"], &error.to_bytes());
    for line in [
        "UNAVAILABLE (14), UnavailableError: gone [[{{node enq}}]]\n",
        "node: enq (QueueEnqueueV2)\n",
        "inputs:\n  q\n  init: runs before, and gives nothing\n",
        "payload: example.com/a (5 bytes)\n  value\n",
        "└─ ABORTED (10), AbortedError: below\n",
        "retry: again, with backoff\n",
    ] {
        assert!(page.contains(line), "{line}: {page}");
    }
    assert_eq!(text(&["explain", "--from", "json"], error.to_json().as_bytes()), page);
    // The graph knows better.
    let folder = folder("explain-errors");
    example(&folder);
    let page = text(&["explain", "--graph", folder.join("graph.pb").to_str().unwrap()], &error.to_bytes());
    assert!(page.contains("  deq:1: DT_STRING, from QueueDequeueV2\n"), "{page}");
}

#[test]
fn records_are_explained() {
    let folder = folder("explain-log");
    let log = folder.join("log");
    let writer = Writer::open(&log).unwrap();
    let ids: Vec<_> = ["first", "second"]
        .map(|message| writer.write(&Event::new(&OpError::new(Code::ABORTED, message))).unwrap().to_string())
        .into();
    let log = log.to_str().unwrap();
    assert!(text(&["explain", "--log", log], b"").starts_with("ABORTED (10), AbortedError: second\n"));
    assert!(text(&["explain", "--log", log, "--id", &ids[0]], b"").starts_with("ABORTED (10), AbortedError: first\n"));
    let said = fail(&["explain", "--log", log, "--id", "none"], b"", 1);
    assert_eq!(said, "error: no record has the id none\n");
    let said = fail(&["explain", "--log", folder.join("other").to_str().unwrap()], b"", 1);
    assert!(said.contains("no such file, and no log of this name has files"), "{said}");
    let empty = Writer::open(folder.join("empty")).unwrap();
    let said = fail(&["explain", "--log", empty.path().unwrap().to_str().unwrap()], b"", 1);
    assert_eq!(said, "error: the log has no record\n");
}

#[test]
fn text_is_a_message() {
    let output = run_with(operr(&["explain"]), b"OUT_OF_RANGE: End of sequence\n");
    let (printed, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(printed.starts_with("OUT_OF_RANGE (11), OutOfRangeError: End of sequence\nmeaning: "), "{printed}");
    assert_eq!(said, "note: read as a message, for it is no error in any form\n");
    // What could be an error that is damaged is none.
    for (text, head) in [
        ("ABORTED", "ABORTED (10), AbortedError, without a message\n"),
        ("10: m", "ABORTED (10), AbortedError: m\n"),
        ("AbortedError: m", "ABORTED (10), AbortedError: m\n"),
        ("404: Not Found", "message: 404: Not Found\n"),
        ("-1: x", "message: -1: x\n"),
        ("OK: x", "message: OK: x\n"),
        ("x: y", "message: x: y\n"),
    ] {
        let page = String::from_utf8(crate::succeed(&["explain", "--text", text], b"")).unwrap();
        assert!(page.starts_with(head), "{text}: {page}");
    }
    for input in [&b"\x08\xff\xff"[..], b"{\"code\": 3", b"", b" \n", b"\x1b[31m"] {
        let said = fail(&["explain"], input, 1);
        assert!(said.starts_with("error: the input is "), "{said}");
    }
    assert!(fail(&["explain", "--from", "hex"], b"a message", 1).contains("in the form hex"));
}

#[test]
fn graphs_that_are_none() {
    let folder = folder("explain-bad");
    let path = folder.join("bad.pb");
    std::fs::write(&path, b"\x0a\x05ab").unwrap();
    let path = path.to_str().unwrap();
    let said = fail(&["explain", "--text", "m", "--graph", path], b"", 1);
    assert_eq!(
        said,
        format!("error: {path}: tensorflow.GraphDef, byte 0: field 1 runs past the end: 5 bytes needed, 2 left\n")
    );
    std::fs::write(path, b"\x08\x01\x12\x02\x0a\x00").unwrap();
    let said = fail(&["explain", "--text", "m", "--graph", path], b"", 1);
    assert_eq!(said, format!("error: {path}: a SavedModel, and no GraphDef, which lies in it\n"));
    std::fs::write(path, b"\x0a\x05ab").unwrap();
    example(&folder);
    let graph = folder.join("graph.pb");
    let said = fail(&["explain", "--text", "m", "--graph", graph.to_str().unwrap(), "--debug-info", path], b"", 1);
    assert!(said.contains("tensorflow.GraphDebugInfo, byte 0"), "{said}");
    assert!(fail(&["explain", "--text", "m", "--graph", "/none/graph.pb"], b"", 1).contains("No such file"));
}

/// What says where an error comes from goes with nothing else that does.
#[test]
fn one_subject_at_a_time() {
    for other in [&["--grpc-status", "3"][..], &["--from", "json"], &["--allow-ok"], &["--hex", "08"], &["file"]] {
        for subject in [["--text", "m"], ["--log", "log"]] {
            fail_usage(&[&["explain"], &subject[..], other].concat());
        }
    }
    fail_usage(&["explain", "--text", "m", "--log", "log"]);
    fail_usage(&["explain", "--id", "x"]);
    fail_usage(&["explain", "--debug-info", "x"]);
}

#[track_caller]
fn fail_usage(arguments: &[&str]) {
    let output = operr(arguments).output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(2), Vec::new()), "{arguments:?}");
}
