//! What changes while an agent runs.

use ordu::Node;
use ordu::cluster_key::ClusterKey;

use super::load_key;
use super::logging::Logging;
use super::settings::Settings;
use crate::apply::Undone;
use crate::args::AgentArgs;
use crate::failure::Failure;

/// Reads the settings and the key again, and goes by what can change: the key, more addresses to join at, and what is
/// logged. What else differs is named; it counts when the agent is started again. If anything is wrong with either file
/// none of it counts, and one record says all of it.
///
/// Gives what the agent goes by from now on.
pub(super) fn reread(
    args: &AgentArgs,
    now: (Settings, ClusterKey),
    node: &Node,
    logging: &Logging,
) -> (Settings, ClusterKey) {
    match apply(args, &now, node, logging) {
        Ok(new) => new,
        Err(failure) => {
            tracing::error!("{}", failure.and_so(Undone::Reread).render().trim_end());
            now
        }
    }
}

fn apply(
    args: &AgentArgs,
    (now, key_now): &(Settings, ClusterKey),
    node: &Node,
    logging: &Logging,
) -> Result<(Settings, ClusterKey), Failure> {
    let new = Settings::read(args, Undone::Reread)?;
    let key = load_key(&new.key, Undone::Reread)?;
    // Nothing after this can be wrong with the files: the joins are checked with the other settings.
    let before = node.fingerprint();
    let (fingerprint, what) = if key == *key_now {
        (before, "the key is the same")
    } else {
        let renewed = node.renew_key(&key);
        let fingerprint = renewed.map_err(|error| Failure::failed(error.to_string()))?;
        let what = if fingerprint == before {
            "it signs with the same key, and takes others than before beside it"
        } else {
            "it signs with another key"
        };
        (fingerprint, what)
    };
    let joins = now.new_joins(&new);
    node.join(&joins)
        .map_err(|error| Failure::failed(error.to_string()))?;
    if new.log != now.log {
        logging.change(new.log.as_deref());
    }
    tracing::info!(
        %fingerprint, key = %new.key.display(), ?joins, "the settings and the key were read again; {what}"
    );
    for name in now.needing_a_restart(&new) {
        tracing::warn!("{name} differs by now; it counts when this agent is started again");
    }
    Ok((now.with_changes_of(&new), key))
}
