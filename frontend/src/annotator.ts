/** What classifiers and annotators share: a header, instructions, a place for the work, and what a person began with. */
import { css, html, nothing, type TemplateResult } from "lit";
import { property } from "lit/decorators.js";
import { isRecord, json5 } from "./attributes";
import { type Answer, Control } from "./control";
import { base } from "./element";
import { hasInstructions, instructionsDialog, instructionsPane, paneStyle } from "./instructions";

const annotatorStyle = css`
  .category-picker-wrapper { margin-top: .75rem; }
`;

export abstract class Annotator extends Control {
  static override regions: readonly string[] = ["short-instructions", "full-instructions"];
  static override styles = [base, paneStyle, annotatorStyle];

  @property() header = "";
  @property({ attribute: "initial-value", converter: json5 }) initialValue: unknown;

  /** The answer so far; a script may set one. */
  get value(): unknown {
    return this.result;
  }
  set value(value: unknown) {
    this.take(value);
    this.changed(false);
  }

  /** The older name of the answer so far, which templates still use. */
  get _submittableValue(): Record<string, unknown> {
    return this.result;
  }

  /** The value under the element's name in the answer. */
  protected abstract get result(): Record<string, unknown>;
  /** Take an answer from a script. */
  protected abstract take(value: unknown): void;
  protected abstract renderWork(): unknown;

  /** Whether the answer differs from the initial value. */
  protected get isModified(): boolean {
    return this.state !== undefined;
  }

  override collect(answer: Answer): void {
    if (!this.name) return;
    const modified = this.hasAttribute("initial-value") ? { initialValueModified: this.isModified } : {};
    answer[this.name] = { ...this.result, ...modified };
  }

  protected renderHeader(): TemplateResult | typeof nothing {
    return this.header ? html`<h2 id="header">${this.header}</h2>` : nothing;
  }

  protected renderLayout(): TemplateResult {
    return html`
      <div class="layout">
        ${hasInstructions(this) ? instructionsPane(this) : nothing}
        <div class="main annotation-area">${this.renderHeader()}${this.renderWork()}</div>
      </div>
      ${instructionsDialog(this)}
    `;
  }

  override render(): unknown {
    return this.renderLayout();
  }
}

/** An initial value's one field, or the value itself if it is given bare. */
export function unwrapped(value: unknown, field: string): unknown {
  return isRecord(value) && field in value ? value[field] : value;
}
