// Links that somebody changed or put in the place of others: a plain screen, and nothing that a friend has is lost.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Friend, isolated, World } from './world.mjs';

const world = new World();
let relay, browser, anna, zoe, bob, held;

/** The link with another letter in one place of what follows #. */
function changed(link, at) {
  const from = link.indexOf('#') + 1 + at;
  return link.slice(0, from) + (link[from] === 'A' ? 'B' : 'A') + link.slice(from + 1);
}

async function open(link) {
  await bob.page.goto('about:blank');
  await bob.page.goto(link);
}

/** What the page shows of the people a friend helps. */
async function people() {
  await bob.home();
  return bob.page.locator('.people').textContent();
}

before(async () => {
  relay = await world.relay();
  browser = await world.browser();
  [anna, zoe] = ['Anna', 'Zoe'].map((name) => world.owner(name, relay.url));
  bob = await Friend.open(browser, 'Bob');
});
after(() => world.end());

test('an invitation whose link was changed in one letter, anywhere', async () => {
  const link = anna.invite('Bob');
  const length = link.length - link.indexOf('#') - 1;
  for (const at of [0, Math.floor(length / 3), Math.floor(length / 2), length - 2]) {
    await open(changed(link, at));
    await bob.page.locator('.problem').waitFor();
    const told = await bob.page.locator('.problem').textContent();
    assert.match(told, /changed on its way|used already|part of it is missing|server/, `${at}: ${told}`);
    await bob.press('To the start');
    await bob.heading('Help a friend');
  }
  await open(link);
  await bob.heading('asks for your help');
});

test('another owner\'s link over an invitation that is under way', async () => {
  const [link, other] = [anna.invite('Bob 2'), zoe.invite('Bob')];
  await open(link);
  await bob.answer({ way: 'her door' });
  // In the same page, as a phone does it: only what follows # is another.
  await bob.page.evaluate((fragment) => { location.hash = fragment; }, other.slice(other.indexOf('#')));
  await bob.heading('Zoe asks for your help');
  assert.equal(await bob.page.getByText('Anna').count(), 0);
  await bob.press('No, thanks');
  await bob.press('Go on where you were');
  await bob.heading('How does Anna');
  await bob.press('Back');
  assert.equal(await bob.page.getByLabel('A way you trust').inputValue(), 'her door');
  await open(changed(other, 3));
  await bob.page.locator('.problem').waitFor();
  await open(link);
  await bob.heading('How will you reach Anna');
  assert.equal(await bob.page.getByLabel('A way you trust').inputValue(), 'her door');
  await bob.press('Next');
  await bob.fill('Your name', 'Bob');
  await bob.number();
  await bob.keepCard();
  await world.protect(anna, bob);
  held = await people();
});

test('a request whose link was changed, or was put over one that is under way', async () => {
  const [first, second] = ['Anna 1', 'Anna 2'].map((home) => world.device(home).ask(relay.url));
  await bob.toNumber(first.link, 'Anna');
  for (const at of [0, 12, 30]) {
    await open(changed(first.link, at));
    await Promise.race([bob.heading('Somebody asks for help'), bob.heading('This did not work')]);
    const choice = bob.page.getByRole('button', { name: isolated('Anna') });
    if (await choice.count() > 0) await choice.first().click();
    // With the secret whole it is the request that is known here, whatever stands beside it.
    await Promise.race([bob.page.locator('.problem').waitFor(), bob.heading('Somebody asks for your piece')]);
  }
  await open(second.link);
  await bob.heading('Somebody asks for help');
  await bob.press('Not now');
  await bob.page.goto('about:blank');
  await bob.toNumber(first.link, 'Anna');
  await bob.check(first.number);
  await bob.heading('I have spoken to');
  await open(zoe.invite('Bob 3'));
  await bob.heading('Zoe asks for your help');
  await bob.press('No, thanks');
  assert.equal(await people(), held);
});

test('a link of a newer version', async () => {
  const vector = new URL('../../tests/vectors/invite/', import.meta.url);
  const one = JSON.parse(readFileSync(new URL('newer-version.json', vector), 'utf8'));
  await bob.page.route('**/v1/slots/**', (route) => route.fulfill({
    status: 200, body: Buffer.from(one.slot, 'hex'),
    headers: { 'Access-Control-Allow-Origin': '*', 'Access-Control-Expose-Headers': 'Recovery-Epoch', 'Recovery-Epoch': 'e' },
  }));
  await bob.home();
  await bob.press('I got a link');
  await bob.fill('The link', one.link);
  await bob.press('Next');
  await bob.page.getByText('made by a newer version').waitFor();
  await bob.page.unroute('**/v1/slots/**');
  assert.equal(await people(), held);
  assert.deepEqual(bob.errors, []);
});
