/** The pictures of a frame's cameras, with the cuboids and the points where they show them. */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { keyCap } from "../element";
import { isChecked } from "../elements/board";
import { type Command, keys } from "../keys";
import { word } from "../words";
import { type Camera, cameraOf, edgesIn, type Pixel, projected } from "./cameras";
import type { Cloud } from "./cloud";
import { type Cuboid, plus, times, turned, type Vector } from "./geometry";
import { cleared, type Painting } from "./painting";
import { placeOf } from "./picking";
import type { Page } from "./work";

/** A cuboid that one sees, and what selects it. */
export interface Seen {
  cuboid: Cuboid;
  color: string;
  isChosen: boolean;
  select(): void;
}

/** How many points are drawn over a picture. */
const MAX_SHOWN = 40_000;
/** How far a camera's view is drawn, in meters. */
const REACH = 6;
const COLORS = 32;

export class Images {
  #at = 0;
  #shows = { cuboids: true, points: false, frustum: false };
  #points: HTMLCanvasElement | undefined;
  /** For what the points were drawn last. */
  #drawn: { camera: Camera; cloud: Cloud; width: number; height: number } | undefined;
  #cameras: { given: readonly unknown[]; found: Camera[] } = { given: [], found: [] };

  constructor(
    private readonly page: Page,
    private readonly given: () => readonly unknown[],
    private readonly seen: () => readonly Seen[],
  ) {}

  get #all(): readonly Camera[] {
    const given = this.given();
    if (this.#cameras.given !== given) {
      this.#cameras = {
        given,
        found: given.flatMap((one) => {
          const camera = cameraOf(one);
          return camera?.src ? [camera] : [];
        }),
      };
    }
    return this.#cameras.found;
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
    ];
  }

  #show(at: number): void {
    this.#at = at;
    this.page.requestUpdate();
  }

  #flip(what: "cuboids" | "points" | "frustum"): void {
    this.#shows = { ...this.#shows, [what]: !this.#shows[what] };
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
    const toggle = (id: string, text: string, what: "cuboids" | "points" | "frustum") =>
      html`<label><input type="checkbox" .checked=${live(this.#shows[what])} @change=${(event: Event) => {
        if (isChecked(event) !== this.#shows[what]) this.#flip(what);
      }}>${text}${keyCap(caps.get(id))}</label>`;
    return html`<div class="image" role="group" aria-label=${word("camera_images")}>
      <div class="tools">
        ${
          all.length > 1
            ? html`<label>${word("camera")} <select .value=${live(String(Math.min(this.#at, all.length - 1)))} @change=${(
                event: Event,
              ) => this.#show(Number((event.target as HTMLSelectElement).value))}>
              ${all.map((one, at) => html`<option value=${at} ?selected=${at === this.#at}>${at + 1} · ${one.name}</option>`)}
            </select></label>`
            : nothing
        }
        <button type="button" @click=${() => this.#lookAlong()}>${word("camera_view")}${keyCap(caps.get("camera-view"))}</button>
        ${toggle("camera-cuboids", word("camera_cuboids"), "cuboids")}
        ${toggle("camera-points", word("camera_points"), "points")}
        ${toggle("camera-frustum", word("camera_frustum"), "frustum")}
      </div>
      <div class="photo" @click=${(event: MouseEvent) => this.#click(event)}>
        <img crossorigin="anonymous" src=${camera.src} alt=${word("camera_image", { name: camera.name })} draggable="false"
          @load=${() => this.page.draw()}>
        <canvas aria-hidden="true"></canvas>
      </div>
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

  /** The points as the camera would see them, coloured by how far away they are. */
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

  /** A click in the picture selects the smallest cuboid around it. */
  #click(event: MouseEvent): void {
    const camera = this.#camera;
    const size = this.#sizeOf(this.page.host.renderRoot);
    if (!camera || !size || !this.#shows.cuboids) return;
    const around = (event.currentTarget as Element).getBoundingClientRect();
    const scale = size[0] / around.width;
    const [x, y] = [(event.clientX - around.left) * scale, (event.clientY - around.top) * scale];
    let smallest = Number.POSITIVE_INFINITY;
    let found: Seen | undefined;
    for (const one of this.seen()) {
      const pixels = edgesIn(camera, one.cuboid).flat();
      const [across, down] = [pixels.map((pixel) => pixel[0]), pixels.map((pixel) => pixel[1])];
      const [left, right, top, bottom] = [
        Math.min(...across),
        Math.max(...across),
        Math.min(...down),
        Math.max(...down),
      ];
      if (x < left || x > right || y < top || y > bottom || (right - left) * (bottom - top) >= smallest) continue;
      [found, smallest] = [one, (right - left) * (bottom - top)];
    }
    found?.select();
  }
}
