#!/usr/bin/env python3
"""Holds our SLIP-0039 against the reference implementation, both ways.

Usage: shamir_mnemonic_interop.py PATH_TO_BINARY [CASES [SEED]]
The binary is slip39_peer of this folder; the reference is `pip install shamir-mnemonic`.
Prints 'N passed, M failed' and exits non-zero if any case failed.
"""

import random
import subprocess
import sys

import shamir_mnemonic
from shamir_mnemonic.share import Share

LENGTHS = [16, 18, 20, 24, 28, 30, 32, 34, 48, 64]
LETTERS = [chr(letter) for letter in range(32, 127)]


class Peer:
    """Our implementation, behind the line protocol of slip39_peer."""

    def __init__(self, binary, seed):
        self.process = subprocess.Popen(
            [binary, str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, *lines):
        self.process.stdin.write("\n".join(lines) + "\n")
        self.process.stdin.flush()
        return self.line()

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def split(self, case):
        groups = [f"{threshold}/{members}" for threshold, members in case["groups"]]
        answer = self.ask(
            " ".join(
                ["split", case["secret"].hex(), hexed(case["passphrase"]), str(case["exponent"])]
                + [str(int(case["extendable"])), str(case["threshold"])]
                + groups
            )
        )
        if answer.startswith("error: "):
            raise ValueError(answer)
        shares = [answer]
        while line := self.line():
            shares.append(line)
        sizes = [members for _, members in case["groups"]]
        assert len(shares) == sum(sizes), "a share for each member"
        return [[shares.pop(0) for _ in range(size)] for size in sizes]

    def combine(self, mnemonics, passphrase):
        answer = self.ask("combine " + hexed(passphrase), *mnemonics, "")
        return answer if answer.startswith("error: ") else bytes.fromhex(answer)


def hexed(text):
    return text.encode().hex() or "-"


def random_case(rng):
    def group():
        members = rng.choice([1, 2, 3, 5, 8, 16])
        return (1 if members == 1 else rng.randint(2, members), members)

    groups = [group() for _ in range(rng.choice([1, 1, 2, 3, 16]))]
    return {
        "secret": rng.randbytes(rng.choice(LENGTHS)),
        "passphrase": "".join(rng.choices(LETTERS, k=rng.choice([0, 1, 8, 70]))),
        "exponent": rng.choice([0, 0, 0, 1, 2]),
        "extendable": rng.random() < 0.7,
        "threshold": rng.randint(1, len(groups)),
        "groups": groups,
    }


def just_enough(rng, case, shares):
    """Shares of as many groups as needed, as many of each as needed."""
    chosen = rng.sample(range(len(shares)), case["threshold"])
    return [m for at in chosen for m in rng.sample(shares[at], case["groups"][at][0])]


def reference_shares(case):
    return shamir_mnemonic.generate_mnemonics(
        case["threshold"],
        case["groups"],
        case["secret"],
        case["passphrase"].encode(),
        extendable=case["extendable"],
        iteration_exponent=case["exponent"],
    )


def theirs_to_ours(rng, case, peer):
    shares = reference_shares(case)
    assert peer.combine(just_enough(rng, case, shares), case["passphrase"]) == case["secret"]
    everything = [mnemonic for group in shares for mnemonic in group]
    assert peer.combine(everything, case["passphrase"]) == case["secret"], "surplus shares"


def ours_to_theirs(rng, case, peer):
    shares = peer.split(case)
    enough = just_enough(rng, case, shares)
    found = shamir_mnemonic.combine_mnemonics(enough, case["passphrase"].encode())
    assert found == case["secret"]
    for at, group in enumerate(shares):
        for member, mnemonic in enumerate(group):
            share = Share.from_mnemonic(mnemonic)
            place = (share.group_index, share.index, share.member_threshold)
            assert place == (at, member, case["groups"][at][0]), "header"
            assert share.mnemonic() == mnemonic, "words"


def damage_is_refused_by_both(rng, case, peer):
    shares = just_enough(rng, case, reference_shares(case))
    words = shares[0].split()
    at = rng.randrange(len(words))
    words[at] = rng.choice([word for word in words if word != words[at]])
    shares[0] = " ".join(words)
    assert str(peer.combine(shares, case["passphrase"])).startswith("error: "), "ours took it"
    try:
        shamir_mnemonic.combine_mnemonics(shares, case["passphrase"].encode())
    except shamir_mnemonic.MnemonicError:
        return
    raise AssertionError("the reference took it")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    peer = Peer(sys.argv[1], seed)
    passed = failed = 0
    for _ in range(cases):
        case = random_case(rng)
        for check in (theirs_to_ours, ours_to_theirs, damage_is_refused_by_both):
            try:
                check(rng, case, peer)
                passed += 1
            except Exception as error:  # every kind of failure counts
                failed += 1
                print(f"FAILED {check.__name__} {case}: {error!r}", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0 or passed == 0)


if __name__ == "__main__":
    main()
