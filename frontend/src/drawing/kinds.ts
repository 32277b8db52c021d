/** The kinds of shapes: how answers write them, and their handles. */
import { type Point, within } from "./plane-geometry";

/** @property points of a box its corners at the top left and bottom right, of all others their points in order */
export interface Shape {
  label: string;
  /** The text beside it, if that is not the label. */
  name?: string;
  points: readonly Point[];
  hidden?: boolean;
}

export interface Kind {
  /** The answer's list of them. */
  readonly list: string;
  /** How many points one has at least and at most. */
  readonly least: number;
  readonly most: number;
  readonly closed: boolean;
  /** Whether its sides may cross. */
  readonly mayCross: boolean;
  /** How far beyond its last pixel a picture's edge is for them. */
  readonly beyond: 0 | 1;
  /** The points of one in an answer; none if it can't be read. */
  read(given: Record<string, unknown>): Point[] | undefined;
  write(points: readonly Point[]): Record<string, unknown>;
  /** Its line, as points. */
  outline(points: readonly Point[]): readonly Point[];
  /** Its handles. */
  handles(points: readonly Point[]): readonly Point[];
  /** The points in valid form: for a box its corners, at least one pixel apart. */
  proper(points: readonly Point[]): readonly Point[];
  /** The points after a handle has been moved. */
  reshaped(points: readonly Point[], handle: number, to: Point): Point[];
}

const paths = {
  mayCross: true,
  beyond: 1,
  closed: false,
  read: (given: Record<string, unknown>) => readVertices(given.vertices),
  write: (points: readonly Point[]) => ({ vertices: points.map(([x, y]) => ({ x, y })) }),
  outline: (points: readonly Point[]) => points,
  handles: (points: readonly Point[]) => points,
  proper: (points: readonly Point[]) => points,
  reshaped: (points: readonly Point[], handle: number, to: Point) =>
    points.map((point, place) => (place === handle ? to : point)),
} as const;

export const polygon: Kind = {
  ...paths,
  list: "polygons",
  least: 3,
  most: Number.POSITIVE_INFINITY,
  closed: true,
  mayCross: false,
};
export const polyline: Kind = { ...paths, list: "polylines", least: 2, most: Number.POSITIVE_INFINITY };
export const line: Kind = { ...paths, list: "lines", least: 2, most: 2 };
export const keypoint: Kind = {
  ...paths,
  list: "keypoints",
  least: 1,
  most: 1,
  beyond: 0,
  read: (given) => readVertices([given]),
  write: ([point]) => ({ x: point?.[0], y: point?.[1] }),
};

/** Of a box's eight handles, clockwise from the top left: which edge each moves, as a place among the four, or none. */
const ACROSS = [0, undefined, 2, 2, 2, undefined, 0, 0] as const;
const DOWN = [1, 1, 1, undefined, 3, 3, 3, undefined] as const;

export const box: Kind = {
  ...paths,
  list: "boundingBoxes",
  least: 2,
  most: 2,
  closed: true,
  read({ left, top, width, height }) {
    const [x, y, across, down] = [left, top, width, height].map(pixels) as [number, number, number, number];
    if (![x, y, across, down].every(Number.isFinite) || across < 0 || down < 0) return undefined;
    return [
      [x, y],
      [x + across, y + down],
    ];
  },
  write(points) {
    const [left, top, right, bottom] = edges(points);
    return { left, top, width: exact(right - left), height: exact(bottom - top) };
  },
  outline(points) {
    const [left, top, right, bottom] = edges(points);
    return [
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ];
  },
  handles(points) {
    const all = edges(points);
    const middles = [(all[0] + all[2]) / 2, (all[1] + all[3]) / 2] as const;
    return ACROSS.map((across, place) => {
      const down = DOWN[place];
      return [across === undefined ? middles[0] : all[across], down === undefined ? middles[1] : all[down]] as const;
    });
  },
  proper([start, end]) {
    const [from, to] = [start ?? [0, 0], end ?? [0, 0]];
    const [left, top] = [Math.min(from[0], to[0]), Math.min(from[1], to[1])];
    return [
      [left, top],
      [Math.max(from[0], to[0], left + 1), Math.max(from[1], to[1], top + 1)],
    ];
  },
  reshaped(points, handle, to) {
    const all = edges(points);
    const [across, down] = [ACROSS[handle], DOWN[handle]];
    if (across !== undefined) all[across] = to[0];
    if (down !== undefined) all[down] = to[1];
    return [
      [all[0], all[1]],
      [all[2], all[3]],
    ];
  },
};

function edges(points: readonly Point[]): [number, number, number, number] {
  const [first, last] = [points[0] ?? [0, 0], points[1] ?? [0, 0]] as [Point, Point];
  return [first[0], first[1], last[0], last[1]];
}

function readVertices(given: unknown): Point[] | undefined {
  if (!Array.isArray(given) || given.length === 0) return undefined;
  const points = given.map((entry) => [pixels(entry?.x), pixels(entry?.y)] as const);
  return points.flat().every(Number.isFinite) ? points : undefined;
}

function pixels(given: unknown): number {
  return typeof given === "number" || (typeof given === "string" && given.trim()) ? Number(given) : Number.NaN;
}

/** Without rounding errors of sums. */
function exact(value: number): number {
  return Number(value.toFixed(6));
}

/** The nearest whole pixel inside a picture. */
export function whole(kind: Kind, [x, y]: Point, size: { width: number; height: number }): Point {
  const short = 1 - kind.beyond;
  return [within(Math.round(x), 0, size.width - short), within(Math.round(y), 0, size.height - short)];
}
