// Pictures of codes: as a photo, and as what a camera sees.

import { deflateSync } from 'node:zlib';

const SIDE = 640;

/** The modules of a code that a terminal shows in half blocks; true is dark. Around it is light. */
export function ofTerminal(text) {
  const lines = text.split('\n').filter((line) => /^[ \u2580\u2584\u2588]{20,}$/.test(line));
  const halves = lines.flatMap((line) => [
    [...line].map((block) => block === '\u2580' || block === '\u2588'),
    [...line].map((block) => block === '\u2584' || block === '\u2588'),
  ]);
  const light = halves[0][0];
  return halves.map((row) => row.map((half) => half !== light));
}

/** Grey values of a square picture with the code in its middle; without one it is white. */
function pixels(modules) {
  const grey = Buffer.alloc(SIDE * SIDE, 235);
  const size = Math.floor((SIDE * 0.8) / Math.max(modules.length, 1));
  const edge = Math.floor((SIDE - size * modules.length) / 2);
  modules.forEach((row, y) => row.forEach((dark, x) => {
    if (!dark) return;
    for (let line = 0; line < size; line += 1) {
      const from = (edge + y * size + line) * SIDE + edge + x * size;
      grey.fill(16, from, from + size);
    }
  }));
  return grey;
}

/** What a camera sees: a film that is the same picture ten times a second. */
export function film(modules) {
  const colour = Buffer.alloc((SIDE * SIDE) / 2, 128);
  const frame = Buffer.concat([Buffer.from('FRAME\n'), pixels(modules), colour]);
  return Buffer.concat([Buffer.from(`YUV4MPEG2 W${SIDE} H${SIDE} F10:1 Ip A1:1 C420jpeg\n`), ...Array(10).fill(frame)]);
}

/** A photo, as PNG. */
export function photo(modules) {
  const grey = pixels(modules);
  const rows = Buffer.concat(Array.from({ length: SIDE }, (_, y) =>
    Buffer.concat([Buffer.of(0), grey.subarray(y * SIDE, (y + 1) * SIDE)])));
  const head = Buffer.alloc(13);
  head.writeUInt32BE(SIDE, 0);
  head.writeUInt32BE(SIDE, 4);
  head[8] = 8; // Grey, 8 bits.
  const parts = [['IHDR', head], ['IDAT', deflateSync(rows)], ['IEND', Buffer.alloc(0)]].map(([name, content]) => {
    const body = Buffer.concat([Buffer.from(name), content]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    return Buffer.concat([length, body, checksum(body)]);
  });
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts]);
}

/** CRC-32. */
function checksum(octets) {
  let value = 0xffffffff;
  for (const octet of octets) {
    value ^= octet;
    for (let bit = 0; bit < 8; bit += 1) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  const out = Buffer.alloc(4);
  out.writeUInt32BE((value ^ 0xffffffff) >>> 0);
  return out;
}
