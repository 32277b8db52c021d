/** Cuboids in clouds: set, moved, sized and turned by pointers, keys and numbers, over all frames where they are tracked. */
import { html, nothing } from "lit";
import type { LabeledObject } from "../frames/objects";
import type { Command } from "../keys";
import { word } from "../words";
import { CuboidEdits } from "./cuboid-edits";
import { CuboidHand } from "./cuboid-hand";
import { CuboidPanel } from "./cuboid-panel";
import type { Place } from "./eye";
import type { Painting } from "./painting";
import { placeOf } from "./picking";
import { fitted, onGround } from "./placing";
import { type SideName, SideView } from "./side-view";
import { type Axis, type Cuboid, isProper, movedBy, rayHit, stretched, turnedBy, type Vector } from "./space-geometry";
import type { CuboidLabels, CuboidMark } from "./tracks";
import type { Page, Work } from "./work";

/** How far a key moves and stretches, in meters, and turns, in radians. */
const STEP = 0.05;
const TURN = Math.PI / 180;
const REACH = 12;
const VIEWS: readonly SideName[] = ["top", "side", "front"];

const command = (id: string, label: string, key: string, run: () => unknown): Command => ({ id, label, key, run });

export class CuboidWork implements Work {
  readonly hand = new CuboidHand(this.#asOwner());
  /** The label of cuboids that a click adds. */
  armed: string | undefined;
  #selected: number | undefined;
  /** The selected cuboid as it would be, while a pointer changes it. */
  #shown: Cuboid | undefined;
  readonly #hidden = new Set<string>();
  /** The object that the next cuboid belongs to, which is only in other frames so far. */
  #going: LabeledObject | undefined;
  readonly edits: CuboidEdits;
  readonly #panel: CuboidPanel;
  readonly #views = new Map<SideName, SideView>(VIEWS.map((name) => [name, new SideView(name, this.#asHolder())]));

  constructor(private readonly page: Page) {
    this.edits = new CuboidEdits(page);
    this.#panel = new CuboidPanel(page, this);
    if (page.categories.labels.length === 1) this.armed = page.categories.labels[0];
  }

  get #labels(): CuboidLabels {
    return this.edits.labels;
  }

  get selected(): CuboidMark | undefined {
    return this.#selected === undefined ? undefined : this.#labels.marks[this.#selected];
  }

  get going(): LabeledObject | undefined {
    return this.#going;
  }

  get pressed(): string | undefined {
    return this.selected?.label ?? this.armed;
  }

  get object(): string | undefined {
    return this.page.tracks ? this.selected?.object : undefined;
  }

  /** The selected cuboid as it is shown. */
  get current(): Cuboid | undefined {
    return this.#shown ?? this.selected?.cuboid;
  }

  /** Whether the selected cuboid may be changed. */
  get isFree(): boolean {
    return this.selected !== undefined && this.edits.isFree(this.selected);
  }

  #asOwner() {
    const work = this;
    return {
      get eye() {
        return work.page.eye;
      },
      get free() {
        return work.isFree ? work.current : undefined;
      },
      preview: (cuboid: Cuboid) => this.#preview(cuboid),
      commit: () => this.#commit(),
      cancel: () => this.#cancel(),
      click: (at: Place, isSelecting: boolean) => this.#click(at, isSelecting),
    };
  }

  #asHolder() {
    const work = this;
    return {
      get current() {
        return work.current;
      },
      get color() {
        return work.selected ? work.page.colorOf(work.selected.label) : "#fff";
      },
      get loaded() {
        return work.page.loaded;
      },
      get isFree() {
        return work.isFree;
      },
      turns: (axis: Axis) => axis === 2 || !work.page.audits,
      preview: (cuboid: Cuboid) => this.#preview(cuboid),
      commit: () => this.#commit(),
      cancel: () => this.#cancel(),
    };
  }

  // Changes

  #preview(cuboid: Cuboid): void {
    if (!isProper(cuboid)) return;
    this.#shown = cuboid;
    this.page.draw();
    this.page.requestUpdate();
  }

  #cancel(): void {
    this.#shown = undefined;
    this.page.draw();
    this.page.requestUpdate();
  }

  #commit(): void {
    const shown = this.#shown;
    this.#shown = undefined;
    if (shown) this.set(shown);
  }

  /** Do something with the selected cuboid. @returns whether there is one */
  #withSelected(does: (mark: CuboidMark) => void): boolean {
    const { selected } = this;
    if (selected) does(selected);
    return selected !== undefined;
  }

  /** Change the selected cuboid. */
  set(cuboid: Cuboid | undefined): boolean {
    return this.#withSelected((mark) => cuboid && this.edits.set(mark, cuboid));
  }

  /** Put a cuboid on the points around a place of the world. */
  add(at: Vector): boolean {
    const { page, armed, going } = this;
    if (!page.loaded) return false;
    if (armed === undefined) {
      page.tell(word("choose_label_first"));
      return true;
    }
    const mark = this.edits.add(armed, at, going?.label === armed ? going : undefined);
    if (mark) this.#added(mark);
    return true;
  }

  duplicate(): boolean {
    return this.#withSelected((mark) => {
      const twin = this.edits.duplicate(mark);
      if (twin) this.#added(twin);
    });
  }

  #added(mark: CuboidMark): void {
    this.#going = undefined;
    this.pick(mark);
  }

  remove(): boolean {
    return this.#withSelected((mark) => {
      if (this.isFree) this.select(undefined);
      this.edits.remove(mark);
    });
  }

  #removeEverywhere(): boolean {
    return this.#withSelected((mark) => {
      if (this.isFree) this.select(undefined);
      this.edits.removeEverywhere(mark);
    });
  }

  letFollow(): boolean {
    return this.#withSelected((mark) => this.edits.letFollow(mark));
  }

  choose(label: string): void {
    const { page, selected } = this;
    this.#going = undefined;
    if (page.categories.locked.has(label)) {
      page.tell(word("label_locked"));
    } else if (selected && selected.label !== label) {
      this.edits.relabel(selected, label);
    } else {
      this.select(undefined);
      this.armed = this.armed === label ? undefined : label;
      page.tell(this.armed === undefined ? "" : word("adds_label", { label }));
    }
    page.draw();
    page.requestUpdate();
  }

  // Selecting

  select(place: number | undefined): void {
    this.#shown = undefined;
    this.#selected = place !== undefined && place >= 0 ? place : undefined;
    this.page.draw();
    this.page.requestUpdate();
  }

  /** Select a cuboid of this frame. */
  pick(mark: CuboidMark): void {
    this.select(this.#labels.marks.indexOf(mark));
  }

  #step(by: 1 | -1): boolean {
    const { marks } = this.#labels;
    if (marks.length === 0) return false;
    const from = this.#selected ?? (by > 0 ? -1 : 0);
    this.select((from + by + marks.length) % marks.length);
    const { selected } = this;
    if (!selected) return false;
    this.page.eye.target = selected.cuboid.center;
    this.page.tell(
      word("shape_selected", {
        number: (this.#selected ?? 0) + 1,
        count: marks.length,
        shape: this.page.tracks ? selected.name : selected.label,
      }),
    );
    return true;
  }

  #click(at: Place, isSelecting: boolean): void {
    const { eye, loaded, picker } = this.page;
    const { from, direction } = eye.ray(at);
    let [hit, nearest] = [-1, Number.POSITIVE_INFINITY];
    for (const [place, mark] of this.#labels.marks.entries()) {
      const far = this.isHidden(mark) ? undefined : rayHit(mark.cuboid, from, direction);
      if (far !== undefined && far < nearest) [hit, nearest] = [place, far];
    }
    if (hit >= 0) {
      this.select(hit);
      return;
    }
    if (isSelecting || this.armed === undefined || this.selected) {
      this.select(undefined);
      return;
    }
    const point = loaded && picker.at(at, REACH, loaded.cloud);
    if (loaded && point !== undefined) this.add(placeOf(loaded.cloud, point));
    else this.page.tell(word("no_points_there"));
  }

  leave(): boolean {
    if (this.#shown) this.#cancel();
    else if (this.selected) this.select(undefined);
    else if (this.armed !== undefined || this.#going) [this.armed, this.#going] = [undefined, undefined];
    else return false;
    this.page.requestUpdate();
    return true;
  }

  /** The labels have changed: keep the selection if it still exists. */
  refresh(): void {
    this.#shown = undefined;
    if (this.#selected !== undefined && !this.selected) this.#selected = undefined;
  }

  /** Another frame is shown: the same object is selected in it. */
  arrive(object: string | undefined): void {
    const place = object ? this.#labels.marks.findIndex((mark) => mark.object === object) : -1;
    this.#selected = place < 0 ? undefined : place;
    this.#shown = undefined;
  }

  // Keys

  commands(): Command[] {
    const { page } = this;
    const change = (id: string, label: string, key: string, to: (cuboid: Cuboid) => Cuboid | undefined) =>
      command(id, label, key, () => this.selected !== undefined && this.set(to(this.selected.cuboid)));
    const move = (way: string, arrow: string, key: string, by: () => Vector) =>
      change(`move-${way}`, word("key_move", { way: arrow }), key, (cuboid) => movedBy(cuboid, by()));
    const stretch = (id: string, name: string, key: string, axis: Axis, by: number) =>
      change(id, `${name} ${by > 0 ? "+" : "−"}`, key, (cuboid) => stretched(cuboid, axis, 1, by));
    const turn = (id: string, name: string, key: string, axis: Axis, by: number) =>
      change(id, `${name} ${by > 0 ? "+" : "−"}`, key, (cuboid) => turnedBy(cuboid, axis, by));
    const across = (sign: number): Vector => {
      const [right] = page.eye.axes;
      return [sign * STEP * right[0], sign * STEP * right[1], 0];
    };
    const away = (sign: number): Vector => {
      const [[x, y]] = page.eye.axes;
      return [-sign * STEP * y, sign * STEP * x, 0];
    };
    const tilts = [
      turn("pitch-more", word("pitch"), "Shift+ArrowDown", 1, TURN),
      turn("pitch-less", word("pitch"), "Shift+ArrowUp", 1, -TURN),
      turn("roll-more", word("roll"), "Ctrl+Shift+ArrowRight", 0, TURN),
      turn("roll-less", word("roll"), "Ctrl+Shift+ArrowLeft", 0, -TURN),
    ];
    return [
      ...this.#plainCommands(),
      move("left", "←", "Alt+ArrowLeft", () => across(-1)),
      move("right", "→", "Alt+ArrowRight", () => across(1)),
      move("away", "↑", "Alt+ArrowUp", () => away(1)),
      move("near", "↓", "Alt+ArrowDown", () => away(-1)),
      move("up", "⤒", "Alt+Shift+ArrowUp", () => [0, 0, STEP]),
      move("down", "⤓", "Alt+Shift+ArrowDown", () => [0, 0, -STEP]),
      stretch("longer", word("length"), "Ctrl+ArrowUp", 0, STEP),
      stretch("shorter", word("length"), "Ctrl+ArrowDown", 0, -STEP),
      stretch("wider", word("width"), "Ctrl+ArrowRight", 1, STEP),
      stretch("narrower", word("width"), "Ctrl+ArrowLeft", 1, -STEP),
      stretch("taller", word("height"), "Ctrl+Shift+ArrowUp", 2, STEP),
      stretch("lower", word("height"), "Ctrl+Shift+ArrowDown", 2, -STEP),
      turn("yaw-more", word("yaw"), "Shift+ArrowLeft", 2, TURN),
      turn("yaw-less", word("yaw"), "Shift+ArrowRight", 2, -TURN),
      ...(page.audits ? [] : tilts),
    ];
  }

  /** Commands for whole cuboids. */
  #plainCommands(): Command[] {
    const { page } = this;
    const tracked = [
      command("remove-everywhere", word("remove_all_frames"), "Shift+Delete", () => this.#removeEverywhere()),
      command("follow-again", word("follow_again"), "u", () => this.letFollow()),
    ];
    return [
      command("add-cuboid", word("add_cuboid"), "n", () => this.add(page.eye.target)),
      command("fit-cuboid", word("fit_cuboid"), "Alt+o", () => this.fit()),
      command("ground-cuboid", word("ground_cuboid"), "Alt+g", () => this.ground()),
      command("next-shape", word("next_cuboid"), "]", () => this.#step(1)),
      command("previous-shape", word("previous_cuboid"), "[", () => this.#step(-1)),
      command("remove-shape", word("remove_here"), "Delete", () => this.remove()),
      ...(page.tracks ? tracked : []),
      command("duplicate", word("duplicate"), "Ctrl+d", () => this.duplicate()),
      command("hide", word("hide_or_show"), "Shift+h", () => this.hide(this.selected)),
    ];
  }

  fit(): boolean {
    const { selected, page } = this;
    if (!selected || !page.loaded) return false;
    const fit = fitted(selected.cuboid, page.loaded.grid);
    if (!fit) page.tell(word("nothing_to_fit"));
    return fit ? this.set(fit) : true;
  }

  ground(): boolean {
    const { selected, page } = this;
    if (!selected || !page.loaded) return false;
    return this.set(onGround(selected.cuboid, page.loaded.grid));
  }

  isHidden(mark: CuboidMark): boolean {
    return this.#hidden.has(keyOf(mark));
  }

  /** Hide a cuboid, or show it again; without one, all of them. */
  hide(mark: CuboidMark | undefined): boolean {
    if (!mark) return this.#hideAll();
    const key = keyOf(mark);
    if (!this.#hidden.delete(key)) this.#hidden.add(key);
    this.page.draw();
    this.page.requestUpdate();
    return true;
  }

  #hideAll(): boolean {
    const { marks } = this.#labels;
    if (marks.some((mark) => this.isHidden(mark))) this.#hidden.clear();
    else for (const mark of marks) this.#hidden.add(keyOf(mark));
    this.page.draw();
    this.page.requestUpdate();
    return marks.length > 0;
  }

  // What is shown

  /** All visible cuboids in this frame. */
  get seen(): { mark: CuboidMark; cuboid: Cuboid; isChosen: boolean }[] {
    return this.#labels.marks.flatMap((mark, place) => {
      const isChosen = place === this.#selected;
      if (this.isHidden(mark) && !isChosen) return [];
      return [{ mark, cuboid: (isChosen && this.#shown) || mark.cuboid, isChosen }];
    });
  }

  paint(painting: Painting): void {
    const { page } = this;
    if (this.armed !== undefined && !this.selected) painting.target(page.eye.target);
    for (const { mark, cuboid, isChosen } of this.seen) {
      const isLocked = page.categories.locked.has(mark.label);
      painting.cuboid({
        cuboid,
        color: page.colorOf(mark.label),
        name: page.tracks ? mark.name : mark.label,
        isChosen,
        isLocked,
      });
    }
  }

  drawBeside(root: ParentNode): void {
    for (const [name, view] of this.#views) {
      const canvas = root.querySelector<HTMLCanvasElement>(`canvas[data-side=${name}]`);
      if (canvas) view.attach(canvas);
      view.draw();
    }
  }

  renderHelp(): string {
    return word(this.page.tracks ? "cuboids_track_help" : "cuboids_help");
  }

  renderTools() {
    return this.#panel.renderTools();
  }

  renderBeside() {
    if (!this.selected) return nothing;
    const zoom = (name: SideName, factor: number) => () => this.#views.get(name)?.zoomBy(factor);
    const title = (name: SideName) => word(name === "top" ? "view_top" : name === "side" ? "view_side" : "view_front");
    return html`<div class="sides" role="group" aria-label=${word("side_views")}>${VIEWS.map(
      (name) => html`<figure>
        <canvas data-side=${name} role="img" aria-label=${title(name)}></canvas>
        <figcaption>${title(name)}
          <button type="button" class="icon" aria-label="${word("zoom_out")}: ${title(name)}" @click=${zoom(name, 0.8)}>−</button>
          <button type="button" class="icon" aria-label="${word("zoom_in")}: ${title(name)}" @click=${zoom(name, 1.25)}>+</button>
        </figcaption>
      </figure>`,
    )}</div>`;
  }

  renderObjects() {
    return this.#panel.renderObjects();
  }

  /** Continue an object that is only in other frames so far: the next cuboid belongs to it. */
  goOn(labeled: LabeledObject): void {
    this.select(undefined);
    this.#going = labeled;
    this.armed = labeled.label;
    this.page.tell(word("adds_label", { label: labeled.name }));
  }
}

function keyOf({ object, name }: CuboidMark): string {
  return object || name;
}
