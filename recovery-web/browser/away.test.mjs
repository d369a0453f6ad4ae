// At every screen of the way: a reload, and a relay that is away. The friend stays where they are, and nothing is lost.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Friend, PHOTOS, World } from './world.mjs';

const world = new World();
let relay, browser, anna, bob;
const tried = [];

const title = () => bob.page.locator('h1').innerText();

async function titled(text) {
  await bob.page.waitForFunction((text) => document.querySelector('h1')?.innerText === text, text, { timeout: 20_000 });
}

async function reloaded(name) {
  const before = await title();
  await bob.page.reload();
  await titled(before);
  await bob.settled();
  tried.push(name);
}

/** The page is opened anew while the relay is away. What needs the relay says so, and goes on once it is back. */
async function away(name) {
  await bob.page.evaluate(() => navigator.serviceWorker.ready);
  await bob.settled();
  const before = await title();
  await relay.stop();
  await bob.page.reload();
  await bob.page.locator('h1').waitFor();
  await bob.settled();
  const told = bob.page.getByText("can't be reached");
  const same = await title() === before;
  assert.ok(same || await told.count() > 0, `${name}: ${await title()}`);
  await relay.start();
  if (!same) await bob.press('Try again');
  await titled(before);
  tried.push(name);
}

async function both(name) {
  await reloaded(name);
  await away(name);
}

/** The key card is no step that one is left in: the start says that it was not kept yet, and leads back to it. */
async function card() {
  for (const gone of [false, true]) {
    if (gone) await relay.stop();
    await bob.page.reload();
    await bob.page.getByText('not kept your key card').waitFor();
    await bob.press('My key card');
    await bob.page.locator('.words li').nth(19).waitFor();
    if (gone) await relay.start();
    tried.push('card');
  }
}

before(async () => {
  relay = await world.relay();
  browser = await world.browser();
  anna = world.owner('Anna', relay.url);
  bob = await Friend.open(browser, 'Bob');
});
after(() => world.end());

test('accepting', async () => {
  await bob.accept(anna.invite('Bob'), { way: 'her door' }, both);
  await bob.keepCard(card);
  await both('home');
  await world.protect(anna, bob);
});

test('a relay that goes away once the request was read: the approval goes out when it is back', async () => {
  const anew = world.device('Anna anew');
  const { link, number } = anew.ask(relay.url);
  await bob.toNumber(link, 'Anna', async (name) => { if (name === 'who') await relay.stop(); });
  await bob.check(number);
  await bob.say('Anna');
  await bob.heading('Your piece is on its way');
  await bob.settled();
  await relay.start();
  await bob.home();
  await bob.look();
  world.person('Carol').run(['approve', link, '--owner', 'Anna', '--number', number]);
  anew.run(['restore', '--no-wait']);
  assert.deepEqual(bob.errors, []);
  assert.equal(String(anew.run(['show', 'photos']).stdout), PHOTOS);
});

test('approving, and taking it back', async () => {
  const zoe = world.owner('Zoe', relay.url);
  bob = await Friend.open(browser, 'Ben');
  await bob.accept(zoe.invite('Ben'));
  await bob.keepCard();
  await world.protect(zoe, bob, ['--delay', '1h'], world.person('Dora'));
  const { link, number } = world.device('Zoe anew', 'Zoe').ask(relay.url);
  await bob.toNumber(link, 'Zoe', both);
  await bob.check(number);
  await bob.say('Zoe', both);
  await bob.heading('Your piece waits');
  await both('wait');
  await bob.press('Take it back');
  await bob.heading('You said no');
  await both('said no');
  assert.deepEqual(bob.errors, []);
});

test('every screen was tried', () => {
  assert.ok(tried.length >= 2 * 14, tried.join(', '));
});
