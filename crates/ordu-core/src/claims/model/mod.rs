//! A model of claim, token and conflict, checked in every state it can reach (`docs/testing.md`).
//!
//! The real [`Claims`](super::Claims) is part of each state: it is `Clone + Eq + Hash` and knows neither
//! membership nor clocks. Around it is the least that makes a cluster of it:
//!
//! - **membership is a guess**: a node may at any moment take over a child from anybody it does not own itself,
//!   dead, cut off or alive. Whoever is rightly or wrongly given up, in whatever order, is a case of this;
//! - **the map** is exact (S1): every put is an operation with a dot of its own that supersedes what its writer
//!   saw; what a node has is a version vector, and what it reads are the covered operations that no covered one
//!   supersedes;
//! - **the network** is a set of messages: each is delivered in any order, late, twice, or never. A split is that
//!   nothing is delivered for a while;
//! - **time** is that anything which waits may be over at any moment: starts, stops, `conflict_wait`;
//! - **nodes** are killed with all they run, and boot with a new id and no memory;
//! - **users** stop, restart, delete and update the child on any node that is ready, as its decider: two at once in a split.
//!
//! Not in it: failing starts, drain, members that are written off, and the witnesses of S4.7, which only keep the
//! core from some of what is possible here. Epochs come without the clock that lifts them in
//! reality: only what a node saw keeps them apart.

mod action;
mod calls;
mod calm;
mod conflict;
mod life;
mod map;
mod owner;
mod peer;
mod rules;
mod tests;
mod world;

use action::Action;
use calls::Call;
use calm::Ending;
use map::Map;
use peer::{Conflict, Patience, Peer, Process};
use world::{Bounds, Broken, Mistake, Model, Packet, World};
