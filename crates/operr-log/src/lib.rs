#![cfg_attr(feature = "tracing", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "tracing"), doc = "The error log of operr: OpenTelemetry log records in TFRecord files.")]
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo
)]

pub mod attributes;
mod disk;
mod event;
mod fields;
mod frame;
#[cfg(feature = "tracing")]
mod layer;
mod name;
pub mod pb;
mod reader;
mod record;
mod repair;
mod scan;
mod source;
mod stats;
mod writer;

pub use self::stats::{Counted, Seen, Stats, Table};
pub use event::{Event, Severity};
pub use frame::Reason;
#[cfg(feature = "tracing")]
pub use layer::Layer;
pub use name::{FileName, files_of};
pub use reader::{Corruption, Entry, Logged, Place, Reader};
pub use record::Record;
pub use repair::{Repair, repair};
pub use writer::{Durability, Options, Writer};

/// The compiled schemas of `proto/`: a serialized `google.protobuf.FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
