//! Many errors into one: by TensorFlow's rules for a few, counted in bounded memory for many.
//!
//! | | takes | gives |
//! |---|---|---|
//! | [`summarize`] | what the parts of one operation ended with | one error that lists those that are no mere consequence |
//! | [`concatenate`] | the same | one error with their texts |
//! | [`ErrorGroup`] | any number of errors, one by one | how many there were of which codes, classes and kinds; merges, across processes too |
//!
//! As an error, a group is an [`OpError`] whose [`causes`](OpError::causes) are its members. What is one kind of error,
//! a [`Fingerprint`] tells.

mod error_group;
mod fingerprint;
mod smallest;
mod summary;

pub use error_group::{ErrorGroup, Kind};
pub use fingerprint::Fingerprint;
pub use summary::{concatenate, summarize};

#[cfg(doc)]
use crate::error::OpError;
