//! The checksum CRC-32C (Castagnoli), as RFC 4960 and the PROXY protocol have it.

/// The polynomial, with its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// What each value of a byte makes of the checksum.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let (mut entry, mut bit) = (index as u32, 0);
        while bit < 8 {
            entry = (entry >> 1) ^ if entry & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[index] = entry;
        index += 1;
    }
    table
};

/// The checksum of the bytes so far.
#[derive(Clone, Copy, Debug)]
pub struct Crc32c(u32);

impl Crc32c {
    /// That of no bytes.
    pub const fn new() -> Crc32c {
        Crc32c(!0)
    }

    /// Adds a byte.
    pub fn add(&mut self, byte: u8) {
        let [low, ..] = self.0.to_le_bytes();
        self.0 = (self.0 >> 8) ^ TABLE[usize::from(low ^ byte)];
    }

    /// The checksum itself.
    pub fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule P3: the value that is published for these digits, and two of RFC 3720, appendix B.4.
    #[test]
    fn checksums_are_those_published() {
        let table: [(&[u8], u32); 4] = [
            (b"", 0),
            (b"123456789", 0xe306_9283),
            (&[0; 32], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
        ];
        for (bytes, checksum) in table {
            let mut crc = Crc32c::new();
            bytes.iter().for_each(|&byte| crc.add(byte));
            assert_eq!(crc.value(), checksum, "{bytes:?}");
        }
    }
}
