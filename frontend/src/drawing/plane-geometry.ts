/** Points, lines and areas in a picture; all lengths in the picture's own pixels. */

export type Point = readonly [x: number, y: number];
export interface Size {
  width: number;
  height: number;
}

export function distance(first: Point, second: Point): number {
  return Math.hypot(first[0] - second[0], first[1] - second[1]);
}

/** The sides of a path; a closed one also has that from its last point to its first. */
export function sides(points: readonly Point[], closed: boolean): [Point, Point][] {
  const pairs: [Point, Point][] = [];
  for (let at = 1; at < points.length; at++) pairs.push([points[at - 1] as Point, points[at] as Point]);
  const [first, last] = [points[0], points.at(-1)];
  if (closed && points.length > 2 && first && last) pairs.push([last, first]);
  return pairs;
}

/** How far a point is from the line of a path, or from its only point. */
export function distanceToPath(points: readonly Point[], closed: boolean, at: Point): number {
  const [only] = points;
  if (points.length === 1 && only) return distance(only, at);
  let least = Number.POSITIVE_INFINITY;
  for (const [from, to] of sides(points, closed)) least = Math.min(least, distanceToSide(from, to, at));
  return least;
}

function distanceToSide(from: Point, to: Point, at: Point): number {
  const [x, y] = [to[0] - from[0], to[1] - from[1]];
  const square = x * x + y * y;
  const share = square === 0 ? 0 : ((at[0] - from[0]) * x + (at[1] - from[1]) * y) / square;
  const near = Math.min(Math.max(share, 0), 1);
  return distance([from[0] + near * x, from[1] + near * y], at);
}

/** Whether a point lies inside a closed path. */
export function isInside(points: readonly Point[], [x, y]: Point): boolean {
  let inside = false;
  for (const [from, to] of sides(points, true)) {
    if (from[1] > y === to[1] > y) continue;
    if (x < ((to[0] - from[0]) * (y - from[1])) / (to[1] - from[1]) + from[0]) inside = !inside;
  }
  return inside;
}

/** The size of the area inside a closed path. */
export function area(points: readonly Point[]): number {
  return Math.abs(sides(points, true).reduce((sum, [from, to]) => sum + from[0] * to[1] - to[0] * from[1], 0)) / 2;
}

/** Whether any two sides of a path cross or touch; neighbors only share their point. */
export function crossesItself(points: readonly Point[], closed: boolean): boolean {
  const all = sides(points, closed);
  const spans = all.map(([[from], [to]], place) => ({ place, from: Math.min(from, to), to: Math.max(from, to) }));
  spans.sort((first, second) => first.from - second.from);
  // Only sides that are above each other can meet; a path of thousands of points has few of them.
  for (const [at, span] of spans.entries()) {
    for (let next = at + 1; next < spans.length; next++) {
      const other = spans[next] as (typeof spans)[number];
      if (other.from > span.to) break;
      if (clash(all, Math.min(span.place, other.place), Math.max(span.place, other.place), closed)) return true;
    }
  }
  return false;
}

/** Whether two sides of a path cross or touch, of which neighbors only share their point. */
function clash(all: readonly [Point, Point][], place: number, next: number, closed: boolean): boolean {
  const [[from, to], [start, end]] = [all[place], all[next]] as [[Point, Point], [Point, Point]];
  if (next === place + 1) return distance(from, to) > 0 && turnsBack(from, to, end);
  if (closed && place === 0 && next === all.length - 1) return turnsBack(start, from, to);
  return touch(from, to, start, end);
}

/** Whether the way from one point over the next leads back along itself. */
function turnsBack(from: Point, over: Point, to: Point): boolean {
  const [x, y] = [over[0] - from[0], over[1] - from[1]];
  const [further, aside] = [to[0] - over[0], to[1] - over[1]];
  return x * aside - y * further === 0 && x * further + y * aside < 0;
}

function touch(from: Point, to: Point, start: Point, end: Point): boolean {
  const ways = [side(from, to, start), side(from, to, end), side(start, end, from), side(start, end, to)] as const;
  if (ways[0] * ways[1] < 0 && ways[2] * ways[3] < 0) return true;
  return (
    (ways[0] === 0 && isBetween(from, to, start)) ||
    (ways[1] === 0 && isBetween(from, to, end)) ||
    (ways[2] === 0 && isBetween(start, end, from)) ||
    (ways[3] === 0 && isBetween(start, end, to))
  );
}

/** On which side of a line a point is: left or right by its sign, 0 on it. */
function side(from: Point, to: Point, at: Point): number {
  return Math.sign((to[0] - from[0]) * (at[1] - from[1]) - (to[1] - from[1]) * (at[0] - from[0]));
}

/** Whether a point on a line is between two others on it. */
function isBetween(from: Point, to: Point, at: Point): boolean {
  const within = (axis: 0 | 1) =>
    Math.min(from[axis], to[axis]) <= at[axis] && at[axis] <= Math.max(from[axis], to[axis]);
  return within(0) && within(1);
}

/** The smallest upright box around points: its corners at the top left and bottom right. */
export function bounds(points: readonly Point[]): [Point, Point] {
  let [left, top] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let [right, bottom] = [-left, -top];
  for (const [x, y] of points) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return [
    [left, top],
    [right, bottom],
  ];
}

/** A value within limits. */
export function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), Math.max(least, most));
}
