//! The system's allocator, with the count of what is live: for tests and benchmarks of what is kept and let go of.
//!
//! ```
//! use counting_allocator::{Counting, live_bytes};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! let before = live_bytes();
//! let kept = vec![0_u8; 1000];
//! assert!(live_bytes() >= before + 1000);
//! # drop(kept);
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::cmp::Reverse;
use std::sync::atomic::{AtomicI64, Ordering};

/// Blocks of this size and larger are counted as if they were of this size.
const LARGE: usize = 1 << 17;

static LIVE: AtomicI64 = AtomicI64::new(0);

/// How many blocks of each size are live.
static BLOCKS: [AtomicI64; LARGE + 1] = [const { AtomicI64::new(0) }; LARGE + 1];

/// The same at an earlier moment.
static NOTED: [AtomicI64; LARGE + 1] = [const { AtomicI64::new(0) }; LARGE + 1];

thread_local! {
    static THREAD_LIVE: Cell<i64> = const { Cell::new(0) };
    static THREAD_PEAK: Cell<i64> = const { Cell::new(0) };
}

/// What a test makes its `#[global_allocator]`.
#[derive(Debug)]
pub struct Counting;

/// The bytes that are allocated and not yet freed, in the whole program.
pub fn live_bytes() -> i64 {
    LIVE.load(Ordering::SeqCst)
}

/// What `f` returns, and the most bytes that this thread had allocated and not yet freed at any moment of it, beyond
/// those it had before.
///
/// What another thread frees counts there.
pub fn peak_of<T>(f: impl FnOnce() -> T) -> (T, i64) {
    let before = THREAD_LIVE.get();
    THREAD_PEAK.set(before);
    let answer = f();
    (answer, THREAD_PEAK.get() - before)
}

/// Takes note of the blocks that are live now, for [`blocks_since`]. What it notes takes no memory that counts.
pub fn note_blocks() {
    for (noted, live) in NOTED.iter().zip(&BLOCKS) {
        noted.store(live.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Of which sizes there are more or fewer blocks now than [`note_blocks`] noted, those with the most bytes first; for
/// people who look for what was not let go of.
pub fn blocks_since() -> String {
    let counts = NOTED.iter().zip(&BLOCKS).enumerate();
    let mut more: Vec<(i64, usize)> = counts
        .map(|(size, (noted, live))| (live.load(Ordering::Relaxed) - noted.load(Ordering::Relaxed), size))
        .filter(|(more, _)| *more != 0)
        .collect();
    more.sort_by_key(|(more, size)| Reverse(more.unsigned_abs() * *size as u64));
    let shown = more
        .iter()
        .take(20)
        .map(|(more, size)| format!("{more:+} of {size} bytes"));
    shown.collect::<Vec<_>>().join(", ")
}

fn count(bytes: usize, sign: i64) {
    BLOCKS[bytes.min(LARGE)].fetch_add(sign, Ordering::Relaxed);
    let bytes = sign * i64::try_from(bytes).unwrap_or(i64::MAX);
    LIVE.fetch_add(bytes, Ordering::SeqCst);
    // Threads that are ending have no counters any more, and nobody who asks for them.
    let _ = THREAD_LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = THREAD_PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes to the system's allocator as it came; counting touches no memory of it, and the counters are
// statics and thread-local values that need neither allocation nor destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(block, layout) }
    }
}
