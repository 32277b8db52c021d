/** A cuboid seen from one of its sides, with the points around it: its edges, itself and its heading can be dragged. */

import type { Loaded } from "./clouds";
import { cleared } from "./painting";
import {
  type Axis,
  type Cuboid,
  movedBy,
  stretched,
  turned,
  turnedBy,
  turnOf,
  type Vector,
  withAxis,
} from "./space-geometry";

/** @property right which axis of the cuboid points to the right, and whether it does or the other way @property turns whether a turn from right to up is one about its axis, or the other way around */
interface Side {
  right: readonly [Axis, 1 | -1];
  up: readonly [Axis, 1 | -1];
  axis: Axis;
  turns: 1 | -1;
  /** Where its handle for turning is: at its front, or above. */
  handle: "right" | "up";
}

export const SIDES = {
  top: { right: [1, -1], up: [0, 1], axis: 2, turns: 1, handle: "up" },
  side: { right: [0, 1], up: [2, 1], axis: 1, turns: -1, handle: "right" },
  front: { right: [1, 1], up: [2, 1], axis: 0, turns: 1, handle: "up" },
} as const satisfies Record<string, Side>;
export type SideName = keyof typeof SIDES;

/** Holds the cuboid that is shown. */
export interface Holder {
  readonly current: Cuboid | undefined;
  readonly color: string;
  readonly loaded: Loaded | undefined;
  /** Whether it can be turned about an axis, and changed at all. */
  turns(axis: Axis): boolean;
  readonly isFree: boolean;
  /** Show it with a change that is not final yet. */
  preview(cuboid: Cuboid): void;
  /** Make the last preview final. */
  commit(): void;
  cancel(): void;
}

const GRAB = 9;
const HANDLE = 20;
const MAX_SHOWN = 60_000;
/** The share of the view that the cuboid takes. */
const SHARE = 0.55;

interface Held {
  from: Cuboid;
  at: readonly [number, number];
  does: "move" | "turn" | { right: -1 | 0 | 1; up: -1 | 0 | 1 };
}

export class SideView {
  #zoom = 1;
  #canvas: HTMLCanvasElement | undefined;
  #held: Held | undefined;
  readonly #side: Side;

  constructor(
    name: SideName,
    private readonly holder: Holder,
  ) {
    this.#side = SIDES[name];
  }

  attach(canvas: HTMLCanvasElement): void {
    if (this.#canvas === canvas) return;
    this.#canvas = canvas;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", () => this.#up(true));
    canvas.addEventListener("pointercancel", () => this.#up(false));
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoomBy(Math.exp(-event.deltaY * 0.0015));
      },
      { passive: false },
    );
  }

  zoomBy(factor: number): void {
    this.#zoom = Math.min(Math.max(this.#zoom * factor, 0.1), 20);
    this.draw();
  }

  /** The cuboid that defines the view: during a drag, the one before it. */
  get #frame(): Cuboid | undefined {
    return this.#held?.from ?? this.holder.current;
  }

  #scale(frame: Cuboid, width: number, height: number): number {
    const { right, up } = this.#side;
    return SHARE * this.#zoom * Math.min(width / frame.size[right[0]], height / frame.size[up[0]]);
  }

  draw(): void {
    const canvas = this.#canvas;
    if (!canvas) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0 || height === 0) return;
    const context = cleared(canvas, width, height);
    const [frame, current] = [this.#frame, this.holder.current];
    if (!context || !frame || !current) return;
    const scale = this.#scale(frame, width, height);
    context.setTransform(window.devicePixelRatio, 0, 0, window.devicePixelRatio, 0, 0);
    context.translate(width / 2, height / 2);
    this.#points(context, frame, scale, width, height);
    this.#box(context, frame, current, scale);
  }

  #points(context: CanvasRenderingContext2D, frame: Cuboid, scale: number, width: number, height: number): void {
    const { loaded } = this.holder;
    if (!loaded) return;
    const { right, up, axis } = this.#side;
    let size = withAxis(frame.size, axis, frame.size[axis] + 0.4);
    size = withAxis(withAxis(size, right[0], width / scale), up[0], height / scale);
    context.fillStyle = "#9fb0c6";
    let shown = 0;
    loaded.grid.inCuboid({ ...frame, size }, (_, ...at) => {
      if (shown++ > MAX_SHOWN) return;
      context.fillRect(at[right[0]] * right[1] * scale - 1, -at[up[0]] * up[1] * scale - 1, 2, 2);
    });
  }

  /** Center of the cuboid, as the frame sees it. */
  #centerIn(frame: Cuboid, current: Cuboid): readonly [number, number] {
    const { right, up } = this.#side;
    const turn = turnOf(frame.angles);
    const away = [0, 1, 2].map((axis) => (current.center[axis] ?? 0) - (frame.center[axis] ?? 0));
    const along = (axis: Axis) =>
      [0, 1, 2].reduce((sum, row) => sum + (turn[row as Axis][axis] ?? 0) * (away[row] ?? 0), 0);
    return [along(right[0]) * right[1], along(up[0]) * up[1]];
  }

  #box(context: CanvasRenderingContext2D, frame: Cuboid, current: Cuboid, scale: number): void {
    const { right, up, axis, turns } = this.#side;
    const [x, y] = this.#centerIn(frame, current);
    context.translate(x * scale, -y * scale);
    if (this.#held?.does === "turn") context.rotate(-this.#turnedBy * turns);
    const [half, tall] = [(current.size[right[0]] * scale) / 2, (current.size[up[0]] * scale) / 2];
    context.strokeStyle = this.holder.color;
    context.lineWidth = 2;
    context.strokeRect(-half, -tall, 2 * half, 2 * tall);
    if (!this.holder.isFree) return;
    context.fillStyle = "#fff";
    for (const [a, b] of [
      [-1, 0],
      [1, 0],
      [0, -1],
      [0, 1],
    ] as const)
      context.fillRect(a * half - 3, b * tall - 3, 6, 6);
    if (!this.holder.turns(axis)) return;
    const [handleX, handleY] = this.#side.handle === "right" ? [half + HANDLE, 0] : [0, -tall - HANDLE];
    context.beginPath();
    context.moveTo(this.#side.handle === "right" ? half : 0, this.#side.handle === "right" ? 0 : -tall);
    context.lineTo(handleX, handleY);
    context.stroke();
    context.beginPath();
    context.arc(handleX, handleY, 6, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
  /** How far it has been turned in this drag. */
  #turnedBy = 0;

  #at(event: PointerEvent): readonly [number, number] {
    const around = this.#canvas?.getBoundingClientRect();
    if (!around) return [0, 0];
    return [event.clientX - around.left - around.width / 2, around.top + around.height / 2 - event.clientY];
  }

  /** What is at a place, from the middle of the view. */
  #hit(cuboid: Cuboid, [x, y]: readonly [number, number]): Held["does"] | undefined {
    const canvas = this.#canvas;
    if (!canvas) return undefined;
    const { right, up, axis, handle } = this.#side;
    const scale = this.#scale(cuboid, canvas.clientWidth, canvas.clientHeight);
    const [half, tall] = [(cuboid.size[right[0]] * scale) / 2, (cuboid.size[up[0]] * scale) / 2];
    const [handleX, handleY] = handle === "right" ? [half + HANDLE, 0] : [0, tall + HANDLE];
    if (this.holder.turns(axis) && Math.hypot(x - handleX, y - handleY) <= GRAB + 3) return "turn";
    if (Math.abs(x) > half + GRAB || Math.abs(y) > tall + GRAB) return undefined;
    const near = (place: number, edge: number) =>
      Math.abs(place - edge) <= GRAB ? 1 : Math.abs(place + edge) <= GRAB ? -1 : 0;
    const sides = { right: near(x, half), up: near(y, tall) } as const;
    return sides.right || sides.up ? sides : "move";
  }

  #down(event: PointerEvent): void {
    const { current, isFree } = this.holder;
    if (!current || !isFree || event.button > 0 || this.#held) return;
    const at = this.#at(event);
    const does = this.#hit(current, at);
    if (!does) return;
    this.#canvas?.setPointerCapture(event.pointerId);
    this.#turnedBy = 0;
    this.#held = { from: current, at, does };
  }

  #move(event: PointerEvent): void {
    const held = this.#held;
    const canvas = this.#canvas;
    if (!canvas) return;
    const at = this.#at(event);
    if (!held) {
      const { current, isFree } = this.holder;
      const over = current && isFree ? this.#hit(current, at) : undefined;
      canvas.style.cursor =
        over === "turn"
          ? "grab"
          : over === "move"
            ? "move"
            : over
              ? over.right
                ? over.up
                  ? "crosshair"
                  : "ew-resize"
                : "ns-resize"
              : "";
      return;
    }
    const { from, does } = held;
    const { right, up, axis, turns } = this.#side;
    const scale = this.#scale(from, canvas.clientWidth, canvas.clientHeight);
    const [across, above] = [(at[0] - held.at[0]) / scale, (at[1] - held.at[1]) / scale];
    if (does === "turn") {
      this.#turnedBy = (Math.atan2(at[1], at[0]) - Math.atan2(held.at[1], held.at[0])) * turns;
      this.holder.preview(turnedBy(from, axis, this.#turnedBy));
    } else if (does === "move") {
      let by: Vector = withAxis([0, 0, 0], right[0], across * right[1]);
      by = withAxis(by, up[0], above * up[1]);
      this.holder.preview(movedBy(from, turned(turnOf(from.angles), by)));
    } else {
      let now = from;
      if (does.right) now = stretched(now, right[0], (does.right * right[1]) as 1 | -1, across * does.right);
      if (does.up) now = stretched(now, up[0], (does.up * up[1]) as 1 | -1, above * does.up);
      this.holder.preview(now);
    }
    this.draw();
  }

  #up(isDone: boolean): void {
    if (!this.#held) return;
    this.#held = undefined;
    this.#turnedBy = 0;
    if (isDone) this.holder.commit();
    else this.holder.cancel();
    this.draw();
  }
}
