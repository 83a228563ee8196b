use std::path::Path;

use super::authority::Authority;
use super::credentials::Credentials;
use super::error::{CredentialsError, KeyFileError, KeyTextError};
use super::fingerprint::Fingerprint;
use super::secret::Secret;
use super::{file, text};

/// The secret of a cluster: one or more keys, of which the first signs and all verify.
///
/// Whoever holds it runs commands on every node of the cluster that allows commands, so it is kept like a
/// root password: [`create_file`](Self::create_file) writes it for its owner alone, [`load`](Self::load)
/// refuses a file that others can read, and `Debug` never shows it.
///
/// # Examples
///
/// ```
/// use ordu::cluster_key::ClusterKey;
///
/// # let dir = std::env::temp_dir().join(format!("ordu-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// let path = dir.join("cluster.key");
/// let key = ClusterKey::generate()?;
/// key.create_file(&path)?;
///
/// let loaded = ClusterKey::load(&path)?;
/// assert_eq!(loaded.fingerprint("production")?, key.fingerprint("production")?);
/// // The name of the cluster is part of its identity: one key may serve several clusters apart.
/// assert_ne!(loaded.fingerprint("staging")?, key.fingerprint("production")?);
/// # std::fs::remove_dir_all(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterKey {
    /// Never empty.
    secrets: Vec<Secret>,
}

impl ClusterKey {
    /// The most keys one file may hold; two are enough for any change of keys.
    pub const MAX_KEYS: usize = 8;

    /// A new key from the operating system's random generator.
    pub fn generate() -> Result<Self, CredentialsError> {
        Ok(Self {
            secrets: vec![Secret::generate()?],
        })
    }

    /// Reads a key from the text of a key file.
    ///
    /// ```
    /// use ordu::cluster_key::ClusterKey;
    ///
    /// let error = ClusterKey::parse("ordu-key-v9 00 00").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "line 1: expected `ordu-key-v1`, got another version or something else; \
    ///      the file may be of a newer ordu, or no key file at all",
    /// );
    /// ```
    pub fn parse(text: &str) -> Result<Self, KeyTextError> {
        text::parse(text).map(|secrets| Self { secrets })
    }

    /// The text of a key file, secret included.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::format(&self.secrets)
    }

    /// Writes the key to a file that must not exist yet, readable by its owner alone (mode 0600).
    ///
    /// On error nothing is left behind; a file that was there before is never touched.
    pub fn create_file(&self, path: impl AsRef<Path>) -> Result<(), KeyFileError> {
        file::create(path.as_ref(), &self.to_text())
    }

    /// Reads a key file; one that its group or others can read, or that is no regular file, is refused.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, KeyFileError> {
        let path = path.as_ref();
        let text = file::read(path)?;
        Self::parse(&text).map_err(|source| KeyFileError::Content {
            path: path.to_owned(),
            source,
        })
    }

    /// What others call the cluster `cluster` of this key: derived from its signing key, no secret.
    pub fn fingerprint(&self, cluster: &str) -> Result<Fingerprint, CredentialsError> {
        Authority::derive(&self.secrets[0], cluster).map(|authority| authority.fingerprint())
    }

    /// Issues the certificate of one boot of a node, good for dialling and for being dialled.
    ///
    /// `node` is the node's id, new at every boot (S1.6); peers read it from the certificate.
    pub fn credentials(&self, cluster: &str, node: u128) -> Result<Credentials, CredentialsError> {
        let authorities = self
            .secrets
            .iter()
            .map(|secret| Authority::derive(secret, cluster))
            .collect::<Result<Vec<_>, _>>()?;
        Credentials::issue(&authorities, node)
    }
}
