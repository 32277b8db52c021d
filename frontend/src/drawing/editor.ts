/** What a person does with shapes: draws, selects, moves, reshapes. Knows nothing of the page; all places are the picture's own pixels. */
import type { Edges } from "./edges";
import { box, type Kind, type Shape, whole } from "./kinds";
import {
  area,
  bounds,
  crossesItself,
  distance,
  distanceToPath,
  isInside,
  type Point,
  type Size,
  within,
} from "./plane-geometry";
import type { Hand } from "./surface";

/** Hints to the person. */
export type ShapeHint = "choose_label_first" | "sides_cross" | "more_points";

/** What the pointer holds, from when it goes down until it is let go. */
export type Grip =
  | { does: "draw"; from: Point; moved: boolean }
  | { does: "move"; shape: number; from: Point; moved: boolean }
  | { does: "reshape"; shape: number; from: Point; handle: number; moved: boolean; fresh: boolean };

export class Editor implements Hand {
  readonly followsAll = false;
  shapes: readonly Shape[] = [];
  size: Size = { width: 0, height: 0 };
  /** The points of a shape that is not finished, with its label. */
  path: Shape | undefined;
  /** The label of what will be drawn. */
  label: string | undefined;
  selected: number | undefined;
  /** Of the selected shape, the handle that the keyboard moves. */
  handle: number | undefined;
  /** What points and boxes snap to, if they do. */
  edges: Edges | undefined;
  /** Where the pointer or the keyboard is. */
  cursor: Point | undefined;
  /** The points of the selected shape while they are being changed, and whether they may be so. */
  changing: { points: readonly Point[]; allowed: boolean } | undefined;
  #grip: Grip | undefined;

  constructor(
    readonly kind: Kind,
    /** The shapes have changed. */
    private readonly changed: () => void,
    private readonly tell: (hint: ShapeHint) => void,
  ) {}

  get chosen(): Shape | undefined {
    return this.selected === undefined ? undefined : this.shapes[this.selected];
  }

  get isHeld(): boolean {
    return this.#grip !== undefined;
  }

  /** The points of the selected shape as they are just now. */
  get current(): readonly Point[] {
    return this.changing?.points ?? this.chosen?.points ?? [];
  }

  /** Take shapes from elsewhere. */
  load(shapes: readonly Shape[], path?: Shape): void {
    const before = this.#placesIn(shapes);
    const selected = this.selected === undefined ? -1 : before.indexOf(this.selected);
    this.shapes = shapes.map((shape, place) =>
      this.shapes[before[place] as number]?.hidden ? { ...shape, hidden: true } : shape,
    );
    this.path = path;
    this.#drop();
    if (selected < 0) this.select(undefined);
    else this.selected = selected;
    if (this.handle !== undefined && this.handle >= this.kind.handles(this.current).length) this.handle = undefined;
  }

  /** The present place of each of some shapes, so that the selection survives an undo. */
  #placesIn(shapes: readonly Shape[]): (number | undefined)[] {
    if (shapes.length === this.shapes.length) return shapes.map((_, place) => place);
    const isKept = this.selected !== undefined || this.shapes.some((shape) => shape.hidden);
    if (!isKept) return [];
    const text = ({ label, points }: Shape) => JSON.stringify([label, points]);
    // Of equal ones, the first is the first.
    const places = new Map<string, number[]>();
    for (const [place, shape] of this.shapes.entries()) {
      const equal = places.get(text(shape));
      if (equal) equal.push(place);
      else places.set(text(shape), [place]);
    }
    return shapes.map((shape) => places.get(text(shape))?.shift());
  }

  select(place: number | undefined, handle?: number): void {
    this.selected = place;
    this.handle = handle;
    this.#drop();
  }

  // A pointer

  /** The pointer goes down. @returns whether it holds something; else it moves the picture */
  down(at: Point, reach: number, grabs = false): boolean {
    this.cursor = at;
    this.#grip = this.#taken(at, reach, grabs);
    return this.#grip !== undefined;
  }

  #taken(at: Point, reach: number, grabs: boolean): Grip | undefined {
    if (this.path) return { does: "draw", from: at, moved: false };
    const { selected, chosen } = this;
    if (selected !== undefined && chosen && !chosen.hidden) {
      const handle = this.#handleAt(at, reach);
      if (handle !== undefined)
        return { does: "reshape", shape: selected, from: at, handle, moved: false, fresh: false };
      const added = this.#middleAt(at, reach);
      if (added !== undefined)
        return { does: "reshape", shape: selected, from: at, handle: added, moved: false, fresh: true };
      if (this.#isAt(chosen, at, reach)) return { does: "move", shape: selected, from: at, moved: false };
    }
    const drawing = this.label !== undefined && !grabs;
    // Lines of other shapes are in the way of a path that begins on them.
    const under = drawing && this.kind.most > 2 ? undefined : this.#under(at, reach, drawing)[0];
    if (under !== undefined) return { does: "move", shape: under, from: at, moved: false };
    return drawing ? { does: "draw", from: at, moved: false } : undefined;
  }

  /** @param far how far it has to go to be a move rather than a click */
  move(at: Point, far: number): void {
    this.cursor = at;
    const grip = this.#grip;
    if (!grip) return;
    grip.moved ||= distance(grip.from, at) > far;
    if (!grip.moved || grip.does === "draw") return;
    if (grip.does === "reshape") {
      this.#reshape(grip.handle, this.#snapped(at), grip.fresh);
      return;
    }
    if (this.selected !== grip.shape) this.select(grip.shape);
    this.changing = {
      points: this.#moved(this.shapes[grip.shape]?.points ?? [], at[0] - grip.from[0], at[1] - grip.from[1]),
      allowed: true,
    };
  }

  /** The pointer is let go. */
  up(at: Point, reach: number): void {
    const grip = this.#grip;
    this.#grip = undefined;
    if (!grip) return;
    if (grip.does === "draw") {
      this.#drawn(grip.from, at, grip.moved, reach);
    } else if (grip.moved) {
      if (grip.does === "reshape") this.#snapSides(grip.handle);
      this.#settle();
    } else if (grip.does === "reshape") {
      if (!grip.fresh) this.handle = grip.handle;
    } else {
      this.#click(at, reach);
    }
  }

  /** Undo what the pointer has changed. */
  cancel(): void {
    this.#grip = undefined;
    this.#drop();
  }

  /** What a drag draws just now: its two ends. */
  get stretched(): [Point, Point] | undefined {
    const { cursor } = this;
    const grip = this.#grip;
    if (!cursor || this.kind.most !== 2) return undefined;
    if (grip?.does === "draw" && grip.moved && !this.path) return [grip.from, cursor];
    const from = this.path?.points[0];
    return from ? [from, cursor] : undefined;
  }

  #drawn(from: Point, at: Point, moved: boolean, reach: number): void {
    if (this.kind.most === 2 && moved && !this.path) {
      this.#stretch(whole(this.kind, this.#snapped(from), this.size), whole(this.kind, this.#snapped(at), this.size));
    } else if (this.kind.most === 2 && !this.path) {
      // A click is not a shape yet: it selects, or sets the first of two points.
      const under = this.#under(at, reach, false)[0];
      if (under !== undefined) this.select(under);
      else if (this.selected !== undefined) this.select(undefined);
      else this.place(at, reach);
    } else {
      this.place(at, reach);
    }
  }

  /** Draw from one end to the other in one go. */
  #stretch(from: Point, to: Point): void {
    if (this.label === undefined || (!this.kind.closed && distance(from, to) === 0)) return;
    this.select(undefined);
    this.path = { label: this.label, points: [from, to] };
    this.finish();
  }

  /** A click selects what is under it, and again what is under that. */
  #click(at: Point, reach: number): void {
    const under = this.#under(at, reach, false);
    const place = this.selected === undefined ? -1 : under.indexOf(this.selected);
    this.select(under[(place + 1) % under.length]);
  }

  // Drawing

  /** Set a point of a shape; on the one that closes the path it is finished. */
  place(at: Point, reach: number): void {
    const { kind, label } = this;
    const point = whole(kind, this.#snapped(at), this.size);
    if (!this.path) {
      if (label === undefined) {
        this.tell("choose_label_first");
        return;
      }
      this.select(undefined);
      this.path = { label, points: [] };
    }
    const { points } = this.path;
    const end = kind.closed ? points[0] : points.at(-1);
    if (kind.most > 2 && end && points.length > 1 && distance(end, at) <= reach) {
      this.finish();
      return;
    }
    const same = (corner: Point | undefined) => corner !== undefined && distance(corner, point) === 0;
    if (same(points.at(-1)) || (!kind.mayCross && points.some(same))) return;
    const longer = [...points, point];
    if (!kind.mayCross && kind.most > 2 && crossesItself(longer, false)) {
      this.tell("sides_cross");
      return;
    }
    this.path = { ...this.path, points: longer };
    if (longer.length >= kind.most) this.finish();
    else this.changed();
  }

  /** The path becomes a shape. @returns whether there was one */
  finish(): boolean {
    const { kind, path } = this;
    if (!path) return false;
    let points: readonly Point[] = path.points;
    if (points.length < kind.least) {
      this.tell("more_points");
      return true;
    }
    points = this.#proper(points);
    if (kind === box && this.edges) points = this.edges.around(points as [Point, Point]);
    if (!kind.mayCross && crossesItself(points, true)) {
      this.tell("sides_cross");
      return true;
    }
    this.path = undefined;
    this.shapes = [...this.shapes, { ...path, points }];
    this.changed();
    return true;
  }

  /** Take the path's last point back. */
  back(): boolean {
    if (!this.path) return false;
    const points = this.path.points.slice(0, -1);
    this.path = points.length > 0 ? { ...this.path, points } : undefined;
    this.changed();
    return true;
  }

  /** Leave the current actions, one at a time. @returns whether there was something */
  leave(): boolean {
    if (this.#grip) this.cancel();
    else if (this.path) {
      this.path = undefined;
      this.changed();
    } else if (this.handle !== undefined) this.handle = undefined;
    else if (this.selected !== undefined) this.select(undefined);
    else if (this.label !== undefined) this.label = undefined;
    else return false;
    return true;
  }

  /** A click that hits nothing. */
  miss(): void {
    if (this.selected !== undefined) this.select(undefined);
    else if (this.label === undefined) this.tell("choose_label_first");
  }

  /** What the keyboard does at its place: it sets a point, or selects what is there. */
  press(at: Point, reach: number): void {
    if (this.path || this.label !== undefined) {
      this.place(at, reach);
      return;
    }
    if (this.#under(at, reach, false).length > 0) this.#click(at, reach);
    else this.miss();
  }

  /** What the pointer would take hold of at a place. */
  hover(at: Point, reach: number, grabs = false): Grip | undefined {
    return this.#taken(at, reach, grabs);
  }

  /** Enter: ends a path, or else sets a point. */
  enter(at: Point, reach: number): void {
    const isDone = this.path && this.kind.most > 2 && this.path.points.length >= this.kind.least;
    if (isDone) this.finish();
    else this.press(at, reach);
  }

  takeBack(): boolean {
    return this.back() || this.remove();
  }

  keyTo(at: Point): void {
    this.cursor = at;
  }

  get end(): Point | undefined {
    return this.path?.points.at(-1);
  }

  /** The selected shape's first point, or its chosen handle. */
  get seen(): Point | undefined {
    return this.handle === undefined ? this.current[0] : this.kind.handles(this.current)[this.handle];
  }

  // What is done with the selected shape

  /** Move it, or its handle, by whole pixels. */
  nudge(x: number, y: number): boolean {
    const { chosen, handle } = this;
    if (this.path || !chosen || chosen.hidden) return false;
    const from = handle === undefined ? undefined : this.kind.handles(chosen.points)[handle];
    if (from) this.#reshape(handle as number, [from[0] + x, from[1] + y], false);
    else this.changing = { points: this.#moved(chosen.points, x, y), allowed: true };
    this.#settle();
    return true;
  }

  /** Choose its next or previous handle for the keyboard. */
  stepHandle(step: number): boolean {
    const count = this.kind.handles(this.current).length;
    if (!this.chosen || this.kind.most === 1) return false;
    this.handle = ((this.handle ?? (step > 0 ? -1 : 0)) + step + count) % count;
    return true;
  }

  /** Add a point to the selected path, in the middle of the side after its chosen point, or after the last one. */
  addPoint(): boolean {
    const { chosen, middles } = this;
    if (this.path || !chosen || chosen.hidden || middles.length === 0) return false;
    const side = Math.min(this.handle ?? 0, middles.length - 1);
    const before = chosen.points.length;
    this.#reshape(side + 1, middles[side] as Point, true);
    this.#settle();
    if (this.current.length > before) this.handle = side + 1;
    return true;
  }

  /** Select the next or previous shape. */
  step(step: number): boolean {
    const count = this.shapes.length;
    if (count === 0) return false;
    this.select(((this.selected ?? (step > 0 ? -1 : 0)) + step + count) % count);
    return true;
  }

  relabel(label: string): boolean {
    if (!this.chosen) return false;
    this.#replace({ ...this.chosen, label });
    return true;
  }

  /** Remove the chosen point of a path, else the whole shape. */
  remove(): boolean {
    const { chosen, handle, kind } = this;
    if (!chosen) return false;
    if (handle !== undefined && kind.most > 2 && chosen.points.length > kind.least) {
      const points = chosen.points.filter((_, place) => place !== handle);
      if (!kind.mayCross && crossesItself(points, true)) {
        this.tell("sides_cross");
        return true;
      }
      this.handle = undefined;
      this.#replace({ ...chosen, points });
      return true;
    }
    this.removeAt(this.selected as number);
    return true;
  }

  removeAt(place: number): void {
    this.select(undefined);
    this.shapes = this.shapes.filter((_, shape) => shape !== place);
    this.changed();
  }

  /** @param aside how far the copy is from the original */
  duplicate(aside: number): boolean {
    const { chosen } = this;
    if (!chosen) return false;
    const moved = (by: number) => this.#moved(chosen.points, by, by);
    const far = Math.max(Math.round(aside), 1);
    const [first, second] = [moved(far), moved(-far)];
    const points = distance(first[0] as Point, chosen.points[0] as Point) > 0 ? first : second;
    this.add([{ label: chosen.label, points }]);
    this.select(this.shapes.length - 1);
    return true;
  }

  /** Add shapes, as far as they have room in the picture. */
  add(shapes: readonly Shape[]): void {
    if (shapes.length === 0) return;
    const fitting = shapes.map((shape) => {
      const inside = shape.points.map((point) => whole(this.kind, point, this.size));
      return { ...shape, points: this.#proper(inside) };
    });
    this.shapes = [...this.shapes, ...fitting];
    this.changed();
  }

  hide(place: number, hidden: boolean): void {
    this.shapes = this.shapes.map((first, second) => (second === place ? { ...first, hidden } : first));
  }

  hideAll(hidden: boolean): void {
    this.shapes = this.shapes.map((shape) => ({ ...shape, hidden }));
  }

  /** A shape, if it is still there, gets other points. @returns whether it is */
  reshape(shape: Shape, points: readonly Point[]): boolean {
    const place = this.shapes.indexOf(shape);
    if (place < 0) return false;
    this.shapes = this.shapes.with(place, { ...shape, points: this.#proper(points) });
    this.changed();
    return true;
  }

  #replace(shape: Shape): void {
    this.shapes = this.shapes.map((each, place) => (place === this.selected ? shape : each));
    this.changed();
  }

  #drop(): void {
    this.changing = undefined;
  }

  /** Keep the change, if it is allowed. */
  #settle(): void {
    const { changing, chosen } = this;
    this.#drop();
    if (!changing || !chosen) return;
    if (!changing.allowed) this.tell("sides_cross");
    else if (JSON.stringify(changing.points) !== JSON.stringify(chosen.points))
      this.#replace({ ...chosen, points: changing.points });
  }

  /** The point snapped to a nearby edge; in boxes, sides snap instead of points. */
  #snapped(at: Point): Point {
    return this.kind === box ? at : (this.edges?.near(at) ?? at);
  }

  /** The sides of a box that a handle has moved. */
  #snapSides(handle: number): void {
    const { kind, changing, edges } = this;
    if (kind !== box || !changing || !edges) return;
    const to = kind.handles(edges.around(changing.points as [Point, Point]))[handle];
    if (to) this.#reshape(handle, to, false);
  }

  #reshape(handle: number, to: Point, fresh: boolean): void {
    const { kind, chosen } = this;
    if (!chosen) return;
    const at = whole(kind, to, this.size);
    const points = fresh
      ? [...chosen.points.slice(0, handle), at, ...chosen.points.slice(handle)]
      : kind.reshaped(chosen.points, handle, at);
    const proper = this.#proper(points.map((point) => [Math.round(point[0]), Math.round(point[1])] as const));
    this.changing = { points: proper, allowed: kind.mayCross || kind.most <= 2 || !crossesItself(proper, true) };
  }

  /** The points moved by whole pixels, as far as the picture goes. */
  #moved(points: readonly Point[], x: number, y: number): readonly Point[] {
    const whole = points.map(([across, down]) => [Math.round(across), Math.round(down)] as const);
    return this.#inward(whole.map(([across, down]) => [across + Math.round(x), down + Math.round(y)] as const));
  }

  #proper(points: readonly Point[]): readonly Point[] {
    return this.#inward(this.kind.proper(points));
  }

  /** The points moved into the picture, together. */
  #inward(points: readonly Point[]): readonly Point[] {
    if (points.length === 0) return points;
    const [[left, top], [right, bottom]] = bounds(points);
    const short = 1 - this.kind.beyond;
    const x = within(0, -left, this.size.width - short - right);
    const y = within(0, -top, this.size.height - short - bottom);
    return points.map(([across, down]) => [across + x, down + y] as const);
  }

  // What is where

  /** The visible shapes at a point, the smallest first. @param onLine only those whose line is there */
  #under(at: Point, reach: number, onLine: boolean): number[] {
    const candidates = this.shapes.flatMap((shape, place) =>
      !shape.hidden && (onLine ? this.#lineDistance(shape, at) <= reach : this.#isAt(shape, at, reach))
        ? [{ place, area: area(this.kind.outline(shape.points)), far: this.#lineDistance(shape, at) }]
        : [],
    );
    return candidates
      .sort((first, second) => first.area - second.area || first.far - second.far)
      .map(({ place }) => place);
  }

  #isAt(shape: Shape, at: Point, reach: number): boolean {
    const outline = this.kind.outline(shape.points);
    return this.#lineDistance(shape, at) <= reach || (this.kind.closed && isInside(outline, at));
  }

  #lineDistance(shape: Shape, at: Point): number {
    return distanceToPath(this.kind.outline(shape.points), this.kind.closed, at);
  }

  #handleAt(at: Point, reach: number): number | undefined {
    return nearest(this.kind.handles(this.current), at, reach);
  }

  /** Where a point of the selected path can be added: in the middle of a side. @returns the new point's place */
  #middleAt(at: Point, reach: number): number | undefined {
    const place = nearest(this.middles, at, reach);
    return place === undefined ? undefined : place + 1;
  }

  /** The middles of the selected path's sides. */
  get middles(): Point[] {
    const points = this.current;
    if (this.kind.most <= 2) return [];
    const ends = this.kind.closed ? [...points.slice(1), ...points.slice(0, 1)] : points.slice(1);
    return ends.map((end, place) => {
      const from = points[place] as Point;
      return [(from[0] + end[0]) / 2, (from[1] + end[1]) / 2] as const;
    });
  }

  /** Whether the next click at a point would close the path. */
  closesAt(at: Point, reach: number): boolean {
    const points = this.path?.points ?? [];
    const end = this.kind.closed ? points[0] : points.at(-1);
    return this.kind.most > 2 && points.length >= this.kind.least && end !== undefined && distance(end, at) <= reach;
  }
}

function nearest(points: readonly Point[], at: Point, reach: number): number | undefined {
  let closest: number | undefined;
  let least = reach;
  for (const [place, point] of points.entries()) {
    const far = distance(point, at);
    if (far > least) continue;
    closest = place;
    least = far;
  }
  return closest;
}
