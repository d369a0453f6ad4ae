// One function for each kind of case: facts of a valid one, or `Refused` with the outcome. The rest is in keeping.mjs and
// restoring.mjs.

import { decode, encode, hex, need, otherwise, Refused, same, unpad } from './codec.mjs';
import { argon2id, boxOpen, boxSeal, hkdf, hpkeOpen, hpkeSeal, Identity, labelled, Xwing } from './crypto.mjs';
import * as records from './records.mjs';
import { compact, fromWords, secretOf, toWords } from './slip39.mjs';
import * as texts from './texts.mjs';

export const DAY = 86_400;
export const SLOT_SIZES = [8_192, 32_768, 131_072, 524_288];
export const unhex = (text) => new Uint8Array(Buffer.from(text, 'hex'));

/** One file; octets are hexadecimal in it. */
export class Case {
  constructor(fields) {
    this.fields = fields;
  }

  octets(field) {
    return unhex(this.fields[field]);
  }

  list(field) {
    return (this.fields[field] ?? []).map(unhex);
  }

  statement(field) {
    return decode(this.octets(field), records.signed, records.SIGNED_MAX);
  }

  card(field) {
    return records.verifyCard(this.statement(field));
  }
}

const places = (list) => list.map(({ relay, id }) => ({ relay, id: hex(id) }));
/** What was made again has to be what was given. */
function remade(made, given) {
  if (!same(made, given)) throw new Error('made anew it is another one');
}

function openMessage(identity, message) {
  need([4_096, 16_384, 65_536].includes(message.length), 'not-for-us');
  need(message[0] <= 1, 'newer-version');
  need(message[0] === 1, 'not-for-us');
  const padded = otherwise('not-for-us', () => hpkeOpen(identity.opening, 'recovery/v1/seal-message', message.slice(1)));
  const content = unpad(padded);
  decode(content, records.letter, records.LETTER_MAX);
  return { content, padded };
}

/** The key pair of a circle's package. */
function circleKey(shared, circle, passphrase, cost) {
  const both = [shared];
  if (passphrase !== undefined) {
    need(cost.memory_kib >= 19 * 1_024 && cost.memory_kib <= 1_048_576, 'cost');
    need(cost.passes >= 1 && cost.passes <= 16 && cost.lanes >= 1 && cost.lanes <= 16, 'cost');
    both.push(argon2id(new TextEncoder().encode(passphrase), labelled('circle-passphrase', circle), cost));
  }
  const way = hkdf(new Uint8Array(Buffer.concat(both)), 'circle-secret', { parts: [circle] });
  return new Xwing(hkdf(way, 'package-seed'));
}

function numberOf(hashed, secret, label) {
  const out = argon2id(hashed, hkdf(secret, label, { length: 16 }), { memory_kib: 65_536, passes: 3, lanes: 1 });
  const digits = String(BigInt(`0x${hex(out.subarray(0, 16))}`) % 10n ** 14n).padStart(14, '0');
  return digits + texts.damm(digits);
}
export const drillNumber = (drill, secret) => numberOf(labelled('drill-hash', drill), secret, 'number-drill');
export const auditKey = (shares, circle, contact) => hkdf(encode(shares), 'audit-key', { parts: [circle, contact] });

function auditProof(one, label, over) {
  const key = auditKey(one.list('shares'), one.octets('circle'), one.octets('contact'));
  need(same(hkdf(key, label, { parts: [one.octets(over)] }), one.octets('proof')), 'wrong-proof');
  return { audit_key: hex(key) };
}

/** What a slot holds; anything else is damaged, or of a newer version. */
export function openSlot(secret, label, slot, schema, limit = 8_192) {
  try {
    need(SLOT_SIZES.includes(slot.length));
    return decode(unpad(boxOpen(secret, label, slot)), schema, limit);
  } catch (error) {
    if (error instanceof Refused && error.outcome === 'newer-version') throw error;
    if (error instanceof Refused) throw new Refused('damaged');
    throw error;
  }
}

/** A share as circles have it. */
export function circleShare(octets, outcome) {
  const { header, value } = otherwise(outcome, () => compact(octets));
  need(header.exponent === 0 && header.extendable && value.length === 32, outcome);
}

export const KINDS = {
  box(one) {
    const [secret, label, box] = [one.octets('secret'), one.fields.label.replace('recovery/v1/', ''), one.octets('box')];
    const plaintext = boxOpen(secret, label, box);
    remade(boxSeal(secret, label, box.slice(0, 24), plaintext), box);
    return { plaintext: hex(plaintext) };
  },
  pad: (one) => ({ content: hex(unpad(one.octets('padded'))) }),
  seal(one) {
    const person = new Identity(one.octets('recipient_seed'));
    const { content, padded } = openMessage(person, one.octets('message'));
    if (one.fields.random) {
      const sealed = hpkeSeal(person.opening.public, 'recovery/v1/seal-message', one.octets('random'), padded);
      remade(new Uint8Array([1, ...sealed]), one.octets('message'));
    }
    return { letter: hex(content) };
  },
  package(one) {
    const { sealed } = decode(one.octets('package'), records.sealedPackage, 2_048);
    const pair = circleKey(one.octets('share_secret'), one.octets('circle'), one.fields.passphrase, one.fields.cost);
    const root = hpkeOpen(pair, 'recovery/v1/seal-package', sealed);
    need(root.length === 32, 'closed');
    if (one.fields.random) remade(hpkeSeal(pair.public, 'recovery/v1/seal-package', one.octets('random'), root), sealed);
    return { root: hex(root) };
  },
  token(one) {
    const { thing, relay } = one.fields;
    const token = hkdf(one.octets('base'), `${thing}-token`, { parts: [Buffer.from(relay)] });
    return { token: hex(token), id: hex(labelled(thing, token)) };
  },
  identity(one) {
    const { signing, opening, id } = new Identity(one.octets('seed'));
    return {
      signing_key: hex(signing), sealing_key: hex(opening.public), id: hex(id),
      sealing_key_hash: hex(labelled('seal-key-hash', opening.public)),
    };
  },
  number(one) {
    const typed = texts.number(one.fields.typed);
    const secret = one.octets('secret');
    const right = {
      request: () => numberOf(one.octets('request'), secret, 'number-request'),
      drill: () => drillNumber(one.octets('drill'), secret),
      pairing: () => numberOf(labelled('pairing-hash', one.card('owner_card').octets, one.card('friend_card').octets), secret, 'number-pairing'),
    }[one.fields.of]();
    need(right === typed, 'wrong-number');
    return { number: right };
  },
  audit: (one) => auditProof(one, 'audit-receipt', 'bundle_hash'),
  'audit-challenge': (one) => auditProof(one, 'audit-challenge', 'nonce'),
  share(one) {
    const share = compact(one.octets('share'));
    const words = toWords(share);
    remade(fromWords(words), one.octets('share'));
    return { words, value: hex(share.value), header: share.header };
  },
  'share-words': (one) => ({ share: hex(fromWords(one.fields.words)) }),
  'share-set': (one) => ({ secret: hex(secretOf(one.list('shares'))) }),
  link(one) {
    const { purpose, canonical, slots, secret, request } = texts.parseLink(one.fields.text);
    return { purpose, canonical, slots: places(slots), secret: hex(secret), ...(request ? { request: hex(request) } : {}) };
  },
  armor: (one) => ({ octets: hex(texts.unarmor(one.fields.title, one.fields.text)) }),
  'relay-url': (one) => ({ canonical: texts.relayUrl(one.fields.text) }),
  'id-text': (one) => ({ octets: hex(texts.unbase64url(one.fields.text, one.fields.length)) }),
  card(one) {
    const { name, id, keys, mailboxes } = one.card('card');
    return { name, id: hex(id), signing_key: hex(keys.signing), mailboxes: places(mailboxes) };
  },
  invite(one) {
    const { purpose, secret } = texts.parseLink(one.fields.link);
    need(purpose === 'invite', 'wrong-link');
    const { card, answers, expires, passes } = openSlot(secret, 'box-invite', one.octets('slot'), records.invite);
    need(one.fields.now < expires, 'expired');
    const told = passes ? { passes: passes.map(({ relay, pass }) => ({ relay, pass: hex(pass) })) } : {};
    return { card: hex(card.octets), owner: hex(card.id), name: card.name, answers: places(answers), expires, ...told };
  },
  answer(one) {
    const signed = one.statement('answer');
    const { keys } = records.peek(signed, 'answer').card;
    const { card, proof } = records.verify(signed, 'answer', keys, one.octets('owner'));
    need(same(hkdf(one.octets('secret'), 'answer-proof', { parts: [card.octets] }), proof), 'wrong-proof');
    need(!same(card.id, one.octets('owner')), 'own');
    return { friend: hex(card.id), name: card.name, proof: hex(proof) };
  },
};
