/** Edits of cuboids, in one frame and over all of them: each is a step that can be undone, and locked ones stay. */
import { freeName, type LabeledObject, NO_LABELS, newId, removeObject, rename, withFrame } from "../frames/objects";
import { word } from "../words";
import { boxesFollowed } from "./linked";
import { placed } from "./placing";
import { type Cuboid, isProper, movedBy, type Vector } from "./space-geometry";
import {
  type CuboidLabels,
  type CuboidMark,
  type CuboidSequence,
  filled,
  followed,
  MAX_CUBOIDS,
  merged,
  setBy,
} from "./tracks";
import type { Page } from "./work";

const ASIDE: Vector = [1, 1, 0];

export class CuboidEdits {
  /** Whether what people have not set follows what they have. */
  follows = true;
  /** For each label, the model for its next cuboid. */
  readonly #last = new Map<string, Cuboid>();

  constructor(private readonly page: Page) {}

  /** The labels of the shown frame. */
  get labels(): CuboidLabels {
    return this.page.sequence[this.page.place] ?? NO_LABELS;
  }

  isFree(mark: CuboidMark): boolean {
    return !this.page.categories.locked.has(mark.label);
  }

  /** Whether a mark may be changed; if not, tells the person. */
  #mayChange(mark: CuboidMark): boolean {
    if (this.isFree(mark)) return true;
    this.page.tell(word("label_locked"));
    return false;
  }

  /** The sequence after an object was moved: what follows it has moved, too. */
  #after(sequence: CuboidSequence, object: string): CuboidSequence {
    const { tracks, times } = this.page;
    return tracks && this.follows ? followed(sequence, object, times) : sequence;
  }

  set(mark: CuboidMark, cuboid: Cuboid): void {
    const { page } = this;
    if (!isProper(cuboid) || !this.#mayChange(mark)) return;
    this.#last.set(mark.label, cuboid);
    page.become(this.#after(setBy(page.sequence, page.place, mark, cuboid), mark.object));
  }

  /** Put a cuboid on the points around a place of the world. @param going the object that it belongs to, if that is in other frames */
  add(label: string, at: Vector, going: LabeledObject | undefined): CuboidMark | undefined {
    const { page } = this;
    const { loaded } = page;
    if (!loaded) return undefined;
    if (this.labels.marks.length >= MAX_CUBOIDS) {
      page.tell(word("too_many_cuboids", { most: MAX_CUBOIDS }));
      return undefined;
    }
    const marks = going ? page.sequence.flatMap((labels) => labels.marks) : [];
    const known = marks.find((mark) => mark.object === going?.object);
    const cuboid = placed(at, known?.cuboid ?? this.#last.get(label), loaded.grid);
    this.#last.set(label, cuboid);
    const labeled = going ?? this.#fresh(label);
    return this.#insert({ label, ...labeled, attributes: known?.attributes ?? {}, cuboid, byHand: true });
  }

  duplicate(mark: CuboidMark): CuboidMark | undefined {
    if (!this.isFree(mark)) return undefined;
    return this.#insert({ ...mark, ...this.#fresh(mark.label), cuboid: movedBy(mark.cuboid, ASIDE), byHand: true });
  }

  /** The id and the name of a new object. */
  #fresh(label: string): Pick<LabeledObject, "object" | "name"> {
    const { tracks, sequence } = this.page;
    return { object: tracks ? newId() : "", name: freeName(tracks ? sequence : [this.labels], label) };
  }

  #insert(mark: CuboidMark): CuboidMark {
    const { page } = this;
    const isKnown = page.sequence.some((labels) => labels.marks.some(({ object }) => object === mark.object));
    const now = withFrame(page.sequence, page.place, { marks: [...this.labels.marks, mark] });
    // A new object is put into all frames; the person removes it where it is not.
    const isNew = page.tracks && this.follows && !isKnown;
    page.become(isNew ? filled(now, mark, () => true) : this.#after(now, mark.object));
    return mark;
  }

  remove(mark: CuboidMark): void {
    const { page } = this;
    if (!this.#mayChange(mark)) return;
    const now = withFrame(page.sequence, page.place, { marks: this.labels.marks.filter((kept) => kept !== mark) });
    page.become(this.#after(now, mark.object));
  }

  removeEverywhere(mark: CuboidMark): void {
    const { page } = this;
    if (this.#mayChange(mark)) page.become(removeObject(page.sequence, mark.object, () => true));
  }

  /** Copy the cuboid of this frame into the frames without its object. */
  spread(mark: CuboidMark, where: (place: number) => boolean): void {
    const { page } = this;
    const now = filled(page.sequence, mark, where);
    if (!page.become(this.#after(now, mark.object))) page.tell(word("is_everywhere"));
  }

  /** Put what a person has set here where the other frames suggest. */
  letFollow(mark: CuboidMark): void {
    const { page } = this;
    if (!mark.byHand || !this.isFree(mark)) return;
    const marks = this.labels.marks.map((each) => (each === mark ? { ...each, byHand: false } : each));
    page.become(followed(withFrame(page.sequence, page.place, { marks }), mark.object, page.times));
  }

  /** Make another object the same as this one. */
  merge(kept: CuboidMark, gone: string): void {
    const { page } = this;
    const now = this.#after(merged(page.sequence, kept, gone), kept.object);
    page.become(this.follows ? boxesFollowed(now, kept.object, page.times) : now);
  }

  relabel(mark: CuboidMark, label: string): void {
    const { page } = this;
    if (!this.#mayChange(mark)) return;
    const { name } = this.#fresh(label);
    const marks = this.labels.marks.map((each) => (each === mark ? { ...each, label, name } : each));
    page.become(
      page.tracks
        ? rename(page.sequence, mark.object, { label, name })
        : withFrame(page.sequence, page.place, { marks }),
    );
    page.tell(word("cuboid_is_now", { label: name }));
  }
}
