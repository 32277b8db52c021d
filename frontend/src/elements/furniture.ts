/** Elements without an answer: `crowd-alert`, `-modal`, `-card`, `-tabs`, `-tab`, `-toast`, `-badge` and `crowd-instructions`. */
import { css, html, nothing, type PropertyValues } from "lit";
import { property, state } from "lit/decorators.js";
import { number } from "../attributes";
import { base, CrowdElement, element } from "../element";
import { iconPath } from "../icons";
import { dialog, paneStyle, region, showDialog } from "../instructions";
import { word } from "../words";

@element("crowd-alert")
export class CrowdAlert extends CrowdElement {
  static override styles = [
    base,
    css`
      .alert { display: flex; gap: .75rem; align-items: flex-start; padding: .6rem .9rem; margin: .4rem 0; border: 1px solid; border-inline-start-width: .35rem; border-radius: .4rem; }
      .alert > div { flex: 1; min-width: 0; color: var(--labeling-text); }
      .info { border-color: var(--labeling-accent); }
      .success { border-color: var(--crowd-success); }
      .warning { border-color: var(--crowd-warning); }
      .error { border-color: var(--labeling-trouble); }
    `,
  ];

  @property() type = "info";
  @property({ type: Boolean }) dismissible = false;
  @state() private dismissed = false;

  #dismiss(): void {
    this.dismissed = true;
    this.dispatchEvent(new Event("dismiss", { bubbles: true, composed: true }));
  }

  override render() {
    if (this.dismissed) return nothing;
    const type = ["success", "error", "warning"].includes(this.type) ? this.type : "info";
    return html`<div class="alert ${type}" role=${type === "error" || type === "warning" ? "alert" : "status"}>
      <div><slot></slot></div>
      ${this.dismissible ? html`<button type="button" @click=${() => this.#dismiss()}>${word("dismiss")}</button>` : nothing}
    </div>`;
  }
}

/** A link or button that opens a dialog. */
abstract class Opener extends CrowdElement {
  static override styles = [base, paneStyle, css`:host { display: inline-block; }`];

  @property({ attribute: "link-text" }) linkText: string | undefined;
  @property({ attribute: "link-type" }) linkType = "link";

  override connectedCallback(): void {
    super.connectedCallback();
    // Open it if something inside is wrong.
    this.addEventListener("invalid", this.#show, { capture: true });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener("invalid", this.#show, { capture: true });
  }

  readonly #show = () => this.open();

  open(): void {
    showDialog(this);
  }

  close(): void {
    this.renderRoot.querySelector("dialog")?.close();
  }

  protected renderOpener(text: string) {
    return html`<button type="button" class=${this.linkType === "button" ? "" : "link"} aria-haspopup="dialog" @click=${() => this.open()}>${text}</button>`;
  }
}

@element("crowd-modal")
export class CrowdModal extends Opener {
  override render() {
    const text = this.linkText || word("click_to_open");
    return html`${this.renderOpener(text)}${dialog(text, html`<slot></slot>`)}`;
  }
}

@element("crowd-instructions")
export class CrowdInstructions extends Opener {
  static override regions = ["short-summary", "detailed-instructions", "positive-example", "negative-example"];
  static override styles = [
    ...Opener.styles,
    css`
      .tabs { display: flex; flex-wrap: wrap; gap: .3rem; margin: .4rem 0 .8rem; }
      [role=tab][aria-selected=true] { background: var(--crowd-chosen); border-color: var(--labeling-accent); }
      .good, .bad { padding-inline-start: .8rem; margin: .6rem 0; border-inline-start: .35rem solid var(--crowd-success); }
      .bad { border-color: var(--labeling-trouble); }
      slot { display: block; }
    `,
  ];

  @state() private shown = 0;

  override render() {
    const has = (name: string) => region(this, name) !== undefined;
    const examples = (name: string, title: string, look: string) =>
      has(name) ? html`<div class=${look}><b>${title}</b><slot name=${name}></slot></div>` : nothing;
    const parts = [
      has("short-summary") ? { title: word("summary"), content: html`<slot name="short-summary"></slot>` } : undefined,
      has("detailed-instructions")
        ? { title: word("detailed_instructions"), content: html`<slot name="detailed-instructions"></slot>` }
        : undefined,
      has("positive-example") || has("negative-example")
        ? {
            title: word("examples"),
            content: html`${examples("positive-example", word("good_example"), "good")}${examples("negative-example", word("bad_example"), "bad")}`,
          }
        : undefined,
    ].filter((part) => part !== undefined);
    const shown = Math.min(this.shown, Math.max(parts.length - 1, 0));
    const text = this.linkText || word("click_for_instructions");
    const content = html`
      ${
        parts.length > 1
          ? tabList(
              parts.map((part) => part.title),
              shown,
              (place) => {
                this.shown = place;
              },
            )
          : nothing
      }
      ${parts.map((part, place) => html`<div role=${parts.length > 1 ? "tabpanel" : nothing} aria-label=${part.title} ?hidden=${place !== shown}>${part.content}</div>`)}
    `;
    return html`${this.renderOpener(text)}${dialog(word("instructions"), content)}<slot></slot>`;
  }
}

@element("crowd-card")
export class CrowdCard extends CrowdElement {
  static override styles = [
    base,
    css`
      :host { border: 1px solid var(--labeling-line); border-radius: .5rem; background: var(--labeling-back); overflow: hidden; box-shadow: 0 1px 3px rgb(0 0 0 / .15); }
      img { display: block; width: 100%; }
      h2 { margin-bottom: 0; }
      .inside { padding: .7rem .9rem; }
    `,
  ];

  @property() heading = "";
  @property() image = "";

  override render() {
    return html`
      ${this.image ? html`<img src=${this.image} alt="">` : nothing}
      <div class="inside">
        ${this.heading ? html`<h2>${this.heading}</h2>` : nothing}
        <slot></slot>
      </div>
    `;
  }
}

@element("crowd-tabs")
export class CrowdTabs extends CrowdElement {
  static override styles = [
    base,
    css`
      .tabs { display: flex; flex-wrap: wrap; gap: .3rem; margin-bottom: .6rem; }
      [role=tab][aria-selected=true] { background: var(--crowd-chosen); border-color: var(--labeling-accent); }
    `,
  ];

  @state() private shown = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("invalid", this.#show, { capture: true });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.removeEventListener("invalid", this.#show, { capture: true });
  }

  readonly #show = (event: Event) => {
    const place = this.#tabs().findIndex((tab) => event.composedPath().includes(tab));
    if (place >= 0) this.shown = place;
    this.#apply();
  };

  /** Tabs written as self-closing tags are nested. */
  #tabs(): CrowdTab[] {
    return [...this.querySelectorAll("crowd-tab")].filter((tab): tab is CrowdTab => tab.closest("crowd-tabs") === this);
  }

  #apply(): void {
    for (const [place, tab] of this.#tabs().entries()) tab.hidden = place !== this.shown;
  }

  override render() {
    const titles = this.#tabs().map((tab, place) => tab.header || String(place + 1));
    return html`
      ${tabList(titles, this.shown, (place) => {
        this.shown = place;
      })}
      <slot @slotchange=${() => this.requestUpdate()}></slot>
    `;
  }

  protected override updated(): void {
    this.#apply();
  }
}

@element("crowd-tab")
export class CrowdTab extends CrowdElement {
  @property() header = "";

  override connectedCallback(): void {
    super.connectedCallback();
    if (!this.hasAttribute("role")) this.setAttribute("role", "tabpanel");
  }

  override render() {
    return html`<slot></slot>`;
  }

  protected override updated(): void {
    if (this.header) this.setAttribute("aria-label", this.header);
    this.closest<CrowdTabs>("crowd-tabs")?.requestUpdate?.();
  }
}

/** The row of tabs: one stop for Tab, arrow keys between them. */
function tabList(titles: string[], shown: number, show: (place: number) => void) {
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const place = (shown + step + titles.length) % titles.length;
    show(place);
    const tabs = (event.currentTarget as Element).querySelectorAll<HTMLElement>("[role=tab]");
    tabs[place]?.focus();
  };
  return html`<div class="tabs" role="tablist" @keydown=${move}>
    ${titles.map((title, place) => html`<button type="button" role="tab" aria-selected=${place === shown} tabindex=${place === shown ? 0 : -1} @click=${() => show(place)}>${title}</button>`)}
  </div>`;
}

let openToast: CrowdToast | undefined;

@element("crowd-toast")
export class CrowdToast extends CrowdElement {
  static override styles = [
    base,
    css`
      .toast {
        position: fixed; z-index: 1000; inset: auto 1rem 1rem 1rem; max-width: 30rem; margin: auto; padding: .7rem 1rem; border-radius: .5rem;
        background: var(--labeling-text); color: var(--labeling-back); box-shadow: 0 2px 10px rgb(0 0 0 / .4);
      }
    `,
  ];

  @property({ converter: number }) duration = 3000;
  @property() text = "";
  @property({ type: Boolean, reflect: true }) opened = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  show(): void {
    this.opened = true;
  }

  hide(): void {
    this.opened = false;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  protected override updated(changes: PropertyValues): void {
    if (!changes.has("opened")) return;
    clearTimeout(this.#timer);
    if (!this.opened) return;
    // One at a time.
    if (openToast && openToast !== this) openToast.opened = false;
    openToast = this;
    if (this.duration > 0) this.#timer = setTimeout(() => this.hide(), this.duration);
  }

  override render() {
    // With a text attribute, the content is what followed a self-closing tag.
    const message = this.text || html`<slot></slot>`;
    return html`
      <div role="status">${this.opened ? html`<div class="toast">${message}</div>` : nothing}</div>
      ${this.text ? html`<slot></slot>` : nothing}
    `;
  }
}

@element("crowd-badge")
export class CrowdBadge extends CrowdElement {
  static override styles = [
    base,
    css`
      :host { display: inline-block; }
      .badge {
        display: inline-grid; place-items: center; min-width: 1.4rem; height: 1.4rem; padding: 0 .3rem; border-radius: .7rem; background: var(--labeling-accent);
        color: var(--crowd-on-accent); font-size: .75rem; font-weight: 600;
      }
      .badge.at { position: absolute; z-index: 10; pointer-events: none; }
      svg { width: 1rem; height: 1rem; fill: currentColor; }
    `,
  ];

  @property({ attribute: "for" }) htmlFor = "";
  @property() icon = "";
  @property() label = "";
  @state() private place: { left: number; top: number } | undefined;
  readonly #resized = new ResizeObserver(() => this.#follow());

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized.observe(document.documentElement);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
  }

  /** Move to the upper right corner of the element that it belongs to. */
  #follow(): void {
    const target = this.htmlFor
      ? (this.getRootNode() as ParentNode & { getElementById?(id: string): Element | null }).getElementById?.(
          this.htmlFor,
        )
      : null;
    if (!target) return;
    const around = target.getBoundingClientRect();
    const place = { left: around.right + window.scrollX - 12, top: around.top + window.scrollY - 10 };
    if (place.left !== this.place?.left || place.top !== this.place.top) this.place = place;
  }

  protected override updated(): void {
    this.#follow();
  }

  override render() {
    const path = this.icon ? iconPath(this.icon) : undefined;
    const content = path
      ? html`<svg viewBox="0 0 24 24" role="img" aria-label=${this.label || this.icon}><path d=${path}></path></svg>`
      : [...this.label].slice(0, 3).join("");
    const at = this.place ? `left: ${this.place.left}px; top: ${this.place.top}px` : nothing;
    return html`<span class="badge ${this.place ? "at" : ""}" style=${at}>${content}</span><slot></slot>`;
  }
}
