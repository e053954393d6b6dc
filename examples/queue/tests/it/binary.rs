//! The program: server and clients as processes of their own.

use operr::{Code, OpError};
use operr_log::attributes;
use operr_queue::pb::QueueState;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use crate::bounded;
use crate::programs::{Log, Program, QUEUE, assert_failed, correlation_id, error_of, piped, queue};

#[tokio::test]
async fn a_second_process_cancels_the_enqueue_of_the_first() {
    let test = async {
        let program = Program::serve(&[]).await;
        let handle = program.succeed("create", &["--capacity", "1"]).await;
        assert_eq!(handle, "_0_q");
        assert_eq!(program.succeed("enqueue", &["--queue", &handle, "-1.5"]).await, "enqueued -1.5");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("enqueue.status");
        let arguments = ["--queue", &handle, "--node", "scope/enq", "2", "--save-error", file.to_str().unwrap()];
        let waiting = program.call("enqueue", &arguments).spawn().unwrap();
        program.until(&handle, "pending_enqueues=1").await;
        let arguments = ["--queue", &handle, "--node", "closer", "--cancel-pending-enqueues"];
        assert_eq!(program.succeed("close", &arguments).await, "closed");

        let output = waiting.wait_with_output().await.unwrap();
        assert_failed(&output, "CANCELLED: Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]\n");
        assert_failed(&output, "caused by CANCELLED: Queue '_0_q' was closed with cancel_pending_enqueues");
        let error = OpError::from_bytes(std::fs::read(file).unwrap()).unwrap();
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
        let program = Program::serve(&[]).await;
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
            &["serve", "--log"],
            &["front", "--backend", "127.0.0.1:1", "--log"],
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
        let log = Log::new();
        let server = Program::serve(&[]).await;
        let front = Program::front(&server.address, &["--log", log.name()]).await;
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

        let another = front.call("size", &["--queue", "nope"]).output().await.unwrap();
        assert_eq!(error_of(&log.find(&correlation_id(&another))).code(), Code::NOT_FOUND);

        let record = log.find(&id);
        assert_eq!(record.text(attributes::SERVICE_NAME), Some("queue-front"));
        assert_eq!(record.text(attributes::RPC_METHOD), Some("operr.queue.v1.QueueService/Enqueue"));
        let error = error_of(&record);
        assert_eq!(error.message(), "Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]");
        assert_eq!(error.node_def().unwrap().name().unwrap(), "scope/enq");
        assert_eq!(error.causes()[0].op().unwrap().name, "closer");
        assert_eq!(error.detail::<QueueState>().unwrap().unwrap().pending_enqueues, 1);
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_front_whose_server_is_killed_says_no_more_than_that() {
    let test = async {
        let log = Log::new();
        let mut server = Program::serve(&[]).await;
        let front = Program::front(&server.address, &["--log", log.name()]).await;
        let handle = front.succeed("create", &["--capacity", "1"]).await;
        let waiting = front.call("dequeue", &["--queue", &handle]).spawn().unwrap();
        front.until(&handle, "pending_dequeues=1").await;
        server.child.kill().await.unwrap();

        let outside = waiting.wait_with_output().await.unwrap();
        // An element may have been taken: nobody shall try again who has not looked.
        assert_failed(&outside, &format!("UNKNOWN: {}\n", Code::UNKNOWN.description().unwrap()));
        let whole = error_of(&log.find(&correlation_id(&outside)));
        assert!(!whole.causes().is_empty(), "{whole:#}");
        let outside = front.call("size", &["--queue", &handle]).output().await.unwrap();
        assert_failed(&outside, &format!("UNAVAILABLE: {}\n", Code::UNAVAILABLE.description().unwrap()));
    };
    bounded(test).await;
}

#[tokio::test]
async fn a_front_needs_no_log_to_answer() {
    let test = async {
        let server = Program::serve(&[]).await;
        let log = Log::new();
        let mut fronts = vec![(queue(&["front", "--backend", &server.address]), None)];
        if cfg!(target_os = "linux") {
            fronts.push((no_room(&["front", "--backend", &server.address, "--log", log.name()]), Some(log.name())));
        }
        for (front, log) in fronts {
            let mut front = Program::start(front).await;
            let mut lines = BufReader::new(front.child.stderr.take().unwrap()).lines();
            for is_first in [true, false] {
                let outside = front.call("size", &["--queue", "nope"]).output().await.unwrap();
                assert_failed(&outside, "NotFoundError\nNOT_FOUND: Resource localhost/nope/");

                let mut line = lines.next_line().await.unwrap().unwrap();
                if let Some(log) = log.filter(|_| is_first) {
                    assert!(line.starts_with(&format!("operr-log: cannot write to {log}: ")), "{line}");
                    line = lines.next_line().await.unwrap().unwrap();
                }
                let whole = OpError::from_json(&line).unwrap();
                assert_eq!(
                    (whole.correlation_id(), whole.node_def().is_some()),
                    (Some(correlation_id(&outside)), true)
                );
                assert_eq!(whole.origin().unwrap().notes, ["answering /operr.queue.v1.QueueService/Size"]);
            }
            front.succeed("create", &["--capacity", "1"]).await;
        }
        let nowhere = format!("{}/nowhere/queue", log.name());
        for verb in [&["serve"][..], &["front", "--backend", &server.address]] {
            assert_failed(
                &queue(&[verb, &["--log", &nowhere]].concat()).output().await.unwrap(),
                "  note: opening the log ",
            );
        }
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
            let server = Program::serve(&[]).await;
            let front = Program::front(&server.address, &[]).await;
            for (mut program, says) in
                [(front, Code::CANCELLED.description().unwrap()), (server, "Enqueue operation was cancelled")]
            {
                let handle = program.succeed("create", &["--capacity", "0"]).await;
                let waiting = program.call("enqueue", &["--queue", &handle, "1"]).spawn().unwrap();
                program.until(&handle, "pending_enqueues=1").await;

                program.signal(signal).await;
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

/// The program where files have no room.
fn no_room(arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"", QUEUE]).args(arguments);
    piped(command)
}
