/** Shapes in a sequence of frames, and what is done with them over several frames. */
import { isRecord } from "../attributes";
import type { Kind, Shape } from "../drawing/kinds";
import type { Point } from "../drawing/plane-geometry";
import { restored, type StoredDraft, shortened } from "./draft";
import {
  anchors,
  attributesOf,
  changed,
  type LabeledObject,
  type LabelsOf,
  markOf,
  NO_LABELS,
  type SequenceOf,
} from "./objects";

/** A shape in a frame. */
export interface ShapeMark extends Shape, LabeledObject {
  name: string;
}
export type ShapeLabels = LabelsOf<ShapeMark>;
export type ShapeSequence = SequenceOf<ShapeMark>;

/** Which marks something is done with. */
export type Chosen = (mark: ShapeMark) => boolean;

/** Put a mark into a frame, unless a person has made one of the same object there. @param tracks whether objects have ids */
function put(labels: ShapeLabels, mark: ShapeMark, tracks: boolean): ShapeLabels {
  const same = labels.marks.findIndex((known) => (tracks ? known.object === mark.object : isSame(known, mark)));
  if (same < 0) return { ...labels, marks: [...labels.marks, mark] };
  if (!tracks || labels.marks[same]?.byHand) return labels;
  return { ...labels, marks: labels.marks.with(same, mark) };
}

function isSame(first: ShapeMark, second: ShapeMark): boolean {
  return first.label === second.label && JSON.stringify(first.points) === JSON.stringify(second.points);
}

/** Copy marks of a frame into others. */
export function copyTo(
  sequence: ShapeSequence,
  from: number,
  places: readonly number[],
  chosen: Chosen,
  tracks: boolean,
): ShapeSequence {
  const marks = (sequence[from]?.marks ?? []).filter(chosen).map((mark) => ({ ...mark, byHand: false }));
  const into = new Set(places);
  if (marks.length === 0) return sequence;
  return changed(sequence, (labels, place) =>
    into.has(place) && place !== from ? marks.reduce((now, mark) => put(now, mark, tracks), labels) : labels,
  );
}

/** Predict marks in the next frame: they move on as they did from the frame before. */
export function predict(
  sequence: ShapeSequence,
  from: number,
  chosen: Chosen,
  tracks: boolean,
  inward: (points: readonly Point[]) => readonly Point[],
): ShapeSequence {
  const before = sequence[from - 1]?.marks ?? [];
  const predicted = (sequence[from]?.marks ?? []).filter(chosen).map((mark): ShapeMark => {
    const last = tracks ? before.find((known) => known.object === mark.object) : nearest(before, mark);
    const points = last?.points.length === mark.points.length ? onward(last.points, mark.points) : mark.points;
    return { ...mark, points: inward(points), byHand: false };
  });
  const next = sequence[from + 1];
  if (!next) return sequence;
  // Without ids, what was predicted before stays: it may have been moved since.
  const room = tracks ? predicted : predicted.filter((mark) => !next.marks.some((known) => isNear(known, mark)));
  return room.length === 0
    ? sequence
    : sequence.with(
        from + 1,
        room.reduce((now, mark) => put(now, mark, tracks), next),
      );
}

function onward(before: readonly Point[], now: readonly Point[]): Point[] {
  return now.map(([x, y], place) => {
    const [left, top] = before[place] ?? [x, y];
    return [Math.round(2 * x - left), Math.round(2 * y - top)] as const;
  });
}

/** The mark of the same label that overlaps most with another one. */
function nearest(marks: readonly ShapeMark[], to: ShapeMark): ShapeMark | undefined {
  let best: ShapeMark | undefined;
  let most = 0.3;
  for (const mark of marks) {
    const overlap = mark.label === to.label ? overlapOf(mark.points, to.points) : 0;
    if (overlap > most) [best, most] = [mark, overlap];
  }
  return best;
}

function isNear(first: ShapeMark, second: ShapeMark): boolean {
  return first.label === second.label && overlapOf(first.points, second.points) > 0.5;
}

/** The Jaccard index of two boxes. */
export function overlapOf(first: readonly Point[], second: readonly Point[]): number {
  const [start, end, from, to] = [first[0], first[1], second[0], second[1]];
  if (!start || !end || !from || !to) return 0;
  const across = Math.min(end[0], to[0]) - Math.max(start[0], from[0]);
  const down = Math.min(end[1], to[1]) - Math.max(start[1], from[1]);
  const both = Math.max(across, 0) * Math.max(down, 0);
  return both / ((end[0] - start[0]) * (end[1] - start[1]) + (to[0] - from[0]) * (to[1] - from[1]) - both);
}

/** Draw an object in all frames between those in which a person has drawn it, on a straight line from one to the next. */
export function fillBetween(sequence: ShapeSequence, object: string, only?: (place: number) => boolean): ShapeSequence {
  const places = anchors(sequence, object);
  let now = sequence;
  for (const [number, from] of places.entries()) {
    const to = places[number + 1];
    const [start, end] = [markOf(sequence, from, object), to === undefined ? undefined : markOf(sequence, to, object)];
    if (to === undefined || !start || !end || start.points.length !== end.points.length) continue;
    for (let place = from + 1; place < to; place++) {
      if (only && !only(place)) continue;
      const share = (place - from) / (to - from);
      const points = start.points.map(([x, y], at) => {
        const [right, bottom] = end.points[at] ?? [x, y];
        return [Math.round(x + (right - x) * share), Math.round(y + (bottom - y) * share)] as const;
      });
      now = now.with(place, put(now[place] ?? NO_LABELS, { ...start, points, byHand: false }, true));
    }
  }
  return now;
}

/** A person has moved an object in a frame: what was filled in around it follows. */
export function follow(sequence: ShapeSequence, object: string, at: number): ShapeSequence {
  const places = anchors(sequence, object);
  const [from, to] = [places.findLast((place) => place < at) ?? at, places.find((place) => place > at) ?? at];
  return fillBetween(sequence, object, (place) => {
    const mark = markOf(sequence, place, object);
    return place > from && place < to && mark !== undefined && !mark.byHand;
  });
}

// Labels as written in answers and drafts

/** A frame as the service knows it. */
export interface FrameFile {
  number: number;
  name: string;
  src: string;
}

/** The frames of an answer; those without labels are left out. */
export function toAnswer(sequence: ShapeSequence, files: readonly FrameFile[], kind: Kind, tracks: boolean): unknown[] {
  return sequence.flatMap(({ attributes, marks }, place) => {
    const file = files[place];
    if (!file || (marks.length === 0 && Object.keys(attributes).length === 0)) return [];
    const shapes = marks.map((mark) => ({
      label: mark.label,
      ...(tracks ? { objectId: mark.object, objectName: mark.name } : {}),
      labelCategoryAttributes: mark.attributes,
      ...kind.write(mark.points),
    }));
    return [{ frameNumber: file.number, frame: file.name, frameAttributes: attributes, [kind.list]: shapes }];
  });
}

export function fromAnswer(given: unknown, files: readonly FrameFile[], kind: Kind): ShapeSequence {
  const frames = isRecord(given) && Array.isArray(given.frames) ? given.frames.filter(isRecord) : [];
  const known = new Map(frames.map((frame) => [frame.frameNumber, frame]));
  return files.map((file) => {
    const frame = known.get(file.number);
    const listed = Array.isArray(frame?.[kind.list]) ? (frame[kind.list] as unknown[]).filter(isRecord) : [];
    const marks = listed.flatMap((entry): ShapeMark[] => {
      const points = kind.read(entry);
      if (!points) return [];
      return [
        {
          label: String(entry.label),
          points,
          object: String(entry.objectId ?? ""),
          name: String(entry.objectName ?? entry.label),
          attributes: attributesOf(entry.labelCategoryAttributes),
          byHand: true,
        },
      ];
    });
    return { attributes: attributesOf(frame?.frameAttributes), marks };
  });
}

export function toDraft(sequence: ShapeSequence, initial: ShapeSequence): StoredDraft {
  return shortened(sequence, initial, ({ points }) => points.flat());
}

export function fromDraft(draft: unknown, initial: ShapeSequence): ShapeSequence {
  return restored(draft, initial, (labeled, numbers): ShapeMark => {
    const points = numbers.flatMap((x, at) => (at % 2 ? [] : [[x, numbers[at + 1] ?? 0] as const]));
    return { ...labeled, points };
  });
}
