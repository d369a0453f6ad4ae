//! Every domain-separation label, one table; `docs/spec/labels.md` is held to it by a test.
//!
//! A label names one use of one primitive. No two uses share a label, so bytes made for one
//! purpose can never pass for another.

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
        /// All labels, in the order of the table in `docs/spec/labels.md`.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

labels! {
    /// Id of a mailbox: SHA-256(label ‖ 0x00 ‖ token).
    MAILBOX_ID = "recovery/v1/mailbox";
    /// Id of a slot: SHA-256(label ‖ 0x00 ‖ token).
    SLOT_ID = "recovery/v1/slot";
    /// Id of a hold: SHA-256(label ‖ 0x00 ‖ token).
    HOLD_ID = "recovery/v1/hold";
    /// Id of a pass: SHA-256(label ‖ 0x00 ‖ token).
    PASS_ID = "recovery/v1/pass";
    /// Id of a subscription: SHA-256(label ‖ 0x00 ‖ token).
    SUBSCRIPTION_ID = "recovery/v1/subscription";
    /// Token of a mailbox at one relay: HKDF(base, label ‖ 0x00 ‖ origin).
    MAILBOX_TOKEN = "recovery/v1/mailbox-token";
    /// Token of a slot at one relay: HKDF(base, label ‖ 0x00 ‖ origin).
    SLOT_TOKEN = "recovery/v1/slot-token";
    /// Token of a hold at one relay: HKDF(base, label ‖ 0x00 ‖ origin).
    HOLD_TOKEN = "recovery/v1/hold-token";
    /// Id of a person: first 16 octets of SHA-256(label ‖ 0x00 ‖ Ed25519 key ‖ X-Wing key).
    CONTACT_ID = "recovery/v1/contact-id";
    /// Ed25519 seed from an identity seed (HKDF info).
    SIGNING_SEED = "recovery/v1/signing-seed";
    /// X-Wing seed from an identity seed (HKDF info).
    SEALING_SEED = "recovery/v1/sealing-seed";
    /// X-Wing seed of a package from its way's secret (HKDF info).
    PACKAGE_SEED = "recovery/v1/package-seed";
    /// A circle's way secret from its share secret and passphrase (HKDF info).
    CIRCLE_SECRET = "recovery/v1/circle-secret";
    /// Salt of a circle's passphrase: SHA-256(label ‖ 0x00 ‖ circle id).
    CIRCLE_PASSPHRASE = "recovery/v1/circle-passphrase";
    /// Hash of a contact's shares, in its bundle: SHA-256(label ‖ 0x00 ‖ CBOR of the shares).
    PIECES_HASH = "recovery/v1/pieces-hash";
    /// Hash of a signed bundle, which a receipt covers.
    BUNDLE_HASH = "recovery/v1/bundle-hash";
    /// Audit key: HKDF(CBOR of the shares, label ‖ 0x00 ‖ circle id ‖ contact id).
    AUDIT_KEY = "recovery/v1/audit-key";
    /// Proof in a receipt: HKDF(audit key, label ‖ 0x00 ‖ hash of the signed bundle).
    AUDIT_RECEIPT = "recovery/v1/audit-receipt";
    /// Proof for a challenge: HKDF(audit key, label ‖ 0x00 ‖ nonce).
    AUDIT_CHALLENGE = "recovery/v1/audit-challenge";
    /// Proof in the answer to a rehearsal: HKDF(audit key, label ‖ 0x00 ‖ id of the rehearsal).
    AUDIT_DRILL = "recovery/v1/audit-drill";
    /// Hash of a contact's alarm, in its bundle: SHA-256(label ‖ 0x00 ‖ CBOR of the alarm).
    ALARM_HASH = "recovery/v1/alarm-hash";
    /// Box: a contact's warnings in its alarm slot.
    BOX_ALARM = "recovery/v1/box-alarm";
    /// Hash of an HPKE public key, the `aad` of a seal.
    SEAL_KEY_HASH = "recovery/v1/seal-key-hash";
    /// HPKE `info` of a message sealed to a person.
    SEAL_MESSAGE = "recovery/v1/seal-message";
    /// HPKE `info` of a package.
    SEAL_PACKAGE = "recovery/v1/seal-package";
    /// Box: the vault container under the root key.
    BOX_VAULT = "recovery/v1/box-vault";
    /// Box: the state file of a home.
    BOX_HOME = "recovery/v1/box-home";
    /// Secret of that box: HKDF(key of the home, label ‖ 0x00 ‖ everything before the box).
    HOME_SECRET = "recovery/v1/home-secret";
    /// Checksum of a state file: SHA-256(label ‖ 0x00 ‖ everything before).
    HOME_CHECKSUM = "recovery/v1/home-checksum";
    /// Box: the owner's card in an invite slot.
    BOX_INVITE = "recovery/v1/box-invite";
    /// Box: a recovery request in its slot.
    BOX_REQUEST = "recovery/v1/box-request";
    /// A pairing answer's proof that its sender read the link: HKDF(link secret, label ‖ 0x00 ‖ card).
    ANSWER_PROOF = "recovery/v1/answer-proof";
    /// Salt of a request's number: HKDF(link secret, label).
    NUMBER_REQUEST = "recovery/v1/number-request";
    /// Salt of a rehearsal's number: HKDF(secret of the rehearsal, label).
    NUMBER_DRILL = "recovery/v1/number-drill";
    /// What a rehearsal's number is made of: SHA-256(label ‖ 0x00 ‖ id of the rehearsal).
    DRILL_HASH = "recovery/v1/drill-hash";
    /// Salt of an enrolment number: HKDF(link secret, label).
    NUMBER_PAIRING = "recovery/v1/number-pairing";
    /// What an enrolment number is made of: SHA-256(label ‖ 0x00 ‖ owner's card ‖ friend's card).
    PAIRING_HASH = "recovery/v1/pairing-hash";
    /// Hash of a recovery request, its id.
    REQUEST_ID = "recovery/v1/request-id";
    /// Signature over a card, by itself.
    SIGN_CARD = "recovery/v1/sign-card";
    /// Signature over a pairing answer.
    SIGN_ANSWER = "recovery/v1/sign-answer";
    /// Signature over a bundle.
    SIGN_BUNDLE = "recovery/v1/sign-bundle";
    /// Signature over a receipt.
    SIGN_RECEIPT = "recovery/v1/sign-receipt";
    /// Signature over a recovery request, by the new device.
    SIGN_REQUEST = "recovery/v1/sign-request";
    /// Signature over the cancellation of a recovery request.
    SIGN_CANCEL = "recovery/v1/sign-cancel";
    /// Signature over an approval.
    SIGN_APPROVAL = "recovery/v1/sign-approval";
    /// Signature over a decline.
    SIGN_DECLINE = "recovery/v1/sign-decline";
    /// Signature over an alert.
    SIGN_ALERT = "recovery/v1/sign-alert";
    /// Signature over a challenge.
    SIGN_CHALLENGE = "recovery/v1/sign-challenge";
    /// Signature over the answer to a challenge.
    SIGN_PROOF = "recovery/v1/sign-proof";
    /// Signature over word that pieces are superseded.
    SIGN_FORGET = "recovery/v1/sign-forget";
    /// Signature over word that pieces are forgotten.
    SIGN_FORGOTTEN = "recovery/v1/sign-forgotten";
    /// Signature over a contact's farewell.
    SIGN_LEAVE = "recovery/v1/sign-leave";
    /// Signature over the vault's newest version.
    SIGN_NEWEST = "recovery/v1/sign-newest";
    /// Signature over an owner's stop.
    SIGN_STOP = "recovery/v1/sign-stop";
    /// Signature over word of an approval that is held back.
    SIGN_DUE = "recovery/v1/sign-due";
    /// Signature over a rehearsal.
    SIGN_DRILL = "recovery/v1/sign-drill";
    /// Signature over the answer to a rehearsal.
    SIGN_DRILL_ANSWER = "recovery/v1/sign-drill-answer";
    /// Signature over word of a new device, by the former identity.
    SIGN_SUCCESSOR = "recovery/v1/sign-successor";
    /// Signature over word of a new device, by its request.
    SIGN_SUCCESSION = "recovery/v1/sign-succession";
    /// Signature over word of a contact's new device.
    SIGN_MOVED = "recovery/v1/sign-moved";
    /// Checksum of an armored file: first 9 octets of SHA-256(label ‖ 0x00 ‖ title ‖ 0x00 ‖ octets).
    ARMOR_CHECKSUM = "recovery/v1/armor-checksum";
    /// Root key of a friend whose key card is 16 octets: HKDF(those octets, label).
    CARD_ROOT = "recovery/v1/card-root";
    /// Base of the slots of that friend's vault: HKDF(the card's octets, label).
    CARD_SLOT = "recovery/v1/card-slot";
    /// Box: the file that belongs to a key card.
    BOX_CARD = "recovery/v1/box-card";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn labels_are_distinct_and_versioned() {
        let mut seen = std::collections::BTreeSet::new();
        for label in ALL {
            assert!(label.starts_with("recovery/v1/"), "{label}");
            assert!(seen.insert(label), "{label} stands twice");
        }
    }

    #[test]
    fn the_specification_lists_them_in_this_order() {
        let page = include_str!("../../docs/spec/labels.md");
        let label =
            |line: &'static str| line.strip_prefix("| `")?.split_once('`').map(|(label, _)| label);
        let listed: Vec<&str> = page.lines().filter_map(label).collect();
        assert_eq!(listed, ALL);
    }
}
