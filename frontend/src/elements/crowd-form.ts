/** `crowd-form`: holds the controls and sends their answer. */
import { css, html, nothing } from "lit";
import { state } from "lit/decorators.js";
import type { Answer } from "../control";
import { Control } from "../control";
import { base, CrowdElement, element } from "../element";
import { collect, controls, firstProblem } from "../form";
import { hasInstructions, instructionsDialog, instructionsPane, paneStyle } from "../instructions";
import { word } from "../words";

/** What the page does with a form's answer; a refusal lets the person go on. */
export interface Receiver {
  submitted(form: CrowdForm, answer: Answer): void;
  invalid(message: string): void;
}

const receivers = new Set<Receiver>();
export function receive(receiver: Receiver): void {
  receivers.add(receiver);
}

let count = 0;

@element("crowd-form")
export class CrowdForm extends CrowdElement {
  static override regions = ["short-instructions", "full-instructions"];
  static override styles = [
    base,
    paneStyle,
    css`
      footer { position: sticky; bottom: 0; z-index: 5; margin-top: .6rem; padding: .6rem 0; background: var(--labeling-back); box-shadow: 0 0 0 .3rem var(--labeling-back); }
      footer:not(:has(*)) { display: none; }
      .problem { margin: 0 0 .5rem; }
      /* A portal with its own button hides this one. */
      .own { display: var(--crowd-own-submit, inline-flex); }
    `,
  ];

  /** The annotator that this form belongs to, when it is the form inside one. */
  owner: Control | undefined;
  @state() private problem = "";
  @state() private sent = false;
  @state() private ownButton = true;
  #form: HTMLFormElement | undefined;
  readonly #watch = new MutationObserver(() => this.#adopt());

  override connectedCallback(): void {
    super.connectedCallback();
    this.#watch.observe(this, { childList: true, subtree: true });
    // A submission inside a shadow root is seen from here only.
    this.addEventListener("submit", catchNative, { capture: true });
    if (document.readyState === "loading")
      document.addEventListener("DOMContentLoaded", () => this.#adopt(), { once: true });
    this.#adopt();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#watch.disconnect();
  }

  /** The native form; controls of the page belong to it wherever they are inside the element. */
  get form(): HTMLFormElement {
    if (!this.#form) {
      this.#form = document.createElement("form");
      this.#form.id = `crowd-form-${++count}`;
      this.#form.noValidate = true;
      this.append(this.#form);
      this.#adopt();
    }
    return this.#form;
  }

  /** Whether another form sends what is in this one. */
  get isPart(): boolean {
    return this.owner?.closest("crowd-form") != null;
  }

  get controls(): ReturnType<typeof controls> {
    return this.owner ? [this.owner, ...controls(this)] : controls(this);
  }

  get answer(): Answer {
    return collect(this.controls);
  }

  /** Submit as a person does: checks, asks the template's scripts, sends. */
  requestSubmit(submitter: HTMLElement | null = null): void {
    if (this.sent || !this.#isValid()) return;
    const native = submitter instanceof HTMLButtonElement ? submitter : null;
    const event = new SubmitEvent("submit", { bubbles: true, cancelable: true, composed: true, submitter: native });
    if (this.form.dispatchEvent(event)) this.#send();
  }

  /** Submit as a script does: checks and sends. */
  submit(): void {
    if (!this.sent && this.#isValid()) this.#send();
  }

  reset(): void {
    for (const form of new Set([this.form, ...this.controls.map((control) => control.form)])) form?.reset();
    this.owner?.formResetCallback();
    this.problem = "";
    this.dispatchEvent(new Event("change", { bubbles: true, composed: true }));
  }

  /** The answer was not accepted; the person can go on and try again. */
  reopen(message = ""): void {
    this.sent = false;
    this.problem = message;
  }

  /** Check again: what was wrong may be corrected. */
  recheck(): void {
    if (this.problem) this.problem = firstProblem(this.controls)?.message ?? "";
  }

  #isValid(): boolean {
    const first = firstProblem(this.controls);
    this.problem = first?.message ?? "";
    if (!first) return true;
    first.control.scrollIntoView({ block: "center" });
    first.control.focus();
    if (!(first.control instanceof Control)) first.control.reportValidity();
    for (const receiver of receivers) receiver.invalid(first.message);
    return false;
  }

  #send(): void {
    this.sent = true;
    for (const receiver of receivers) receiver.submitted(this, this.answer);
  }

  /** Controls of the template get the form, also those that come later. */
  #adopt(): void {
    this.ownButton = this.querySelector('crowd-button[form-action="submit"]') === null && !this.isPart;
    if (document.readyState === "loading" && !this.#form) return;
    const { id } = this.form;
    for (const control of controls(this)) {
      if (!control.form && !control.hasAttribute("form")) control.setAttribute("form", id);
    }
    for (const button of this.querySelectorAll("button")) {
      if (!button.form && !button.hasAttribute("form")) button.setAttribute("form", id);
    }
  }

  override render() {
    const instructed = hasInstructions(this);
    return html`
      <div class=${instructed ? "layout" : nothing}>
        ${instructed ? instructionsPane(this) : nothing}
        <div class="main"><slot></slot></div>
      </div>
      <footer>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        ${
          this.ownButton && !this.isPart
            ? html`<button class="primary own" ?disabled=${this.sent} @click=${() => this.requestSubmit()}>${word("submit")}</button>`
            : nothing
        }
      </footer>
      ${instructionsDialog(this)}
    `;
  }
}

/** A native form never leaves the page: what it would have sent goes through the element around it. */
export function catchNativeForms(): void {
  window.addEventListener("submit", catchNative, { capture: true });
}

function catchNative(event: SubmitEvent): void {
  if (!event.isTrusted) return;
  event.preventDefault();
  const [target] = event.composedPath();
  const form = target instanceof Element ? target.closest("crowd-form") : null;
  if (!(form instanceof CrowdForm)) return;
  event.stopImmediatePropagation();
  form.requestSubmit(event.submitter);
}
