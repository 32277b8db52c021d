/** The elements that draw on a picture: boxes, polygons, polylines, lines and points. */
import { html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { styleMap } from "lit/directives/style-map.js";
import { Annotator, unwrapped } from "../annotator";
import { asList, isRecord, json5, labelText, labelTexts } from "../attributes";
import { lookOf } from "../colors";
import { Editor, type Told } from "../drawing/editor";
import type { Point } from "../drawing/geometry";
import { box, type Kind, keypoint, line, polygon, polyline, type Shape } from "../drawing/kinds";
import { type Look, Painter } from "../drawing/painter";
import { Surface } from "../drawing/surface";
import { View } from "../drawing/view";
import { element, findField, keyCap } from "../element";
import { OWN } from "../form";
import { iconPath } from "../icons";
import { type Command, keys } from "../keys";
import { loadingNote, watchMedia } from "../media";
import { word } from "../words";
import { drawingStyle } from "./drawing-style";

const STEP = 1.25;
/** Pixels of the screen that a copy is beside its original. */
const ASIDE = 12;
/** Rows that the list of labels, and that of shapes, shows at a time. */
const MAX_ROWS = 100;
const UNKNOWN: Look = { color: "#9a9a9a", dashes: [] };

interface Stored {
  shapes: [string, readonly Point[]][];
  path?: [string, readonly Point[]];
  nothing?: boolean;
}

abstract class Drawing extends Annotator {
  static override styles = [...Annotator.styles, drawingStyle];
  protected abstract readonly kind: Kind;

  @property() src = "";
  @property({ converter: json5, hasChanged: () => true }) labels: unknown;
  @property({ attribute: "label-colors", converter: json5 }) labelColors: unknown;
  @state() private filter = "";
  @state() private told = "";
  @state() private loading: "again" | "failed" | "" = "";
  @state() private brightness = 100;
  @state() private contrast = 100;
  /** What was drawn on the picture before. */
  @state() private drawnBefore: readonly Shape[] = [];
  @state() private size: { width: number; height: number } | undefined;
  @query(".stage") private readonly stage!: HTMLElement | null;
  @query("img.subject") private readonly picture!: HTMLImageElement | null;
  /** The person says that there is nothing to draw. */
  #nothing = false;
  /** Whether the shapes are the person's, or a script's, and not those of the template. */
  #own = false;
  #looks: Map<string, Look> | undefined;
  #given: { value: unknown; labels: string; shapes: Shape[]; unreadable: number } | undefined;
  #editorMade: Editor | undefined;
  readonly #view = new View();
  #painter: Painter | undefined;
  #surface: Surface | undefined;

  // The answer

  protected override get result(): Record<string, unknown> {
    const { kind } = this;
    return {
      [kind.list]: this.#shapes().map(({ label, points }) => ({ label, ...kind.write(points) })),
      ...(this.size ? { inputImageProperties: { ...this.size } } : {}),
    };
  }

  override get state(): Stored | undefined {
    const { path } = this.#editor;
    const changed = this.isModified || this.#nothing || path !== undefined;
    if (!changed) return undefined;
    return {
      shapes: this.#shapes().map(({ label, points }) => [label, points]),
      ...(path ? { path: [path.label, path.points] } : {}),
      ...(this.#nothing ? { nothing: true } : {}),
    };
  }
  override set state(state: unknown) {
    const stored = isRecord(state) && Array.isArray(state.shapes) ? (state as unknown as Stored) : undefined;
    const shape = ([label, points]: [string, readonly Point[]]): Shape => ({ label, points });
    this.#own = stored !== undefined;
    this.#nothing = stored?.nothing === true;
    this.#editor.load((stored?.shapes ?? []).map(shape), stored?.path && shape(stored.path));
    this.#adoptInitial();
    this.#surface?.draw();
    this.changed(false);
  }

  protected override get isModified(): boolean {
    if (!this.#own) return false;
    const list = (shapes: readonly Shape[]) => JSON.stringify(shapes.map(({ label, points }) => [label, points]));
    return list(this.#editor.shapes) !== list(this.#initial().shapes);
  }

  protected override take(value: unknown): void {
    this.#own = true;
    this.#editor.load(this.#read(value).shapes);
    this.#surface?.draw();
  }

  protected override problem(): string {
    const { shapes, path } = this.#editor;
    if (!this.size) return word("picture_first");
    if (path) return word("unfinished_shape");
    if (this.kind === box && shapes.length === 0 && !this.#nothing) return word("draw_or_nothing");
    return "";
  }

  get #editor(): Editor {
    this.#editorMade ??= new Editor(
      this.kind,
      () => this.#edited(),
      (told: Told) => {
        this.told = word(told);
      },
    );
    return this.#editorMade;
  }

  /** The shapes as they are now. */
  #shapes(): readonly Shape[] {
    this.#adoptInitial();
    return this.#editor.shapes;
  }

  #adoptInitial(): void {
    if (this.#own) return;
    const { shapes } = this.#initial();
    if (
      this.#editor.shapes.length !== shapes.length ||
      shapes.some((one, at) => !sameShape(one, this.#editor.shapes[at]))
    )
      this.#editor.load(shapes, this.#editor.path);
  }

  /** The shapes that the template gives; those that can't be shown are only counted. */
  #initial(): { shapes: Shape[]; unreadable: number } {
    const value = this.initialValue;
    const labels = this.kind === keypoint ? JSON.stringify(labelTexts(this.labels)) : "";
    const known = this.#given;
    if (known && known.value === value && known.labels === labels) return known;
    this.#given = { value, labels, ...this.#read(value) };
    return this.#given;
  }

  #read(value: unknown): { shapes: Shape[]; unreadable: number } {
    const given = asList(unwrapped(value, this.kind.list));
    const names = this.kind === keypoint ? new Set(labelTexts(this.labels)) : undefined;
    const shapes = given.flatMap((one): Shape[] => {
      if (!isRecord(one)) return [];
      const [points, label] = [this.kind.read(one), labelText(one.label ?? "")];
      if (!points || points.length < this.kind.least || points.length > this.kind.most) return [];
      return names && !names.has(label) ? [] : [{ label, points }];
    });
    return { shapes, unreadable: given.length - shapes.length };
  }

  override remember(before: unknown): void {
    this.drawnBefore = this.#read(before).shapes;
  }

  /** Take over what was drawn on the picture before. */
  #copyBefore(): boolean {
    if (this.drawnBefore.length === 0 || !this.size) return false;
    this.#editor.add(this.drawnBefore);
    this.told = word("copied_before", { count: this.drawnBefore.length });
    return true;
  }

  /** The person has drawn or changed something. */
  #edited(): void {
    // Until now the shapes were the template's; the editor has them already.
    this.#own = true;
    if (this.#editor.shapes.length > 0 || this.#editor.path) this.#nothing = false;
    this.told = "";
    this.#surface?.draw();
    this.changed();
  }

  // Labels

  #look(label: string): Look {
    if (!this.#looks) {
      const colors = asList(this.labelColors);
      this.#looks = new Map(labelTexts(this.labels).map((one, place) => [one, lookOf(place, colors[place])]));
    }
    return this.#looks.get(label) ?? UNKNOWN;
  }

  /** A label has been chosen: for the selected shape, or for all that will be drawn. */
  #choose(label: string): void {
    const editor = this.#editor;
    if (editor.relabel(label)) {
      this.told = word("shape_is_now", { label });
    } else {
      editor.label = editor.label === label ? undefined : label;
      this.told = editor.label === undefined ? "" : word("draws_label", { label });
    }
    this.#surface?.draw();
    this.requestUpdate();
  }

  // Keys

  override commands(): Command[] {
    const editor = this.#editor;
    const done = (worked: boolean) => worked && this.#show();
    return [
      ...labelTexts(this.labels).map((label) => ({ id: `label:${label}`, label, run: () => this.#choose(label) })),
      { id: "next-shape", label: word("next_shape"), key: "]", run: () => done(editor.step(1)) },
      { id: "previous-shape", label: word("previous_shape"), key: "[", run: () => done(editor.step(-1)) },
      { id: "next-point", label: word("next_point"), key: ".", run: () => done(editor.stepHandle(1)) },
      { id: "previous-point", label: word("previous_point"), key: ",", run: () => done(editor.stepHandle(-1)) },
      { id: "remove-shape", label: word("remove"), key: "Delete", run: () => done(editor.remove()) },
      { id: "duplicate", label: word("duplicate"), key: "Ctrl+d", run: () => done(this.#duplicate()) },
      { id: "copy-before", label: word("copy_before"), key: "Shift+c", run: () => this.#copyBefore() },
      { id: "hide", label: word("hide_or_show"), key: "Shift+h", run: () => done(this.#hide()) },
      { id: "leave", label: word("leave_shape"), key: "Escape", run: () => done(editor.leave()) },
      { id: "zoom-in", label: word("zoom_in"), key: "+", run: () => this.#surface?.zoomBy(STEP) },
      { id: "zoom-out", label: word("zoom_out"), key: "-", run: () => this.#surface?.zoomBy(1 / STEP) },
      { id: "fit", label: word("fit"), key: "0", run: () => this.#surface?.fit() },
    ];
  }

  /** Show what has been done with the selected shape. */
  #show(): true {
    const { chosen, shapes, selected = 0 } = this.#editor;
    if (chosen) {
      this.#surface?.reveal();
      this.told = word("shape_selected", { number: selected + 1, count: shapes.length, shape: this.#describe(chosen) });
      this.renderRoot.querySelector(`[data-shape="${selected}"]`)?.scrollIntoView({ block: "nearest" });
    }
    this.#surface?.draw();
    this.requestUpdate();
    return true;
  }

  #duplicate(): boolean {
    return this.#editor.duplicate(ASIDE / this.#view.scale);
  }

  /** Hide the selected shape, or show it again; without one, all. */
  #hide(): boolean {
    const { chosen, selected, shapes } = this.#editor;
    if (chosen) this.#editor.hide(selected as number, !chosen.hidden);
    else this.#editor.hideAll(!shapes.some((one) => one.hidden));
    return shapes.length > 0;
  }

  override focus(options?: FocusOptions): void {
    this.stage?.focus(options);
  }

  // The picture

  #loaded(): void {
    const { picture } = this;
    if (!picture) return;
    // As it is laid out: in its stored pixels, where its natural size follows what a camera says of which way up it is.
    const size = { width: picture.offsetWidth, height: picture.offsetHeight };
    if (size.width === 0 || size.height === 0) return;
    this.size = size;
    // The stage takes the picture's proportions first.
    void this.updateComplete.then(() => this.#surface?.show(size));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#surface?.observe();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#surface?.detach();
  }

  protected override willUpdate(changes: PropertyValues): void {
    if (changes.has("labels") || changes.has("labelColors")) {
      this.#looks = undefined;
      const { label } = this.#editor;
      const labels = labelTexts(this.labels);
      if (label !== undefined && !labels.includes(label)) this.#editor.label = undefined;
      // Who has no choice need not choose.
      if (labels.length === 1) this.#editor.label = labels[0];
    }
    if (changes.has("src")) this.size = undefined;
    this.#adoptInitial();
  }

  protected override firstUpdated(): void {
    watchMedia(this.renderRoot as ShadowRoot);
  }

  protected override updated(changes?: PropertyValues): void {
    super.updated(changes);
    if (!this.stage) return;
    this.#painter ??= new Painter(this.#editor, this.#view, (label) => this.#look(label));
    this.#surface ??= new Surface(this.#editor, this.#view, this.#painter, () => this.requestUpdate());
    this.#surface.attach(this.stage);
    this.#surface.draw();
  }

  // What is shown

  protected override renderWork() {
    const { unreadable } = this.#initial();
    return html`
      ${this.faults(
        { labels: this.labels, "label-colors": this.labelColors, "initial-value": this.initialValue },
        { labels: this.labels, src: this.src },
      )}
      ${unreadable > 0 ? html`<p class="problem">${word("unreadable_shapes", { count: unreadable })}</p>` : nothing}
      <div class="drawing">
        <div class="category-picker-wrapper" ${OWN}>${this.#renderLabels()}</div>
        <div class="board" ${OWN}>
          ${this.#renderStage()}
          <p role="status" class="quiet help">${this.told}</p>
          ${this.#renderTools()}${this.#renderHelp()}
        </div>
        <div class="objects" ${OWN}>${this.#renderShapes()}</div>
      </div>
      <slot></slot>
    `;
  }

  #renderLabels() {
    const labels = labelTexts(this.labels);
    const wanted = this.filter.toLocaleLowerCase();
    const found = wanted ? labels.filter((one) => one.toLocaleLowerCase().includes(wanted)) : labels;
    const caps = keys.of(this);
    const { chosen, label: active } = this.#editor;
    return html`
      <h3>${word("labels")}</h3>
      ${findField(labels.length, (text) => {
        this.filter = text;
      })}
      <div class="labels" role="group" aria-label=${word("labels")}>
        ${found.slice(0, MAX_ROWS).map((label) => {
          const { color, dashes } = this.#look(label);
          return html`<button
            type="button"
            aria-pressed=${label === (chosen?.label ?? active)}
            @click=${() => this.#choose(label)}
          ><i style=${styleMap({ background: color })} class=${dashes.length > 0 ? "dashed" : ""}></i><span dir="auto">${label}</span>${keyCap(caps.get(`label:${label}`))}</button>`;
        })}
      </div>
      ${found.length > MAX_ROWS ? html`<p class="quiet help">${word("more_labels", { count: found.length - MAX_ROWS })}</p>` : nothing}
      ${wanted && found.length === 0 ? html`<p class="quiet help" role="status">${word("no_label_found")}</p>` : nothing}
    `;
  }

  #renderStage() {
    const draws = this.#editor.label !== undefined || this.#editor.path !== undefined;
    const shape = {
      aspectRatio: this.size ? `${this.size.width} / ${this.size.height}` : "4 / 3",
      touchAction: draws || this.#view.zoom > 1 ? "none" : "pan-x pan-y",
    };
    return html`
      <div
        class="stage ${draws ? "draws" : ""} ${this.#surface?.movesPicture ? "moves" : ""}"
        tabindex="0"
        role="application"
        aria-label=${word("drawing_area")}
        aria-describedby="help"
        style=${styleMap(shape)}
      >
        <div class="picture" style="filter: brightness(${this.brightness}%) contrast(${this.contrast}%)">
          <img
            class="subject"
            part="picture"
            crossorigin="anonymous"
            src=${this.src || nothing}
            alt=${word("picture")}
            draggable="false"
            @load=${this.#loaded}
            @crowd-loading=${(event: CustomEvent) => {
              this.loading = event.detail;
            }}
          >
        </div>
        <canvas class="lower-canvas" aria-hidden="true"></canvas>
        <canvas class="upper-canvas" aria-hidden="true"></canvas>
        ${loadingNote(this.loading, this.picture)}
      </div>
    `;
  }

  #renderTools() {
    const surface = this.#surface;
    const percent = (name: "brightness" | "contrast") => html`<label>${word(name)}
      <input type="range" min="20" max="300" step="10" .value=${String(this[name])} @input=${(event: Event) => {
        this[name] = (event.target as HTMLInputElement).valueAsNumber;
      }}></label>`;
    return html`<div class="tools">
      <button type="button" aria-label=${word("zoom_out")} @click=${() => surface?.zoomBy(1 / STEP)}>−</button>
      <button type="button" aria-label=${word("zoom_in")} @click=${() => surface?.zoomBy(STEP)}>+</button>
      <button type="button" @click=${() => surface?.fit()}>${word("fit")}</button>
      <span class="quiet percent">${Math.round(this.#view.zoom * 100)} %</span>
      <label><input type="checkbox" .checked=${surface?.movesPicture ?? false} @change=${(event: Event) => {
        if (surface) surface.movesPicture = isChecked(event);
        this.requestUpdate();
      }}>${word("move_picture")}</label>
      <label><input type="checkbox" .checked=${this.#painter?.showsCrosshair ?? true} @change=${(event: Event) => {
        if (this.#painter) this.#painter.showsCrosshair = isChecked(event);
      }}>${word("crosshair")}</label>
      ${percent("brightness")}${percent("contrast")}
    </div>`;
  }

  #renderHelp() {
    const help =
      this.kind.most === Number.POSITIVE_INFINITY
        ? "draw_path_help"
        : this.kind.most === 1
          ? "draw_point_help"
          : "draw_two_help";
    return html`<p id="help" class="quiet help">${word(help)}</p>`;
  }

  #renderShapes() {
    const editor = this.#editor;
    const { shapes, selected } = editor;
    const first = Math.min(Math.max((selected ?? 0) - MAX_ROWS / 2, 0), Math.max(shapes.length - MAX_ROWS, 0));
    const rows = shapes.slice(first, first + MAX_ROWS).map((shape, place) => ({ shape, place: first + place }));
    return html`
      <h3>${word("shapes", { count: shapes.length })}</h3>
      <div class="acts">
        <button type="button" ?disabled=${selected === undefined} @click=${() => this.#act(() => this.#duplicate())}>${word("duplicate")}</button>
        ${
          this.drawnBefore.length > 0
            ? html`<button type="button" @click=${() => this.#act(() => this.#copyBefore())}>${word("copy_before")}${keyCap(keys.of(this).get("copy-before"))}</button>`
            : nothing
        }
        <button type="button" ?disabled=${shapes.length === 0} @click=${() =>
          this.#act(() => {
            editor.hideAll(!shapes.some((one) => one.hidden));
          })}>${word(shapes.some((one) => one.hidden) ? "show_all" : "hide_all")}</button>
      </div>
      <ul>
        ${repeat(
          rows,
          ({ place }) => place,
          ({ shape, place }) => html`<li data-shape=${place} class=${place === selected ? "chosen" : ""}>
            <button type="button" class="pick" aria-pressed=${place === selected} @click=${() => this.#act(() => editor.select(place))}
            ><i style=${styleMap({ background: this.#look(shape.label).color })}></i><span dir="auto">${this.#describe(shape)}</span></button>
            <button type="button" class="icon" aria-label=${word(shape.hidden ? "show_shape" : "hide_shape", { number: place + 1 })}
              @click=${() => this.#act(() => editor.hide(place, !shape.hidden))}>${icon(shape.hidden ? "visibility-off" : "visibility")}</button>
            <button type="button" class="icon" aria-label=${word("remove_shape", { number: place + 1 })}
              @click=${() => this.#act(() => editor.removeAt(place))}>${icon("delete")}</button>
          </li>`,
        )}
      </ul>
      ${
        this.kind === box && shapes.length === 0
          ? html`<label class="nothing"><input type="checkbox" .checked=${live(this.#nothing)} @change=${(
              event: Event,
            ) => {
              this.#nothing = isChecked(event);
              this.changed();
            }}>${word("nothing_to_label")}</label>`
          : nothing
      }
    `;
  }

  /** A button has done something with a shape; the keyboard goes on in the picture. */
  #act(act: () => unknown): void {
    act();
    this.#show();
    if (this.#editor.chosen) this.stage?.focus({ preventScroll: true });
  }

  /** A shape in words. */
  #describe({ label, points }: Shape): string {
    const [first, last] = [points[0] ?? [0, 0], points.at(-1) ?? [0, 0]];
    const round = (value: number) => String(Math.round(value));
    const place = `${round(first[0])}, ${round(first[1])}`;
    if (this.kind === box) return `${label} · ${place} · ${round(last[0] - first[0])} × ${round(last[1] - first[1])}`;
    if (this.kind.most === 1) return `${label} · ${place}`;
    if (this.kind.most === 2) return `${label} · ${place} – ${round(last[0])}, ${round(last[1])}`;
    return `${label} · ${word("points", { count: points.length })}`;
  }
}

@element("crowd-bounding-box")
export class CrowdBoundingBox extends Drawing {
  protected override readonly kind = box;
}

@element("crowd-polygon")
export class CrowdPolygon extends Drawing {
  protected override readonly kind = polygon;
}

@element("crowd-polyline")
export class CrowdPolyline extends Drawing {
  protected override readonly kind = polyline;
}

@element("crowd-line")
export class CrowdLine extends Drawing {
  protected override readonly kind = line;
}

@element("crowd-keypoint")
export class CrowdKeypoint extends Drawing {
  protected override readonly kind = keypoint;
}

function icon(name: string) {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${iconPath(name) ?? ""}></path></svg>`;
}

function isChecked(event: Event): boolean {
  return (event.target as HTMLInputElement).checked;
}

function sameShape(one: Shape, other: Shape | undefined): boolean {
  return other !== undefined && one.label === other.label && one.points === other.points;
}
