/** The panels beside the work on frames: attributes of objects and of frames, the numbers of objects, objects in other frames. */
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { word } from "../words";
import { type Attribute, type Categories, MAX_CHARACTERS } from "./categories";
import { attributeField } from "./fields";
import {
  type AttributeOwners,
  type Box,
  elsewhere,
  type LabeledObject,
  type LabelsOf,
  NO_LABELS,
  nameOf,
  readRanges,
  removeObject,
  rename,
  type SequenceOf,
  setAttribute,
} from "./objects";

/** Most objects in other frames that are listed. */
const MAX_OBJECTS = 100;

/** A page on which objects have labels in frames. */
export interface Labeling<T extends LabeledObject> {
  readonly categories: Categories;
  readonly sequence: SequenceOf<T>;
  readonly place: number;
  readonly tracks: boolean;
  /** The frames' numbers. */
  readonly numbers: readonly number[];
  /** Replace the labels. @returns whether they differ */
  become(now: SequenceOf<T>): boolean;
  tell(text: string): void;
  requestUpdate(): void;
  /** Do what a button asks for, then return the keyboard focus to the work. */
  act(does: () => unknown): void;
}

type Value = string | number | undefined;

export class Panels<T extends LabeledObject> {
  #ranges = "";

  constructor(private readonly page: Labeling<T>) {}

  get #labels(): LabelsOf<T> {
    return this.page.sequence[this.page.place] ?? NO_LABELS;
  }

  /** The attributes of the frame that is shown. */
  renderFrame() {
    const { categories, place, numbers } = this.page;
    const { attributes } = this.#labels;
    if (categories.ofFrames.length === 0) return nothing;
    const inOthers = (name: string) => () =>
      this.#renderRanges((places) => this.#setOfFrame(name, attributes[name], places));
    return html`<h3>${word("frame_attributes")}</h3>
      ${categories.ofFrames.map((ofFrame) =>
        attributeField(
          ofFrame,
          attributes[ofFrame.name],
          MAX_CHARACTERS.frame,
          (value) => this.#setOfFrame(ofFrame.name, value, new Set([place])),
          numbers.length > 1 ? inOthers(ofFrame.name) : undefined,
        ),
      )}`;
  }

  /** An object in the frame that is shown: its number, and its attributes. */
  renderMark(mark: T) {
    const { categories, tracks } = this.page;
    if (!tracks && categories.of(mark.label).length === 0) return nothing;
    const marks = (drawn: T) => (tracks ? drawn.object === mark.object : drawn === mark);
    const isIn = (labels: LabelsOf<T>) => labels.marks.some(marks);
    return html`<h3>${tracks ? mark.name : mark.label}</h3>
      ${tracks && !categories.locked.has(mark.label) ? this.#renderNumber(mark) : nothing}
      ${this.#renderAttributes(mark, categories.of(mark.label), { marks }, isIn)}`;
  }

  /** The attributes of a box in a picture, none of which it must have. */
  renderBox(box: Box) {
    const boxes = (drawn: Box) => drawn.object === box.object && drawn.camera === box.camera;
    const attributes = this.page.categories.of(box.label).map((attribute) => ({ ...attribute, isRequired: false }));
    return this.#renderAttributes(box, attributes, { boxes }, (labels) => labels.boxes?.some(boxes) ?? false);
  }

  /** @param isIn whether there is such an object in a frame */
  #renderAttributes(
    labeled: LabeledObject,
    attributes: readonly Attribute[],
    whose: AttributeOwners<T>,
    isIn: (labels: LabelsOf<T>) => boolean,
  ) {
    const { tracks, place } = this.page;
    const set = (name: string, value: Value, places: ReadonlySet<number>) => {
      const { page } = this;
      const lacking = [...places].find((candidate) => !isIn(page.sequence[candidate] ?? NO_LABELS));
      if (lacking !== undefined) {
        page.tell(word("not_in_frame", { object: labeled.name, frame: page.numbers[lacking] ?? 0 }));
        return;
      }
      page.become(setAttribute(page.sequence, places, name, value, whose));
      if (places.size > 1) page.tell(word("set_done", { count: places.size }));
    };
    const inOthers = (name: string) => () =>
      this.#renderRanges((places) => set(name, labeled.attributes[name], places));
    return attributes.map((attribute) =>
      attributeField(
        attribute,
        labeled.attributes[attribute.name],
        MAX_CHARACTERS.label,
        (value) => set(attribute.name, value, new Set([place])),
        tracks ? inOthers(attribute.name) : undefined,
      ),
    );
  }

  /** Objects that are in other frames and can go on in this one. */
  renderElsewhere<S extends LabeledObject = T>(
    going: string | undefined,
    goOn: (mark: T | S) => void,
    boxed: readonly S[] = [],
  ) {
    const { sequence, place, tracks, categories } = this.page;
    const all = tracks ? [...elsewhere(sequence, place), ...boxed] : [];
    const objects = all.filter(({ label }) => !categories.locked.has(label));
    if (objects.length === 0) return nothing;
    return html`<h3>${word("in_other")}</h3>
      <div class="acts elsewhere">${objects.slice(0, MAX_OBJECTS).map(
        (object) => html`<button type="button" aria-pressed=${going === object.object}
          @click=${() => this.page.act(() => goOn(object))}>${object.name}</button>`,
      )}</div>`;
  }

  #renderNumber(mark: T) {
    const { page } = this;
    const { sequence, place } = page;
    const remove = (where: (place: number) => boolean) => () =>
      page.act(() => page.become(removeObject(sequence, mark.object, where)));
    return html`
      <div class="acts">
        <label>${word("object_number")}
          <input class="object-number" type="number" min="1" step="1" .value=${live(mark.name.slice(mark.label.length + 1))}
            @change=${(event: Event) => this.#renumber(mark, (event.target as HTMLInputElement).value)}></label>
      </div>
      <div class="acts">
        <button type="button" @click=${remove((at) => at < place)}>${word("remove_before")}</button>
        <button type="button" @click=${remove((at) => at > place)}>${word("remove_after")}</button>
        <button type="button" @click=${remove(() => true)}>${word("remove_all_frames")}</button>
      </div>
    `;
  }

  /** A field for frames in which an attribute is to be as it is here. */
  #renderRanges(apply: (places: ReadonlySet<number>) => void) {
    return html`<div class="ranges">
      <input type="text" placeholder="2-5,8-10,20" aria-label=${word("frames_to_set")} .value=${live(this.#ranges)}
        @input=${(event: Event) => {
          this.#ranges = (event.target as HTMLInputElement).value;
          this.page.requestUpdate();
        }}>
      <button type="button" @click=${() => this.#setInRanges(apply)}>${word("set_in_frames")}</button>
    </div>`;
  }

  #setInRanges(apply: (places: ReadonlySet<number>) => void): void {
    const places = readRanges(this.#ranges)?.map((wanted) => this.page.numbers.indexOf(wanted));
    if (!places || places.includes(-1)) {
      this.page.tell(word("wrong_ranges", { text: this.#ranges }));
      return;
    }
    apply(new Set(places));
  }

  #setOfFrame(name: string, value: Value, places: ReadonlySet<number>): void {
    this.page.become(setAttribute(this.page.sequence, places, name, value, {}));
    if (places.size > 1) this.page.tell(word("set_done", { count: places.size }));
  }

  #renumber(mark: T, text: string): void {
    const { page } = this;
    const name = nameOf(page.sequence, mark, text);
    if (name === undefined) {
      page.tell(word("name_taken", { name: `${mark.label}:${text}` }));
      page.requestUpdate();
      return;
    }
    page.become(rename(page.sequence, mark.object, { label: mark.label, name }));
  }
}
