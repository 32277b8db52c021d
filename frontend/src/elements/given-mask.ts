/** The masks that a segmentation is given and stores, with the meaning of their colors. */
import { asList, isRecord, labelText } from "../attributes";
import { freeColor, sixDigits, unlike } from "../colors";
import type { Segment } from "../drawing/mask-editor";
import { unpacked } from "../drawing/packing";
import type { Point, Size } from "../drawing/plane-geometry";

/** Readers that drop opacity read empty pixels as black. */
export const EMPTY = "#000000";

/** Twice the limit of Ground Truth. */
const MAX_PIXELS = 200_000_000;

/** @property rows the mask, packed; segments by number, gaps included */
export interface StoredMask {
  size: [width: number, height: number];
  segments: ([label: string, color: string] | null)[];
  rows: string;
  path?: [string, readonly Point[]];
}

/** Ground Truth's name for the pixels without a label in its own masks. */
const BACKGROUND = "BACKGROUND";

/** What the colors of a given mask mean; each color means one thing. */
export function segmentsIn(value: unknown, hasInstances: boolean, labels: readonly string[]): Segment[] {
  const { labelMappings, instances } = isRecord(value) ? value : {};
  const pairs: [unknown, unknown][] = hasInstances
    ? asList(instances).map((instance) =>
        isRecord(instance) ? [instance.label, instance.color] : [undefined, undefined],
      )
    : Object.entries(isRecord(labelMappings) ? labelMappings : {}).map(([label, mapping]) => [
        label,
        isRecord(mapping) ? mapping.color : mapping,
      ]);
  const taken = new Set<string>();
  return pairs.flatMap(([label, given]) => {
    const color = typeof given === "string" ? sixDigits(given) : undefined;
    if (label === undefined || !color || taken.has(color)) return [];
    if (label === BACKGROUND && !labels.includes(BACKGROUND)) return [];
    taken.add(color);
    return [{ label: labelText(label), color }];
  });
}

/** The colors of all labels: as they are given, as the template wants them, or as Ground Truth gives them in their order. */
export function labelColors(labels: readonly string[], own: unknown, given: readonly Segment[]): Map<string, string> {
  const colors = new Map(given.map(({ label, color }) => [label, color]));
  const taken = new Set([EMPTY, ...colors.values()]);
  const set = (label: string, color: string) => {
    colors.set(label, color);
    taken.add(color);
  };
  const wanted = asList(own).map((color) => (typeof color === "string" ? sixDigits(color) : undefined));
  for (const [place, label] of labels.entries()) {
    const color = wanted[place];
    if (color && !colors.has(label)) set(label, unlike(color, taken));
  }
  for (const [place, label] of labels.entries()) {
    if (colors.has(label)) continue;
    const usual = freeColor(place, { has: () => false });
    set(label, taken.has(usual) ? freeColor(labels.length, taken) : usual);
  }
  return colors;
}

/** Where the mask of an initial value or an answer is. */
export function addressIn(value: unknown): string | undefined {
  if (!isRecord(value)) return undefined;
  const png = isRecord(value.labeledImage) ? value.labeledImage.pngImageData : undefined;
  if (typeof png === "string" && png) return `data:image/png;base64,${png}`;
  return typeof value.src === "string" && value.src ? value.src : undefined;
}

export function isSize(first: Size | undefined, second: Size): boolean {
  return first?.width === second.width && first.height === second.height;
}

/** A draft's mask; none if it is not one. */
export function readStored(state: unknown) {
  if (!isRecord(state) || !Array.isArray(state.size) || !Array.isArray(state.segments)) return undefined;
  const stored = state as unknown as StoredMask;
  const size = { width: stored.size[0], height: stored.size[1] };
  const segments = stored.segments.map((segment) =>
    segment ? { label: String(segment[0]), color: String(segment[1]) } : undefined,
  );
  if (
    !(size.width * size.height <= MAX_PIXELS) ||
    segments.some((segment) => segment && sixDigits(segment.color) !== segment.color)
  )
    return undefined;
  const rows = unpacked(String(stored.rows), size, segments.length);
  const path = stored.path && { label: stored.path[0], points: stored.path[1] };
  return rows && { size, segments, rows, ...(path ? { path } : {}) };
}
