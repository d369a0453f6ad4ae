// Every array that travels, place by place. docs/spec/wire.md.

import { boolean, decode, encode as cbor, many, name, need, octets, oneOf, otherwise, record, relay, same, uint, version } from './codec.mjs';
import { contactId, ed25519Public, labelled, verifies, xwingPublic } from './crypto.mjs';

export const KINDS = ('card answer bundle receipt request cancel approval decline alert challenge proof forget forgotten'
  + ' leave newest stop due drill drill-answer successor succession moved').split(' ');
export const LETTER_MAX = 64_395;
export const SIGNED_MAX = 65_536;

const keys = record({ signing: ed25519Public, sealing: xwingPublic });
const place = record({ relay, id: octets(32) });
export const signed = record({
  version, kind: oneOf(KINDS.length), sender: octets(16), body: octets(), signature: octets(64),
});
const cardBody = record({ version, name, keys, mailboxes: many(place) });

/** The octets of a statement that was decoded. */
export const encode = ({ version, kind, sender, body, signature }) => cbor([version, kind, sender, body, signature]);

/** What a statement's signature is over. */
export const signedOver = (kind, sender, audience, body) =>
  new Uint8Array(Buffer.concat([Buffer.from(`recovery/v1/sign-${kind}\0`), sender, audience, body]));

/** The body of a statement, unchecked. */
export function peek(statement, kind) {
  need(KINDS[statement.kind] === kind, 'wrong-kind');
  const [schema, limit] = BODIES[kind];
  return decode(statement.body, schema, limit);
}

/** The body of a statement that these keys signed for this audience. */
export function verify(statement, kind, keys, audience) {
  const body = peek(statement, kind);
  need(same(statement.sender, contactId(keys.signing, keys.sealing)), 'wrong-sender');
  const message = signedOver(kind, statement.sender, audience, statement.body);
  need(verifies(keys.signing, message, statement.signature), 'wrong-signature');
  return body;
}

/** A card that its own keys signed; the statement is kept with it. */
export function verifyCard(statement) {
  const { keys } = peek(statement, 'card');
  const body = verify(statement, 'card', keys, contactId(keys.signing, keys.sealing));
  need(body.mailboxes.length <= 8);
  return { ...body, id: statement.sender, octets: encode(statement) };
}

/** A card inside of something else: whatever is wrong with it, the whole is malformed. */
const card = (value) => otherwise('malformed', () => verifyCard(signed(value)));

const cost = record({ memory_kib: uint(32), passes: uint(32), lanes: uint(32) });
const hold = record({ delay: uint(), by: oneOf(2), holds: many(place) });
export const sealedPackage = record({ version, way: oneOf(1), sealed: octets(1_168) });
const alarmPlace = record({ relay, others: many(octets(32)) });
/** What a contact warns others with; its octets are kept for the hash. */
const alarm = (value) => ({
  ...record({ key: octets(32), own: octets(32), places: many(alarmPlace) })(value), octets: cbor(value),
});

export const pieces = record({ version, shares: many(octets()), 'container?': octets(), alarm });
const guestPass = record({ relay, pass: octets(32) });
export const invite = record({ version, card, answers: many(place), expires: uint(), 'passes?': many(guestPass) });
const answer = record({ version, card, proof: octets(32) });
const bundle = record({
  version, circle: octets(16), generation: uint(), owner: card, contact: octets(16), pieces: octets(32), package: sealedPackage,
  'passphrase?': cost, vault: many(place), vault_version: uint(), hold, made: uint(), 'live?': octets(16), alarm: octets(32),
});
const circleProof = record({ circle: octets(16), 'proof?': octets(32) });
const challenge = record({ version, circles: many(octets(16)), nonce: octets(32), made: uint() });
const proof = record({ version, nonce: octets(32), proofs: many(circleProof), made: uint() });
const drill = record({ version, id: octets(16), secret: octets(16), made: uint() });
const drillAnswer = record({ version, id: octets(16), number: boolean, proofs: many(circleProof), made: uint() });
const forget = record({ version, circles: many(octets(16)) });
const forgotten = record({ version, circles: many(octets(16)), at: uint() });
const leave = record({ version, made: uint() });
const newest = record({ version, vault_version: uint(), made: uint(), 'live?': octets(16) });
const stop = record({ version, request: octets(32), owner: card, made: uint() });
const successor = record({ version, former: keys, succession: signed });
const succession = record({ version, former: octets(16), card, request: octets(32), made: uint() });
const moved = record({ version, card, made: uint() });
export const alarms = record({ version, impostors: many(record({ request: octets(32), made: uint() })) });
const receipt = record({ version, circle: octets(16), proof: octets(32) });
const request = record({ version, card, 'device?': name, made: uint() });
const cancel = record({ version, made: uint() });
export const requestSlot = record({ version, request: signed, 'cancel?': signed });
const holding = record({ bundle: signed, shares: many(octets()), 'container?': octets() });
const approval = record({
  version, request: octets(32), card, checked: oneOf(2), holdings: many(holding), 'newest?': signed, overrides: boolean,
});
const decline = record({ version, request: octets(32), card, 'bundle?': signed });
const due = record({ version, request: octets(32), card, bundle: signed, at: uint() });
const alert = record({ version, request: signed, what: oneOf(6), made: uint(), 'reason?': name, 'due?': uint() });
export const letter = record({ version, signed, 'attachment?': octets() });

const BODIES = {
  card: [cardBody, 8_192], answer: [answer, 4_096], bundle: [bundle, 16_384], receipt: [receipt, 256], request: [request, 4_096],
  cancel: [cancel, 64], approval: [approval, LETTER_MAX], decline: [decline, 16_384], alert: [alert, 8_192],
  challenge: [challenge, 256], proof: [proof, 512], forget: [forget, 256], forgotten: [forgotten, 256], leave: [leave, 64],
  newest: [newest, 64], stop: [stop, 4_096], due: [due, 16_384], drill: [drill, 256], 'drill-answer': [drillAnswer, 512],
  successor: [successor, 12_288], succession: [succession, 8_192], moved: [moved, 8_192],
};

const inbox = record({ base: octets(32), relays: many(relay) });
const contact = record({
  name, card, rivals: many(card), inbox, secret: octets(16), verified: boolean, removed: boolean, seen: uint(), left: boolean,
  told: record({ number: uint(), at: uint() }),
});
const group = record({ 'name?': name, threshold: uint(8), members: many(octets(16)) });
/** Groups that can be completed, and no group of several of whom one suffices. */
const policy = (value) => {
  const checked = record({ needed: uint(8), groups: many(group) })(value);
  need(checked.groups.length >= 1 && checked.groups.length <= 16 && checked.needed >= 1 && checked.needed <= checked.groups.length);
  for (const { members, threshold } of checked.groups) {
    need(members.length >= 1 && members.length <= 16 && threshold >= 1 && threshold <= members.length);
    need(threshold > 1 || members.length === 1);
  }
  return checked;
};
const asked = record({ nonce: octets(32), at: uint() });
const member = record({
  id: octets(16), audit: octets(32), bundle: octets(32), state: oneOf(3), sent: uint(), 'proved?': uint(), 'asked?': asked,
});
const circle = record({
  id: octets(16), generation: uint(), policy, package: sealedPackage, 'passphrase?': cost, hold, members: many(member),
  made: uint(), stage: oneOf(3), 'root?': record({ key: octets(32), slot: octets(32) }), holds: octets(32),
});
const deletion = record({ contact: octets(16), 'at?': uint() });
const retired = record({ id: octets(16), generation: uint(), members: many(deletion) });
const heldBundle = record({
  signed, circle: octets(16), generation: uint(), pieces, stored: uint(), 'until?': uint(), counted: boolean,
});
const held = record({
  name, card, inbox, secret: octets(16), verified: boolean, reach: record({ 'way?': name, 'second?': name, 'question?': name }),
  bundles: many(heldBundle), seen: uint(), 'newest?': signed, stopped: many(record({ request: octets(32), made: uint() })),
  asked: uint(), forgotten: many(octets(16)),
});
export const vault = record({
  version, number: uint(), changed: uint(), profile: record({ name, seed: octets(32), relays: many(relay) }), slot: octets(32),
  entries: many(record({ label: name, content: octets(), added: uint() })), contacts: many(contact), circles: many(circle),
  held: many(held), generation: uint(), retired: many(retired),
});

export const piecesHash = (shares) => labelled('pieces-hash', cbor(shares));
