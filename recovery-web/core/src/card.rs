//! The key card: 20 words by which a friend comes back when a browser has forgotten everything.
//!
//! The words are a SLIP-39 share of 16 octets, one of one. The root key of the friend's vault and the base of its
//! slots are derived from these octets, so words and a relay's address are enough to find and open the newest vault.
//! The same words open the card's file, which needs no relay: `recovery card\n` ‖ 1 ‖ a committing box over the home.

use crate::{
    calls::{Answer, Code, SlotPlace},
    home::Home,
    value::Octets,
};
use recovery_core::{
    address::RelayUrl,
    boxed,
    flows::{Context, Device},
    ids::Base,
    kdf::hkdf,
    labels,
    secret::SecretBytes,
    slip39::{self, Groups, Share},
    vault::{ContainerError, Vault},
};
use zeroize::Zeroizing;

/// Octets behind the words.
const SECRET: usize = 16;
/// What a file begins with; the last octet is the version.
const HEAD: &[u8] = b"recovery card\n\x01";

/// A new card.
pub(crate) fn draw(ctx: &mut Context<'_>) -> Result<Share, Code> {
    let mut secret = Zeroizing::new([0; SECRET]);
    ctx.rng.fill_bytes(secret.as_mut_slice());
    let groups = Groups::single(1, 1).map_err(|_| "internal")?;
    let shares = slip39::split(secret.as_slice(), &groups, &mut ctx.rng).map_err(|_| "internal")?;
    shares.into_iter().flatten().next().ok_or_else(|| "internal".into())
}

/// The device with its vault under the card's keys.
pub(crate) fn bind(device: &Device, share: &Share) -> Result<Device, Code> {
    let keys = Keys::of(share)?;
    let mut vault = device.vault().clone();
    vault.slot = keys.slot;
    Ok(Device::from_vault(vault, keys.root))
}

struct Keys {
    secret: Zeroizing<Vec<u8>>,
    root: recovery_core::package::RootKey,
    slot: Base,
}

impl Keys {
    fn of(share: &Share) -> Result<Self, Code> {
        let secret = slip39::combine(std::slice::from_ref(share), "").map_err(|_| "words")?;
        let root = hkdf(&secret, &[], labels::CARD_ROOT, &[]);
        let slot = Base::derived(hkdf(&secret, &[], labels::CARD_SLOT, &[]));
        Ok(Self { secret, root, slot })
    }
}

/// The share that words stand for.
fn read(words: &str) -> Result<Share, Code> {
    let share = Share::from_words(words).map_err(|_| "words")?;
    if share.value().len() == SECRET { Ok(share) } else { Err("words".into()) }
}

/// Where a card's vault lies at a relay.
pub(crate) fn slot_of(words: &str, relay: &str) -> Result<Answer, Code> {
    let relay: RelayUrl = relay.trim().parse().map_err(|_| "relay")?;
    let keys = Keys::of(&read(words)?)?;
    let id = keys.slot.slot(relay.as_str()).id().to_string();
    Ok(Answer::Slots(vec![SlotPlace { relay: relay.to_string(), id }]))
}

/// The home of a card, from the container in that slot. What was opened and not decided is not in it.
pub(crate) fn open(words: &str, container: &[u8]) -> Result<Home, Code> {
    let share = read(words)?;
    let keys = Keys::of(&share)?;
    let vault = Vault::open(&keys.root, container).map_err(|error| match error {
        ContainerError::Closed => "card-closed",
        _ => "card-newer",
    })?;
    let kept = Some(vault.changed);
    let device = Device::from_vault(vault, keys.root);
    Ok(Home::assemble(device, SecretBytes::new(&share.to_bytes()), kept))
}

/// The home in a card's file, as it was when the file was saved.
pub(crate) fn open_file(words: &str, file: &[u8]) -> Result<Home, Code> {
    let share = read(words)?;
    let keys = Keys::of(&share)?;
    let content = file.strip_prefix(HEAD).ok_or("card-file")?;
    let octets = boxed::open(&keys.secret, labels::BOX_CARD, content).map_err(|_| "card-closed")?;
    Home::decode(&octets).map_err(|()| "card-newer".into())
}

/// Words and relays, to be shown.
pub(crate) fn show(home: &Home) -> Result<Answer, Code> {
    let share = Share::from_bytes(home.card.expose()).map_err(|_| "home-damaged")?;
    let relays = home
        .device
        .relays()
        .iter()
        .filter(|relay| !relay.is_files())
        .map(ToString::to_string)
        .collect();
    Ok(Answer::Card { words: share.to_words().to_string(), relays })
}

/// The file of the card.
pub(crate) fn file(home: &Home, ctx: &mut Context<'_>) -> Result<Answer, Code> {
    let share = Share::from_bytes(home.card.expose()).map_err(|_| "home-damaged")?;
    let keys = Keys::of(&share)?;
    let mut octets = HEAD.to_vec();
    octets.extend(boxed::seal(&keys.secret, labels::BOX_CARD, &home.encode(), &mut ctx.rng));
    Ok(Answer::File(Octets(octets)))
}

/// Notes that the friend has it in hand.
pub(crate) fn kept(home: &mut Home, now: u64) -> Answer {
    home.card_kept = Some(now);
    Answer::Done
}
