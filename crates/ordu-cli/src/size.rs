//! Amounts of bytes as people write them.

/// What is expected where a size is.
pub(crate) const EXPECTED: &str = "a size such as \"500MiB\", \"1GiB\" or a number of bytes";

/// Reads `4096`, `64KiB`, `500MiB`, `1GiB`, `2TiB`.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(format!("expected {EXPECTED}")),
    };
    let number: Option<u64> = number.parse().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("expected {EXPECTED}"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_size_is_a_number_with_a_unit_of_two_to_the_ten() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("64KiB"), Ok(65_536));
        assert_eq!(parse("1GiB"), Ok(1 << 30));
        assert_eq!(parse("0"), Ok(0));
    }

    #[test]
    fn what_is_no_size_or_too_large_is_refused() {
        for text in [
            "",
            "GiB",
            "1GB",
            "1 GiB",
            "-1",
            "1.5GiB",
            "99999999999TiB",
            "99999999999999999999",
        ] {
            assert!(parse(text).is_err(), "{text:?} was read");
        }
    }
}
