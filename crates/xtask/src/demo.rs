//! The main job, shown: an error raised in one language caught whole in the other, hidden at the border and found again,
//! trailers of real TensorFlow servers, and the error log that all services wrote.

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
    let log = Log::new()?;
    let started = Instant::now();
    let from_rust = cancelled_enqueue(&rust, &python, &log)?;
    let from_python = cancelled_enqueue(&python, &rust, &log)?;
    ensure!(
        without_places(&from_rust)? == without_places(&from_python)?,
        "the servers answer differently: {from_rust:?} and {from_python:?}"
    );
    println!("\nthe same error, but for where the clients made the nodes");
    let id = public_front(&python, &rust, &log)?;
    let trailers = captured_trailers()?;
    let reports = [
        ("queue-rust", &from_rust, None),
        ("queue-python", &from_python, None),
        // Behind the front, it was made in the same way.
        ("queue-python", &from_python, None),
        ("queue-front", &from_python, Some(&*id)),
    ];
    log.show(&reports)?;
    println!(
        "\nshown in {} ms: a CancelledError crossed from Rust to Python and from Python to Rust with its node, op, \
         payload and cause, stayed inside at a border and was found again in the log that {} processes wrote, and {trailers} \
         trailers of real TensorFlow servers were decoded and encoded to the same bytes",
        started.elapsed().as_millis(),
        reports.len()
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

/// The command `operr`, in the folder of the workspace.
fn operr(arguments: &[&str]) -> Command {
    let mut operr = Command::new(process::target().join("debug").join("operr"));
    operr.args(arguments).current_dir(process::root()).stdin(Stdio::null());
    operr
}

/// Starts a server or a front, which writes to the log; gives its address.
fn start(what: &str, log: &Log, command: &mut Command) -> Result<(Background, String)> {
    let (server, line) = Background::start_server(command.args(["--log", &log.name]))?;
    println!("{what}: {line}");
    let address = line.strip_prefix("listening on ").context("the server does not say where it listens")?;
    Ok((server, address.to_owned()))
}

/// A full queue, an enqueue that waits, and another client that closes the queue. Gives what the waiting one kept.
fn enqueue_until_cancelled(client: &Program, address: &str, log: &Log) -> Result<Vec<u8>> {
    let call = |command: &str| {
        let mut call = client.command(command);
        call.args(["--server", address, "--timeout", "20"]);
        call
    };

    let handle = process::read(call("create").args(["--capacity", "1"]))?;
    println!("client 1: create --capacity 1 -> {handle}");
    process::read(call("enqueue").args(["--queue", &handle, "1.5"]))?;
    println!("client 1: enqueue 1.5 -> the queue is full");

    let file = log.folder.join("error.status");
    let _ = fs::remove_file(&file);
    println!("client 1: enqueue 2.5 -> waits");
    let mut enqueue = call("enqueue");
    enqueue.args(["--queue", &handle, "2.5", "--save-error"]).arg(&file).stderr(Stdio::piped());
    let waiting = Background::start(&mut enqueue)?;
    until("the enqueue waits", || {
        let size = process::read(call("size").args(["--queue", &handle]))?;
        Ok(size.contains("pending_enqueues=1"))
    })?;
    println!("client 2: close --cancel-pending-enqueues\n\nclient 1 prints what it caught:\n");
    process::read(call("close").args(["--queue", &handle, "--cancel-pending-enqueues"]))?;
    let (status, printed) = waiting.wait(Duration::from_secs(20)).context("client 1")?;
    print!("{printed}");
    let class = printed.lines().next().unwrap_or_default();
    ensure!(class == "CancelledError", "client 1 caught another class: {class}");
    ensure!(status == 1, "client 1 ended with {status} and not with the 1 of a failed call");

    fs::read(&file).with_context(|| file.display().to_string())
}

/// A cancelled enqueue on a server of another language. Gives what was caught.
fn cancelled_enqueue(server: &Program, client: &Program, log: &Log) -> Result<OpError> {
    println!("\n== a queue server in {}, its clients in {}, each a process ==", server.language, client.language);
    let (_server, address) = start("server", log, &mut server.command("serve"))?;
    let bytes = enqueue_until_cancelled(client, &address, log)?;
    let caught = check(OpError::from_bytes(bytes.clone())?)?;
    ensure!(caught.to_bytes() == bytes, "it encodes to other bytes");
    println!("\nclient 1 keeps it whole, a google.rpc.Status of {} bytes", bytes.len());
    Ok(caught.into())
}

/// A cancelled enqueue on a server behind a front: what the client sees of it, and what the front logged. Gives the
/// correlation id.
fn public_front(server: &Program, front: &Program, log: &Log) -> Result<String> {
    println!("\n== the server in {}, a public front of it in {}, clients outside ==", server.language, front.language);
    let (_server, backend) = start("server", log, &mut server.command("serve"))?;
    let (_front, address) = start("front", log, front.command("front").args(["--backend", &backend]))?;
    let bytes = enqueue_until_cancelled(front, &address, log)?;
    let outside = OpError::from_bytes(bytes.clone())?;
    ensure!(outside.code() == Code::CANCELLED, "another code: {outside}");
    ensure!(Some(outside.message()) == Code::CANCELLED.description(), "a message of the inside: {outside}");
    ensure!(outside.node_def().is_none() && outside.op().is_none(), "a node: {outside:?}");
    ensure!(outside.causes().is_empty() && outside.payloads().len() == 1, "a cause or a payload: {outside:?}");
    let text = String::from_utf8_lossy(&bytes);
    ensure!(!["enq", "closer", "_q", "Queue"].iter().any(|inside| text.contains(inside)), "of the inside: {text}");
    let id = outside.correlation_id().context("no correlation id")?;

    println!("\ninside, found by that id:\n");
    let found = log.print(&["grep", "--id", &id])?;
    ensure!(found.contains(&format!("correlation id: {id}")), "another one was found");
    ensure!(log.read(&["grep", "--id", &id, "--count"])? == "1", "it is not the only one");
    Ok(id)
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
    println!("\n== trailers captured from real TensorFlow 2.21 servers, by operr decode ==\n");
    let text = fs::read(process::root().join("tests/golden/wire_vectors.json"))?;
    let vectors: Vec<Value> = serde_json::from_slice(&text)?;
    let (mut shown, mut lines, mut last) = (0, Vec::new(), String::new());
    for vector in &vectors {
        let text = |key: &str| vector[key].as_str().unwrap_or_default();
        if text("details_bin_hex").is_empty() {
            continue;
        }
        let operr = |command: &[&str]| {
            let mut operr = operr(command);
            operr.args(["--hex", text("details_bin_hex"), "--message", text("grpc_message"), "--grpc-status"]);
            process::read(operr.arg(vector["grpc_status"].to_string()))
        };
        last = operr(&["decode"])?;
        let line = clipped(last.lines().next().unwrap_or_default());
        if !lines.contains(&line) {
            println!("{line}");
            lines.push(line);
        }

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
    println!("\n{shown} in all; the last one, whole:\n\n{last}");
    Ok(shown)
}

/// The beginning of a line that is longer than most terminals have room for.
fn clipped(line: &str) -> String {
    match line.char_indices().nth(110) {
        Some((end, _)) => format!("{}...", line.split_at(end).0),
        None => line.to_owned(),
    }
}

/// The error log of all services.
struct Log {
    folder: PathBuf,
    /// Its name as the commands take it, which run in the folder of the workspace.
    name: String,
}

impl Log {
    /// A log without a record: what an earlier demo wrote is removed.
    fn new() -> Result<Log> {
        let folder = process::target().join("demo");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let log = folder.join("queue");
        let name = log.strip_prefix(process::root()).unwrap_or(&log).display().to_string();
        Ok(Log { folder, name })
    }

    /// Shows what is in it, and fails unless that is what these services reported, in this order: each the error, with the
    /// correlation id where a front gave it one.
    fn show(&self, reports: &[(&str, &OpError, Option<&str>)]) -> Result<()> {
        println!("\n== the error log that all of these services wrote, a file for each process ==\n");
        let text = self.print(&["cat"])?;
        let is_head = |line: &&str| line.contains(" ERROR queue-");
        ensure!(text.lines().filter(is_head).count() == reports.len(), "not a record for each");
        println!();
        self.print(&["stats"])?;

        let lines = self.read(&["cat", "--json"])?;
        let records = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        ensure!(records.len() == reports.len(), "{} records of {}", records.len(), reports.len());
        for (record, (service, error, id)) in records.iter().zip(reports) {
            ensure!(record["service"] == **service, "another service: {record}");
            ensure!(record["method"] == "operr.queue.v1.QueueService/Enqueue", "another method: {record}");
            ensure!(record["recovered"] == false, "something is damaged: {record}");
            let logged = self.error(&record["error"])?;
            ensure!(said(&logged) == said(error), "another error: {record}");
            ensure!(logged.correlation_id().as_deref() == *id, "another correlation id: {record}");
        }
        let stats: Value = serde_json::from_str(&self.read(&["stats", "--json"])?)?;
        let all = reports.len();
        ensure!(stats["records"] == all && stats["corruptions"] == 0, "another number: {stats}");
        for (table, name) in
            [("codes", "CANCELLED"), ("classes", "operr.CancelledError"), ("nodes", "enq"), ("ops", "QueueEnqueueV2")]
        {
            let rows = stats[table].as_array().context("no table")?;
            ensure!(rows.len() == 1 && rows[0]["name"] == name && rows[0]["count"] == all, "other {table}: {stats}");
        }
        Ok(())
    }

    /// The error of a record that is a JSON object.
    fn error(&self, object: &Value) -> Result<OpError> {
        let [json, status] = ["record.json", "record.status"].map(|name| self.folder.join(name));
        fs::write(&json, object.to_string())?;
        let mut convert = operr(&["convert", "--from", "json", "--to", "status"]);
        process::run(convert.arg(json).stdout(fs::File::create(&status)?))?;
        Ok(OpError::from_bytes(fs::read(status)?)?)
    }

    /// Runs a command of `operr log` on it, and prints it with what it prints.
    fn print(&self, command: &[&str]) -> Result<String> {
        let text = self.read(command)?;
        println!("$ operr log {} {}\n{text}", command.join(" "), self.name);
        Ok(text)
    }

    /// What a command of `operr log` prints of it.
    fn read(&self, command: &[&str]) -> Result<String> {
        process::read(operr(&["log"]).args(command).arg(&self.name))
    }
}

/// What its caller and the log are both told of an error: all but the correlation id, and where it was raised.
fn said(error: &OpError) -> impl PartialEq + use<> {
    let each = [error].into_iter().chain(error.causes());
    let said = each.map(|error| {
        let state = error.detail_bytes("operr.queue.v1.QueueState");
        (error.to_string(), error.node_def(), error.op(), state)
    });
    said.collect::<Vec<_>>()
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
