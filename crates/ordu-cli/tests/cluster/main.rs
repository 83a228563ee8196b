//! Real agents, real children, real signals: what an operator is promised, counted by the operating system.
//!
//! Every agent listens on an address of its own in 127.0.0.0/8, so tests run side by side without sharing ports.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod apply;
mod attacks;
mod commands;
mod dev;
mod failover;
mod family;
mod first;
mod harness;
mod keeper;
mod member_list;
mod output;
mod pause;
mod reboot;
mod record;
mod removal;
mod settings;
mod split;
mod storm;
mod strangers;
mod web;
