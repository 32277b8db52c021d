/** Steps back and forth, each known by a number; the oldest are forgotten when they become too large. */
const MAX_BYTES = 64 << 20;
/** Overhead of a step, in bytes. */
const STEP_BYTES = 1024;

export class Journal<Step> {
  #steps: { id: number; step: Step; bytes: number }[] = [];
  #at = 0;
  #last = 0;
  /** The id of the state before the oldest known step. */
  #first = 0;

  /** The current step. */
  get id(): number {
    return this.#at === 0 ? this.#first : (this.#steps[this.#at - 1]?.id ?? this.#first);
  }

  note(step: Step, bytes: number): void {
    this.#steps.splice(this.#at, Number.POSITIVE_INFINITY, { id: ++this.#last, step, bytes: bytes + STEP_BYTES });
    let all = this.#steps.reduce((sum, kept) => sum + kept.bytes, 0);
    while (this.#steps.length > 1 && all > MAX_BYTES) {
      const oldest = this.#steps.shift();
      all -= oldest?.bytes ?? 0;
      this.#first = oldest?.id ?? this.#first;
    }
    this.#at = this.#steps.length;
  }

  /** Go to a step, or as near to it as steps are known. */
  go(id: number, back: (step: Step) => void, forth: (step: Step) => void): void {
    const place = this.#steps.findIndex((step) => step.id === id) + 1;
    while (this.#at > place) back((this.#steps[--this.#at] as { step: Step }).step);
    while (this.#at < place) forth((this.#steps[this.#at++] as { step: Step }).step);
  }

  /** Forget all steps; the present state gets a new number. */
  clear(): void {
    this.#steps = [];
    this.#at = 0;
    this.#first = ++this.#last;
  }
}
