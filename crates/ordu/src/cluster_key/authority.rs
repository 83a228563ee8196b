use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, PKCS_ED25519, PublicKeyData as _,
};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::error::CredentialsError;
use super::fingerprint::Fingerprint;
use super::node_name;
use super::secret::Secret;

/// The start of an authority's common name; its fingerprint follows.
const COMMON_NAME: &str = "ordu cluster ";

/// PKCS#8 version 1 of an Ed25519 private key (RFC 8410), up to the 32 bytes of the key itself.
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The certificate authority that every node of one key and one cluster name derives alike.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    fingerprint: Fingerprint,
}

impl Authority {
    pub(super) fn derive(secret: &Secret, cluster: &str) -> Result<Self, CredentialsError> {
        let mut pkcs8 = PKCS8_PREFIX.to_vec();
        pkcs8.extend_from_slice(&derive_seed(secret, cluster)?);
        let keys = KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), &PKCS_ED25519)?;
        let fingerprint = Fingerprint::of(keys.der_bytes());

        // Validity is rcgen's default, 1975 to 4096: a wrong clock must not part a cluster, that is for the
        // handshake above to judge (S1.7).
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(fingerprint);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Ok(Self {
            issuer: CertifiedIssuer::self_signed(params, keys)?,
            fingerprint,
        })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What goes into the set of roots.
    pub(super) fn root(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// Issues a certificate for `node`'s `keys`, good for both ends of a connection.
    pub(super) fn issue(
        &self,
        node: u128,
        keys: &KeyPair,
    ) -> Result<CertificateDer<'static>, CredentialsError> {
        let mut params = CertificateParams::new(node_name::names(node))?;
        params.distinguished_name = DistinguishedName::new();
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        Ok(params.signed_by(keys, &self.issuer)?.into())
    }

    /// Which cluster the issuer field of a certificate names. Proves nothing: it is for messages only.
    pub(super) fn claimed(issuer: &[u8]) -> Option<Fingerprint> {
        let start = issuer
            .windows(COMMON_NAME.len())
            .position(|part| part == COMMON_NAME.as_bytes())?;
        let digits = issuer[start + COMMON_NAME.len()..].get(..Fingerprint::DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }
}

fn common_name(fingerprint: Fingerprint) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("{COMMON_NAME}{fingerprint}"));
    name
}

fn derive_seed(secret: &Secret, cluster: &str) -> Result<[u8; 32], CredentialsError> {
    struct Seed;
    impl KeyType for Seed {
        fn len(&self) -> usize {
            32
        }
    }
    let info = [b"ordu certificate authority v1:".as_slice(), cluster.as_bytes()];
    let key = Salt::new(HKDF_SHA256, b"ordu cluster key v1").extract(secret.as_bytes());
    let mut seed = [0; 32];
    key.expand(&info, Seed)
        .and_then(|okm| okm.fill(&mut seed))
        .map_err(|_| CredentialsError::Tls("key derivation failed".to_owned()))?;
    Ok(seed)
}
