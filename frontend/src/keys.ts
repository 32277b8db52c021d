/** Keys: each element says what keys can do in it; the person may assign another key to a command. */

/** @property run does it; false if there was nothing to do, so that the key is passed on. */
export interface Command {
  id: string;
  label: string;
  run(): unknown;
  /** Its default key; without one, the next free one of 1–9, a–z. */
  key?: string;
  /** Whether it works while the person writes. */
  writing?: boolean;
}

/** @property element its tag name, empty for the page's own commands */
export interface KeyEntry {
  command: string;
  label: string;
  key: string;
}

interface Commanding extends Element {
  commands(): Command[];
  requestUpdate?(): void;
}

const FREE = [..."123456789abcdefghijklmnopqrstuvwxyz"];

class Keys {
  #elements = new Set<Commanding>();
  #custom: Record<string, string> = {};
  #assigned = new WeakMap<Commanding, { ids: string; keys: Map<string, string> }>();
  #last: Commanding | undefined;
  /** Commands of the page itself. */
  page: Command[] = [];

  join(element: Commanding): () => void {
    this.#elements.add(element);
    return () => this.#elements.delete(element);
  }

  /** The keys that the person has chosen, by command. */
  set custom(chosen: Record<string, string>) {
    this.#custom = { ...chosen };
    this.#assigned = new WeakMap();
    for (const element of this.#elements) element.requestUpdate?.();
  }

  /** The keys of an element's commands. */
  of(element: Commanding): ReadonlyMap<string, string> {
    return this.#keysOf(element);
  }

  /** All commands that have a key now. */
  list(): KeyEntry[] {
    const entries = new Map<string, KeyEntry>();
    for (const element of this.#inOrder()) {
      const assigned = this.#keysOf(element);
      for (const { id, label } of element.commands()) {
        const key = assigned.get(id);
        if (key && !entries.has(id)) entries.set(id, { command: id, label, key });
      }
    }
    const own = this.page.map(({ id, label, key }) => ({ command: id, label, key: this.#custom[id] ?? key ?? "" }));
    return [...entries.values(), ...own];
  }

  /** Handle a pressed key; returns whether any command used it. */
  press(event: KeyboardEvent, writing: boolean): boolean {
    const key = keyOf(event);
    const path = event.composedPath();
    const elements = this.#inOrder();
    const near = elements.find((element) => path.includes(element));
    if (near) this.#last = near;
    const first = [near, this.#last, ...elements].filter((candidate) => candidate !== undefined);
    for (const element of new Set(first)) {
      if (!element.isConnected) continue;
      const assigned = this.#keysOf(element);
      for (const command of element.commands()) {
        if (assigned.get(command.id) !== key || (writing && !command.writing)) continue;
        if (command.run() === false) continue;
        this.#last = element;
        return true;
      }
    }
    for (const command of this.page) {
      const wanted = this.#custom[command.id] ?? command.key;
      if (wanted === key && (!writing || command.writing) && command.run() !== false) return true;
    }
    return false;
  }

  /** Where the person works. */
  touched(path: EventTarget[]): void {
    this.#last = this.#inOrder().find((element) => path.includes(element)) ?? this.#last;
  }

  #inOrder(): Commanding[] {
    return [...this.#elements].filter((element) => element.commands().length > 0).sort(byPlace);
  }

  #keysOf(element: Commanding): Map<string, string> {
    const commands = element.commands();
    const ids = JSON.stringify(commands.map(({ id, key }) => [id, key]));
    const known = this.#assigned.get(element);
    if (known?.ids === ids) return known.keys;
    const assigned = new Map<string, string>();
    for (const { id } of commands) {
      const chosen = this.#custom[id];
      if (chosen && ![...assigned.values()].includes(chosen)) assigned.set(id, chosen);
    }
    const taken = new Set([
      ...assigned.values(),
      ...commands.flatMap(({ id, key }) => (key && !assigned.has(id) ? [key] : [])),
    ]);
    const free = FREE.filter((key) => !taken.has(key));
    for (const { id, key } of commands) {
      if (assigned.has(id)) continue;
      const given = key ?? free.shift();
      if (given && ![...assigned.values()].includes(given)) assigned.set(id, given);
    }
    this.#assigned.set(element, { ids, keys: assigned });
    return assigned;
  }
}

export const keys = new Keys();

/** A pressed key in one notation: `Ctrl+Shift+z`; Command counts as Ctrl. */
export function keyOf(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shifted = event.shiftKey && (event.key.length > 1 || /\p{L}/u.test(event.key));
  return [
    event.ctrlKey || event.metaKey ? "Ctrl+" : "",
    event.altKey ? "Alt+" : "",
    shifted ? "Shift+" : "",
    key === " " ? "Space" : key,
  ].join("");
}

/** Whether a key goes into a text field, where letters are letters. */
export function isWriting(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true;
  return (
    target instanceof HTMLInputElement && !/^(radio|checkbox|button|submit|reset|range|image|color)$/.test(target.type)
  );
}

function byPlace(first: Element, second: Element): number {
  return first.compareDocumentPosition(second) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1;
}
