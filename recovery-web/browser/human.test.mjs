// How long a friend needs: by a model of a person, not by a clock. Somebody who sees the page for the first time reads
// every word of it that is shown, thinks, types and presses. What the page or a relay takes on top is not in it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Friend, World } from './world.mjs';

/** Seconds: for a word read (200 a minute), to look around on a screen, to find and press a button, for a key. */
const [WORD, SCREEN, PRESS, KEY] = [60 / 200, 2, 1, 0.2];
/** Seconds that accepting and approving may take. */
const [ACCEPT, APPROVE] = [60, 180];
const world = new World();
let relay, browser, anna, bob;

before(async () => {
  relay = await world.relay();
  browser = await world.browser();
  anna = world.owner('Anna', relay.url);
});
after(() => world.end());

/** Somebody at a page, and what it takes them. */
class Human {
  constructor(page) {
    Object.assign(this, { page, steps: [] });
  }

  /** Reads the screen that is there. */
  async read(name) {
    const text = await this.page.locator('main').innerText();
    const words = text.split(/\s+/).filter((word) => /[\p{L}\d]/u.test(word)).length;
    this.steps.push([`${name}: ${words} words`, SCREEN + words * WORD]);
  }

  async type(label, text) {
    await this.page.getByLabel(label).pressSequentially(text);
    this.steps.push([`${text.length} keys`, PRESS + text.length * KEY]);
  }

  /** Digits in groups: the page goes on to the next group by itself. */
  async number(number) {
    const digits = number.replace(/\s/g, '');
    await this.page.getByLabel('Group 1 of 5').click();
    await this.page.keyboard.type(digits);
    this.steps.push([`${digits.length} digits`, PRESS + digits.length * KEY]);
  }

  async press(friend, name) {
    await friend.press(name);
    this.steps.push(['a press', PRESS]);
  }

  /** What it took, told. */
  told(what) {
    const sum = this.steps.reduce((sum, [, seconds]) => sum + seconds, 0);
    console.log(`${what}: ${sum.toFixed(1)} s`);
    for (const [step, seconds] of this.steps) console.log(`  ${seconds.toFixed(1)} s  ${step}`);
    return sum;
  }
}

test('accepting an invitation', async () => {
  bob = await Friend.open(browser, 'Bob');
  const human = new Human(bob.page);
  await bob.page.goto(anna.invite('Bob'));
  await bob.heading('asks for your help');
  await human.read('what is asked');
  await human.press(bob, 'Yes, I want to help');
  await bob.heading('How will you reach');
  await human.read('how to reach her');
  await human.type('A way you trust', '0151 234 567');
  await human.press(bob, 'Next');
  await bob.heading('How does');
  await human.read('the name');
  await human.type('Your name', 'Bob');
  await human.press(bob, 'Accept, and help');
  await bob.heading('Compare this number');
  const seconds = human.told('accepting');
  await bob.settled();
  await bob.keepCard();
  assert.ok(seconds <= ACCEPT, `${seconds} s`);
});

test('approving a request', async () => {
  await world.protect(anna, bob);
  const { link, number } = world.device('Anna anew').ask(relay.url);
  const human = new Human(bob.page);
  await bob.page.goto('about:blank');
  await bob.toNumber(link, 'Anna', async (name) => {
    await human.read(name);
    human.steps.push(['a press', PRESS]);
  });
  human.steps.pop(); // The last of these screens is typed into.
  await human.number(number);
  await human.press(bob, 'Check the number');
  await bob.heading('I have spoken to');
  await human.read('say');
  await bob.page.getByLabel('By video').check();
  human.steps.push(['a press', PRESS]);
  await human.type('to say so', 'Anna');
  await human.press(bob, 'Approve');
  await bob.heading('Your piece');
  const seconds = human.told('approving, without the call itself');
  await bob.heading('Your piece is on its way');
  assert.ok(seconds <= APPROVE, `${seconds} s`);
  assert.deepEqual(bob.errors, []);
});
