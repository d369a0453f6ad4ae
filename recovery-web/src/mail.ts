// Mailboxes are emptied of what was acted on long ago, as the command line does: they take only so many messages, and have
// to last for years. This is loaded later: what was read before that is left to lie.

import { type Acted, due, note } from './acted.ts';
import { decode } from './cbor.ts';
import type { HttpRead } from './core.ts';
import { afterwards, type Look, relay } from './net.ts';
import { lock, unlock } from './store.ts';

const DAY = 86_400_000;
/** Messages that one look deletes at most, so that nobody waits for it. */
const AT_ONCE = 64;

/** Deletes what is due in one mailbox, at most so many; gives how many more may be deleted by this look. */
async function empty({ relay: at, path, token }: HttpRead, acted: Acted, today: number, most: number): Promise<number> {
  let left = most;
  for (const batch of due(acted, today)) {
    for (; batch.first <= batch.last && left > 0; batch.first += 1, left -= 1) {
      const url = `${at}${path.split('?')[0]}/${batch.first}`;
      if ((await relay(url, { method: 'DELETE', token })).status !== 204) return left;
    }
  }
  acted.batches = acted.batches.filter((batch) => batch.first <= batch.last);
  return left;
}

async function clear(looks: Look[]): Promise<void> {
  const octets = await unlock('mail');
  const before = octets ? new TextDecoder().decode(octets) : '{}';
  const known = JSON.parse(before) as Record<string, Acted>;
  const today = Math.floor(Date.now() / DAY);
  for (const { mailbox, epoch, body, events } of looks) {
    const piece = events.some(({ what }) => what === 'stored');
    const seqs = (decode(body) as { seq: number }[]).map(({ seq }) => seq);
    known[mailbox.read] = note(known[mailbox.read], epoch, seqs, piece, today);
  }
  let left = AT_ONCE;
  for (const mailbox of new Map(looks.map(({ mailbox }) => [mailbox.read, mailbox])).values()) {
    const acted = known[mailbox.read];
    if (acted) left = await empty(mailbox, acted, today, left);
  }
  const after = JSON.stringify(known);
  if (after !== before) await lock('mail', new TextEncoder().encode(after));
}

afterwards.clear = clear;
