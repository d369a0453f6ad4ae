// What a browser loads until a friend sees an invitation and can answer it.
//
// The first load is every octet of the page's own files that comes over the line for this: page, styles, scripts, words of
// one language, the module; as they travel, compressed. The invitation itself (8 KiB, whoever it is from) and headers are
// told beside it. What the page loads afterwards, while somebody reads, does not count: the other screens, and what the
// worker keeps for a day without the relay.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Friend, World } from './world.mjs';

const MOST = 150_000;
const world = new World();
let relay, browser, anna;

before(async () => {
  relay = await world.relay();
  browser = await world.browser();
  anna = world.person('Anna');
  anna.init(relay.url);
});
after(() => world.end());

/** Counts what a page loads: octets of bodies and of everything, by path. */
async function count(friend) {
  const session = await friend.context.newCDPSession(friend.page);
  await session.send('Network.enable');
  const parts = new Map();
  session.on('Network.requestWillBeSent', ({ requestId, request }) => {
    parts.set(requestId, { path: new URL(request.url).pathname.replace(/slots\/.*/, 'slots/…'), body: 0, all: 0 });
  });
  session.on('Network.dataReceived', ({ requestId, encodedDataLength }) => { parts.get(requestId).body += encodedDataLength; });
  session.on('Network.responseReceived', ({ requestId, response }) => {
    // What came with the headers: a small page is told of here alone.
    parts.get(requestId).length = Number(response.headers['content-length'] ?? 0);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const part = parts.get(requestId);
    part.all = encodedDataLength;
    part.body ||= part.length;
  });
  return parts;
}

for (const locale of ['en-GB', 'de-DE']) {
  test(`the first load of an invitation, ${locale}`, async () => {
    const friend = await Friend.open(browser, 'Bob', { locale });
    const parts = await count(friend);
    await friend.page.goto(anna.invite(locale));
    const yes = friend.page.locator('main button.main');
    await yes.waitFor();
    const loaded = [...parts.values()].filter(({ all }) => all > 0);
    await yes.click();
    await friend.page.getByRole('textbox').nth(2).waitFor();
    const sum = (what) => loaded.reduce((sum, part) => sum + part[what], 0);
    const page = loaded.filter(({ path }) => !path.startsWith('/v1/')).reduce((sum, { body }) => sum + body, 0);
    console.log(`first load, ${locale}: ${page} octets; ${sum('body')} with the invitation, ${sum('all')} with headers too`);
    for (const { path, body } of loaded) console.log(`  ${path} ${body}`);
    const had = loaded.map(({ path }) => path);
    for (const path of ['/i', '/page/app.js', '/page/core.wasm', '/v1/slots/…']) assert.ok(had.includes(path), `${path} was not counted`);
    assert.ok(page <= MOST, `${page} octets`);
    assert.ok(!had.includes('/page/later.js') && !had.includes('/sw.js'), had.join(' '));
    assert.deepEqual(friend.errors, []);
    await friend.context.close();
  });
}

test('what comes later is there by itself, and the relay may be away then', async () => {
  const friend = await Friend.open(browser, 'Carol');
  await friend.page.goto(anna.invite('Carol'));
  await friend.heading('asks for your help');
  await friend.page.evaluate(() => navigator.serviceWorker.ready);
  await relay.stop();
  await friend.page.goto(`${relay.url}/home`);
  await friend.heading('Help a friend');
  await friend.press('I have a key card');
  await friend.heading('Come back');
  await friend.page.getByRole('button', { name: 'Deutsch' }).click();
  await friend.page.getByRole('heading', { level: 1, name: 'Schlüsselkarte' }).waitFor();
  await relay.start();
});
