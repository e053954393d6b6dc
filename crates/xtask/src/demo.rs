//! The main job, shown: an error raised in one language caught whole in the other, hidden at the border and found again,
//! and trailers of real TensorFlow servers.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use operr::{CancelledError, Code, OpError};
use serde_json::Value;

use crate::process::{self, Background, cargo};
use crate::python::{self, Profile};

pub(crate) fn run() -> Result<()> {
    process::run(&mut cargo(["build", "--quiet", "--package", "operr-queue", "--package", "operr-cli"]))?;
    let python = Program::python(python::environment_with_operr("plain", Profile::Dev)?);
    let rust = Program::rust();
    let started = Instant::now();
    let from_rust = cancelled_enqueue(&rust, &python)?;
    let from_python = cancelled_enqueue(&python, &rust)?;
    ensure!(
        without_places(&from_rust)? == without_places(&from_python)?,
        "the servers answer differently: {from_rust:?} and {from_python:?}"
    );
    public_front(&python, &rust)?;
    let trailers = captured_trailers()?;
    println!(
        "\nshown in {} ms: a CancelledError crossed from Rust to Python and from Python to Rust with its node, op, \
         payload and cause, which stayed inside at a border and were found again, and {trailers} trailers of real \
         TensorFlow servers decoded and encoded to the same bytes",
        started.elapsed().as_millis()
    );
    Ok(())
}

/// The queue example, in one of its languages.
struct Program {
    language: &'static str,
    program: PathBuf,
    arguments: &'static [&'static str],
}

impl Program {
    fn rust() -> Program {
        let program = process::target().join("debug").join("queue");
        Program { language: "Rust", program, arguments: &[] }
    }

    fn python(program: PathBuf) -> Program {
        Program { language: "Python", program, arguments: &["-m", "queue_service"] }
    }

    fn command(&self, command: &str) -> Command {
        let mut queue = Command::new(&self.program);
        queue.args(self.arguments).arg(command).current_dir(process::root());
        queue.env("PYTHONPATH", process::root().join("examples/queue/python"));
        queue
    }
}

/// Starts a server or a front; gives its address.
fn start(what: &str, command: &mut Command) -> Result<(Background, String)> {
    let (server, line) = Background::start_server(command)?;
    println!("{what}: {line}");
    let address = line.strip_prefix("listening on ").context("the server does not say where it listens")?;
    Ok((server, address.to_owned()))
}

/// A full queue, an enqueue that waits, and another client that closes the queue. Gives what the waiting one printed and
/// kept.
fn enqueue_until_cancelled(client: &Program, address: &str) -> Result<(String, Vec<u8>)> {
    let call = |command: &str| {
        let mut call = client.command(command);
        call.args(["--server", address, "--timeout", "20"]);
        call
    };

    let handle = process::read(call("create").args(["--capacity", "1"]))?;
    println!("client 1: create --capacity 1 -> {handle}");
    process::read(call("enqueue").args(["--queue", &handle, "1.5"]))?;
    println!("client 1: enqueue 1.5 -> the queue is full");

    let file = process::target().join("demo-error.pb");
    let _ = fs::remove_file(&file);
    println!("client 1: enqueue 2.5 -> waits");
    let mut enqueue = call("enqueue");
    enqueue.args(["--queue", &handle, "2.5", "--save-error"]).arg(&file).stderr(Stdio::piped());
    let waiting = Background::start(&mut enqueue)?;
    until("the enqueue waits", || {
        let size = process::read(call("size").args(["--queue", &handle]))?;
        Ok(size.contains("pending_enqueues=1"))
    })?;
    println!("client 2: close --cancel-pending-enqueues; client 1 prints what it caught:\n");
    process::read(call("close").args(["--queue", &handle, "--cancel-pending-enqueues"]))?;
    let (status, printed) = waiting.wait(Duration::from_secs(20)).context("client 1")?;
    print!("{printed}");
    let class = printed.lines().next().unwrap_or_default();
    ensure!(class == "CancelledError", "client 1 caught another class: {class}");
    ensure!(status == 1, "client 1 ended with {status} and not with the 1 of a failed call");

    let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
    Ok((printed, bytes))
}

/// A cancelled enqueue on a server of another language. Gives what was caught.
fn cancelled_enqueue(server: &Program, client: &Program) -> Result<OpError> {
    println!("\n== a queue server in {}, its clients in {}, each a process ==", server.language, client.language);
    let (_server, address) = start("server", &mut server.command("serve"))?;
    let (printed, bytes) = enqueue_until_cancelled(client, &address)?;
    let caught = check(OpError::from_bytes(bytes.clone())?)?;
    ensure!(caught.to_bytes() == bytes, "it encodes to other bytes");

    println!("\nthe same, by its parts, from the {} bytes that client 1 kept:", bytes.len());
    println!("  class     {}", printed.lines().next().unwrap_or_default());
    println!("  code      {} ({})", caught.code(), caught.code().value());
    println!("  message   {:?}", caught.message());
    let node = caught.node_def().context("no node_def")?;
    println!("  node_def  {node:?}, inputs {:?}", node.decode()?.input);
    let op = caught.op().context("no op")?;
    let places: Vec<_> = op.traceback.iter().map(ToString::to_string).collect();
    println!("  op        {:?}, created at {}", op.name, places.join(", "));
    for (url, value) in caught.payloads().iter() {
        println!("  payload   {url}: {} bytes", value.len());
    }
    println!("  cause     {}", caught.causes().first().context("no cause")?);
    Ok(caught.into())
}

/// A cancelled enqueue on a server behind a front: what the client sees of it, and what the front's log has.
fn public_front(server: &Program, front: &Program) -> Result<()> {
    println!("\n== the server in {}, a public front of it in {}, clients outside ==", server.language, front.language);
    let (_server, backend) = start("server", &mut server.command("serve"))?;
    let [log, file] = ["demo-front.log", "demo-found.pb"].map(|name| process::target().join(name));
    for file in [&log, &file] {
        let _ = fs::remove_file(file);
    }
    let mut command = front.command("front");
    let (_front, address) = start("front", command.args(["--backend", &backend, "--log"]).arg(&log))?;
    let (_, bytes) = enqueue_until_cancelled(front, &address)?;
    let outside = OpError::from_bytes(bytes.clone())?;
    ensure!(outside.code() == Code::CANCELLED, "another code: {outside}");
    ensure!(Some(outside.message()) == Code::CANCELLED.description(), "a message of the inside: {outside}");
    ensure!(outside.node_def().is_none() && outside.op().is_none(), "a node: {outside:?}");
    ensure!(outside.causes().is_empty() && outside.payloads().len() == 1, "a cause or a payload: {outside:?}");
    let text = String::from_utf8_lossy(&bytes);
    ensure!(!["enq", "closer", "_q", "Queue"].iter().any(|inside| text.contains(inside)), "of the inside: {text}");
    let id = outside.correlation_id().context("no correlation id")?;

    println!("\nqueue find, with the front's log and that id, prints what it was inside:\n");
    println!("{}", process::read(front.command("find").arg("--log").arg(&log).args([&id, "--save-error"]).arg(&file))?);
    let found = check(OpError::from_bytes(fs::read(&file)?)?)?;
    ensure!(found.correlation_id() == Some(id), "another correlation id: {found:?}");
    Ok(())
}

/// The error that a cancelled enqueue ends with, or what is wrong with it.
fn check(error: OpError) -> Result<CancelledError> {
    let message = "Enqueue operation was cancelled\n\t [[{{node enq}}]]";
    let caught = CancelledError::try_from(error).map_err(|error| anyhow::anyhow!("another class: {error}"))?;
    ensure!(caught.message() == message, "another message: {:?}", caught.message());
    let node = caught.node_def().context("no node_def")?;
    ensure!((node.name()?, node.op()?) == ("enq", "QueueEnqueueV2"), "another node: {node:?}");
    let op = caught.op().context("no op")?;
    ensure!(op.name == "enq" && !op.traceback.is_empty(), "another op: {op:?}");
    let payload = "type.googleapis.com/operr.queue.v1.QueueState";
    ensure!(caught.payloads().contains(payload), "no payload {payload}");
    let cause = caught.causes().first().context("no cause")?;
    ensure!(cause.code() == Code::CANCELLED && cause.node_def().is_some(), "another cause: {cause:?}");
    ensure!(caught.omitted().is_none(), "something is missing: {caught:?}");
    Ok(caught)
}

/// What an error says but for where its client's nodes were created, which is in another file for each language.
fn without_places(error: &OpError) -> Result<Vec<String>> {
    let mut said = Vec::new();
    for error in [error].into_iter().chain(error.causes()) {
        let node = error.node_def().context("no node_def")?.decode()?;
        let op = error.op().context("no op")?;
        said.push(format!("{error}, {node:?}, {} {}, {:?}", op.name, op.r#type, error.payloads()));
    }
    Ok(said)
}

/// The trailers with details in `tests/golden/wire_vectors.json`, each looked into by `operr decode`.
fn captured_trailers() -> Result<usize> {
    println!("\n== trailers captured from real TensorFlow 2.21 servers, by operr decode ==");
    let text = fs::read(process::root().join("tests/golden/wire_vectors.json"))?;
    let vectors: Vec<Value> = serde_json::from_slice(&text)?;
    let mut shown = 0;
    for vector in &vectors {
        let text = |key: &str| vector[key].as_str().unwrap_or_default();
        if text("details_bin_hex").is_empty() {
            continue;
        }
        let operr = |command: &[&str]| {
            let mut operr = Command::new(process::target().join("debug").join("operr"));
            operr.args(command).args(["--hex", text("details_bin_hex"), "--message", text("grpc_message")]);
            operr.arg("--grpc-status").arg(vector["grpc_status"].to_string());
            process::read(operr.current_dir(process::root()).stdin(Stdio::null()))
        };
        println!("\n{}", operr(&["decode"])?);

        let object: Value = serde_json::from_str(&operr(&["decode", "--json"])?)?;
        ensure!(object["code"] == vector["grpc_status"], "another code: {object}");
        ensure!(object["message"] == vector["grpc_message"], "another message: {object}");
        let payloads = object["payloads"].as_array().context("no payloads")?;
        let expected = vector["payloads_hex"].as_object().context("no payloads were captured")?;
        ensure!(payloads.len() == expected.len(), "another number of payloads: {object}");
        for payload in payloads {
            let url = payload["typeUrl"].as_str().context("a payload without a key")?;
            ensure!(expected.contains_key(url), "another payload: {url}");
        }
        let again = operr(&["convert", "--to", "tensorflow", "--encoding", "hex"])?;
        ensure!(again == text("details_bin_hex"), "it encodes to other bytes: {again}");
        shown += 1;
    }
    ensure!(shown > 0, "no trailer was shown");
    Ok(shown)
}

fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..200 {
        if is_so()? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("not so within ten seconds: {what}")
}
