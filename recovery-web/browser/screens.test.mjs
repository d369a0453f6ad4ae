// Every screen of the page, looked at; and what must not go wrong on the way.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { inspect } from './screen.mjs';
import { Friend, otherNumber, World } from './world.mjs';

const world = new World();
let relay, browser, anna, bob, words, seen = 0;

const look = (name) => async () => { seen += await inspect(bob, name); };
const at = async (name) => look(name)();

/** Anna's helpers at a terminal hear, and so does Bob's page. */
async function settle() {
  anna.run(['sync']);
  await bob.home();
  await bob.look();
  anna.run(['sync']);
}

before(async () => {
  relay = await world.relay();
  browser = await world.browser();
  bob = await Friend.open(browser, 'Bob');
  anna = world.owner('Anna', relay.url);
});
after(() => world.end());

test('an invitation', async () => {
  await bob.page.goto(`${relay.url}/home`);
  await bob.heading('Help a friend');
  await at('nobody');
  const link = anna.invite('Bob');
  const number = await bob.accept(link, { way: '0151 234 567', second: 'her sister Eva, 089 765', question: 'What did we cook in Lisbon?' }, at);
  assert.ok(!bob.page.url().includes('#'), 'the secret is out of the address bar');
  words = await bob.keepCard(at);
  anna.run(['sync']);
  anna.run(['contacts', 'verify', 'Bob', '--number', number]);
  const carol = world.person('Carol');
  carol.accept(anna.invite('Carol'));
  anna.run(['sync']);
  anna.run(['protect', '--threshold', '2', '--delay', '24h']);
  carol.run(['sync']);
  await settle();
  await bob.page.getByText('safe here').waitFor();
  await bob.home();
  await at('home');
  await bob.press('Anna');
  await bob.heading('Anna');
  await at('person');
  await bob.press('Stop helping');
  await bob.heading('Stop helping');
  await at('leave');
  await bob.home();
  await bob.press('How safe');
  await bob.heading('How safe');
  await at('safe');
  await bob.home();
  await bob.press('Without the server');
  await bob.heading('By file');
  await at('files');
  await bob.home();
  await bob.press('I got a link');
  await bob.heading('Open a link');
  await at('link');
});

test('a rehearsal', async () => {
  const { number } = anna.json(['drill', '--contact', 'Bob']);
  await bob.home();
  await bob.look();
  await bob.press('Anna asks you to rehearse');
  await bob.heading('A rehearsal');
  await at('rehearsal');
  await bob.check(otherNumber(number));
  await bob.page.getByText('Tries left: 2').waitFor();
  await bob.check(number);
  await bob.heading('That was right');
  await at('rehearsal-done');
  await bob.press('Yes, still happy');
  anna.run(['sync']);
  const report = JSON.stringify(anna.json(['drill', '--show']));
  assert.match(report, /"opened":true/, report);
});

test('a request, from the link to the wait', async () => {
  const { link, number } = world.device('Anna anew').ask(relay.url, ['--device', 'Pixel 9']);
  await bob.toNumber(link, 'Anna', at);
  await bob.check(number);
  await bob.say('Anna', at);
  await bob.heading('Your piece waits');
  await bob.settled();
  await bob.page.locator('.countdown').waitFor();
  await at('wait');
  await bob.page.reload();
  await bob.heading('Your piece waits');
  await bob.press('Take it back');
  await bob.heading('You said no');
  await at('said-no');
  anna.run(['sync']);
  await bob.press('To the start');
});

test('an impostor', async () => {
  const mallory = world.device('Mallory');
  const { link } = mallory.ask(relay.url);
  await bob.toNumber(link, 'Anna');
  await bob.press('This is not Anna');
  await bob.heading('This is not Anna?');
  await at('impostor');
  await bob.press('I only want to say no');
  await bob.heading('Say no');
  await at('say-no');
  await bob.press('Back');
  await bob.heading('Somebody asks for your piece');
  await bob.press('This is not Anna');
  await bob.fill('What was odd?', 'a strange voice');
  await bob.press('Warn everybody now');
  await bob.heading('You warned Anna');
  await at('warned');
  anna.run(['sync']);
  const told = JSON.stringify(anna.json(['requests']));
  assert.match(told, /a strange voice/, told);
  assert.deepEqual(mallory.json(['restore', '--no-wait'], { code: 75 }).approvals ?? [], []);
});

test('this browser forgets, and the card brings it back', async () => {
  const fresh = await Friend.open(browser, 'Bob');
  [bob, fresh.name] = [fresh, 'Bob'];
  await bob.page.goto(`${relay.url}/home`);
  await bob.press('I have a key card');
  await bob.heading('Come back');
  await at('restore');
  await bob.fill('The 20 words', words);
  await bob.press('Bring everything back');
  await bob.heading('You are a recovery contact');
  await bob.page.getByText('safe here').waitFor();
  const { link } = world.device('Anna 3').ask(relay.url);
  await bob.toNumber(link, 'Anna');
  await bob.press('Scan a code instead');
  await bob.heading('Scan the code');
  await at('scan');
});

test('every screen was looked at', () => {
  assert.ok(seen >= 27 * 4, `${seen} checks`);
  assert.deepEqual(bob.errors, []);
});
