//! Asks the unit tests whether a mutant is wrong.

use std::path::PathBuf;
use std::time::Duration;

use super::build::Program;
use super::outcome::How;
use super::process::{End, Ran, Run};
use super::tree::Tree;

/// The test programs, each of which passes while no mutant is chosen.
#[derive(Debug)]
pub(super) struct Units {
    programs: Vec<(Program, Passed)>,
    notes: PathBuf,
    jobs: usize,
}

/// How a program passes.
#[derive(Clone, Copy, Debug)]
struct Passed {
    took: Duration,
    /// So many tests.
    tests: usize,
}

/// What the tests said of a mutant.
#[derive(Debug, Default)]
pub(super) struct Tried {
    pub(super) found: Option<How>,
    pub(super) reached: bool,
    pub(super) notes: Vec<String>,
}

impl Units {
    /// Runs all of them with no mutant chosen. All must pass.
    pub(super) fn new(
        programs: Vec<Program>,
        tree: &Tree,
        notes: PathBuf,
        jobs: usize,
    ) -> Result<Self, String> {
        let mut units = Self {
            programs: Vec::new(),
            notes,
            jobs,
        };
        for program in programs {
            let limit = Duration::from_mins(10);
            let ran = units.run(&program, tree, None, limit, &[], |_| false)?;
            let what = format!("{} {}", program.package, program.name);
            let tests = passed(&ran).filter(|tests| *tests > 0);
            let tests = tests.ok_or_else(|| {
                let failed: Vec<_> = ran.lines.iter().filter_map(|line| failed(line)).collect();
                format!(
                    "with no mutant chosen the tests of {what} end with {} {failed:?}",
                    ran.end
                )
            })?;
            let took = ran.took;
            println!("{what}: {tests} tests pass in {:.1} s", took.as_secs_f64());
            units.programs.push((program, Passed { took, tests }));
        }
        Ok(units)
    }

    /// Runs the tests of a package with a mutant, until one fails.
    pub(super) fn ask(&self, package: &str, mutant: u32, tree: &Tree) -> Result<Tried, String> {
        let mut tried = Tried::default();
        for (program, before) in self.programs.iter().filter(|(of, _)| of.package == package) {
            tried.found = self.ask_one(program, *before, mutant, tree, &mut tried)?;
            if tried.found.is_some() {
                break;
            }
        }
        Ok(tried)
    }

    fn ask_one(
        &self,
        program: &Program,
        before: Passed,
        mutant: u32,
        tree: &Tree,
        tried: &mut Tried,
    ) -> Result<Option<How>, String> {
        let name = format!("{} {}", program.package, program.name);
        // Others may use the machine too.
        let limit = before.took * 8 + Duration::from_secs(30);
        let mut skipped = Vec::new();
        loop {
            let args: Vec<&str> = skipped
                .iter()
                .flat_map(|test: &String| ["--skip", test])
                .collect();
            let is_failure = |line: &str| failed(line).is_some();
            let ran = self.run(program, tree, Some(mutant), limit, &args, is_failure)?;
            tried.reached |= ran.reached;
            let how = match (&ran.end, ran.lines.last().and_then(|line| failed(line))) {
                (End::Exited(0), _) if passed(&ran) == Some(before.tests - skipped.len()) => return Ok(None),
                (End::Stopped, Some(test)) => How::Failed(test.to_owned()),
                (End::TimeOut, _) => How::TimeOut,
                (end, _) => How::Crashed(end.to_string()),
            };
            // Is it because of the mutant?
            let chosen = Some(mutant);
            let fails_again = match how {
                _ if !ran.reached => false,
                How::Failed(_) | How::Crashed(_) => !self.passes(program, before, tree, chosen, &how)?,
                How::TimeOut => true,
            };
            match how {
                _ if fails_again && self.passes(program, before, tree, None, &how)? => return Ok(Some(how)),
                How::Failed(test) => {
                    tried.notes.push(format!(
                        "{name}: {test} fails now and then, or also without the mutant"
                    ));
                    skipped.push(test);
                }
                How::Crashed(_) | How::TimeOut => {
                    return Err(format!("{name}: {how}, but not because of the mutant {mutant}"));
                }
            }
        }
    }

    /// Whether what failed passes with this mutant, or none.
    fn passes(
        &self,
        program: &Program,
        before: Passed,
        tree: &Tree,
        mutant: Option<u32>,
        how: &How,
    ) -> Result<bool, String> {
        let limit = before.took * 8 + Duration::from_secs(30);
        let (args, tests) = match how {
            How::Failed(test) => (vec![test.as_str()], 1),
            How::Crashed(_) | How::TimeOut => (Vec::new(), before.tests),
        };
        let ran = self.run(program, tree, mutant, limit, &args, |_| false)?;
        Ok(passed(&ran) == Some(tests))
    }

    fn run(
        &self,
        program: &Program,
        tree: &Tree,
        mutant: Option<u32>,
        limit: Duration,
        args: &[&str],
        is_enough: impl Fn(&str) -> bool,
    ) -> Result<Ran, String> {
        // What an earlier run left there is not tried again.
        tree.restore()?;
        let mut all = vec![format!("--test-threads={}", self.jobs), "--exact".to_owned()];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        let run = Run {
            program: &program.path,
            folder: &program.folder,
            args: all,
            mutant,
            limit,
            notes: &self.notes,
        };
        run.run(is_enough)
    }
}

/// The test that failed, if a line says so.
fn failed(line: &str) -> Option<&str> {
    let test = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(test.split(" - should panic").next().unwrap_or(test))
}

/// How many tests a run says have passed, if none failed and all came to their end.
fn passed(ran: &Ran) -> Option<usize> {
    if ran.end != End::Exited(0) {
        return None;
    }
    let result = |line: &String| {
        let result = line.strip_prefix("test result: ok. ")?;
        result.split(' ').next()?.parse().ok()
    };
    ran.lines.iter().find_map(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(end: End, line: &str) -> Ran {
        Ran {
            end,
            reached: false,
            lines: vec![String::new(), line.to_owned()],
            took: Duration::ZERO,
        }
    }

    #[test]
    fn the_test_that_failed_is_known_by_its_name() {
        assert_eq!(failed("test a::b ... FAILED"), Some("a::b"));
        assert_eq!(failed("test a::b - should panic ... FAILED"), Some("a::b"));
        assert_eq!(failed("test a::b ... ok"), None);
        assert_eq!(failed("test result: FAILED. 1 passed; 1 failed"), None);
    }

    #[test]
    fn a_run_passes_only_if_it_says_so_and_ends_well() {
        let line = "test result: ok. 12 passed; 0 failed; 0 ignored";
        assert_eq!(passed(&ran(End::Exited(0), line)), Some(12));
        assert_eq!(passed(&ran(End::Exited(101), line)), None);
        assert_eq!(passed(&ran(End::Signal(9), line)), None);
        assert_eq!(passed(&ran(End::Exited(0), "nothing")), None);
    }

    /// What tests say of a mutant if they are a program that does what `script` says where `$m` is chosen; 8 is none
    /// that is ever reached.
    fn asked(mutant: u32, script: &str) -> Result<Tried, String> {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("crates")).unwrap();
        std::fs::write(root.join("Cargo.lock"), "").unwrap();
        let tree = Tree::new(&root, &folder.path().join("tree"));
        let path = folder.path().join("tests");
        let script = format!(
            "#!/bin/sh\nm=${{ORDU_MUTANT-0}}; [ $m = 0 ] || [ $m = 8 ] || echo 1 > $ORDU_MUTANT_REACHED\n\
             fail() {{ echo \"test a::b ... FAILED\"; exit 101; }}\n\
             n=2; case \"$*\" in *a::b*) n=1;; esac\ncase \"$*\" in *--skip*) ;; *) {script};; esac\n\
             echo \"test result: ok. $n passed; 0 failed\"\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        let program = Program {
            package: "p".to_owned(),
            name: "tests".to_owned(),
            path,
            folder: folder.path().to_owned(),
        };
        let units = Units::new(vec![program], &tree, folder.path().to_owned(), 1)?;
        units.ask("p", mutant, &tree)
    }

    #[test]
    fn a_test_that_fails_with_the_mutant_alone_has_found_it() {
        let tried = asked(7, "[ $m = 0 ] || fail").unwrap();
        assert_eq!(tried.found, Some(How::Failed("a::b".to_owned())));
        assert!(tried.notes.is_empty());
        let tried = asked(7, "[ $m = 0 ] || kill -6 $$").unwrap();
        assert_eq!(tried.found, Some(How::Crashed("signal 6".to_owned())));
        let tried = asked(7, ":").unwrap();
        assert_eq!((tried.found, tried.reached), (None, true));
    }

    #[test]
    fn a_test_that_fails_for_another_reason_has_found_nothing() {
        let once = "[ $m = 0 ] || [ -e once ] || { echo > once; fail; }";
        let unreached = "[ $m = 0 ] || fail";
        for (mutant, script, reached) in [(7, once, true), (8, unreached, false)] {
            let tried = asked(mutant, script).unwrap();
            assert_eq!((tried.found, tried.reached), (None, reached));
            assert_eq!(tried.notes.len(), 1);
        }
    }

    #[test]
    fn tests_that_do_not_pass_without_a_mutant_judge_none() {
        assert!(asked(7, "fail").unwrap_err().contains("a::b"));
        assert!(asked(7, "exit 127").unwrap_err().contains("exit code 127"));
        let crash = "[ $m = 0 ] && [ -e once ] && exit 3; echo > once; [ $m = 0 ] || exit 3";
        assert!(asked(7, crash).unwrap_err().contains("not because of"));
    }
}
