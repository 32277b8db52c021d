/** Everything in a page that a person fills in: its answer, its problems, its drafts. */
import { type Answer, Control, collectOption, type State } from "./control";
import { word } from "./words";

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
/** What is kept of a control: all that brings it back, or a mark of its steps on this page. */
export type Detail = "state" | "mark";
/** @property fields each control's state, by its place: tag, name and number among its like */
export interface Draft {
  fields: Record<string, State>;
}

/** The mark of the elements' own controls, which are not part of the answer. */
export const OWN = "data-crowd-own";
const NO_VALUE = /^(button|submit|reset|image|password)$/;
const hiddenAtFirst = new WeakMap<HTMLInputElement, string>();

/** All controls below a node, in the order of the page. */
export function controls(root: ParentNode): (Control | Field)[] {
  const listed: (Control | Field)[] = [];
  for (const element of root.querySelectorAll("*")) {
    if (element instanceof Control) {
      listed.push(element);
      if (element.innerForm) listed.push(...controls(element.innerForm));
    } else if (isField(element) && !element.closest(`[${OWN}]`)) {
      listed.push(element);
    }
  }
  return listed;
}

export function collect(inputs: (Control | Field)[]): Answer {
  const answer: Answer = {};
  for (const control of inputs) {
    if (control.matches(":disabled")) continue;
    if (control instanceof Control) control.collect(answer);
    else collectField(control, answer);
  }
  return answer;
}

/** The first control with something wrong, and what: in its own words where it has some. */
export function firstProblem(inputs: (Control | Field)[]): { control: Control | Field; message: string } | undefined {
  for (const control of inputs) {
    if (control instanceof HTMLInputElement && control.type === "file") {
      control.setCustomValidity(control.files?.length ? word("no_files") : "");
    }
    if (control.checkValidity()) continue;
    const message = control.validationMessage || word("not_a_value");
    const name = labelOf(control);
    return { control, message: name ? word("problem_at", { name, message }) : message };
  }
  return undefined;
}

/** Note hidden values, which scripts may change, so that a draft can tell changes apart. */
export function rememberHidden(inputs: (Control | Field)[]): void {
  for (const control of inputs) {
    if (control instanceof HTMLInputElement && control.type === "hidden" && !hiddenAtFirst.has(control)) {
      hiddenAtFirst.set(control, control.value);
    }
  }
}

/** What differs from the page as the template made it. */
export function capture(root: ParentNode, detail: Detail = "state"): Draft {
  const fields: Draft["fields"] = {};
  for (const [place, control] of places(root)) {
    const state = control instanceof Control ? control[detail] : fieldState(control);
    if (state !== undefined) fields[place] = state;
  }
  return { fields };
}

/** Bring all controls back to a draft; those that it doesn't name return to the template's values. */
export function restore(root: ParentNode, draft: Draft, detail: Detail = "state"): void {
  for (const [place, control] of places(root)) {
    const state = draft.fields[place];
    const before = control instanceof Control ? control[detail] : fieldState(control);
    if (JSON.stringify(before) === JSON.stringify(state)) continue;
    if (control instanceof Control) control[detail] = state;
    else setFieldState(control, state);
    control.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    control.dispatchEvent(new Event("change", { bubbles: true, composed: true }));
  }
}

function places(root: ParentNode): Map<string, Control | Field> {
  const counts = new Map<string, number>();
  const at = new Map<string, Control | Field>();
  for (const control of controls(root)) {
    if (!(control instanceof Control) && NO_VALUE.test(control.type)) continue;
    const like = `${control.localName}:${control.getAttribute("name") ?? control.id}`;
    const number = (counts.get(like) ?? 0) + 1;
    counts.set(like, number);
    at.set(`${like}:${number}`, control);
  }
  return at;
}

function isField(element: Element): element is Field {
  return (
    element instanceof HTMLInputElement ||
    element instanceof HTMLSelectElement ||
    element instanceof HTMLTextAreaElement
  );
}

function collectField(field: Field, answer: Answer): void {
  const { name } = field;
  if (!name) return;
  if (field instanceof HTMLInputElement) {
    if (field.type === "checkbox" || field.type === "radio") {
      collectOption(answer, name, field.value, field.checked);
      return;
    }
    if (NO_VALUE.test(field.type) && field.type !== "password") return;
    if (field.type === "file") return;
  }
  if (field instanceof HTMLSelectElement && field.multiple) {
    for (const option of field.options) {
      if (!option.disabled) collectOption(answer, name, option.value, option.selected);
    }
    return;
  }
  if (field.value !== "") answer[name] = field.value;
}

function fieldState(field: Field): State | undefined {
  if (field instanceof HTMLSelectElement) {
    const chosen = [...field.options].flatMap((option, place) => (option.selected ? [place] : []));
    return JSON.stringify(chosen) === JSON.stringify(selectedAtFirst(field)) ? undefined : chosen;
  }
  if (field instanceof HTMLInputElement) {
    if (field.type === "checkbox" || field.type === "radio") {
      return field.checked === field.defaultChecked ? undefined : field.checked;
    }
    if (field.type === "file") return undefined;
    if (field.type === "hidden")
      return field.value === (hiddenAtFirst.get(field) ?? field.value) ? undefined : field.value;
  }
  return field.value === field.defaultValue ? undefined : field.value;
}

function setFieldState(field: Field, state: State | undefined): void {
  if (field instanceof HTMLSelectElement) {
    const chosen = Array.isArray(state) ? state : selectedAtFirst(field);
    for (const [place, option] of [...field.options].entries()) option.selected = chosen.includes(place);
    if (chosen.length === 0 && !field.multiple) field.selectedIndex = -1;
  } else if (field instanceof HTMLInputElement && (field.type === "checkbox" || field.type === "radio")) {
    field.checked = typeof state === "boolean" ? state : field.defaultChecked;
  } else if (field instanceof HTMLInputElement && field.type === "hidden") {
    field.value = typeof state === "string" ? state : (hiddenAtFirst.get(field) ?? field.value);
  } else if (field.type !== "file") {
    field.value = typeof state === "string" ? state : field.defaultValue;
  }
}

function selectedAtFirst(field: HTMLSelectElement): number[] {
  const chosen = [...field.options].flatMap((option, place) => (option.defaultSelected ? [place] : []));
  if (field.multiple) return chosen;
  const first = chosen.at(-1) ?? [...field.options].findIndex((option) => !option.disabled);
  return first < 0 || field.size > 1 ? chosen.slice(-1) : [first];
}

function labelOf(control: Control | Field): string {
  const own = control instanceof Control ? control.getAttribute("label") : control.labels?.[0]?.textContent;
  return (own ?? control.getAttribute("aria-label") ?? "")
    .trim()
    .replace(/\s*[:*]+$/, "")
    .slice(0, 80);
}
