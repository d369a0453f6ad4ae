// The page's own CBOR against a whole implementation of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as cborg from 'cborg';
import esbuild from 'esbuild';

const { outputFiles } = await esbuild.build({
  entryPoints: [new URL('../src/cbor.ts', import.meta.url).pathname], bundle: true, format: 'esm', write: false,
});
const { decode, encode } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);

let state = 7;
const next = (below) => (state = (state * 48271) % 2147483647) % below;
const NUMBERS = [0, 23, 24, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER];

/** A random value of those that go over the boundary. */
function value(depth) {
  switch (next(depth > 0 ? 7 : 5)) {
    case 0: return null;
    case 1: return next(2) === 1;
    case 2: return next(2) ? NUMBERS[next(NUMBERS.length)] : next(2_000_000_000);
    case 3: return String.fromCodePoint(...Array.from({ length: next(30) }, () => [65, 0xe4, 0x20ac, 0x1f475, 0xfeff, 0][next(6)]));
    case 4: return Uint8Array.from({ length: next(300) }, () => next(256));
    case 5: return Array.from({ length: next(30) }, () => value(depth - 1));
    default: return Object.fromEntries(Array.from({ length: next(6) }, (_, at) => [`k${at}`, value(depth - 1)]));
  }
}

test('both say the same of 3,000 values', () => {
  for (let round = 0; round < 3_000; round += 1) {
    const one = value(3);
    const octets = encode(one);
    assert.deepEqual(Buffer.from(octets), Buffer.from(cborg.encode(one, { mapSorter: null })));
    assert.deepEqual(decode(octets), one);
    assert.deepEqual(decode(new Uint8Array(cborg.encode(one))), one);
  }
});

test('what is cut, goes on, or is of another kind is an error', () => {
  for (const octets of [
    [], [0x18], [0x61], [0x00, 0x00], [0x20], [0xc0, 0x00], [0xf7], [0xfb, 0, 0, 0, 0, 0, 0, 0, 0], [0x9f, 0xff], [0x5f, 0xff],
    [0x9b, 255, 255, 255, 255, 255, 255, 255, 255], [0x9a, 0x7f, 0xff, 0xff, 0xff], [0x61, 0xff], [0x1c], [0xa1, 0x61, 0x61],
  ]) {
    assert.throws(() => decode(Uint8Array.from(octets)), undefined, Buffer.from(octets).toString('hex'));
  }
  for (const one of [-1, 0.5, undefined, 1n, () => 1]) assert.throws(() => encode(one));
});

test('octets that are changed never hang it', () => {
  const good = encode(value(3));
  for (let round = 0; round < 3_000; round += 1) {
    const octets = good.slice();
    for (let flips = next(4); flips >= 0; flips -= 1) octets[next(octets.length)] = next(256);
    try { decode(octets); } catch { /* an error is fine */ }
  }
});
