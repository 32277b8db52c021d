/** What all elements for drawing on a picture share: the picture, its labels and its view. */
import { html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { styleMap } from "lit/directives/style-map.js";
import { Annotator } from "../annotator";
import { json5, labelTexts } from "../attributes";
import { Edges } from "../drawing/edges";
import type { Look } from "../drawing/painter";
import type { Size } from "../drawing/plane-geometry";
import { type Hand, type StagePainter, Surface } from "../drawing/surface";
import { View } from "../drawing/view";
import { findField, keyCap } from "../element";
import { OWN } from "../form";
import { iconPath } from "../icons";
import { type Command, keys } from "../keys";
import { freshLink, type LoadState, loadingNote, watchMedia } from "../media";
import { word } from "../words";
import { drawingStyle } from "./drawing-style";

const STEP = 1.25;
/** Rows that the list of labels, and the list of what is drawn, show at a time. */
const MAX_ROWS = 100;

/** An object in the list of what is drawn. @property number how many it is, from 1 */
export interface Item {
  place: number;
  number: number;
  isChosen: boolean;
  isHidden: boolean;
  color: string;
  text: string;
}

export abstract class Board extends Annotator {
  static override styles = [...Annotator.styles, drawingStyle];
  /** What draws. */
  protected abstract readonly hand: Hand;

  @property() src = "";
  @property({ converter: json5, hasChanged: () => true }) labels: unknown;
  @property({ attribute: "label-colors", converter: json5 }) labelColors: unknown;
  @state() private filter = "";
  /** A message to the person. */
  @state() protected status = "";
  @state() private loading: LoadState = "";
  @state() private brightness = 100;
  @state() private contrast = 100;
  @state() private snaps = false;
  /** The picture's own size; undefined until it has loaded. */
  @state() protected size: Size | undefined;
  @query(".stage") protected readonly stage!: HTMLElement | null;
  @query("img.subject") private readonly picture!: HTMLImageElement | null;
  protected readonly view = new View();
  protected painter: StagePainter | undefined;
  protected surface: Surface | undefined;

  protected abstract makePainter(): StagePainter;
  /** A label has been chosen. */
  protected abstract choose(label: string): void;

  /** Who has no choice need not choose, and so keeps the label that another one would be chosen in place of. */
  protected get keepsLabel(): boolean {
    return labelTexts(this.labels).length === 1;
  }
  protected abstract look(label: string): Look;
  /** The label whose button is pressed. */
  protected abstract readonly pressed: string | undefined;
  /** Whether a drag draws. */
  protected abstract readonly draws: boolean;
  protected abstract renderObjects(): unknown;
  protected abstract renderHelp(): unknown;
  /** Sentences on what can't be shown. */
  protected abstract renderProblems(): unknown;

  /** Whether another picture of the same size is seen as the one before: zoomed and moved alike. */
  protected get keepsView(): boolean {
    return false;
  }

  /** Tools beside those of the view. */
  protected renderTools(): unknown {
    return nothing;
  }

  /** What stands right below the picture. */
  protected renderBelow(): unknown {
    return nothing;
  }

  /** Tools of the view that others don't have. */
  protected renderViewTools(): unknown {
    return nothing;
  }

  /** What has to be loaded beside the picture. */
  protected renderHidden(): unknown {
    return nothing;
  }

  /** What stands before a label. */
  protected renderMark(label: string): unknown {
    const { color, dashes } = this.look(label);
    return html`<i style=${styleMap({ background: color })} class=${dashes.length > 0 ? "dashed" : ""}></i>`;
  }

  protected get labelCommands(): Command[] {
    return labelTexts(this.labels).map((label) => ({ id: `label:${label}`, label, run: () => this.choose(label) }));
  }

  protected get viewCommands(): Command[] {
    return [
      { id: "zoom-in", label: word("zoom_in"), key: "+", run: () => this.surface?.zoomBy(STEP) },
      { id: "zoom-out", label: word("zoom_out"), key: "-", run: () => this.surface?.zoomBy(1 / STEP) },
      { id: "fit", label: word("fit"), key: "0", run: () => this.surface?.fit() },
    ];
  }

  override focus(options?: FocusOptions): void {
    this.stage?.focus(options);
  }

  /** The picture is there. */
  protected loaded(): void {
    const { picture } = this;
    if (!picture) return;
    // As it is laid out, in stored pixels: its natural size follows the EXIF orientation.
    const size = { width: picture.offsetWidth, height: picture.offsetHeight };
    if (size.width === 0 || size.height === 0) return;
    const isAsBefore = this.keepsView && this.size?.width === size.width && this.size.height === size.height;
    this.size = size;
    if (this.snaps) void this.#snap(true);
    if (isAsBefore) {
      this.surface?.draw();
      return;
    }
    // The stage takes the picture's proportions first.
    void this.updateComplete.then(() => this.surface?.show(size));
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.surface?.observe();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.surface?.detach();
  }

  protected override willUpdate(changes: PropertyValues): void {
    if (changes.has("labels")) {
      const { hand } = this;
      const labels = labelTexts(this.labels);
      if (hand.label !== undefined && !labels.includes(hand.label)) hand.label = undefined;
      if (this.keepsLabel) hand.label = labels[0];
    }
    if (changes.has("src") && !this.keepsView) this.size = undefined;
  }

  protected override firstUpdated(): void {
    watchMedia(this.renderRoot as ShadowRoot);
  }

  protected override updated(changes?: PropertyValues): void {
    super.updated(changes);
    if (!this.stage) return;
    this.painter ??= this.makePainter();
    this.surface ??= new Surface(this.hand, this.view, this.painter, () => this.requestUpdate());
    this.surface.attach(this.stage);
    this.surface.draw();
  }

  protected override renderWork() {
    return html`
      ${this.faults(
        { labels: this.labels, "label-colors": this.labelColors, "initial-value": this.initialValue },
        { labels: this.labels, src: this.src },
      )}
      ${this.renderProblems()}
      <div class="drawing">
        <div class="category-picker-wrapper" ${OWN}>${this.#renderLabels()}</div>
        <div class="board" ${OWN}>
          ${this.renderTools()}
          ${this.#renderStage()}
          ${this.renderBelow()}
          <p role="status" class="quiet help">${this.status}</p>
          ${this.#renderView()}
          <p id="help" class="quiet help">${this.renderHelp()}</p>
        </div>
        <div class="objects" ${OWN}>${this.renderObjects()}</div>
      </div>
      <slot></slot>
    `;
  }

  /** A list of what is drawn: a manageable part of it, around the chosen item. */
  protected renderItems(items: readonly Item[], does: Record<"pick" | "hide" | "remove", (item: Item) => void>) {
    const at = Math.max(
      items.findIndex((item) => item.isChosen),
      0,
    );
    const first = Math.min(Math.max(at - MAX_ROWS / 2, 0), Math.max(items.length - MAX_ROWS, 0));
    return html`<ul>
      ${repeat(
        items.slice(first, first + MAX_ROWS),
        ({ place }) => place,
        (item) => html`<li data-shape=${item.place} class=${item.isChosen ? "chosen" : ""}>
          <button type="button" class="pick" aria-pressed=${item.isChosen} @click=${() => does.pick(item)}
          ><i style=${styleMap({ background: item.color })}></i><span dir="auto">${item.text}</span></button>
          <button type="button" class="icon" aria-label=${word(item.isHidden ? "show_shape" : "hide_shape", { number: item.number })}
            @click=${() => does.hide(item)}>${icon(item.isHidden ? "visibility-off" : "visibility")}</button>
          <button type="button" class="icon" aria-label=${word("remove_shape", { number: item.number })}
            @click=${() => does.remove(item)}>${icon("delete")}</button>
        </li>`,
      )}
    </ul>`;
  }

  /** Bring an item into view within its list, without scrolling the page away from the picture. */
  protected showItem(place: number): void {
    const item = this.renderRoot.querySelector(`[data-shape="${place}"]`);
    const list = item?.parentElement;
    if (!item || !list) return;
    const [own, around] = [item.getBoundingClientRect(), list.getBoundingClientRect()];
    list.scrollTop += Math.min(own.top - around.top, 0) + Math.max(own.bottom - around.bottom, 0);
  }

  /** Buttons for all that is drawn. @param copies takes over what was drawn before, if anything was */
  protected renderActs(items: readonly Item[], hideAll: (isHidden: boolean) => void, copies?: () => void) {
    const isAnyHidden = items.some((item) => item.isHidden);
    return html`
      ${
        copies
          ? html`<button type="button" @click=${copies}>${word("copy_before")}${keyCap(keys.of(this).get("copy-before"))}</button>`
          : nothing
      }
      <button type="button" ?disabled=${items.length === 0} @click=${() => hideAll(!isAnyHidden)}
        >${word(isAnyHidden ? "show_all" : "hide_all")}</button>
    `;
  }

  #renderLabels() {
    const labels = labelTexts(this.labels);
    const wanted = this.filter.toLocaleLowerCase();
    const listed = wanted ? labels.filter((label) => label.toLocaleLowerCase().includes(wanted)) : labels;
    const caps = keys.of(this);
    const { pressed } = this;
    return html`
      <h3>${word("labels")}</h3>
      ${findField(labels.length, (text) => {
        this.filter = text;
      })}
      <div class="labels" role="group" aria-label=${word("labels")}>
        ${listed.slice(0, MAX_ROWS).map(
          (label) => html`<button
            type="button"
            aria-pressed=${label === pressed}
            @click=${() => this.choose(label)}
          >${this.renderMark(label)}<span dir="auto">${label}</span>${keyCap(caps.get(`label:${label}`))}</button>`,
        )}
      </div>
      ${listed.length > MAX_ROWS ? html`<p class="quiet help">${word("more_labels", { count: listed.length - MAX_ROWS })}</p>` : nothing}
      ${wanted && listed.length === 0 ? html`<p class="quiet help" role="status">${word("no_label_found")}</p>` : nothing}
    `;
  }

  /** Let points snap to the picture's edges, or no longer. */
  async #snap(isOn: boolean): Promise<void> {
    const { size } = this;
    this.snaps = isOn;
    this.hand.edges = undefined;
    if (!isOn || !size) return;
    try {
      const edges = await this.#edgesOf(this.picture?.src ?? this.src, size);
      if (this.snaps && size === this.size) this.hand.edges = edges;
    } catch {
      this.snaps = false;
      this.status = word("no_edges");
    }
  }

  /** The picture may be shown for longer than its link is valid. */
  async #edgesOf(address: string, size: Size): Promise<Edges> {
    const scale = () => this.view.scale;
    try {
      return await Edges.of(address, size, scale);
    } catch (error) {
      const fresh = await freshLink(address);
      if (!fresh || fresh === address) throw error;
      return Edges.of(fresh, size, scale);
    }
  }

  #renderStage() {
    const { draws } = this;
    const shape = {
      aspectRatio: this.size ? `${this.size.width} / ${this.size.height}` : "4 / 3",
      touchAction: draws || this.view.zoom > 1 ? "none" : "pan-x pan-y",
    };
    return html`
      <div
        class="stage ${draws ? "draws" : ""} ${this.surface?.movesPicture ? "moves" : ""}"
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
            @load=${this.loaded}
            @crowd-loading=${(event: CustomEvent) => {
              this.loading = event.detail;
            }}
          >
        </div>
        <canvas class="lower-canvas" aria-hidden="true"></canvas>
        <canvas class="upper-canvas" aria-hidden="true"></canvas>
        ${loadingNote(this.loading, this.picture)}${this.renderHidden()}
      </div>
    `;
  }

  #renderView() {
    const { surface } = this;
    const percent = (name: "brightness" | "contrast") => html`<label>${word(name)}
      <input type="range" min="20" max="300" step="10" .value=${String(this[name])} @input=${(event: Event) => {
        this[name] = (event.target as HTMLInputElement).valueAsNumber;
      }}></label>`;
    return html`<div class="tools">
      <button type="button" aria-label=${word("zoom_out")} @click=${() => surface?.zoomBy(1 / STEP)}>−</button>
      <button type="button" aria-label=${word("zoom_in")} @click=${() => surface?.zoomBy(STEP)}>+</button>
      <button type="button" @click=${() => surface?.fit()}>${word("fit")}</button>
      <span class="quiet percent">${Math.round(this.view.zoom * 100)}%</span>
      <label><input type="checkbox" .checked=${surface?.movesPicture ?? false} @change=${(event: Event) => {
        if (surface) surface.movesPicture = isChecked(event);
        this.requestUpdate();
      }}>${word("move_picture")}</label>
      <label><input type="checkbox" .checked=${this.painter?.showsCrosshair ?? true} @change=${(event: Event) => {
        if (this.painter) this.painter.showsCrosshair = isChecked(event);
      }}>${word("crosshair")}</label>
      <label><input type="checkbox" .checked=${live(this.snaps)} @change=${(event: Event) => this.#snap(isChecked(event))}
        >${word("snap_to_edges")}</label>
      ${percent("brightness")}${percent("contrast")}${this.renderViewTools()}
    </div>`;
  }
}

/** A drawing of the iron-icons set. */
export function icon(name: string) {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${iconPath(name) ?? ""}></path></svg>`;
}

export function isChecked(event: Event): boolean {
  return (event.target as HTMLInputElement).checked;
}
