//! [`Client`]: the calls on queues, from the side that catches the errors.

use std::time::Duration;

use operr::grpc::CallExt as _;
use operr::pb::tensorflow::{DataType, TensorProto};
use operr::{Code, Frame, OpError, ResultExt as _};
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

use crate::pb::queue_service_client::QueueServiceClient;
use crate::pb::{Call, CloseRequest, CreateRequest, DequeueRequest, EnqueueRequest, Handle, QueueState, SizeRequest};
use crate::queue::Element;

/// A client of a queue server. Clones share the connection.
///
/// Each call is one node of the caller's graph, named by its first argument; where the method is called from is where
/// that node was created.
#[derive(Clone, Debug)]
pub struct Client {
    service: QueueServiceClient<operr::grpc::Client<Channel>>,
    timeout: Option<Duration>,
}

impl Client {
    /// Connects to a server, such as `127.0.0.1:50051`.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if that is no address, `UNAVAILABLE` if nobody answers there.
    pub async fn connect(server: &str) -> Result<Client, OpError> {
        let endpoint = Endpoint::from_shared(format!("http://{server}")).or_code(Code::INVALID_ARGUMENT)?;
        let channel = operr::grpc::Client::connect(endpoint).await.or_code(Code::UNAVAILABLE)?;
        Ok(Client { service: QueueServiceClient::new(channel), timeout: None })
    }

    /// Gives every call a deadline, after which it fails with `DEADLINE_EXCEEDED`.
    pub fn with_timeout(mut self, timeout: Duration) -> Client {
        self.timeout = Some(timeout.min(LONGEST_TIMEOUT));
        self
    }

    /// Makes a queue; or, given a name to share it under that is not empty, finds the one there is.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if there is one which is not as requested.
    #[track_caller]
    pub fn create(
        &self,
        node: &str,
        capacity: i32,
        component_types: &[DataType],
        shared_name: &str,
    ) -> impl Future<Output = Result<Handle, OpError>> + use<> {
        let request = self.request(CreateRequest {
            node: node.to_owned(),
            created_at: vec![Frame::caller()],
            capacity,
            component_types: component_types.iter().map(|&data_type| data_type.into()).collect(),
            shared_name: shared_name.to_owned(),
        });
        let mut service = self.service.clone();
        async move { Ok(service.create(request).await.op_error()?.into_inner().queue.unwrap_or_default()) }
    }

    /// Adds an element at the back; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// `CANCELLED` if the queue is closed, or gets closed with cancellation meanwhile; `INVALID_ARGUMENT` if the element
    /// has other types than the queue.
    #[track_caller]
    pub fn enqueue(
        &self,
        node: &str,
        queue: &Handle,
        components: Element,
    ) -> impl Future<Output = Result<(), OpError>> + use<> {
        let request = self.request(EnqueueRequest { call: call(node, queue), components });
        let mut service = self.service.clone();
        async move { service.enqueue(request).await.op_error().map(|_| ()) }
    }

    /// Takes the element at the front; waits while the queue is empty.
    ///
    /// # Errors
    ///
    /// `OUT_OF_RANGE` if the queue is closed and empty.
    #[track_caller]
    pub fn dequeue(&self, node: &str, queue: &Handle) -> impl Future<Output = Result<Element, OpError>> + use<> {
        let request = self.request(DequeueRequest { call: call(node, queue) });
        let mut service = self.service.clone();
        async move { Ok(service.dequeue(request).await.op_error()?.into_inner().components) }
    }

    /// Tells how many elements there are, and what else there is to know. Works on a closed queue.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`, as all calls, if there is no such queue.
    #[track_caller]
    pub fn size(&self, node: &str, queue: &Handle) -> impl Future<Output = Result<QueueState, OpError>> + use<> {
        let request = self.request(SizeRequest { call: call(node, queue) });
        let mut service = self.service.clone();
        async move { Ok(service.size(request).await.op_error()?.into_inner().state.unwrap_or_default()) }
    }

    /// Closes the queue: at once, and cancels the enqueues that wait; or when they are served.
    ///
    /// # Errors
    ///
    /// `CANCELLED` if the queue is closed before this call's turn comes; never if it cancels the others itself.
    #[track_caller]
    pub fn close(
        &self,
        node: &str,
        queue: &Handle,
        cancel_pending_enqueues: bool,
    ) -> impl Future<Output = Result<(), OpError>> + use<> {
        let request = self.request(CloseRequest { call: call(node, queue), cancel_pending_enqueues });
        let mut service = self.service.clone();
        async move { service.close(request).await.op_error().map(|_| ()) }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        request
    }
}

/// A scalar of type `DT_FLOAT`.
pub fn float(value: f32) -> TensorProto {
    TensorProto { dtype: DataType::DtFloat.into(), float_val: vec![value], ..TensorProto::default() }
}

/// The node that calls; it was created where the public method was called.
#[track_caller]
fn call(node: &str, queue: &Handle) -> Option<Call> {
    Some(Call { queue: Some(queue.clone()), node: node.to_owned(), created_at: vec![Frame::caller()] })
}

/// Eight digits of hours is what gRPC can say.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(99_999_999 * 3_600);
