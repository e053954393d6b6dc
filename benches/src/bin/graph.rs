//! A node found in a graph of a million nodes and 100 MB, beside reading its bytes once.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use operr::graph::Graph;
use operr::pb::tensorflow::{AttrValue, DataType, GraphDef, NodeDef, attr_value};
use operr_benches::measure;
use prost::Message as _;

fn main() {
    let path = env::temp_dir().join(format!("operr-graph-{}.pb", std::process::id()));
    if let Some(path) = env::args().skip_while(|argument| argument != "--make").nth(1) {
        return fs::write(path, graph()).expect("written");
    }
    // By another process, whose memory does not count here.
    let made = Command::new(env::current_exe().expect("this program")).arg("--make").arg(&path).status();
    assert!(made.expect("it runs").success());

    let bytes = fs::read(&path).expect("the graph");
    let size = bytes.len();
    let once = best(|| {
        bytes
            .chunks_exact(8)
            .map(|chunk| u64::from_le_bytes(chunk.try_into().expect("eight")))
            .fold(0, u64::wrapping_add)
    });
    let graph = Graph::from_bytes(bytes).expect("a graph");
    let check = best(|| Graph::from_bytes(graph.as_bytes().clone()).expect("a graph"));
    let last = best(|| graph.node("scope/999999/MatMul").expect("the last node"));
    let none = best(|| assert!(graph.node("scope/none/MatMul").is_none()));
    let inner = best(|| graph.node_in("function", "inner").expect("a node in a function"));
    let peak = peak();
    fs::remove_file(&path).expect("removed");

    let times = [("check", check), ("the last node", last), ("no node", none), ("in a function", inner)];
    for (case, time) in times {
        measure::tell("graph", case, "109 MB", "operr", time.as_secs_f64() * 1e3, "ms");
        measure::tell("graph", case, "109 MB", "its bytes read once", once.as_secs_f64() * 1e3, "ms");
    }
    if let Some(peak) = peak {
        measure::tell("graph", "memory", "109 MB", "operr", peak as f64 / 1e6, "MB");
        measure::tell("graph", "memory", "109 MB", "its bytes", size as f64 / 1e6, "MB");
    }
}

fn graph() -> Vec<u8> {
    let attribute = |value| AttrValue { value: Some(value) };
    let node = |n: usize| NodeDef {
        name: format!("scope/{n}/MatMul"),
        op: "MatMul".into(),
        input: vec![format!("scope/{}/MatMul", n.saturating_sub(1)), "scope/weights/ReadVariableOp".into()],
        attr: [
            ("T".to_owned(), attribute(attr_value::Value::Type(DataType::DtFloat.into()))),
            ("transpose_a".to_owned(), attribute(attr_value::Value::B(false))),
        ]
        .into(),
        ..NodeDef::default()
    };
    let mut function = operr::pb::tensorflow::FunctionDef::default();
    function.signature.get_or_insert_default().name = "function".into();
    function.node_def.push(NodeDef { name: "inner".into(), ..NodeDef::default() });
    let mut graph = GraphDef { node: (0..NODES).map(node).collect(), ..GraphDef::default() };
    graph.library.get_or_insert_default().function.push(function);
    graph.encode_to_vec()
}

/// The shortest of some runs.
fn best<T>(run: impl Fn() -> T) -> Duration {
    let time = || {
        let started = Instant::now();
        black_box(run());
        started.elapsed()
    };
    (0..ROUNDS).map(|_| time()).min().unwrap_or_default()
}

/// The most memory that this process had, in bytes.
fn peak() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? * 1_024)
}

const NODES: usize = 1_000_000;
const ROUNDS: usize = 10;
