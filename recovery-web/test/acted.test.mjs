// What the page deletes of its mailboxes, and what stays.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import esbuild from 'esbuild';

const { outputFiles } = await esbuild.build({
  entryPoints: [new URL('../src/acted.ts', import.meta.url).pathname], bundle: true, format: 'esm', write: false,
});
const { due, note } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);

/** What is due on a day after batches of [day, numbers, piece] were noted. */
function left(batches, today) {
  const box = batches.reduce((box, [day, seqs, piece = false]) => note(box, 'a', seqs, piece, day), undefined);
  return due(box, today).map(({ first, last }) => [first, last]);
}

test('thirty days after it was acted on, and not a day before', () => {
  assert.deepEqual(left([[0, [1, 2]], [0, [3]], [1, [4]]], 30), []);
  assert.deepEqual(left([[0, [1, 2]], [0, [3]], [1, [4]]], 31), [[1, 3]]);
  assert.deepEqual(left([[0, [1, 2]], [0, [3]], [1, [4]]], 32), [[1, 3], [4, 4]]);
  assert.deepEqual(left([[0, []]], 99), []);
});

test('what was not noted stays', () => {
  assert.deepEqual(left([[0, [1]], [0, [3]]], 40), [[1, 1], [3, 3]]);
});

test('the newest piece stays until a newer one has come', () => {
  assert.deepEqual(left([[0, [1, 2], true], [0, [3]]], 400), [[3, 3]]);
  assert.deepEqual(left([[0, [1, 2], true], [390, [3, 4], true]], 400), [[1, 2]]);
});

test('read again, its time begins anew', () => {
  assert.deepEqual(left([[0, [1]], [1, [2]], [5, [2, 3]]], 34), [[1, 1]]);
  assert.deepEqual(left([[0, [1]], [1, [2]], [5, [1, 2, 3]]], 36), [[1, 3]]);
});

test('another making of the store has other numbers', () => {
  const box = note(note(undefined, 'a', [1, 2], false, 0), 'b', [1], false, 20);
  assert.deepEqual([due(box, 40), due(box, 51).length], [[], 1]);
});

test('a clock that was ahead keeps nothing for long', () => {
  assert.deepEqual(left([[365, [1]], [0, [2]]], 31), [[1, 2]]);
});
