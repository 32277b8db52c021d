/** The scene, its labels and its view: the part of a page with clouds that all kinds of work share. */
import { css, html, nothing, type PropertyValues } from "lit";
import { query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { styleMap } from "lit/directives/style-map.js";
import { Annotator } from "../annotator";
import { keyCap } from "../element";
import { isChecked } from "../elements/board";
import { drawingStyle } from "../elements/drawing-style";
import { OWN } from "../form";
import { framesStyle } from "../frames/fields";
import { type Command, keys } from "../keys";
import { word } from "../words";
import type { Loaded } from "./clouds";
import { Eye, type Place } from "./eye";
import { cleared, Painting } from "./painting";
import { Picker, placeOf } from "./picking";
import { type Coloring, Scene } from "./scene";
import type { Vector } from "./space-geometry";
import { Stage, type StageHand } from "./stage";
import type { Work } from "./work";

const REACH = 12;
const MAX_RATIO = 2;
const COLORINGS: readonly Coloring[] = ["height", "intensity", "color", "label"];
const QUARTER = Math.PI / 2;

const cloudsStyle = css`
  button:has(> kbd) { display: inline-flex; align-items: center; gap: .4rem; }
  .stage.cloud { height: min(62vh, 44rem); background: #14171c; cursor: grab; touch-action: none; }
  .stage.cloud.draws { cursor: crosshair; }
  .stage.cloud .state { background: #14171c; color: #fafafa; }
  .switch { display: inline-flex; gap: .4rem; align-items: center; font-size: .9rem; min-height: 2.1rem; }
  .sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; margin-top: .4rem; }
  figure { margin: 0; min-width: 0; }
  figcaption { display: flex; align-items: center; gap: .3rem; font-size: .9rem; }
  figcaption .icon { line-height: 1; }
  figcaption :first-child { margin-inline-start: auto; }
  .sides canvas { position: static; display: block; height: 13rem; border-radius: .4rem; background: #14171c; pointer-events: auto; touch-action: none; }
  .image { margin-top: .4rem; }
  .photo { position: relative; max-width: 60rem; margin-top: .3rem; }
  .photo.draws { cursor: crosshair; touch-action: none; }
  .photo img { display: block; width: 100%; border-radius: .4rem; image-orientation: none; }
  .numbers { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .3rem; margin: .4rem 0; padding: .4rem; border: 1px solid var(--labeling-line); border-radius: .35rem; min-width: 0; }
  .image .numbers { grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); }
  .numbers legend { font-size: .95rem; font-weight: 600; padding: 0 .3rem; }
  .numbers label { font-size: .85rem; min-width: 0; }
  .numbers input { width: 100%; }
  .drawing.wide { grid-template: "board" auto "labels" auto "objects" auto / minmax(0, 1fr); }
  .drawing.wide .stage.cloud { height: min(78vh, 60rem); max-height: none; }
`;

export abstract class CloudBoard extends Annotator {
  static override styles = [...Annotator.styles, drawingStyle, framesStyle, cloudsStyle];

  /** A message to the person. */
  @state() protected status = "";
  @state() private coloring: Coloring = "height";
  @state() private pointSize = 2;
  @state() private showsGrid = true;
  @state() private isWide = false;
  /** Whether clicks measure. */
  @state() private measures = false;
  /** Why nothing can be shown at all. */
  @state() private broken = "";
  @query(".stage") protected readonly stageElement!: HTMLElement | null;
  @query("canvas.points") private readonly pointsCanvas!: HTMLCanvasElement | null;
  @query("canvas.upper-canvas") private readonly upperCanvas!: HTMLCanvasElement | null;
  readonly eye = new Eye();
  readonly picker = new Picker(this.eye);
  readonly stage = new Stage(
    this.eye,
    () => (this.measures ? this.#ruler : this.work.hand),
    () => this.moved(),
    (width, height) => this.#resize(width, height),
    (at) => this.#fly(at),
  );
  protected scene: Scene | undefined;
  /** The marks of the ruler. */
  #marks: Vector[] = [];
  #frame: number | undefined;
  #isFitted = false;

  abstract readonly work: Work;
  abstract readonly loaded: Loaded | undefined;
  protected abstract get labelNames(): readonly string[];
  abstract colorOf(label: string): string;
  /** Sentences on what can't be shown. */
  protected abstract readonly problems: readonly string[];
  /** A message over the scene: that it is loading, or can't be shown. */
  protected abstract renderState(): unknown;
  /** The frames, below the scene. */
  protected abstract renderFrames(): unknown;
  /** The pictures of cameras. */
  protected abstract renderImages(): unknown;
  protected abstract drawImages(): void;
  /** The view of a camera, in the scene. */
  protected abstract paintCamera(painting: Painting): void;

  readonly #ruler: StageHand = {
    down: () => false,
    move: () => undefined,
    up: () => undefined,
    cancel: () => undefined,
    hover: () => undefined,
    click: (at) => this.#measure(at),
  };

  override focus(options?: FocusOptions): void {
    this.stageElement?.focus(options);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.stage.detach();
    this.scene?.dispose();
    this.scene = undefined;
  }

  protected override updated(changes?: PropertyValues): void {
    super.updated(changes);
    const { stageElement, pointsCanvas } = this;
    if (!stageElement || !pointsCanvas || !this.isConnected) return;
    if (!this.scene && !this.broken) this.#begin(pointsCanvas);
    this.stage.attach(stageElement);
    this.draw();
  }

  #begin(canvas: HTMLCanvasElement): void {
    try {
      this.scene = new Scene(canvas, this.eye, () => this.#paint());
    } catch {
      this.broken = word("no_webgl");
      return;
    }
    this.scene.pointSize = this.pointSize;
    this.shown();
  }

  /** Another cloud has loaded. @param numbers the labels of its points */
  protected shown(numbers?: Uint8Array): void {
    const { loaded, scene } = this;
    if (!loaded || !scene) return;
    const { cloud } = loaded;
    if (!this.#isFitted) {
      this.#isFitted = true;
      if (numbers) this.coloring = "label";
      else if (cloud.colors) this.coloring = "color";
      this.#reset();
    }
    scene.coloring = this.coloring;
    scene.show(cloud, numbers);
    this.draw();
  }

  #resize(width: number, height: number): void {
    this.scene?.resize(width, height, Math.min(window.devicePixelRatio, MAX_RATIO));
  }

  /** The view has changed. */
  moved(): void {
    this.scene?.moved();
  }

  /** Redraw what lies over the points, and what stands beside them. */
  draw(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#paint();
    });
  }

  #paint(): void {
    const { upperCanvas, eye } = this;
    const context = upperCanvas && cleared(upperCanvas, eye.width, eye.height);
    if (!context || !this.loaded) return;
    const painting = new Painting(context, eye);
    this.work.paint(painting, context);
    this.paintCamera(painting);
    if (this.#marks.length > 0) painting.ruler(this.#marks);
    this.work.drawBeside(this.renderRoot);
    this.drawImages();
  }

  // Looking

  #fly(at: Place): void {
    const { loaded, eye } = this;
    const point = loaded && this.picker.at(at, REACH, loaded.cloud);
    if (!loaded || point === undefined) return;
    eye.target = placeOf(loaded.cloud, point);
    eye.distance = Math.max(eye.distance / 2, 2);
    this.moved();
  }

  #reset(): void {
    const { loaded, eye } = this;
    if (!loaded) return;
    const { least, most, origin } = loaded.cloud;
    const world = (vector: Vector): Vector => [vector[0] + origin[0], vector[1] + origin[1], vector[2] + origin[2]];
    eye.look(-QUARTER, 0.9);
    eye.fit(world(least), world(most));
    this.moved();
  }

  #look(azimuth: number, elevation: number): void {
    this.eye.look(azimuth, elevation);
    this.moved();
  }

  #toggleOrthogonal(): void {
    this.eye.isOrthogonal = !this.eye.isOrthogonal;
    this.moved();
    this.requestUpdate();
  }

  #toggleGrid(): void {
    this.showsGrid = !this.showsGrid;
    if (this.scene) this.scene.showsGrid = this.showsGrid;
  }

  // Measuring

  #toggleRuler(): void {
    this.measures = !this.measures;
    this.#marks = [];
    this.status = this.measures ? word("ruler_help") : "";
    this.draw();
  }

  #measure(at: Place): void {
    const { loaded } = this;
    const point = loaded && this.picker.at(at, REACH, loaded.cloud);
    if (loaded && point !== undefined) this.#mark(placeOf(loaded.cloud, point));
    else this.status = word("no_points_there");
  }

  #mark(at: Vector): void {
    this.#marks.push(at);
    const way = this.#marks.slice(1).map((mark, place) => {
      const before = this.#marks[place] ?? mark;
      return Math.hypot(mark[0] - before[0], mark[1] - before[1], mark[2] - before[2]);
    });
    if (way.length > 0) {
      const total = way.reduce((sum, leg) => sum + leg, 0);
      this.status = word("ruler_length", { last: (way.at(-1) ?? 0).toFixed(2), all: total.toFixed(2) });
    }
    this.draw();
  }

  #leave(): boolean {
    if (!this.measures) return this.work.leave();
    if (this.#marks.pop() === undefined) this.measures = false;
    this.draw();
    return true;
  }

  // Keys

  protected get viewCommands(): Command[] {
    const { stage } = this;
    const does = (id: string, label: string, key: string, run: () => unknown): Command => ({ id, label, key, run });
    const pan = (arrow: string, key: string, letter: string, across: number, down: number) => [
      does(`view-${key}`, word("move_view", { way: arrow }), key, () => stage.pan(across, down)),
      does(`view-${letter}`, word("move_view", { way: arrow }), letter, () => stage.pan(across, down)),
    ];
    return [
      does("leave", word("leave_shape"), "Escape", () => this.#leave()),
      ...pan("←", "ArrowLeft", "a", -1, 0),
      ...pan("→", "ArrowRight", "d", 1, 0),
      ...pan("↑", "ArrowUp", "q", 0, -1),
      ...pan("↓", "ArrowDown", "e", 0, 1),
      does("zoom-in", word("zoom_in"), "w", () => stage.zoomIn()),
      does("zoom-out", word("zoom_out"), "s", () => stage.zoomOut()),
      does("turn-left", word("turn_view", { way: "←" }), "Shift+a", () => stage.orbit(-1, 0)),
      does("turn-right", word("turn_view", { way: "→" }), "Shift+d", () => stage.orbit(1, 0)),
      does("turn-up", word("turn_view", { way: "↑" }), "Shift+w", () => stage.orbit(0, 1)),
      does("turn-down", word("turn_view", { way: "↓" }), "Shift+s", () => stage.orbit(0, -1)),
      does("reset-view", word("reset_view"), "0", () => this.#reset()),
      does("view-top", word("view_top"), "t", () => this.#look(-QUARTER, QUARTER)),
      does("view-side", word("view_side"), "y", () => this.#look(-QUARTER, 0)),
      does("view-front", word("view_front"), "v", () => this.#look(0, 0)),
      does("orthogonal", word("orthogonal"), "h", () => this.#toggleOrthogonal()),
      does("ground-grid", word("ground_grid"), "m", () => this.#toggleGrid()),
      does("ruler", word("ruler"), "r", () => this.#toggleRuler()),
      does("mark", word("ruler_mark"), "Enter", () => this.measures && this.#mark(this.eye.target)),
    ];
  }

  // What is shown

  protected override renderWork() {
    return html`
      ${this.problems.map((problem) => html`<p class="problem" role="status">${problem}</p>`)}
      <div class="drawing ${this.isWide ? "wide" : ""}">
        <div class="category-picker-wrapper" ${OWN}>${this.#renderLabels()}</div>
        <div class="board" ${OWN}>
          ${this.work.renderTools()}
          <div class="stage cloud ${this.work.pressed !== undefined ? "draws" : ""}" tabindex="0" role="application"
            aria-label=${word("cloud_area")} aria-describedby="help">
            <canvas class="points" aria-hidden="true"></canvas>
            <canvas class="upper-canvas" aria-hidden="true"></canvas>
            ${this.broken ? html`<div class="state" role="alert">${this.broken}</div>` : this.renderState()}
          </div>
          ${this.renderFrames()}
          <p role="status" class="quiet help">${this.status}</p>
          ${this.work.renderBeside()}
          ${this.#renderView()}
          ${this.renderImages()}
          <p id="help" class="quiet help">${this.work.renderHelp()}</p>
        </div>
        <div class="objects" ${OWN}>${this.work.renderObjects()}</div>
      </div>
      <slot></slot>
    `;
  }

  #renderLabels() {
    const caps = keys.of(this);
    const { pressed } = this.work;
    return html`<h3>${word("labels")}</h3>
      <div class="labels" role="group" aria-label=${word("labels")}>${this.labelNames.map(
        (label) => html`<button type="button" aria-pressed=${label === pressed} @click=${() => this.work.choose(label)}
          ><i style=${styleMap({ background: this.colorOf(label) })}></i><span dir="auto">${label}</span>${keyCap(caps.get(`label:${label}`))}</button>`,
      )}</div>`;
  }

  #renderView() {
    const caps = keys.of(this);
    const look = (id: string, text: string, run: () => void) =>
      html`<button type="button" @click=${run}>${text}${keyCap(caps.get(id))}</button>`;
    const toggle = (text: string, isOn: boolean, flip: () => void) =>
      html`<label><input type="checkbox" .checked=${live(isOn)} @change=${flip}>${text}</label>`;
    const cloud = this.loaded?.cloud;
    const has = { height: true, intensity: cloud?.tones, color: cloud?.colors, label: this.hasNumbers };
    const names = {
      height: word("by_height"),
      intensity: word("by_intensity"),
      color: word("by_color"),
      label: word("by_label"),
    };
    return html`<div class="tools">
      <button type="button" aria-label=${word("zoom_out")} @click=${() => this.stage.zoomOut()}>−</button>
      <button type="button" aria-label=${word("zoom_in")} @click=${() => this.stage.zoomIn()}>+</button>
      ${look("reset-view", word("reset_view"), () => this.#reset())}
      ${look("view-top", word("view_top"), () => this.#look(-QUARTER, QUARTER))}
      ${look("view-side", word("view_side"), () => this.#look(-QUARTER, 0))}
      ${look("view-front", word("view_front"), () => this.#look(0, 0))}
      <label>${word("colors")} <select .value=${live(this.coloring)} @change=${(event: Event) =>
        this.#color((event.target as HTMLSelectElement).value as Coloring)}>
        ${COLORINGS.filter((coloring) => has[coloring]).map((coloring) => html`<option value=${coloring} ?selected=${coloring === this.coloring}>${names[coloring]}</option>`)}
      </select></label>
      <label>${word("point_size")} <input type="range" min="1" max="8" step="1" .value=${live(String(this.pointSize))}
        @input=${(event: Event) => this.#sizePoints((event.target as HTMLInputElement).valueAsNumber)}></label>
      ${toggle(word("ground_grid"), this.showsGrid, () => this.#toggleGrid())}
      ${toggle(word("orthogonal"), this.eye.isOrthogonal, () => this.#toggleOrthogonal())}
      ${toggle(word("ruler"), this.measures, () => this.#toggleRuler())}
      <label><input type="checkbox" .checked=${this.isWide} @change=${(event: Event) => {
        this.isWide = isChecked(event);
      }}>${word("wide_view")}</label>
    </div>`;
  }

  /** Whether points have labels. */
  protected get hasNumbers(): boolean {
    return false;
  }

  #color(coloring: Coloring): void {
    this.coloring = coloring;
    if (this.scene) this.scene.coloring = coloring;
  }

  #sizePoints(size: number): void {
    this.pointSize = size;
    if (this.scene) this.scene.pointSize = size;
  }
}

/** What is shown while a cloud loads, or in place of it. */
export function cloudState(trouble: string, isLoading: boolean, again: () => void) {
  if (trouble) {
    return html`<div class="state" role="alert">${trouble}
      <button type="button" @click=${again}>${word("try_again")}</button></div>`;
  }
  return isLoading ? html`<div class="state" role="status">${word("loading_cloud")}</div>` : nothing;
}
