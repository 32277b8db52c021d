/** What a person does with a mask: paints, erases, fills, and chooses what. All places are the picture's own pixels. */
import { EXTREME_POINTS, type MaskRequest, type PackedMask } from "../mask-helper";
import type { Edges } from "./edges";
import { Editor } from "./editor";
import { Finder, type Ground, MARKS, type MarkTool, type Target } from "./finder";
import { Journal } from "./journal";
import { box, polygon, type Shape } from "./kinds";
import { type Change, eachRun, type Mask, type Row, sameRows } from "./mask";
import { distance, type Point, type Size, within } from "./plane-geometry";
import { brushPlace, polygonSpans, type Span, strokeSpans } from "./raster";
import type { Hand } from "./surface";

export const TOOLS = ["brush", "eraser", "polygon", "fill", "points", ...MARKS] as const;
export type MaskTool = (typeof TOOLS)[number];
/** Widths of the brush, in pixels. */
export const SIZES = [
  1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 200, 250, 300, 400, 500, 600, 800, 1000,
];
/** How wide a brush is at first, in pixels of the screen. */
const FIRST_WIDTH = 24;

export type MaskHint =
  | "choose_label_first"
  | "more_points"
  | "brush_down"
  | "brush_up"
  | "object_found"
  | "object_first";

/** What has one number in the mask: a label, or one instance of it. @property color its color in the answer */
export interface Segment {
  label: string;
  color: string;
}
/** Indexed by number minus 1. */
export type Segments = readonly (Segment | undefined)[];

interface MaskStep {
  change: Change | undefined;
  before: Segments;
  after: Segments;
}

type MaskGrip =
  | { does: "paint"; at: Point; number: number; only: number | undefined }
  | { does: "fill" }
  | { does: "mark"; from: Point; moved: boolean };

export class MaskEditor implements Hand, Ground {
  readonly followsAll = true;
  tool: MaskTool = "brush";
  isTurned = false;
  /** The brush's width, as a place among the sizes. */
  brush = 0;
  /** Whether what is labeled already stays. */
  keepsOthers = false;
  /** Whether the arrow keys paint. */
  isDown = false;
  mask: Mask | undefined;
  /** Segments that are not shown, by place. */
  hidden: ReadonlySet<number> = new Set();
  readonly #path: Editor;
  #segments: Segments = [];
  /** The segments without what is just being drawn. */
  #settled: Segments = [];
  #instance: number | undefined;
  #grip: MaskGrip | undefined;
  readonly #journal = new Journal<MaskStep>();
  readonly finder: Finder;

  constructor(
    /** Whether a label can have several segments rather than one. */
    readonly hasInstances: boolean,
    private readonly colorOf: (label: string, others: Segments) => string,
    /** The mask, or a path that becomes part of it, has changed. */
    private readonly changed: () => void,
    private readonly tell: (hint: MaskHint) => void,
    /** Ask for an object. @returns whether one can ask for it in this way */
    ask: (asked: MaskRequest, lay: (mask: PackedMask) => void) => boolean,
  ) {
    this.finder = new Finder(this, ask);
    this.#path = new Editor(
      { ...polygon, mayCross: true },
      () => this.#pathChanged(),
      (hint) => this.tell(hint as MaskHint),
    );
  }

  /** What draws the path of a polygon. */
  get outline(): Editor {
    return this.#path;
  }

  get segments(): Segments {
    return this.#segments;
  }

  get size(): Size {
    return this.#path.size;
  }
  set size(size: Size) {
    this.#path.size = size;
  }

  get label(): string | undefined {
    return this.#path.label;
  }
  set label(label: string | undefined) {
    this.#path.label = label;
  }

  get edges(): Edges | undefined {
    return this.#path.edges;
  }
  set edges(edges: Edges | undefined) {
    this.#path.edges = edges;
  }

  get cursor(): Point | undefined {
    return this.#path.cursor;
  }
  set cursor(cursor: Point | undefined) {
    this.#path.cursor = cursor;
  }

  get isHeld(): boolean {
    return this.#grip !== undefined || this.#path.isHeld;
  }

  get end(): Point | undefined {
    return this.#path.end;
  }

  get width(): number {
    return SIZES[this.brush] ?? 1;
  }

  /** The segment that is chosen, by its place: an instance, or that of the label. */
  get chosen(): number | undefined {
    if (this.hasInstances) return this.#instance;
    const place = this.label === undefined ? -1 : this.#segments.findIndex((segment) => segment?.label === this.label);
    return place < 0 ? undefined : place;
  }

  get seen(): Point | undefined {
    const box = this.chosen === undefined ? undefined : this.mask?.boxes().get(this.chosen + 1);
    return box && [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  }

  /** The active tool: a pen that is turned over erases. */
  get inHand(): MaskTool {
    return this.isTurned ? "eraser" : this.tool;
  }

  /** Whether clicks set points. */
  get setsPoints(): boolean {
    return this.inHand === "polygon" || this.inHand === "points";
  }

  /** Whether a drag draws. */
  get draws(): boolean {
    const hasInk = this.label !== undefined || this.#instance !== undefined;
    return this.inHand === "eraser" || this.#path.path !== undefined || hasInk;
  }

  // From elsewhere

  /** Begin with a mask; what was before can't be undone to. @param pixels of the screen for one of the picture */
  begin(mask: Mask, segments: Segments, scale: number): void {
    this.mask = mask;
    this.#segments = segments;
    this.#settled = segments;
    this.#journal.clear();
    this.#instance = undefined;
    this.hidden = new Set();
    if (this.brush === 0)
      this.brush = Math.max(
        SIZES.findIndex((size) => size * scale >= FIRST_WIDTH),
        0,
      );
  }

  /** Go on with a path of a polygon, or with none. */
  loadPath(path: Shape | undefined): void {
    this.#path.load([], path);
    if (path && !this.setsPoints) this.tool = "polygon";
  }

  /** Take a whole mask, as a step. */
  replace(rows: readonly Row[], segments: Segments, path?: Shape): void {
    this.cancel();
    this.loadPath(path);
    if (!this.mask) return;
    const change = { top: 0, before: [...this.mask.rows], after: rows };
    this.mask.replace(change);
    this.#segments = segments;
    this.#note(sameRows(change.before, rows) ? undefined : change);
  }

  /** Lay a mask over this one. @param place of each of its numbers what is meant */
  add(rows: readonly Row[], given: Segments): void {
    const { mask } = this;
    if (!mask) return;
    const numbers = given.map((segment) => segment && this.#numberFor(segment.label, this.hasInstances));
    const paints = numbers.map((number) => (number === undefined ? undefined : mask.brush(number)));
    for (const [row, runs] of rows.entries()) eachRun(runs, (number, from, to) => paints[number - 1]?.(row, from, to));
    this.#settle();
  }

  /** The current step. */
  get step(): number {
    return this.#journal.id;
  }

  go(step: number, path: Shape | undefined): void {
    this.cancel();
    const show = (change: Change | undefined, segments: Segments) => {
      if (change) this.mask?.replace(change);
      this.#segments = segments;
    };
    this.#journal.go(
      step,
      ({ change, before }) => show(change && { ...change, before: change.after, after: change.before }, before),
      ({ change, after }) => show(change, after),
    );
    this.#settled = this.#segments;
    this.loadPath(path);
    if (this.#instance !== undefined && !this.#segments[this.#instance]) this.#instance = undefined;
  }

  // A pointer

  down(at: Point, reach: number, grabs: boolean): boolean {
    this.cursor = at;
    this.isDown = false;
    if (grabs) {
      this.pick(at);
      return true;
    }
    if (!this.draws || !this.mask) return false;
    if (this.setsPoints) return this.#withPath(() => this.#path.down(at, reach));
    if (this.inHand === "fill") this.#grip = { does: "fill" };
    else if (this.#markTool) this.#grip = { does: "mark", from: at, moved: false };
    else this.#paintFrom(at);
    return true;
  }

  move(at: Point, far: number): void {
    this.cursor = at;
    if (this.#grip?.does === "paint") this.#paintTo(at, this.#grip);
    else if (this.#grip?.does === "mark") this.#grip.moved ||= distance(this.#grip.from, at) > far;
    else if (!this.#grip) this.#path.move(at, far);
  }

  up(at: Point, reach: number): void {
    const grip = this.#grip;
    this.#grip = undefined;
    if (grip?.does === "fill") {
      this.#fill(at);
    } else if (grip?.does === "mark") {
      this.cursor = at;
      if (grip.moved && this.tool === "object") this.finder.around(this.#corners(grip.from, at), this.#target());
      else this.#mark(at);
    } else if (grip) {
      this.#paintTo(at, grip);
      this.#settle();
    } else this.#withPath(() => this.#path.up(at, reach));
    this.finder.arrive();
  }

  /** What a drag draws around an object just now: its corners. */
  get stretched(): [Point, Point] | undefined {
    const grip = this.#grip;
    if (grip?.does !== "mark" || !grip.moved || this.tool !== "object" || !this.cursor) return undefined;
    return this.#corners(grip.from, this.cursor);
  }

  cancel(): void {
    this.#grip = undefined;
    this.isDown = false;
    this.#path.cancel();
    this.mask?.drop();
    this.#takeBackSegments();
    this.finder.arrive();
  }

  miss(): void {
    if (this.cursor && this.pick(this.cursor)) return;
    if (this.hasInstances && this.#instance !== undefined) this.#instance = undefined;
    else if (!this.draws) this.tell("choose_label_first");
  }

  hover(): undefined {
    return undefined;
  }

  // The keyboard

  press(from: Point, reach: number): void {
    const { width, height } = this.size;
    // On the far edges, take the last pixels: there are none beyond.
    const back = (value: number, most: number) => (value === most && !this.setsPoints ? most - 1 : value);
    const at: Point = [back(from[0], width), back(from[1], height)];
    this.cursor = at;
    if (!this.draws) {
      this.miss();
    } else if (this.setsPoints) {
      this.#withPath(() => this.#path.press(at, reach));
    } else if (this.tool === "fill") {
      this.#fill(at);
    } else if (this.#markTool) {
      // The keyboard goes from pixel to pixel.
      this.#mark([at[0] + 0.5, at[1] + 0.5]);
    } else {
      this.isDown = !this.isDown;
      this.tell(this.isDown ? "brush_down" : "brush_up");
      if (this.isDown) this.#dab(at, at);
    }
  }

  enter(at: Point, reach: number): void {
    if (this.tool === "polygon") this.#withPath(() => this.#path.enter(at, reach));
    else this.press(at, reach);
  }

  takeBack(): boolean {
    return this.#path.back();
  }

  nudge(): boolean {
    return false;
  }

  keyTo([x, y]: Point): void {
    const from = this.cursor;
    // Only a polygon has points on the far edges; all else has pixels.
    const most = this.setsPoints ? 0 : 1;
    const to: Point = [within(x, 0, this.size.width - most), within(y, 0, this.size.height - most)];
    this.cursor = to;
    if (this.isDown && from) this.#dab(from, to);
  }

  /** Leave the current actions, one at a time. @returns whether there was something */
  leave(): boolean {
    if (this.isHeld) this.cancel();
    else if (this.isDown) this.isDown = false;
    else if (this.#path.path) this.#path.leave();
    else if (this.#markTool && this.finder.prompt) this.finder.forget();
    else if (this.#instance !== undefined) this.#instance = undefined;
    else if (this.label !== undefined) this.label = undefined;
    else return false;
    return true;
  }

  // What is drawn with

  use(tool: MaskTool): void {
    this.cancel();
    if (tool !== this.tool && this.#path.path) this.#path.leave();
    this.tool = tool;
  }

  /**
   * Choose a label; if it has instances, the next one is new.
   *
   * @param keeps whether it stays chosen if it is chosen again
   */
  choose(label: string, keeps = false): void {
    this.isDown = false;
    this.finder.forget();
    const again = this.label === label && this.#instance === undefined;
    this.#instance = undefined;
    this.label = again && !keeps ? undefined : label;
  }

  select(place: number | undefined): void {
    this.isDown = false;
    this.finder.forget();
    if (this.hasInstances) this.#instance = place;
    else this.label = place === undefined ? undefined : this.#segments[place]?.label;
  }

  /** Choose what is at a place. @returns whether there is something */
  pick([x, y]: Point): boolean {
    const number = this.mask?.at(Math.floor(x), Math.floor(y)) ?? 0;
    if (number === 0 || this.hidden.has(number - 1)) return false;
    this.select(number - 1);
    return true;
  }

  // What is done with a segment

  remove(place: number): void {
    if (!this.#segments[place]) return;
    this.cancel();
    this.mask?.exchange(place + 1, 0);
    if (this.hasInstances)
      this.#segments = this.#segments.map((first, second) => (second === place ? undefined : first));
    if (this.#instance === place) this.#instance = undefined;
    this.#settle(true);
  }

  relabel(place: number, label: string): void {
    this.cancel();
    this.#segments = this.#segments.map((first, second) => (first && second === place ? { ...first, label } : first));
    this.#settle(true);
  }

  hide(places: readonly number[], isHidden: boolean): void {
    const hidden = new Set(this.hidden);
    for (const place of places) {
      if (isHidden) hidden.add(place);
      else hidden.delete(place);
    }
    this.hidden = hidden;
  }

  // Painting

  #paintFrom(at: Point): void {
    const isEraser = this.inHand === "eraser";
    const number = isEraser ? 0 : this.#ink(this.label);
    if (number === undefined) return;
    const own = this.chosen;
    // An eraser takes only from the chosen instance, and from one label only if others are kept.
    const erases = own !== undefined && (this.hasInstances || this.keepsOthers) ? own + 1 : undefined;
    const place = brushPlace(at, this.width);
    const only = isEraser ? erases : this.keepsOthers ? 0 : undefined;
    this.#grip = { does: "paint", at: place, number, only };
    this.#paintTo(at, this.#grip);
  }

  #paintTo(at: Point, grip: MaskGrip & { does: "paint" }): void {
    const { mask } = this;
    if (!mask) return;
    const to = brushPlace(at, this.width);
    strokeSpans(grip.at, to, this.width, mask.size.height, mask.brush(grip.number, grip.only));
    grip.at = to;
  }

  /** A piece of a stroke by keyboard, as a separate step. */
  #dab(from: Point, to: Point): void {
    this.#paintFrom(from);
    if (this.#grip?.does === "paint") this.#paintTo(to, this.#grip);
    this.#grip = undefined;
    this.#settle();
  }

  #fill([x, y]: Point): void {
    const { mask } = this;
    const [across, down] = [Math.floor(x), Math.floor(y)];
    const isInside = mask && across >= 0 && down >= 0 && across < mask.size.width && down < mask.size.height;
    if (!isInside || (this.keepsOthers && mask.at(across, down) !== 0)) return;
    const number = this.#ink(this.label);
    if (number === undefined) return;
    mask.fill(across, down, number);
    this.#settle();
  }

  #withPath<Result>(act: () => Result): Result {
    const { label } = this;
    // The path of an instance that is chosen has its label, whichever is next.
    const own = this.#instance === undefined ? undefined : this.#segments[this.#instance]?.label;
    this.#path.label = own ?? label;
    const result = act();
    this.#path.label = label;
    this.#ask();
    return result;
  }

  /** Ask for the object once there are enough points; it will belong to what is chosen now. */
  #ask(): void {
    const { path } = this.#path;
    if (this.tool !== "points" || !path || path.points.length < EXTREME_POINTS) return;
    this.#path.load([]);
    this.changed();
    this.finder.find({ extreme_points: path.points.map(([x, y]) => ({ x, y })) }, this.#target(path.label));
  }

  /** The tool in hand, if it marks an object that is looked for. */
  get #markTool(): MarkTool | undefined {
    return MARKS.find((tool) => tool === this.inHand);
  }

  #mark(at: Point): void {
    const tool = this.#markTool;
    if (tool && !this.finder.mark(tool, this.#inside(at), this.#target())) this.tell("object_first");
  }

  /** What is found from now on belongs to what is chosen now. */
  #target(label = this.label ?? ""): Target {
    const instance = this.#instance;
    const own = instance === undefined ? undefined : this.#segments[instance];
    return {
      label: own?.label ?? label,
      own: own && { number: (instance as number) + 1, color: own.color },
      base: [...(this.mask?.rows ?? [])],
      step: this.step,
    };
  }

  #inside([x, y]: Point): Point {
    const near = (value: number, most: number) => Math.round(100 * within(value, 0, most)) / 100;
    return [near(x, this.size.width), near(y, this.size.height)];
  }

  #corners(from: Point, to: Point): [Point, Point] {
    return box.proper([this.#inside(from), this.#inside(to)]) as [Point, Point];
  }

  lay({ rows, at: [left, top] }: PackedMask, target: Target): void {
    const { own, label } = target;
    const isThere = own !== undefined && this.#segments[own.number - 1]?.color === own.color;
    const number = isThere ? own.number : this.#numberFor(label, this.hasInstances);
    target.own = { number, color: this.#segments[number - 1]?.color ?? "" };
    const paint = this.mask?.brush(number, this.keepsOthers ? 0 : undefined);
    for (const [row, runs] of rows.entries())
      eachRun(runs, (own, from, to) => own > 0 && paint?.(top + row, left + from, left + to));
    if (this.hasInstances) this.#instance = number - 1;
    this.hide([number - 1], false);
    this.#settle();
    this.tell("object_found");
  }

  #pathChanged(): void {
    const [shape] = this.#path.shapes;
    if (!shape) {
      this.changed();
      return;
    }
    this.#path.load([]);
    if (this.tool === "points") {
      this.tell("more_points");
      this.changed();
      return;
    }
    const number = this.#ink(shape.label);
    if (!this.mask || number === undefined) return;
    const paint = this.mask.brush(number, this.keepsOthers ? 0 : undefined);
    polygonSpans(shape.points, this.mask.size.height, paint as Span);
    // A path that painted nothing is removed all the same.
    if (!this.#settle()) this.changed();
  }

  /** The number to paint with. */
  #ink(label: string | undefined): number | undefined {
    let number = this.#instance === undefined ? undefined : this.#instance + 1;
    if (number === undefined && label !== undefined) number = this.#numberFor(label, this.hasInstances);
    if (number === undefined) return undefined;
    if (this.hasInstances) this.#instance = number - 1;
    // Nobody paints unseen.
    this.hide([number - 1], false);
    return number;
  }

  /** The number of a label, which is a new one if there is none or it has to be. */
  #numberFor(label: string, isNew: boolean): number {
    const known = isNew ? -1 : this.#segments.findIndex((taken) => taken?.label === label);
    if (known >= 0) return known + 1;
    const segment = { label, color: this.colorOf(label, this.#segments) };
    const free = this.#segments.indexOf(undefined);
    const place = free < 0 ? this.#segments.length : free;
    const segments = [...this.#segments];
    segments[place] = segment;
    this.#segments = segments;
    return place + 1;
  }

  /** Make the changes a step. @returns whether there were any */
  #settle(evenIfNothingIsPainted = false): boolean {
    const change = this.mask?.settle();
    if (!change && !evenIfNothingIsPainted) {
      this.#takeBackSegments();
      return false;
    }
    this.#note(change);
    this.changed();
    return true;
  }

  #note(change: Change | undefined): void {
    const step = { change, before: this.#settled, after: this.#segments };
    const bytes = [...new Set([...(change?.before ?? []), ...(change?.after ?? [])])];
    this.#journal.note(
      step,
      bytes.reduce((sum, row) => sum + row.byteLength, 0),
    );
    this.#settled = this.#segments;
  }

  #takeBackSegments(): void {
    this.#segments = this.#settled;
    if (this.#instance !== undefined && !this.#segments[this.#instance]) this.#instance = undefined;
  }
}
