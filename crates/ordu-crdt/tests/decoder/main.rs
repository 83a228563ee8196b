//! Whatever a peer sends, a replica answers with an error or goes on: it never panics, never reserves what a length
//! claims, and afterwards it and honest peers still come to hold the same.
//!
//! `__fuzz__/messages/corpus/` holds encoded messages: one of every kind, recorded from real exchanges, and what
//! fuzzing added because it reached something new. Each run replays them, and damages them. `docs/testing.md` says how
//! to fuzz for longer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod record;
mod scene;
mod targets;

#[global_allocator]
static ALLOCATOR: counting_allocator::Counting = counting_allocator::Counting;
