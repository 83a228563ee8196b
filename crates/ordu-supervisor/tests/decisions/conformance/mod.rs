//! The cases of OTP's and Elixir's own test suites, by number.

mod accounting;
mod auto_shutdown;
mod calls;
mod dynamic;
mod intensity;
mod restarts;
mod specs;
mod start;
mod stops;
