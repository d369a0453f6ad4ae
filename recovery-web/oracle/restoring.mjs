// Getting the key back: requests, what comes for them, and the vault.

import { decode, hex, need, otherwise, Refused, same, unpad } from './codec.mjs';
import { boxOpen, contactId, Identity, labelled } from './crypto.mjs';
import { circleShare, DAY, openSlot, SLOT_SIZES } from './kinds.mjs';
import * as records from './records.mjs';
import { parseLink } from './texts.mjs';

const HOLDINGS_MAX = 8;
const SESSION = ['approval', 'decline', 'due', 'stop'];
const requestOf = (one) => labelled('request-id', one.octets('request'));

/** Whether something is not refused. */
function holds(act) {
  try {
    act();
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

const verifyBundle = (signed, outcome) => otherwise(outcome, () => {
  const { owner, contact } = records.peek(signed, 'bundle');
  return records.verify(signed, 'bundle', owner.keys, contact);
});

/** The bundle of a good holding. */
function checkHolding({ bundle: signed, shares }, contact) {
  const bundle = verifyBundle(signed, 'unsigned-piece');
  need(same(bundle.contact, contact), 'other-contact');
  need(same(records.piecesHash(shares), bundle.pieces) && shares.length > 0, 'bad-piece');
  for (const share of shares) circleShare(share, 'bad-piece');
  return bundle;
}

/** A statement by the keys of the card in it, for the request that it names. */
function claimed(signed, kind) {
  const body = records.peek(signed, kind);
  return records.verify(signed, kind, (kind === 'stop' ? body.owner : body.card).keys, body.request);
}

/** Good holdings, what is wrong with others, and whether the sender has a name. */
function goodHoldings(approval) {
  const [good, outcomes] = [[], []];
  for (const holding of approval.holdings) {
    try {
      good.push(checkHolding(holding, approval.card.id));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      outcomes.push(error.outcome);
    }
  }
  return { good, outcomes, named: good.length > 0 || outcomes.includes('bad-piece') };
}

/** The version of the vault in an owner's word to a contact; 0 without a right one. */
function told(signed, owner, contact) {
  let version = 0;
  holds(() => { if (signed) version = records.verify(signed, 'newest', owner.keys, contact).vault_version; });
  return version;
}

/** The owner of a bundle that is for the keys of this card. */
function vouched(card, signed) {
  let owner = null;
  holds(() => {
    const bundle = signed && verifyBundle(signed, 'unsigned-piece');
    if (bundle && same(bundle.contact, card.id)) owner = hex(bundle.owner.id);
  });
  return owner;
}

/** One line about a statement: who, whose contact, and what it is worth. */
function assess(signed, request) {
  const kind = records.KINDS[signed.kind];
  const line = { who: null, name: null, owner: null, verdict: 'bad', at: null, overrides: false };
  let said;
  if (!holds(() => { said = claimed(signed, kind); })) return line;
  const right = same(said.request, request);
  if (kind === 'stop') {
    return right ? { ...line, owner: hex(said.owner.id), name: said.owner.name, verdict: 'stopped', at: said.made } : line;
  }
  let named;
  if (kind === 'approval') {
    const found = goodHoldings(said);
    [named, line.overrides] = [found.named, said.overrides];
    line.owner = found.good.length > 0 ? hex(found.good.at(-1).owner.id) : null;
    if (right && found.good.length > 0 && said.holdings.length <= HOLDINGS_MAX) line.verdict = 'good';
  } else {
    line.owner = vouched(said.card, said.bundle);
    named = line.owner !== null;
    if (right && kind === 'decline') line.verdict = 'declined';
    if (right && kind === 'due' && named) [line.verdict, line.at] = ['held', said.at];
  }
  return named ? { ...line, who: hex(said.card.id), name: said.card.name } : line;
}

const letterOf = (octets) => {
  const letter = decode(octets, records.letter, records.LETTER_MAX);
  return letter.signed;
};

export const RESTORING = {
  request(one) {
    const parsed = parseLink(one.fields.link);
    need(parsed.purpose === 'request', 'wrong-link');
    const slot = openSlot(parsed.secret, 'box-request', one.octets('slot'), records.requestSlot);
    const { keys } = records.peek(slot.request, 'request').card;
    const request = records.verify(slot.request, 'request', keys, contactId(keys.signing, keys.sealing));
    const octets = records.encode(slot.request);
    const id = labelled('request-id', octets);
    need(parsed.request === null || same(parsed.request, id), 'other-request');
    need(BigInt(one.fields.now) < BigInt(request.made) + BigInt(14 * DAY), 'expired');
    need(request.made <= one.fields.now + DAY, 'ahead');
    const cancelled = slot.cancel !== null && holds(() => records.verify(slot.cancel, 'cancel', keys, id));
    return { request: hex(octets), id: hex(id), name: request.card.name, device: request.device, made: request.made, cancelled };
  },
  approval(one) {
    const signed = letterOf(one.octets('letter'));
    need(SESSION.includes(records.KINDS[signed.kind]), 'wrong-kind');
    const approval = claimed(signed, 'approval');
    const { good, outcomes, named } = goodHoldings(approval);
    if ('named' in one.fields && named !== one.fields.named) throw new Error(`named is ${named}`);
    need(same(approval.request, requestOf(one)), 'other-request');
    need(approval.holdings.length >= 1 && approval.holdings.length <= HOLDINGS_MAX, 'no-piece');
    if (good.length === 0) throw new Refused(outcomes.at(-1));
    const known = {};
    for (const bundle of good) {
      const owner = hex(bundle.owner.id);
      known[owner] = Math.max(known[owner] ?? 0, bundle.vault_version, told(approval.newest, bundle.owner, approval.card.id));
    }
    const sets = good.map((bundle) => ({
      owner: hex(bundle.owner.id), circle: hex(bundle.circle), generation: bundle.generation, vault_version: known[hex(bundle.owner.id)],
    }));
    return { contact: hex(approval.card.id), name: approval.card.name, sets, overrides: approval.overrides };
  },
  decline(one) {
    const decline = claimed(letterOf(one.octets('letter')), 'decline');
    need(same(decline.request, requestOf(one)), 'other-request');
    return { contact: hex(decline.card.id), name: vouched(decline.card, decline.bundle) ? decline.card.name : null };
  },
  due(one) {
    const signed = letterOf(one.octets('letter'));
    need(SESSION.includes(records.KINDS[signed.kind]), 'wrong-kind');
    const due = claimed(signed, 'due');
    need(vouched(due.card, due.bundle), 'unknown-sender');
    need(same(due.request, requestOf(one)), 'other-request');
    return { contact: hex(due.card.id), name: due.card.name, at: due.at };
  },
  assessment(one) {
    const lines = one.list('letters').map((octets) => {
      const signed = letterOf(octets);
      need(SESSION.includes(records.KINDS[signed.kind]), 'wrong-kind');
      return assess(signed, requestOf(one));
    });
    const owners = new Set(lines.filter((line) => line.who).map((line) => line.owner));
    const stops = new Map();
    for (const line of lines.filter((line) => line.verdict === 'stopped')) {
      if (!owners.has(line.owner)) Object.assign(line, { verdict: 'bad', name: null, at: null });
      else if (!stops.has(line.owner)) stops.set(line.owner, line.at);
    }
    const over = new Set(lines.filter(({ verdict }) => ['good', 'declined'].includes(verdict)).map(({ who }) => who));
    const left = lines.filter((line) => line.verdict !== 'held' || !over.has(line.who));
    for (const line of left.filter((line) => line.verdict === 'held' && stops.has(line.owner))) {
      Object.assign(line, { verdict: 'stopped', at: stops.get(line.owner) });
    }
    return { lines: left.map(({ name, verdict, at, overrides }) => ({ name, verdict, at, overrides })) };
  },
  vault(one) {
    const container = one.octets('container');
    need(SLOT_SIZES.includes(container.length), 'closed');
    const content = unpad(boxOpen(one.octets('root'), 'box-vault', container));
    const vault = decode(content, records.vault, 524_288);
    return {
      vault: hex(content), name: vault.profile.name, owner: hex(new Identity(vault.profile.seed).id), version: vault.number,
      entries: vault.entries.map(({ label, content, added }) => ({ label, content: hex(content), added })),
    };
  },
};
