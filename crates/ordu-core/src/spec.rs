use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::time::Duration;

use ordu_supervisor::decisions::{ChildType, Intensity, Restart, Shutdown};
use serde::{Deserialize, Serialize};

use crate::registers::Value;
use crate::{Kind, NodeName, label};

/// What a horde is told to keep running: OTP's child spec, with a registered kind and its args in the place
/// of a start function. Args travel, code does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChildSpec {
    /// The worker type to start; a node that has not registered it is never chosen.
    pub kind: Kind,
    /// The version of `args`; a node that has not registered the kind in this version is never chosen.
    pub version: u16,
    /// The worker's arguments, self-describing (JSON by default). At most 48 KiB.
    #[serde(with = "serde_bytes")]
    pub args: Vec<u8>,
    /// When to start the child again after it ended.
    pub restart: Restart,
    /// How to stop it.
    pub shutdown: Shutdown,
    /// Worker or supervisor; only counts.
    pub child_type: ChildType,
    /// How many restarts within which period this child may have before it moves to another node.
    pub intensity: Intensity,
    /// How long a start may take before it is given up; `None`: as long as the caller waits.
    pub start_timeout: Option<Duration>,
    /// Where it may run.
    pub constraints: Vec<Constraint>,
}

impl ChildSpec {
    /// The longest `args` allowed, in bytes.
    pub const MAX_ARGS: usize = 48 * 1024;

    /// The longest spec allowed as a whole, in bytes: it must fit into one frame with its id.
    const MAX_LEN: usize = 56 * 1024;

    /// How it is treated: what [may change](Self::is_change_of_policy) while it runs.
    pub(crate) fn policy(&self) -> (Restart, Shutdown, Intensity, Option<Duration>) {
        (self.restart, self.shutdown, self.intensity, self.start_timeout)
    }

    /// Why no node would take it, if that is so: it is too large to be replicated, or names no label that a node can
    /// have.
    pub(crate) fn problem(&self) -> Option<String> {
        let labels = self.constraints.iter().find_map(|constraint| match constraint {
            Constraint::Labels(labels) => label::check(labels).err(),
            Constraint::Node(_) => None,
        });
        if let Some(invalid) = labels {
            return Some(invalid.to_string());
        }
        let (args, most) = (self.args.len(), Self::MAX_ARGS);
        if args > most {
            return Some(format!(
                "the child's args are {args} bytes long; expected at most {most}"
            ));
        }
        let (len, most) = (Value::encode(self).len(), Self::MAX_LEN);
        (len > most).then(|| {
            format!("the child's spec is {len} bytes long with its constraints; expected at most {most}")
        })
    }

    /// Whether what runs of `old` can run on when this takes its place: only how it is treated differs, so when it is
    /// started again, how it is stopped, its restart budget and the time of its starts. Whether it is temporary must
    /// not: such a child is started once and for all.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ordu_core::{ChildSpec, Kind, Restart, Shutdown};
    /// let old = ChildSpec::new(Kind::new("worker")?, 1, b"{}".to_vec());
    /// let patient = ChildSpec { shutdown: Shutdown::Timeout(Duration::from_secs(60)), ..old.clone() };
    /// assert!(patient.is_change_of_policy(&old));
    /// let other = ChildSpec { args: b"[]".to_vec(), ..old.clone() };
    /// assert!(!other.is_change_of_policy(&old));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_change_of_policy(&self, old: &Self) -> bool {
        let is_temporary = |spec: &Self| spec.restart == Restart::Temporary;
        let with_its_policy = |old: &Self| Self {
            restart: self.restart,
            shutdown: self.shutdown,
            intensity: self.intensity,
            start_timeout: self.start_timeout,
            ..old.clone()
        };
        is_temporary(self) == is_temporary(old) && *self == with_its_policy(old)
    }

    /// A permanent worker of `kind` with OTP's defaults: 5 s to shut down, 3 restarts within 5 s.
    pub fn new(kind: Kind, version: u16, args: Vec<u8>) -> Self {
        Self {
            kind,
            version,
            args,
            restart: Restart::Permanent,
            shutdown: Shutdown::Timeout(Duration::from_secs(5)),
            child_type: ChildType::Worker,
            intensity: Intensity {
                max_restarts: 3,
                period: Duration::from_secs(5),
            },
            start_timeout: None,
            constraints: Vec::new(),
        }
    }
}

/// A condition on the node a child may run on. All of a spec's constraints must hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Constraint {
    /// Only the node of this name.
    Node(NodeName),
    /// Only nodes that carry all these labels.
    Labels(BTreeMap<String, String>),
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_child_that_wants_a_label_that_no_node_can_have_is_taken_by_none() {
        let wanting = |name: &str, value: &str| ChildSpec {
            constraints: vec![Constraint::Labels(BTreeMap::from([(name.into(), value.into())]))],
            ..ChildSpec::new(Kind::new("worker").unwrap(), 1, Vec::new())
        };
        assert_eq!(wanting("example.org/zone", "eu 1").problem(), None);
        for (name, value) in [("..", "a"), ("zo ne", "a"), ("zone", "a\u{202e}b")] {
            let problem = wanting(name, value).problem();
            assert!(
                problem.is_some_and(|problem| problem.contains("of a label")),
                "{name:?}={value:?} is taken"
            );
        }
    }
}
