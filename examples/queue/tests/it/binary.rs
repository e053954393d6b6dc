//! The program: server and clients as processes of their own.

use std::process::{Output, Stdio};
use std::time::Duration;

use operr::{Code, OpError};
use operr_queue::pb::QueueState;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::bounded;

/// A server process. It is killed with the test.
struct Program {
    address: String,
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    async fn start() -> Program {
        let mut child = queue(&["serve"]).spawn().unwrap();
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

        let file = std::env::temp_dir().join(format!("operr-queue-{}.status", std::process::id()));
        let arguments = ["--queue", &handle, "--node", "scope/enq", "2", "--save-error", file.to_str().unwrap()];
        let waiting = program.call("enqueue", &arguments).spawn().unwrap();
        program.until(&handle, "pending_enqueues=1").await;
        let arguments = ["--queue", &handle, "--node", "closer", "--cancel-pending-enqueues"];
        assert_eq!(program.succeed("close", &arguments).await, "closed");

        let output = waiting.wait_with_output().await.unwrap();
        assert_failed(&output, "CANCELLED: Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]\n");
        assert_failed(&output, "caused by CANCELLED: Queue '_0_q' was closed with cancel_pending_enqueues");
        let error = OpError::from_bytes(std::fs::read(&file).unwrap()).unwrap();
        std::fs::remove_file(&file).unwrap();
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

#[cfg(unix)]
#[tokio::test]
async fn a_server_that_is_interrupted_ends_what_waits_and_then_itself() {
    for signal in ["-INT", "-TERM"] {
        let test = async {
            let mut program = Program::start().await;
            let handle = program.succeed("create", &["--capacity", "0"]).await;
            let waiting = program.call("enqueue", &["--queue", &handle, "1"]).spawn().unwrap();
            program.until(&handle, "pending_enqueues=1").await;

            let id = program.child.id().unwrap().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
            assert_failed(&waiting.wait_with_output().await.unwrap(), "Enqueue operation was cancelled");
            assert!(program.child.wait().await.unwrap().success());
            let mut rest = String::new();
            program.stdout.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, "");
        };
        bounded(test).await;
    }
}
