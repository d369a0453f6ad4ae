//! RS1024: a Reed-Solomon code over GF(1024) whose three checksum words find any error in three
//! words of up to 1,023, and others with a probability of all but one in 2^30.

/// Words of the checksum.
pub(super) const WORDS: usize = 3;

const GENERATOR: [u32; 10] = [
    0x00E0_E040,
    0x01C1_C080,
    0x0383_8100,
    0x0707_0200,
    0x0E0E_0009,
    0x1C0C_2412,
    0x3808_6C24,
    0x3090_FC48,
    0x21B1_F890,
    0x03F3_F120,
];

/// The checksum words of the words before them.
pub(super) fn of(words: &[u16], extendable: bool) -> [u16; WORDS] {
    let with_blank = words.iter().chain(&[0; WORDS]);
    let rest = remainder(with_blank, extendable) ^ 1;
    [20, 10, 0].map(|shift| (rest >> shift) as u16 & 0x3FF)
}

/// Whether the last three words are the checksum of the others.
pub(super) fn fits(words: &[u16], extendable: bool) -> bool {
    remainder(words.iter(), extendable) == 1
}

/// Remainder of customization string and words by the generator, without looking at secret words.
fn remainder<'a>(words: impl Iterator<Item = &'a u16>, extendable: bool) -> u32 {
    let customization: &[u8] = if extendable { b"shamir_extendable" } else { b"shamir" };
    let customization = customization.iter().map(|letter| u16::from(*letter));
    customization.chain(words.copied()).fold(1, |rest, word| {
        let high = rest >> 20;
        let shifted = (rest & 0xF_FFFF) << 10 ^ u32::from(word);
        GENERATOR.iter().enumerate().fold(shifted, |rest, (bit, generator)| {
            rest ^ (generator & (high >> bit & 1).wrapping_neg())
        })
    })
}
