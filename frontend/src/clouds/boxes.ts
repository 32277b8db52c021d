/** Boxes in the pictures of cameras, of the same objects as the cuboids. */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { keyCap } from "../element";
import { type Box, type BoxRect, freeName, type LabeledObject, NO_LABELS, newId } from "../frames/objects";
import { Panels } from "../frames/panels";
import { type Command, keys } from "../keys";
import { word } from "../words";
import { type Camera, edgesIn, type Pixel } from "./cameras";
import { boxesFilled, boxesFollowed, boxOf, withBox, withoutBox } from "./linked";
import { type CuboidLabels, type CuboidMark, type CuboidSequence, MAX_CUBOIDS } from "./tracks";
import type { Page } from "./work";

/** Knows what is selected. */
export interface Chooser {
  readonly page: Page;
  /** The label of what is drawn next. */
  readonly armed: string | undefined;
  readonly selected: CuboidMark | undefined;
  /** The object without a cuboid in this frame that is to get one, or a box. */
  readonly going: LabeledObject | undefined;
  /** Whether what people have not set follows what they have. */
  readonly follows: boolean;
  pick(mark: CuboidMark): void;
  goOn(labeled: LabeledObject): void;
}

/** The picture that is shown. @property size in pixels; undefined until it has loaded */
export interface ShownPicture {
  camera: Camera;
  size: Pixel | undefined;
}

export class Boxes {
  readonly #panels: Panels<CuboidMark>;

  constructor(
    private readonly chooser: Chooser,
    private readonly shown: () => ShownPicture | undefined,
    /** Whether a frame has a picture of a camera. */
    private readonly has: (place: number, camera: number) => boolean,
  ) {
    this.#panels = new Panels(chooser.page);
  }

  get #labels(): CuboidLabels {
    const { page } = this.chooser;
    return page.sequence[page.place] ?? NO_LABELS;
  }

  /** The object whose box is drawn. */
  get current(): LabeledObject | undefined {
    return this.chooser.selected ?? this.chooser.going;
  }

  /** Whether a drag in the picture draws a box. */
  get draws(): boolean {
    return this.current !== undefined || this.chooser.armed !== undefined;
  }

  /** The boxes in the picture. */
  get seen(): readonly Box[] {
    const camera = this.shown()?.camera.number;
    return (this.#labels.boxes ?? []).filter((box) => box.camera === camera);
  }

  get #own(): Box | undefined {
    const object = this.current?.object;
    return this.seen.find((box) => box.object === object);
  }

  isChosen(box: Box): boolean {
    return box.object === this.current?.object;
  }

  /** Select the smallest box around a pixel. @returns whether there is one */
  click([x, y]: Pixel): boolean {
    const around = this.seen.filter(
      ({ rect: [left, top, width, height] }) => x >= left && x <= left + width && y >= top && y <= top + height,
    );
    const smallest = around.toSorted(
      (first, second) => first.rect[2] * first.rect[3] - second.rect[2] * second.rect[3],
    )[0];
    if (!smallest) return false;
    const mark = this.#labels.marks.find(({ object }) => object === smallest.object);
    if (mark) this.chooser.pick(mark);
    else this.chooser.goOn(smallest);
    return true;
  }

  /** Draw the box of what is selected from corner to corner; of a new object, if nothing is. */
  draw(from: Pixel, to: Pixel): void {
    const { chooser, current } = this;
    const { page, armed } = chooser;
    const [left, right] = [Math.min(from[0], to[0]), Math.max(from[0], to[0])];
    const [top, bottom] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
    const label = current?.label ?? armed;
    if (label === undefined) {
      page.tell(word("choose_label_first"));
      return;
    }
    const fresh = () => ({
      label,
      object: newId(),
      name: freeName(page.sequence, label),
      attributes: {},
      byHand: true,
    });
    const labeled = current ?? fresh();
    if (this.#set(labeled, [left, top, right - left, bottom - top]) && !current) chooser.goOn(labeled);
  }

  /** Replace the box of an object. */
  #set(labeled: LabeledObject, wanted: BoxRect): boolean {
    const { page } = this.chooser;
    const { camera, size } = this.shown() ?? {};
    if (!camera || !size) return false;
    if (page.categories.locked.has(labeled.label)) {
      page.tell(word("label_locked"));
      return false;
    }
    const [left, top] = [clip(wanted[0], size[0] - 1), clip(wanted[1], size[1] - 1)];
    const [right, bottom] = [clip(wanted[0] + wanted[2], size[0]), clip(wanted[1] + wanted[3], size[1])];
    const rect: BoxRect = [left, top, right - left, bottom - top];
    const { label, object, name } = labeled;
    const own = boxOf(this.#labels, { object, camera: camera.number });
    if (rect[2] < 1 || rect[3] < 1 || (!own && this.seen.length >= MAX_CUBOIDS)) {
      page.tell(word("no_such_box", { most: MAX_CUBOIDS }));
      return false;
    }
    const attributes = (own ?? this.#earlier(object, camera.number))?.attributes ?? {};
    const box: Box = { label, object, name, attributes, byHand: true, camera: camera.number, rect };
    const now = withBox(page.sequence, page.place, box);
    if (!page.become(this.#after(own ? now : this.#filled(now, box), object))) return false;
    page.tell(word("box_set", { object: name }));
    return true;
  }

  /** The last box of an object before this frame, a model for the next one. */
  #earlier(object: string, camera: number): Box | undefined {
    const { sequence, place } = this.chooser.page;
    const before = sequence.slice(0, place).findLast((labels) => boxOf(labels, { object, camera }));
    return before && boxOf(before, { object, camera });
  }

  #filled(sequence: CuboidSequence, box: Box): CuboidSequence {
    const { follows, page } = this.chooser;
    return follows ? boxesFilled(sequence, page.place, box, this.has) : sequence;
  }

  #after(sequence: CuboidSequence, object: string): CuboidSequence {
    const { follows, page } = this.chooser;
    return follows ? boxesFollowed(sequence, object, page.times) : sequence;
  }

  /** Draw the box where the camera sees the cuboid. */
  #around(): boolean {
    const { selected, page } = this.chooser;
    const { camera, size } = this.shown() ?? {};
    if (!selected || !camera || !size) return false;
    const pixels = edgesIn(camera, selected.cuboid).flat();
    const span = (axis: 0 | 1) => {
      const all = pixels.map((pixel) => clip(pixel[axis], size[axis]));
      return [Math.min(...all), Math.max(...all)] as const;
    };
    const [[left, right], [top, bottom]] = [span(0), span(1)];
    if (pixels.length === 0 || right <= left || bottom <= top) page.tell(word("not_in_picture"));
    else this.#set(selected, [left, top, right - left, bottom - top]);
    return true;
  }

  #remove(): boolean {
    const own = this.#own;
    const { page } = this.chooser;
    if (!own) return false;
    if (page.categories.locked.has(own.label)) page.tell(word("label_locked"));
    else page.become(this.#after(withoutBox(page.sequence, page.place, own), own.object));
    return true;
  }

  commands(): Command[] {
    return [
      { id: "box-around", label: word("box_around"), key: "x", run: () => this.#around() },
      { id: "remove-box", label: word("remove_box"), key: "Shift+x", run: () => this.#remove() },
    ];
  }

  render() {
    const own = this.#own;
    const { page, selected } = this.chooser;
    const caps = keys.of(page.host);
    const act = (id: string, text: string, run: () => unknown, isOff: boolean) =>
      html`<button type="button" ?disabled=${isOff} @click=${() => page.act(run)}>${text}${keyCap(caps.get(id))}</button>`;
    return html`<div class="tools">
        ${act("box-around", word("box_around"), () => this.#around(), !selected)}
        ${act("remove-box", word("remove_box"), () => this.#remove(), !own)}
      </div>
      ${own ? this.#renderNumbers(own) : nothing}
      ${own ? this.#panels.renderBox(own) : nothing}
      <p class="quiet help">${word("boxes_help")}</p>`;
  }

  #renderNumbers(own: Box) {
    const names = [word("box_left"), word("box_top"), word("box_width"), word("box_height")];
    return html`<fieldset class="numbers">
      <legend>${word("box_of", { object: own.name })}${own.byHand ? "" : ` · ${word("computed")}`}</legend>
      ${names.map(
        (name, side) => html`<label>${name} <span class="quiet">px</span>
        <input type="number" step="1" min="0" .value=${live(String(own.rect[side]))} @change=${(event: Event) => {
          const value = (event.target as HTMLInputElement).valueAsNumber;
          if (Number.isFinite(value)) this.#set(own, own.rect.with(side, value) as unknown as BoxRect);
          this.chooser.page.requestUpdate();
        }}></label>`,
      )}
    </fieldset>`;
  }
}

/** The whole pixel that is nearest, inside of the picture. */
function clip(value: number, most: number): number {
  return Math.round(Math.min(Math.max(value, 0), most));
}
