"""CBOR as docs/spec/wire.md wants it: limits, version, types, and one encoding for each value."""

import unicodedata
from types import SimpleNamespace

import cbor2

import texts


class Refused(Exception):
    """An input is not what it must be; `outcome` is the name that the vectors give to that."""

    def __init__(self, outcome):
        super().__init__(outcome)
        self.outcome = outcome


def require(condition, outcome="malformed"):
    if not condition:
        raise Refused(outcome)


def decode(octets, schema, limit):
    """The value of untrusted octets: length first, then the version, then everything else."""
    require(len(octets) <= limit, "too-long")
    require(first_number(octets) <= 1, "newer-version")
    try:
        plain = cbor2.loads(octets)
        value = schema(plain)
        again = cbor2.dumps(plain, canonical=True)
    except Refused:
        raise
    except Exception as error:  # whatever cbor2 throws at such octets
        raise Refused("malformed") from error
    require(again == octets)
    return value


def first_number(octets):
    """The first place of an array if it is a number, of any length; else 0."""
    if not octets or octets[0] >> 5 != 4:
        return 0
    skip = {24: 1, 25: 2, 26: 4, 27: 8}.get(octets[0] & 31, 0)
    rest = octets[1 + skip :]
    if not rest or rest[0] >> 5 != 0:
        return 0
    info = rest[0] & 31
    if info < 24:
        return info
    width = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
    return int.from_bytes(rest[1 : 1 + width], "big") if len(rest) > width else 0


def uint(bits=64):
    def check(value):
        require(type(value) is int and 0 <= value < 1 << bits)
        return value

    return check


def one_of(count):
    """A number that stands for one of `count` things."""

    def check(value):
        require(type(value) is int and 0 <= value < count)
        return value

    return check


def octets(length=None):
    def check(value):
        require(type(value) is bytes and length in (None, len(value)))
        return value

    return check


def boolean(value):
    require(type(value) is bool)
    return value


def text(value):
    require(type(value) is str)
    return value


def name(value):
    """1 to 200 octets, trimmed, no control characters."""
    require(type(value) is str and 1 <= len(value.encode()) <= 200)
    require(value == value.strip(texts.WHITE_SPACE) and value != "")
    require(all(unicodedata.category(letter) != "Cc" for letter in value))
    return value


def relay(value):
    """A relay's address in its own spelling."""
    require(type(value) is str)
    try:
        require(texts.relay_url(value) == value)
    except texts.NotText as error:
        raise Refused("malformed") from error
    return value


def version(value):
    require(type(value) is int and value == 1)
    return value


def many(item):
    def check(value):
        require(type(value) is list)
        return [item(entry) for entry in value]

    return check


def record(*places):
    """An array of fixed places. A place's name ends with `?` if it may be empty."""

    def check(value):
        require(type(value) is list and len(value) <= len(places))
        require(not value or value[-1] is not None)
        fields = {}
        for at, (place, schema) in enumerate(places):
            absent = at >= len(value) or value[at] is None
            require(not absent or place.endswith("?"))
            fields[place.rstrip("?")] = None if absent else schema(value[at])
        return SimpleNamespace(**fields)

    return check


def unpad(padded):
    """The content of `length(4) ‖ content ‖ zeros`."""
    require(len(padded) >= 4)
    end = 4 + int.from_bytes(padded[:4], "big")
    require(end <= len(padded) and not any(padded[end:]))
    return padded[4:end]
