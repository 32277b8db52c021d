/** `crowd-classifier`, `crowd-classifier-multi-select`, and the same on a picture. */
import { css, html, nothing } from "lit";
import { property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { Annotator, unwrapped } from "../annotator";
import { asList, isRecord, json5, labelText, labelTexts, Unreadable } from "../attributes";
import { element, findField, keyCap } from "../element";
import { OWN } from "../form";
import { region } from "../instructions";
import { type Command, keys } from "../keys";
import { word } from "../words";
import type { CrowdPicture } from "./picture";
import "./picture";

/** From this many labels on, there is a field to find one. */

const style = css`
  fieldset { border: 0; padding: 0; margin: 0; min-width: 0; }
  .options { display: grid; gap: .4rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); max-height: 60vh; overflow: auto; padding: 3px; margin: -3px; }
  .option {
    display: flex; gap: .6rem; align-items: center; min-height: 2.6rem; padding: .35rem .7rem; border: 1px solid var(--labeling-line);
    border-radius: .5rem; cursor: pointer; content-visibility: auto; contain-intrinsic-size: auto 2.6rem;
  }
  .option:has(:checked) { background: var(--crowd-chosen); border-color: var(--labeling-accent); }
  .option:has(:focus-visible) { outline: 2px solid var(--labeling-accent); outline-offset: 1px; }
  .option :focus-visible { outline: none; }
  .option.off { opacity: .55; cursor: default; }
  .option span { flex: 1; min-width: 0; }
  .exclusion { margin-top: .6rem; }
  .find { width: min(100%, 20rem); margin-bottom: .6rem; }
`;

abstract class Classifier extends Annotator {
  static override regions = ["short-instructions", "full-instructions", "classification-target"];
  static override styles = [...Annotator.styles, style];

  @property({ converter: json5, hasChanged: () => true }) categories: unknown;
  @property({ attribute: "exclusion-category", converter: json5 }) exclusionCategory: unknown;
  @state() private filter = "";
  protected abstract readonly several: boolean;
  #chosen: string[] | undefined;

  protected get names(): string[] {
    return labelTexts(this.categories);
  }

  protected get exclusion(): string | undefined {
    return this.several && isRecord(this.exclusionCategory) ? labelText(this.exclusionCategory) : undefined;
  }

  protected get chosen(): string[] {
    return this.#chosen ?? this.initial();
  }

  /** What is chosen at first. */
  protected initial(): string[] {
    // A label alone is neither a list nor an object.
    return this.#known(
      this.initialValue instanceof Unreadable ? this.getAttribute("initial-value") : this.initialValue,
    );
  }

  protected override take(value: unknown): void {
    this.#chosen = this.#known(value);
  }

  /** The labels of an answer, or bare ones, as far as the person could choose them. */
  #known(value: unknown): string[] {
    const given = asList(unwrapped(unwrapped(value, "labels"), "label")).map(labelText);
    return given.filter((name) => this.names.includes(name)).slice(0, this.several ? undefined : 1);
  }

  protected override get result(): Record<string, unknown> {
    const { chosen, names, exclusion } = this;
    if (!this.several) return chosen[0] === undefined ? {} : { label: chosen[0] };
    return {
      labels:
        exclusion !== undefined && chosen.includes(exclusion) ? [] : names.filter((name) => chosen.includes(name)),
    };
  }

  override get state(): unknown {
    if (!this.#chosen) return undefined;
    const same = JSON.stringify([...this.#chosen].sort()) === JSON.stringify([...this.initial()].sort());
    return same ? undefined : this.#chosen;
  }
  override set state(state: unknown) {
    this.#chosen = Array.isArray(state) ? state.map(String) : undefined;
    this.changed(false);
  }

  protected override problem(): string {
    if (this.chosen.length > 0) return "";
    return this.several ? word("choose_labels") : word("choose_label");
  }

  override commands(): Command[] {
    const all = this.exclusion === undefined ? this.names : [...this.names, this.exclusion];
    return all.map((label) => ({ id: `label:${label}`, label, run: () => this.#toggle(label) }));
  }

  /** A person has chosen a label, or taken it back. */
  pick(label: string, chosen = true): void {
    if (this.matches(":disabled")) return;
    if (!this.several || label === this.exclusion) this.#chosen = chosen ? [label] : [];
    else if (chosen) this.#chosen = [...this.chosen.filter((name) => name !== label && name !== this.exclusion), label];
    else this.#chosen = this.chosen.filter((name) => name !== label);
    this.changed();
  }

  #toggle(label: string): void {
    if (
      this.several &&
      this.exclusion !== undefined &&
      this.chosen.includes(this.exclusion) &&
      label !== this.exclusion
    )
      return;
    this.pick(label, !this.several || !this.chosen.includes(label));
    // The arrow keys go on from what is chosen.
    if (this.shadowRoot?.activeElement?.matches(".option [type=radio]"))
      void this.updateComplete.then(() => this.focus());
  }

  override focus(options?: FocusOptions): void {
    const inputs = this.renderRoot.querySelectorAll<HTMLInputElement>(".option input");
    ([...inputs].find((input) => input.checked) ?? inputs[0])?.focus(options);
  }

  protected renderSubject(): unknown {
    return html`<slot name="classification-target"></slot>`;
  }

  protected renderAfter(): unknown {
    return nothing;
  }

  protected override renderWork() {
    return html`
      ${this.faults({ categories: this.categories, "exclusion-category": this.exclusionCategory }, { categories: this.categories })}
      ${this.renderSubject()}
      <slot></slot>
      <div class="category-picker-wrapper" ${OWN}>${this.#renderPicker()}</div>
      ${this.renderAfter()}
    `;
  }

  #renderPicker() {
    const { names, exclusion, chosen } = this;
    const wanted = this.filter.toLocaleLowerCase();
    const shown = wanted ? names.filter((name) => name.toLocaleLowerCase().includes(wanted)) : names;
    const caps = keys.of(this);
    const set = new Set(chosen);
    const excluded = exclusion !== undefined && set.has(exclusion);
    return html`
      <fieldset>
        <legend class="unseen">${this.header || word("labels")}</legend>
        ${findField(names.length, (text) => {
          this.filter = text;
        })}
        <div class="options">
          ${repeat(
            shown,
            (name) => name,
            (name) => this.#renderOption(name, caps.get(`label:${name}`), set.has(name), excluded),
          )}
        </div>
        ${wanted && shown.length === 0 ? html`<p class="quiet" role="status">${word("no_label_found")}</p>` : nothing}
        ${
          exclusion === undefined
            ? nothing
            : html`<div class="exclusion">${this.#renderOption(exclusion, caps.get(`label:${exclusion}`), excluded, false)}</div>`
        }
      </fieldset>
    `;
  }

  #renderOption(label: string, key: string | undefined, chosen: boolean, excluded: boolean) {
    const off = excluded || this.matches(":disabled");
    return html`<label class="option ${off ? "off" : ""}">
      <input
        type=${this.several ? "checkbox" : "radio"}
        name="category"
        ?disabled=${off}
        .checked=${live(chosen)}
        @change=${(event: Event) => this.pick(label, (event.target as HTMLInputElement).checked)}
      >
      <span dir="auto">${label}</span>
      ${keyCap(key)}
    </label>`;
  }
}

@element("crowd-classifier")
export class CrowdClassifier extends Classifier {
  protected override readonly several = false;

  /** The label itself: so templates compare it. */
  override get value(): unknown {
    return this.chosen[0];
  }
  override set value(value: unknown) {
    super.value = value;
  }
}

@element("crowd-classifier-multi-select")
export class CrowdClassifierMultiSelect extends Classifier {
  protected override readonly several = true;
}

abstract class PictureClassifier extends Classifier {
  @property() src = "";
  @property({ converter: json5 }) overlay: unknown;

  protected override renderSubject() {
    return html`
      ${this.faults({ overlay: this.overlay }, { src: this.src })}
      <crowd-picture .src=${this.src} .overlay=${this.overlay} exportparts="picture"></crowd-picture>
      ${super.renderSubject()}
    `;
  }

  override commands(): Command[] {
    const picture = this.renderRoot?.querySelector<CrowdPicture>("crowd-picture");
    return [...super.commands(), ...(picture?.zoomCommands?.() ?? [])];
  }
}

@element("crowd-image-classifier")
export class CrowdImageClassifier extends PictureClassifier {
  static override regions = [...PictureClassifier.regions, "worker-comment"];
  static override styles = [
    ...PictureClassifier.styles,
    css`
      .comment { margin-top: .9rem; }
      .comment textarea { display: block; width: min(100%, 40rem); min-height: 4.5rem; margin-top: .3rem; }
    `,
  ];

  protected override readonly several = false;
  @state() private commenting = false;
  @query("textarea") private readonly field!: HTMLTextAreaElement | null;
  #comment = "";

  override get value(): unknown {
    return this.chosen[0];
  }
  override set value(value: unknown) {
    super.value = value;
  }

  protected override get result(): Record<string, unknown> {
    const comment = this.#comment.trim();
    return comment ? { ...super.result, workerComment: this.#comment } : super.result;
  }

  override get state(): unknown {
    const chosen = super.state;
    return this.#comment || chosen ? { chosen, comment: this.#comment } : undefined;
  }
  override set state(state: unknown) {
    const given = isRecord(state) ? state : {};
    this.#comment = typeof given.comment === "string" ? given.comment : "";
    this.commenting = this.#comment !== "";
    super.state = given.chosen;
  }

  protected override renderAfter() {
    const place = region(this, "worker-comment");
    if (!place) return nothing;
    const header = place.getAttribute("header") || word("add_comment");
    if (!this.commenting) {
      const open = async () => {
        this.commenting = true;
        await this.updateComplete;
        this.field?.focus();
      };
      return html`<div class="comment"><button type="button" class="link" @click=${open}>${place.getAttribute("link-text") || word("add_comment")}</button></div>`;
    }
    return html`<div class="comment" ${OWN}>
      <slot name="worker-comment"></slot>
      <label>${header}
        <textarea
          placeholder=${place.getAttribute("placeholder") ?? nothing}
          .value=${live(this.#comment)}
          @input=${(event: Event) => {
            this.#comment = (event.target as HTMLTextAreaElement).value;
            this.changed(false);
          }}
          @change=${() => this.changed()}
        ></textarea>
      </label>
    </div>`;
  }
}

@element("crowd-image-classifier-multi-select")
export class CrowdImageClassifierMultiSelect extends PictureClassifier {
  protected override readonly several = true;
}
