"""Gives most calls an id with the token behind it: drawn at random, the two would never meet."""

import base64
import hashlib
import re

import schemathesis

KINDS = {
    "mailboxes": b"recovery/v1/mailbox",
    "slots": b"recovery/v1/slot",
    "holds": b"recovery/v1/hold",
}


def text(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@schemathesis.auth(refresh_interval=None)
class Tokens:
    """A few things that many calls meet at; one call in five is left as drawn."""

    def get(self, case, context):
        return KINDS.get((case.operation.path.split("/") + ["", ""])[2])

    def set(self, case, label, context):
        wait = (case.query or {}).get("wait")
        if str(wait).isdigit() and 1 < int(wait) <= 60:
            case.query["wait"] = 1  # A long poll that is waited for shows no more than a short one.
        drawn = str((case.path_parameters or {}).get("id"))
        if not re.fullmatch("[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", drawn):
            return  # It is wrong on purpose.
        choice = hashlib.sha256(drawn.encode()).digest()[0] % 5
        if label is None or choice == 4:
            return
        token = bytes([choice]) * 32
        case.path_parameters["id"] = text(hashlib.sha256(label + b"\0" + token).digest())
        case.headers = case.headers or {}
        case.headers["Authorization"] = "Bearer " + text(token)
