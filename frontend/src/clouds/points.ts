/** Which label each point of a cloud has, as a person paints it, step by step. */
import { Journal } from "../drawing/journal";
import type { Cloud } from "./cloud";

/** Points whose number has changed. */
interface NumberStep {
  points: Uint32Array;
  before: Uint8Array;
  after: number;
}

/** What a point and its number take in memory. */
const BYTES = 5;

export class PointNumbers {
  /** In the order of the cloud that is shown. */
  readonly shown: Uint8Array;
  /** How many points have each number. */
  readonly counts = new Uint32Array(256);
  readonly #steps = new Journal<NumberStep>();
  /** What this stroke has changed so far. */
  #stroke = new Map<number, number>();
  #after = 0;
  /** Differs after each change. */
  version = 0;

  /** @param given in the order of the file; none if nothing is labeled */
  constructor(
    private readonly cloud: Cloud,
    private readonly given: Uint8Array | undefined,
  ) {
    this.shown = new Uint8Array(cloud.count);
    this.load(given);
  }

  /** Take numbers in the order of the file, and forget all steps. */
  load(given: Uint8Array | undefined): void {
    const { order, count } = this.cloud;
    for (let point = 0; point < count; point++) this.shown[point] = given?.[order[point] as number] ?? 0;
    this.#recount();
    this.#steps.clear();
    this.#stroke.clear();
  }

  /** The numbers in the order of the file. */
  get inFile(): Uint8Array {
    const numbers = new Uint8Array(this.cloud.count);
    const { order } = this.cloud;
    for (let point = 0; point < numbers.length; point++) numbers[order[point] as number] = this.shown[point] as number;
    return numbers;
  }

  get isModified(): boolean {
    const { order, count } = this.cloud;
    for (let point = 0; point < count; point++) {
      if (this.shown[point] !== (this.given?.[order[point] as number] ?? 0)) return true;
    }
    return false;
  }

  get step(): number {
    return this.#steps.id;
  }

  #recount(): void {
    this.counts.fill(0);
    for (const number of this.shown) this.counts[number] = (this.counts[number] as number) + 1;
    this.version++;
  }

  /** Give a point a number, as part of a stroke. */
  set(point: number, number: number): void {
    const before = this.shown[point] as number;
    if (before === number) return;
    if (!this.#stroke.has(point)) this.#stroke.set(point, before);
    this.#after = number;
    this.shown[point] = number;
    this.counts[before] = (this.counts[before] as number) - 1;
    this.counts[number] = (this.counts[number] as number) + 1;
    this.version++;
  }

  /** End the stroke as a step. @returns whether it changed something */
  end(): boolean {
    if (this.#stroke.size === 0) return false;
    const points = Uint32Array.from(this.#stroke.keys());
    const before = Uint8Array.from(this.#stroke.values());
    this.#steps.note({ points, before, after: this.#after }, BYTES * points.length);
    this.#stroke = new Map();
    return true;
  }

  /** Undo the stroke. */
  cancel(): void {
    for (const [point, before] of this.#stroke) this.shown[point] = before;
    this.#stroke = new Map();
    this.#recount();
  }

  /** Go to a step. */
  go(id: number): void {
    this.#steps.go(
      id,
      ({ points, before }) => {
        for (const [at, point] of points.entries()) this.shown[point] = before[at] as number;
      },
      ({ points, after }) => {
        for (const point of points) this.shown[point] = after;
      },
    );
    this.#recount();
  }
}
