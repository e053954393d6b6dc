//! The client layer: whatever a peer sends as trailers, tonic does not panic and the code is not lost.
#![no_main]

use std::convert::Infallible;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Empty;
use libfuzzer_sys::fuzz_target;
use operr::OpError;
use operr::grpc::ClientLayer;
use tonic::Status;
use tower::{Layer as _, Service as _, service_fn};

// Lines of the input: grpc-status, grpc-message, and any number of details.
fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|&byte| byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in ["grpc-status", "grpc-message"] {
        if let Some(Ok(value)) = lines.next().map(HeaderValue::from_bytes) {
            headers.insert(name, value);
        }
    }
    for value in lines.filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        headers.append("grpc-status-details-bin", value);
    }
    let number = headers.get("grpc-status").and_then(|status| status.to_str().ok()?.parse::<i32>().ok());
    let is_failure = headers.contains_key("grpc-status") && number != Some(0);

    let status = Status::from_header_map(&tidied(headers));
    assert_eq!(status.is_some(), is_failure || number == Some(0));
    if number == Some(0) {
        assert_eq!(status.as_ref().map(Status::code), Some(tonic::Code::Ok), "a success stays one");
    }
    if let Some(status) = status.filter(|_| is_failure) {
        let error = OpError::from(status);
        let _ = (format!("{error:#}"), format!("{error:?}"), error.causes());
        match number {
            // tonic's own timeout.
            Some(1) if error.message() == "Timeout expired" => {}
            // Unless the details speak for the transport, its code is the error's.
            Some(number) if ![2, 8, 13].contains(&number) => assert_eq!(error.code().value(), number),
            _ => {}
        }
    }
});

/// The headers as the layer hands them to tonic.
fn tidied(headers: HeaderMap) -> HeaderMap {
    let mut service = ClientLayer::new().layer(service_fn(move |_: Request<()>| {
        let mut response = Response::new(Empty::<Bytes>::new());
        *response.headers_mut() = headers.clone();
        std::future::ready(Ok::<_, Infallible>(response))
    }));
    let mut response = Box::pin(service.call(Request::new(())));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match response.as_mut().poll(&mut context) {
        Poll::Ready(Ok(response)) => response.into_parts().0.headers,
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => unreachable!("the service is ready at once"),
    }
}
