//! The log that services write together.

use operr::{Code, OpError};
use operr_log::attributes;

use crate::programs::{Log, Program, assert_failed, assert_refusal, correlation_id, error_of};
use crate::{assert_public, bounded};

#[tokio::test]
async fn a_service_and_its_front_write_one_log() {
    let test = async {
        let log = Log::new();
        let server = Program::serve(&["--log", log.name()]).await;
        let front = Program::front(&server.address, &["--log", log.name()]).await;
        let queue = server.closed_queue().await;
        let mut told = Vec::new();
        for node in ["first", "second", "third"] {
            told.push((node, server.refusal(&queue, node).await, front.refusal(&queue, node).await));
        }

        assert_eq!(log.files().len(), 2);
        let records = log.records();
        assert!(records.is_sorted_by_key(|record| record.time_unix_nano()));
        assert_eq!(records.len(), 9);
        for (records, (node, inside, outside)) in records.chunks(3).zip(told) {
            let [one, two, three] = [0, 1, 2].map(|index| assert_refusal(&records[index], &queue, node));
            assert_eq!(one, ("queue-rust", inside));
            // The same again, asked for by the front. In what the front says, the id is all that is new.
            assert_eq!((two.0, three.0), ("queue-rust", "queue-front"));
            let id = assert_public(&outside, Code::CANCELLED, Code::CANCELLED.description().unwrap());
            assert_eq!((two.1.correlation_id(), three.1.correlation_id()), (None, Some(id)));
            let without_id = |error: &OpError| (error.to_string(), error.node_def(), error.op());
            assert_eq!(without_id(&two.1), without_id(&three.1));
        }
    };
    bounded(test).await;
}

#[cfg(unix)]
#[tokio::test]
async fn what_a_service_says_at_its_end_is_in_the_log() {
    for signal in ["-INT", "-TERM"] {
        let test = async {
            let log = Log::new();
            let server = Program::serve(&["--log", log.name()]).await;
            let front = Program::front(&server.address, &["--log", log.name()]).await;
            let handle = server.succeed("create", &["--capacity", "0"]).await;
            let mut ids = Vec::new();
            for mut program in [front, server] {
                let arguments = ["--queue", &handle, "--node", "scope/enq", "1"];
                let waiting = program.call("enqueue", &arguments).spawn().unwrap();
                program.until(&handle, "pending_enqueues=1").await;
                program.signal(signal).await;
                let outside = waiting.wait_with_output().await.unwrap();
                assert_failed(&outside, "CANCELLED: ");
                assert!(program.child.wait().await.unwrap().success());
                ids.push(outside);
            }

            let records = log.records();
            let services = records.iter().map(|record| record.text(attributes::SERVICE_NAME).unwrap());
            assert_eq!(services.collect::<Vec<_>>(), ["queue-front", "queue-rust"]);
            let [stopped, cancelled] = [0, 1].map(|index| error_of(&records[index]));
            assert_eq!(
                (stopped.message(), stopped.correlation_id()),
                ("the front stops", Some(correlation_id(&ids[0])))
            );
            let message = "Enqueue operation was cancelled\n\t [[{{node scope/enq}}]]";
            assert_eq!((cancelled.message(), cancelled.op().unwrap().name), (message, "scope/enq".to_owned()));
            // Nothing is torn, and the files are nobody's any more.
            for file in log.files() {
                assert_eq!(operr_log::repair(file).unwrap(), None);
            }
        };
        bounded(test).await;
    }
}

#[tokio::test]
async fn a_service_that_is_killed_has_written_what_it_said() {
    let test = async {
        let log = Log::new();
        let mut server = Program::serve(&["--log", log.name()]).await;
        let queue = server.closed_queue().await;
        let told = server.refusal(&queue, "scope/enq").await;
        server.child.kill().await.unwrap();

        let again = Program::serve(&["--log", log.name()]).await;
        let told_again = again.refusal(&again.closed_queue().await, "scope/enq").await;
        let errors: Vec<_> = log.records().iter().map(error_of).collect();
        assert_eq!(errors, [told, told_again]);
        assert_eq!(log.files().len(), 2);
    };
    bounded(test).await;
}
