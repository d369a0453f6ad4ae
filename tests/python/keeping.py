"""Between an owner and a contact: pieces, proofs, alerts, what is forgotten and stopped."""

from types import SimpleNamespace

import codec
import records
from codec import Refused, require
from crypto import Identity, contact_id, hkdf, labelled
from kinds import DAY, SLOT_SIZES, audit_key, circle_share, drill_number, open_slot, statement
from records import LETTER_MAX


class Friend:
    """A contact's side of what an owner says: the pieces that are held, and what else was heard."""

    def __init__(self, case):
        self.owner, self.me = case.card("owner_card"), Identity(case.hex("contact_seed"))
        self.now = case.fields.get("now", 1)
        self.held, self.asked, self.newest = [], 0, None
        self.stopped, self.drills, self.claims = set(), set(), set()
        for before in case.hexes("before"):
            letter = codec.decode(before, records.letter, LETTER_MAX)
            takes = {"bundle": lambda _: self.take_bundle(before)}
            for kind in ("challenge", "forget", "newest", "stop", "drill", "successor"):
                takes[kind] = getattr(self, f"take_{kind}")
            takes[records.KINDS[letter.signed.kind]](letter.signed)

    def said(self, signed, kind):
        return records.verify(signed, kind, self.owner.keys, self.me.id)

    def take_bundle(self, octets):
        """What is found in a letter with a bundle."""
        letter = codec.decode(octets, records.letter, LETTER_MAX)
        bundle = self.said(letter.signed, "bundle")
        require(bundle.contact == self.me.id and bundle.owner.id == self.owner.id, "wrong-person")
        require(letter.attachment is not None, "no-pieces")
        pieces = check_pieces(letter.attachment, bundle)
        for held in self.held:
            if held.bundle.generation == bundle.generation:
                raise Refused("known" if held.bundle.circle == bundle.circle else "taken")
        require(all(one.bundle.generation < bundle.generation for one in self.held), "known")
        self.hold(SimpleNamespace(bundle=bundle, pieces=pieces, until=None, counted=False))
        hashed = labelled("bundle-hash", records.encode(letter.signed))
        key = audit_key(pieces.shares, bundle.circle, bundle.contact)
        facts = {
            "circle": bundle.circle.hex(),
            "generation": bundle.generation,
            "vault_version": bundle.vault_version,
            "shares": [share.hex() for share in pieces.shares],
            "bundle_hash": hashed.hex(),
            "audit_key": key.hex(),
            "proof": hkdf(key, "audit-receipt", hashed).hex(),
        }
        return facts, [one.bundle.circle.hex() for one in self.held]

    def hold(self, fresh):
        """Keeps every generation that counts or did, and the newest two of the others."""
        before = {one.bundle.circle for one in self.held if one.counted}
        counted = before | {fresh.bundle.live}
        held = [*self.held, fresh]
        others = [one for one in held if one.bundle.circle not in counted]
        held = [one for one in held if one not in others[:-2]]
        require(len(held) <= 8, "too-many")
        self.held = held
        self.count(fresh.bundle.live)

    def count(self, live):
        """Notes what the owner calls live; whether that is news."""
        fresh = [one for one in self.held if one.bundle.circle == live and not one.counted]
        for one in fresh:
            one.counted = True
        return bool(fresh)

    def take_challenge(self, signed):
        """The proofs of what is held; a challenge that is not newer than the last asks nothing."""
        said = self.said(signed, "challenge")
        require(said.made <= self.now + DAY, "ahead")
        require(said.made > self.asked, "known")
        self.asked = said.made
        keys = {
            one.bundle.circle: audit_key(one.pieces.shares, one.bundle.circle, self.me.id)
            for one in self.held
        }
        proofs = [
            hkdf(keys[circle], "audit-challenge", said.nonce).hex() if circle in keys else None
            for circle in said.circles[:8]
        ]
        return said, proofs

    def take_forget(self, signed):
        """When the pieces that are superseded are deleted."""
        said = self.said(signed, "forget")
        fresh, at = False, self.now
        for one in self.held:
            if one.bundle.circle in said.circles:
                fresh = fresh or one.until is None
                one.until = at = one.until or self.now + 30 * DAY
        require(fresh, "known")
        return said, at

    def take_newest(self, signed):
        said = self.said(signed, "newest")
        kept = self.newest is None or self.newest < said.vault_version
        if kept:
            self.newest = said.vault_version
        require(self.count(said.live) or kept, "known")
        return said, kept

    def take_drill(self, signed):
        """The proofs of everything that is held."""
        said = self.said(signed, "drill")
        require(said.id not in self.drills, "known")
        self.drills.add(said.id)
        proofs = []
        for circle, pieces in ((one.bundle.circle, one.pieces) for one in self.held):
            key = audit_key(pieces.shares, circle, self.me.id)
            proof = hkdf(key, "audit-drill", said.id).hex()
            proofs.append({"circle": circle.hex(), "proof": proof})
        return said, proofs

    def take_successor(self, signed):
        """Who says to come after the owner; whether it is accepted, the request tells."""
        said = records.peek(signed, "successor")
        said = records.verify(signed, "successor", said.former, self.me.id)
        following = records.peek(said.succession, "succession")
        known = signed.sender == self.owner.id and following.former == signed.sender
        require(known, "wrong-former")
        require(following.card.id not in {self.owner.id, self.me.id, *self.claims}, "known")
        self.claims.add(following.card.id)
        return said.succession, following

    def take_stop(self, signed):
        said = self.said(signed, "stop")
        require(said.request not in self.stopped, "known")
        self.stopped.add(said.request)
        return said


def check_pieces(octets, bundle):
    """Pieces that are those of a bundle."""
    try:
        pieces = codec.decode(octets, records.pieces, 65_536)
    except Refused as error:
        raise Refused("bad-pieces") from error
    require(records.pieces_hash(pieces.shares) == bundle.pieces, "wrong-pieces")
    require(labelled("alarm-hash", pieces.alarm.octets) == bundle.alarm, "wrong-pieces")
    require(bundle.generation > 0 and 1 <= len(pieces.shares) <= 16, "bad-pieces")
    for share in pieces.shares:
        circle_share(share, "bad-pieces")
    require(pieces.container is None or len(pieces.container) in SLOT_SIZES, "bad-pieces")
    return pieces


def bundle(case):
    facts, held = Friend(case).take_bundle(case.hex("letter"))
    return facts | ({"held": held} if "held" in case.fields else {})


def challenge(case):
    said, proofs = Friend(case).take_challenge(statement(case, "challenge"))
    circles = [circle.hex() for circle in said.circles]
    return {"circles": circles, "nonce": said.nonce.hex(), "made": said.made, "proofs": proofs}


def forget(case):
    friend = Friend(case)
    said, at = friend.take_forget(statement(case, "forget"))
    until = [one.until for one in friend.held]
    return {"circles": [circle.hex() for circle in said.circles], "until": until, "at": at}


def newest(case):
    friend = Friend(case)
    said, kept = friend.take_newest(statement(case, "newest"))
    return {
        "vault_version": said.vault_version,
        "made": said.made,
        "live": said.live and said.live.hex(),
        "kept": kept,
        "counted": [one.bundle.circle.hex() for one in friend.held if one.counted],
    }


def stop(case):
    said = Friend(case).take_stop(statement(case, "stop"))
    return {"request": said.request.hex(), "owner": said.owner.id.hex(), "made": said.made}


def successor(case):
    friend = Friend(case)
    signed, following = friend.take_successor(statement(case, "successor"))
    request = records.peek(statement(case, "request"), "request")
    try:
        records.verify(signed, "succession", request.card.keys, friend.me.id)
        vouched = True
    except Refused:
        vouched = False
    return {
        "former": following.former.hex(),
        "next": following.card.id.hex(),
        "by": following.request.hex(),
        "made": following.made,
        "vouched": vouched,
    }


def moved(case):
    said, card = said_to_owner(case, "moved"), case.card("contact_card")
    require(said.card.id != card.id, "known")
    return {"next": said.card.id.hex(), "made": said.made}


def drill(case):
    said, proofs = Friend(case).take_drill(statement(case, "drill"))
    number = drill_number(said.id, said.secret)
    return {"id": said.id.hex(), "number": number, "made": said.made, "proofs": proofs}


def said_to_owner(case, kind):
    """A statement of a contact for the owner of a case."""
    owner, card = Identity(case.hex("owner_seed")), case.card("contact_card")
    return records.verify(statement(case, kind.replace("-", "_")), kind, card.keys, owner.id)


def drill_answer(case):
    said = said_to_owner(case, "drill-answer")
    require(said.id == case.hex("drill"), "unknown-drill")
    key = audit_key(case.hexes("shares"), case.hex("circle"), case.card("contact_card").id)
    own = [one.proof for one in said.proofs if one.circle == case.hex("circle")]
    opened = own[:1] == [hkdf(key, "audit-drill", said.id)]
    return {
        "number": said.number,
        "opened": opened,
        "made": said.made,
        "audit_key": key.hex(),
    }


def proof(case):
    said = said_to_owner(case, "proof")
    own = [one for one in said.proofs if one.circle == case.hex("circle")]
    require(own, "unknown-circle")
    require(said.nonce == case.hex("nonce"), "not-asked")
    require(own[0].proof is not None, "nothing-held")
    key = audit_key(case.hexes("shares"), case.hex("circle"), case.card("contact_card").id)
    right = hkdf(key, "audit-challenge", said.nonce)
    require(own[0].proof == right, "wrong-proof")
    return {"audit_key": key.hex(), "value": right.hex(), "made": said.made}


def forgotten(case):
    said = said_to_owner(case, "forgotten")
    require(case.hex("circle") in said.circles, "unknown-circle")
    return {"circles": [circle.hex() for circle in said.circles], "at": said.at}


def leave(case):
    return {"made": said_to_owner(case, "leave").made}


def receipt(case):
    card = case.card("contact_card")
    receipt = records.verify(statement(case, "receipt"), "receipt", card.keys, case.hex("owner"))
    require(receipt.circle == case.hex("circle"), "unknown-circle")
    key = audit_key(case.hexes("shares"), receipt.circle, card.id)
    hashed = labelled("bundle-hash", case.hex("bundle"))
    require(receipt.proof == hkdf(key, "audit-receipt", hashed), "wrong-proof")
    return {
        "audit_key": key.hex(),
        "bundle_hash": hashed.hex(),
        "proof": receipt.proof.hex(),
    }


def alert(case):
    alert = said_to_owner(case, "alert")
    try:
        keys = records.peek(alert.request, "request").card.keys
        own = contact_id(keys.signing, keys.sealing)
        request = records.verify(alert.request, "request", keys, own)
    except Refused as error:
        raise Refused("bad-request") from error
    return {
        "request": labelled("request-id", records.encode(alert.request)).hex(),
        "what": alert.what,
        "claims": request.card.name,
        "device": request.device,
        "made": alert.made,
        "reason": alert.reason,
    }


def alarm(case):
    slot = open_slot(case.hex("key"), "box-alarm", case.hex("slot"), records.alarms, 4_096)
    request = labelled("request-id", case.hex("request"))
    said = [{"request": one.request.hex(), "made": one.made} for one in slot.impostors]
    return {
        "impostors": said,
        "warnings": [one.made for one in slot.impostors if one.request == request],
    }
