/** Draws over the points: cuboids, measurements, and the target of the view. */

import type { Eye, SeenPlace } from "./eye";
import { type Cuboid, cornersOf, EDGES, plus, turned, turnOf, type Vector } from "./space-geometry";

type Context = CanvasRenderingContext2D;

/** @property name what is written over it @property isChosen whether its sides are filled */
export interface ShownCuboid {
  cuboid: Cuboid;
  color: string;
  name: string;
  isChosen: boolean;
  isLocked: boolean;
}

/** A canvas as large as its place, empty, with pixels of the page as units. */
export function cleared(canvas: HTMLCanvasElement, width: number, height: number): Context | null {
  const ratio = window.devicePixelRatio;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) Object.assign(canvas, { width: across, height: down });
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  context?.clearRect(0, 0, width, height);
  return context;
}

export class Painting {
  readonly #project: (x: number, y: number, z: number) => SeenPlace;

  constructor(
    private readonly context: Context,
    private readonly eye: Eye,
  ) {
    this.#project = eye.projector();
    context.lineJoin = "round";
  }

  seen([x, y, z]: Vector): SeenPlace | undefined {
    const projected = this.#project(x, y, z);
    return projected[2] > this.eye.near ? projected : undefined;
  }

  cuboid({ cuboid, color, name, isChosen, isLocked }: ShownCuboid): void {
    const { context } = this;
    const corners = cornersOf(cuboid);
    context.strokeStyle = color;
    context.lineWidth = isChosen ? 2.5 : 1.5;
    context.setLineDash(isLocked ? [4, 4] : []);
    context.beginPath();
    for (const [start, end] of EDGES) this.#line(corners[start] as Vector, corners[end] as Vector);
    context.stroke();
    context.setLineDash([]);
    if (isChosen) this.#front(corners, color);
    // An arrow to its front.
    const turn = turnOf(cuboid.angles);
    const at = (x: number, y: number) =>
      plus(cuboid.center, turned(turn, [x * cuboid.size[0], y * cuboid.size[1], -cuboid.size[2] / 2]));
    context.beginPath();
    this.#line(at(0, 0), at(0.75, 0));
    this.#line(at(0.75, 0), at(0.6, 0.15));
    this.#line(at(0.75, 0), at(0.6, -0.15));
    context.stroke();
    const top = this.seen(plus(cuboid.center, turned(turn, [0, 0, cuboid.size[2] / 2])));
    if (top && (isChosen || this.eye.scale / (this.eye.isOrthogonal ? 1 : top[2]) > 6))
      this.text(name, top[0], top[1] - 6);
  }

  /** Its front, filled a little. */
  #front(corners: readonly Vector[], color: string): void {
    const places = [0, 1, 3, 2].map((corner) => this.seen(corners[corner] as Vector));
    if (places.includes(undefined)) return;
    const { context } = this;
    context.globalAlpha = 0.25;
    context.fillStyle = color;
    context.beginPath();
    for (const place of places) if (place) context.lineTo(place[0], place[1]);
    context.fill();
    context.globalAlpha = 1;
  }

  text(text: string, x: number, y: number): void {
    const { context } = this;
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    context.lineWidth = 3;
    context.strokeStyle = "#14171c";
    context.strokeText(text, x, y);
    context.fillStyle = "#fff";
    context.fillText(text, x, y);
  }

  /** A path of points, with its length in meters. */
  ruler(points: readonly Vector[]): void {
    const { context } = this;
    context.strokeStyle = "#ffe14d";
    context.lineWidth = 2;
    context.beginPath();
    for (const [at, point] of points.entries()) {
      const before = points[at - 1];
      if (before) this.#line(before, point);
      const seen = this.seen(point);
      if (!seen) continue;
      context.moveTo(seen[0] + 4, seen[1]);
      context.arc(seen[0], seen[1], 4, 0, 2 * Math.PI);
    }
    context.stroke();
    for (const [at, point] of points.entries()) {
      const before = points[at - 1];
      const seen =
        before &&
        this.seen([0, 1, 2].map((axis) => ((before[axis] ?? 0) + (point[axis] ?? 0)) / 2) as unknown as Vector);
      if (before && seen)
        this.text(
          `${Math.hypot(...[0, 1, 2].map((axis) => (point[axis] ?? 0) - (before[axis] ?? 0))).toFixed(2)} m`,
          seen[0],
          seen[1] - 6,
        );
    }
  }

  /** A camera's view: from its position to the corners of its picture. */
  frustum(from: Vector, corners: readonly Vector[]): void {
    const { context } = this;
    context.strokeStyle = "#ffe14d";
    context.lineWidth = 1;
    context.beginPath();
    for (const [at, corner] of corners.entries()) {
      this.#line(from, corner);
      this.#line(corner, corners[(at + 1) % corners.length] as Vector);
    }
    context.stroke();
  }

  /** Where the keyboard would put something. */
  target(at: Vector): void {
    const seen = this.seen(at);
    if (!seen) return;
    const { context } = this;
    context.strokeStyle = "#fff";
    context.lineWidth = 1.5;
    context.beginPath();
    for (const [x, y] of [
      [1, 0],
      [-1, 0],
      [0, 1],
      [0, -1],
    ] as const) {
      context.moveTo(seen[0] + 3 * x, seen[1] + 3 * y);
      context.lineTo(seen[0] + 9 * x, seen[1] + 9 * y);
    }
    context.stroke();
  }

  /** A line, as far as it is in front of the eye. */
  #line(first: Vector, second: Vector): void {
    const { near } = this.eye;
    let [from, to] = [this.#project(...first), this.#project(...second)];
    if (from[2] <= near && to[2] <= near) return;
    const cut = (behind: Vector, before: Vector, depth: number, full: number) => {
      const share = (near * 1.01 - depth) / (full - depth);
      return this.#project(
        ...([0, 1, 2].map((axis) => (behind[axis] ?? 0) + ((before[axis] ?? 0) - (behind[axis] ?? 0)) * share) as [
          number,
          number,
          number,
        ]),
      );
    };
    if (from[2] <= near) from = cut(first, second, from[2], to[2]);
    else if (to[2] <= near) to = cut(second, first, to[2], from[2]);
    this.context.moveTo(from[0], from[1]);
    this.context.lineTo(to[0], to[1]);
  }
}
