use rustls::pki_types::CertificateDer;

use crate::cluster_key::authority::Authority;
use crate::cluster_key::secret::Secret;
use crate::cluster_key::{ClusterKey, Fingerprint, OtherCluster, node_id};

fn authority(byte: u8, cluster: &str) -> Authority {
    Authority::derive(&Secret::from_bytes([byte; 32]), cluster).unwrap()
}

fn certificate(authority: &Authority, node: u128) -> CertificateDer<'static> {
    let keys = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    authority.issue(node, &keys).unwrap()
}

#[test]
fn the_authority_depends_on_the_key_and_the_cluster_name_and_on_nothing_else() {
    // Fixed for ever: another value means that running clusters fall apart at an upgrade.
    assert_eq!(
        authority(7, "production").fingerprint().to_string(),
        "c27cb07aef628b16"
    );
    assert_eq!(
        authority(7, "production").fingerprint(),
        authority(7, "production").fingerprint()
    );
    assert_ne!(
        authority(7, "production").fingerprint(),
        authority(7, "staging").fingerprint()
    );
    assert_ne!(
        authority(7, "production").fingerprint(),
        authority(8, "production").fingerprint()
    );
}

#[test]
fn the_node_id_is_read_back_from_the_certificate() {
    let authority = authority(1, "c");
    for id in [0, 1, 0x1234_5678_9abc_def0_0fed_cba9_8765_4321, u128::MAX] {
        assert_eq!(node_id(&certificate(&authority, id)), Some(id));
    }
}

#[test]
fn a_certificate_of_no_node_has_no_node_id() {
    assert_eq!(node_id(&authority(1, "c").root()), None);
    assert_eq!(node_id(&CertificateDer::from(vec![])), None);
    assert_eq!(
        node_id(&CertificateDer::from(vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff])),
        None
    );
}

#[test]
fn a_certificate_that_was_cut_or_changed_anywhere_is_read_without_panic() {
    let good = certificate(&authority(1, "c"), 42);
    for at in 0..good.len() {
        let _ = node_id(&CertificateDer::from(good[..at].to_vec()));
        let mut changed = good.to_vec();
        changed[at] ^= 0xff;
        let _ = node_id(&CertificateDer::from(changed));
    }
}

#[test]
fn the_issuer_of_a_certificate_names_its_cluster() {
    let authority = authority(1, "c");
    let certificate = certificate(&authority, 1);
    let parsed = webpki::EndEntityCert::try_from(&certificate).unwrap();
    assert_eq!(Authority::claimed(parsed.issuer()), Some(authority.fingerprint()));
    assert_eq!(Authority::claimed(b"ordu cluster 12"), None);
    assert_eq!(Authority::claimed(b"ordu cluster zzzzzzzzzzzzzzzz"), None);
    assert_eq!(Authority::claimed(b""), None);
}

#[test]
fn what_one_side_says_of_two_clusters_the_other_side_reads_with_the_roles_swapped() {
    let (a, b) = (authority(1, "c").fingerprint(), authority(2, "c").fingerprint());
    let said = format!("tls: {} (peer's words)", OtherCluster { theirs: a, ours: b });

    assert_eq!(
        OtherCluster::found_in(&said),
        Some(OtherCluster { theirs: a, ours: b })
    );
    assert_eq!(
        OtherCluster::told_by_peer(&said),
        Some(OtherCluster { theirs: b, ours: a })
    );
    for other in [
        "",
        "peer is of cluster ",
        "peer is of cluster x, this node of y",
        "peer is of cluster \u{fffd}, this node of \u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
    ] {
        assert_eq!(OtherCluster::found_in(other), None);
    }
}

#[test]
fn a_fingerprint_reads_back_from_its_text_and_nothing_else_does() {
    let fingerprint = ClusterKey::generate().unwrap().fingerprint("c").unwrap();
    assert_eq!(fingerprint.to_string().parse::<Fingerprint>(), Ok(fingerprint));
    for text in [
        "",
        "0",
        "+123456789abcdef",
        "0123456789abcdef0",
        "0123456789abcdeg",
    ] {
        assert!(text.parse::<Fingerprint>().is_err(), "{text}");
    }
}
