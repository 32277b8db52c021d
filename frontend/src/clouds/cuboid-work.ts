/** Cuboids in clouds: set, moved, sized and turned by pointers, keys and numbers, over all frames where they are tracked. */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { styleMap } from "lit/directives/style-map.js";
import { keyCap } from "../element";
import { icon } from "../elements/board";
import { Panels } from "../frames/panels";
import { boxedOnly, freeName, NO_LABELS, newId, removeObject, rename, type Thing, withFrame } from "../frames/things";
import { type Command, keys } from "../keys";
import { word } from "../words";
import { CuboidHand } from "./cuboid-hand";
import type { Place } from "./eye";
import {
  type Axis,
  type Cuboid,
  isProper,
  movedBy,
  rayHit,
  stretched,
  turnedBy,
  type Vector,
  withAxis,
} from "./geometry";
import type { Painting } from "./painting";
import { placeOf } from "./picking";
import { fitted, onGround, placed } from "./placing";
import { type SideName, SideView } from "./side-view";
import { filled, followed, type Labels, MAX_CUBOIDS, type Mark, merged, type Sequence, setBy } from "./tracks";
import type { Page, Work } from "./work";

/** How far a key moves and stretches, in meters, and turns, in radians. */
const STEP = 0.05;
const TURN = Math.PI / 180;
const DEGREE = 180 / Math.PI;
const REACH = 12;
const ASIDE: Vector = [1, 1, 0];
const MAX_ROWS = 100;
const VIEWS: readonly SideName[] = ["top", "side", "front"];

export class CuboidWork implements Work {
  readonly hand = new CuboidHand(this.#asOwner());
  /** The label of cuboids that a click adds. */
  armed: string | undefined;
  #selected: number | undefined;
  /** The selected cuboid as it would be, while a pointer changes it. */
  #shown: Cuboid | undefined;
  readonly #last = new Map<string, Cuboid>();
  readonly #hidden = new Set<string>();
  /** Of what a thing is that the next cuboid will be, which is in other frames so far. */
  #going: Thing | undefined;
  /** Whether cuboids that people have not set follow those that they have. */
  #follows = true;
  readonly #panels: Panels<Mark>;
  readonly #views = new Map<SideName, SideView>(VIEWS.map((name) => [name, new SideView(name, this.#asHolder())]));

  constructor(private readonly page: Page) {
    this.#panels = new Panels(page);
    if (page.categories.labels.length === 1) this.armed = page.categories.labels[0];
  }

  get #labels(): Labels {
    return this.page.sequence[this.page.place] ?? NO_LABELS;
  }

  get selected(): Mark | undefined {
    return this.#selected === undefined ? undefined : this.#labels.marks[this.#selected];
  }

  get going(): Thing | undefined {
    return this.#going;
  }

  get pressed(): string | undefined {
    return this.selected?.label ?? this.armed;
  }

  get object(): string | undefined {
    return this.page.tracks ? this.selected?.object : undefined;
  }

  /** The selected cuboid as one sees it. */
  get current(): Cuboid | undefined {
    return this.#shown ?? this.selected?.cuboid;
  }

  get #isFree(): boolean {
    const { selected } = this;
    return selected !== undefined && !this.page.categories.locked.has(selected.label);
  }

  #asOwner() {
    const work = this;
    return {
      get eye() {
        return work.page.eye;
      },
      get free() {
        return work.#isFree ? work.current : undefined;
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
        return work.#isFree;
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
    if (shown) this.#set(shown);
  }

  /** The selected cuboid is another one now. @returns whether there is one that may be changed */
  #set(cuboid: Cuboid | undefined): boolean {
    const { selected, page } = this;
    if (!selected || !cuboid || !isProper(cuboid)) return false;
    if (!this.#isFree) return this.#isLocked();
    this.#last.set(selected.label, cuboid);
    let now = setBy(page.sequence, page.place, selected, cuboid);
    if (page.tracks && this.#follows) now = followed(now, selected.object, page.times);
    page.become(now);
    return true;
  }

  #isLocked(): true {
    this.page.tell(word("label_locked"));
    return true;
  }

  /** Put a cuboid on the points around a place of the world. */
  #add(at: Vector): boolean {
    const { page, armed } = this;
    const { loaded } = page;
    if (!loaded) return false;
    if (armed === undefined) {
      page.tell(word("choose_label_first"));
      return true;
    }
    if (this.#labels.marks.length >= MAX_CUBOIDS) {
      page.tell(word("too_many_cuboids", { most: MAX_CUBOIDS }));
      return true;
    }
    const going = this.#going?.label === armed ? this.#going : undefined;
    const marks = going ? page.sequence.flatMap((labels) => labels.marks) : [];
    const known = marks.find((one) => one.object === going?.object);
    const cuboid = placed(at, known?.cuboid ?? this.#last.get(armed), loaded.grid);
    this.#last.set(armed, cuboid);
    this.#insert({
      label: armed,
      object: page.tracks ? (going?.object ?? newId()) : "",
      name: going?.name ?? freeName(page.tracks ? page.sequence : [this.#labels], armed),
      attributes: known?.attributes ?? {},
      cuboid,
      byHand: true,
    });
    return true;
  }

  /** Put a new mark into the frame, and select it. */
  #insert(mark: Mark): void {
    const { page } = this;
    const { marks } = this.#labels;
    const isKnown = page.sequence.some((one) => one.marks.some(({ object }) => object === mark.object));
    let now: Sequence = withFrame(page.sequence, page.place, { marks: [...marks, mark] });
    if (page.tracks && this.#follows) {
      // What is seen for the first time is in all frames; where it is not, a person takes it away.
      now = isKnown ? followed(now, mark.object, page.times) : filled(now, mark, () => true);
    }
    this.#going = undefined;
    page.become(now);
    this.select(this.#labels.marks.indexOf(mark));
  }

  #remove(): boolean {
    const { selected, page } = this;
    if (!selected) return false;
    if (!this.#isFree) return this.#isLocked();
    const at = this.#selected;
    this.select(undefined);
    let now = withFrame(page.sequence, page.place, { marks: this.#labels.marks.filter((_, place) => place !== at) });
    if (page.tracks && this.#follows) now = followed(now, selected.object, page.times);
    page.become(now);
    return true;
  }

  #removeEverywhere(): boolean {
    const { selected, page } = this;
    if (!selected || !page.tracks) return false;
    if (!this.#isFree) return this.#isLocked();
    this.select(undefined);
    page.become(removeObject(page.sequence, selected.object, () => true));
    return true;
  }

  /** The cuboid of this frame goes into those in which its thing is not. */
  #spread(where: (place: number) => boolean): boolean {
    const { selected, page } = this;
    if (!selected || !page.tracks) return false;
    const now = filled(page.sequence, selected, where);
    if (!page.become(this.#follows ? followed(now, selected.object, page.times) : now))
      page.tell(word("is_everywhere"));
    return true;
  }

  /** Let what a person has set here be where the other frames have it. */
  #letFollow(): boolean {
    const { selected, page } = this;
    if (!selected?.byHand || !page.tracks || !this.#isFree) return false;
    const marks = this.#labels.marks.map((one) => (one === selected ? { ...one, byHand: false } : one));
    page.become(followed(withFrame(page.sequence, page.place, { marks }), selected.object, page.times));
    return true;
  }

  #duplicate(): boolean {
    const { selected, page } = this;
    if (!selected || !this.#isFree) return false;
    const { label, attributes, cuboid } = selected;
    const name = freeName(page.tracks ? page.sequence : [this.#labels], label);
    const object = page.tracks ? newId() : "";
    this.#insert({ label, attributes, name, object, cuboid: movedBy(cuboid, ASIDE), byHand: true });
    return true;
  }

  #merge(gone: string): void {
    const { selected, page } = this;
    if (!selected || !gone) return;
    const now = merged(page.sequence, selected, gone);
    page.become(this.#follows ? followed(now, selected.object, page.times) : now);
  }

  choose(label: string): void {
    const { page, selected } = this;
    this.#going = undefined;
    if (page.categories.locked.has(label)) {
      page.tell(word("label_locked"));
    } else if (selected && selected.label !== label) {
      this.#relabel(selected, label);
    } else {
      this.select(undefined);
      this.armed = this.armed === label ? undefined : label;
      page.tell(this.armed === undefined ? "" : word("adds_label", { label }));
    }
    page.draw();
    page.requestUpdate();
  }

  #relabel(selected: Mark, label: string): void {
    const { page } = this;
    if (!this.#isFree) {
      this.#isLocked();
      return;
    }
    const name = freeName(page.tracks ? page.sequence : [this.#labels], label);
    const marks = this.#labels.marks.map((one) => (one === selected ? { ...one, label, name } : one));
    page.become(
      page.tracks
        ? rename(page.sequence, selected.object, { label, name })
        : withFrame(page.sequence, page.place, { marks }),
    );
    page.tell(word("cuboid_is_now", { label: name }));
  }

  // Selecting

  select(place: number | undefined): void {
    this.#shown = undefined;
    this.#selected = place !== undefined && place >= 0 ? place : undefined;
    this.page.draw();
    this.page.requestUpdate();
  }

  /** Select a cuboid of this frame. */
  pick(mark: Mark): void {
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
    let [found, nearest] = [-1, Number.POSITIVE_INFINITY];
    for (const [place, mark] of this.#labels.marks.entries()) {
      const far = this.#hidden.has(keyOf(mark)) ? undefined : rayHit(mark.cuboid, from, direction);
      if (far !== undefined && far < nearest) [found, nearest] = [place, far];
    }
    if (found >= 0) {
      this.select(found);
      return;
    }
    if (isSelecting || this.armed === undefined || this.selected) {
      this.select(undefined);
      return;
    }
    const point = loaded && picker.at(at, REACH, loaded.cloud);
    if (loaded && point !== undefined) this.#add(placeOf(loaded.cloud, point));
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

  /** The labels are other ones: what was selected still is, if it is there. */
  refresh(): void {
    this.#shown = undefined;
    if (this.#selected !== undefined && !this.selected) this.#selected = undefined;
  }

  /** Another frame is shown: the same thing is selected in it. */
  arrive(object: string | undefined): void {
    const place = object ? this.#labels.marks.findIndex((one) => one.object === object) : -1;
    this.#selected = place < 0 ? undefined : place;
    this.#shown = undefined;
  }

  // Keys

  commands(): Command[] {
    const { page } = this;
    const does = (id: string, label: string, key: string, run: () => unknown): Command => ({ id, label, key, run });
    const change = (id: string, label: string, key: string, to: (cuboid: Cuboid) => Cuboid | undefined) =>
      does(id, label, key, () => this.selected !== undefined && this.#set(to(this.selected.cuboid)));
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
    const tracked = [
      does("remove-everywhere", word("remove_all_frames"), "Shift+Delete", () => this.#removeEverywhere()),
      does("follow-again", word("follow_again"), "u", () => this.#letFollow()),
    ];
    const tilts = [
      turn("pitch-more", word("pitch"), "Shift+ArrowDown", 1, TURN),
      turn("pitch-less", word("pitch"), "Shift+ArrowUp", 1, -TURN),
      turn("roll-more", word("roll"), "Ctrl+Shift+ArrowRight", 0, TURN),
      turn("roll-less", word("roll"), "Ctrl+Shift+ArrowLeft", 0, -TURN),
    ];
    return [
      does("add-cuboid", word("add_cuboid"), "n", () => this.#add(page.eye.target)),
      does("fit-cuboid", word("fit_cuboid"), "Alt+o", () => this.#fit()),
      does("ground-cuboid", word("ground_cuboid"), "Alt+g", () => this.#ground()),
      does("next-shape", word("next_cuboid"), "]", () => this.#step(1)),
      does("previous-shape", word("previous_cuboid"), "[", () => this.#step(-1)),
      does("remove-shape", word("remove_here"), "Delete", () => this.#remove()),
      ...(page.tracks ? tracked : []),
      does("duplicate", word("duplicate"), "Ctrl+d", () => this.#duplicate()),
      does("hide", word("hide_or_show"), "Shift+h", () => this.#hide(this.selected)),
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

  #fit(): boolean {
    const { selected, page } = this;
    if (!selected || !page.loaded) return false;
    const found = fitted(selected.cuboid, page.loaded.grid);
    if (!found) page.tell(word("nothing_to_fit"));
    return found ? this.#set(found) : true;
  }

  #ground(): boolean {
    const { selected, page } = this;
    if (!selected || !page.loaded) return false;
    return this.#set(onGround(selected.cuboid, page.loaded.grid));
  }

  #hide(mark: Mark | undefined): boolean {
    if (!mark) return this.#hideAll();
    const key = keyOf(mark);
    if (!this.#hidden.delete(key)) this.#hidden.add(key);
    this.page.draw();
    this.page.requestUpdate();
    return true;
  }

  #hideAll(): boolean {
    const { marks } = this.#labels;
    if (marks.some((one) => this.#hidden.has(keyOf(one)))) this.#hidden.clear();
    else for (const one of marks) this.#hidden.add(keyOf(one));
    this.page.draw();
    this.page.requestUpdate();
    return marks.length > 0;
  }

  // What is shown

  /** All cuboids that are seen in this frame. */
  get seen(): { mark: Mark; cuboid: Cuboid; isChosen: boolean }[] {
    return this.#labels.marks.flatMap((mark, place) => {
      const isChosen = place === this.#selected;
      if (this.#hidden.has(keyOf(mark)) && !isChosen) return [];
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
    const { page } = this;
    const caps = keys.of(page.host);
    const act = (id: string, text: string, run: () => unknown, isOff = false) =>
      html`<button type="button" ?disabled=${isOff} @click=${() => page.act(run)}>${text}${keyCap(caps.get(id))}</button>`;
    const none = !this.selected;
    return html`<div class="group paint">
      ${act("add-cuboid", word("add_cuboid"), () => this.#add(page.eye.target), this.armed === undefined)}
      ${act("fit-cuboid", word("fit_cuboid"), () => this.#fit(), none)}
      ${act("ground-cuboid", word("ground_cuboid"), () => this.#ground(), none)}
      ${act("duplicate", word("duplicate"), () => this.#duplicate(), none)}
      ${
        page.tracks
          ? html`${act("follow-again", word("follow_again"), () => this.#letFollow(), !this.selected?.byHand)}
            <label class="switch"><input type="checkbox" .checked=${live(this.#follows)} @change=${(event: Event) => {
              this.#follows = (event.target as HTMLInputElement).checked;
            }}>${word("autofill")}</label>`
          : nothing
      }
    </div>`;
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
    const { page, selected } = this;
    const { marks } = this.#labels;
    const first = Math.min(Math.max((this.#selected ?? 0) - MAX_ROWS / 2, 0), Math.max(marks.length - MAX_ROWS, 0));
    const isAnyHidden = marks.some((one) => this.#hidden.has(keyOf(one)));
    return html`
      <h3>${word(page.tracks ? "in_frame" : "cuboids", { count: marks.length })}</h3>
      <div class="acts"><button type="button" ?disabled=${marks.length === 0} @click=${() => this.#hideAll()}
        >${word(isAnyHidden ? "show_all" : "hide_all")}</button></div>
      <ul>${marks.slice(first, first + MAX_ROWS).map((mark, at) => this.#renderItem(mark, first + at))}</ul>
      ${selected ? this.#renderNumbers(selected) : nothing}
      ${selected ? this.#panels.renderThing(selected) : nothing}
      ${selected && page.tracks && this.#isFree ? this.#renderFrames(selected) : nothing}
      ${this.#panels.renderElsewhere(this.#going?.object, (thing) => this.goOn(thing), boxedOnly(page.sequence))}
      ${this.#panels.renderFrame()}
    `;
  }

  #renderItem(mark: Mark, place: number) {
    const { page } = this;
    const isChosen = place === this.#selected;
    const isHidden = this.#hidden.has(keyOf(mark));
    const text = `${page.tracks || mark.name !== mark.label ? mark.name : mark.label}${page.tracks && !mark.byHand ? ` · ${word("computed")}` : ""}`;
    const number = place + 1;
    return html`<li class=${isChosen ? "chosen" : ""}>
      <button type="button" class="pick" aria-pressed=${isChosen} @click=${() => this.select(isChosen ? undefined : place)}
      ><i style=${styleMap({ background: page.colorOf(mark.label) })}></i><span dir="auto">${text}</span></button>
      <button type="button" class="icon" aria-label=${word(isHidden ? "show_shape" : "hide_shape", { number })}
        @click=${() => this.#hide(mark)}>${icon(isHidden ? "visibility-off" : "visibility")}</button>
      <button type="button" class="icon" aria-label=${word("remove_shape", { number })} @click=${() => {
        this.select(place);
        this.#remove();
      }}>${icon("delete")}</button>
    </li>`;
  }

  /** Its nine numbers. */
  #renderNumbers(selected: Mark) {
    const { page } = this;
    const cuboid = this.current ?? selected.cuboid;
    const isOff = !this.#isFree;
    const field = (
      key: keyof Cuboid,
      axis: Axis,
      name: string,
      unit: string,
      factor: number,
      digits: number,
      isFixed = isOff,
    ) =>
      html`<label>${name} <span class="quiet">${unit}</span>
        <input type="number" step="any" ?disabled=${isFixed} .value=${live(String(Number((cuboid[key][axis] * factor).toFixed(digits))))}
          @change=${(event: Event) => this.#write(key, axis, (event.target as HTMLInputElement).valueAsNumber / factor)}></label>`;
    const count = page.loaded?.grid.count(cuboid);
    return html`<fieldset class="numbers">
      <legend>${page.tracks ? selected.name : selected.label}${count === undefined ? "" : ` · ${word("points", { count })}`}</legend>
      ${field("center", 0, "x", "m", 1, 3)}${field("center", 1, "y", "m", 1, 3)}${field("center", 2, "z", "m", 1, 3)}
      ${field("size", 0, word("length"), "m", 1, 3)}${field("size", 1, word("width"), "m", 1, 3)}${field("size", 2, word("height"), "m", 1, 3)}
      ${field("angles", 2, word("yaw"), "°", DEGREE, 2)}
      ${field("angles", 1, word("pitch"), "°", DEGREE, 2, isOff || page.audits)}
      ${field("angles", 0, word("roll"), "°", DEGREE, 2, isOff || page.audits)}
    </fieldset>`;
  }

  #write(key: keyof Cuboid, axis: Axis, value: number): void {
    const { selected, page } = this;
    if (!selected) return;
    const wanted = { ...selected.cuboid, [key]: withAxis(selected.cuboid[key], axis, value) };
    if (!Number.isFinite(value) || !isProper(wanted)) page.tell(word("no_such_number"));
    else this.#set(wanted);
    page.requestUpdate();
  }

  /** What is done with a thing in other frames. */
  #renderFrames(selected: Mark) {
    const { page } = this;
    const names = new Map(page.sequence.flatMap(({ marks }) => marks.map((one) => [one.object, one.name] as const)));
    names.delete(selected.object);
    const act = (text: string, run: () => unknown) =>
      html`<button type="button" @click=${() => page.act(run)}>${text}</button>`;
    return html`<div class="acts">
        ${act(word("into_earlier"), () => this.#spread((place) => place < page.place))}
        ${act(word("into_later"), () => this.#spread((place) => place > page.place))}
      </div>
      ${
        names.size > 0
          ? html`<label class="relabel">${word("merge_with")}
            <select .value=${live("")} @change=${(event: Event) => page.act(() => this.#merge((event.target as HTMLSelectElement).value))}>
              <option value=""></option>
              ${[...names].map(([object, name]) => html`<option value=${object}>${name}</option>`)}
            </select></label>`
          : nothing
      }`;
  }

  /** Go on with a thing that is in other frames so far: the next cuboid is it. */
  goOn(thing: Thing): void {
    this.select(undefined);
    this.#going = thing;
    this.armed = thing.label;
    this.page.tell(word("adds_label", { label: thing.name }));
  }
}

function keyOf({ object, name }: Mark): string {
  return object || name;
}
