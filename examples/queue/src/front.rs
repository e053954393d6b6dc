//! [`Front`]: a public front of an internal queue server, out of which comes nothing but public views.

use std::future::pending;
use std::io::{self, Write as _};
use std::time::Duration;

use operr::grpc::{CallExt as _, Client, SendOptions, ServerLayer, View};
use operr::{CancelledError, Code, DeadlineExceededError, OpError, ResultExt as _, Retry, UnknownError};
use operr_log::{Event, Writer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::transport::{Channel, Endpoint, Server, server::TcpIncoming};
use tonic::{Request, Response, Status};

use crate::pb::queue_service_client::QueueServiceClient;
use crate::pb::queue_service_server::{QueueService, QueueServiceServer};
use crate::pb::{
    CloseRequest, CloseResponse, CreateRequest, CreateResponse, DequeueRequest, DequeueResponse, EnqueueRequest,
    EnqueueResponse, SizeRequest, SizeResponse,
};

/// A front, which makes each call of its callers on the queue server behind it. Its handlers fail with whole errors;
/// [`serve`](Front::serve) puts the [`border`] around them.
///
/// | a call fails because | it fails with |
/// |---|---|
/// | the queue refuses | the queue's error, as the front's own answer |
/// | nobody answers at the queue server's address | `UNAVAILABLE` |
/// | the connection is lost meanwhile | `UNKNOWN`: the call may have been served |
/// | the caller's deadline is near | `DEADLINE_EXCEEDED` |
/// | the front stops | `CANCELLED` |
/// | of anything else in the queue server | that error, which stays a peer's: the border says `INTERNAL` |
///
/// Of a caller's headers only the deadline goes to the queue server, and of its headers none to the caller. A caller that
/// goes away takes its call there along.
#[derive(Debug)]
pub struct Front {
    backend: QueueServiceClient<Client<Channel>>,
    is_closing: watch::Sender<bool>,
}

impl Front {
    /// A front of the queue server at an address such as `127.0.0.1:50051`, to which it connects when it is first called.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if that is no address.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(backend: &str) -> Result<Front, OpError> {
        let endpoint = Endpoint::from_shared(format!("http://{backend}")).or_code(Code::INVALID_ARGUMENT)?;
        let channel = Client::connect_lazy(endpoint.connect_timeout(CONNECT));
        Ok(Front { backend: QueueServiceClient::new(channel), is_closing: watch::Sender::default() })
    }

    /// Serves within the [`border`] until `shutdown`, and then ends the calls that wait.
    ///
    /// # Errors
    ///
    /// When the server cannot run.
    pub async fn serve(
        self,
        listener: TcpListener,
        log: Option<Writer>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), tonic::transport::Error> {
        let is_closing = self.is_closing.clone();
        Server::builder()
            .layer(border(log))
            .add_service(QueueServiceServer::new(self))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), async move {
                shutdown.await;
                is_closing.send_replace(true);
            })
            .await
    }

    /// What the front answers: what the queue server does, unless the time is up before, or the front closes.
    async fn answer<T>(
        &self,
        time: Option<Duration>,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Response<T>, Status> {
        let mut is_closing = self.is_closing.subscribe();
        let end = async {
            match time {
                Some(time) => sleep(time).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            answer = call => match answer.op_error() {
                Ok(response) => Ok(Response::new(response.into_inner())),
                Err(error) if is_of_queue(&error) => Err(error.into_local().into()),
                Err(error) if is_uncertain(&error) => {
                    Err(UnknownError::new("the connection to the queue server was lost").with_cause(error).into())
                }
                Err(error) => Err(error.into()),
            },
            () = end => Err(DeadlineExceededError::new("the queue server did not answer in time").into()),
            _ = is_closing.wait_for(|&is_closing| is_closing) => Err(CancelledError::new("the front stops").into()),
        }
    }
}

#[tonic::async_trait]
impl QueueService for Front {
    async fn create(&self, request: Request<CreateRequest>) -> Result<Response<CreateResponse>, Status> {
        let (request, time) = for_backend(request);
        self.answer(time, self.backend.clone().create(request)).await
    }

    async fn enqueue(&self, request: Request<EnqueueRequest>) -> Result<Response<EnqueueResponse>, Status> {
        let (request, time) = for_backend(request);
        self.answer(time, self.backend.clone().enqueue(request)).await
    }

    async fn dequeue(&self, request: Request<DequeueRequest>) -> Result<Response<DequeueResponse>, Status> {
        let (request, time) = for_backend(request);
        self.answer(time, self.backend.clone().dequeue(request)).await
    }

    async fn size(&self, request: Request<SizeRequest>) -> Result<Response<SizeResponse>, Status> {
        let (request, time) = for_backend(request);
        self.answer(time, self.backend.clone().size(request)).await
    }

    async fn close(&self, request: Request<CloseRequest>) -> Result<Response<CloseResponse>, Status> {
        let (request, time) = for_backend(request);
        self.answer(time, self.backend.clone().close(request)).await
    }
}

/// The border around a front: callers get public views, and the log the whole errors. Without a log they go to stderr, and
/// so does what the log does not take.
pub fn border(log: Option<Writer>) -> ServerLayer {
    ServerLayer::new().with_options(SendOptions::new().with_view(View::Public)).with_observer(move |method, error| {
        let event = Event::new(error).with_method(method);
        if log.as_ref().is_none_or(|log| log.write(&event).is_err()) {
            let error = error.clone().with_note(format!("answering {method}"));
            // In one piece: others may write there, too. If it fails, there is nobody left to tell.
            let _ = io::stderr().write_all(format!("{}\n", error.to_json()).as_bytes());
        }
    })
}

/// The request as it goes to the queue server, and how long the front waits for the answer.
fn for_backend<T>(request: Request<T>) -> (Request<T>, Option<Duration>) {
    let time = request.metadata().get(TIMEOUT).and_then(|text| timeout(text.to_str().ok()?));
    let mut request = Request::new(request.into_inner());
    if let Some(time) = time {
        request.set_timeout(time);
    }
    // The front's own answer comes before that of tonic's timer, which nobody logs, and reaches a caller who still waits.
    (request, time.map(|time| time - (time / 10).min(FOR_THE_WAY_BACK)))
}

/// Whether this is what a queue answers to the caller's request: it names the node that asked.
fn is_of_queue(error: &OpError) -> bool {
    let is_answer =
        matches!(error.code(), Code::CANCELLED | Code::OUT_OF_RANGE | Code::NOT_FOUND | Code::INVALID_ARGUMENT);
    is_answer && error.node_def().is_some()
}

/// Whether the call may have been served though nobody answers any more. Outside, `UNAVAILABLE` would ask to make it again.
fn is_uncertain(error: &OpError) -> bool {
    !error.is_remote() && error.code() == Code::UNAVAILABLE && error.retry() == Retry::IfIdempotent
}

/// What the header `grpc-timeout` says: at most eight digits, and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?).filter(|(digits, _)| digits.len() <= 8)?;
    let unit = match unit {
        "H" => Duration::from_secs(3_600),
        "M" => Duration::from_secs(60),
        "S" => Duration::from_secs(1),
        "m" => Duration::from_millis(1),
        "u" => Duration::from_micros(1),
        "n" => Duration::from_nanos(1),
        _ => return None,
    };
    Some(unit * digits.parse().ok()?)
}

const TIMEOUT: &str = "grpc-timeout";
/// How long to wait for a connection, at most.
const CONNECT: Duration = Duration::from_secs(5);
/// How much of a caller's time is kept for the answer, at most.
const FOR_THE_WAY_BACK: Duration = Duration::from_millis(100);
