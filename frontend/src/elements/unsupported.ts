/** Elements for masks, which come later, and those that belong to another service: they say so. */
import { html } from "lit";
import { property } from "lit/decorators.js";
import { json5 } from "../attributes";
import { type Answer, Control } from "../control";
import { word } from "../words";

const LATER = ["crowd-instance-segmentation", "crowd-semantic-segmentation"];
const ELSEWHERE = ["crowd-rekognition-detect-moderation-labels", "crowd-textract-analyze-document"];

/** It can't be answered, so the task can't be submitted. */
class Unsupported extends Control {
  static override regions = ["short-instructions", "full-instructions"];

  /** Scripts of templates read and set them. */
  @property({ converter: json5, hasChanged: () => true }) labels: unknown;

  override collect(_answer: Answer): void {}

  override get state(): undefined {
    return undefined;
  }
  override set state(_state: unknown) {}

  protected override problem(): string {
    const element = this.localName;
    return word(ELSEWHERE.includes(element) ? "augmented_only" : "not_supported", { element });
  }

  override render() {
    return html`<p class="problem" role="alert">${this.problem()}</p><slot name="short-instructions"></slot><slot></slot>`;
  }
}

export function defineUnsupported(): void {
  for (const name of [...LATER, ...ELSEWHERE]) customElements.define(name, class extends Unsupported {});
}
