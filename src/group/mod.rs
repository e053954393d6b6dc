//! Many errors into one: by TensorFlow's rules for a few, counted in bounded memory for many.
//!
//! | | takes | gives |
//! |---|---|---|
//! | [`summarize`] | what the parts of one operation ended with | one error that lists those that are no mere consequence |
//! | [`concatenate`] | the same | one error with their texts |
//!
//! A group is an [`OpError`] whose [`causes`](OpError::causes) are its members.

mod fingerprint;
mod summary;

pub use fingerprint::Fingerprint;
pub use summary::{concatenate, summarize};

#[cfg(doc)]
use crate::error::OpError;
