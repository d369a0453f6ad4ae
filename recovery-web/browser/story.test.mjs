// The main story: six people, three of whom have only the page.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Friend, isolated, otherNumber, World } from './world.mjs';

const SECRET = Buffer.from('\0correct horse\r\nbattery staple\xff\n', 'latin1');
const world = new World();
let relay, browser, anna, friends, helpers;

before(async () => {
  relay = await world.relay();
  browser = await world.browser();
});
after(() => world.end());

/** Everybody listens until nothing more comes. */
async function settle() {
  for (let round = 0; round < 2; round += 1) {
    anna.run(['sync']);
    for (const friend of friends) await friend.look();
    for (const helper of helpers) helper.run(['sync']);
  }
  anna.run(['sync']);
}

test('three friends accept in a browser, two at a terminal, and hold pieces', async () => {
  anna = world.person('Anna');
  anna.init(relay.url);
  anna.run(['add', 'a secret'], { input: SECRET });
  friends = [];
  for (const name of ['Bob', 'Carol', 'Dave']) {
    const friend = await Friend.open(browser, name);
    const number = await friend.accept(anna.invite(name), { way: '0151 234 567', second: 'her sister Eva', question: 'What did we cook in Lisbon?' });
    await friend.keepCard();
    anna.run(['sync']);
    anna.run(['contacts', 'verify', name, '--number', number]);
    friends.push(friend);
  }
  helpers = ['Eve', 'Frank'].map((name) => {
    const helper = world.person(name);
    helper.accept(anna.invite(name));
    return helper;
  });
  anna.run(['sync']);
  anna.run(['protect', '--threshold', '3']);
  await settle();
  for (const friend of friends) assert.match(await friend.page.locator('.people').textContent(), /safe here/);
  const status = anna.json(['status']);
  assert.equal(status.contacts.filter((contact) => contact.state === 'held').length, 5, JSON.stringify(status.contacts));
});

test('the device is lost, and two browsers and a terminal bring it back', async () => {
  anna.lose();
  const [link, number] = (({ link, number }) => [link, number])(anna.ask(relay.url, ['--device', 'Pixel 9']));
  const texts = [];
  for (const friend of friends.slice(0, 2)) {
    await friend.toNumber(link, 'Anna');
    await friend.check(number);
    await friend.say('Anna');
    await friend.heading('Your piece is on its way');
    await friend.press('The server is away? Send it by hand');
    texts.push(await friend.page.getByLabel('Your approval as text').inputValue());
  }
  helpers[0].run(['approve', link, '--owner', 'Anna', '--number', number]);
  // One of them by hand as well: the same approval twice is one.
  const file = join(world.folder, 'approval.txt');
  writeFileSync(file, texts[1]);
  anna.run(['restore', '--no-wait', '--import', file]);
  assert.deepEqual(anna.run(['show', 'a secret']).stdout, SECRET);
  for (const friend of friends) assert.deepEqual(friend.errors, []);
});

test('the new device takes over: who typed its number knows it, the others compare', async () => {
  anna.run(['sync']);
  const [bob, , dave] = friends;
  await bob.home();
  await bob.look();
  await bob.page.getByText(isolated('Anna has a new device')).waitFor();
  await dave.home();
  await dave.look();
  await dave.press("Is this Anna's new device?");
  await dave.heading('Anna says to have a new device');
  const { number } = anna.json(['contacts', 'verify', 'Dave', '--show']);
  await dave.check(otherNumber(number));
  await dave.page.getByText('This is another number').waitFor();
  await dave.digits(number);
  await dave.press('Check the number');
  await dave.heading('You are a recovery contact');
  assert.equal(await dave.page.getByRole('button', { name: isolated("Is this Anna's new device?") }).count(), 0);
});

test('a slip costs nothing, three wrong numbers close the request, and pasting is refused', async () => {
  const dave = friends[2];
  const { link, number } = world.person('Mallory').ask(relay.url);
  await dave.toNumber(link, 'Anna');
  const first = dave.page.getByLabel('Group 1 of 5');
  const taken = await first.evaluate((input) => {
    const paste = new ClipboardEvent('paste', { clipboardData: new DataTransfer(), bubbles: true, cancelable: true });
    return input.dispatchEvent(paste);
  });
  assert.equal(taken, false, 'a number can be pasted');
  await dave.page.getByText('Please type the number as it is read to you').waitFor();
  const slip = number.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
  await dave.check(slip);
  await dave.page.getByText('This cost no try').waitFor();
  for (const left of [2, 1]) {
    await dave.check(otherNumber(number));
    await dave.page.getByText(`Tries left: ${left}`).waitFor();
  }
  await dave.check(otherNumber(number));
  await dave.heading('This request is closed here');
});
