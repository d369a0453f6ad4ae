// A friend's mail is deleted at the relay a month after it was acted on, but for what brought the newest piece.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decode } from 'cborg';
import { Friend, PHOTOS, World } from './world.mjs';

const world = new World();
let relay, anna, bob;

before(async () => {
  relay = await world.relay();
  anna = world.owner('Anna', relay.url);
  bob = await Friend.open(await world.browser(), 'Bob');
  await bob.page.clock.install();
});
after(() => world.end());

/** Numbers of what lies in the mailbox that Bob reads, as his page sees it from the start. */
async function lying() {
  const [call] = await Promise.all([
    bob.page.waitForRequest((request) => request.url().includes('/messages?after='), { timeout: 40_000 }),
    bob.look(),
  ]);
  const url = call.url().replace(/after=\d+/, 'after=0');
  const headers = { authorization: (await call.allHeaders()).authorization };
  const answer = await fetch(url, { headers });
  return decode(new Uint8Array(await answer.arrayBuffer())).map(({ seq }) => seq);
}

/** Some days later, by the friend's clock. */
async function later(days) {
  await bob.page.clock.setSystemTime(Date.now() + days * 86_400_000);
}

test('mail is deleted a month after it was acted on', async () => {
  await bob.accept(anna.invite('Bob'), { way: 'her door' });
  await bob.keepCard();
  await world.protect(anna, bob);
  world.person('Carol').run(['sync']);
  for (let round = 0; round < 3; round += 1) {
    anna.run(['sync']);
    anna.run(['check']);
    await bob.look();
  }
  const before = await lying();
  assert.ok(before.length >= 3, `${before}`);
  await later(29);
  assert.deepEqual(await lying(), before);
  await later(32);
  await bob.look();
  const rest = await lying();
  assert.ok(rest.length < before.length && rest.length > 0, `${before}: ${rest}`);
  assert.ok(rest.every((seq) => before.includes(seq)));
  assert.deepEqual(bob.errors, []);
});

test('and the piece is still there', async () => {
  await later(0);
  const anew = world.device('Anna anew');
  const { link, number } = anew.ask(relay.url);
  await bob.toNumber(link, 'Anna');
  await bob.check(number);
  await bob.say('Anna');
  await bob.heading('Your piece is on its way');
  await bob.settled();
  world.person('Carol').run(['approve', link, '--owner', 'Anna', '--number', number]);
  anew.run(['restore', '--no-wait']);
  assert.equal(String(anew.run(['show', 'photos']).stdout), PHOTOS);
  assert.deepEqual(bob.errors, []);
});
