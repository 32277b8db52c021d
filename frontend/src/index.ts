/** The script that stands in for Amazon's: all elements, and what joins the page to the portal. */
import css from "./page.css";
import "./elements/button";
import "./elements/classifier";
import "./elements/drawing";
import "./elements/entity-annotation";
import "./elements/form";
import "./elements/furniture";
import "./elements/input";
import "./elements/options";
import "./elements/question-answer-generation";
import "./elements/segmentation";
import "./elements/slider";
import "./elements/text-ranking";
import { defineRegions } from "./elements/regions";
import { defineUnsupported } from "./elements/unsupported";
import { start } from "./page";

const LOADED = "crowdElementsLoaded";

// A template may name the script twice.
if (!(LOADED in document.documentElement.dataset)) {
  document.documentElement.dataset[LOADED] = "";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets.push(sheet);
  defineUnsupported();
  defineRegions();
  start();
}
