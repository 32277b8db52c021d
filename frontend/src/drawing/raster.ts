/** Which pixels a brush or a polygon covers: those whose centers are inside. */
import type { Point } from "./plane-geometry";

/** Takes the pixels of a row, from one up to the one before another. */
export type Span = (row: number, from: number, to: number) => void;

/** Tolerance for rounding errors. */
const TINY = 1e-6;

/** Where a brush is when the pointer is at a place: in the middle of a pixel, or on a corner if its size is even. */
export function brushPlace([x, y]: Point, size: number): Point {
  return size % 2 === 1 ? [Math.floor(x) + 0.5, Math.floor(y) + 0.5] : [Math.round(x), Math.round(y)];
}

/** What a round brush covers on its way from one place to another. @param size its width in pixels */
export function strokeSpans(from: Point, to: Point, size: number, height: number, span: Span): void {
  const radius = size / 2;
  const [across, down] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(across, down);
  const aside: Point = length === 0 ? [0, 0] : [(-down / length) * radius, (across / length) * radius];
  const band: Point[] = [
    [from[0] + aside[0], from[1] + aside[1]],
    [to[0] + aside[0], to[1] + aside[1]],
    [to[0] - aside[0], to[1] - aside[1]],
    [from[0] - aside[0], from[1] - aside[1]],
  ];
  const first = Math.max(Math.floor(Math.min(from[1], to[1]) - radius), 0);
  const last = Math.min(Math.ceil(Math.max(from[1], to[1]) + radius), height - 1);
  for (let row = first; row <= last; row++) {
    const middle = row + 0.5;
    let [left, right] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const [x, y] of [from, to]) {
      const square = radius * radius - (middle - y) ** 2;
      if (square < -TINY) continue;
      const half = Math.sqrt(Math.max(square, 0));
      [left, right] = [Math.min(left, x - half), Math.max(right, x + half)];
    }
    // The brush is convex, so a row has no gap between its ends.
    for (const x of crossings(band, middle)) [left, right] = [Math.min(left, x), Math.max(right, x)];
    if (left <= right + TINY) span(row, Math.ceil(left - 0.5 - TINY), Math.floor(right - 0.5 + TINY) + 1);
  }
}

/** What lies inside a polygon; where it crosses itself, what is inside twice is outside. */
export function polygonSpans(points: readonly Point[], height: number, span: Span): void {
  const rows = points.map(([, y]) => y);
  const last = Math.min(Math.ceil(Math.max(...rows)), height);
  for (let row = Math.max(Math.floor(Math.min(...rows)), 0); row < last; row++) {
    const borders = crossings(points, row + 0.5).sort((first, second) => first - second);
    for (let at = 1; at < borders.length; at += 2)
      span(row, Math.ceil((borders[at - 1] as number) - 0.5), Math.ceil((borders[at] as number) - 0.5));
  }
}

/** Where the sides of a polygon cross a horizontal line. */
function crossings(points: readonly Point[], y: number): number[] {
  const crossed: number[] = [];
  let from = points.at(-1);
  for (const to of points) {
    if (from && from[1] > y !== to[1] > y)
      crossed.push(from[0] + ((y - from[1]) / (to[1] - from[1])) * (to[0] - from[0]));
    from = to;
  }
  return crossed;
}
