//! Skeleton.
#![cfg_attr(not(any(feature = "tokio", feature = "process", test)), no_std)]
extern crate alloc;
