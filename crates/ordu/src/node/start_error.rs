use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use ordu_core::{InvalidConfig, InvalidName, InvalidTiming, Kind};

use super::InvalidJoin;
use crate::cluster_key::{CredentialsError, KeyFileError};

/// Why a node did not start. Each says what to do about it; nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A name is not valid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A label is not valid, or what the node says of itself is too much.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// A horde was named twice.
    #[error("horde {name:?} is named twice; name it once")]
    DuplicateHorde {
        /// Its name.
        name: String,
    },
    /// Two kinds have one name.
    #[error("the kind {kind:?} is registered twice; `process` is registered by `processes()` itself")]
    DuplicateKind {
        /// Its name.
        kind: Kind,
    },
    /// Times that a node cannot go by.
    #[error("the node's timing: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Timing(Vec<InvalidTiming>),
    /// No cluster key was given.
    #[error("no cluster key was given; make one with `ordu keygen` and give the same to all nodes")]
    NoKey,
    /// The key file is not usable.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// Certificates could not be made of the key.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The data directory is not usable.
    #[error("cannot use the data directory {}: {source}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Others can write to the data directory: they could have processes killed and files replaced.
    #[error("the data directory {} is not safe: {problem}", path.display())]
    DataDirUnsafe {
        /// The directory.
        path: PathBuf,
        /// Who could write there and what to do about it.
        problem: String,
    },
    /// Another node runs on the data directory.
    #[error(
        "the data directory {} is in use by another node; give each node its own, or stop the other one first",
        path.display()
    )]
    DataDirInUse {
        /// The directory.
        path: PathBuf,
    },
    /// Processes were asked for without a data directory.
    #[error("process children need a data directory for their output; give one with `data_dir`")]
    NoDataDir,
    /// Processes were asked for without a keeper.
    #[error("process children need a keeper; call `ordu::keeper::init()` first in `main`")]
    NoKeeper,
    /// The keeper could not be started.
    #[error("cannot start the keeper of processes: {0}")]
    Keeper(String),
    /// The file that the node was to be recorded into is there already.
    #[error(
        "the recording {} is there already and is not overwritten; give the name of a new file, or a directory, \
         in which each start makes a file of its own",
        path.display()
    )]
    RecordingExists {
        /// The file.
        path: PathBuf,
    },
    /// The node cannot be recorded.
    #[error("cannot record the node into {}: {source}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The ports could not be opened.
    #[error("{detail}; is another node running there, or is the address not of this machine?")]
    Listen {
        /// Where and what was wrong.
        detail: String,
    },
    /// An address to join at is not one.
    #[error(transparent)]
    Join(#[from] InvalidJoin),
    /// The address that peers would be told to dial cannot be dialled.
    #[error(
        "peers cannot dial {addr}: {problem}; give an address of this machine that they can, as `advertise`"
    )]
    Advertise {
        /// The address.
        addr: SocketAddr,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Randomness,
}
