/** What workers can choose from in a sequence: labels, their attributes, and those of whole frames. */
import { asList, isRecord } from "../attributes";
import { box, type Kind, keypoint, polygon, polyline } from "../drawing/kinds";
import { word } from "../words";
import type { Attributes, LabeledObject, LabelsOf, SequenceOf } from "./objects";

export interface Attribute {
  name: string;
  isNumber: boolean;
  choices: readonly string[];
  least: number | undefined;
  most: number | undefined;
  description: string;
  isRequired: boolean;
  isLocked: boolean;
}

const TOOLS: Record<string, Kind> = { BoundingBox: box, Polygon: polygon, Polyline: polyline, Keypoint: keypoint };
/** Longest free text of a label's attribute, and of a frame's. */
export const MAX_CHARACTERS = { label: 80, frame: 1000 };

interface Missing {
  place: number;
  /** The attribute. */
  name: string;
  /** Whose it is: an object's name, or nothing for the frame. */
  of: string;
  mark?: number;
}

export class Categories {
  readonly kind: Kind;
  readonly labels: readonly string[];
  /** Labels whose shapes stay as they are. */
  readonly locked: ReadonlySet<string>;
  readonly ofFrames: readonly Attribute[];
  readonly #ofLabels: ReadonlyMap<string, readonly Attribute[]>;
  /** The result for the last sequence: it is asked for again and again. */
  #looked: { sequence: SequenceOf<LabeledObject>; missing: Missing | undefined } | undefined;

  /** @param document the label category file @param audits whether an earlier job's labels are shown; only those are locked */
  constructor(document: unknown, audits: boolean) {
    const given = isRecord(document) ? document : {};
    const entries = asList(given.labels).filter(isRecord);
    const shared = asList(given.categoryGlobalAttributes);
    this.kind = TOOLS[String(given.annotationType)] ?? box;
    this.labels = entries.map(({ label }) => String(label));
    this.locked = new Set(
      entries.flatMap(({ label, editsAllowed }) => (audits && editsAllowed === "none" ? [String(label)] : [])),
    );
    this.#ofLabels = new Map(
      entries.map((entry) => [
        String(entry.label),
        [...shared, ...asList(entry.categoryAttributes)].map((each) => read(each, audits)),
      ]),
    );
    this.ofFrames = asList(given.frameAttributes).map((each) => read(each, audits));
  }

  of(label: string): readonly Attribute[] {
    return this.#ofLabels.get(label) ?? [];
  }

  get needsSomething(): boolean {
    const attributes = [...this.ofFrames, ...[...this.#ofLabels.values()].flat()];
    return attributes.some(({ isRequired }) => isRequired);
  }

  /** The first place at which something required is missing, and of what: an object's name, or nothing for the frame. */
  missing(sequence: SequenceOf<LabeledObject>): Missing | undefined {
    if (this.#looked?.sequence !== sequence) this.#looked = { sequence, missing: this.#missing(sequence) };
    return this.#looked.missing;
  }

  /** The same in words; undefined if nothing is missing. @param files the frames, for their numbers */
  lack(sequence: SequenceOf<LabeledObject>, files: readonly { number: number }[]): string {
    const missing = this.missing(sequence);
    if (!missing) return "";
    const frame = files[missing.place]?.number ?? 0;
    return missing.of
      ? word("object_lacks", { frame, object: missing.of, attribute: missing.name })
      : word("frame_lacks", { frame, attribute: missing.name });
  }

  #missing(sequence: SequenceOf<LabeledObject>): Missing | undefined {
    if (!this.needsSomething) return undefined;
    for (const [place, { attributes, marks }] of sequence.entries()) {
      const name = lacking(attributes, this.ofFrames);
      if (name !== undefined) return { place, name, of: "" };
      for (const [mark, labeled] of marks.entries()) {
        const lacks = lacking(labeled.attributes, this.of(labeled.label));
        if (lacks !== undefined) return { place, name: lacks, of: labeled.name, mark };
      }
    }
    return undefined;
  }

  /** Whether what is locked is as it was. @param shape what of a mark must not change beside its label and name */
  keeps<T extends LabeledObject>(before: LabelsOf<T>, now: LabelsOf<T>, shape: (mark: T) => unknown): boolean {
    if (this.locked.size === 0 || before === now) return true;
    const held = (labels: LabelsOf<T>) =>
      JSON.stringify([
        ...labels.marks
          .filter(({ label }) => this.locked.has(label))
          .map((mark) => JSON.stringify([mark.label, shape(mark), mark.object, mark.name]))
          .sort(),
        ...(labels.boxes ?? [])
          .filter(({ label }) => this.locked.has(label))
          .map(({ label, camera, rect, object, name }) => JSON.stringify([label, camera, rect, object, name]))
          .sort(),
      ]);
    return held(before) === held(now);
  }
}

function lacking(attributes: Attributes, of: readonly Attribute[]): string | undefined {
  return of.find(({ name, isRequired }) => isRequired && (attributes[name] ?? "") === "")?.name;
}

function read(given: unknown, audits: boolean): Attribute {
  const rule = isRecord(given) ? given : {};
  const limit = (value: unknown) => (typeof value === "number" ? value : undefined);
  return {
    name: String(rule.name),
    isNumber: rule.type === "number",
    choices: asList(rule.enum).map(String),
    least: limit(rule.minimum),
    most: limit(rule.maximum),
    description: typeof rule.description === "string" ? rule.description : "",
    isRequired: rule.isRequired === true,
    isLocked: audits && rule.editsAllowed === "none",
  };
}
