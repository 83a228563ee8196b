//! What changes while an agent runs.

use ordu::Node;
use ordu::cluster_key::ClusterKey;

use super::logging::Logging;
use super::settings::Settings;
use crate::args::AgentArgs;
use crate::failure::Failure;

/// Reads the settings and the key again, and goes by what can change: the key, more addresses to join at, and what is
/// logged. What else differs is named; it counts when the agent is started again. If anything is wrong with either file
/// none of it counts.
///
/// Gives what the agent goes by from now on.
pub(super) fn reread(args: &AgentArgs, now: &Settings, node: &Node, logging: &Logging) -> Settings {
    match apply(args, now, node, logging) {
        Ok(settings) => settings,
        Err(failure) => {
            for line in failure.render().lines() {
                tracing::error!("{line}");
            }
            tracing::error!("the settings and the key stay as they were");
            now.clone()
        }
    }
}

fn apply(args: &AgentArgs, now: &Settings, node: &Node, logging: &Logging) -> Result<Settings, Failure> {
    let new = Settings::read(args)?;
    let key = ClusterKey::load(&new.key).map_err(|error| Failure::failed(error.to_string()))?;
    // Nothing after this can be wrong with the files: the joins are checked with the other settings.
    let fingerprint = node
        .renew_key(&key)
        .map_err(|error| Failure::failed(error.to_string()))?;
    let joins = now.new_joins(&new);
    node.join(&joins)
        .map_err(|error| Failure::failed(error.to_string()))?;
    if new.log != now.log {
        logging.change(new.log.as_deref());
    }
    tracing::info!(%fingerprint, key = %new.key.display(), ?joins, "the settings and the key were read again");
    for name in now.needing_a_restart(&new) {
        tracing::warn!("{name} differs by now; it counts when this agent is started again");
    }
    Ok(now.with_changes_of(&new))
}
