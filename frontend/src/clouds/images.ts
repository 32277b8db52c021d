/** The pictures of a frame's cameras, with the cuboids and the points where they show them. */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { keyCap } from "../element";
import { isChecked } from "../elements/board";
import type { Box } from "../frames/objects";
import { type Command, keys } from "../keys";
import { word } from "../words";
import type { Boxes, ShownPicture } from "./boxes";
import { type Camera, cameraOf, edgesIn, type Pixel, projected } from "./cameras";
import type { Cloud } from "./cloud";
import { cleared, type Painting } from "./painting";
import { placeOf } from "./picking";
import { type Cuboid, plus, times, turned, type Vector } from "./space-geometry";
import type { Page } from "./work";

/** A visible cuboid, and the function that selects it. */
export interface SeenCuboid {
  cuboid: Cuboid;
  color: string;
  isChosen: boolean;
  select(): void;
}

/** Most points that are drawn over a picture. */
const MAX_SHOWN = 40_000;
/** How far a camera's view is drawn, in meters. */
const REACH = 6;
const COLORS = 32;
/** Nearer than this a drag is a click, in pixels of the screen. */
const CLICK = 4;

/** What can be laid over a picture. */
type Layer = "cuboids" | "points" | "frustum";

export class Images {
  #at = 0;
  #shows: Record<Layer, boolean> = { cuboids: true, points: false, frustum: false };
  #points: HTMLCanvasElement | undefined;
  /** What the points were last drawn for. */
  #drawn: { camera: Camera; cloud: Cloud; width: number; height: number } | undefined;
  #cameras: { given: readonly unknown[]; cameras: Camera[] } = { given: [], cameras: [] };

  constructor(
    private readonly page: Page,
    private readonly given: () => readonly unknown[],
    private readonly seen: () => readonly SeenCuboid[],
    private readonly boxes: () => Boxes | undefined,
  ) {}

  /** A box that is being drawn: its corners, in pixels of the picture. */
  #drag: { from: Pixel; to: Pixel } | undefined;
  #wasDrag = false;

  get #all(): readonly Camera[] {
    const given = this.given();
    if (this.#cameras.given !== given) {
      this.#cameras = {
        given,
        cameras: given.flatMap((entry, at) => {
          const camera = cameraOf(entry, at);
          return camera?.src ? [camera] : [];
        }),
      };
    }
    return this.#cameras.cameras;
  }

  /** How many pictures can't be shown, because something of their cameras is missing. */
  get unreadable(): number {
    return this.given().length - this.#all.length;
  }

  get #camera(): Camera | undefined {
    const all = this.#all;
    return all[Math.min(this.#at, all.length - 1)];
  }

  commands(): Command[] {
    if (this.#all.length === 0) return [];
    return [
      { id: "camera-view", label: word("camera_view"), key: "c", run: () => this.#lookAlong() },
      { id: "camera-frustum", label: word("camera_frustum"), key: "f", run: () => this.#flip("frustum") },
      { id: "camera-points", label: word("camera_points"), key: "p", run: () => this.#flip("points") },
      { id: "camera-cuboids", label: word("camera_cuboids"), key: "b", run: () => this.#flip("cuboids") },
      {
        id: "next-camera",
        label: word("next_camera"),
        key: "i",
        run: () => this.#show((this.#at + 1) % this.#all.length),
      },
      ...(this.boxes()?.commands() ?? []),
    ];
  }

  /** The picture that is shown. */
  get shown(): ShownPicture | undefined {
    const camera = this.#camera;
    return camera && { camera, size: this.#sizeOf(this.page.host.renderRoot) };
  }

  #show(at: number): void {
    this.#at = at;
    this.page.requestUpdate();
  }

  #flip(layer: Layer): void {
    this.#shows = { ...this.#shows, [layer]: !this.#shows[layer] };
    this.page.draw();
    this.page.requestUpdate();
  }

  /** Look at the scene from where the camera is, the way it looks. */
  #lookAlong(): void {
    const camera = this.#camera;
    if (!camera) return;
    const { eye } = this.page;
    const forward = turned(camera.turn, [0, 0, 1]);
    eye.distance = Math.min(Math.max(eye.distance, 5), 30);
    eye.target = plus(camera.position, times(forward, eye.distance));
    eye.look(Math.atan2(-forward[1], -forward[0]), Math.asin(Math.min(Math.max(-forward[2], -1), 1)));
    this.page.moved();
  }

  /** The camera's view in the scene. */
  paint(painting: Painting): void {
    const camera = this.#camera;
    const size = this.#sizeOf(this.page.host.renderRoot);
    if (!camera || !this.#shows.frustum || !size) return;
    const corners = (
      [
        [0, 0],
        [size[0], 0],
        [size[0], size[1]],
        [0, size[1]],
      ] as const
    ).map(([x, y]) => {
      const down = (y - camera.center[1]) / camera.focal[1];
      const across = (x - camera.center[0] - camera.skew * down) / camera.focal[0];
      const ray: Vector = [across, down, 1];
      return plus(camera.position, turned(camera.turn, times(ray, REACH)));
    });
    painting.frustum(camera.position, corners);
  }

  #sizeOf(root: ParentNode): Pixel | undefined {
    const image = root.querySelector<HTMLImageElement>(".image img");
    return image?.naturalWidth ? [image.naturalWidth, image.naturalHeight] : undefined;
  }

  render() {
    const all = this.#all;
    const camera = this.#camera;
    if (!camera) return nothing;
    const caps = keys.of(this.page.host);
    const toggle = (id: string, text: string, layer: Layer) =>
      html`<label><input type="checkbox" .checked=${live(this.#shows[layer])} @change=${(event: Event) => {
        if (isChecked(event) !== this.#shows[layer]) this.#flip(layer);
      }}>${text}${keyCap(caps.get(id))}</label>`;
    return html`<div class="image" role="group" aria-label=${word("camera_images")}>
      <div class="tools">
        ${
          all.length > 1
            ? html`<label>${word("camera")} <select .value=${live(String(Math.min(this.#at, all.length - 1)))} @change=${(
                event: Event,
              ) => this.#show(Number((event.target as HTMLSelectElement).value))}>
              ${all.map((view, at) => html`<option value=${at} ?selected=${at === this.#at}>${at + 1} · ${view.name}</option>`)}
            </select></label>`
            : nothing
        }
        <button type="button" @click=${() => this.#lookAlong()}>${word("camera_view")}${keyCap(caps.get("camera-view"))}</button>
        ${toggle("camera-cuboids", word("camera_cuboids"), "cuboids")}
        ${toggle("camera-points", word("camera_points"), "points")}
        ${toggle("camera-frustum", word("camera_frustum"), "frustum")}
      </div>
      <div class="photo ${this.boxes()?.draws ? "draws" : ""}" @click=${(event: MouseEvent) => this.#click(event)}
        @pointerdown=${(event: PointerEvent) => this.#down(event)} @pointermove=${(event: PointerEvent) => this.#move(event)}
        @pointerup=${(event: PointerEvent) => this.#up(event)} @pointercancel=${() => this.#end()}>
        <img crossorigin="anonymous" src=${camera.src} alt=${word("camera_image", { name: camera.name })} draggable="false"
          @load=${() => this.page.draw()}>
        <canvas aria-hidden="true"></canvas>
      </div>
      ${this.boxes()?.render() ?? nothing}
    </div>`;
  }

  draw(root: ParentNode): void {
    const camera = this.#camera;
    const canvas = root.querySelector<HTMLCanvasElement>(".image canvas");
    const size = this.#sizeOf(root);
    if (!camera || !canvas || !size) return;
    const { clientWidth: width, clientHeight: height } = canvas;
    const context = width && height ? cleared(canvas, width, height) : null;
    if (!context) return;
    const cloud = this.page.loaded?.cloud;
    const scale = width / size[0];
    if (this.#shows.points && cloud) {
      context.drawImage(this.#pointsOf(camera, cloud, width, height, scale), 0, 0, width, height);
    }
    for (const box of this.boxes()?.seen ?? []) this.#drawBox(context, box, scale);
    if (this.#drag) {
      const { from, to } = this.#drag;
      context.strokeStyle = "#fff";
      context.lineWidth = 2;
      context.strokeRect(from[0] * scale, from[1] * scale, (to[0] - from[0]) * scale, (to[1] - from[1]) * scale);
    }
    if (!this.#shows.cuboids) return;
    for (const { cuboid, color, isChosen } of this.seen()) {
      context.strokeStyle = color;
      context.lineWidth = isChosen ? 3 : 1.5;
      context.beginPath();
      for (const line of edgesIn(camera, cuboid)) {
        for (const [at, [x, y]] of line.entries()) {
          if (at === 0) context.moveTo(x * scale, y * scale);
          else context.lineTo(x * scale, y * scale);
        }
      }
      context.stroke();
    }
  }

  #drawBox(context: CanvasRenderingContext2D, box: Box, scale: number): void {
    const [left, top, width, height] = box.rect.map((side) => side * scale) as unknown as Box["rect"];
    context.strokeStyle = this.page.colorOf(box.label);
    context.lineWidth = this.boxes()?.isChosen(box) ? 3 : 1.5;
    context.setLineDash([6, 3]);
    context.strokeRect(left, top, width, height);
    context.setLineDash([]);
    context.font = "12px sans-serif";
    context.lineWidth = 3;
    context.strokeStyle = "#000";
    context.strokeText(box.name, left + 2, Math.max(top - 3, 11));
    context.fillStyle = "#fff";
    context.fillText(box.name, left + 2, Math.max(top - 3, 11));
  }

  /** Where an event is in the picture, in its pixels. */
  #pixelOf(event: MouseEvent, size: Pixel): Pixel {
    const around = (event.currentTarget as Element).getBoundingClientRect();
    const scale = size[0] / around.width;
    return [(event.clientX - around.left) * scale, (event.clientY - around.top) * scale];
  }

  #down(event: PointerEvent): void {
    const size = this.shown?.size;
    this.#wasDrag = false;
    if (!size || event.button !== 0 || !event.isPrimary || !this.boxes()?.draws) return;
    const at = this.#pixelOf(event, size);
    this.#drag = { from: at, to: at };
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
  }

  #move(event: PointerEvent): void {
    const size = this.shown?.size;
    if (!this.#drag || !size) return;
    this.#drag = { from: this.#drag.from, to: this.#pixelOf(event, size) };
    this.page.draw();
  }

  #up(event: PointerEvent): void {
    const drag = this.#drag;
    const { size } = this.shown ?? {};
    this.#end();
    if (!drag || !size) return;
    const scale = (event.currentTarget as Element).clientWidth / size[0];
    const far = Math.hypot(drag.to[0] - drag.from[0], drag.to[1] - drag.from[1]) * scale;
    // The click that follows does not count.
    this.#wasDrag = far > CLICK;
    if (this.#wasDrag) this.boxes()?.draw(drag.from, drag.to);
    this.page.draw();
  }

  #end(): void {
    this.#drag = undefined;
    this.page.draw();
  }

  /** The points as the camera would see them, colored by how far away they are. */
  #pointsOf(camera: Camera, cloud: Cloud, width: number, height: number, scale: number): HTMLCanvasElement {
    const drawn = this.#drawn;
    const isSame =
      drawn?.camera === camera && drawn.cloud === cloud && drawn.width === width && drawn.height === height;
    if (this.#points && isSame) return this.#points;
    const canvas = document.createElement("canvas");
    const context = cleared(canvas, width, height);
    for (let point = 0; context && point < Math.min(cloud.count, MAX_SHOWN); point++) {
      const place = placeOf(cloud, point);
      const pixel = projected(camera, place);
      if (!pixel) continue;
      const far = Math.hypot(...[0, 1, 2].map((axis) => (place[axis] ?? 0) - (camera.position[axis] ?? 0)));
      const step = Math.floor(COLORS * Math.min(far / 60, 1));
      context.fillStyle = `hsl(${(260 * step) / COLORS} 100% 55%)`;
      context.fillRect(pixel[0] * scale - 1, pixel[1] * scale - 1, 2, 2);
    }
    this.#points = canvas;
    this.#drawn = { camera, cloud, width, height };
    return canvas;
  }

  /** A click in the picture selects the smallest box around it, else the smallest cuboid. */
  #click(event: MouseEvent): void {
    const camera = this.#camera;
    const size = this.#sizeOf(this.page.host.renderRoot);
    if (!camera || !size || this.#wasDrag) return;
    const [x, y] = this.#pixelOf(event, size);
    if (this.boxes()?.click([x, y]) || !this.#shows.cuboids) return;
    let smallest = Number.POSITIVE_INFINITY;
    let hit: SeenCuboid | undefined;
    for (const seen of this.seen()) {
      const pixels = edgesIn(camera, seen.cuboid).flat();
      const [across, down] = [pixels.map((pixel) => pixel[0]), pixels.map((pixel) => pixel[1])];
      const [left, right, top, bottom] = [
        Math.min(...across),
        Math.max(...across),
        Math.min(...down),
        Math.max(...down),
      ];
      if (x < left || x > right || y < top || y > bottom || (right - left) * (bottom - top) >= smallest) continue;
      [hit, smallest] = [seen, (right - left) * (bottom - top)];
    }
    hit?.select();
  }
}
