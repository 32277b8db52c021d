/** What elements for drawing shapes share, on one picture or on many frames. */
import type { Editor } from "../drawing/editor";
import { Painter } from "../drawing/painter";
import { word } from "../words";
import { Board } from "./board";

export abstract class ShapeBoard extends Board {
  protected abstract override readonly hand: Editor;

  protected override get pressed(): string | undefined {
    return this.hand.chosen?.label ?? this.hand.label;
  }

  protected override get draws(): boolean {
    return this.hand.label !== undefined || this.hand.path !== undefined;
  }

  /** Draw with this label from now on; without one, if it was chosen before. */
  protected drawWith(label: string): void {
    const { hand } = this;
    hand.label = hand.label === label && !this.keepsLabel ? undefined : label;
    this.status = hand.label === undefined ? "" : word("draws_label", { label });
  }

  protected override makePainter(): Painter {
    return new Painter(this.hand, this.view, (label) => this.look(label));
  }
}
