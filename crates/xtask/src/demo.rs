//! The main job, shown: an error from one process caught whole in another, and the trailers of real TensorFlow servers.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use operr::{CancelledError, Code, OpError};
use serde_json::Value;

use crate::process::{self, Background, cargo};

pub(crate) fn run() -> Result<()> {
    process::run(&mut cargo(["build", "--quiet", "--package", "operr-queue", "--package", "operr-cli"]))?;
    let started = Instant::now();
    cancelled_enqueue()?;
    let trailers = captured_trailers()?;
    println!(
        "\nshown in {} ms: a CancelledError crossed from a server to a client process with its node, op, payload and \
         cause, and {trailers} trailers of real TensorFlow servers decoded and encoded to the same bytes",
        started.elapsed().as_millis()
    );
    Ok(())
}

/// A full queue, an enqueue that waits, and another client that closes the queue.
fn cancelled_enqueue() -> Result<()> {
    println!("== a queue server and its clients, each a process ==");
    let (_server, line) = Background::start_server(queue().arg("serve"))?;
    println!("server: {line}");
    let address = line.strip_prefix("listening on ").context("the server does not say where it listens")?;
    let client = |command: &str| {
        let mut client = queue();
        client.args([command, "--server", address]);
        client
    };

    let handle = process::read(client("create").args(["--capacity", "1"]))?;
    println!("client 1: create --capacity 1 -> {handle}");
    process::read(client("enqueue").args(["--queue", &handle, "1.5"]))?;
    println!("client 1: enqueue 1.5 -> the queue is full");

    let file = process::target().join("demo-error.pb");
    let _ = fs::remove_file(&file);
    println!("client 1: enqueue 2.5 -> waits");
    let mut enqueue = client("enqueue");
    let waiting = Background::start(enqueue.args(["--queue", &handle, "2.5", "--save-error"]).arg(&file))?;
    until("the enqueue waits", || {
        let size = process::read(client("size").args(["--queue", &handle]))?;
        Ok(size.contains("pending_enqueues=1"))
    })?;
    println!("client 2: close --cancel-pending-enqueues; client 1 prints what it caught:\n");
    process::read(client("close").args(["--queue", &handle, "--cancel-pending-enqueues"]))?;
    let status = waiting.wait(Duration::from_secs(20)).context("client 1")?;
    ensure!(status == 1, "client 1 ended with {status} and not with the 1 of a failed call");

    let bytes = fs::read(&file).with_context(|| file.display().to_string())?;
    let error = OpError::from_bytes(bytes.clone())?;
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
    ensure!(caught.to_bytes() == bytes, "it encodes to other bytes");

    println!("\nthe same, by its parts, from the {} bytes that client 1 kept:", bytes.len());
    println!("  class     CancelledError");
    println!("  code      {} ({})", caught.code(), caught.code().value());
    println!("  message   {:?}", caught.message());
    println!("  node_def  {node:?}, inputs {:?}", node.decode()?.input);
    println!(
        "  op        {:?}, created at {}",
        op.name,
        op.traceback.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    );
    for (url, value) in caught.payloads().iter() {
        println!("  payload   {url}: {} bytes", value.len());
    }
    println!("  cause     {cause}");
    Ok(())
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

/// The program of `examples/queue`.
fn queue() -> Command {
    let mut command = Command::new(process::target().join("debug").join("queue"));
    command.current_dir(process::root());
    command
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
