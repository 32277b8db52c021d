/** What all elements share: the style, the language, and the problems that a template's author has to hear of. */
import { type CSSResultGroup, css, html, LitElement, nothing, type TemplateResult } from "lit";
import { Unreadable } from "./attributes";
import type { Command } from "./keys";
import { keys } from "./keys";
import { onLanguage, word } from "./words";

export const base = css`
  :host { display: block; color: var(--labeling-text); font-family: var(--crowd-font); overflow-wrap: anywhere; }
  :host([hidden]) { display: none !important; }
  * { box-sizing: border-box; }
  :focus-visible { outline: 2px solid var(--labeling-accent); outline-offset: 2px; }
  button, input, select, textarea { font: inherit; color: inherit; max-width: 100%; }
  button {
    min-height: 2.1rem; padding: .25rem .8rem; border: 1px solid var(--crowd-control-line); border-radius: .35rem;
    background: var(--labeling-back); cursor: pointer;
  }
  button.primary { background: var(--labeling-accent); border-color: var(--labeling-accent); color: var(--crowd-on-accent); font-weight: 600; }
  button.link {
    min-height: 0; padding: .2rem 0; border: 0; background: none; color: var(--labeling-accent); text-decoration: underline;
    text-align: start;
  }
  button:disabled { cursor: default; opacity: .55; }
  input:not([type=radio], [type=checkbox], [type=range]), select, textarea {
    padding: .3rem .5rem; border: 1px solid var(--crowd-control-line); border-radius: .35rem; background: var(--labeling-back);
  }
  input[type=radio], input[type=checkbox] { width: 1.1rem; height: 1.1rem; margin: 0; flex: none; accent-color: var(--labeling-accent); }
  input[type=range] { accent-color: var(--labeling-accent); }
  kbd {
    flex: none; min-width: 1.5em; padding: 0 .35em; border: 1px solid var(--labeling-line); border-radius: .3em;
    background: var(--labeling-soft); color: var(--labeling-quiet); font: .8em/1.6 ui-monospace, monospace; text-align: center;
  }
  h1, h2 { font-size: 1.1rem; line-height: 1.35; margin: 0 0 .6rem; }
  .problem { color: var(--labeling-trouble); margin: .3rem 0; }
  .quiet { color: var(--labeling-quiet); }
  .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
  ::slotted(:where(short-instructions, full-instructions, classification-target, worker-comment)) { display: block; }
`;

export abstract class CrowdElement extends LitElement {
  static override styles: CSSResultGroup = base;
  /** Names of child elements that have their own place. */
  static regions: readonly string[] = [];

  #leave: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    const leaveLanguage = onLanguage(() => this.requestUpdate());
    const leaveKeys = keys.join(this);
    this.#leave = () => {
      leaveLanguage();
      leaveKeys();
    };
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#leave?.();
  }

  /** What keys can do here. */
  commands(): Command[] {
    return [];
  }

  /** Sentences on attributes that can't be read or are missing; shown, so that they are noticed in the preview. */
  protected faults(read: Record<string, unknown>, required: Record<string, unknown> = {}): TemplateResult[] {
    const element = this.localName;
    const sentences = [
      ...Object.entries(read).flatMap(([attribute, value]) =>
        value instanceof Unreadable ? [word("unreadable", { attribute, element, reason: value.reason })] : [],
      ),
      ...Object.entries(required).flatMap(([attribute, value]) =>
        value === undefined || value === "" ? [word("missing", { attribute, element })] : [],
      ),
    ];
    return sentences.map((sentence) => html`<p class="problem">${sentence}</p>`);
  }
}

/** Registers an element, unless the page has it: a template may name the script twice. */
export function element(name: string): (made: CustomElementConstructor) => void {
  return (made) => {
    if (!customElements.get(name)) customElements.define(name, made);
  };
}

/** A key, shown beside what it does. */
export function keyCap(key: string | undefined): TemplateResult | typeof nothing {
  return key ? html`<kbd aria-hidden="true">${key}</kbd>` : nothing;
}

const MANY = 15;

/** A field to find labels; nothing if there are few. */
export function findField(count: number, find: (text: string) => void): TemplateResult | typeof nothing {
  if (count <= MANY) return nothing;
  return html`<input class="find" type="search" aria-label=${word("find_label")} placeholder=${word("find_label")}
    @input=${(event: Event) => find((event.target as HTMLInputElement).value)}>`;
}
