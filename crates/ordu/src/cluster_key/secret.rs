use std::fmt;

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::error::CredentialsError;

/// Thirty-two random bytes: one key of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret([u8; Secret::LEN]);

impl Secret {
    pub(super) const LEN: usize = 32;

    /// A new one from the operating system's generator.
    pub(super) fn generate() -> Result<Self, CredentialsError> {
        let mut bytes = [0; Self::LEN];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| CredentialsError::Randomness)?;
        Ok(Self(bytes))
    }

    pub(super) fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Guards against a key that was mistyped or cut off, which would otherwise found a cluster of its own.
    pub(super) fn checksum(&self) -> [u8; 4] {
        let mut input = b"ordu-key-v1".to_vec();
        input.extend_from_slice(&self.0);
        let hash = digest(&SHA256, &input);
        let mut checksum = [0; 4];
        checksum.copy_from_slice(&hash.as_ref()[..4]);
        checksum
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([elided])")
    }
}
