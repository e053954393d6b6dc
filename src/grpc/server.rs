//! The server layer: all errors of a server within one budget, in one container and in one view.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{self, HeaderMap};
use http::uri::PathAndQuery;
use tonic::Status;
use tonic::metadata::MetadataMap;
use tower_layer::Layer;
use tower_service::Service;

use super::handover::Dropped;
use super::mark::Mark;
use super::response::{BoxError, ResponseFuture, Rewrite, TidyBody};
use super::status::{self, PUSHBACK, SendOptions, View, is_of_response, made_from};
use super::trailers::{self, Trailers};
use crate::boundary;
use crate::code::Code;
use crate::display::Logged;
use crate::error::OpError;

/// A tower layer for servers: sends every error with the same options, whatever the handlers do.
///
/// `?` in a handler sends an error whole, within the [default budget](crate::Budget::default). With this layer around the
/// services it is another view, another budget, or another container; and what the handler added to the trailers by
/// itself, the metadata of its Status, is counted too: an error gets what that leaves of the budget, though not less than
/// 1,024 bytes.
///
/// | failure | what is sent |
/// |---|---|
/// | an error, also in mid-stream | the whole error that the Status was made from, within the budget |
/// | an error of the family that was [boxed](Status::from_error), of which tonic keeps the text | before the first message the whole error |
/// | a Status that was not made from an error | as it is, if it fits; else cut |
/// | details in the other container | in the one that was chosen |
/// | details that are nobody's container | as they are, if they fit |
///
/// Successes, responses that are not gRPC's, and the metadata itself pass untouched. Where a layer further in changed the
/// status in the headers, that is what counts, and not what the handler raised.
///
/// # The border
///
/// With [`View::Public`], one line at the edge of a service, nothing leaves it but [public views](OpError::public):
///
/// ```no_run
/// use operr::grpc::{SendOptions, ServerLayer, View};
/// use tonic::transport::Server;
///
/// # async fn serve(routes: tonic::service::Routes) -> Result<(), Box<dyn std::error::Error>> {
/// let border = ServerLayer::new().with_options(SendOptions::new().with_view(View::Public));
/// Server::builder().layer(border).add_routes(routes).serve("[::1]:50051".parse()?).await?;
/// # Ok(())
/// # }
/// ```
///
/// | a call fails with | outside | in the log, with the same [correlation id](OpError::correlation_id) |
/// |---|---|---|
/// | an error | its public view | the whole error |
/// | an error that [came from a peer](OpError::is_remote), also as the Status that tonic made of it | `UNAVAILABLE` if that is its code, else `INTERNAL` | the same, with the peer's error as its cause |
/// | the same, after [`into_local`](OpError::into_local) | its public view | the whole error |
/// | a Status that was not made from an error, also of a failure of this side, such as a lost connection | its public view | the error that it is |
/// | an error of a layer or a service further in, where tonic would have no response | its public view | the error that it is |
/// | a panic of the handler or of its stream | `INTERNAL` | `INTERNAL` with the panic's text |
///
/// The log is an event of `tracing` in one line, with all of the error in the field `error`, where
/// [`OpError::find`] finds it: of level `ERROR` if its message is hidden, else `INFO`.
/// [`with_observer`](ServerLayer::with_observer) takes its place. Of two borders, each tells.
///
/// What is beyond it:
///
/// - A timeout of tonic's own server ends a call outside of this layer, with a text that says nothing.
/// - A peer's Status is known by a header that [`ClientLayer`](super::ClientLayer) adds. From a channel without that
///   layer, one that came in mid-stream looks like the handler's own, of which the public view is sent; unless the handler
///   read it by [`CallExt::op_error`](super::CallExt::op_error).
/// - gRPC-Web has its trailers in the body: the border goes inside of that layer.
#[derive(Clone, Debug, Default)]
pub struct ServerLayer {
    answers: Arc<Answers>,
}

/// What all calls have in common.
#[derive(Clone, Default)]
struct Answers {
    options: SendOptions,
    observer: Option<Arc<Observer>>,
}

type Observer = dyn Fn(&str, &OpError) + Send + Sync;

impl Answers {
    fn is_border(&self) -> bool {
        self.options.view == View::Public
    }
}

impl ServerLayer {
    /// Makes the layer, with the [default options](SendOptions::new).
    pub fn new() -> ServerLayer {
        ServerLayer::default()
    }

    /// Chooses what is sent of the errors.
    ///
    /// ```no_run
    /// use operr::grpc::{SendOptions, ServerLayer};
    /// use operr::Budget;
    ///
    /// // All clients are grpc-go, or have an `operr::grpc::endpoint`.
    /// let layer = ServerLayer::new().with_options(SendOptions::new().with_budget(Budget::new(1 << 20)));
    /// # let _ = layer;
    /// ```
    pub fn with_options(mut self, options: SendOptions) -> ServerLayer {
        Arc::make_mut(&mut self.answers).options = options;
        self
    }

    /// Calls this with the method, such as `/operr.queue.v1.QueueService/Close`, and the whole error, for each call that
    /// fails; in place of the event that is logged at a border.
    ///
    /// What it takes, the client waits. A panic in it is caught, and the client gets its answer.
    ///
    /// ```
    /// use operr::grpc::ServerLayer;
    ///
    /// let layer = ServerLayer::new().with_observer(|method, error| eprintln!("{method}: {error:#}"));
    /// # let _ = layer;
    /// ```
    pub fn with_observer(mut self, observer: impl Fn(&str, &OpError) + Send + Sync + 'static) -> ServerLayer {
        Arc::make_mut(&mut self.answers).observer = Some(Arc::new(observer));
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server { inner, answers: self.answers.clone(), unready: None }
    }
}

/// A service with the [`ServerLayer`] around it.
#[derive(Clone, Debug)]
pub struct Server<S> {
    inner: S,
    answers: Arc<Answers>,
    /// Why the service cannot take the next call.
    unready: Option<OpError>,
}

impl<S, Request, B> Service<http::Request<Request>> for Server<S>
where
    S: Service<http::Request<Request>, Response = http::Response<B>, Error: Into<BoxError>>,
{
    type Response = http::Response<TidyBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        if !self.answers.is_border() {
            return self.inner.poll_ready(context);
        }
        self.unready = match guarded(|| self.inner.poll_ready(context)) {
            Ok(polled) => ready!(polled).err().map(from_service),
            Err(panic) => Some(panic),
        };
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Request>) -> ResponseFuture<S::Future> {
        let answer = Answer { answers: self.answers.clone(), method: request.uri().path_and_query().cloned() };
        match self.unready.take() {
            Some(error) => ResponseFuture::failed(Rewrite::Answer(answer.clone()), answer.fail(&error)),
            None => ResponseFuture::new(Rewrite::Answer(answer), || self.inner.call(request)),
        }
    }
}

/// What one call is answered with when it fails.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    answers: Arc<Answers>,
    method: Option<PathAndQuery>,
}

impl Answer {
    /// Runs a part of the service. At a border, gives what the call is to fail with if it panics.
    pub(super) fn guard<T>(&self, part: impl FnOnce() -> T) -> Result<T, Status> {
        if self.answers.is_border() { guarded(part).map_err(|panic| self.fail(&panic)) } else { Ok(part()) }
    }

    /// What the call is to fail with, at a border, when the service fails with an error of its own; else that error.
    pub(super) fn refuse<E: Into<BoxError>>(&self, error: E) -> Result<Status, E> {
        if self.answers.is_border() { Ok(self.fail(&from_service(error))) } else { Err(error) }
    }

    /// Rewrites a response that is a failure, where tonic leaves the Status that it wrote.
    pub(super) fn rewrite_response<B>(&self, response: &mut http::Response<B>, dropped: Vec<Dropped>) {
        let mut written = response.extensions_mut().remove::<Status>();
        if let Some(status) = &mut written {
            let mut metadata = std::mem::take(status.metadata_mut()).into_headers();
            Mark::take(&mut metadata);
            *status.metadata_mut() = MetadataMap::from_headers(metadata);
        }
        let sent = self.rewrite(response.headers_mut(), written.as_ref(), dropped);
        if let Some(written) = written {
            // Layers further out find what is sent.
            response.extensions_mut().insert(sent.unwrap_or(written));
        }
    }

    /// Rewrites the status in these headers if it is not as the options want it. Gives the one that they have now.
    pub(super) fn rewrite(
        &self,
        headers: &mut HeaderMap,
        written: Option<&Status>,
        dropped: Vec<Dropped>,
    ) -> Option<Status> {
        let mark = Mark::take(headers);
        let trailers = Trailers::read(headers)?;
        let mut options = self.answers.options.clone();
        if trailers.code() == Code::OK {
            if options.view == View::Public {
                trailers::put(headers, &Status::ok(""));
            }
            return None;
        }
        let mut metadata = written.map(|status| status.metadata().clone()).unwrap_or_default();
        let is_of_peer = mark == Some(Mark::OfPeer) || is_of_response(&metadata);
        // A layer may have changed what the headers say, so as to hide something.
        let written = written.filter(|status| trailers.are_of(status));
        let known = written.and_then(made_from).cloned();
        let known = known.or_else(|| dropped.into_iter().find_map(|dropped| dropped.of(&trailers)));
        if known.as_ref().and_then(OpError::sent).is_some_and(|sent| sent.view == View::Public) {
            // The handler's own choice.
            options.view = View::Public;
        }
        if options.view == View::Public && is_of_peer {
            remove_others(headers, &std::mem::take(&mut metadata));
        }
        let error = match (known, written) {
            (Some(error), _) => error,
            (None, Some(status)) if options.view == View::Public => status::read(status.clone(), is_of_peer),
            (None, _) if options.view == View::Whole && is_as_wanted(&trailers, headers, &options) => {
                if let Some(mark) = mark {
                    // For a border further out.
                    mark.put(headers);
                }
                if self.answers.observer.is_some() {
                    self.observe(&marked(trailers.into_error(), mark));
                }
                return None;
            }
            (None, _) => trailers.into_error(),
        };
        let error = marked(error, mark);
        if error.pushback().is_some() {
            // It is counted with the error.
            headers.remove(PUSHBACK);
        }
        options.budget = options.budget.less(trailers::others(headers));
        let mut status = self.fail_with(&error, &options);
        trailers::put(headers, &status);
        let mut all = metadata.into_headers();
        all.extend(std::mem::take(status.metadata_mut()).into_headers());
        *status.metadata_mut() = MetadataMap::from_headers(all);
        Some(status)
    }

    fn fail(&self, error: &OpError) -> Status {
        self.fail_with(error, &self.answers.options)
    }

    fn fail_with(&self, error: &OpError, options: &SendOptions) -> Status {
        let status = error.to_status(options);
        self.observe(OpError::find(&status).unwrap_or(error));
        status
    }

    /// Hands the whole error to whom it is for.
    fn observe(&self, error: &OpError) {
        let method = self.method.as_ref().map_or("", PathAndQuery::path);
        // The client is to have its answer whatever becomes of this.
        let _ = catch_unwind(AssertUnwindSafe(|| match &self.answers.observer {
            Some(observer) => observer(method, error),
            None if self.answers.is_border() => log(method, error),
            None => {}
        }));
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("options", &self.options).finish_non_exhaustive()
    }
}

/// What is known of an error beside what the headers say.
fn marked(error: OpError, mark: Option<Mark>) -> OpError {
    match mark {
        Some(Mark::OfPeer | Mark::Remote) => error.into_remote(),
        Some(Mark::Converted) => error.into_converted(),
        None => error,
    }
}

/// Removes the metadata of a Status, which tonic wrote there; where it is not known, all but the status.
fn remove_others(headers: &mut HeaderMap, metadata: &MetadataMap) {
    let others = if metadata.is_empty() {
        trailers::names_of_others(headers)
    } else {
        metadata.as_ref().keys().cloned().collect()
    };
    for name in others.into_iter().filter(|name| *name != header::CONTENT_TYPE) {
        headers.remove(name);
    }
}

/// Whether these trailers can stay as they are.
fn is_as_wanted(trailers: &Trailers, headers: &HeaderMap, options: &SendOptions) -> bool {
    let details = trailers.details();
    // Details that are empty or nobody's container are in each.
    let is_in_container = details.is_empty()
        || OpError::from_bytes(details.clone()).map_or(true, |error| error.envelope().form() == options.container);
    let budget = options.budget.less(trailers::others(headers));
    trailers.is_ordinary()
        && is_in_container
        && budget.allows(trailers.code(), &String::from_utf8_lossy(trailers.message()), details.len())
}

/// Runs a part of a service; gives the error that its panic is.
fn guarded<T>(part: impl FnOnce() -> T) -> Result<T, OpError> {
    catch_unwind(AssertUnwindSafe(part)).map_err(OpError::from_panic)
}

/// The error that a service fails with instead of a response, as tonic reads it.
fn from_service(error: impl Into<BoxError>) -> OpError {
    status::read(Status::from_error(error.into()), false)
}

fn log(method: &str, error: &OpError) {
    // As OpenTelemetry names methods.
    let method = method.trim_start_matches('/');
    let correlation_id = error.correlation_id();
    let is_shown = boundary::is_shown(error);
    let error = Logged(error.clone());
    let error: &(dyn Error + 'static) = &error;
    if is_shown {
        tracing::info!(target: TARGET, error, correlation_id, rpc.method = method, "a call failed");
    } else {
        tracing::error!(target: TARGET, error, correlation_id, rpc.method = method, "a call failed");
    }
}

const TARGET: &str = "operr::grpc";
