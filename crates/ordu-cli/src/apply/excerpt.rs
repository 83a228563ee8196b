use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};
use ordu::{is_printable, printable};

use super::problem::Lines;

/// The most that is shown of a line, in characters, and how much of that is before a problem.
const WIDTH: usize = 160;
const BEFORE: usize = 60;

/// Where something is left out.
const CUT: char = '…';

/// The lines around a problem, which is all that is kept of a file for showing it: a file may be long, and all of
/// it may be one line.
#[derive(Debug)]
pub(super) struct Excerpt {
    file: String,
    /// Up to three lines.
    text: String,
    /// The number of the first of them, from 1.
    first: usize,
    /// The number of the one with the problem.
    line: usize,
    /// Bytes of that line that are left out at its beginning, less the mark that says so.
    left_out: usize,
}

impl Excerpt {
    /// The lines around a place in the text of a file, and where that place is in them. A place of several lines
    /// ends with its first.
    pub(super) fn around(file: &str, text: &str, lines: &Lines, at: &Range<usize>) -> (Self, Range<usize>) {
        let start = text.floor_char_boundary(at.start);
        let own = line_around(text, start);
        let end = text.floor_char_boundary(at.end).clamp(start, own.end);
        let before = own.start.checked_sub(1).map(|end| line_around(text, end));
        let after = (own.end < text.len()).then(|| line_around(text, own.end + 1));

        let number = lines.number(start);
        let shown = Shown::of(&text[own.clone()], start - own.start, end - own.start);
        let mut excerpt = String::new();
        if let Some(before) = &before {
            excerpt.push_str(&Shown::of(&text[before.clone()], 0, 0).text);
            excerpt.push('\n');
        }
        let place = excerpt.len() + shown.start..excerpt.len() + shown.end;
        excerpt.push_str(&shown.text);
        if let Some(after) = after {
            excerpt.push('\n');
            excerpt.push_str(&Shown::of(&text[after], 0, 0).text);
        }
        let this = Self {
            file: file.to_owned(),
            text: excerpt,
            first: number - usize::from(before.is_some()),
            line: number,
            left_out: shown.left_out,
        };
        (this, place)
    }

    /// The number of the line with the problem, from 1.
    pub(super) fn line(&self) -> usize {
        self.line
    }
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let found = self.text.read_span(span, before, after)?;
        // With lines before it the contents begin at the beginning of one.
        let left_out = if before == 0 { self.left_out } else { 0 };
        Ok(Box::new(MietteSpanContents::new_named(
            self.file.clone(),
            found.data(),
            *found.span(),
            found.line() + self.first - 1,
            found.column() + left_out,
            found.line_count(),
        )))
    }
}

/// A line as it is shown, and where a part of it is.
struct Shown {
    text: String,
    start: usize,
    end: usize,
    left_out: usize,
}

impl Shown {
    fn of(line: &str, start: usize, end: usize) -> Self {
        let before = line[..start].chars().count();
        let long = line.chars().nth(WIDTH).is_some();
        let skipped = if long { before.saturating_sub(BEFORE) } else { 0 };
        let mut shown = Self {
            text: String::new(),
            start: 0,
            end: 0,
            left_out: line
                .char_indices()
                .nth(skipped)
                .map_or(0, |(at, _)| at.saturating_sub(CUT.len_utf8())),
        };
        if skipped > 0 {
            shown.text.push(CUT);
        }
        let mut rest = line.char_indices().skip(skipped);
        for (at, c) in rest.by_ref().take(WIDTH) {
            if at == start {
                shown.start = shown.text.len();
            }
            if at == end {
                shown.end = shown.text.len();
            }
            // The file moves no cursor and turns no text.
            if is_printable(c) || c == '\t' {
                shown.text.push(c);
            } else {
                shown.text.push_str(&printable(c.encode_utf8(&mut [0; 4])));
            }
        }
        if start == line.len() {
            shown.start = shown.text.len();
        }
        let cut = rest.next().is_some();
        if cut {
            shown.text.push(CUT);
        }
        if end == line.len() || shown.end < shown.start {
            shown.end = shown.text.len();
        }
        shown
    }
}

/// The line that a byte, or the end of the text, is in; without its end.
fn line_around(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |before| before + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(text: &str, at: Range<usize>) -> (Excerpt, Range<usize>) {
        Excerpt::around("f", text, &Lines::of(text), &at)
    }

    /// The line of the problem as it is shown, and what of it is underlined.
    fn shown(text: &str, at: Range<usize>) -> (String, String) {
        let (excerpt, place) = around(text, at);
        let line = line_around(&excerpt.text, place.start);
        (excerpt.text[line].to_owned(), excerpt.text[place].to_owned())
    }

    #[test]
    fn a_short_line_is_shown_whole_between_its_neighbours() {
        let text = "one\ntwo\nthree\nfour\n";
        let (excerpt, place) = around(text, 8..13);
        assert_eq!(excerpt.text, "two\nthree\nfour");
        assert_eq!(
            (excerpt.line(), excerpt.first, &excerpt.text[place]),
            (3, 2, "three")
        );
    }

    #[test]
    fn of_a_long_line_only_what_is_around_the_problem_is_shown() {
        let text = format!("{}!{}", "a".repeat(1_000_000), "b".repeat(1_000_000));
        let (line, place) = shown(&text, 1_000_000..1_000_001);
        assert_eq!(line.chars().count(), WIDTH + 2);
        assert_eq!(place, "!");
        let (excerpt, place) = around(&text, 1_000_000..1_000_001);
        let contents = excerpt.read_span(&SourceSpan::from(place), 0, 0).unwrap();
        assert_eq!((contents.line(), contents.column()), (0, 1_000_000));
    }

    #[test]
    fn a_place_at_the_end_or_within_a_character_or_over_several_lines_is_shown_too() {
        assert_eq!(shown("", 0..0), (String::new(), String::new()));
        assert_eq!(shown("ab", 2..2), ("ab".to_owned(), String::new()));
        assert_eq!(shown("aä", 2..3).0, "aä");
        assert_eq!(shown("ab\ncd\n", 1..5), ("ab".to_owned(), "b".to_owned()));
        assert_eq!(shown("ab\n", 3..3), (String::new(), String::new()));
    }

    #[test]
    fn what_would_move_the_cursor_is_shown_and_not_sent() {
        assert_eq!(
            shown("\x1b[2Jx", 4..5),
            ("\\u{1b}[2Jx".to_owned(), "x".to_owned())
        );
        assert_eq!(
            shown("a\u{202e}b", 1..4),
            ("a\\u{202e}b".to_owned(), "\\u{202e}".to_owned())
        );
    }
}
