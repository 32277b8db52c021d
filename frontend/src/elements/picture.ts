/** `crowd-picture`: a picture that one can zoom, move and brighten, with labels drawn over it. For use inside other elements. */
import { css, html, nothing, type PropertyValues, svg } from "lit";
import { property, query, state } from "lit/decorators.js";
import { styleMap } from "lit/directives/style-map.js";
import { asList, isRecord, labelText, labelTexts } from "../attributes";
import { colorOf } from "../colors";
import { base, CrowdElement, element } from "../element";
import { OWN } from "../form";
import type { Command } from "../keys";
import { type LoadState, loadingNote, watchMedia } from "../media";
import { word } from "../words";

const MAX_ZOOM = 32;
const STEP = 1.25;

interface OverlayBox {
  label: string;
  left: number;
  top: number;
  width: number;
  height: number;
}
/** @property mask a picture of the same size that is laid over it */
interface Overlay {
  boxes: OverlayBox[];
  mask: string | undefined;
  legend: { label: string; color: string }[];
}

@element("crowd-picture")
export class CrowdPicture extends CrowdElement {
  static override styles = [
    base,
    css`
      .view {
        position: relative; overflow: hidden; width: 100%; max-height: min(60vh, 36rem); min-height: 12rem; border: 1px solid var(--labeling-line); border-radius: .5rem;
        background: repeating-conic-gradient(light-dark(#f4f4f5, #1c1c1f) 0 25%, light-dark(#fff, #111) 0 50%) 0 0 / 20px 20px; cursor: grab;
      }
      .view.held { cursor: grabbing; }
      .stage { position: absolute; inset: 0; transform-origin: 0 0; display: grid; place-items: center; }
      .fit { position: relative; max-width: 100%; max-height: 100%; }
      img { display: block; width: 100%; height: 100%; user-select: none; -webkit-user-drag: none; }
      .subject { image-orientation: none; }
      .subject.unmeasured { width: auto; height: auto; max-width: none; }
      .mask { position: absolute; inset: 0; image-rendering: pixelated; pointer-events: none; }
      svg.boxes { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; overflow: visible; }
      svg.boxes rect { fill: none; stroke-width: 2.5; vector-effect: non-scaling-stroke; }
      .tag { position: absolute; padding: 0 .3em; font-size: .75rem; white-space: nowrap; transform-origin: 0 100%; pointer-events: none; }
      .tools { display: flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: center; margin-top: .4rem; }
      .tools label { display: flex; gap: .4rem; align-items: center; font-size: .9rem; }
      .tools input[type=range] { width: 7rem; }
      .legend { display: flex; flex-wrap: wrap; gap: .3rem .9rem; margin: .4rem 0 0; padding: 0; list-style: none; font-size: .9rem; }
      .legend i { display: inline-block; width: .9em; height: .9em; margin-inline-end: .35em; border-radius: .2em; border: 1px solid var(--crowd-control-line); vertical-align: -.1em; }
      .state { position: absolute; inset: 0; display: grid; place-content: center; gap: .6rem; padding: 1rem; text-align: center; background: var(--labeling-soft); }
    `,
  ];

  @property() src = "";
  @property({ attribute: false }) overlay: unknown;
  @state() private zoom = 1;
  @state() private x = 0;
  @state() private y = 0;
  @state() private brightness = 100;
  @state() private strength = 60;
  @state() private showsOverlay = true;
  @state() private size: { width: number; height: number } | undefined;
  @state() private loading: LoadState = "";
  /** Whether the picture is requested with CORS, without which a browser rotates it by its EXIF data. */
  @state() private asksWithCors = true;
  @query(".view") private readonly view!: HTMLElement | null;
  @query("img.subject") private readonly picture!: HTMLImageElement | null;
  readonly #pointers = new Map<number, { x: number; y: number }>();
  readonly #resized = new ResizeObserver(() => this.requestUpdate());

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.view) this.#resized.observe(this.view);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  protected override firstUpdated(): void {
    watchMedia(this.renderRoot as ShadowRoot);
    if (this.view) {
      this.#resized.observe(this.view);
      this.view.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    }
  }

  zoomCommands(): Command[] {
    return [
      { id: "zoom-in", label: word("zoom_in"), key: "+", run: () => this.#zoomBy(STEP) },
      { id: "zoom-out", label: word("zoom_out"), key: "-", run: () => this.#zoomBy(1 / STEP) },
      { id: "fit", label: word("fit"), key: "0", run: () => this.#fit() },
    ];
  }

  #fit(): void {
    [this.zoom, this.x, this.y] = [1, 0, 0];
  }

  /** Zoom, with a point of the view staying where it is: its middle unless another one is named. */
  #zoomBy(factor: number, at?: { x: number; y: number }): void {
    const { view } = this;
    if (!view) return;
    const fixed = at ?? { x: view.clientWidth / 2, y: view.clientHeight / 2 };
    const zoom = Math.min(Math.max(this.zoom * factor, 1), MAX_ZOOM);
    this.x = fixed.x - ((fixed.x - this.x) * zoom) / this.zoom;
    this.y = fixed.y - ((fixed.y - this.y) * zoom) / this.zoom;
    this.zoom = zoom;
    this.#moveBy(0, 0);
  }

  #moveBy(x: number, y: number): void {
    const { view } = this;
    if (!view) return;
    const least = (length: number) => length * (1 - this.zoom);
    this.x = Math.min(Math.max(this.x + x, least(view.clientWidth)), 0);
    this.y = Math.min(Math.max(this.y + y, least(view.clientHeight)), 0);
  }

  #wheel(event: WheelEvent): void {
    // Without Ctrl the page scrolls, as everywhere; a picture that has been zoomed takes the wheel.
    if (!event.ctrlKey && this.zoom === 1) return;
    event.preventDefault();
    this.#zoomBy(event.deltaY < 0 ? STEP : 1 / STEP, this.#inView(event));
  }

  #inView(event: MouseEvent): { x: number; y: number } {
    const around = this.view?.getBoundingClientRect();
    return { x: event.clientX - (around?.left ?? 0), y: event.clientY - (around?.top ?? 0) };
  }

  #down(event: PointerEvent): void {
    // A held pointer would take the click from the button.
    if (event.button !== 0 || event.composedPath().some((target) => target instanceof HTMLButtonElement)) return;
    this.#pointers.set(event.pointerId, this.#inView(event));
    if (event.pointerType !== "touch" || this.zoom > 1 || this.#pointers.size > 1)
      this.view?.setPointerCapture(event.pointerId);
    this.requestUpdate();
  }

  #move(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = this.#inView(event);
    const others = [...this.#pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    this.#pointers.set(event.pointerId, now);
    const [other] = others;
    if (other) {
      const distance = (pointer: { x: number; y: number }) => Math.hypot(pointer.x - other.x, pointer.y - other.y) || 1;
      this.#zoomBy(distance(now) / distance(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    } else {
      this.#moveBy(now.x - before.x, now.y - before.y);
    }
  }

  #up(event: PointerEvent): void {
    this.#pointers.delete(event.pointerId);
    this.requestUpdate();
  }

  #arrow(event: KeyboardEvent): void {
    const way = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    if (!way || this.zoom === 1) return;
    event.preventDefault();
    this.#moveBy(way[0] ?? 0, way[1] ?? 0);
  }

  #loaded(): void {
    const { picture } = this;
    // As it is laid out, in stored pixels: its natural size follows the EXIF orientation.
    if (picture) this.size ??= { width: picture.offsetWidth || 300, height: picture.offsetHeight || 150 };
  }

  protected override willUpdate(changes: PropertyValues): void {
    if (!changes.has("src")) return;
    this.size = undefined;
    this.asksWithCors = true;
  }

  override render() {
    const over = readOverlay(this.overlay);
    const fitted = this.#fittedSize();
    const hasOverlay = over.boxes.length > 0 || over.mask !== undefined;
    const shape = {
      aspectRatio: this.size ? `${this.size.width} / ${this.size.height}` : "4 / 3",
      touchAction: this.zoom > 1 ? "none" : "pan-x pan-y",
    };
    return html`
      <div
        class="view ${this.#pointers.size > 0 ? "held" : ""}"
        tabindex="0"
        role="group"
        aria-label=${word("picture_view")}
        style=${styleMap(shape)}
        @pointerdown=${this.#down}
        @pointermove=${this.#move}
        @pointerup=${this.#up}
        @pointercancel=${this.#up}
        @dblclick=${(event: MouseEvent) => this.#zoomBy(2, this.#inView(event))}
        @keydown=${this.#arrow}
      >
        <div class="stage" style="transform: translate(${this.x}px, ${this.y}px) scale(${this.zoom})">
          <div class="fit" style=${styleMap(fitted ? { width: `${fitted.width}px`, height: `${fitted.height}px` } : {})}>
            <img
              class="subject ${this.size ? "" : "unmeasured"}"
              part="picture"
              crossorigin=${this.asksWithCors ? "anonymous" : nothing}
              src=${this.src || nothing}
              alt=${word("picture")}
              draggable="false"
              style="filter: brightness(${this.brightness}%)"
              @load=${this.#loaded}
              @error=${() => {
                this.asksWithCors = false;
              }}
              @crowd-loading=${(event: CustomEvent) => {
                this.loading = event.detail;
              }}
            >
            ${this.showsOverlay && hasOverlay ? this.#renderOverlay(over) : nothing}
          </div>
        </div>
        ${loadingNote(this.loading, this.picture)}
      </div>
      ${this.#renderTools(over, hasOverlay)}
      ${
        over.legend.length > 0
          ? html`<ul class="legend">${over.legend.map(({ label, color }) => html`<li><i style=${styleMap({ background: color })}></i>${label}</li>`)}</ul>`
          : nothing
      }
    `;
  }

  #renderTools(over: Overlay, hasOverlay: boolean) {
    return html`
      <div class="tools" ${OWN}>
        <button type="button" aria-label=${word("zoom_out")} @click=${() => this.#zoomBy(1 / STEP)}>−</button>
        <button type="button" aria-label=${word("zoom_in")} @click=${() => this.#zoomBy(STEP)}>+</button>
        <button type="button" @click=${() => this.#fit()}>${word("fit")}</button>
        <span class="quiet">${Math.round(this.zoom * 100)}%</span>
        <label>${word("brightness")}
          <input type="range" min="20" max="300" step="10" .value=${String(this.brightness)} @input=${(
            event: Event,
          ) => {
            this.brightness = sliderValue(event);
          }}>
        </label>
        ${
          hasOverlay
            ? html`<label><input type="checkbox" .checked=${this.showsOverlay} @change=${(event: Event) => {
                this.showsOverlay = (event.target as HTMLInputElement).checked;
              }}> ${word("overlay")}</label>`
            : nothing
        }
        ${
          over.mask
            ? html`<label>${word("overlay_strength")} <input type="range" min="10" max="100" step="10" .value=${String(this.strength)} @input=${(
                event: Event,
              ) => {
                this.strength = sliderValue(event);
              }}></label>`
            : nothing
        }
      </div>
    `;
  }

  #renderOverlay(over: Overlay) {
    const { size } = this;
    if (!size) return nothing;
    const share = (part: number, whole: number) => `${(part / whole) * 100}%`;
    const color = (label: string) => over.legend.find((entry) => entry.label === label)?.color ?? colorOf(0);
    return html`
      ${over.mask ? html`<img class="mask" src=${over.mask} alt="" style="opacity: ${this.strength / 100}">` : nothing}
      <svg class="boxes" viewBox="0 0 ${size.width} ${size.height}" preserveAspectRatio="none" aria-hidden="true">
        ${over.boxes.map((box) => svg`<rect x=${box.left} y=${box.top} width=${box.width} height=${box.height} stroke=${color(box.label)}></rect>`)}
      </svg>
      ${over.boxes.map(
        (box) =>
          html`<span class="tag" style=${styleMap({
            left: share(box.left, size.width),
            bottom: share(size.height - box.top, size.height),
            transform: `scale(${1 / this.zoom})`,
            background: color(box.label),
            color: "#fff",
            textShadow: "0 0 3px #000, 0 0 3px #000",
          })}>${box.label}</span>`,
      )}
    `;
  }

  /** The picture's size in the view, as large as it fits. */
  #fittedSize(): { width: number; height: number } | undefined {
    const { size, view } = this;
    if (!size || !view?.clientWidth) return undefined;
    const scale = Math.min(view.clientWidth / size.width, view.clientHeight / size.height);
    return { width: size.width * scale, height: size.height * scale };
  }
}

function sliderValue(event: Event): number {
  return (event.target as HTMLInputElement).valueAsNumber;
}

/** What is drawn over the picture: boxes, or a mask with what its colors mean. */
function readOverlay(given: unknown): Overlay {
  const none: Overlay = { boxes: [], mask: undefined, legend: [] };
  if (!isRecord(given)) return none;
  const { boundingBox, semanticSegmentation, instanceSegmentation } = given;
  if (isRecord(boundingBox)) {
    const boxes = asList(boundingBox.value).flatMap((box) => {
      if (!isRecord(box)) return [];
      const [left, top, width, height] = [box.left, box.top, box.width, box.height].map(Number);
      return [left, top, width, height].every(Number.isFinite)
        ? [
            {
              label: labelText(box.label ?? ""),
              left: left ?? 0,
              top: top ?? 0,
              width: width ?? 0,
              height: height ?? 0,
            },
          ]
        : [];
    });
    const labels = [...new Set([...labelTexts(boundingBox.labels), ...boxes.map((box) => box.label)])];
    return { boxes, mask: undefined, legend: labels.map((label, place) => ({ label, color: colorOf(place) })) };
  }
  const mask = isRecord(semanticSegmentation) ? semanticSegmentation : instanceSegmentation;
  if (!isRecord(mask)) return none;
  const mappings = isRecord(mask.labelMappings) ? Object.entries(mask.labelMappings) : [];
  const instances = asList(mask.instances).filter(isRecord);
  const legend = [
    ...mappings.map(([label, mapping]) => ({ label, color: String(isRecord(mapping) ? mapping.color : mapping) })),
    ...instances.map((instance) => ({ label: labelText(instance.label ?? ""), color: String(instance.color) })),
  ];
  return { boxes: [], mask: typeof mask.src === "string" ? mask.src : undefined, legend };
}
