//! Names of triggers as they are kept in shared memory, where several processes read and write
//! them at once: as words.

/// How many words a name in the catalogs has with its terminator: NAMEDATALEN is 64.
pub const NAME_WORDS: usize = 8;

/// The words of a name in the catalogs, padded with zeros, up to the first one that the
/// padding is in. There are at most [`NAME_WORDS`] of them.
pub fn name_words(name: &[u8]) -> impl Iterator<Item = u64> {
    let name = &name[..name.len().min(8 * NAME_WORDS - 1)];
    let words = name.chunks_exact(8);
    let mut last = [0; 8];
    last[..words.remainder().len()].copy_from_slice(words.remainder());
    words
        .map(|word| u64::from_ne_bytes(word.try_into().expect("a chunk has eight bytes")))
        .chain([u64::from_ne_bytes(last)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_are_those_of_the_padded_name(name in prop::collection::vec(1u8.., 0..70)) {
            let mut padded = name.clone();
            padded.truncate(63);
            let used = padded.len() / 8 + 1;
            padded.resize(8 * NAME_WORDS, 0);
            let bytes: Vec<u8> = name_words(&name).flat_map(u64::to_ne_bytes).collect();
            prop_assert_eq!(&bytes[..], &padded[..8 * used]);
        }
    }
}
