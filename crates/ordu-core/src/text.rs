//! Text of people and of peers that other people will read.

use alloc::string::String;
use core::fmt::Write as _;

/// Whether a character shows as itself, so that nobody who reads it is deceived: none that moves the cursor or
/// colours what follows (control characters), turns the direction of what follows (such as U+202E), breaks the line,
/// or cannot be seen at all. Those are the characters of Unicode's categories Cc, Cf, Zl and Zp, those that have
/// its property `Default_Ignorable_Code_Point`, and two signs that are empty: the Braille pattern without dots and the
/// null notehead.
pub fn is_printable(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !hidden
}

/// The text with every character that does not show as itself ([`is_printable`]) written as in Rust, `\u{202e}`: for
/// terminals and logs. It is one line afterwards.
///
/// ```
/// assert_eq!(ordu_core::printable("web\u{202e}gpj\n"), r"web\u{202e}gpj\u{a}");
/// ```
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) {
            shown.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", c.escape_unicode());
        }
    }
    shown
}

/// Whether a character is shown on the one before it: an accent, a circle around it. Those are the characters of
/// Unicode's property `Grapheme_Extend`.
pub(crate) fn is_mark(c: char) -> bool {
    // Of the characters that are shown, `escape_debug` writes out these alone where they begin a text and not behind
    // another: that is promised of it.
    let is_shown = |text: &str| text.escape_debug().eq(text.chars());
    let mut alone = [0; 4];
    let mut behind = String::from("a");
    behind.push(c);
    !is_shown(c.encode_utf8(&mut alone)) && is_shown(&behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_script_signs_and_pictures_show_as_themselves() {
        for text in [
            "web-1",
            "größer",
            "счёт",
            "網站",
            "ウェブ",
            "שרת",
            "خادم",
            "a b",
            "±∑→",
            "🚀",
        ] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn what_could_deceive_a_reader_is_written_out() {
        for c in [
            '\0',
            '\t',
            '\n',
            '\r',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{200e}',
            '\u{202a}',
            '\u{202e}',
            '\u{2028}',
            '\u{2029}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{2800}',
            '\u{3164}',
            '\u{1d159}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let text = alloc::format!("a{c}b");
            assert_eq!(printable(&text), alloc::format!("a{}b", c.escape_unicode()));
        }
    }
}
