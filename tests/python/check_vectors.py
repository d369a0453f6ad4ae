#!/usr/bin/env python3
"""A second implementation, written from docs/spec, against every vector of tests/vectors.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install -r tests/python/requirements.txt
    /tmp/venv/bin/python3 tests/python/check_vectors.py

Each valid case has to be accepted with the facts that its file states, each invalid one refused with
the outcome that its file names. The last line is "N passed, M failed"; the exit code is 1 if any failed.
"""

import json
import os
import pathlib
import sys

import keeping
import kinds
import restoring
import texts
from codec import Refused
from crypto import Xwing, hpke_open

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors"
KINDS = {
    name: next(
        getattr(module, name.replace("-", "_"))
        for module in (kinds, keeping, restoring)
        if hasattr(module, name.replace("-", "_"))
    )
    for name in (
        "alarm alert answer approval armor assessment audit audit-challenge box bundle card challenge"
        " decline drill drill-answer due forget forgotten id-text identity invite leave link moved newest"
        " number package pad proof receipt relay-url request seal share share-set share-words stop"
        " successor token vault"
    ).split()
}


def outcome(case):
    """`ok` and facts, or the name of what is wrong."""
    try:
        return "ok", KINDS[case["kind"]](case)
    except (Refused, texts.NotText) as error:
        return error.outcome, {}


def failure(case):
    """What is wrong with the outcome of a case; nothing if it is as its file says."""
    found, facts = outcome(case)
    if found != case["expect"]:
        return f"{found} instead of {case['expect']}"
    for field, value in facts.items():
        if case.fields.get(field) != value:
            return f"{field} is {value!r:.100}"
    return None


def hpke_of_a_library():
    """Our opening of what cryptography's own HPKE sealed: the suite is the one of the same number."""
    from cryptography.hazmat.primitives import hpke
    from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

    pair = Xwing(os.urandom(32))
    public = hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(pair.public[:1_184]),
        x25519.X25519PublicKey.from_public_bytes(pair.public[1_184:]),
    )
    suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
    sealed = suite.encrypt(b"content", public, info=b"info")
    opened = hpke_open(pair, b"info", sealed, additional=b"")
    return None if opened == b"content" else "opened to something else"


def main():
    passed, failed = 0, 0
    checks = [("HPKE of a library", hpke_of_a_library)]
    for path in sorted(VECTORS.glob("*/*.json")):
        case = kinds.Case(json.loads(path.read_text(encoding="utf-8")))
        checks.append((str(path.relative_to(VECTORS)), lambda case=case: failure(case)))
    for name, check in checks:
        wrong = check()
        if wrong:
            failed += 1
            print(f"FAILED {name}: {wrong}")
        else:
            passed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or passed < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
