// What this browser keeps: a key that can't be taken out of it, and under that key the home and a draft of what the
// person is in the middle of. Nothing else, and nothing in localStorage.

import { type Answers, type Call, Failure, member, run } from './core.ts';

/** What a person is in the middle of, so that a reload loses nothing. */
export type Draft = { link: string; step: string; fields: Record<string, string> };

const STORE = 'kept';
const changed = 'BroadcastChannel' in globalThis ? new BroadcastChannel('recovery') : undefined;

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('recovery', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Failure('storage'));
    request.onblocked = () => reject(new Failure('storage'));
  });
}

let database: Promise<IDBDatabase> | undefined;

async function kept<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  database ??= open();
  const transaction = (await database).transaction(STORE, mode, { durability: 'strict' });
  const request = act(transaction.objectStore(STORE));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(new Failure('storage'));
  });
}

const get = <T>(name: string) => kept<T | undefined>('readonly', (store) => store.get(name));
const put = (name: string, value: unknown) => kept('readwrite', (store) => store.put(value, name));
const remove = (name: string) => kept('readwrite', (store) => store.delete(name));

/** One at a time, in all tabs. */
export function alone<T>(name: string, act: () => Promise<T>): Promise<T> {
  return navigator.locks ? (navigator.locks.request(name, act) as Promise<T>) : act();
}

async function key(): Promise<CryptoKey> {
  const known = await get<CryptoKey>('key');
  if (known) return known;
  const fresh = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
  await put('key', fresh);
  return fresh;
}

type Locked = { iv: Uint8Array<ArrayBuffer>; octets: ArrayBuffer };

export async function lock(name: string, octets: Uint8Array): Promise<void> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const algorithm = { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(name) };
  const sealed = await crypto.subtle.encrypt(algorithm, await key(), octets as Uint8Array<ArrayBuffer>);
  await put(name, { iv, octets: sealed } satisfies Locked);
}

export async function unlock(name: string): Promise<Uint8Array | null> {
  const locked = await get<Locked>(name);
  if (!locked) return null;
  const algorithm = { name: 'AES-GCM', iv: locked.iv, additionalData: new TextEncoder().encode(name) };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, await key(), locked.octets));
  } catch {
    throw new Failure('home-damaged');
  }
}

/** Runs a call on the home of this browser; what changes is kept before this returns. */
export function act<K extends keyof Answers>(call: Call, name: K): Promise<Answers[K]> {
  return alone('recovery-home', async () => {
    const home = await unlock('home');
    const done = await run(home, call);
    home?.fill(0);
    if (done.home) {
      await lock('home', done.home);
      done.home.fill(0);
      changed?.postMessage('changed');
    }
    return typeof done.answer === 'string' ? (undefined as unknown as Answers[K]) : member(done.answer, name);
  });
}

/** Runs a call that needs no home. */
export async function ask<K extends keyof Answers>(call: Call, name: K): Promise<Answers[K]> {
  return member((await run(null, call)).answer, name);
}

export async function hasHome(): Promise<boolean> {
  return (await get('home')) !== undefined;
}

/** Tells when another tab changed the home. */
export function onChange(listener: () => void): void {
  changed?.addEventListener('message', listener);
}

/** Drafts that are kept: the one the person is in the middle of, and before it those that another link came upon. */
const DRAFTS = 8;

async function drafts(): Promise<Draft[]> {
  const octets = await unlock('draft').catch(() => null);
  if (!octets) return [];
  const kept = JSON.parse(new TextDecoder().decode(octets)) as Draft | Draft[];
  return Array.isArray(kept) ? kept : [kept];
}

/** Changes the drafts, one tab at a time; gives the one that comes first then. */
function change(change: (drafts: Draft[]) => Draft[]): Promise<Draft | null> {
  return alone('recovery-draft', async () => {
    const next = change(await drafts()).slice(0, DRAFTS);
    if (next.length > 0) await lock('draft', new TextEncoder().encode(JSON.stringify(next)));
    else await remove('draft');
    return next[0] ?? null;
  });
}

const same = (one: Draft, other: Draft) =>
  (one.link !== '' && one.link === other.link) || (one.fields['request'] ?? '') === (other.fields['request'] ?? '-');

export const draft = async (): Promise<Draft | null> => (await drafts())[0] ?? null;

/** Puts another draft in the place of one, or ends that: then the one before it comes back. */
export const setDraft = (was: Draft | null, is: Draft | null) => change((drafts) =>
  [...(is ? [is] : []), ...drafts.filter((draft) => !was || !same(draft, was))]);

/** Begins with a link or a request, or goes on where the person was with it. No other draft is lost. */
export const beginDraft = (fresh: Draft) => change((drafts) => {
  const known = drafts.find((draft) => same(draft, fresh));
  const others = drafts.filter((draft) => draft !== known);
  // A request may have been stopped or taken back: its link always begins with a look at what stands there now.
  const again = known && !(fresh.link && fresh.fields['kind'] === 'request');
  return [again ? { ...known, fields: { ...known.fields, ...fresh.fields } } : fresh, ...others];
});

/** Asks the browser not to forget; it may say no. */
export async function persist(): Promise<void> {
  await navigator.storage?.persist?.().catch(() => false);
}

export const keptLanguage = () => get<'en' | 'de'>('language');
export const keepLanguage = (language: 'en' | 'de') => put('language', language);
