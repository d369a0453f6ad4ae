#![no_main]
//! A card that verifies is its statement, octet for octet, and no change of its signature verifies.

use libfuzzer_sys::fuzz_target;
use recovery_core::{keys::Card, sign::Signed, wire};

fuzz_target!(|octets: &[u8]| {
    let Ok(signed) = wire::decode::<Signed>(octets) else {
        return;
    };
    let Ok(card) = Card::verify(&signed) else {
        return;
    };
    assert_eq!(card.id(), card.keys().id());
    assert!(card.mailboxes().len() <= Card::MAILBOXES_MAX);
    assert_eq!(wire::encode(&card).as_slice(), octets);
    let mut changed = octets.to_vec();
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
    }
    let changed = wire::decode::<Signed>(&changed);
    assert!(!changed.is_ok_and(|changed| Card::verify(&changed).is_ok()));
});
