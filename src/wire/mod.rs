//! The wire form of an error: a `google.rpc.Status`, and the containers it travels in.

pub(crate) mod entry;
pub(crate) mod scanner;
mod status;
mod tensorflow;
mod transport;

pub use tensorflow::Container;
