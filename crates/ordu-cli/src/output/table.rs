use ordu::printable;

use super::{Colour, Ink};

/// Rows under a head.
#[derive(Debug, Default)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<(Ink, String)>>,
}

impl Table {
    pub(crate) fn new(head: &[&'static str]) -> Self {
        Self {
            head: head.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it has as many cells as the head. What children and peers say of themselves moves no cursor here,
    /// turns no text and breaks no row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = (Ink, String)>) {
        self.rows.push(
            cells
                .into_iter()
                .map(|(ink, text)| (ink, printable(&text)))
                .collect(),
        );
    }

    /// One row a line, cells separated by tabs, no head: for programs.
    pub(crate) fn plain(&self) -> String {
        let lines = self.rows.iter().map(|row| {
            let cells: Vec<&str> = row.iter().map(|(_, text)| text.as_str()).collect();
            cells.join("\t") + "\n"
        });
        lines.collect()
    }

    /// Aligned columns under a head: for people.
    pub(crate) fn aligned(&self, colour: Colour) -> String {
        let mut widths: Vec<usize> = self.head.iter().map(|cell| width(cell)).collect();
        for row in &self.rows {
            for (widest, (_, cell)) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(cell));
            }
        }
        let mut text = String::new();
        let head = self.head.iter().map(|cell| (Ink::Head, *cell));
        align(&mut text, &widths, colour, head);
        for row in &self.rows {
            align(
                &mut text,
                &widths,
                colour,
                row.iter().map(|(ink, cell)| (*ink, cell.as_str())),
            );
        }
        text
    }
}

fn align<'a>(
    text: &mut String,
    widths: &[usize],
    colour: Colour,
    cells: impl ExactSizeIterator<Item = (Ink, &'a str)>,
) {
    let last = cells.len().saturating_sub(1);
    for (column, ((ink, cell), widest)) in cells.zip(widths).enumerate() {
        text.push_str(&colour.paint(ink, cell));
        if column < last {
            text.extend(std::iter::repeat_n(' ', widest - width(cell) + 2));
        }
    }
    text.push('\n');
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::{Colour, Ink, Table};

    fn table() -> Table {
        let mut table = Table::new(&["ID", "STATE"]);
        table.row([(Ink::Plain, "a-long-id".into()), (Ink::Good, "running".into())]);
        table.row([(Ink::Plain, "b".into()), (Ink::Bad, "failed".into())]);
        table
    }

    #[test]
    fn a_person_gets_aligned_columns_under_a_head() {
        assert_eq!(
            table().aligned(Colour::Never),
            "ID         STATE\na-long-id  running\nb          failed\n"
        );
    }

    #[test]
    fn a_program_gets_tabs_and_no_head() {
        assert_eq!(table().plain(), "a-long-id\trunning\nb\tfailed\n");
    }

    #[test]
    fn colour_does_not_disturb_the_columns() {
        let coloured = table().aligned(Colour::Always);
        assert!(
            coloured.contains("b          \x1b[31mfailed\x1b[0m\n"),
            "{coloured:?}"
        );
    }

    #[test]
    fn what_could_deceive_a_terminal_is_shown_and_not_sent() {
        let mut table = Table::new(&["ID", "STATE"]);
        table.row([
            (Ink::Plain, "\x1b[2J\n".into()),
            (Ink::Good, "run\u{202e}gnin\u{200b}".into()),
        ]);
        assert_eq!(table.plain(), "\\u{1b}[2J\\u{a}\trun\\u{202e}gnin\\u{200b}\n");
        assert!(
            table
                .aligned(Colour::Never)
                .ends_with("\\u{1b}[2J\\u{a}  run\\u{202e}gnin\\u{200b}\n")
        );
    }
}
