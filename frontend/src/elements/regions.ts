/** Parts of other elements: each finds its place in the element around it. Registered after those elements. */
import { CrowdElement } from "../element";

const NAMES = [
  "classification-target",
  "detailed-instructions",
  "full-instructions",
  "negative-example",
  "positive-example",
  "short-instructions",
  "short-summary",
  "worker-comment",
];

class Region extends HTMLElement {
  connectedCallback(): void {
    const around = this.parentElement;
    const regions = around instanceof CrowdElement ? (around.constructor as typeof CrowdElement).regions : [];
    if (regions.includes(this.localName)) {
      this.slot = this.localName;
      (around as CrowdElement).requestUpdate();
    } else {
      this.removeAttribute("slot");
    }
  }
}

export function defineRegions(): void {
  for (const name of NAMES) if (!customElements.get(name)) customElements.define(name, class extends Region {});
}
