use std::io;
use std::path::PathBuf;

use super::key::ClusterKey;

/// Why a key file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// There is a file of that name already; it was not touched.
    #[error(
        "cluster key {}: expected no file there, got one; \
         choose another path, or remove that file if no cluster needs it any more", path.display()
    )]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused to create or write it; nothing is left behind.
    #[error("cluster key {}: cannot create it: {source}; check that its directory exists and is writable", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused to open or read it, or it is not text.
    #[error(
        "cluster key {}: cannot read it: {source}; make one with `ordu keygen`, or copy that of the cluster",
        path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is something else than a regular file.
    #[error("cluster key {}: expected a regular file, got {got}", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// What is there.
        got: &'static str,
    },
    /// Others than its owner have rights to it.
    #[error(
        "cluster key {}: expected mode 0600, got {mode:04o}: others have rights to it; run `chmod 600 {0}`, \
         and if anybody may have read it, change the key", path.display()
    )]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It, or the directory it is in, belongs to another user, who could change it.
    #[error(
        "cluster key {}: it, or its directory, belongs to user {owner}; expected user {own}, which reads it, or \
         root: run `chown {own} {0}`, or keep a key of your own", path.display()
    )]
    OtherOwner {
        /// The file, or its directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who reads it.
        own: u32,
    },
    /// Everybody can put another file, or another link to one, in its place.
    #[error(
        "cluster key {}: everybody can write to {} (mode {mode:04o}), which is on the way to it, and so put another \
         key in its place; run `chmod o-w {}`, or keep the key elsewhere",
        path.display(), directory.display(), directory.display()
    )]
    OpenDirectory {
        /// The file.
        path: PathBuf,
        /// The directory that it, a link to it, or a directory above it is in.
        directory: PathBuf,
        /// The mode of the directory.
        mode: u32,
    },
    /// It is too long for a key file.
    #[error("cluster key {}: expected at most {max} bytes, got more: this is no key file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The longest file read, in bytes.
        max: u64,
    },
    /// What it holds is no key.
    #[error("cluster key {}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyTextError,
    },
}

/// What is wrong with the text of a key file. Never quotes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyTextError {
    /// A line does not start with the version this program knows.
    #[error(
        "line {line}: expected `ordu-key-v1`, got another version or something else; \
         the file may be of a newer ordu, or no key file at all"
    )]
    Version {
        /// The line, counted from 1.
        line: usize,
    },
    /// A line has too few or too many words.
    #[error(
        "line {line}: expected 3 words (version, key, checksum), got {got}; the line may have been cut off"
    )]
    Words {
        /// The line, counted from 1.
        line: usize,
        /// How many words it has.
        got: usize,
    },
    /// A word is not hexadecimal or not as long as it should be.
    #[error(
        "line {line}: expected a {what} of {expected} hexadecimal digits, got {got} characters that are not that"
    )]
    Digits {
        /// The line, counted from 1.
        line: usize,
        /// Which word.
        what: &'static str,
        /// How many digits it should have.
        expected: usize,
        /// How long it is, in bytes.
        got: usize,
    },
    /// The key does not match its checksum.
    #[error("line {line}: the key does not match its checksum: it was changed or mistyped; copy it anew")]
    Checksum {
        /// The line, counted from 1.
        line: usize,
    },
    /// There is no key at all.
    #[error("expected at least one key, got none; make one with `ordu keygen`")]
    NoKey,
    /// There are more keys than make sense.
    #[error("expected at most {max} keys, got more; remove those no node signs with any more", max = ClusterKey::MAX_KEYS)]
    TooMany,
}

/// Why keys or certificates could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Randomness,
    /// A certificate could not be made.
    #[error("cannot issue the certificate of this node: {0}")]
    Certificate(String),
    /// TLS could not be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl From<rcgen::Error> for CredentialsError {
    fn from(error: rcgen::Error) -> Self {
        Self::Certificate(error.to_string())
    }
}
