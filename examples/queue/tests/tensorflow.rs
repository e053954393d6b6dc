//! The same calls on TensorFlow's own queues and on ours: `cargo xtask test --tensorflow` runs this.
#![allow(missing_docs, reason = "tests")]

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use operr::pb::tensorflow::{DataType, NodeDef, TensorProto};
use operr::{Code, OpError};
use operr_queue::Client;
use operr_queue::pb::Handle;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// What became of a call.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// It succeeded; the components of the element, or the size.
    Values(Vec<f64>),
    /// It failed; of the op, name and type.
    Failure { code: Code, message: String, node_def: Box<NodeDef>, op: [String; 2] },
    /// The deadline, which is no failure of a node in TensorFlow: it has a code, and a message of its own.
    Late,
}

#[tokio::test]
#[ignore = "needs TensorFlow: cargo xtask test --tensorflow"]
async fn calls_fail_as_they_do_in_a_real_tensorflow() {
    let scenarios: Vec<Value> = serde_json::from_str(include_str!("tensorflow/scenarios.json")).unwrap();
    let lines = timeout(Duration::from_secs(150), tensorflow("queues.py")).await.expect("TensorFlow ends in time");
    let mut theirs = lines.iter();
    let (mut failures, mut disagreements) = (0, Vec::new());
    for scenario in &scenarios {
        let outcomes = timeout(Duration::from_secs(30), play(scenario["calls"].as_array().unwrap())).await;
        for (label, ours) in outcomes.unwrap_or_else(|_| panic!("ends in time: {}", scenario["name"])) {
            let theirs = theirs.next().expect("an outcome of every call");
            assert_eq!((&theirs["scenario"], text(theirs, "label")), (&scenario["name"], label));
            let theirs = Outcome::of_tensorflow(theirs);
            failures += usize::from(!matches!(theirs, Outcome::Values(_)));
            if ours != theirs {
                disagreements.push(format!("{} {label}:\n  ours: {ours:?}\ntheirs: {theirs:?}", scenario["name"]));
            }
        }
    }
    assert!(theirs.next().is_none());
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
    // Half of the calls are there to fail.
    assert!(failures >= 45, "{failures}");
}

/// Ours are in `it/endings.rs`.
#[tokio::test]
#[ignore = "needs TensorFlow: cargo xtask test --tensorflow"]
async fn dropped_connections_of_a_real_tensorflow() {
    let lines = timeout(Duration::from_secs(150), tensorflow("dropped.py")).await.expect("TensorFlow ends in time");
    let [enqueue, dequeue, gone_dequeue, gone_enqueue] = &lines[..] else { panic!("{lines:?}") };
    for (line, call) in [(enqueue, "enqueue"), (dequeue, "dequeue")] {
        assert_eq!((text(line, "dropped"), text(line, "call")), ("server", call));
        assert_eq!(line["code"], Code::UNAVAILABLE.value(), "{line}");
        assert!(text(line, "message").starts_with("Socket closed"), "{line}");
    }
    // What is added next is not taken by the dequeue that went away, and nothing is added by the enqueue.
    for (line, call, then) in [
        (gone_dequeue, "dequeue", serde_json::json!([null, 1.0])),
        (gone_enqueue, "enqueue", serde_json::json!([1.0, 1.0, 0.0])),
    ] {
        assert_eq!((text(line, "dropped"), text(line, "call")), ("client", call));
        assert_eq!(line["then"], then, "{line}");
    }
}

/// What a script of `tests/tensorflow` prints. The process ends with this.
async fn tensorflow(script: &str) -> Vec<Value> {
    let python = std::env::var_os("OPERR_TENSORFLOW_PYTHON").expect("run these by: cargo xtask test --tensorflow");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensorflow").join(script);
    let mut command = Command::new(python);
    command.arg(script).env("TF_CPP_MIN_LOG_LEVEL", "3").env("TF_ENABLE_ONEDNN_OPTS", "0");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut outcomes = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line == "done" {
            return outcomes;
        }
        outcomes.push(serde_json::from_str(&line).unwrap());
    }
    panic!("it ended after {} calls; stderr says why", outcomes.len());
}

/// Makes the calls of a scenario on a server of its own; what became of each, under its node's name.
async fn play(calls: &[Value]) -> Vec<(&str, Outcome)> {
    let mut session = Session::start().await;
    let (mut running, mut outcomes) = (Vec::new(), Vec::new());
    for call in calls {
        let waits = call["waits"] == true;
        let before = session.pending(call).await;
        let task = session.call(call).await;
        // The server takes notice of a deadline on its own.
        let is_settled = |now| if waits { now > before } else { now <= before && task.is_finished() };
        while !is_settled(session.pending(call).await) {
            assert!(!waits || !task.is_finished(), "it does not wait: {call}");
            sleep(Duration::from_millis(2)).await;
        }
        running.push((text(call, "node"), task));
    }
    for (label, task) in running {
        outcomes.push((label, Outcome::of_ours(task.await.unwrap())));
    }
    outcomes
}

/// A server, and the queues that the calls have made. It ends with this.
struct Session {
    client: Client,
    queues: HashMap<String, Handle>,
    shutdown: Option<oneshot::Sender<()>>,
}

type Task = JoinHandle<Result<Vec<f64>, OpError>>;

impl Session {
    async fn start() -> Session {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (shutdown, interrupted) = oneshot::channel();
        tokio::spawn(operr_queue::serve(listener, None, async { _ = interrupted.await }));
        let client = Client::connect(&address).await.unwrap();
        Session { client, queues: HashMap::new(), shutdown: Some(shutdown) }
    }

    /// Starts a call; those that make a queue are over then.
    async fn call(&mut self, call: &Value) -> Task {
        let node = text(call, "node");
        let timeout = Duration::from_millis(call["timeout_ms"].as_u64().unwrap_or(20_000));
        let client = self.client.clone().with_timeout(timeout);
        let mut queue = self.queue(call).cloned().unwrap_or_default();
        if let Some(types) = types(call) {
            queue.component_types = types.into_iter().map(i32::from).collect();
        }
        match text(call, "do") {
            "create" => {
                let made = self.create(node, call).await.map(|queue| self.queues.insert(node.to_owned(), queue));
                spawn(async { made }, |_| vec![])
            }
            "enqueue" => {
                let values = call["values"].as_array().unwrap().iter();
                let components = values.zip(&queue.component_types).map(|(value, &dtype)| tensor(dtype, value));
                spawn(client.enqueue(node, &queue, components.collect()), |()| vec![])
            }
            "dequeue" => spawn(client.dequeue(node, &queue), |element| element.iter().map(number).collect()),
            "size" => spawn(client.size(node, &queue), |state| vec![state.size.into()]),
            "close" => spawn(client.close(node, &queue, call["cancel"] == true), |()| vec![]),
            "stop" => {
                self.shutdown.take().unwrap().send(()).unwrap();
                spawn(async { Ok(()) }, |()| vec![])
            }
            other => panic!("no such call: {other}"),
        }
    }

    async fn create(&self, node: &str, call: &Value) -> Result<Handle, OpError> {
        let types = types(call).unwrap_or(vec![DataType::DtFloat]);
        let shared_name = call["shared_name"].as_str().unwrap_or_default();
        if call["destroyed"] == true {
            let component_types = types.into_iter().map(i32::from).collect();
            return Ok(Handle { name: shared_name.to_owned(), node: node.to_owned(), component_types });
        }
        let capacity = call["capacity"].as_i64().unwrap().try_into().unwrap();
        self.client.create(node, capacity, &types, shared_name).await
    }

    /// How many wait in the lines of the call's queue.
    async fn pending(&self, call: &Value) -> i32 {
        let Some(queue) = self.queue(call).filter(|_| self.shutdown.is_some()) else { return 0 };
        let state = self.client.size("size", queue).await.unwrap_or_default();
        state.pending_enqueues + state.pending_dequeues
    }

    fn queue(&self, call: &Value) -> Option<&Handle> {
        self.queues.get(call["queue"].as_str().unwrap_or("q"))
    }
}

impl Outcome {
    fn of_tensorflow(line: &Value) -> Outcome {
        if let Some(values) = line["values"].as_array() {
            return Outcome::Values(values.iter().map(|value| value.as_f64().unwrap()).collect());
        }
        let code = Code::from(i32::try_from(line["code"].as_i64().unwrap()).unwrap());
        if code == Code::DEADLINE_EXCEEDED {
            return Outcome::Late;
        }
        assert_eq!(line["has_traceback"], true, "{line}");
        Outcome::Failure {
            code,
            message: without_number(text(line, "message")),
            node_def: Box::new(operr::NodeDef::from_bytes(hex(text(line, "node_def"))).decode().unwrap()),
            op: ["op_name", "op_type"].map(|key| text(line, key).to_owned()),
        }
    }

    fn of_ours(result: Result<Vec<f64>, OpError>) -> Outcome {
        let error = match result {
            Ok(values) => return Outcome::Values(values),
            Err(error) => error,
        };
        if error.code() == Code::DEADLINE_EXCEEDED {
            return Outcome::Late;
        }
        let op = error.op().unwrap_or_else(|| panic!("{error:#}"));
        assert!(!op.traceback.is_empty(), "{error:#}");
        Outcome::Failure {
            code: error.code(),
            message: without_number(error.message()),
            node_def: Box::new(error.node_def().unwrap().decode().unwrap()),
            op: [op.name, op.r#type],
        }
    }
}

fn spawn<T>(
    call: impl Future<Output = Result<T, OpError>> + Send + 'static,
    values: impl FnOnce(T) -> Vec<f64> + Send + 'static,
) -> Task {
    tokio::spawn(async move { call.await.map(values) })
}

fn tensor(dtype: i32, value: &Value) -> TensorProto {
    let empty = TensorProto { dtype, ..TensorProto::default() };
    match DataType::try_from(dtype).unwrap() {
        DataType::DtFloat => TensorProto { float_val: vec![value.as_f64().unwrap() as f32], ..empty },
        DataType::DtInt32 => TensorProto { int_val: vec![value.as_i64().unwrap().try_into().unwrap()], ..empty },
        DataType::DtInt64 => TensorProto { int64_val: vec![value.as_i64().unwrap()], ..empty },
        other => panic!("no value has the type {other:?}"),
    }
}

/// The value of a scalar.
fn number(tensor: &TensorProto) -> f64 {
    match (&tensor.float_val[..], &tensor.int64_val[..]) {
        (&[value], []) => value.into(),
        ([], &[value]) => value as f64,
        _ => panic!("{tensor:?}"),
    }
}

fn types(call: &Value) -> Option<Vec<DataType>> {
    let names = call["types"].as_array()?.iter().map(|name| format!("DT_{}", name.as_str().unwrap().to_uppercase()));
    Some(names.map(|name| DataType::from_str_name(&name).unwrap()).collect())
}

/// The number in the name of a queue counts what the process has made before.
fn without_number(message: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    message.split('_').map(|part| if is_number(part) { "n" } else { part }).collect::<Vec<_>>().join("_")
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key}: {value}"))
}
