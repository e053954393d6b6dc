//! Errors of every size and kind, from servers of both languages to clients of both with their default limits.
//!
//! `cargo xtask test` runs it; `cargo xtask sweep` writes docs/src/sweep.md, with the same calls where nothing is cut.
#![allow(missing_docs, reason = "tests")]

mod peers;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use operr::grpc::{CallExt as _, SendOptions};
use operr::pb::google::rpc::ErrorInfo;
use operr::pb::tensorflow::attr_value::Value;
use operr::pb::tensorflow::{AttrValue, NodeDef, TensorProto};
use operr::{Budget, Code, Frame, OpError, Operation};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

use peers::{MINUTE, Python, Raw};

const PEER: &str = "crates/operr-python/tests/sweep_peer.py";
const SIZES: [usize; 9] = [0, 1_000, 4_000, 6_000, 8_000, 10_000, 16_000, 100_000, 1_000_000];
/// None of which a runtime makes up by itself.
const CODES: [Code; 5] = [Code::NOT_FOUND, Code::ABORTED, Code::DATA_LOSS, Code::OUT_OF_RANGE, Code::ALREADY_EXISTS];

type Make = fn(OpError, usize) -> OpError;

/// The kinds of parts that an error can have much of, in bytes.
const KINDS: [(&str, Make); 9] = [
    ("message, ASCII", |error, size| with_message(&error, "m".repeat(size))),
    ("message, characters of 4 bytes", |error, size| with_message(&error, "\u{1f600}".repeat(size / 4))),
    ("4 payloads", |error, size| {
        (0..4).fold(error, |error, n| error.with_payload(format!("example.com/p{n}"), vec![n; size / 4]))
    }),
    ("payloads of 8 bytes", |error, size| {
        (0..size / 40).fold(error, |error, n| error.with_payload(format!("example.com/p{n}"), vec![7; 8]))
    }),
    ("frames of a traceback", |error, size| {
        let frames = (0..size / 40).map(|n| Frame::new(format!("app/module_{n}.py"), 1, "f").with_code("y = x @ w"));
        error.with_op(&Operation::new("model/MatMul", "MatMul").with_traceback(frames))
    }),
    ("1,000 causes, one below the other", |error, size| {
        let below = (0..1_000).fold(OpError::new(Code::ABORTED, "deepest"), |cause, _| {
            OpError::new(Code::ABORTED, "c".repeat(size / 1_000)).with_cause(cause)
        });
        error.with_cause(below)
    }),
    ("attributes of the node", |error, size| {
        let tensor = || TensorProto { tensor_content: vec![7; 1_000].into(), ..TensorProto::default() };
        let value = || AttrValue { value: Some(Value::Tensor(tensor())) };
        let attr = (0..size / 1_000).map(|n| (format!("attr_{n}"), value())).collect();
        error.with_node_def(NodeDef { attr, ..node("model/MatMul".into()) })
    }),
    ("name of the node", |error, size| error.with_node_def(node(format!("model/{}", "n".repeat(size))))),
    ("metadata of ErrorInfo", |error, size| {
        let metadata = (0..size / 40).map(|n| (format!("key_{n}"), "value ".repeat(5))).collect();
        error.with_detail(&ErrorInfo { reason: "R".into(), domain: "example.com".into(), metadata })
    }),
];

fn node(name: String) -> NodeDef {
    NodeDef { name, op: "MatMul".into(), ..NodeDef::default() }
}

fn with_message(error: &OpError, message: String) -> OpError {
    OpError::new(error.code(), message).with_node_def(error.node_def().unwrap())
}

/// For each kind and size an error with a node.
fn cases() -> Vec<OpError> {
    let each = KINDS.iter().flat_map(|(_, make)| SIZES.map(|size| (make, size)));
    let made = each.zip(CODES.iter().cycle()).map(|((make, size), &code)| {
        make(OpError::new(code, "sweep").with_node_def(node("model/MatMul".into())), size)
    });
    made.collect()
}

/// How many calls ended how, for each case.
type Outcomes = Vec<BTreeMap<String, usize>>;

/// The cases as a file for Python.
struct File(PathBuf);

impl File {
    fn write(cases: &[OpError]) -> File {
        let mut text = String::new();
        for error in cases {
            for byte in error.to_bytes() {
                write!(text, "{byte:02x}").unwrap();
            }
            text.push('\n');
        }
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sweep-{}.txt", std::process::id()));
        std::fs::write(&path, text).unwrap();
        File(path)
    }

    fn python(&self, arguments: &[&str]) -> Python {
        Python::start("OPERR_PYTHON", PEER, &[&[self.0.to_str().unwrap()][..], arguments].concat())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Every pair of a server and a client, by their names.
async fn sweep(calls: usize, budget: Budget) -> Vec<(String, Outcomes)> {
    let cases: Arc<[OpError]> = cases().into();
    let file = File::write(&cases);
    let mut all = Vec::new();
    for server in ["Rust", "sync", "aio"] {
        let mut python = None;
        let mut rust = None;
        let target = if server == "Rust" {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let target = listener.local_addr().unwrap().to_string();
            let service = Cases { cases: Arc::clone(&cases), options: SendOptions::new().with_budget(budget) };
            let serve = Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
            rust = Some(tokio::spawn(serve));
            target
        } else {
            let budget = if budget == Budget::UNLIMITED { "whole" } else { "fit" };
            python.insert(file.python(&["serve", server, budget])).line().await
        };
        for client in ["Rust", "sync", "aio"] {
            let outcomes = if client == "Rust" {
                call_all(&target, &cases, calls).await
            } else {
                let output = file.python(&["call", client, &target, &calls.to_string()]).output(20 * MINUTE).await;
                output.lines().map(read).collect()
            };
            assert_eq!(outcomes.len(), cases.len(), "{server} to {client}");
            let name =
                |language: &str| if language == "Rust" { "tonic".to_owned() } else { format!("grpcio {language}") };
            all.push((format!("{} to {}", name(server), name(client)), outcomes));
        }
        if let Some(rust) = rust {
            rust.abort();
        }
    }
    all
}

/// `12 cut; 88 whole`
fn read(line: &str) -> BTreeMap<String, usize> {
    let each = line.split("; ").map(|one| one.split_once(' ').unwrap());
    each.map(|(count, what)| (what.to_owned(), count.parse().unwrap())).collect()
}

async fn call_all(target: &str, cases: &[OpError], calls: usize) -> Outcomes {
    let endpoint = Endpoint::from_shared(format!("http://{target}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut all = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let mut outcomes = BTreeMap::new();
        for number in 0..calls {
            let request = Bytes::from(index.to_string());
            let (failed, beside) = if number % 10 == 0 {
                tokio::join!(call(channel.clone(), request), call(channel.clone(), Bytes::new()))
            } else {
                (call(channel.clone(), request).await, Ok(()))
            };
            *outcomes.entry(outcome(case, failed.expect_err("it does not fail"), beside)).or_default() += 1;
        }
        all.push(outcomes);
    }
    all
}

/// What came of a call, and of the call beside it.
fn outcome(case: &OpError, failed: Status, beside: Result<(), Status>) -> String {
    if let Err(beside) = beside {
        return format!("beside: {}", Code::new(beside.code() as i32));
    }
    if failed.code() as i32 != case.code().value() {
        return Code::new(failed.code() as i32).to_string();
    }
    let received = Err::<(), _>(failed).op_error().unwrap_err();
    let op = received.node_def().and_then(|node| node.op().ok().map(str::to_owned));
    match (received == *case, op.as_deref(), received.omitted()) {
        (true, ..) => "whole",
        (false, Some("MatMul"), Some(_)) => "cut",
        (false, Some("MatMul"), None) => "cut, and not said",
        (false, ..) => "no node",
    }
    .to_owned()
}

async fn call(channel: Channel, request: Bytes) -> Result<(), Status> {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.map_err(|error| Status::from_error(error.into()))?;
    let path = format!("/{}/Unary", Cases::NAME).parse().unwrap();
    let call = grpc.unary(Request::new(request), path, Raw);
    tokio::time::timeout(Duration::from_secs(20), call).await.expect("no answer").map(|_| ())
}

/// Every call arrives with its code, class and node; what does not fit is said. The page has 100 calls of each.
#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn every_error_arrives() {
    const CALLS: usize = 2;
    for (pair, outcomes) in sweep(CALLS, Budget::default()).await {
        for (index, outcomes) in outcomes.iter().enumerate() {
            let (kind, size) = (KINDS[index / SIZES.len()].0, SIZES[index % SIZES.len()]);
            let arrived: usize = ["whole", "cut"].iter().filter_map(|what| outcomes.get(*what)).sum();
            assert_eq!(arrived, CALLS, "{pair}, {size} bytes of {kind}: {outcomes:?}");
            assert_eq!(outcomes.len(), 1, "{pair}, {size} bytes of {kind}: {outcomes:?}");
        }
    }
}

/// Writes what came of the calls, with and without the budget, into the file that `OPERR_SWEEP` names.
#[tokio::test]
#[ignore = "writes docs/src/sweep.md: cargo xtask sweep"]
async fn record() {
    let file = std::env::var_os("OPERR_SWEEP").expect("run this by: cargo xtask sweep");
    let mut page = String::from(include_str!("sweep.md"));
    for (title, budget) in [("Within the budget", Budget::default()), ("Without a budget", Budget::UNLIMITED)] {
        write!(page, "\n## {title}\n").unwrap();
        let all = sweep(100, budget).await;
        for (kind, (name, _)) in KINDS.iter().enumerate() {
            write!(page, "\n### {name}\n\n| server to client |").unwrap();
            SIZES.iter().for_each(|size| write!(page, " {size} |").unwrap());
            page.push_str("\n|---|");
            SIZES.iter().for_each(|_| page.push_str("---|"));
            for (pair, outcomes) in &all {
                write!(page, "\n| {pair} |").unwrap();
                for outcomes in &outcomes[kind * SIZES.len()..][..SIZES.len()] {
                    let told: Vec<_> = outcomes.iter().map(|(what, count)| format!("{count} {what}")).collect();
                    let told =
                        if outcomes.len() == 1 { outcomes.keys().next().unwrap().clone() } else { told.join(", ") };
                    write!(page, " {told} |").unwrap();
                }
            }
            page.push('\n');
        }
    }
    std::fs::write(file, page).unwrap();
}

/// The service of the Python half: a request is the number of a case; an empty one succeeds.
#[derive(Clone)]
struct Cases {
    cases: Arc<[OpError]>,
    options: SendOptions,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl NamedService for Cases {
    const NAME: &'static str = "operr.test.Cases";
}

impl UnaryService<Bytes> for Cases {
    type Response = Bytes;
    type Future = BoxFuture<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let request = request.into_inner();
        let answer = match std::str::from_utf8(&request).unwrap().parse::<usize>() {
            Ok(index) => Err(self.cases[index].to_status(&self.options)),
            Err(_) => Ok(Response::new(Bytes::from("none"))),
        };
        Box::pin(std::future::ready(answer))
    }
}

impl tower::Service<http::Request<Body>> for Cases {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let cases = self.clone();
        Box::pin(async move { Ok(Grpc::new(Raw).unary(cases, request).await) })
    }
}
