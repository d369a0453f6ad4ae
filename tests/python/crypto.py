"""Keys, boxes, seals, signatures, derivations. docs/spec/cryptography.md."""

import hashlib
import hmac

import nacl.bindings
import nacl.exceptions
import nacl.pwhash
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from codec import Refused, require

PREFIX = "recovery/v1/"


def labelled(label, *parts):
    return hashlib.sha256(PREFIX.encode() + label.encode() + b"\0" + b"".join(parts)).digest()


def hkdf(secret, label, *parts, salt=b"", length=32):
    info = PREFIX.encode() + label.encode() + (b"\0" + b"".join(parts) if parts else b"")
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def argon2id(password, salt, memory_kib, passes, lanes):
    out = Argon2id(
        salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory_kib
    ).derive(password)
    if len(salt) == 16 and lanes == 1:  # what libsodium can do as well
        assert out == nacl.pwhash.argon2id.kdf(32, password, salt, passes, memory_kib * 1_024)
    return out


def box_open(secret, label, box):
    """The committing box: nonce(24) ‖ commitment(32) ‖ NaCl secretbox."""
    require(len(box) >= 72, "closed")
    nonce, commitment, secretbox = box[:24], box[24:56], box[56:]
    derived = hkdf(secret, label, salt=nonce, length=64)
    require(hmac.compare_digest(derived[:32], commitment), "closed")
    try:
        return nacl.bindings.crypto_secretbox_open(secretbox, nonce, derived[32:])
    except nacl.exceptions.CryptoError as error:
        raise Refused("closed") from error


# The six characters \\.//^\\ that end what X-Wing hashes.
XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")


class Xwing:
    """A key pair of X-Wing from its seed (draft-connolly-cfrg-xwing-kem)."""

    def __init__(self, seed):
        expanded = hashlib.shake_256(seed).digest(96)
        self.mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        self.x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
        self.own = self.x25519.public_key().public_bytes_raw()
        self.public = self.mlkem.public_key().public_bytes_raw() + self.own

    def decapsulate(self, encapsulated):
        of_mlkem, of_x25519 = encapsulated[:1_088], encapsulated[1_088:]
        post_quantum = self.mlkem.decapsulate(of_mlkem)
        try:
            classic = self.x25519.exchange(X25519PublicKey.from_public_bytes(of_x25519))
        except ValueError:  # zeros for a point of low order, which X-Wing allows
            classic = bytes(32)
        return hashlib.sha3_256(post_quantum + classic + of_x25519 + self.own + XWING_LABEL).digest()


def xwing_public(octets):
    """An X-Wing public key whose ML-KEM half is well-formed."""
    require(type(octets) is bytes and len(octets) == 1_216)
    for at in range(0, 1_152, 3):
        a, b, c = octets[at : at + 3]
        require((b & 15) << 8 | a < 3_329 and c << 4 | b >> 4 < 3_329)
    MLKEM768PublicKey.from_public_bytes(octets[:1_184])
    return octets


HPKE_SUITE = b"HPKE\x64\x7a\x00\x01\x00\x03"


def hpke_extract(salt, label, ikm):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + HPKE_SUITE + label + ikm, "sha256")


def hpke_expand(key, label, info, length):
    labelled_info = length.to_bytes(2, "big") + b"HPKE-v1" + HPKE_SUITE + label + info
    return hmac.digest(key, labelled_info + b"\1", "sha256")[:length]


def hpke_open(pair, info, sealed, additional=None):
    """RFC 9180 base mode, one message; the additional data is the hash of the key, unless given."""
    require(len(sealed) >= 1_136, "closed")
    shared = pair.decapsulate(sealed[:1_120])
    context = b"\0" + hpke_extract(b"", b"psk_id_hash", b"") + hpke_extract(b"", b"info_hash", info)
    secret = hpke_extract(shared, b"secret", b"")
    key = hpke_expand(secret, b"key", context, 32)
    nonce = hpke_expand(secret, b"base_nonce", context, 12)
    if additional is None:
        additional = labelled("seal-key-hash", pair.public)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed[1_120:], additional)
    except InvalidTag as error:
        raise Refused("closed") from error


class Identity:
    """Both key pairs of a person, from one seed."""

    def __init__(self, seed):
        signing_seed = hkdf(seed, "signing-seed")
        self.signing, self.secret = nacl.bindings.crypto_sign_seed_keypair(signing_seed)
        self.opening = Xwing(hkdf(seed, "sealing-seed"))
        self.id = contact_id(self.signing, self.opening.public)


def contact_id(signing, sealing):
    return labelled("contact-id", signing, sealing)[:16]


def ed25519_public(octets):
    """A point of the curve that is not of low order."""
    require(type(octets) is bytes and len(octets) == 32)
    require(nacl.bindings.crypto_core_ed25519_is_valid_point(octets))
    return octets


def verifies(key, message, signature):
    try:
        nacl.bindings.crypto_sign_open(signature + message, key)
        return True
    except nacl.exceptions.BadSignatureError:
        return False
