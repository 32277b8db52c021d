/** What is found by what a person marks of an object: points of it, points that are not of it, or a box around it. */
import type { MaskRequest, PackedMask } from "../mask-helper";
import { eachRun, type Mask, type Row } from "./mask";
import type { Point } from "./plane-geometry";

/** What marks an object: one begins with it, one says what else is of it, and one what is not. */
export const MARKS = ["object", "more", "less"] as const;
export type MarkTool = (typeof MARKS)[number];

interface PromptPoint {
  at: Point;
  inside: boolean;
}

/** An object that is looked for. @property box its corners at the top left and bottom right */
interface Prompt {
  points: readonly PromptPoint[];
  box: readonly [Point, Point] | undefined;
  target: Target;
}

/** Where what is found is laid. */
export interface Target {
  label: string;
  /** What it belongs to, by its number and its colour in the answer; something new if there is none. */
  own: { number: number; color: string } | undefined;
  /** The mask without what was found of it so far, and the step at which that was laid. */
  base: readonly Row[];
  step: number;
}

/** The mask that what is found is laid into. */
export interface Ground {
  readonly mask: Mask | undefined;
  readonly isHeld: boolean;
  readonly step: number;
  /** Lay it, and keep its target up to date. */
  lay(mask: PackedMask, target: Target): void;
}

export class Finder {
  #prompt: Prompt | undefined;
  /** What was found and is not laid yet. */
  readonly #arrived: (() => void)[] = [];

  constructor(
    private readonly ground: Ground,
    /** Ask for an object. @returns whether one can ask for it in this way */
    private readonly ask: (asked: MaskRequest, lay: (mask: PackedMask) => void) => boolean,
  ) {}

  /** The marks that further ones join; none once something else was done. */
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

  /** Look for an object that is marked in another way. */
  find(asked: MaskRequest, target: Target): boolean {
    return this.ask(asked, (mask) => {
      this.#arrived.push(() => this.#lay(mask, target));
      this.arrive();
    });
  }

  /** Lay what was found, once nothing else is being painted; it is a step of its own. */
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

  /** In place of what was found of the same object before, unless something else was done since. */
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
