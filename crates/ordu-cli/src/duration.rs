//! Times as people write them.

use std::time::Duration;

/// What is expected where a time is.
pub(crate) const EXPECTED: &str = "a time such as \"500ms\", \"10s\", \"1m30s\" or \"1h\"";

/// The units, the longest first, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads `500ms`, `10s`, `2m`, `1h`, and several of them together, the longest unit first: `1m30s`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    milliseconds(text)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("expected {EXPECTED}"))
}

fn milliseconds(text: &str) -> Option<u64> {
    let (mut rest, mut units) = (text, UNITS.as_slice());
    let mut total = 0_u64;
    while !rest.is_empty() || rest.len() == text.len() {
        let (number, after) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
        let letters = after.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, after) = after.split_at(letters);
        let place = units.iter().position(|(name, _)| *name == unit)?;
        let number: u64 = number.parse().ok()?;
        total = total.checked_add(number.checked_mul(units[place].1)?)?;
        units = &units[place + 1..];
        rest = after;
    }
    Some(total)
}

/// Reads what [`parse`] reads, but 0.
pub(crate) fn parse_period(text: &str) -> Result<Duration, String> {
    match parse(text)? {
        Duration::ZERO => Err(format!("expected {EXPECTED}, longer than 0")),
        period => Ok(period),
    }
}

/// Reads what [`parse`] reads, or `infinity`, for which [`Duration::MAX`] stands.
pub(crate) fn parse_or_infinity(text: &str) -> Result<Duration, String> {
    if text == "infinity" {
        return Ok(Duration::MAX);
    }
    parse(text).map_err(|error| format!("{error}, or \"infinity\""))
}

/// What [`parse`] reads, in the largest unit that gives a whole number.
pub(crate) fn show(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, size) in UNITS {
        let size = u128::from(size);
        if milliseconds >= size && milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds / size);
        }
    }
    format!("{milliseconds}ms")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{parse, parse_period, show};

    #[test]
    fn a_time_is_shown_as_it_can_be_read() {
        for text in ["0ms", "250ms", "10s", "90s", "2m", "1h"] {
            assert_eq!(show(parse(text).unwrap()), text);
        }
    }

    #[test]
    fn a_time_may_be_of_several_units_the_longest_first() {
        let seconds = |text| parse(text).map(|time| time.as_secs_f64());
        assert_eq!(seconds("1m30s"), Ok(90.0));
        assert_eq!(seconds("1h0m5s250ms"), Ok(3605.25));
        assert_eq!(seconds("2h5s"), Ok(7205.0));
        assert_eq!(show(parse("1m30s").unwrap()), "90s");
    }

    #[test]
    fn a_period_is_longer_than_nothing() {
        for nothing in ["0s", "0m0s"] {
            assert!(parse_period(nothing).unwrap_err().ends_with("longer than 0"));
        }
        assert_eq!(parse_period("1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-1s",
            "1.5s",
            "5d",
            "1m30",
            "30s1m",
            "1m1m",
            "1m 30s",
            "1mm",
            "99999999999999999999s",
            "18446744073709551615h",
            "5000000000000h18446744073709551615ms",
        ] {
            assert!(parse(text).is_err(), "{text:?} was read");
        }
    }
}
