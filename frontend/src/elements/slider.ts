/** `crowd-slider` and `crowd-slider-label`. */
import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { number } from "../attributes";
import { type Answer, Control } from "../control";
import { base, CrowdElement, element } from "../element";
import { word } from "../words";

@element("crowd-slider")
export class CrowdSlider extends Control {
  static override regions = ["crowd-slider-label"];
  static override shadowRootOptions = { ...Control.shadowRootOptions, delegatesFocus: true };
  static override styles = [
    base,
    css`
      .row { display: flex; gap: .75rem; align-items: flex-start; max-width: 30rem; margin: .2rem .6rem; }
      .track { position: relative; flex: 1; min-width: 8rem; }
      input[type=range] { display: block; width: 100%; margin: 0; height: 2rem; }
      .second { position: absolute; inset: calc(1rem - 1px) auto auto 0; height: 3px; background: var(--labeling-accent); opacity: .35; pointer-events: none; }
      .labels { position: relative; display: block; min-height: 1.5rem; margin: 0 .5rem; font-size: .9em; color: var(--labeling-quiet); }
      .labels.none { display: none; }
      output { min-width: 2.5ch; line-height: 2rem; text-align: end; font-variant-numeric: tabular-nums; }
      .unset input[type=range] { opacity: .6; }
      input[type=number] { width: 6rem; }
    `,
  ];

  @property({ converter: number }) min = 0;
  @property({ converter: number }) max = 100;
  @property({ converter: number }) step = 1;
  @property({ attribute: "secondary-progress", converter: number }) secondaryProgress: number | undefined;
  @property({ type: Boolean }) pin = false;
  @property({ type: Boolean }) editable = false;
  @property({ type: Boolean, reflect: true }) disabled = false;
  @property({ type: Boolean, reflect: true }) required = false;
  #value: number | undefined;

  /** The number; before anybody has set one, the nearest to 0 that the slider has. */
  @property({ noAccessor: true, attribute: "value" })
  get value(): number {
    const given = this.#value ?? number.fromAttribute?.(this.getAttribute("value")) ?? 0;
    return Math.min(Math.max(given, this.#min), this.#max);
  }
  set value(value: unknown) {
    const given = value === null || value === undefined || value === "" ? Number.NaN : Number(value);
    this.#value = Number.isFinite(given) ? given : undefined;
    this.changed(false);
  }

  get #min(): number {
    return this.min ?? 0;
  }

  get #max(): number {
    return Math.max(this.max ?? 100, this.#min);
  }

  private get isSet(): boolean {
    return this.#value !== undefined || this.hasAttribute("value");
  }

  override attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (name === "value") this.requestUpdate();
    else super.attributeChangedCallback(name, before, now);
  }

  override collect(answer: Answer): void {
    if (this.name) answer[this.name] = this.value;
  }

  override get state(): number | undefined {
    return this.#value;
  }
  override set state(state: unknown) {
    this.#value = typeof state === "number" ? state : undefined;
    this.changed(false);
  }

  protected override problem(): string {
    return this.required && !this.isSet ? word("set_slider") : "";
  }

  #moved(event: Event, done: boolean): void {
    const { valueAsNumber } = event.target as HTMLInputElement;
    if (!Number.isFinite(valueAsNumber)) return;
    this.#value = Math.min(Math.max(valueAsNumber, this.#min), this.#max);
    this.changed(done);
  }

  /** A slider at its lowest value from the start can be set by a click or by Enter, too. */
  #confirm(): void {
    if (this.isSet || this.matches(":disabled")) return;
    this.#value = this.value;
    this.changed();
  }

  override render() {
    const [min, max, step] = [this.#min, this.#max, this.step && this.step > 0 ? this.step : 1];
    const off = this.matches(":disabled");
    const name = this.getAttribute("aria-label") || this.getAttribute("label") || this.name || word("set_slider");
    const labels = this.querySelector(":scope > crowd-slider-label") !== null;
    const second = this.secondaryProgress === undefined ? 0 : ((this.secondaryProgress - min) / (max - min || 1)) * 100;
    return html`
      <div class="row ${this.isSet || !this.required ? "" : "unset"}">
        <div class="track">
          ${second > 0 ? html`<div class="second" style="width: ${Math.min(second, 100)}%"></div>` : nothing}
          <input
            type="range"
            aria-label=${name}
            min=${min}
            max=${max}
            step=${step}
            ?disabled=${off}
            .value=${live(String(this.value))}
            @input=${(event: Event) => this.#moved(event, false)}
            @change=${(event: Event) => this.#moved(event, true)}
            @pointerup=${this.#confirm}
            @keydown=${(event: KeyboardEvent) => (event.key === "Enter" || event.key === " ") && this.#confirm()}
          >
          <span class="labels ${labels ? "" : "none"}"><slot name="crowd-slider-label" @slotchange=${() => this.requestUpdate()}></slot></span>
        </div>
        ${this.pin && !this.editable ? html`<output>${this.isSet || !this.required ? this.value : "–"}</output>` : nothing}
        ${
          this.editable
            ? html`<input
                type="number"
                aria-label=${name}
                min=${min}
                max=${max}
                step=${step}
                ?disabled=${off}
                .value=${live(String(this.value))}
                @change=${(event: Event) => this.#moved(event, true)}
              >`
            : nothing
        }
      </div>
      <slot></slot>
    `;
  }

  protected override updated(): void {
    super.updated();
    for (const label of this.querySelectorAll<CrowdSliderLabel>(":scope > crowd-slider-label")) {
      const at = ((label.position ?? this.#min) - this.#min) / (this.#max - this.#min || 1);
      label.style.insetInlineStart = `${Math.min(Math.max(at, 0), 1) * 100}%`;
    }
  }
}

@element("crowd-slider-label")
export class CrowdSliderLabel extends CrowdElement {
  static override styles = [
    base,
    css`:host { position: absolute; transform: translateX(-50%); white-space: nowrap; color: inherit; }`,
  ];

  @property({ converter: number }) position: number | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.parentElement instanceof CrowdSlider) {
      this.slot = "crowd-slider-label";
      this.parentElement.requestUpdate();
    }
  }

  override render() {
    return html`<slot></slot>`;
  }
}
