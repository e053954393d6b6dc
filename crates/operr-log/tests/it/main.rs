//! The tests of the error log, through its public API, on real files.
#![allow(missing_docs, reason = "tests")]

mod damage;
mod descriptors;
mod format;
#[cfg(feature = "tracing")]
mod layer;
mod logs;
mod reader;
mod stats;
mod writer;
