//! The test vectors of the wire format, `tests/vectors`: what each input gives is what stands there.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use operr::grpc::{CallExt as _, ClientLayer, SendOptions};
use operr::{Budget, Code, Container, Error, Frame, NodeDef, OpError, Operation, Origin};
use prost::Message as _;
use serde_json::{Map, Value, json};
use tonic::body::Body;
use tower::Layer as _;

use crate::golden::hex;

type Outputs = Vec<(&'static str, Value)>;

#[test]
fn decode() {
    check("decode", |vector| {
        let error = OpError::from_bytes(bytes(&vector["bytes"])).unwrap();
        assert_eq!(error.to_bytes(), bytes(&vector["bytes"]), "{vector}");
        let is_container = error.to_details(Container::Status) != error.to_bytes();
        let form = if is_container { "container" } else { "status" };
        vec![("form", form.into()), ("error", view(&error))]
    });
}

#[test]
fn malformed() {
    check("malformed", |vector| {
        let error = OpError::from_bytes(bytes(&vector["bytes"])).unwrap_err();
        vec![("error", kind(&error).into())]
    });
}

#[test]
fn encode() {
    check("encode", |vector| vec![("bytes", to_hex(&make(&vector["make"]).to_bytes()))]);
}

#[test]
fn edit() {
    check("edit", |vector| {
        let error = OpError::from_bytes(bytes(&vector["from"])).unwrap();
        vec![("bytes", to_hex(&calls(error, &vector["calls"]).to_bytes()))]
    });
}

#[test]
fn containers() {
    check("containers", |vector| {
        let error = OpError::from_bytes(bytes(&vector["from"])).unwrap();
        let details = |container| to_hex(&error.to_details(container));
        vec![("container", details(Container::TensorFlow)), ("status", details(Container::Status))]
    });
}

#[test]
fn precedence() {
    check("precedence", |vector| {
        let error = OpError::from_status(code(&vector["code"]), text(&vector["message"]), bytes(&vector["details"]));
        vec![("bytes", to_hex(&error.to_bytes())), ("container", to_hex(&error.to_details(Container::TensorFlow)))]
    });
}

#[test]
fn trailers() {
    check("trailers", |vector| {
        let mut headers = HeaderMap::new();
        for header in vector["headers"].as_array().unwrap() {
            let name: HeaderName = header[0].as_str().unwrap().parse().unwrap();
            headers.append(name, HeaderValue::from_str(header[1].as_str().unwrap()).unwrap());
        }
        vec![("bytes", to_hex(&receive(headers).to_bytes()))]
    });
}

#[test]
fn send() {
    check("send", |vector| {
        let options = SendOptions::new().with_budget(Budget::UNLIMITED).with_container(container(vector));
        let response = make(&vector["make"]).to_status(&options).into_http::<Body>();
        let ours = response.headers().iter().filter(|(name, _)| name.as_str().starts_with("grpc-"));
        let headers: Vec<_> = ours.map(|(name, value)| json!([name.as_str(), value.to_str().unwrap()])).collect();
        vec![("headers", headers.into())]
    });
}

#[test]
fn budget() {
    check("budget", |vector| {
        let error = match vector.get("make") {
            Some(description) => make(description),
            None => OpError::from_bytes(bytes(&vector["from"])).unwrap(),
        };
        let budget = match vector["budget"].as_u64() {
            Some(trailers) => Budget::new(trailers as usize),
            None => Budget::TENSORFLOW,
        };
        let container = container(vector);
        let sent = error.fit(budget, container);
        let mut outputs = vec![("whole", (sent == error).into()), ("bytes", to_hex(&sent.to_bytes()))];
        if container == Container::TensorFlow {
            outputs.push(("details", to_hex(&sent.to_details(container))));
        }
        outputs
    });
}

#[test]
fn to_json() {
    check("to_json", |vector| {
        let json = OpError::from_bytes(bytes(&vector["from"])).unwrap().to_json();
        assert_eq!(to_hex(&OpError::from_json(&json).unwrap().to_bytes()), vector["from"]);
        vec![("json", serde_json::from_str(&json).unwrap())]
    });
}

#[test]
fn from_json() {
    check("from_json", |vector| {
        let error = OpError::from_json(vector["text"].as_str().unwrap()).unwrap();
        vec![("bytes", to_hex(&error.to_bytes()))]
    });
}

/// What every vector of a file gives is what stands behind its input; `UPDATE_GOLDEN=1` writes it, but not where `CI` is
/// set.
fn check(file: &str, outputs: impl Fn(&Value) -> Outputs) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file).with_extension("json");
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let vectors: Vec<Map<String, Value>> = serde_json::from_str(&golden).unwrap();
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1");
    let mut written = Vec::new();
    for vector in &vectors {
        let mut new = vector.clone();
        for (name, value) in outputs(&Value::Object(vector.clone())) {
            let old = new.insert(name.to_owned(), value);
            assert!(is_update || old.as_ref() == new.get(name), "{file}: {} {name}: {}", vector["name"], new[name]);
        }
        written.push(Value::Object(new).to_string());
    }
    let written = format!("[\n{}\n]\n", written.join(",\n"));
    if is_update && written != golden {
        assert!(std::env::var_os("CI").is_none(), "CI does not write {}", path.display());
        std::fs::write(&path, &written).unwrap();
    }
    assert!(is_update || written == golden, "{} is not as it is written; UPDATE_GOLDEN=1?", path.display());
    let mut names: Vec<_> = vectors.iter().map(|vector| vector["name"].to_string() + &vector_case(vector)).collect();
    names.sort();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{file}: a name is there twice");
}

/// What tells vectors of one name apart.
fn vector_case(vector: &Map<String, Value>) -> String {
    format!("{:?}{:?}", vector.get("budget"), vector.get("container").filter(|_| vector.contains_key("budget")))
}

/// The error that a client gets whose call ends with these headers.
pub(crate) fn receive(headers: HeaderMap) -> OpError {
    let service = tower::service_fn(move |_: http::Request<Body>| {
        let mut response = http::Response::new(Body::empty());
        *response.headers_mut() = headers.clone();
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let mut client = tonic::client::Grpc::new(ClientLayer::new().layer(service));
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let call = async {
        client.ready().await.unwrap();
        client.unary(tonic::Request::new(()), "/peer/Call".parse().unwrap(), codec).await.op_error()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(call).unwrap_err()
}

fn kind(error: &Error) -> &'static str {
    match () {
        () if error.is_truncated() => "truncated",
        () if error.is_invalid_utf8() => "utf8",
        () => "malformed",
    }
}

/// All that an error says.
fn view(error: &OpError) -> Value {
    let mut all = Map::new();
    all.insert("code".into(), error.code().value().into());
    let message = match std::str::from_utf8(error.message_bytes()) {
        Ok(message) => message.into(),
        Err(_) => json!({ "hex": to_hex(error.message_bytes()) }),
    };
    all.insert("message".into(), message);
    let mut put = |name: &str, value: Option<Value>| all.extend(value.map(|value| (name.to_owned(), value)));
    put("node_def", error.node_def().map(|node| to_hex(node.as_bytes())));
    put("op", error.op().map(|op| view_of_op(&op)));
    put("origin", error.origin().map(|origin| view_of_origin(&origin)));
    put(
        "omitted",
        error.omitted().map(|it| {
            object([
                ("type_urls", it.type_urls.into()),
                ("bytes", it.bytes.into()),
                ("causes", it.causes.into()),
                ("frames", it.frames.into()),
                ("attributes", it.attributes.into()),
                ("message_bytes", it.message_bytes.into()),
                ("unparsed", to_hex(&it.unparsed)),
            ])
        }),
    );
    let payloads: Vec<_> = error.payloads().iter().map(|(key, value)| json!([key, to_hex(&value)])).collect();
    put("payloads", Some(payloads.into()));
    put("causes", Some(error.causes().iter().map(view).collect::<Vec<_>>().into()));
    all.into()
}

fn view_of_op(op: &Operation) -> Value {
    object([
        ("name", op.name.clone().into()),
        ("type", op.r#type.clone().into()),
        ("traceback", op.traceback.iter().map(view_of_frame).collect::<Vec<_>>().into()),
        ("originals", op.originals.iter().map(view_of_op).collect::<Vec<_>>().into()),
    ])
}

fn view_of_origin(origin: &Origin) -> Value {
    object([
        ("type", origin.r#type.clone().into()),
        ("notes", origin.notes.clone().into()),
        ("raised_at", origin.raised_at.iter().map(view_of_frame).collect::<Vec<_>>().into()),
    ])
}

fn view_of_frame(frame: &Frame) -> Value {
    object([
        ("file", frame.file.clone().into()),
        ("line", frame.line.into()),
        ("column", frame.column.into()),
        ("function", frame.function.clone().into()),
        ("code", frame.code.clone().into()),
    ])
}

/// An object without what is 0 or empty.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let is_there = |value: &Value| *value != json!(0) && *value != json!("") && *value != json!([]);
    let fields = fields.into_iter().filter(|(_, value)| is_there(value));
    fields.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()
}

/// The error of a description: what it is made with, or what it is decoded from.
fn make(description: &Value) -> OpError {
    if let Some(encoded) = description.get("bytes") {
        return OpError::from_bytes(bytes(encoded)).unwrap();
    }
    let message = description["message"].as_str().unwrap();
    calls(OpError::new(code(&description["code"]), message), &description["calls"])
}

fn calls(mut error: OpError, calls: &Value) -> OpError {
    for call in calls.as_array().unwrap() {
        let (name, argument) = call.as_object().unwrap().iter().next().unwrap();
        let pair = || (argument[0].as_str().unwrap(), bytes(&argument[1]));
        error = match name.as_str() {
            "node_def" => error.with_node_def(NodeDef::from_bytes(bytes(argument))),
            "op" => error.with_op(&op(argument)),
            "origin" => error.with_origin(&Origin {
                r#type: text(&argument["type"]),
                notes: list(&argument["notes"], text),
                raised_at: list(&argument["raised_at"], frame),
            }),
            "note" => error.with_note(argument.as_str().unwrap()),
            "payload" => error.with_payload(pair().0, pair().1),
            "detail" => error.with_detail_bytes(pair().0, pair().1),
            "cause" => error.with_cause(make(argument)),
            "first_cause" => error.with_first_cause(make(argument)),
            other => panic!("{other}"),
        };
    }
    error
}

fn op(value: &Value) -> Operation {
    Operation {
        name: text(&value["name"]),
        r#type: text(&value["type"]),
        traceback: list(&value["traceback"], frame),
        originals: list(&value["originals"], op),
    }
}

fn frame(value: &Value) -> Frame {
    let number = |name: &str| value[name].as_i64().unwrap_or_default() as i32;
    Frame {
        column: number("column"),
        code: text(&value["code"]),
        ..Frame::new(text(&value["file"]), number("line"), text(&value["function"]))
    }
}

fn list<T>(value: &Value, item: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().into_iter().flatten().map(item).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn code(value: &Value) -> Code {
    Code::new(value.as_i64().unwrap() as i32)
}

fn container(vector: &Value) -> Container {
    if vector["container"] == "container" { Container::TensorFlow } else { Container::Status }
}

/// Hex, or some repeated.
fn bytes(value: &Value) -> Bytes {
    match value.as_str() {
        Some(text) => hex(text),
        None => hex(value["repeat"].as_str().unwrap()).repeat(value["times"].as_u64().unwrap() as usize).into(),
    }
}

fn to_hex(bytes: &[u8]) -> Value {
    let mut text = String::new();
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text.into()
}

/// The sizes that `docs/src/wire.md` names are those of the budget.
#[test]
fn the_reserved_lengths_are_those_of_the_page() {
    let entry = |key: &str, value: usize| {
        let error = OpError::new(Code::OK, "").with_payload(key, vec![0; value]);
        error.to_bytes().len()
    };
    assert_eq!(entry("type.googleapis.com/operr.v1.Omitted", 200), 244);
    assert_eq!(entry("type.googleapis.com/tensorflow.distributed_runtime.GrpcPayloadsLost", 0), 73);
    let largest = operr::Omitted {
        bytes: u64::MAX,
        causes: u32::MAX,
        frames: u32::MAX,
        attributes: u32::MAX,
        message_bytes: u64::MAX,
        ..operr::Omitted::default()
    };
    assert_eq!(160 + largest.encoded_len(), 200);
}
