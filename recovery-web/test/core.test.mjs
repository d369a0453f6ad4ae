// The module that is checked in does what the vectors say, whichever compiler made it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { decode, encode } from 'cborg';

const { instance } = await WebAssembly.instantiate(readFileSync(process.env.CORE_WASM ?? new URL('../../recovery-relay/web-dist/core.wasm', import.meta.url)));
const { memory, room, call, answer } = instance.exports;
const vectors = new URL('../../tests/vectors/', import.meta.url);

function raw(octets) {
  const at = room(octets.length);
  new Uint8Array(memory.buffer, at, octets.length).set(octets);
  const length = call();
  const from = answer();
  return decode(new Uint8Array(memory.buffer, from, length).slice());
}

function run(what, { home = null, now = 1_700_000_000, seed = new Uint8Array(32).fill(7) } = {}) {
  return raw(encode({ now, seed, home, call: what }));
}

function each(kind, check) {
  const folder = new URL(`${kind}/`, vectors);
  const cases = readdirSync(folder).map((file) => JSON.parse(readFileSync(new URL(file, folder), 'utf8')));
  for (const one of cases.filter((one) => one.kind === kind)) check(one);
  return cases.length;
}

test('links', () => {
  const words = { 'no-secret': 'link-cut', mangled: 'link-mangled', relay: 'link-relay', 'too-long': 'link', malformed: 'link' };
  const count = each('link', (one) => {
    const { answer, error } = run({ link: { text: one.text } });
    if (one.expect !== 'ok') return assert.equal(error, words[one.expect], one.comment);
    assert.equal(answer.link.kind, one.purpose, one.comment);
    assert.equal(answer.link.onScreen, Boolean(one.request), one.comment);
    return assert.equal(answer.link.slots.length, one.slots.length, one.comment);
  });
  assert.ok(count >= 10, `${count} links`);
});

test('invites', () => {
  const words = { 'wrong-link': 'invite-wrong-link', expired: 'invite-expired', 'newer-version': 'newer' };
  const count = each('invite', (one) => {
    const boxed = Buffer.from(one.slot, 'hex');
    const { answer, error } = run({ invite: { link: one.link, boxed } }, { now: one.now });
    if (one.expect !== 'ok') return assert.equal(error, words[one.expect] ?? 'invite-damaged', one.comment);
    return assert.deepEqual(answer.invite, { name: one.name, expires: one.expires }, one.comment);
  });
  assert.ok(count >= 5, `${count} invites`);
});

test('accepting: the same input gives the same home, and the card opens what a relay would have', () => {
  const [one] = readdirSync(new URL('invite/', vectors))
    .map((file) => JSON.parse(readFileSync(new URL(`invite/${file}`, vectors), 'utf8'))).filter((one) => one.expect === 'ok');
  const fresh = run({ create: { name: 'Bob' } }, { now: one.now });
  assert.equal(fresh.error, null);
  assert.deepEqual(run({ create: { name: 'Bob' } }, { now: one.now }), fresh);
  const boxed = Buffer.from(one.slot, 'hex');
  const reach = { way: 'landline', second: '', question: 'Lisbon?' };
  const accepted = run({ accept: { link: one.link, boxed, reach } }, { now: one.now, home: fresh.home });
  assert.match(accepted.answer.pairing.number, /^(\d{3} ){4}\d{3}$/);
  const { home } = accepted;
  const { uploads } = run('uploads', { home }).answer;
  assert.ok(uploads.length >= 1);
  const { words, relays } = run('card', { home }).answer.card;
  assert.equal(words.split(' ').length, 20);
  assert.deepEqual(relays, uploads.map((upload) => upload.relay));
  for (const { relay, path, body } of uploads) {
    const [place] = run({ cardSlot: { words, relay } }).answer.slots;
    assert.equal(`/v1/slots/${place.id}`, path);
    const back = run({ openCard: { words, boxed: body } });
    assert.deepEqual(back.answer.view.owners, run('view', { home }).answer.view.owners);
  }
  const file = run('cardFile', { home }).answer.file;
  assert.equal(run({ openFile: { words, file } }).answer.view.owners.length, 1);
  const wrong = words.split(' ').with(4, 'zero').join(' ');
  assert.equal(run({ openFile: { words: wrong, file } }).error, 'words');
  assert.equal(run({ openFile: { words: run('card', { home: fresh.home }).answer.card.words, file } }).error, null);
  const other = run({ create: { name: 'Eve' } }, { seed: new Uint8Array(32).fill(8) }).home;
  assert.equal(run({ openFile: { words: run('card', { home: other }).answer.card.words, file } }).error, 'card-closed');
});

test('a home with anything of an owner in it is refused: this module has nothing of an owner', () => {
  const whole = decode(run({ create: { name: 'Bob' } }).home);
  const state = decode(whole[1]);
  const lists = [3, 5, 8, 11].map((at) => [state, at]).concat([5, 6, 7, 10].map((at) => [state[1], at]));
  for (const [places, at] of lists) {
    assert.deepEqual(places[at], [], `place ${at}`);
    places[at] = [0];
    const home = encode(whole.with(1, encode(state)));
    assert.equal(run('view', { home }).error, 'home-damaged', `place ${at}`);
    places[at] = [];
  }
  assert.equal(run('view', { home: encode(whole.with(1, encode(state))) }).error, null);
});

test('whatever a relay answers, nothing breaks and nothing is kept of it', () => {
  const one = JSON.parse(readFileSync(new URL('invite/usual.json', vectors), 'utf8'));
  const fresh = run({ create: { name: 'Bob' } }, { now: one.now }).home;
  const reach = { way: '', second: '', question: '' };
  const { home } = run({ accept: { link: one.link, boxed: Buffer.from(one.slot, 'hex'), reach } }, { now: one.now, home: fresh });
  const [{ read }] = run('reads', { home }).answer.reads;
  const entry = (seq, body) => ({ seq, body, posted_at: 1 });
  const rubbish = new Uint8Array(4_096).fill(3);
  for (const body of [
    new Uint8Array(), Uint8Array.of(0x9f, 0xff), Uint8Array.of(0x9b, 255, 255, 255, 255, 255, 255, 255, 255), encode({}), encode([1]),
    encode([entry(2, rubbish), entry(1, rubbish)]), encode([entry(1, rubbish), entry(1, rubbish)]), encode([{ seq: 1, body: rubbish }]),
    encode([entry(1, new Uint8Array(65_537))]), encode([entry(1, 'text')]), Buffer.concat([encode([]), encode(1)]),
    encode(Array.from({ length: 257 }, (_, at) => entry(at + 1, Uint8Array.of(1)))),
  ]) {
    const { error, home: after } = run({ took: { read, epoch: 'e', body } }, { home });
    assert.deepEqual([error, after], ['relay-answer', null], Buffer.from(body.slice(0, 20)).toString('hex'));
  }
  const passed = run({ took: { read, epoch: 'e', body: encode([entry(1, rubbish)]) } }, { home });
  assert.deepEqual(passed.answer.took, { more: true, events: [{ what: 'ignored', owner: one.name }] });
});

test('whatever goes in, an answer comes out', () => {
  const good = encode({ now: 1, seed: new Uint8Array(32), home: null, call: { link: { text: 'x' } } });
  let state = 1;
  const next = (below) => (state = (state * 48271) % 2147483647) % below;
  for (let round = 0; round < 3_000; round += 1) {
    const octets = good.slice(0, next(4) === 0 ? next(good.length) : good.length);
    for (let flips = next(4); flips > 0 && octets.length > 0; flips -= 1) octets[next(octets.length)] = next(256);
    const { error, answer } = raw(octets);
    assert.ok(error !== null || answer !== null);
  }
  assert.equal(raw(new Uint8Array()).error, 'call');
  assert.equal(run('view', { home: new Uint8Array(100) }).error, 'home-damaged');
  assert.equal(run('view').error, 'no-home');
});
