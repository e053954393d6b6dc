//! The responses of the layers: headers and trailers are rewritten on their way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::status::SendOptions;
use super::{client, server};

/// What becomes of the status of a call.
#[derive(Clone, Debug)]
pub(super) enum Rewrite {
    Tidy,
    Fit(SendOptions),
}

pin_project! {
    /// The response of a service with one of the layers, to come.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        rewrite: Rewrite,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, rewrite: Rewrite) -> ResponseFuture<F> {
        ResponseFuture { inner, rewrite }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<http::Response<B>, E>>,
{
    type Output = Result<http::Response<TidyBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(context))?;
        match this.rewrite {
            Rewrite::Tidy => client::tidy(response.headers_mut()),
            Rewrite::Fit(options) => server::fit_response(&mut response, options),
        }
        let rewrite = this.rewrite.clone();
        Poll::Ready(Ok(response.map(|inner| TidyBody { inner, rewrite })))
    }
}

pin_project! {
    /// A response body whose trailers are as the layer wants them: such that tonic can take them, or within a budget.
    #[derive(Debug)]
    pub struct TidyBody<B> {
        #[pin]
        inner: B,
        rewrite: Rewrite,
    }
}

impl<B: Body> Body for TidyBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let mut frame = ready!(this.inner.poll_frame(context));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            match this.rewrite {
                Rewrite::Tidy => client::tidy(trailers),
                Rewrite::Fit(options) => drop(server::fit(trailers, None, options)),
            }
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
