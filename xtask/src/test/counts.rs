//! What the test runners said, added up.

/// Counts of one stage or of all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Tests that ran to a good end, those that skipped themselves included.
    pub(crate) passed: usize,
    /// Tests that failed.
    pub(crate) failed: usize,
    /// Tests marked `#[ignore]`.
    pub(crate) ignored: usize,
    /// Stages that failed as a whole, such as a formatter's.
    pub(crate) failed_stages: Vec<&'static str>,
    /// The `SKIPPED:` lines.
    pub(crate) notices: Vec<String>,
    in_successes: bool,
}

impl Counts {
    /// Takes in a line of a runner's output and says whether it is worth showing.
    ///
    /// The runner is asked for the output of tests that passed, since a test that skips itself passes; of
    /// that output only the notices are of interest.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.passed += number_before(result, "passed");
            self.failed += number_before(result, "failed");
            self.ignored += number_before(result, "ignored");
            return true;
        }
        // It may come behind the dots of the tests before it.
        let line = line.trim_start_matches(['.', 'F', 'i']);
        if line.starts_with("SKIPPED:") {
            self.notices.push(line.to_owned());
            return true;
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ => {}
        }
        !self.in_successes
    }

    /// Adds another stage's counts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failed_stages.extend(&other.failed_stages);
        self.notices.extend(other.notices.iter().cloned());
    }

    /// How many tests found that they cannot run here: their runner counts them as passed.
    pub(crate) fn skipped_by_themselves(&self) -> usize {
        self.notices.len().min(self.passed)
    }

    /// All tests that did not run.
    pub(crate) fn skipped(&self) -> usize {
        self.skipped_by_themselves() + self.ignored
    }

    /// Tests that failed, and stages that failed as a whole.
    pub(crate) fn all_failed(&self) -> usize {
        self.failed + self.failed_stages.len()
    }

    /// Whether all holds. `strict`: what did not run is no less than a failure, since nobody looks at why.
    pub(crate) fn outcome(&self, strict: bool) -> Result<(), String> {
        if self.all_failed() > 0 {
            return Err("not everything holds; see above".into());
        }
        match self.skipped() {
            skipped if strict && skipped > 0 => Err(format!(
                "{skipped} skipped, and with CI=true none may be: install what the lines that start with SKIPPED name, \
                 or run without CI=true"
            )),
            _ => Ok(()),
        }
    }

    /// All in one line.
    pub(crate) fn closing_line(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed - self.skipped_by_themselves(),
            self.all_failed(),
            self.skipped()
        )
    }

    /// One stage's outcome in a few words.
    pub(crate) fn verdict(&self) -> String {
        let total = self.passed + self.failed;
        match (total, self.failed) {
            (0, _) => "ok".into(),
            (_, 0) => format!("ok, {} tests, {} skipped", total, self.skipped()),
            (_, failed) => format!("FAILED: {failed} of {total} tests"),
        }
    }
}

fn number_before(result: &str, word: &str) -> usize {
    result
        .split([';', '.'])
        .filter_map(|part| part.trim().strip_suffix(word))
        .find_map(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Counts;

    fn counted(output: &str) -> (Counts, Vec<&str>) {
        let mut counts = Counts::default();
        let shown = output.lines().filter(|line| counts.line(line)).collect();
        (counts, shown)
    }

    #[test]
    fn the_results_of_several_runners_add_up() {
        let (counts, _) = counted(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\
             test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        assert_eq!((counts.passed, counts.failed, counts.ignored), (15, 2, 1));
    }

    #[test]
    fn a_test_that_skipped_itself_is_not_counted_as_passed() {
        let (counts, shown) = counted(
            "running 2 tests\n\nsuccesses:\n\n---- split stdout ----\nSKIPPED: split: not root\nnoise\n\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        assert_eq!(counts.skipped_by_themselves(), 1);
        assert_eq!(counts.verdict(), "ok, 2 tests, 1 skipped");
        assert!(shown.contains(&"SKIPPED: split: not root") && !shown.contains(&"noise"));
    }

    #[test]
    fn a_test_that_did_not_run_is_a_failure_where_nobody_looks_at_why() {
        let skipped_itself = counted(
            "successes:\n---- split stdout ----\nSKIPPED: split: not root\n\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        let ignored = counted("test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured");
        for (counts, _) in [skipped_itself, ignored] {
            assert_eq!(counts.outcome(false), Ok(()));
            let error = counts.outcome(true).unwrap_err();
            assert!(error.starts_with("1 skipped"), "{error}");
        }
        let (counts, _) = counted("test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured");
        assert_eq!(counts.outcome(true), Ok(()));
        let (counts, _) = counted("test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured");
        assert!(counts.outcome(false).is_err());
    }

    #[test]
    fn a_stage_that_failed_as_a_whole_counts_as_failed_and_keeps_what_passed() {
        let (mut counts, _) = counted("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured");
        counts.failed_stages.push("unit");
        let mut total = Counts::default();
        total.add(&counts);
        assert_eq!(total.closing_line(), "3 passed, 1 failed, 1 skipped");
    }
}
