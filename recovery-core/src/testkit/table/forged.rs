//! What honest people never say, for tests that it is not believed.

use super::Table;
use crate::{
    circle::HeldBundle,
    flows::{approve::Consent, request::NewDevice, slots::box_for_slot},
    ids::CircleId,
    keys::Card,
    labels,
    seal::{self, Letter},
    sign::Signed,
    wire::{
        self, V1,
        link::{Link, LinkSecret},
        messages::{Approval, Cancel, Checked, Holding, Receipt, RequestSlot, Stop},
    },
};

impl Table {
    /// A receipt with this proof, signed by a contact and sealed to an owner.
    ///
    /// # Panics
    /// If nobody sits at one of the places.
    pub fn receipt(
        &mut self,
        contact: usize,
        owner: usize,
        circle: CircleId,
        proof: [u8; 32],
    ) -> Vec<u8> {
        let receipt = Receipt { version: V1, circle, proof };
        let (from, to) = (&self.people[contact].identity, &self.people[owner].identity);
        let letter = Letter::new(Signed::new(&receipt, from, to.id().as_bytes()), None);
        seal::seal(&letter, &to.public().sealing, &mut self.rng).expect("it is sealed")
    }

    /// A message for one new device, opened there and sealed again for another.
    ///
    /// # Panics
    /// If the first one can't open it.
    pub fn reseal(&mut self, message: &[u8], from: &NewDevice, to: &NewDevice) -> Vec<u8> {
        let letter = seal::open(&from.identity, message).expect("it opens");
        let sealing = &to.identity.public().sealing;
        seal::seal(&letter, sealing, &mut self.rng).expect("it is sealed")
    }

    /// The request of one new device, in a box that another one's link opens.
    ///
    /// # Panics
    /// If it fits no box.
    pub fn rebox(&mut self, new: &NewDevice, link: &Link) -> Vec<u8> {
        let slot = RequestSlot::new(new.state.request.clone(), None);
        self.boxed(&slot, &link.secret)
    }

    /// The slot of `new`, with a cancellation that `by` signed.
    ///
    /// # Panics
    /// If it fits no box.
    pub fn cancelled_by(&mut self, by: &NewDevice, new: &NewDevice) -> Vec<u8> {
        let cancel = Cancel { version: V1, made: self.now };
        let cancel = Signed::new(&cancel, &by.identity, new.id().as_bytes());
        let slot = RequestSlot::new(new.state.request.clone(), Some(cancel));
        self.boxed(&slot, &new.state.secret)
    }

    /// What somebody opens a message to: everything in it.
    ///
    /// # Panics
    /// If it is not theirs.
    #[must_use]
    pub fn opened(&self, who: usize, message: &[u8]) -> Vec<u8> {
        let letter = seal::open(&self.people[who].identity, message).expect("it is theirs");
        wire::encode(&letter).to_vec()
    }

    /// The same letter, sealed to a new device.
    ///
    /// # Panics
    /// If it is not theirs.
    pub fn open_and_reseal(&mut self, who: usize, message: &[u8], to: &NewDevice) -> Vec<u8> {
        let letter = seal::open(&self.people[who].identity, message).expect("it is theirs");
        let sealing = &to.identity.public().sealing;
        seal::seal(&letter, sealing, &mut self.rng).expect("it is sealed")
    }

    /// A stop of a new device's request, signed by somebody for themselves.
    ///
    /// # Panics
    /// If nobody sits at that place.
    pub fn stop_by(&mut self, who: usize, new: &NewDevice) -> Vec<u8> {
        let device = &self.people[who];
        let owner = device.identity.card(device.name().clone(), Vec::new());
        let owner = Card::verify(&owner).expect("a card");
        let stop = Stop { version: V1, request: new.id(), owner, made: self.now };
        let signed = Signed::new(&stop, &device.identity, new.id().as_bytes());
        let sealing = &new.identity.public().sealing;
        seal::seal(&Letter::new(signed, None), sealing, &mut self.rng).expect("it is sealed")
    }

    fn boxed(&mut self, slot: &RequestSlot, secret: &LinkSecret) -> Vec<u8> {
        let content = wire::encode(slot);
        let boxed =
            self.context(|ctx| box_for_slot(secret.expose(), labels::BOX_REQUEST, &content, ctx));
        boxed.expect("it fits a box")
    }

    /// What a friend approved before, sealed once more.
    ///
    /// # Panics
    /// If the friend did not approve it.
    pub fn approve_again(&mut self, friend: usize, new: &NewDevice) -> Vec<u8> {
        let id = new.id();
        let sent = self.with(friend, |device, ctx| device.approve(id, Consent::default(), ctx));
        sent.expect("approved again").message.expect("it is not held back")
    }

    /// An approval of `request` by a friend, sealed to `to`, with a copy of the vault that is none:
    /// each `junk` gives another one.
    ///
    /// # Panics
    /// If the friend holds nothing.
    pub fn approval_with(
        &mut self,
        friend: usize,
        request: &NewDevice,
        to: &NewDevice,
        junk: u64,
    ) -> Vec<u8> {
        let device = &self.people[friend];
        let held = &device.held()[0];
        let holding = |bundle: &HeldBundle| Holding {
            bundle: bundle.signed.clone(),
            shares: bundle.pieces.shares.clone(),
            container: Some(junk.to_be_bytes().to_vec()),
        };
        let approval = Approval {
            version: V1,
            request: request.id(),
            card: device.card_for(&held.inbox).expect("a card"),
            checked: Checked::Number,
            holdings: held.bundles.iter().map(holding).collect(),
            newest: None,
            overrides: false,
        };
        let signed = Signed::new(&approval, &device.identity, request.id().as_bytes());
        let sealing = &to.identity.public().sealing;
        seal::seal(&Letter::new(signed, None), sealing, &mut self.rng).expect("it is sealed")
    }
}
