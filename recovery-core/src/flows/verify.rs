//! Comparing numbers: who a contact, an owner or their new device is, only people can tell.

use super::{Context, Step, device::Device, pair::PairError};
use crate::{
    circle::{Contact, Held},
    keys::Card,
    name::Name,
    number::Number,
};

impl Device {
    /// Compares the number that `name` read out: a contact's, or an owner's. Settles a contested
    /// contact in favour of the one whose number it is.
    ///
    /// # Errors
    /// [`PairError::NoSuchPerson`], [`PairError::WrongNumber`].
    pub fn verify(
        &mut self,
        name: &Name,
        number: &Number,
        ctx: &mut Context<'_>,
    ) -> Result<Step, PairError> {
        // One name can be both: people often hold pieces for each other.
        let as_contact = self.verify_contact(name, number, ctx);
        let verified = match as_contact {
            Ok(step) => Ok(step),
            Err(error) => match self.verify_owner(name, number, ctx) {
                Err(PairError::NoSuchPerson) => Err(error),
                as_owner => as_owner,
            },
        };
        if verified.is_ok() {
            self.state.vault.touch(ctx.now);
        }
        verified
    }

    fn verify_contact(
        &mut self,
        name: &Name,
        number: &Number,
        ctx: &mut Context<'_>,
    ) -> Result<Step, PairError> {
        let contact = self.contact_named(name).cloned().ok_or(PairError::NoSuchPerson)?;
        let right = self.right_card(&contact, number, ctx)?;
        let moved = contact.moves().contains(&right);
        let contact = self.state.vault.contacts.iter_mut().find(|c| c.name == *name);
        let contact = contact.ok_or(PairError::NoSuchPerson)?;
        let former = std::mem::replace(&mut contact.card, right).id();
        contact.rivals.clear();
        contact.moved = None;
        contact.verified = true;
        let id = contact.card.id();
        Ok(if moved { self.now_is(former, id, ctx) } else { Step::default() })
    }

    fn verify_owner(
        &mut self,
        name: &Name,
        number: &Number,
        ctx: &mut Context<'_>,
    ) -> Result<Step, PairError> {
        let held = self.held_named(name).cloned().ok_or(PairError::NoSuchPerson)?;
        let claims = held.claims().iter().map(|claim| &claim.card);
        for card in std::iter::once(&held.card).chain(claims) {
            if self.is_number_with(&held, card, (number, ctx))? {
                return Ok(self.owner_is(&held, card, ctx));
            }
        }
        Err(PairError::WrongNumber)
    }

    /// Whether a number is that of an owner's card and of any card by which this person is known.
    fn is_number_with(
        &self,
        held: &Held,
        card: &Card,
        (number, ctx): (&Number, &Context<'_>),
    ) -> Result<bool, PairError> {
        if self.number_with_card(held, card, ctx)?.matches(number) {
            return Ok(true);
        }
        // Who has not heard of this device yet reads out the number of the former one.
        let Some(former) = held.known.as_ref().and_then(|known| self.former_card(known)) else {
            return Ok(false);
        };
        let right = Number::of_pairing(card.signed(), &former, &held.secret, ctx.cost);
        Ok(right.map_err(|_| PairError::Damaged)?.matches(number))
    }

    /// The card, among those who answered, that the number belongs to. Who has not heard of this device yet reads
    /// out the number of the former one.
    fn right_card(
        &self,
        contact: &Contact,
        number: &Number,
        ctx: &Context<'_>,
    ) -> Result<Card, PairError> {
        for card in std::iter::once(&contact.card).chain(&contact.rivals).chain(contact.moves()) {
            if self.number_with_contact(contact, card, ctx)?.matches(number) {
                return Ok(card.clone());
            }
            let Some(former) = contact.known.as_ref().and_then(|known| self.former_card(known))
            else {
                continue;
            };
            let right = Number::of_pairing(&former, card.signed(), &contact.secret, ctx.cost);
            if right.map_err(|_| PairError::Damaged)?.matches(number) {
                return Ok(card.clone());
            }
        }
        Err(PairError::WrongNumber)
    }

    /// Owner: the number to compare with one who answered with `card`.
    ///
    /// # Errors
    /// [`PairError::Damaged`] never happens with the standard cost.
    pub fn number_with_contact(
        &self,
        contact: &Contact,
        card: &Card,
        ctx: &Context<'_>,
    ) -> Result<Number, PairError> {
        let mine = self.identity.card(self.name().clone(), contact.inbox.addresses());
        Number::of_pairing(&mine, card.signed(), &contact.secret, ctx.cost)
            .map_err(|_| PairError::Damaged)
    }

    /// Friend: the number to compare with an owner.
    ///
    /// # Errors
    /// [`PairError::Damaged`] never happens with the standard cost.
    pub fn number_with_owner(&self, held: &Held, ctx: &Context<'_>) -> Result<Number, PairError> {
        self.number_with_card(held, &held.card, ctx)
    }

    /// Friend: the number to compare with an owner whose card this is: of their own, or of a new device that
    /// says to be theirs.
    ///
    /// # Errors
    /// [`PairError::Damaged`] never happens with the standard cost.
    pub fn number_with_card(
        &self,
        held: &Held,
        card: &Card,
        ctx: &Context<'_>,
    ) -> Result<Number, PairError> {
        let mine = self.identity.card(self.name().clone(), held.inbox.addresses());
        Number::of_pairing(card.signed(), &mine, &held.secret, ctx.cost)
            .map_err(|_| PairError::Damaged)
    }
}
