use ordu::cluster_key::ClusterKey;
use serde_json::json;

use crate::args::KeygenArgs;
use crate::failure::Failure;
use crate::output::{Output, say};

pub(super) fn run(args: &KeygenArgs) -> Result<(), Failure> {
    let key = ClusterKey::generate().map_err(|error| Failure::failed(error.to_string()))?;
    let fingerprint = key
        .fingerprint(&args.cluster)
        .map_err(|error| Failure::failed(error.to_string()))?;
    key.create_file(&args.file)?;
    say(format!(
        "{} holds the key of cluster {:?}, {fingerprint}",
        args.file.display(),
        args.cluster
    ));
    if args.json {
        Output::stdout().json(&json!({
            "file": args.file.display().to_string(),
            "cluster": args.cluster,
            "fingerprint": fingerprint.to_string(),
        }))?;
    }
    say("Copy it to every node over a safe channel: whoever holds it can run commands on all of them.");
    Ok(())
}
