/** Cuboids over the clouds of a sequence: those that people have set stay, the others follow from them. */
import { isRecord } from "../attributes";
import { restored, type StoredDraft, shortened } from "../frames/draft";
import {
  anchors,
  attributesOf,
  type Box,
  type BoxRect,
  changed,
  type LabeledObject,
  type LabelsOf,
  markOf,
  type SequenceOf,
  withFrame,
} from "../frames/objects";
import { type Cuboid, isProper, LEAST, minus, plus, times, type Vector, wrapped } from "./space-geometry";

/** A cuboid with its label in a frame. */
export interface CuboidMark extends LabeledObject {
  cuboid: Cuboid;
}
export type CuboidLabels = LabelsOf<CuboidMark>;
export type CuboidSequence = SequenceOf<CuboidMark>;

/** Most cuboids in one frame. */
export const MAX_CUBOIDS = 500;

/** A frame as the service knows it. @property time when it was recorded, in seconds */
export interface CloudFile {
  number: number;
  name: string;
  src: string;
  format: string;
  time: number;
  images: readonly unknown[];
}

/** A cuboid between two others, or beyond them on the straight line through both. */
function between(first: Cuboid, second: Cuboid, share: number): Cuboid {
  const on = (from: Vector, to: Vector, by: number) => plus(from, times(minus(to, from), by));
  // Objects move on, but neither grow nor turn beyond what people have set.
  const held = Math.min(Math.max(share, 0), 1);
  return {
    center: on(first.center, second.center, share),
    size: on(first.size, second.size, held).map((side) => Math.max(side, LEAST)) as unknown as Vector,
    angles: first.angles.map((angle, axis) =>
      wrapped(angle + wrapped((second.angles[axis] ?? 0) - angle) * held),
    ) as unknown as Vector,
  };
}

/** Where an object is at a time, by the frames in which a person has set it. */
function at(known: readonly { time: number; cuboid: Cuboid }[], time: number): Cuboid | undefined {
  const [first, second] = known;
  if (!first) return undefined;
  if (!second) return first.cuboid;
  let after = known.findIndex((anchor) => anchor.time > time);
  if (after < 0) after = known.length - 1;
  const [from, to] = [known[Math.max(after, 1) - 1] ?? first, known[Math.max(after, 1)] ?? second];
  return between(from.cuboid, to.cuboid, (time - from.time) / (to.time - from.time || 1));
}

/** Move the cuboids of an object that nobody has set by hand to where those set by hand suggest. */
export function followed(sequence: CuboidSequence, object: string, times: readonly number[]): CuboidSequence {
  const known = anchors(sequence, object).flatMap((place) => {
    const mark = markOf(sequence, place, object);
    return mark ? [{ time: times[place] ?? place, cuboid: mark.cuboid }] : [];
  });
  if (known.length === 0) return sequence;
  return changed(sequence, (labels, place) => {
    const mark = labels.marks.find((candidate) => candidate.object === object);
    const cuboid = mark && !mark.byHand ? at(known, times[place] ?? place) : undefined;
    if (!mark || !cuboid || JSON.stringify(cuboid) === JSON.stringify(mark.cuboid)) return labels;
    return { ...labels, marks: labels.marks.map((each) => (each === mark ? { ...mark, cuboid } : each)) };
  });
}

/** Put a cuboid into all frames without its object; full frames stay as they are. */
export function filled(sequence: CuboidSequence, mark: CuboidMark, where: (place: number) => boolean): CuboidSequence {
  return changed(sequence, (labels, place) => {
    const isThere = labels.marks.some(({ object }) => object === mark.object);
    if (isThere || !where(place) || labels.marks.length >= MAX_CUBOIDS) return labels;
    return { ...labels, marks: [...labels.marks, { ...mark, byHand: false }] };
  });
}

/** Set a cuboid by hand. */
export function setBy(sequence: CuboidSequence, place: number, before: CuboidMark, cuboid: Cuboid): CuboidSequence {
  const marks = sequence[place]?.marks ?? [];
  return withFrame(sequence, place, {
    marks: marks.map((mark) => (mark === before ? { ...mark, cuboid, byHand: true } : mark)),
  });
}

/** Merge two objects: in each frame the mark of the first stays, or else that of the second takes its place. */
export function merged(sequence: CuboidSequence, kept: CuboidMark, gone: string): CuboidSequence {
  const { object, label, name } = kept;
  return changed(sequence, (labels) => {
    const boxes = labels.boxes?.flatMap((box) => {
      if (box.object !== gone) return [box];
      const hasBoth = labels.boxes?.some((other) => other.object === object && other.camera === box.camera);
      return hasBoth ? [] : [{ ...box, object, label, name }];
    });
    if (![...labels.marks, ...(labels.boxes ?? [])].some((mark) => mark.object === gone)) return labels;
    const hasBoth = labels.marks.some((mark) => mark.object === object);
    return {
      ...labels,
      ...(boxes ? { boxes } : {}),
      marks: labels.marks.flatMap((mark) =>
        mark.object !== gone ? [mark] : hasBoth ? [] : [{ ...mark, object, label, name }],
      ),
    };
  });
}

// Labels as written in answers and drafts

function written({ label, name, object, cuboid, attributes }: CuboidMark, tracks: boolean): Record<string, unknown> {
  const [centerX, centerY, centerZ] = cuboid.center;
  const [length, width, height] = cuboid.size;
  const [roll, pitch, yaw] = cuboid.angles;
  return {
    objectName: name,
    label,
    ...{ centerX, centerY, centerZ, length, width, height, roll, pitch, yaw },
    labelCategoryAttributes: attributes,
    ...(tracks ? { objectId: object } : {}),
  };
}

export function toAnswer(
  sequence: CuboidSequence,
  files: readonly CloudFile[],
  tracks: boolean,
): Record<string, unknown> {
  if (!tracks) {
    const { attributes = {}, marks = [] } = sequence[0] ?? {};
    return { boundingCuboids: marks.map((mark) => written(mark, false)), frameAttributes: attributes };
  }
  return {
    frames: sequence.flatMap(({ attributes, marks, boxes = [] }, place) => {
      const file = files[place];
      if (!file || (marks.length + boxes.length === 0 && Object.keys(attributes).length === 0)) return [];
      return [
        {
          frameNumber: file.number,
          frameName: file.name,
          frameAttributes: attributes,
          boundingCuboids: marks.map((mark) => written(mark, true)),
          ...(boxes.length > 0 ? { cameras: writtenBoxes(boxes) } : {}),
        },
      ];
    }),
  };
}

/** The boxes of a frame, by camera. */
function writtenBoxes(boxes: readonly Box[]): Record<string, unknown>[] {
  const cameras = [...new Set(boxes.map(({ camera }) => camera))].toSorted((first, second) => first - second);
  return cameras.map((cameraNumber) => ({
    cameraNumber,
    boundingBoxes: boxes.flatMap(({ camera, rect: [left, top, width, height], ...labeled }) => {
      const about = { objectId: labeled.object, objectName: labeled.name, label: labeled.label };
      return camera === cameraNumber
        ? [{ ...about, labelCategoryAttributes: labeled.attributes, left, top, width, height }]
        : [];
    }),
  }));
}

/** The labels of an answer, and how many cuboids in it can't be read. */
export function fromAnswer(
  given: unknown,
  files: readonly CloudFile[],
  tracks: boolean,
): { sequence: CuboidSequence; unreadable: number } {
  const answer = isRecord(given) ? given : {};
  const listed = Array.isArray(answer.frames) ? answer.frames.filter(isRecord) : [];
  const known = new Map(listed.map((frame) => [frame.frameNumber, frame]));
  let unreadable = 0;
  const sequence = files.map((file, place): CuboidLabels => {
    const frame = tracks ? known.get(file.number) : place === 0 ? answer : undefined;
    const cuboids: unknown[] = Array.isArray(frame?.boundingCuboids) ? frame.boundingCuboids : [];
    const marks = cuboids.flatMap((cuboid) => read(cuboid, tracks));
    unreadable += cuboids.length - marks.length;
    const labels = { attributes: attributesOf(frame?.frameAttributes), marks };
    const cameras = Array.isArray(frame?.cameras) ? frame.cameras.filter(isRecord) : [];
    if (cameras.length === 0) return labels;
    const boxes = cameras.flatMap(({ cameraNumber, boundingBoxes }) => {
      const given: unknown[] = Array.isArray(boundingBoxes) ? boundingBoxes : [];
      const readable = given.flatMap((entry) => readBox(entry, cameraNumber));
      unreadable += given.length - readable.length;
      return readable;
    });
    return { ...labels, boxes };
  });
  return { sequence, unreadable };
}

function readBox(given: unknown, camera: unknown): Box[] {
  if (!isRecord(given) || typeof camera !== "number") return [];
  const rect = ["left", "top", "width", "height"].map((key) => given[key]);
  if (!rect.every((side) => typeof side === "number" && Number.isFinite(side))) return [];
  const label = String(given.label);
  const name = String(given.objectName || label);
  const labeled = { label, name, object: String(given.objectId || name), byHand: true };
  return [
    { ...labeled, attributes: attributesOf(given.labelCategoryAttributes), camera, rect: rect as unknown as BoxRect },
  ];
}

function read(given: unknown, tracks: boolean): CuboidMark[] {
  if (!isRecord(given)) return [];
  const numbers = (...keys: string[]) => keys.map((key) => (typeof given[key] === "number" ? given[key] : Number.NaN));
  const cuboid = {
    center: numbers("centerX", "centerY", "centerZ"),
    size: numbers("length", "width", "height"),
    angles: numbers("roll", "pitch", "yaw"),
  } as unknown as Cuboid;
  if (!isProper(cuboid)) return [];
  const label = String(given.label);
  const name = String(given.objectName || label);
  // Without ids, objects are identified by name.
  const object = tracks ? String(given.objectId || name) : "";
  return [{ label, name, object, cuboid, attributes: attributesOf(given.labelCategoryAttributes), byHand: true }];
}

export function toDraft(sequence: CuboidSequence, initial: CuboidSequence): StoredDraft {
  return shortened(sequence, initial, ({ cuboid }) => [...cuboid.center, ...cuboid.size, ...cuboid.angles]);
}

export function fromDraft(draft: unknown, initial: CuboidSequence): CuboidSequence {
  return restored(draft, initial, (labeled, numbers): CuboidMark | undefined => {
    const part = (from: number) => numbers.slice(from, from + 3) as unknown as Vector;
    const cuboid = { center: part(0), size: part(3), angles: part(6) };
    return isProper(cuboid) ? { ...labeled, cuboid } : undefined;
  });
}
