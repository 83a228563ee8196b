use std::time::{Duration, Instant};

/// Between two looks at the same thing.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until what is hoped for has come, and gives what was found and how long it took.
#[track_caller]
pub(crate) fn eventually<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> (T, Duration) {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return (found, begun.elapsed()),
            Err(not_yet) if begun.elapsed() > limit => panic!("not within {limit:?}: {what}: {not_yet}"),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Looks for so long, and nothing else may be found: here time itself is the subject.
#[track_caller]
pub(crate) fn holds_for(time: Duration, what: &str, mut look: impl FnMut() -> Result<(), String>) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        if let Err(otherwise) = look() {
            panic!("did not stay so: {what}: {otherwise}");
        }
        std::thread::sleep(PAUSE);
    }
}
