// A second implementation of the formats on the noble libraries, independent of the module: it opens every vector, and makes
// again those that are made from stated randomness.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Refused } from './codec.mjs';
import { KEEPING } from './keeping.mjs';
import { Case, KINDS } from './kinds.mjs';
import { RESTORING } from './restoring.mjs';
import { NotText } from './texts.mjs';

/** Rises with the vectors; fewer would go unseen otherwise. */
const VECTORS = 807;
const folder = new URL('../../tests/vectors/', import.meta.url);
const all = { ...KINDS, ...KEEPING, ...RESTORING };
let run = 0;

function outcome(one) {
  try {
    return ['ok', all[one.fields.kind](one)];
  } catch (error) {
    if (error instanceof Refused || error instanceof NotText) return [error.outcome, {}];
    throw error;
  }
}

for (const kind of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
  test(kind.name, () => {
    for (const file of readdirSync(new URL(`${kind.name}/`, folder))) {
      const one = new Case(JSON.parse(readFileSync(new URL(`${kind.name}/${file}`, folder), 'utf8')));
      const [found, facts] = outcome(one);
      assert.equal(found, one.fields.expect, `${kind.name}/${file}: ${one.fields.comment}`);
      for (const [field, value] of Object.entries(facts)) {
        assert.deepEqual(value ?? null, one.fields[field] ?? null, `${kind.name}/${file}: ${field}`);
      }
      run += 1;
    }
  });
}

test('all vectors were there', () => {
  console.log(`${run} vectors`);
  assert.ok(run >= VECTORS, `${run} vectors`);
});
