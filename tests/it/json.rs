//! JSON, HTTP bodies and protobuf text.

use operr::pb::google::rpc::{BadRequest, DebugInfo, ErrorInfo, RequestInfo, RetryInfo, bad_request};
use operr::{Code, Container, Frame, NodeDef, OpError, Operation, Retry, pb, text_format};
use proptest::prelude::*;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};

use crate::golden::{self, hex, hex_field};
use crate::properties::any_error;

fn object(error: &OpError) -> Value {
    serde_json::from_str(&error.to_json()).unwrap()
}

fn rich() -> OpError {
    let detail = ErrorInfo { reason: "R".into(), domain: "example.com".into(), ..Default::default() };
    OpError::new(Code::CANCELLED, "m \"quoted\"\n\té\u{1}")
        .with_node_def(NodeDef::from_bytes(&b"\x0a\x03enq\x12\x0eQueueEnqueueV2"[..]))
        .with_op(&Operation::new("enq", "QueueEnqueueV2").with_traceback([Frame::new("a.py", 3, "f")]))
        .with_note("note")
        .with_payload("example.com/shard", &b"\xff\x00"[..])
        .with_detail(&detail)
        .with_cause(OpError::new(Code::new(77), "below"))
}

#[test]
fn the_object_has_all_keys_in_order() {
    let keys =
        ["status", "code", "codeName", "type", "message", "nodeDef", "op", "origin", "payloads", "causes", "omitted"];
    for error in [OpError::new(Code::OK, ""), OpError::new(Code::new(77), "m"), rich()] {
        let object = object(&error);
        assert_eq!(object.as_object().unwrap().keys().collect::<Vec<_>>(), keys);
    }
    let error = rich();
    let value = object(&error);
    assert_eq!(
        (&value["code"], &value["codeName"], &value["type"]),
        (&json!(1), &json!("CANCELLED"), &json!("CancelledError"))
    );
    assert_eq!(value["message"], "m \"quoted\"\n\té\u{1}");
    assert_eq!(value["nodeDef"], json!({ "name": "enq", "op": "QueueEnqueueV2" }));
    assert_eq!(
        value["op"],
        json!({ "name": "enq", "type": "QueueEnqueueV2", "traceback": [{ "file": "a.py", "line": 3, "function": "f" }] })
    );
    assert_eq!(value["origin"], json!({ "notes": ["note"] }));
    assert_eq!(
        value["payloads"],
        json!([
            { "typeUrl": "example.com/shard", "value": "/wA=" },
            {
                "typeUrl": "type.googleapis.com/google.rpc.ErrorInfo",
                "value": "CgFSEgtleGFtcGxlLmNvbQ==",
                "json": { "reason": "R", "domain": "example.com" },
            },
        ])
    );
    let cause = &value["causes"][0];
    assert_eq!(
        (&cause["code"], &cause["codeName"], &cause["type"]),
        (&json!(77), &Value::Null, &json!("UnknownError"))
    );
    assert_eq!(value["omitted"], Value::Null);
    let lost = OpError::from_status(Code::ABORTED, "m", "garbage");
    assert_eq!(object(&lost)["omitted"], json!({ "unparsed": "Z2FyYmFnZQ==" }));
}

/// Maps have an order, whichever way they go; prost-reflect's own have none.
#[test]
fn maps_come_in_the_order_of_their_keys() {
    let attribute = |index: i64| pb::tensorflow::AttrValue { value: Some(pb::tensorflow::attr_value::Value::I(index)) };
    let attr = (0..20).map(|index| (format!("key-{index:02}"), attribute(index))).collect();
    let node = pb::tensorflow::NodeDef { name: "n".into(), attr, ..Default::default() };
    let error = OpError::new(Code::INTERNAL, "").with_node_def(node);
    let keys: Vec<_> = (0..20).map(|index| format!("key-{index:02}")).collect();
    for _ in 0..5 {
        let value = object(&error);
        assert_eq!(
            value["nodeDef"]["attr"].as_object().unwrap().keys().collect::<Vec<_>>(),
            keys.iter().collect::<Vec<_>>()
        );
        let text = error.to_text();
        let found: Vec<_> = keys.iter().map(|key| text.find(key).unwrap()).collect();
        assert!(found.is_sorted());
        assert_eq!(OpError::from_status_json(&error.to_status_json()).unwrap(), error);
        let by_hand = json!({ "code": 13, "nodeDef": value["nodeDef"] }).to_string();
        assert_eq!(OpError::from_json(&by_hand).unwrap(), error);
    }
}

/// What Python's `json_format` makes of TensorFlow's nodes, and its text format, read as messages.
#[test]
fn nodes_are_what_pythons_protobuf_makes_of_them() {
    const URL: &str = "type.googleapis.com/tensorflow.NodeDef";
    let pool = DescriptorPool::decode(operr::FILE_DESCRIPTOR_SET).unwrap();
    let descriptor = pool.get_message_by_name("tensorflow.NodeDef").unwrap();
    let vectors = golden::list("node_def_json.json");
    assert!(vectors.len() >= 45);
    for vector in &vectors {
        let bytes = hex_field(vector, "hex").unwrap();
        let error = OpError::new(Code::INTERNAL, "").with_node_def(NodeDef::from_bytes(bytes.clone()));
        assert_eq!(object(&error)["nodeDef"], vector["json"], "{}", vector["label"]);

        let theirs = DynamicMessage::parse_text_format(descriptor.clone(), vector["text"].as_str().unwrap()).unwrap();
        let ours = text_format(URL, &bytes).unwrap();
        let ours = DynamicMessage::parse_text_format(descriptor.clone(), &ours).unwrap();
        assert_eq!(ours, theirs, "{}", vector["label"]);
        // By hand, without a status, it is the same node again.
        let view = json!({ "code": 13, "nodeDef": vector["json"] }).to_string();
        let read = OpError::from_json(&view).unwrap().node_def().unwrap().decode().unwrap();
        let same =
            OpError::from_json(&json!({ "code": 13, "nodeDef": object(&error)["nodeDef"] }).to_string()).unwrap();
        assert_eq!(read, same.node_def().unwrap().decode().unwrap());
    }
}

#[test]
fn vectors_go_through_json_byte_for_byte() {
    for vector in golden::list("wire_vectors.json") {
        let code = Code::new(vector["grpc_status"].as_i64().unwrap() as i32);
        let details = hex_field(&vector, "details_bin_hex").unwrap_or_default();
        let error = OpError::from_status(code, vector["grpc_message"].as_str().unwrap_or_default(), details.clone());
        let back = OpError::from_json(&error.to_json()).unwrap();
        assert_eq!(back, error, "{vector}");
        assert_eq!(back.to_details(Container::TensorFlow), details, "{vector}");
        assert_eq!(OpError::from_status_json(&error.to_status_json()).unwrap(), error, "{vector}");
        let (status, body) = error.to_http();
        assert_eq!(OpError::from_http(status, &body), error, "{vector}");
    }
}

#[test]
fn causes_are_cut_at_a_depth_and_nothing_is_lost() {
    let error = (0..10_000).fold(OpError::new(Code::OK, "0"), |error, index| {
        OpError::new(Code::ABORTED, index.to_string()).with_cause(error)
    });
    let value = object(&error);
    let depth = std::iter::successors(Some(&value), |value| value["causes"].get(0)).count();
    assert_eq!(depth, 32);
    assert_eq!(OpError::from_json(&error.to_json()).unwrap(), error);
    assert_eq!(OpError::from_status_json(&error.to_status_json()).unwrap(), error);
    assert_eq!(error.to_text().matches("[type.googleapis.com/google.rpc.Status]").count(), 31);
    assert_eq!(OpError::from_json(&error.to_json()).unwrap().causes().len(), 1);
}

/// JSON readers stop at 128 levels; the object of a deep error has more.
#[test]
fn what_is_nested_deep_reads_back() {
    let mut function = pb::tensorflow::NameAttrList::default();
    let as_value =
        |function| pb::tensorflow::AttrValue { value: Some(pb::tensorflow::attr_value::Value::Func(function)) };
    for _ in 0..30 {
        function =
            pb::tensorflow::NameAttrList { name: "f".into(), attr: [("f".to_owned(), as_value(function))].into() };
    }
    let node = pb::tensorflow::NodeDef { attr: [("body".to_owned(), as_value(function))].into(), ..Default::default() };
    let bottom = OpError::new(Code::INTERNAL, "").with_node_def(node);
    assert!(object(&bottom)["nodeDef"]["attr"]["body"]["func"].is_object());
    let error = (0..31).fold(bottom, |error, _| OpError::new(Code::ABORTED, "").with_cause(error));
    assert!(serde_json::from_str::<Value>(&error.to_json()).is_err(), "it is not that deep any more");
    assert_eq!(OpError::from_json(&error.to_json()).unwrap(), error);
}

#[test]
fn objects_by_hand_are_read_without_a_status() {
    let error = OpError::from_json(
        r#" {"codeName": "NOT_FOUND", "message": "gone", "op": {"name": "n"}, "payloads": [{"typeUrl": "k", "value": "_w"}],
            "causes": [{"code": -1}], "origin": null, "extra": 1} "#,
    )
    .unwrap();
    let expected = OpError::new(Code::NOT_FOUND, "gone")
        .with_op(&Operation::new("n", ""))
        .with_payload("k", &b"\xff"[..])
        .with_cause(OpError::new(Code::new(-1), ""));
    assert_eq!(error, expected);
    // Where there is a status, it alone counts.
    assert_eq!(
        OpError::from_json(r#"{"status": "CAU", "code": 1, "message": "?"}"#).unwrap(),
        OpError::new(Code::NOT_FOUND, "")
    );
}

#[test]
fn what_is_no_error_says_why_and_where() {
    let reason = |text: &str| OpError::from_json(text).unwrap_err().to_string();
    assert_eq!(reason("{\"code\": 5,\n nonsense}"), "JSON, byte 13: key must be a string");
    assert_eq!(reason("[]"), "JSON: an error is an object");
    assert_eq!(reason(r#"{"status": 5}"#), "JSON: \"status\" has to be a string in base64");
    assert_eq!(reason(r#"{"status": "!!"}"#), "JSON: no base64: Invalid symbol 33, offset 0");
    assert!(reason(r#"{"status": "EgVhYmM="}"#).starts_with("google.rpc.Status, byte 0: field 2 runs past the end"));
    assert_eq!(reason(r#"{"code": 5000000000}"#), "JSON: \"code\" has to be a number or a name");
    assert_eq!(reason(r#"{"codeName": "GONE"}"#), "JSON: \"codeName\" has to be the name of a code");
    assert!(reason(r#"{"code": 5, "nodeDef": {"nome": "n"}}"#).starts_with("JSON: no tensorflow.NodeDef: "));
    assert_eq!(reason(r#"{"code": 5, "payloads": [{}]}"#), "JSON: a payload has no typeUrl");
    assert_eq!(reason(r#"["CAU="]"#), "JSON: an error is an object");
    let reason = |text: &str| OpError::from_status_json(text).unwrap_err().to_string();
    assert_eq!(reason(r#"{"details": {}}"#), "JSON: \"details\" has to be a list");
    assert_eq!(reason(r#"{"message": 7}"#), "JSON: \"message\" has to be a string");
    let deep = format!("{}{}", r#"{"causes": ["#.repeat(40), "]}".repeat(40));
    assert!(OpError::from_json(&deep).unwrap_err().to_string().contains("deeper than 32"));
    assert!(OpError::from_json(&"[".repeat(100_000)).is_err());
}

#[test]
fn http_statuses_are_those_of_google_rpc_code() {
    let statuses: Vec<_> = (0..=16).map(|code| Code::new(code).http_status()).collect();
    assert_eq!(statuses, [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]);
    assert_eq!(Code::new(77).http_status(), 500);

    let field =
        bad_request::FieldViolation { field: "capacity".into(), description: "negative".into(), ..Default::default() };
    let error = OpError::new(Code::INVALID_ARGUMENT, "m").with_detail(&BadRequest { field_violations: vec![field] });
    let (status, body) = error.to_http();
    assert_eq!(status, 400);
    let expected = json!({ "error": { "code": 400, "message": "m", "status": "INVALID_ARGUMENT", "details": [{
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{ "field": "capacity", "description": "negative" }],
    }] } });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    assert_eq!(OpError::from_http(status, &body), error);
    // The name counts more than the status that a proxy made of it.
    assert_eq!(OpError::from_http(502, &body).code(), Code::INVALID_ARGUMENT);
    assert_eq!(
        OpError::from_http(418, r#"{"error": {"message": "teapot"}}"#),
        OpError::new(Code::FAILED_PRECONDITION, "teapot")
    );
    assert_eq!(OpError::from_http(502, ""), OpError::new(Code::INTERNAL, "HTTP status 502"));
    assert_eq!(OpError::from_http(404, "[1]").omitted().unwrap().unparsed, "[1]");
}

/// Whatever a proxy puts into a body, the status says something, and the body is kept.
#[test]
fn bodies_that_are_no_aip_193_have_the_code_of_the_status() {
    for body in [
        "<html>502 Bad Gateway</html>",
        "upstream connect error or disconnect/reset before headers",
        "{",
        "null",
        "\"error\"",
        r#"{"error": "invalid_grant", "error_description": "expired"}"#,
        r#"{"message": "no Route matched with those values"}"#,
        r#"{"errors": [{"status": "404"}]}"#,
        r#"{"code": 3, "message": "of another status"}"#,
        r#"{"code": 404, "message": "not found"}"#,
        r#"{"code": 5}"#,
        r#"{"code": "5", "message": "not found"}"#,
    ] {
        for (status, code) in
            [(404, Code::NOT_FOUND), (502, Code::INTERNAL), (503, Code::UNAVAILABLE), (302, Code::UNKNOWN)]
        {
            let error = OpError::from_http(status, body);
            assert_eq!((error.code(), error.message()), (code, &*format!("HTTP status {status}")), "{body}");
            assert_eq!(error.omitted().unwrap().unparsed, body);
        }
    }
    // grpc-gateway's.
    let error = OpError::new(Code::NOT_FOUND, "gone").with_cause(OpError::new(Code::ABORTED, "c"));
    assert_eq!(OpError::from_http(404, &error.to_status_json()), error);
    // Half of one is what it says.
    for body in [r#"{"error": {}}"#, r#"{"error": {"status": 7, "message": null, "details": "no"}}"#] {
        assert_eq!(OpError::from_http(503, body).code(), Code::UNAVAILABLE, "{body}");
    }
}

#[test]
fn status_json_has_fallbacks() {
    let error = OpError::new(Code::ABORTED, "m")
        .with_payload("no slash", "v")
        .with_payload("type.googleapis.com/google.rpc.ErrorInfo", "\x0a\x7f")
        .with_payload("type.googleapis.com/google.protobuf.Duration", "\x08\x03")
        .with_cause(OpError::new(Code::CANCELLED, "c").with_payload("x/y", ""));
    let value: Value = serde_json::from_str(&error.to_status_json()).unwrap();
    let expected = json!([
        { "@type": "no slash", "value": "dg==" },
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", "value": "Cn8=" },
        { "@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s" },
        {
            "@type": "type.googleapis.com/google.rpc.Status",
            "code": 1,
            "message": "c",
            "details": [{ "@type": "x/y", "value": "" }],
        },
    ]);
    assert_eq!(value["details"], expected);
    assert_eq!(OpError::from_status_json(&error.to_status_json()).unwrap(), error);
}

#[test]
fn text_is_protobufs() {
    let pool = DescriptorPool::decode(operr::FILE_DESCRIPTOR_SET).unwrap();
    let descriptor = pool.get_message_by_name("google.rpc.Status").unwrap();
    for error in [rich(), OpError::new(Code::new(-1), "\\ \u{7f} é中"), OpError::new(Code::OK, "")] {
        let text = error.to_text();
        let parsed =
            DynamicMessage::parse_text_format(descriptor.clone(), &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(OpError::from_bytes(parsed.encode_to_vec()).unwrap().message(), error.message());
        let theirs = DynamicMessage::decode(descriptor.clone(), error.to_bytes()).unwrap();
        assert_eq!(parsed, theirs, "{text}");
    }
    assert_eq!(text_format("x/example.Unknown", b""), None);
    assert_eq!(text_format("x/google.rpc.DebugInfo", b"\x0a\x7f"), None);
    let debug = DebugInfo { detail: "d".into(), ..Default::default() };
    assert_eq!(text_format("x/google.rpc.DebugInfo", &debug.encode_to_vec()).unwrap().trim_end(), "detail: \"d\"");
    // As captured from a real coordination service.
    let barrier = text_format("type.googleapis.com/tensorflow.BarrierError", &hex("0a026231")).unwrap();
    assert_eq!(barrier.trim_end(), "barrier_id: \"b1\"");
}

#[test]
fn the_verdict_is_the_table() {
    let plain = |code: i32| OpError::new(Code::new(code), "m").retry();
    for code in [-1, 0, 1, 3, 5, 6, 7, 8, 9, 11, 12, 15, 16, 17, 20, 77] {
        assert_eq!(plain(code), Retry::Never, "{code}");
    }
    assert_eq!(plain(14), Retry::Backoff);
    assert_eq!(plain(10), Retry::Transaction);
    for code in [2, 4, 13] {
        assert_eq!(plain(code), Retry::IfIdempotent, "{code}");
    }
    let info = |seconds| RetryInfo { retry_delay: Some(prost_types::Duration { seconds, nanos: 0 }) };
    let error = OpError::new(Code::RESOURCE_EXHAUSTED, "m");
    assert_eq!(error.clone().with_detail(&info(3)).retry(), Retry::After(std::time::Duration::from_secs(3)));
    for seconds in [-3, i64::MIN, i64::MAX] {
        assert_eq!(error.clone().with_detail(&info(seconds)).retry(), Retry::Never);
    }
    for nanos in [-1, i32::MIN, i32::MAX] {
        let info = RetryInfo { retry_delay: Some(prost_types::Duration { seconds: 1, nanos }) };
        assert_eq!(error.clone().with_detail(&info).retry(), Retry::Never);
    }
    assert_eq!(error.clone().with_detail(&RetryInfo::default()).retry(), Retry::Never);
    assert_eq!(error.clone().with_detail(&RequestInfo::default()).retry(), Retry::Never);
    assert_eq!(error.with_cause(OpError::new(Code::UNAVAILABLE, "")).retry(), Retry::Never);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_object_is_lossless(error in any_error()) {
        prop_assert_eq!(&OpError::from_json(&error.to_json()).unwrap(), &error);
        let _ = (error.to_text(), error.to_http());
        let status = OpError::from_status_json(&error.to_status_json()).unwrap();
        prop_assert_eq!((status.code(), status.message()), (error.code(), error.message()));
    }

    #[test]
    fn any_text_is_an_error_or_a_failure(text in any::<String>(), status in any::<u16>()) {
        let _ = (OpError::from_json(&text).is_ok(), OpError::from_status_json(&text).is_ok());
        let _ = OpError::from_http(status, &text).to_json();
    }
}

/// What Google's own APIs answer: details of types that are not known here, and newer fields.
#[test]
fn details_that_cannot_be_read_hide_nothing() {
    let foreign = r#"{"@type":"type.googleapis.com/google.cloud.Foo","a":1}"#;
    let newer = r#"{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"R","since":2027}"#;
    let fine = r#"{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"7"}"#;
    let fields = format!(r#""message":"shard gone","details":[{foreign},{newer},{fine},3]"#);
    let http = format!(r#"{{"error":{{"code":404,"status":"NOT_FOUND",{fields}}}}}"#);
    let status = format!(r#"{{"code":5,{fields}}}"#);
    for error in [OpError::from_status_json(&status).unwrap(), OpError::from_http(404, &http)] {
        assert_eq!((error.code(), error.message()), (Code::NOT_FOUND, "shard gone"));
        assert_eq!(error.detail::<RequestInfo>().unwrap().unwrap().request_id, "7");
        assert_eq!(error.detail::<ErrorInfo>().unwrap().unwrap().reason, "R");
        let omitted = error.omitted().unwrap();
        let urls = ["type.googleapis.com/google.cloud.Foo", "type.googleapis.com/google.rpc.ErrorInfo", ""];
        assert_eq!(omitted.type_urls, urls);
        assert_eq!(omitted.unparsed, format!("{foreign}\n{newer}\n3"));
    }
    let odd = OpError::from_http(404, r#"{"error":{"message":7,"status":"OK"}}"#);
    assert_eq!(odd, OpError::new(Code::NOT_FOUND, ""));
    assert_eq!(OpError::from_status_json(r#"{"code": 5.0}"#).unwrap().code(), Code::NOT_FOUND);
    assert_eq!(OpError::from_status_json(r#"{"code": "5"}"#).unwrap().code(), Code::NOT_FOUND);
}

/// Messages in messages in an `Any`, as deep as a peer likes: no stack, no memory.
#[test]
fn an_any_in_an_any_is_not_looked_into() {
    let test = || {
        let any = |value: Vec<u8>| prost_types::Any { type_url: "x/google.protobuf.Any".into(), value }.encode_to_vec();
        let nested = (0..20_000).fold(Vec::new(), |value, _| any(value));
        let flat = OpError::new(Code::INTERNAL, "m").with_payload("x/google.protobuf.Any", nested.clone());
        for error in [flat.clone(), OpError::new(Code::INTERNAL, "m").with_cause(flat)] {
            assert_eq!(OpError::from_json(&error.to_json()).unwrap(), error);
            assert_eq!(OpError::from_status_json(&error.to_status_json()).unwrap(), error);
            let (status, body) = error.to_http();
            assert_eq!(OpError::from_http(status, &body), error);
            assert!(error.to_text().len() < 10 * error.to_bytes().len());
        }
        assert_eq!(text_format("x/google.protobuf.Any", &nested), None);
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(test).unwrap().join().unwrap();
}

/// What is written is below the 128 levels that readers take, nodes and causes together.
#[test]
fn deep_nodes_in_deep_causes_are_read_back() {
    let as_value =
        |function| pb::tensorflow::AttrValue { value: Some(pb::tensorflow::attr_value::Value::Func(function)) };
    for functions in [0, 10, 20, 30] {
        let mut function = pb::tensorflow::NameAttrList::default();
        for _ in 0..functions {
            let attr = [("f".to_owned(), as_value(function))].into();
            function = pb::tensorflow::NameAttrList { name: "f".into(), attr };
        }
        let attr = [("body".to_owned(), as_value(function))].into();
        let node = pb::tensorflow::NodeDef { attr, ..Default::default() };
        let bottom = OpError::new(Code::INTERNAL, "").with_node_def(node);
        for causes in [0, 5, 31, 40] {
            let error = (0..causes).fold(bottom.clone(), |error, _| OpError::new(Code::ABORTED, "").with_cause(error));
            assert_eq!(OpError::from_status_json(&error.to_status_json()).unwrap(), error, "{functions} {causes}");
            let (status, body) = error.to_http();
            assert_eq!(OpError::from_http(status, &body), error, "{functions} {causes}");
        }
    }
}

/// Each level would have those below it again.
#[test]
fn the_object_stays_in_proportion() {
    let bottom = OpError::new(Code::ABORTED, "").with_payload("k", vec![7; 1_000_000]);
    let error = (0..31).fold(bottom, |error, _| OpError::new(Code::ABORTED, "").with_cause(error));
    let json = error.to_json();
    assert!(json.len() < 10 * error.to_bytes().len(), "{}", json.len());
    assert_eq!(OpError::from_json(&json).unwrap(), error);
    let value = object(&error);
    assert!(value["causes"][0]["status"].is_string());
    let last = std::iter::successors(Some(&value), |value| value["causes"].get(0)).last().unwrap();
    assert!(last["status"].is_null() && last["payloads"][0]["value"].is_string());
}
