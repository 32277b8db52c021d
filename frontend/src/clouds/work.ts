/** What a person does with clouds: sets cuboids, or paints points. The page around it shows clouds and keeps labels. */
import type { TemplateResult } from "lit";
import type { CrowdElement } from "../element";
import type { Labeling } from "../frames/panels";
import type { Command } from "../keys";
import type { Loaded } from "./clouds";
import type { Eye } from "./eye";
import type { Painting } from "./painting";
import type { Picker } from "./picking";
import type { Stage, StageHand } from "./stage";
import type { CuboidMark, CuboidSequence } from "./tracks";

export interface Page extends Labeling<CuboidMark> {
  readonly host: CrowdElement;
  readonly eye: Eye;
  readonly stage: Stage;
  readonly picker: Picker;
  /** The cloud of the shown frame, once it has loaded. */
  readonly loaded: Loaded | undefined;
  /** Whether the labels of an earlier job are audited. */
  readonly audits: boolean;
  /** When the clouds were recorded, in seconds. */
  readonly times: readonly number[];
  /** What the work began with. */
  readonly initial: CuboidSequence;
  colorOf(label: string): string;
  /** The view has changed. */
  moved(): void;
  /** Redraw what lies over the points, and what stands beside them. */
  draw(): void;
  /** An unfinished shape, or the state of a tool, has changed. */
  changed(): void;
}

export interface Work {
  readonly hand: StageHand;
  /** The label whose button is pressed. */
  readonly pressed: string | undefined;
  /** The object whose frames the bar shows. */
  readonly object: string | undefined;
  choose(label: string): void;
  commands(): Command[];
  paint(painting: Painting, context: CanvasRenderingContext2D): void;
  renderHelp(): string;
  renderTools(): TemplateResult;
  renderObjects(): unknown;
  /** What stands below the scene. */
  renderBeside(): unknown;
  /** Draw what stands below the scene. */
  drawBeside(root: ParentNode): void;
  /** Another frame, or other labels. */
  refresh(): void;
  /** Put away what is selected or begun. @returns whether there was something */
  leave(): boolean;
}
