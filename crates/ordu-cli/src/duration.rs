//! Times as people write them.

use std::time::Duration;

/// What is expected where a time is.
pub(crate) const EXPECTED: &str = "a time such as \"500ms\", \"10s\", \"2m\" or \"1h\"";

/// Reads `500ms`, `10s`, `2m`, `1h`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("expected {EXPECTED}")),
    };
    let number: u64 = number.parse().map_err(|_| format!("expected {EXPECTED}"))?;
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("expected {EXPECTED}"))
}

/// Reads what [`parse`] reads, but 0.
pub(crate) fn parse_period(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err(format!("expected {EXPECTED}, longer than 0")),
        period => Ok(period),
    }
}

/// The shortest of what [`parse`] reads.
pub(crate) fn show(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if milliseconds >= size && milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds / size);
        }
    }
    format!("{milliseconds}ms")
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_period, show};

    #[test]
    fn a_time_is_shown_as_it_can_be_read() {
        for text in ["0ms", "250ms", "10s", "90s", "2m", "1h"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn a_period_is_longer_than_nothing() {
        assert!(parse_period("0s").unwrap_err().ends_with("longer than 0"));
        assert_eq!(parse_period("1ms"), parse("1ms"));
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-1s",
            "1.5s",
            "5d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(parse(text).is_err(), "{text:?} was read");
        }
    }
}
