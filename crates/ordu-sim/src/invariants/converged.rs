use super::{Invariant, Verdict};
use crate::oracle::History;

/// All nodes know the same children and the same of each.
#[derive(Debug)]
pub(super) struct Converged;

impl Invariant for Converged {
    fn name(&self) -> &'static str {
        "converged"
    }

    fn rule(&self) -> &'static str {
        "S1.2"
    }

    fn settled(&self, history: &History) -> Verdict {
        let mut living = history.living();
        let Some(first) = living.next() else { return Ok(()) };
        for other in living {
            if first.children == other.children {
                continue;
            }
            let keys = first.children.keys().chain(other.children.keys());
            for child in keys {
                let (here, there) = (first.children.get(child), other.children.get(child));
                if here != there {
                    return Err(format!(
                        "{} knows of {:?}: {}; {} knows: {}",
                        first.boot,
                        child.1,
                        super::owned::brief(here),
                        other.boot,
                        super::owned::brief(there)
                    ));
                }
            }
        }
        Ok(())
    }
}
