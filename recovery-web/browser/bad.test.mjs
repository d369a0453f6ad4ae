// What goes wrong: a relay that is away, links that were changed, hostile names, two tabs, requests that end.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Friend, isolated, otherNumber, World } from './world.mjs';

const world = new World();
let relay, browser, anna, bob;
const ask = (home) => world.device(home).ask(relay.url);

before(async () => {
  relay = await world.relay();
  browser = await world.browser();
  anna = world.owner('Anna', relay.url);
});
after(() => world.end());

test('opening a link tells nobody, and a relay that is away loses nothing', async () => {
  bob = await Friend.open(browser, 'Bob');
  const link = anna.invite('Bob');
  await bob.page.goto(link);
  await bob.answer({ way: 'her door' });
  assert.equal(anna.json(['sync']).events?.length ?? 0, 0);
  // A browser that can't fetch the whole copy does without until the page is opened anew.
  await bob.page.evaluate(() => navigator.serviceWorker.ready);
  await relay.stop();
  await bob.press('Accept, and help');
  await bob.page.getByText("can't be reached").waitFor();
  await relay.start();
  await bob.number();
  await bob.keepCard();
  const carol = world.person('Carol');
  await world.protect(anna, bob, ['--delay', '1h'], carol);
  carol.run(['sync']);
  anna.run(['sync']);
});

test('nothing stands in storage that others can read, and nothing of the link in the history', async () => {
  const kept = await bob.page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie, location.hash]);
  assert.deepEqual(kept, [0, 0, '', '']);
  const exported = await bob.page.evaluate(async () => {
    const request = indexedDB.open('recovery');
    const db = await new Promise((resolve) => { request.onsuccess = () => resolve(request.result); });
    const get = db.transaction('kept').objectStore('kept').get('key');
    const key = await new Promise((resolve) => { get.onsuccess = () => resolve(get.result); });
    return crypto.subtle.exportKey('raw', key).then(() => 'exported', (error) => error.name);
  });
  assert.equal(exported, 'InvalidAccessError');
});

test('the page opens without the relay', async () => {
  await bob.page.evaluate(() => navigator.serviceWorker.ready);
  await relay.stop();
  await bob.page.reload();
  await bob.heading('You are a recovery contact');
  await bob.look();
  await bob.page.getByText('nothing is lost').waitFor();
  await relay.start();
  await bob.look();
});

test('an invitation that somebody else used, one that was cut, and one that was mangled', async () => {
  const link = anna.invite('Dave');
  world.person('Dave').accept(link);
  anna.run(['sync']);
  const eve = await Friend.open(browser, 'Eve');
  const [place, fragment] = link.split('#');
  for (const [text, told] of [
    [link, 'used already'], [link.slice(0, -3), 'a part of it is missing'], [`${place}#${fragment.split('.')[0]}`, 'after #'],
    [`${place}#${fragment.replace('.', '%2E')}`, 'changed characters'],
  ]) {
    await eve.page.goto('about:blank');
    await eve.page.goto(text);
    await eve.page.getByText(told).waitFor();
  }
  await eve.context.close();
});

test('two tabs do not lose each other\'s work', async () => {
  const { link, number } = ask('Anna 1');
  await bob.toNumber(link, 'Anna');
  const second = await bob.context.newPage();
  const other = Object.assign(Object.create(Friend.prototype), { ...bob, page: second });
  await second.goto(`${relay.url}/home`);
  await other.heading('You are a recovery contact');
  await Promise.all([bob.check(otherNumber(number)), other.look(), other.page.reload()]);
  await bob.page.getByText('Tries left: 2').waitFor();
  await other.heading('You are a recovery contact');
  await other.press("Somebody asks for Anna's key");
  await other.page.getByRole('heading', { level: 1 }).waitFor();
  await second.close();
  await bob.check(number);
  await bob.heading('I have spoken to');
});

test('the wait, and a stop of the owner during it', async () => {
  await bob.say('Anna');
  await bob.page.locator('.countdown').waitFor();
  anna.run(['sync']);
  const { request } = anna.json(['requests']).requests.find((request) => request.role === 'owner');
  // The page looks by itself as well: what it says then is seen only by who is still on that screen.
  await bob.home();
  anna.run(['veto', request]);
  await bob.look();
  await bob.page.getByText(isolated('Anna stopped a recovery')).waitFor();
});

test('a request that was cancelled, and hostile names', async () => {
  const hostile = '<img src=x onerror=alert(1)>\u202e anna \u{1F475}';
  const device = '<script>alert(1)</script>' + 'x'.repeat(150);
  const mallory = world.device('Mallory', hostile);
  const { link } = mallory.ask(relay.url, ['--device', device]);
  let dialogs = 0;
  bob.page.on('dialog', (dialog) => { dialogs += 1; return dialog.dismiss(); });
  await bob.toNumber(link, 'Anna', async (name) => {
    if (name !== 'who') return;
    const text = await bob.page.locator('dl').textContent();
    assert.ok(text.includes('<img src=x onerror=alert(1)> anna'), text);
    assert.ok(!text.includes('\u202e') && text.includes('<script>'));
    const wide = await bob.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0);
  });
  assert.equal(dialogs, 0);
  mallory.run(['restore', '--cancel']);
  await bob.page.goto('about:blank');
  await bob.page.goto(link);
  await bob.heading('Somebody asks for help');
  await bob.press('Anna');
  await bob.heading('The request was cancelled');
});

test('a plain no, before and after the number was right', async () => {
  for (const [home, checked] of [['Anna 3', false], ['Anna 4', true]]) {
    const device = world.device(home);
    const { link, number } = device.ask(relay.url);
    await bob.toNumber(link, 'Anna');
    if (checked) {
      await bob.check(number);
      await bob.heading('I have spoken to');
    }
    await bob.press('This is not Anna');
    await bob.press('I only want to say no');
    await bob.heading('Say no to this request?');
    await bob.page.getByText(checked ? 'Whoever asked is told' : 'whoever asked hears nothing').waitFor();
    await bob.press('Say no');
    await bob.heading('You said no');
    await bob.settled();
    // Nobody is told that Bob holds a piece who has not shown to have the device.
    const told = JSON.stringify(device.json(['restore', '--no-wait'], { code: 75 }));
    assert.equal(/declin/.test(told), checked, told);
    anna.run(['sync']);
    assert.match(JSON.stringify(anna.json(['requests'])), /declin/);
    await bob.press('To the start');
  }
});

/** Goes on with Tab until the focus is on what is wanted. */
async function tab(name) {
  const passed = [];
  for (let presses = 0; presses < 40; presses += 1) {
    await bob.page.keyboard.press('Tab');
    const at = await bob.page.evaluate(() => {
      const { activeElement: at } = document;
      return [at?.textContent, at?.getAttribute('aria-label'), at?.closest('label')?.textContent].filter(Boolean).join(' ');
    });
    if (isolated(name).test(at)) return;
    passed.push(at);
  }
  throw new Error(`no way to "${name}": ${passed.join(' | ')}`);
}

test('an approval by keyboard alone', async () => {
  const { link, number } = ask('Anna 5');
  const { keyboard } = bob.page;
  const enter = async (name, heading) => {
    await tab(name);
    await keyboard.press('Enter');
    await bob.heading(heading);
  };
  await bob.page.goto('about:blank');
  await bob.page.goto(link);
  await bob.heading('Somebody asks for help');
  await enter('Anna', 'Somebody asks for your piece');
  await enter('Next', 'Stop. Call');
  await enter('I have reached', 'Is it really');
  await enter('Yes, it is', 'Type the number');
  await tab('Group 1 of 5');
  await keyboard.type(number.replace(/\s/g, ''));
  await enter('Check the number', 'I have spoken to');
  await tab('In person');
  await keyboard.press('Space');
  await tab('to say so');
  await keyboard.type('Anna');
  await enter('Approve', 'Your piece waits');
});

// Sets the clock of all of Bob's pages, so it comes last.
test('a request that is too old', async () => {
  const { link } = ask('Anna 2');
  const later = await bob.context.newPage();
  await later.clock.setSystemTime(Date.now() + 15 * 86_400_000);
  const old = Object.assign(Object.create(Friend.prototype), { ...bob, page: later });
  await later.goto(link);
  await old.heading('Somebody asks for help');
  await old.press('Anna');
  await later.getByText('older than 14 days').waitFor();
  await later.close();
});

test('the page as one file, from a disk', async () => {
  const file = join(world.folder, 'page.html');
  const served = await (await fetch(`${relay.url}/page.html`)).text();
  writeFileSync(file, served);
  const frank = await Friend.open(browser, 'Frank');
  await frank.page.goto(`file://${file}`);
  await frank.heading('Help a friend');
  await frank.press('I got a link');
  await frank.fill('The link', anna.invite('Frank'));
  await frank.press('Next');
  await frank.answer();
  await frank.fill('Your name', 'x'.repeat(10_000));
  await frank.press('Accept, and help');
  await frank.page.locator('.problem').waitFor();
  await frank.fill('Your name', 'Frank');
  await frank.number();
  assert.match(JSON.stringify(anna.json(['sync'])), /Frank/);
  assert.deepEqual(frank.errors, []);
});
