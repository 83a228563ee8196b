//! The text of a key file: one line `ordu-key-v1 <64 hex digits> <8 hex digits of checksum>` per key, blank
//! lines and lines that start with `#` between them.

use std::fmt::Write as _;

use super::error::KeyTextError;
use super::key::ClusterKey;
use super::secret::Secret;

const VERSION: &str = "ordu-key-v1";

const HEADER: &str = "\
# The secret of an ordu cluster. Whoever holds it can run commands on every node: keep it like a root password.
# Several keys may follow each other, one a line: the first signs, all verify.
";

pub(super) fn format(secrets: &[Secret]) -> String {
    let mut text = HEADER.to_owned();
    for secret in secrets {
        let key = hex(secret.as_bytes());
        let checksum = hex(&secret.checksum());
        writeln!(text, "{VERSION} {key} {checksum}").expect("writing to a string cannot fail");
    }
    text
}

/// Errors never quote the text: it may be most of a secret.
pub(super) fn parse(text: &str) -> Result<Vec<Secret>, KeyTextError> {
    let mut secrets = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if secrets.len() == ClusterKey::MAX_KEYS {
            return Err(KeyTextError::TooMany);
        }
        secrets.push(parse_line(line, number)?);
    }
    if secrets.is_empty() {
        Err(KeyTextError::NoKey)
    } else {
        Ok(secrets)
    }
}

fn parse_line(line: &str, number: usize) -> Result<Secret, KeyTextError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.first() != Some(&VERSION) {
        return Err(KeyTextError::Version { line: number });
    }
    let [_, key, checksum] = words[..] else {
        return Err(KeyTextError::Words {
            line: number,
            got: words.len(),
        });
    };
    let secret = unhex(key).map(Secret::from_bytes).ok_or(KeyTextError::Digits {
        line: number,
        what: "key",
        expected: 2 * Secret::LEN,
        got: key.len(),
    })?;
    let checksum: [u8; 4] = unhex(checksum).ok_or(KeyTextError::Digits {
        line: number,
        what: "checksum",
        expected: 8,
        got: checksum.len(),
    })?;
    if secret.checksum() == checksum {
        Ok(secret)
    } else {
        Err(KeyTextError::Checksum { line: number })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(16 * high + low).ok()?;
    }
    Some(bytes)
}
