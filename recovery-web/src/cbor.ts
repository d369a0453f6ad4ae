// CBOR (RFC 8949), as much of it as goes to the module and comes back: null, booleans, whole numbers from 0 up, text,
// octets, lists, and maps with text for keys. Anything else is an error: it would be a fault of this page.

const HEADS = { number: 0, octets: 2, text: 3, list: 4, map: 5, simple: 7 } as const;

/** A value of the boundary, as octets. */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  write(value, parts);
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function head(kind: number, value: number): Uint8Array {
  const major = kind << 5;
  if (value < 24) return Uint8Array.of(major | value);
  const [size, width] = value < 0x100 ? [24, 1] : value < 0x1_0000 ? [25, 2] : value < 0x1_0000_0000 ? [26, 4] : [27, 8];
  const octets = new Uint8Array(1 + width);
  octets[0] = major | size;
  for (let at = width, rest = value; at > 0; at -= 1, rest = Math.floor(rest / 256)) octets[at] = rest % 256;
  return octets;
}

function write(value: unknown, to: Uint8Array[]): void {
  if (value === null) to.push(head(HEADS.simple, 22));
  else if (typeof value === 'boolean') to.push(head(HEADS.simple, value ? 21 : 20));
  else if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) to.push(head(HEADS.number, value));
  else if (typeof value === 'string') {
    const octets = new TextEncoder().encode(value);
    to.push(head(HEADS.text, octets.length), octets);
  } else if (value instanceof Uint8Array) to.push(head(HEADS.octets, value.length), value);
  else if (Array.isArray(value)) {
    to.push(head(HEADS.list, value.length));
    for (const one of value) write(one, to);
  } else if (typeof value === 'object') {
    const entries = Object.entries(value);
    to.push(head(HEADS.map, entries.length));
    for (const [key, one] of entries) {
      write(key, to);
      write(one, to);
    }
  } else throw new TypeError(typeof value);
}

/** The value that octets stand for. Nothing may follow it. */
export function decode(octets: Uint8Array): unknown {
  let at = 0;
  const take = (length: number) => {
    if (length > octets.length - at) throw new RangeError();
    at += length;
    return octets.subarray(at - length, at);
  };
  const size = (low: number) => {
    if (low < 24) return low;
    if (low > 27) throw new RangeError();
    const value = take(1 << (low - 24)).reduce((sum, octet) => sum * 256 + octet, 0);
    if (!Number.isSafeInteger(value)) throw new RangeError();
    return value;
  };
  const read = (): unknown => {
    const first = take(1)[0] ?? 0;
    const [kind, low] = [first >> 5, first & 31];
    if (kind === HEADS.simple && low === 22) return null;
    if (kind === HEADS.simple && (low === 20 || low === 21)) return low === 21;
    const value = size(low);
    if (kind === HEADS.number) return value;
    if (kind === HEADS.octets) return take(value).slice();
    if (kind === HEADS.text) return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(take(value));
    if (kind !== HEADS.list && kind !== HEADS.map) throw new TypeError();
    if (value > octets.length) throw new RangeError();
    if (kind === HEADS.list) return Array.from({ length: value }, read);
    return Object.fromEntries(Array.from({ length: value }, () => [String(read()), read()]));
  };
  const value = read();
  if (at !== octets.length) throw new RangeError();
  return value;
}
