use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Its exit code is 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// Runs `ordu` with these arguments to its end.
pub(crate) fn ordu<'a>(args: impl IntoIterator<Item = &'a str>) -> Said {
    program().args(args).output().unwrap().into()
}

/// The same with this text on its standard input.
pub(crate) fn ordu_with_input<'a>(args: impl IntoIterator<Item = &'a str>, input: &str) -> Said {
    let mut process = program()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    process.wait_with_output().unwrap().into()
}

/// The variables that `ordu` heeds.
pub(super) const SETTINGS: [&str; 3] = ["ORDU_SOCKET", "ORDU_LOG", "ORDU_HORDE"];

/// The binary under test, with none of the caller's settings for it.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordu"));
    for variable in SETTINGS {
        command.env_remove(variable);
    }
    command
}
