/** The elements that draw on a picture: boxes, polygons, polylines, lines and points. */
import { html, nothing, type PropertyValues } from "lit";
import { state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { unwrapped } from "../annotator";
import { asList, isRecord, labelText, labelTexts } from "../attributes";
import { lookOf } from "../colors";
import { Editor, type ShapeHint } from "../drawing/editor";
import { box, type Kind, keypoint, line, polygon, polyline, type Shape } from "../drawing/kinds";
import type { Look } from "../drawing/painter";
import type { Point } from "../drawing/plane-geometry";
import { element, keyCap } from "../element";
import { type Command, keys } from "../keys";
import { canFind, findBox } from "../mask-helper";
import { word } from "../words";
import { isChecked } from "./board";
import { ShapeBoard } from "./shape-board";

/** Offset of a copy from its original, in pixels of the screen. */
const ASIDE = 12;
const UNKNOWN: Look = { color: "#9a9a9a", dashes: [] };

interface StoredShapes {
  shapes: [string, readonly Point[]][];
  path?: [string, readonly Point[]];
  nothing?: boolean;
}

abstract class Drawing extends ShapeBoard {
  protected abstract readonly kind: Kind;

  /** What was drawn on the picture before. */
  @state() private drawnBefore: readonly Shape[] = [];
  /** The person says that there is nothing to draw. */
  #nothing = false;
  /** Whether the shapes are the person's, or a script's, and not those of the template. */
  #own = false;
  #looks: Map<string, Look> | undefined;
  #given: { value: unknown; labels: string; shapes: Shape[]; unreadable: number } | undefined;
  #editorMade: Editor | undefined;

  // The answer

  protected override get result(): Record<string, unknown> {
    const { kind } = this;
    return {
      [kind.list]: this.#shapes().map(({ label, points }) => ({ label, ...kind.write(points) })),
      ...(this.size ? { inputImageProperties: { ...this.size } } : {}),
    };
  }

  override get state(): StoredShapes | undefined {
    const { path } = this.hand;
    const changed = this.isModified || this.#nothing || path !== undefined;
    if (!changed) return undefined;
    return {
      shapes: this.#shapes().map(({ label, points }) => [label, points]),
      ...(path ? { path: [path.label, path.points] } : {}),
      ...(this.#nothing ? { nothing: true } : {}),
    };
  }
  override set state(state: unknown) {
    const stored = isRecord(state) && Array.isArray(state.shapes) ? (state as unknown as StoredShapes) : undefined;
    const shape = ([label, points]: [string, readonly Point[]]): Shape => ({ label, points });
    this.#own = stored !== undefined;
    this.#nothing = stored?.nothing === true;
    const shapes = stored ? stored.shapes.map(shape) : this.#initial().shapes;
    this.hand.load(shapes, stored?.path && shape(stored.path));
    this.surface?.draw();
    this.changed(false);
  }

  protected override get isModified(): boolean {
    if (!this.#own) return false;
    const list = (shapes: readonly Shape[]) => JSON.stringify(shapes.map(({ label, points }) => [label, points]));
    return list(this.hand.shapes) !== list(this.#initial().shapes);
  }

  protected override take(value: unknown): void {
    this.#own = true;
    this.hand.load(this.#read(value).shapes);
    this.surface?.draw();
  }

  protected override problem(): string {
    const { shapes, path } = this.hand;
    if (!this.size) return word("picture_first");
    if (path) return word("unfinished_shape");
    if (this.kind === box && shapes.length === 0 && !this.#nothing) return word("draw_or_nothing");
    return "";
  }

  protected override get hand(): Editor {
    this.#editorMade ??= new Editor(
      this.kind,
      () => this.#edited(),
      (hint: ShapeHint) => {
        this.status = word(hint);
      },
    );
    return this.#editorMade;
  }

  /** The shapes as they are now. */
  #shapes(): readonly Shape[] {
    this.#adoptInitial();
    return this.hand.shapes;
  }

  #adoptInitial(): void {
    if (this.#own) return;
    const { shapes } = this.#initial();
    if (
      this.hand.shapes.length !== shapes.length ||
      shapes.some((shape, at) => !sameShape(shape, this.hand.shapes[at]))
    )
      this.hand.load(shapes, this.hand.path);
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
    const shapes = given.flatMap((entry): Shape[] => {
      if (!isRecord(entry)) return [];
      const [points, label] = [this.kind.read(entry), labelText(entry.label ?? "")];
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
    this.hand.add(this.drawnBefore);
    this.status = word("copied_before", { count: this.drawnBefore.length });
    return true;
  }

  /** The person has drawn or changed something. */
  #edited(): void {
    // Until now the shapes were the template's; the editor has them already.
    this.#own = true;
    if (this.hand.shapes.length > 0 || this.hand.path) this.#nothing = false;
    this.status = "";
    this.surface?.draw();
    this.changed();
  }

  // Labels

  protected override look(label: string): Look {
    if (!this.#looks) {
      const colors = asList(this.labelColors);
      this.#looks = new Map(labelTexts(this.labels).map((name, place) => [name, lookOf(place, colors[place])]));
    }
    return this.#looks.get(label) ?? UNKNOWN;
  }

  /** A label has been chosen: for the selected shape, or for all that will be drawn. */
  protected override choose(label: string): void {
    const editor = this.hand;
    if (editor.relabel(label)) {
      this.status = word("shape_is_now", { label });
    } else {
      this.drawWith(label);
    }
    this.surface?.draw();
    this.requestUpdate();
  }

  // Keys

  override commands(): Command[] {
    const editor = this.hand;
    const done = (worked: boolean) => worked && this.#show();
    return [
      ...this.labelCommands,
      { id: "next-shape", label: word("next_shape"), key: "]", run: () => done(editor.step(1)) },
      { id: "previous-shape", label: word("previous_shape"), key: "[", run: () => done(editor.step(-1)) },
      { id: "next-point", label: word("next_point"), key: ".", run: () => done(editor.stepHandle(1)) },
      { id: "previous-point", label: word("previous_point"), key: ",", run: () => done(editor.stepHandle(-1)) },
      { id: "add-point", label: word("add_point"), key: "Shift+a", run: () => done(editor.addPoint()) },
      { id: "remove-shape", label: word("remove"), key: "Delete", run: () => done(editor.remove()) },
      { id: "duplicate", label: word("duplicate"), key: "Ctrl+d", run: () => done(this.#duplicate()) },
      ...(this.#canFit ? [{ id: "fit-box", label: word("fit_box"), key: "x", run: () => this.#fitBox() }] : []),
      { id: "copy-before", label: word("copy_before"), key: "Shift+c", run: () => this.#copyBefore() },
      { id: "hide", label: word("hide_or_show"), key: "Shift+h", run: () => done(this.#hide()) },
      { id: "leave", label: word("leave_shape"), key: "Escape", run: () => done(editor.leave()) },
      ...this.viewCommands,
    ];
  }

  /** Show what has been done with the selected shape. */
  #show(): true {
    const { chosen, shapes, selected = 0 } = this.hand;
    if (chosen) {
      this.surface?.reveal();
      this.status = word("shape_selected", {
        number: selected + 1,
        count: shapes.length,
        shape: this.#describe(chosen),
      });
      this.showItem(selected);
    }
    this.surface?.draw();
    this.requestUpdate();
    return true;
  }

  #duplicate(): boolean {
    return this.hand.duplicate(ASIDE / this.view.scale);
  }

  get #canFit(): boolean {
    return this.kind === box && canFind("box");
  }

  /** Ask for the object in the selected box, and draw the box close around it. */
  #fitBox(): boolean {
    const { chosen } = this.hand;
    if (!chosen || !this.size) return false;
    this.status = word("finding");
    void findBox(chosen.points as [Point, Point]).then(
      (points) => {
        this.status = "";
        if (this.hand.reshape(chosen, points)) this.#show();
      },
      (error) => {
        this.status = error instanceof Error ? error.message : String(error);
      },
    );
    return true;
  }

  /** Hide the selected shape, or show it again; without one, all. */
  #hide(): boolean {
    const { chosen, selected, shapes } = this.hand;
    if (chosen) this.hand.hide(selected as number, !chosen.hidden);
    else this.hand.hideAll(!shapes.some((shape) => shape.hidden));
    return shapes.length > 0;
  }

  protected override willUpdate(changes: PropertyValues): void {
    super.willUpdate(changes);
    if (changes.has("labels") || changes.has("labelColors")) this.#looks = undefined;
    this.#adoptInitial();
  }

  // What is shown

  protected override renderProblems() {
    const { unreadable } = this.#initial();
    return unreadable > 0 ? html`<p class="problem">${word("unreadable_shapes", { count: unreadable })}</p>` : nothing;
  }

  protected override renderHelp() {
    const help =
      this.kind.most === Number.POSITIVE_INFINITY
        ? "draw_path_help"
        : this.kind.most === 1
          ? "draw_point_help"
          : "draw_two_help";
    return word(help);
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
      text: this.#describe(shape),
    }));
    const copies = this.drawnBefore.length > 0 ? () => this.#act(() => this.#copyBefore()) : undefined;
    return html`
      <h3>${word("shapes", { count: shapes.length })}</h3>
      <div class="acts">
        <button type="button" ?disabled=${selected === undefined} @click=${() => this.#act(() => this.#duplicate())}>${word("duplicate")}</button>
        ${
          this.#canFit
            ? html`<button type="button" ?disabled=${selected === undefined} @click=${() => this.#fitBox()}
              >${word("fit_box")}${keyCap(keys.of(this).get("fit-box"))}</button>`
            : nothing
        }
        ${this.renderActs(items, (isHidden) => this.#act(() => editor.hideAll(isHidden)), copies)}
      </div>
      ${this.renderItems(items, {
        pick: ({ place }) => this.#act(() => editor.select(place)),
        hide: ({ place, isHidden }) => this.#act(() => editor.hide(place, !isHidden)),
        remove: ({ place }) => this.#act(() => editor.removeAt(place)),
      })}
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
    if (this.hand.chosen) this.stage?.focus({ preventScroll: true });
  }

  /** A shape in words. */
  #describe({ label, points }: Shape): string {
    const [first, last] = [points[0] ?? [0, 0], points.at(-1) ?? [0, 0]];
    const round = (value: number) => String(Math.round(value));
    const place = `${round(first[0])}, ${round(first[1])}`;
    if (this.kind === box)
      return `${label} · ${place} · ${round(last[0] - first[0])}\u00a0×\u00a0${round(last[1] - first[1])}`;
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

function sameShape(first: Shape, second: Shape | undefined): boolean {
  return second !== undefined && first.label === second.label && first.points === second.points;
}
