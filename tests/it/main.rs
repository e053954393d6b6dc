//! The tests of the core, through its public API.
#![allow(missing_docs, reason = "tests")]

mod absl;
mod border;
mod border_peers;
mod budget;
mod chains;
mod code;
mod connection;
mod convert;
mod descriptors;
mod doors;
mod edit;
mod error;
mod family;
mod golden;
mod graph;
mod group;
mod group_fingerprint;
mod group_many;
mod json;
mod node_def;
mod odd_trailers;
mod peers_compare;
mod planted;
mod properties;
mod public;
mod raise;
mod retry;
mod scan;
mod second_opinion;
mod server_layer;
mod tensorflow_trailers;
mod tokio;
mod tonic_calls;
mod transport;
mod vectors;
