/** Elements that belong to another service: they say so. */
import { html } from "lit";
import { type Answer, Control } from "../control";
import { word } from "../words";

const ELSEWHERE = ["crowd-rekognition-detect-moderation-labels", "crowd-textract-analyze-document"];

/** It can't be answered, so the task can't be submitted. */
class Unsupported extends Control {
  static override regions = ["short-instructions", "full-instructions"];

  override collect(_answer: Answer): void {}

  override get state(): undefined {
    return undefined;
  }
  override set state(_state: unknown) {}

  protected override problem(): string {
    return word("augmented_only", { element: this.localName });
  }

  override render() {
    return html`<p class="problem" role="alert">${this.problem()}</p><slot name="short-instructions"></slot><slot></slot>`;
  }
}

export function defineUnsupported(): void {
  for (const name of ELSEWHERE) customElements.define(name, class extends Unsupported {});
}
