// Without a relay: it is gone when it is needed, or there never was one. Everything that people hand each other is a file.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from './screen.mjs';
import { Friend, otherNumber, ROOT, World } from './world.mjs';

const SECRET = 'correct horse battery staple';
const PAGE = pathToFileURL(join(ROOT, 'recovery-relay/web-dist/page.html')).href;
const world = new World();
const path = (name) => join(world.folder, name);
let browser;

before(async () => { browser = await world.browser(); });
after(() => world.end());

/** What is for others, in a file. */
function given(person, name) {
  person.run(['sync', '--output', path(name), '--force']);
  return path(name);
}

/** Asks on a new device, by file. */
function asks(name) {
  const anew = world.device(`${name} anew`);
  return { anew, file: path(name), ...anew.ask('files', ['--output', path(name)]) };
}

async function link(friend, text) {
  await friend.press('I got a link');
  await friend.fill('The link', text);
  await friend.press('Next');
}

async function choose(friend, file) {
  await friend.page.getByLabel('The file').setInputFiles(file);
  await friend.press('Take it in');
}

/** What the page saves when a button is pressed. */
async function saved(friend, button, name) {
  const download = friend.page.waitForEvent('download');
  await friend.press(button);
  await (await download).saveAs(path(name));
  return path(name);
}

async function take(friend, file) {
  await friend.press('Without the server');
  await friend.heading('By file');
  await choose(friend, file);
  await friend.settled();
}

/** From the home screen, or where taking in a file ended: what the page has for others, as a file. */
async function gives(friend, name) {
  if (await friend.page.getByRole('button', { name: 'Make a file' }).count() === 0) await friend.press('Without the server');
  await friend.heading('By file');
  await friend.press('Make a file');
  const file = await saved(friend, 'Save as a file', name);
  await friend.press('To the start');
  await friend.heading('You are a recovery contact');
  return file;
}

/** From the link to the approval. */
async function approves(friend, { link: text, number, file }) {
  await link(friend, text);
  await friend.heading('Somebody asks for help');
  await friend.press('Anna');
  await friend.page.getByText('Did a file come with the link?').waitFor({ timeout: 30_000 });
  await choose(friend, file);
  await friend.heading('Somebody asks for your piece');
  await friend.press('Next');
  await friend.press('I have reached');
  await friend.press('Yes, it is');
  await friend.heading('Type the number');
  await friend.check(otherNumber(number));
  await friend.page.getByText('Tries left: 2').waitFor();
  await friend.check(number);
  await friend.say('Anna');
}

/** The approval as text, once it may leave. */
async function approval(friend) {
  await friend.heading('Give your approval to Anna');
  const text = friend.page.getByLabel('Your approval as text');
  await text.waitFor();
  assert.match(await text.inputValue(), /^-----BEGIN RECOVERY APPROVAL-----\n/);
  return text.inputValue();
}

test('the relay is gone, and the request and the approval travel as files', async () => {
  const relay = await world.relay();
  const [anna, carol] = ['Anna', 'Carol'].map((name) => world.person(name));
  anna.init(relay.url);
  anna.run(['add', 'a secret'], { input: SECRET });
  const bob = await Friend.open(browser, 'Bob');
  await bob.accept(anna.invite('Bob'));
  await bob.keepCard();
  await world.protect(anna, bob, [], carol);
  carol.run(['sync']);
  await relay.stop();
  const asked = asks('request');
  assert.match(asked.link, /^https:\/\/files\.invalid\/r#/);
  const called = [];
  bob.page.on('request', (request) => called.push(request.url()));
  await approves(bob, asked);
  await approval(bob);
  const file = await saved(bob, 'Save as a file', 'approval of Bob');
  await bob.page.locator('h1').focus();
  await inspect(bob, 'give');
  assert.ok(!called.some((url) => url.includes('files.invalid')), 'an address that is none was called');
  const from = ['approve', asked.link, '--owner', 'Anna', '--number', asked.number, '--import', asked.file];
  carol.run([...from, '--output', path('approval of Carol')]);
  asked.anew.run(['restore', '--no-wait', '--import', file, path('approval of Carol')]);
  assert.equal(String(asked.anew.run(['show', 'a secret']).stdout), SECRET);
  assert.deepEqual(bob.errors, []);
});

test('never a relay: a page from a disk accepts, holds, approves, and comes back from its key card, all by files', async () => {
  const people = ['Anna', 'Carol'].map((name) => world.person(name));
  const [anna, carol] = people.map((person) => Object.assign(person, { home: `${person.home}, without a relay` }));
  anna.init('files');
  anna.run(['add', 'a secret'], { input: SECRET });
  let bob = await Friend.open(browser, 'Bob');
  const called = [];
  bob.page.on('request', (request) => called.push(request.url()));
  await bob.page.goto(PAGE);
  await bob.heading('Help a friend');

  // The invitation, with a file of it.
  const invitation = anna.invite('Bob');
  const invited = given(anna, 'invitation');
  await link(bob, invitation);
  await bob.page.getByText('This link goes with a file').waitFor();
  await choose(bob, asks('a request of somebody').file);
  await bob.page.getByText('is not in this file').waitFor();
  await bob.page.getByLabel('The file').setInputFiles([]);
  await bob.fill('Or paste its text', readFileSync(invited, 'utf8').replace('A', 'B'));
  await bob.press('Take it in');
  await bob.page.getByText('changed or cut on its way').waitFor();
  await bob.fill('Or paste its text', readFileSync(invited, 'utf8'));
  await bob.press('Take it in');
  await bob.answer({ way: 'her door' });
  const number = await bob.number();
  const words = await bob.keepCard();
  await bob.press('Something waits to be given out as a file');
  anna.run(['sync', '--import', await gives(bob, 'answer of Bob')]);
  anna.run(['contacts', 'verify', 'Bob', '--number', number]);
  const other = anna.invite('Carol');
  carol.run(['accept', other, '--name', 'Carol', '--no-passphrase', '--import', given(anna, 'invitation of Carol')]);
  anna.run(['sync', '--import', given(carol, 'answer of Carol')]);

  // The piece, and the proof of it.
  anna.run(['protect', '--threshold', '2']);
  const pieces = given(anna, 'pieces');
  carol.run(['sync', '--import', pieces]);
  await take(bob, pieces);
  const receipts = [await gives(bob, 'receipt of Bob'), given(carol, 'receipt of Carol')];
  await bob.page.getByText('safe here').waitFor();
  anna.run(['sync', '--import', ...receipts]);
  assert.equal(anna.json(['status']).circle.active, true);
  await bob.page.reload();
  await bob.heading('You are a recovery contact');
  await take(bob, pieces);
  await bob.heading('You are a recovery contact');
  assert.equal(await bob.page.getByText('has come and is kept').count(), 0, 'the same file again is news');

  // The browser forgets; words and file bring everything back.
  await bob.press('My key card');
  await bob.heading('Your key card');
  const card = await saved(bob, 'Save a file as well', 'card of Bob');
  assert.deepEqual(bob.errors, []);
  await bob.context.close();
  bob = await Friend.open(browser, 'Bob');
  bob.page.on('request', (request) => called.push(request.url()));
  await bob.page.goto(PAGE);
  await bob.press('I have a key card');
  await bob.fill('The 20 words', words);
  await bob.page.getByLabel('The file, if you saved one').setInputFiles(card);
  await bob.press('Bring everything back');
  await bob.heading('You are a recovery contact');
  await bob.page.getByText('safe here').waitFor();

  // The device is lost.
  const asked = asks('the request');
  await approves(bob, asked);
  await approval(bob);
  const file = await saved(bob, 'Save as a file', 'the approval of Bob');
  carol.run(['approve', asked.link, '--owner', 'Anna', '--number', asked.number, '--import', asked.file]);
  asked.anew.run(['restore', '--no-wait', '--import', file, given(carol, 'the approval of Carol')]);
  assert.equal(String(asked.anew.run(['show', 'a secret']).stdout), SECRET);
  assert.deepEqual(called.filter((url) => !/^(file|blob|data):/.test(url)), [], 'something was called');
  assert.deepEqual(bob.errors, []);
});

test('a delay, and the server gone: nothing to give out before it is over, and then the approval is copied', async () => {
  const relay = await world.relay();
  const [anna, carol] = ['Anna', 'Carol'].map((name) => world.person(name));
  for (const person of [anna, carol]) person.home += ', with a delay';
  anna.init(relay.url);
  anna.run(['add', 'a secret'], { input: SECRET });
  const bob = await Friend.open(browser, 'Bob', { permissions: ['clipboard-read', 'clipboard-write'] });
  await bob.accept(anna.invite('Bob'));
  await bob.keepCard();
  await world.protect(anna, bob, ['--delay', '1h', '--hold-by', 'contacts'], carol);
  await relay.stop();
  const asked = asks('request with a delay');
  await approves(bob, asked);
  await bob.heading('Your piece waits');
  await bob.settled();
  await bob.page.reload();
  await bob.heading('Your piece waits');
  assert.equal(await bob.page.getByLabel('Your approval as text').count(), 0);
  await bob.page.clock.setSystemTime(Date.now() + 3_600_000);
  await bob.page.reload();
  const text = await approval(bob);
  await bob.press('Copy');
  await bob.page.getByText('Copied', { exact: true }).waitFor();
  assert.equal(await bob.page.evaluate(() => navigator.clipboard.readText()), text);
  writeFileSync(path('pasted'), text);
  const took = asked.anew.json(['restore', '--no-wait', '--import', path('pasted')], { code: 75 });
  assert.deepEqual(took.approvals.map(({ contact, state }) => [contact, state]), [['Bob', 'good']], JSON.stringify(took));
  assert.deepEqual(bob.errors, []);
});
