//! Which of the sites are tried.
//!
//! Each site has its place in a row that depends on the seed and on what the site is, and on no other site. So a
//! larger sample of the same seed begins with the smaller one, and a change of the sources changes little of it.

use super::site::Site;
use super::sources::FOLDERS;

/// Which sites are drawn, by seed and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) seed: u64,
    pub(super) count: usize,
}

impl Sample {
    /// How many of a folder are in the sample.
    fn share(self, folder: usize) -> usize {
        self.count / FOLDERS.len() + usize::from(folder < self.count % FOLDERS.len())
    }

    /// The sites of the sample, and those that step in for such as do not compile, folder by folder: of the first in
    /// each row, `reserve` more than the sample needs, or as many more as it takes, those that compile. So the same
    /// are drawn again once it is known which do not.
    pub(super) fn draw(
        self,
        sites: &[Site],
        reserve: usize,
        is_dead: impl Fn(&Site) -> bool,
    ) -> (Vec<&Site>, Vec<&Site>) {
        let (mut drawn, mut spare) = (Vec::new(), Vec::new());
        for folder in 0..FOLDERS.len() {
            let mut row: Vec<&Site> = sites.iter().filter(|site| site.folder == folder).collect();
            row.sort_by_cached_key(|site| (self.place(site), site.number));
            let share = self.share(folder);
            let mut length = share + reserve;
            let living = |length| row.iter().copied().take(length).filter(|site| !is_dead(site));
            while living(length).count() < share && length < row.len() {
                length += reserve.max(1);
            }
            let mut living = living(length);
            drawn.extend(living.by_ref().take(share));
            spare.extend(living);
        }
        (drawn, spare)
    }

    /// The place of a site in the row of its folder.
    fn place(self, site: &Site) -> u64 {
        // FNV-1a, then the last step of SplitMix64: the same everywhere and for ever.
        let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = site.key().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, hash);
        let mixed = hash ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::super::site::{Form, Found};
    use super::*;

    fn sites(each: usize) -> Vec<Site> {
        let numbered = (0..each * FOLDERS.len()).map(|number| Site {
            number: u32::try_from(number).unwrap() + 1,
            folder: number / each,
            file: format!("{}.rs", number / each),
            line: number,
            nth: 0,
            before: number.to_string(),
            found: Found {
                operator: "literal",
                range: 0..0,
                after: String::new(),
                form: Form::Expression,
                function: "f".to_owned(),
            },
        });
        numbered.collect()
    }

    fn numbers(sites: &[&Site]) -> Vec<u32> {
        sites.iter().map(|site| site.number).collect()
    }

    #[test]
    fn a_sample_is_of_all_folders_evenly_and_always_the_same() {
        let sites = sites(40);
        let sample = Sample { seed: 7, count: 20 };
        let (drawn, spare) = sample.draw(&sites, 3, |_| false);
        let of = |folder| drawn.iter().filter(|site| site.folder == folder).count();
        assert_eq!([0, 1, 2, 3, 4, 5].map(of), [4, 4, 3, 3, 3, 3]);
        assert_eq!(spare.len(), 18);
        let again = sample.draw(&sites, 3, |_| false);
        assert_eq!(numbers(&drawn), numbers(&again.0));
        let other = Sample { seed: 8, ..sample }.draw(&sites, 3, |_| false);
        assert_ne!(numbers(&drawn), numbers(&other.0));
    }

    #[test]
    fn a_larger_sample_begins_with_the_smaller_one() {
        let sites = sites(40);
        let draw = |count| numbers(&Sample { seed: 1, count }.draw(&sites, 0, |_| false).0);
        let (smaller, larger) = (draw(12), draw(60));
        assert!(smaller.iter().all(|number| larger.contains(number)));
    }

    #[test]
    fn the_next_in_the_row_steps_in_for_one_that_does_not_compile() {
        let sites = sites(10);
        let sample = Sample { seed: 1, count: 6 };
        let (drawn, spare) = sample.draw(&sites, 1, |_| false);
        let dead = drawn[0].number;
        let (after, left) = sample.draw(&sites, 1, |site| site.number == dead);
        assert_eq!(after[0], spare[0]);
        assert_eq!(numbers(&drawn)[1..], numbers(&after)[1..]);
        // Nothing new is to be compiled for that.
        assert_eq!(numbers(&left), numbers(&spare)[1..]);
        let also = spare[0].number;
        let (after, _) = sample.draw(&sites, 1, |site| [dead, also].contains(&site.number));
        assert_eq!(after.len(), 6);
        assert!(![dead, also].contains(&after[0].number));
    }
}
