/** `crowd-checkbox`, `crowd-toggle-button`, `crowd-radio-button` and `crowd-radio-group`. */
import { css, html, type PropertyValues } from "lit";
import { property, query } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import { type Answer, Control, collectOption } from "../control";
import { base, CrowdElement, element } from "../element";
import { controls } from "../form";
import { word } from "../words";

const style = css`
  .option { display: flex; gap: .5rem; align-items: flex-start; padding: .2rem 0; }
  .option > input { margin-top: .2em; }
  .text { flex: 1; min-width: 0; cursor: pointer; }
  .text.off { cursor: default; opacity: .6; }
`;

/** Something that is chosen or not. */
abstract class Option extends Control {
  static override shadowRootOptions = { ...Control.shadowRootOptions, delegatesFocus: true };
  static override styles = [base, style];

  @property() value = "on";
  @property({ type: Boolean, reflect: true }) disabled = false;
  @property({ type: Boolean, reflect: true }) required = false;
  @query("input") protected readonly input!: HTMLInputElement | null;
  #checked: boolean | undefined;

  @property({ noAccessor: true, type: Boolean })
  get checked(): boolean {
    return this.#checked ?? this.hasAttribute("checked");
  }
  set checked(checked: boolean) {
    this.#checked = Boolean(checked);
    this.changed(false);
  }

  override attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (name === "checked") this.requestUpdate();
    else super.attributeChangedCallback(name, before, now);
  }

  override collect(answer: Answer): void {
    collectOption(answer, this.name, this.value || "on", this.checked);
  }

  override get state(): boolean | undefined {
    return this.checked === this.hasAttribute("checked") ? undefined : this.checked;
  }
  override set state(state: unknown) {
    this.#checked = typeof state === "boolean" ? state : undefined;
    this.changed(false);
  }

  /** A person has chosen. */
  pick(checked: boolean): void {
    this.#checked = checked;
    this.changed();
  }

  /** A click on the text counts, but not one on a control inside it. */
  protected clickedText(event: Event): void {
    if (this.matches(":disabled")) return;
    const path = event.composedPath();
    const inside = path.slice(0, path.indexOf(this));
    if (
      inside.some(
        (target) => target instanceof Element && target.matches("a, button, input, select, textarea, label, [name]"),
      )
    )
      return;
    this.input?.focus();
    this.pick(this.picked());
  }

  /** What a click makes of it. */
  protected picked(): boolean {
    return !this.checked;
  }

  protected renderInput(type: "checkbox" | "radio", role: string) {
    const off = this.matches(":disabled");
    return html`<div class="option">
      <input
        type=${type}
        role=${role}
        aria-labelledby="text"
        ?disabled=${off}
        ?required=${this.required}
        .checked=${live(this.checked)}
        tabindex=${this.isTabStop() ? 0 : -1}
        @change=${(event: Event) => this.pick((event.target as HTMLInputElement).checked)}
      >
      <span id="text" class="text ${off ? "off" : ""}" @click=${this.clickedText}><slot></slot></span>
    </div>`;
  }

  protected isTabStop(): boolean {
    return true;
  }
}

@element("crowd-checkbox")
export class CrowdCheckbox extends Option {
  protected override problem(): string {
    return this.required && !this.checked ? word("tick_this") : "";
  }

  override render() {
    return this.renderInput("checkbox", "checkbox");
  }
}

@element("crowd-toggle-button")
export class CrowdToggleButton extends Option {
  static override styles = [
    base,
    style,
    css`
      input[role=switch] {
        appearance: none; position: relative; width: 2.2rem; height: 1.2rem; border: 1px solid var(--crowd-control-line);
        border-radius: .6rem; background: var(--labeling-soft); cursor: pointer;
      }
      input[role=switch]::after {
        content: ""; position: absolute; inset: .13rem auto auto .15rem; width: .8rem; height: .8rem; border-radius: 50%; background: var(--crowd-control-line);
      }
      input[role=switch]:checked { background: var(--labeling-accent); border-color: var(--labeling-accent); }
      input[role=switch]:checked::after { inset-inline-start: 1.1rem; background: var(--crowd-on-accent); }
      :host([invalid]) input { border-color: var(--labeling-trouble); }
    `,
  ];

  @property({ type: Boolean, reflect: true }) invalid = false;

  protected override problem(): string {
    if (this.required && !this.checked) return word("switch_this");
    return this.invalid ? word("not_a_value") : "";
  }

  override render() {
    return this.renderInput("checkbox", "switch");
  }
}

@element("crowd-radio-button")
export class CrowdRadioButton extends Option {
  /** The buttons of which one is chosen: those of the group, else those of the same name outside groups. */
  get siblings(): CrowdRadioButton[] {
    const group = this.closest("crowd-radio-group");
    const root = (group ?? this.getRootNode()) as ParentNode;
    return [...root.querySelectorAll("crowd-radio-button")].filter(
      (button): button is CrowdRadioButton =>
        button instanceof CrowdRadioButton &&
        button.closest("crowd-radio-group") === group &&
        (group !== null || button.name === this.name),
    );
  }

  override pick(checked: boolean): void {
    for (const sibling of this.siblings) {
      if (sibling !== this && sibling.checked) sibling.checked = false;
    }
    super.pick(checked);
    for (const sibling of this.siblings) sibling.requestUpdate();
  }

  protected override picked(): boolean {
    return true;
  }

  protected override isTabStop(): boolean {
    const usable = this.siblings.filter((sibling) => !sibling.disabled);
    return (usable.find((button) => button.checked) ?? usable[0] ?? this) === this;
  }

  protected override problem(): string {
    const { siblings } = this;
    if (siblings[0] !== this || siblings.some((sibling) => sibling.checked)) return "";
    const wanted =
      siblings.some((sibling) => sibling.required) || this.closest("crowd-radio-group")?.hasAttribute("required");
    return wanted ? word("choose_one") : "";
  }

  protected override updated(changes?: PropertyValues): void {
    super.updated();
    // A button that came later may be the one that Tab goes to.
    if (changes?.has("disabled")) for (const sibling of this.siblings) if (sibling !== this) sibling.requestUpdate();
  }

  #move(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const usable = this.siblings.filter((sibling) => !sibling.disabled);
    const next = usable.at((usable.indexOf(this) + step) % usable.length);
    next?.pick(true);
    next?.focus();
  }

  override render() {
    return html`<div @keydown=${this.#move}>${this.renderInput("radio", "radio")}</div>`;
  }
}

@element("crowd-radio-group")
export class CrowdRadioGroup extends CrowdElement {
  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.hasAttribute("role")) this.setAttribute("role", "radiogroup");
  }

  /** Scripts read and set the chosen button by its name. */
  get selected(): string | undefined {
    return this.#buttons().find((button) => button.checked)?.name;
  }

  #buttons(): CrowdRadioButton[] {
    return controls(this).filter((control): control is CrowdRadioButton => control instanceof CrowdRadioButton);
  }

  override render() {
    return html`<slot @slotchange=${() =>
      this.#buttons().forEach((button) => {
        button.requestUpdate();
      })}></slot>`;
  }
}
