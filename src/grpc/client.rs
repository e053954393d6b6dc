//! The client layer: trailers made harmless and whole before tonic parses them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};
use pin_project_lite::pin_project;
#[cfg(feature = "transport")]
use tonic::transport::{Channel, Endpoint};
use tower_layer::Layer;
use tower_service::Service;

use super::status::grpc_code;
use crate::code::Code;
use crate::error::OpError;

/// A tower layer for clients: keeps odd and hostile trailers from panicking tonic or losing the code, on all kinds of
/// call and in the middle of streams.
///
/// Ordinary trailers pass untouched. Of the others, what tonic would lose is handed on in the details, from which
/// `OpError::from` and [`CallExt`](super::CallExt) take it:
///
/// | trailer | tonic | with the layer |
/// |---|---|---|
/// | details that are not base64 | panics | the bytes of the header are in [`Omitted::unparsed`](crate::Omitted::unparsed) |
/// | details joined with a comma, URL-safe, with odd padding | panics | decoded |
/// | details twice | first wins | first wins, another is in `unparsed` |
/// | `grpc-message` that is not UTF-8 | code and text lost | both kept, see [`OpError::message_bytes`] |
/// | `grpc-status` 20, 77, -1 | `UNKNOWN` | the number |
/// | `grpc-status` that is no number | `UNKNOWN` | `UNKNOWN`, with a note that has its text |
///
/// Which headers arrive at all is decided below, by the channel. With the feature `transport`, `Client::connect` makes a
/// channel with the layer and with room for large trailers, and `endpoint` gives an endpoint that room.
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
    S: Service<http::Request<Request>, Response = http::Response<B>>,
{
    type Response = http::Response<TidyBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Request>) -> ResponseFuture<S::Future> {
        ResponseFuture { inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The response of a [`Client`], to come.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
{
    type Output = Result<http::Response<TidyBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.project().inner.poll(context))?;
        tidy(response.headers_mut());
        Poll::Ready(Ok(response.map(|inner| TidyBody { inner })))
    }
}

pin_project! {
    /// A response body whose trailers tonic can take.
    #[derive(Debug)]
    pub struct TidyBody<B> {
        #[pin]
        inner: B,
    }
}

impl<B: Body> Body for TidyBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut frame = ready!(self.project().inner.poll_frame(context));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            tidy(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Rewrites the status in these headers, if it is one that tonic would panic at or lose something of.
fn tidy(headers: &mut HeaderMap) {
    let Some(status) = headers.get(GRPC_STATUS) else { return };
    let code = CallCode::read(status);
    let message = headers
        .get(GRPC_MESSAGE)
        .map_or_else(Bytes::new, |text| Bytes::from(percent_decode(text.as_bytes()).collect::<Vec<u8>>()));
    let details = Details::read(headers);
    if details.is_ordinary && matches!(code, CallCode::Ordinary(_)) && std::str::from_utf8(&message).is_ok() {
        return;
    }
    if code.value() == Code::OK {
        // A success has neither message nor details, but tonic would panic at these or make a failure of it.
        headers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        headers.remove(GRPC_MESSAGE);
        headers.remove(GRPC_STATUS_DETAILS);
        return;
    }
    let mut error = OpError::from_status(code.value(), message, details.bytes);
    if !details.unread.is_empty() {
        error = error.with_unparsed(details.unread);
    }
    if let CallCode::Unreadable(text) = code {
        error = error.with_note(format!("grpc-status was {text:?}"));
    }
    let message = percent_encode(error.message().as_bytes(), RESERVED).to_string();
    // Decimal digits, percent-encoded text and base64 are header values.
    if let Ok(message) = HeaderValue::try_from(message)
        && let Ok(details) = HeaderValue::try_from(BASE64.encode(error.to_bytes()))
    {
        headers.insert(GRPC_STATUS, HeaderValue::from(grpc_code(error.code()) as i32));
        headers.insert(GRPC_MESSAGE, message);
        headers.insert(GRPC_STATUS_DETAILS, details);
    }
}

/// What `grpc-status` says.
enum CallCode {
    /// 0 to 16 as gRPC writes them.
    Ordinary(i32),
    /// Another number, or one in another spelling.
    Odd(i32),
    Unreadable(String),
}

impl CallCode {
    fn read(value: &HeaderValue) -> CallCode {
        let text = String::from_utf8_lossy(value.as_bytes());
        match text.parse::<i32>() {
            Ok(code) if Code::new(code).is_grpc() && text == code.to_string() => CallCode::Ordinary(code),
            Ok(code) => CallCode::Odd(code),
            Err(_) => CallCode::Unreadable(text.into_owned()),
        }
    }

    fn value(&self) -> Code {
        match self {
            CallCode::Ordinary(code) | CallCode::Odd(code) => Code::new(*code),
            CallCode::Unreadable(_) => Code::UNKNOWN,
        }
    }
}

/// What `grpc-status-details-bin` holds, in however many values.
struct Details {
    /// The first value that is base64.
    bytes: Bytes,
    /// What else came: decoded if it is one value, else as text, with commas between.
    unread: Bytes,
    /// Whether tonic reads them, and all of them.
    is_ordinary: bool,
}

impl Details {
    fn read(headers: &HeaderMap) -> Details {
        let mut values = headers.get_all(GRPC_STATUS_DETAILS).iter();
        let (first, more) = (values.next(), values.next());
        let Some(first) = first else {
            return Details { bytes: Bytes::new(), unread: Bytes::new(), is_ordinary: true };
        };
        if more.is_none()
            && let Ok(bytes) = BASE64.decode(first)
        {
            return Details { bytes: bytes.into(), unread: Bytes::new(), is_ordinary: true };
        }
        // A header of several values may come as one, joined with commas.
        let all = headers.get_all(GRPC_STATUS_DETAILS).iter();
        let texts = all.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
        let (mut bytes, mut unread) = (None, Vec::new());
        for text in texts.filter(|text| !text.is_empty()) {
            match (decode(text), &bytes) {
                (Some(decoded), None) => bytes = Some(Bytes::from(decoded)),
                (Some(decoded), Some(first)) if decoded == *first => {}
                _ => unread.push(text),
            }
        }
        let unread = match unread[..] {
            [only] => decode(only).unwrap_or_else(|| only.to_vec()),
            _ => unread.join(&b','),
        };
        Details { bytes: bytes.unwrap_or_default(), unread: unread.into(), is_ordinary: false }
    }
}

/// Base64 of either alphabet, padded or not.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    LENIENT.decode(text).or_else(|_| LENIENT_URL_SAFE.decode(text)).ok()
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// What gRPC percent-encodes in `grpc-message`, beside all that is not ASCII.
const RESERVED: &AsciiSet = &CONTROLS.add(b'%');

/// Reads just what tonic reads, and writes without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, BASE64_CONFIG);
const BASE64_CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent);
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, BASE64_CONFIG.with_decode_allow_trailing_bits(true));
const LENIENT_URL_SAFE: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, BASE64_CONFIG.with_decode_allow_trailing_bits(true));

#[cfg(feature = "transport")]
const MAX_HEADER_LIST: u32 = 1 << 20;
