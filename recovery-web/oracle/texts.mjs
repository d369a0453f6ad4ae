// What people send and read: relay addresses, links, armor, ids, numbers. docs/spec/wire.md.

import { isIPv4, isIPv6 } from 'node:net';
import { sha256 } from '@noble/hashes/sha2.js';

/** Unicode's White_Space. */
export const WHITE_SPACE = '\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';

/** A text is not what it must be; `outcome` names why. */
export class NotText extends Error {
  constructor(outcome) {
    super(outcome);
    this.outcome = outcome;
  }
}

function need(condition, outcome = 'malformed') {
  if (!condition) throw new NotText(outcome);
}

const base64url = (octets) => Buffer.from(octets).toString('base64url');

/** Exactly `length` octets in the one form that they have. */
export function unbase64url(text, length) {
  need(/^[A-Za-z0-9_-]*$/.test(text));
  const octets = new Uint8Array(Buffer.from(text, 'base64url'));
  need(octets.length === length && base64url(octets) === text);
  return octets;
}

/** Text before and after the first, or the last, mark; what comes after is null without one. */
const split = (text, mark, last = false) => {
  const at = last ? text.lastIndexOf(mark) : text.indexOf(mark);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + mark.length)];
};
const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** The one spelling of a relay's address. */
export function relayUrl(text) {
  need(Buffer.byteLength(text) <= 255, 'too-long');
  const [first, found] = split(text, '://');
  const scheme = lower(first);
  need(found !== null && ['https', 'http'].includes(scheme), 'scheme');
  const [written, path] = split(found.replace(/\/+$/, ''), '/');
  const authority = lower(written);
  const host = relayHost(authority);
  for (const segment of path === null ? [] : path.split('/')) {
    need(/^[A-Za-z0-9._~-]+$/.test(segment) && segment !== '.' && segment !== '..');
  }
  need(scheme === 'https' || near(host), 'plain-http');
  return `${scheme}://${authority}${path === null ? '' : `/${path}`}`;
}

function relayHost(authority) {
  let host, port;
  if (authority.startsWith('[')) {
    const match = /^\[([0-9a-f:.]+)\](?::(.*))?$/s.exec(authority);
    need(match && isIPv6(match[1]));
    [host, port] = [`[${match[1]}]`, match[2] ?? null];
  } else {
    [host, port] = split(authority, ':');
    need(/^[a-z0-9.-]+$/.test(host) && !'.-'.includes(host[0]) && !host.includes('..'));
  }
  if (port !== null) need(/^[1-9][0-9]{0,4}$/.test(port) && Number(port) <= 65_535);
  return host;
}

/** This machine, or inside of Tor. */
const near = (host) => ['localhost', '[::1]'].includes(host) || host.endsWith('.onion') || (isIPv4(host) && host.startsWith('127.'));

function trim(text) {
  const letters = [...text];
  while (letters.length > 0 && WHITE_SPACE.includes(letters[0])) letters.shift();
  while (letters.length > 0 && WHITE_SPACE.includes(letters.at(-1))) letters.pop();
  return letters.join('');
}

/** The parts of a link, and its one spelling. */
export function parseLink(given) {
  const text = trim(given);
  need(Buffer.byteLength(text) <= 4_096, 'too-long');
  need(!text.includes('%'), 'mangled');
  const [place, fragment] = split(text, '#');
  need(fragment !== null, 'no-secret');
  const [relay, letter] = split(place, '/', true);
  need(letter === 'i' || letter === 'r');
  need(fragment, 'no-secret');
  const [first, ...others] = fragment.split('+');
  const parts = first.split('.');
  const slot = unbase64url(parts[0], 32);
  need(parts.length > 1, 'no-secret');
  const secret = unbase64url(parts[1], 16);
  const request = parts.length > 2 ? unbase64url(parts[2], 32) : null;
  const slots = [{ relay: linkRelay(relay), id: slot }, ...others.map(linkSlot)];
  need(parts.length <= 3 && slots.length <= 8 && !(request && letter === 'i'));
  const canonical = `${slots[0].relay}/${letter}#${base64url(slot)}.${base64url(secret)}`
    + (request ? `.${base64url(request)}` : '')
    + slots.slice(1).map(({ relay, id }) => `+${relay}/${base64url(id)}`).join('');
  return { purpose: letter === 'i' ? 'invite' : 'request', slots, secret, request, canonical };
}

function linkSlot(text) {
  const [relay, id] = split(text, '/', true);
  need(id !== null);
  const slot = unbase64url(id, 32);
  return { relay: linkRelay(relay), id: slot };
}

function linkRelay(text) {
  try {
    return relayUrl(text);
  } catch {
    throw new NotText('relay');
  }
}

const TITLES = { approval: 'RECOVERY APPROVAL', messages: 'RECOVERY MESSAGES' };
const ARMOR_MAX = { approval: 131_072, messages: 25_165_824 };
const base64 = (octets) => Buffer.from(octets).toString('base64');

function armor(title, octets) {
  const lines = [`-----BEGIN ${title}-----`];
  for (let at = 0; at < octets.length; at += 48) lines.push(base64(octets.subarray(at, at + 48)));
  const hashed = sha256(Buffer.concat([Buffer.from(`recovery/v1/armor-checksum\0${title}\0`), octets]));
  return [...lines, `=${base64(hashed.subarray(0, 9))}`, `-----END ${title}-----`, ''].join('\n');
}

export function unarmor(kind, given) {
  need(Buffer.byteLength(given) <= ARMOR_MAX[kind], 'too-long');
  const text = given.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '').replaceAll('\r\n', '\n');
  const [first, last] = [`-----BEGIN ${TITLES[kind]}-----\n`, `\n-----END ${TITLES[kind]}-----`];
  need(text.startsWith(first) && text.slice(first.length).endsWith(last), 'frame');
  const lines = text.slice(first.length, -last.length).split('\n').filter((line) => !line.startsWith('='));
  const octets = new Uint8Array(Buffer.concat(lines.map((line) => Buffer.from(line, 'base64'))));
  need(armor(TITLES[kind], octets).trimEnd() === text, 'damaged');
  return octets;
}

/** The operation table of Damm's check digit in docs/spec/cryptography.md. */
const DAMM = ['0317598642', '7092154863', '4206871359', '1750983426', '6123045978', '3674209581', '5869720134', '8945362017', '9438617205', '2581436790'];

export const damm = (digits) => [...digits].reduce((interim, digit) => Number(DAMM[interim][Number(digit)]), 0);

/** The 15 digits of a typed number whose check digit is right. */
export function number(text) {
  const digits = [...text].filter((letter) => !WHITE_SPACE.includes(letter) && letter !== '-').join('');
  need(/^[0-9]*$/.test(digits), 'not-digits');
  need(digits.length === 15, 'length');
  need(damm(digits) === 0, 'mistyped');
  return digits;
}
