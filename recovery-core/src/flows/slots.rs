//! Boxes in slots: what stands behind links, and warnings.

use super::Context;
use crate::{
    boxed,
    wire::{self, limits::SLOT_SIZES},
};

/// Boxes `content` under a secret, padded to the smallest slot.
pub(crate) fn box_for_slot(
    secret: &[u8],
    label: &str,
    content: &[u8],
    ctx: &mut Context<'_>,
) -> Option<Vec<u8>> {
    let padded = SLOT_SIZES.iter().find_map(|size| wire::pad(content, size - boxed::OVERHEAD))?;
    Some(boxed::seal(secret, label, &padded, &mut ctx.rng))
}

/// Why a slot does not open.
pub(crate) enum SlotFlaw {
    Damaged,
    Newer,
}

/// What [`box_for_slot`] put there.
pub(crate) fn open_slot<T: wire::Wire>(
    secret: &[u8],
    label: &str,
    boxed: &[u8],
) -> Result<T, SlotFlaw> {
    if !SLOT_SIZES.contains(&boxed.len()) {
        return Err(SlotFlaw::Damaged);
    }
    let padded = boxed::open(secret, label, boxed).map_err(|_| SlotFlaw::Damaged)?;
    let content = wire::unpad(&padded).ok_or(SlotFlaw::Damaged)?;
    wire::decode(content).map_err(|error| match error {
        wire::DecodeError::Newer { .. } => SlotFlaw::Newer,
        _ => SlotFlaw::Damaged,
    })
}
