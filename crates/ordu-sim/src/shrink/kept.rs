use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::{Moment, Plan};

/// What of a plan is kept.
///
/// The elements of a plan are numbered: its faults, then its calls, then the hosts that are booted when the chaos ends,
/// then the calls of the calm.
/// They are written as `0-3,7`; nothing is `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The numbers of the elements.
    pub elements: BTreeSet<usize>,
    /// When the chaos ends.
    pub calm_at: Moment,
}

/// A list of numbers that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongNumbers(String);

impl Kept {
    /// All of a plan.
    pub fn everything(plan: &Plan) -> Self {
        Self {
            elements: (0..plan.elements()).collect(),
            calm_at: plan.calm_at,
        }
    }

    /// Reads what [`Kept`] shows of its elements.
    pub fn parse_elements(text: &str) -> Result<BTreeSet<usize>, WrongNumbers> {
        let wrong = || WrongNumbers(text.to_owned());
        if text == "none" {
            return Ok(BTreeSet::new());
        }
        let number = |text: &str| usize::from_str(text).map_err(|_| wrong());
        let mut elements = BTreeSet::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last || last > 1_000_000 {
                return Err(wrong());
            }
            elements.extend(first..=last);
        }
        Ok(elements)
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut elements = self.elements.iter().copied().peekable();
        if elements.peek().is_none() {
            return f.write_str("none");
        }
        let mut separator = "";
        while let Some(first) = elements.next() {
            let mut last = first;
            while let Some(next) = elements.next_if_eq(&(last + 1)) {
                last = next;
            }
            write!(f, "{separator}{first}")?;
            if last > first {
                write!(f, "-{last}")?;
            }
            separator = ",";
        }
        Ok(())
    }
}

impl fmt::Display for WrongNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected numbers like 0-3,7 or none, not {:?}", self.0)
    }
}

impl std::error::Error for WrongNumbers {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_as_it_is_written() {
        for (text, elements) in [
            ("none", vec![]),
            ("4", vec![4]),
            ("0-2,5,7-8", vec![0, 1, 2, 5, 7, 8]),
        ] {
            let elements = BTreeSet::from_iter(elements);
            assert_eq!(Kept::parse_elements(text), Ok(elements.clone()));
            let calm_at = Moment::default();
            assert_eq!(Kept { elements, calm_at }.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_list_of_numbers_is_refused() {
        for text in ["", "1,", "3-1", "a", "0-99999999999"] {
            assert!(Kept::parse_elements(text).is_err(), "{text:?}");
        }
    }
}
