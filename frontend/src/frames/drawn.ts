/** Turns what a person has drawn in a frame into marks of objects: new and moved ones are by hand. */
import type { Shape } from "../drawing/kinds";
import { freeName, NO_LABELS, newId, rename, withFrame } from "./objects";
import { follow, type ShapeLabels, type ShapeMark, type ShapeSequence } from "./sequence";

/** @property going the object of the next shape, which is only in other frames so far */
interface Tracking {
  tracks: boolean;
  going: ShapeMark | undefined;
}

/** @property isGoing whether the object that was to go on does so now @property latest the place of the mark that is new */
interface FrameChange {
  sequence: ShapeSequence;
  before: ShapeLabels;
  after: ShapeLabels;
  isGoing: boolean;
  latest: number | undefined;
}

/** The labels of a sequence, with the shapes of one frame as they are now; the same, if they are as they were. */
export function drawn(
  sequence: ShapeSequence,
  place: number,
  shapes: readonly Shape[],
  drawing: Tracking,
): FrameChange {
  const before = sequence[place] ?? NO_LABELS;
  const marks: ShapeMark[] = [];
  let moved: ShapeMark | undefined;
  for (const shape of shapes) {
    const now = asMark(shape, sequence, place, marks, drawing);
    // What is only hidden has not been moved.
    if (!before.marks.some((mark) => isWhere(mark, now))) moved = now;
    marks.push(now);
  }
  const after = { ...before, marks };
  const { going, tracks } = drawing;
  const isGoing = going !== undefined && marks.some((mark) => isIt(mark, going) && !before.marks.includes(mark));
  const isSame = marks.length === before.marks.length && marks.every((mark, at) => mark === before.marks[at]);
  if (isSame) return { sequence, before, after: before, isGoing, latest: undefined };
  const latest = marks.length > before.marks.length ? marks.length - 1 : undefined;
  const now = withFrame(sequence, place, { marks });
  return { sequence: tracks && moved ? taken(now, before, moved, place) : now, before, after, isGoing, latest };
}

/** The object has its label in all frames, and what was filled in around it follows. */
function taken(sequence: ShapeSequence, before: ShapeLabels, moved: ShapeMark, place: number): ShapeSequence {
  const { object, label } = moved;
  const isRelabeled = before.marks.some((mark) => mark.object === object && mark.label !== label);
  if (!isRelabeled) return follow(sequence, object, place);
  return rename(sequence, object, { label, name: freeName(sequence, label) });
}

function asMark(
  shape: Shape,
  sequence: ShapeSequence,
  place: number,
  others: readonly ShapeMark[],
  { tracks, going }: Tracking,
): ShapeMark {
  const known = shape as Partial<ShapeMark> & Shape;
  const before = sequence[place]?.marks ?? [];
  if (known.attributes && before.includes(known as ShapeMark)) return known as ShapeMark;
  const mark: ShapeMark = {
    label: shape.label,
    points: shape.points,
    object: known.object ?? "",
    name: known.name ?? shape.label,
    attributes: known.attributes ?? {},
    byHand: true,
    ...(shape.hidden ? { hidden: true } : {}),
  };
  const twin = before.find((there) => isWhere(there, mark));
  // Only its visibility has changed.
  if (known.attributes && twin) return { ...mark, byHand: twin.byHand };
  if (!tracks) return { ...mark, name: mark.label };
  if (mark.object) return mark;
  if (going?.label === mark.label && ![...before, ...others].some((there) => isIt(there, going))) {
    // Until it is described again, it stays as it was.
    return { ...mark, object: going.object, name: going.name, attributes: going.attributes };
  }
  // Two that are drawn at once get different names.
  const name = freeName([...sequence, { attributes: {}, marks: others }], mark.label);
  return { ...mark, object: newId(), name };
}

function isIt(first: ShapeMark, second: ShapeMark): boolean {
  return first.object === second.object;
}

function isWhere(first: ShapeMark, second: ShapeMark): boolean {
  return isIt(first, second) && first.points === second.points && first.label === second.label;
}
