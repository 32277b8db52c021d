/** What a page of frames begins with: what it is given, and the draft of unfinished work. */
import { isRecord } from "../attributes";
import type { Attributes, Box, LabelsOf, Rect, SequenceOf, Thing } from "./things";

/** What the script holds that the attribute `data` of an element names; nothing while it is not there. */
export function given(host: Element): (Record<string, unknown> & { frames: Record<string, unknown>[] }) | undefined {
  const text = document.getElementById(host.getAttribute("data") ?? "")?.textContent;
  if (!text) return undefined;
  const found: unknown = JSON.parse(text);
  if (!isRecord(found) || !Array.isArray(found.frames)) return undefined;
  return { ...found, frames: found.frames.filter(isRecord) };
}

/** What is kept of a mark: its thing, the numbers of its shape, whether by hand, attributes if there are any. */
type KeptMark = [thing: number, numbers: number[], byHand: 0 | 1, attributes?: Attributes];

/** What is kept of a box: its thing, its camera, its place, whether by hand, attributes if there are any. */
type KeptBox = [thing: number, camera: number, rect: Rect, byHand: 0 | 1, attributes?: Attributes];

export interface Kept {
  /** Label, id and name of each thing. */
  things: [string, string, string][];
  frames: Record<number, { marks?: KeptMark[]; boxes?: KeptBox[]; attributes?: Attributes }>;
}

/** A short form of what differs from the labels that the work began with. */
export function shortened<T extends Thing>(
  sequence: SequenceOf<T>,
  initial: SequenceOf<T>,
  numbersOf: (mark: T) => number[],
): Kept {
  const things: Kept["things"] = [];
  const places = new Map<string, number>();
  const thing = ({ label, object, name }: Thing): number => {
    const key = JSON.stringify([label, object, name]);
    const place = places.get(key) ?? things.push([label, object, name]) - 1;
    places.set(key, place);
    return place;
  };
  const frames: Kept["frames"] = {};
  for (const [place, labels] of sequence.entries()) {
    if (labels === initial[place]) continue;
    const more = (one: Thing): [] | [Attributes] => (Object.keys(one.attributes).length > 0 ? [one.attributes] : []);
    const marks = labels.marks.map((one): KeptMark => [thing(one), numbersOf(one), one.byHand ? 1 : 0, ...more(one)]);
    const boxes = labels.boxes?.map(
      (one): KeptBox => [thing(one), one.camera, one.rect, one.byHand ? 1 : 0, ...more(one)],
    );
    frames[place] = { marks, attributes: labels.attributes, ...(boxes ? { boxes } : {}) };
  }
  return { things, frames };
}

/** The labels of a draft. @param markOf a mark of a thing with a shape; nothing if the numbers are of none */
export function restored<T extends Thing>(
  draft: unknown,
  initial: SequenceOf<T>,
  markOf: (thing: Thing, numbers: readonly number[]) => T | undefined,
): SequenceOf<T> {
  if (!isRecord(draft) || !isRecord(draft.frames) || !Array.isArray(draft.things)) return initial;
  const kept = draft as unknown as Kept;
  return initial.map((before, place): LabelsOf<T> => {
    const frame = kept.frames[place];
    if (!frame) return before;
    const marks = (frame.marks ?? []).flatMap(([thing, numbers, byHand, attributes = {}]) => {
      const [label, object, name] = kept.things[thing] ?? ["", "", ""];
      return markOf({ label, object, name, attributes, byHand: byHand === 1 }, numbers) ?? [];
    });
    const boxes = frame.boxes?.map(([thing, camera, rect, byHand, attributes = {}]): Box => {
      const [label, object, name] = kept.things[thing] ?? ["", "", ""];
      return { label, object, name, attributes, byHand: byHand === 1, camera, rect };
    });
    return { attributes: frame.attributes ?? {}, marks, ...(boxes ? { boxes } : {}) };
  });
}
