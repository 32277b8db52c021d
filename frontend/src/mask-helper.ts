/** Masks that the service makes: the page asks the portal for the mask of an object. */

import type { Row } from "./drawing/mask";
import { readMask } from "./drawing/mask-reader";
import type { Point, Size } from "./drawing/plane-geometry";
import { isConnected, send } from "./port";

/** In pixels of the stored picture. */
interface PixelBox {
  left: number;
  top: number;
  width: number;
  height: number;
}
/** The box around an object, and a PNG of this size in which it is white. */
export interface FoundMask extends PixelBox {
  pngImageData: string;
}
interface Spot {
  x: number;
  y: number;
}
/** What identifies the wanted object. @property inside whether the point is of the object */
export type MaskRequest = { extreme_points: Spot[] } | { box?: PixelBox; points?: (Spot & { inside: boolean })[] };
/** The ways of asking. */
export type PromptKind = "box" | "points" | "extreme_points";
/** @property rows with the number 1 for the object @property at their position */
export interface PackedMask {
  rows: readonly Row[];
  size: Size;
  at: Point;
}

/** How many points identify an object: its leftmost, topmost, rightmost and lowest, in any order. */
export const EXTREME_POINTS = 4;
const waiting = new Map<number, (answer: FoundMask | string) => void>();
let offered: readonly PromptKind[] = [];
let count = 0;
let last: Promise<unknown> = Promise.resolve();

/** Note the prompts from which the service makes masks. */
export function offerMasks(prompts: readonly PromptKind[]): void {
  offered = prompts;
}

export function canFind(prompt: PromptKind): boolean {
  return isConnected() && offered.includes(prompt);
}

/** Take an answer of the portal: a mask, or why there is none. */
export function hearMask(id: number, answer: FoundMask | string): void {
  waiting.get(id)?.(answer);
  waiting.delete(id);
}

/** The service makes one mask at a time for each person, so requests are queued. */
function ask(asked: MaskRequest): Promise<FoundMask> {
  const answer = last.then(() => askNow(asked));
  last = answer.catch(() => undefined);
  return answer;
}

async function askNow(asked: MaskRequest): Promise<FoundMask> {
  count += 1;
  const id = count;
  const answer = await new Promise<FoundMask | string>((done) => {
    waiting.set(id, done);
    send({ type: "mask", id, asked });
  });
  if (typeof answer === "string") throw new Error(answer);
  return answer;
}

/** The box around the object in a box. Throws the reason, in words, if nothing is found. */
export async function findBox([[left, top], [right, bottom]]: readonly [Point, Point]): Promise<[Point, Point]> {
  const mask = await ask({ box: { left, top, width: right - left, height: bottom - top } });
  return [
    [mask.left, mask.top],
    [mask.left + mask.width, mask.top + mask.height],
  ];
}

/** The pixels of an object. Throws the reason, in words, if it is not found. */
export async function findMask(asked: MaskRequest): Promise<PackedMask> {
  const mask = await ask(asked);
  const { left, top, width, height } = mask;
  const picture = new Image();
  picture.src = `data:image/png;base64,${mask.pngImageData}`;
  await picture.decode();
  const { rows } = await readMask(picture, { width, height }, ["#ffffff"]);
  return { rows, size: { width, height }, at: [left, top] };
}
