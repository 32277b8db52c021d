/** Objects with labels in frames, whatever shape they have, and what is done with them over several frames. Nothing here is modified: each step returns new labels. */
import { isRecord } from "../attributes";

export type Attributes = Readonly<Record<string, string | number>>;

/** @property object the same for the same object in all frames; empty where objects are not tracked */
export interface LabeledObject {
  label: string;
  object: string;
  name: string;
  attributes: Attributes;
  /** Whether a person has drawn or moved it here, rather than copied, predicted or filled it in. */
  byHand: boolean;
}

/** Left, top, width and height, in pixels. */
export type BoxRect = readonly [number, number, number, number];

/** A box in a camera's picture, of an object that is also in the cloud. @property camera its number in the frame */
export interface Box extends LabeledObject {
  camera: number;
  rect: BoxRect;
}

export interface LabelsOf<T extends LabeledObject> {
  attributes: Attributes;
  marks: readonly T[];
  /** Only where boxes are linked to cuboids. */
  boxes?: readonly Box[];
}

/** The labels of all frames, by their place. */
export type SequenceOf<T extends LabeledObject> = readonly LabelsOf<T>[];

export const NO_LABELS: LabelsOf<never> = { attributes: {}, marks: [] };

export function withFrame<T extends LabeledObject>(
  sequence: SequenceOf<T>,
  place: number,
  change: Partial<LabelsOf<T>>,
): SequenceOf<T> {
  const before = sequence[place] ?? NO_LABELS;
  return sequence.with(place, { ...before, ...change });
}

export function changed<T extends LabeledObject>(
  sequence: SequenceOf<T>,
  change: (labels: LabelsOf<T>, place: number) => LabelsOf<T>,
): SequenceOf<T> {
  let result: LabelsOf<T>[] | undefined;
  for (const [place, labels] of sequence.entries()) {
    const now = change(labels, place);
    if (now === labels) continue;
    result ??= [...sequence];
    result[place] = now;
  }
  return result ?? sequence;
}

/** The places at which a person has made an object's marks. */
export function anchors(sequence: SequenceOf<LabeledObject>, object: string): number[] {
  return sequence.flatMap(({ marks }, place) =>
    marks.some((mark) => mark.object === object && mark.byHand) ? [place] : [],
  );
}

export function markOf<T extends LabeledObject>(sequence: SequenceOf<T>, place: number, object: string): T | undefined {
  return sequence[place]?.marks.find((mark) => mark.object === object);
}

function objectsOf({ marks, boxes = [] }: LabelsOf<LabeledObject>): readonly LabeledObject[] {
  return boxes.length > 0 ? [...marks, ...boxes] : marks;
}

/** Other labels of a frame, with its marks and its boxes changed in the same way. */
function eachObject<T extends LabeledObject>(
  labels: LabelsOf<T>,
  change: <S extends LabeledObject>(objects: readonly S[]) => readonly S[],
) {
  const { boxes } = labels;
  return { ...labels, marks: change(labels.marks), ...(boxes ? { boxes: change(boxes) } : {}) };
}

/** One box of each object that is in pictures alone. */
export function boxedOnly(sequence: SequenceOf<LabeledObject>): Box[] {
  const marked = new Set(sequence.flatMap(({ marks }) => marks.map(({ object }) => object)));
  const boxes = sequence.flatMap((labels) => labels.boxes ?? []).filter(({ object }) => !marked.has(object));
  return [...new Map(boxes.map((box) => [box.object, box])).values()];
}

/** One mark of each object that is not in a frame. */
export function elsewhere<T extends LabeledObject>(sequence: SequenceOf<T>, place: number): T[] {
  const here = new Set(sequence[place]?.marks.map(({ object }) => object));
  const absent = new Map<string, T>();
  for (const { marks } of sequence) {
    for (const mark of marks) if (!here.has(mark.object) && !absent.has(mark.object)) absent.set(mark.object, mark);
  }
  return [...absent.values()];
}

/** Remove an object from the frames of which `where` is true. */
export function removeObject<T extends LabeledObject>(
  sequence: SequenceOf<T>,
  object: string,
  where: (place: number) => boolean,
): SequenceOf<T> {
  return changed(sequence, (labels, place) => {
    if (!where(place)) return labels;
    if (!objectsOf(labels).some((labeled) => labeled.object === object)) return labels;
    return eachObject(labels, (objects) => objects.filter((labeled) => labeled.object !== object));
  });
}

/** Give an object another label and name, in all frames. */
export function rename<T extends LabeledObject>(
  sequence: SequenceOf<T>,
  object: string,
  change: Pick<LabeledObject, "label" | "name">,
): SequenceOf<T> {
  return changed(sequence, (labels) =>
    objectsOf(labels).some((labeled) => labeled.object === object)
      ? eachObject(labels, (objects) =>
          objects.map((labeled) => (labeled.object === object ? { ...labeled, ...change } : labeled)),
        )
      : labels,
  );
}

/** The owners of an attribute to set: marks, boxes or, without either, the frames themselves. */
export interface AttributeOwners<T extends LabeledObject> {
  marks?: (mark: T) => boolean;
  boxes?: (box: Box) => boolean;
}

/** Set an attribute, or take its value away, in some frames. */
export function setAttribute<T extends LabeledObject>(
  sequence: SequenceOf<T>,
  places: ReadonlySet<number>,
  name: string,
  value: string | number | undefined,
  whose: AttributeOwners<T>,
): SequenceOf<T> {
  const set = (before: Attributes): Attributes => {
    // In its place, so that unchanged attributes compare equal.
    if (value !== undefined) return { ...before, [name]: value };
    const { [name]: _, ...others } = before;
    return others;
  };
  return changed(sequence, (labels, place) => {
    if (!places.has(place)) return labels;
    const { marks, boxes } = labels;
    if (!whose.marks && !whose.boxes) return { ...labels, attributes: set(labels.attributes) };
    const each = <S extends LabeledObject>(objects: readonly S[], is: (labeled: S) => boolean) =>
      objects.map((labeled) => (is(labeled) ? { ...labeled, attributes: set(labeled.attributes) } : labeled));
    return {
      ...labels,
      ...(whose.marks ? { marks: each(marks, whose.marks) } : {}),
      ...(whose.boxes && boxes ? { boxes: each(boxes, whose.boxes) } : {}),
    };
  });
}

/** The first name of a label that no object has yet. */
export function freeName(sequence: SequenceOf<LabeledObject>, label: string): string {
  const taken = new Set(sequence.flatMap((labels) => objectsOf(labels).map(({ name }) => name)));
  let number = 1;
  while (taken.has(`${label}:${number}`)) number++;
  return `${label}:${number}`;
}

/** The number of an object as a person has written it, as its name; undefined if it is not a number, or is taken. */
export function nameOf(
  sequence: SequenceOf<LabeledObject>,
  { label, object }: LabeledObject,
  text: string,
): string | undefined {
  const name = `${label}:${text}`;
  const isTaken = sequence.some((labels) =>
    objectsOf(labels).some((labeled) => labeled.name === name && labeled.object !== object),
  );
  return /^[1-9]\d{0,8}$/.test(text) && !isTaken ? name : undefined;
}

/** Frames by number, such as `2-5,8-10,20`, both ends of a range included; undefined if the text is wrong. */
export function readRanges(text: string): number[] | undefined {
  const numbers: number[] = [];
  for (const part of text.split(",")) {
    const range = /^\s*(\d{1,9})\s*(?:[-–]\s*(\d{1,9})\s*)?$/.exec(part);
    if (!range) return undefined;
    const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (last < first || last - first > 100_000) return undefined;
    for (let number = first; number <= last; number++) numbers.push(number);
  }
  return numbers;
}

export function attributesOf(given: unknown): Attributes {
  return isRecord(given) ? (given as Attributes) : {};
}

/** The id of a new object: a UUID, even on a page without https. */
export function newId(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 15) | 64;
  bytes[8] = ((bytes[8] ?? 0) & 63) | 128;
  const text = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
