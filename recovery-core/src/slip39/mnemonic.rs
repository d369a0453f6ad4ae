//! A share as words: header and value in groups of ten bits, then the checksum.
//!
//! Looking words up takes time that depends on the share.

use super::share::{HEADER, Header, Share, require_length};
use super::{Slip39Error, checksum, words};
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// Words of the header: 40 bits.
const HEADER_WORDS: usize = 4;
/// Fewest words of a share, and most that the checksum covers.
const COUNT: RangeInclusive<usize> = 20..=1_023;
/// Letters of the longest word, and a space.
const LETTERS: usize = 9;

impl Share {
    /// The words, in lower case, with single spaces between them: 33 for 32 octets. Secret.
    #[must_use]
    pub fn to_words(&self) -> Zeroizing<String> {
        let bits = 8 * self.value().len();
        let count = bits.div_ceil(10);
        let mut numbers =
            Zeroizing::new(Vec::with_capacity(HEADER_WORDS + count + checksum::WORDS));
        to_numbers(&self.header().to_octets(), 0, &mut numbers);
        to_numbers(self.value(), 10 * count - bits, &mut numbers);
        let check = checksum::of(&numbers, self.header().extendable);
        numbers.extend_from_slice(&check);
        spell(&numbers)
    }

    /// Reads words in any case of letters, with any white space between and around them.
    ///
    /// # Errors
    /// [`Slip39Error::WordCount`], [`Slip39Error::Word`] with the position of the first word that
    /// is not on the list, [`Slip39Error::Checksum`], which says nothing of where the error is and
    /// corrects nothing, [`Slip39Error::Padding`], and those of [`Share::from_bytes`].
    pub fn from_words(text: &str) -> Result<Self, Slip39Error> {
        let numbers = look_up(text)?;
        let count = Slip39Error::WordCount { words: numbers.len() };
        let (header, rest) = numbers.split_first_chunk::<HEADER_WORDS>().ok_or(count)?;
        let (value, _) = rest.split_last_chunk::<{ checksum::WORDS }>().ok_or(count)?;
        // The flag that chooses the checksum is bit 16; the checksum covers it.
        let [_, second, ..] = header;
        if !checksum::fits(&numbers, second >> 4 & 1 == 1) {
            return Err(Slip39Error::Checksum);
        }
        let header = to_octets(header, 0)?;
        let header = <[u8; HEADER]>::try_from(header.as_slice()).map_err(|_| count)?;
        let header = Header::from_octets(header)?;
        let padding = 10 * value.len() % 16;
        if padding > 8 {
            return Err(count);
        }
        let value = to_octets(value, padding)?;
        require_length(value.len())?;
        Ok(Self::new(header, value))
    }
}

/// The numbers of words on the list.
fn look_up(text: &str) -> Result<Zeroizing<Vec<u16>>, Slip39Error> {
    let words = text.split_whitespace().count();
    if !COUNT.contains(&words) {
        return Err(Slip39Error::WordCount { words });
    }
    let mut numbers = Zeroizing::new(Vec::with_capacity(words));
    for (position, word) in (1..).zip(text.split_whitespace()) {
        numbers.push(words::index(word).ok_or(Slip39Error::Word { position })?);
    }
    Ok(numbers)
}

/// Words and spaces, in one allocation.
fn spell(numbers: &[u16]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(LETTERS * numbers.len()));
    for word in numbers.iter().filter_map(|number| words::word(*number)) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// Appends `padding` zero bits and the octets as numbers of ten bits.
fn to_numbers(octets: &[u8], padding: usize, numbers: &mut Vec<u16>) {
    let mut bits = padding;
    let mut held = 0;
    for octet in octets {
        held = held << 8 | u32::from(*octet);
        bits += 8;
        if bits >= 10 {
            bits -= 10;
            numbers.push((held >> bits) as u16 & 0x3FF);
        }
    }
}

/// The octets after `padding` bits, fewer than ten, which have to be zero.
fn to_octets(numbers: &[u16], padding: usize) -> Result<Zeroizing<Vec<u8>>, Slip39Error> {
    let (first, rest) = numbers.split_first().ok_or(Slip39Error::Padding)?;
    let mut held = u32::from(*first);
    let mut bits = 10 - padding;
    if held >> bits != 0 {
        return Err(Slip39Error::Padding);
    }
    let mut octets = Zeroizing::new(Vec::with_capacity(10 * numbers.len() / 8));
    for number in rest {
        held = held << 10 | u32::from(*number);
        bits += 10;
        while bits >= 8 {
            bits -= 8;
            octets.push((held >> bits) as u8);
        }
    }
    Ok(octets)
}
