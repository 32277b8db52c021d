/** Boxes in pictures over the frames of a sequence: those that people have drawn stay, those in between are interpolated. */
import { type Box, type BoxRect, changed, withFrame } from "../frames/objects";
import { type CuboidLabels, type CuboidSequence, MAX_CUBOIDS } from "./tracks";

/** What identifies a box across frames: its object and its camera. */
type BoxIdentity = Pick<Box, "object" | "camera">;

function isOf(whose: BoxIdentity): (box: Box) => boolean {
  return ({ object, camera }) => object === whose.object && camera === whose.camera;
}

export function boxOf({ boxes }: CuboidLabels, whose: BoxIdentity): Box | undefined {
  return boxes?.find(isOf(whose));
}

/** The nearest places before and after one at which a person has drawn the box. */
function around(
  sequence: CuboidSequence,
  whose: BoxIdentity,
  place: number,
): [from: number | undefined, to: number | undefined] {
  const places = sequence.flatMap((labels, at) => (boxOf(labels, whose)?.byHand ? [at] : []));
  return [places.findLast((known) => known < place), places.find((known) => known > place)];
}

/** Draw a box by hand. */
export function withBox(sequence: CuboidSequence, place: number, box: Box): CuboidSequence {
  const others = (sequence[place]?.boxes ?? []).filter((drawn) => !isOf(box)(drawn));
  return withFrame(sequence, place, { boxes: [...others, { ...box, byHand: true }] });
}

/**
 * Draw a box in the frames between this one and the nearest ones in which a person has drawn it, where it is missing.
 *
 * @param has whether a frame has a picture of a camera
 */
export function boxesFilled(
  sequence: CuboidSequence,
  place: number,
  box: Box,
  has: (place: number, camera: number) => boolean,
): CuboidSequence {
  const [from = place, to = place] = around(sequence, box, place);
  return changed(sequence, (labels, at) => {
    const isBetween = at > from && at < to && at !== place;
    if (!isBetween || boxOf(labels, box) || !has(at, box.camera)) return labels;
    const boxes = labels.boxes ?? [];
    const isFull = boxes.filter(({ camera }) => camera === box.camera).length >= MAX_CUBOIDS;
    return isFull ? labels : { ...labels, boxes: [...boxes, { ...box, byHand: false }] };
  });
}

/** Move the boxes of an object that nobody has drawn by hand to where they are, by time, between those drawn by hand. */
export function boxesFollowed(sequence: CuboidSequence, object: string, times: readonly number[]): CuboidSequence {
  const drawn = new Map<number, TimedRect[]>();
  for (const [place, { boxes = [] }] of sequence.entries()) {
    for (const { camera, rect, ...box } of boxes) {
      if (box.object !== object || !box.byHand) continue;
      drawn.set(camera, [...(drawn.get(camera) ?? []), { time: times[place] ?? place, rect }]);
    }
  }
  return changed(sequence, (labels, place) => {
    const boxes = labels.boxes?.map((box) => {
      if (box.object !== object || box.byHand) return box;
      const rect = onTheWay(drawn.get(box.camera) ?? [], times[place] ?? place);
      return rect && String(rect) !== String(box.rect) ? { ...box, rect } : box;
    });
    return boxes?.some((box, at) => box !== labels.boxes?.[at]) ? { ...labels, boxes } : labels;
  });
}

interface TimedRect {
  time: number;
  rect: BoxRect;
}

function onTheWay(drawn: readonly TimedRect[], time: number): BoxRect | undefined {
  const [from, to] = [drawn.findLast((frame) => frame.time < time), drawn.find((frame) => frame.time > time)];
  if (!from || !to) return undefined;
  const share = (time - from.time) / (to.time - from.time);
  return from.rect.map((side, at) => Math.round(side + ((to.rect[at] ?? side) - side) * share)) as unknown as BoxRect;
}

/** Remove a box from a frame. Boxes around it that nobody has drawn by hand go, too, unless they are between two drawn ones. */
export function withoutBox(sequence: CuboidSequence, place: number, box: Box): CuboidSequence {
  const [from, to] = around(sequence, box, place);
  const isLoose = box.byHand && (from === undefined || to === undefined);
  const [first, last] = [from ?? -1, to ?? sequence.length];
  return changed(sequence, (labels, at) => {
    const own = boxOf(labels, box);
    const goes = at === place || (isLoose && own?.byHand === false && at > first && at < last);
    return own && goes ? { ...labels, boxes: labels.boxes?.filter((drawn) => drawn !== own) ?? [] } : labels;
  });
}
