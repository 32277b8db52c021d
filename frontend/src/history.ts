/** Steps back and forth: drafts of the page, the oldest forgotten when they become too many. */
import type { Draft } from "./form";

const MAX_STEPS = 500;
const MAX_CHARACTERS = 20_000_000;

export class History {
  #steps: string[] = [];
  #at = 0;

  /** Begin with the state of the page at the start. */
  begin(draft: Draft): void {
    this.#steps = [JSON.stringify(draft)];
    this.#at = 0;
  }

  /** Note a change. @returns whether it was one */
  note(draft: Draft): boolean {
    const step = JSON.stringify(draft);
    if (step === this.#steps[this.#at]) return false;
    this.#steps.splice(this.#at + 1, Number.POSITIVE_INFINITY, step);
    let characters = this.#steps.reduce((sum, kept) => sum + kept.length, 0);
    while (this.#steps.length > 2 && (this.#steps.length > MAX_STEPS || characters > MAX_CHARACTERS)) {
      characters -= this.#steps.shift()?.length ?? 0;
    }
    this.#at = this.#steps.length - 1;
    return true;
  }

  /** Go one step back (-1) or forth (1), and return its draft; undefined at either end. */
  go(step: -1 | 1): Draft | undefined {
    const kept = this.#steps[this.#at + step];
    if (kept === undefined) return undefined;
    this.#at += step;
    return JSON.parse(kept) as Draft;
  }

  /** Note where the page has arrived, which may differ from the target: an element may have forgotten its oldest steps. */
  arrive(draft: Draft): void {
    this.#steps[this.#at] = JSON.stringify(draft);
  }
}
