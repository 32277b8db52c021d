/** `crowd-input` and `crowd-text-area`. */
import { css, html, nothing } from "lit";
import { property, query, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { number } from "../attributes";
import { type Answer, Control } from "../control";
import { base, element } from "../element";
import { word } from "../words";

const style = css`
  :host { margin-bottom: .6rem; }
  label, .label { display: block; margin-bottom: .2rem; font-weight: 600; }
  input, textarea { width: 100%; }
  input[aria-invalid=true], textarea[aria-invalid=true] { border-color: var(--labeling-trouble); }
  .below { display: flex; justify-content: space-between; gap: 1rem; }
  .count { margin-inline-start: auto; color: var(--labeling-quiet); font-size: .85em; }
`;

/** One field for text, with a label above and what is wrong below. */
abstract class TextControl extends Control {
  static override shadowRootOptions = { ...Control.shadowRootOptions, delegatesFocus: true };
  static override styles = [base, style];

  @property() label = "";
  @property() placeholder: string | undefined;
  @property({ attribute: "max-length", converter: number }) maxLength: number | undefined;
  @property({ attribute: "min-length", converter: number }) minLength: number | undefined;
  @property({ attribute: "allowed-pattern" }) allowedPattern: string | undefined;
  @property({ attribute: "error-message" }) errorMessage: string | undefined;
  @property({ type: Boolean, reflect: true }) required = false;
  @property({ type: Boolean, reflect: true }) disabled = false;
  @property({ type: Boolean, attribute: "auto-focus" }) autoFocus = false;
  @property({ type: Boolean, attribute: "auto-validate" }) autoValidate = false;
  @property({ type: Boolean, reflect: true }) invalid = false;
  @query("#field") protected readonly field!: HTMLInputElement | HTMLTextAreaElement | null;
  @state() private shown = false;
  #value: string | undefined;

  /** The text; nothing empties the field. */
  @property({ noAccessor: true, attribute: "value" })
  get value(): string {
    return this.#value ?? this.getAttribute("value") ?? "";
  }
  set value(value: unknown) {
    this.#value = value === null || value === undefined ? "" : String(value);
    this.changed(false);
  }

  override attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    // As in a native field the attribute is only what the field begins with.
    if (name === "value") this.requestUpdate();
    else super.attributeChangedCallback(name, before, now);
  }

  override collect(answer: Answer): void {
    if (this.name && this.value !== "") answer[this.name] = this.value;
  }

  override get state(): string | undefined {
    return this.value === (this.getAttribute("value") ?? "") ? undefined : this.value;
  }
  override set state(state: unknown) {
    this.#value = typeof state === "string" ? state : undefined;
    this.shown = false;
    this.changed(false);
  }

  /** The browser would select all of the text, so that the next key replaces it. */
  override focus(options?: FocusOptions): void {
    this.field?.focus(options);
  }

  override reportValidity(): boolean {
    this.shown = true;
    return super.reportValidity();
  }

  override checkValidity(): boolean {
    const valid = super.checkValidity();
    if (!valid) this.shown = true;
    return valid;
  }

  protected override problem(): string {
    const { value } = this;
    const length = [...value].length;
    const own = this.errorMessage;
    if (value === "" && this.required) return own || word("fill_in");
    if (value === "") return "";
    if (this.minLength !== undefined && length < this.minLength)
      return own || word("too_short", { count: this.minLength });
    if (this.maxLength !== undefined && length > this.maxLength)
      return own || word("too_long", { count: this.maxLength });
    const { field } = this;
    if (field && field.value === value && !field.validity.valid)
      return own || field.validationMessage || word("not_a_value");
    if (this.invalid) return own || word("not_a_value");
    return "";
  }

  protected typed(event: Event): void {
    const field = event.target as HTMLInputElement;
    let { value } = field;
    if (this.allowedPattern && this.autoValidate) {
      const allowed = pattern(this.allowedPattern);
      if (allowed) value = [...value].filter((character) => allowed.test(character)).join("");
      if (value !== field.value) field.value = value;
    }
    this.#value = value;
    if (this.autoValidate) this.shown = true;
    this.changed(false);
  }

  protected override firstUpdated(): void {
    if (this.autoFocus) this.focus();
  }

  protected abstract renderField(name: string, wrong: boolean): unknown;
  protected renderCount(): unknown {
    return nothing;
  }

  override render() {
    const message = this.shown || this.invalid ? this.problem() : "";
    const name = this.label || this.getAttribute("aria-label") || this.placeholder || this.name;
    return html`
      ${this.label ? html`<label for="field">${this.label}</label>` : nothing}
      ${this.renderField(this.label ? "" : name, message !== "")}
      <div class="below">
        ${message ? html`<span id="problem" class="problem">${message}</span>` : nothing}
        ${this.renderCount()}
      </div>
      <slot></slot>
    `;
  }
}

@element("crowd-input")
export class CrowdInput extends TextControl {
  static override styles = [base, style];

  @property() type = "text";

  protected override renderField(name: string, wrong: boolean) {
    return html`<input
      id="field"
      type=${this.type || "text"}
      aria-label=${name || nothing}
      aria-invalid=${wrong}
      aria-describedby=${wrong ? "problem" : nothing}
      placeholder=${this.placeholder ?? nothing}
      maxlength=${this.maxLength ?? nothing}
      ?required=${this.required}
      ?disabled=${this.matches(":disabled")}
      .value=${live(this.value)}
      @input=${this.typed}
      @change=${() => this.changed()}
      @keydown=${this.#enter}
    >`;
  }

  #enter(event: KeyboardEvent): void {
    if (event.key === "Enter" && !event.isComposing) this.changed();
  }
}

@element("crowd-text-area")
export class CrowdTextArea extends TextControl {
  @property({ converter: number }) rows: number | undefined;
  @property({ attribute: "max-rows", converter: number }) maxRows: number | undefined;
  @property({ type: Boolean, attribute: "char-counter" }) charCounter = false;

  protected override renderField(name: string, wrong: boolean) {
    return html`<textarea
      id="field"
      rows=${this.rows ?? 2}
      aria-label=${name || nothing}
      aria-invalid=${wrong}
      aria-describedby=${wrong ? "problem" : nothing}
      placeholder=${this.placeholder ?? nothing}
      maxlength=${this.maxLength ?? nothing}
      ?required=${this.required}
      ?disabled=${this.matches(":disabled")}
      .value=${live(this.value)}
      @input=${this.typed}
      @change=${() => this.changed()}
    ></textarea>`;
  }

  protected override renderCount() {
    if (!this.charCounter) return nothing;
    const count = [...this.value].length;
    const text =
      this.maxLength === undefined
        ? word("characters_so_far", { count })
        : word("characters", { count, most: this.maxLength });
    return html`<span class="count">${text}</span>`;
  }

  /** The field is as high as its text, up to the rows that the template allows. */
  protected override updated(): void {
    super.updated();
    const { field } = this;
    if (!field?.scrollHeight) return;
    field.style.height = "auto";
    const line = Number.parseFloat(getComputedStyle(field).lineHeight) || 24;
    const edge = field.offsetHeight - field.clientHeight;
    const most = this.maxRows ? this.maxRows * line + 12 : Number.POSITIVE_INFINITY;
    field.style.height = `${Math.min(field.scrollHeight, most) + edge}px`;
  }
}

function pattern(text: string): RegExp | undefined {
  try {
    return new RegExp(text, "u");
  } catch {
    return undefined;
  }
}
