//! The services in both languages, and one log: `cargo xtask test` runs this.
#![allow(missing_docs, reason = "tests")]

mod programs;

use std::fmt::Debug;
use std::path::Path;

use operr::OpError;
use operr_log::attributes;
use tokio::process::Command;

use programs::{Log, Program, assert_refusal, bounded, error_of, piped};

#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn services_of_both_languages_write_one_log() {
    let test = async {
        let log = Log::new();
        let rust = Program::serve(&["--log", log.name()]).await;
        let python = serve_in_python(&["--log", log.name()]).await;
        let front = Program::front(&python.address, &["--log", log.name()]).await;
        let queue = rust.closed_queue().await;
        assert_eq!(python.closed_queue().await, queue);
        let mut told = Vec::new();
        for node in ["first", "second"] {
            let [rust, python] = [rust.refusal(&queue, node).await, python.refusal(&queue, node).await];
            told.push((node, rust, python, front.refusal(&queue, node).await));
        }

        assert_eq!(log.files().len(), 3);
        let records = log.records();
        assert!(records.is_sorted_by_key(|record| record.time_unix_nano()));
        assert_eq!(records.len(), 8);
        for (records, (node, by_rust, by_python, outside)) in records.chunks(4).zip(told) {
            let logged = [0, 1, 2, 3].map(|index| assert_refusal(&records[index], &queue, node));
            let services = ["queue-rust", "queue-python", "queue-python", "queue-front"];
            assert_eq!(logged.each_ref().map(|(service, _)| *service), services);
            let [of_rust, of_python, _, of_front] = logged.map(|(_, error)| error);
            // Both tell the client the same; to the log, the one in Python tells where it was raised, too.
            assert_eq!((&of_rust, &by_rust), (&by_rust, &by_python));
            assert_eq!(said(&of_python), said(&by_python));
            let origin = of_python.origin().unwrap();
            assert!(origin.raised_at.iter().any(|frame| frame.file.ends_with("service.py")), "{origin:?}");
            assert!(of_front.correlation_id().is_some() && of_front.correlation_id() == outside.correlation_id());
        }
    };
    bounded(test).await;
}

#[cfg(unix)]
#[tokio::test]
#[ignore = "needs Python: cargo xtask test"]
async fn what_a_service_in_python_says_at_its_end_is_in_the_log() {
    for signal in ["-INT", "-TERM"] {
        let test = async {
            let log = Log::new();
            let mut python = serve_in_python(&["--log", log.name()]).await;
            let handle = python.succeed("create", &["--capacity", "0"]).await;
            let waiting = python.call("enqueue", &["--queue", &handle, "--node", "scope/enq", "1"]).spawn().unwrap();
            python.until(&handle, "pending_enqueues=1").await;
            python.signal(signal).await;
            assert_eq!(waiting.wait_with_output().await.unwrap().status.code(), Some(1));
            assert!(python.child.wait().await.unwrap().success());

            let records = log.records();
            let [record] = &records[..] else { panic!("{records:?}") };
            assert_eq!(record.text(attributes::SERVICE_NAME), Some("queue-python"));
            assert_eq!(record.node(), Some("scope/enq"));
            assert!(error_of(record).message().starts_with("Enqueue operation was cancelled\n"), "{record:?}");
            for file in log.files() {
                assert_eq!(operr_log::repair(file).unwrap(), None);
            }
        };
        bounded(test).await;
    }
}

/// All that an error has here, but for where it was raised.
fn said(error: &OpError) -> impl PartialEq + Debug {
    let payloads: Vec<_> = error.payloads().iter().collect();
    (error.to_string(), error.node_def(), error.op(), payloads, error.causes())
}

async fn serve_in_python(arguments: &[&str]) -> Program {
    let python = std::env::var_os("OPERR_PYTHON").expect("run these by: cargo xtask test");
    let mut command = Command::new(python);
    command.args(["-m", "queue_service", "serve"]).args(arguments);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let paths = [Some(folder.into_os_string()), std::env::var_os("PYTHONPATH")];
    command.env("PYTHONPATH", std::env::join_paths(paths.into_iter().flatten()).unwrap());
    Program::start(piped(command)).await
}
