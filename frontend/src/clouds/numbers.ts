/** The labels of a cloud's points, a byte for each, as written in answers (zlib) and in drafts (runs). */
import { toBase64 } from "../drawing/packing";
import { MAX_POINTS } from "./cloud";

const ADLER = 65_521;
const BLOCK = 0xffff;

/** Numbers in zlib, in base64. */
export async function packed(numbers: Uint8Array): Promise<string> {
  const stream = new Blob([numbers as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream("deflate"));
  return toBase64(new Uint8Array(await new Response(stream).arrayBuffer()));
}

/** The same at once, without compression: for an answer that can't wait. */
export function packedAtOnce(numbers: Uint8Array): string {
  const blocks = Math.max(Math.ceil(numbers.length / BLOCK), 1);
  const bytes = new Uint8Array(2 + 5 * blocks + numbers.length + 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x7801);
  let at = 2;
  for (let block = 0; block < blocks; block++) {
    const part = numbers.subarray(block * BLOCK, (block + 1) * BLOCK);
    view.setUint8(at, block === blocks - 1 ? 1 : 0);
    view.setUint16(at + 1, part.length, true);
    view.setUint16(at + 3, ~part.length & 0xffff, true);
    bytes.set(part, at + 5);
    at += 5 + part.length;
  }
  let [sum, sums] = [1, 0];
  for (const number of numbers) {
    sum = (sum + number) % ADLER;
    sums = (sums + sum) % ADLER;
  }
  view.setUint32(at, ((sums << 16) | sum) >>> 0);
  return toBase64(bytes);
}

/** The numbers of an answer; undefined if it is not zlib, or has too many. */
export async function unpacked(text: string): Promise<Uint8Array | undefined> {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const parts: Uint8Array[] = [];
    let length = 0;
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > MAX_POINTS) {
        await reader.cancel();
        return undefined;
      }
      parts.push(value);
    }
    const numbers = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      numbers.set(part, at);
      at += part.length;
    }
    return numbers;
  } catch {
    return undefined;
  }
}

/** Numbers as runs, each with its length and its number, in base64. */
export function runsOf(numbers: Uint8Array): string {
  const bytes: number[] = [];
  for (let at = 0; at < numbers.length; ) {
    const from = at;
    const number = numbers[from] as number;
    while (at < numbers.length && numbers[at] === number) at++;
    let rest = at - from;
    for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
    bytes.push(rest, number);
  }
  return toBase64(Uint8Array.from(bytes));
}

/** The numbers of runs; none if there are too many. */
export function fromRuns(text: string): Uint8Array | undefined {
  let bytes: string;
  try {
    bytes = atob(text);
  } catch {
    return undefined;
  }
  const runs: [length: number, number: number][] = [];
  let all = 0;
  for (let at = 0; at < bytes.length; ) {
    let [length, shift, byte] = [0, 0, 0];
    do {
      byte = bytes.charCodeAt(at++);
      length |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte > 0x7f && shift < 35);
    const number = bytes.charCodeAt(at++);
    all += length;
    if (!(length > 0) || !(number >= 0) || all > MAX_POINTS) return undefined;
    runs.push([length, number]);
  }
  const numbers = new Uint8Array(all);
  let at = 0;
  for (const [length, number] of runs) {
    numbers.fill(number, at, at + length);
    at += length;
  }
  return numbers;
}
