/** Fields for attributes, and the style of the parts of a page that only sequences have. */
import { css, html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { word } from "../words";
import type { Attribute } from "./categories";

export const framesStyle = css`
  .frames { display: flex; flex-wrap: wrap; gap: .3rem .6rem; align-items: center; margin-top: .4rem; position: relative; }
  .frames .icon { display: grid; place-content: center; }
  .frames label { display: flex; gap: .4rem; align-items: center; }
  .number, .object-number { width: 6rem; }
  .bar { flex: 1 1 12rem; min-width: 8rem; }
  .marks { position: relative; flex: 1 0 100%; height: .5rem; border-radius: .25rem; background: var(--labeling-soft); overflow: hidden; }
  .marks i { position: absolute; inset-block: 0; width: auto; height: auto; min-width: 1px; border: 0; border-radius: 0; background: var(--crowd-control-line); }
  .marks i.hand { background: var(--labeling-trouble); }
  .field { margin: .3rem 0 .6rem; font-size: .9rem; }
  .field label { display: block; }
  .field :is(select, input) { width: 100%; margin-top: .2rem; }
  .elsewhere { max-height: 20vh; overflow: auto; }
  .elsewhere button[aria-pressed=true] { background: var(--crowd-chosen); border-color: var(--labeling-accent); }
  .ranges { display: flex; gap: .3rem; align-items: center; margin-top: .3rem; }
  .ranges input { flex: 1; min-width: 0; margin: 0; }
  .field summary { cursor: pointer; color: var(--labeling-quiet); }
`;

/** A field for an attribute. @param ranges what sets it in other frames, if anything can */
export function attributeField(
  attribute: Attribute,
  value: string | number | undefined,
  longest: number,
  set: (value: string | number | undefined) => void,
  ranges: (() => TemplateResult) | undefined,
): TemplateResult {
  const { name, isNumber, choices, least, most, description, isRequired, isLocked } = attribute;
  const change = (event: Event) => {
    const field = event.target as HTMLInputElement | HTMLSelectElement;
    if (field.value === "") set(undefined);
    else if (!isNumber) set(field.value);
    else if (field instanceof HTMLInputElement && field.checkValidity()) set(field.valueAsNumber);
    else if (field instanceof HTMLInputElement) {
      field.reportValidity();
      field.value = value === undefined ? "" : String(value);
    }
  };
  const text = value === undefined ? "" : String(value);
  const field =
    choices.length > 0
      ? html`<select ?disabled=${isLocked} .value=${live(text)} @change=${change}>
          <option value="" ?selected=${text === ""}></option>
          ${choices.map((choice) => html`<option value=${choice} ?selected=${choice === text}>${choice}</option>`)}
        </select>`
      : html`<input type=${isNumber ? "number" : "text"} step="any" min=${least ?? nothing} max=${most ?? nothing}
          maxlength=${isNumber ? nothing : longest} ?disabled=${isLocked} .value=${live(text)} @change=${change}>`;
  return html`<div class="field">
    <label>${name}${isRequired ? html` <span aria-hidden="true">*</span><span class="unseen">${word("required")}</span>` : nothing}
      ${field}</label>
    ${description ? html`<span class="quiet">${description}</span>` : nothing}
    ${ranges && !isLocked && text !== "" ? html`<details><summary>${word("in_other_frames")}</summary>${ranges()}</details>` : nothing}
  </div>`;
}
