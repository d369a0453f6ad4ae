//! What a lying contact sends to a new device, and what that must be taken for.

use super::{
    calls::flipped,
    ledger::{Expected, Gift, Truth},
    lines::Line,
    relay::hash,
    table::{Table, named},
    world::World,
};
use crate::{
    address::MailboxAddress,
    circle::HeldBundle,
    flows::{Delivery, Device, Event, Step, restore::Verdict},
    ids::{ContactId, RequestId},
    name::Name,
    seal::{self, Letter},
    secret::SecretBytes,
    sign::{Kind as Statement, Signed},
    wire::{
        V1,
        messages::{Approval, Checked, Decline, Due, Holding, Receipt, Stop},
    },
};

/// Ways to lie.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// None: a true approval.
    True,
    /// The octets of the share are others.
    Flipped,
    /// A true approval of another request.
    OtherRequest,
    /// Another owner's piece.
    OtherOwner,
    /// Only the oldest piece.
    OldGeneration,
    /// A piece of an owner that the liar made up.
    SelfMade,
    /// Another contact's piece.
    Stolen,
    /// In another contact's name.
    Impersonated,
    /// Not what it says it is.
    Damaged,
    /// Another contact's decline.
    ForgedDecline,
    /// A decline, with another contact's piece to show.
    StolenDecline,
    /// The newest piece is damaged, the others are true.
    HalfTrue,
    /// No pieces at all.
    Empty,
    /// Not for a new device.
    WrongKind,
    /// A yes that never comes.
    Due,
    /// Word of a yes, with another contact's piece to show.
    StolenDue,
    /// A stop in the liar's own name.
    Stop,
}

const LIES: [Lie; 17] = [
    Lie::True,
    Lie::Flipped,
    Lie::OtherRequest,
    Lie::OtherOwner,
    Lie::OldGeneration,
    Lie::SelfMade,
    Lie::Stolen,
    Lie::Impersonated,
    Lie::Damaged,
    Lie::ForgedDecline,
    Lie::StolenDecline,
    Lie::HalfTrue,
    Lie::Empty,
    Lie::WrongKind,
    Lie::Due,
    Lie::StolenDue,
    Lie::Stop,
];

const DAMAGED: Verdict = Verdict::Bad("it is damaged");
const SIGNATURE: Verdict = Verdict::Bad("its signature is wrong");
const OTHER_REQUEST: Verdict = Verdict::Bad("it was made for another request");
const BAD_PIECE: Verdict = Verdict::Bad("the piece is damaged");
const NOT_THEIRS: Verdict = Verdict::Bad("the piece belongs to another contact");
const NOBODYS: Verdict = Verdict::Bad("it announces an approval, but is not a contact's");
const EMPTY: Verdict = Verdict::Bad("it holds no piece");

/// A forged statement and what becomes of it.
struct Forged {
    signed: Signed,
    assessed: Option<(Option<Name>, Verdict)>,
    gifts: Vec<Gift>,
}

impl World {
    /// A liar answers a request, once or several times.
    pub(super) fn lie(&mut self, liar: usize, at: usize) {
        for _ in 0..self.dice.between(1, 3) {
            let lie = self.dice.pick(&LIES);
            let request = self.newcomers[at].host.state.id();
            let Some(forged) = self.forge(lie, liar, request) else { continue };
            self.ledger.note(self.now, &format!("{liar} lies: {lie:?}"));
            let Forged { signed, assessed, gifts } = forged;
            let assessed = assessed.map(|(name, verdict)| {
                let from = name.is_some().then_some(self.ids[liar]);
                let owner = match verdict {
                    OTHER_REQUEST => self.newest_of(liar),
                    Verdict::Held { .. } => name.as_ref().and_then(|_| self.newest_of(liar)),
                    Verdict::Vetoed { .. } => Some(self.ids[liar]),
                    _ => gifts.last().map(|(owner, ..)| *owner),
                };
                let name = name.or_else(|| {
                    let stop = matches!(verdict, Verdict::Vetoed { .. });
                    stop.then(|| self.people[liar].state.name().clone())
                });
                Line { name, verdict, from, owner, overrides: false }
            });
            let Ok(claimed) = self.newcomers[at].host.state.request() else { return };
            let letter = Letter::new(signed, self.dice.chance(100).then(|| vec![7; 5_000]));
            let sealing = &claimed.card.keys().sealing;
            let Ok(body) = seal::seal(&letter, sealing, &mut self.rng) else { continue };
            let expected = Expected { request, assessed, gifts, told: None, wait: None };
            self.ledger.letters.insert(hash(&body), expected);
            let post = |to: &MailboxAddress| Delivery::Post { to: to.clone(), body: body.clone() };
            let outbox = claimed.card.mailboxes().iter().map(post).collect();
            self.commit(liar, Step { outbox, events: Vec::new() });
        }
    }

    fn forge(&mut self, lie: Lie, liar: usize, request: RequestId) -> Option<Forged> {
        let owner = self.known_as(liar);
        let bundles = self.bundles(liar, owner);
        let name = Some(self.people[liar].state.name().clone());
        let good = Some((name.clone(), Verdict::Good));
        match lie {
            Lie::True => self.approval(liar, request, &bundles, good),
            Lie::Flipped => {
                let bad = bundles.iter().map(|bundle| self.spoilt(bundle)).collect::<Vec<_>>();
                self.approval(liar, request, &bad, Some((name, BAD_PIECE)))
            }
            Lie::HalfTrue => {
                let mut half = bundles;
                let last = half.pop().filter(|_| !half.is_empty())?;
                let spoilt = self.spoilt(&last);
                let mut forged = self.approval(liar, request, &half, good.clone())?;
                half.push(spoilt);
                forged.signed = self.approval(liar, request, &half, good)?.signed;
                Some(forged)
            }
            Lie::OldGeneration => self.approval(liar, request, bundles.get(..1)?, good),
            Lie::OtherOwner => {
                let other = self.ids[self.plan.other()];
                let theirs = self.bundles(liar, other);
                self.approval(liar, request, &theirs, good)
            }
            Lie::OtherRequest => {
                let other = RequestId::new(self.dice.octets(32).try_into().ok()?);
                let forged = self.approval(liar, other, &bundles, Some((name, OTHER_REQUEST)))?;
                Some(Forged { gifts: Vec::new(), ..forged })
            }
            Lie::SelfMade => self.self_made(liar, request),
            Lie::Stolen => {
                let other = self.another(liar);
                let stolen = self.bundles(other, self.known_as(other));
                self.approval(liar, request, &stolen, Some((None, NOT_THEIRS)))
            }
            _ => self.forge_statement(lie, liar, request, &bundles),
        }
    }

    /// Lies that are no approvals at all.
    fn forge_statement(
        &mut self,
        lie: Lie,
        liar: usize,
        request: RequestId,
        bundles: &[HeldBundle],
    ) -> Option<Forged> {
        let owner = self.known_as(liar);
        let empty = self.approval(liar, request, &[], None)?.signed;
        let device = &self.people[liar].state;
        let card = device.card_for(&device.held_of(owner)?.inbox)?;
        let other = &self.people[self.another(liar)].state;
        let other_held = self.held(self.another(liar))?;
        let other_card = other.card_for(&other_held.inbox)?;
        let stolen = other_held.bundles.first().map(|bundle| bundle.signed.clone());
        let decline = |card, bundle| Decline { version: V1, request, card, bundle };
        let sign = |decline: &Decline| Signed::new(decline, &device.identity, request.as_bytes());
        let (signed, assessed) = match lie {
            Lie::Impersonated => {
                let mut forged = empty;
                forged.sender = other.id();
                (forged, (None, SIGNATURE))
            }
            Lie::Damaged => {
                let mut forged = sign(&decline(card, None));
                forged.kind = Statement::Approval;
                (forged, (None, DAMAGED))
            }
            Lie::ForgedDecline => (sign(&decline(other_card, stolen)), (None, SIGNATURE)),
            Lie::StolenDecline => (sign(&decline(card, stolen)), (None, Verdict::Declined)),
            Lie::Empty => (empty, (None, EMPTY)),
            Lie::Due | Lie::StolenDue => {
                let own = bundles.last().map(|bundle| bundle.signed.clone());
                let true_one = matches!(lie, Lie::Due);
                let bundle = if true_one { own } else { stolen }?;
                let at = self.now;
                let due = Due { version: V1, request, card, bundle, at };
                let name = Some(device.name().clone()).filter(|_| true_one);
                let verdict = if true_one { Verdict::Held { until: at } } else { NOBODYS };
                (Signed::new(&due, &device.identity, request.as_bytes()), (name, verdict))
            }
            Lie::Stop => {
                let owner = device.card_for(&device.held_of(owner)?.inbox)?;
                let stop = Stop { version: V1, request, owner, made: self.now };
                let verdict = Verdict::Vetoed { at: self.now };
                (Signed::new(&stop, &device.identity, request.as_bytes()), (None, verdict))
            }
            _ => {
                let circle = bundles.first()?.circle;
                let receipt = Receipt { version: V1, circle, proof: [0; 32] };
                let signed = Signed::new(&receipt, &device.identity, request.as_bytes());
                return Some(Forged { signed, assessed: None, gifts: Vec::new() });
            }
        };
        Some(Forged { signed, assessed: Some(assessed), gifts: Vec::new() })
    }

    fn bundles(&self, who: usize, owner: ContactId) -> Vec<HeldBundle> {
        self.people[who].state.held_of(owner).map(|held| held.bundles.clone()).unwrap_or_default()
    }

    /// The identity of the owner's whose piece a liar got last.
    fn newest_of(&self, liar: usize) -> Option<ContactId> {
        self.gifts(liar).last().map(|(owner, ..)| *owner)
    }

    /// Somebody else among the contacts.
    fn another(&self, liar: usize) -> usize {
        if liar == self.plan.contacts { 1 } else { liar + 1 }
    }

    /// A bundle whose shares are not what was signed.
    fn spoilt(&mut self, bundle: &HeldBundle) -> HeldBundle {
        let mut spoilt = bundle.clone();
        for share in &mut spoilt.pieces.shares {
            *share = SecretBytes::new(&flipped(share.expose(), &mut self.dice));
        }
        spoilt
    }

    /// An approval by the liar with these pieces; an approval without any is [`Lie::Empty`].
    fn approval(
        &mut self,
        liar: usize,
        request: RequestId,
        bundles: &[HeldBundle],
        assessed: Option<(Option<Name>, Verdict)>,
    ) -> Option<Forged> {
        if bundles.is_empty() && assessed.is_some() {
            return None;
        }
        let device = &self.people[liar].state;
        let card = device.card_for(&self.held(liar)?.inbox)?;
        let container = match self.dice.below(3) {
            0 => None,
            1 => bundles.first().and_then(|bundle| bundle.pieces.container.clone()),
            _ => Some(self.dice.octets(8_192)),
        };
        // The owner's word to somebody else, which says nothing here.
        let other = self.held(self.another(liar)).and_then(|other| other.newest.clone());
        let newest = other.filter(|_| self.dice.chance(300));
        let holding = |bundle: &HeldBundle| Holding {
            bundle: bundle.signed.clone(),
            shares: bundle.pieces.shares.clone(),
            container: container.clone(),
        };
        let approval = Approval {
            version: V1,
            request,
            card,
            checked: Checked::Number,
            holdings: bundles.iter().map(holding).collect(),
            newest,
            overrides: false,
        };
        let signed = Signed::new(&approval, &device.identity, request.as_bytes());
        let good = matches!(assessed, Some((_, Verdict::Good)));
        let gift = |bundle: &HeldBundle| {
            let signed = bundle.bundle()?;
            Some((signed.owner.id(), bundle.circle, device.id()))
        };
        let gifts = bundles.iter().filter(|_| good).filter_map(gift).collect();
        Some(Forged { signed, assessed, gifts })
    }

    /// The liar is the only contact of an owner who has the same name as the real one.
    fn self_made(&mut self, liar: usize, request: RequestId) -> Option<Forged> {
        let mut table = Table::new(self.dice.below(u64::MAX), &[]);
        let relays = vec![self.relays[0].url.clone()];
        let name = self.people[0].state.name().clone();
        let owner = table.context(|ctx| Device::new(name, relays, ctx));
        let copy = Device::decode(&self.people[liar].state.encode()).ok()?;
        let mut table = Table::over(vec![owner, copy], self.now, self.dice.below(u64::MAX));
        let _ = table.people[0].add(named("a trap"), b"not yours", self.now);
        let made = table.circle(0, 1, &[1]);
        let owner = table.id(0);
        let bundles = table.people[1].held_of(owner)?.bundles.clone();
        let version = bundles.first()?.bundle()?.vault_version;
        let truth = Truth { version, ..Truth::of(&table.people[0], made.circle, None) };
        self.ledger.circles.insert(made.circle, truth);
        let name = Some(self.people[liar].state.name().clone());
        self.approval(liar, request, &bundles, Some((name, Verdict::Good)))
    }

    /// Whether some of these came from an honest contact.
    pub(super) fn all_honest(&self, gifts: &[Gift]) -> bool {
        let honest = |id: &ContactId| {
            (1..=self.plan.contacts).any(|who| self.plan.is_honest(who) && self.ids[who] == *id)
        };
        gifts.iter().any(|(.., id)| honest(id))
    }

    /// A liar throws away the pieces that came, and says to hold them. True if it did.
    pub(super) fn throws_away(&mut self, liar: usize, step: &Step) -> bool {
        let came = step.events.iter().any(|event| matches!(event, Event::PieceStored { .. }));
        if !came || !self.plan.byzantine.contains(&liar) || self.dice.chance(500) {
            return false;
        }
        self.restart(liar);
        let owner = self.known_as(liar);
        let circles = self.ledger.circles.iter().filter(|(_, truth)| truth.owner == owner);
        let newest = circles.max_by_key(|(_, truth)| truth.generation).map(|(id, _)| *id);
        let device = &self.people[liar].state;
        if let (Some(circle), Some(held)) = (newest, device.held_of(owner).cloned()) {
            let proof = self.dice.octets(32).try_into().unwrap_or_default();
            let receipt = Receipt { version: V1, circle, proof };
            let signed = Signed::new(&receipt, &device.identity, owner.as_bytes());
            let sealing = &held.card.keys().sealing;
            let body = seal::seal(&Letter::new(signed, None), sealing, &mut self.rng);
            let body = body.unwrap_or_default();
            let post = |to: &MailboxAddress| Delivery::Post { to: to.clone(), body: body.clone() };
            let outbox = held.card.mailboxes().iter().map(post).collect();
            self.ledger.note(self.now, &format!("{liar} throws a piece away"));
            self.commit(liar, Step { outbox, events: Vec::new() });
        }
        true
    }
}
