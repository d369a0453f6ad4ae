//! What a home holds: the device, what could not be sent yet, how far each mailbox was read, and the key card.

use crate::{calls::Code, card};
use minicbor::Encode;
use recovery_core::{
    address::RelayUrl,
    flows::{Context, Delivery, Device, Event, Step},
    ids::MailboxId,
    secret::SecretBytes,
    wire::{self, V1, Wire, messages::GuestPass, parcel::Parcel},
};
use recovery_derive::Decode;
use zeroize::Zeroizing;

/// A home, in memory.
pub(crate) struct Home {
    pub(crate) device: Device,
    pub(crate) outbox: Vec<Waiting>,
    pub(crate) cursors: Vec<Cursor>,
    /// The key card's share, in the compact form.
    pub(crate) card: SecretBytes,
    /// Unix seconds when the friend last printed or saved it.
    pub(crate) card_kept: Option<u64>,
    /// Calls are numbered, so that two tabs can't take one for another.
    pub(crate) next: u64,
    /// Passes that came with invites, the newest last. They are this browser's alone: not in the vault.
    pub(crate) passes: Vec<GuestPass>,
    /// What was given out as files.
    pub(crate) parcel: Parcel,
}

/// Something to be sent.
#[derive(Encode, Decode)]
pub(crate) struct Waiting {
    #[n(0)]
    pub(crate) id: u64,
    #[n(1)]
    pub(crate) delivery: Delivery,
}

/// How far a mailbox at one relay was read.
#[derive(Encode, Decode)]
pub(crate) struct Cursor {
    #[n(0)]
    pub(crate) mailbox: MailboxId,
    #[n(1)]
    pub(crate) epoch: String,
    #[n(2)]
    pub(crate) after: u64,
}

/// As it is kept.
#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: V1,
    #[n(1)]
    device: SecretBytes,
    #[n(2)]
    outbox: Vec<Waiting>,
    #[n(3)]
    cursors: Vec<Cursor>,
    #[n(4)]
    card: SecretBytes,
    #[n(5)]
    card_kept: Option<u64>,
    #[n(6)]
    next: u64,
    /// Left out if there are none.
    #[n(7)]
    passes: Option<Vec<GuestPass>>,
    /// Left out if it is empty.
    #[n(8)]
    parcel: Option<Parcel>,
}

impl Wire for Stored {
    const NAME: &'static str = "the home of a page";
    const MAX: usize = 62 * 1_024 * 1_024;
}

impl Home {
    /// A new friend, with a card to come back by.
    pub(crate) fn create(name: &str, ctx: &mut Context<'_>) -> Result<Self, Code> {
        let name = name.parse().map_err(name_code)?;
        let device = Device::new(name, Vec::new(), ctx);
        let share = card::draw(ctx)?;
        let device = card::bind(&device, &share)?;
        Ok(Self::assemble(device, SecretBytes::new(&share.to_bytes()), None))
    }

    /// A home that was just made, or found again.
    pub(crate) fn assemble(device: Device, card: SecretBytes, card_kept: Option<u64>) -> Self {
        let (outbox, cursors, passes) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            device,
            outbox,
            cursors,
            card,
            card_kept,
            next: 1,
            passes,
            parcel: Parcel::default(),
        }
    }

    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let waiting = |one: &Waiting| Waiting { id: one.id, delivery: one.delivery.clone() };
        let cursor = |one: &Cursor| Cursor { epoch: one.epoch.clone(), ..*one };
        wire::encode(&Stored {
            version: V1,
            device: SecretBytes::new(&self.device.encode()),
            outbox: self.outbox.iter().map(waiting).collect(),
            cursors: self.cursors.iter().map(cursor).collect(),
            card: self.card.clone(),
            card_kept: self.card_kept,
            next: self.next,
            passes: Some(self.passes.clone()).filter(|passes| !passes.is_empty()),
            parcel: Some(self.parcel.clone()).filter(|parcel| !parcel.is_empty()),
        })
    }

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, ()> {
        let stored: Stored = wire::decode(octets).map_err(drop)?;
        Ok(Self {
            device: Device::decode(stored.device.expose()).map_err(drop)?,
            outbox: stored.outbox,
            cursors: stored.cursors,
            card: stored.card,
            card_kept: stored.card_kept,
            next: stored.next,
            passes: stored.passes.unwrap_or_default(),
            parcel: stored.parcel.unwrap_or_default(),
        })
    }

    /// Keeps what came with an invite.
    pub(crate) fn take_passes(&mut self, passes: Vec<GuestPass>) {
        self.passes.retain(|known| !passes.contains(known));
        self.passes.extend(passes);
    }

    /// What a relay may be shown if it refuses to make something otherwise, the newest first.
    pub(crate) fn passes_for(&self, relay: &RelayUrl) -> Vec<String> {
        let passes = self.passes.iter().rev().filter(|pass| pass.relay == *relay);
        passes.map(|pass| pass.token().expose()).collect()
    }

    /// Keeps what a step wants sent.
    pub(crate) fn keep(&mut self, step: Step) {
        step.events.iter().for_each(|event| self.read_again(event));
        for delivery in step.outbox {
            let id = self.next;
            self.next += 1;
            self.outbox.push(Waiting { id, delivery });
        }
    }

    /// What an owner's new device sent before it was accepted was passed over, and a relay takes the same message
    /// only once: so it is read again, from the start.
    fn read_again(&mut self, event: &Event) {
        let Event::OwnerMoved { owner } = event else { return };
        let Some(held) = self.device.held_named(owner) else { return };
        let former = held.known.as_ref().map(|known| known.inbox.addresses());
        let read = [held.inbox.addresses(), former.unwrap_or_default()].concat();
        self.cursors.retain(|cursor| read.iter().all(|place| place.id != cursor.mailbox));
    }
}

/// What is wrong with a name.
pub(crate) fn name_code(error: recovery_core::name::NameError) -> Code {
    use recovery_core::name::NameError;
    match error {
        NameError::Empty => "name-empty",
        NameError::TooLong { .. } => "name-long",
        _ => "name-control",
    }
    .into()
}
