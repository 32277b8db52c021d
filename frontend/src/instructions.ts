/** The instructions of a task: the short ones beside the work, the full ones in a dialog. */
import { css, html, nothing, type TemplateResult } from "lit";
import type { CrowdElement } from "./element";
import { word } from "./words";

export const paneStyle = css`
  .layout { display: flex; gap: 1.25rem; align-items: flex-start; }
  .layout > .main { flex: 1 1 0; min-width: 0; }
  nav { flex: none; width: 16rem; max-width: 100%; padding: .75rem; border-radius: .5rem; background: var(--labeling-soft); }
  nav summary { font-weight: 600; cursor: pointer; }
  nav slot { display: block; margin-top: .4rem; }
  dialog {
    width: min(46rem, 100%); max-height: 90vh; padding: 1rem 1.25rem; overflow: auto; border: 1px solid var(--labeling-line); border-radius: .6rem;
    background: var(--labeling-back); color: var(--labeling-text);
  }
  dialog::backdrop { background: rgb(0 0 0 / .45); }
  dialog .head { display: flex; justify-content: space-between; gap: 1rem; align-items: flex-start; }
  @media (max-width: 45rem) {
    .layout { flex-direction: column; align-items: stretch; gap: .75rem; }
    .layout > .main { flex: none; }
    nav { width: auto !important; padding: .5rem .75rem; }
  }
`;

const narrow = window.matchMedia("(max-width: 45rem)");

export function region(host: Element, name: string): Element | undefined {
  return [...host.children].find((child) => child.localName === name);
}

export function hasInstructions(host: Element): boolean {
  return region(host, "short-instructions") !== undefined || region(host, "full-instructions") !== undefined;
}

/** The panel with the short instructions, and the link to the full ones. */
export function instructionsPane(host: CrowdElement): TemplateResult {
  const short = region(host, "short-instructions");
  const more = region(host, "full-instructions")
    ? html`<button type="button" class="link" aria-haspopup="dialog" @click=${() => showDialog(host)}>${word(short ? "more_instructions" : "instructions")}</button>`
    : nothing;
  return html`
    <nav class="awsui-app-layout__navigation" aria-label=${word("instructions")}>
      ${short ? html`<details ?open=${!narrow.matches}><summary>${word("instructions")}</summary><slot name="short-instructions"></slot></details>` : nothing}
      ${more}
    </nav>
  `;
}

/** The dialog with the full instructions. */
export function instructionsDialog(host: CrowdElement): TemplateResult | typeof nothing {
  const full = region(host, "full-instructions");
  if (!full) return nothing;
  const title = full.getAttribute("header") || word("instructions");
  return dialog(title, html`<slot name="full-instructions"></slot>`);
}

/** A dialog of an element's shadow root; `showDialog` opens it. */
export function dialog(title: string, content: TemplateResult): TemplateResult {
  return html`
    <dialog class="awsui-modal-dialog" aria-label=${title} @click=${closeOnBackdrop}>
      <div class="head">
        <h2>${title}</h2>
        <button type="button" @click=${(event: Event) => (event.currentTarget as Element).closest("dialog")?.close()}>${word("close")}</button>
      </div>
      ${content}
    </dialog>
  `;
}

export function showDialog(host: CrowdElement): void {
  const opened = host.renderRoot.querySelector("dialog");
  if (opened && !opened.open) opened.showModal();
}

function closeOnBackdrop(event: MouseEvent): void {
  if (event.target === event.currentTarget) (event.currentTarget as HTMLDialogElement).close();
}
