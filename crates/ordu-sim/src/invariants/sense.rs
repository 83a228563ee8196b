use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Fact, What};

/// Every output means something: no request answered twice, no start number used twice, no spinning.
#[derive(Debug)]
pub(super) struct Sense;

impl Invariant for Sense {
    fn name(&self) -> &'static str {
        "sense"
    }

    fn rule(&self) -> &'static str {
        "the interface of the core"
    }

    fn observe(&mut self, _: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Nonsense { boot, detail } => Err(format!("{boot}: {detail}")),
            _ => Ok(()),
        }
    }
}
