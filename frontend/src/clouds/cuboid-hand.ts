/** What a pointer does with the cuboid that is selected: Ctrl changes its size, Alt moves it, Shift turns it. */

import type { Eye, Place } from "./eye";
import {
  type Axis,
  type Cuboid,
  movedBy,
  plus,
  stretched,
  times,
  turned,
  turnedBy,
  turnOf,
  type Vector,
  withAxis,
} from "./space-geometry";
import type { StageHand } from "./stage";

/** Owns the cuboids in the scene. */
export interface Owner {
  readonly eye: Eye;
  /** The selected one, if it may be changed. */
  readonly free: Cuboid | undefined;
  preview(cuboid: Cuboid): void;
  commit(): void;
  cancel(): void;
  click(at: Place, isSelecting: boolean): void;
}

/** In views flatter than this, in radians, objects move in the plane of the screen. */
const FLAT = 0.2;
const TURN = 0.01;

export class CuboidHand implements StageHand {
  /** What the cuboid becomes when the pointer is somewhere. */
  #change: ((at: Place) => Cuboid) | undefined;

  constructor(private readonly owner: Owner) {}

  down(at: Place, event: PointerEvent): boolean {
    const { free } = this.owner;
    if (!free) return false;
    if (event.ctrlKey || event.metaKey) this.#change = this.#stretch(free, at);
    else if (event.altKey) this.#change = event.shiftKey ? this.#lift(free, at) : this.#shift(free, at);
    else if (event.shiftKey) this.#change = (to) => turnedBy(free, 2, (to[0] - at[0]) * TURN);
    return this.#change !== undefined;
  }

  move(at: Place): void {
    if (this.#change) this.owner.preview(this.#change(at));
  }

  up(): void {
    if (!this.#change) return;
    this.#change = undefined;
    this.owner.commit();
  }

  cancel(): void {
    if (!this.#change) return;
    this.#change = undefined;
    this.owner.cancel();
  }

  click(at: Place, event: PointerEvent): void {
    this.owner.click(at, event.ctrlKey || event.metaKey);
  }

  hover(): void {}

  /** Over the ground. */
  #shift(cuboid: Cuboid, at: Place): (to: Place) => Cuboid {
    const { eye } = this.owner;
    const [, , forward] = eye.axes;
    const normal: Vector = Math.abs(eye.elevation) > FLAT ? [0, 0, 1] : forward;
    const start = eye.onPlane(at, cuboid.center, normal);
    return (to) => {
      const end = start && eye.onPlane(to, cuboid.center, normal);
      return end && start ? movedBy(cuboid, [end[0] - start[0], end[1] - start[1], end[2] - start[2]]) : cuboid;
    };
  }

  /** Up or down. */
  #lift(cuboid: Cuboid, at: Place): (to: Place) => Cuboid {
    const scale = this.#pixelsAt(cuboid.center);
    return (to) => movedBy(cuboid, [0, 0, (at[1] - to[1]) / scale]);
  }

  #pixelsAt(place: Vector): number {
    const { eye } = this.owner;
    const depth = eye.projector()(...place)[2];
    return eye.isOrthogonal ? eye.scale : eye.scale / Math.max(depth, eye.near);
  }

  /** The side that is nearest to the pointer follows it. */
  #stretch(cuboid: Cuboid, at: Place): ((to: Place) => Cuboid) | undefined {
    const project = this.owner.eye.projector();
    const turn = turnOf(cuboid.angles);
    let face: { axis: Axis; side: 1 | -1; way: readonly [number, number] } | undefined;
    let nearest = Number.POSITIVE_INFINITY;
    for (const axis of [0, 1, 2] as const) {
      for (const side of [1, -1] as const) {
        const outward = turned(turn, withAxis([0, 0, 0], axis, side));
        const middle = plus(cuboid.center, times(outward, cuboid.size[axis] / 2));
        const [x, y] = project(...middle);
        const [farX, farY] = project(...plus(middle, times(outward, 0.1)));
        const way = [(farX - x) * 10, (farY - y) * 10] as const;
        const apart = Math.hypot(x - at[0], y - at[1]);
        // An axis that points to the eye has no direction on the screen.
        if (Math.hypot(...way) < 2 || !(apart < nearest)) continue;
        [face, nearest] = [{ axis, side, way }, apart];
      }
    }
    if (!face) return undefined;
    const { axis, side, way } = face;
    const square = way[0] ** 2 + way[1] ** 2;
    return (to) => stretched(cuboid, axis, side, ((to[0] - at[0]) * way[0] + (to[1] - at[1]) * way[1]) / square);
  }
}
