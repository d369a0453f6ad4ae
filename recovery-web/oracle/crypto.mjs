// Keys, boxes, seals, signatures, derivations, on the noble libraries. docs/spec/cryptography.md.

import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { argon2id as argon2 } from '@noble/hashes/argon2.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { need, octets, Refused, same } from './codec.mjs';

const text = (label) => Buffer.from(label);
const join = (...parts) => new Uint8Array(Buffer.concat(parts));
const PREFIX = 'recovery/v1/';

export const labelled = (label, ...parts) => sha256(join(text(`${PREFIX}${label}\0`), ...parts));

export function hkdf(secret, label, { parts = [], salt = new Uint8Array(), length = 32 } = {}) {
  const info = parts.length > 0 ? join(text(`${PREFIX}${label}\0`), ...parts) : text(PREFIX + label);
  return expand(sha256, extract(sha256, secret, salt), info, length);
}

const known = new Map();

/** Slow here, so nothing is computed twice. */
export function argon2id(password, salt, { memory_kib: m, passes: t, lanes: p }) {
  const key = [password, salt].map((part) => Buffer.from(part).toString('hex')).join() + [m, t, p].join();
  if (!known.has(key)) known.set(key, argon2(password, salt, { m, t, p, dkLen: 32 }));
  return known.get(key);
}

/** The committing box: nonce(24) ‖ commitment(32) ‖ NaCl secretbox. */
export function boxOpen(secret, label, box) {
  need(box.length >= 72, 'closed');
  const [nonce, commitment, secretbox] = [box.subarray(0, 24), box.subarray(24, 56), box.subarray(56)];
  const derived = hkdf(secret, label, { salt: nonce, length: 64 });
  need(same(derived.subarray(0, 32), commitment), 'closed');
  try {
    return xsalsa20poly1305(derived.subarray(32), nonce).decrypt(secretbox);
  } catch {
    throw new Refused('closed');
  }
}

/** The same box, made: for cases whose plaintext is stated. */
export function boxSeal(secret, label, nonce, plaintext) {
  const derived = hkdf(secret, label, { salt: nonce, length: 64 });
  return join(nonce, derived.subarray(0, 32), xsalsa20poly1305(derived.subarray(32), nonce).encrypt(plaintext));
}

/** The six characters \./ /^\ that end what X-Wing hashes. */
const XWING_LABEL = Uint8Array.from(Buffer.from('5c2e2f2f5e5c', 'hex'));
const xwingHash = (post, classic, theirs, own) => sha3_256(join(post, classic, theirs, own, XWING_LABEL));

/** x25519 with zeros for a point of low order, which X-Wing allows. */
function exchange(secret, point) {
  try {
    return x25519.getSharedSecret(secret, point);
  } catch {
    return new Uint8Array(32);
  }
}

/** A key pair of X-Wing from its seed (draft-connolly-cfrg-xwing-kem). */
export class Xwing {
  constructor(seed) {
    const expanded = shake256(seed, { dkLen: 96 });
    this.mlkem = ml_kem768.keygen(expanded.slice(0, 64));
    this.secret = expanded.slice(64);
    this.own = x25519.getPublicKey(this.secret);
    this.public = join(this.mlkem.publicKey, this.own);
  }

  decapsulate(encapsulated) {
    const theirs = encapsulated.slice(1_088);
    const post = ml_kem768.decapsulate(encapsulated.slice(0, 1_088), this.mlkem.secretKey);
    return xwingHash(post, exchange(this.secret, theirs), theirs, this.own);
  }
}

/** Encapsulates to a public key with 64 octets of randomness: ML-KEM's 32, then the X25519 secret. */
function encapsulate(key, random) {
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(key.slice(0, 1_184), random.slice(0, 32));
  const [secret, theirs] = [random.slice(32), key.slice(1_184)];
  const own = x25519.getPublicKey(secret);
  return { encapsulated: join(cipherText, own), shared: xwingHash(sharedSecret, exchange(secret, theirs), own, theirs) };
}

/** An X-Wing public key whose ML-KEM half is well-formed. */
export function xwingPublic(value) {
  octets(1_216)(value);
  for (let at = 0; at < 1_152; at += 3) {
    const [a, b, c] = value.subarray(at, at + 3);
    need((((b & 15) << 8) | a) < 3_329 && ((c << 4) | (b >> 4)) < 3_329);
  }
  return value;
}

const SUITE = Uint8Array.from([0x48, 0x50, 0x4b, 0x45, 0x64, 0x7a, 0, 1, 0, 3]);
const two = (value) => Uint8Array.from([value >> 8, value & 255]);
const hpkeExtract = (salt, label, ikm) => extract(sha256, join(text('HPKE-v1'), SUITE, text(label), ikm), salt);
const hpkeExpand = (key, label, info, length) =>
  expand(sha256, key, join(two(length), text('HPKE-v1'), SUITE, text(label), info), length);

/** RFC 9180 base mode, one message. */
function hpkeCipher(shared, info, key) {
  const none = new Uint8Array();
  const context = join(Uint8Array.of(0), hpkeExtract(none, 'psk_id_hash', none), hpkeExtract(none, 'info_hash', info));
  const secret = hpkeExtract(shared, 'secret', none);
  const nonce = hpkeExpand(secret, 'base_nonce', context, 12);
  return chacha20poly1305(hpkeExpand(secret, 'key', context, 32), nonce, labelled('seal-key-hash', key));
}

export function hpkeOpen(pair, info, sealed) {
  need(sealed.length >= 1_136, 'closed');
  const shared = pair.decapsulate(sealed.slice(0, 1_120));
  try {
    return hpkeCipher(shared, text(info), pair.public).decrypt(sealed.slice(1_120));
  } catch {
    throw new Refused('closed');
  }
}

export function hpkeSeal(key, info, random, content) {
  const { encapsulated, shared } = encapsulate(key, random);
  return join(encapsulated, hpkeCipher(shared, text(info), key).encrypt(content));
}

export const contactId = (signing, sealing) => labelled('contact-id', signing, sealing).slice(0, 16);

/** Both key pairs of a person, from one seed. */
export class Identity {
  constructor(seed) {
    this.secret = hkdf(seed, 'signing-seed');
    this.signing = ed25519.getPublicKey(this.secret);
    this.opening = new Xwing(hkdf(seed, 'sealing-seed'));
    this.id = contactId(this.signing, this.opening.public);
  }
}

/** A point of the curve, canonical, that is not of low order. */
export function ed25519Public(value) {
  octets(32)(value);
  let point;
  try {
    point = ed25519.Point.fromBytes(value, false);
  } catch {
    throw new Refused('malformed');
  }
  need(!point.isSmallOrder());
  return value;
}

/** As `verify_strict`: canonical, no point of low order, no cofactor. */
export function verifies(key, message, signature) {
  try {
    const nonce = ed25519.Point.fromBytes(signature.slice(0, 32), false);
    return !nonce.isSmallOrder() && ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}

export const signs = (secret, message) => ed25519.sign(message, secret);
