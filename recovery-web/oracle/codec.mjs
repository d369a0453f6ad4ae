// CBOR as docs/spec/wire.md wants it: limits, version, types, and one encoding for each value.

import { decode as plain, encode as again } from 'cborg';
import { NotText, relayUrl, WHITE_SPACE } from './texts.mjs';

/** An input is not what it must be; `outcome` is the name that the vectors give to that. */
export class Refused extends Error {
  constructor(outcome) {
    super(outcome);
    this.outcome = outcome;
  }
}

export function need(condition, outcome = 'malformed') {
  if (!condition) throw new Refused(outcome);
}

/** Runs something; whatever is wrong in it is `outcome`. */
export function otherwise(outcome, act) {
  try {
    return act();
  } catch (error) {
    if (error instanceof Refused || error instanceof NotText) throw new Refused(outcome);
    throw error;
  }
}

export const same = (a, b) => a.length === b.length && a.every((octet, at) => octet === b[at]);
export const hex = (octets) => Buffer.from(octets).toString('hex');
export const encode = (value) => again(value);

/** The value of untrusted octets: length first, then the version, then everything else. */
export function decode(octets, schema, limit) {
  need(octets.length <= limit, 'too-long');
  need(firstNumber(octets) <= 1n, 'newer-version');
  let value;
  try {
    value = plain(octets, { strict: true, allowIndefinite: false, allowUndefined: false, rejectDuplicateMapKeys: true });
  } catch {
    throw new Refused('malformed');
  }
  const checked = schema(value);
  need(same(encode(value), octets));
  return checked;
}

/** The first place of an array if it is a number, of any length; else 0. */
function firstNumber(octets) {
  if (octets.length === 0 || octets[0] >> 5 !== 4) return 0n;
  const width = { 24: 1, 25: 2, 26: 4, 27: 8 };
  const rest = octets.subarray(1 + (width[octets[0] & 31] ?? 0));
  if (rest.length === 0 || rest[0] >> 5 !== 0) return 0n;
  const info = rest[0] & 31;
  if (info < 24) return BigInt(info);
  const size = width[info] ?? 0;
  if (rest.length <= size) return 0n;
  return rest.subarray(1, 1 + size).reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

const whole = (value, limit) => {
  need(typeof value === 'bigint' || Number.isSafeInteger(value));
  need(value >= 0 && BigInt(value) < limit);
  return value;
};
export const uint = (bits = 64) => (value) => whole(value, 1n << BigInt(bits));
export const oneOf = (count) => (value) => whole(value, BigInt(count));
export const octets = (length) => (value) => {
  need(value instanceof Uint8Array && (length === undefined || value.length === length));
  return value;
};
export const boolean = (value) => {
  need(typeof value === 'boolean');
  return value;
};
const isText = (value) => typeof value === 'string' && value.isWellFormed?.() !== false && !value.includes('\ufffd');
/** 1 to 200 octets, trimmed, no control characters. */
export const name = (value) => {
  need(isText(value) && Buffer.byteLength(value) >= 1 && Buffer.byteLength(value) <= 200);
  need(!WHITE_SPACE.includes([...value][0]) && !WHITE_SPACE.includes([...value].at(-1)) && !/\p{Cc}/u.test(value));
  return value;
};
/** A relay's address in its own spelling. */
export const relay = (value) => {
  need(isText(value));
  need(otherwise('malformed', () => relayUrl(value)) === value);
  return value;
};
export const version = (value) => {
  need(value === 1);
  return value;
};
export const many = (item) => (value) => {
  need(Array.isArray(value));
  return value.map(item);
};
/** An array of fixed places. A place's name ends with `?` if it may be empty. */
export const record = (places) => (value) => {
  const list = Object.entries(places);
  need(Array.isArray(value) && value.length <= list.length && value.at(-1) !== null);
  const fields = {};
  for (const [at, [place, schema]] of list.entries()) {
    const absent = at >= value.length || value[at] === null;
    need(!absent || place.endsWith('?'));
    fields[place.replace('?', '')] = absent ? null : schema(value[at]);
  }
  return fields;
};

/** The content of `length(4) ‖ content ‖ zeros`. */
export function unpad(padded) {
  need(padded.length >= 4);
  const end = 4 + Buffer.from(padded).readUInt32BE(0);
  need(end <= padded.length && padded.subarray(end).every((octet) => octet === 0));
  return padded.subarray(4, end);
}
