// SLIP-39 from its standard: the compact form of docs/spec/wire.md, words, sets. Arithmetic in GF(256), polynomial 0x11B.

import { readFileSync } from 'node:fs';
import { hmac } from '@noble/hashes/hmac.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { hex, need, same } from './codec.mjs';

/** The standard's list; of the product's source only these words are read. */
const LIST = readFileSync(new URL('../../recovery-core/src/slip39/words.rs', import.meta.url), 'utf8');
const WORDS = [...LIST.split('static WORDS')[1].split('];')[0].matchAll(/"([a-z]+)"/g)].map(([, word]) => word);
if (WORDS.length !== 1_024) throw new Error(`${WORDS.length} words`);

/** A share's compact form: 15 + 1 + 4 bits, five times 4 bits, the value. */
export function compact(octets) {
  need(octets.length >= 5, 'truncated');
  const bits = octets.subarray(0, 5).reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
  const nibble = (shift) => Number((bits >> BigInt(shift)) & 15n);
  const header = {
    identifier: Number(bits >> 25n), extendable: Boolean((bits >> 24n) & 1n), exponent: nibble(20), group_index: nibble(16),
    group_threshold: nibble(12) + 1, group_count: nibble(8) + 1, member_index: nibble(4), member_threshold: nibble(0) + 1,
  };
  need(header.group_threshold <= header.group_count, 'group-threshold');
  need(header.group_index < header.group_count, 'group-index');
  const value = octets.subarray(5);
  need(value.length >= 16 && value.length <= 1_270 && value.length % 2 === 0, 'length');
  return { header, value, octets };
}

const GENERATOR = [0xe0e040, 0x1c1c080, 0x3838100, 0x7070200, 0xe0e0009, 0x1c0c2412, 0x38086c24, 0x3090fc48, 0x21b1f890, 0x3f3f120];

function remainder(words, extendable) {
  const custom = [...(extendable ? 'shamir_extendable' : 'shamir')].map((letter) => letter.charCodeAt(0));
  return [...custom, ...words].reduce((rest, word) => {
    const high = rest >>> 20;
    const shifted = (((rest & 0xfffff) << 10) ^ word) >>> 0;
    return GENERATOR.reduce((all, generator, bit) => ((high >> bit) & 1 ? (all ^ generator) >>> 0 : all), shifted);
  }, 1);
}

export function toWords({ header, value, octets }) {
  const head = BigInt(`0x${hex(octets.subarray(0, 5))}`);
  const count = Math.ceil((8 * value.length) / 10);
  const body = BigInt(`0x${hex(value)}`);
  const ten = (bits, words) => Array.from({ length: words }, (_, at) => Number((bits >> BigInt(10 * (words - 1 - at))) & 1023n));
  const words = [...ten(head, 4), ...ten(body, count)];
  const rest = (remainder([...words, 0, 0, 0], header.extendable) ^ 1) >>> 0;
  return [...words, rest >>> 20, (rest >>> 10) & 1023, rest & 1023].map((word) => WORDS[word]).join(' ');
}

/** The compact form of words. */
export function fromWords(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  need(words.length >= 20 && words.length <= 1_023, 'word-count');
  const numbers = words.map((word) => WORDS.indexOf(word));
  need(numbers.every((number) => number >= 0), 'word');
  const extendable = Boolean((numbers[1] >> 4) & 1);
  need(remainder(numbers, extendable) === 1, 'checksum');
  const join = (part) => part.reduce((sum, number) => (sum << 10n) | BigInt(number), 0n);
  const body = numbers.slice(4, -3);
  const length = Math.floor((10 * body.length) / 16) * 2;
  need(10 * body.length - 8 * length <= 8 && join(body) >> BigInt(8 * length) === 0n, 'padding');
  const text16 = (bits, size) => bits.toString(16).padStart(2 * size, '0');
  return new Uint8Array(Buffer.from(text16(join(numbers.slice(0, 4)), 5) + text16(join(body), length), 'hex'));
}

const times = (a, b) => {
  let product = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    if ((b >> bit) & 1) product ^= a;
    a = (a << 1) ^ (a & 128 ? 0x11b : 0);
  }
  return product;
};
const power = (a, n) => (n === 0 ? 1 : times(a, power(a, n - 1)));
const inverse = (a) => power(a, 254);

/** The value at `x` of the polynomial through these points. */
function interpolate(points, x) {
  return points.reduce((sum, [own, value]) => {
    const weight = points.filter(([other]) => other !== own)
      .reduce((all, [other]) => times(all, times(x ^ other, inverse(own ^ other))), 1);
    return sum.map((octet, at) => octet ^ times(weight, value[at]));
  }, new Uint8Array(points[0][1].length));
}

/** The secret that as many points as are needed give; null if its digest is another one. */
function recover(points, threshold) {
  if (threshold === 1) return points[0][1];
  const [secret, digest] = [interpolate(points, 255), interpolate(points, 254)];
  return same(hmac(sha256, digest.slice(4), secret).slice(0, 4), digest.slice(0, 4)) ? secret : null;
}

function decrypt(secret, { identifier, extendable, exponent }) {
  const half = secret.length / 2;
  let [left, right] = [secret.slice(0, half), secret.slice(half)];
  const salt = extendable ? Buffer.alloc(0) : Buffer.concat([Buffer.from('shamir'), Buffer.from([identifier >> 8, identifier & 255])]);
  for (const round of [3, 2, 1, 0]) {
    const key = pbkdf2(sha256, Uint8Array.of(round), new Uint8Array(Buffer.concat([salt, right])), { c: 2_500 << exponent, dkLen: half });
    [left, right] = [right, left.map((octet, at) => octet ^ key[at])];
  }
  return new Uint8Array(Buffer.concat([right, left]));
}

/** The secret of one choice of shares, so many of each group. */
function combine(groups) {
  const { header } = groups[0][0];
  const points = groups.map((group) => {
    const of = group.map(({ header, value }) => [header.member_index, value]);
    return [group[0].header.group_index, recover(of, group[0].header.member_threshold)];
  });
  if (points.some(([, value]) => value === null)) return null;
  const secret = recover(points, header.group_threshold);
  return secret && decrypt(secret, header);
}

const choices = (list, count) => (count === 0 ? [[]] : list.flatMap((one, at) => choices(list.slice(at + 1), count - 1).map((rest) => [one, ...rest])));
const product = (lists) => lists.reduce((all, list) => all.flatMap((before) => list.map((one) => [...before, one])), [[]]);

/** The secret of a set; surplus shares have to fit. */
export function secretOf(list) {
  const shares = list.map(compact).filter((share, at, all) => all.findIndex((other) => same(other.octets, share.octets)) === at);
  need(shares.length > 0, 'no-shares');
  const common = ({ header }) => [header.identifier, header.extendable, header.exponent, header.group_threshold, header.group_count].join();
  need(shares.every((share) => common(share) === common(shares[0])), 'wrong-set');
  const groups = new Map();
  for (const share of shares) groups.set(share.header.group_index, [...(groups.get(share.header.group_index) ?? []), share]);
  for (const group of groups.values()) {
    need(new Set(group.map(({ header }) => header.member_index)).size === group.length, 'conflict');
  }
  const complete = [...groups.values()].filter((group) => group.length >= group[0].header.member_threshold);
  const { group_threshold: needed } = shares[0].header;
  need(complete.length >= needed, 'too-few');
  const used = complete.slice(0, needed);
  const sets = product(used.map((group) => choices(group, group[0].header.member_threshold)));
  const first = combine(sets[0]);
  need(first, 'digest');
  for (const set of sets.slice(1)) {
    const other = combine(set);
    need(other && same(other, first), 'stray');
  }
  return first;
}
