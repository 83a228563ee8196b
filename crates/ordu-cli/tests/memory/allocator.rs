//! Counts the bytes that are allocated and not yet freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, Ordering};

#[global_allocator]
static COUNTING: Counting = Counting;

static LIVE: AtomicI64 = AtomicI64::new(0);

/// How many blocks of each size are live; the last is of all larger ones.
static BLOCKS: [AtomicI64; 1 << 17] = [const { AtomicI64::new(0) }; 1 << 17];

/// The same at an earlier moment.
static NOTED: [AtomicI64; 1 << 17] = [const { AtomicI64::new(0) }; 1 << 17];

struct Counting;

/// Bytes allocated and not freed, in this whole program.
pub(crate) fn live_bytes() -> i64 {
    LIVE.load(Ordering::SeqCst)
}

/// Takes note of the blocks that are live now, in memory that does not count.
pub(crate) fn note_blocks() {
    for (noted, live) in NOTED.iter().zip(&BLOCKS) {
        noted.store(live.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Of which sizes there are more or fewer blocks than were noted, the most bytes first: to find out what was left.
pub(crate) fn blocks_since() -> String {
    let counts = NOTED.iter().zip(&BLOCKS).enumerate();
    let mut more: Vec<(i64, usize)> = counts
        .map(|(size, (noted, live))| (live.load(Ordering::Relaxed) - noted.load(Ordering::Relaxed), size))
        .filter(|(more, _)| *more != 0)
        .collect();
    more.sort_by_key(|(more, size)| std::cmp::Reverse(more.unsigned_abs() * *size as u64));
    let shown = more
        .iter()
        .take(20)
        .map(|(more, size)| format!("{more:+} of {size} bytes"));
    shown.collect::<Vec<_>>().join(", ")
}

fn blocks(bytes: usize) -> &'static AtomicI64 {
    &BLOCKS[bytes.min(BLOCKS.len() - 1)]
}

fn add(bytes: usize) {
    blocks(bytes).fetch_add(1, Ordering::Relaxed);
    LIVE.fetch_add(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::SeqCst);
}

fn sub(bytes: usize) {
    blocks(bytes).fetch_sub(1, Ordering::Relaxed);
    LIVE.fetch_sub(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::SeqCst);
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        sub(layout.size());
        // SAFETY: `block` came from `System`, as all blocks here do.
        unsafe { System.dealloc(block, layout) }
    }
}
