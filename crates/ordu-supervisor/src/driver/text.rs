//! Text that users brought, within text that others read line by line.

use std::fmt::{self, Display, Write};

/// A value as a field of a log line: a word, or in quotes, so that nobody takes it for other fields or lines. Cut if it is
/// long.
pub(super) struct Field<T> {
    value: T,
    length: usize,
}

impl<T: Display> Field<T> {
    /// How many characters of a name are written.
    const NAME: usize = 128;

    /// How many characters of a reason are written.
    const REASON: usize = 4_096;

    pub(super) fn name(value: T) -> Self {
        let length = Self::NAME;
        Self { value, length }
    }

    pub(super) fn reason(value: T) -> Self {
        let length = Self::REASON;
        Self { value, length }
    }
}

impl<T: Display> Display for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut head = Head {
            text: String::new(),
            left: self.length,
            cut: false,
        };
        // It stops the value when it is full; what it has got by then is what counts.
        let _ = write!(head, "{}", self.value);
        if !head.text.is_empty() && head.text.chars().all(is_plain) {
            f.write_str(&head.text)?;
        } else {
            f.write_char('"')?;
            for character in head.text.chars() {
                if matches!(character, '"' | '\\') {
                    f.write_char('\\')?;
                }
                write_visibly(character, f)?;
            }
            f.write_char('"')?;
        }
        if head.cut { f.write_char('…') } else { Ok(()) }
    }
}

/// The first characters of a text.
struct Head {
    text: String,
    left: usize,
    cut: bool,
}

impl Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.left == 0 {
                self.cut = true;
                return Err(fmt::Error);
            }
            self.left -= 1;
            self.text.push(character);
        }
        Ok(())
    }
}

/// What cannot be taken for anything but a part of a word.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':' | '@' | '+')
}

/// A value within a sentence of one line.
pub(super) struct OneLine<T>(pub(super) T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Visible(f), "{}", self.0)
    }
}

struct Visible<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Visible<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars()
            .try_for_each(|character| write_visibly(character, self.0))
    }
}

/// Escapes what ends lines, moves the cursor, turns the direction of writing, or cannot be seen.
fn write_visibly(character: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if matches!(character, ' '..='~') {
        return f.write_char(character);
    }
    // Behind another character, since a mark that belongs to the one before it may stay.
    let mut pair = [b'a', 0, 0, 0, 0];
    let length = character.encode_utf8(&mut pair[1..]).len();
    let pair = std::str::from_utf8(&pair[..=length]).unwrap_or_default();
    pair.escape_debug()
        .skip(1)
        .try_for_each(|shown| f.write_char(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_a_word_or_in_quotes() {
        for (value, written) in [
            ("worker-1", "worker-1"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("a=b", r#""a=b""#),
            ("a/b", r#""a/b""#),
            ("#1", r##""#1""##),
            (r#"say "a\b""#, r#""say \"a\\b\"""#),
            ("é", "\"é\""),
            ("नमस्ते", "\"नमस्ते\""),
            ("a\nb\r\u{1b}[2J\u{202e}", r#""a\nb\r\u{1b}[2J\u{202e}""#),
            (
                "\u{200b}\u{feff}\u{ad}\u{61c}",
                r#""\u{200b}\u{feff}\u{ad}\u{61c}""#,
            ),
        ] {
            assert_eq!(Field::name(value).to_string(), written);
        }
    }

    #[test]
    fn of_a_long_value_the_first_characters_are_written() {
        let long = "é".repeat(10_000);
        assert_eq!(
            Field::name(&long).to_string(),
            format!("\"{}\"…", "é".repeat(128))
        );
        let just = "x".repeat(128);
        assert_eq!(Field::name(&just).to_string(), just);
        assert_eq!(Field::reason(&long).to_string().chars().count(), 4_096 + 3);
    }

    #[test]
    fn a_text_stays_in_its_line_and_otherwise_as_it_is() {
        let text = "it's \"a\\b\"\nc\u{200b}é";
        assert_eq!(OneLine(text).to_string(), "it's \"a\\b\"\\nc\\u{200b}é");
    }
}
