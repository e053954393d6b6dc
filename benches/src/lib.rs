//! What the benchmarks share: the errors, what is done with them by operr and by its peers, and how it is measured.

pub mod cases;
pub mod errors;
pub mod measure;
pub mod peers;
