//! The responses of the layers: headers and trailers are rewritten on their way.

use std::panic::{AssertUnwindSafe, catch_unwind};
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

    /// What the call is to fail with when the service fails with an error of its own, or that error.
    fn refuse<E: Into<BoxError>>(&self, error: E) -> Result<Status, E> {
        match self {
            Rewrite::Tidy => Err(error),
            Rewrite::Answer(answer) => answer.refuse(error),
        }
    }

    fn poll_response<F, B, E>(&self, response: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output>
    where
        F: Future<Output = Result<http::Response<B>, E>>,
    {
        match self {
            Rewrite::Tidy => response.poll(context).map_ok(|mut response| {
                client::tidy(response.headers_mut());
                response
            }),
            Rewrite::Answer(answer) => {
                let (polled, dropped) = handover::collect(|| response.poll(context));
                polled.map_ok(|mut response| {
                    answer.rewrite_response(&mut response, dropped);
                    response
                })
            }
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
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
            Err(status) => ResponseFuture::failed(rewrite, status),
        }
    }

    pub(super) fn failed(rewrite: Rewrite, status: Status) -> ResponseFuture<F> {
        ResponseFuture { inner: None, failed: Some(status), rewrite }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<http::Response<TidyBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let rewrite = &*this.rewrite;
        let polled = match this.inner.as_pin_mut() {
            Some(inner) => rewrite.guard(|| rewrite.poll_response(inner, context)),
            // Without one only when polled again.
            None => Err(this.failed.take().unwrap_or_else(|| Status::internal(""))),
        };
        let status = match polled {
            Ok(polled) => match ready!(polled) {
                Ok(response) => {
                    let rewrite = rewrite.clone();
                    return Poll::Ready(Ok(response.map(|inner| TidyBody { inner: Some(inner), rewrite })));
                }
                Err(error) => rewrite.refuse(error)?,
            },
            Err(status) => status,
        };
        let rewrite = rewrite.clone();
        Poll::Ready(Ok(status.into_http().map(|()| TidyBody { inner: None, rewrite })))
    }
}

pin_project! {
    /// A response body whose trailers are as the layer wants them: such that tonic can take them, or within a budget.
    #[derive(Debug)]
    pub struct TidyBody<B> {
        // None if there is nothing more of it, because it failed.
        #[pin]
        inner: Option<B>,
        rewrite: Rewrite,
    }
}

impl<B: Body<Error: Into<BoxError>>> Body for TidyBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> PollFrame<B> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let rewrite = &*this.rewrite;
        let status = match rewrite.guard(|| rewrite.poll_frame(inner, context)) {
            Ok(Poll::Ready(Some(Err(error)))) => match rewrite.refuse(error) {
                Ok(status) => status,
                Err(error) => return Poll::Ready(Some(Err(error))),
            },
            Ok(polled) => return polled,
            Err(status) => status,
        };
        // What is left of it may panic, too.
        let _ = catch_unwind(AssertUnwindSafe(|| this.inner.set(None)));
        let mut headers = HeaderMap::new();
        trailers::put(&mut headers, &status);
        Poll::Ready(Some(Ok(Frame::trailers(headers))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
