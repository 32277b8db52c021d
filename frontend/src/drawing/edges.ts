/** Finds visible edges in the picture, and moves points and boxes onto them. */
import { distance, type Point, type Size, within } from "./plane-geometry";

/** How far away an edge may be, in pixels of the screen, and at most in pixels of the picture. */
const REACH = 10;
const MAX_REACH = 100;
/** Least difference in brightness between the two sides, of 255. */
const LEAST = 12;
/** The weight of an edge at the end of the reach, relative to one right there. */
const FAR = 0.5;
/** Most places along a side that are examined. */
const MAX_PLACES = 256;
/** The name of the part of a JPEG, PNG or WebP file with its orientation; renamed, it is ignored. */
const ORIENTATION_IN = ["Exif\0\0", "eXIf", "EXIF"];

export class Edges {
  readonly #canvas = document.createElement("canvas");

  private constructor(
    private readonly picture: HTMLImageElement,
    private readonly size: Size,
    private readonly scale: () => number,
  ) {}

  /**
   * Those of the picture at an address. Throws if its pixels can't be read.
   *
   * @param size in stored pixels @param scale how many pixels of the screen one of the picture has
   */
  static async of(address: string, size: Size, scale: () => number): Promise<Edges> {
    const response = await fetch(address);
    const bytes = new Uint8Array(await response.arrayBuffer());
    hideOrientation(bytes);
    const url = URL.createObjectURL(new Blob([bytes], { type: response.headers.get("content-type") ?? "" }));
    const picture = new Image();
    picture.src = url;
    await picture.decode().finally(() => URL.revokeObjectURL(url));
    if (picture.naturalWidth !== size.width || picture.naturalHeight !== size.height) throw new Error("another size");
    return new Edges(picture, size, scale);
  }

  /** The corner of pixels near a point at which the picture changes most; the point itself if it changes nowhere. */
  near(point: Point): Point {
    const reach = reachOf(this.scale());
    const [left, top] = [Math.round(point[0]) - reach, Math.round(point[1]) - reach];
    const wide = 2 * reach + 2;
    const light = this.#brightness(left - 1, top - 1, wide, wide, wide, wide);
    let [best, most] = [point, LEAST];
    for (let row = 1; row < wide; row++) {
      for (let column = 1; column < wide; column++) {
        const corner: Point = [left + column - 1, top + row - 1];
        const far = distance(point, corner);
        const at = row * wide + column;
        const [before, above, aside, here] = [light[at - wide - 1], light[at - wide], light[at - 1], light[at]] as Four;
        const steep = Math.hypot(above + here - before - aside, aside + here - before - above) / 2;
        const counts = steep * nearness(far, reach);
        if (counts > most) [best, most] = [corner, counts];
      }
    }
    return best;
  }

  /** A box with each side on the edge that is clearest near it. @param box its corners at the top left and bottom right */
  around([from, to]: readonly [Point, Point]): [Point, Point] {
    const scale = this.scale();
    const [width, height] = [to[0] - from[0], to[1] - from[1]];
    const across = (x: number) => {
      const reach = reachOf(scale, width);
      const places = Math.min(height, MAX_PLACES);
      const light = this.#brightness(x - reach - 1, from[1], 2 * reach + 2, height, 2 * reach + 2, places);
      return x + clearest(light, reach, places, 1, 2 * reach + 2);
    };
    const down = (y: number) => {
      const reach = reachOf(scale, height);
      const places = Math.min(width, MAX_PLACES);
      const light = this.#brightness(from[0], y - reach - 1, width, 2 * reach + 2, places, 2 * reach + 2);
      return y + clearest(light, reach, places, places, 1);
    };
    return [
      [across(from[0]), down(from[1])],
      [across(to[0]), down(to[1])],
    ];
  }

  /** Brightness of a part of the picture, row after row; the border is repeated beyond the edge. */
  #brightness(left: number, top: number, width: number, height: number, columns: number, rows: number): Float32Array {
    const canvas = this.#canvas;
    [canvas.width, canvas.height] = [columns, rows];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const light = new Float32Array(columns * rows);
    if (!context) return light;
    context.drawImage(this.picture, left, top, width, height, 0, 0, columns, rows);
    const { data } = context.getImageData(0, 0, columns, rows);
    const inside = (at: number, from: number, step: number, most: number, length: number) =>
      within(at, Math.ceil(-from / step), Math.min(Math.ceil((most - from) / step), length) - 1);
    for (let row = 0; row < rows; row++) {
      const own = inside(row, top, height / rows, this.size.height, rows) * columns;
      for (let column = 0; column < columns; column++) {
        const at = 4 * (own + inside(column, left, width / columns, this.size.width, columns));
        const [red, green, blue] = [data[at], data[at + 1], data[at + 2]] as [number, number, number];
        light[row * columns + column] = 0.3 * red + 0.59 * green + 0.11 * blue;
      }
    }
    return light;
  }
}

/** Make a picture show its stored pixels: on a canvas, browsers rotate it by its EXIF data, whatever its style. */
function hideOrientation(bytes: Uint8Array): void {
  for (const name of ORIENTATION_IN) {
    const codes = [...name].map((letter) => letter.charCodeAt(0));
    const isHere = (at: number) => codes.every((code, place) => bytes[at + place] === code);
    for (let at = bytes.indexOf(codes[0] as number); at >= 0; at = bytes.indexOf(codes[0] as number, at + 1))
      if (isHere(at)) bytes[at] = "x".charCodeAt(0);
  }
}

type Four = [number, number, number, number];

/** @param room of a side that may not meet the one opposite */
function reachOf(scale: number, room = Number.POSITIVE_INFINITY): number {
  return Math.floor(within(REACH / scale, 1, Math.min(MAX_REACH, (room - 1) / 2)));
}

function nearness(far: number, reach: number): number {
  return far > reach ? 0 : 1 - (FAR * far) / reach;
}

/** By how much a side has to be moved to the clearest edge. @param step from place to place along an edge is `along`, across it `step` */
function clearest(light: Float32Array, reach: number, places: number, step: number, along: number): number {
  let [best, most] = [0, LEAST];
  for (let shift = -reach; shift <= reach; shift++) {
    let sum = 0;
    for (let place = 0; place < places; place++) {
      const at = place * along + (shift + reach + 1) * step;
      sum += (light[at] as number) - (light[at - step] as number);
    }
    const counts = (Math.abs(sum) / places) * nearness(Math.abs(shift), reach);
    if (counts > most) [best, most] = [shift, counts];
  }
  return best;
}
