//! [`Service`]: the gRPC service, where a failure of the queue becomes an error of the call.

use std::sync::Arc;

use operr::grpc::ServerLayer;
use operr::pb::tensorflow::DataType;
use operr::{Code, OpError};
use operr_log::{Event, Writer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::{Server, server::TcpIncoming};
use tonic::{Request, Response, Status};

use crate::node::{Node, type_names};
use crate::pb::queue_service_server::{QueueService, QueueServiceServer};
use crate::pb::{
    Call, CloseRequest, CloseResponse, CreateRequest, CreateResponse, DequeueRequest, DequeueResponse, EnqueueRequest,
    EnqueueResponse, Handle, SizeRequest, SizeResponse,
};
use crate::queue::{Failure, Queue, Reason};
use crate::registry::Registry;

/// Serves queues of its own until `shutdown`, and then ends the calls that wait, as TensorFlow's `Session.close()` does. The
/// errors of the calls that fail go to the log, too.
///
/// # Errors
///
/// When the server cannot run.
pub async fn serve(
    listener: TcpListener,
    log: Option<Writer>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let service = Service::default();
    let is_closing = service.is_closing.clone();
    let mut layer = ServerLayer::new();
    if let Some(log) = log {
        // When it cannot be written, the writer says so, and the caller has the error all the same.
        layer = layer.with_observer(move |method, error| _ = log.write(&Event::new(error).with_method(method)));
    }
    Server::builder()
        .layer(layer)
        .add_service(QueueServiceServer::new(service))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), async move {
            shutdown.await;
            is_closing.send_replace(true);
        })
        .await
}

/// The service: all queues, and the calls on them.
#[derive(Debug, Default)]
pub struct Service {
    registry: Registry,
    is_closing: watch::Sender<bool>,
}

#[tonic::async_trait]
impl QueueService for Service {
    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<CreateResponse>, Status> {
        let request = request.into_inner();
        let queue = self.registry.create(&request)?;
        let name = queue.name().to_owned();
        let handle = Handle { name, node: request.node, component_types: request.component_types };
        Ok(Response::new(CreateResponse { queue: Some(handle) }))
    }

    async fn enqueue(&self, request: Request<EnqueueRequest>) -> Result<Response<EnqueueResponse>, Status> {
        let EnqueueRequest { call, components } = request.into_inner();
        let call = call.unwrap_or_default();
        let given: Vec<i32> = components.iter().map(|tensor| tensor.dtype).collect();
        let node = Node::enqueue(&call, &given);
        let queue = self.find(&call, &node)?;
        check_signature(&node, [&given, queue.component_types()], |types| format!("{}->", inputs(types)))?;
        self.until_closing(queue.enqueue(components), &node, ENQUEUE_CANCELLED).await?;
        Ok(Response::new(EnqueueResponse {}))
    }

    async fn dequeue(&self, request: Request<DequeueRequest>) -> Result<Response<DequeueResponse>, Status> {
        let call = request.into_inner().call.unwrap_or_default();
        let node = Node::dequeue(&call);
        let queue = self.find(&call, &node)?;
        let asked = call.queue.map(|queue| queue.component_types).unwrap_or_default();
        check_signature(&node, [&asked, queue.component_types()], |types| {
            format!("{}->{}", inputs(&[]), type_names(types))
        })?;
        let components = self.until_closing(queue.dequeue(), &node, "Dequeue operation was cancelled").await?;
        Ok(Response::new(DequeueResponse { components }))
    }

    async fn size(&self, request: Request<SizeRequest>) -> Result<Response<SizeResponse>, Status> {
        let call = request.into_inner().call.unwrap_or_default();
        let queue = self.find(&call, &Node::size(&call))?;
        Ok(Response::new(SizeResponse { state: Some(queue.state()) }))
    }

    async fn close(&self, request: Request<CloseRequest>) -> Result<Response<CloseResponse>, Status> {
        let CloseRequest { call, cancel_pending_enqueues } = request.into_inner();
        let call = call.unwrap_or_default();
        let node = Node::close(&call, cancel_pending_enqueues);
        let queue = self.find(&call, &node)?;
        if cancel_pending_enqueues {
            let name = queue.name();
            let message = format!("Queue '{name}' was closed with cancel_pending_enqueues");
            queue.close_and_cancel(node.error(Code::CANCELLED, message));
        } else {
            self.until_closing(queue.close(), &node, ENQUEUE_CANCELLED).await?;
        }
        Ok(Response::new(CloseResponse {}))
    }
}

impl Service {
    fn find(&self, call: &Call, node: &Node) -> Result<Arc<Queue>, OpError> {
        let name = call.queue.as_ref().map_or("", |queue| &queue.name);
        self.registry.find(name).ok_or_else(|| {
            let message = format!("Resource localhost/{name}/N10tensorflow14QueueInterfaceE does not exist.");
            node.error(Code::NOT_FOUND, message)
        })
    }

    /// Waits for the queue, but not when the server closes.
    async fn until_closing<T>(
        &self,
        answer: impl Future<Output = Result<T, Failure>>,
        node: &Node,
        cancelled: &str,
    ) -> Result<T, OpError> {
        let mut is_closing = self.is_closing.subscribe();
        tokio::select! {
            biased;
            answer = answer => answer.map_err(|failure| refused(node, failure)),
            _ = is_closing.wait_for(|&is_closing| is_closing) => Err(node.error(Code::CANCELLED, cancelled)),
        }
    }
}

/// What TensorFlow says when the queue refuses, with the queue's state, and the close that was the cause.
fn refused(node: &Node, Failure { reason, state }: Failure) -> OpError {
    let name = &state.name;
    let error = match reason {
        Reason::Closed => node.error(Code::CANCELLED, format!("FIFOQueue '{name}' is closed.")),
        Reason::AlreadyClosed => node.error(Code::CANCELLED, format!("Queue '{name}' is already closed.")),
        Reason::Cancelled(cause) => node.error(Code::CANCELLED, ENQUEUE_CANCELLED).with_cause(cause),
        Reason::Exhausted => {
            let size = state.size;
            let lacks = format!("insufficient elements (requested 1, current size {size})");
            node.error(Code::OUT_OF_RANGE, format!("FIFOQueue '{name}' is closed and has {lacks}"))
        }
    };
    error.with_detail(&state)
}

/// Compares the component types that the node has with those that the queue has.
fn check_signature(node: &Node, types: [&[i32]; 2], signature: fn(&[i32]) -> String) -> Result<(), OpError> {
    let [have, expected] = types;
    if have == expected {
        return Ok(());
    }
    let [have, expected] = types.map(signature);
    let message = format!("Signature mismatch, have: {have} expected: {expected}");
    Err(node.error(Code::INVALID_ARGUMENT, message))
}

/// The types of a node's inputs, of which the queue is the first.
fn inputs(components: &[i32]) -> String {
    type_names(&[&[DataType::DtResource as i32], components].concat())
}

const ENQUEUE_CANCELLED: &str = "Enqueue operation was cancelled";
