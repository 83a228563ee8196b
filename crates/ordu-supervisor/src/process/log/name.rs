/// The longest stem in bytes. File systems take 255 for a name; suffixes for rotation come after it.
const LONGEST: usize = 200;

/// The name of a child as the stem of a file name, different for each id.
///
/// Letters, digits, `-`, `_` and inner dots stand for themselves, every other byte is written `%XX`. What
/// would get longer than 200 bytes is cut, and a hash of the whole id appended after a `~`, which no other
/// stem has.
///
/// ```
/// use ordu_supervisor::process::log::file_stem;
///
/// assert_eq!(file_stem("web-1.eu"), "web-1.eu");
/// assert_eq!(file_stem("../étage"), "%2E.%2F%C3%A9tage");
/// assert_eq!(file_stem(&"x".repeat(10_000)).len(), 200);
/// ```
#[must_use]
pub fn file_stem(id: &str) -> String {
    // No id is encoded to this: an escape has two digits.
    if id.is_empty() {
        return "%".into();
    }
    let mut stem = String::with_capacity(id.len().min(LONGEST));
    for (position, byte) in id.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => stem.push(byte.into()),
            b'.' if position > 0 => stem.push('.'),
            _ => {
                stem.push('%');
                stem.extend(
                    [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789ABCDEF"[usize::from(digit)])),
                );
            }
        }
        if stem.len() > LONGEST {
            let hash = format!("~{:032x}", hash(id.as_bytes()));
            stem.truncate(LONGEST - hash.len());
            return stem + &hash;
        }
    }
    stem
}

/// FNV-1a with 128 bits: the same on every machine and in every version.
fn hash(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, &byte| {
        (hash ^ u128::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stem_is_a_plain_file_name(id in any::<String>()) {
            let stem = file_stem(&id);
            prop_assert!(!stem.is_empty() && stem.len() <= LONGEST);
            prop_assert!(!stem.starts_with('.') && !stem.contains('/') && !stem.contains('\0'));
            prop_assert!(stem.is_ascii());
        }

        #[test]
        fn different_ids_have_different_stems(one in ".{0,60}", two in ".{0,60}") {
            prop_assert_eq!(file_stem(&one) == file_stem(&two), one == two);
        }
    }

    #[test]
    fn long_ids_that_differ_at_the_end_or_look_like_a_cut_one_have_different_stems() {
        let long = "long".repeat(200);
        let ids = [
            long.clone(),
            format!("{long}1"),
            format!("{long}2"),
            file_stem(&long),
        ];

        let stems: BTreeSet<String> = ids.iter().map(|id| file_stem(id)).collect();

        assert_eq!(stems.len(), ids.len());
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(hash(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(hash(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
