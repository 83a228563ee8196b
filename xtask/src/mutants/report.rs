//! What became of all of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::journal::Journal;
use super::site::Site;
use super::sources::FOLDERS;

/// A line for each mutant, then how many were found by what.
pub(super) fn report(sites: &[&Site], journal: &Journal) -> String {
    let mut text = String::new();
    let mut by = BTreeMap::<String, [usize; FOLDERS.len()]>::new();
    let (mut survived, mut rough, mut all) = (0, 0, 0);
    for site in sites {
        let Some(entry) = journal.entry(site) else {
            continue;
        };
        let outcome = &entry.outcome;
        let _ = write!(
            text,
            "{:>5} {}: {}\n      {outcome}\n",
            site.number,
            site.place(),
            site.change()
        );
        by.entry(outcome.by()).or_default()[site.folder] += 1;
        all += 1;
        survived += usize::from(outcome.is_survival());
        rough += usize::from(outcome.is_rough());
    }
    let _ = write!(text, "\n{:<36}", "");
    for folder in &FOLDERS {
        let _ = write!(text, " {:>11}", folder.name);
    }
    text += "         all\n";
    for (what, counts) in by {
        let _ = write!(text, "{what:<36}");
        for count in counts {
            let _ = write!(text, " {count:>11}");
        }
        let _ = writeln!(text, " {:>11}", counts.iter().sum::<usize>());
    }
    let _ = writeln!(
        text,
        "{} of {all} mutants found ({rough} of them by a time-out or a crash), {survived} survived",
        all - survived
    );
    text
}
