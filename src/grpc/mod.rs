//! Errors over gRPC with tonic (feature `tonic`): the conversions of a [`tonic::Status`], and layers for clients and servers.
//!
//! | to | use |
//! |---|---|
//! | fail a call in a handler | `?`, or `Status::from(error)` |
//! | choose what a Status carries | [`OpError::to_status`](crate::OpError::to_status) with [`SendOptions`] |
//! | read what a call failed with | [`CallExt::op_error`], or `OpError::from(status)` |
//! | choose that for all errors of a server, or let nothing out of it but public views | [`ServerLayer`] |
//! | receive from peers that send odd or large trailers | [`ClientLayer`] |
//!
//! tonic on its own panics on a `grpc-status-details-bin` that is not base64, folds codes that gRPC lacks to `UNKNOWN`,
//! and replaces the code where `grpc-message` is not UTF-8. A client with the [`ClientLayer`] does none of that.

mod client;
mod handover;
mod mark;
mod response;
#[cfg(feature = "retry")]
mod retry;
mod server;
mod status;
mod trailers;
mod transport;

#[cfg(feature = "transport")]
pub use client::endpoint;
pub use client::{Client, ClientLayer};
pub use response::{ResponseFuture, TidyBody};
#[cfg(feature = "retry")]
pub use retry::RetryPolicy;
pub use server::{Server, ServerLayer};
pub use status::{CallExt, SendOptions, View};
pub(crate) use status::{Metadata, Sent, from_boxed, from_ref};
pub(crate) use transport::code_of;
