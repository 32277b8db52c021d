/** `crowd-video-frames`: labels in a sequence of frames, drawn as on one picture, with things that go on from frame to frame. */
import { html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { isRecord } from "../attributes";
import { lookOf } from "../colors";
import { Editor, type Told } from "../drawing/editor";
import type { Point } from "../drawing/geometry";
import { Journal } from "../drawing/journal";
import { box, type Shape, whole } from "../drawing/kinds";
import type { Look } from "../drawing/painter";
import { element, keyCap } from "../element";
import { icon } from "../elements/board";
import { ShapeBoard } from "../elements/shape-board";
import { type Command, keys } from "../keys";
import { word } from "../words";
import { Categories, LONGEST } from "./categories";
import { attributeField, framesStyle } from "./fields";
import { Pictures } from "./pictures";
import {
  anchors,
  copyTo,
  type FrameFile,
  fillBetween,
  follow,
  freeName,
  fromAnswer,
  fromDraft,
  type Labels,
  type Mark,
  NO_LABELS,
  predict,
  readRanges,
  removeObject,
  rename,
  type Sequence,
  setAttribute,
  toAnswer,
  toDraft,
  withFrame,
} from "./sequence";

const ASIDE = 12;
/** Frames a second while it plays. */
const SPEED = 8;
const UNKNOWN: Look = { color: "#9a9a9a", dashes: [] };
/** How many of the things that are in other frames are listed. */
const MAX_THINGS = 100;
/** What a step of a sequence takes in memory for each frame: its place in a list. */
const STEP_BYTES = 8;

interface Step {
  from: Sequence;
  to: Sequence;
  place: number;
}

@element("crowd-video-frames")
export class CrowdVideoFrames extends ShapeBoard {
  static override styles = [...ShapeBoard.styles, framesStyle];

  /** The id of the script that holds the sequence. */
  @property() data = "";
  @state() private place = 0;
  @state() private playing = false;
  /** The frame that is on its way. */
  @state() private coming: number | undefined;
  @state() private ranges = "";
  /** The thing that the next shape will be, which is in other frames so far. */
  @state() private going: Mark | undefined;
  /** The place of the shape that was drawn last, in this frame. */
  private latest: number | undefined;
  @query(".number") private readonly numberField!: HTMLInputElement | null;
  #categories = new Categories({}, false);
  #files: readonly FrameFile[] = [];
  #pictures = new Pictures([]);
  #initial: Sequence = [];
  #sequence: Sequence = [];
  #tracks = false;
  #isRead = false;
  #editor: Editor | undefined;
  #looks = new Map<string, Look>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #steps = new Journal<Step>();
  /** Of the sequence for which it was found last: what is missing, and the answer. */
  #missing: { sequence: Sequence; found: ReturnType<Categories["missing"]> } | undefined;
  #answer: { sequence: Sequence; frames: unknown[] } | undefined;

  // What is given

  override connectedCallback(): void {
    this.#read();
    super.connectedCallback();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  #read(): void {
    if (this.#isRead) return;
    const text = document.getElementById(this.getAttribute("data") ?? "")?.textContent;
    if (!text) return;
    const given: unknown = JSON.parse(text);
    if (!isRecord(given) || !Array.isArray(given.frames)) return;
    this.#isRead = true;
    this.#tracks = given.tracks === true;
    const audits = isRecord(given.initial);
    this.#categories = new Categories(given.categories, audits);
    this.#files = given.frames.filter(isRecord).map((one) => ({
      number: Number(one["frame-no"]),
      name: String(one.frame),
      src: String(one.src),
    }));
    this.#pictures = new Pictures(this.#files);
    this.#initial = fromAnswer(given.initial, this.#files, this.#categories.kind);
    this.#sequence = this.#initial;
    this.labels = this.#categories.labels;
    this.#looks = new Map(this.#categories.labels.map((label, at) => [label, lookOf(at)]));
    if (audits) this.setAttribute("initial-value", "");
    this.src = this.#pictures.address(0);
    this.#pictures.around(0);
    this.hand.load(this.#labels.marks);
  }

  // The answer

  protected override get result(): Record<string, unknown> {
    const sequence = this.#sequence;
    if (this.#answer?.sequence !== sequence) {
      this.#answer = { sequence, frames: toAnswer(sequence, this.#files, this.#categories.kind, this.#tracks) };
    }
    return { frames: this.#answer.frames };
  }

  protected override take(value: unknown): void {
    this.#become(fromAnswer(value, this.#files, this.#categories.kind));
  }

  override get state(): unknown {
    const { path } = this.hand;
    if (this.#sequence === this.#initial && !path) return undefined;
    return {
      ...toDraft(this.#sequence, this.#initial),
      place: this.place,
      ...(path ? { path: [path.label, path.points] } : {}),
    };
  }
  override set state(kept: unknown) {
    this.#sequence = fromDraft(kept, this.#initial);
    this.#steps.clear();
    const draft = isRecord(kept) ? kept : {};
    const path = Array.isArray(draft.path) ? (draft.path as [string, readonly Point[]]) : undefined;
    const place = typeof draft.place === "number" ? draft.place : 0;
    this.#show(Math.min(Math.max(place, 0), Math.max(this.#files.length - 1, 0)));
    this.hand.load(this.#labels.marks, path && { label: path[0], points: path[1] });
    this.changed(false);
  }

  override get mark(): unknown {
    return { step: this.#steps.id, path: this.hand.path ?? null };
  }
  override set mark(given: unknown) {
    const wanted = isRecord(given) ? given : { step: 0, path: null };
    let place = this.place;
    this.#steps.go(
      Number(wanted.step),
      (step) => {
        this.#sequence = step.from;
        place = step.place;
      },
      (step) => {
        this.#sequence = step.to;
        place = step.place;
      },
    );
    this.hand.load(this.#labels.marks, (wanted.path as Shape | null) ?? undefined);
    if (place !== this.place) void this.go(place);
    this.surface?.draw();
    this.changed(false);
  }

  protected override get isModified(): boolean {
    const same = (one: Labels, other: Labels | undefined) =>
      one === other || JSON.stringify(bare(one)) === JSON.stringify(other && bare(other));
    return !this.#sequence.every((labels, place) => same(labels, this.#initial[place]));
  }

  protected override problem(): string {
    const sequence = this.#sequence;
    if (!this.#isRead || this.#files.length === 0) return word("picture_first");
    if (this.hand.path) return word("unfinished_shape");
    if (this.#missing?.sequence !== sequence) {
      this.#missing = { sequence, found: this.#categories.missing(sequence) };
    }
    const { found } = this.#missing;
    if (!found) return "";
    const frame = this.#files[found.place]?.number ?? 0;
    return found.of
      ? word("thing_lacks", { frame, thing: found.of, attribute: found.name })
      : word("frame_lacks", { frame, attribute: found.name });
  }

  /** Where something is missing, the keyboard goes there. */
  override focus(options?: FocusOptions): void {
    const found = this.problem() ? this.#missing?.found : undefined;
    if (found) {
      void this.go(found.place).then(() => {
        if (found.mark !== undefined) this.hand.select(found.mark);
        this.requestUpdate();
      });
    }
    super.focus(options);
  }

  // What is drawn

  protected override get hand(): Editor {
    this.#editor ??= new Editor(
      this.#categories.kind,
      () => this.#edited(),
      (told: Told) => {
        this.told = word(told);
      },
    );
    return this.#editor;
  }

  get #labels(): Labels {
    return this.#sequence[this.place] ?? NO_LABELS;
  }

  /** The person has drawn, changed or removed something in this frame. */
  #edited(): void {
    const { hand } = this;
    const before = this.#labels;
    const marks: Mark[] = [];
    let moved: Mark | undefined;
    for (const shape of hand.shapes) {
      const now = this.#asMark(shape, marks);
      // What is only hidden has not been moved.
      if (!before.marks.some((one) => isWhere(one, now))) moved = now;
      marks.push(now);
    }
    const after = { ...before, marks };
    if (!this.#categories.keeps(before, after)) {
      hand.load(before.marks);
      this.told = word("label_locked");
      this.surface?.draw();
      return;
    }
    const isSame = marks.length === before.marks.length && marks.every((one, at) => one === before.marks[at]);
    if (isSame) {
      // A point of a shape that is not finished yet.
      this.told = "";
      this.surface?.draw();
      this.changed();
      return;
    }
    hand.shapes = marks;
    this.latest = marks.length > before.marks.length ? marks.length - 1 : undefined;
    let now = withFrame(this.#sequence, this.place, { marks });
    const relabeled =
      moved && before.marks.find(({ object, label }) => object === moved.object && label !== moved.label);
    if (moved && this.#tracks && relabeled) {
      const change = { label: moved.label, name: freeName(now, moved.label) };
      now = rename(now, moved.object, change);
    } else if (moved && this.#tracks) {
      now = follow(now, moved.object, this.place);
    }
    this.#become(now);
  }

  /** A shape of the editor as it is kept: what is new or was moved is by hand. */
  #asMark(shape: Shape, others: readonly Mark[]): Mark {
    const known = shape as Partial<Mark> & Shape;
    const before = this.#labels.marks;
    if (known.attributes && before.includes(known as Mark)) return known as Mark;
    const mark: Mark = {
      label: shape.label,
      points: shape.points,
      object: known.object ?? "",
      name: known.name ?? shape.label,
      attributes: known.attributes ?? {},
      byHand: true,
      ...(shape.hidden ? { hidden: true } : {}),
    };
    const twin = before.find((one) => isWhere(one, mark));
    // Only its being hidden has changed.
    if (known.attributes && twin) return { ...mark, byHand: twin.byHand };
    if (!this.#tracks) return { ...mark, name: mark.label };
    if (mark.object) return mark;
    const { going } = this;
    if (going?.label === mark.label && ![...before, ...others].some(({ object }) => object === going.object)) {
      this.going = undefined;
      // Until it is described anew, it is as it was.
      return { ...mark, object: going.object, name: going.name, attributes: going.attributes };
    }
    // Two that are drawn in one go have names of their own.
    const name = freeName([...this.#sequence, { attributes: {}, marks: others }], mark.label);
    return { ...mark, object: crypto.randomUUID?.() ?? randomId(), name };
  }

  /** The labels are other ones now: a step that can be undone. */
  #become(now: Sequence): boolean {
    const from = this.#sequence;
    if (now === from) return false;
    this.#sequence = now;
    this.#steps.note({ from, to: now, place: this.place }, now.length * STEP_BYTES);
    const { marks } = this.#labels;
    if (this.hand.shapes !== marks) this.hand.load(marks, this.hand.path);
    this.told = "";
    this.surface?.draw();
    this.changed();
    return true;
  }

  /** The selected thing, or all that is in this frame. */
  #chosen(): { marks: readonly Mark[]; is: (mark: Mark) => boolean } {
    const chosen = this.hand.chosen as Mark | undefined;
    const marks = (chosen ? [chosen] : this.#labels.marks).filter(({ label }) => !this.#categories.locked.has(label));
    return { marks, is: (mark) => marks.includes(mark) };
  }

  get #selected(): Mark | undefined {
    return this.hand.chosen as Mark | undefined;
  }

  #copy(places: readonly number[]): boolean {
    const { marks, is } = this.#chosen();
    if (marks.length === 0) {
      this.told = word("nothing_in_frame");
      return true;
    }
    this.#become(copyTo(this.#sequence, this.place, places, is, this.#tracks));
    this.told = word("copied_frames", { count: marks.length, frames: places.length });
    return true;
  }

  #copyNext(): boolean {
    if (this.place + 1 >= this.#files.length) return false;
    return this.#copy([this.place + 1]);
  }

  #copyAll(): boolean {
    return this.#copy(this.#files.flatMap((_, at) => (at > this.place ? [at] : [])));
  }

  /** Predict the next frame, and go there. */
  #predict(): boolean {
    if (this.#categories.kind !== box) return false;
    const { marks, is } = this.#chosen();
    if (marks.length === 0) {
      this.told = word("nothing_in_frame");
      return true;
    }
    if (this.place + 1 >= this.#files.length) return false;
    const object = this.#selected?.object;
    const inward = (points: readonly Point[]) => this.#inward(points);
    this.#become(predict(this.#sequence, this.place, is, this.#tracks, inward));
    void this.go(this.place + 1).then(() => this.#select(object));
    return true;
  }

  /** A box, as far as it is in the picture. */
  #inward(points: readonly Point[]): readonly Point[] {
    const { size } = this;
    const { kind } = this.#categories;
    if (!size) return points;
    return kind.proper(points.map((one) => whole(kind, one, size)));
  }

  #fill(): boolean {
    if (!this.#tracks) return false;
    const { marks } = this.#chosen();
    const objects = this.#selected
      ? marks.map(({ object }) => object)
      : [...new Set(this.#sequence.flatMap((labels) => labels.marks.map(({ object }) => object)))];
    const now = objects.reduce((sequence, object) => fillBetween(sequence, object), this.#sequence);
    if (!this.#become(now)) this.told = word("nothing_to_fill");
    return true;
  }

  #removeThing(where: (place: number) => boolean): boolean {
    const mark = this.#selected;
    if (!mark || !this.#tracks || this.#categories.locked.has(mark.label)) return false;
    this.hand.select(undefined);
    this.#become(removeObject(this.#sequence, mark.object, where));
    return true;
  }

  /** The shape whose attributes are shown: the selected one, else that which was drawn just now. */
  get #described(): Mark | undefined {
    return this.#selected ?? (this.latest === undefined ? undefined : this.#labels.marks[this.latest]);
  }

  /** Go on with a thing that is in other frames so far: the next shape is it. */
  #goOn(mark: Mark): void {
    this.going = mark;
    this.hand.select(undefined);
    this.hand.label = mark.label;
    this.told = word("draws_label", { label: mark.name });
  }

  /** One mark of each thing that is not in this frame. */
  #elsewhere(): Mark[] {
    const here = new Set(this.#labels.marks.map(({ object }) => object));
    const found = new Map<string, Mark>();
    for (const { marks } of this.#sequence) {
      for (const one of marks) if (!here.has(one.object) && !found.has(one.object)) found.set(one.object, one);
    }
    return [...found.values()].filter(({ label }) => !this.#categories.locked.has(label));
  }

  #select(object: string | undefined): void {
    const at = object ? this.#labels.marks.findIndex((one) => one.object === object) : -1;
    this.hand.select(at < 0 ? undefined : at);
    this.surface?.draw();
    this.requestUpdate();
  }

  // From frame to frame

  /** Show a frame, as soon as its picture is there. */
  async go(place: number): Promise<void> {
    const wanted = Math.min(Math.max(place, 0), this.#files.length - 1);
    if (wanted === this.place && this.coming === undefined) return;
    if (this.hand.path) {
      this.told = word("unfinished_shape");
      return;
    }
    this.#pictures.around(wanted);
    if (!this.#pictures.isReady(wanted)) {
      this.coming = wanted;
      await this.#pictures.ready(wanted);
      // Somebody has gone on meanwhile.
      if (this.coming !== wanted) return;
    }
    this.coming = undefined;
    this.#show(wanted);
    await this.updateComplete;
  }

  #show(place: number): void {
    const object = this.#selected?.object;
    this.place = place;
    this.latest = undefined;
    this.src = this.#pictures.address(place);
    this.#pictures.around(place);
    // Not those that are hidden here are hidden there.
    this.hand.load([]);
    this.hand.load(this.#labels.marks);
    this.#select(this.#tracks ? object : undefined);
    this.told = "";
  }

  #play(): boolean {
    if (this.playing) {
      this.#stop();
      return true;
    }
    this.playing = true;
    const next = async () => {
      if (!this.playing) return;
      const began = performance.now();
      if (this.place + 1 >= this.#files.length) {
        this.#stop();
        return;
      }
      await this.go(this.place + 1);
      this.#timer = setTimeout(next, Math.max(1000 / SPEED - (performance.now() - began), 0));
    };
    if (this.place + 1 >= this.#files.length)
      void this.go(0).then(() => {
        this.#timer = setTimeout(next, 1000 / SPEED);
      });
    else void next();
    return true;
  }

  #stop(): void {
    this.playing = false;
    clearTimeout(this.#timer);
  }

  protected override willUpdate(changes: PropertyValues): void {
    this.#read();
    super.willUpdate(changes);
  }

  protected override get keepsView(): boolean {
    return true;
  }

  // Labels

  protected override look(label: string): Look {
    return this.#looks.get(label) ?? UNKNOWN;
  }

  protected override choose(label: string): void {
    const { hand } = this;
    this.going = undefined;
    if (this.#categories.locked.has(label)) {
      this.told = word("label_locked");
      return;
    }
    if (hand.chosen && hand.chosen.label !== label) {
      hand.relabel(label);
      this.told = word("shape_is_now", { label: this.#selected?.name ?? label });
    } else {
      hand.select(undefined);
      hand.label = hand.label === label ? undefined : label;
      this.told = hand.label === undefined ? "" : word("draws_label", { label });
    }
    this.surface?.draw();
    this.requestUpdate();
  }

  // Keys

  override commands(): Command[] {
    const editor = this.hand;
    const done = (worked: boolean) => worked && this.#shown();
    const go = (place: number) => {
      void this.go(place);
    };
    const isBox = this.#categories.kind === box;
    const tracked: Command[] = [
      { id: "fill-between", label: word("fill_between"), key: "i", run: () => done(this.#fill()) },
      {
        id: "remove-everywhere",
        label: word("remove_all_frames"),
        key: "Shift+Delete",
        run: () => done(this.#removeThing(() => true)),
      },
    ];
    return [
      ...this.labelCommands,
      { id: "next-frame", label: word("next_frame"), key: "f", run: () => go((this.coming ?? this.place) + 1) },
      { id: "previous-frame", label: word("previous_frame"), key: "d", run: () => go((this.coming ?? this.place) - 1) },
      { id: "play", label: word("play_or_stop"), key: "k", run: () => this.#play() },
      {
        id: "go-to-frame",
        label: word("go_to_frame"),
        key: "g",
        run: () => {
          this.numberField?.focus();
          this.numberField?.select();
        },
      },
      ...(isBox ? [{ id: "predict", label: word("predict_next"), key: "p", run: () => this.#predict() }] : []),
      { id: "copy-next", label: word("copy_next"), key: "c", run: () => done(this.#copyNext()) },
      { id: "copy-all", label: word("copy_all_next"), key: "Shift+c", run: () => done(this.#copyAll()) },
      ...(this.#tracks ? tracked : []),
      { id: "next-shape", label: word("next_shape"), key: "]", run: () => done(editor.step(1)) },
      { id: "previous-shape", label: word("previous_shape"), key: "[", run: () => done(editor.step(-1)) },
      { id: "next-point", label: word("next_point"), key: ".", run: () => done(editor.stepHandle(1)) },
      { id: "previous-point", label: word("previous_point"), key: ",", run: () => done(editor.stepHandle(-1)) },
      { id: "remove-shape", label: word("remove_here"), key: "Delete", run: () => done(editor.remove()) },
      {
        id: "duplicate",
        label: word("duplicate"),
        key: "Ctrl+d",
        run: () => done(editor.duplicate(ASIDE / this.view.scale)),
      },
      { id: "hide", label: word("hide_or_show"), key: "Shift+h", run: () => done(this.#hide()) },
      { id: "leave", label: word("leave_shape"), key: "Escape", run: () => done(editor.leave()) },
      { id: "save", label: word("save"), key: "Ctrl+s", writing: true, run: () => this.#save() },
      ...this.viewCommands,
    ];
  }

  #hide(): boolean {
    const { chosen, selected, shapes } = this.hand;
    if (chosen) this.hand.hide(selected as number, !chosen.hidden);
    else this.hand.hideAll(!shapes.some((one) => one.hidden));
    return shapes.length > 0;
  }

  /** Each change is saved anyway; whoever wants to be sure can say so. */
  #save(): void {
    this.changed();
    this.told = word("is_saved");
  }

  #shown(): true {
    this.surface?.reveal();
    if (this.hand.selected !== undefined) this.showItem(this.hand.selected);
    this.surface?.draw();
    this.requestUpdate();
    return true;
  }

  // What is shown

  protected override renderProblems() {
    return nothing;
  }

  protected override renderHelp() {
    return word(this.#tracks ? "track_help" : "detect_help");
  }

  protected override renderTools() {
    const caps = keys.of(this);
    const act = (id: string, text: string, run: () => unknown) =>
      html`<button type="button" @click=${() => this.#act(run)}>${text}${keyCap(caps.get(id))}</button>`;
    return html`<div class="group paint">
      ${this.#categories.kind === box ? act("predict", word("predict_next"), () => this.#predict()) : nothing}
      ${act("copy-next", word("copy_next"), () => this.#copyNext())}
      ${act("copy-all", word("copy_all_next"), () => this.#copyAll())}
      ${act("", word("copy_previous"), () => this.place > 0 && this.#copy([this.place - 1]))}
      ${this.#tracks ? act("fill-between", word("fill_between"), () => this.#fill()) : nothing}
      ${act("save", word("save"), () => this.#save())}
    </div>`;
  }

  protected override renderBelow() {
    const count = this.#files.length;
    const at = this.coming ?? this.place;
    const numbers = this.#files.map(({ number }) => number);
    return html`<div class="frames" role="group" aria-label=${word("frames")}>
      <button type="button" class="icon" aria-label=${word(this.playing ? "stop_playing" : "play")} @click=${() => this.#play()}
        >${icon(this.playing ? "pause-circle-filled" : "play-arrow")}</button>
      <button type="button" class="icon" aria-label=${word("previous_frame")} ?disabled=${at === 0}
        @click=${() => this.go(at - 1)}>${icon("chevron-left")}</button>
      <button type="button" class="icon" aria-label=${word("next_frame")} ?disabled=${at + 1 >= count}
        @click=${() => this.go(at + 1)}>${icon("chevron-right")}</button>
      <label>${word("frame")}
        <input class="number" type="number" .value=${live(String(numbers[at] ?? 0))} @change=${(event: Event) =>
          this.#goToNumber(event)}></label>
      <span class="quiet">${at + 1} / ${count}</span>
      <input class="bar" type="range" min="0" max=${Math.max(count - 1, 0)} aria-label=${word("frames")}
        .value=${live(String(at))} @input=${(event: Event) => this.go((event.target as HTMLInputElement).valueAsNumber)}>
      ${this.#renderMarks()}
      ${this.coming === undefined ? nothing : html`<span role="status" class="quiet">${word("loading_frame")}</span>`}
    </div>`;
  }

  /** In which frames the selected thing is, or anything: by hand, or not. */
  #renderMarks() {
    const count = this.#files.length;
    const object = this.#tracks ? this.#selected?.object : undefined;
    const by = object ? new Set(anchors(this.#sequence, object)) : new Set<number>();
    const colors = this.#sequence.map(({ marks }, place) => {
      const is = object ? marks.some((one) => one.object === object) : marks.length > 0;
      return by.has(place) ? "hand" : is ? "some" : "";
    });
    // Neighbours alike are one piece.
    const pieces: { from: number; to: number; look: string }[] = [];
    for (const [place, look] of colors.entries()) {
      const last = pieces.at(-1);
      if (last?.look === look) last.to = place + 1;
      else pieces.push({ from: place, to: place + 1, look });
    }
    return html`<div class="marks" aria-hidden="true">${pieces
      .filter(({ look }) => look)
      .map(
        ({ from, to, look }) =>
          html`<i class=${look} style="left: ${(100 * from) / count}%; width: ${(100 * (to - from)) / count}%"></i>`,
      )}</div>`;
  }

  #goToNumber(event: Event): void {
    const wanted = (event.target as HTMLInputElement).valueAsNumber;
    const place = this.#files.findIndex(({ number }) => number === wanted);
    if (place < 0) this.told = word("no_such_frame", { frame: String(wanted) });
    else void this.go(place);
    this.requestUpdate();
    this.stage?.focus({ preventScroll: true });
  }

  protected override renderObjects() {
    const editor = this.hand;
    const { shapes, selected } = editor;
    const items = shapes.map((shape, place) => ({
      place,
      number: place + 1,
      isChosen: place === selected,
      isHidden: shape.hidden ?? false,
      color: this.look(shape.label).color,
      text: this.#describe(shape as Mark),
    }));
    return html`
      <h3>${word("in_frame", { count: shapes.length })}</h3>
      <div class="acts">${this.renderActs(items, (isHidden) => this.#act(() => editor.hideAll(isHidden)))}</div>
      ${this.renderItems(items, {
        pick: ({ place }) => this.#act(() => editor.select(place === selected ? undefined : place)),
        hide: ({ place, isHidden }) => this.#act(() => editor.hide(place, !isHidden)),
        remove: ({ place }) => this.#act(() => editor.removeAt(place)),
      })}
      ${this.#renderDescribed()}
      ${this.#renderElsewhere()}
      ${
        this.#categories.ofFrames.length > 0
          ? html`<h3>${word("frame_attributes")}</h3>
            ${this.#categories.ofFrames.map((one) =>
              attributeField(
                one,
                this.#labels.attributes[one.name],
                LONGEST.frame,
                (value) => this.#setOfFrame(one.name, value, new Set([this.place])),
                () =>
                  this.#renderRanges((places) => this.#setOfFrame(one.name, this.#labels.attributes[one.name], places)),
              ),
            )}`
          : nothing
      }
    `;
  }

  #renderElsewhere() {
    const things = this.#tracks ? this.#elsewhere() : [];
    if (things.length === 0) return nothing;
    return html`<h3>${word("in_other")}</h3>
      <div class="acts things">${things.slice(0, MAX_THINGS).map(
        (one) => html`<button type="button" aria-pressed=${this.going?.object === one.object}
          @click=${() => this.#act(() => this.#goOn(one))}>${one.name}</button>`,
      )}</div>`;
  }

  #renderDescribed() {
    const mark = this.#described;
    if (!mark) return nothing;
    const { place } = this;
    const isLocked = this.#categories.locked.has(mark.label);
    return html`
      <h3>${this.#tracks ? mark.name : mark.label}</h3>
      ${this.#tracks && !isLocked ? this.#renderThing(mark, place) : nothing}
      ${this.#categories
        .of(mark.label)
        .map((one) =>
          attributeField(
            one,
            mark.attributes[one.name],
            LONGEST.label,
            (value) => this.#setOfMark(mark, one.name, value, new Set([this.place])),
            this.#tracks
              ? () => this.#renderRanges((places) => this.#setOfMark(mark, one.name, mark.attributes[one.name], places))
              : undefined,
          ),
        )}
    `;
  }

  #renderThing(mark: Mark, place: number) {
    const number = mark.name.slice(mark.label.length + 1);
    return html`
      <div class="acts">
        <label>${word("thing_number")}
          <input class="thing" type="number" min="1" step="1" .value=${live(number)} @change=${(event: Event) =>
            this.#renumber(mark, (event.target as HTMLInputElement).value)}></label>
      </div>
      <div class="acts">
        <button type="button" @click=${() => this.#act(() => this.#removeThing((one) => one < place))}>${word("remove_before")}</button>
        <button type="button" @click=${() => this.#act(() => this.#removeThing((one) => one > place))}>${word("remove_after")}</button>
        <button type="button" @click=${() => this.#act(() => this.#removeThing(() => true))}>${word("remove_all_frames")}</button>
      </div>
    `;
  }

  /** A field for frames in which an attribute is to be as it is here. */
  #renderRanges(apply: (places: ReadonlySet<number>) => void) {
    return html`<div class="ranges">
      <input type="text" placeholder="2-5,8-10,20" aria-label=${word("frames_to_set")} .value=${live(this.ranges)}
        @input=${(event: Event) => {
          this.ranges = (event.target as HTMLInputElement).value;
        }}>
      <button type="button" @click=${() => this.#setInRanges(apply)}>${word("set_in_frames")}</button>
    </div>`;
  }

  #setInRanges(apply: (places: ReadonlySet<number>) => void): void {
    const numbers = readRanges(this.ranges);
    const places = numbers?.map((wanted) => this.#files.findIndex(({ number }) => number === wanted));
    if (!places || places.includes(-1)) {
      this.told = word("wrong_ranges", { text: this.ranges });
      return;
    }
    apply(new Set(places));
  }

  #setOfFrame(name: string, value: string | number | undefined, places: ReadonlySet<number>): void {
    this.#become(setAttribute(this.#sequence, places, name, value, undefined));
    if (places.size > 1) this.told = word("set_done", { count: places.size });
  }

  #setOfMark(mark: Mark, name: string, value: string | number | undefined, places: ReadonlySet<number>): void {
    const is = (one: Mark) => (this.#tracks ? one.object === mark.object : one === mark);
    const lacking = [...places].find((place) => !this.#sequence[place]?.marks.some(is));
    if (lacking !== undefined) {
      this.told = word("not_in_frame", { thing: mark.name, frame: this.#files[lacking]?.number ?? 0 });
      return;
    }
    this.#become(setAttribute(this.#sequence, places, name, value, is));
    if (places.size > 1) this.told = word("set_done", { count: places.size });
  }

  #renumber(mark: Mark, text: string): void {
    const name = `${mark.label}:${text}`;
    const isTaken = this.#sequence.some(({ marks }) => marks.some((one) => one.name === name));
    if (!/^[1-9]\d{0,8}$/.test(text) || isTaken) {
      this.told = word("name_taken", { name });
      this.requestUpdate();
      return;
    }
    this.#become(rename(this.#sequence, mark.object, { label: mark.label, name }));
  }

  #act(act: () => unknown): void {
    act();
    this.#shown();
    this.stage?.focus({ preventScroll: true });
  }

  #describe({ label, name, points, byHand }: Mark): string {
    const [x, y] = points[0] ?? [0, 0];
    const what = this.#tracks ? name : label;
    return `${what} · ${Math.round(x)}, ${Math.round(y)}${byHand ? "" : ` · ${word("not_by_hand")}`}`;
  }
}

function isWhere(one: Mark, other: Mark): boolean {
  return one.object === other.object && one.points === other.points && one.label === other.label;
}

/** Labels without what nobody asks for. */
function bare({ attributes, marks }: Labels): unknown {
  return [
    attributes,
    marks.map(({ label, points, object, name, attributes: own }) => [label, points, object, name, own]),
  ];
}

/** As a UUID, where a page without https has none. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 15) | 64;
  bytes[8] = ((bytes[8] ?? 0) & 63) | 128;
  const text = [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
