/** `crowd-semantic-segmentation` and `crowd-instance-segmentation`: areas of a picture, painted by pixel. */
import { html, nothing, type PropertyValues } from "lit";
import { query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { asList, labelTexts } from "../attributes";
import { fillOf, freeColor, unlike } from "../colors";
import { blank, Mask, type Row, sameRows } from "../drawing/mask";
import {
  MaskEditor,
  type MaskHint,
  type MaskTool,
  type Segment,
  type Segments,
  SIZES,
  TOOLS,
} from "../drawing/mask-editor";
import { MaskPainter } from "../drawing/mask-painter";
import { readMask } from "../drawing/mask-reader";
import { packed, toBase64 } from "../drawing/packing";
import type { Look } from "../drawing/painter";
import type { Point, Size } from "../drawing/plane-geometry";
import { pngOf } from "../drawing/png";
import { element, keyCap } from "../element";
import { type Command, keys } from "../keys";
import { canFind, findMask, type MaskRequest, type PackedMask, type PromptKind } from "../mask-helper";
import { loadingNote } from "../media";
import { word } from "../words";
import { Board, icon, isChecked } from "./board";
import { addressIn, EMPTY, isSize, labelColors, readStored, type StoredMask, segmentsIn } from "./given-mask";
import { canUse, helpOf, KEYS, NAMES } from "./mask-tools";

/** @property at the number of a step */
interface StepMark {
  at: number;
  path?: [string, readonly Point[]];
}
interface Content {
  rows: readonly Row[];
  segments: Segments;
}

abstract class Segmentation extends Board {
  /** Whether instances of a label are distinguished. */
  protected abstract readonly hasInstances: boolean;

  @state() private givenLoading: "again" | "failed" | "" = "";
  /** Number of pixels of the given mask whose color has no meaning. */
  @state() private unknown = 0;
  /** The size of a given mask that does not fit the picture. */
  @state() private misfit: Size | undefined;
  @query("img.given") private readonly given!: HTMLImageElement | null;
  /** What the template gives; undefined until it has loaded. */
  #initial: Content | undefined;
  /** Whether the mask is the person's, or a script's, and not that of the template. */
  #own = false;
  #preparing = 0;
  /** What was drawn on the picture before, and what a script has set before there was a picture. */
  #before: unknown;
  #waiting: unknown;
  #colors: Map<string, string> | undefined;
  #places: Map<string, number> | undefined;
  #made: { mask: Mask; version: number; segments: Segments; result: Record<string, unknown> } | undefined;
  #editorMade: MaskEditor | undefined;

  protected override get hand(): MaskEditor {
    this.#editorMade ??= new MaskEditor(
      this.hasInstances,
      (label, others) => this.#newColor(label, others),
      () => this.#edited(),
      (hint: MaskHint) => {
        this.status = word(hint);
      },
      (asked, lay) => this.#asks(asked, lay),
    );
    return this.#editorMade;
  }

  // The answer

  protected override get result(): Record<string, unknown> {
    const { mask, segments } = this.hand;
    if (!mask || !this.size) return this.#named([]);
    const made = this.#made;
    if (made?.mask === mask && made.version === mask.version && made.segments === segments) return made.result;
    const used = [...mask.boxes().keys()].sort((first, second) => first - second).map((number) => segments[number - 1]);
    const png = pngOf(mask.size, mask.rows, [undefined, ...segments.map((segment) => segment?.color)]);
    const result = {
      labeledImage: { pngImageData: toBase64(png) },
      ...this.#named(used.filter((segment) => segment !== undefined)),
      inputImageProperties: { ...this.size },
    };
    this.#made = { mask, version: mask.version, segments, result };
    return result;
  }

  /** What the colors of the mask mean. */
  #named(used: readonly Segment[]): Record<string, unknown> {
    if (this.hasInstances) return { instances: used.map(({ color, label }) => ({ color, label })) };
    return { labelMappings: Object.fromEntries(used.map(({ color, label }) => [label, { color }])) };
  }

  override get state(): StoredMask | undefined {
    const { mask, segments, outline } = this.hand;
    if (!mask || !(this.isModified || outline.path)) return undefined;
    const { path } = outline;
    return {
      size: [mask.size.width, mask.size.height],
      segments: segments.map((segment) => (segment ? [segment.label, segment.color] : null)),
      rows: packed(mask.rows),
      ...(path ? { path: [path.label, path.points] } : {}),
    };
  }
  override set state(state: unknown) {
    const { hand } = this;
    const stored = readStored(state);
    this.#own = stored !== undefined;
    if (stored && !isSize(hand.mask?.size, stored.size)) {
      // The picture is not there yet.
      hand.begin(new Mask(stored.size, stored.rows), stored.segments, 1);
      hand.loadPath(stored.path);
    } else if (stored) {
      hand.replace(stored.rows, stored.segments, stored.path);
    } else if (this.#initial) {
      hand.replace(this.#initial.rows, this.#initial.segments);
    }
    this.surface?.draw();
    this.changed(false);
  }

  override get mark(): StepMark {
    const { step, outline } = this.hand;
    return { at: step, ...(outline.path ? { path: [outline.path.label, outline.path.points] } : {}) };
  }
  override set mark(mark: unknown) {
    const { at = 0, path } = (mark ?? {}) as Partial<StepMark>;
    this.hand.go(at, path && { label: path[0], points: path[1] });
    this.#own = true;
    this.surface?.draw();
    this.changed(false);
  }

  protected override get isModified(): boolean {
    const { mask, segments } = this.hand;
    const initial = this.#initial;
    if (!this.#own || !mask || !initial) return this.#own;
    const isSame = (number: number) => {
      const [now, before] = [segments[number - 1], initial.segments[number - 1]];
      return now?.label === before?.label && now?.color === before?.color;
    };
    return !sameRows(mask.rows, initial.rows) || ![...mask.boxes().keys()].every(isSame);
  }

  protected override take(value: unknown): void {
    this.#waiting = value;
    void this.#takeWaiting();
  }

  /** What a script has set: a mask has to be decoded, which takes a moment. */
  async #takeWaiting(): Promise<void> {
    const [value, { size }] = [this.#waiting, this];
    if (value === undefined || !size || !this.hand.mask) return;
    this.#waiting = undefined;
    const content = await this.#read(value, size);
    if (!content || size !== this.size) return;
    this.#own = true;
    this.hand.replace(content.rows, content.segments);
    this.surface?.draw();
    this.changed(false);
  }

  protected override problem(): string {
    if (!this.size) return word("picture_first");
    if (!this.#initial) return word("mask_first");
    if (this.hand.outline.path) return word("unfinished_shape");
    return "";
  }

  override remember(before: unknown): void {
    this.#before = before;
    this.requestUpdate();
  }

  /** Take over what was drawn on the picture before. */
  #copyBefore(): boolean {
    const { size } = this;
    if (addressIn(this.#before) === undefined || !size) return false;
    void this.#read(this.#before, size).then((content) => {
      if (!content || size !== this.size) return;
      this.hand.add(content.rows, content.segments);
      this.status = word("copied_before", { count: content.segments.length });
    });
    return true;
  }

  /** Ask for an object. @returns whether one can in this way; else the person is told how */
  #asks(asked: MaskRequest, lay: (mask: PackedMask) => void): boolean {
    const missing = (Object.keys(asked) as PromptKind[]).find((prompt) => !canFind(prompt));
    if (missing) this.status = word(missing === "box" ? "click_object" : "drag_object");
    else void this.#find(asked, lay);
    return missing === undefined;
  }

  async #find(asked: MaskRequest, lay: (mask: PackedMask) => void): Promise<void> {
    const { size } = this;
    this.status = word("finding");
    try {
      const mask = await findMask(asked);
      if (size === this.size) lay(mask);
    } catch (error) {
      this.status = error instanceof Error ? error.message : String(error);
    }
  }

  /** The available tools: some need the service. */
  get #tools(): MaskTool[] {
    return TOOLS.filter((tool) => canUse(tool));
  }

  /** The person has drawn or changed something. */
  #edited(): void {
    this.#own = true;
    this.status = "";
    this.surface?.draw();
    this.changed();
  }

  // What is given

  /** Begin, or begin again, once the picture and the given mask have loaded. */
  async #prepare(): Promise<void> {
    const { size, given, hand } = this;
    const isThere = addressIn(this.initialValue) === undefined || (given?.complete && given.naturalWidth > 0);
    if (!size || this.#initial || !isThere) return;
    const turn = ++this.#preparing;
    const { initialValue } = this;
    const decoded = await this.#decoded(addressIn(initialValue) === undefined ? null : given, initialValue, size);
    // The size of the brush depends on the layout of the stage.
    await this.updateComplete;
    if (turn !== this.#preparing || size !== this.size) return;
    if (!decoded) {
      this.givenLoading = "failed";
      return;
    }
    [this.unknown, this.misfit] = [decoded.unknown, decoded.misfit];
    this.#initial = decoded;
    // A draft is there before its picture.
    const kept = this.#own ? hand.mask : undefined;
    const mask = isSize(kept?.size, size) ? kept : undefined;
    if (kept && !mask) this.status = this.#misfitText(kept.size, size);
    const path = mask && hand.outline.path;
    hand.begin(mask ?? new Mask(size, decoded.rows), mask ? hand.segments : decoded.segments, this.view.scale);
    hand.loadPath(path);
    if (!mask) this.#own = false;
    this.surface?.draw();
    this.changed(false);
    await this.#takeWaiting();
  }

  /** A mask as an answer or an initial value has it; none if it can't be read or does not fit. */
  async #read(value: unknown, size: Size): Promise<Content | undefined> {
    const address = addressIn(value);
    const picture = address === undefined ? null : new Image();
    if (picture && address !== undefined) {
      picture.crossOrigin = "anonymous";
      picture.src = address;
    }
    const decoded = await this.#decoded(picture, value, size);
    if (!decoded) this.status = word("not_loaded");
    else if (decoded.misfit) this.status = this.#misfitText(decoded.misfit, size);
    return decoded?.misfit ? undefined : decoded;
  }

  /** The content of a mask, empty if its size differs from the picture's; undefined if it can't be decoded. */
  async #decoded(
    picture: HTMLImageElement | null,
    value: unknown,
    size: Size,
  ): Promise<(Content & { unknown: number; misfit: Size | undefined }) | undefined> {
    const segments = this.#segmentsIn(value);
    const empty = { rows: blank(size), segments, unknown: 0, misfit: undefined };
    if (!picture) return empty;
    try {
      await picture.decode();
      const own = { width: picture.naturalWidth, height: picture.naturalHeight };
      if (!isSize(size, own)) return { ...empty, misfit: own };
      const colors = segments.map((segment) => segment.color);
      return { ...empty, ...(await readMask(picture, size, colors)) };
    } catch {
      return undefined;
    }
  }

  #misfitText(own: Size, size: Size): string {
    return word("mask_misfit", { ...own, picture: `${size.width} × ${size.height}` });
  }

  #segmentsIn(value: unknown): Segment[] {
    return segmentsIn(value, this.hasInstances, labelTexts(this.labels));
  }

  // Colors: of the answer, and of the screen

  #newColor(label: string, others: Segments): string {
    const taken = new Set([EMPTY, ...others.flatMap((other) => (other ? [other.color] : []))]);
    if (this.hasInstances) return freeColor(0, taken);
    this.#colors ??= labelColors(labelTexts(this.labels), this.labelColors, this.#segmentsIn(this.initialValue));
    return unlike(this.#colors.get(label) ?? freeColor(this.#colors.size, taken), taken);
  }

  /** The color of a label on the screen. */
  protected override look(label: string): Look {
    const labels = labelTexts(this.labels);
    this.#places ??= new Map(labels.map((name, place) => [name, place]));
    const place = this.#places.get(label);
    const color = place === undefined ? fillOf(labels.length) : fillOf(place, asList(this.labelColors)[place]);
    return { color, dashes: [] };
  }

  /** The color of a segment on the screen. */
  #screenColor(place: number): string {
    return this.hasInstances ? fillOf(place) : this.look(this.hand.segments[place]?.label ?? "").color;
  }

  /** The color of what is painted next. */
  #ink(): string {
    const { chosen, segments, label } = this.hand;
    if (chosen !== undefined) return this.#screenColor(chosen);
    if (label === undefined) return "#ffffff";
    const free = segments.indexOf(undefined);
    return this.hasInstances ? fillOf(free < 0 ? segments.length : free) : this.look(label).color;
  }

  protected override choose(label: string): void {
    this.hand.choose(label, this.keepsLabel);
    const hint = this.hasInstances ? "draws_new" : "draws_label";
    this.status = this.hand.label === undefined ? "" : word(hint, { label });
    this.surface?.draw();
    this.requestUpdate();
  }

  // Keys

  override commands(): Command[] {
    const { hand } = this;
    const done = (worked: boolean) => worked && this.#show();
    return [
      ...this.labelCommands,
      ...this.#tools.map((tool) => ({
        id: `tool:${tool}`,
        label: word(NAMES[tool]),
        key: KEYS[tool],
        run: () => this.#use(tool),
      })),
      { id: "smaller", label: word("smaller_brush"), key: ",", run: () => this.#resize(hand.brush - 1) },
      { id: "larger", label: word("larger_brush"), key: ".", run: () => this.#resize(hand.brush + 1) },
      { id: "next-shape", label: word("next_area"), key: "]", run: () => done(this.#step(1)) },
      { id: "previous-shape", label: word("previous_area"), key: "[", run: () => done(this.#step(-1)) },
      { id: "remove-shape", label: word("remove"), key: "Delete", run: () => done(this.#remove(hand.chosen)) },
      { id: "copy-before", label: word("copy_before"), key: "Shift+c", run: () => this.#copyBefore() },
      { id: "hide", label: word("hide_or_show"), key: "Shift+h", run: () => done(this.#hide()) },
      { id: "leave", label: word("leave_shape"), key: "Escape", run: () => done(hand.leave()) },
      ...this.viewCommands,
    ];
  }

  /** Show what has been done with the segment that is chosen. */
  #show(): true {
    const { chosen, segments } = this.hand;
    const segment = chosen === undefined ? undefined : segments[chosen];
    if (segment) {
      const places = this.#listed();
      const [number, count] = [places.indexOf(chosen as number) + 1, places.length];
      if (number > 0) this.status = word("shape_selected", { number, count, shape: this.#describe(chosen as number) });
      this.showItem(chosen as number);
    }
    this.surface?.draw();
    this.requestUpdate();
    return true;
  }

  #use(tool: MaskTool): void {
    this.hand.use(tool);
    this.status = helpOf(tool);
    this.surface?.draw();
    this.requestUpdate();
  }

  #resize(brush: number): void {
    this.hand.brush = Math.min(Math.max(brush, 0), SIZES.length - 1);
    this.status = word("brush_is", { size: this.hand.width });
    this.surface?.draw(false);
    this.requestUpdate();
  }

  /** Choose the next or previous segment. */
  #step(step: number): boolean {
    const places = this.#listed();
    if (places.length === 0) return false;
    const at = this.hand.chosen === undefined ? -1 : places.indexOf(this.hand.chosen);
    this.hand.select(places[at < 0 ? (step > 0 ? 0 : places.length - 1) : (at + step + places.length) % places.length]);
    this.surface?.reveal();
    return true;
  }

  #remove(place: number | undefined): boolean {
    if (place === undefined) return false;
    this.hand.remove(place);
    return true;
  }

  /** Hide the chosen segment, or show it again; without one, all. */
  #hide(): boolean {
    const { chosen, hidden } = this.hand;
    const places = chosen === undefined ? this.#listed() : [chosen];
    this.hand.hide(places, !places.some((place) => hidden.has(place)));
    return places.length > 0;
  }

  // The page

  protected override get pressed(): string | undefined {
    const { chosen, segments, label } = this.hand;
    return chosen === undefined ? label : segments[chosen]?.label;
  }

  protected override get draws(): boolean {
    return this.hand.draws;
  }

  protected override makePainter(): MaskPainter {
    return new MaskPainter(
      this.hand,
      this.view,
      (place) => this.#screenColor(place),
      () => this.#ink(),
    );
  }

  protected override willUpdate(changes: PropertyValues): void {
    super.willUpdate(changes);
    if (changes.has("labels") || changes.has("labelColors") || changes.has("initialValue")) {
      this.#colors = undefined;
      this.#places = undefined;
    }
    if (changes.has("src") || changes.has("initialValue")) this.#initial = undefined;
  }

  protected override updated(changes?: PropertyValues): void {
    super.updated(changes);
    void this.#prepare();
  }

  protected override renderProblems() {
    const { size, misfit, unknown } = this;
    return html`
      ${misfit && size ? html`<p class="problem">${this.#misfitText(misfit, size)}</p>` : nothing}
      ${unknown > 0 ? html`<p class="problem">${word("unknown_colors", { count: unknown })}</p>` : nothing}
    `;
  }

  protected override renderHidden() {
    const address = addressIn(this.initialValue);
    if (address === undefined) return nothing;
    return html`<img
        class="given" crossorigin="anonymous" src=${address} alt=""
        @load=${() => this.requestUpdate()}
        @crowd-loading=${(event: CustomEvent) => {
          this.givenLoading = event.detail;
        }}
      >${loadingNote(this.givenLoading, this.given)}`;
  }

  protected override renderMark(label: string): unknown {
    return this.hasInstances ? icon("add") : super.renderMark(label);
  }

  protected override renderHelp() {
    return word(this.hasInstances ? "paint_instances_help" : "paint_help");
  }

  protected override renderTools() {
    const { hand } = this;
    const caps = keys.of(this);
    return html`<div class="tools paint">
      <div class="group" role="group" aria-label=${word("tools")}>
        ${this.#tools.map(
          (tool) => html`<button type="button" aria-pressed=${hand.tool === tool} @click=${() => this.#use(tool)}
            >${word(NAMES[tool])}${keyCap(caps.get(`tool:${tool}`))}</button>`,
        )}
      </div>
      <label>${word("brush_size")}
        <input type="range" min="0" max=${SIZES.length - 1} step="1" .value=${live(String(hand.brush))} aria-valuetext=${word("pixels", { count: hand.width })}
          @input=${(event: Event) => this.#resize(sliderValue(event))}>
        <span class="quiet width">${word("pixels", { count: hand.width })}</span></label>
      <label><input type="checkbox" .checked=${live(hand.keepsOthers)} @change=${(event: Event) => {
        hand.keepsOthers = isChecked(event);
      }}>${word("keep_others")}</label>
    </div>`;
  }

  protected override renderViewTools() {
    const painter = this.painter as MaskPainter | undefined;
    return html`<label>${word("overlay_strength")}
      <input type="range" min="0" max="100" step="10" .value=${String(Math.round((painter?.strength ?? 0.5) * 100))} @input=${(
        event: Event,
      ) => {
        if (painter) painter.strength = sliderValue(event) / 100;
        this.surface?.draw();
      }}></label>`;
  }

  /** The places of segments that are listed: instances, or labels that are in the mask. */
  #listed(): number[] {
    const { mask, segments } = this.hand;
    const boxes = mask?.boxes();
    const places = segments.flatMap((segment, place) =>
      segment && (this.hasInstances || boxes?.has(place + 1)) ? [place] : [],
    );
    return places;
  }

  protected override renderObjects() {
    const { hand } = this;
    const { chosen, segments, hidden } = hand;
    const items = this.#listed().map((place, row) => ({
      place,
      number: row + 1,
      isChosen: place === chosen,
      isHidden: hidden.has(place),
      color: this.#screenColor(place),
      text: this.#describe(place),
    }));
    const places = items.map(({ place }) => place);
    const copies = addressIn(this.#before) === undefined ? undefined : () => this.#act(() => this.#copyBefore());
    return html`
      <h3>${word(this.hasInstances ? "instances" : "areas", { count: items.length })}</h3>
      <div class="acts">
        ${this.renderActs(items, (isHidden) => this.#act(() => hand.hide(places, isHidden)), copies)}
      </div>
      ${this.renderItems(items, {
        pick: ({ place }) => this.#act(() => hand.select(place)),
        hide: ({ place, isHidden }) => this.#act(() => hand.hide([place], !isHidden)),
        remove: ({ place }) => this.#act(() => hand.remove(place)),
      })}
      ${this.hasInstances && chosen !== undefined && segments[chosen] ? this.#renderRelabel(chosen, segments[chosen]) : nothing}
    `;
  }

  #renderRelabel(place: number, { label }: Segment) {
    const labels = [...new Set([...labelTexts(this.labels), label])];
    return html`<label class="relabel">${word("label_of_selected")}
      <select .value=${live(label)} @change=${(event: Event) => {
        this.hand.relabel(place, (event.target as HTMLSelectElement).value);
        this.status = word("shape_is_now", { label: this.hand.segments[place]?.label ?? "" });
      }}>${labels.map((name) => html`<option .value=${name} ?selected=${name === label}>${name}</option>`)}</select></label>`;
  }

  /** A button has done something with a segment; the keyboard goes on in the picture. */
  #act(act: () => unknown): void {
    act();
    this.#show();
    if (this.hand.chosen !== undefined) this.stage?.focus({ preventScroll: true });
  }

  /** A segment in words: its label, and the box around it. */
  #describe(place: number): string {
    const { mask, segments } = this.hand;
    const { label = "" } = segments[place] ?? {};
    const box = mask?.boxes().get(place + 1);
    if (!box) return `${label} · ${word("no_pixels")}`;
    const { left, top, right, bottom } = box;
    return `${label} · ${left}, ${top} · ${right - left}\u00a0×\u00a0${bottom - top}`;
  }
}

@element("crowd-semantic-segmentation")
export class CrowdSemanticSegmentation extends Segmentation {
  protected override readonly hasInstances = false;
}

@element("crowd-instance-segmentation")
export class CrowdInstanceSegmentation extends Segmentation {
  protected override readonly hasInstances = true;
}

function sliderValue(event: Event): number {
  return (event.target as HTMLInputElement).valueAsNumber;
}
