/** Elements that contribute to the answer. */
import type { PropertyValues } from "lit";
import { property } from "lit/decorators.js";
import { CrowdElement } from "./element";

export type Answer = Record<string, unknown>;
export type State = unknown;

export abstract class Control extends CrowdElement {
  static formAssociated = true;

  @property({ reflect: true }) name = "";
  protected readonly internals = this.attachInternals();

  /** Put the person's input into the answer. */
  abstract collect(answer: Answer): void;
  /** All that is needed to restore the element; `undefined` if nobody has changed anything. */
  abstract get state(): State | undefined;
  abstract set state(state: State | undefined);
  /** What a step back or forth on this page leads to: the state, or the mark of a step that the element knows itself. */
  get mark(): State | undefined {
    return this.state;
  }
  set mark(mark: State | undefined) {
    this.state = mark;
  }
  /** What is wrong with the value, in a sentence; empty if nothing is. */
  protected abstract problem(): string;

  /** A further form inside the element, to which a template's script can add controls. */
  get innerForm(): ParentNode | undefined {
    return undefined;
  }

  /** Take the answer to the previous task, for elements that can start from it. */
  remember(_before: unknown): void {}

  get form(): HTMLFormElement | null {
    return this.internals.form;
  }

  get validationMessage(): string {
    this.#check();
    return this.internals.validationMessage;
  }

  get validity(): ValidityState {
    this.#check();
    return this.internals.validity;
  }

  get willValidate(): boolean {
    return this.internals.willValidate;
  }

  checkValidity(): boolean {
    this.#check();
    return this.internals.checkValidity();
  }

  reportValidity(): boolean {
    return this.checkValidity();
  }

  formResetCallback(): void {
    this.state = undefined;
    this.changed(false);
  }

  formDisabledCallback(): void {
    this.requestUpdate();
  }

  protected override updated(_changes?: PropertyValues): void {
    this.#check();
  }

  /** The value has changed. */
  protected changed(tell = true): void {
    this.requestUpdate();
    this.#check();
    if (tell) this.dispatchEvent(new Event("change", { bubbles: true, composed: true }));
  }

  #check(): void {
    const message = this.matches(":disabled") ? "" : this.problem();
    this.internals.setValidity(message ? { customError: true } : {}, message);
  }
}

/** Put one option's state under a name: options of one name share an object. */
export function collectOption(answer: Answer, name: string, value: string, chosen: boolean): void {
  if (!name) return;
  const before = answer[name];
  const options = typeof before === "object" && before !== null && !Array.isArray(before) ? before : {};
  answer[name] = { ...options, [value]: chosen };
}
