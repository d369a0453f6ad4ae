//! Bytes on the wire: limits first, then deterministic CBOR, version first, one encoding per value.
//!
//! Everything is a CBOR array (RFC 8949) whose places are fixed; absent values at the end are left
//! out. [`decode`] takes exactly what [`encode`] gives: it limits the length, reads the version,
//! decodes, and compares the encoding of what it read with what it was given. So there are no
//! trailing octets, no long integers, no unknown places and no second spelling of any value.

pub mod armor;
pub mod limits;
pub mod link;
pub mod messages;
pub mod parcel;
pub mod places;

use minicbor::{Decoder, Encode, Encoder, decode::Decode};
use std::convert::Infallible;
use zeroize::Zeroizing;

/// A value with one encoding, its name for people, and its longest encoding in octets.
pub trait Wire: Encode<()> + for<'b> Decode<'b, ()> {
    /// What a person calls it, with its article: "a card".
    const NAME: &'static str;
    /// Longest encoding, in octets.
    const MAX: usize;
}

/// Octets are not the encoding of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer than any value of its kind.
    #[error("longer than {what} can be ({limit} octets)")]
    TooLong {
        /// What was expected.
        what: &'static str,
        /// Its longest encoding.
        limit: usize,
    },
    /// A version this program does not know.
    #[error("{what} of version {version}: this needs a newer version of the program")]
    Newer {
        /// What was expected.
        what: &'static str,
        /// The version that stands there.
        version: u64,
    },
    /// Anything else.
    #[error("not {what}, or damaged on its way")]
    Malformed {
        /// What was expected.
        what: &'static str,
    },
}

/// Version 1, the first place of every value that stands on its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1;

impl V1 {
    const NUMBER: u64 = 1;
}

impl<C> Encode<C> for V1 {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u64(Self::NUMBER)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for V1 {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        match d.u64()? {
            Self::NUMBER => Ok(Self),
            _ => Err(minicbor::decode::Error::message("unknown version")),
        }
    }
}

/// The one encoding of a value, in memory that is wiped.
pub fn encode<T: Encode<()>>(value: &T) -> Zeroizing<Vec<u8>> {
    let mut sink = Sink { length: 0, kept: None };
    // A sink can't fail, and our types always have an encoding.
    let _ = minicbor::encode(value, &mut sink);
    // Exact, so that no outgrown buffer with secrets is left behind.
    sink.kept = Some(Zeroizing::new(Vec::with_capacity(sink.length)));
    let _ = minicbor::encode(value, &mut sink);
    sink.kept.unwrap_or_default()
}

/// Counts octets first and keeps them then: one type for both, so that every encoding is compiled once.
struct Sink {
    length: usize,
    kept: Option<Zeroizing<Vec<u8>>>,
}

impl minicbor::encode::Write for Sink {
    type Error = Infallible;

    fn write_all(&mut self, octets: &[u8]) -> Result<(), Infallible> {
        match &mut self.kept {
            Some(kept) => kept.extend_from_slice(octets),
            None => self.length += octets.len(),
        }
        Ok(())
    }
}

/// Decodes untrusted octets.
///
/// # Errors
/// [`DecodeError`] for anything but the one encoding of a `T` within its limit.
pub fn decode<T: Wire>(octets: &[u8]) -> Result<T, DecodeError> {
    let malformed = DecodeError::Malformed { what: T::NAME };
    if octets.len() > T::MAX {
        return Err(DecodeError::TooLong { what: T::NAME, limit: T::MAX });
    }
    if let Some(version) = version_of(octets).filter(|version| *version > V1::NUMBER) {
        return Err(DecodeError::Newer { what: T::NAME, version });
    }
    let mut decoder = Decoder::new(octets);
    let value: T = decoder.decode().map_err(|_| malformed)?;
    if encode(&value).as_slice() != octets {
        return Err(malformed);
    }
    Ok(value)
}

/// The first place of an array, if it is a number.
fn version_of(octets: &[u8]) -> Option<u64> {
    let mut decoder = Decoder::new(octets);
    decoder.array().ok()?;
    decoder.u64().ok()
}

/// `length(4, big-endian) ‖ content ‖ zeros` of exactly `size` octets; `None` if it does not fit.
#[must_use]
pub fn pad(content: &[u8], size: usize) -> Option<Zeroizing<Vec<u8>>> {
    let length = u32::try_from(content.len()).ok()?;
    size.checked_sub(PAD_HEADER)?.checked_sub(content.len())?;
    let size = if planted!(NotPadded) { PAD_HEADER + content.len() } else { size };
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(content);
    out.resize(size, 0);
    Some(out)
}

/// Octets that [`pad`] puts in front.
pub const PAD_HEADER: usize = 4;

/// The content of what [`pad`] made; `None` if the length is wrong or the filler is not zeros.
#[must_use]
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let (length, rest) = padded.split_first_chunk::<PAD_HEADER>()?;
    let (content, filler) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    filler.iter().all(|octet| *octet == 0).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::{DecodeError, V1, Wire, decode, encode, pad, unpad};
    use minicbor::Encode;
    use proptest::prelude::*;
    use recovery_derive::Decode;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Sample {
        #[n(0)]
        version: V1,
        #[n(1)]
        number: u64,
        #[n(2)]
        text: Option<String>,
    }

    impl Wire for Sample {
        const NAME: &'static str = "a sample";
        const MAX: usize = 32;
    }

    const MALFORMED: Result<Sample, DecodeError> = Err(DecodeError::Malformed { what: "a sample" });

    #[test]
    fn one_encoding_per_value() {
        let sample = Sample { version: V1, number: 5, text: None };
        assert_eq!(encode(&sample).as_slice(), [0x82, 1, 5]);
        assert_eq!(decode(&[0x82, 1, 5]), Ok(sample));
        for other in [
            &[0x82, 1, 0x18, 5][..],      // a long integer
            &[0x83, 1, 5, 0xf6],          // an absent value spelled out
            &[0x9f, 1, 5, 0xff],          // indefinite length
            &[0x82, 1, 5, 0],             // a trailing octet
            &[0x84, 1, 5, 0x61, 0x61, 0], // an unknown place
            &[0x82, 1],                   // cut
            &[0x82, 0, 5],                // version 0
            &[0x83, 1, 5, 0x61, 0xff],    // not UTF-8
            &[0xa1, 1, 5],                // a map
            &[],
        ] {
            assert_eq!(decode::<Sample>(other), MALFORMED, "{other:x?}");
        }
    }

    #[test]
    fn newer_versions_and_long_inputs_are_told_apart() {
        let newer = DecodeError::Newer { what: "a sample", version: 2 };
        assert_eq!(decode::<Sample>(&[0x82, 2, 5]), Err(newer));
        let long = DecodeError::TooLong { what: "a sample", limit: 32 };
        assert_eq!(decode::<Sample>(&[0x9f; 33]), Err(long));
        assert_eq!(decode::<Sample>(&[0x81; 32]), MALFORMED);
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same(octets in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(sample) = decode::<Sample>(&octets) {
                prop_assert_eq!(encode(&sample).to_vec(), octets);
            }
        }

        #[test]
        fn padding_comes_off(content in proptest::collection::vec(any::<u8>(), 0..60), at in 0..64usize) {
            let padded = pad(&content, 64).unwrap();
            prop_assert_eq!(padded.len(), 64);
            prop_assert_eq!(unpad(&padded), Some(content.as_slice()));
            let mut changed = padded.clone();
            changed[at] ^= 1;
            prop_assert_ne!(unpad(&changed), Some(content.as_slice()));
        }
    }

    #[test]
    fn padding_has_an_end() {
        assert!(pad(&[0; 61], 64).is_none());
        assert!(pad(&[], 3).is_none());
        assert!(unpad(&[0, 0, 0]).is_none());
        assert!(unpad(&[0, 0, 0, 1]).is_none());
        assert!(unpad(&[0xff, 0xff, 0xff, 0xff, 0]).is_none());
    }
}
