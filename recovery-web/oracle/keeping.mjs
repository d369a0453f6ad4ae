// Between an owner and a contact: pieces, proofs, alerts, what is forgotten and stopped.

import { decode, hex, need, otherwise, Refused, same } from './codec.mjs';
import { contactId, hkdf, Identity, labelled } from './crypto.mjs';
import { auditKey, circleShare, DAY, drillNumber, openSlot, SLOT_SIZES } from './kinds.mjs';
import * as records from './records.mjs';

/** A contact's side of what an owner says: the pieces that are held, and what else was heard. */
class Friend {
  constructor(one) {
    [this.owner, this.me] = [one.card('owner_card'), new Identity(one.octets('contact_seed'))];
    this.now = one.fields.now ?? 1;
    Object.assign(this, { held: [], asked: 0, highest: null, stopped: [], drills: [], claims: [] });
    for (const before of one.list('before')) {
      const { signed } = decode(before, records.letter, records.LETTER_MAX);
      const kind = records.KINDS[signed.kind];
      if (kind === 'bundle') this.bundle(before);
      else this[kind](signed);
    }
  }

  said(signed, kind) {
    return records.verify(signed, kind, this.owner.keys, this.me.id);
  }

  /** What is found in a letter with a bundle. */
  bundle(octets) {
    const letter = decode(octets, records.letter, records.LETTER_MAX);
    const bundle = this.said(letter.signed, 'bundle');
    need(same(bundle.contact, this.me.id) && same(bundle.owner.id, this.owner.id), 'wrong-person');
    need(letter.attachment, 'no-pieces');
    const pieces = checkPieces(letter.attachment, bundle);
    const twin = this.held.find((one) => one.generation === bundle.generation);
    if (twin) throw new Refused(same(twin.circle, bundle.circle) ? 'known' : 'taken');
    need(this.held.every((one) => one.generation < bundle.generation), 'known');
    this.hold({ circle: bundle.circle, generation: bundle.generation, pieces, until: null, counted: false }, bundle.live);
    const hashed = labelled('bundle-hash', records.encode(letter.signed));
    const key = auditKey(pieces.shares, bundle.circle, bundle.contact);
    return {
      circle: hex(bundle.circle), generation: bundle.generation, vault_version: bundle.vault_version, shares: pieces.shares.map(hex),
      bundle_hash: hex(hashed), audit_key: hex(key), proof: hex(hkdf(key, 'audit-receipt', { parts: [hashed] })),
    };
  }

  /** Keeps every generation that counts or did, and the newest two of the others. */
  hold(fresh, live) {
    const all = [...this.held, fresh];
    const others = all.filter((one) => !one.counted && !(live && same(one.circle, live)));
    const kept = all.filter((one) => !others.slice(0, -2).includes(one));
    need(kept.length <= 8, 'too-many');
    this.held = kept;
    this.count(live);
  }

  /** Notes what the owner calls live; whether that is news. */
  count(live) {
    const fresh = this.held.filter((one) => live && same(one.circle, live) && !one.counted);
    for (const one of fresh) one.counted = true;
    return fresh.length > 0;
  }

  key(one) {
    return auditKey(one.pieces.shares, one.circle, this.me.id);
  }

  challenge(signed) {
    const said = this.said(signed, 'challenge');
    need(said.made <= this.now + DAY, 'ahead');
    need(said.made > this.asked, 'known');
    this.asked = said.made;
    const prove = (circle) => {
      const held = this.held.find((one) => same(one.circle, circle));
      return held ? hex(hkdf(this.key(held), 'audit-challenge', { parts: [said.nonce] })) : null;
    };
    const proofs = said.circles.slice(0, 8).map(prove);
    return { circles: said.circles.map(hex), nonce: hex(said.nonce), made: said.made, proofs };
  }

  /** When the pieces that are superseded are deleted. */
  forget(signed) {
    const said = this.said(signed, 'forget');
    let [fresh, at] = [false, this.now];
    for (const one of this.held.filter((one) => said.circles.some((circle) => same(circle, one.circle)))) {
      fresh ||= one.until === null;
      one.until = at = one.until ?? this.now + 30 * DAY;
    }
    need(fresh, 'known');
    return { circles: said.circles.map(hex), until: this.held.map((one) => one.until), at };
  }

  newest(signed) {
    const said = this.said(signed, 'newest');
    const kept = this.highest === null || this.highest < said.vault_version;
    if (kept) this.highest = said.vault_version;
    need(this.count(said.live) || kept, 'known');
    const counted = this.held.filter((one) => one.counted).map((one) => hex(one.circle));
    return { vault_version: said.vault_version, made: said.made, live: said.live && hex(said.live), kept, counted };
  }

  drill(signed) {
    const said = this.said(signed, 'drill');
    need(!this.drills.includes(hex(said.id)), 'known');
    this.drills.push(hex(said.id));
    const prove = (one) => ({ circle: hex(one.circle), proof: hex(hkdf(this.key(one), 'audit-drill', { parts: [said.id] })) });
    return { id: said.id, secret: said.secret, made: said.made, proofs: this.held.map(prove) };
  }

  /** Who says to come after the owner; whether it is accepted, the request tells. */
  successor(signed) {
    const peeked = records.peek(signed, 'successor');
    const { succession } = records.verify(signed, 'successor', peeked.former, this.me.id);
    const following = records.peek(succession, 'succession');
    need(same(signed.sender, this.owner.id) && same(following.former, signed.sender), 'wrong-former');
    const next = hex(following.card.id);
    need(![hex(this.owner.id), hex(this.me.id), ...this.claims].includes(next), 'known');
    this.claims.push(next);
    return { succession, following };
  }

  stop(signed) {
    const said = this.said(signed, 'stop');
    need(!this.stopped.includes(hex(said.request)), 'known');
    this.stopped.push(hex(said.request));
    return { request: hex(said.request), owner: hex(said.owner.id), made: said.made };
  }
}

/** Pieces that are those of a bundle. */
function checkPieces(octets, bundle) {
  const pieces = otherwise('bad-pieces', () => decode(octets, records.pieces, 65_536));
  need(same(records.piecesHash(pieces.shares), bundle.pieces), 'wrong-pieces');
  need(same(labelled('alarm-hash', pieces.alarm.octets), bundle.alarm), 'wrong-pieces');
  need(bundle.generation > 0 && pieces.shares.length >= 1 && pieces.shares.length <= 16, 'bad-pieces');
  for (const share of pieces.shares) circleShare(share, 'bad-pieces');
  need(pieces.container === null || SLOT_SIZES.includes(pieces.container.length), 'bad-pieces');
  return pieces;
}

/** A statement of a contact for the owner of a case. */
function saidToOwner(one, kind) {
  const owner = new Identity(one.octets('owner_seed'));
  return records.verify(one.statement(kind.replace('-', '_')), kind, one.card('contact_card').keys, owner.id);
}

const keyOf = (one, contact) => auditKey(one.list('shares'), one.octets('circle'), contact);

export const KEEPING = {
  bundle(one) {
    const friend = new Friend(one);
    const facts = friend.bundle(one.octets('letter'));
    return one.fields.held ? { ...facts, held: friend.held.map((held) => hex(held.circle)) } : facts;
  },
  challenge: (one) => new Friend(one).challenge(one.statement('challenge')),
  forget: (one) => new Friend(one).forget(one.statement('forget')),
  newest: (one) => new Friend(one).newest(one.statement('newest')),
  stop: (one) => new Friend(one).stop(one.statement('stop')),
  drill(one) {
    const { id, secret, made, proofs } = new Friend(one).drill(one.statement('drill'));
    return { id: hex(id), number: drillNumber(id, secret), made, proofs };
  },
  successor(one) {
    const friend = new Friend(one);
    const { succession, following } = friend.successor(one.statement('successor'));
    const { keys } = records.peek(one.statement('request'), 'request').card;
    let vouched = true;
    try {
      records.verify(succession, 'succession', keys, friend.me.id);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      vouched = false;
    }
    const { former, card, request, made } = following;
    return { former: hex(former), next: hex(card.id), by: hex(request), made, vouched };
  },
  moved(one) {
    const { card, made } = saidToOwner(one, 'moved');
    need(!same(card.id, one.card('contact_card').id), 'known');
    return { next: hex(card.id), made };
  },
  'drill-answer'(one) {
    const said = saidToOwner(one, 'drill-answer');
    need(same(said.id, one.octets('drill')), 'unknown-drill');
    const key = keyOf(one, one.card('contact_card').id);
    const own = said.proofs.find((proof) => same(proof.circle, one.octets('circle')));
    const opened = Boolean(own?.proof && same(own.proof, hkdf(key, 'audit-drill', { parts: [said.id] })));
    return { number: said.number, opened, made: said.made, audit_key: hex(key) };
  },
  proof(one) {
    const said = saidToOwner(one, 'proof');
    const own = said.proofs.find((proof) => same(proof.circle, one.octets('circle')));
    need(own, 'unknown-circle');
    need(same(said.nonce, one.octets('nonce')), 'not-asked');
    need(own.proof, 'nothing-held');
    const key = keyOf(one, one.card('contact_card').id);
    const right = hkdf(key, 'audit-challenge', { parts: [said.nonce] });
    need(same(own.proof, right), 'wrong-proof');
    return { audit_key: hex(key), value: hex(right), made: said.made };
  },
  forgotten(one) {
    const said = saidToOwner(one, 'forgotten');
    need(said.circles.some((circle) => same(circle, one.octets('circle'))), 'unknown-circle');
    return { circles: said.circles.map(hex), at: said.at };
  },
  leave: (one) => ({ made: saidToOwner(one, 'leave').made }),
  receipt(one) {
    const card = one.card('contact_card');
    const { circle, proof } = records.verify(one.statement('receipt'), 'receipt', card.keys, one.octets('owner'));
    need(same(circle, one.octets('circle')), 'unknown-circle');
    const [key, hashed] = [auditKey(one.list('shares'), circle, card.id), labelled('bundle-hash', one.octets('bundle'))];
    need(same(proof, hkdf(key, 'audit-receipt', { parts: [hashed] })), 'wrong-proof');
    return { audit_key: hex(key), bundle_hash: hex(hashed), proof: hex(proof) };
  },
  alert(one) {
    const alert = saidToOwner(one, 'alert');
    const request = otherwise('bad-request', () => {
      const { keys } = records.peek(alert.request, 'request').card;
      return records.verify(alert.request, 'request', keys, contactId(keys.signing, keys.sealing));
    });
    return {
      request: hex(labelled('request-id', records.encode(alert.request))), what: alert.what, claims: request.card.name,
      device: request.device, made: alert.made, reason: alert.reason,
    };
  },
  alarm(one) {
    const { impostors } = openSlot(one.octets('key'), 'box-alarm', one.octets('slot'), records.alarms, 4_096);
    const request = hex(labelled('request-id', one.octets('request')));
    const said = impostors.map(({ request, made }) => ({ request: hex(request), made }));
    return { impostors: said, warnings: said.filter((warning) => warning.request === request).map(({ made }) => made) };
  },
};
