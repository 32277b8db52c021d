/** Reads the files of point clouds, in the eight formats of Ground Truth, and says by line or byte what is wrong in them. */
import { word } from "../words";
import type { Vector } from "./space-geometry";

/** Most points that a page can show. */
export const MAX_POINTS = 10_000_000;
/** Longest text that a browser can hold, in bytes. */
const MAX_TEXT_BYTES = 400_000_000;
const MAX_FLOAT = 3.4028234e38;
const SHOWN = 40;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const FLOAT = 4;
const FIELDS: ReadonlySet<string> = new Set(["xyz", "xyzi", "xyzrgb", "xyzirgb"]);

/** A file that is not a point cloud in its format; the message is for the person. */
export class CloudError extends Error {}

export interface Cloud {
  count: number;
  /** What to add to a position for its place in the world. */
  origin: Vector;
  /** x, y and z of each point in meters, in random order: the first thousand are a fair sample. */
  positions: Float32Array;
  /** From 0 to 1, where almost all of them are between. */
  tones: Float32Array | undefined;
  /** Red, green and blue. */
  colors: Uint8Array | undefined;
  /** The places of the points in the file. */
  order: Uint32Array;
  /** The corners of the box that contains almost all points, without the farthest ones on each side. */
  least: Vector;
  most: Vector;
}

/** @param origin that of other clouds of the sequence; by default the middle of this cloud */
export function readCloud(body: ArrayBuffer, format: string, origin?: Vector): Cloud {
  const [kind, fields = ""] = format.split("/");
  if ((kind !== "binary" && kind !== "text") || !FIELDS.has(fields)) {
    throw new CloudError(word("cloud_format", { format: format.slice(0, SHOWN) }));
  }
  if (body.byteLength === 0) throw new CloudError(word("cloud_empty"));
  const values = kind === "binary" ? binaryValues(body, fields, format) : textValues(body, fields, format);
  return cloudOf(values, fields, origin);
}

type Values = Float32Array | Float64Array;

function binaryValues(body: ArrayBuffer, fields: string, format: string): Values {
  const record = FLOAT * fields.length;
  const count = body.byteLength / record;
  if (count > MAX_POINTS) throw tooMany();
  if (!Number.isInteger(count)) {
    throw new CloudError(word("cloud_size", { bytes: body.byteLength, record, format }));
  }
  const values = new Float32Array(body);
  checkValues(values, fields, (point, column) =>
    word("at_byte", { byte: point * record + FLOAT * column, point: point + 1 }),
  );
  return values;
}

function textValues(body: ArrayBuffer, fields: string, format: string): Values {
  if (body.byteLength > MAX_TEXT_BYTES) throw tooMany();
  const all = new TextDecoder("latin1").decode(body);
  const width = fields.length;
  let values = new Float64Array(Math.max(Math.ceil(all.length / 8), width));
  let [count, line, at] = [0, 0, 0];
  while (at < all.length) {
    const next = all.indexOf("\n", at);
    const end = next < 0 ? all.length : next;
    line++;
    const text = all.slice(at, end).trim();
    at = end + 1;
    if (!text) continue;
    const numbers = text.split(/[ \t\r]+/);
    if (numbers.length !== width) {
      const where = word("at_line", { line });
      throw new CloudError(`${where} ${word("cloud_columns", { count: numbers.length, format, wanted: width })}`);
    }
    if (count >= MAX_POINTS * width) throw tooMany();
    if (count + width > values.length) {
      const larger = new Float64Array(2 * values.length);
      larger.set(values);
      values = larger;
    }
    for (const [column, number] of numbers.entries()) {
      const value = NUMBER.test(number) ? Number(number) : Number.NaN;
      checkValue(value, fields[column] ?? "", number, () => word("at_line", { line }));
      values[count++] = value;
    }
  }
  if (count === 0) throw new CloudError(word("cloud_empty"));
  return values.subarray(0, count);
}

function tooMany(): CloudError {
  return new CloudError(word("cloud_many", { most: MAX_POINTS }));
}

function checkValues(values: Values, fields: string, where: (point: number, column: number) => string): void {
  const width = fields.length;
  const color = fields.indexOf("r");
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    const column = at % width;
    const isColor = color >= 0 && column >= color;
    if (Math.abs(value) <= MAX_FLOAT && !(isColor && (value < 0 || value > 255))) continue;
    const point = Math.floor(at / width);
    checkValue(value, fields[column] ?? "", String(value), () => where(point, column));
  }
}

function checkValue(value: number, field: string, text: string, where: () => string): void {
  const shown = text.slice(0, SHOWN);
  if (!(Math.abs(value) <= MAX_FLOAT)) {
    throw new CloudError(`${where()} ${word("cloud_number", { field, value: shown })}`);
  }
  if ("rgb".includes(field) && (value < 0 || value > 255)) {
    throw new CloudError(`${where()} ${word("cloud_color", { field, value: shown })}`);
  }
}

function cloudOf(values: Values, fields: string, given: Vector | undefined): Cloud {
  const width = fields.length;
  const count = values.length / width;
  const origin = given ?? middleOf(values, width);
  const order = shuffled(count);
  const positions = new Float32Array(3 * count);
  const [tone, color] = [fields.indexOf("i"), fields.indexOf("r")];
  const tones = tone < 0 ? undefined : new Float32Array(count);
  const colors = color < 0 ? undefined : new Uint8Array(3 * count);
  for (let place = 0; place < count; place++) {
    const from = (order[place] as number) * width;
    for (let axis = 0; axis < 3; axis++) {
      positions[3 * place + axis] = (values[from + axis] as number) - (origin[axis] as number);
      if (colors) colors[3 * place + axis] = Math.round(values[from + color + axis] as number);
    }
    if (tones) tones[place] = values[from + tone] as number;
  }
  if (tones) stretch(tones);
  const [least, most] = boundsOf(positions);
  return { count, origin, positions, tones, colors, order, least, most };
}

/** The middle of a cloud in whole meters: the remainders are small enough for 32-bit floats. */
function middleOf(values: Values, width: number): Vector {
  const step = Math.max(Math.floor(values.length / width / 1000), 1) * width;
  return [0, 1, 2].map((axis) => {
    const sample: number[] = [];
    for (let at = axis; at < values.length; at += step) sample.push(values[at] as number);
    return Math.round(sample.sort((a, b) => a - b)[sample.length >> 1] ?? 0);
  }) as unknown as Vector;
}

/** The numbers below a count in a random order that is always the same. */
function shuffled(count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, at) => at);
  let seed = 0x9e3779b9;
  for (let at = count - 1; at > 0; at--) {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    const other = (seed >>> 0) % (at + 1);
    const point = order[at] as number;
    order[at] = order[other] as number;
    order[other] = point;
  }
  return order;
}

const SAMPLE = 20_000;

/** Scale numbers to 0 to 1, except for a few outliers. */
function stretch(tones: Float32Array): void {
  const sample = tones.slice(0, SAMPLE).sort();
  const [least, most] = [sample[Math.floor(sample.length * 0.02)] ?? 0, sample[Math.floor(sample.length * 0.98)] ?? 1];
  const range = most - least || 1;
  for (let at = 0; at < tones.length; at++) {
    tones[at] = Math.min(Math.max(((tones[at] as number) - least) / range, 0), 1);
  }
}

function boundsOf(positions: Float32Array): [Vector, Vector] {
  const points = Math.min(positions.length / 3, SAMPLE);
  const axes = [0, 1, 2].map((axis) =>
    Float32Array.from({ length: points }, (_, at) => positions[3 * at + axis] as number).sort(),
  );
  const at = (share: number) =>
    axes.map((ax) => ax[Math.min(Math.floor(ax.length * share), ax.length - 1)] ?? 0) as unknown as Vector;
  return [at(0.005), at(0.995)];
}
