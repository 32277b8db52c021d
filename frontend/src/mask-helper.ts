/** Masks that the service makes: the page asks the portal for the mask of a thing. */
import type { Point, Size } from "./drawing/geometry";
import type { Row } from "./drawing/mask";
import { readMask } from "./drawing/mask-reader";
import { isConnected, send } from "./port";

/** The box around a thing, in pixels of the stored picture, and a PNG of this size in which it is white. */
export interface MaskOfThing {
  left: number;
  top: number;
  width: number;
  height: number;
  pngImageData: string;
}
/** @property rows the thing has the number 1 @property at where they belong */
export interface Found {
  rows: readonly Row[];
  size: Size;
  at: Point;
}

/** How many points tell what is meant: its leftmost, topmost, rightmost and lowest, in any order. */
export const EXTREME_POINTS = 4;
const waiting = new Map<number, (told: MaskOfThing | string) => void>();
let isOffered = false;
let asked = 0;

/** The portal says whether it makes masks. */
export function offerMasks(offered: boolean): void {
  isOffered = offered;
}

export function canFind(): boolean {
  return isOffered && isConnected();
}

/** What the portal answers: a mask, or why there is none. */
export function hearMask(id: number, told: MaskOfThing | string): void {
  waiting.get(id)?.(told);
  waiting.delete(id);
}

/** The thing between its extreme points. Throws the reason, in words, if it is not found. */
export async function findThing(points: readonly Point[]): Promise<Found> {
  asked += 1;
  const id = asked;
  const told = await new Promise<MaskOfThing | string>((done) => {
    waiting.set(id, done);
    send({ type: "mask", id, points: points.map(([x, y]) => ({ x, y })) });
  });
  if (typeof told === "string") throw new Error(told);
  const { left, top, width, height } = told;
  const picture = new Image();
  picture.src = `data:image/png;base64,${told.pngImageData}`;
  await picture.decode();
  const { rows } = await readMask(picture, { width, height }, ["#ffffff"]);
  return { rows, size: { width, height }, at: [left, top] };
}
