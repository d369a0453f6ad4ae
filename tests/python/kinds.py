"""One function for each kind of case: facts of a valid one, or `Refused` with the outcome.

The rest of the kinds are in keeping.py and restoring.py.
"""

import itertools

import shamir_mnemonic
from shamir_mnemonic.share import Share
from shamir_mnemonic.utils import MnemonicError
from shamir_mnemonic.wordlist import WORDLIST

import codec
import records
import texts
from codec import Refused, require, unpad
from crypto import (
    Identity,
    Xwing,
    argon2id,
    box_open,
    hkdf,
    hpke_open,
    labelled,
)
from records import LETTER_MAX, SIGNED_MAX

DAY = 86_400
SLOT_SIZES = (8_192, 32_768, 131_072, 524_288)


class Case:
    """One file; octets are hexadecimal in it."""

    def __init__(self, fields):
        self.fields = fields

    def __getitem__(self, field):
        return self.fields[field]

    def hex(self, field):
        return bytes.fromhex(self.fields[field])

    def hexes(self, field):
        return [bytes.fromhex(text) for text in self.fields.get(field, [])]

    def card(self, field):
        return records.verify_card(codec.decode(self.hex(field), records.signed, SIGNED_MAX))


def places(addresses):
    return [{"relay": address.relay, "id": address.id.hex()} for address in addresses]


def short(label):
    assert label.startswith("recovery/v1/")
    return label.removeprefix("recovery/v1/")


def box(case):
    return {"plaintext": box_open(case.hex("secret"), short(case["label"]), case.hex("box")).hex()}


def pad(case):
    return {"content": unpad(case.hex("padded")).hex()}


def open_message(identity, message):
    require(len(message) in (4_096, 16_384, 65_536), "not-for-us")
    require(message[0] <= 1, "newer-version")
    require(message[0] == 1, "not-for-us")
    try:
        padded = hpke_open(identity.opening, b"recovery/v1/seal-message", message[1:])
    except Refused as error:
        raise Refused("not-for-us") from error
    content = unpad(padded)
    codec.decode(content, records.letter, LETTER_MAX)
    return content


def seal(case):
    return {"letter": open_message(Identity(case.hex("recipient_seed")), case.hex("message")).hex()}


def circle_key(shared, circle, passphrase, cost):
    """The key pair of a circle's package."""
    both = shared
    if passphrase is not None:
        require(19 * 1_024 <= cost["memory_kib"] <= 1_048_576, "cost")
        require(1 <= cost["passes"] <= 16 and 1 <= cost["lanes"] <= 16, "cost")
        both += argon2id(passphrase.encode(), labelled("circle-passphrase", circle), **cost)
    way = hkdf(both, "circle-secret", circle)
    return Xwing(hkdf(way, "package-seed"))


def package(case):
    package = codec.decode(case.hex("package"), records.package, 2_048)
    passphrase, cost = case.fields.get("passphrase"), case.fields.get("cost")
    pair = circle_key(case.hex("share_secret"), case.hex("circle"), passphrase, cost)
    root = hpke_open(pair, b"recovery/v1/seal-package", package.sealed)
    require(len(root) == 32, "closed")
    return {"root": root.hex()}


def token(case):
    thing = case["thing"]
    token = hkdf(case.hex("base"), f"{thing}-token", case["relay"].encode())
    return {"token": token.hex(), "id": labelled(thing, token).hex()}


def identity(case):
    person = Identity(case.hex("seed"))
    return {
        "signing_key": person.signing.hex(),
        "sealing_key": person.opening.public.hex(),
        "sealing_key_hash": labelled("seal-key-hash", person.opening.public).hex(),
        "id": person.id.hex(),
    }


def number_of(hashed, secret, label):
    salt = hkdf(secret, label, length=16)
    out = argon2id(hashed, salt, memory_kib=65_536, passes=3, lanes=1)
    digits = f"{int.from_bytes(out[:16], 'big') % 10**14:014}"
    return digits + str(texts.damm(digits))


def drill_number(drill, secret):
    return number_of(labelled("drill-hash", drill), secret, "number-drill")


def number(case):
    typed = texts.number(case["typed"])
    if case["of"] == "request":
        right = number_of(case.hex("request"), case.hex("secret"), "number-request")
    elif case["of"] == "drill":
        right = drill_number(case.hex("drill"), case.hex("secret"))
    else:
        owner, friend = case.card("owner_card"), case.card("friend_card")
        hashed = labelled("pairing-hash", owner.octets, friend.octets)
        right = number_of(hashed, case.hex("secret"), "number-pairing")
    require(right == typed, "wrong-number")
    return {"number": right}


def audit_key(shares, circle, contact):
    return hkdf(codec.cbor2.dumps(shares, canonical=True), "audit-key", circle, contact)


def audit(case):
    key = audit_key(case.hexes("shares"), case.hex("circle"), case.hex("contact"))
    proof = hkdf(key, "audit-receipt", case.hex("bundle_hash"))
    require(proof == case.hex("proof"), "wrong-proof")
    return {"audit_key": key.hex()}


def audit_challenge(case):
    key = audit_key(case.hexes("shares"), case.hex("circle"), case.hex("contact"))
    proof = hkdf(key, "audit-challenge", case.hex("nonce"))
    require(proof == case.hex("proof"), "wrong-proof")
    return {"audit_key": key.hex()}


def compact(octets):
    """A share's compact form: 15 + 1 + 4 bits, five times 4 bits, the value."""
    require(len(octets) >= 5, "truncated")
    bits = int.from_bytes(octets[:5], "big")
    nibbles = [bits >> shift & 15 for shift in (20, 16, 12, 8, 4, 0)]
    exponent, group_index, group_threshold, group_count, member_index, member_threshold = nibbles
    require(group_threshold <= group_count, "group-threshold")
    require(group_index <= group_count, "group-index")
    value = octets[5:]
    require(16 <= len(value) <= 1_270 and len(value) % 2 == 0, "length")
    return Share(
        bits >> 25,
        bool(bits >> 24 & 1),
        exponent,
        group_index,
        group_threshold + 1,
        group_count + 1,
        member_index,
        member_threshold + 1,
        value,
    )


def uncompact(share):
    first = share.identifier << 1 | share.extendable
    rest = (
        share.iteration_exponent,
        share.group_index,
        share.group_threshold - 1,
        share.group_count - 1,
        share.index,
        share.member_threshold - 1,
    )
    for nibble in rest:
        first = first << 4 | nibble
    return first.to_bytes(5, "big") + share.value


def share(case):
    share = compact(case.hex("share"))
    assert uncompact(share) == case.hex("share")
    return {
        "words": share.mnemonic(),
        "value": share.value.hex(),
        "header": {
            "identifier": share.identifier,
            "extendable": share.extendable,
            "exponent": share.iteration_exponent,
            "group_index": share.group_index,
            "group_threshold": share.group_threshold,
            "group_count": share.group_count,
            "member_index": share.index,
            "member_threshold": share.member_threshold,
        },
    }


def share_words(case):
    words = case["words"].lower().split()
    require(20 <= len(words) <= 1_023, "word-count")
    require(all(word in WORDLIST for word in words), "word")
    try:
        share = Share.from_mnemonic(" ".join(words))
    except MnemonicError as error:
        raise Refused("checksum" if "checksum" in str(error) else "other") from error
    return {"share": uncompact(share).hex()}


def share_set(case):
    shares = []
    for share in map(compact, case.hexes("shares")):
        if share not in shares:
            shares.append(share)
    require(shares, "no-shares")
    require(len({share.common_parameters() for share in shares}) == 1, "wrong-set")
    positions = [(share.group_index, share.index) for share in shares]
    require(len(set(positions)) == len(positions), "conflict")
    groups = {}
    for share in shares:
        groups.setdefault(share.group_index, []).append(share)
    complete = [group for group in groups.values() if len(group) >= group[0].member_threshold]
    need = shares[0].group_threshold
    require(len(complete) >= need, "too-few")
    used = complete[:need]
    first = combine([share for group in used for share in group[: group[0].member_threshold]])
    require(first is not None, "digest")
    # Whoever is left must fit: any other choice of as many gives the same.
    for choice in itertools.product(
        *(itertools.combinations(group, group[0].member_threshold) for group in used)
    ):
        require(combine([share for group in choice for share in group]) == first, "stray")
    return {"secret": first.hex()}


def combine(shares):
    try:
        return shamir_mnemonic.combine_mnemonics([share.mnemonic() for share in shares])
    except MnemonicError as error:
        assert "digest" in str(error).lower(), error
        return None


def link(case):
    parsed = texts.parse_link(case["text"])
    slots = [{"relay": relay, "id": slot.hex()} for relay, slot in parsed["slots"]]
    facts = {"purpose": parsed["purpose"], "canonical": parsed["canonical"], "slots": slots}
    facts["secret"] = parsed["secret"].hex()
    if parsed["request"]:
        facts["request"] = parsed["request"].hex()
    return facts


def armor(case):
    return {"octets": texts.unarmor(case["title"], case["text"]).hex()}


def relay_url(case):
    return {"canonical": texts.relay_url(case["text"])}


def id_text(case):
    return {"octets": texts.unbase64url(case["text"], case["length"]).hex()}


def card(case):
    card = case.card("card")
    return {
        "name": card.name,
        "id": card.id.hex(),
        "signing_key": card.keys.signing.hex(),
        "mailboxes": places(card.mailboxes),
    }


def open_slot(secret, label, slot, schema, limit=8_192):
    """What a slot holds; anything else is damaged, or of a newer version."""
    try:
        require(len(slot) in SLOT_SIZES)
        return codec.decode(unpad(box_open(secret, label, slot)), schema, limit)
    except Refused as error:
        raise Refused(error.outcome if error.outcome == "newer-version" else "damaged") from error


def invite(case):
    parsed = texts.parse_link(case["link"])
    require(parsed["purpose"] == "invite", "wrong-link")
    invite = open_slot(parsed["secret"], "box-invite", case.hex("slot"), records.invite)
    require(case["now"] < invite.expires, "expired")
    found = {
        "card": invite.card.octets.hex(),
        "owner": invite.card.id.hex(),
        "name": invite.card.name,
        "answers": places(invite.answers),
        "expires": invite.expires,
    }
    if invite.passes is not None:
        found["passes"] = [
            {"relay": one.relay, "pass": one.guest_pass.hex()} for one in invite.passes
        ]
    return found


def statement(case, field):
    return codec.decode(case.hex(field), records.signed, SIGNED_MAX)


def answer(case):
    signed = statement(case, "answer")
    keys = records.peek(signed, "answer").card.keys
    answer = records.verify(signed, "answer", keys, case.hex("owner"))
    proof = hkdf(case.hex("secret"), "answer-proof", answer.card.octets)
    require(proof == answer.proof, "wrong-proof")
    require(answer.card.id != case.hex("owner"), "own")
    return {"friend": answer.card.id.hex(), "name": answer.card.name, "proof": proof.hex()}


def circle_share(octets, outcome):
    """A share as circles have it."""
    try:
        share = compact(octets)
    except Refused as error:
        raise Refused(outcome) from error
    fits = share.iteration_exponent == 0 and share.extendable and len(share.value) == 32
    require(fits, outcome)
