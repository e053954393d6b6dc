//! The client layer: trailers made harmless and whole before tonic parses them.

use std::task::{Context, Poll};

use http::header::HeaderMap;
use tonic::Status;
#[cfg(feature = "transport")]
use tonic::transport::{Channel, Endpoint};
use tower_layer::Layer;
use tower_service::Service;

use super::mark::Mark;
use super::response::{BoxError, ResponseFuture, Rewrite, TidyBody};
use super::status::grpc_code;
use super::trailers::{self, Trailers};
use crate::code::Code;

/// A tower layer for clients: keeps odd and hostile trailers from panicking tonic or losing the code, on all kinds of
/// call and in the middle of streams.
///
/// Ordinary trailers pass untouched, but for a header by which a [`ServerLayer`](super::ServerLayer) of this process knows
/// a failure as a peer's. Of the others, what tonic would lose is handed on in the details, from which
/// `OpError::from` and [`CallExt`](super::CallExt) take it:
///
/// | trailer | tonic | with the layer |
/// |---|---|---|
/// | details that are not base64 | panics | the bytes of the header are in [`Omitted::unparsed`](crate::Omitted::unparsed) |
/// | details joined with a comma, URL-safe, with odd padding | panics | decoded |
/// | details twice | first wins | first wins, another is in `unparsed` |
/// | `grpc-message` that is not UTF-8 | code and text lost | both kept, see [`message_bytes`](crate::OpError::message_bytes) |
/// | `grpc-status` 20, 77, -1 | `UNKNOWN` | the number |
/// | `grpc-status` that is no number | `UNKNOWN` | `UNKNOWN`, with a note that has its text |
///
/// Which headers arrive at all is decided below, by the channel. With the feature `transport`, `Client::connect` makes a
/// channel with the layer and with room for large trailers, and `endpoint` gives an endpoint that room.
///
/// ```
/// use operr::grpc::ClientLayer;
/// use tonic::transport::Endpoint;
/// use tower::ServiceBuilder;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let channel = Endpoint::from_static("http://[::1]:50051").connect_lazy();
/// let channel = ServiceBuilder::new().layer(ClientLayer::new()).service(channel);
/// // let mut client = QueueClient::new(channel);
/// # let _ = channel;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientLayer(());

impl ClientLayer {
    /// Makes the layer.
    pub fn new() -> ClientLayer {
        ClientLayer(())
    }
}

impl<S> Layer<S> for ClientLayer {
    type Service = Client<S>;

    fn layer(&self, inner: S) -> Client<S> {
        Client { inner }
    }
}

/// A channel with the [`ClientLayer`] around it.
#[derive(Clone, Debug)]
pub struct Client<S> {
    inner: S,
}

#[cfg(feature = "transport")]
impl Client<Channel> {
    /// Connects, with room for the trailers of large errors: a header list of 1 MiB instead of tonic's 16 KiB, above
    /// which tonic's client drops details, replaces the status or loses the connection. Feature `transport`.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::connect`].
    ///
    /// ```
    /// use operr::grpc::Client;
    /// use operr::{Code, OpError};
    /// use tonic::transport::Endpoint;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// // Nobody listens there.
    /// let result = Client::connect(Endpoint::from_static("http://127.0.0.1:1")).await;
    /// assert_eq!(result.map_err(OpError::from_error).unwrap_err().code(), Code::UNAVAILABLE);
    /// # }
    /// ```
    pub async fn connect(endpoint: impl Into<Endpoint>) -> Result<Client<Channel>, tonic::transport::Error> {
        Ok(Client { inner: self::endpoint(endpoint).connect().await? })
    }

    /// As [`connect`](Client::connect), at the first call.
    pub fn connect_lazy(endpoint: impl Into<Endpoint>) -> Client<Channel> {
        Client { inner: self::endpoint(endpoint).connect_lazy() }
    }
}

/// The endpoint with room for the trailers of large errors, for those who connect by themselves: a header list of 1 MiB
/// instead of tonic's 16 KiB. Feature `transport`.
///
/// ```
/// use operr::grpc::{ClientLayer, endpoint};
/// use tonic::transport::Endpoint;
/// use tower::ServiceBuilder;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let channel = endpoint(Endpoint::from_static("http://[::1]:50051")).connect_lazy();
/// let channel = ServiceBuilder::new().layer(ClientLayer::new()).service(channel);
/// // let mut client = QueueClient::new(channel);
/// # let _ = channel;
/// # }
/// ```
#[cfg(feature = "transport")]
pub fn endpoint(endpoint: impl Into<Endpoint>) -> Endpoint {
    endpoint.into().http2_max_header_list_size(MAX_HEADER_LIST)
}

impl<S, Request, B> Service<http::Request<Request>> for Client<S>
where
    S: Service<http::Request<Request>, Response = http::Response<B>, Error: Into<BoxError>>,
{
    type Response = http::Response<TidyBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Request>) -> ResponseFuture<S::Future> {
        ResponseFuture::new(Rewrite::Tidy, || self.inner.call(request))
    }
}

/// Marks the status in these headers as a peer's if it is a failure, and rewrites it if it is one that tonic would panic at
/// or lose something of.
pub(super) fn tidy(headers: &mut HeaderMap) {
    Mark::take(headers);
    let Some(trailers) = Trailers::read(headers) else { return };
    let is_failure = trailers.code() != Code::OK;
    if !trailers.is_ordinary() {
        let status = if is_failure {
            let error = trailers.into_error();
            Status::with_details(grpc_code(error.code()), error.message(), error.to_bytes())
        } else {
            // A success has neither message nor details, but tonic would panic at these or make a failure of it.
            Status::ok("")
        };
        trailers::put(headers, &status);
    }
    if is_failure {
        Mark::OfPeer.put(headers);
    }
}

#[cfg(feature = "transport")]
const MAX_HEADER_LIST: u32 = 1 << 20;
