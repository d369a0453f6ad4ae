//! Without a relay: what would lie at one travels as a file, a parcel in armor, that people hand each other.
//!
//! As `recovery-client`'s files, but for what came: a page acts on a parcel at once and keeps none. A box that is in it
//! is kept by the page with the link it belongs to.

use crate::{
    calls::{Answer, Code},
    friend::link,
    home::Home,
    net::told,
    value::Octets,
};
use recovery_core::{
    flows::{Context, Delivery, Step},
    ids::SlotId,
    wire::{
        limits::SLOT_MAX,
        parcel::{Parcel, Post, Slot},
    },
};

fn read(text: &str) -> Result<Parcel, Code> {
    Parcel::from_armor(text.as_bytes()).map_err(|_| "file-damaged".into())
}

/// The box that was last put into one of these slots.
fn newest<'a>(parcel: &'a Parcel, ids: &[SlotId]) -> Option<&'a Vec<u8>> {
    let slots = ids.iter().filter_map(|id| parcel.slot(*id));
    let body = slots.max_by_key(|slot| slot.at)?.body.as_ref();
    body.filter(|body| body.len() <= SLOT_MAX)
}

/// Adds what would be left at a relay.
fn add(parcel: &mut Parcel, delivery: Delivery, at: u64) {
    let (base, relay, body) = match delivery {
        Delivery::Post { to, body } | Delivery::PostHeld { to, body, .. } => {
            return parcel.post(Post { to: to.id, body, at });
        }
        Delivery::PutSlot { base, relay, body, .. } => (base, relay, Some(body)),
        Delivery::DeleteSlot { base, relay } => (base, relay, None),
        // Files know neither mailboxes nor holds.
        _ => return,
    };
    parcel.put(Slot { id: base.slot(relay.as_str()).id(), body, at });
}

/// The box of a link, from a file that came with it.
pub(crate) fn boxed(text: &str, file: &str) -> Result<Answer, Code> {
    let ids: Vec<SlotId> = link(text)?.slots.iter().map(|slot| slot.id).collect();
    let parcel = read(file)?;
    let body = newest(&parcel, &ids).ok_or("file-lacks")?;
    Ok(Answer::File(Octets(body.clone())))
}

/// Acts on what is for this friend in somebody's file. The same file again changes nothing.
pub(crate) fn take(home: &mut Home, file: &str, ctx: &mut Context<'_>) -> Result<Answer, Code> {
    let parcel = read(file)?;
    let mut all = Step::default();
    for post in parcel.posts() {
        let of = |watch: &recovery_core::flows::Watch| {
            watch.relay.is_files() && watch.base.mailbox(watch.relay.as_str()).id() == post.to
        };
        // Looked for each time: a message may bring a mailbox along.
        let Some(watch) = home.device.watches().into_iter().find(of) else { continue };
        all.then(home.device.handle(watch.source, &post.body, ctx));
    }
    hear_alarms(home, &parcel);
    let events = told(&all.events);
    home.keep(all);
    Ok(Answer::Took { more: false, events })
}

/// Warnings of the owner's other contacts.
fn hear_alarms(home: &mut Home, parcel: &Parcel) {
    let requests: Vec<_> = home.device.opened().iter().map(|opened| opened.id).collect();
    for request in requests {
        let slots = home.device.alarm_slots(request);
        let found = slots.iter().filter_map(|slot| newest(parcel, &[slot.id])).cloned();
        let found: Vec<Vec<u8>> = found.collect();
        home.device.hear_alarms(request, &found);
    }
}

/// Everything that is for others, as a file; the same again until 30 days are over.
pub(crate) fn give(home: &mut Home, now: u64) -> Answer {
    let (files, rest) = std::mem::take(&mut home.outbox)
        .into_iter()
        .partition(|waiting| waiting.delivery.relay().is_files());
    home.outbox = rest;
    let files: Vec<crate::home::Waiting> = files;
    for waiting in files {
        add(&mut home.parcel, waiting.delivery, now);
    }
    home.parcel.shrink(now);
    Answer::File(Octets(home.parcel.armored().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{calls::ReachInput, friend, home::Home};
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;
    use recovery_core::{address::RelayUrl, flows::Device, kdf::KdfCost};

    const NOW: u64 = 1_800_000_000;
    const DAYS_30: u64 = 30 * 86_400;

    fn text(answer: Answer) -> String {
        let Answer::File(Octets(octets)) = answer else { panic!("{answer:?}") };
        String::from_utf8(octets).unwrap()
    }

    /// Bob, who accepted an invite without a relay; its link, and the file that came with it.
    fn bob() -> (Home, String, String) {
        let mut rng = ChaCha20Rng::from_seed([1; 32]);
        let mut ctx = Context { now: NOW, rng: &mut rng, cost: KdfCost::STANDARD };
        let files = vec![RelayUrl::FILES.parse().unwrap()];
        let mut anna = Device::new("Anna".parse().unwrap(), files, &mut ctx);
        let invited = anna.invite("Bob".parse().unwrap(), &mut ctx).unwrap();
        let link = invited.link.expose().to_string();
        let mut parcel = Parcel::default();
        invited.step.outbox.into_iter().for_each(|delivery| add(&mut parcel, delivery, NOW));
        let file = parcel.armored();
        let Answer::File(Octets(found)) = boxed(&link, &file).unwrap() else { panic!("no box") };
        let mut home = Home::create("Bob", &mut ctx).unwrap();
        friend::accept(&mut home, &link, &found, ReachInput::default(), &mut ctx).unwrap();
        (home, link, file)
    }

    #[test]
    fn what_waits_for_files_is_given_out_again_until_it_is_over() {
        let (mut home, ..) = bob();
        assert!(!home.outbox.is_empty());
        let first = text(give(&mut home, NOW));
        assert!(home.outbox.is_empty());
        assert_eq!(read(&first).unwrap().posts().len(), 1);
        let mut home = Home::decode(&home.encode()).unwrap();
        assert_eq!(text(give(&mut home, NOW + DAYS_30 - 1)), first);
        assert!(read(&text(give(&mut home, NOW + DAYS_30))).unwrap().is_empty());
    }

    #[test]
    fn a_file_that_was_changed_anywhere_changes_nothing() {
        let (mut home, link, file) = bob();
        let mut rng = ChaCha20Rng::from_seed([2; 32]);
        let mut ctx = Context { now: NOW, rng: &mut rng, cost: KdfCost::STANDARD };
        let before = home.encode().to_vec();
        assert!(matches!(take(&mut home, &file, &mut ctx), Ok(Answer::Took { .. })));
        assert_eq!(home.encode().to_vec(), before, "nothing in it is for Bob");
        for at in (0..file.len() - 1).step_by(37) {
            let mut octets = file.clone().into_bytes();
            octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(octets).unwrap();
            assert!(take(&mut home, &changed, &mut ctx).is_err(), "{at}");
            assert!(boxed(&link, &changed).is_err(), "{at}");
            assert!(take(&mut home, &file[..at], &mut ctx).is_err(), "{at}");
        }
        assert_eq!(home.encode().to_vec(), before);
    }
}
