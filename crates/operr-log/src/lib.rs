//! The error log of operr: OpenTelemetry log records in TFRecord files.
#![warn(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::todo
)]

pub mod attributes;
mod event;
mod fields;
mod frame;
mod name;
pub mod pb;
mod reader;
mod record;
mod repair;
mod scan;
mod source;
mod writer;

pub use event::{Event, Severity};
pub use frame::Reason;
pub use name::{FileName, files_of};
pub use reader::{Corruption, Entry, Logged, Place, Reader};
pub use record::Record;
pub use repair::{Repair, repair};
pub use writer::{Durability, Options, Writer};
