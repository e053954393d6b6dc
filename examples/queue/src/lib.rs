//! Bounded FIFO queues over gRPC, whose calls fail exactly as TensorFlow's queues do: an example of `operr`.
//!
//! | file | has |
//! |---|---|
//! | [`queue`] | the queue: elements, and calls that wait in line; knows neither gRPC nor graphs |
//! | [`registry`] | all queues of a server, by name |
//! | [`node`] | the node of the caller's graph that makes a call, and its failures as `OpError`s |
//! | [`service`] | the gRPC service: where a failure of the queue becomes an error of the call |
//! | [`client`] | the same calls on the other side, where the error is caught |
//! | [`front`] | the same service in front of such a server, for callers who may see less of the errors |
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

pub mod client;
pub mod front;
pub mod node;
pub mod pb;
pub mod queue;
pub mod registry;
pub mod service;

pub use client::Client;
pub use front::Front;
pub use service::serve;
