//! Reading the places of an array one after another: what `#[derive(Decode)]` is made of.
//!
//! Small on purpose: all values share these few functions.

use minicbor::{
    Decoder,
    data::Type,
    decode::{Decode, Error},
};

/// Begins an array of at most so many places; gives how many there are.
///
/// # Errors
/// If it is none, has more places, or no definite length.
pub fn begin(decoder: &mut Decoder<'_>, most: u64) -> Result<u64, Error> {
    match decoder.array()? {
        Some(places) if places <= most => Ok(places),
        _ => Err(wrong()),
    }
}

/// Whether there is a place more, which is read then.
fn take(left: &mut u64) -> bool {
    let there = *left > 0;
    *left = left.saturating_sub(1);
    there
}

/// The next place.
///
/// # Errors
/// If it is absent or something else.
pub fn next<'b, C, T: Decode<'b, C>>(
    left: &mut u64,
    decoder: &mut Decoder<'b>,
    context: &mut C,
) -> Result<T, Error> {
    next_with(left, decoder, context, T::decode)
}

/// The next place, read in a way of its own.
///
/// # Errors
/// If it is absent or something else.
pub fn next_with<'b, C, T>(
    left: &mut u64,
    decoder: &mut Decoder<'b>,
    context: &mut C,
    read: impl FnOnce(&mut Decoder<'b>, &mut C) -> Result<T, Error>,
) -> Result<T, Error> {
    if take(left) { read(decoder, context) } else { Err(wrong()) }
}

/// The next place, which may be absent at the end, or null.
///
/// # Errors
/// If it is something else.
pub fn next_option<'b, C, T: Decode<'b, C>>(
    left: &mut u64,
    decoder: &mut Decoder<'b>,
    context: &mut C,
) -> Result<Option<T>, Error> {
    next_option_with(left, decoder, context, T::decode)
}

/// The same, read in a way of its own.
///
/// # Errors
/// If it is something else.
pub fn next_option_with<'b, C, T>(
    left: &mut u64,
    decoder: &mut Decoder<'b>,
    context: &mut C,
    read: impl FnOnce(&mut Decoder<'b>, &mut C) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    if !take(left) {
        return Ok(None);
    }
    if decoder.datatype()? == Type::Null {
        return decoder.null().map(|()| None);
    }
    read(decoder, context).map(Some)
}

/// The next place, a list.
///
/// # Errors
/// If it is absent or something else.
pub fn next_list<'b, C, T: Decode<'b, C>>(
    left: &mut u64,
    decoder: &mut Decoder<'b>,
    context: &mut C,
) -> Result<Vec<T>, Error> {
    let mut list = Vec::new();
    // However many it says to have: room is made for what comes.
    for _ in 0..next_with(left, decoder, context, |decoder, _| begin(decoder, u64::MAX))? {
        list.push(T::decode(decoder, context)?);
    }
    Ok(list)
}

/// The number of a variant, in an array of two; what belongs to it follows.
///
/// # Errors
/// If there is no such array, or no number in it.
pub fn variant(decoder: &mut Decoder<'_>) -> Result<u32, Error> {
    match decoder.array()? {
        Some(2) => decoder.u32(),
        _ => Err(wrong()),
    }
}

/// Places, or a variant, that nobody may send.
#[must_use]
pub fn wrong() -> Error {
    Error::message("another number of places, or an unknown variant")
}
