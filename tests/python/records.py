"""Every array that travels, place by place. docs/spec/wire.md."""

import codec
from codec import boolean, many, name, octets, one_of, record, relay, require, text, uint, version
from crypto import contact_id, ed25519_public, labelled, verifies, xwing_public

KINDS = ["card", "answer", "bundle", "receipt", "request", "cancel", "approval", "decline", "alert"]

keys = record(("signing", ed25519_public), ("sealing", xwing_public))
place = record(("relay", relay), ("id", octets(32)))
signed = record(
    ("version", version),
    ("kind", one_of(len(KINDS))),
    ("sender", octets(16)),
    ("body", octets()),
    ("signature", octets(64)),
)
card_body = record(("version", version), ("name", name), ("keys", keys), ("mailboxes", many(place)))


def encode(value):
    """The octets of a record that was decoded; only statements are needed again."""
    return codec.cbor2.dumps(
        [value.version, value.kind, value.sender, value.body, value.signature], canonical=True
    )


def peek(statement, kind):
    """The body of a statement, unchecked."""
    require(KINDS[statement.kind] == kind, "wrong-kind")
    schema, limit = BODIES[kind]
    return codec.decode(statement.body, schema, limit)


def verify(statement, kind, keys, audience):
    """The body of a statement that these keys signed for this audience."""
    body = peek(statement, kind)
    require(statement.sender == contact_id(keys.signing, keys.sealing), "wrong-sender")
    label = f"recovery/v1/sign-{kind}".encode()
    message = label + b"\0" + statement.sender + audience + statement.body
    require(verifies(keys.signing, message, statement.signature), "wrong-signature")
    return body


def verify_card(statement):
    """A card that its own keys signed; the statement is kept with it."""
    keys = peek(statement, "card").keys
    body = verify(statement, "card", keys, contact_id(keys.signing, keys.sealing))
    require(len(body.mailboxes) <= 8)
    body.id, body.octets = statement.sender, encode(statement)
    return body


def card(value):
    """A card inside of something else: whatever is wrong with it, the whole is malformed."""
    try:
        return verify_card(signed(value))
    except codec.Refused as error:
        raise codec.Refused("malformed") from error


cost = record(("memory_kib", uint(32)), ("passes", uint(32)), ("lanes", uint(32)))
hold = record(("delay", uint()), ("holds", many(place)))
package = record(("version", version), ("way", one_of(1)), ("sealed", octets(1_168)))
pieces = record(("version", version), ("shares", many(octets())), ("container?", octets()))
invite = record(
    ("version", version), ("card", card), ("answers", many(place)), ("expires", uint())
)
answer = record(("version", version), ("card", card), ("proof", octets(32)))
bundle = record(
    ("version", version),
    ("circle", octets(16)),
    ("generation", uint()),
    ("owner", card),
    ("contact", octets(16)),
    ("pieces", octets(32)),
    ("package", package),
    ("passphrase?", cost),
    ("vault", many(place)),
    ("vault_version", uint()),
    ("hold", hold),
    ("made", uint()),
)
receipt = record(("version", version), ("circle", octets(16)), ("proof", octets(32)))
request = record(("version", version), ("card", card), ("device?", name), ("made", uint()))
cancel = record(("version", version), ("made", uint()))
request_slot = record(("version", version), ("request", signed), ("cancel?", signed))
holding = record(("bundle", signed), ("shares", many(octets())))
approval = record(
    ("version", version),
    ("request", octets(32)),
    ("card", card),
    ("checked", one_of(2)),
    ("holdings", many(holding)),
    ("container?", octets()),
)
decline = record(
    ("version", version), ("request", octets(32)), ("card", card), ("bundle?", signed)
)
alert = record(
    ("version", version),
    ("request", octets(32)),
    ("what", one_of(4)),
    ("claims", name),
    ("device?", name),
    ("session", many(place)),
    ("made", uint()),
    ("reason?", name),
)
letter = record(("version", version), ("signed", signed), ("attachment?", octets()))

LETTER_MAX = 64_395
SIGNED_MAX = 65_536
BODIES = {
    "card": (card_body, 8_192),
    "answer": (answer, 4_096),
    "bundle": (bundle, 16_384),
    "receipt": (receipt, 256),
    "request": (request, 4_096),
    "cancel": (cancel, 64),
    "approval": (approval, LETTER_MAX),
    "decline": (decline, 16_384),
    "alert": (alert, 4_096),
}

inbox = record(("base", octets(32)), ("relays", many(relay)))
contact = record(
    ("name", name),
    ("card", card),
    ("rivals", many(card)),
    ("inbox", inbox),
    ("secret", octets(16)),
    ("verified", boolean),
    ("removed", boolean),
    ("seen", uint()),
)
group = record(("name?", name), ("threshold", uint(8)), ("members", many(octets(16))))


def policy(value):
    """Groups that can be completed, and no group of several of whom one suffices."""
    checked = record(("needed", uint(8)), ("groups", many(group)))(value)
    require(1 <= len(checked.groups) <= 16 and 1 <= checked.needed <= len(checked.groups))
    for one in checked.groups:
        require(1 <= len(one.members) <= 16 and 1 <= one.threshold <= len(one.members))
        require(one.threshold > 1 or len(one.members) == 1)
    return checked


member = record(
    ("id", octets(16)),
    ("audit", octets(32)),
    ("bundle", octets(32)),
    ("state", one_of(3)),
    ("sent", uint()),
    ("proved?", uint()),
)
circle = record(
    ("id", octets(16)),
    ("generation", uint()),
    ("policy", policy),
    ("package", package),
    ("passphrase?", cost),
    ("hold", hold),
    ("members", many(member)),
    ("made", uint()),
)
held_bundle = record(
    ("signed", signed),
    ("circle", octets(16)),
    ("generation", uint()),
    ("pieces", pieces),
    ("stored", uint()),
)
held = record(
    ("name", name),
    ("card", card),
    ("inbox", inbox),
    ("secret", octets(16)),
    ("verified", boolean),
    ("reach", record(("way?", name), ("second?", name), ("question?", name))),
    ("bundles", many(held_bundle)),
    ("seen", uint()),
)
vault = record(
    ("version", version),
    ("number", uint()),
    ("changed", uint()),
    ("profile", record(("name", name), ("seed", octets(32)), ("relays", many(relay)))),
    ("slot", octets(32)),
    ("entries", many(record(("label", name), ("content", octets()), ("added", uint())))),
    ("contacts", many(contact)),
    ("circles", many(circle)),
    ("held", many(held)),
)


def pieces_hash(shares):
    return labelled("pieces-hash", codec.cbor2.dumps(shares, canonical=True))
