/** A mask as text, as drafts keep it: bytes in base64, small numbers in fewer bytes, equal rows once. */

import { isSame, type Row } from "./mask";
import type { Size } from "./plane-geometry";

const CHUNK = 0x8000;

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return btoa(text);
}

/** For each stretch of equal rows how many there are, then number and length of each run. */
export function packed(rows: readonly Row[]): string {
  const bytes: number[] = [];
  const write = (number: number) => {
    let rest = number;
    for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
    bytes.push(rest);
  };
  for (let at = 0; at < rows.length; ) {
    const row = rows[at] as Row;
    const from = at;
    while (at < rows.length && isSame(row, rows[at] as Row)) at++;
    write(at - from);
    for (const number of row) write(number);
  }
  return toBase64(Uint8Array.from(bytes));
}

/** The rows again; undefined if it was not packed from a mask of this size. */
export function unpacked(text: string, { width, height }: Size, numbers: number): Row[] | undefined {
  let bytes: string;
  try {
    bytes = atob(text);
  } catch {
    return undefined;
  }
  let place = 0;
  const read = () => {
    let [number, shift] = [0, 0];
    for (;;) {
      const byte = bytes.charCodeAt(place++);
      // There is no byte past the end, and no number is this long.
      if (Number.isNaN(byte) || shift > 28) return Number.NaN;
      number |= (byte & 0x7f) << shift;
      if (byte < 0x80) return number >>> 0;
      shift += 7;
    }
  };
  const rows: Row[] = [];
  while (rows.length < height) {
    const count = read();
    const row: number[] = [];
    for (let left = width; left > 0; ) {
      const [number, length] = [read(), read()];
      if (!(number <= numbers) || !(length > 0) || length > left) return undefined;
      row.push(number, length);
      left -= length;
    }
    if (!(count > 0) || count > height - rows.length) return undefined;
    const runs = Uint32Array.from(row);
    for (let at = 0; at < count; at++) rows.push(runs);
  }
  return place === bytes.length ? rows : undefined;
}
