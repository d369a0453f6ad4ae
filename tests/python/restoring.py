"""Getting the key back: requests, what comes for them, and the vault."""

from types import SimpleNamespace

import codec
import records
import texts
from codec import Refused, require, unpad
from crypto import Identity, box_open, contact_id, labelled
from kinds import DAY, SLOT_SIZES, circle_share, open_slot
from records import LETTER_MAX


HOLDINGS_MAX = 8


def request(case):
    parsed = texts.parse_link(case["link"])
    require(parsed["purpose"] == "request", "wrong-link")
    slot = open_slot(parsed["secret"], "box-request", case.hex("slot"), records.request_slot)
    keys = records.peek(slot.request, "request").card.keys
    own = contact_id(keys.signing, keys.sealing)
    request = records.verify(slot.request, "request", keys, own)
    octets = records.encode(slot.request)
    request_id = labelled("request-id", octets)
    require(parsed["request"] in (None, request_id), "other-request")
    require(case["now"] < request.made + 14 * DAY, "expired")
    require(request.made <= case["now"] + DAY, "ahead")
    cancelled = slot.cancel is not None
    try:
        if cancelled:
            records.verify(slot.cancel, "cancel", keys, request_id)
    except Refused:
        cancelled = False
    return {
        "request": octets.hex(),
        "id": request_id.hex(),
        "name": request.card.name,
        "device": request.device,
        "made": request.made,
        "cancelled": cancelled,
    }


def verify_bundle(signed, outcome):
    try:
        bundle = records.peek(signed, "bundle")
        return records.verify(signed, "bundle", bundle.owner.keys, bundle.contact)
    except Refused as error:
        raise Refused(outcome) from error


def check_holding(holding, contact):
    """The bundle of a good holding, and whether it shows who the contact is."""
    bundle = verify_bundle(holding.bundle, "unsigned-piece")
    require(bundle.contact == contact, "other-contact")
    require(records.pieces_hash(holding.shares) == bundle.pieces and holding.shares, "bad-piece")
    for share in holding.shares:
        circle_share(share, "bad-piece")
    return bundle


def claimed(signed, kind):
    """A statement by the keys of the card in it, for the request that it names."""
    body = records.peek(signed, kind)
    card = body.owner if kind == "stop" else body.card
    return records.verify(signed, kind, card.keys, body.request)


def told(signed, owner, contact):
    """The version of the vault in an owner's word to a contact; 0 without a right one."""
    try:
        return records.verify(signed, "newest", owner.keys, contact).vault_version if signed else 0
    except Refused:
        return 0


def good_holdings(approval):
    """The bundles of good holdings, what is wrong with others, and whether the sender has a name."""
    good, outcomes = [], []
    for holding in approval.holdings:
        try:
            good.append(check_holding(holding, approval.card.id))
        except Refused as error:
            outcomes.append(error.outcome)
    return good, outcomes, bool(good) or "bad-piece" in outcomes


def approval(case):
    letter = codec.decode(case.hex("letter"), records.letter, LETTER_MAX)
    require(records.KINDS[letter.signed.kind] in SESSION, "wrong-kind")
    approval = claimed(letter.signed, "approval")
    good, outcomes, named = good_holdings(approval)
    if "named" in case.fields:
        assert named == case["named"]
    require(approval.request == labelled("request-id", case.hex("request")), "other-request")
    require(1 <= len(approval.holdings) <= HOLDINGS_MAX, "no-piece")
    if not good:
        raise Refused(outcomes[-1])
    known = {}
    for bundle in good:
        word = told(approval.newest, bundle.owner, approval.card.id)
        owner = bundle.owner.id
        known[owner] = max(known.get(owner, 0), bundle.vault_version, word)
    sets = [
        {
            "owner": bundle.owner.id.hex(),
            "circle": bundle.circle.hex(),
            "generation": bundle.generation,
            "vault_version": known[bundle.owner.id],
        }
        for bundle in good
    ]
    return {
        "contact": approval.card.id.hex(),
        "name": approval.card.name,
        "sets": sets,
        "overrides": approval.overrides,
    }


def vouched(card, signed):
    """The owner of a bundle that is for the keys of this card."""
    try:
        bundle = verify_bundle(signed, "unsigned-piece") if signed else None
    except Refused:
        return None
    return bundle.owner.id if bundle and bundle.contact == card.id else None


def decline(case):
    letter = codec.decode(case.hex("letter"), records.letter, LETTER_MAX)
    decline = claimed(letter.signed, "decline")
    require(decline.request == labelled("request-id", case.hex("request")), "other-request")
    name = decline.card.name if vouched(decline.card, decline.bundle) else None
    return {"contact": decline.card.id.hex(), "name": name}


def due(case):
    letter = codec.decode(case.hex("letter"), records.letter, LETTER_MAX)
    require(records.KINDS[letter.signed.kind] in SESSION, "wrong-kind")
    due = claimed(letter.signed, "due")
    require(vouched(due.card, due.bundle), "unknown-sender")
    require(due.request == labelled("request-id", case.hex("request")), "other-request")
    return {"contact": due.card.id.hex(), "name": due.card.name, "at": due.at}


SESSION = ("approval", "decline", "due", "stop")


def assess(signed, request):
    """One line about a statement: who, whose contact, and what it is worth."""
    kind = records.KINDS[signed.kind]
    line = SimpleNamespace(who=None, name=None, owner=None, verdict="bad", at=None, overrides=False)
    try:
        said = claimed(signed, kind)
    except Refused:
        return line
    right = said.request == request
    if kind == "stop":
        if right:
            line.owner, line.name = said.owner.id, said.owner.name
            line.verdict, line.at = "stopped", said.made
        return line
    if kind == "approval":
        good, _, named = good_holdings(said)
        line.owner = good[-1].owner.id if good else None
        line.overrides = said.overrides
        worth = "good" if right and good and len(said.holdings) <= HOLDINGS_MAX else "bad"
    else:
        line.owner = vouched(said.card, said.bundle)
        named = line.owner is not None
        worth = {"decline": "declined", "due": "held" if named else "bad"}[kind] if right else "bad"
    line.verdict = worth
    if named:
        line.who, line.name = said.card.id, said.card.name
    if worth == "held":
        line.at = said.at
    return line


def assessment(case):
    request = labelled("request-id", case.hex("request"))
    lines = []
    for octets in case.hexes("letters"):
        signed = codec.decode(octets, records.letter, LETTER_MAX).signed
        require(records.KINDS[signed.kind] in SESSION, "wrong-kind")
        lines.append(assess(signed, request))
    owners = {line.owner for line in lines if line.who}
    stops = {}
    for line in lines:
        if line.verdict == "stopped" and line.owner in owners:
            stops.setdefault(line.owner, line.at)
        elif line.verdict == "stopped":
            line.verdict, line.name, line.at = "bad", None, None
    over = {line.who for line in lines if line.verdict in ("good", "declined")}
    lines = [line for line in lines if line.verdict != "held" or line.who not in over]
    for line in lines:
        if line.verdict == "held" and line.owner in stops:
            line.verdict, line.at = "stopped", stops[line.owner]
    shown = ("name", "verdict", "at", "overrides")
    return {"lines": [{field: getattr(line, field) for field in shown} for line in lines]}


def vault(case):
    container = case.hex("container")
    require(len(container) in SLOT_SIZES, "closed")
    content = unpad(box_open(case.hex("root"), "box-vault", container))
    vault = codec.decode(content, records.vault, 524_288)
    return {
        "vault": content.hex(),
        "name": vault.profile.name,
        "owner": Identity(vault.profile.seed).id.hex(),
        "version": vault.number,
        "entries": [
            {"label": entry.label, "content": entry.content.hex(), "added": entry.added}
            for entry in vault.entries
        ],
    }
