#![cfg_attr(feature = "transport", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "transport"), doc = "Typed errors that cross gRPC whole; see the README.")]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo
)]

mod absl;
mod boundary;
mod budget;
mod code;
mod convert;
mod display;
mod envelope;
mod error;
mod failure;
mod family;
pub mod graph;
pub mod group;
#[cfg(feature = "tonic")]
pub mod grpc;
#[cfg(feature = "json")]
mod json;
mod node_def;
mod operation;
mod payloads;
pub mod pb;
mod reason;
mod retry;
mod wire;

pub use budget::Budget;
pub use code::Code;
pub use convert::ResultExt;
#[cfg(feature = "tokio")]
pub use convert::{cancellable, deadline};
pub use error::OpError;
pub use failure::Error;
pub use family::{
    AbortedError, AlreadyExistsError, CancelledError, DataLossError, DeadlineExceededError, ErrorKind,
    FailedPreconditionError, InternalError, InvalidArgumentError, NotFoundError, OutOfRangeError,
    PermissionDeniedError, ResourceExhaustedError, UnauthenticatedError, UnavailableError, UnimplementedError,
    UnknownError,
};
#[cfg(feature = "json")]
pub use json::text_format;
pub use node_def::NodeDef;
pub use operation::{Frame, Omitted, Operation, Origin};
pub use payloads::Payloads;
pub use retry::Retry;
pub use wire::Container;

/// The compiled schemas of `proto/`, with all that they import: a serialized `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
