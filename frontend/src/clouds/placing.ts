/** Places cuboids by the points around them. */

import type { Grid } from "./grid";
import { type Cuboid, LEAST, plus, turned, turnOf, type Vector } from "./space-geometry";

/** What is no higher above the ground than this counts as ground, in meters. */
const GROUND = 0.15;
/** How far outside of a cuboid its points are looked for, in meters. */
const AROUND = 0.3;
/** Fewest points that show where an object is. */
const FEWEST = 5;
const ROUNDS = 3;

/** The size of a label's first cuboid, in meters. */
export const FIRST_SIZE: Vector = [4, 2, 1.6];

/** Put a cuboid's lower side on the ground around it; unchanged if there are no points. */
export function onGround(cuboid: Cuboid, grid: Grid): Cuboid {
  const radius = Math.max(Math.hypot(cuboid.size[0], cuboid.size[1]) / 2 + 0.5, 1);
  const ground = grid.ground(cuboid.center, radius);
  if (ground === undefined) return cuboid;
  const [x, y] = cuboid.center;
  return { ...cuboid, center: [x, y, ground + cuboid.size[2] / 2] };
}

/** Fit a cuboid to the points in and closely around it, without the ground; undefined if there are too few. */
export function fitted(cuboid: Cuboid, grid: Grid): Cuboid | undefined {
  const isUpright = cuboid.angles[0] === 0 && cuboid.angles[1] === 0;
  const ground = isUpright ? grid.ground(cuboid.center, Math.hypot(cuboid.size[0], cuboid.size[1]) / 2 + 2) : undefined;
  // From the center, where the cuboid's z is the world's.
  const floor = ground === undefined ? Number.NEGATIVE_INFINITY : ground - cuboid.center[2] + GROUND;
  const grown = { ...cuboid, size: cuboid.size.map((side) => side + 2 * AROUND) as unknown as Vector };
  const least: [number, number, number] = [1e9, 1e9, 1e9];
  const most: [number, number, number] = [-1e9, -1e9, -1e9];
  let [count, hasGround] = [0, false];
  grid.inCuboid(grown, (_, ...at) => {
    if (at[2] < floor) {
      hasGround = true;
      return;
    }
    count++;
    for (const axis of [0, 1, 2] as const) {
      least[axis] = Math.min(least[axis], at[axis]);
      most[axis] = Math.max(most[axis], at[axis]);
    }
  });
  if (count < FEWEST) return undefined;
  // What stands on the ground reaches down to it.
  if (hasGround && least[2] < floor + 2 * GROUND) least[2] = floor - GROUND;
  const middle = least.map((low, axis) => (low + (most[axis] ?? 0)) / 2) as unknown as Vector;
  const size = least.map((low, axis) => Math.max((most[axis] ?? 0) - low, LEAST)) as unknown as Vector;
  return { ...cuboid, size, center: plus(cuboid.center, turned(turnOf(cuboid.angles), middle)) };
}

/** A cuboid on the points around a place. @param like the label's last cuboid; without one, it is sized to the points */
export function placed(at: Vector, like: Cuboid | undefined, grid: Grid): Cuboid {
  const size = like?.size ?? FIRST_SIZE;
  let cuboid = onGround({ center: at, size, angles: [0, 0, like?.angles[2] ?? 0] }, grid);
  // A click rarely hits the middle of an object.
  for (let round = 0; round < ROUNDS; round++) {
    const fit = fitted(cuboid, grid);
    if (!fit) break;
    const [x, y] = fit.center;
    cuboid = { ...cuboid, center: [x, y, cuboid.center[2]] };
    if (!like && round === ROUNDS - 1) cuboid = fit;
  }
  return cuboid;
}
