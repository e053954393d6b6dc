//! The server layer: all errors of a server within one budget and in one container.

use std::task::{Context, Poll};

use http::header::HeaderMap;
use tonic::Status;
use tower_layer::Layer;
use tower_service::Service;

use super::response::{ResponseFuture, Rewrite, TidyBody};
use super::status::{SendOptions, made_from};
use super::trailers::{self, Trailers};
use crate::code::Code;
use crate::error::OpError;

/// A tower layer for servers: sends every error with the same options, whatever the handlers do.
///
/// `?` in a handler sends an error within the [default budget](crate::Budget::default). With this layer around the
/// services it is another one, or another container; and what the handler added to the trailers by itself, the metadata
/// of its Status, is counted too: an error gets what that leaves of the budget, though not less than 1,024 bytes.
///
/// | failure | what is sent |
/// |---|---|
/// | before the first message, as of all unary calls | the whole error that the Status was made from, within the budget |
/// | the same, of a Status that an error of the family was [boxed](Status::from_error) into, of which tonic keeps the text | the whole error |
/// | in mid-stream | what the handler encoded, cut further where it has to be |
/// | a Status that was not made from an error | as it is, if it fits; else cut |
/// | details in the other container | in the one that was chosen |
/// | details that are nobody's container | as they are, if they fit |
///
/// Successes, responses that are not gRPC's, and the metadata itself pass untouched. Where a layer further in changed the
/// status in the headers, that is what counts, and not what the handler raised.
///
/// In mid-stream a handler's `?` has cut the error to the default budget before the layer sees it. Where that is to be
/// larger, make such a Status with [`to_status`](OpError::to_status) and the same options.
///
/// ```no_run
/// use operr::grpc::{SendOptions, ServerLayer};
/// use operr::{Budget, NotFoundError, OpError};
/// use tonic::transport::Server;
///
/// # async fn serve(routes: tonic::service::Routes) -> Result<(), Box<dyn std::error::Error>> {
/// // All clients are grpc-go, or have an `operr::grpc::endpoint`.
/// let options = SendOptions::new().with_budget(Budget::new(1 << 20));
/// let layer = ServerLayer::new().with_options(options.clone());
/// Server::builder().layer(layer).add_routes(routes).serve("[::1]:50051".parse()?).await?;
///
/// // The item of a stream:
/// let item: Result<String, tonic::Status> = Err(OpError::from(NotFoundError::new("gone")).to_status(&options));
/// # let _ = item;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ServerLayer {
    options: SendOptions,
}

impl ServerLayer {
    /// Makes the layer, with the [default options](SendOptions::new).
    pub fn new() -> ServerLayer {
        ServerLayer::default()
    }

    /// Chooses what is sent of the errors.
    pub fn with_options(mut self, options: SendOptions) -> ServerLayer {
        self.options = options;
        self
    }
}

impl<S> Layer<S> for ServerLayer {
    type Service = Server<S>;

    fn layer(&self, inner: S) -> Server<S> {
        Server { inner, options: self.options.clone() }
    }
}

/// A service with the [`ServerLayer`] around it.
#[derive(Clone, Debug)]
pub struct Server<S> {
    inner: S,
    options: SendOptions,
}

impl<S, Request, B> Service<http::Request<Request>> for Server<S>
where
    S: Service<http::Request<Request>, Response = http::Response<B>>,
{
    type Response = http::Response<TidyBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Request>) -> ResponseFuture<S::Future> {
        ResponseFuture::new(self.inner.call(request), Rewrite::Fit(self.options.clone()))
    }
}

/// Rewrites a response that is a failure, where tonic leaves the Status that it wrote.
pub(super) fn fit_response<B>(response: &mut http::Response<B>, options: &SendOptions) {
    let written = response.extensions_mut().remove::<Status>();
    let sent = fit(response.headers_mut(), written.as_ref(), options);
    if let Some(mut status) = written {
        if let Some(mut sent) = sent {
            // Layers further out find what is sent, and that the headers say so.
            *sent.metadata_mut() = std::mem::take(status.metadata_mut());
            status = sent;
        }
        response.extensions_mut().insert(status);
    }
}

/// Rewrites the status in these headers if it is not as the options want it. Gives the one that they have now.
pub(super) fn fit(headers: &mut HeaderMap, written: Option<&Status>, options: &SendOptions) -> Option<Status> {
    let trailers = Trailers::read(headers).filter(|trailers| trailers.code() != Code::OK)?;
    let options = options.clone().with_budget(options.budget.less(trailers::others(headers)));
    // A layer may have changed what the headers say, so as to hide something.
    let whole = written.filter(|status| trailers.are_of(status)).and_then(made_from);
    let error = match whole {
        Some(error) => error.clone(),
        None if is_as_wanted(&trailers, &options) => return None,
        None => trailers.into_error(),
    };
    let status = error.to_status(&options);
    trailers::put(headers, &status);
    Some(status)
}

/// Whether these trailers can stay as they are.
fn is_as_wanted(trailers: &Trailers, options: &SendOptions) -> bool {
    let details = trailers.details();
    // Details that are empty or nobody's container are in each.
    let is_in_container = details.is_empty()
        || OpError::from_bytes(details.clone()).map_or(true, |error| error.envelope().form() == options.container);
    trailers.is_ordinary()
        && is_in_container
        && options.budget.allows(trailers.code(), &String::from_utf8_lossy(trailers.message()), details.len())
}
