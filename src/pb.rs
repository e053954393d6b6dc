//! The generated messages, in modules that mirror the proto packages.
//!
//! `bytes` fields are [`bytes::Bytes`], maps are `BTreeMap`s, so that encoding is deterministic, and
//! [`prost::Name::type_url`] gives URLs under `type.googleapis.com`. prost drops the fields it does not know, so these
//! types are views: what must survive is kept as bytes ([`OpError`](crate::OpError), [`NodeDef`](crate::NodeDef)).
#![allow(clippy::all, missing_docs, reason = "generated; the modules bear no comments")]

include!(concat!(env!("OUT_DIR"), "/pb.rs"));
