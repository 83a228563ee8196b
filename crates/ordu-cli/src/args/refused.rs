use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ContextValue;
use ordu::{is_printable, printable};

use crate::failure::Failure;
use crate::output::{say_lines, unwritten, without_tricks};

/// Says why a command line cannot be taken, or what it asks to be told; gives the exit code.
pub(super) fn tell(error: clap::Error) -> Result<ExitCode, Failure> {
    let is_shown = |word: OsString| word.to_string_lossy().chars().all(is_printable);
    let code = error.exit_code();
    if !error.use_stderr() {
        error.print().map_err(|error| unwritten(&error))?;
    } else if std::env::args_os().all(is_shown) {
        // In colour, if there is any. What standard error does not take is lost.
        let _ = error.print();
    } else {
        say_lines(shown(error));
    }
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What there is to say, without colour: of a word that was typed nobody can tell any more, once it is part of the text,
/// which control characters are its own.
fn shown(mut error: clap::Error) -> String {
    let all = |texts: &[String]| texts.iter().map(|text| printable(text)).collect();
    let context: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(text) => Some((kind, ContextValue::String(printable(text)))),
            ContextValue::Strings(texts) => Some((kind, ContextValue::Strings(all(texts)))),
            _ => None,
        })
        .collect();
    for (kind, value) in context {
        error.insert(kind, value);
    }
    without_tricks(&error.render().to_string())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::shown;
    use crate::args::Cli;

    #[test]
    fn what_was_typed_is_told_with_every_character_that_does_not_show_written_out() {
        let told = |words: &[&str]| shown(Cli::try_parse_from([&["ordu"], words].concat()).unwrap_err());
        let text = told(&["ps", "--timeout", "\u{1b}[2J\u{202e}5s"]);
        assert!(
            text.contains("invalid value '\\u{1b}[2J\\u{202e}5s' for '--timeout <TIME>'"),
            "{text}"
        );
        let text = told(&["ps", "--a\u{3164}\n"]);
        assert!(
            text.contains("unexpected argument '--a\\u{3164}\\u{a}' found\n"),
            "{text}"
        );
    }
}
