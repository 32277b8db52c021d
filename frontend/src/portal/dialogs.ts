/** The dialogs of the task page. */

import type { FrameKey } from "./frame";
import { nameOf } from "./shortcuts";

type Words = Record<string, string>;

function made<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  text = "",
  attributes: Record<string, string> = {},
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function opened(dialog: HTMLDialogElement, title: string, ...content: HTMLElement[]): void {
  const heading = made("h2", title, { id: "dialog-title" });
  dialog.setAttribute("aria-labelledby", "dialog-title");
  dialog.replaceChildren(heading, ...content);
  dialog.showModal();
}

/** Ask for a text, or for a yes; null if the person cancels. */
export function askFor(
  dialog: HTMLDialogElement,
  words: Words,
  texts: { title: string; text: string; field?: string; yes: string; required?: boolean },
): Promise<string | null> {
  const form = made("form", "", { method: "dialog", class: "stack" });
  const field = made("textarea", "", { rows: "4", maxlength: "2000" });
  field.required = texts.required ?? false;
  form.append(made("p", texts.text));
  if (texts.field) {
    const label = made("label", `${texts.field} `);
    label.append(field);
    form.append(label);
  }
  const buttons = made("div", "", { class: "buttons" });
  const no = made("button", words.cancel, { type: "button" });
  const yes = made("button", texts.yes, { class: "primary", value: "yes" });
  buttons.append(no, yes);
  form.append(buttons);
  return new Promise((resolve) => {
    dialog.returnValue = "";
    no.addEventListener("click", () => dialog.close(""));
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes" ? field.value : null), { once: true });
    opened(dialog, texts.title, form);
    (texts.field ? field : yes).focus();
  });
}

/** Show all keys and let the person change them; `change` keeps a key, or resets all without one. */
export function showKeys(
  dialog: HTMLDialogElement,
  words: Words,
  page: FrameKey[],
  task: FrameKey[],
  change: (command?: string, key?: string) => void,
): void {
  const note = made("p", "", { role: "status", class: "quiet" });
  const entries = [...page, ...task];
  const row = (entry: FrameKey, table: HTMLTableElement) => {
    const line = table.insertRow();
    line.append(made("th", entry.label, { scope: "row" }));
    const shown = made("kbd", entry.key);
    line.insertCell().append(shown);
    const button = made("button", words.change_key, {
      type: "button",
      "aria-label": `${words.change_key}: ${entry.label}`,
    });
    line.insertCell().append(button);
    button.addEventListener("click", () => {
      note.textContent = words.press_new_key ?? "";
      onNextKey(dialog, (name) => {
        const isTaken = entries.some((other) => other !== entry && other.key === name);
        note.textContent = isTaken && name ? (words.key_taken ?? "") : "";
        if (isTaken || !name) return;
        entry.key = name;
        shown.textContent = name;
        change(entry.command, name);
      });
    });
  };
  const tables = [keyTable(words.keys_of_labels, task, row), keyTable(words.keys_of_page, page, row)].filter(
    (table) => table !== undefined,
  );
  const buttons = made("div", "", { class: "buttons" });
  const reset = made("button", words.reset_keys, { type: "button" });
  reset.addEventListener("click", () => {
    change();
    dialog.close();
  });
  const close = made("button", words.close, { type: "button", class: "primary" });
  close.addEventListener("click", () => dialog.close());
  buttons.append(reset, close);
  opened(dialog, words.shortcuts ?? "", note, ...tables, buttons);
  close.focus();
}

function keyTable(
  title: string | undefined,
  entries: FrameKey[],
  row: (entry: FrameKey, table: HTMLTableElement) => void,
): HTMLTableElement | undefined {
  if (!entries.length) return undefined;
  const table = made("table");
  table.append(made("caption", title));
  for (const entry of entries) row(entry, table);
  return table;
}

/** Hear the next key that is not a modifier alone; Escape and Tab cancel, with undefined. */
function onNextKey(dialog: HTMLDialogElement, hear: (name: string | undefined) => void): void {
  const listen = (event: KeyboardEvent): void => {
    const name = nameOf(event);
    if (!name) return;
    event.preventDefault();
    event.stopPropagation();
    dialog.removeEventListener("keydown", listen, true);
    hear(name === "Escape" || name === "Tab" ? undefined : name);
  };
  dialog.addEventListener("keydown", listen, true);
}
