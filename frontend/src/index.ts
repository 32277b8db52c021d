/** The script that stands in for Amazon's: all elements, and what joins the page to the portal. */
import "./elements/button";
import "./elements/classifier";
import "./elements/drawing";
import "./elements/entity-annotation";
import "./elements/crowd-form";
import "./elements/furniture";
import "./elements/input";
import "./elements/options";
import "./elements/question-answer-generation";
import "./elements/segmentation";
import "./elements/slider";
import "./elements/text-ranking";
import { begin } from "./begin";

begin();
