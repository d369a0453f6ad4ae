// The page from this browser's own copy, so that it opens when the relay does not answer. The copy is one set: a new
// one is fetched whole before it takes the old one's place.

type Serving = EventTarget & {
  registration: { scope: string }; skipWaiting(): Promise<void>; clients: { claim(): Promise<void> };
};
type Lasting = Event & { waitUntil(until: Promise<unknown>): void };
type Fetching = Event & { request: Request; respondWith(response: Promise<Response>): void };

/** Names the set: a hash over all of it, put in when the page is built. */
declare const VERSION: string;
const FILES = ['home', 'page/app.js', 'page/chunk.js', 'page/later.js', 'page/en.js', 'page/de.js', 'page/qr.js', 'page/app.css', 'page/core.wasm', 'page/icon.svg'];
const PAGES = ['i', 'r', 'home'];

const worker = self as unknown as Serving;
const at = (path: string) => new URL(path, worker.registration.scope).href;

async function install(): Promise<void> {
  const cache = await caches.open(VERSION);
  await cache.addAll(FILES.map((file) => new Request(at(file), { cache: 'no-cache' })));
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) if (name !== VERSION) await caches.delete(name);
  await worker.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const path = PAGES.some((page) => request.url.split(/[?#]/)[0] === at(page)) ? at('home') : request.url;
  const cached = await (await caches.open(VERSION)).match(path);
  return cached ?? fetch(request);
}

worker.addEventListener('install', (event) => (event as Lasting).waitUntil(install()));
worker.addEventListener('activate', (event) => (event as Lasting).waitUntil(activate()));
worker.addEventListener('fetch', (event) => {
  const { request } = event as Fetching;
  const path = request.url.split(/[?#]/)[0] ?? '';
  const ours = [...FILES, ...PAGES].some((file) => at(file) === path);
  if (request.method === 'GET' && ours) (event as Fetching).respondWith(answer(request));
});
