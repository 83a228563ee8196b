use std::collections::BTreeMap;

use super::super::procfs::{self, Stat};
use super::super::tree;

/// Processes of one child, known because they were seen as descendants of what is the child's.
///
/// Whoever was seen once stays known, whatever becomes of its parents: by its number and its start time, so that no
/// other process that gets the number is taken for it. Its own descendants are found from it.
#[derive(Debug, Default)]
pub(super) struct Noted(BTreeMap<i32, Stat>);

impl Noted {
    /// Looks who descends from `roots` and from those that are known, and forgets who has ended.
    pub(super) fn look(&mut self, roots: impl IntoIterator<Item = Stat>) {
        let known = std::mem::take(&mut self.0);
        self.add(tree::families_of(known.into_values().chain(roots)));
    }

    pub(super) fn add(&mut self, seen: impl IntoIterator<Item = Stat>) {
        let seen = seen.into_iter().map(|stat| (number(&stat), stat));
        self.0.extend(seen);
    }

    pub(super) fn forget_ended(&mut self) {
        self.0.retain(|_, stat| procfs::runs(stat));
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, stat: &Stat) -> bool {
        self.0.get(&number(stat)).is_some_and(|it| it.start == stat.start)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Stat> {
        self.0.values().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn number(stat: &Stat) -> i32 {
    stat.pid.as_raw_nonzero().get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_got_the_number_of_another_is_not_taken_for_it() {
        let this = procfs::stat(rustix::process::getpid()).unwrap();
        let another = Stat {
            start: this.start + 1,
            ..this
        };
        let mut noted = Noted::default();

        noted.look([this]);

        assert!(noted.has(&this) && !noted.has(&another));
        noted.look([another]);
        assert!(noted.has(&this), "who still runs is forgotten");

        let mut noted = Noted::default();
        noted.add([another]);
        noted.look([]);
        assert!(noted.is_empty(), "{noted:?}");
    }

    #[test]
    fn a_descendant_is_found_from_who_is_known_and_forgotten_when_it_has_ended() {
        let this = procfs::stat(rustix::process::getpid()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let seen = procfs::stat(rustix::process::Pid::from_raw(pid).unwrap()).unwrap();
        let mut noted = Noted::default();

        noted.add([this]);
        noted.look([]);
        let found = noted.has(&seen);
        child.kill().unwrap();
        child.wait().unwrap();
        noted.forget_ended();

        assert!(found);
        assert!(noted.has(&this) && !noted.has(&seen));
    }
}
