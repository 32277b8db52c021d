/** Where a picture is in the area that shows it: its zoom and position, and conversions between its own pixels and those of the screen. */
import { type Point, type Size, within } from "./plane-geometry";

export const MAX_ZOOM = 40;
/** Pixels of the screen around a picture, to allow work at its very edge. */
const EDGE = 14;

export class View {
  #area: Size = { width: 1, height: 1 };
  #picture: Size = { width: 1, height: 1 };
  /** 1 if the picture just fits. */
  zoom = 1;
  /** Where the picture's top left corner is. */
  x = 0;
  y = 0;

  get area(): Size {
    return this.#area;
  }

  /** The picture's own size, in pixels. */
  get picture(): Size {
    return this.#picture;
  }

  /** Pixels of the screen for one of the picture. */
  get scale(): number {
    const { width, height } = this.#area;
    const fitting = Math.min((width - 2 * EDGE) / this.#picture.width, (height - 2 * EDGE) / this.#picture.height);
    return Math.max(fitting, 1e-6) * this.zoom;
  }

  /** Take another area; what is in its middle stays there. */
  resize(area: Size): void {
    const middle = this.toPicture(this.#area.width / 2, this.#area.height / 2);
    this.#area = { width: Math.max(area.width, 1), height: Math.max(area.height, 1) };
    this.#center(middle);
  }

  /** Show another picture, all of it. */
  show(picture: Size): void {
    this.#picture = picture;
    this.fit();
  }

  fit(): void {
    this.zoom = 1;
    this.moveBy(0, 0);
  }

  toPicture(x: number, y: number): Point {
    const { scale } = this;
    return [(x - this.x) / scale, (y - this.y) / scale];
  }

  toScreen([x, y]: Point): Point {
    const { scale } = this;
    return [x * scale + this.x, y * scale + this.y];
  }

  /** Zoom, with a point of the area staying where it is: its middle unless another one is named. */
  zoomBy(factor: number, at: Point = [this.#area.width / 2, this.#area.height / 2]): void {
    const fixed = this.toPicture(...at);
    this.zoom = within(this.zoom * factor, 1, MAX_ZOOM);
    const now = this.toScreen(fixed);
    this.moveBy(at[0] - now[0], at[1] - now[1]);
  }

  /** Move the picture; one that just fits stays in the middle, any other covers the middle. */
  moveBy(x: number, y: number): void {
    const place = (at: number, length: number, room: number) =>
      this.zoom === 1 ? (room - length) / 2 : within(at, room / 2 - length, room / 2);
    this.x = place(this.x + x, this.#picture.width * this.scale, this.#area.width);
    this.y = place(this.y + y, this.#picture.height * this.scale, this.#area.height);
  }

  /** Move the picture just as far as a point of it needs to be seen. */
  reveal(point: Point): void {
    const [x, y] = this.toScreen(point);
    const { width, height } = this.#area;
    this.moveBy(within(x, EDGE, width - EDGE) - x, within(y, EDGE, height - EDGE) - y);
  }

  #center(point: Point): void {
    const [x, y] = this.toScreen(point);
    this.moveBy(this.#area.width / 2 - x, this.#area.height / 2 - y);
  }
}
