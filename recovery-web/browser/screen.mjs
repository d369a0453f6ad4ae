// What has to hold on every screen, and its picture.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PHONE, ROOT } from './world.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const PICTURES = join(ROOT, 'docs/guide/friends-page');
/** Pictures are made anew only when asked for: their octets differ between versions of a browser. */
const DRAW = Boolean(process.env.RECOVERY_PICTURES);

/** Looks at one screen: in both languages, light and dark, narrow, with large text. Gives how many checks it made. */
export async function inspect(friend, name) {
  const { page } = friend;
  const onHeading = () => document.activeElement?.tagName === 'H1';
  await page.waitForFunction(onHeading, null, { timeout: 2_000 }).catch(() => undefined);
  const focus = await page.evaluate(() => document.activeElement?.tagName);
  assert.equal(focus, 'H1', `${name}: the focus is on ${focus}`);
  if (DRAW) {
    mkdirSync(PICTURES, { recursive: true });
    await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true, animations: 'disabled' });
  }
  let checks = 0;
  for (const other of ['Deutsch', 'English']) {
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      await axe(page, `${name}, ${colorScheme}, before ${other}`);
      checks += 1;
    }
    await reflow(page, name);
    await targets(page, name);
    await page.getByRole('button', { name: other }).click();
    await page.getByRole('button', { name: other }).waitFor({ state: 'detached' });
  }
  await page.emulateMedia({ colorScheme: 'light' });
  return checks;
}

async function axe(page, name) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate((tags) => axe.run(document, { runOnly: tags }), TAGS);
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
  assert.deepEqual(told, [], name);
}

/** 320 pixels wide, and text twice as large: nothing to be pushed sideways. */
async function reflow(page, name) {
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await page.setViewportSize({ width: 320, height: 640 });
  assert.equal(await wide(), 0, `${name}: sideways at 320 pixels`);
  await page.setViewportSize(PHONE);
  await page.evaluate(() => { document.documentElement.style.fontSize = '225%'; });
  assert.equal(await wide(), 0, `${name}: sideways with large text`);
  await page.evaluate(() => { document.documentElement.style.fontSize = ''; });
}

/** A finger hits what is 44 pixels large. A label counts with its input. */
async function targets(page, name) {
  const small = await page.evaluate(() => [...document.querySelectorAll('button, a, input, textarea, summary')]
    .map((element) => [element, (element.closest('label.choice') ?? element).getBoundingClientRect()])
    .filter(([element, box]) => box.left >= 0 && !element.classList.contains('skip') && (box.width < 44 || box.height < 44))
    .map(([element, box]) => `${element.outerHTML.slice(0, 60)} ${box.width}x${box.height}`));
  assert.deepEqual(small, [], `${name}: too small to hit`);
}
