//! The program: server and clients as processes of their own.

use std::process::{Output, Stdio};
use std::time::Duration;

use operr::{Code, OpError};
use operr_queue::Log;
use operr_queue::pb::QueueState;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::{Scratch, bounded};

/// A server process. It is killed with the test.
struct Program {
    address: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    async fn start() -> Program {
        Program::start_as(&["serve"]).await
    }

    async fn start_as(arguments: &[&str]) -> Program {
        let mut child = queue(arguments).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).await.unwrap();
        let address = line.strip_prefix("listening on ").unwrap().trim_end().to_owned();
        Program { address, child, stdout }
    }

    fn call(&self, verb: &str, arguments: &[&str]) -> Command {
        queue(&[&[verb, "--server", &self.address], arguments].concat())
    }

    /// The line that a call prints which succeeds.
    async fn succeed(&self, verb: &str, arguments: &[&str]) -> String {
        let output = self.call(verb, arguments).output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        let line = String::from_utf8(output.stdout).unwrap();
        line.strip_suffix('\n').filter(|line| !line.contains('\n')).expect("one line").to_owned()
    }

    async fn until(&self, handle: &str, state: &str) {
        while !self.succeed("size", &["--queue", handle]).await.contains(state) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn queue(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_queue"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The correlation id that a failed call printed.
fn correlation_id(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().find_map(|line| line.strip_prefix("  correlation id: ")).expect("a correlation id").to_owned()
}

fn assert_failed(output: &Output, stderr: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(stderr), "{text}");
}

#[tokio::test]
async fn a_second_process_cancels_the_enqueue_of_the_first() {
    let test = async {
        let program = Program::start().await;
        let handle = program.succeed("create", &["--capacity", "1"]).await;
        assert_eq!(handle, "_0_q");
        assert_eq!(program.succeed("enqueue", &["--queue", &handle, "-1.5"]).await, "enqueued -1.5");

        let file = Scratch::new("enqueue.status");
        let arguments = ["--queue", &handle, "--node", "scope/enq", "2", "--save-error", file.as_str()];
        let waiting = program.call("enqueue", &arguments).spawn().unwrap();
        program.until(&handle, "pending_enqueues=1").await;
        let arguments = ["--queue", &handle, "--node", "closer", "--cancel-pending-enqueues"];
        assert_eq!(program.succeed("close", &arguments).await, "closed");

        let output = waiting.wait_with_output().await.unwrap();
        assert_failed(&output, "CANCELLED: Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]\n");
        assert_failed(&output, "caused by CANCELLED: Queue '_0_q' was closed with cancel_pending_enqueues");
        let error = OpError::from_bytes(std::fs::read(&file.0).unwrap()).unwrap();
        assert_eq!(error.code(), Code::CANCELLED);
        assert_eq!(error.node_def().unwrap().name().unwrap(), "scope/enq");
        assert_eq!(error.op().unwrap().r#type, "QueueEnqueueV2");
        assert_eq!(error.causes()[0].op().unwrap().name, "closer");
        assert_eq!(error.detail::<QueueState>().unwrap().unwrap().pending_enqueues, 1);

        assert_eq!(program.succeed("dequeue", &["--queue", &handle]).await, "-1.5");
        let size = program.succeed("size", &["--queue", &handle]).await;
        assert_eq!(size, "size=0 capacity=1 closed=true pending_enqueues=0 pending_dequeues=0");
        let output = program.call("dequeue", &["--queue", &handle]).output().await.unwrap();
        assert_failed(&output, "OUT_OF_RANGE: FIFOQueue '_0_q' is closed and has insufficient elements");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_process_that_is_killed_releases_its_place() {
    let test = async {
        let program = Program::start().await;
        let create = ["--capacity", "1", "--shared-name", "shared", "--node", "mine"];
        assert_eq!(program.succeed("create", &create).await, "shared");
        let on_queue = ["--queue", "shared", "--queue-node", "mine"];

        let mut gone = program.call("dequeue", &on_queue).spawn().unwrap();
        program.until("shared", "pending_dequeues=1").await;
        gone.kill().await.unwrap();
        program.until("shared", "pending_dequeues=0").await;
        program.succeed("enqueue", &["--queue", "shared", "1"]).await;

        let mut gone = program.call("enqueue", &[&on_queue[..], &["2"]].concat()).spawn().unwrap();
        program.until("shared", "pending_enqueues=1").await;
        gone.kill().await.unwrap();
        program.until("shared", "pending_enqueues=0").await;
        assert_eq!(program.succeed("dequeue", &on_queue).await, "1");

        let output = program.call("dequeue", &["--queue", "shared", "--timeout", "0.1"]).output().await.unwrap();
        assert_failed(&output, "DEADLINE_EXCEEDED: ");
        program.until("shared", "size=0 capacity=1 closed=false pending_enqueues=0 pending_dequeues=0").await;
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_wrong_command_line_is_status_2() {
    let test = async {
        for arguments in [
            &["enqueue", "--server", "127.0.0.1:1", "--queue", "q"][..],
            &["size", "--server", "127.0.0.1:1"],
            &["size", "--server", "127.0.0.1:1", "--queue", "q", "--timeout", "-1"],
            &["size", "--server", "127.0.0.1:1", "--queue", "q", "--timeout", "NaN"],
            &["serve", "--listen", "nowhere"],
            &["front"],
            &["front", "--backend", "127.0.0.1:1", "--listen", "nowhere"],
            &["find", "--log", "log"],
            &["find", "an id"],
            &["steal"],
            &[],
        ] {
            let output = queue(arguments).output().await.unwrap();
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        }
        let longest = ["size", "--server", "127.0.0.1:1", "--queue", "q", "--timeout", "1e19"];
        assert_failed(&queue(&longest).output().await.unwrap(), "UNAVAILABLE: ");
    };
    bounded(test).await;
}

#[tokio::test]
async fn an_error_that_a_front_hides_is_found_by_its_id() {
    let test = async {
        let (log, file) = (Scratch::new("front.log"), Scratch::new("found.status"));
        let server = Program::start().await;
        let front = Program::start_as(&["front", "--backend", &server.address, "--log", log.as_str()]).await;
        let handle = front.succeed("create", &["--capacity", "1"]).await;
        front.succeed("enqueue", &["--queue", &handle, "1.5"]).await;
        let arguments = ["--queue", &handle, "--node", "scope/enq", "2.5"];
        let waiting = front.call("enqueue", &arguments).spawn().unwrap();
        front.until(&handle, "pending_enqueues=1").await;
        front.succeed("close", &["--queue", &handle, "--node", "closer", "--cancel-pending-enqueues"]).await;

        let outside = waiting.wait_with_output().await.unwrap();
        let id = correlation_id(&outside);
        let says = Code::CANCELLED.description().unwrap();
        let payload = format!("{{\"type.googleapis.com/google.rpc.RequestInfo\": b\"\\n${id}\"}}");
        let expected = format!("CancelledError\nCANCELLED: {says}\n  payloads: {payload}\n  correlation id: {id}\n");
        assert_eq!((outside.status.code(), String::from_utf8_lossy(&outside.stderr)), (Some(1), expected.into()));

        let arguments = ["find", "--log", log.as_str(), &id, "--save-error", file.as_str()];
        let found = queue(&arguments).output().await.unwrap();
        assert!(found.status.success() && found.stderr.is_empty(), "{found:?}");
        let error = OpError::from_bytes(std::fs::read(&file.0).unwrap()).unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), format!("CancelledError\n{error:#}\n"));
        assert_eq!(error.node_def().unwrap().name().unwrap(), "scope/enq");
        assert_eq!(error.causes()[0].op().unwrap().name, "closer");
        assert_eq!(error.detail::<QueueState>().unwrap().unwrap().pending_enqueues, 1);

        let found = queue(&["find", "--log", log.as_str(), "another"]).output().await.unwrap();
        assert_failed(&found, "NotFoundError\nNOT_FOUND: no error with the correlation id \"another\" in ");
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_front_whose_server_is_killed_says_no_more_than_that() {
    let test = async {
        let log = Scratch::new("killed.log");
        let mut server = Program::start().await;
        let front = Program::start_as(&["front", "--backend", &server.address, "--log", log.as_str()]).await;
        let handle = front.succeed("create", &["--capacity", "1"]).await;
        let waiting = front.call("dequeue", &["--queue", &handle]).spawn().unwrap();
        front.until(&handle, "pending_dequeues=1").await;
        server.child.kill().await.unwrap();

        let outside = waiting.wait_with_output().await.unwrap();
        // An element may have been taken: nobody shall try again who has not looked.
        assert_failed(&outside, &format!("UNKNOWN: {}\n", Code::UNKNOWN.description().unwrap()));
        let whole = Log::find(&log.0, &correlation_id(&outside)).unwrap();
        assert!(!whole.causes().is_empty(), "{whole:#}");
        let outside = front.call("size", &["--queue", &handle]).output().await.unwrap();
        assert_failed(&outside, &format!("UNAVAILABLE: {}\n", Code::UNAVAILABLE.description().unwrap()));
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_front_needs_no_log_to_answer() {
    let test = async {
        let server = Program::start().await;
        let mut fronts = vec![&[][..]];
        if cfg!(target_os = "linux") {
            fronts.push(&["--log", "/dev/full"]);
        }
        for log in fronts {
            let front = [&["front", "--backend", &server.address], log].concat();
            let mut front = Program::start_as(&front).await;
            let outside = front.call("size", &["--queue", "nope"]).output().await.unwrap();
            assert_failed(&outside, "NotFoundError\nNOT_FOUND: Resource localhost/nope/");
            front.succeed("create", &["--capacity", "1"]).await;

            let id = correlation_id(&outside);
            let mut lines = BufReader::new(front.child.stderr.take().unwrap()).lines();
            let mut line = lines.next_line().await.unwrap().unwrap();
            if !log.is_empty() {
                assert!(line.starts_with("cannot write to /dev/full: "), "{line}");
                line = lines.next_line().await.unwrap().unwrap();
            }
            let whole = OpError::from_json(&line).unwrap();
            assert_eq!((whole.correlation_id(), whole.node_def().is_some()), (Some(id), true));
        }
        let folder = std::env::temp_dir();
        let front = ["front", "--backend", &server.address, "--log", folder.to_str().unwrap()];
        assert_failed(&queue(&front).output().await.unwrap(), "  note: opening the log ");
        let front = ["front", "--backend", "no address"];
        assert_failed(&queue(&front).output().await.unwrap(), "INVALID_ARGUMENT: ");
    };
    bounded(test).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_is_interrupted_ends_what_waits_and_then_itself() {
    for signal in ["-INT", "-TERM"] {
        let test = async {
            let server = Program::start().await;
            let front = Program::start_as(&["front", "--backend", &server.address]).await;
            for (mut program, says) in
                [(front, Code::CANCELLED.description().unwrap()), (server, "Enqueue operation was cancelled")]
            {
                let handle = program.succeed("create", &["--capacity", "0"]).await;
                let waiting = program.call("enqueue", &["--queue", &handle, "1"]).spawn().unwrap();
                program.until(&handle, "pending_enqueues=1").await;

                let id = program.child.id().unwrap().to_string();
                assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
                assert_failed(&waiting.wait_with_output().await.unwrap(), says);
                assert!(program.child.wait().await.unwrap().success());
                let mut rest = String::new();
                program.stdout.read_to_string(&mut rest).await.unwrap();
                assert_eq!(rest, "");
            }
        };
        bounded(test).await;
    }
}
