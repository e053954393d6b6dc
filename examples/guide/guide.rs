//! The guide: its pages, `docs/src`, are tests here, and `shards/` is the service that they show.

/// The pages, so that rustdoc runs their code.
#[cfg(doctest)]
pub mod pages {
    include!(concat!(env!("OUT_DIR"), "/pages.rs"));
}

/// The messages and the service of `shards/shards.proto`.
pub mod pb {
    #![allow(
        missing_docs,
        clippy::allow_attributes_without_reason,
        reason = "generated code; the schema has the comments"
    )]

    tonic::include_proto!("example");
}
