#!/usr/bin/env python3
"""The seed corpus: every input of tests/vectors, taken apart, for the target that reads it."""

import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
KINDS = (
    "card answer bundle receipt request cancel approval decline alert challenge proof forget forgotten"
    " leave newest stop due drill drill_answer successor succession moved"
).split()


def add(target, octets):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(octets).hexdigest()[:24]).write_bytes(octets)


def head(octets, at):
    """Major type, argument, and where the item goes on."""
    major, info = octets[at] >> 5, octets[at] & 31
    if info < 24:
        return major, info, at + 1
    width = 1 << (info - 24)
    return major, int.from_bytes(octets[at + 1 : at + 1 + width], "big"), at + 1 + width


def end(octets, at):
    """Where the item at `at` ends."""
    major, argument, at = head(octets, at)
    if major in (2, 3):
        return at + argument
    if major == 4:
        for _ in range(argument):
            at = end(octets, at)
    return at


def items(octets, at=0):
    """The items of an array, each as its octets."""
    _, count, at = head(octets, at)
    found = []
    for _ in range(count):
        found.append(octets[at : end(octets, at)])
        at = end(octets, at)
    return found


def content(item):
    return item[head(item, 0)[2] :]


def signed(octets):
    """A statement, its body, and what stands in it."""
    add("signed", octets)
    try:
        _, kind, _, body, _ = items(octets)
        body = content(body)
        name = KINDS[kind[0]]
        add({"card": "card_body"}.get(name, name), body)
        if name == "card":
            add("card", octets)
        for place in items(body):
            if place and place[0] == 0x85:
                signed(place)
    except (IndexError, RecursionError, ValueError):
        pass  # a case that is broken here is a seed as it is


def letter(octets):
    add("letter", octets)
    add("seal_open", octets)
    try:
        _, statement, *attachment = items(octets)
        signed(statement)
        if attachment:
            add("pieces", content(attachment[0]))
    except (IndexError, RecursionError, ValueError):
        pass


def bytes_of(item):
    """A byte string of less than 65,536 octets."""
    if len(item) > 255:
        return b"\x59" + len(item).to_bytes(2, "big") + item
    return b"\x58" + bytes([len(item)]) + item


def new_device(request, letters):
    """The state of a recovery to which these letters came."""
    seed, secret = bytes_of(b"\x99" * 32), b"\x50" + bytes(16)
    session = b"\x82" + bytes_of(bytes(32)) + b"\x80"
    state = [b"\x88\x01", seed, secret, bytes_of(bytes(32)), session, request]
    add("new_device", b"".join([*state, bytes([0x80 + len(letters)]), *letters, b"\xf4"]))


def case(fields):
    octets = {name: bytes.fromhex(text) for name, text in fields.items() if is_hex(text)}
    kind = fields["kind"]
    if kind in ("link", "armor", "relay-url", "id-text"):
        add(kind.replace("-", "_"), fields["text"].encode())
    if kind == "number":
        add("number", fields["typed"].encode())
    if kind == "box":
        secret = octets["secret"]
        add("boxed_open", bytes([len(secret)]) + secret + octets.get("box", b""))
    if kind == "pad":
        add("pad", octets.get("padded", b""))
    if kind == "seal":
        add("seal_open", octets.get("message", b""))
    if kind == "package":
        add("package", octets["package"])
    if kind == "share" and "share" in octets:
        add("slip39_bytes", octets["share"])
    if "words" in fields:
        add("slip39_words", fields["words"].encode())
    for field in ("card", "owner_card", "contact_card", "bundle", kind.replace("-", "_")):
        if len(octets.get(field, b"")) > 64:  # what is shorter is an id or a hash of that name
            signed(octets[field])
    if "letter" in octets:
        letter(octets["letter"])
    for text in fields.get("letters", []):
        letter(bytes.fromhex(text))
    if kind == "alarm" and "content" in octets:
        add("alarms", octets["content"])
    if kind == "request" and "request" in octets:
        slot = b"\x82\x01" + octets["request"]
        signed(octets["request"])
        add("request_slot", slot)
        new_device(octets["request"], [])
    if kind == "assessment":
        new_device(octets["request"], [bytes.fromhex(text) for text in fields["letters"]])
    if kind == "vault" and "vault" in octets:
        vault = octets["vault"]
        add("vault", vault)
        own = b"\x80" * 4 + b"\xf6" + b"\x80" * 2
        add("device", b"\x8a\x01" + vault + bytes_of(octets["root"]) + own)
    if kind == "invite" and "card" in octets:
        invite = b"\x84\x01" + octets["card"] + b"\x80" + bytes.fromhex("1a6b49d200")
        add("invite", invite)


def is_hex(text):
    if not isinstance(text, str) or not text:
        return False
    return len(text) % 2 == 0 and all(letter in "0123456789abcdef" for letter in text)


def by_hand():
    """Targets whose inputs are in no vector."""
    post = b"\x83\x58\x20" + bytes(32) + b"\x43abc" + bytes.fromhex("1a6b49d200")
    slot = b"\x83\x58\x20" + bytes(32) + b"\x43def" + bytes.fromhex("1a6b49d200")
    gone = b"\x83\x58\x20" + b"\x01" * 32 + b"\xf6" + bytes.fromhex("1a6b49d200")
    add("parcel", b"\x83\x01\x80\x80")
    add("parcel", b"\x83\x01\x81" + post + b"\x82" + slot + gone)
    for name in ("Anna", " Ångström\n", "a\u202eb", "x" * 201):
        add("name", name.encode())
    add("cancel", bytes.fromhex("82011a6b49d200"))
    add("shamir", bytes([2, 2]) + b"\x01abc\x02def\x03ghi")
    add("home", b"recovery home\n\x01\x00" + bytes(80))
    cost = bytes.fromhex("000100000000000300000001")
    add("home", b"recovery home\n\x01\x01" + bytes(16) + cost + bytes(80))


if __name__ == "__main__":
    by_hand()
    for path in sorted((HERE.parent / "tests" / "vectors").glob("*/*.json")):
        case(json.loads(path.read_text(encoding="utf-8")))
    for folder in sorted((HERE / "corpus").iterdir()):
        print(f"{folder.name}: {len(list(folder.iterdir()))} seeds")
