/**
 * A mask as a PNG: red, green, blue and opacity, a byte each, with exactly the colors that are given.
 *
 * A canvas can make PNGs as well, but not at once, and on some screens not in exactly these colors. A mask is mostly
 * runs, which are written as such: so it takes milliseconds where a general compressor takes half a second.
 * Formats: PNG (W3C, third edition), zlib and deflate (RFC 1950, 1951).
 */

import { eachRun, type Row } from "./mask";
import type { Size } from "./plane-geometry";

const PIXEL = 4;
const OPAQUE = 255;
/** The longest piece that deflate can repeat, and the shortest. */
const MAX_MATCH = 258;
const MIN_MATCH = 3;
const ADLER = 65_521;

/** @param colors for each number of the mask `#rrggbb`; without one it is transparent */
export function pngOf(size: Size, rows: readonly Row[], colors: readonly (string | undefined)[]): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, size.width);
  view.setUint32(4, size.height);
  // Eight bits each of red, green, blue and opacity.
  header.set([8, 6], 8);
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const parts = [
    signature,
    chunk("IHDR", header),
    chunk("IDAT", zlibOf(rows, colors)),
    chunk("IEND", new Uint8Array(0)),
  ];
  const png = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    png.set(part, at);
    at += part.length;
  }
  return png;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const made = new Uint8Array(data.length + 12);
  const view = new DataView(made.buffer);
  view.setUint32(0, data.length);
  for (let at = 0; at < 4; at++) made[4 + at] = type.charCodeAt(at);
  made.set(data, 8);
  view.setUint32(8 + data.length, crc(made.subarray(4, 8 + data.length)));
  return made;
}

const CRCS = Uint32Array.from({ length: 256 }, (_, number) => {
  let value = number;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (CRCS[(value ^ byte) & 0xff] as number) ^ (value >>> 8);
  return ~value >>> 0;
}

function zlibOf(rows: readonly Row[], colors: readonly (string | undefined)[]): Uint8Array {
  const bits = new Bits();
  bits.write(0x78, 8);
  bits.write(0x01, 8);
  bits.write(1, 1);
  bits.write(2, 2);
  writeCodes(bits);
  const pixels = new Map<number, readonly number[]>();
  const pixelOf = (number: number) => {
    const known = pixels.get(number);
    if (known) return known;
    const color = colors[number];
    const value = color === undefined ? 0 : Number.parseInt(color.slice(1), 16);
    const made = color === undefined ? [0, 0, 0, 0] : [value >> 16, (value >> 8) & 255, value & 255, OPAQUE];
    pixels.set(number, made);
    return made;
  };
  // Adler-32: the sum of all bytes, and the sum of these sums.
  let [sum, sums] = [1, 0];
  for (const row of rows) {
    // Each row says how it is to be read: as it is.
    writeSymbol(bits, 0);
    sums = (sums + sum) % ADLER;
    eachRun(row, (number, from, to) => {
      const pixel = pixelOf(number);
      const [count, total] = [to - from, pixel.reduce((all, byte) => all + byte, 0)];
      const weighted = pixel.reduce((all, byte, at) => all + byte * (PIXEL - at), 0);
      sums = (sums + count * (PIXEL * sum + weighted) + PIXEL * total * ((count * (count - 1)) / 2)) % ADLER;
      sum = (sum + count * total) % ADLER;
      for (const byte of pixel) writeSymbol(bits, byte);
      writeRepeats(bits, PIXEL * (count - 1));
    });
  }
  writeSymbol(bits, END);
  bits.flush();
  for (const value of [sums >>> 8, sums & 255, sum >>> 8, sum & 255]) bits.write(value, 8);
  return bits.bytes;
}

/** Repeat the last pixel, so many bytes in all. */
function writeRepeats(bits: Bits, length: number): void {
  for (let left = length; left > 0; ) {
    // What is left over must not be shorter than what can be repeated.
    const piece = left > MAX_MATCH && left - MAX_MATCH < MIN_MATCH ? left - MIN_MATCH : Math.min(left, MAX_MATCH);
    let code = LENGTHS.length - 1;
    while ((LENGTHS[code] as number) > piece) code--;
    writeSymbol(bits, FIRST_LENGTH + code);
    bits.write(piece - (LENGTHS[code] as number), EXTRA[code] as number);
    // There is one distance only: a pixel.
    bits.write(0, 1);
    left -= piece;
  }
}

// The code of deflate: what is most frequent in masks is shortest

const END = 256;
const FIRST_LENGTH = 257;
const SYMBOLS = 286;
/** The shortest length of each symbol for lengths, and the bits that tell which one it is. */
const EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const LENGTHS = EXTRA.map((_, at) =>
  at === EXTRA.length - 1 ? MAX_MATCH : EXTRA.slice(0, at).reduce((length, bits) => length + 2 ** bits, MIN_MATCH),
);
/** Of 2¹⁰ codes the longest repeat takes half, two bytes an eighth and a sixteenth; 37 others two each, and the rest one each. */
const BITS = Array.from({ length: SYMBOLS }, (_, symbol) => {
  if (symbol === SYMBOLS - 1) return 1;
  if (symbol === 0) return 3;
  if (symbol === OPAQUE) return 4;
  return symbol >= FIRST_LENGTH || (symbol >= 1 && symbol <= 9) ? 9 : 10;
});
const CODES = codesOf(BITS);

/** The bits for each symbol, by how many it has, as deflate counts them; the first bit is the lowest. */
function codesOf(lengths: readonly number[]): number[] {
  const codes = new Array<number>(lengths.length).fill(0);
  let code = 0;
  for (let length = 1; length <= Math.max(...lengths); length++) {
    code <<= 1;
    for (const [symbol, own] of lengths.entries()) {
      if (own === length) codes[symbol] = reversed(code++, length);
    }
  }
  return codes;
}

function reversed(code: number, length: number): number {
  let backward = 0;
  for (let bit = 0; bit < length; bit++) backward |= ((code >> bit) & 1) << (length - 1 - bit);
  return backward;
}

function writeSymbol(bits: Bits, symbol: number): void {
  bits.write(CODES[symbol] as number, BITS[symbol] as number);
}

/** Say how long the codes are. */
function writeCodes(bits: Bits): void {
  // The order in which deflate names lengths, and how many bits each of those has that occur.
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];
  const own: Record<number, number> = { 10: 1, 9: 2, 0: 3, 1: 4, 3: 5, 4: 5 };
  const lengths = Array.from({ length: 19 }, (_, length) => own[length] ?? 0);
  const codes = codesOf(lengths);
  // The fourth distance is that of a pixel.
  const distances = [0, 0, 0, 1];
  bits.write(SYMBOLS - 257, 5);
  bits.write(distances.length - 1, 5);
  bits.write(order.length - 4, 4);
  for (const length of order) bits.write(lengths[length] as number, 3);
  for (const length of [...BITS, ...distances]) bits.write(codes[length] as number, lengths[length] as number);
}

/** Bytes from bits, the lowest first. */
class Bits {
  #bytes = new Uint8Array(1 << 16);
  #count = 0;
  #held = 0;
  #heldBits = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#count);
  }

  write(value: number, count: number): void {
    this.#held |= value << this.#heldBits;
    this.#heldBits += count;
    for (; this.#heldBits >= 8; this.#heldBits -= 8) {
      this.#push(this.#held & 255);
      this.#held >>>= 8;
    }
  }

  /** Fill the last byte up. */
  flush(): void {
    if (this.#heldBits > 0) this.write(0, 8 - this.#heldBits);
  }

  #push(byte: number): void {
    if (this.#count === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#count);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#count++] = byte;
  }
}
