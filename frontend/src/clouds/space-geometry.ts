/**
 * Cuboids: x forward along the length, y to the left along the width, z up along the height. One is turned about z by
 * the yaw, then about its own y by the pitch, then about its own x by the roll, all counter-clockwise.
 */

export type Vector = readonly [number, number, number];
/** The rows of a rotation matrix. */
export type Turn = readonly [Vector, Vector, Vector];
export type Axis = 0 | 1 | 2;

/** @property center in meters @property size length, width and height in meters @property angles roll, pitch and yaw in radians */
export interface Cuboid {
  center: Vector;
  size: Vector;
  angles: Vector;
}

/** The smallest side of a cuboid, in meters. */
export const LEAST = 0.01;
/** Largest distance from the origin, in meters. */
export const FARTHEST = 1e9;
const SIGNS = [0.5, -0.5] as const;

export function plus([a, b, c]: Vector, [x, y, z]: Vector): Vector {
  return [a + x, b + y, c + z];
}

export function minus([a, b, c]: Vector, [x, y, z]: Vector): Vector {
  return [a - x, b - y, c - z];
}

export function times([a, b, c]: Vector, factor: number): Vector {
  return [a * factor, b * factor, c * factor];
}

export function dot([a, b, c]: Vector, [x, y, z]: Vector): number {
  return a * x + b * y + c * z;
}

export function cross([a, b, c]: Vector, [x, y, z]: Vector): Vector {
  return [b * z - c * y, c * x - a * z, a * y - b * x];
}

export function withAxis(vector: Vector, axis: Axis, value: number): Vector {
  return vector.with(axis, value) as unknown as Vector;
}

export function turnOf([roll, pitch, yaw]: Vector): Turn {
  const [sr, cr, sp, cp] = [Math.sin(roll), Math.cos(roll), Math.sin(pitch), Math.cos(pitch)];
  const [sy, cy] = [Math.sin(yaw), Math.cos(yaw)];
  return [
    [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
    [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
    [-sp, cp * sr, cp * cr],
  ];
}

/** Roll, pitch and yaw of a turn. */
export function anglesOf([x, y, z]: Turn): Vector {
  // Pitch is never more than a right angle; roll and yaw do the rest.
  const pitch = Math.asin(Math.min(Math.max(-z[0], -1), 1));
  if (Math.abs(z[0]) > 1 - 1e-9) return [0, pitch, Math.atan2(-x[1], y[1])];
  return [Math.atan2(z[1], z[2]), pitch, Math.atan2(y[0], x[0])];
}

export function turned([x, y, z]: Turn, vector: Vector): Vector {
  return [dot(x, vector), dot(y, vector), dot(z, vector)];
}

export function turnedBack([x, y, z]: Turn, [a, b, c]: Vector): Vector {
  return [x[0] * a + y[0] * b + z[0] * c, x[1] * a + y[1] * b + z[1] * c, x[2] * a + y[2] * b + z[2] * c];
}

/** The turn of a quaternion x, y, z, w. */
export function turnOfQuaternion(x: number, y: number, z: number, w: number): Turn {
  const norm = Math.hypot(x, y, z, w) || 1;
  const [a, b, c, d] = [x / norm, y / norm, z / norm, w / norm];
  return [
    [1 - 2 * (b * b + c * c), 2 * (a * b - c * d), 2 * (a * c + b * d)],
    [2 * (a * b + c * d), 1 - 2 * (a * a + c * c), 2 * (b * c - a * d)],
    [2 * (a * c - b * d), 2 * (b * c + a * d), 1 - 2 * (a * a + b * b)],
  ];
}

/** Its eight corners: those of one side of each axis first. */
export function cornersOf({ center, size, angles }: Cuboid): Vector[] {
  const turn = turnOf(angles);
  return SIGNS.flatMap((x) =>
    SIGNS.flatMap((y) => SIGNS.map((z) => plus(center, turned(turn, [x * size[0], y * size[1], z * size[2]])))),
  );
}

/** The edges of a cuboid, as pairs of indexes of its corners. */
export const EDGES: readonly (readonly [number, number])[] = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((corner) =>
  [1, 2, 4].flatMap((bit) => ((corner & bit) === 0 ? [[corner, corner | bit] as const] : [])),
);

/** A point in the coordinates of the cuboid: along its length, width and height, from its center. */
export function within({ center, angles }: Cuboid, place: Vector): Vector {
  return turnedBack(turnOf(angles), minus(place, center));
}

/** How far along a ray it meets a cuboid; nothing if it does not. */
export function rayHit(cuboid: Cuboid, from: Vector, direction: Vector): number | undefined {
  const turn = turnOf(cuboid.angles);
  const start = turnedBack(turn, minus(from, cuboid.center));
  const way = turnedBack(turn, direction);
  let [near, far] = [0, Number.POSITIVE_INFINITY];
  for (const axis of [0, 1, 2] as const) {
    const half = cuboid.size[axis] / 2;
    if (Math.abs(way[axis]) < 1e-12) {
      if (Math.abs(start[axis]) > half) return undefined;
      continue;
    }
    const [first, second] = [(-half - start[axis]) / way[axis], (half - start[axis]) / way[axis]];
    near = Math.max(near, Math.min(first, second));
    far = Math.min(far, Math.max(first, second));
  }
  return near <= far ? near : undefined;
}

/** One side moved outward; the opposite side stays where it is. */
export function stretched(cuboid: Cuboid, axis: Axis, side: 1 | -1, by: number): Cuboid {
  const now = Math.max(cuboid.size[axis] + by, LEAST);
  const shift = (side * (now - cuboid.size[axis])) / 2;
  const along = turned(turnOf(cuboid.angles), withAxis([0, 0, 0], axis, shift));
  return { ...cuboid, center: plus(cuboid.center, along), size: withAxis(cuboid.size, axis, now) };
}

export function movedBy(cuboid: Cuboid, by: Vector): Cuboid {
  return { ...cuboid, center: plus(cuboid.center, by) };
}

/** Turned about one of its own axes. One that stands upright is turned about z by its yaw alone. */
export function turnedBy(cuboid: Cuboid, axis: Axis, angle: number): Cuboid {
  const { angles } = cuboid;
  if (axis === 2 && angles[0] === 0 && angles[1] === 0)
    return { ...cuboid, angles: [0, 0, wrapped(angles[2] + angle)] };
  const turn = turnOf(angles);
  const own = turnOf(withAxis([0, 0, 0], axis, angle));
  const columns = ([0, 1, 2] as const).map((at) => turned(turn, [own[0][at], own[1][at], own[2][at]])) as [
    Vector,
    Vector,
    Vector,
  ];
  const both = ([0, 1, 2] as const).map((at) => [columns[0][at], columns[1][at], columns[2][at]] as Vector);
  return { ...cuboid, angles: anglesOf(both as unknown as Turn) };
}

/** An angle between −π and π. */
export function wrapped(angle: number): number {
  const rest = (angle + Math.PI) % (2 * Math.PI);
  return (rest < 0 ? rest + 2 * Math.PI : rest) - Math.PI;
}

/** Whether it can be in an answer. */
export function isProper({ center, size, angles }: Cuboid): boolean {
  return (
    [...center, ...angles].every((value) => Math.abs(value) <= FARTHEST) &&
    size.every((value) => value > 0 && value <= FARTHEST)
  );
}

/** The half extents of the upright box around a cuboid. */
export function extentOf({ size, angles }: Cuboid): Vector {
  const turn = turnOf(angles);
  return turn.map((row) => row.reduce((sum, value, axis) => sum + (Math.abs(value) * (size[axis] ?? 0)) / 2, 0)) as [
    number,
    number,
    number,
  ];
}
