/** Draws shapes over a picture: those at rest on one canvas, those in motion on another, so that a thousand of them don't slow it down. */
import { textOn } from "../colors";
import type { Editor } from "./editor";
import type { Shape } from "./kinds";
import { bounds, crossesItself, type Point } from "./plane-geometry";
import type { StagePainter } from "./surface";
import type { View } from "./view";

/** How a label looks. */
export interface Look {
  color: string;
  dashes: readonly number[];
}

/** With more shapes than this, only the one under the pointer shows its name. */
const MAX_NAMES = 200;
const MAX_NAME_CHARACTERS = 32;
const HANDLE = 4.5;
const DARK = "rgb(0 0 0 / .55)";
const CLOSING = "#22c55e";
const WRONG = "#ef4444";

export class Painter implements StagePainter {
  hovered: number | undefined;
  showsCrosshair = true;
  showsCursor = false;

  constructor(
    private readonly editor: Editor,
    protected readonly view: View,
    private readonly look: (label: string) => Look,
  ) {}

  /** The shapes that nobody touches. */
  paintResting(canvas: HTMLCanvasElement): void {
    const context = this.cleared(canvas);
    if (!context) return;
    const { editor } = this;
    const names = editor.shapes.length <= MAX_NAMES;
    for (const [place, shape] of editor.shapes.entries()) {
      if (!shape.hidden && place !== editor.selected) this.#paint(context, shape, shape.points, names);
    }
  }

  /** What is selected, drawn or pointed at. */
  paintActive(canvas: HTMLCanvasElement, reach: number): void {
    const context = this.cleared(canvas);
    if (!context) return;
    const { editor, hovered } = this;
    const under = hovered === undefined || hovered === editor.selected ? undefined : editor.shapes[hovered];
    if (under && !under.hidden) this.#paint(context, under, under.points, true, 0.18);
    const { chosen } = editor;
    if (chosen && !chosen.hidden) {
      const wrong = editor.changing?.allowed === false;
      this.#paint(context, chosen, editor.current, true, 0.12, wrong ? WRONG : undefined);
      this.#paintHandles(context);
    }
    this.#paintPath(context, reach);
    if (this.showsCursor && this.showsCrosshair && editor.cursor) this.#paintCrosshair(context, editor.cursor);
  }

  protected cleared(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
    const { width, height } = this.view.area;
    const ratio = window.devicePixelRatio;
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
    const context = canvas.getContext("2d");
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    context?.clearRect(0, 0, width, height);
    return context;
  }

  #paint(
    context: CanvasRenderingContext2D,
    shape: Shape,
    points: readonly Point[],
    named: boolean,
    filled = 0,
    color = this.look(shape.label).color,
  ): void {
    const { kind } = this.editor;
    const outline = kind.outline(points).map((point) => this.view.toScreen(point));
    const [[left, top], [right, bottom]] = bounds(outline);
    const { width, height } = this.view.area;
    if (right < -20 || bottom < -30 || left > width + 20 || top > height + 30) return;
    context.beginPath();
    if (kind.most === 1) context.arc(left, top, filled ? 7 : 5.5, 0, 2 * Math.PI);
    else trace(context, outline, kind.closed);
    if (kind.closed && filled) {
      context.globalAlpha = filled;
      context.fillStyle = color;
      context.fill();
      context.globalAlpha = 1;
    }
    context.lineJoin = "round";
    context.strokeStyle = DARK;
    context.lineWidth = filled ? 5 : 4.5;
    context.stroke();
    context.setLineDash([...this.look(shape.label).dashes]);
    context.strokeStyle = color;
    context.lineWidth = filled ? 3 : 2.5;
    context.stroke();
    context.setLineDash([]);
    if (kind.most === 1) dot(context, [left, top], 1.5, color);
    else if (!kind.closed) for (const point of outline) dot(context, point, 3, color);
    // The corner of the box around a path may be far from the path itself.
    const isOpen = !kind.closed && kind.most > 1;
    const [x, y] = isOpen ? outline.reduce((best, corner) => (corner[1] < best[1] ? corner : best)) : [left, top];
    if (named) this.#paintName(context, shape.name ?? shape.label, color, x, y);
  }

  #paintName(context: CanvasRenderingContext2D, label: string, color: string, left: number, top: number): void {
    const aside = this.editor.kind.most === 1 ? 9 : 0;
    paintName(context, label, color, [left + aside, top - 18], this.view.area.width);
  }

  #paintHandles(context: CanvasRenderingContext2D): void {
    const { editor } = this;
    if (editor.kind.most === 1) return;
    for (const middle of editor.middles) dot(context, this.view.toScreen(middle), 3, "#ffffff", DARK);
    for (const [place, point] of editor.kind.handles(editor.current).entries()) {
      const [x, y] = this.view.toScreen(point);
      const half = place === editor.handle ? HANDLE + 2.5 : HANDLE;
      context.fillStyle = place === editor.handle ? "#0ea5e9" : "#ffffff";
      context.strokeStyle = "#000000";
      context.lineWidth = 1.5;
      context.beginPath();
      context.rect(x - half, y - half, 2 * half, 2 * half);
      context.fill();
      context.stroke();
    }
  }

  #paintPath(context: CanvasRenderingContext2D, reach: number): void {
    const { editor, view } = this;
    const label = editor.path?.label ?? editor.label;
    const color = label === undefined ? "#ffffff" : this.look(label).color;
    const { stretched } = editor;
    if (stretched) {
      const points = editor.kind.proper(stretched);
      this.#paint(context, { label: label ?? "", points }, points, false, 0.12);
    }
    const placed = editor.path?.points ?? [];
    if (placed.length === 0 || stretched) return;
    const { cursor, kind } = editor;
    const closes = cursor !== undefined && editor.closesAt(cursor, reach);
    const wrong = !kind.mayCross && cursor !== undefined && !closes && crossesItself([...placed, cursor], false);
    const screen = placed.map((point) => view.toScreen(point));
    stroke(context, screen, color);
    const last = screen.at(-1);
    const end = closes && kind.closed ? screen[0] : cursor && view.toScreen(cursor);
    if (last && end) stroke(context, [last, end], closes ? CLOSING : wrong ? WRONG : color, [5, 4]);
    for (const [place, point] of screen.entries()) {
      const isEnd = place === (kind.closed ? 0 : screen.length - 1);
      dot(context, point, isEnd ? 5 : 3.5, isEnd && screen.length >= kind.least ? CLOSING : color, DARK);
    }
  }

  #paintCrosshair(context: CanvasRenderingContext2D, at: Point): void {
    const [x, y] = this.view.toScreen(at);
    const { width, height } = this.view.area;
    for (const [color, dashes] of [
      ["rgb(255 255 255 / .8)", []],
      ["rgb(0 0 0 / .8)", [4, 4]],
    ] as const) {
      context.setLineDash([...dashes]);
      context.strokeStyle = color;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(0, y);
      context.lineTo(width, y);
      context.moveTo(x, 0);
      context.lineTo(x, height);
      context.stroke();
    }
    context.setLineDash([]);
  }
}

/** Paint a label at a place of the screen, as far inside as it needs to be read. */
export function paintName(
  context: CanvasRenderingContext2D,
  label: string,
  color: string,
  [left, top]: Point,
  room: number,
): void {
  const text = label.length > MAX_NAME_CHARACTERS ? `${label.slice(0, MAX_NAME_CHARACTERS - 1)}…` : label;
  context.font = "12px system-ui, sans-serif";
  const width = context.measureText(text).width + 8;
  const x = Math.min(Math.max(left, 0), Math.max(room - width, 0));
  const y = Math.max(top, 0);
  context.fillStyle = color;
  context.fillRect(x, y, width, 16);
  context.fillStyle = textOn(color);
  context.textBaseline = "middle";
  context.fillText(text, x + 4, y + 8.5);
}

function trace(context: CanvasRenderingContext2D, points: readonly Point[], closed: boolean): void {
  for (const [place, [x, y]] of points.entries()) {
    if (place === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  }
  if (closed) context.closePath();
}

function stroke(
  context: CanvasRenderingContext2D,
  points: readonly Point[],
  color: string,
  dashes: number[] = [],
): void {
  context.beginPath();
  trace(context, points, false);
  context.strokeStyle = DARK;
  context.lineWidth = 4;
  context.stroke();
  context.setLineDash(dashes);
  context.strokeStyle = color;
  context.lineWidth = 2;
  context.stroke();
  context.setLineDash([]);
}

function dot(context: CanvasRenderingContext2D, [x, y]: Point, radius: number, color: string, around?: string): void {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
  if (!around) return;
  context.strokeStyle = around;
  context.lineWidth = 1.5;
  context.stroke();
}
