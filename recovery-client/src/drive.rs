//! Step → relays → message → step, until nothing is left to do or the wait is over.
//!
//! What a step wants sent is written into the home first and sent then; a kill between the two sends
//! it next time. What a relay does not take now stays in the outbox.

use crate::{
    Client, ClientError, Notice, now, reached,
    relays::{Hold, If, Page, Put, Read, RelayError, Relays},
};
use recovery_core::{
    address::RelayUrl,
    flows::{Delivery, Event, Step, VaultCopy, Watch, places::Place},
    ids::{Base, MailboxToken},
    wire::limits::{READ_LIMIT_MAX, WAIT_SECONDS_MAX},
};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Pages that are read of a mailbox in one go: more than any relay needs for a full one, and no endless
/// story.
pub(crate) const PAGES_MAX: usize = 64;

/// Messages of one mailbox, or why there are none.
type Fetched<T> = (T, Result<Page, RelayError>);

impl Client {
    /// Keeps a step: what it wants sent is on disk when this returns. Gives its events.
    pub(crate) fn keep(&mut self, step: Step) -> Result<Vec<Event>, ClientError> {
        self.state.outbox.extend(step.outbox);
        step.events.iter().for_each(|event| self.read_again(event));
        self.save()?;
        Ok(step.events)
    }

    /// What an owner's new device sent before it was accepted was passed over, and a relay takes the same message
    /// only once: so it is read again, from the start.
    fn read_again(&mut self, event: &Event) {
        let Event::OwnerMoved { owner } = event else { return };
        let held = self.state.device.as_ref().and_then(|device| device.held_named(owner));
        let Some(held) = held else { return };
        let former = held.known.as_ref().map(|known| known.inbox.addresses());
        let read = [held.inbox.addresses(), former.unwrap_or_default()].concat();
        self.state.cursors.retain(|cursor| read.iter().all(|place| place.id != cursor.mailbox));
    }

    /// Brings the vault to its relays, then sends what waits in the outbox: nobody is told of a vault that no
    /// relay has. What can't be sent stays.
    pub(crate) async fn flush(&mut self) -> Result<(), ClientError> {
        let before = self.state.outbox.len();
        let mut dead = BTreeSet::new();
        let uploaded = self.upload_vault(&mut dead).await?;
        let mut left = Vec::new();
        // A copy: who drops this half way must not lose what was not sent.
        for delivery in self.state.outbox.clone() {
            let relay = delivery.relay().clone();
            if dead.contains(&relay) {
                left.push(delivery);
                continue;
            }
            match deliver(&self.relays, &delivery).await {
                Ok(()) => self.for_files |= relay.is_files() && is_for_others(&delivery),
                Err(error)
                    if error.is_transient()
                        || error.needs_pass()
                        || self.will_open(&delivery, &error) =>
                {
                    if !error.is_full() && !error.is_gone() && !error.needs_pass() {
                        dead.insert(relay);
                    }
                    self.notices.push(Notice::Queued(error));
                    left.push(delivery);
                }
                Err(error) => {
                    self.refused(&delivery, &error);
                    self.notices.push(Notice::NotSent(error));
                }
            }
        }
        let sent = before != left.len();
        self.state.outbox = left;
        if sent || uploaded {
            self.save()?;
        }
        Ok(())
    }

    /// A relay that refuses to hold an approval says that the owner stopped the request.
    fn refused(&mut self, delivery: &Delivery, error: &RelayError) {
        if let (Delivery::PostHeld { to, .. }, true) = (delivery, error.is_vetoed())
            && let Some(device) = self.state.device.as_mut()
        {
            device.hold_refused(to);
        }
    }

    /// Whether a post found no mailbox where one of a contact's or an owner's belongs: their device could
    /// not open it yet.
    fn will_open(&self, delivery: &Delivery, error: &RelayError) -> bool {
        let (Delivery::Post { to, .. }, Some(device)) = (delivery, &self.state.device) else {
            return false;
        };
        let contacts = device.contacts().iter().map(|contact| &contact.card);
        let mut cards = contacts.chain(device.held().iter().map(|held| &held.card));
        error.is_gone() && cards.any(|card| card.mailboxes().contains(to))
    }

    /// Brings the vault, under each of its root keys, to the relays that hold an older one.
    async fn upload_vault(&mut self, dead: &mut BTreeSet<RelayUrl>) -> Result<bool, ClientError> {
        let Some(device) = self.state.device.as_ref() else {
            return Ok(false);
        };
        let vault = device.vault();
        if vault.entries.is_empty() && vault.contacts.is_empty() {
            return Ok(false);
        }
        let mut uploaded = false;
        for place in device.places() {
            uploaded |= self.upload_place(&place, dead).await?;
        }
        Ok(uploaded)
    }

    async fn upload_place(
        &mut self,
        place: &Place,
        dead: &mut BTreeSet<RelayUrl>,
    ) -> Result<bool, ClientError> {
        let device = self.device()?;
        let version = device.vault().version;
        let behind = |copy: &VaultCopy| copy.version < version && !dead.contains(&copy.relay);
        let behind: Vec<VaultCopy> = device.copies(place).into_iter().filter(behind).collect();
        if behind.is_empty() {
            return Ok(false);
        }
        let container = self.with_context(|device, ctx| device.container(place, ctx))??;
        for copy in behind {
            match self.upload_to(place, &copy, &container).await {
                Ok(()) => {}
                Err(error) => {
                    // Nothing else is tried there this time.
                    if error.is_transient() && !error.is_full() {
                        dead.insert(copy.relay.clone());
                    }
                    self.notices.push(Notice::NotSynced(error));
                }
            }
        }
        Ok(true)
    }

    async fn upload_to(
        &mut self,
        place: &Place,
        copy: &VaultCopy,
        container: &[u8],
    ) -> Result<(), RelayError> {
        let device = self.state.device.as_ref();
        let Some(device) = device else { return Ok(()) };
        let (version, relay) = (device.vault().version, &copy.relay);
        let token = place.slot.slot(relay.as_str());
        let known = copy.etag.as_deref().and_then(|etag| etag.parse().ok());
        let put = |only_if| Put { only_if, ttl: None };
        let first = put(known.map_or(If::None, If::Match));
        let etag = match self.relays.put_slot(relay, &token, container, &first).await {
            Err(error) if error.is_conflict() => {
                // Something else stands there: an older copy, a newer one, or nothing any more.
                let only_if = match self.relays.get_slot(relay, token.id()).await? {
                    Some((etag, found)) => {
                        let newer = device.open_container(&found).map(|vault| vault.version);
                        if newer.is_ok_and(|newer| newer > version) {
                            self.notices.push(Notice::NewerVault(relay.clone()));
                            return Ok(());
                        }
                        If::Match(etag)
                    }
                    None => If::None,
                };
                self.relays.put_slot(relay, &token, container, &put(only_if)).await?
            }
            other => other?,
        };
        let copy = VaultCopy { etag: Some(etag.to_string()), version, ..copy.clone() };
        if let Some(device) = self.state.device.as_mut() {
            device.copied(copy);
        }
        Ok(())
    }

    /// Reads every mailbox and acts on what came, again and again until `wait` is over or `enough` is
    /// true; at least once. Gives what happened.
    pub(crate) async fn listen(
        &mut self,
        wait: Option<Duration>,
        mut enough: impl FnMut(&Self) -> bool,
    ) -> Result<Vec<Event>, ClientError> {
        let until = wait.map(|wait| Instant::now() + wait);
        let mut events = self.round(0).await?;
        while let Some(left) = until.and_then(|until| until.checked_duration_since(Instant::now()))
        {
            if enough(self) || left.is_zero() {
                break;
            }
            let started = Instant::now();
            let fresh = self.round(left.as_secs().clamp(1, WAIT_SECONDS_MAX)).await?;
            pause_if_idle(started, left, fresh.is_empty()).await;
            events.extend(fresh);
        }
        Ok(events)
    }

    /// One round over all mailboxes: waits up to `wait` seconds for a first message, acts on all, and then
    /// does what is due.
    async fn round(&mut self, wait: u64) -> Result<Vec<Event>, ClientError> {
        let mut events = self.read_all(wait).await?;
        events.extend(self.tidy()?);
        self.flush().await?;
        self.clear_mailboxes().await?;
        Ok(events)
    }

    /// Reads all mailboxes and acts on what came; nothing is done just because its time has come.
    pub(crate) async fn read_all(&mut self, wait: u64) -> Result<Vec<Event>, ClientError> {
        self.flush().await?;
        let watches = self.device()?.watches();
        let relays = watches.iter().map(|watch| watch.relay.clone()).collect();
        let mut answers = Vec::new();
        let (mut events, mut wait) = (Vec::new(), wait);
        let mut calls: Vec<_> = watches.into_iter().map(call).collect();
        for _ in 0..PAGES_MAX {
            let mut unread = Vec::new();
            for (watch, page) in self.fetch(calls, wait).await {
                let answered = !page.as_ref().is_err_and(RelayError::is_transient);
                answers.push((watch.relay.clone(), answered));
                if page.as_ref().is_ok_and(|page| !page.messages.is_empty()) {
                    unread.push(call(watch.clone()));
                }
                events.extend(self.act(&watch, page)?);
            }
            (calls, wait) = (unread, 0);
        }
        if reached::note(&mut self.state.reached, &relays, &answers, now()) {
            self.save()?;
        }
        self.flush().await?;
        Ok(events)
    }

    /// Does what is due as time goes by.
    pub(crate) fn tidy(&mut self) -> Result<Vec<Event>, ClientError> {
        let before = self.device()?.vault().version;
        let step = self.with_context(|device, ctx| device.tidy(ctx))?;
        let idle = step.outbox.is_empty() && step.events.is_empty();
        if idle && self.device()?.vault().version == before {
            return Ok(Vec::new());
        }
        self.keep(step)
    }

    fn act(
        &mut self,
        watch: &Watch,
        page: Result<Page, RelayError>,
    ) -> Result<Vec<Event>, ClientError> {
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                self.notices.push(Notice::NotRead(error));
                return Ok(Vec::new());
            }
        };
        if !page.damaged.is_empty() {
            self.notices.push(Notice::Damaged(watch.relay.clone()));
        }
        let Some(last) = page.messages.last().map(|message| message.seq) else {
            return Ok(Vec::new());
        };
        let (mut all, mut pieces) = (Step::default(), Vec::new());
        for message in &page.messages {
            let source = watch.source;
            let step =
                self.with_context(|device, ctx| device.handle(source, &message.body, ctx))?;
            if step.events.iter().any(|event| matches!(event, Event::PieceStored { .. })) {
                pieces.push(message.seq);
            }
            all.then(step);
        }
        let id = watch.base.mailbox(watch.relay.as_str()).id();
        self.state.advance(id, &page.epoch, last);
        if let Some(cursor) = self.state.cursor(id).filter(|_| !watch.relay.is_files()) {
            cursor.acted.get_or_insert_default().note(last, &pieces, now());
        }
        self.keep(all)
    }

    /// Reads several mailboxes at once. With a wait, the first one with messages ends it.
    pub(crate) async fn fetch<T: Send + 'static>(
        &self,
        calls: Vec<(RelayUrl, MailboxToken, T)>,
        wait: u64,
    ) -> Vec<Fetched<T>> {
        let mut reads = JoinSet::new();
        for (place, (relay, token, what)) in calls.into_iter().enumerate() {
            let (after, epoch) = self.state.after(token.id());
            let (relays, epoch) = (self.relays.clone(), epoch.map(str::to_owned));
            reads.spawn(async move {
                let page = read_on(&relays, &relay, &token, (after, epoch), wait).await;
                (place, (what, page))
            });
        }
        let mut fetched = Vec::new();
        while let Some(done) = reads.join_next().await {
            let Ok((place, (what, page))) = done else { continue };
            let some = page.as_ref().is_ok_and(|page| !page.messages.is_empty());
            fetched.push((place, (what, page)));
            if some && wait > 0 {
                reads.abort_all();
            }
        }
        // In the order asked, so that the same messages tell the same story.
        fetched.sort_by_key(|(place, _)| *place);
        fetched.into_iter().map(|(_, fetched)| fetched).collect()
    }
}

/// Without messages, a relay that answers at once (or not at all) must not be asked in a tight loop.
pub(crate) async fn pause_if_idle(started: Instant, left: Duration, idle: bool) {
    if idle && started.elapsed() < Duration::from_secs(1) {
        tokio::time::sleep(left.min(Duration::from_secs(1))).await;
    }
}

/// Reads what is new; if the relay's store is another one than before, everything.
async fn read_on(
    relays: &Relays,
    relay: &RelayUrl,
    token: &MailboxToken,
    (after, epoch): (u64, Option<String>),
    wait: u64,
) -> Result<Page, RelayError> {
    let read = |after, wait| Read { after, limit: READ_LIMIT_MAX, wait };
    let page = relays.read(relay, token, read(after, wait)).await?;
    if epoch.is_some_and(|epoch| epoch != page.epoch) {
        return relays.read(relay, token, read(0, 0)).await;
    }
    Ok(page)
}

/// Whether other people have to get this.
fn is_for_others(delivery: &Delivery) -> bool {
    matches!(delivery, Delivery::Post { .. } | Delivery::PostHeld { .. } | Delivery::PutSlot { .. })
}

/// One call to one relay.
async fn deliver(relays: &Relays, delivery: &Delivery) -> Result<(), RelayError> {
    match delivery {
        Delivery::OpenMailbox { base, relay, ttl } => {
            relays.open_mailbox(relay, &base.mailbox(relay.as_str()), *ttl).await
        }
        Delivery::CloseMailbox { base, relay } => {
            relays.close_mailbox(relay, &base.mailbox(relay.as_str())).await
        }
        Delivery::Post { to, body } => relays.post(&to.relay, to.id, body, None).await.map(drop),
        Delivery::PostHeld { to, body, holds, delay } => {
            let Some((id, also)) = holds.split_first() else { return Ok(()) };
            let hold = Hold { id: *id, also: also.first().copied(), seconds: *delay };
            relays.post(&to.relay, to.id, body, Some(&hold)).await.map(drop)
        }
        Delivery::Veto { base, mailbox } => {
            let token = base.hold(mailbox.relay.as_str());
            relays.veto(&mailbox.relay, &token, Some(mailbox.id)).await
        }
        Delivery::PutSlot { base, relay, body, ttl } => {
            put_over(relays, base, relay, (body, *ttl)).await
        }
        Delivery::DeleteSlot { base, relay } => {
            relays.delete_slot(relay, &base.slot(relay.as_str())).await
        }
    }
}

/// Writes a slot, whatever stands there.
async fn put_over(
    relays: &Relays,
    base: &Base,
    relay: &RelayUrl,
    (body, ttl): (&[u8], Option<u64>),
) -> Result<(), RelayError> {
    let token = base.slot(relay.as_str());
    let put = |only_if| Put { only_if, ttl };
    match relays.put_slot(relay, &token, body, &put(If::None)).await {
        Err(error) if error.is_conflict() => {
            let found = relays.get_slot(relay, token.id()).await?;
            let only_if = found.map_or(If::None, |(etag, _)| If::Match(etag));
            relays.put_slot(relay, &token, body, &put(only_if)).await.map(drop)
        }
        other => other.map(drop),
    }
}

/// How a mailbox is asked: where, by what token, and what for.
fn call(watch: Watch) -> (RelayUrl, MailboxToken, Watch) {
    (watch.relay.clone(), watch.base.mailbox(watch.relay.as_str()), watch)
}
