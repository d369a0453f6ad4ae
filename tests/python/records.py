"""Every array that travels, place by place. docs/spec/wire.md."""

import codec
from codec import boolean, many, name, octets, one_of, record, relay, require, text, uint, version
from crypto import contact_id, ed25519_public, labelled, verifies, xwing_public

KINDS = (
    "card answer bundle receipt request cancel approval decline alert challenge proof forget forgotten"
    " leave newest stop due drill drill-answer successor succession moved"
).split()

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
hold = record(("delay", uint()), ("by", one_of(2)), ("holds", many(place)))
package = record(("version", version), ("way", one_of(1)), ("sealed", octets(1_168)))
alarm_place = record(("relay", relay), ("others", many(octets(32))))


def alarm(value):
    """What a contact warns others with; its octets are kept for the hash."""
    checked = record(
        ("key", octets(32)), ("own", octets(32)), ("places", many(alarm_place))
    )(value)
    checked.octets = codec.cbor2.dumps(value, canonical=True)
    return checked


pieces = record(
    ("version", version), ("shares", many(octets())), ("container?", octets()), ("alarm", alarm)
)
guest_pass = record(("relay", relay), ("guest_pass", octets(32)))
invite = record(
    ("version", version),
    ("card", card),
    ("answers", many(place)),
    ("expires", uint()),
    ("passes?", many(guest_pass)),
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
    ("live?", octets(16)),
    ("alarm", octets(32)),
)
circle_proof = record(("circle", octets(16)), ("proof?", octets(32)))
challenge = record(
    ("version", version),
    ("circles", many(octets(16))),
    ("nonce", octets(32)),
    ("made", uint()),
)
proof = record(
    ("version", version),
    ("nonce", octets(32)),
    ("proofs", many(circle_proof)),
    ("made", uint()),
)
drill = record(
    ("version", version), ("id", octets(16)), ("secret", octets(16)), ("made", uint())
)
drill_answer = record(
    ("version", version),
    ("id", octets(16)),
    ("number", boolean),
    ("proofs", many(circle_proof)),
    ("made", uint()),
)
forget = record(("version", version), ("circles", many(octets(16))))
forgotten = record(("version", version), ("circles", many(octets(16))), ("at", uint()))
leave = record(("version", version), ("made", uint()))
newest = record(
    ("version", version), ("vault_version", uint()), ("made", uint()), ("live?", octets(16))
)
stop = record(
    ("version", version), ("request", octets(32)), ("owner", card), ("made", uint())
)
successor = record(("version", version), ("former", keys), ("succession", signed))
succession = record(
    ("version", version),
    ("former", octets(16)),
    ("card", card),
    ("request", octets(32)),
    ("made", uint()),
)
moved = record(("version", version), ("card", card), ("made", uint()))
impostor = record(("request", octets(32)), ("made", uint()))
alarms = record(("version", version), ("impostors", many(impostor)))
receipt = record(("version", version), ("circle", octets(16)), ("proof", octets(32)))
request = record(("version", version), ("card", card), ("device?", name), ("made", uint()))
cancel = record(("version", version), ("made", uint()))
request_slot = record(("version", version), ("request", signed), ("cancel?", signed))
holding = record(("bundle", signed), ("shares", many(octets())), ("container?", octets()))
approval = record(
    ("version", version),
    ("request", octets(32)),
    ("card", card),
    ("checked", one_of(2)),
    ("holdings", many(holding)),
    ("newest?", signed),
    ("overrides", boolean),
)
decline = record(
    ("version", version), ("request", octets(32)), ("card", card), ("bundle?", signed)
)
due = record(
    ("version", version),
    ("request", octets(32)),
    ("card", card),
    ("bundle", signed),
    ("at", uint()),
)
alert = record(
    ("version", version),
    ("request", signed),
    ("what", one_of(6)),
    ("made", uint()),
    ("reason?", name),
    ("due?", uint()),
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
    "alert": (alert, 8_192),
    "challenge": (challenge, 256),
    "proof": (proof, 512),
    "forget": (forget, 256),
    "forgotten": (forgotten, 256),
    "leave": (leave, 64),
    "newest": (newest, 64),
    "stop": (stop, 4_096),
    "due": (due, 16_384),
    "drill": (drill, 256),
    "drill-answer": (drill_answer, 512),
    "successor": (successor, 12_288),
    "succession": (succession, 8_192),
    "moved": (moved, 8_192),
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
    ("left", boolean),
    ("told", record(("number", uint()), ("at", uint()))),
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
    ("asked?", record(("nonce", octets(32)), ("at", uint()))),
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
    ("stage", one_of(3)),
    ("root?", record(("key", octets(32)), ("slot", octets(32)))),
    ("holds", octets(32)),
)


deletion = record(("contact", octets(16)), ("at?", uint()))
retired = record(("id", octets(16)), ("generation", uint()), ("members", many(deletion)))
held_bundle = record(
    ("signed", signed),
    ("circle", octets(16)),
    ("generation", uint()),
    ("pieces", pieces),
    ("stored", uint()),
    ("until?", uint()),
    ("counted", boolean),
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
    ("newest?", signed),
    ("stopped", many(record(("request", octets(32)), ("made", uint())))),
    ("asked", uint()),
    ("forgotten", many(octets(16))),
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
    ("generation", uint()),
    ("retired", many(retired)),
)


def pieces_hash(shares):
    return labelled("pieces-hash", codec.cbor2.dumps(shares, canonical=True))
