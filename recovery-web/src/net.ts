// HTTP to relays: makes the calls that the core names and tells it what came of each.

import { Failure, fromBase64, type Happened, type HttpCall, type HttpRead, type Place, type Upload } from './core.ts';
import { act, alone, ask, type Draft } from './store.ts';

const TIMEOUT = 20_000;
/** Pages that are read of a mailbox in one go: more than any relay needs for a full one. */
const PAGES = 64;

type Answer = { status: number; epoch: string; etag: string; code: string; body: Uint8Array };

const NONE: Answer = { status: 0, epoch: '', etag: '', code: '', body: new Uint8Array() };

type Ask = {
  method: string; token?: string | null; headers?: Record<string, string>; body?: Uint8Array;
  /** Shown to the relay one after the other as long as it asks for a pass. */
  passes?: string[];
};

/** One look at a mailbox: which making of its relay's store, what lay there, and what came of it. */
export type Look = { mailbox: HttpRead; epoch: string; body: Uint8Array; events: Happened[] };

/** What is done after all mailboxes were looked at, once it is loaded. */
export const afterwards: { clear?: (looks: Look[]) => Promise<void> } = {};

/** One call; status 0 if no relay answered. Without a pass first: each pass says who invited. */
export async function relay(url: string, what: Ask): Promise<Answer> {
  let answer = await once(url, what);
  for (const pass of what.passes ?? []) {
    if (answer.code !== 'pass-needed' && answer.code !== 'pass-used-up') break;
    answer = await once(url, { ...what, headers: { ...what.headers, 'Recovery-Pass': pass } });
  }
  return answer;
}

async function once(url: string, { method, token, headers = {}, body }: Ask): Promise<Answer> {
  const all: Record<string, string> = { ...headers };
  if (token) all['Authorization'] = `Bearer ${token}`;
  try {
    const response = await fetch(url, {
      method,
      headers: all,
      body: body && body.length > 0 ? (body as Uint8Array<ArrayBuffer>) : null,
      cache: 'no-store',
      credentials: 'omit',
      mode: 'cors',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(TIMEOUT),
    });
    const octets = new Uint8Array(await response.arrayBuffer());
    const epoch = response.headers.get('Recovery-Epoch') ?? '';
    if (!epoch) return NONE;
    const code = response.ok ? '' : problem(octets);
    return { status: response.status, epoch, etag: response.headers.get('ETag') ?? '', code, body: octets };
  } catch {
    return NONE;
  }
}

function problem(octets: Uint8Array): string {
  try {
    const { code } = JSON.parse(new TextDecoder().decode(octets)) as { code?: unknown };
    return typeof code === 'string' ? code : '';
  } catch {
    return '';
  }
}

/** What lies in the first of these slots that has something; null if all are empty. */
export async function fetchSlot(slots: Place[]): Promise<Uint8Array | null> {
  let unreachable = false;
  for (const slot of slots) {
    const answer = await relay(`${slot.relay}/v1/slots/${slot.id}`, { method: 'GET' });
    if (answer.status === 200) return answer.body;
    if (answer.status !== 404) unreachable = true;
  }
  if (unreachable) throw new Failure('relay-unreachable');
  return null;
}

/** The box of a link: from the file that came with it, or else from a relay. */
export async function boxOf({ link, fields }: Draft): Promise<Uint8Array | null> {
  if (fields['box']) return fromBase64(fields['box']);
  const { slots } = await ask({ link: { text: link } }, 'link');
  if (slots.length === 0) throw new Failure('file-needed');
  return fetchSlot(slots);
}

/** What a file that came with the link may help against. */
export const wantsFile = (code: string | null) => code === 'file-needed' || code === 'relay-unreachable';

/** Writes a slot whatever stands there: as a new one, then over the version that the relay names. */
async function putOver({ relay: at, path, token, body, passes }: HttpCall): Promise<Answer> {
  const put = (condition: Record<string, string>) =>
    relay(at + path, { method: 'PUT', token, headers: condition, body, passes });
  const first = await put({ 'If-None-Match': '*' });
  return first.status === 412 && first.etag ? put({ 'If-Match': first.etag }) : first;
}

function send(call: HttpCall): Promise<Answer> {
  if (call.over) return putOver(call);
  const headers: Record<string, string> = call.hold ? { 'Recovery-Hold': call.hold } : {};
  const { method, token, body, passes } = call;
  return relay(call.relay + call.path, { method, token, headers, body, passes });
}

/** Sends what waits, in order; what a relay does not take stays. */
async function flush(dead: Set<string>): Promise<void> {
  for (const upload of await act('uploads', 'uploads')) {
    if (!dead.has(upload.relay)) await bring(upload, dead);
  }
  for (const call of await act('outbox', 'calls')) {
    if (dead.has(call.relay)) continue;
    const { status, code } = await send(call);
    const judged = await act({ sent: { id: call.id, status, code } }, 'judged');
    if (judged.dead) dead.add(call.relay);
  }
}

const part = ({ token, body, passes }: Upload) => ({ token, body, passes });

/** Brings the vault to a relay. A newer one there, of another browser of this person's, stays. */
async function bring(upload: Upload, dead: Set<string>): Promise<void> {
  const condition: Record<string, string> = upload.etag ? { 'If-Match': upload.etag } : { 'If-None-Match': '*' };
  const put = (headers: Record<string, string>) =>
    relay(upload.relay + upload.path, { method: 'PUT', headers, ...part(upload) });
  let answer = await put(condition);
  if (answer.status === 412 && answer.etag && !upload.etag) answer = await put({ 'If-Match': answer.etag });
  if (answer.status === 412 && !answer.etag) answer = await put({ 'If-None-Match': '*' });
  if (answer.status === 0 || answer.status >= 500) dead.add(upload.relay);
  if (answer.status === 200 || answer.status === 201) {
    await act({ uploaded: { relay: upload.relay, etag: answer.etag, version: upload.version } }, 'view');
  }
}

/** Reads one mailbox to its end. */
async function read(mailbox: HttpRead, dead: Set<string>, looks: Look[]): Promise<Happened[]> {
  const events: Happened[] = [];
  let next: HttpRead | undefined = mailbox;
  for (let page = 0; next && page < PAGES; page += 1) {
    let answer = await relay(next.relay + next.path, { method: 'GET', token: next.token });
    if (answer.status === 200 && next.epoch && next.epoch !== answer.epoch) {
      // Another making of the relay's store: its numbers begin anew.
      const path = next.path.replace(/after=\d+/, 'after=0');
      answer = await relay(next.relay + path, { method: 'GET', token: next.token });
    }
    if (answer.status !== 200) {
      if (answer.status === 0) dead.add(mailbox.relay);
      return events;
    }
    const took = await act({ took: { read: next.read, epoch: answer.epoch, body: answer.body } }, 'took');
    events.push(...took.events);
    looks.push({ mailbox, epoch: answer.epoch, body: answer.body, events: took.events });
    if (!took.more) return events;
    next = (await act('reads', 'reads')).find((other) => other.read === mailbox.read);
  }
  return events;
}

/** Sends what waits, reads what came, does what is due. Gives what happened, and relays that do not answer. */
export function sync(): Promise<{ events: Happened[]; dead: string[] }> {
  return alone('recovery-net', async () => {
    const dead = new Set<string>();
    await flush(dead);
    const events: Happened[] = [];
    const looks: Look[] = [];
    const mailboxes = (await act('reads', 'reads')).filter((mailbox) => !dead.has(mailbox.relay));
    for (const mailbox of mailboxes) events.push(...(await read(mailbox, dead, looks)));
    events.push(...(await act('tidy', 'took')).events);
    await flush(dead);
    await afterwards.clear?.(looks).catch(() => undefined);
    return { events, dead: [...dead] };
  });
}
