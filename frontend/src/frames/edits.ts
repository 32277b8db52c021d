/** Edits of shapes across frames: copy, predict, fill in between, remove. */

import { box } from "../drawing/kinds";
import type { Point } from "../drawing/plane-geometry";
import { word } from "../words";
import { NO_LABELS, removeObject } from "./objects";
import type { Labeling } from "./panels";
import { copyTo, fillBetween, predict, type ShapeMark } from "./sequence";

/** A page on which shapes are drawn in frames. */
export interface DrawingPage extends Labeling<ShapeMark> {
  readonly selected: ShapeMark | undefined;
  select(object: string | undefined): void;
  /** Show a frame; done when it is shown. */
  go(place: number): Promise<void>;
  /** The points of a box, as far as it is in the picture. */
  inward(points: readonly Point[]): readonly Point[];
}

/** Each edit is a step that can be undone, and leaves locked shapes alone. It returns whether there was something to do. */
export class FrameEdits {
  constructor(private readonly page: DrawingPage) {}

  /** The selected object, or all that is in this frame. */
  get #chosen(): readonly ShapeMark[] {
    const { selected, sequence, place, categories } = this.page;
    const marks = selected ? [selected] : (sequence[place] ?? NO_LABELS).marks;
    return marks.filter(({ label }) => !categories.locked.has(label));
  }

  /** Do something with what is chosen; if nothing is, tell the person. */
  #withChosen(does: (marks: readonly ShapeMark[]) => void): true {
    const marks = this.#chosen;
    if (marks.length > 0) does(marks);
    else this.page.tell(word("nothing_in_frame"));
    return true;
  }

  #copy(places: readonly number[]): true {
    const { page } = this;
    return this.#withChosen((marks) => {
      page.become(copyTo(page.sequence, page.place, places, (mark) => marks.includes(mark), page.tracks));
      page.tell(word("copied_frames", { count: marks.length, frames: places.length }));
    });
  }

  copyNext(): boolean {
    return this.#hasNext && this.#copy([this.page.place + 1]);
  }

  copyAll(): boolean {
    const { place, numbers } = this.page;
    return this.#copy([...numbers.keys()].slice(place + 1));
  }

  copyPrevious(): boolean {
    const { place } = this.page;
    return place > 0 && this.#copy([place - 1]);
  }

  get #hasNext(): boolean {
    return this.page.place + 1 < this.page.numbers.length;
  }

  /** Predict the next frame, and go there. */
  predict(): boolean {
    const { page } = this;
    if (page.categories.kind !== box) return false;
    if (this.#chosen.length > 0 && !this.#hasNext) return false;
    return this.#withChosen((marks) => {
      const object = page.selected?.object;
      const is = (mark: ShapeMark) => marks.includes(mark);
      page.become(predict(page.sequence, page.place, is, page.tracks, (points) => page.inward(points)));
      void page.go(page.place + 1).then(() => page.select(object));
    });
  }

  /** Draw what is chosen, or everything, between the frames in which a person has drawn it. */
  fill(): boolean {
    const { page } = this;
    if (!page.tracks) return false;
    const all = page.selected ? this.#chosen : page.sequence.flatMap(({ marks }) => marks);
    const objects = [...new Set(all.map(({ object }) => object))];
    const now = objects.reduce((sequence, object) => fillBetween(sequence, object), page.sequence);
    if (!page.become(now)) page.tell(word("nothing_to_fill"));
    return true;
  }

  /** Remove the selected object from all frames. */
  removeEverywhere(): boolean {
    const { page } = this;
    const { selected } = page;
    if (!selected || !page.tracks || page.categories.locked.has(selected.label)) return false;
    page.select(undefined);
    page.become(removeObject(page.sequence, selected.object, () => true));
    return true;
  }
}
