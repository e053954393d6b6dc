//! The programs as processes, and the log that they write.
#![allow(dead_code, reason = "each test uses a part")]

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use operr::OpError;
use operr_log::{Entry, Reader, Record, Writer, attributes};
use operr_queue::pb::QueueState;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// A server, or a front, as a process of its own. It is killed with the test.
pub(crate) struct Program {
    pub(crate) address: String,
    pub(crate) child: Child,
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) async fn serve(arguments: &[&str]) -> Program {
        Program::start(queue(&[&["serve"], arguments].concat())).await
    }

    pub(crate) async fn front(backend: &str, arguments: &[&str]) -> Program {
        Program::start(queue(&[&["front", "--backend", backend], arguments].concat())).await
    }

    pub(crate) async fn start(mut command: Command) -> Program {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        let address = line.strip_prefix("listening on ").unwrap().trim_end().to_owned();
        Program { address, child, stdout }
    }

    pub(crate) fn call(&self, verb: &str, arguments: &[&str]) -> Command {
        queue(&[&[verb, "--server", &self.address], arguments].concat())
    }

    /// The line that a call prints which succeeds.
    pub(crate) async fn succeed(&self, verb: &str, arguments: &[&str]) -> String {
        let output = self.call(verb, arguments).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let line = String::from_utf8(output.stdout).unwrap();
        line.strip_suffix('\n').filter(|line| !line.contains('\n')).expect("one line").to_owned()
    }

    pub(crate) async fn until(&self, handle: &str, state: &str) {
        while !self.succeed("size", &["--queue", handle]).await.contains(state) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A queue that refuses what is enqueued.
    pub(crate) async fn closed_queue(&self) -> String {
        let handle = self.succeed("create", &["--capacity", "1"]).await;
        self.succeed("close", &["--queue", &handle]).await;
        handle
    }

    /// What the caller of such a queue is told, in all.
    pub(crate) async fn refusal(&self, handle: &str, node: &str) -> OpError {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("error.status");
        let arguments = ["--queue", handle, "--node", node, "1.5", "--save-error", file.to_str().unwrap()];
        let output = self.call("enqueue", &arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        OpError::from_bytes(std::fs::read(file).unwrap()).unwrap()
    }

    /// Sends a signal, such as `-TERM`.
    pub(crate) async fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
    }
}

/// The program in Rust.
pub(crate) fn queue(arguments: &[&str]) -> Command {
    let mut command = Command::new(QUEUE);
    command.args(arguments);
    piped(command)
}

/// A command whose process is killed with the test.
pub(crate) fn piped(mut command: Command) -> Command {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The correlation id that a failed call printed.
pub(crate) fn correlation_id(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().find_map(|line| line.strip_prefix("  correlation id: ")).expect("a correlation id").to_owned()
}

pub(crate) fn assert_failed(output: &Output, stderr: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(stderr), "{text}");
}

/// A log of this test, which goes with it.
pub(crate) struct Log {
    folder: TempDir,
    name: String,
}

impl Log {
    pub(crate) fn new() -> Log {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("queue").to_str().unwrap().to_owned();
        Log { folder, name }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::open(&self.name).unwrap()
    }

    /// What all services have written, all of which is whole.
    pub(crate) fn records(&self) -> Vec<Record> {
        let entries = Reader::open([&self.name]).unwrap().map(Result::unwrap);
        let records = entries.map(|entry| match entry {
            Entry::Record(logged) => logged.record,
            other => panic!("{other:?}"),
        });
        records.collect()
    }

    /// The record of the error with this correlation id.
    pub(crate) fn find(&self, id: &str) -> Record {
        let has_id = |record: &Record| error_of(record).correlation_id().as_deref() == Some(id);
        let mut found = self.records().into_iter().filter(has_id);
        let (Some(record), None) = (found.next(), found.next()) else { panic!("not one with the id {id}") };
        record
    }

    /// The names of the files that there are.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

/// The whole error of a record.
pub(crate) fn error_of(record: &Record) -> OpError {
    record.error().unwrap().unwrap()
}

/// Fails unless the record is that of a [refusal](Program::refusal). Gives the service that wrote it, and the error.
#[track_caller]
pub(crate) fn assert_refusal<'a>(record: &'a Record, handle: &str, node: &str) -> (&'a str, OpError) {
    let message = format!("FIFOQueue '{handle}' is closed.\n\t [[{{{{node {node}}}}}]]");
    assert_eq!(record.body(), Some(&*format!("CANCELLED: {message}")));
    assert_eq!(record.text(attributes::EXCEPTION_TYPE), Some("operr.CancelledError"));
    assert_eq!(record.text(attributes::RPC_METHOD), Some("operr.queue.v1.QueueService/Enqueue"));
    assert_eq!((record.node(), record.op()), (Some(node), Some("QueueEnqueueV2")));
    let error = error_of(record);
    assert_eq!((error.message(), error.op().unwrap().name), (&*message, node.to_owned()));
    let state = error.detail::<QueueState>().unwrap().unwrap();
    assert_eq!((&*state.name, state.closed), (handle, true));
    (record.text(attributes::SERVICE_NAME).unwrap(), error)
}

/// Runs a test that must not hang.
pub(crate) async fn bounded<F: Future>(test: F) -> F::Output {
    timeout(Duration::from_secs(30), test).await.expect("the test ends in time")
}

/// Where the program in Rust is.
pub(crate) const QUEUE: &str = env!("CARGO_BIN_EXE_queue");
