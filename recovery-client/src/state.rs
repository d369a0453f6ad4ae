//! What a home holds: a device or a recovery in progress, what could not be sent yet, how far each mailbox
//! was read, and when relays answered.

use crate::{clearing::Acted, passes::Pass, reached::Reached, relays::Both};
use minicbor::{Decode, Encode};
use recovery_core::{
    flows::{Delivery, Device, request::NewDevice},
    ids::MailboxId,
    secret::SecretBytes,
    wire::{self, DecodeError, V1, Wire},
};
use zeroize::Zeroizing;

/// The state of a home, in memory.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) device: Option<Device>,
    pub(crate) restoring: Option<NewDevice>,
    pub(crate) outbox: Vec<Delivery>,
    pub(crate) cursors: Vec<Cursor>,
    pub(crate) files: Both,
    pub(crate) passes: Vec<Pass>,
    pub(crate) reached: Vec<Reached>,
}

/// How far a mailbox at one relay was read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Cursor {
    #[n(0)]
    pub(crate) mailbox: MailboxId,
    #[n(1)]
    pub(crate) epoch: String,
    #[n(2)]
    pub(crate) after: u64,
    /// Left out where messages are not left to lie.
    #[n(3)]
    pub(crate) acted: Option<Acted>,
}

/// As it is written.
#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    version: V1,
    #[n(1)]
    device: Option<SecretBytes>,
    #[n(2)]
    restoring: Option<SecretBytes>,
    #[n(3)]
    outbox: Vec<Delivery>,
    #[n(4)]
    cursors: Vec<Cursor>,
    #[n(5)]
    files: Both,
    /// Left out if there are none.
    #[n(6)]
    passes: Option<Vec<Pass>>,
    /// Left out before any relay was asked.
    #[n(7)]
    reached: Option<Vec<Reached>>,
}

impl Wire for Stored {
    const NAME: &'static str = "the state of a home";
    const MAX: usize = 62 * 1_024 * 1_024;
}

impl State {
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        wire::encode(&Stored {
            version: V1,
            device: self.device.as_ref().map(|device| SecretBytes::new(&device.encode())),
            restoring: self.restoring.as_ref().map(|new| SecretBytes::new(&new.encode())),
            outbox: self.outbox.clone(),
            cursors: self.cursors.clone(),
            files: self.files.clone(),
            passes: Some(self.passes.clone()).filter(|passes| !passes.is_empty()),
            reached: Some(self.reached.clone()).filter(|reached| !reached.is_empty()),
        })
    }

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, DecodeError> {
        let stored: Stored = wire::decode(octets)?;
        Ok(Self {
            device: stored.device.map(|octets| Device::decode(octets.expose())).transpose()?,
            restoring: stored
                .restoring
                .map(|octets| NewDevice::decode(octets.expose()))
                .transpose()?,
            outbox: stored.outbox,
            cursors: stored.cursors,
            files: stored.files,
            passes: stored.passes.unwrap_or_default(),
            reached: stored.reached.unwrap_or_default(),
        })
    }

    /// How far `mailbox` was read in this epoch; from the start if the epoch is another one.
    pub(crate) fn after(&self, mailbox: MailboxId) -> (u64, Option<&str>) {
        let cursor = self.cursors.iter().find(|cursor| cursor.mailbox == mailbox);
        cursor.map_or((0, None), |cursor| (cursor.after, Some(cursor.epoch.as_str())))
    }

    /// Notes how far `mailbox` was read. In another epoch its numbers are others.
    pub(crate) fn advance(&mut self, mailbox: MailboxId, epoch: &str, after: u64) {
        let at = self.cursors.iter().position(|cursor| cursor.mailbox == mailbox);
        let known = at.map(|at| self.cursors.swap_remove(at));
        let acted = known.filter(|known| known.epoch == epoch).and_then(|known| known.acted);
        self.cursors.push(Cursor { mailbox, epoch: epoch.to_owned(), after, acted });
    }

    /// How far `mailbox` was read, once it was.
    pub(crate) fn cursor(&mut self, mailbox: MailboxId) -> Option<&mut Cursor> {
        self.cursors.iter_mut().find(|cursor| cursor.mailbox == mailbox)
    }
}
