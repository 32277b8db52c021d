/** Finds objects from what a person marks: points inside, points outside, or a box around an object. */
import type { MaskRequest, PackedMask } from "../mask-helper";
import { eachRun, type Mask, type Row } from "./mask";
import type { Point } from "./plane-geometry";

/** The tools that mark an object: one starts it, one adds what belongs to it, one excludes what does not. */
export const MARKS = ["object", "more", "less"] as const;
export type MarkTool = (typeof MARKS)[number];

interface PromptPoint {
  at: Point;
  inside: boolean;
}

/** An object being searched for. @property box its corners at the top left and bottom right */
interface Prompt {
  points: readonly PromptPoint[];
  box: readonly [Point, Point] | undefined;
  target: Target;
}

/** Where a found object is painted. */
export interface Target {
  label: string;
  /** The segment that it belongs to, by number and color in the answer; a new one if undefined. */
  own: { number: number; color: string } | undefined;
  /** The mask before the object was painted, and the step that painted it. */
  base: readonly Row[];
  step: number;
}

/** The mask into which found objects are painted. */
export interface Ground {
  readonly mask: Mask | undefined;
  readonly isHeld: boolean;
  readonly step: number;
  /** Paint it, and update its target. */
  lay(mask: PackedMask, target: Target): void;
}

export class Finder {
  #prompt: Prompt | undefined;
  /** Found objects that are not painted yet. */
  readonly #arrived: (() => void)[] = [];

  constructor(
    private readonly ground: Ground,
    /** Ask for an object. @returns whether one can ask for it in this way */
    private readonly ask: (asked: MaskRequest, lay: (mask: PackedMask) => void) => boolean,
  ) {}

  /** The marks that further ones add to; undefined once something else was done. */
  get prompt(): Prompt | undefined {
    return this.#prompt?.target.step === this.ground.step ? this.#prompt : undefined;
  }

  /** Begin with another object. */
  forget(): void {
    this.#prompt = undefined;
  }

  /** Mark a point. @returns whether there is an object that it can be of */
  mark(tool: MarkTool, at: Point, target: Target): boolean {
    const before = tool === "object" ? undefined : this.prompt;
    if (tool === "less" && !before) return false;
    const { points = [], box } = before ?? {};
    this.#look({ points: [...points, { at, inside: tool !== "less" }], box, target: before?.target ?? target });
    return true;
  }

  /** Mark all around an object. */
  around(box: readonly [Point, Point], target: Target): void {
    this.#look({ points: [], box, target });
  }

  /** Search for an object that was marked in another way. */
  find(asked: MaskRequest, target: Target): boolean {
    return this.ask(asked, (mask) => {
      this.#arrived.push(() => this.#lay(mask, target));
      this.arrive();
    });
  }

  /** Paint what was found, as a separate step, once nothing else is being painted. */
  arrive(): void {
    if (this.#arrived.length === 0 || this.ground.isHeld) return;
    setTimeout(() => {
      if (!this.ground.isHeld) for (const lay of this.#arrived.splice(0)) lay();
    });
  }

  #look(prompt: Prompt): void {
    const { points, box, target } = prompt;
    const asked = {
      ...(points.length > 0 ? { points: points.map(({ at: [x, y], inside }) => ({ x, y, inside })) } : {}),
      ...(box ? { box: sidesOf(box) } : {}),
    };
    if (this.find(asked, target)) this.#prompt = prompt;
  }

  /** Paint it in place of the previous result for the object, unless something else was done since. */
  #lay(laid: PackedMask, target: Target): void {
    const { mask, step } = this.ground;
    if (!mask) return;
    if (target.step !== step) target.base = [...mask.rows];
    for (const [row, runs] of target.base.entries())
      if (runs !== mask.rows[row]) eachRun(runs, (number, from, to) => mask.brush(number)(row, from, to));
    this.ground.lay(laid, target);
    target.step = this.ground.step;
  }
}

function sidesOf([[left, top], [right, bottom]]: readonly [Point, Point]) {
  return { left, top, width: right - left, height: bottom - top };
}
