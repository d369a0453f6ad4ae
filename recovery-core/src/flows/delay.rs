//! Holding an approval back: at a relay whose hold counts, or on the friend's own device until it is due.

use super::{
    Context, Delivery, Event, Step,
    approve::{ApproveError, Consent, Sent},
    device::Device,
};
use crate::{
    address::MailboxAddress,
    circle::{HeldBundle, Opened, OpenedState},
    wire::{
        V1,
        messages::{Checked, Due, HoldBy, HoldPolicy, Request},
    },
};

impl Device {
    /// The policy of the newest pieces that are not superseded.
    pub(super) fn hold_policy(&self, opened: &Opened) -> Result<HoldPolicy, ApproveError> {
        let held = self.chosen(opened)?;
        let current = held.bundles.iter().rev().find(|bundle| bundle.until.is_none());
        let bundle = current.or(held.bundles.last()).and_then(HeldBundle::bundle);
        let mut hold = bundle.ok_or(ApproveError::NotHeld)?.hold;
        let request: Request = opened.request.peek()?;
        if hold.by == HoldBy::Relay && counting(&hold, request.card.mailboxes()).next().is_none() {
            hold.by = HoldBy::Contacts;
        }
        Ok(hold)
    }

    /// Puts an approval into the hands of a relay that holds it, or keeps it; the requester hears when it is
    /// due.
    pub(super) fn hold_back(
        &self,
        opened: &Opened,
        checked: Checked,
        hold: &HoldPolicy,
        ctx: &mut Context<'_>,
    ) -> Result<Sent, ApproveError> {
        let held = self.chosen(opened)?;
        let at = ctx.now.saturating_add(hold.delay);
        let newest = held.bundles.last().ok_or(ApproveError::NotHeld)?;
        let me = newest.contact().ok_or(ApproveError::Internal)?;
        let (card, bundle) = (self.card_as(held, me)?, newest.signed.clone());
        let due = Due { version: V1, request: opened.id, card, bundle, at };
        let note = self.to_requester(opened, (&due, me), ctx)?;
        let mut step = self.to_session(opened, &note)?;
        if hold.by == HoldBy::Relay {
            let request: Request = opened.request.peek()?;
            for approval in self.approvals(opened, checked, false)? {
                let body = self.to_requester(opened, (&approval, approval.card.id()), ctx)?;
                for (to, owners) in counting(hold, request.card.mailboxes()) {
                    let own = opened.withdraw.hold(to.relay.as_str()).id();
                    let (to, body, holds) = (to.clone(), body.clone(), vec![owners, own]);
                    step.outbox.push(Delivery::PostHeld { to, body, holds, delay: hold.delay });
                }
            }
        }
        Ok(Sent { release_at: Some(at), ..Sent::to(step) })
    }

    /// Releases what this device held back and is due; forgets what a relay held and has released.
    pub(crate) fn release_due(&mut self, ctx: &mut Context<'_>) -> Step {
        let due = |opened: &&Opened| {
            let now = ctx.now + u64::from(planted!(ReleasedEarly));
            let over = opened.held.is_some_and(|held| held.due <= now);
            opened.state == OpenedState::Approved && !opened.released && over
        };
        let due: Vec<Opened> = self.opened().iter().filter(due).cloned().collect();
        let mut step = Step::default();
        for opened in due {
            let Some(released) = self.release(&opened, ctx) else { continue };
            step.then(released);
            if let Ok(known) = self.opened_mut(opened.id) {
                known.released = true;
            }
        }
        step
    }

    /// What this device held back; nothing for what a relay did. `None` if it can't be made now.
    fn release(&self, opened: &Opened, ctx: &mut Context<'_>) -> Option<Step> {
        let held = opened.held.filter(|held| held.by == HoldBy::Contacts && !held.by_file);
        // A request whose time is over gets nothing any more.
        let fresh = self.approvable(opened.id, Consent::default(), ctx.now).is_ok();
        // The pieces may have been superseded and deleted meanwhile.
        let fresh = fresh && self.chosen(opened).is_ok_and(|held| !held.bundles.is_empty());
        let Some(held) = held.filter(|_| fresh) else { return Some(Step::default()) };
        let sent = self.send_approval(opened, (held.checked, false), ctx).ok()?;
        let owner = self.chosen(opened).ok()?.name.clone();
        let mut step = sent.to_requester;
        step.events.push(Event::Released { owner, request: opened.id });
        Some(step)
    }
}

/// The session's mailboxes at relays whose hold counts, with the owner's hold there.
fn counting<'a>(
    hold: &'a HoldPolicy,
    session: &'a [MailboxAddress],
) -> impl Iterator<Item = (&'a MailboxAddress, crate::ids::HoldId)> {
    // Whatever a bundle says: a file holds nothing back.
    session.iter().filter(|mailbox| !mailbox.relay.is_files()).filter_map(|mailbox| {
        let counts = hold.holds.iter().find(|hold| hold.relay == mailbox.relay)?;
        Some((mailbox, counts.id))
    })
}
