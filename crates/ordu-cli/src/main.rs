//! The ordu binary.
#![forbid(unsafe_code)]
fn main() {}
