/**
 * A mask: for each pixel of a picture a number, 0 where nothing is.
 *
 * It is stored twice: as numbers, which are painted on, and by row as runs, as last settled. Rows are
 * never changed, only replaced, so that a step back needs no more than the old ones of the rows that a stroke touched.
 */
import type { Size } from "./plane-geometry";
import type { Span } from "./raster";

/** Number and length of run after run. */
export type Row = Uint32Array;

/** Pixels, from left and top up to those before right and bottom. */
export interface PixelRect {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Rows from a first one on, before and after. */
export interface Change {
  top: number;
  before: readonly Row[];
  after: readonly Row[];
}

const MAX_BYTE = 255;

export class Mask {
  /** Row after row. */
  pixels: Uint8Array | Uint16Array;
  #rows: Row[];
  /** What was painted since it was last settled, and since the last query. */
  #unsettled: PixelRect | undefined;
  #unseen: PixelRect | undefined;
  #boxes: Map<number, PixelRect> | undefined;
  /** Differs after each settled change. */
  version = 0;

  constructor(
    readonly size: Size,
    rows: readonly Row[] = blank(size),
  ) {
    this.pixels = new Uint8Array(size.width * size.height);
    this.#rows = [...blank(size)];
    this.replace({ top: 0, before: this.#rows, after: rows });
  }

  /** The rows as last settled. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  at(x: number, y: number): number {
    const { width, height } = this.size;
    return x < 0 || y < 0 || x >= width || y >= height ? 0 : (this.pixels[y * width + x] as number);
  }

  /** A function that paints a number. @param only the one number that it paints over; any if there is none */
  brush(number: number, only?: number): Span {
    this.#hold(number);
    const { width, height } = this.size;
    return (row, from, to) => {
      const [left, right] = [Math.max(from, 0), Math.min(to, width)];
      if (row < 0 || row >= height || left >= right) return;
      const start = row * width;
      const { pixels } = this;
      if (only === undefined) pixels.fill(number, start + left, start + right);
      else
        for (let at = start + left; at < start + right; at++) {
          if (pixels[at] === only) pixels[at] = number;
        }
      this.#touch({ left, top: row, right, bottom: row + 1 });
    };
  }

  /** Fill the connected area of pixels with the same number with another number. */
  fill(x: number, y: number, number: number): void {
    const { width, height } = this.size;
    const old = this.at(x, y);
    if (old === number || x < 0 || y < 0 || x >= width || y >= height) return;
    const paint = this.brush(number);
    const { pixels } = this;
    const seeds = [y * width + x];
    for (let seed = seeds.pop(); seed !== undefined; seed = seeds.pop()) {
      if (pixels[seed] !== old) continue;
      const row = Math.floor(seed / width);
      const start = row * width;
      let [left, right] = [seed, seed + 1];
      while (left > start && pixels[left - 1] === old) left--;
      while (right < start + width && pixels[right] === old) right++;
      paint(row, left - start, right - start);
      for (const other of [row - 1, row + 1]) {
        if (other < 0 || other >= height) continue;
        const aside = (other - row) * width;
        for (let at = left + aside; at < right + aside; at++) {
          // One seed for each run is enough.
          if (pixels[at] === old && (at === left + aside || pixels[at - 1] !== old)) seeds.push(at);
        }
      }
    }
  }

  /** Give all pixels of a number another one. */
  exchange(old: number, number: number): void {
    const paint = this.brush(number);
    for (const [row, runs] of this.#rows.entries())
      eachRun(runs, (value, from, to) => value === old && paint(row, from, to));
  }

  /** Settle what was painted. @returns the change, if there is any */
  settle(): Change | undefined {
    const { top, bottom } = this.#unsettled ?? { top: 0, bottom: 0 };
    this.#unsettled = undefined;
    const before = this.#rows.slice(top, bottom);
    const after = before.map((row, at) => {
      const now = this.#runsOf(top + at);
      return isSame(row, now) ? row : now;
    });
    if (after.every((row, at) => row === before[at])) return undefined;
    for (const [at, row] of after.entries()) this.#rows[top + at] = row;
    this.#renew();
    return { top, before, after };
  }

  /** Discard what was painted. */
  drop(): void {
    const { top, bottom } = this.#unsettled ?? { top: 0, bottom: 0 };
    this.#unsettled = undefined;
    for (let row = top; row < bottom; row++) this.#show(row);
  }

  /** Put other rows in place of some. */
  replace({ top, before, after }: Change): void {
    for (const [at, row] of after.entries()) {
      if (row === before[at]) continue;
      this.#rows[top + at] = row;
      this.#show(top + at);
    }
    this.#renew();
  }

  /** What was painted since the last query. */
  unseen(): PixelRect | undefined {
    const painted = this.#unseen;
    this.#unseen = undefined;
    return painted;
  }

  /** The box around all pixels of each number but 0. */
  boxes(): ReadonlyMap<number, PixelRect> {
    if (this.#boxes) return this.#boxes;
    const boxes = new Map<number, PixelRect>();
    for (const [row, runs] of this.#rows.entries()) {
      eachRun(runs, (number, left, right) => {
        if (number === 0) return;
        const more = { left, top: row, right, bottom: row + 1 };
        boxes.set(number, around(boxes.get(number), more));
      });
    }
    this.#boxes = boxes;
    return boxes;
  }

  #renew(): void {
    this.version += 1;
    this.#boxes = undefined;
  }

  #touch(more: PixelRect): void {
    this.#unsettled = around(this.#unsettled, more);
    this.#unseen = around(this.#unseen, more);
  }

  /** Repaint the pixels of a row from its runs. */
  #show(row: number): void {
    const { width } = this.size;
    const start = row * width;
    eachRun(this.#rows[row] as Row, (number, from, to) => {
      this.#hold(number);
      this.pixels.fill(number, start + from, start + to);
    });
    this.#unseen = around(this.#unseen, { left: 0, top: row, right: width, bottom: row + 1 });
  }

  #runsOf(row: number): Row {
    const { width } = this.size;
    const { pixels } = this;
    const end = (row + 1) * width;
    const runs: number[] = [];
    for (let at = row * width; at < end; ) {
      const from = at;
      const number = pixels[at] as number;
      while (at < end && pixels[at] === number) at++;
      runs.push(number, at - from);
    }
    return Uint32Array.from(runs);
  }

  /** Most masks have few numbers, so that a byte for each pixel is enough. */
  #hold(number: number): void {
    if (number > MAX_BYTE && this.pixels instanceof Uint8Array) this.pixels = Uint16Array.from(this.pixels);
  }
}

/** The rows of a mask with nothing in it. */
export function blank({ width, height }: Size): Row[] {
  return new Array<Row>(height).fill(Uint32Array.of(0, width));
}

export function eachRun(row: Row, run: (number: number, from: number, to: number) => void): void {
  let from = 0;
  for (let at = 0; at < row.length; at += 2) {
    const to = from + (row[at + 1] as number);
    run(row[at] as number, from, to);
    from = to;
  }
}

export function sameRows(some: readonly Row[], others: readonly Row[]): boolean {
  return some.length === others.length && some.every((row, at) => isSame(row, others[at] as Row));
}

export function isSame(first: Row, second: Row): boolean {
  return first === second || (first.length === second.length && first.every((value, at) => value === second[at]));
}

function around(first: PixelRect | undefined, second: PixelRect): PixelRect {
  if (!first) return second;
  return {
    left: Math.min(first.left, second.left),
    top: Math.min(first.top, second.top),
    right: Math.max(first.right, second.right),
    bottom: Math.max(first.bottom, second.bottom),
  };
}
