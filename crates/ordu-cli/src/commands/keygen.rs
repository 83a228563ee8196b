use ordu::cluster_key::ClusterKey;

use crate::args::KeygenArgs;
use crate::failure::Failure;

pub(super) fn run(args: &KeygenArgs) -> Result<(), Failure> {
    let key = ClusterKey::generate().map_err(|error| Failure::failed(error.to_string()))?;
    let fingerprint = key
        .fingerprint(&args.cluster)
        .map_err(|error| Failure::failed(error.to_string()))?;
    key.create_file(&args.file)
        .map_err(|error| Failure::failed(error.to_string()))?;
    eprintln!(
        "{} holds the key of cluster {:?}, {fingerprint}",
        args.file.display(),
        args.cluster
    );
    eprintln!("Copy it to every node over a safe channel: whoever holds it can run commands on all of them.");
    Ok(())
}
