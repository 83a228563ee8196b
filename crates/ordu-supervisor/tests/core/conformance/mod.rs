//! The cases of OTP's and Elixir's own test suites, by number.

mod start;
