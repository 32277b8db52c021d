/** Shows the points of a cloud, by WebGL. It draws when something has changed, and fewer points during moves. */
import {
  BufferAttribute,
  BufferGeometry,
  DataTexture,
  Scene as Everything,
  GLSL3,
  LineBasicMaterial,
  LineSegments,
  OrthographicCamera,
  PerspectiveCamera,
  Points,
  RGBAFormat,
  ShaderMaterial,
  Vector3,
  WebGLRenderer,
} from "three";
import type { Cloud } from "./cloud";
import type { Eye } from "./eye";
import { minus, plus, type Vector } from "./space-geometry";

export type Coloring = "height" | "intensity" | "color" | "label";

/** Most points that are drawn during a move. */
const MOVING = 120_000;
/** Milliseconds without a move after which all points are drawn. */
const REST = 160;
const GRID_LINES = 25;
const BACK = "#14171c";
const NUMBERS = 256;

const VERTEX = `
in float tone;
in vec3 tint;
in float number;
uniform int coloring;
uniform float size;
uniform vec2 heights;
uniform sampler2D labels;
out vec4 shade;
vec3 ramp(float share) {
  vec3 low = mix(vec3(.25, .3, .95), vec3(.1, .8, .75), smoothstep(0., .4, share));
  return mix(mix(low, vec3(.75, .9, .2), smoothstep(.35, .7, share)), vec3(1., .45, .2), smoothstep(.65, 1., share));
}
void main() {
  vec4 label = texelFetch(labels, ivec2(int(number + .5), 0), 0);
  vec3 color = coloring == 1 ? ramp(tone) : coloring == 2 ? tint
    : ramp(clamp((position.z - heights.x) / (heights.y - heights.x), 0., 1.));
  bool isLabeled = number > .5 && coloring == 3;
  shade = vec4(isLabeled ? label.rgb : coloring == 3 ? color * .45 + .18 : color, label.a);
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.);
  // Hidden points are moved outside.
  if (label.a < .5) gl_Position = vec4(2., 2., 2., 1.);
  gl_PointSize = isLabeled ? size + 1. : size;
}`;
const FRAGMENT = `
in vec4 shade;
out vec4 result;
void main() { result = vec4(shade.rgb, 1.); }`;

export class Scene {
  /** The color of each label, by number, and 0 for points without one; none for those that are hidden. */
  readonly #labels = new DataTexture(new Uint8Array(4 * NUMBERS).fill(255), NUMBERS, 1, RGBAFormat);
  readonly #material = new ShaderMaterial({
    glslVersion: GLSL3,
    vertexShader: VERTEX,
    fragmentShader: FRAGMENT,
    uniforms: {
      coloring: { value: 0 },
      size: { value: 2 },
      heights: { value: [0, 1] },
      labels: { value: this.#labels },
    },
  });
  readonly #perspective = new PerspectiveCamera();
  readonly #orthogonal = new OrthographicCamera();
  readonly #all = new Everything();
  readonly #lines = new LineSegments(new BufferGeometry(), new LineBasicMaterial({ color: "#3d444f" }));
  #points: Points<BufferGeometry, ShaderMaterial> | undefined;
  #cloud: Cloud | undefined;
  #frame: number | undefined;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #isMoving = false;
  readonly #renderer: WebGLRenderer;

  /** @param drawn is called when the points have been drawn */
  constructor(
    readonly canvas: HTMLCanvasElement,
    private readonly eye: Eye,
    private readonly drawn: () => void,
  ) {
    this.#renderer = new WebGLRenderer({ canvas, antialias: false, powerPreference: "high-performance" });
    this.#renderer.setClearColor(BACK);
    this.#all.add(this.#lines);
    // A lost context, as after the machine has slept, is restored.
    canvas.addEventListener("webglcontextrestored", () => {
      this.#renderer.setClearColor(BACK);
      this.draw();
    });
    this.#labels.needsUpdate = true;
  }

  /** Show a cloud. @param numbers the label of each point, in the cloud's own order */
  show(cloud: Cloud, numbers: Uint8Array | undefined): void {
    this.#forget();
    const geometry = new BufferGeometry();
    const { count } = cloud;
    geometry.setAttribute("position", new BufferAttribute(cloud.positions, 3));
    geometry.setAttribute("tone", new BufferAttribute(cloud.tones ?? new Uint8Array(count), 1));
    geometry.setAttribute("tint", new BufferAttribute(cloud.colors ?? new Uint8Array(3 * count), 3, true));
    geometry.setAttribute("number", new BufferAttribute(numbers ?? new Uint8Array(count), 1));
    this.#points = new Points(geometry, this.#material);
    this.#points.frustumCulled = false;
    this.#all.add(this.#points);
    this.#cloud = cloud;
    this.#material.uniforms.heights = { value: [cloud.least[2], Math.max(cloud.most[2], cloud.least[2] + 0.1)] };
    this.#layLines(cloud);
    this.draw();
  }

  /** The labels of points have changed, from one place to another in the cloud's order. */
  renumber(): void {
    const numbers = this.#points?.geometry.getAttribute("number");
    if (numbers) (numbers as BufferAttribute).needsUpdate = true;
    this.draw();
  }

  /** @param colors of labels by number, as `#rrggbb`; an empty one is hidden */
  paint(colors: readonly string[]): void {
    const { data } = this.#labels.image;
    for (let number = 0; number < NUMBERS; number++) {
      const color = colors[number];
      const value = Number.parseInt((color || "#ffffff").slice(1), 16);
      (data as Uint8Array).set([value >> 16, (value >> 8) & 255, value & 255, color === "" ? 0 : 255], 4 * number);
    }
    this.#labels.needsUpdate = true;
    this.draw();
  }

  set coloring(coloring: Coloring) {
    (this.#material.uniforms.coloring as { value: number }).value = ["height", "intensity", "color", "label"].indexOf(
      coloring,
    );
    this.draw();
  }

  set pointSize(size: number) {
    (this.#material.uniforms.size as { value: number }).value = size * this.#renderer.getPixelRatio();
    this.draw();
  }

  set showsGrid(shows: boolean) {
    this.#lines.visible = shows;
    this.draw();
  }

  /** @param ratio pixels of the screen for one of the page */
  resize(width: number, height: number, ratio: number): void {
    this.#renderer.setPixelRatio(ratio);
    this.#renderer.setSize(width, height, false);
    this.eye.width = width;
    this.eye.height = height;
    this.draw();
  }

  /** The view has changed. */
  moved(): void {
    this.#isMoving = true;
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#isMoving = false;
      this.draw();
    }, REST);
    this.draw();
  }

  draw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw();
    });
  }

  dispose(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    clearTimeout(this.#rest);
    this.#forget();
    this.#renderer.dispose();
    this.#renderer.forceContextLoss();
  }

  #forget(): void {
    if (!this.#points) return;
    this.#all.remove(this.#points);
    this.#points.geometry.dispose();
    this.#points = undefined;
  }

  #draw(): void {
    const { eye } = this;
    if (!this.#points || !this.#cloud) return;
    this.#points.geometry.setDrawRange(0, this.#isMoving ? MOVING : Number.POSITIVE_INFINITY);
    const camera = this.#aim(eye, this.#cloud.origin);
    this.#renderer.render(this.#all, camera);
    this.drawn();
  }

  #aim(eye: Eye, origin: Vector): PerspectiveCamera | OrthographicCamera {
    const [, up, forward] = eye.axes;
    const position = minus(eye.position, origin);
    const camera = eye.isOrthogonal ? this.#orthogonal : this.#perspective;
    if (eye.isOrthogonal) {
      const [across, down] = [eye.width / 2 / eye.scale, eye.height / 2 / eye.scale];
      Object.assign(this.#orthogonal, { left: -across, right: across, top: down, bottom: -down, near: -1e5, far: 1e5 });
    } else {
      const { near } = eye;
      Object.assign(this.#perspective, {
        fov: (eye.fieldOfView * 180) / Math.PI,
        aspect: eye.width / eye.height,
        near,
        far: 1e5,
      });
    }
    camera.position.set(...position);
    camera.up.set(...up);
    camera.lookAt(new Vector3(...plus(position, forward)));
    camera.updateProjectionMatrix();
    return camera;
  }

  /** A grid on the ground, by ten meters, or by a hundred where a cloud is large. */
  #layLines({ least, most }: Cloud): void {
    const widest = Math.max(most[0] - least[0], most[1] - least[1], 1);
    const step = 10 ** Math.max(Math.ceil(Math.log10(widest / GRID_LINES)), -1);
    const ends: number[] = [];
    const from = (axis: 0 | 1) => Math.floor(least[axis] / step) * step;
    const to = (axis: 0 | 1) => Math.ceil(most[axis] / step) * step;
    const z = least[2];
    for (let x = from(0); x <= to(0) + step / 2; x += step) ends.push(x, from(1), z, x, to(1), z);
    for (let y = from(1); y <= to(1) + step / 2; y += step) ends.push(from(0), y, z, to(0), y, z);
    this.#lines.geometry.dispose();
    this.#lines.geometry = new BufferGeometry().setAttribute(
      "position",
      new BufferAttribute(new Float32Array(ends), 3),
    );
    this.#lines.frustumCulled = false;
  }
}
