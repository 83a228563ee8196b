use alloc::string::String;

use super::frame::{self, Found};
use super::{Entry, FORMAT, Header, MAGIC, OpenError, ReadError};

/// Reads a recording from its bytes: what the node was made of, then entry after entry.
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    version: String,
    header: Header,
    rest: &'a [u8],
    offset: u64,
    cut: bool,
    failed: bool,
}

impl<'a> Recording<'a> {
    /// Reads what the node was made of.
    pub fn open(bytes: &'a [u8]) -> Result<Self, OpenError> {
        let whole = bytes.len();
        let rest = match bytes.strip_prefix(&MAGIC) {
            Some(rest) => rest,
            None if !bytes.is_empty() && MAGIC.starts_with(bytes) => return Err(OpenError::TooShort),
            None => return Err(OpenError::NotARecording),
        };
        let (format, rest) = rest.split_first_chunk::<2>().ok_or(OpenError::TooShort)?;
        let found = u16::from_le_bytes(*format);
        if found != FORMAT {
            return Err(OpenError::OtherFormat { found });
        }
        let unknown = |error| OpenError::Header {
            version: "an unknown version".into(),
            error,
        };
        let (version, rest) = whole_frame(rest, offset(whole, rest), unknown)?;
        let (header, rest) = whole_frame(rest, offset(whole, rest), |error| OpenError::Header {
            version: String::clone(&version),
            error,
        })?;
        Ok(Self {
            version,
            header,
            rest,
            offset: offset(whole, rest),
            cut: false,
            failed: false,
        })
    }

    /// The version of ordu that wrote it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What the node was made of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the last frame is not complete: its writer was killed while it wrote. Known once all entries
    /// before it are read.
    pub fn is_cut(&self) -> bool {
        self.cut
    }
}

/// The entries. After an error nothing more comes.
impl Iterator for Recording<'_> {
    type Item = Result<Entry<'static>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match frame::read(self.rest, self.offset) {
            Ok(Found::Whole(entry, rest)) => {
                self.offset += offset(self.rest.len(), rest);
                self.rest = rest;
                Some(Ok(entry))
            }
            Ok(Found::Nothing) => None,
            Ok(Found::Part) => {
                self.cut = true;
                None
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

fn whole_frame<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    offset: u64,
    wrong: impl FnOnce(ReadError) -> OpenError,
) -> Result<(T, &[u8]), OpenError> {
    match frame::read(bytes, offset).map_err(wrong)? {
        Found::Whole(value, rest) => Ok((value, rest)),
        Found::Nothing | Found::Part => Err(OpenError::TooShort),
    }
}

fn offset(whole: usize, rest: &[u8]) -> u64 {
    u64::try_from(whole - rest.len()).unwrap_or(u64::MAX)
}
