//! Very many errors through a real server and a real client, whose memory stays flat: `cargo xtask soak` runs these.
#![allow(missing_docs, reason = "tests")]

mod peers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{env, fs};

use operr::grpc::{CallExt as _, Client, ServerLayer};
use operr::pb::google::rpc::ErrorInfo;
use operr::pb::tensorflow::NodeDef;
use operr::{Budget, Code, Container, Frame, OpError, Operation};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};

use peers::Python;
use peers::service::{Cases, MESSAGES, call};

/// How many calls are under way at a time.
const CONCURRENT: usize = 16;
/// How many KiB more than after the first tenth may be resident of a process in Rust: two bytes for each of the other
/// 900,000 errors.
const GROWTH: usize = 2 << 10;
/// The same of a server in Python, of whose C-core and allocator not every page comes back.
const GROWTH_OF_PYTHON: usize = 4 << 10;
/// How many cases `grpc_service.py` has.
const OF_PYTHON: usize = 85;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: cargo xtask soak"]
async fn memory_stays_flat() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().layer(ServerLayer::new()).add_service(Cases::new(error));
    let server = tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    // Server and client are one process.
    soak(&target, errors(), (std::process::id(), GROWTH), |number| (number, sent(number))).await;
    server.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Python: cargo xtask soak"]
async fn memory_of_a_server_in_python_stays_flat() {
    let mut server = Python::start("OPERR_PYTHON", "crates/operr-python/tests/peer.py", &["serve", "sync"]);
    let target = format!("http://{}", server.line().await);
    // That they are what they have to be is tested elsewhere; here, that they stay it.
    let channel = Client::connect(Endpoint::from_shared(target.clone()).unwrap()).await.unwrap();
    let mut cases: Vec<OpError> = Vec::new();
    for index in 0..OF_PYTHON {
        cases.push(Err::<(), _>(call(channel.clone(), "Unary", index).await.1).op_error().unwrap_err());
    }
    let case = move |number: usize| (number % OF_PYTHON, cases[number % OF_PYTHON].clone());
    soak(&target, errors() / 20, (server.id(), GROWTH_OF_PYTHON), case).await;
}

/// Makes so many calls of a server, of which one after the other fails as it has to, and watches the memory of a process.
async fn soak(
    target: &str,
    errors: usize,
    (process, growth): (u32, usize),
    case: impl Fn(usize) -> (usize, OpError) + Send + Sync + 'static,
) {
    let (next, case, begin) = (Arc::new(AtomicUsize::new(0)), Arc::new(case), Instant::now());
    let endpoint = Endpoint::from_shared(target.to_owned()).unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..CONCURRENT {
        let channel = Client::connect(endpoint.clone()).await.unwrap();
        let (next, case) = (next.clone(), case.clone());
        calls.spawn(async move {
            let mut resident = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= errors {
                    return resident;
                }
                if number.is_multiple_of((errors / 20).max(1)) {
                    resident.push((number, memory(process, "VmRSS")));
                }
                let is_unary = number.is_multiple_of(2);
                let (method, messages) = if is_unary { ("Unary", vec![]) } else { ("StreamMid", MESSAGES.to_vec()) };
                let (index, expected) = case(number);
                let (responses, status) = call(channel.clone(), method, index).await;
                let caught = Err::<(), _>(status).op_error().unwrap_err();
                assert_eq!(caught, expected, "{method} {index}");
                assert_eq!(responses, messages);
            }
        });
    }
    let mut resident: Vec<_> = calls.join_all().await.concat();
    resident.push((errors, memory(process, "VmRSS")));
    resident.sort_unstable();
    let took = begin.elapsed();
    let (of_warm_up, rest) = resident.split_at(2);
    let (warm, most) = (of_warm_up[1].1.max(rest[0].1), rest.iter().map(|(_, kib)| *kib).max().unwrap());
    println!(
        "{errors} errors in {} s, {} a second; KiB resident: {}; the most ever {}",
        took.as_secs(),
        (errors as f64 / took.as_secs_f64()) as u64,
        resident.iter().map(|(number, kib)| format!("{kib} at {number}")).collect::<Vec<_>>().join(", "),
        memory(process, "VmHWM"),
    );
    assert!(most <= warm + growth, "it grew by {} KiB", most - warm);
}

/// KiB of memory of a process, by Linux.
fn memory(process: u32, name: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_else(|| panic!("no {name}"))
}

fn errors() -> usize {
    env::var("OPERR_SOAK_ERRORS").map_or(1_000_000, |text| text.parse().unwrap())
}

/// Error number `number`: no two are the same, and one in a hundred is too large to be sent whole.
fn error(number: usize) -> OpError {
    let code = if number.is_multiple_of(17) { 77 } else { (number % 17) as i32 };
    let mut error = OpError::new(Code::new(code), format!("error {number}: grün 100%"));
    if number.is_multiple_of(3) {
        error = error.with_node_def(NodeDef { name: format!("n{number}"), op: "MatMul".into(), ..NodeDef::default() });
    }
    if number.is_multiple_of(5) {
        let frames = (0..number % 7).map(|line| Frame::new("model.py", line as i32, "build"));
        error = error.with_op(&Operation::new(format!("n{number}"), "MatMul").with_traceback(frames));
    }
    if number.is_multiple_of(7) {
        let info = ErrorInfo { reason: format!("R{number}"), domain: "example.com".into(), ..ErrorInfo::default() };
        error = error.with_detail(&info).with_note(format!("note {number}"));
    }
    for size in 0..number % 4 {
        error = error.with_payload(format!("example.com/{size}"), vec![number as u8; size * 100]);
    }
    for below in 0..number % 3 {
        let deepest = OpError::new(Code::NOT_FOUND, format!("{number} below {below}"));
        error = error.with_cause(OpError::new(Code::ABORTED, "above").with_cause(deepest));
    }
    if number % 100 == 99 { error.with_payload("example.com/dump", vec![0; 20_000]) } else { error }
}

/// What of it arrives.
fn sent(number: usize) -> OpError {
    error(number).fit(Budget::default(), Container::Status)
}
