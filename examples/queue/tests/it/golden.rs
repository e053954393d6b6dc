//! Errors that TensorFlow's queues raised, and those of the same calls here.

use operr::pb::tensorflow::{DataType, TensorProto};
use operr::{Code, OpError};
use operr_queue::client::float;
use operr_queue::node::Node;
use operr_queue::pb::{Call, CreateRequest, Handle};
use serde_json::Value;

use crate::{Server, bounded, pending};

#[tokio::test]
async fn calls_fail_as_they_do_in_tensorflow() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../../../tests/golden/real_errors.json")).unwrap();
    let mut compared = 0;
    for case in &cases {
        let op_type = case["op_type"].as_str().unwrap_or_default();
        // There is no dequeue of many here.
        if !op_type.starts_with("Queue") || op_type == "QueueDequeueManyV2" {
            continue;
        }
        let (error, queue) = bounded(provoke(case["case"].as_str().unwrap())).await;

        let text = |key: &str| case[key].as_str().unwrap();
        assert_eq!(i64::from(error.code().value()), case["error_code"].as_i64().unwrap());
        assert_eq!(error.code().class_name(), text("type").rsplit('.').next());
        assert_eq!(error.message(), with_name(text("context_message"), &queue));
        let node_def: String = error.node_def().unwrap().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(node_def, text("node_def_hex_deterministic"));
        let op = error.op().unwrap();
        assert_eq!((&*op.name, &*op.r#type), (text("op_name"), op_type));
        assert!(!op.traceback.is_empty());
        compared += 1;
    }
    assert_eq!(compared, 8);
}

/// The error of the call that failed in this case, and the queue's name.
async fn provoke(case: &str) -> (OpError, String) {
    let server = Server::start().await;
    let client = server.connect().await;
    let (node, types) = match case {
        "RandomShuffleQueue_enqueue_pending_cancelled_by_close" => ("rq", vec![DataType::DtFloat]),
        "PaddingFIFOQueue_enqueue_pending_cancelled_by_close" => ("pq", vec![DataType::DtFloat]),
        "PriorityQueue_enqueue_pending_cancelled_by_close" => ("prq", vec![DataType::DtInt64, DataType::DtFloat]),
        _ => ("q", vec![DataType::DtFloat]),
    };
    let queue = client.create(node, 1, &types, "").await.unwrap();
    let element = || types.iter().map(|&dtype| TensorProto { dtype: dtype.into(), ..float(1.0) }).collect::<Vec<_>>();
    let error = match case {
        // The kinds of queue differ in what they do with elements, not in how a close cancels an enqueue.
        case if case.contains("enqueue_pending_cancelled_by_close") => {
            client.enqueue("fill", &queue, element()).await.unwrap();
            let enqueue = client.enqueue("enq", &queue, element());
            let waiting = pending!(&client, &queue, pending_enqueues = 1, enqueue);
            client.close("close", &queue, true).await.unwrap();
            waiting.await.unwrap().unwrap_err()
        }
        "queue_dequeue_after_close_empty" => {
            client.close("close", &queue, false).await.unwrap();
            client.dequeue("deq", &queue).await.unwrap_err()
        }
        "queue_close_twice" => {
            client.close("close", &queue, false).await.unwrap();
            client.close("close", &queue, false).await.unwrap_err()
        }
        "pending_dequeue_then_close" => {
            let waiting = pending!(&client, &queue, pending_dequeues = 1, client.dequeue("deq", &queue));
            client.close("close", &queue, false).await.unwrap();
            waiting.await.unwrap().unwrap_err()
        }
        "pending_dequeue_cancelled_by_Session.close" => {
            let waiting = pending!(&client, &queue, pending_dequeues = 1, client.dequeue("deq", &queue));
            server.stop().await;
            waiting.await.unwrap().unwrap_err()
        }
        other => panic!("no such call here: {other}"),
    };
    (error, queue.name)
}

/// The message with this name of the queue; the number in it counts what a process has made before.
fn with_name(message: &str, name: &str) -> String {
    match message.split('\'').collect::<Vec<_>>()[..] {
        [before, _, after] => format!("{before}'{name}'{after}"),
        _ => message.to_owned(),
    }
}

/// The nodes whose calls do not fail in the recorded cases, as TensorFlow 2.21 writes them.
#[test]
fn nodes_are_tensorflows() {
    let handle = Handle { name: "_0_q".into(), node: "q".into(), component_types: vec![DataType::DtFloat.into()] };
    let call = |node: &str| Call { queue: Some(handle.clone()), node: node.into(), created_at: vec![] };
    let create = CreateRequest {
        node: "q".into(),
        capacity: 1,
        component_types: handle.component_types.clone(),
        ..CreateRequest::default()
    };
    for (node, hex) in [
        (Node::create(&create), Q),
        (Node::enqueue(&call("enq"), &handle.component_types), ENQ),
        (Node::dequeue(&call("deq")), DEQ),
        (Node::size(&call("size")), SIZE),
        (Node::close(&call("close"), false), CLOSE),
    ] {
        let node_def = node.error(Code::INTERNAL, "").node_def().unwrap();
        assert_eq!(node_def.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>(), hex);
    }
}

const Q: &str = "0a0171120b4649464f51756575655632220d2f6465766963653a4350553a2a2a0e0a086361706163697479120218012a180a0f636f6d706f6e656e745f7479706573120\
    50a033201012a0f0a09636f6e7461696e6572120212002a0c0a0673686170657312020a002a110a0b7368617265645f6e616d6512021200";
const ENQ: &str = "0a03656e71120e5175657565456e717565756556321a01711a0f656e712f636f6d706f6e656e745f302a140a0b54636f6d706f6e\
    656e747312050a033201012a190a0a74696d656f75745f6d73120b18ffffffffffffffffff01";
const DEQ: &str = "0a03646571120e51756575654465717565756556321a01712a180a0f636f6d706f6e656e745f747970657312050a033201012a190\
    a0a74696d656f75745f6d73120b18ffffffffffffffffff01";
const SIZE: &str = "0a0473697a65120b517565756553697a6556321a0171";
const CLOSE: &str = "0a05636c6f7365120c5175657565436c6f736556321a01712a1d0a1763616e63656c5f70656e64696e675f656e717565756573\
    12022800";
