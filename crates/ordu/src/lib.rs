//! Skeleton.
#![forbid(unsafe_code)]

pub mod cluster_key;
// Until the loop drives it.
#[allow(dead_code, unused_imports)]
mod transport;
