use alloc::string::String;

use super::{FORMAT, VERSION};

/// Why bytes are not a recording that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// They do not begin as a recording does.
    #[error("not a recording of ordu")]
    NotARecording,
    /// They are the very beginning of a recording: the writer was killed before it had written all of it.
    #[error("the recording ends before its first input; nothing can be replayed")]
    TooShort,
    /// The recording is of another format.
    #[error(
        "a recording of format {found}, and this ordu {VERSION} reads format {FORMAT}; replay it with the ordu that wrote it"
    )]
    OtherFormat {
        /// Which.
        found: u16,
    },
    /// What the node was made of cannot be read.
    #[error(
        "what the node was made of cannot be read ({error}); the recording is of ordu {version}, this is {VERSION}"
    )]
    Header {
        /// The version of ordu that wrote it.
        version: String,
        /// What is wrong.
        error: ReadError,
    },
}

/// Why the rest of a recording cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The bytes of a frame are not those that were written.
    #[error("the frame at byte {offset} is damaged")]
    Damaged {
        /// Where the frame begins.
        offset: u64,
    },
    /// A frame is whole and holds nothing that this version knows.
    #[error("the frame at byte {offset} is of another version of ordu")]
    Unknown {
        /// Where the frame begins.
        offset: u64,
    },
}
