// The code on the new device's own screen, read by a camera or from a photo, counts as meeting; a sent link never does.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import encodeQR from 'qr';
import { film, ofTerminal, photo } from './picture.mjs';
import { Friend, World } from './world.mjs';

const world = new World();
const seen = join(world.folder, 'camera.y4m');
let relay, browser, anna, bob;

/** A new device that shows its code; what it shows, its link and its number. */
function ask(name) {
  const device = world.person(name);
  const args = ['restore', '--no-wait', '--relay', relay.url, '--name', 'Anna', '--no-passphrase'];
  const shown = device.run([...args, '--qr'], { code: 75 });
  return { device, code: ofTerminal(String(shown.stderr)), ...device.json(['restore', '--no-wait'], { code: 75 }) };
}

/** To the screen where codes are read. */
async function toScan(link) {
  await bob.page.goto('about:blank');
  await bob.toNumber(link, 'Anna');
  await bob.press('Scan a code instead');
  await bob.heading('Scan the code');
}

async function sayInPerson() {
  await bob.heading('I have spoken to');
  await bob.page.getByText('You read the code off').waitFor();
  await bob.page.getByLabel('In person').check();
  await bob.page.getByLabel('to say so').fill('Anna');
  await bob.press('Approve');
  await bob.heading('Your piece is on its way');
}

before(async () => {
  relay = await world.relay();
  writeFileSync(seen, film([]));
  browser = await world.browser([
    '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${seen}`,
  ]);
  anna = world.owner('Anna', relay.url);
  bob = await Friend.open(browser, 'Bob', { permissions: ['camera'] });
  await bob.accept(anna.invite('Bob'));
  await bob.keepCard();
  await world.protect(anna, bob);
});
after(() => world.end());

test('the camera reads the screen of the new device', async () => {
  const { device, code, link } = ask('Anna 1');
  writeFileSync(seen, film(code));
  await toScan(link);
  await sayInPerson();
  await bob.settled();
  // No number was typed: without the code it would not be one.
  const { approvals } = device.json(['restore', '--no-wait'], { code: 75 });
  assert.deepEqual(approvals.map(({ contact, state }) => [contact, state]), [['Bob', 'good']]);
});

test('a photo of it does as well', async () => {
  const { code, link } = ask('Anna 2');
  writeFileSync(seen, film([]));
  await toScan(link);
  await bob.page.getByLabel('take a photo').setInputFiles({ name: 'code.png', mimeType: 'image/png', buffer: photo(code) });
  await sayInPerson();
});

test('a picture of a link that was sent does not count, and one with no code in it is told', async () => {
  const { link, number } = ask('Anna 3');
  await toScan(link);
  const input = bob.page.getByLabel('take a photo');
  const show = (modules) => input.setInputFiles({ name: 'code.png', mimeType: 'image/png', buffer: photo(modules) });
  await show([]);
  await bob.page.getByText('No code was found').waitFor();
  await show(encodeQR(link, 'raw'));
  await bob.page.getByText('This code is a link that was sent').waitFor();
  await bob.press('Back');
  await bob.heading('Type the number');
  await bob.check(number);
  await bob.heading('I have spoken to');
  assert.equal(await bob.page.getByText('You read the code off').count(), 0);
  assert.deepEqual(bob.errors, []);
});
