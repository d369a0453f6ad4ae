//! What must hold of every new device, and of the end.

use super::{
    ledger::{Expected, Gift, Truth},
    lines,
    newcomer::Kind,
    world::{Who, World},
};
use crate::{
    circle::OpenedState,
    flows::{
        Device,
        restore::{Assessment, Quorum, Quorums, RestoreError, Restored, ShareSet, Verdict},
    },
    ids::{CircleId, ContactId, RequestId},
    package::RootKey,
    vault::Vault,
    wire::messages::{AlertKind, Approval},
};
use std::collections::{BTreeMap, BTreeSet};

/// Contacts whose shares are there, by owner and circle.
type Sets = BTreeMap<(ContactId, CircleId), BTreeSet<ContactId>>;

impl World {
    /// Holds what a new device makes of its letters against what they are.
    pub(super) fn judge(&mut self, at: usize) {
        let letters = self.letters(at);
        let known = letters.iter().filter_map(|hash| self.ledger.letters.get(hash).cloned());
        let expected: Vec<Expected> = known.collect();
        let assessment = self.newcomers[at].host.state.assess();
        let lines = assessment.approvals.iter();
        let seen: Vec<_> =
            lines.map(|a| Some((a.contact.clone(), a.verdict, a.overrides))).collect();
        let wanted = lines::seen(&expected);
        self.ledger.ensure(seen == wanted, || format!("assessed {seen:?}, not {wanted:?}"));
        let gifts: Vec<Gift> = expected.into_iter().flat_map(|e| e.gifts).collect();
        let fine = self.newcomers[at].kind != Kind::Impostor || !self.all_honest(&gifts);
        self.ledger.ensure(fine, || "an impostor got an honest piece".to_owned());
        self.were_approved(at, &gifts);
        let mut wanted = Sets::new();
        for (owner, circle, contact) in gifts {
            wanted.entry((owner, circle)).or_default().insert(contact);
        }
        let set = |set: &ShareSet| {
            ((set.owner.id(), set.circle), set.approvers().map(|approver| approver.id).collect())
        };
        let seen: Sets = assessment.sets.iter().map(set).collect();
        self.ledger.ensure(seen == wanted, || format!("sets {seen:?}, not {wanted:?}"));
        for set in &assessment.sets {
            self.judge_set(at, set);
        }
        self.judge_complete(at, &assessment, &wanted);
        self.newcomers[at].judged = letters;
    }

    /// Honest contacts gave pieces to this very request only, and once they approved it.
    fn were_approved(&mut self, at: usize, gifts: &[Gift]) {
        let request = self.newcomers[at].host.state.id();
        for (.., contact) in gifts {
            let honest = (1..=self.plan.contacts)
                .any(|who| self.plan.is_honest(who) && self.ids[who] == *contact);
            let approved = self.ledger.approved.contains(&(*contact, request));
            self.ledger.ensure(!honest || approved, || "a piece without an approval".to_owned());
        }
    }

    /// A set is complete if its policy says so, combines exactly then, and tells when one suffices.
    fn judge_set(&mut self, at: usize, set: &ShareSet) {
        let Some(truth) = self.ledger.circles.get(&set.circle).cloned() else {
            return self.ledger.fail("a circle that nobody made");
        };
        let here: Vec<ContactId> = set.approvers().map(|approver| approver.id).collect();
        let once = here.iter().collect::<BTreeSet<_>>().len() == here.len();
        self.ledger.ensure(once, || "somebody counts twice".to_owned());
        let enough = truth.policy.suffices(|id| here.contains(&id));
        let fine = set.is_complete() == enough
            && set.generation == truth.generation
            && set.owner.id() == truth.owner
            && set.vault_version == self.known(at, truth.owner)
            && set.one_suffices() == (truth.policy.fewest() == 1);
        self.ledger.ensure(fine, || format!("a set is not what it is: {enough} {set:?}"));
        if !self.newcomers[at].combined.insert((set.circle, here.len())) {
            return;
        }
        let fine = match set.combine() {
            Ok(quorum) => enough && quorum.left_out().is_empty(),
            Err(RestoreError::TooFew { have, .. }) => !enough && have == here.len(),
            Err(_) => false,
        };
        self.ledger.ensure(fine, || format!("{} pieces of {:?}", here.len(), truth.policy));
    }

    /// The newest complete set of each owner is offered, and nothing else.
    fn judge_complete(&mut self, at: usize, assessment: &Assessment, sets: &Sets) {
        let enough = |circle: &CircleId, here: &BTreeSet<ContactId>| {
            let truth = self.ledger.circles.get(circle)?;
            truth.policy.suffices(|id| here.contains(&id)).then_some(truth.generation)
        };
        let mut wanted = BTreeMap::new();
        for ((owner, circle), here) in sets {
            if let Some(generation) = enough(circle, here) {
                let newest = wanted.entry(*owner).or_insert(generation);
                *newest = generation.max(*newest);
            }
        }
        let vouched = self.vouched(at);
        // As many as could open the former identity's key say that another one came after.
        let after = |former: ContactId, next: ContactId| {
            let says = |id: &ContactId| {
                vouched.contains(&(*id, former, next)) && !vouched.contains(&(*id, next, former))
            };
            sets.iter().any(|((owner, circle), here)| {
                let here = here.iter().filter(|id| says(id)).copied().collect();
                *owner == former && enough(circle, &here).is_some()
            })
        };
        let all: Vec<ContactId> = wanted.keys().copied().collect();
        wanted.retain(|owner, _| !all.iter().any(|next| next != owner && after(*owner, *next)));
        let offered = assessment.complete(None);
        let seen: BTreeMap<_, _> =
            offered.iter().map(|set| (set.owner.id(), set.generation)).collect();
        let fine = seen == wanted && seen.len() == offered.len();
        let pinned = |pin| -> BTreeSet<ContactId> {
            assessment.complete(Some(pin)).iter().map(|set| set.owner.id()).collect()
        };
        let ours = |pin| wanted.keys().copied().filter(move |id| *id == pin || after(pin, *id));
        let selves = || self.succession.all(self.owner());
        let right = selves().all(|pin| ours(pin).eq(pinned(pin)));
        let ready = selves().find(|pin| !pinned(*pin).is_empty());
        self.ledger.ensure(fine, || format!("complete: {seen:?}, not {wanted:?}"));
        self.ledger.ensure(right, || "the pinned owner's set".to_owned());
        self.newcomers[at].ready = ready;
    }

    /// Who says which identity came after which: who sent pieces of both in one approval.
    fn vouched(&self, at: usize) -> BTreeSet<(ContactId, ContactId, ContactId)> {
        let letters = self.letters(at);
        let expected = letters.iter().filter_map(|hash| self.ledger.letters.get(hash));
        let mut vouched = BTreeSet::new();
        for gifts in expected.map(|expected| &expected.gifts) {
            for (at, (former, _, contact)) in gifts.iter().enumerate() {
                let later = gifts.iter().skip(at + 1).filter(|(next, ..)| next != former);
                vouched.extend(later.map(|(next, ..)| (*contact, *former, *next)));
            }
        }
        vouched
    }

    /// Restores, if there is enough: with the generation that gives the newest vault.
    pub(super) fn try_restore(&mut self, at: usize) {
        let assessment = self.newcomers[at].host.state.assess();
        let Some(owner) = self.newcomers[at].ready else { return };
        let sets: Vec<ShareSet> = assessment.complete_of(owner).into_iter().cloned().collect();
        if sets.is_empty() {
            return;
        }
        let Ok(quorums) = Quorums::of(&assessment, owner) else {
            return self.ledger.fail("a complete set does not combine");
        };
        let slots = quorums.slots();
        let found: Vec<Vec<u8>> =
            slots.iter().filter_map(|slot| self.look(Who::New(at), slot)).collect();
        // The first is the newest generation: it wins over others with the same version.
        let mut best: Option<(u64, (ContactId, u64))> = None;
        let mut passphrase = None;
        for set in &sets {
            let Some(truth) = self.ledger.circles.get(&set.circle).cloned() else { return };
            let known = self.known(at, truth.owner);
            let newest = self.newest_with(at, (set, &truth), &found, known);
            passphrase = passphrase.or(truth.passphrase);
            // What an identity gives that came after wins over all that one before gives: that one's device may
            // be in other hands.
            let wins = |(best, (by, _)): (u64, (ContactId, u64))| {
                newest.is_some_and(|newest| by == truth.owner && newest > best)
            };
            if let (Some(newest), true) = (newest, best.is_none_or(wins)) {
                best = Some((newest, (truth.owner, truth.generation)));
            }
        }
        self.newcomers[at].no_vault = best.is_none();
        match (quorums.restore(passphrase, &found), best) {
            (Err(RestoreError::NoVault), None) => {}
            (Ok((restored, _)), Some((newest, (owner, generation))))
                if restored.generation == generation && restored.device.id() == owner =>
            {
                self.restored(at, restored, owner, newest);
            }
            (result, best) => {
                let result = result.map(|(restored, _)| (restored.generation, restored.rollback));
                self.ledger.fail(format!("restoring gave {result:?}, not {best:?}"));
            }
        }
    }

    /// The newest version of the vault that the pieces of one generation give.
    fn newest_with(
        &mut self,
        at: usize,
        (set, truth): (&ShareSet, &Truth),
        found: &[Vec<u8>],
        known: u64,
    ) -> Option<u64> {
        let root = set.combine().ok().and_then(|quorum| self.root(&quorum, truth));
        let Some(root) = root else {
            self.ledger.fail("a complete set gives no key, or another one");
            return None;
        };
        let copies = self.copies(at, set);
        let newest = |containers: &[Vec<u8>]| {
            let vaults = containers.iter().filter_map(|c| Vault::open(&root, c).ok());
            vaults.map(|vault| vault.version).max()
        };
        // A liar's copy may be newer than what the liar says to know of; then either is right.
        let shown = newest(found);
        let enough = shown.filter(|shown| *shown >= known);
        enough.or_else(|| shown.max(newest(&copies)))
    }

    /// The newest version of an owner's vault that a new device can know of.
    fn known(&self, at: usize, owner: ContactId) -> u64 {
        let letters = self.letters(at);
        let expected = letters.iter().filter_map(|hash| self.ledger.letters.get(hash));
        let gifts = expected.clone().flat_map(|e| &e.gifts).filter(|(theirs, ..)| *theirs == owner);
        let truths = gifts.filter_map(|(_, circle, _)| self.ledger.circles.get(circle));
        let told = expected.filter(|e| e.gifts.iter().any(|(theirs, ..)| *theirs == owner));
        let told = told.filter_map(|e| e.told).filter(|(by, _)| *by == owner);
        truths.map(|truth| truth.version).chain(told.map(|(_, told)| told)).max().unwrap_or(0)
    }

    /// The vault's copies that came with an owner's approvals.
    fn copies(&self, at: usize, set: &ShareSet) -> Vec<Vec<u8>> {
        let letters = self.letters(at);
        let ours = letters.iter().zip(&self.newcomers[at].host.state.state.letters);
        let ours = ours.filter(|(hash, _)| {
            let expected = self.ledger.letters.get(*hash);
            expected.is_some_and(|e| e.gifts.iter().any(|(owner, ..)| *owner == set.owner.id()))
        });
        let approvals = ours.filter_map(|(_, letter)| letter.signed.peek::<Approval>().ok());
        let holdings = approvals.flat_map(|approval| approval.holdings);
        holdings.filter_map(|holding| holding.container).collect()
    }

    /// The root key, if it is the right one with the right passphrase only.
    fn root(&mut self, quorum: &Quorum, truth: &Truth) -> Option<RootKey> {
        if truth.passphrase.is_some() {
            let needed = quorum.root(None) == Err(RestoreError::PassphraseNeeded);
            let wrong = quorum.root(Some("the cat sat on the hat"));
            let wrong = wrong == Err(RestoreError::WrongPassphrase);
            self.ledger.ensure(needed && wrong, || "a passphrase is not asked for".to_owned());
        }
        let root = quorum.root(truth.passphrase).ok()?;
        (root == truth.root).then_some(root)
    }

    /// The owner's device is back: the same person, with the entries of that version.
    fn restored(&mut self, at: usize, restored: Restored, owner: ContactId, newest: u64) {
        let known = self.known(at, owner);
        let device = &restored.device;
        let vault = device.vault();
        let rollback = restored.rollback.as_ref().map(|rollback| (rollback.found, rollback.known));
        let wanted = (newest < known).then_some((newest, known));
        let again = Device::decode(&device.encode()).map(|device| device.encode());
        let fine = device.id() == owner
            && device.name() == self.people[0].state.name()
            && vault.version == newest
            && rollback == wanted
            && again.is_ok_and(|again| again == device.encode());
        self.ledger.ensure(fine, || {
            format!("restored {} of {newest}: {rollback:?}, not {wanted:?}", vault.version)
        });
        let real = self.ledger.knows(owner, vault);
        self.ledger.ensure(real, || format!("version {newest} never was like this"));
        if rollback.is_some() && !self.faults.calm() && self.dice.chance(500) {
            // Somebody looks for a newer one first.
            return;
        }
        let step = self.act_new(at, |new, _| new.clean_up());
        if self.commit_new(at, step) {
            self.newcomers[at].restored = true;
            self.newcomers[at].device = Some((restored.device, known));
            self.ledger.note(self.now, &format!("new device {at} is the owner's again"));
        }
    }

    /// The end: nothing hangs, and what could come back did.
    pub(super) fn finish(&mut self) {
        for at in 0..self.newcomers.len() {
            self.judge(at);
            self.restart_new(at);
        }
        for who in 0..self.people.len() {
            self.restart(who);
            let digest = self.digest(who);
            self.ledger.note(self.now, &format!("{who} ends as {digest:x?}"));
        }
        self.everything_is_sent();
        self.last_came_back();
        self.owner_was_told();
    }

    /// In the calm, outboxes become empty, but for what a relay that is gone for good should have.
    fn everything_is_sent(&mut self) {
        let people = (0..self.people.len()).map(Who::Person);
        let new = (0..self.newcomers.len()).map(Who::New);
        for who in people.chain(new).collect::<Vec<_>>() {
            // What came up since the last time that this device tried.
            self.send(who);
            let outbox = match who {
                Who::Person(who) => &self.people[who].outbox,
                Who::New(at) => &self.newcomers[at].host.outbox,
            };
            let relays = &self.relays;
            let answers = |url| relays.iter().any(|r| r.url == url && r.alive(self.now).is_ok());
            let stuck = outbox.iter().filter(|d| answers(d.relay().clone())).count();
            self.ledger.ensure(stuck == 0, || format!("{who:?}: {stuck} calls are never done"));
        }
    }

    /// Every willing contact that holds a piece approved the last recovery, and if those suffice and
    /// there is a vault, it gave the owner's device back.
    fn last_came_back(&mut self) {
        let Some(at) = self.newcomers.len().checked_sub(1) else { return };
        if self.newcomers[at].kind != Kind::Last {
            return self.ledger.fail("the last recovery never began");
        }
        let assessment = self.newcomers[at].host.state.assess();
        let restored = self.newcomers[at].restored;
        let id = self.newcomers[at].host.state.id();
        for who in self.plan.willing.clone() {
            let approved = self.gifts(who).is_empty() || self.approved(who, id);
            self.ledger.ensure(approved || restored, || format!("{who} never approved"));
        }
        let ours = |e: &&Expected| e.request == id && self.all_honest(&e.gifts);
        let gifts = self.ledger.letters.values().filter(ours).flat_map(|e| &e.gifts);
        let heard = gifts.cloned().all(|(_, circle, id)| {
            let set = assessment.sets.iter().find(|set| set.circle == circle);
            set.is_some_and(|set| set.approvers().any(|approver| approver.id == id))
        });
        self.ledger.ensure(heard || restored, || "an approval was not heard".to_owned());
        let ready = |pin| !assessment.complete(Some(pin)).is_empty();
        let complete = self.succession.all(self.owner()).any(ready);
        let right = restored == (complete && !self.newcomers[at].no_vault);
        self.ledger.ensure(right, || format!("enough: {complete}, restored: {restored}"));
        let bad = assessment.approvals.iter().any(|a| a.verdict == Verdict::Declined);
        self.ledger.note(self.now, &format!("the last one: {restored}, declines: {bad}"));
    }

    /// Whether a friend's device approved a request.
    fn approved(&self, who: usize, request: RequestId) -> bool {
        let opened = self.people[who].state.opened();
        let opened = opened.iter().find(|opened| opened.id == request);
        opened.is_some_and(|opened| opened.state == OpenedState::Approved)
    }

    /// If the owner's old device still works, it heard of the last recovery from everybody who
    /// approved it.
    fn owner_was_told(&mut self) {
        if self.lost {
            return;
        }
        let Some(last) = self.newcomers.last() else { return };
        let request = last.host.state.id();
        for who in self.plan.willing.clone() {
            let (approved, id) = (self.approved(who, request), self.ids[who]);
            let owner = &self.people[0].state;
            let recovery = owner.recoveries().iter().find(|known| known.request == request);
            let reports = recovery.into_iter().flat_map(|known| &known.reports);
            let told = reports.filter(|report| report.contact == id).map(|report| report.kind);
            let right = told.eq([AlertKind::Approved]) || owner.contact(id).is_none();
            self.ledger.ensure(right || !approved, || format!("the owner never heard of {who}"));
        }
    }
}
