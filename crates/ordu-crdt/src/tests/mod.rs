//! Tests of the whole crate: random schedules against an executable specification, and single stories.
//!
//! They live inside the crate so that bugs can be planted without a feature that others could turn on.

mod collection;
mod folding;
mod losses;
mod model;
mod net;
mod planted;
mod returning;
mod spec;
mod sync;

// What is built for fuzzing links only together with the fuzzer.
use bolero as _;
