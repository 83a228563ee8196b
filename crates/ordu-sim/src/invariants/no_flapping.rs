use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use ordu_core::Event;

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Boot, Fact, Moment, What};

/// How often a node may find within a second that others had given it up. Each of its peers may have, more than once if
/// connections break.
const MOST: usize = 30;

/// A node that was given up and comes back is taken back: it is not told again and again that it is down by one who
/// takes its answer for that of another.
#[derive(Debug, Default)]
pub(super) struct NoFlapping {
    found: BTreeMap<Boot, VecDeque<Moment>>,
}

impl Invariant for NoFlapping {
    fn name(&self) -> &'static str {
        "no-flapping"
    }

    fn rule(&self) -> &'static str {
        "S6.1"
    }

    fn observe(&mut self, _: &History, fact: &Fact) -> Verdict {
        let What::Told {
            boot,
            event: Event::CatchingUp,
        } = fact.what
        else {
            return Ok(());
        };
        let found = self.found.entry(boot).or_default();
        found.push_back(fact.at);
        while found
            .front()
            .is_some_and(|first| *first + Duration::from_secs(1) < fact.at)
        {
            found.pop_front();
        }
        if found.len() > MOST {
            return Err(format!(
                "{boot} was told {} times within a second that it had been given up",
                found.len()
            ));
        }
        Ok(())
    }
}
