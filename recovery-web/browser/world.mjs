// A small world for the page: a real relay, people with the real command line, and friends who have only a browser.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const BUILT = process.env.RECOVERY_BUILT ?? join(ROOT, 'target/debug');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
/** Chromium without anything that talks to others by itself. */
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
];
/** What an owner would lose. */
export const PHOTOS = 'the only key to my photos';
export const PHONE = { width: 390, height: 844 };

export class World {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'recovery-page-'));
    this.relays = [];
    this.browsers = [];
  }

  async relay(flags = []) {
    const relay = new Relay(join(this.folder, `relay-${this.relays.length}.db`), flags);
    this.relays.push(relay);
    await relay.start();
    return relay;
  }

  person(name) {
    return new Person(name, join(this.folder, `home of ${name}`), this.folder);
  }

  /** Somebody with something to lose. */
  owner(name, relay) {
    const owner = this.person(name);
    owner.init(relay);
    owner.run(['add', 'photos'], { input: PHOTOS });
    return owner;
  }

  /** A new device of somebody who lost theirs, or of somebody who says so. */
  device(home, name = 'Anna') {
    return Object.assign(this.person(home), { name });
  }

  async browser(args = []) {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...args] });
    this.browsers.push(browser);
    return browser;
  }

  /** From now on a friend in a browser, who has accepted, and Carol at a terminal open an owner's key together. */
  async protect(owner, friend, flags = [], other = this.person('Carol')) {
    other.accept(owner.invite(other.name));
    owner.run(['sync']);
    owner.run(['protect', '--threshold', '2', ...flags]);
    await friend.look();
    await friend.page.getByText('safe here').waitFor();
  }

  async end() {
    for (const browser of this.browsers) await browser.close();
    for (const relay of this.relays) await relay.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

class Relay {
  constructor(store, flags) {
    Object.assign(this, { store, flags, listen: '127.0.0.1:0' });
  }

  async start() {
    const args = ['serve', '--listen', this.listen, '--store', `sqlite:${this.store}`, ...this.flags];
    this.child = spawn(join(BUILT, 'recovery-relay'), args, { stdio: ['ignore', 'pipe', 'ignore'], env: {} });
    const line = await new Promise((resolve, reject) => {
      this.child.stdout.once('data', (data) => resolve(String(data)));
      this.child.once('exit', () => reject(new Error('the relay does not start')));
    });
    this.url = line.trim().replace('listening on ', '');
    this.listen = this.url.replace('http://', '');
  }

  async stop() {
    if (!this.child) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGTERM');
    await ended;
    this.child = undefined;
  }
}

/** Somebody with the command line. */
class Person {
  constructor(name, home, user) {
    Object.assign(this, { name, home, user });
  }

  run(args, { input, code = 0 } = {}) {
    const env = { HOME: this.user, RECOVERY_HOME: this.home };
    const done = spawnSync(join(BUILT, 'recovery'), ['--home', this.home, ...args], { env, input });
    if (done.status !== code) throw new Error(`${this.name}: ${args.join(' ')}: ${done.status}\n${done.stderr}`);
    return done;
  }

  json(args, options) {
    return JSON.parse(String(this.run(['--json', ...args], options).stdout));
  }

  init(relay) {
    return this.json(['init', '--name', this.name, '--no-passphrase', '--relay', relay]);
  }

  invite(name) {
    return this.json(['invite', name]).link;
  }

  accept(link) {
    return this.json(['accept', link, '--name', this.name, '--no-passphrase']).number;
  }

  /** Starts a recovery on a new device; link and number. */
  ask(relay, extra = []) {
    const args = ['restore', '--no-wait', '--relay', relay, '--name', this.name, '--no-passphrase', ...extra];
    return this.json(args, { code: 75 });
  }

  lose() {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A friend who has only a browser: a context of their own. */
export class Friend {
  static async open(browser, name, options = {}) {
    const context = await browser.newContext({ viewport: PHONE, locale: 'en-GB', reducedMotion: 'reduce', ...options });
    const friend = Object.assign(new Friend(), { name, context, page: await context.newPage(), errors: [] });
    friend.page.on('pageerror', (error) => friend.errors.push(String(error)));
    friend.page.on('console', (message) => {
      // What a relay that is down or refuses makes the browser say is no fault of the page.
      if (message.type() === 'error' && !message.text().includes('Failed to load resource')
        && !message.text().includes('ERR_CONNECTION') && !message.text().includes('blocked by CORS policy')) friend.errors.push(message.text());
    });
    return friend;
  }

  async heading(text) {
    const found = this.page.getByRole('heading', { level: 1, name: isolated(text) });
    await found.waitFor({ timeout: 20_000 }).catch(async () => {
      throw new Error(`no heading "${text}", but: ${await this.page.locator('body').innerText()}`);
    });
  }

  /** Presses the first such button once it can be pressed. */
  async press(name) {
    await this.page.getByRole('button', { name: isolated(name), disabled: false }).first().click();
  }

  async fill(label, text) {
    await this.page.getByLabel(label).fill(text);
  }

  /** From the link to the number to compare; gives the number. */
  async accept(link, fields = {}, at = async () => {}) {
    await this.page.goto(link);
    await this.answer(fields, at);
    return this.number(at);
  }

  /** From the invitation to the name, which is typed but not sent. */
  async answer({ way = '', second = '', question = '' } = {}, at = async () => {}) {
    await this.heading('asks for your help');
    await at('invite');
    await this.press('Yes, I want to help');
    await this.heading('How will you reach');
    await at('reach');
    await this.fill('A way you trust', way);
    await this.fill('A second way', second);
    await this.fill('A question that only', question);
    await this.press('Next');
    await this.heading('How does');
    await at('name');
    await this.fill('Your name', this.name);
  }

  /** Accepts; gives the number to compare. */
  async number(at = async () => {}) {
    await this.press('Accept, and help');
    await this.heading('Compare this number');
    await this.page.waitForFunction(() => /^[\d ]{19}$/.test(document.querySelector('.number')?.textContent ?? ''));
    await this.settled();
    await at('compare');
    return this.page.locator('.number').textContent();
  }

  /** Past the number to the card and home. */
  async keepCard(at = async () => {}) {
    await this.press('Done');
    await this.heading('Your key card');
    await this.page.locator('.words li').nth(19).waitFor();
    await at('card');
    const words = await this.page.locator('.words li').allTextContents();
    await this.press('I have written or printed it');
    await this.heading('You are a recovery contact');
    return words.join(' ');
  }

  /** Nothing is under way. */
  async settled() {
    await this.page.waitForFunction(() => !document.querySelector('.busy')?.textContent, undefined, { timeout: 30_000 });
  }

  async look() {
    await this.press('Look for news');
    await this.settled();
  }

  async home() {
    await this.page.goto(this.page.url().replace(/\/[^/]*$/, '/home'));
    await this.heading('You are a recovery contact');
  }

  async digits(number) {
    const groups = number.replace(/\s/g, '').match(/.{3}/g) ?? [];
    for (const [at, group] of groups.entries()) {
      await this.page.getByLabel(`Group ${at + 1} of 5`).fill(group);
    }
  }

  /** From the link to the screen where the number is typed. */
  async toNumber(link, owner, at = async () => {}) {
    await this.page.goto(link);
    await this.heading('Somebody asks for help');
    await at('whose');
    await this.press(owner);
    await this.heading('Somebody asks for your piece');
    await at('who');
    await this.press('Next');
    await this.heading('Stop. Call');
    await at('call');
    await this.press('I have reached');
    await this.heading('Is it really');
    await at('sure');
    await this.press('Yes, it is');
    await this.heading('Type the number');
    await at('number');
  }

  async check(number) {
    await this.digits(number);
    await this.press('Check the number');
    await this.settled();
  }

  async say(owner, at = async () => {}) {
    await this.heading('I have spoken to');
    await at('say');
    await this.page.getByLabel('By video').check();
    await this.page.getByLabel('to say so').fill(owner);
    await this.press('Approve');
  }
}

/** A text that may stand between marks of direction, as names do. */
export function isolated(text) {
  const letters = [...text].map((letter) => letter.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(letters.join('[\\u2068\\u2069]*'));
}

/** A number that has a right check digit and is another one. */
export function otherNumber(number) {
  const table = ['0317598642', '7092154863', '4206871359', '1750983426', '6123045978', '3674209581', '5869720134', '8945362017', '9438617205', '2581436790'];
  const digits = number.replace(/\s/g, '').slice(0, 14).split('').map(Number);
  digits[0] = (digits[0] + 1) % 10;
  const check = digits.reduce((interim, digit) => Number(table[interim][digit]), 0);
  return [...digits, check].join('');
}
