// A relay that is not open to everybody: who is invited by somebody with a pass needs none, in a browser either.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Friend, ROOT, World } from './world.mjs';

const BUILT = process.env.RECOVERY_BUILT ?? join(ROOT, 'target/debug');
const world = new World();
let relay, browser;

before(async () => {
  relay = await world.relay(['--closed']);
  browser = await world.browser();
});
after(() => world.end());

/** What the operator does. */
function operator(...args) {
  const done = spawnSync(join(BUILT, 'recovery-relay'), [...args, '--json', '--store', `sqlite:${relay.store}`], { env: {} });
  assert.equal(done.status, 0, String(done.stderr));
  return JSON.parse(String(done.stdout));
}

test('only the owner has a pass: friends accept in a browser, hold pieces and give them back', async () => {
  const anna = world.person('Anna');
  anna.init(relay.url);
  const { pass } = operator('pass', 'new', '--name', 'Anna');
  anna.run(['pass', relay.url, '--pass-file', '-'], { input: pass });
  anna.run(['add', 'a secret'], { input: 'correct horse' });
  const friends = [];
  for (const name of ['Bob', 'Carol']) {
    const friend = await Friend.open(browser, name);
    const sent = [];
    friend.page.on('request', (request) => {
      if (request.method() === 'PUT') sent.push(request.headers()['recovery-pass']);
    });
    await friend.accept(anna.invite(name));
    await friend.keepCard();
    assert.ok(sent[0] === undefined && sent.some(Boolean), 'it is shown only after the relay asked');
    friends.push(friend);
  }
  anna.run(['sync']);
  anna.run(['protect', '--threshold', '2']);
  for (const friend of friends) await friend.look();
  anna.run(['sync']);
  const { circle } = anna.json(['status']);
  assert.equal(circle.active, true, JSON.stringify(circle));
  const guests = operator('pass', 'list').passes.filter((one) => one.guest_of);
  // Each has an inbox, and the vault by which the key card brings them back.
  assert.deepEqual(guests.map(({ used }) => [used.mailboxes, used.slots]), [[1, 1], [1, 1]]);

  anna.lose();
  const { link, number } = anna.ask(relay.url);
  for (const friend of friends) {
    await friend.toNumber(link, 'Anna');
    await friend.check(number);
    await friend.say('Anna');
    await friend.heading('Your piece is on its way');
    await friend.settled();
  }
  anna.run(['restore', '--no-wait']);
  assert.equal(String(anna.run(['show', 'a secret']).stdout), 'correct horse');
  for (const friend of friends) assert.deepEqual(friend.errors, []);
});
