//! Logs of children: what they print goes into files that are rotated, and can be read and followed.
//!
//! The lines of a child's standard output and standard error are merged as they come. A file is rotated
//! between two lines, so each line is whole in one file unless it is longer than a file.
//!
//! ```no_run
//! use ordu_supervisor::process::log::{Follower, LogFiles, RotatingFile, drain};
//! use ordu_supervisor::process::{Keeper, SpawnRequest};
//!
//! async fn run(keeper: &Keeper) -> Result<(), Box<dyn std::error::Error>> {
//!     let files = LogFiles::new("/var/lib/ordu/logs", "web/1");
//!     let process = keeper.spawn(SpawnRequest::new(1, ["./server"])).await?;
//!     let file = RotatingFile::open(files.clone());
//!     tokio::spawn(drain(process.stdout, process.stderr, file, |dropped| {
//!         eprintln!("{} bytes of output were dropped: {}", dropped.bytes, dropped.reason);
//!     }));
//!
//!     let (last, mut follower) = Follower::start(files, 10)?;
//!     print!("{}", String::from_utf8_lossy(&last));
//!     loop {
//!         print!("{}", String::from_utf8_lossy(&follower.next().await?));
//!     }
//! }
//! ```

mod drain;
mod dropped;
mod files;
mod follow;
mod lines;
mod name;
mod rotate;
mod sink;
mod stream;

pub use drain::drain;
pub use dropped::Dropped;
pub use files::LogFiles;
pub use follow::Follower;
pub use name::file_stem;
pub use rotate::RotatingFile;
