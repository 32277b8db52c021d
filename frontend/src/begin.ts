/** Starts a page, once. */
import { defineRegions } from "./elements/regions";
import { defineUnsupported } from "./elements/unsupported";
import { start } from "./page";
import css from "./page.css";

const LOADED = "crowdElementsLoaded";

/** To be called when all elements are defined. */
export function begin(): void {
  // A template may name the script twice.
  if (LOADED in document.documentElement.dataset) return;
  document.documentElement.dataset[LOADED] = "";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets.push(sheet);
  defineUnsupported();
  defineRegions();
  start();
}
