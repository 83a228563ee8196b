use std::collections::BTreeMap;

use ordu_core::Event;

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Fact, What};

/// Nodes that have seen the same operations hold the same, at every moment; and no node ever finds otherwise.
#[derive(Debug)]
pub(super) struct EqualVectorsEqualStates;

impl Invariant for EqualVectorsEqualStates {
    fn name(&self) -> &'static str {
        "equal-vectors-equal-states"
    }

    fn rule(&self) -> &'static str {
        "S1.2, S1.3"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Held(held) => {
                let mut by_vector = BTreeMap::new();
                for (boot, digest) in held {
                    let (other, first) = by_vector.entry(digest.vector).or_insert((boot, digest));
                    if first.fingerprint != digest.fingerprint {
                        return Err(format!(
                            "{other} and {boot} have equal vectors and hold {:016x} and {:016x}",
                            first.fingerprint, digest.fingerprint
                        ));
                    }
                }
                Ok(())
            }
            // What a clone said before it found out that it is one is what the audit is for.
            What::Told {
                event: Event::AuditFailed { peer, .. },
                ..
            } if history
                .boot_of(*peer)
                .is_some_and(|record| history.was_cloned(record)) =>
            {
                Ok(())
            }
            What::Told {
                boot,
                event: Event::AuditFailed { name, .. },
            } => Err(format!(
                "{boot} found that {name} has an equal vector and holds something else"
            )),
            _ => Ok(()),
        }
    }
}
