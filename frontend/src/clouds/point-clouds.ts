/** `crowd-point-clouds`: cuboids in clouds of points, tracked over a sequence or not, or labels of the points themselves. */
import type { PropertyValues } from "lit";
import { nothing } from "lit";
import { property, state } from "lit/decorators.js";
import { asList, isRecord } from "../attributes";
import { lookOf } from "../colors";
import { Journal } from "../drawing/journal";
import { element } from "../element";
import { Categories } from "../frames/categories";
import { given } from "../frames/draft";
import type { LabeledObject } from "../frames/objects";
import { framesBar, Player } from "../frames/player";
import type { Command } from "../keys";
import { word } from "../words";
import { Boxes } from "./boxes";
import { CloudBoard, cloudState } from "./cloud-board";
import { Clouds, type Loaded } from "./clouds";
import { CuboidWork } from "./cuboid-work";
import { Images, type SeenCuboid } from "./images";
import { fromRuns, packed, packedAtOnce, runsOf, unpacked } from "./numbers";
import { PaintWork } from "./paint-work";
import type { Painting } from "./painting";
import { PointNumbers } from "./points";
import {
  type CloudFile,
  type CuboidMark,
  type CuboidSequence,
  fromAnswer,
  fromDraft,
  toAnswer,
  toDraft,
} from "./tracks";

/** What a step of a sequence takes in memory for each frame: its place in a list. */
const STEP_BYTES = 8;
const BRIGHT = 120;
const NO_IMAGES: readonly unknown[] = [];
const UNKNOWN = "#9a9a9a";

interface CloudStep {
  from: CuboidSequence;
  to: CuboidSequence;
  place: number;
}

@element("crowd-point-clouds")
export class CrowdPointClouds extends CloudBoard {
  /** The id of the script that holds the clouds' addresses and the rest of the task. */
  @property() data = "";
  @state() place = 0;
  /** The frame that is loading. */
  @state() private coming: number | undefined;
  /** How many given cuboids can't be read. */
  @state() private unreadable = 0;
  categories = new Categories({}, false);
  tracks = false;
  audits = false;
  times: readonly number[] = [];
  sequence: CuboidSequence = [];
  initial: CuboidSequence = [];
  pointNumbers: PointNumbers | undefined;
  /** A message about given labels of points that don't fit. */
  @state() private misfit = "";
  #work: CuboidWork | PaintWork | undefined;
  #files: readonly CloudFile[] = [];
  #clouds = new Clouds([]);
  #paints = false;
  #isRead = false;
  #given: Promise<Uint8Array | undefined> = Promise.resolve(undefined);
  #hasGiven = false;
  /** Numbers of a draft that wait for their cloud. */
  #drafted: Uint8Array | undefined;
  readonly #player = new Player(this);
  readonly #images = new Images(
    this,
    () => this.#files[this.place]?.images ?? NO_IMAGES,
    () => this.#seen(),
    () => this.#boxes,
  );
  /** Where boxes in pictures are linked to cuboids. */
  #boxes: Boxes | undefined;
  readonly #steps = new Journal<CloudStep>();
  #colors = new Map<string, string>();
  #hidden: ReadonlySet<number> = new Set();
  /** The labels of points as they are in the answer, of one version of them. */
  #packed = { version: -1, text: "" };

  // What is given

  override connectedCallback(): void {
    this.#read();
    super.connectedCallback();
    if (this.#isRead) void this.#arrive(this.place);
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
    this.tracks = data.tracks === true;
    this.#paints = data.kind === "classes";
    const tools = isRecord(data.categories) ? data.categories.annotationType : undefined;
    if (this.tracks && Array.isArray(tools)) {
      const has = (place: number, camera: number) => this.#files[place]?.images[camera] !== undefined;
      this.#boxes = new Boxes(this.#asChooser(), () => this.#images.shown, has);
    }
    this.audits = isRecord(data.initial);
    this.categories = new Categories(data.categories, this.audits);
    this.#files = data.frames.map((frame, place) => ({
      number: Number(frame["frame-no"] ?? place),
      name: String(frame.frame),
      src: String(frame.src),
      format: String(frame.format ?? "binary/xyzi"),
      time: Number(frame["unix-timestamp"] ?? place),
      images: asList(frame.images),
    }));
    this.times = this.#files.map(({ time }) => time);
    this.#clouds = new Clouds(this.#files);
    const { sequence, unreadable } = fromAnswer(data.initial, this.#files, this.tracks);
    this.initial = sequence;
    this.sequence = sequence;
    this.unreadable = this.#paints ? 0 : unreadable;
    this.#colors = new Map(this.categories.labels.map((label, at) => [label, onDark(lookOf(at).color)]));
    if (this.audits) this.setAttribute("initial-value", "");
    const points = isRecord(data.initial) ? data.initial.labeledPoints : undefined;
    if (!this.#paints || points === undefined) return;
    this.#hasGiven = true;
    this.#given = unpacked(String(points));
  }

  // Who does the work

  get work(): CuboidWork | PaintWork {
    this.#work ??= this.#paints ? new PaintWork(this) : new CuboidWork(this);
    return this.#work;
  }

  #asChooser() {
    const work = () => this.work as CuboidWork;
    return {
      page: this,
      get armed() {
        return work().armed;
      },
      get selected() {
        return work().selected;
      },
      get going() {
        return work().going;
      },
      get follows() {
        return work().edits.follows;
      },
      pick: (mark: CuboidMark) => work().pick(mark),
      goOn: (labeled: LabeledObject) => work().goOn(labeled),
    };
  }

  get host(): this {
    return this;
  }

  get count(): number {
    return this.#files.length;
  }

  get numbers(): readonly number[] {
    return this.#files.map(({ number }) => number);
  }

  get loaded(): Loaded | undefined {
    return this.#clouds.of(this.place);
  }

  get labels(): readonly string[] {
    return this.categories.labels;
  }

  protected override get labelNames(): readonly string[] {
    return this.categories.labels;
  }

  override colorOf(label: string): string {
    return this.#colors.get(label) ?? UNKNOWN;
  }

  tell(text: string): void {
    this.status = text;
  }

  act(does: () => unknown): void {
    does();
    this.stageElement?.focus({ preventScroll: true });
    this.requestUpdate();
  }

  /** Replace the labels, as a step that can be undone. */
  become(now: CuboidSequence): boolean {
    const from = this.sequence;
    if (now === from) return false;
    const locked = now.findIndex((labels, at) => {
      const before = from[at];
      return before !== undefined && !this.categories.keeps(before, labels, ({ cuboid }) => cuboid);
    });
    if (locked >= 0) {
      this.status = word("label_locked");
      return false;
    }
    this.sequence = now;
    this.#steps.note({ from, to: now, place: this.place }, now.length * STEP_BYTES);
    this.status = "";
    this.work.refresh();
    this.draw();
    this.changed();
    return true;
  }

  override changed(tell = true): void {
    super.changed(tell);
  }

  /** The labels of points have changed. */
  renumbered(isStep: boolean): void {
    this.scene?.renumber();
    // While the person paints there is no time for all points.
    this.moved();
    this.requestUpdate();
    if (!isStep) return;
    this.#pack();
    this.changed();
  }

  /** Hide the points of these labels. */
  hide(numbers: ReadonlySet<number>): void {
    this.#hidden = numbers;
    this.#paintLabels();
  }

  #paintLabels(): void {
    const colors = ["#ffffff", ...this.labels.map((label) => this.colorOf(label))];
    this.scene?.paint(colors.map((color, number) => (this.#hidden.has(number) ? "" : color)));
  }

  protected override get hasNumbers(): boolean {
    return this.#paints;
  }

  // The answer

  protected override get result(): Record<string, unknown> {
    if (!this.#paints) return toAnswer(this.sequence, this.#files, this.tracks);
    return { labeledPoints: this.#labeledPoints, frameAttributes: this.sequence[0]?.attributes ?? {} };
  }

  get #labeledPoints(): string {
    const numbers = this.pointNumbers;
    if (!numbers) return "";
    if (this.#packed.version !== numbers.version) {
      this.#packed = { version: numbers.version, text: packedAtOnce(numbers.inFile) };
    }
    return this.#packed.text;
  }

  /** Make the answer small, while the person goes on. */
  #pack(): void {
    const numbers = this.pointNumbers;
    if (!numbers) return;
    const { version } = numbers;
    void packed(numbers.inFile).then((text) => {
      if (this.pointNumbers?.version === version) this.#packed = { version, text };
    });
  }

  protected override take(value: unknown): void {
    if (!this.#paints) {
      this.become(fromAnswer(value, this.#files, this.tracks).sequence);
      return;
    }
    const points = isRecord(value) ? value.labeledPoints : undefined;
    void unpacked(String(points)).then((numbers) => this.#takeNumbers(numbers));
  }

  #takeNumbers(numbers: Uint8Array | undefined): void {
    if (!numbers || numbers.length !== this.loaded?.cloud.count) return;
    this.pointNumbers?.load(numbers);
    this.renumbered(true);
  }

  override get state(): unknown {
    const isSame = this.sequence === this.initial;
    const numbers = this.#drafted ?? (this.pointNumbers?.isModified ? this.pointNumbers.inFile : undefined);
    if (isSame && !numbers) return undefined;
    return {
      ...toDraft(this.sequence, this.initial),
      place: this.place,
      ...(numbers ? { points: runsOf(numbers) } : {}),
    };
  }
  override set state(kept: unknown) {
    this.sequence = fromDraft(kept, this.initial);
    this.#steps.clear();
    const draft = isRecord(kept) ? kept : {};
    const place = typeof draft.place === "number" ? draft.place : 0;
    this.#drafted = typeof draft.points === "string" ? fromRuns(draft.points) : undefined;
    void this.#arrive(Math.min(Math.max(place, 0), Math.max(this.count - 1, 0)));
    if (this.pointNumbers) void this.#number(true);
    this.work.refresh();
    this.changed(false);
  }

  override get mark(): unknown {
    return { step: this.#steps.id, points: this.pointNumbers?.step ?? 0 };
  }
  override set mark(given: unknown) {
    const wanted = isRecord(given) ? given : { step: 0, points: 0 };
    let { place } = this;
    const to = (sequence: CuboidSequence, at: number) => {
      this.sequence = sequence;
      place = at;
    };
    this.#steps.go(
      Number(wanted.step),
      (step) => to(step.from, step.place),
      (step) => to(step.to, step.place),
    );
    if (this.pointNumbers && this.pointNumbers.step !== Number(wanted.points)) {
      this.pointNumbers.go(Number(wanted.points));
      this.scene?.renumber();
      this.#pack();
    }
    this.work.refresh();
    if (place !== this.place) void this.go(place);
    this.draw();
    this.changed(false);
  }

  protected override get isModified(): boolean {
    if (this.pointNumbers?.isModified) return true;
    const bare = (sequence: CuboidSequence) =>
      JSON.stringify(
        sequence.map(({ attributes, marks, boxes = [] }) => [
          attributes,
          boxes.map(({ label, name, object, camera, rect, attributes: own }) => [
            label,
            name,
            object,
            camera,
            rect,
            own,
          ]),
          marks.map(({ label, name, object, cuboid, attributes: own }) => [label, name, object, cuboid, own]),
        ]),
      );
    return this.sequence !== this.initial && bare(this.sequence) !== bare(this.initial);
  }

  protected override problem(): string {
    if (!this.#isRead || this.count === 0) return word("cloud_first");
    if (this.#paints ? !this.pointNumbers : this.count === 1 && !this.loaded)
      return this.#trouble || word("cloud_first");
    return this.categories.lack(this.sequence, this.#files);
  }

  /** Move the keyboard focus to where something is missing. */
  override focus(options?: FocusOptions): void {
    const lack = this.categories.lack(this.sequence, this.#files);
    const missing = lack && this.problem() === lack ? this.categories.missing(this.sequence) : undefined;
    if (missing) {
      void this.go(missing.place).then(() => {
        if (this.work instanceof CuboidWork && missing.mark !== undefined) this.work.select(missing.mark);
      });
    }
    super.focus(options);
  }

  // From frame to frame

  get #trouble(): string {
    return this.#clouds.trouble(this.place);
  }

  /** Show a frame as soon as its cloud has loaded. */
  async go(place: number): Promise<void> {
    const wanted = Math.min(Math.max(place, 0), this.count - 1);
    if (wanted === this.place && this.coming === undefined) return;
    await this.#arrive(wanted);
  }

  async #arrive(wanted: number): Promise<void> {
    const object = this.work instanceof CuboidWork ? this.work.object : undefined;
    void this.#clouds.around(wanted);
    this.coming = wanted;
    await this.#clouds.ready(wanted);
    // The person has gone on meanwhile.
    if (this.coming !== wanted) return;
    this.coming = undefined;
    this.place = wanted;
    this.status = "";
    if (this.work instanceof CuboidWork) this.work.arrive(object);
    if (this.#paints && this.loaded) await this.#number(false);
    this.shown(this.pointNumbers?.shown);
    if (this.#paints) this.#paintLabels();
    // What was missing may be the cloud.
    this.changed(false);
    await this.updateComplete;
  }

  /** Give the points of the cloud their labels: those of the draft, or those that were given. */
  async #number(isAnew: boolean): Promise<void> {
    const cloud = this.loaded?.cloud;
    if (!cloud || (this.pointNumbers && !isAnew)) return;
    let given = await this.#given;
    if (!given && this.#hasGiven) this.misfit = word("points_unreadable");
    if (given && (given.length !== cloud.count || given.some((number) => number > this.labels.length))) {
      this.misfit = word("points_misfit", { given: given.length, points: cloud.count });
      given = undefined;
    }
    this.pointNumbers = new PointNumbers(cloud, given);
    const drafted = this.#drafted;
    this.#drafted = undefined;
    if (drafted?.length === cloud.count) this.pointNumbers.load(drafted);
    if (isAnew) this.shown(this.pointNumbers.shown);
    this.#pack();
  }

  protected override willUpdate(changes: PropertyValues): void {
    if (!this.#isRead) {
      this.#read();
      if (this.#isRead) void this.#arrive(this.place);
    }
    super.willUpdate(changes);
  }

  override commands(): Command[] {
    const go = (by: 1 | -1) => () => void this.go((this.coming ?? this.place) + by);
    const frames: Command[] = [
      { id: "next-frame", label: word("next_frame"), key: ".", run: go(1) },
      { id: "previous-frame", label: word("previous_frame"), key: ",", run: go(-1) },
      { id: "play", label: word("play_or_stop"), key: "k", run: () => this.#player.toggle() },
      { id: "go-to-frame", label: word("go_to_frame"), key: "g", run: () => this.#toNumber() },
    ];
    return [
      ...this.labels.map((label) => ({ id: `label:${label}`, label, run: () => this.work.choose(label) })),
      ...(this.count > 1 ? frames : []),
      ...this.work.commands(),
      ...this.#images.commands(),
      ...this.viewCommands,
    ];
  }

  #toNumber(): void {
    const field = this.renderRoot.querySelector<HTMLInputElement>(".number");
    field?.focus();
    field?.select();
  }

  // What is shown

  protected override get problems(): readonly string[] {
    const { unreadable, misfit } = this;
    const pictures = this.#images.unreadable;
    return [
      unreadable > 0 ? word("unreadable_shapes", { count: unreadable }) : "",
      misfit,
      pictures > 0 ? word("unreadable_images", { count: pictures }) : "",
    ].filter(Boolean);
  }

  protected override renderState() {
    const place = this.coming ?? this.place;
    return cloudState(this.#trouble, this.#isRead && !this.#clouds.of(place) && this.coming !== undefined, () => {
      void this.#clouds.again(this.place).then(() => this.#arrive(this.place));
    });
  }

  protected override renderFrames() {
    if (this.count < 2) return nothing;
    return framesBar(
      this.#player,
      this.coming ?? this.place,
      this.numbers,
      (place) => void this.go(place),
      this.coming !== undefined,
      { sequence: this.sequence, object: this.work.object },
      (number) => {
        const place = this.numbers.indexOf(number);
        if (place < 0) this.status = word("no_such_frame", { frame: String(number) });
        else void this.go(place);
        this.requestUpdate();
        this.stageElement?.focus({ preventScroll: true });
      },
    );
  }

  protected override renderImages() {
    return this.#images.render();
  }

  protected override drawImages(): void {
    this.#images.draw(this.renderRoot);
  }

  protected override paintCamera(painting: Painting): void {
    this.#images.paint(painting);
  }

  /** The visible cuboids in this frame. */
  #seen(): readonly SeenCuboid[] {
    const { work } = this;
    if (!(work instanceof CuboidWork)) return [];
    return work.seen.map(({ mark, cuboid, isChosen }) => ({
      cuboid,
      color: this.colorOf(mark.label),
      isChosen,
      select: () => work.pick(mark),
    }));
  }
}

/** A label's color, made distinguishable from a dark background. */
function onDark(color: string): string {
  const parts = [1, 3, 5].map((at) => Number.parseInt(color.slice(at, at + 2), 16));
  const most = Math.max(...parts, 1);
  const bright = parts.reduce((sum, part) => sum + part, 0) / 3;
  const lift = bright < BRIGHT ? (BRIGHT - bright) / 255 : 0;
  const shown = parts.map((part) => Math.min(Math.round(part * Math.min(255 / most, 1.3) + 255 * lift), 255));
  return `#${shown.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
