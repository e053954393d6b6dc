//! The generated messages and the service of `operr.queue.v1`.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated; the comments are in the schema"
)]

tonic::include_proto!("operr.queue.v1");
