// What was acted on of a mailbox, and what of that need not lie there any longer. A message stays for 30 days after it was
// acted on, for who comes back with a key card; what brought the newest piece stays until a newer one has come.

/** Messages that were acted on on one day, and whether one of them brought a piece. */
export type Batch = { day: number; first: number; last: number; piece: boolean };
/** What was acted on of a mailbox, the oldest first: in this making of its relay's store. */
export type Acted = { epoch: string; batches: Batch[] };

/** How long messages stay, in days. */
const KEPT = 30;

/** Notes that these messages were acted on. Read once more from the start, their time begins anew. */
export function note(was: Acted | undefined, epoch: string, seqs: number[], piece: boolean, today: number): Acted {
  const known = was?.epoch === epoch ? was.batches : [];
  const [first, last] = [seqs[0], seqs.at(-1)];
  if (first === undefined || last === undefined) return { epoch, batches: known };
  // A day that is still to come is of a clock that was ahead.
  const batches = known.filter((batch) => batch.last < first).map((b) => ({ ...b, day: Math.min(b.day, today) }));
  const before = batches.at(-1);
  // Nothing that was not noted may come in between.
  const joins = before && !piece && !before.piece && before.day === today && before.last + 1 === first;
  if (joins) before.last = last;
  else batches.push({ day: today, first, last, piece });
  return { epoch, batches };
}

/** What need not stay any longer. */
export function due({ batches }: Acted, today: number): Batch[] {
  const newest = batches.findLast((batch) => batch.piece);
  return batches.filter((batch) => batch.day + KEPT < today && batch !== newest);
}
