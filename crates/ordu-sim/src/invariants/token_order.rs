use std::collections::{BTreeMap, BTreeSet};

use ordu_core::Token;

use super::{Invariant, Verdict};
use crate::oracle::{Child, History};
use crate::{Boot, Fact, What};

/// No token is used twice, each is its starter's own, and each is above every token of the child that its
/// starter had shown or used.
#[derive(Debug, Default)]
pub(super) struct TokenOrder {
    used: BTreeSet<(Child, Token)>,
    known: BTreeMap<(Boot, Child), Token>,
}

impl Invariant for TokenOrder {
    fn name(&self) -> &'static str {
        "token-order"
    }

    fn rule(&self) -> &'static str {
        "S3.1"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Child {
                boot,
                horde,
                id,
                info: Some(info),
                ..
            } => {
                if let Some(token) = info.token {
                    let known = self.known.entry((*boot, (horde.clone(), id.clone())));
                    let known = known.or_insert(token);
                    *known = token.max(*known);
                }
                Ok(())
            }
            What::CopyStarting {
                copy,
                boot,
                node,
                token,
                ..
            } => {
                let child = history.copy(*copy).child.clone();
                let id = child.1.clone();
                if token.owner != *node {
                    return Err(format!(
                        "{boot} starts {id:?} with the token of another node, {token}"
                    ));
                }
                if !self.used.insert((child.clone(), *token)) {
                    return Err(format!(
                        "{boot} starts {id:?} with token {token}, which was used before"
                    ));
                }
                let known = self.known.entry((*boot, child)).or_insert(*token);
                if *known > *token {
                    return Err(format!(
                        "{boot} starts {id:?} with token {token} though it knew of {known}"
                    ));
                }
                *known = *token;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
