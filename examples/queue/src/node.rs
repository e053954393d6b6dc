//! [`Node`]: the node of the caller's graph that makes a call, and its failures.

use std::fmt::Display;

use bytes::Bytes;
use operr::pb::tensorflow::attr_value::{ListValue, Value};
use operr::pb::tensorflow::{AttrValue, DataType, NodeDef};
use operr::{Code, Frame, OpError, Operation};

use crate::pb::{Call, CreateRequest};

/// A node of the caller's graph, as TensorFlow builds it for the same call.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    def: NodeDef,
    created_at: Vec<Frame>,
}

impl Node {
    /// The node that makes a queue.
    pub fn create(request: &CreateRequest) -> Node {
        let def = NodeDef {
            name: request.node.clone(),
            op: "FIFOQueueV2".to_owned(),
            device: "/device:CPU:*".to_owned(),
            ..NodeDef::default()
        };
        Node { def, created_at: request.created_at.clone() }
            .with_attr("capacity", Value::I(request.capacity.into()))
            .with_attr("component_types", types(&request.component_types))
            .with_attr("container", Value::S(Bytes::new()))
            .with_attr("shapes", Value::List(ListValue::default()))
            .with_attr("shared_name", Value::S(request.shared_name.clone().into()))
    }

    /// The node that enqueues components of these types.
    pub fn enqueue(call: &Call, component_types: &[i32]) -> Node {
        let mut node = Node::new("QueueEnqueueV2", call);
        node.def.input.extend((0..component_types.len()).map(|index| format!("{}/component_{index}", call.node)));
        node.with_attr("Tcomponents", types(component_types)).with_attr("timeout_ms", Value::I(-1))
    }

    /// The node that dequeues an element.
    pub fn dequeue(call: &Call) -> Node {
        let component_types = call.queue.as_ref().map_or(&[][..], |queue| &queue.component_types);
        Node::new("QueueDequeueV2", call)
            .with_attr("component_types", types(component_types))
            .with_attr("timeout_ms", Value::I(-1))
    }

    /// The node that asks for the size.
    pub fn size(call: &Call) -> Node {
        Node::new("QueueSizeV2", call)
    }

    /// The node that closes the queue.
    pub fn close(call: &Call, cancel_pending_enqueues: bool) -> Node {
        Node::new("QueueCloseV2", call).with_attr("cancel_pending_enqueues", Value::B(cancel_pending_enqueues))
    }

    /// The failure of this node: TensorFlow's message with the node's tag, its definition, and where it was created.
    pub fn error(&self, code: Code, message: impl Display) -> OpError {
        let NodeDef { name, op, .. } = &self.def;
        let operation = Operation::new(name, op).with_traceback(self.created_at.iter().cloned());
        OpError::new(code, format!("{message}\n\t [[{{{{node {name}}}}}]]"))
            .with_node_def(self.def.clone())
            .with_op(&operation)
    }

    /// A node whose first input is the queue.
    fn new(op: &str, call: &Call) -> Node {
        let queue = call.queue.as_ref().map(|queue| queue.node.clone());
        let input = Vec::from_iter(queue);
        let def = NodeDef { name: call.node.clone(), op: op.to_owned(), input, ..NodeDef::default() };
        Node { def, created_at: call.created_at.clone() }
    }

    fn with_attr(mut self, key: &str, value: Value) -> Node {
        self.def.attr.insert(key.to_owned(), AttrValue { value: Some(value) });
        self
    }
}

/// The names of data types in TensorFlow's messages: `int64, float`.
pub fn type_names(types: &[i32]) -> String {
    let names = types.iter().map(|&number| match DataType::try_from(number) {
        Ok(DataType::DtInvalid) => "INVALID".to_owned(),
        Ok(known) => known.as_str_name().trim_start_matches("DT_").to_ascii_lowercase(),
        Err(_) => format!("unknown dtype enum ({number})"),
    });
    names.collect::<Vec<_>>().join(", ")
}

fn types(types: &[i32]) -> Value {
    Value::List(ListValue { r#type: types.to_vec(), ..ListValue::default() })
}
