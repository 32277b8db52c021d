/** Points with labels: a brush, a lasso and an eraser. */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { styleMap } from "lit/directives/style-map.js";
import { keyCap } from "../element";
import { icon } from "../elements/board";
import { Panels } from "../frames/panels";
import { type Command, keys } from "../keys";
import { word } from "../words";
import type { Place } from "./eye";
import type { Painting } from "./painting";
import { placeOf } from "./picking";
import type { PointNumbers } from "./points";
import type { StageHand } from "./stage";
import type { CuboidMark } from "./tracks";
import type { Page, Work } from "./work";

type PaintTool = "circle" | "ball" | "lasso";

const TOOLS: readonly PaintTool[] = ["circle", "ball", "lasso"];
const REACH = 12;
/** Least and greatest radius of the brush, in pixels of the screen and in meters, and how a key changes it. */
const CIRCLE = { least: 2, most: 300 };
const BALL = { least: 0.02, most: 50 };
const GROWTH = 1.25;
/** Distance between the corners of a lasso, in pixels. */
const CORNER = 3;

export interface PaintPage extends Page {
  /** The numbers of the points, when the cloud is there. */
  readonly pointNumbers: PointNumbers | undefined;
  /** The numbers have changed. @param isStep whether that is a step that can be undone */
  renumbered(isStep: boolean): void;
  /** Hide the points of labels, by number; 0 stands for points without one. */
  hide(numbers: ReadonlySet<number>): void;
}

export class PaintWork implements Work, StageHand {
  #label: string | undefined;
  #tool: PaintTool = "circle";
  #erases = false;
  /** Whether only points without a label are painted. */
  #keeps = false;
  #circle = 16;
  #ball = 0.5;
  #lasso: Place[] = [];
  #isDown = false;
  #cursor: Place | undefined;
  readonly #hidden = new Set<number>();
  readonly #panels: Panels<CuboidMark>;
  readonly object = undefined;

  constructor(private readonly page: PaintPage) {
    this.#panels = new Panels<CuboidMark>(page);
    if (page.categories.labels.length === 1) this.#label = page.categories.labels[0];
  }

  get hand(): StageHand {
    return this;
  }

  get pressed(): string | undefined {
    return this.#erases ? undefined : this.#label;
  }

  get #number(): number {
    return this.#erases ? 0 : this.page.categories.labels.indexOf(this.#label ?? "") + 1;
  }

  get #draws(): boolean {
    return this.#erases || this.#label !== undefined;
  }

  choose(label: string): void {
    const { page } = this;
    if (page.categories.locked.has(label)) {
      page.tell(word("label_locked"));
      return;
    }
    const keeps = this.#erases || page.categories.labels.length === 1;
    this.#label = this.#label === label && !keeps ? undefined : label;
    this.#erases = false;
    page.tell(this.#label === undefined ? "" : word("draws_label", { label }));
    page.requestUpdate();
  }

  // Painting

  /** Give a point the number that is painted, if it may have it. */
  #set(point: number): void {
    const numbers = this.page.pointNumbers;
    if (!numbers) return;
    const before = numbers.shown[point] as number;
    if (this.#hidden.has(before) || (this.#keeps && !this.#erases && before > 0)) return;
    const label = this.page.categories.labels[before - 1];
    if (label !== undefined && this.page.categories.locked.has(label)) return;
    // With a label chosen and others protected, the eraser removes only that label.
    if (this.#keeps && this.#erases && this.#label !== undefined && label !== this.#label) return;
    numbers.set(point, this.#number);
  }

  #dab(at: Place, from: Place = at): void {
    const { picker, loaded } = this.page;
    if (!loaded) return;
    if (this.#tool === "circle") {
      picker.along(from, at, this.#circle, loaded.cloud, (point) => this.#set(point));
    } else {
      const isSeen = (point: number) => !this.#hidden.has(this.page.pointNumbers?.shown[point] ?? 0);
      const point = picker.at(at, REACH, loaded.cloud, isSeen);
      if (point !== undefined) loaded.grid.inBall(placeOf(loaded.cloud, point), this.#ball, (near) => this.#set(near));
    }
    this.page.renumbered(false);
  }

  #surround(): void {
    const { picker, loaded } = this.page;
    const corners = this.#lasso;
    this.#lasso = [];
    if (loaded && corners.length > 2) picker.inPolygon(corners, loaded.cloud, (point) => this.#set(point));
    this.#end();
  }

  #end(): void {
    const isStep = this.page.pointNumbers?.end() ?? false;
    this.page.renumbered(isStep);
    this.page.draw();
  }

  down(at: Place, event: PointerEvent): boolean {
    // Without a label, or with a key, a drag turns the scene.
    if (!this.#draws || !this.page.pointNumbers || event.altKey || event.ctrlKey || event.shiftKey) return false;
    this.#isDown = true;
    this.#cursor = at;
    if (this.#tool === "lasso") this.#lasso = [at];
    else this.#dab(at);
    return true;
  }

  move(at: Place): void {
    if (!this.#isDown) return;
    const before = this.#cursor ?? at;
    this.#cursor = at;
    if (this.#tool === "lasso") {
      const last = this.#lasso.at(-1) ?? at;
      if (Math.hypot(at[0] - last[0], at[1] - last[1]) >= CORNER) this.#lasso.push(at);
      this.page.draw();
      return;
    }
    this.#dab(at, before);
  }

  up(at: Place): void {
    if (!this.#isDown) return;
    this.move(at);
    this.#isDown = false;
    if (this.#tool === "lasso") this.#surround();
    else this.#end();
  }

  cancel(): void {
    this.#isDown = false;
    this.#lasso = [];
    this.page.pointNumbers?.cancel();
    this.page.renumbered(false);
    this.page.draw();
  }

  /** A click without a label chooses that of the point. */
  click(at: Place): void {
    const { loaded, picker, categories, pointNumbers } = this.page;
    const point = loaded && picker.at(at, REACH, loaded.cloud);
    const label = point === undefined ? undefined : categories.labels[(pointNumbers?.shown[point] ?? 0) - 1];
    if (label !== undefined && !this.#draws) this.choose(label);
  }

  hover(at: Place | undefined): void {
    this.#cursor = at;
    if (this.#draws) this.page.draw();
  }

  leave(): boolean {
    if (this.#isDown) this.cancel();
    else if (this.#draws) {
      this.#label = undefined;
      this.#erases = false;
    } else return false;
    this.page.draw();
    this.page.requestUpdate();
    return true;
  }

  refresh(): void {}

  // Keys

  commands(): Command[] {
    const tool = (name: PaintTool, key: string): Command => ({
      id: `tool-${name}`,
      label: this.#nameOf(name),
      key,
      run: () => this.#take(name),
    });
    return [
      tool("circle", "b"),
      tool("ball", "o"),
      tool("lasso", "l"),
      { id: "eraser", label: word("tool_eraser"), key: "x", run: () => this.#erase() },
      { id: "smaller", label: word("smaller_brush"), key: "-", run: () => this.#grow(1 / GROWTH) },
      { id: "larger", label: word("larger_brush"), key: "+", run: () => this.#grow(GROWTH) },
      { id: "dab", label: word("paint_middle"), key: "Space", run: () => this.#dabMiddle() },
      { id: "keep", label: word("only_unlabeled"), key: "Shift+k", run: () => this.#keep(!this.#keeps) },
    ];
  }

  /** Paint in the middle of the scene. */
  #dabMiddle(): boolean {
    const { eye, pointNumbers } = this.page;
    if (!pointNumbers) return false;
    if (!this.#draws) {
      this.page.tell(word("choose_label_first"));
      return true;
    }
    if (this.#tool === "lasso") this.#take("circle");
    this.#dab([eye.width / 2, eye.height / 2]);
    this.#end();
    return true;
  }

  #nameOf(tool: PaintTool): string {
    return word(tool === "circle" ? "tool_brush" : tool === "ball" ? "tool_ball" : "tool_lasso");
  }

  #take(tool: PaintTool): void {
    this.#tool = tool;
    this.page.tell(word("tool_now", { tool: this.#nameOf(tool) }));
    this.page.draw();
    this.page.requestUpdate();
  }

  #erase(): void {
    this.#erases = !this.#erases;
    this.page.tell(this.#erases ? word("tool_now", { tool: word("tool_eraser") }) : "");
    this.page.draw();
    this.page.requestUpdate();
  }

  #keep(keeps: boolean): void {
    this.#keeps = keeps;
    this.page.requestUpdate();
  }

  #grow(factor: number): void {
    const within = (value: number, { least, most }: typeof CIRCLE) => Math.min(Math.max(value, least), most);
    if (this.#tool === "ball") this.#ball = within(this.#ball * factor, BALL);
    else this.#circle = within(this.#circle * factor, CIRCLE);
    this.page.tell(word("brush_radius", { size: this.#size }));
    this.page.draw();
    this.page.requestUpdate();
  }

  get #size(): string {
    return this.#tool === "ball" ? `${this.#ball.toFixed(2)} m` : word("pixels", { count: Math.round(this.#circle) });
  }

  // What is shown

  paint(painting: Painting, context: CanvasRenderingContext2D): void {
    const { page } = this;
    const color = this.#erases ? "#fff" : page.colorOf(this.#label ?? "");
    context.strokeStyle = color;
    context.lineWidth = 1.5;
    if (this.#lasso.length > 1) {
      context.setLineDash([5, 4]);
      context.beginPath();
      for (const [x, y] of this.#lasso) context.lineTo(x, y);
      context.closePath();
      context.stroke();
      context.setLineDash([]);
    }
    if (!this.#draws || this.#tool === "lasso") return;
    const at: Place = this.#cursor ?? [page.eye.width / 2, page.eye.height / 2];
    const depth = painting.seen(page.eye.target)?.[2] ?? page.eye.distance;
    const radius =
      this.#tool === "circle" ? this.#circle : this.#ball * (page.eye.scale / (page.eye.isOrthogonal ? 1 : depth));
    context.beginPath();
    context.arc(at[0], at[1], Math.max(radius, 2), 0, 2 * Math.PI);
    context.stroke();
  }

  drawBeside(): void {}

  renderBeside() {
    return nothing;
  }

  renderHelp(): string {
    return word("paint_points_help");
  }

  renderTools() {
    const caps = keys.of(this.page.host);
    const { page } = this;
    return html`<div class="group paint" role="group" aria-label=${word("tools")}>
      ${TOOLS.map(
        (
          name,
        ) => html`<button type="button" aria-pressed=${this.#tool === name} @click=${() => page.act(() => this.#take(name))}
          >${this.#nameOf(name)}${keyCap(caps.get(`tool-${name}`))}</button>`,
      )}
      <button type="button" aria-pressed=${this.#erases} @click=${() => page.act(() => this.#erase())}
        >${word("tool_eraser")}${keyCap(caps.get("eraser"))}</button>
      <button type="button" aria-label=${word("smaller_brush")} @click=${() => page.act(() => this.#grow(1 / GROWTH))}>−</button>
      <span class="quiet width">${this.#size}</span>
      <button type="button" aria-label=${word("larger_brush")} @click=${() => page.act(() => this.#grow(GROWTH))}>+</button>
      <label class="switch"><input type="checkbox" .checked=${live(this.#keeps)} @change=${(event: Event) =>
        this.#keep((event.target as HTMLInputElement).checked)}>${word("only_unlabeled")}</label>
    </div>`;
  }

  renderObjects() {
    const { page } = this;
    const counts = page.pointNumbers?.counts;
    const names = [word("without_label"), ...page.categories.labels];
    return html`<h3>${word("labeled_points")}</h3>
      <ul>${names.map((name, number) => {
        const isHidden = this.#hidden.has(number);
        const isOnly = !isHidden && names.every((_, other) => other === number || this.#hidden.has(other));
        const text = `${name} · ${counts?.[number] ?? 0}`;
        return html`<li>
          <button type="button" class="pick" aria-pressed=${isOnly} aria-label=${word("only_this", { name: text })} @click=${() => this.#only(number, isOnly)}
          ><i style=${styleMap({ background: number ? page.colorOf(name) : "#59606b" })}></i><span dir="auto">${text}</span></button>
          <button type="button" class="icon" aria-label=${word(isHidden ? "show_shape" : "hide_shape", { number: name })}
            @click=${() => this.#toggle(number)}>${icon(isHidden ? "visibility-off" : "visibility")}</button>
        </li>`;
      })}</ul>
      ${this.#panels.renderFrame()}`;
  }

  /** Show the points of one label alone, or all again. */
  #only(number: number, isOnly: boolean): void {
    this.#hidden.clear();
    if (!isOnly) {
      for (let other = 0; other <= this.page.categories.labels.length; other++) {
        if (other !== number) this.#hidden.add(other);
      }
    }
    this.#hid();
  }

  #toggle(number: number): void {
    if (!this.#hidden.delete(number)) this.#hidden.add(number);
    this.#hid();
  }

  #hid(): void {
    this.page.hide(this.#hidden);
    this.page.requestUpdate();
  }
}
