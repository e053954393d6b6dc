//! The page for people.

use operr::pb::google::rpc::{ErrorInfo, RetryInfo};
use operr::pb::tensorflow::attr_value::{ListValue, Value};
use operr::pb::tensorflow::{AttrValue, NodeDef};
use operr::{Code, Frame, Omitted, OpError, Operation, Origin};

use crate::{golden, hex, operr, run_with, text};

/// An error with everything in it.
fn rich() -> OpError {
    let attr = |value| AttrValue { value: Some(value) };
    let node = NodeDef {
        name: "scope/enq".into(),
        op: "QueueEnqueueV2".into(),
        input: vec!["q".into(), "scope/enq/component_0".into()],
        device: "/job:worker/replica:0/task:0/device:CPU:0".into(),
        attr: [
            ("timeout_ms".to_owned(), attr(Value::I(-1))),
            ("Tcomponents".to_owned(), attr(Value::List(ListValue { r#type: vec![1], ..Default::default() }))),
        ]
        .into(),
        ..Default::default()
    };
    let op = Operation::new("scope/enq", "QueueEnqueueV2")
        .with_traceback([
            Frame::new("app/main.py", 12, "<module>").with_code("    train()"),
            Frame::new("app/train.py", 3, "train").with_code("queue.enqueue(batch)"),
        ])
        .with_original(Operation::new("enq", "QueueEnqueueV2").with_traceback([Frame::new("graph.py", 7, "build")]));
    let origin = Origin {
        r#type: "tensorflow.python.framework.errors_impl.CancelledError".into(),
        notes: vec!["while feeding shard 7".into(), "two\nlines".into()],
        raised_at: vec![Frame::new("session.py", 1402, "_do_call")],
    };
    let info = ErrorInfo {
        reason: "QUEUE_CLOSED".into(),
        domain: "example.com".into(),
        metadata: [("queue".to_owned(), "q".to_owned())].into(),
    };
    let inner = OpError::new(Code::ABORTED, "the queue was closed").with_op(&Operation::new("close", "QueueCloseV2"));
    let omitted =
        Omitted { causes: 2, bytes: 12_345, type_urls: vec!["example.com/gone".into()], ..Omitted::default() };
    OpError::new(Code::CANCELLED, "Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]")
        .with_node_def(node)
        .with_op(&op)
        .with_origin(&origin)
        .with_detail(&info)
        .with_detail(&RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 2, nanos: 0 }) })
        .with_payload("example.com/text", "readable\nin two lines")
        .with_payload("example.com/bytes", vec![0, 1, 2, 0xff])
        .with_payload("example.com/empty", "")
        .with_cause(OpError::new(Code::UNAVAILABLE, "worker 0 is gone").with_cause(inner).with_payload("k", "v"))
        .with_cause(OpError::new(Code::new(77), "").with_cause(OpError::new(Code::DATA_LOSS, "two\nlines")))
        .with_detail(&omitted)
}

#[test]
fn pages_are_what_the_golden_files_say() {
    golden::check("rich", &text(&["decode"], &rich().to_bytes()));
    golden::check("rich-json", &text(&["decode", "--json"], &rich().to_bytes()));
    golden::check("rich-text", &text(&["decode", "--text"], &rich().to_bytes()));
    golden::check("plain", &text(&["decode", "--grpc-status", "14", "--grpc-message", "no%20route%25"], b""));
    golden::check("unnamed", &text(&["decode", "--grpc-status", "-1"], b""));
    golden::check("unparsed", &text(&["decode", "--grpc-status", "5", "--message", "gone", "--hex", "1aff"], b""));
    golden::check("disagreement", &text(&["decode", "--grpc-status", "5", "--message", "gone", "--hex", "080a"], b""));
    golden::check("ok", &text(&["decode", "--hex", "0800", "--allow-ok"], b""));
    let node = operr::NodeDef::from_bytes(&b"\x0a\x05cut"[..]);
    let broken = OpError::new(Code::INTERNAL, "broken").with_node_def(node);
    golden::check("broken-node", &text(&["decode"], &broken.to_bytes()));
}

#[test]
fn captured_trailers_are_what_the_golden_file_says() {
    let mut pages = String::new();
    let mut seen = Vec::new();
    for vector in golden::vectors("wire_vectors.json") {
        let Some(details) = vector["details_bin_base64_unpadded"].as_str() else { continue };
        let types: Vec<_> = vector["payloads_hex"].as_object().unwrap().keys().cloned().collect();
        if seen.contains(&types) {
            continue;
        }
        seen.push(types);
        let (code, message) = (vector["grpc_status"].to_string(), vector["grpc_message"].as_str().unwrap());
        let headers = ["--grpc-status", &code, "--message", message, "--base64", details];
        pages += &format!("== {} ==\n", vector["label"].as_str().unwrap());
        pages += &text(&[&["decode"], &headers[..]].concat(), b"");
    }
    golden::check("trailers", &pages);
}

#[test]
fn nothing_from_a_peer_steers_the_terminal() {
    let bad = "\x1b[31mred\u{9b}2J\u{7}\r\u{202e}";
    let frame = Frame::new(bad, 1, bad).with_code(bad);
    let error = OpError::new(Code::INTERNAL, bad)
        .with_node_def(NodeDef { name: bad.into(), device: bad.into(), op: bad.into(), ..Default::default() })
        .with_op(&Operation::new(bad, bad).with_traceback([frame]).with_original(Operation::new(bad, bad)))
        .with_origin(&Origin { r#type: bad.into(), notes: vec![bad.into()], ..Origin::default() })
        .with_payload(bad, bad)
        .with_detail(&ErrorInfo { reason: bad.into(), ..Default::default() })
        .with_detail(&Omitted { type_urls: vec![bad.into()], unparsed: bad.into(), ..Omitted::default() });
    let error = error.clone().with_cause(error);
    for flags in [&["decode"][..], &["decode", "--json"], &["decode", "--text"], &["convert", "--to", "http"]] {
        let printed = text(flags, &error.to_bytes());
        let steers = |c: &char| c.is_control() && !matches!(c, '\n' | '\t') || *c == '\u{202e}';
        assert_eq!(printed.chars().find(steers), None, "{flags:?}: {printed:?}");
        assert!(printed.contains("red"));
    }
    let json = text(&["decode", "--json"], &error.to_bytes());
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["message"], bad);

    // What is wrong with an input is said in the same way.
    let output = run_with(operr(&["decode", "--from", "hex"]), "\x1b[31m".as_bytes());
    assert!(!output.stderr.contains(&0x1b), "{output:?}");
}

#[test]
fn colour_is_for_terminals() {
    let bytes = rich().to_bytes();
    let with = |variables: &[(&str, &str)]| {
        let mut command = operr(&["decode", "--hex", &hex(&bytes)]);
        command.envs(variables.iter().copied());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let plain = with(&[]);
    assert!(!plain.contains('\x1b'));
    let coloured = with(&[("CLICOLOR_FORCE", "1")]);
    assert!(coloured.contains("\x1b[1m\x1b[31mCANCELLED\x1b[0m"), "{coloured:?}");
    assert_eq!(with(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), plain);
}
