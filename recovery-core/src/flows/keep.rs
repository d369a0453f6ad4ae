//! Keeping: a contact takes a bundle, stores it, and proves that it holds it.

use super::{
    Context, Event, Step,
    device::Device,
    protect::{GENERATIONS, bundle_hash},
};
use crate::{
    circle::{Held, HeldBundle, audit_key, receipt_proof},
    ids::ContactId,
    seal::{self, Letter},
    secret::SecretBytes,
    sign::{Kind, Signed},
    slip39::Share,
    wire::{
        self, V1,
        limits::SLOT_SIZES,
        messages::{Bundle, Pieces, Receipt},
    },
};

/// Most shares of one contact in one circle.
pub(crate) const SHARES_MAX: usize = 16;

impl Device {
    /// Friend: a message from an owner came: a bundle.
    pub(crate) fn on_owner_message(
        &mut self,
        id: ContactId,
        message: &[u8],
        ctx: &mut Context<'_>,
    ) -> Step {
        let Some(held) = self.held_of(id) else {
            return Step::default();
        };
        let name = held.name.clone();
        let ignored = |why| Step::event(Event::Ignored { from: Some(name.clone()), why });
        let Ok(letter) = seal::open(&self.identity, message) else {
            return ignored("it is not sealed to you, or was changed");
        };
        if letter.signed.kind != Kind::Bundle {
            return ignored("an owner does not send such messages");
        }
        match self.check_bundle(held, &letter) {
            Err(why) => Step::event(Event::PieceRefused { owner: name, why }),
            Ok(Some(fresh)) => self.store_bundle(id, fresh, ctx),
            Ok(None) => Step::default(),
        }
    }

    /// A bundle that is right and new; `None` for one that is known or older than what is held.
    fn check_bundle(
        &self,
        held: &Held,
        letter: &Letter,
    ) -> Result<Option<(Bundle, HeldBundle)>, &'static str> {
        let me = self.id();
        let bundle: Bundle = letter
            .signed
            .verify(held.card.keys(), me.as_bytes())
            .map_err(|_| "its signature is wrong")?;
        if bundle.contact != me || bundle.owner.id() != held.card.id() {
            return Err("it is for somebody else");
        }
        let pieces = letter.attachment.as_deref().ok_or("the piece itself is missing")?;
        let pieces: Pieces = wire::decode(pieces).map_err(|_| "the piece itself is damaged")?;
        check_pieces(&bundle, &pieces)?;
        if let Some(same) = held.bundles.iter().find(|b| b.generation == bundle.generation) {
            let known = same.circle == bundle.circle;
            return if known { Ok(None) } else { Err("another piece has its place already") };
        }
        if held.bundles.last().is_some_and(|newest| newest.generation > bundle.generation) {
            return Ok(None);
        }
        let stored = HeldBundle {
            signed: letter.signed.clone(),
            circle: bundle.circle,
            generation: bundle.generation,
            pieces,
            stored: 0,
        };
        Ok(Some((bundle, stored)))
    }

    fn store_bundle(
        &mut self,
        id: ContactId,
        (bundle, mut fresh): (Bundle, HeldBundle),
        ctx: &mut Context<'_>,
    ) -> Step {
        let audit = audit_key(&fresh.pieces.shares, bundle.circle, self.id());
        let proof = receipt_proof(&audit, &bundle_hash(&fresh.signed));
        let receipt = Receipt { version: V1, circle: bundle.circle, proof };
        let receipt = Signed::new(&receipt, &self.identity, id.as_bytes());
        let sealing = &bundle.owner.keys().sealing;
        let Ok(body) = seal::seal(&Letter::new(receipt, None), sealing, &mut ctx.rng) else {
            return Step::default();
        };
        let Some(held) = self.state.vault.held.iter_mut().find(|held| held.card.id() == id) else {
            return Step::default();
        };
        fresh.stored = ctx.now;
        let mut step = Step::event(Event::PieceStored {
            owner: held.name.clone(),
            generation: bundle.generation,
        });
        step.post(bundle.owner.mailboxes(), &body);
        held.bundles.push(fresh);
        let surplus = held.bundles.len().saturating_sub(GENERATIONS);
        held.bundles.drain(..surplus);
        held.card = bundle.owner;
        held.seen = ctx.now;
        self.state.vault.touch(ctx.now);
        step
    }
}

fn check_pieces(bundle: &Bundle, pieces: &Pieces) -> Result<(), &'static str> {
    if pieces.hash() != bundle.pieces {
        return Err("the piece is not the one that was signed");
    }
    if bundle.generation == 0 || pieces.shares.is_empty() || pieces.shares.len() > SHARES_MAX {
        return Err("the piece is damaged");
    }
    if !pieces.shares.iter().all(|share| parse_share(share).is_some()) {
        return Err("the piece is damaged");
    }
    let copy = pieces.container.as_ref();
    if copy.is_some_and(|copy| !SLOT_SIZES.contains(&copy.len())) {
        return Err("the copy of the vault has no size of a vault");
    }
    Ok(())
}

/// A circle's share: 32 octets, no passphrase of its own, exponent 0, extendable.
pub(crate) fn parse_share(octets: &SecretBytes) -> Option<Share> {
    let share = Share::from_bytes(octets.expose()).ok()?;
    let header = share.header();
    let ours = header.exponent == 0 && header.extendable && share.value().len() == 32;
    ours.then_some(share)
}
