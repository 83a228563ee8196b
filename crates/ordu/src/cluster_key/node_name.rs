//! The names in a node's certificate: one that all nodes have, which TLS verifies, and one that holds the
//! node's id, which says who it is.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// The name every node's certificate has: what a dialler asks for.
pub(crate) const SERVER_NAME: &str = "node.ordu";

const ID_SUFFIX: &str = ".id.ordu";

pub(super) fn names(node: u128) -> Vec<String> {
    vec![SERVER_NAME.to_owned(), format!("{node:032x}{ID_SUFFIX}")]
}

/// The node id in a certificate that TLS has verified; `None` if it names none, or more than one.
pub(crate) fn node_id(certificate: &CertificateDer<'_>) -> Option<u128> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let mut ids = certificate
        .valid_dns_names()
        .filter_map(|name| name.strip_suffix(ID_SUFFIX));
    let id = ids.next()?;
    if ids.next().is_some() || id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(id, 16).ok()
}
