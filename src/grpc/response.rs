//! The responses of the layers: headers and trailers are rewritten on their way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

use super::server::Answer;
use super::{client, handover, trailers};

/// What becomes of the status of a call.
#[derive(Clone, Debug)]
pub(super) enum Rewrite {
    Tidy,
    Answer(Answer),
}

impl Rewrite {
    /// Runs a part of the service; gives what the call is to fail with if it panics.
    fn guard<T>(&self, part: impl FnOnce() -> T) -> Result<T, Status> {
        match self {
            Rewrite::Tidy => Ok(part()),
            Rewrite::Answer(answer) => answer.guard(part),
        }
    }

    fn response<B>(&self, response: &mut http::Response<B>) {
        match self {
            Rewrite::Tidy => client::tidy(response.headers_mut()),
            Rewrite::Answer(answer) => answer.rewrite_response(response),
        }
    }

    fn poll_frame<B: Body>(&self, body: Pin<&mut B>, context: &mut Context<'_>) -> PollFrame<B> {
        match self {
            Rewrite::Tidy => {
                let mut polled = body.poll_frame(context);
                trailers_of(&mut polled).map(client::tidy);
                polled
            }
            Rewrite::Answer(answer) => {
                let (mut polled, dropped) = handover::collect(|| body.poll_frame(context));
                trailers_of(&mut polled).map(|trailers| answer.rewrite(trailers, None, dropped));
                polled
            }
        }
    }
}

fn trailers_of<D, E>(polled: &mut Poll<Option<Result<Frame<D>, E>>>) -> Option<&mut HeaderMap> {
    match polled {
        Poll::Ready(Some(Ok(frame))) => frame.trailers_mut(),
        _ => None,
    }
}

type PollFrame<B> = Poll<Option<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>>;

pin_project! {
    /// The response of a service with one of the layers, to come.
    pub struct ResponseFuture<F> {
        // None if the service failed instead.
        #[pin]
        inner: Option<F>,
        failed: Option<Status>,
        rewrite: Rewrite,
    }
}

impl<F> ResponseFuture<F> {
    /// What the service gives if it is called like this.
    pub(super) fn new(rewrite: Rewrite, call: impl FnOnce() -> F) -> ResponseFuture<F> {
        match rewrite.guard(call) {
            Ok(inner) => ResponseFuture { inner: Some(inner), failed: None, rewrite },
            Err(status) => ResponseFuture { inner: None, failed: Some(status), rewrite },
        }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
{
    type Output = Result<http::Response<TidyBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let rewrite = this.rewrite.clone();
        let polled = match this.inner.as_pin_mut() {
            Some(inner) => rewrite.guard(|| inner.poll(context)),
            // Without one only when polled again.
            None => Err(this.failed.take().unwrap_or_else(|| Status::internal(""))),
        };
        let response = match polled {
            Ok(polled) => {
                let mut response = ready!(polled)?;
                rewrite.response(&mut response);
                response.map(|inner| TidyBody { inner: Some(inner), rewrite })
            }
            Err(status) => status.into_http().map(|()| TidyBody { inner: None, rewrite }),
        };
        Poll::Ready(Ok(response))
    }
}

pin_project! {
    /// A response body whose trailers are as the layer wants them: such that tonic can take them, or within a budget.
    #[derive(Debug)]
    pub struct TidyBody<B> {
        // None if there is nothing more of it, because of a panic.
        #[pin]
        inner: Option<B>,
        rewrite: Rewrite,
    }
}

impl<B: Body> Body for TidyBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> PollFrame<B> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let rewrite = &*this.rewrite;
        match rewrite.guard(|| rewrite.poll_frame(inner, context)) {
            Ok(polled) => polled,
            Err(status) => {
                // What is left of it may panic again.
                let _ = rewrite.guard(|| this.inner.set(None));
                let mut headers = HeaderMap::new();
                trailers::put(&mut headers, &status);
                Poll::Ready(Some(Ok(Frame::trailers(headers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
