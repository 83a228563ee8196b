/// The longest line that is held back until it is whole.
const LONGEST: usize = 16 << 10;

/// Holds the unfinished line of one stream back, so that lines of two streams do not mix.
#[derive(Debug, Default)]
pub(super) struct Lines {
    unfinished: Vec<u8>,
}

impl Lines {
    /// Passes on what is whole, or too long to wait for.
    pub(super) fn push(&mut self, bytes: &[u8], whole: &mut Vec<u8>) {
        let end = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |newline| newline + 1);
        if end > 0 {
            self.flush(whole);
            whole.extend_from_slice(&bytes[..end]);
        }
        self.unfinished.extend_from_slice(&bytes[end..]);
        if self.unfinished.len() > LONGEST {
            self.flush(whole);
        }
    }

    /// Passes on what there is.
    pub(super) fn flush(&mut self, whole: &mut Vec<u8>) {
        whole.append(&mut self.unfinished);
    }

    /// Forgets what there is; returns how much it was.
    pub(super) fn clear(&mut self) -> usize {
        let length = self.unfinished.len();
        self.unfinished.clear();
        length
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unfinished.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_passed_on() {
        let (mut lines, mut whole) = (Lines::default(), Vec::new());

        lines.push(b"on", &mut whole);
        assert_eq!(whole, b"");
        lines.push(b"e\ntwo\nth", &mut whole);
        assert_eq!(whole, b"one\ntwo\n");
        lines.flush(&mut whole);

        assert_eq!(whole, b"one\ntwo\nth");
        assert!(lines.is_empty());
    }

    #[test]
    fn a_line_without_end_is_not_held_back_for_ever() {
        let (mut lines, mut whole) = (Lines::default(), Vec::new());

        for _ in 0..5 {
            lines.push(&[b'x'; 5000], &mut whole);
        }

        assert_eq!(whole.len() + lines.unfinished.len(), 25_000);
        assert!(lines.unfinished.len() <= LONGEST);
    }
}
