//! Keeping: a contact takes a bundle, stores it, proves that it holds it, and one day lets it go.

use super::{
    Context, Delivery, Event, Step,
    device::{Device, say_as},
    protect::bundle_hash,
    request::RequestError,
};
use crate::{
    circle::{Held, HeldBundle, Inbox, audit_key, challenge_proof, receipt_proof},
    ids::{CircleId, ContactId},
    seal::Letter,
    secret::SecretBytes,
    sign::{Kind, Signed, Statement},
    slip39::Share,
    wire::{
        self, V1,
        limits::SLOT_SIZES,
        messages::{
            Bundle, Challenge, CircleProof, Drill, Forget, Forgotten, Leave, Newest, Pieces, Proof,
            Receipt, Stop, pieces_hash,
        },
    },
};

/// Generations of one owner that a contact holds at most.
pub const HELD_MAX: usize = 8;
/// Of those, generations of one identity that never counted: the newest ones.
const UNCOUNTED_MAX: usize = 2;
/// Circles that a contact remembers as superseded.
const FORGOTTEN_MAX: usize = 16;
/// Circles that one challenge can ask for.
const ASKED_MAX: usize = 8;
/// How far ahead a challenge's clock may be: a day.
const AHEAD_SECONDS: u64 = 86_400;
/// What an identity can't do any more from when it said that it has a successor.
const FROZEN: [Kind; 3] = [Kind::Bundle, Kind::Forget, Kind::Newest];
/// How long pieces are kept after their owner said that they are superseded: 30 days. Whoever says so may
/// be a thief with the owner's device.
pub const KEPT_SECONDS: u64 = 30 * 86_400;

/// Most shares of one contact in one circle.
pub(crate) const SHARES_MAX: usize = 16;

impl Device {
    /// Friend: a message from an owner came.
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
        let Some((letter, me)) = self.open_as(held.known.as_ref(), message) else {
            return ignored("it is not sealed to you, or was changed");
        };
        let signed = &letter.signed;
        if signed.kind != Kind::Successor {
            // A claim's device is heard once it is known, a former one never again.
            let claims = held.claims().iter().any(|claim| claim.card.id() == signed.sender);
            if claims || held.was(signed.sender) {
                return Step::default();
            }
            if held.frozen() && FROZEN.contains(&signed.kind) {
                return ignored("they say to have a new device, which has to be verified first");
            }
        }
        let keys = held.card.keys().clone();
        let owner = &keys;
        let mut known = Step::default();
        if held.known.is_some() && signed.check(owner, me.as_bytes()).is_ok() {
            known = match me == self.id() {
                true => self.is_known_by(id, ctx.now),
                false => self.tell_moved(held, ctx),
            };
        }
        let step = match signed.kind {
            Kind::Successor => self.on_successor(id, (signed, me), ctx),
            Kind::Bundle => Ok(self.on_bundle(id, (&letter, me), ctx)),
            Kind::Challenge => {
                signed.verify(owner, me.as_bytes()).map(|said| self.prove(id, &said, ctx))
            }
            Kind::Forget => {
                signed.verify(owner, me.as_bytes()).map(|said| self.forget(id, &said, ctx))
            }
            Kind::Newest => signed
                .verify(owner, me.as_bytes())
                .map(|said: Newest| self.on_newest(id, &said, signed, ctx.now)),
            Kind::Stop => {
                signed.verify(owner, me.as_bytes()).map(|said: Stop| self.on_stop(id, &said, ctx))
            }
            Kind::Drill => {
                signed.verify(owner, me.as_bytes()).map(|said: Drill| self.on_drill(id, said))
            }
            _ => return ignored("an owner does not send such messages"),
        };
        known.then(step.unwrap_or_else(|_| ignored("its signature is wrong")));
        known
    }

    /// Friend: an owner wrote to this identity, so they know it: the former one's mailboxes are not needed any
    /// more.
    fn is_known_by(&mut self, owner: ContactId, now: u64) -> Step {
        let known = self.held_mut(owner).and_then(|held| held.known.take());
        let Some(known) = known else { return Step::default() };
        self.state.vault.touch(now);
        let close = |relay| Delivery::CloseMailbox { base: known.inbox.base.clone(), relay };
        Step { outbox: known.inbox.relays.into_iter().map(close).collect(), events: Vec::new() }
    }

    fn on_bundle(
        &mut self,
        id: ContactId,
        (letter, me): (&Letter, ContactId),
        ctx: &mut Context<'_>,
    ) -> Step {
        let Some(held) = self.held_of(id) else { return Step::default() };
        match check_bundle(held, letter, me) {
            Err(why) => Step::event(Event::PieceRefused { owner: held.name.clone(), why }),
            Ok(Some(fresh)) => self.store_bundle(id, fresh, ctx),
            Ok(None) => Step::default(),
        }
    }

    fn store_bundle(
        &mut self,
        id: ContactId,
        (bundle, mut fresh): (Bundle, HeldBundle),
        ctx: &mut Context<'_>,
    ) -> Step {
        let audit = audit_key(&fresh.pieces.shares, bundle.circle, bundle.contact);
        let proof = receipt_proof(&audit, &bundle_hash(&fresh.signed));
        let receipt = Receipt { version: V1, circle: bundle.circle, proof };
        let Some(held) = self.held_mut(id) else { return Step::default() };
        fresh.stored = ctx.now;
        // The owner may have called it live before it came, by another relay.
        let newest = held.newest.as_ref().and_then(|newest| newest.peek::<Newest>().ok());
        fresh.counted = newest.and_then(|newest| newest.live) == Some(fresh.circle);
        let Some(bundles) = with_fresh(&held.bundles, fresh, bundle.live) else {
            let why = "too many generations came in a short time";
            return Step::event(Event::PieceRefused { owner: held.name.clone(), why });
        };
        let mut step = Step::event(Event::PieceStored {
            owner: held.name.clone(),
            generation: bundle.generation,
        });
        held.bundles = bundles;
        held.card = bundle.owner;
        held.seen = ctx.now;
        supersede_former(held, ctx.now);
        self.state.vault.touch(ctx.now);
        step.then(self.tell_owner(id, &receipt, ctx));
        step
    }
}

impl Device {
    /// Friend: answers a challenge. Without such pieces, says so.
    fn prove(&mut self, owner: ContactId, said: &Challenge, ctx: &mut Context<'_>) -> Step {
        let Some(held) = self.held_mut(owner) else { return Step::default() };
        // A thief's challenge from the far future must not silence this contact for good.
        if said.made <= held.asked || said.made > ctx.now.saturating_add(AHEAD_SECONDS) {
            return Step::default();
        }
        held.asked = said.made;
        let prove = |circle: &CircleId| {
            let bundle = held.bundles.iter().find(|bundle| bundle.circle == *circle);
            let audit = bundle.and_then(HeldBundle::audit);
            let proof = audit.map(|audit| challenge_proof(&audit, &said.nonce));
            CircleProof { circle: *circle, proof }
        };
        let proofs: Vec<CircleProof> = said.circles.iter().take(ASKED_MAX).map(prove).collect();
        let holds = proofs.iter().all(|proof| proof.proof.is_some());
        let event = Event::Proved { owner: held.name.clone(), holds };
        let proof = Proof { version: V1, nonce: said.nonce, proofs, made: ctx.now };
        let mut step = self.tell_owner(owner, &proof, ctx);
        step.events.push(event);
        step
    }

    /// Friend: pieces are superseded. They are kept for a while: whoever says so may be a thief.
    fn forget(&mut self, owner: ContactId, said: &Forget, ctx: &mut Context<'_>) -> Step {
        let now = ctx.now;
        let Some(held) = self.held_mut(owner) else { return Step::default() };
        let fresh = |circle: &&CircleId| !held.forgotten.contains(circle);
        let fresh: Vec<CircleId> = said.circles.iter().filter(fresh).copied().collect();
        if fresh.is_empty() {
            return Step::default();
        }
        let mut at = None;
        for bundle in held.bundles.iter_mut().filter(|b| fresh.contains(&b.circle)) {
            let kept = if planted!(DeletedAtOnce) { 0 } else { KEPT_SECONDS };
            at = Some(*bundle.until.get_or_insert(now.saturating_add(kept)));
        }
        held.forgotten.extend(fresh);
        let surplus = held.forgotten.len().saturating_sub(FORGOTTEN_MAX);
        held.forgotten.drain(..surplus);
        self.state.vault.touch(now);
        let Some(at) = at else { return Step::default() };
        let forgotten = Forgotten { version: V1, circles: said.circles.clone(), at };
        self.tell_owner(owner, &forgotten, ctx)
    }

    /// Friend: deletes superseded pieces whose time is over.
    pub(crate) fn delete_superseded(&mut self, now: u64) -> Step {
        let mut step = Step::default();
        for held in &mut self.state.vault.held {
            let over = |bundle: &mut HeldBundle| bundle.until.is_some_and(|until| until <= now);
            for old in held.bundles.extract_if(.., over) {
                let (owner, generation) = (held.name.clone(), old.generation);
                step.events.push(Event::PieceDeleted { owner, generation });
            }
        }
        if !step.events.is_empty() {
            self.state.vault.touch(now);
        }
        step
    }

    fn on_newest(&mut self, owner: ContactId, said: &Newest, signed: &Signed, now: u64) -> Step {
        let Some(held) = self.held_mut(owner) else { return Step::default() };
        // What a former identity said last says nothing of this one's vault.
        let known = held.newest.as_ref().filter(|known| known.sender == signed.sender);
        let known = known.and_then(|known| known.peek::<Newest>().ok());
        if known.is_none_or(|known| known.vault_version < said.vault_version)
            || planted!(OlderWordKept)
        {
            held.newest = Some(signed.clone());
        }
        if count(&mut held.bundles, said.live) {
            supersede_former(held, now);
            self.state.vault.touch(now);
        }
        Step::default()
    }

    /// Friend: stops holding an owner's pieces, and says so.
    ///
    /// # Errors
    /// [`RequestError::NotHeld`] if nothing of theirs is here.
    pub fn leave(&mut self, owner: ContactId, ctx: &mut Context<'_>) -> Result<Step, RequestError> {
        if self.held_of(owner).is_none() {
            return Err(RequestError::NotHeld);
        }
        let mut step = self.tell_owner(owner, &Leave { version: V1, made: ctx.now }, ctx);
        for held in self.state.vault.held.extract_if(.., |held| held.is(owner)) {
            for Inbox { base, relays } in
                std::iter::once(held.inbox).chain(held.known.map(|known| known.inbox))
            {
                let close = |relay| Delivery::CloseMailbox { base: base.clone(), relay };
                step.outbox.extend(relays.into_iter().map(close));
            }
        }
        self.state.vault.touch(ctx.now);
        Ok(step)
    }

    /// Friend: a statement to an owner, by the identity that they know.
    pub(crate) fn tell_owner<T: Statement>(
        &self,
        owner: ContactId,
        body: &T,
        ctx: &mut Context<'_>,
    ) -> Step {
        let Some(held) = self.held_of(owner) else { return Step::default() };
        let (card, id) = (&held.card, held.card.id());
        let told = match &held.known {
            None => self.say(body, id.as_bytes(), card, ctx),
            Some(known) => self
                .former_identity(known.id)
                .and_then(|former| say_as(&former, body, id.as_bytes(), (card, ctx))),
        };
        told.unwrap_or_default()
    }
}

/// Notes that a generation counts; whether that is news.
fn count(bundles: &mut [HeldBundle], live: Option<CircleId>) -> bool {
    let live = bundles.iter_mut().find(|bundle| Some(bundle.circle) == live && !bundle.counted);
    live.map(|bundle| bundle.counted = true).is_some()
}

/// Keeps every generation that counted, whatever a thief with the owner's device deals on top of it, and of each
/// identity the newest of those that did not; `None` if there are too many. Each identity, because the word that
/// a former one's counts may never have come: nothing of the next one's takes its place before that counts.
fn with_fresh(
    held: &[HeldBundle],
    fresh: HeldBundle,
    live: Option<CircleId>,
) -> Option<Vec<HeldBundle>> {
    let mut bundles = held.to_vec();
    count(&mut bundles, live);
    let owner = fresh.signed.sender;
    bundles.push(fresh);
    let uncounted = |bundle: &HeldBundle| !bundle.counted && bundle.signed.sender == owner;
    let mut surplus = bundles.iter().filter(|bundle| uncounted(bundle)).count();
    bundles.retain(|bundle| {
        let drop = uncounted(bundle) && surplus > UNCOUNTED_MAX;
        surplus -= usize::from(drop);
        !drop
    });
    // A thief with the former device can have dealt many, and called each live: of those the oldest stay.
    while bundles.len() > HELD_MAX {
        let at = bundles.iter().rposition(|bundle| bundle.signed.sender != owner)?;
        bundles.remove(at);
    }
    Some(bundles)
}

/// Once a generation of the identity that is known counts, those of former ones are superseded.
fn supersede_former(held: &mut Held, now: u64) {
    let owner = held.card.id();
    let theirs = |bundle: &HeldBundle| bundle.signed.sender == owner;
    if held.bundles.iter().any(|bundle| theirs(bundle) && bundle.counted) {
        for bundle in held.bundles.iter_mut().filter(|bundle| !theirs(bundle)) {
            bundle.until.get_or_insert(now.saturating_add(KEPT_SECONDS));
        }
    }
}

/// A bundle that is right and new; `None` for one that is known or older than what is held.
fn check_bundle(
    held: &Held,
    letter: &Letter,
    me: ContactId,
) -> Result<Option<(Bundle, HeldBundle)>, &'static str> {
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
    // Late, or said once more by a relay, after the owner called it superseded.
    if held.forgotten.contains(&bundle.circle) && !planted!(OldPieceTaken) {
        return Ok(None);
    }
    // Each identity of an owner counts its own generations.
    let mut theirs = held.bundles.iter().filter(|b| b.signed.sender == held.card.id());
    if let Some(same) = theirs.clone().find(|b| b.generation == bundle.generation) {
        let known = same.circle == bundle.circle;
        return if known { Ok(None) } else { Err("another piece has its place already") };
    }
    let newer = theirs.next_back().is_some_and(|held| held.generation > bundle.generation);
    if newer && !planted!(OldPieceTaken) {
        return Ok(None);
    }
    let stored = HeldBundle {
        signed: letter.signed.clone(),
        circle: bundle.circle,
        generation: bundle.generation,
        pieces,
        stored: 0,
        until: None,
        counted: false,
    };
    Ok(Some((bundle, stored)))
}

fn check_pieces(bundle: &Bundle, pieces: &Pieces) -> Result<(), &'static str> {
    if pieces_hash(&pieces.shares) != bundle.pieces || pieces.alarm.hash() != bundle.alarm {
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
