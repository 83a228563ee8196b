use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use ordu_core::recording::{Described, Recording, VERSION};
use ordu_sim::{ReplayEnd, Step, replay};

use crate::options;

/// Which recording, and what to show of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Replaying {
    /// The file.
    file: PathBuf,
    /// Whether to print every input and output.
    trace: bool,
    /// Whether to print all that the node knows at the end.
    state: bool,
    /// After how many inputs to stop.
    until: Option<u64>,
}

impl Replaying {
    /// Reads the command line; the error says what was wrong with it.
    fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut args = args.into_iter();
        let (mut file, mut until) = (None, None);
        let (mut trace, mut state) = (false, false);
        while let Some(flag) = args.next() {
            match flag.as_str() {
                "--replay" => file = Some(args.next().ok_or("--replay needs a file")?),
                "--until" => {
                    let number = args.next().ok_or("--until needs a number")?;
                    let parsed = number
                        .parse()
                        .map_err(|_| format!("--until needs a number, not {number:?}"))?;
                    until = Some(parsed);
                }
                "--trace" => trace = true,
                "--state" => state = true,
                other => return Err(format!("{other:?} does not go with --replay")),
            }
        }
        let file = file.ok_or("--replay needs a file")?.into();
        Ok(Self {
            file,
            trace,
            state,
            until,
        })
    }
}

/// A command line that asks for a replay.
pub(crate) fn main(args: Vec<String>) -> ExitCode {
    match Replaying::parse(args) {
        Ok(options) => run(&options),
        Err(error) => {
            eprintln!("{error}\n\n{}", options::USAGE);
            ExitCode::from(2)
        }
    }
}

/// Replays a recording and says whether all was the same. Exit code 1 if not, 2 if it is none.
fn run(options: &Replaying) -> ExitCode {
    let shown = options.file.display();
    let bytes = match std::fs::read(&options.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{shown}: {error}");
            return ExitCode::from(2);
        }
    };
    if let Ok(recording) = Recording::open(&bytes) {
        let config = &recording.header().config;
        println!(
            "{shown}: node {} at {}, {}",
            config.name,
            config.addr,
            recording.header().id
        );
        if recording.version() != VERSION {
            println!(
                "{shown}: it was recorded by ordu {}, this is {VERSION}: answers may differ for that alone",
                recording.version()
            );
        }
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let mut show = |step: Step<'_>| {
        if options.trace {
            // Nobody reads it any more: the verdict is the exit code's.
            let _ = match step {
                Step::Input(number, now, input) => {
                    let (secs, micros) = (now.mono.0 / 1_000_000, now.mono.0 % 1_000_000);
                    writeln!(out, "{secs:>4}.{micros:06} #{number} < {}", Described(input))
                }
                Step::Output(output) => writeln!(out, "            > {}", Described(output)),
            };
        }
    };
    let replayed = match replay(&bytes, options.until, &mut show) {
        Ok(replayed) => replayed,
        Err(error) => {
            eprintln!("{shown}: {error}");
            return ExitCode::from(2);
        }
    };
    drop(out);
    if options.state {
        println!("{:#?}", replayed.node);
    }
    println!(
        "{shown}: {} inputs and {} outputs over {:.3} s",
        replayed.inputs,
        replayed.outputs,
        replayed.length.as_secs_f64()
    );
    match &replayed.outcome {
        Ok(ending) => {
            println!("{shown}: all answers are the same; {}", ended(*ending));
            ExitCode::SUCCESS
        }
        Err(difference) => {
            println!("{shown}: at input #{} the node {difference}", replayed.inputs);
            ExitCode::FAILURE
        }
    }
}

fn ended(ending: ReplayEnd) -> &'static str {
    match ending {
        ReplayEnd::Ended => "so is the state at the end",
        ReplayEnd::Killed => "the recorded node was killed after the last one",
        ReplayEnd::Unanswered => {
            "the recording ends before the answer to the last input: the node was killed at it"
        }
        ReplayEnd::Cut => "the last entry is cut off: the recorded node was killed",
        ReplayEnd::Stopped => "stopped there, as asked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Replaying, String> {
        Replaying::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_recording_is_replayed_as_far_as_is_asked() {
        let replaying = Replaying {
            file: "n1.rec".into(),
            trace: false,
            state: true,
            until: Some(17),
        };
        assert_eq!(parse("--replay n1.rec --state --until 17"), Ok(replaying));
    }

    #[test]
    fn a_wrong_command_line_is_refused_with_a_reason() {
        assert!(parse("--replay").unwrap_err().contains("needs a file"));
        assert!(
            parse("--replay f --until x")
                .unwrap_err()
                .contains("needs a number")
        );
        assert!(parse("--replay f --seed 3").unwrap_err().contains("--seed"));
    }
}
