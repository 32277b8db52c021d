/** Buttons: `crowd-button`, `crowd-icon-button`, `crowd-fab`, and the icons in them. */
import { css, html, nothing } from "lit";
import { property } from "lit/decorators.js";
import { base, CrowdElement, element } from "../element";
import { iconPath } from "../icons";
import { word } from "../words";
import { CrowdForm } from "./crowd-form";

const icon = css`
  svg { width: 1.4em; height: 1.4em; flex: none; fill: currentColor; vertical-align: middle; }
`;

const INTERACTIVE = "input, select, textarea, button, a, audio, video, iframe, [name]";

function drawing(name: string | undefined) {
  const path = name ? iconPath(name) : undefined;
  return path ? html`<svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path}></path></svg>` : nothing;
}

@element("crowd-button")
export class CrowdButton extends CrowdElement {
  static override shadowRootOptions = { ...CrowdElement.shadowRootOptions, delegatesFocus: true };
  static override styles = [
    base,
    icon,
    css`
      :host { display: inline-block; vertical-align: middle; }
      button, a {
        display: inline-flex; align-items: center; justify-content: center; gap: .4rem; min-height: 2.1rem; padding: .25rem .8rem;
        border-radius: .35rem; text-decoration: none; border: 1px solid var(--crowd-control-line); color: inherit;
      }
      .link { border-color: transparent; background: none; color: var(--labeling-accent); text-decoration: underline; min-height: 2.1rem; padding: .25rem .8rem; }
      .icon { border-color: transparent; background: none; padding: .25rem; }
      .right { flex-direction: row-reverse; }
      img { width: 1.4em; height: 1.4em; }
      .busy { width: 1em; height: 1em; border: 2px solid; border-right-color: transparent; border-radius: 50%; animation: turn 1s linear infinite; }
      @keyframes turn { to { transform: rotate(1turn); } }
      @media (prefers-reduced-motion: reduce) { .busy { animation: none; } }
    `,
  ];

  @property({ attribute: "form-action", reflect: true }) formAction = "";
  @property() href: string | undefined;
  @property() override title = "";
  @property() target: string | undefined;
  @property() icon: string | undefined;
  @property({ attribute: "icon-align" }) iconAlign = "left";
  @property({ attribute: "icon-url" }) iconUrl: string | undefined;
  @property() variant: string | undefined;
  @property({ type: Boolean, reflect: true }) disabled = false;
  @property({ type: Boolean, reflect: true }) loading = false;

  constructor() {
    super();
    // Captured, so that nobody hears of clicks on a button that is off.
    this.addEventListener("click", (event) => this.isOff && stop(event), { capture: true });
    this.addEventListener("click", () => this.#act());
  }

  override click(): void {
    if (!this.isOff) super.click();
  }

  private get isOff(): boolean {
    return this.disabled || this.loading;
  }

  #act(): void {
    if (this.isOff) return;
    // After the listeners of the template, as with a native button.
    queueMicrotask(() => {
      const form = this.closest("crowd-form");
      if (!(form instanceof CrowdForm)) return;
      if (this.formAction === "submit") (form.isPart ? partOf(form) : form)?.requestSubmit(this);
      else if (this.formAction === "reset") form.reset();
    });
  }

  override render() {
    const variant = this.variant ?? (this.formAction === "submit" ? "primary" : "normal");
    const look = this.loading
      ? html`<span class="busy" aria-hidden="true"></span>`
      : this.iconUrl
        ? html`<img src=${this.iconUrl} alt="">`
        : drawing(this.icon);
    // Of a tag that closes itself what follows on the page is a child: it stands after the button then.
    const holds = this.querySelector(INTERACTIVE) !== null;
    const slot = html`<slot @slotchange=${() => this.requestUpdate()}></slot>`;
    const own =
      this.formAction === "submit" ? word("submit") : this.formAction === "reset" ? word("reset") : this.title;
    const content = holds ? html`${look}${own}` : html`${look}${slot}`;
    const shape = `${variant} ${this.iconAlign === "right" ? "right" : ""}`;
    const name =
      this.getAttribute("aria-label") || (holds || this.textContent?.trim() ? undefined : this.title || this.icon);
    if (this.href !== undefined && !this.isOff) {
      return html`<a class=${shape} href=${this.href} target=${this.target ?? nothing} aria-label=${name ?? nothing}>${content}</a>${holds ? slot : nothing}`;
    }
    return html`<button type="button" class=${shape} ?disabled=${this.isOff} aria-busy=${this.loading} aria-label=${name ?? nothing}>${content}</button>${holds ? slot : nothing}`;
  }
}

@element("crowd-icon-button")
export class CrowdIconButton extends CrowdElement {
  static override shadowRootOptions = { ...CrowdElement.shadowRootOptions, delegatesFocus: true };
  static override styles = [
    base,
    icon,
    css`
      :host { display: inline-block; vertical-align: middle; }
      button { padding: .25rem; min-width: 2.1rem; border-color: transparent; background: none; border-radius: 50%; }
    `,
  ];

  @property() icon: string | undefined;
  @property() override title = "";
  @property({ type: Boolean, reflect: true }) disabled = false;

  override render() {
    const name = this.title || this.icon?.split(":").at(-1) || "";
    return html`<button type="button" ?disabled=${this.disabled} aria-label=${name}>${drawing(this.icon)}</button><slot></slot>`;
  }
}

@element("crowd-fab")
export class CrowdFab extends CrowdElement {
  static override shadowRootOptions = { ...CrowdElement.shadowRootOptions, delegatesFocus: true };
  static override styles = [
    base,
    icon,
    css`
      :host { display: inline-block; vertical-align: middle; }
      button { width: 3.25rem; height: 3.25rem; padding: 0; border-radius: 50%; font-size: 1.2rem; box-shadow: 0 2px 6px rgb(0 0 0 / .35); }
    `,
  ];

  @property() icon: string | undefined;
  @property() label: string | undefined;
  @property() override title = "";
  @property({ type: Boolean, reflect: true }) disabled = false;

  override render() {
    const name = this.title || this.label || this.icon?.split(":").at(-1) || "";
    const content = this.icon ? drawing(this.icon) : [...(this.label ?? "")].slice(0, 1).join("");
    return html`<button type="button" class="primary" ?disabled=${this.disabled} aria-label=${name}>${content}</button><slot></slot>`;
  }
}

@element("iron-icon")
export class IronIcon extends CrowdElement {
  static override styles = [
    base,
    icon,
    css`
      :host { display: inline-block; vertical-align: middle; }
      svg { width: var(--iron-icon-width, 24px); height: var(--iron-icon-height, 24px); }
    `,
  ];

  @property() icon: string | undefined;

  override render() {
    return html`${drawing(this.icon)}<slot></slot>`;
  }
}

function stop(event: Event): void {
  event.preventDefault();
  event.stopImmediatePropagation();
}

/** The form around an annotator's own. */
function partOf(form: CrowdForm): CrowdForm | undefined {
  const around = form.owner?.closest("crowd-form");
  return around instanceof CrowdForm ? around : undefined;
}
