use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};

/// What a cluster is called in messages: the first 8 bytes of the hash of its authority's public key.
///
/// It is no secret and proves nothing; it tells two clusters apart for people.
///
/// ```
/// # use ordu::cluster_key::ClusterKey;
/// let fingerprint = ClusterKey::generate()?.fingerprint("production")?;
/// assert_eq!(fingerprint.to_string().len(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Digits in its text form.
    pub(super) const DIGITS: usize = 16;

    pub(super) fn of(public_key: &[u8]) -> Self {
        let hash = digest(&SHA256, public_key);
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_ref()[..8]);
        Self(u64::from_be_bytes(first))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == Self::DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !digits {
            return Err(InvalidFingerprint { got: text.len() });
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| InvalidFingerprint { got: text.len() })
    }
}

/// A text is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a fingerprint of 16 hexadecimal digits, got {got} bytes that are not that")]
pub struct InvalidFingerprint {
    /// How long the text is, in bytes.
    pub got: usize,
}
