/** The start of a page of frames: its data, and the draft of unfinished work. */
import { isRecord } from "../attributes";
import type { Attributes, Box, BoxRect, LabeledObject, LabelsOf, SequenceOf } from "./objects";

/** The content of the script that the attribute `data` of an element names; undefined until it exists. */
export function given(host: Element): (Record<string, unknown> & { frames: Record<string, unknown>[] }) | undefined {
  const text = document.getElementById(host.getAttribute("data") ?? "")?.textContent;
  if (!text) return undefined;
  const data: unknown = JSON.parse(text);
  if (!isRecord(data) || !Array.isArray(data.frames)) return undefined;
  return { ...data, frames: data.frames.filter(isRecord) };
}

/** What is kept of a mark: its object, the numbers of its shape, whether by hand, attributes if there are any. */
type KeptMark = [object: number, numbers: number[], byHand: 0 | 1, attributes?: Attributes];

/** What is kept of a box: its object, its camera, its place, whether by hand, attributes if there are any. */
type KeptBox = [object: number, camera: number, rect: BoxRect, byHand: 0 | 1, attributes?: Attributes];

export interface StoredDraft {
  /** Label, id and name of each object. */
  // biome-ignore lint/plugin: drafts are stored under this key already
  things: [string, string, string][];
  frames: Record<number, { marks?: KeptMark[]; boxes?: KeptBox[]; attributes?: Attributes }>;
}

/** A short form of what differs from the labels that the work began with. */
export function shortened<T extends LabeledObject>(
  sequence: SequenceOf<T>,
  initial: SequenceOf<T>,
  numbersOf: (mark: T) => number[],
): StoredDraft {
  const objects: StoredDraft["things"] = [];
  const places = new Map<string, number>();
  const placeOf = ({ label, object, name }: LabeledObject): number => {
    const key = JSON.stringify([label, object, name]);
    const place = places.get(key) ?? objects.push([label, object, name]) - 1;
    places.set(key, place);
    return place;
  };
  const frames: StoredDraft["frames"] = {};
  for (const [place, labels] of sequence.entries()) {
    if (labels === initial[place]) continue;
    const more = (labeledObject: LabeledObject): [] | [Attributes] =>
      Object.keys(labeledObject.attributes).length > 0 ? [labeledObject.attributes] : [];
    const marks = labels.marks.map(
      (mark): KeptMark => [placeOf(mark), numbersOf(mark), mark.byHand ? 1 : 0, ...more(mark)],
    );
    const boxes = labels.boxes?.map(
      (box): KeptBox => [placeOf(box), box.camera, box.rect, box.byHand ? 1 : 0, ...more(box)],
    );
    frames[place] = { marks, attributes: labels.attributes, ...(boxes ? { boxes } : {}) };
  }
  // biome-ignore lint/plugin: as above
  return { things: objects, frames };
}

/** The labels of a draft. @param markOf a mark of an object with a shape; nothing if the numbers are of none */
export function restored<T extends LabeledObject>(
  draft: unknown,
  initial: SequenceOf<T>,
  markOf: (labeled: LabeledObject, numbers: readonly number[]) => T | undefined,
): SequenceOf<T> {
  if (!isRecord(draft) || !isRecord(draft.frames) || !Array.isArray(draft.things)) return initial;
  const kept = draft as unknown as StoredDraft;
  return initial.map((before, place): LabelsOf<T> => {
    const frame = kept.frames[place];
    if (!frame) return before;
    const marks = (frame.marks ?? []).flatMap(([at, numbers, byHand, attributes = {}]) => {
      const [label, object, name] = kept.things[at] ?? ["", "", ""];
      return markOf({ label, object, name, attributes, byHand: byHand === 1 }, numbers) ?? [];
    });
    const boxes = frame.boxes?.map(([at, camera, rect, byHand, attributes = {}]): Box => {
      const [label, object, name] = kept.things[at] ?? ["", "", ""];
      return { label, object, name, attributes, byHand: byHand === 1, camera, rect };
    });
    return { attributes: frame.attributes ?? {}, marks, ...(boxes ? { boxes } : {}) };
  });
}
