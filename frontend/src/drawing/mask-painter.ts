/** Draws a mask over a picture, each pixel of the screen in the color of the one beneath it, and the brush. */
import { MARKS } from "./finder";
import type { PixelRect } from "./mask";
import type { MaskEditor, MaskTool } from "./mask-editor";
import { Painter, paintName } from "./painter";
import type { Point } from "./plane-geometry";
import { brushPlace } from "./raster";
import type { View } from "./view";

const OPAQUE = 255;
/** The share of its color that a segment keeps at its border. */
const EDGE = 0.55;
/** Length of the black and white pieces around the chosen segment, in pixels. */
const PIECE = 4;
/** Radius of the sign that marks an object, in pixels of the screen. */
const SIGN = 8;
const BLACK = packed(0, 0, 0, OPAQUE);
const WHITE = packed(255, 255, 255, OPAQUE);

export class MaskPainter extends Painter {
  /** How strong the mask is over the picture, from 0 to 1. */
  strength = 0.5;
  #resting: HTMLCanvasElement | undefined;

  constructor(
    private readonly work: MaskEditor,
    view: View,
    /** The color of a segment on the screen. */
    private readonly colorOf: (place: number) => string,
    /** The color of what will be painted. */
    private readonly ink: () => string,
  ) {
    super(work.outline, view, () => ({ color: ink(), dashes: [] }));
  }

  override paintResting(canvas: HTMLCanvasElement): void {
    this.#resting = canvas;
    this.work.mask?.unseen();
    this.cleared(canvas);
    this.#paintPart(canvas, { left: 0, top: 0, right: canvas.width, bottom: canvas.height });
  }

  override paintActive(canvas: HTMLCanvasElement, reach: number): void {
    const painted = this.work.mask?.unseen();
    if (painted && this.#resting) this.#paintPart(this.#resting, this.#onScreen(painted));
    super.paintActive(canvas, reach);
    const context = canvas.getContext("2d");
    if (context) this.#paintMarks(context);
    if (!context || !this.showsCursor || !this.work.cursor) return;
    if (this.work.inHand === "brush" || this.work.inHand === "eraser") this.#paintBrush(context);
    if (!this.work.isHeld) this.#paintLabel(context);
  }

  /** The pixels of the canvas on which pixels of the picture are, and the next ones, which have edges to them. */
  #onScreen({ left, top, right, bottom }: PixelRect): PixelRect {
    const ratio = window.devicePixelRatio;
    const [from, to] = [this.view.toScreen([left, top]), this.view.toScreen([right, bottom])];
    return {
      left: Math.floor(from[0] * ratio),
      top: Math.floor(from[1] * ratio),
      right: Math.ceil(to[0] * ratio) + 1,
      bottom: Math.ceil(to[1] * ratio) + 1,
    };
  }

  #paintPart(canvas: HTMLCanvasElement, part: PixelRect): void {
    const { mask } = this.work;
    const [left, top] = [Math.max(part.left, 0), Math.max(part.top, 0)];
    const [right, bottom] = [Math.min(part.right, canvas.width), Math.min(part.bottom, canvas.height)];
    const [across, down] = [right - left, bottom - top];
    const context = canvas.getContext("2d");
    if (!context || !mask || across <= 0 || down <= 0) return;
    const image = context.createImageData(across, down);
    const out = new Uint32Array(image.data.buffer);
    const { width, height } = mask.size;
    const { pixels } = mask;
    const { shown, insides, edges, chosen } = this.#palette();
    const { x, y, scale } = this.view;
    const ratio = window.devicePixelRatio;
    const columns = new Int32Array(across + 1);
    for (let at = 0; at <= across; at++) {
      const column = Math.floor(((left + at - 0.5) / ratio - x) / scale);
      columns[at] = column >= 0 && column < width ? column : -1;
    }
    // One more at the left and above: an edge is where neighbors differ.
    let above = new Uint16Array(across + 1);
    let own = new Uint16Array(across + 1);
    for (let line = -1; line < down; line++) {
      const row = Math.floor(((top + line + 0.5) / ratio - y) / scale);
      const isInside = row >= 0 && row < height;
      const start = row * width;
      for (let at = 0; at <= across; at++) {
        const column = columns[at] as number;
        own[at] = isInside && column >= 0 ? (shown[pixels[start + column] as number] as number) : 0;
      }
      for (let at = 1, to = line * across; line >= 0 && at <= across; at++, to++) {
        const number = own[at] as number;
        const [before, over] = [own[at - 1] as number, above[at] as number];
        if (number === before && number === over) {
          out[to] = insides[number] as number;
        } else if (number === chosen || before === chosen || over === chosen) {
          out[to] = ((left + at + top + line) / PIECE) & 1 ? BLACK : WHITE;
        } else {
          out[to] = edges[number || before || over] as number;
        }
      }
      [above, own] = [own, above];
    }
    context.putImageData(image, left, top);
  }

  /** By number: whether it is shown, and its colors as the canvas keeps them. */
  #palette() {
    const { segments, hidden } = this.work;
    const shown = new Uint16Array(segments.length + 1);
    const [insides, edges] = [new Uint32Array(segments.length + 1), new Uint32Array(segments.length + 1)];
    for (const [place, segment] of segments.entries()) {
      if (!segment || hidden.has(place)) continue;
      const color = Number.parseInt(this.colorOf(place).slice(1), 16);
      const parts = [color >> 16, (color >> 8) & 255, color & 255] as const;
      const [red, green, blue] = parts.map((part) => Math.round(part * EDGE)) as [number, number, number];
      shown[place + 1] = place + 1;
      insides[place + 1] = packed(...parts, Math.round(OPAQUE * this.strength));
      edges[place + 1] = packed(red, green, blue, OPAQUE);
    }
    const instance = this.work.hasInstances ? this.work.chosen : undefined;
    return { shown, insides, edges, chosen: instance === undefined ? -1 : instance + 1 };
  }

  /** What marks the object that is looked for: + where it is, − where it is not, and a box. */
  #paintMarks(context: CanvasRenderingContext2D): void {
    const { work, view } = this;
    if (!isMark(work.inHand)) return;
    const { points = [], box } = work.finder.prompt ?? {};
    const corners = work.stretched ?? box;
    if (corners) {
      const [[left, top], [right, bottom]] = [view.toScreen(corners[0]), view.toScreen(corners[1])];
      for (const [color, dashes] of [
        ["#ffffff", []],
        ["#000000", [5, 5]],
      ] as const) {
        context.strokeStyle = color;
        context.lineWidth = 2;
        context.setLineDash([...dashes]);
        context.strokeRect(left, top, right - left, bottom - top);
      }
      context.setLineDash([]);
    }
    for (const { at, inside } of points) paintSign(context, view.toScreen(at), inside);
  }

  #paintBrush(context: CanvasRenderingContext2D): void {
    const { work, view } = this;
    const { cursor, width } = work;
    if (!cursor) return;
    const [x, y] = view.toScreen(brushPlace(cursor, width));
    const isEraser = work.inHand === "eraser";
    for (const [color, line] of [
      ["rgb(0 0 0 / .8)", work.isDown ? 5 : 3.5],
      [isEraser ? "#ffffff" : this.ink(), work.isDown ? 3 : 1.5],
    ] as const) {
      context.beginPath();
      context.arc(x, y, Math.max((width / 2) * view.scale, 1), 0, 2 * Math.PI);
      context.strokeStyle = color;
      context.lineWidth = line;
      context.setLineDash(isEraser && line < 3.5 ? [4, 3] : []);
      context.stroke();
    }
    context.setLineDash([]);
  }

  /** The label of what is under the cursor: not everybody tells labels by their colors. */
  #paintLabel(context: CanvasRenderingContext2D): void {
    const { work, view } = this;
    if (!work.cursor) return;
    const [x, y] = work.cursor;
    const place = (work.mask?.at(Math.floor(x), Math.floor(y)) ?? 0) - 1;
    const segment = work.segments[place];
    if (!segment || work.hidden.has(place)) return;
    const [left, top] = view.toScreen(work.cursor);
    paintName(context, segment.label, this.colorOf(place), [left + 10, top + 10], view.area.width);
  }
}

function isMark(tool: MaskTool): boolean {
  return (MARKS as readonly MaskTool[]).includes(tool);
}

/** A point inside or outside an object, distinguished by the sign, not the color. */
function paintSign(context: CanvasRenderingContext2D, [x, y]: Point, inside: boolean): void {
  context.beginPath();
  context.arc(x, y, SIGN, 0, 2 * Math.PI);
  context.fillStyle = inside ? "#ffffff" : "#000000";
  context.fill();
  context.strokeStyle = inside ? "#000000" : "#ffffff";
  context.lineWidth = 2;
  context.stroke();
  context.beginPath();
  context.moveTo(x - SIGN / 2, y);
  context.lineTo(x + SIGN / 2, y);
  if (inside) {
    context.moveTo(x, y - SIGN / 2);
    context.lineTo(x, y + SIGN / 2);
  }
  context.stroke();
}

/** A color as a canvas stores it: little-endian, as on all present machines. */
function packed(red: number, green: number, blue: number, opacity: number): number {
  return ((opacity << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
