// The protocol: recovery-core as a wasm module behind one function. What goes in and out is CBOR with the names of
// recovery-web/core/src/calls.rs.

import { decode, encode } from './cbor.ts';

export type Reach = { way: string; second: string; question: string };
export type Way = { scanned: string | null; overrides: boolean; byFile: boolean };

export type Call =
  | 'view' | 'outbox' | 'reads' | 'tidy' | 'uploads' | 'card' | 'cardFile' | 'cardKept'
  | { link: { text: string } }
  | { invite: { link: string; boxed: Uint8Array } }
  | { create: { name: string } }
  | { cardSlot: { words: string; relay: string } }
  | { openCard: { words: string; boxed: Uint8Array } }
  | { openFile: { words: string; file: Uint8Array } }
  | { boxed: { link: string; file: string } }
  | { accept: { link: string; boxed: Uint8Array; reach: Reach } }
  | { pairing: { owner: string } }
  | { verify: { owner: string; number: string } }
  | { openRequest: { link: string; boxed: Uint8Array | null; owner: string } }
  | { try: { request: string; number: string } }
  | { approve: { request: string; way: Way } }
  | { decline: { request: string; reason: string | null } }
  | { report: { request: string; reason: string | null } }
  | { drill: { drill: string; number: string } }
  | { leave: { owner: string } }
  | { sent: { id: number; status: number; code: string } }
  | { took: { read: string; epoch: string; body: Uint8Array } }
  | 'giveFile' | { takeFile: { file: string } }
  | { alarmSlots: { request: string } }
  | { alarms: { request: string; found: Uint8Array[] } }
  | { uploaded: { relay: string; etag: string; version: number } };

export type Place = { relay: string; id: string };
export type Owner = {
  id: string; name: string; way: string; second: string; question: string; seen: number; holds: boolean;
  stored: number | null; proved: number | null; delay: number; claimed: boolean;
};
export type Request = {
  id: string; owner: string | null; claims: string; device: string; made: number; triesLeft: number;
  state: 'open' | 'approved' | 'declined' | 'burnt' | 'cancelled' | 'stopped' | 'impostor' | 'expired';
  checked: boolean; releaseAt: number | null; heldHere: boolean; alarms: number[]; refusedBefore: number;
};
export type Drill = { id: string; owner: string; made: number; triesLeft: number; over: boolean };
export type View = {
  name: string; owners: Owner[]; requests: Request[]; drills: Drill[]; queued: number; forFiles: number; cardKept: number | null;
};
export type HttpCall = {
  id: number; relay: string; method: string; path: string; token: string | null; hold: string | null;
  body: Uint8Array; over: boolean; passes: string[];
};
export type HttpRead = { read: string; relay: string; path: string; token: string; epoch: string | null };
export type Upload = {
  relay: string; path: string; token: string; etag: string | null; version: number; body: Uint8Array;
  passes: string[];
};
export type Happened = { what: string; owner: string | null };

/** What an answer may hold; which member is there follows from the call. */
export type Answers = {
  link: { kind: 'invite' | 'request'; slots: Place[]; onScreen: boolean };
  invite: { name: string; expires: number };
  view: View;
  pairing: { owner: string; number: string };
  opened: { request: string };
  tried: { outcome: 'right' | 'wrong' | 'burnt'; triesLeft: number };
  approved: { releaseAt: number | null; armored: string | null };
  calls: HttpCall[];
  slots: Place[];
  reads: HttpRead[];
  judged: { outcome: 'done' | 'waits' | 'refused'; dead: boolean };
  took: { more: boolean; events: Happened[] };
  uploads: Upload[];
  card: { words: string; relays: string[] };
  file: Uint8Array;
};

/** Something did not work; `code` has a sentence in words/*.json. */
export class Failure extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

type Module = {
  memory: WebAssembly.Memory;
  room(length: number): number;
  call(): number;
  answer(): number;
};
type Output = { home: Uint8Array | null; answer: unknown; error: string | null };

declare global {
  /** The module in base64; only in the page that is a single file. */
  var CORE_WASM: string | undefined;
}

let compiled: Promise<WebAssembly.Module> | undefined;
let running: Module | undefined;

export const fromBase64 = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

async function compile(): Promise<WebAssembly.Module> {
  const inline = globalThis.CORE_WASM;
  if (inline) return WebAssembly.compile(fromBase64(inline));
  const response = await fetch(new URL('core.wasm', import.meta.url)).catch(() => null);
  if (!response?.ok) throw new Failure('page-incomplete');
  return WebAssembly.compile(await response.arrayBuffer());
}

async function start(): Promise<Module> {
  compiled ??= compile().catch((error: unknown) => {
    compiled = undefined;
    throw error;
  });
  running ??= (await WebAssembly.instantiate(await compiled, {})).exports as Module;
  return running;
}

/** Loads the module: to be called at once, so that it is there when a relay is not any more. */
export const prepare = (): void => void start().catch(() => undefined);

/** Acts on a home; gives the answer, and the home if it changed. */
export async function run(home: Uint8Array | null, call: Call): Promise<{ home: Uint8Array | null; answer: unknown }> {
  const module = await start();
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const input = encode({ now: Math.floor(Date.now() / 1000), seed, home, call });
  let output: Output;
  try {
    // Room and call may make the memory larger, and its old buffer is none then: looked at afterwards, each time.
    const at = module.room(input.length);
    new Uint8Array(module.memory.buffer, at, input.length).set(input);
    input.fill(0);
    const length = module.call();
    const from = module.answer();
    const octets = new Uint8Array(module.memory.buffer, from, length);
    output = decode(octets.slice()) as Output;
    octets.fill(0);
  } catch {
    running = undefined; // A module that broke off is not called again.
    throw new Failure('internal');
  }
  if (output.error !== null) throw new Failure(output.error);
  return { home: output.home, answer: output.answer };
}

/** The one member that an answer has to this call. */
export function member<K extends keyof Answers>(answer: unknown, name: K): Answers[K] {
  const found = (answer as Partial<Answers>)[name];
  if (found === undefined) throw new Failure('internal');
  return found;
}
