/** Finds points by where they are on the screen. */
import type { Cloud } from "./cloud";
import type { Eye, Place } from "./eye";
import { plus, type Vector } from "./space-geometry";

export class Picker {
  #key = "";
  #cloud: Cloud | undefined;
  #places = new Float32Array(0);

  constructor(private readonly eye: Eye) {}

  /** x, y and distance of each point on the screen, one after the other; those behind the eye have no x. */
  #project(cloud: Cloud): Float32Array {
    const { eye } = this;
    const key = JSON.stringify([...eye.position, ...eye.target, eye.distance, eye.isOrthogonal, eye.width, eye.height]);
    if (key === this.#key && cloud === this.#cloud) return this.#places;
    if (this.#places.length !== 3 * cloud.count) this.#places = new Float32Array(3 * cloud.count);
    const { positions, count } = cloud;
    const [right, up, forward] = eye.axes;
    const from = eye.position.map((value, axis) => value - (cloud.origin[axis] ?? 0));
    const [a, b, c] = from as [number, number, number];
    const { scale, isOrthogonal, width, height, near } = eye;
    const places = this.#places;
    for (let at = 0; at < 3 * count; at += 3) {
      const [dx, dy, dz] = [
        (positions[at] as number) - a,
        (positions[at + 1] as number) - b,
        (positions[at + 2] as number) - c,
      ];
      const depth = forward[0] * dx + forward[1] * dy + forward[2] * dz;
      const factor = isOrthogonal ? scale : scale / depth;
      places[at] = depth > near ? width / 2 + (right[0] * dx + right[1] * dy) * factor : Number.NaN;
      places[at + 1] = height / 2 - (up[0] * dx + up[1] * dy + up[2] * dz) * factor;
      places[at + 2] = depth;
    }
    [this.#key, this.#cloud] = [key, cloud];
    return places;
  }

  /** The visible point at a place: of those within reach, one that nothing hides. */
  at([x, y]: Place, reach: number, cloud: Cloud, isSeen: (point: number) => boolean = () => true): number | undefined {
    const places = this.#project(cloud);
    let nearest: number | undefined;
    let best = Number.POSITIVE_INFINITY;
    for (let point = 0; point < cloud.count; point++) {
      const [dx, dy] = [(places[3 * point] as number) - x, (places[3 * point + 1] as number) - y];
      const apart = dx * dx + dy * dy;
      if (!(apart <= reach * reach) || !isSeen(point)) continue;
      // The distance to the eye counts most, that to the pointer a little.
      const value = (places[3 * point + 2] as number) * (1 + 0.1 * (apart / (reach * reach)));
      if (value < best) [nearest, best] = [point, value];
    }
    return nearest;
  }

  /** Visit each point that a circle on the screen passes over on a straight line. */
  along([fromX, fromY]: Place, [toX, toY]: Place, radius: number, cloud: Cloud, look: (point: number) => void): void {
    const places = this.#project(cloud);
    const [wayX, wayY] = [toX - fromX, toY - fromY];
    const square = wayX * wayX + wayY * wayY || 1;
    const reach = radius * radius;
    for (let point = 0, at = 0; point < cloud.count; point++, at += 3) {
      const x = (places[at] as number) - fromX;
      const y = (places[at + 1] as number) - fromY;
      const share = Math.min(Math.max((x * wayX + y * wayY) / square, 0), 1);
      const dx = x - share * wayX;
      const dy = y - share * wayY;
      if (dx * dx + dy * dy <= reach) look(point);
    }
  }

  /** Visit each point in a polygon on the screen. */
  inPolygon(corners: readonly Place[], cloud: Cloud, look: (point: number) => void): void {
    const places = this.#project(cloud);
    const [left, right] = [Math.min(...corners.map(([x]) => x)), Math.max(...corners.map(([x]) => x))];
    const [top, bottom] = [Math.min(...corners.map(([, y]) => y)), Math.max(...corners.map(([, y]) => y))];
    for (let point = 0; point < cloud.count; point++) {
      const [x, y] = [places[3 * point] as number, places[3 * point + 1] as number];
      if (x >= left && x <= right && y >= top && y <= bottom && isInside(corners, x, y)) look(point);
    }
  }
}

function isInside(corners: readonly Place[], x: number, y: number): boolean {
  let is = false;
  let before = corners[corners.length - 1] as Place;
  for (const corner of corners) {
    const crosses = corner[1] > y !== before[1] > y;
    if (crosses && x < ((before[0] - corner[0]) * (y - corner[1])) / (before[1] - corner[1]) + corner[0]) is = !is;
    before = corner;
  }
  return is;
}

/** Where a point of a cloud is in the world. */
export function placeOf({ positions, origin }: Cloud, point: number): Vector {
  return plus(origin, [
    positions[3 * point] as number,
    positions[3 * point + 1] as number,
    positions[3 * point + 2] as number,
  ]);
}
