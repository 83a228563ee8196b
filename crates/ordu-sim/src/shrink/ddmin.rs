/// What came of leaving something out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It still fails.
    Fails,
    /// It does not.
    Holds,
    /// Nothing more may be tried.
    Over,
}

/// Leaves out as much of a list as it can while what is left still fails: halves first, then finer and finer parts, and
/// at the finest until no single element can be left out any more.
///
/// Of `ddmin` this takes the half that leaves a part *out*. The other, which tries a part alone, finds nothing here: a
/// part without the boots of the hosts it needs does not fail.
///
/// ```
/// use ordu_sim::shrink::{Trial, ddmin};
///
/// let needs = |list: &[u32]| match list.contains(&3) && list.contains(&77) {
///     true => Trial::Fails,
///     false => Trial::Holds,
/// };
/// assert_eq!(ddmin((0..100).collect(), needs), [3, 77]);
/// ```
pub fn ddmin<T: Clone>(all: Vec<T>, mut trial: impl FnMut(&[T]) -> Trial) -> Vec<T> {
    let mut left = all;
    let mut size = left.len();
    while !left.is_empty() {
        size = size.clamp(1, left.len());
        let before = left.len();
        let mut at = 0;
        while at < left.len() {
            let end = (at + size).min(left.len());
            let without = [&left[..at], &left[end..]].concat();
            match trial(&without) {
                Trial::Fails => left = without,
                Trial::Holds => at = end,
                Trial::Over => return left,
            }
        }
        let removed = left.len() < before;
        if size == 1 && !removed {
            break;
        }
        if !removed {
            size = size.div_ceil(2);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(it: bool) -> Trial {
        if it { Trial::Fails } else { Trial::Holds }
    }

    #[test]
    fn no_single_element_of_what_is_left_can_be_left_out() {
        // Either 2, 9 and 14, or 5 alone; and never an odd number of even ones.
        let needs = |list: &[u32]| [2, 9, 14].iter().all(|it| list.contains(it)) || list.contains(&30);
        let left = ddmin((0..40).collect(), |list| fails(needs(list)));
        assert!(needs(&left));
        for out in 0..left.len() {
            let mut fewer = left.clone();
            fewer.remove(out);
            assert!(!needs(&fewer), "{left:?}");
        }
    }

    #[test]
    fn what_fails_anyway_needs_nothing() {
        assert!(ddmin((0..40).collect(), |_: &[u32]| Trial::Fails).is_empty());
    }

    #[test]
    fn what_is_left_when_time_is_over_still_fails() {
        let mut tries = 0;
        let left = ddmin((0..64).collect(), |list: &[u32]| {
            tries += 1;
            if tries > 4 {
                return Trial::Over;
            }
            fails(list.contains(&63))
        });
        assert!(left.contains(&63) && left.len() < 64, "{left:?}");
    }

    #[test]
    fn few_tries_are_enough_for_few_that_matter() {
        let mut tries = 0;
        ddmin((0..1_000).collect(), |list: &[u32]| {
            tries += 1;
            fails(list.contains(&500))
        });
        assert!(tries < 50, "{tries}");
    }
}
