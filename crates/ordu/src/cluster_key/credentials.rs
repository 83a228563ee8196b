use std::fmt;
use std::sync::Arc;

use rcgen::{KeyPair, PKCS_ED25519};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::authority::Authority;
use super::error::CredentialsError;
use super::fingerprint::Fingerprint;
use super::verifier::Explained;

/// The protocol and its version; a node of another version is refused in the handshake.
const ALPN: &[u8] = b"ordu/1";

/// What one boot of a node proves itself with, and what it demands of peers.
///
/// Made by [`ClusterKey::credentials`](super::ClusterKey::credentials). TLS 1.3 only, both sides show a
/// certificate, no session is ever resumed: each connection proves anew that both ends hold a key.
#[derive(Clone)]
pub struct Credentials {
    fingerprint: Fingerprint,
    node: u128,
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

impl Credentials {
    /// The first of `authorities` signs, all verify.
    pub(super) fn issue(authorities: &[Authority], node: u128) -> Result<Self, CredentialsError> {
        let signer = &authorities[0];
        let keys = KeyPair::generate_for(&PKCS_ED25519)?;
        let chain = vec![signer.issue(node, &keys)?];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(keys.serialize_der()));

        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority.root()).map_err(tls)?;
        }
        let setup = Setup {
            provider: Arc::new(ring::default_provider()),
            roots: Arc::new(roots),
            chain,
            key,
        };
        let fingerprint = signer.fingerprint();
        Ok(Self {
            fingerprint,
            node,
            server: Arc::new(setup.server(fingerprint)?),
            client: Arc::new(setup.client(fingerprint)?),
        })
    }

    /// The cluster this node signs for.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The node id in the certificate.
    #[must_use]
    pub fn node(&self) -> u128 {
        self.node
    }

    /// How to be dialled.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.server)
    }

    /// How to dial.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("fingerprint", &self.fingerprint)
            .field("node", &format_args!("{:032x}", self.node))
            .finish_non_exhaustive()
    }
}

/// What both directions share.
struct Setup {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Setup {
    fn server(&self, ours: Fingerprint) -> Result<ServerConfig, CredentialsError> {
        let inner: Arc<dyn ClientCertVerifier> =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider))
                .build()
                .map_err(tls)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(tls)?
            .with_client_cert_verifier(Arc::new(Explained { ours, inner }))
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(tls)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    fn client(&self, ours: Fingerprint) -> Result<ClientConfig, CredentialsError> {
        let inner: Arc<dyn ServerCertVerifier> =
            WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), Arc::clone(&self.provider))
                .build()
                .map_err(tls)?;
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(tls)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Explained { ours, inner }))
            .with_client_auth_cert(self.chain.clone(), self.key.clone_key())
            .map_err(tls)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

fn tls(error: impl fmt::Display) -> CredentialsError {
    CredentialsError::Tls(error.to_string())
}
