/** What elements share in which one draws shapes on a picture, be it one picture or many frames. */
import type { Editor } from "../drawing/editor";
import { Painter } from "../drawing/painter";
import { Board } from "./board";

export abstract class ShapeBoard extends Board {
  protected abstract override readonly hand: Editor;

  protected override get pressed(): string | undefined {
    return this.hand.chosen?.label ?? this.hand.label;
  }

  protected override get draws(): boolean {
    return this.hand.label !== undefined || this.hand.path !== undefined;
  }

  protected override makePainter(): Painter {
    return new Painter(this.hand, this.view, (label) => this.look(label));
  }
}
