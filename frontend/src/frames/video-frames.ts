/** `crowd-video-frames`: labels in a sequence of frames, drawn as on one picture, with objects that continue from frame to frame. */
import { html, nothing, type PropertyValues } from "lit";
import { property, query, state } from "lit/decorators.js";
import { isRecord } from "../attributes";
import { lookOf } from "../colors";
import { Editor, type ShapeHint } from "../drawing/editor";
import { Journal } from "../drawing/journal";
import { box, type Shape, whole } from "../drawing/kinds";
import type { Look } from "../drawing/painter";
import type { Point } from "../drawing/plane-geometry";
import { element, keyCap } from "../element";
import { ShapeBoard } from "../elements/shape-board";
import { type Command, keys } from "../keys";
import { word } from "../words";
import { Categories } from "./categories";
import { given } from "./draft";
import { drawn } from "./drawn";
import { type DrawingPage, FrameEdits } from "./edits";
import { framesStyle } from "./fields";
import { NO_LABELS } from "./objects";
import { Panels } from "./panels";
import { Pictures } from "./pictures";
import { framesBar, Player, type Shower } from "./player";
import {
  type FrameFile,
  fromAnswer,
  fromDraft,
  type ShapeLabels,
  type ShapeMark,
  type ShapeSequence,
  toAnswer,
  toDraft,
} from "./sequence";

const ASIDE = 12;
const UNKNOWN: Look = { color: "#9a9a9a", dashes: [] };
/** What a step of a sequence takes in memory for each frame: its place in a list. */
const STEP_BYTES = 8;

interface FrameStep {
  from: ShapeSequence;
  to: ShapeSequence;
  place: number;
}

@element("crowd-video-frames")
export class CrowdVideoFrames extends ShapeBoard {
  static override styles = [...ShapeBoard.styles, framesStyle];

  /** The id of the script that holds the sequence. */
  @property() data = "";
  @state() private place = 0;
  /** The frame that is loading. */
  @state() private coming: number | undefined;
  /** The object of the next shape, which is only in other frames so far. */
  @state() private going: ShapeMark | undefined;
  /** The place of the shape that was drawn last, in this frame. */
  private latest: number | undefined;
  @query(".number") private readonly numberField!: HTMLInputElement | null;
  #categories = new Categories({}, false);
  #files: readonly FrameFile[] = [];
  #pictures = new Pictures([]);
  #initial: ShapeSequence = [];
  #sequence: ShapeSequence = [];
  #tracks = false;
  #isRead = false;
  #editor: Editor | undefined;
  #looks = new Map<string, Look>();
  readonly #steps = new Journal<FrameStep>();
  readonly #player = new Player(this.#asShower());
  readonly #panels = new Panels<ShapeMark>(this.#asDrawing());
  readonly #edits = new FrameEdits(this.#asDrawing());
  /** The answer, cached for the last sequence. */
  #answer: { sequence: ShapeSequence; frames: unknown[] } | undefined;

  // What is given

  override connectedCallback(): void {
    this.#read();
    super.connectedCallback();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#player.stop();
  }

  #read(): void {
    if (this.#isRead) return;
    const data = given(this);
    if (!data) return;
    this.#isRead = true;
    this.#tracks = data.tracks === true;
    const audits = isRecord(data.initial);
    this.#categories = new Categories(data.categories, audits);
    this.#files = data.frames.map((frame) => ({
      number: Number(frame["frame-no"]),
      name: String(frame.frame),
      src: String(frame.src),
    }));
    this.#pictures = new Pictures(this.#files);
    this.#initial = fromAnswer(data.initial, this.#files, this.#categories.kind);
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
    const same = (first: ShapeLabels, second: ShapeLabels | undefined) =>
      first === second || JSON.stringify(bare(first)) === JSON.stringify(second && bare(second));
    return !this.#sequence.every((labels, place) => same(labels, this.#initial[place]));
  }

  protected override problem(): string {
    if (!this.#isRead || this.#files.length === 0) return word("picture_first");
    if (this.hand.path) return word("unfinished_shape");
    return this.#categories.lack(this.#sequence, this.#files);
  }

  /** Move the keyboard focus to where something is missing. */
  override focus(options?: FocusOptions): void {
    const lack = this.#categories.lack(this.#sequence, this.#files);
    const missing = lack && this.problem() === lack ? this.#categories.missing(this.#sequence) : undefined;
    if (missing) {
      void this.go(missing.place).then(() => {
        if (missing.mark !== undefined) this.hand.select(missing.mark);
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
      (hint: ShapeHint) => {
        this.status = word(hint);
      },
    );
    return this.#editor;
  }

  get #labels(): ShapeLabels {
    return this.#sequence[this.place] ?? NO_LABELS;
  }

  /** The person has drawn, changed or removed something in this frame. */
  #edited(): void {
    const { hand, place, going } = this;
    const now = drawn(this.#sequence, place, hand.shapes, { tracks: this.#tracks, going });
    if (!this.#categories.keeps(now.before, now.after, ({ points }) => points)) {
      hand.load(now.before.marks);
      this.status = word("label_locked");
      this.surface?.draw();
      return;
    }
    if (now.isGoing) this.going = undefined;
    if (now.sequence === this.#sequence) {
      // A point of a shape that is not finished yet.
      this.status = "";
      this.surface?.draw();
      this.changed();
      return;
    }
    hand.shapes = now.after.marks;
    this.latest = now.latest;
    this.#become(now.sequence);
  }

  /** Replace the labels, as a step that can be undone. */
  #become(now: ShapeSequence): boolean {
    const from = this.#sequence;
    if (now === from) return false;
    this.#sequence = now;
    this.#steps.note({ from, to: now, place: this.place }, now.length * STEP_BYTES);
    const { marks } = this.#labels;
    if (this.hand.shapes !== marks) this.hand.load(marks, this.hand.path);
    this.status = "";
    this.surface?.draw();
    this.changed();
    return true;
  }

  get #selected(): ShapeMark | undefined {
    return this.hand.chosen as ShapeMark | undefined;
  }

  /** A box, as far as it is in the picture. */
  #inward(points: readonly Point[]): readonly Point[] {
    const { size } = this;
    const { kind } = this.#categories;
    if (!size) return points;
    return kind.proper(points.map((point) => whole(kind, point, size)));
  }

  /** The shape whose attributes are shown: the selected one, or else the one drawn last. */
  get #described(): ShapeMark | undefined {
    return this.#selected ?? (this.latest === undefined ? undefined : this.#labels.marks[this.latest]);
  }

  /** Continue an object that is only in other frames so far: the next shape belongs to it. */
  #goOn(mark: ShapeMark): void {
    this.going = mark;
    this.hand.select(undefined);
    this.hand.label = mark.label;
    this.status = word("draws_label", { label: mark.name });
  }

  #select(object: string | undefined): void {
    const at = object ? this.#labels.marks.findIndex((mark) => mark.object === object) : -1;
    this.hand.select(at < 0 ? undefined : at);
    this.surface?.draw();
    this.requestUpdate();
  }

  // From frame to frame

  /** Show a frame as soon as its picture has loaded. */
  async go(place: number): Promise<void> {
    const wanted = Math.min(Math.max(place, 0), this.#files.length - 1);
    if (wanted === this.place && this.coming === undefined) return;
    if (this.hand.path) {
      this.status = word("unfinished_shape");
      return;
    }
    this.#pictures.around(wanted);
    if (!this.#pictures.isReady(wanted)) {
      this.coming = wanted;
      await this.#pictures.ready(wanted);
      // The person has gone on meanwhile.
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
    // What is hidden here need not be hidden there.
    this.hand.load([]);
    this.hand.load(this.#labels.marks);
    this.#select(this.#tracks ? object : undefined);
    this.status = "";
  }

  #asShower(): Shower {
    const page = this;
    return {
      get place() {
        return page.place;
      },
      get count() {
        return page.#files.length;
      },
      go: (place) => page.go(place),
      requestUpdate: () => page.requestUpdate(),
    };
  }

  #asDrawing(): DrawingPage {
    const page = this;
    return {
      get categories() {
        return page.#categories;
      },
      get sequence() {
        return page.#sequence;
      },
      get place() {
        return page.place;
      },
      get tracks() {
        return page.#tracks;
      },
      get numbers() {
        return page.#files.map(({ number }) => number);
      },
      become: (now) => page.#become(now),
      tell: (text) => {
        page.status = text;
      },
      requestUpdate: () => page.requestUpdate(),
      act: (does) => page.#act(does),
      get selected() {
        return page.#selected;
      },
      select: (object) => page.#select(object),
      go: (place) => page.go(place),
      inward: (points) => page.#inward(points),
    };
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
      this.status = word("label_locked");
      return;
    }
    if (hand.chosen && hand.chosen.label !== label) {
      hand.relabel(label);
      this.status = word("shape_is_now", { label: this.#selected?.name ?? label });
    } else {
      hand.select(undefined);
      this.drawWith(label);
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
      { id: "fill-between", label: word("fill_between"), key: "i", run: () => done(this.#edits.fill()) },
      {
        id: "remove-everywhere",
        label: word("remove_all_frames"),
        key: "Shift+Delete",
        run: () => done(this.#edits.removeEverywhere()),
      },
    ];
    return [
      ...this.labelCommands,
      { id: "next-frame", label: word("next_frame"), key: "f", run: () => go((this.coming ?? this.place) + 1) },
      { id: "previous-frame", label: word("previous_frame"), key: "d", run: () => go((this.coming ?? this.place) - 1) },
      { id: "play", label: word("play_or_stop"), key: "k", run: () => this.#player.toggle() },
      {
        id: "go-to-frame",
        label: word("go_to_frame"),
        key: "g",
        run: () => {
          this.numberField?.focus();
          this.numberField?.select();
        },
      },
      ...(isBox ? [{ id: "predict", label: word("predict_next"), key: "p", run: () => this.#edits.predict() }] : []),
      { id: "copy-next", label: word("copy_next"), key: "c", run: () => done(this.#edits.copyNext()) },
      { id: "copy-all", label: word("copy_all_next"), key: "Shift+c", run: () => done(this.#edits.copyAll()) },
      ...(this.#tracks ? tracked : []),
      { id: "next-shape", label: word("next_shape"), key: "]", run: () => done(editor.step(1)) },
      { id: "previous-shape", label: word("previous_shape"), key: "[", run: () => done(editor.step(-1)) },
      { id: "next-point", label: word("next_point"), key: ".", run: () => done(editor.stepHandle(1)) },
      { id: "previous-point", label: word("previous_point"), key: ",", run: () => done(editor.stepHandle(-1)) },
      { id: "add-point", label: word("add_point"), key: "Shift+a", run: () => done(editor.addPoint()) },
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
    else this.hand.hideAll(!shapes.some((shape) => shape.hidden));
    return shapes.length > 0;
  }

  /** Each change is saved anyway; this is for people who want to be sure. */
  #save(): void {
    this.changed();
    this.status = word("is_saved");
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
      ${this.#categories.kind === box ? act("predict", word("predict_next"), () => this.#edits.predict()) : nothing}
      ${act("copy-next", word("copy_next"), () => this.#edits.copyNext())}
      ${act("copy-all", word("copy_all_next"), () => this.#edits.copyAll())}
      ${act("", word("copy_previous"), () => this.#edits.copyPrevious())}
      ${this.#tracks ? act("fill-between", word("fill_between"), () => this.#edits.fill()) : nothing}
      ${act("save", word("save"), () => this.#save())}
    </div>`;
  }

  protected override renderBelow() {
    return framesBar(
      this.#player,
      this.coming ?? this.place,
      this.#files.map(({ number }) => number),
      (place) => void this.go(place),
      this.coming !== undefined,
      { sequence: this.#sequence, object: this.#tracks ? this.#selected?.object : undefined },
      (number) => this.#goTo(number),
    );
  }

  /** Show the frame with a number. */
  #goTo(number: number): void {
    const place = this.#files.findIndex((file) => file.number === number);
    if (place < 0) this.status = word("no_such_frame", { frame: String(number) });
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
      text: this.#describe(shape as ShapeMark),
    }));
    return html`
      <h3>${word("in_frame", { count: shapes.length })}</h3>
      <div class="acts">${this.renderActs(items, (isHidden) => this.#act(() => editor.hideAll(isHidden)))}</div>
      ${this.renderItems(items, {
        pick: ({ place }) => this.#act(() => editor.select(place === selected ? undefined : place)),
        hide: ({ place, isHidden }) => this.#act(() => editor.hide(place, !isHidden)),
        remove: ({ place }) => this.#act(() => editor.removeAt(place)),
      })}
      ${this.#described ? this.#panels.renderMark(this.#described) : nothing}
      ${this.#panels.renderElsewhere(this.going?.object, (mark) => this.#goOn(mark))}
      ${this.#panels.renderFrame()}
    `;
  }

  #act(act: () => unknown): void {
    act();
    this.#shown();
    this.stage?.focus({ preventScroll: true });
  }

  #describe({ label, name, points, byHand }: ShapeMark): string {
    const [x, y] = points[0] ?? [0, 0];
    const named = this.#tracks ? name : label;
    return `${named} · ${Math.round(x)}, ${Math.round(y)}${byHand ? "" : ` · ${word("not_by_hand")}`}`;
  }
}

/** Labels without what nobody asks for. */
function bare({ attributes, marks }: ShapeLabels): unknown {
  return [
    attributes,
    marks.map(({ label, points, object, name, attributes: own }) => [label, points, object, name, own]),
  ];
}
