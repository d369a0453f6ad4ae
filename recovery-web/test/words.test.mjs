// Words: every language has the same, each with the same gaps, each used, none of those that people should not meet.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const src = new URL('../src/', import.meta.url);
const read = (file) => JSON.parse(readFileSync(new URL(`words/${file}.json`, src), 'utf8'));
const inOrder = (all) => Object.fromEntries(Object.entries(all).sort(([one], [other]) => (one < other ? -1 : 1)));
/** Those that a first screen needs, and those that come with the others. */
const languages = readdirSync(new URL('words/', src)).map((file) => file.replace('.json', '')).filter((name) => !name.startsWith('later-'));
const words = Object.fromEntries(languages.map((language) =>
  [language, inOrder({ ...read(language), ...read(`later-${language}`) })]));
const sources = readdirSync(src).filter((file) => /\.tsx?$/.test(file)).map((file) => readFileSync(new URL(file, src), 'utf8'));
const rust = readdirSync(new URL('../core/src/', import.meta.url))
  .map((file) => readFileSync(new URL(`../core/src/${file}`, import.meta.url), 'utf8'));
const gaps = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().filter((gap, at, all) => gap !== all[at - 1]);

test('all languages have the same keys with the same gaps, in order', () => {
  assert.deepEqual(Object.keys(words), ['de', 'en']);
  const keys = Object.keys(words.en);
  for (const [early, later] of languages.map((language) => [read(language), read(`later-${language}`)])) {
    for (const part of [early, later]) assert.deepEqual(Object.keys(part), Object.keys(part).sort());
    assert.equal(Object.keys(early).length + Object.keys(later).length, keys.length);
    assert.deepEqual(Object.keys(early), Object.keys(read('en')));
  }
  for (const language of Object.values(words)) {
    assert.deepEqual(Object.keys(language), keys);
    for (const key of keys) assert.deepEqual(gaps(language[key]), gaps(words.en[key]), key);
  }
});

test('every word is used, and every word that is used is there', () => {
  const used = new Set(sources.flatMap((text) => [...text.matchAll(/'([a-z]\w+(?:\.[\w-]+)?)'|(?:title)="([\w.]+)"/gi)].map((m) => m[1] ?? m[2])));
  const computed = /^(error|after|say)\./;
  for (const key of Object.keys(words.en)) assert.ok(used.has(key) || computed.test(key), `${key} is used nowhere`);
  for (const [, key] of sources.join('\n').matchAll(/\bt\('([\w.]+)'/g)) assert.ok(key in words.en, `${key} is missing`);
});

test('a screen that is loaded first uses no word that comes later', () => {
  const late = Object.keys(read('later-en'));
  const reached = new Set();
  const follow = (file) => {
    if (reached.has(file)) return;
    reached.add(file);
    const text = readFileSync(new URL(file, src), 'utf8');
    for (const [, next] of text.matchAll(/^import (?!type).* from '\.\/([\w.]+\.tsx?)'/gm)) follow(next);
    for (const key of late) assert.ok(!text.includes(`'${key}'`) && !text.includes(`"${key}"`), `${file}: ${key}`);
  };
  follow('app.tsx');
  assert.ok(reached.size > 5 && !reached.has('later.ts'), [...reached].join(' '));
});

test('each word of the core for what is wrong has a sentence', () => {
  const codes = new Set(rust.flatMap((text) => [...text.matchAll(/(?:=>|Err\(|ok_or\(|map_err\(\|_\||failed\(|map_err\(\|\(\)\|) ?"([a-z][a-z-]+)"/g)].map((m) => m[1])));
  const local = new Set(sources.flatMap((text) => [...text.matchAll(/(?:Failure|setCode)\('([a-z-]+)'\)/g)].map((m) => m[1])));
  for (const outcome of ['right', 'wrong', 'burnt', 'waits', 'done', 'refused']) codes.delete(outcome);
  for (const state of ['expired', 'open', 'approved', 'declined', 'invite', 'request', 'cancelled', 'stopped', 'impostor']) codes.delete(state);
  assert.ok(codes.size > 30 && local.size > 5, `${codes.size} ${local.size}`);
  for (const code of [...codes, ...local]) assert.ok(`error.${code}` in words.en, `no sentence for ${code}`);
});

test('people meet no word of the trade', () => {
  const never = /\b(shard|guardian|custodian|quorum|nonce|fingerprint|threshold|vault|share)\b/i;
  for (const language of Object.values(words)) {
    for (const [key, text] of Object.entries(language)) assert.doesNotMatch(text, never, key);
  }
});
