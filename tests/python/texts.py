"""What people send and read: relay addresses, links, armor, ids, numbers. docs/spec/wire.md."""

import base64
import ipaddress
import re
from hashlib import sha256

# Unicode's White_Space.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


class NotText(Exception):
    """A text is not what it must be; `outcome` names why."""

    def __init__(self, outcome):
        super().__init__(outcome)
        self.outcome = outcome


def need(condition, outcome="malformed"):
    if not condition:
        raise NotText(outcome)


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def unbase64url(text, length):
    """Exactly `length` octets in the one form that they have."""
    need(re.fullmatch(r"[A-Za-z0-9_-]*", text))
    try:
        octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise NotText("malformed") from error
    need(len(octets) == length and base64url(octets) == text)
    return octets


def relay_url(text):
    """The one spelling of a relay's address."""
    need(len(text.encode()) <= 255, "too-long")
    scheme, found, rest = text.partition("://")
    scheme = scheme.lower()
    need(found and scheme in ("https", "http"), "scheme")
    rest = rest.rstrip("/")
    authority, slash, path = rest.partition("/")
    authority = "".join(c.lower() if c.isascii() else c for c in authority)
    host = relay_host(authority)
    for segment in path.split("/") if slash else []:
        need(re.fullmatch(r"[A-Za-z0-9._~-]+", segment) and segment not in (".", ".."))
    need(scheme == "https" or near(host), "plain-http")
    return f"{scheme}://{authority}{slash}{path}"


def relay_host(authority):
    if authority.startswith("["):
        match = re.fullmatch(r"\[([0-9a-f:.]+)\](?::(.*))?", authority, re.S)
        need(match)
        try:
            ipaddress.IPv6Address(match[1])
        except ValueError as error:
            raise NotText("malformed") from error
        host, port = f"[{match[1]}]", match[2]
    else:
        host, colon, port = authority.partition(":")
        port = port if colon else None
        need(re.fullmatch(r"[a-z0-9.-]+", host) and host[0] not in ".-" and ".." not in host)
    if port is not None:
        need(re.fullmatch(r"[1-9][0-9]{0,4}", port) and int(port) <= 65_535)
    return host


def near(host):
    """This machine, or inside of Tor."""
    if host in ("localhost", "[::1]") or host.endswith(".onion"):
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def parse_link(text):
    """The parts of a link, and its one spelling."""
    text = text.strip(WHITE_SPACE)
    need(len(text.encode()) <= 4_096, "too-long")
    need("%" not in text, "mangled")
    place, found, fragment = text.partition("#")
    need(found, "no-secret")
    relay, slash, letter = place.rpartition("/")
    need(slash and letter in ("i", "r"))
    need(fragment, "no-secret")
    first, *others = fragment.split("+")
    parts = first.split(".")
    slot = unbase64url(parts[0], 32)
    need(len(parts) > 1, "no-secret")
    secret = unbase64url(parts[1], 16)
    request = unbase64url(parts[2], 32) if len(parts) > 2 else None
    slots = [(link_relay(relay), slot)] + [link_slot(other) for other in others]
    need(len(parts) <= 3 and len(slots) <= 8 and not (request and letter == "i"))
    spelled = f"{slots[0][0]}/{letter}#{base64url(slot)}.{base64url(secret)}"
    spelled += f".{base64url(request)}" if request else ""
    spelled += "".join(f"+{relay}/{base64url(slot)}" for relay, slot in slots[1:])
    purpose = {"i": "invite", "r": "request"}[letter]
    return {"purpose": purpose, "slots": slots, "secret": secret, "request": request, "canonical": spelled}


def link_slot(text):
    relay, slash, slot = text.rpartition("/")
    need(slash)
    slot = unbase64url(slot, 32)
    return link_relay(relay), slot


def link_relay(text):
    try:
        return relay_url(text)
    except NotText as error:
        raise NotText("relay") from error


TITLES = {"approval": "RECOVERY APPROVAL", "messages": "RECOVERY MESSAGES"}
ARMOR_MAX = {"approval": 131_072, "messages": 25_165_824}


def armor(title, octets):
    title = TITLES[title]
    lines = [f"-----BEGIN {title}-----"]
    lines += [base64.b64encode(octets[at : at + 48]).decode() for at in range(0, len(octets), 48)]
    label = b"recovery/v1/armor-checksum"
    checksum = sha256(label + b"\0" + title.encode() + b"\0" + octets).digest()[:9]
    lines += ["=" + base64.b64encode(checksum).decode(), f"-----END {title}-----"]
    return "\n".join(lines) + "\n"


def unarmor(title, text):
    need(len(text.encode()) <= ARMOR_MAX[title], "too-long")
    text = text.strip(" \t\r\n").replace("\r\n", "\n")
    first, last = f"-----BEGIN {TITLES[title]}-----\n", f"\n-----END {TITLES[title]}-----"
    need(text.startswith(first) and text[len(first) :].endswith(last), "frame")
    body = text[len(first) : -len(last)]
    try:
        lines = [line for line in body.split("\n") if not line.startswith("=")]
        octets = b"".join(base64.b64decode(line, validate=True) for line in lines)
    except ValueError as error:
        raise NotText("damaged") from error
    need(armor(title, octets).rstrip("\n") == text, "damaged")
    return octets


# The operation table of Damm's check digit in docs/spec/cryptography.md.
DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


def damm(digits):
    interim = 0
    for digit in digits:
        interim = int(DAMM[interim][int(digit)])
    return interim


def number(text):
    """The 15 digits of a typed number whose check digit is right."""
    digits = "".join(letter for letter in text if letter not in WHITE_SPACE and letter != "-")
    need(re.fullmatch(r"[0-9]*", digits), "not-digits")
    need(len(digits) == 15, "length")
    need(damm(digits) == 0, "mistyped")
    return digits
